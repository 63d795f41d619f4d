"""What a drawing shows beside the chart: where one order is and was, what is known of all orders, what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orderfsm.chart import START
from orderfsm.finding import Finding
from orderfsm.graph import steps_from, unknown_configuration
from orderfsm.table import compile

from .evidence import Noted
from .note import Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from orderfsm.cell import Step
    from orderfsm.chart import Chart, Transition
    from orderfsm.table import Table

    from .difference import Difference

__all__ = ["Dwell", "Marks", "Note", "Overlay", "marks"]


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long orders stay in a state: half of the stays are not longer than `p50`, 95 of 100 not longer than `p95`.

    `stays` says how many were counted. Raises ValueError for times that cannot be those of anything.
    """

    p50: timedelta
    p95: timedelta
    stays: int = 1

    def __post_init__(self) -> None:
        if not timedelta() <= self.p50 <= self.p95:
            raise ValueError(f"p50 is {self.p50} and p95 is {self.p95}; give 0 <= p50 <= p95")
        if not _is_whole(self.stays):
            raise TypeError(f"stays is {self.stays!r}; give a whole number")
        if self.stays < 1:
            raise ValueError(f"stays is {self.stays}; leave out a state in which nothing has stayed")


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is known beside the chart; whatever is None was not asked for and is not drawn.

    Of one order: `current` is its configuration, `taken` the configurations before and after each history entry.
    Before a first entry stands START, or nothing. Entries that the chart does not explain (an adoption, a correction,
    an entry of another version) mark the states that it knows, and no arrow.

    Of all orders: `counts` says how many are in each configuration now, `dwell` how long they stay in each state
    (medians of configurations cannot be added up, so that it takes names of states), `refusals` how often each
    (configuration, event, code) was refused, `covered` which steps (before, event, after) some test has taken. What the
    chart does not know, because another version has written it, is told beside the drawing.

    Of the chart: `findings` are those of `check`; `difference` is what has changed since another version.

    Raises TypeError or ValueError for what has another shape.
    """

    current: str | None = None
    taken: tuple[tuple[str, str], ...] = ()
    counts: Mapping[str, int] | None = None
    dwell: Mapping[str, Dwell] | None = None
    refusals: Mapping[tuple[str, str, str], int] | None = None
    covered: Collection[tuple[str, str, str]] | None = None
    findings: tuple[Finding, ...] | None = None
    difference: Difference | None = None

    def __post_init__(self) -> None:
        _verify_numbers("counts", self.counts, "a configuration", lambda key: isinstance(key, str))
        _verify_numbers("refusals", self.refusals, "(configuration, event, code)", _is_triple)
        for name, dwell in _pairs("dwell", self.dwell):
            if not (isinstance(name, str) and isinstance(dwell, Dwell)):
                raise TypeError(f"dwell has {name!r}: {dwell!r}; give the name of a state: Dwell(p50, p95)")
        for step in self.covered or ():
            if not _is_triple(step):
                raise TypeError(f"covered has {step!r}; give (before, event, after)")
        self._verify_order()
        for finding in self.findings or ():
            if not isinstance(finding, Finding):
                raise TypeError(f"findings has {finding!r}; give what check returns")

    def _verify_order(self) -> None:
        """What is told of one order."""
        if not isinstance(self.current, str | None):
            raise TypeError(f"current is {self.current!r}; give a configuration as it is stored, or None")
        for pair in self.taken:
            if not _is_pair(pair):
                raise TypeError(f"taken has {pair!r}; give (before, after)")


def _verify_numbers(name: str, given: Any, keyed: str, fits: Any) -> None:
    for key, number in _pairs(name, given):
        if not fits(key):
            raise TypeError(f"{name} has the key {key!r}; give {keyed}")
        if not _is_whole(number) or number < 0:
            raise ValueError(f"{name}[{key!r}] is {number!r}; give a whole number that is not negative")


def _pairs(name: str, given: Any) -> Iterable[tuple[Any, Any]]:
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"{name} is {given!r}; give a mapping or None")
    return (given or {}).items()


def _is_whole(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _is_triple(given: object) -> bool:
    return isinstance(given, tuple) and len(given) == 3 and all(isinstance(part, str) for part in given)


def _is_pair(given: object) -> bool:
    """Whether this is a step of an order; nothing stands before the first one."""
    if not (isinstance(given, tuple) and len(given) == 2):
        return False
    before, after = given
    return isinstance(before, str | None) and isinstance(after, str)


@dataclass(frozen=True, slots=True)
class Marks:
    """An overlay in the words of a chart: the active states, those passed, and the transitions taken, by identity.

    `begun` are the states that the first steps led to. `on_states` has notes by the state's name, `on_arrows` by the
    transition's identity; those of an arrow without a target stand on its state. `aside` belongs to no state or arrow.
    """

    active: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    walked: frozenset[int] = frozenset()
    begun: frozenset[str] = frozenset()
    on_states: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    on_arrows: Mapping[int, tuple[Note, ...]] = field(default_factory=dict)
    aside: tuple[Note, ...] = ()

    def of_state(self, name: str) -> tuple[Note, ...]:
        """The notes beside a state."""
        return self.on_states.get(name, ())

    def of_arrows(self, transitions: Iterable[Transition]) -> tuple[Note, ...]:
        """The notes beside arrows that are drawn as one, each once; what was added or removed only in part says so."""
        given = [self.on_arrows.get(id(transition), ()) for transition in transitions]
        every = dict.fromkeys(note for notes in given for note in notes)
        return tuple(dict.fromkeys(note if all(note in notes for notes in given) else _partly(note) for note in every))

    def walks(self, transitions: tuple[Transition, ...]) -> bool:
        """Whether one of the transitions was taken."""
        return any(id(transition) in self.walked for transition in transitions)


def _partly(note: Note) -> Note:
    return Note(f"{note.text} in part", "changed") if note.tone in ("added", "removed") else note


def marks(chart: Chart, overlay: Overlay) -> Marks:
    """What an overlay marks. `taken` says not by which arrow: all that lead from before to after are marked.

    Raises StoredStateUnknown when the chart lacks the current configuration, ValueError for a `dwell` of a
    configuration that is no state.
    """
    if overlay == Overlay():
        return Marks()
    compared = overlay.difference
    if compared is not None and overlay == Overlay(difference=compared):
        return Marks(on_states=compared.on_states, on_arrows=compared.on_arrows, aside=compared.aside)
    table = compile(chart if compared is None else compared.new)
    if overlay.current is not None and overlay.current not in table.configurations:
        raise unknown_configuration(table, overlay.current)
    pairs = tuple(dict.fromkeys(overlay.taken))
    first = [table.configurations[after] for before, after in pairs if _is_first(before) and after in table.rows]
    been = [table.configurations[text] for pair in pairs for text in pair if text in table.configurations]
    noted = Noted(table, overlay)
    return Marks(
        active=table.configurations[overlay.current].states if overlay.current is not None else frozenset(),
        passed=frozenset(state for configuration in been for state in configuration.states),
        walked=frozenset(id(arrow) for pair in pairs for step in _steps(table, *pair) for arrow in step.transitions),
        begun=frozenset(state for configuration in first for state in configuration.states),
        on_states={name: tuple(notes) for name, notes in noted.on_states.items()},
        on_arrows={arrow: tuple(notes) for arrow, notes in noted.on_arrows.items()},
        aside=tuple(noted.aside),
    )


def _steps(table: Table, before: str | None, after: str) -> Iterator[Step]:
    origin = None if _is_first(before) else before
    if origin is None or origin in table.rows:
        yield from (step for step in steps_from(table, origin) if step.after == after)


def _is_first(before: str | None) -> bool:
    return before in (None, "", START)
