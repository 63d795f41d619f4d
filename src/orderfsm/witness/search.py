"""The search: a bounded walk through the candidates."""

from __future__ import annotations

from collections.abc import Sequence

from .choice import Choice, Witness, described, satisfies
from .survey import Goal, Survey


class Search:
    """A bounded depth-first search: choose unknown by unknown, and judge each goal as soon as it is settled."""

    def __init__(self, survey: Survey, goals: Sequence[Goal], limit: int) -> None:
        self.survey = survey
        self.left = limit
        asked = sorted(((survey.asked(goal[0]), goal) for goal in goals), key=lambda pair: len(pair[0]))
        self.order = list(dict.fromkeys(unknown for unknowns, _ in asked for unknown in unknowns))
        rank = {unknown: place for place, unknown in enumerate(self.order)}
        self.due: dict[int, list[Goal]] = {}
        for unknowns, goal in asked:
            self.due.setdefault(max((rank[unknown] for unknown in unknowns), default=-1), []).append(goal)

    def run(self) -> Witness | None:
        """The first witness that satisfies every goal, or None when none was found within the limit."""
        choice: Choice = {}
        return self._below(0, choice) if self._settled(-1, choice) else None

    def _below(self, depth: int, choice: Choice) -> Witness | None:
        if depth == len(self.order):
            return described(self.survey, choice)
        unknown = self.order[depth]
        for value in self.survey.candidates[unknown]:
            choice[unknown] = value
            found = self._below(depth + 1, choice) if self._settled(depth, choice) else None
            if found is not None or self.left <= 0:
                return found
        del choice[unknown]
        return None

    def _settled(self, depth: int, choice: Choice) -> bool:
        """Whether every goal that this choice settles has its wanted answer."""
        goals = self.due.get(depth, ())
        if not goals:
            self.left -= 1
            return True
        self.left -= len(goals)
        built = described(self.survey, choice)
        return all(satisfies(built, goal) for goal in goals)
