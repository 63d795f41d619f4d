"""The shortest legal walks to everywhere, each with the sends that it takes; what was not reached, and why.

Where an order has been decides some guards, so that a situation is a configuration and those states asked about that
the order has been in. Breadth first; of equally short walks the first in the document. With n states asked about there
may be 2 ** n situations for each configuration: after the first MOST, only those are looked at that are new places.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orderfsm import compile

from .moves import extended, moves
from .send import Send, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm import Chart, Step

    from .moves import Move

__all__ = ["Explored", "Situation", "explored", "plainest", "roaming", "shortest"]

Situation = tuple[str | None, frozenset[str]]

MOST = 2_000
"""After how many situations other pasts of the same configurations are passed over."""


@dataclass(slots=True)
class Explored:
    """What legal walks come to: the shortest one to each situation, and the one that goes on by each move from there.

    `failed` holds the moves for which no facts were found, with the walk that came to where they begin. `cut` says that
    there were more situations than were looked at.
    """

    asked: frozenset[str]
    walks: dict[Situation, Walk] = field(default_factory=dict)
    taken: dict[tuple[Situation, Move], Walk] = field(default_factory=dict)
    failed: list[tuple[Walk, Move]] = field(default_factory=list)
    cut: bool = False

    def situation(self, walk: Walk) -> Situation:
        """Where a walk ends, and what it has been in of what guards ask about."""
        return walk.configuration, self.asked & _seen(walk)

    @property
    def configurations(self) -> dict[str, Walk]:
        """The shortest walk to each configuration that walks come to."""
        found: dict[str, Walk] = {}
        for (configuration, _), walk in self.walks.items():
            if configuration is not None:
                found.setdefault(configuration, walk)
        return found

    def onwards(self, walk: Walk) -> Iterator[tuple[Move, Walk]]:
        """The moves that were found from a walk's end, each with the walk that makes it there."""
        where = self.situation(walk)
        for move in moves(compile(walk.chart), walk.configuration):
            if where not in self.walks or (where, move) in self.taken:
                longer = extended(walk, move)
                if longer is not None:
                    yield move, longer


def _seen(walk: Walk) -> frozenset[str]:
    return frozenset(name for step in walk.steps for name in step.after.states)


def explored(chart: Chart) -> Explored:
    """What walks of the chart come to; worked out once and kept with its table."""
    memo = compile(chart).memo
    if "testing.explored" not in memo:
        memo["testing.explored"] = _explored(chart)
    found: Explored = memo["testing.explored"]
    return found


def shortest(chart: Chart, configuration: str) -> Walk | None:
    """The shortest legal walk to a configuration; None when none was found."""
    return explored(chart).configurations.get(configuration)


def plainest(chart: Chart, event: str) -> Send:
    """An event with what it takes to be legal somewhere, to be sent where it is not; bare when that was not found."""
    memo = compile(chart).memo
    if "testing.plainest" not in memo:
        memo["testing.plainest"] = {}, roaming(chart)
    found, walks = memo["testing.plainest"]
    while event not in found:
        walk = next(walks, None)
        if walk is None:
            return Send(event)
        found.setdefault(walk.sends[-1].event, replace(walk.sends[-1], now=None))
    sent: Send = found[event]
    return sent


def roaming(chart: Chart) -> Iterator[Walk]:
    """Walks, the short ones first, that go on from every step once: found when asked for, and soon, while one is drawn.

    There is at least one to each pair of steps, unless guards ask where the order has been.
    """
    waiting = deque([Walk(chart)])
    seen: set[Step] = set()
    while waiting:
        walk = waiting.popleft()
        for move in moves(compile(chart), walk.configuration):
            longer = extended(walk, move) if move.step is not None else None
            if longer is None:
                continue
            yield longer
            if longer.steps[-1] not in seen:
                seen.add(longer.steps[-1])
                waiting.append(longer)


def _explored(chart: Chart) -> Explored:
    table = compile(chart)
    found = Explored(_asked(chart))
    start = Walk(chart)
    found.walks[found.situation(start)] = start
    waiting = deque(found.walks)
    seen = {configuration for configuration, _ in waiting}
    while waiting:
        situation = waiting.popleft()
        walk = found.walks[situation]
        for move in moves(table, walk.configuration):
            longer = extended(walk, move) if move.step is not None else None
            if longer is None:
                found.failed.append((walk, move))
                continue
            found.taken[situation, move] = longer
            where = found.situation(longer)
            if _leads_on(found, where, seen):
                seen.add(where[0])
                found.walks[where] = longer
                waiting.append(where)
    found.failed = [(walk, move) for walk, move in found.failed if move.step is not None]
    return found


def _leads_on(found: Explored, where: Situation, seen: set[str | None]) -> bool:
    """Whether a situation is new; after MOST of them, whether its configuration is."""
    if where in found.walks:
        return False
    found.cut = found.cut or (len(found.walks) >= MOST and where[0] in seen)
    return len(found.walks) < MOST or where[0] not in seen


def _asked(chart: Chart) -> frozenset[str]:
    """The states that some guard asks the past about."""
    table = compile(chart)
    everywhere = (move for configuration in (None, *table.rows) for move in moves(table, configuration))
    guards = {expression for move in everywhere for expression, _ in move.wanted if expression.asks_history}
    return frozenset(name for expression in guards for name in expression.states)
