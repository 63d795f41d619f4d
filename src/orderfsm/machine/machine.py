"""The Machine: a chart bound to plain objects."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from orderfsm.errors import ChartError, Conflict, MissingGuard, NotOpened, Refused
from orderfsm.graph import unknown_configuration
from orderfsm.step import blockers, enabled, start, step
from orderfsm.table import OPEN, compile

from .callbacks import Call, Callback, Callbacks, Occasion, run
from .members import OWNER, STORED, attribute, fit, own_callbacks, put

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import NoReturn

    from orderfsm.call import Answer
    from orderfsm.cell import Configuration, Step
    from orderfsm.chart import Chart
    from orderfsm.errors import Blocker
    from orderfsm.history import Actor, Link, Reason

    from .callbacks import Key

__all__ = ["Machine"]

C = TypeVar("C", bound=Callback)
Given: TypeAlias = Callback | Sequence[Callback]


class Machine:
    """A chart bound to plain objects.

    `model` is an object, a list of objects, or a class: the objects of a class begin by themselves, in the chart's
    initial states or in the configuration `initial`. `guards` holds the functions for the chart's named guards, `facts`
    makes the facts of an object (default: `{"order": object}`), `clock` tells the moment. Callbacks are functions that
    take an Occasion. With another `model_attribute` than `state`, `is_<state>` becomes `is_<attribute>_<state>`.

    Raises MissingGuard for a guard without a function, StoredStateUnknown for an `initial` that the chart lacks,
    Refused when the chart asks for more at the start than it is given, and ChartError for a callback that is no
    function and for a class that has an attribute of one of our names already, or no room for it.
    """

    def __init__(
        self,
        chart: Chart,
        model: object = None,
        *,
        guards: Mapping[str, Answer] | None = None,
        facts: Callable[[Any], Mapping[str, Any]] | None = None,
        clock: Callable[[], datetime] | None = None,
        initial: str | None = None,
        before_state_change: Given = (),
        after_state_change: Given = (),
        on_final: Given = (),
        model_attribute: str = "state",
    ) -> None:
        self.chart = chart
        self.model_attribute = model_attribute
        self._table = compile(chart)
        self._guards = _supplied(chart, guards or {})
        self._facts = facts or _order
        self._clock = clock
        self._lock = Lock()
        self._own: dict[type, Mapping[Key, Callback]] = {}
        self._callbacks = Callbacks()
        for when, given in (("before", before_state_change), ("after", after_state_change), ("on_final", on_final)):
            for callback in given if isinstance(given, list | tuple) else (given,):
                self._callbacks.register(when, "", callback)
        for one in model if isinstance(model, list) else [] if model is None else [model]:
            self.add_model(one, initial=initial)

    # --- binding

    def add_model(self, model: object, *, initial: str | None = None) -> None:
        """Bind an object, or every object of a class, in the configuration `initial`; by default in the chart's own.

        A class belongs to the Machine that bound it last; an object may be bound to another one than its class.
        """
        begin = self._first(model, OPEN, Call()).after if initial is None else self._known(initial)
        cls = model if isinstance(model, type) else type(model)
        self._fit(cls)
        if model is cls or getattr(cls, OWNER, None) is None:
            put(cls, OWNER, self)
        if getattr(model, OWNER) is not self:
            put(model, OWNER, self)
        put(model, STORED, begin)

    def open(
        self,
        model: object,
        event: str = OPEN,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> Step:
        """Bind an object by one of the chart's start arrows; the first step. Raises what `start` raises."""
        first = self._first(model, event, Call(actor, reason, links, payload, facts, now))
        self.add_model(model, initial=first.after)
        return first

    def _first(self, model: object, event: str, call: Call) -> Step:
        return start(self.chart, event, **self._told(model, call))

    def _known(self, text: str) -> Configuration:
        found = self._table.configurations.get(text)
        if found is None:
            raise unknown_configuration(self._table, text)
        return found

    def _fit(self, cls: type) -> None:
        """Give a class our members, once, and note its own methods that are callbacks."""
        if not any(base in self._own for base in cls.__mro__):
            fit(cls, self.chart, self._events(), self.model_attribute)
        self._own_of(cls)

    def _own_of(self, cls: type) -> Mapping[Key, Callback]:
        if cls not in self._own:
            self._own[cls] = own_callbacks(cls, self.chart.by_name)
        return self._own[cls]

    def _events(self) -> tuple[str, ...]:
        return tuple(sorted(self._table.alphabet - {"*"}))

    # --- asking

    def configuration(self, model: object) -> Configuration:
        """The configuration of an object. Raises NotOpened when it was never bound."""
        found: Configuration | None = getattr(model, STORED, None)
        if found is None:
            raise NotOpened(f"this {type(model).__name__} is not bound to {self.chart.name}; bind it with add_model")
        return found

    def is_state(self, model: object, state: str) -> bool:
        """Whether a state is active; a compound one is while anything inside it is."""
        return state in self.configuration(model).states

    def allowed(self, model: object) -> tuple[str, ...]:
        """The events that could be sent to an object now; what has not come along counts as satisfiable."""
        facts = partial(self._facts, model)
        return enabled(self.chart, self.configuration(model), facts=facts, guards=self._guards, now=self._moment(None))

    def explain(
        self,
        model: object,
        event: str,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> tuple[Blocker, ...]:
        """Why an event may not happen to an object now; () when it may."""
        told = self._told(model, Call(actor, reason, links, payload, facts, now))
        return blockers(self.chart, self.configuration(model), event, **told)

    def may(
        self,
        model: object,
        event: str,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> bool:
        """Whether the same call of `trigger` would go through. A guard that cannot be evaluated raises GuardFailed."""
        try:
            self._decide(model, event, Call(actor, reason, links, payload, facts, now))
        except Refused:
            return False
        return True

    def _decide(self, model: object, event: str, call: Call) -> Step:
        return step(
            self.chart,
            self.configuration(model),
            event,
            actor=call.actor,
            reason=call.reason,
            links=call.links,
            payload=call.payload,
            facts=partial(self._facts, model) if call.facts is None else call.facts,
            guards=self._guards,
            now=self._moment(call.now),
        )

    def _told(self, model: object, call: Call) -> dict[str, Any]:
        return {
            "actor": call.actor,
            "reason": call.reason,
            "links": call.links,
            "payload": call.payload,
            "facts": partial(self._facts, model) if call.facts is None else call.facts,
            "guards": self._guards,
            "now": self._moment(call.now),
        }

    def _moment(self, now: datetime | None) -> datetime | None:
        return self._clock() if now is None and self._clock is not None else now

    # --- moving

    def trigger(
        self,
        model: object,
        event: str,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> Step:
        """Send an event to an object; the step that it took.

        Callbacks run in this order: before, on_exit (inner states first), the change, on_enter (outer states first),
        on_final, after. What is raised before the change leaves the object as it was; later, the change stands. Raises
        what `step` raises, and Conflict when the object moved while callbacks before the change were running.
        """
        call = Call(actor, reason, links, payload, facts, now)
        while True:
            found = self._decide(model, event, call)
            plan = self._callbacks.plan(type(model), self._own_of(type(model)), found)
            occasion = Occasion(self, model, found, call) if plan.early or plan.late else None
            run(plan.early, occasion)
            if self._replace(model, found):
                break
            if plan.early:
                raise Conflict(f"the {type(model).__name__} left {found.before} while {event} was under way; ask again")
        if occasion is not None:
            occasion.arrive()
        run(plan.late, occasion)
        return found

    def _replace(self, model: object, step: Step) -> bool:
        with self._lock:
            if self.configuration(model) != step.before:
                return False
            object.__setattr__(model, STORED, step.after)
            return True

    # --- callbacks

    def before(self, event: str, callback: C) -> C:
        """Run a function before the change that an event makes; the function, so that this can be a decorator."""
        return self._callbacks.register("before", self._name(event, self._events()), callback)

    def after(self, event: str, callback: C) -> C:
        """Run a function after the change that an event has made."""
        return self._callbacks.register("after", self._name(event, self._events()), callback)

    def on_enter(self, state: str, callback: C) -> C:
        """Run a function when a state is entered."""
        return self._callbacks.register("on_enter", self._name(state, self.chart.by_name), callback)

    def on_exit(self, state: str, callback: C) -> C:
        """Run a function when a state is left."""
        return self._callbacks.register("on_exit", self._name(state, self.chart.by_name), callback)

    def __getattr__(self, name: str) -> Callable[[C], C]:
        """`on_enter_<state>`, `on_exit_<state>`, `before_<event>` and `after_<event>`, as `transitions` has them."""
        for when in ("on_enter", "on_exit", "before", "after"):
            if name.startswith(f"{when}_"):
                return partial(getattr(self, when), name.removeprefix(f"{when}_"))
        raise AttributeError(f"a Machine has no {name}")

    def _name(self, wanted: str, known: Iterable[str]) -> str:
        names = {attribute(name): name for name in known} | {name: name for name in known}
        if wanted in names:
            return names[wanted]
        close = difflib.get_close_matches(wanted, names, n=1)
        guess = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(set(names.values())))}"
        raise ChartError(f"{self.chart.name} has no {wanted}; {guess}")

    def __deepcopy__(self, memo: dict[int, object]) -> Machine:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Machine is not pickled; bind the class, and its objects carry their configuration alone")


def _supplied(chart: Chart, guards: Mapping[str, Answer]) -> Mapping[str, Answer]:
    named = {guard.name for t in chart.transitions for guard in t.guards if guard.expression is None and guard.name}
    missing = sorted(named - set(guards))
    if missing:
        raise MissingGuard(f"{chart.name} asks the guard {missing[0]}; supply it: guards={{{missing[0]!r}: function}}")
    return dict(guards)


def _order(model: object) -> Mapping[str, Any]:
    return {"order": model}
