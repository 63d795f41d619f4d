"""Which schedules are tried: all with few interruptions, one after the other, or those that Hypothesis draws."""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .turns import Decision

__all__ = ["Frontier", "schedules"]


def schedules(*, interruptions: int = 4, apart: int = 6, clients: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    """Schedules at random: at most so many times somebody else goes on, at most so many choices apart.

    They shrink to the fewest changes and the latest ones: a change that comes after the end of a run is none.
    `clients` is how many there are.
    """
    gap = st.integers(0, apart).map(lambda earlier: apart - earlier)
    change = st.tuples(gap, st.integers(1, max(1, clients - 1)))
    return st.lists(change, max_size=interruptions).map(_written_out)


def _written_out(changes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """So many choices to let things go on, then another one, and so on."""
    return tuple(choice for gap, taken in changes for choice in (*(0,) * gap, taken))


class Frontier:
    """The schedules that are left to try, those with the fewest interruptions first, each once.

    Whatever a run has decided after the end of its schedule, where it let things go on, could have been decided
    otherwise: that gives the schedules that follow from it.
    """

    def __init__(self, most: int) -> None:
        self._left: list[deque[tuple[tuple[int, ...], tuple[int, ...]]]] = [deque() for _ in range(most + 1)]
        self._left[0].append(((), ()))

    def next(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """A schedule, with how many options each of its choices had when it was found; None when all were tried."""
        return next((found.popleft() for found in self._left if found), None)

    def add(self, schedule: tuple[int, ...], decisions: Sequence[Decision]) -> None:
        """What else could have been decided in a run."""
        taken = tuple(decision.taken for decision in decisions)
        options = tuple(decision.options for decision in decisions)
        costs = list(accumulate((decision.cost for decision in decisions), initial=0))
        for place in range(len(schedule), len(decisions)):
            cost = costs[place] + decisions[place].running
            if cost < len(self._left):
                for other in range(1, options[place]):
                    self._left[cost].append(((*taken[:place], other), options[: place + 1]))
