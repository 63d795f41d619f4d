"""What a drawing shows beside the chart: where one order is, and the way that it has taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orderfsm.chart import START
from orderfsm.graph import steps_from, unknown_configuration
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.cell import Step
    from orderfsm.chart import Chart, Transition
    from orderfsm.table import Table

__all__ = ["Marks", "Note", "Overlay", "marks"]


@dataclass(frozen=True, slots=True)
class Note:
    """A short text beside a state or an arrow, and its tone: what kind of evidence it is."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is known of one order: its configuration, and the configurations before and after each history entry.

    Before a first entry stands START, or nothing. Entries that the chart does not explain (an adoption, a correction,
    an entry of another version) mark the states that it knows, and no arrow.
    """

    current: str | None = None
    taken: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Marks:
    """An overlay in the words of a chart: the active states, those passed, and the transitions taken, by identity.

    `begun` are the states that the first steps led to. `on_states` has notes by the state's name, `on_arrows` by the
    transition's identity.
    """

    active: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    walked: frozenset[int] = frozenset()
    begun: frozenset[str] = frozenset()
    on_states: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    on_arrows: Mapping[int, tuple[Note, ...]] = field(default_factory=dict)

    def of_state(self, name: str) -> tuple[Note, ...]:
        """The notes beside a state."""
        return self.on_states.get(name, ())

    def of_arrows(self, transitions: Iterable[Transition]) -> tuple[Note, ...]:
        """The notes beside arrows that are drawn as one, each once."""
        found = (note for transition in transitions for note in self.on_arrows.get(id(transition), ()))
        return tuple(dict.fromkeys(found))

    def walks(self, transitions: tuple[Transition, ...]) -> bool:
        """Whether one of the transitions was taken."""
        return any(id(transition) in self.walked for transition in transitions)


def marks(chart: Chart, overlay: Overlay) -> Marks:
    """What an overlay marks. An entry says not by which arrow it went: all that lead from before to after are marked.

    Raises StoredStateUnknown when the chart lacks the current configuration.
    """
    if overlay == Overlay():
        return Marks()
    table = compile(chart)
    if overlay.current is not None and overlay.current not in table.configurations:
        raise unknown_configuration(table, overlay.current)
    pairs = tuple(dict.fromkeys(overlay.taken))
    first = [table.configurations[after] for before, after in pairs if _is_first(before) and after in table.rows]
    been = [table.configurations[text] for pair in pairs for text in pair if text in table.configurations]
    return Marks(
        active=table.configurations[overlay.current].states if overlay.current is not None else frozenset(),
        passed=frozenset(state for configuration in been for state in configuration.states),
        walked=frozenset(id(arrow) for pair in pairs for step in _steps(table, *pair) for arrow in step.transitions),
        begun=frozenset(state for configuration in first for state in configuration.states),
    )


def _steps(table: Table, before: str | None, after: str) -> Iterator[Step]:
    origin = None if _is_first(before) else before
    if origin is None or origin in table.rows:
        yield from (step for step in steps_from(table, origin) if step.after == after)


def _is_first(before: str | None) -> bool:
    return before in (None, "", START)
