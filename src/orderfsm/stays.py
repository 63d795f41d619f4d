"""How long an order has been where: its history cut into stays, and the time in each state, code or category.

Nothing here reads a clock. Stays are in the order of the entries; their times are what was recorded, so that a clock
that went back gives a stay of no length, never a negative one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from .table import compile
from .timers import running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from .cell import Configuration
    from .chart import Chart
    from .history import Entry

    Counting = Literal["all", "running"]
    By = Literal["state", "code", "category"]

__all__ = ["Stay", "spent", "stays"]


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in one configuration: from the entry that led there until the next one; `left_at` is None for the last."""

    configuration: str
    sequence: int
    entered_at: datetime
    left_at: datetime | None
    length: timedelta


def stays(entries: Iterable[Entry], *, until: datetime) -> tuple[Stay, ...]:
    """The stays of one order, oldest first; the last one is counted `until` then. Raises ValueError without times."""
    found = list(entries)
    return tuple(_stay(entry, after, until) for entry, after in pairwise([*found, None]) if entry is not None)


def _stay(entry: Entry, after: Entry | None, until: datetime) -> Stay:
    begun, left = _recorded(entry), None if after is None else _recorded(after)
    return Stay(entry.after, entry.sequence, begun, left, max((left or until) - begun, timedelta()))


def _recorded(entry: Entry) -> datetime:
    if entry.recorded_at is None:
        raise ValueError(f"entry {entry.sequence} has no recorded_at, so that nothing can be said about its time")
    return entry.recorded_at


def spent(
    chart: Chart, entries: Iterable[Entry], *, until: datetime, by: By = "state", counting: Counting = "all"
) -> dict[str, timedelta]:
    """The time that an order has spent in each state (outer ones included), code or category, in the order of entering.

    With `counting="running"`, time during which the clock stood still for a state does not count for it; a code or a
    category then counts while the clock runs for everything, or stands still because of a state of its own. A
    configuration that the chart lacks counts for nothing.
    """
    known = compile(chart).configurations
    total: dict[str, timedelta] = {}
    for stay in stays(entries, until=until):
        here = known.get(stay.configuration)
        for name in () if here is None else named(chart, here, by, counting):
            total[name] = total.get(name, timedelta()) + stay.length
    return total


def named(chart: Chart, here: Configuration, by: By, counting: Counting) -> Iterator[str]:
    """The states, codes or categories for which time in a configuration counts, each once."""
    only = running(chart, here) if counting == "running" else None
    counted = here.states if only is None else only
    states = sorted(counted, key=chart.order.__getitem__)
    if by == "state":
        yield from states
        return
    leaves = [name for name in states if name in here.leaves]
    words = map(chart.code_of, leaves) if by == "code" else (c and c.value for c in map(chart.category_of, leaves))
    yield from dict.fromkeys(word for word in words if word)
