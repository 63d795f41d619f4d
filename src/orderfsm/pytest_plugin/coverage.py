"""`--chart-coverage`: collected in each process, put together, told, written, drawn, and held against a minimum."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

import orderfsm
from orderfsm.coverage import Collector, Coverage, Measured
from orderfsm.watch import watching

from .minimum import Minimum
from .report import lines
from .written import verify_report, write

if TYPE_CHECKING:
    from collections.abc import Generator

    from orderfsm import Chart

    Found = dict[tuple[str, str, str], tuple[Chart, Coverage]]

__all__ = ["ChartCoverage"]

OUTPUT = "orderfsm_chart_coverage"
"""The key under which a worker of pytest-xdist hands over what it has found."""


@dataclass
class ChartCoverage:
    """The plugin that is registered when coverage is asked for. `named` are the charts that are told of in any case."""

    config: pytest.Config
    named: tuple[Chart, ...]
    minimum: Minimum
    reports: tuple[str, ...]
    found: Found = field(default_factory=dict)
    measured: tuple[Measured, ...] = ()
    written: list[str] = field(default_factory=list)
    unwritten: str = ""
    lost: int = 0

    @classmethod
    def of(cls, config: pytest.Config) -> ChartCoverage:
        """As the options say. Raises pytest.UsageError for an option that cannot be read."""
        given = str(config.getoption("chart_coverage"))
        reports = tuple(config.getoption("chart_coverage_report"))
        for report in reports:
            verify_report(report)
        named = tuple(_loaded(name.strip()) for name in given.split(",") if name.strip())
        return cls(config, named, Minimum.read(config.getoption("chart_coverage_fail_under")), reports)

    def __post_init__(self) -> None:
        names = {chart.name for chart in self.named}
        self.collector = Collector((lambda chart: chart.name in names) if names else None)

    # --- collecting

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Watch while a test runs, fixtures included; what is worked out when tests are collected is no test."""
        self.collector.begin()
        with watching(self.collector):
            return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take in what a worker of pytest-xdist has found."""
        given = getattr(node, "workeroutput", {}).get(OUTPUT)
        if given is None:
            self.lost += 1
            return
        for chart, text in pickle.loads(given):  # noqa: S301 - of our own worker
            self._take(chart, Coverage.loads(text))

    # --- the end

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what was found, or put it together, write it and hold it against the minimum."""
        if hasattr(self.config, "workeroutput"):
            told = [(replace(chart), coverage.dumps()) for chart, coverage in self.collector.found()]
            cast("Any", self.config).workeroutput[OUTPUT] = pickle.dumps(told)
            return
        if self.config.option.collectonly:
            return
        for chart, coverage in self.collector.found():
            self._take(chart, coverage)
        for chart in self.named:
            if not any(chart.name == name for name, _, _ in self.found):
                self._take(chart, Coverage.begin(chart))
        self.measured = tuple(Measured.of(chart, self.found[key][1]) for key, (chart, _) in sorted(self.found.items()))
        try:
            self.written = write(self.reports, self.measured)
        except OSError as error:  # what was measured is told all the same
            self.unwritten = f"not written: {error.filename}: {error.strerror}"
        if session.exitstatus == pytest.ExitCode.OK and self._problems():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was covered, what was not, and what falls short."""
        if self.config.option.collectonly:
            return
        terminalreporter.section("chart coverage")
        for line in lines(self.measured, everything=self.config.get_verbosity() > 0):
            terminalreporter.line(line)
        if self.lost:
            terminalreporter.line(
                f"workers that crashed: {self.lost}; what their tests took is missing here", yellow=True
            )
        for name in self.written:
            terminalreporter.line(f"written: {name}")
        for problem in self._problems():
            terminalreporter.line(f"FAIL {problem}", red=True)

    def _problems(self) -> list[str]:
        return [*([self.unwritten] if self.unwritten else []), *self.minimum.problems(self.measured)]

    def _take(self, chart: Chart, coverage: Coverage) -> None:
        key = (chart.name, chart.profile, chart.hash)
        self.found.setdefault(key, (chart, Coverage.begin(chart)))[1].update(coverage)


_BEFORE = "paths to tests stand before the option, or behind --chart-coverage= with nothing behind the sign"


def _loaded(name: str) -> Chart:
    try:
        chart = orderfsm.load(name)
        orderfsm.compile(chart)
    except orderfsm.ChartError as error:
        raise pytest.UsageError(f"--chart-coverage={name}: {error}; {_BEFORE}") from None
    return chart
