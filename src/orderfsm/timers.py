"""The timers of an order: what a step does to them, which ones run, and what is left of those that stand still.

Nothing here reads a clock: moments are arguments. The tables of `orderfsm.sqlmodel` keep what `advance` answers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from .cell import Configuration, Step
    from .chart import Chart, Timer

__all__ = ["FOREVER", "SYSTEM", "Change", "Pending", "advance", "armed", "by_states", "by_step", "running"]

KEY_LIMIT = 255
"""How many characters an idempotency key may have."""

SYSTEM = "system"
"""The role in which a sweep sends what is due, unless it is told another: an arrow for it alone is the timer's own."""

FOREVER = timedelta(days=365_000)
"""The longest delay that is counted: about a thousand years."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A timer of one order, armed by the entry `sequence`; `state` is empty for a delayed send of SCXML.

    `ordinal` tells apart those of one state and event that one entry armed. `due_at` is None while the timer stands
    still; then `remaining` is what it has left. A `spent` one has been sent, or refused for good.
    """

    state: str
    event: str
    sequence: int
    ordinal: int = 1
    due_at: datetime | None = None
    remaining: timedelta | None = None
    spent: bool = False

    @property
    def key(self) -> str:
        """The idempotency key of its event: `timer:<state>:<event>:<sequence>`, with the ordinal from the second on.

        Names of SCXML may be too long for a key: then the digest of that text.
        """
        more = "" if self.ordinal == 1 else f":{self.ordinal}"
        key = f"timer:{self.state}:{self.event}:{self.sequence}{more}"
        return key if len(key) <= KEY_LIMIT else f"timer:{sha256(key.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one entry does to an order's timers.

    The timers of the states `left` end (None: all timers), `armed` begin. In `before` and `after` only the timers of
    the states named there run; None is where the clock runs for all. `active` are the states afterwards; `detour` says
    that a stop-the-clock state was entered, so that the timers of the states left are put aside.
    """

    left: frozenset[str] | None
    armed: tuple[Timer, ...]
    active: frozenset[str]
    before: frozenset[str] | None = None
    after: frozenset[str] | None = None
    detour: bool = False

    @property
    def plain(self) -> bool:
        """Whether the clock runs all the time: timers end and begin, and none of the others is touched."""
        return self.before is None and self.after is None


def running(chart: Chart, here: Configuration) -> frozenset[str] | None:
    """The only states whose timers run in a configuration that stops the clock; None where the clock runs for all.

    A stop-the-clock state stops the timers of all states but itself and those inside it.
    """
    stopping = _stopping(chart, here)
    if not stopping or here.final:
        return None
    inside = (name for name in here.states if any(chart.within(name, each) for each in stopping))
    return stopping.union(inside)


def _stopping(chart: Chart, here: Configuration) -> frozenset[str]:
    return frozenset(name for name in here.states if chart.by_name[name].clock == "stops")


def by_step(chart: Chart, step: Step) -> Change:
    """What a step does to the timers."""
    left = None if step.after.final else frozenset(step.exited)
    return _change(chart, step.before, step.after, left, frozenset(step.entered), step.armed)


def by_states(chart: Chart, before: Configuration | None, after: Configuration) -> Change:
    """What an entry does that no arrow led to: states that are active before and after it keep their timers.

    Of an order that comes from nowhere, or from a configuration that the chart lacks, all timers end.
    """
    left = None if before is None or after.final else before.states - after.states
    entered = after.states - (before.states if before is not None else frozenset())
    inside = [] if after.final else sorted(entered, key=chart.order.__getitem__)
    timers = (timer for name in inside for timer in chart.by_name[name].after)
    return _change(chart, before, after, left, entered, tuple(timers))


def _change(
    chart: Chart,
    before: Configuration | None,
    after: Configuration,
    left: frozenset[str] | None,
    entered: frozenset[str],
    timers: tuple[Timer, ...],
) -> Change:
    return Change(
        left,
        () if after.final else timers,
        after.states,
        None if before is None else running(chart, before),
        running(chart, after),
        detour=bool(entered & _stopping(chart, after)),
    )


def advance(
    change: Change, held: Iterable[Pending], *, sequence: int, earliest: datetime, latest: datetime
) -> list[Pending]:
    """The order's timers after a change that the entry `sequence` made, from those that it held before.

    What it takes to be never early: two moments, when clocks disagree. Timers begin at the `latest`; what is left of
    those that stop is counted from the `earliest`.
    """
    kept = [timer for timer in held if _stays(change, timer)]
    known = {timer.state for timer in kept if timer.state}
    begun = (timer for timer in armed(change, sequence, latest) if timer.state not in known)
    return [_timed(change, timer, earliest, latest) for timer in (*kept, *begun)]


def _stays(change: Change, timer: Pending) -> bool:
    """Whether a timer goes on, or is put aside, or stays so."""
    if change.left is None:
        return False
    if not timer.state:
        return True
    gone = timer.state in change.left
    if timer.state in change.active:
        return not gone
    if change.after is None:
        return False
    return not gone or (change.detour and timer.state not in (change.before or ()))


def _timed(change: Change, timer: Pending, earliest: datetime, latest: datetime) -> Pending:
    runs = change.after is None or timer.state in change.after
    if timer.spent or runs is (timer.due_at is not None):
        return timer
    if runs:
        return replace(timer, due_at=latest + (timer.remaining or timedelta()), remaining=None)
    assert timer.due_at is not None  # noqa: S101
    return replace(timer, due_at=None, remaining=max(timer.due_at - earliest, timedelta()))


def armed(change: Change, sequence: int, now: datetime) -> Iterator[Pending]:
    """The timers that begin with the entry `sequence`, as if the clock ran for all of them."""
    ordinals: Counter[tuple[str, str]] = Counter()
    for timer in change.armed:
        name = timer.state or ""
        ordinals[name, timer.event] += 1
        due_at = now + min(timer.delay, FOREVER)
        yield Pending(name, timer.event, sequence, ordinals[name, timer.event], due_at)
