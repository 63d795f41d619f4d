"""Coverage of one chart: what tests have exercised of it, to be kept in a file, put together and drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orderfsm.chart import START
from orderfsm.errors import LogError
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from orderfsm.chart import Chart
    from orderfsm.history import Recorded

__all__ = ["Coverage", "Goal"]


Goal = tuple[str, ...]
"""Something to cover, as texts: a state, a transition and its place in the chart, an event and a code."""


@dataclass(slots=True)
class Coverage:
    """The steps (before, event, after) of one chart that were taken, by its name and content hash; what else was met.

    `before` is START in a first step. Steps of another version are kept: the chart that they are drawn on says which of
    them it knows. `met` holds the goals of each kind (a key of KINDS) that were reached, under `profile`; a run under
    another profile or version adds its steps alone.
    """

    chart: str
    hash: str = ""
    steps: set[tuple[str, str, str]] = field(default_factory=set)
    profile: str = ""
    met: dict[str, set[Goal]] = field(default_factory=dict)

    @classmethod
    def begin(cls, chart: Chart) -> Self:
        """A coverage of a chart, with nothing in it."""
        return cls(chart.name, chart.hash, profile=chart.profile)

    def add(self, step: Recorded) -> None:
        """A step was taken; a history entry says so as well."""
        self.steps.add((str(step.before or START), step.event, str(step.after)))

    def update(self, other: Coverage) -> None:
        """Take in what another run has taken. Raises ValueError when that was another chart."""
        self.steps |= other.of(self.chart)
        if (self.hash, self.profile) == (other.hash, other.profile):
            for kind, goals in other.met.items():
                self.met.setdefault(kind, set()).update(goals)

    def of(self, chart: str) -> set[tuple[str, str, str]]:
        """The steps, as an overlay takes them. Raises ValueError for another chart than the one that was covered."""
        if chart != self.chart:
            raise ValueError(f"this is the coverage of {self.chart}, not of {chart}; give that one's")
        return set(self.steps)

    def missed(self, chart: Chart) -> tuple[tuple[str, str, str], ...]:
        """The steps of a chart that were not taken, in the order of its table; guards count as satisfiable."""
        taken = self.of(chart.name)
        every = ((str(step.before or START), step.event, str(step.after)) for step in compile(chart).edges())
        return tuple(step for step in dict.fromkeys(every) if step not in taken)

    def dumps(self) -> str:
        """As JSON, with the steps in order: the same coverage, the same text."""
        met = {kind: [list(goal) for goal in sorted(goals)] for kind, goals in sorted(self.met.items())}
        told: dict[str, Any] = {"chart": self.chart, "hash": self.hash}
        told |= {"profile": self.profile} if self.profile else {}
        told |= {"steps": [list(step) for step in sorted(self.steps)]}
        told |= {"met": met} if met else {}
        return json.dumps(told, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Self:
        """From JSON. Raises LogError for anything else than `dumps` makes."""
        try:
            told: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise LogError(f"no coverage: this is no JSON ({error})") from None
        if not isinstance(told, dict) or not isinstance(told.get("chart"), str):
            raise LogError('no coverage: write {"chart": name, "hash": …, "steps": [[before, event, after], …]}')
        steps = told.get("steps")
        met = told.get("met", {})
        if not isinstance(met, dict):
            raise LogError(f"no coverage: met is {json.dumps(met)}; write {{kind: [[text, …], …]}}")
        return cls(
            told["chart"],
            str(told.get("hash", "")),
            set(_steps(steps if isinstance(steps, list) else [steps])),
            str(told.get("profile", "")),
            {kind: set(_goals(kind, goals)) for kind, goals in met.items()},
        )


def _goals(kind: str, given: Any) -> Iterable[Goal]:
    for place, goal in enumerate(given if isinstance(given, list) else [given]):
        if not (isinstance(goal, list) and all(isinstance(part, str) for part in goal)):
            raise LogError(f"no coverage: met.{kind}[{place}] is {json.dumps(goal)}; write a list of texts")
        yield tuple(goal)


def _steps(given: list[Any]) -> Iterable[tuple[str, str, str]]:
    for place, step in enumerate(given):
        if not (isinstance(step, list) and len(step) == 3 and all(isinstance(part, str) for part in step)):
            raise LogError(f"no coverage: steps[{place}] is {json.dumps(step)}; write [before, event, after]")
        yield step[0], step[1], step[2]
