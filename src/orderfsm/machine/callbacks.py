"""Callbacks: what they are told, and which of them run for a step, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from transitions import Event, EventData, State, Transition

from orderfsm.errors import ChartError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from orderfsm.cell import Step
    from orderfsm.history import Actor, Link, Reason

    from .machine import Machine

__all__ = ["Call", "Callback", "Callbacks", "Occasion", "Plan", "run"]

Callback: TypeAlias = Callable[["Occasion"], object]
C = TypeVar("C", bound=Callback)
Key: TypeAlias = tuple[str, str]
"""When, and of which event or state; "" is any."""


@dataclass(slots=True)
class Call:
    """What comes along with an event; `facts` stands in for the Machine's own."""

    actor: Actor | str | None = None
    reason: Reason | str | None = None
    links: Sequence[Link] = ()
    payload: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] | None = None
    now: datetime | None = None


class Occasion(EventData):
    """What a callback is told: the EventData of `transitions`, with the step and what came along.

    `model` is the object and `state` the state it is in (after the change: the new one); `event` and `transition` are
    as in `transitions`. `step`, `actor`, `reason`, `links`, `payload` and `now` are ours.
    """

    def __init__(self, machine: Machine, model: object, step: Step, call: Call) -> None:
        drawn: Any = machine  # typed as a Machine of `transitions`, which only keeps it
        super().__init__(State(str(step.before)), Event(step.event, drawn), drawn, model, [], {})
        self.transition = Transition(str(step.before), str(step.after))
        self.step = step
        self.actor, self.reason, self.now = call.actor, call.reason, call.now
        self.links, self.payload = call.links, call.payload

    def arrive(self) -> None:
        """Tell the callbacks after the change of the new state."""
        self.state = State(str(self.step.after))


@dataclass(frozen=True, slots=True)
class Plan:
    """The callbacks of a step, before and after the change, in order."""

    early: tuple[Callback, ...]
    late: tuple[Callback, ...]


class Callbacks:
    """The callbacks that were registered; those that an object's class brings along are given with each question."""

    def __init__(self) -> None:
        self._registered: dict[Key, list[Callback]] = {}
        self._plans: dict[tuple[type, Step], Plan] = {}

    def register(self, when: str, name: str, callback: C) -> C:
        """Note a callback and return it. Raises ChartError for anything but a function."""
        if not callable(callback):
            raise ChartError(f"the callback {callback!r} is not a function; functions are never looked up by name")
        self._registered.setdefault((when, name), []).append(callback)
        self._plans.clear()
        return callback

    def plan(self, cls: type, own: Mapping[Key, Callback], step: Step) -> Plan:
        """What runs for a step of an object of this class; worked out once."""
        plan = self._plans.get((cls, step))
        if plan is None:
            left = [("on_exit", state) for state in step.exited]
            entered = [("on_enter", state) for state in step.entered]
            ended = [("on_final", "")] if step.after.final else []
            early = self._found(own, [("before", ""), ("before", step.event), *left])
            late = self._found(own, [*entered, *ended, ("after", step.event), ("after", "")])
            plan = self._plans[cls, step] = Plan(early, late)
        return plan

    def _found(self, own: Mapping[Key, Callback], keys: Iterable[Key]) -> tuple[Callback, ...]:
        found: list[Callback] = []
        for key in keys:
            found += [own[key]] if key in own else []
            found += self._registered.get(key, [])
        return tuple(found)


def run(callbacks: tuple[Callback, ...], occasion: Occasion | None) -> None:
    """Run callbacks in order; without an occasion there are none."""
    if occasion is not None:
        for callback in callbacks:
            callback(occasion)
