"""Strategies for histories: what walks leave behind, as it was written, or with one thing wrong for replay to find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from orderfsm import Entry, compile
from orderfsm.corrections import ADOPTED, OVERRIDE, SUPERSEDE, VOID

from .exploring import roaming
from .send import Walk
from .unsolved import Unsolved
from .walks import walks

if TYPE_CHECKING:
    from orderfsm import Chart

__all__ = ["Corruption", "History", "histories"]


class Corruption(StrEnum):
    """What may be wrong with a history.

    The last two are for those who write histories: what comes twice under one key was booked twice, but `replay` does
    not read keys; and it accepts times that run backwards, for clocks do that, and no history is ordered by them.
    """

    LOST_FIRST = "lost-first"
    LOST = "lost"
    REPEATED = "repeated"
    SWAPPED = "swapped"
    CHANGED_BEFORE = "changed-before"
    CHANGED_AFTER = "changed-after"
    UNKNOWN_STATE = "unknown-state"
    CHANGED_EVENT = "changed-event"
    FOREIGN_EVENT = "foreign-event"
    KEY_TWICE = "key-twice"
    BACKWARDS = "backwards"

    @property
    def finding(self) -> str:
        """The code of the finding that `replay` must have; empty where it must have none."""
        return _FINDING.get(self, "history-gap")


_FINDING = {
    Corruption.CHANGED_AFTER: "history-illegal",
    Corruption.UNKNOWN_STATE: "history-unknown-state",
    Corruption.CHANGED_EVENT: "history-illegal",
    Corruption.FOREIGN_EVENT: "history-illegal",
    Corruption.KEY_TWICE: "",
    Corruption.BACKWARDS: "",
}


@dataclass(frozen=True, slots=True)
class History:
    """Entries, oldest first; what is wrong with them, and the path of the first finding (`entries[2]`, from 1)."""

    entries: tuple[Entry, ...]
    corruption: Corruption | None = None
    path: str = ""

    @property
    def finding(self) -> str:
        """The code of the finding that `replay` must have at `path`; empty where it must have none."""
        return "" if self.corruption is None else self.corruption.finding


@st.composite
def histories(draw: st.DrawFn, chart: Chart, *, corrupt: Corruption | Iterable[Corruption] = ()) -> History:
    """The history of a legal walk, every entry with an idempotency key of its own; with one of the corruptions, if any.

    Raises Unsolved, while drawing, when no history of the chart can be corrupted that way, and ValueError for a
    corruption that there is not.
    """
    kinds = [Corruption(each) for each in ((corrupt,) if isinstance(corrupt, str) else corrupt)]
    walk = draw(walks(chart))
    if not kinds:
        return History(_written(walk))
    kind = draw(st.sampled_from(kinds))
    if not _places(chart, kind, walk.entries):
        walk = _elsewhere(chart, kind)
    entries = _written(walk)
    place, wrong = draw(st.sampled_from(_places(chart, kind, entries)))
    return History(tuple(wrong), kind, f"entries[{place + 1}]")


def _written(walk: Walk) -> tuple[Entry, ...]:
    return tuple(replace(entry, key=f"key-{entry.sequence}") for entry in walk.entries)


def _elsewhere(chart: Chart, kind: Corruption) -> Walk:
    """The shortest walk whose history can be corrupted that way."""
    for walk in roaming(chart):
        if _places(chart, kind, walk.entries):
            return walk
    raise Unsolved(f"no history of {chart.name} can be corrupted by {kind}: its lives are too short, or all alike")


_ENOUGH = 32
"""How many configurations are written in place of another."""

Entries = Sequence[Entry]
Wrong = list[tuple[int, list[Entry]]]
"""Entries that are wrong, with the place (from 0) at which that shows."""


def _places(chart: Chart, kind: Corruption, entries: Entries) -> Wrong:
    return _CORRUPT[kind](chart, list(entries))


def _moving(entries: Entries) -> list[int]:
    """The places of entries that go somewhere: without them, or with them twice, the next one starts elsewhere."""
    return [place for place, entry in enumerate(entries) if entry.before != entry.after]


def _lost_first(chart: Chart, entries: list[Entry]) -> Wrong:
    return [(0, entries[1:])] if len(entries) > 1 else []


def _lost(chart: Chart, entries: list[Entry]) -> Wrong:
    inner = (place for place in _moving(entries) if 0 < place < len(entries) - 1)
    return [(place, [*entries[:place], *entries[place + 1 :]]) for place in inner]


def _repeated(chart: Chart, entries: list[Entry]) -> Wrong:
    return [(place + 1, [*entries[: place + 1], *entries[place:]]) for place in _moving(entries)]


def _swapped(chart: Chart, entries: list[Entry]) -> Wrong:
    places = (place for place in _moving(entries) if place + 1 < len(entries))
    return [(place, [*entries[:place], entries[place + 1], entries[place], *entries[place + 2 :]]) for place in places]


def _with(entries: list[Entry], place: int, entry: Entry) -> tuple[int, list[Entry]]:
    return place, [*entries[:place], entry, *entries[place + 1 :]]


def _changed_before(chart: Chart, entries: list[Entry]) -> Wrong:
    others = (*islice(compile(chart).configurations, _ENOUGH), None)
    return [
        _with(entries, place, replace(entry, before=other))
        for place, entry in enumerate(entries)
        for other in others
        if other != entry.before
    ]


def _leads(chart: Chart, entry: Entry, event: str, after: str) -> bool:
    table = compile(chart)
    row = table.starts if entry.before is None else table.rows[entry.before]
    cell = row.get(event) or row.get(table.stand_in(event) or "")
    return cell is not None and any(step.after == after for step in cell.steps)


def _changed_after(chart: Chart, entries: list[Entry]) -> Wrong:
    return [
        _with(entries, place, replace(entry, after=str(other)))
        for place, entry in enumerate(entries)
        for other in islice(compile(chart).configurations, _ENOUGH)
        if not _leads(chart, entry, entry.event, other)
    ]


def _unknown_state(chart: Chart, entries: list[Entry]) -> Wrong:
    name = next(name for name in ("nowhere", "nowhere_2") if name not in compile(chart).configurations)
    return [_with(entries, place, replace(entry, after=name)) for place, entry in enumerate(entries)]


def _changed_event(chart: Chart, entries: list[Entry]) -> Wrong:
    standing = {ADOPTED, OVERRIDE, VOID, SUPERSEDE}
    return [
        _with(entries, place, replace(entry, event=event))
        for place, entry in enumerate(entries)
        for event in sorted(compile(chart).alphabet - standing)
        if not _leads(chart, entry, event, entry.after)
    ]


def _foreign_event(chart: Chart, entries: list[Entry]) -> Wrong:
    return [
        _with(entries, place, replace(entry, event="explode"))
        for place, entry in enumerate(entries)
        if not _leads(chart, entry, "explode", entry.after)
    ]


def _key_twice(chart: Chart, entries: list[Entry]) -> Wrong:
    twice = [_with(entries, place, replace(entries[place], key=entries[0].key)) for place in range(1, len(entries))]
    return [(place, list(wrong)) for place, wrong in twice]


def _backwards(chart: Chart, entries: list[Entry]) -> Wrong:
    found: Wrong = []
    for place, (before, entry) in enumerate(pairwise(entries), 1):
        if before.recorded_at is not None:
            then = before.recorded_at - timedelta(hours=1)
            found.append(_with(entries, place, replace(entry, occurred_at=then, recorded_at=then)))
    return found


_CORRUPT: dict[Corruption, Callable[[Chart, list[Entry]], Wrong]] = {
    Corruption.LOST_FIRST: _lost_first,
    Corruption.LOST: _lost,
    Corruption.REPEATED: _repeated,
    Corruption.SWAPPED: _swapped,
    Corruption.CHANGED_BEFORE: _changed_before,
    Corruption.CHANGED_AFTER: _changed_after,
    Corruption.UNKNOWN_STATE: _unknown_state,
    Corruption.CHANGED_EVENT: _changed_event,
    Corruption.FOREIGN_EVENT: _foreign_event,
    Corruption.KEY_TWICE: _key_twice,
    Corruption.BACKWARDS: _backwards,
}
