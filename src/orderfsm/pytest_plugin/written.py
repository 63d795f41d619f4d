"""`--chart-coverage-report`: the files that are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm import Chart
    from orderfsm.coverage import Measured

__all__ = ["verify_report", "write"]


def verify_report(report: str) -> None:
    """Raise pytest.UsageError for a file that is neither."""
    if Path(report).suffix not in (".json", ".svg"):
        raise pytest.UsageError(f"--chart-coverage-report={report}: its name has to end in .json or .svg")


def write(reports: Sequence[str], measured: Sequence[Measured]) -> list[str]:
    """The names of the files that were written, missing folders included.

    Of several charts each has a file of its own, `coverage.svg` becomes `coverage-stat-order.svg`.
    """
    return [name for report in reports for name in _written(Path(report), measured)]


def _written(path: Path, measured: Sequence[Measured]) -> Iterator[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, each in enumerate(measured):
        names = [_name(other.chart) for other in measured[: place + 1]]
        name = names[-1] if names.count(names[-1]) == 1 else f"{names[-1]}-{names.count(names[-1])}"
        target = path if len(measured) == 1 else path.with_stem(f"{path.stem}-{name}")
        target.write_text(each.coverage.dumps() if path.suffix == ".json" else _drawn(each), encoding="utf-8")
        yield str(target)


def _name(chart: Chart) -> str:
    return "-".join(chart.name.split("/")) + ("" if chart.profile == "full" else f"-{chart.profile}")


def _drawn(measured: Measured) -> str:
    from orderfsm.diagrams import Overlay, render  # when it is needed: fonts and layout take a while

    chart = measured.chart
    return render(chart, "svg", overlay=Overlay(covered=measured.coverage.of(chart.name)))
