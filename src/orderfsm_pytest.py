"""What pytest loads wherever orderfsm is installed: options, hooks and fixtures, and nothing of orderfsm itself.

It stands outside the package, because every run of pytest would pay for `import orderfsm` otherwise. What is asked for
is imported when it is: `orderfsm.pytest_plugin` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    pass


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line and of the ini file."""
    group = parser.getgroup("orderfsm", "state charts of orders (orderfsm)")
    group.addoption(
        "--chart-coverage",
        nargs="?",
        const="",
        metavar="CHARTS",
        help="tell what the tests exercise of charts: names or files, with commas between; by default all",
    )
    group.addoption(
        "--chart-coverage-report",
        action="append",
        default=[],
        metavar="FILE",
        help="write chart coverage to FILE.json, or draw it on the chart in FILE.svg; may be given again",
    )
    group.addoption(
        "--chart-coverage-fail-under",
        default="",
        metavar="PERCENT",
        help="fail when less of a chart is covered: 90, or by kind: transitions=100,pairs=50",
    )
    group.addoption(
        "--chart-scenarios", action="store_true", help="collect the scenarios of charts (*.yaml, *.yml) as tests"
    )
    parser.addini("chart_scenarios", "collect the scenarios of charts as tests", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect coverage, when that is asked for."""
    if config.getoption("chart_coverage") is not None:
        from orderfsm.pytest_plugin.coverage import ChartCoverage

        config.pluginmanager.register(ChartCoverage.of(config), "orderfsm-chart-coverage")
        return
    for option in ("chart_coverage_report", "chart_coverage_fail_under"):
        if config.getoption(option):
            name = option.replace("_", "-")
            raise pytest.UsageError(f"--{name} needs the coverage: add --chart-coverage, behind the paths")
