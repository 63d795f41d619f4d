"""`--chart-scenarios`: the scenarios of a chart as tests, which fail with the line of the document."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import orderfsm
from orderfsm.checks.scenarios import failing
from orderfsm.checks.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orderfsm import Chart
    from orderfsm.chart import Scenario

__all__ = ["ChartFile", "is_chart"]

_CHART = re.compile(r"""^(\{\s*)?["']?chart["']?\s*:""", re.MULTILINE)


def is_chart(path: Path) -> bool:
    """Whether a YAML file is a chart: it has the key `chart`."""
    try:
        return _CHART.search(path.read_text(encoding="utf-8-sig")) is not None
    except (OSError, UnicodeDecodeError):
        return False


class _Differs(Exception):
    """A scenario that does not go as told."""


class ChartFile(pytest.File):
    """A chart; its items are its scenarios."""

    def collect(self) -> Iterable[pytest.Item]:
        """The scenarios, in document order."""
        try:
            chart = orderfsm.load(self.path)
            orderfsm.compile(chart)
        except orderfsm.ChartError as error:
            raise self.CollectError(str(error)) from None
        seen: Counter[str] = Counter()
        for scenario in chart.scenarios:
            seen[scenario.title] += 1
            again = f" ({seen[scenario.title]})" if seen[scenario.title] > 1 else ""
            yield ScenarioItem.from_parent(self, name=scenario.title + again, chart=chart, scenario=scenario)


class ScenarioItem(pytest.Item):
    """A scenario; one of the strict profile is run under it."""

    def __init__(self, *, chart: Chart, scenario: Scenario, **given: Any) -> None:
        super().__init__(**given)
        self.chart = chart
        self.scenario = scenario

    def runtest(self) -> None:
        """Run it. Skipped when it is of the roll-up and the chart of the items is not at hand."""
        chart = self.chart.restricted(self.scenario.profile or self.chart.profile)
        items = self._items() if self.scenario.items else None
        alone = replace(chart, scenarios=(self.scenario,))
        for finding in failing(Study(alone, orderfsm.compile(chart), items)):
            raise _Differs(finding.message)

    def _items(self) -> Chart:
        """The chart of the items: from the catalogue, or beside this one or its folder."""
        name = self.chart.rollup.items if self.chart.rollup else ""
        beside = [self.path.parent / f"{name.rpartition('/')[2]}.yaml", self.path.parent.parent / f"{name}.yaml"]
        for each in (name, *(str(path) for path in beside if path.is_file())):
            try:
                found = orderfsm.load(each)
            except orderfsm.UnknownChart:
                continue
            if found.name == name:
                return found
        pytest.skip(f"the chart of the items, {name}, is neither in the catalogue nor at {beside[0]}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What differs, and where the scenario stands."""
        if isinstance(excinfo.value, _Differs):
            return f"{self.path}:{self.scenario.position.line}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """File, line (from 0) and title."""
        return self.path, max(self.scenario.position.line - 1, 0), f"{self.chart.name}: {self.name}"
