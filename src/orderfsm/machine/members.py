"""What a bound class is given: methods and attributes that ask the object's Machine."""

from __future__ import annotations

import re
from functools import partial
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from orderfsm.errors import ChartError, DirectAssignment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import NoReturn

    from orderfsm.cell import Configuration
    from orderfsm.chart import Chart

    from .callbacks import Callback, Key, Occasion
    from .machine import Machine

__all__ = ["OWNER", "STORED", "attribute", "fit", "own_callbacks", "put"]

STORED = "_configuration"
"""Where an object keeps its configuration; a bound class keeps the first one there."""
OWNER = "_orderfsm"
"""Where a class, seldom an object, keeps its Machine."""


def attribute(name: str) -> str:
    """The name of an event or state as part of a Python name: `on-hold` is `on_hold`."""
    return re.sub(r"\W", "_", name)


def fit(cls: type, chart: Chart, events: Iterable[str], model_attribute: str) -> None:
    """Give a class our members. Raises ChartError when it has one of these names already, or takes no members."""
    members: dict[str, object] = {}
    for name, member in _members(chart, events, model_attribute):
        members.setdefault(name, member)
    for name in members:
        if not isinstance(getattr_static(cls, name, None), (_Shown, _Asked, type(None))):
            raise ChartError(f"{cls.__name__} has an attribute {name} already; rename it, or bind an object without it")
    for name, member in members.items():
        put(cls, name, member)


def own_callbacks(cls: type, states: Iterable[str]) -> Mapping[Key, Callback]:
    """The methods `on_enter_<state>` and `on_exit_<state>` that a class brings along."""
    named = {(when, state): f"{when}_{attribute(state)}" for state in states for when in ("on_enter", "on_exit")}
    return {key: partial(_call, name) for key, name in named.items() if callable(getattr(cls, name, None))}


def _call(name: str, occasion: Occasion) -> object:
    return getattr(occasion.model, name)(occasion)


def put(target: object, name: str, value: object) -> None:
    """Set an attribute of an object, past its own `__setattr__`, or of a class. Raises ChartError where none fits."""
    try:
        if not isinstance(target, type):
            object.__setattr__(target, name, value)
        elif hasattr(getattr_static(target, name, None), "__set__") and name == STORED:
            raise TypeError("its objects have a slot for it; bind them one by one")
        else:
            setattr(target, name, value)
    except (AttributeError, TypeError) as error:
        kind = target if isinstance(target, type) else type(target)
        said = f"{kind.__name__} has no room for {name} ({error})"
        raise ChartError(f"{said}; bind objects that have a __dict__ or a slot of that name") from None


class _Shown(property):
    """An attribute that tells the state and refuses to be assigned."""


class _Asked:
    """A method that hands the object to its Machine, with the event or state that it is for."""

    __slots__ = ("method", "names")

    def __init__(self, method: str, *names: str) -> None:
        self.method = method
        self.names = names

    def __get__(self, model: object, cls: type | None = None) -> Any:
        return self if model is None else partial(getattr(_machine(model), self.method), model, *self.names)

    def __repr__(self) -> str:
        return f"<Machine.{self.method} for {', '.join(self.names) or 'any event'}>"


def _members(chart: Chart, events: Iterable[str], model_attribute: str) -> Iterator[tuple[str, object]]:
    """Names and members; the first that wants a name gets it, an event without one is sent with `trigger`."""
    prefix = "is_" if model_attribute == "state" else f"is_{model_attribute}_"
    yield model_attribute, _Shown(_state, _refuse, doc="The names of the active leaves.")
    yield "configuration", _Shown(_configuration, _refuse, doc="The configuration: leaves, and what is remembered.")
    yield "trigger", _Asked("trigger")
    yield "may_trigger", _Asked("may")
    for event in events:
        yield attribute(event), _Asked("trigger", event)
        yield f"may_{attribute(event)}", _Asked("may", event)
    for state in chart.by_name:
        yield prefix + attribute(state), _Asked("is_state", state)


def _machine(model: object) -> Machine:
    machine: Machine = getattr(model, OWNER)
    return machine


def _configuration(model: object) -> Configuration:
    return _machine(model).configuration(model)


def _state(model: object) -> str:
    return _configuration(model).partition(";")[0]


def _refuse(model: object, value: object) -> NoReturn:
    raise DirectAssignment(
        f"the state of {type(model).__name__} cannot be set to {value!r}: the chart decides; send it an event, "
        f"enabled now: {', '.join(_machine(model).allowed(model)) or 'none'}"
    )
