"""`--chart-coverage-fail-under`: how much of each chart has to be covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orderfsm.coverage import KINDS

from .report import called, percentage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.coverage import Measured

__all__ = ["Minimum"]


@dataclass(frozen=True, slots=True)
class Minimum:
    """Kind -> percent; the kind ``""`` is the total."""

    wanted: tuple[tuple[str, float], ...] = ()

    @classmethod
    def read(cls, text: str) -> Minimum:
        """From `90`, or `transitions=100,pairs=50`. Raises pytest.UsageError."""
        return cls(tuple(_part(part.strip()) for part in text.split(",") if part.strip()))

    def problems(self, measured: Sequence[Measured]) -> list[str]:
        """What falls short, a sentence each."""
        if self.wanted and not measured:
            return ["no test has exercised a chart; name those that shall be: --chart-coverage=CHART"]
        return [
            f"{called(each.chart)}: {percentage(found)} of {kind or 'all'} covered, less than {percent:g} %"
            for each in measured
            for kind, percent in self.wanted
            if (found := each.percent(kind)) < percent
        ]


def _part(text: str) -> tuple[str, float]:
    kind, _, percent = text.rpartition("=")
    try:
        value = float(percent)
    except ValueError:
        value = -1
    if (kind and kind not in KINDS) or not 0 <= value <= 100:
        raise pytest.UsageError(
            f"--chart-coverage-fail-under={text}: write a percentage, 90, or one of a kind, transitions=90; "
            f"the kinds are {', '.join(KINDS)}"
        )
    return kind, value
