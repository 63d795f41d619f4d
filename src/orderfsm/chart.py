"""State charts as frozen values: states, transitions, events and the rules that go with them.

Nothing here reads a file, asks a clock or decides anything. `document` makes these values from YAML, `interchange` from
other formats, tests make them by hand; `table` compiles them. The order of `Chart.states` and `Chart.transitions` is
document order: it decides between conflicting transitions, as in SCXML.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from .expression import Expression

__all__ = [
    "OPEN",
    "START",
    "Basis",
    "Category",
    "Chart",
    "Effect",
    "Event",
    "Field",
    "Guard",
    "Kind",
    "Position",
    "ReasonRule",
    "Reasons",
    "Rollup",
    "RollupRule",
    "Rule",
    "Scenario",
    "Send",
    "State",
    "Timer",
    "Transition",
]

OPEN = "open"
"""The event that begins an order by the chart's initial states."""

START = "[*]"
"""The source of a transition that begins an order; also the `before` of its first history entry."""


class Kind(StrEnum):
    """What a state is, in the words of SCXML and UML."""

    ATOMIC = "atomic"
    COMPOUND = "compound"
    PARALLEL = "parallel"
    FINAL = "final"
    SHALLOW = "shallow"
    DEEP = "deep"

    @property
    def is_history(self) -> bool:
        """Whether this is the memory of a state and not a state."""
        return self in (Kind.SHALLOW, Kind.DEEP)


