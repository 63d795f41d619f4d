"""The plugins of a run of the team's suite: one records what each test asks, one judges a mutant."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orderfsm.chart import START

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from orderfsm import Refused, Step
    from orderfsm.watch import Noting

__all__ = ["Asked", "Judge", "Recorder", "Tested", "arguments_for"]

Asked = tuple[str, str, str, str]
"""What a test has asked: the name and the hash of the chart, the configuration (START for a first step), the event."""

OVERRULED: dict[str, object] = {
    "numprocesses": 0,  # pytest-xdist: its workers would be processes without the mutant
    "dist": "no",
    "distload": False,
    "tx": [],
    "chart_coverage": None,  # our own: it would watch instead of the recorder
    "chart_coverage_report": [],
    "chart_coverage_fail_under": "",
    "randomly_reorganize": False,  # pytest-randomly: the same order and the same numbers for every mutant
    "randomly_seed": 0,
    "xmlpath": None,  # the team's report is of its own runs
    "usepdb": False,
    "no_header": True,  # it reads the metadata of every plugin, and nobody reads it
    "hypothesis_seed": "0",  # the same examples for every mutant
}
"""Options of pytest and of plugins that a run does without, whatever the ini file says."""


def arguments_for(arguments: Collection[str], folder: Path) -> list[str]:
    """The arguments of pytest for a run that keeps its files in a folder."""
    ignored = "ignore::pytest.PytestAssertRewriteWarning"  # of plugins that the process has imported before
    return [*arguments, "-W", ignored, "-o", f"cache_dir={folder / 'cache'}"]


class _Apart:
    """What every run here needs: that it stays in one process, and leaves nothing in the project."""

    def __init__(self, folder: Path) -> None:
        self.overruled = {**OVERRULED, "basetemp": str(folder / "tmp")}

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Know the folder of the cache where the team has left out pytest's cache: what nobody knows is a warning."""
        parser.addini("cache_dir", "The folder of the cache.", default=".pytest_cache")

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, object, object]:
        """Do without pytest-cov, which decides at this point."""
        vars(early_config.known_args_namespace).update(no_cov=True, cov_source=[])
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Overrule options before the plugins read them."""
        for name, value in self.overruled.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        return (yield)


def _name(item: pytest.Item) -> str:
    """What tells a test from others whichever paths pytest was given: its file, and what follows it in the node id."""
    return f"{item.path}::{item.nodeid.partition('::')[2]}"


# --- the baseline


@dataclass(slots=True)
class Tested:
    """One test of the baseline: its node id, its file, how long it took, and what it asked of charts."""

    node: str
    file: str
    seconds: float = 0.0
    asked: frozenset[Asked] = frozenset()


@dataclass(eq=False)
class Recorder(_Apart):
    """Records what each test asks of some charts. What is asked while tests are collected is in `everywhere`."""

    folder: Path
    names: Collection[str]
    tests: dict[str, Tested] = field(default_factory=dict)
    everywhere: set[Asked] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.folder)
        self.now = self.everywhere

    def taken(self, call: Noting, step: Step) -> None:
        """A step was taken."""
        self._note(call)

    def refused(self, call: Noting, error: Refused) -> None:
        """An event was refused."""
        self._note(call)

    def _note(self, call: Noting) -> None:
        chart = call.table.chart
        if chart.name in self.names:
            here = START if call.configuration is None else str(call.configuration)
            event = call.event if call.event in call.table.alphabet else call.table.stand_in(call.event)
            self.now.add((chart.name, chart.hash, here, event or call.event))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note what one test asks, its fixtures included, and how long it takes."""
        self.now, began = set(), time.perf_counter()
        try:
            return (yield)
        finally:
            took = time.perf_counter() - began
            self.tests[_name(item)] = Tested(item.nodeid, str(item.path), took, frozenset(self.now))
            self.now = self.everywhere

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has failed."""
        if report.failed:
            self.failures.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file cannot be collected."""
        if report.failed:
            self.failures.append(report.nodeid)


# --- a mutant


@dataclass(eq=False)
class Judge(_Apart):
    """Runs some tests of the suite, or all but some, until the first one fails.

    `failed` is the node id of that test, `broken` that of what could not be collected. `files` are where `only` are.
    """

    folder: Path
    only: Collection[str] | None = None
    but: Collection[str] = ()
    files: tuple[str, ...] = ()
    failed: str = ""
    broken: str = ""
    ran: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.folder)
        self.overruled["maxfail"] = 1

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Collect no other files than needed."""
        _find_no_smaller_examples()
        if self.only is not None:
            config.args = list(self.files)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the tests that are not wanted."""
        _find_no_smaller_examples()
        config.hook.pytest_deselected(items=[item for item in items if not self._wants(_name(item))])
        items[:] = [item for item in items if self._wants(_name(item))]

    def _wants(self, name: str) -> bool:
        return name not in self.but if self.only is None else name in self.only

    def pytest_runtest_logstart(self) -> None:
        """A test begins."""
        self.ran += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has failed, or an error in its fixtures."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file cannot be collected."""
        if report.failed:
            self.broken = self.broken or report.nodeid or "the tests"


def _find_no_smaller_examples() -> None:
    """Let Hypothesis fail with the first example: nobody reads it, and to shrink it takes longer than to find it.

    Nor does it remember examples: what one mutant has failed with must not meet the next one.
    """
    if "hypothesis" in sys.modules:
        from hypothesis import HealthCheck, Phase, settings

        now = settings()
        changed = settings(
            now,
            phases=tuple(phase for phase in now.phases if phase not in (Phase.shrink, Phase.explain)),
            deadline=None,
            suppress_health_check=(*now.suppress_health_check, HealthCheck.too_slow),  # several run at once
            database=None,
        )
        settings.register_profile("orderfsm-mutation", changed)
        settings.load_profile("orderfsm-mutation")
