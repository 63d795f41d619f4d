"""Coverage: which steps of a chart tests have taken, to be kept in a file, put together and drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .chart import START
from .errors import LogError
from .table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from .chart import Chart
    from .history import Recorded

__all__ = ["Coverage"]


@dataclass(slots=True)
class Coverage:
    """The steps (before, event, after) of one chart that were taken, by its name and content hash.

    `before` is START in a first step. Steps of another version are kept: the chart that they are drawn on says which of
    them it knows.
    """

    chart: str
    hash: str = ""
    steps: set[tuple[str, str, str]] = field(default_factory=set)

    @classmethod
    def begin(cls, chart: Chart) -> Self:
        """A coverage of a chart, with nothing in it."""
        return cls(chart.name, chart.hash)

    def add(self, step: Recorded) -> None:
        """A step was taken; a history entry says so as well."""
        self.steps.add((str(step.before or START), step.event, str(step.after)))

    def update(self, other: Coverage) -> None:
        """Take in what another run has taken. Raises ValueError when that was another chart."""
        self.steps |= other.of(self.chart)

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
        told = {"chart": self.chart, "hash": self.hash, "steps": [list(step) for step in sorted(self.steps)]}
        return json.dumps(told, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Self:
        """From JSON. Raises LogError for anything else than `dumps` makes."""
        try:
            told: Any = json.loads(text)
        except ValueError as error:
            raise LogError(f"no coverage: this is no JSON ({error})") from None
        if not isinstance(told, dict) or not isinstance(told.get("chart"), str):
            raise LogError('no coverage: write {"chart": name, "hash": …, "steps": [[before, event, after], …]}')
        steps = told.get("steps")
        return cls(told["chart"], str(told.get("hash", "")), set(_steps(steps if isinstance(steps, list) else [steps])))


def _steps(given: list[Any]) -> Iterable[tuple[str, str, str]]:
    for place, step in enumerate(given):
        if not (isinstance(step, list) and len(step) == 3 and all(isinstance(part, str) for part in step)):
            raise LogError(f"no coverage: steps[{place}] is {json.dumps(step)}; write [before, event, after]")
        yield step[0], step[1], step[2]
