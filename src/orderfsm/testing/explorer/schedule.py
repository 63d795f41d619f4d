"""Which schedules are tried: all with few interruptions, one after the other, or those that Hypothesis draws."""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .turns import Client, Decision

__all__ = ["Choices", "Frontier", "Switch", "Switches", "planned", "schedules"]


class Switch(NamedTuple):
    """Before the client (counted from 0) does its next thing, of which it has done `step`, somebody else goes on.

    `other` says who: 1 is the next one that can, and so on. Where nobody else can, nothing happens.
    """

    client: int
    step: int
    other: int = 1


def schedules(*, most: int = 4, steps: int = 6, clients: int = 3) -> st.SearchStrategy[tuple[Switch, ...]]:
    """Schedules at random: at most so many switches, each within the first `steps` of one of so many clients.

    A switch means the same whichever others there are, so that schedules shrink to the fewest ones.
    """
    others = st.integers(1, max(1, clients - 1))
    switch = st.builds(Switch, st.integers(0, clients - 1), st.integers(0, steps), others)
    return st.lists(switch, max_size=most).map(tuple)


class Choices:
    """A schedule of choices, one for each decision: 0 lets things go on."""

    def __init__(self, choices: Sequence[int]) -> None:
        self._choices = iter(choices)

    def choose(self, ready: Sequence[Client]) -> int:
        """Which of those who can go on does."""
        return next(self._choices, 0) % len(ready)


class Switches:
    """A schedule of switches, each of which happens once."""

    def __init__(self, switches: Sequence[Switch]) -> None:
        self._left = list(switches)

    def choose(self, ready: Sequence[Client]) -> int:
        """Which of those who can go on does."""
        taken, first = 0, ready[0]
        for switch in [each for each in self._left if (each.client, each.step) == (first.number, first.step)]:
            self._left.remove(switch)
            taken += switch.other
        return taken % len(ready)


def planned(schedule: Sequence[int] | Sequence[Switch]) -> Choices | Switches:
    """Who chooses, for a schedule of either kind. Raises TypeError for one of neither: it would not be followed."""
    if not (all(isinstance(each, int) for each in schedule) or all(isinstance(each, Switch) for each in schedule)):
        raise TypeError(
            f"schedule={schedule!r}: give choices, which are numbers, or switches: Switch(client=0, step=1)"
        )
    switches = [each for each in schedule if isinstance(each, Switch)]
    return Switches(switches) if switches else Choices([each for each in schedule if isinstance(each, int)])


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