class Category(StrEnum):
    """How business code asks about a state without naming the vocabulary's words."""

    OPEN = "open"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Basis(StrEnum):
    """How sure a transition is: the source says it, its documents say it, a later version says it, or we infer it."""

    STATED = "stated"
    DOCUMENTED = "documented"
    LATER = "later"
    INFERRED = "inferred"

    @property
    def is_strict(self) -> bool:
        """Whether the strict profile keeps a transition of this basis."""
        return self in (Basis.STATED, Basis.DOCUMENTED)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; lines and columns count from 1, 0 means unknown."""

    line: int = 0
    column: int = 0


NOWHERE = Position()


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of a transition: an expression of the chart, or the name of an application's function."""

    name: str | None = None
    expression: Expression | None = None

    @property
    def text(self) -> str:
        """The expression as written, or the function's name."""
        return (self.name or "") if self.expression is None else self.expression.text


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens on the way: `raise` an internal event, `send` one later (next, with no delay), `emit` an action."""

    kind: str
    name: str
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """An event that becomes due `delay` after a state was entered, unless the state is left before.

    `state` is None for a delayed send of SCXML, which nothing cancels.
    """

    event: str
    delay: timedelta
    state: str | None = None


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """Whether a reason is `required`, `optional` or `forbidden`, and which codes are allowed (none named: all).

    `said` is False for the rule of arrows and states that have none of their own; it counts for the checks alone.
    """

    mode: str = "optional"
    codes: tuple[str, ...] = ()
    said: bool = field(default=True, compare=False)


FREE = ReasonRule(said=False)


@dataclass(frozen=True, slots=True)
class State:
    """A state of a chart.

    `code` is the public word; None for states that inherit one from an ancestor or have none. `initial` names the
    states entered by default (compound) or when nothing is remembered yet (history).
    """

    name: str
    kind: Kind = Kind.ATOMIC
    parent: str | None = None
    initial: tuple[str, ...] = ()
    initial_effects: tuple[Effect, ...] = ()
    on_entry: tuple[Effect, ...] = ()
    on_exit: tuple[Effect, ...] = ()
    after: tuple[Timer, ...] = ()
    code: str | None = None
    category: Category | None = None
    title: str = ""
    description: str = ""
    source: str = ""
    reason: ReasonRule = FREE
    links: tuple[str, ...] = ()
    clock: str = "runs"
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal arrow. `source` is START for an arrow that begins an order; `events` is empty for an eventless one.

    `targets` is empty for an internal transition that changes nothing but may have effects. `by` names the actors that
    may ask (empty: anyone).
    """

    source: str
    events: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    internal: bool = False
    effects: tuple[Effect, ...] = ()
    by: tuple[str, ...] = ()
    reason: ReasonRule = FREE
    links: tuple[str, ...] = ()
    basis: Basis = Basis.STATED
    cite: str = ""
    title: str = ""
    happy: bool = False
    position: Position = NOWHERE

    def __str__(self) -> str:
        """The arrow in one line, e.g. `received --accept--> accepted`."""
        event = f"--{self.event}-->" if self.events else "-->"
        return f"{self.source} {event} {' + '.join(self.targets) or self._stays}"

    @property
    def _stays(self) -> str:
        return "stays" if self.source != START else "the initial states"

    @property
    def event(self) -> str:
        """The events as one text; empty for an eventless transition."""
        return " ".join(self.events)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event's payload; its types are those of JSON plus date, datetime and duration."""

    name: str
    type: str = "string"
    required: bool = True
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    items: Field | None = None
    fields: tuple[Field, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event by its name (imperative), with the schema of its payload.

    An `internal` event is raised by the chart itself and cannot be sent from outside.
    """

    name: str
    internal: bool = False
    title: str = ""
    description: str = ""
    payload: tuple[Field, ...] = ()
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Reasons:
    """The reason vocabulary: code -> description; an open one accepts codes that it does not list."""

    codes: Mapping[str, str] = field(default_factory=dict)
    open: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """A temporal rule, e.g. `never completed unless was accepted`; see `checks` for the five forms."""

    text: str
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Send:
    """One event of a scenario, with everything that goes with it."""

    event: str
    actor: str | None = None
    reason: str | None = None
    links: tuple[str, ...] = ()
    payload: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] | None = None
    now: str | None = None
    guards: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """An executable example: codes to trace, or events to send from a state, and what is expected.

    `refused` is the code of the expected error (e.g. `not-enabled`) at the last code or event; `then` the expected
    configuration or public code after it. `at` is the moment of the first history entry. `profile` limits the
    scenario to one profile.
    """

    title: str
    codes: tuple[str, ...] = ()
    given: str | None = None
    at: str | None = None
    send: tuple[Send, ...] = ()
    items: tuple[str, ...] = ()
    then: str | None = None
    refused: str | None = None
    profile: str | None = None
    source: str = ""
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class RollupRule:
    """When the items look like this, the order belongs in that state."""

    when: Expression | None
    to: str
    basis: Basis = Basis.INFERRED
    cite: str = ""
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Rollup:
    """How an order follows its items: exclusive rules, the events it may send, the states it leaves alone."""

    items: str
    rules: tuple[RollupRule, ...]
    events: tuple[str, ...]
    keep: tuple[str, ...] = ()
    position: Position = NOWHERE


@dataclass(frozen=True)
class Chart:
    """A state chart for one vocabulary and subject.

    `filename` is what messages call its document. `hash` is the SHA-256 of the document's content; `profile` is
    `strict` or `full`; `dropped` holds the transitions that the profile leaves out. `endless` says what becomes of a
    step that never comes to rest: the whole chart is `refused`, or that step is `left out` of the table (SCXML allows
    such charts).
    """

    name: str
    states: tuple[State, ...]
    transitions: tuple[Transition, ...] = ()
    version: str = "0"
    initial: tuple[str, ...] = ()
    initial_effects: tuple[Effect, ...] = ()
    events: tuple[Event, ...] = ()
    title: str = ""
    description: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    guards: Mapping[str, str] = field(default_factory=dict)
    reasons: Reasons = field(default_factory=Reasons)
    links: Mapping[str, str] = field(default_factory=dict)
    actors: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    spelling: str = ""
    rules: tuple[Rule, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    rollup: Rollup | None = None
    quirks: tuple[str, ...] = ()
    profile: str = "full"
    dropped: tuple[Transition, ...] = ()
    endless: str = "refused"
    hash: str = ""
    filename: str = "<value>"
    positions: Mapping[str, Position] = field(default_factory=dict, repr=False, compare=False)
    _table: Any = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        return hash((self.name, self.version, self.profile, self.hash))

    @cached_property
    def by_name(self) -> Mapping[str, State]:
        """Name -> state."""
        return {state.name: state for state in self.states}

    @cached_property
    def order(self) -> Mapping[str, int]:
        """Name -> place in document order."""
        return {state.name: place for place, state in enumerate(self.states)}

    @cached_property
    def children(self) -> Mapping[str | None, tuple[State, ...]]:
        """Name -> child states in document order, history states left out; None -> the outermost states."""
        inside: dict[str | None, list[State]] = {}
        for state in self.states:
            if not state.kind.is_history:
                inside.setdefault(state.parent, []).append(state)
        return {name: tuple(states) for name, states in inside.items()}

    @cached_property
    def ancestors(self) -> Mapping[str, tuple[str, ...]]:
        """Name -> its proper ancestors, the innermost first."""
        return {state.name: tuple(self._upwards(state)) for state in self.states}

    def _upwards(self, state: State) -> Iterator[str]:
        parent = state.parent
        while parent is not None:
            yield parent
            parent = self.by_name[parent].parent

    def within(self, name: str, ancestor: str | None) -> bool:
        """Whether `name` lies properly inside `ancestor`; everything lies inside None, the chart itself."""
        return ancestor is None or ancestor in self.ancestors[name]

    def leading(self, source: str) -> tuple[Transition, ...]:
        """The transitions out of `source` itself, in document order."""
        return self._leading.get(source, ())

    @cached_property
    def _leading(self) -> Mapping[str, tuple[Transition, ...]]:
        out: dict[str, list[Transition]] = {}
        for transition in self.transitions:
            out.setdefault(transition.source, []).append(transition)
        return {name: tuple(transitions) for name, transitions in out.items()}

    @cached_property
    def event_by_name(self) -> Mapping[str, Event]:
        """Name -> declared event."""
        return {event.name: event for event in self.events}

    def code_of(self, name: str) -> str | None:
        """The public word of a state: its own, else the nearest ancestor's, else (atomic and final states) its name."""
        state = self.by_name[name]
        for place in (name, *self.ancestors[name]):
            code = self.by_name[place].code
            if code is not None:
                return code or None
        return name if state.kind in (Kind.ATOMIC, Kind.FINAL) else None

    def category_of(self, name: str) -> Category | None:
        """The category of a state: its own, else the nearest ancestor's."""
        for place in (name, *self.ancestors[name]):
            category = self.by_name[place].category
            if category is not None:
                return category
        return None

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Every public word of the vocabulary, in document order."""
        leaves = (s.name for s in self.states if s.kind in (Kind.ATOMIC, Kind.FINAL))
        return tuple(dict.fromkeys(code for code in map(self.code_of, leaves) if code))

    def restricted(self, profile: str) -> Chart:
        """The same chart under a profile: `strict` keeps stated and documented transitions and accepts no aliases."""
        if profile == self.profile:
            return self
        if profile not in ("strict", "full") or self.profile != "full":
            raise ValueError(f"profile is 'strict' or 'full', not {profile!r}; restrict a full chart")
        kept = tuple(t for t in self.transitions if t.basis.is_strict)
        dropped = tuple(t for t in self.transitions if not t.basis.is_strict)
        return replace(self, transitions=kept, dropped=dropped, profile=profile, aliases={})
