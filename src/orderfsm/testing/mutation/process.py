"""What runs in processes of its own: the baseline, and the suite with a mutant."""

from __future__ import annotations

import atexit
import os
import shutil
import site
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import orderfsm
from orderfsm.watch import watching

from .plugins import Asked, Judge, Recorder, Tested, arguments_for
from .substitution import Key, substituting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm import Chart

__all__ = ["CUT_SHORT", "Answer", "Baseline", "Job", "Probe"]

CUT_SHORT = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)
"""How pytest exits when it has not run all tests, though none has failed."""


@dataclass(frozen=True)
class Baseline:
    """What the suite does without a mutant: its tests by name, in their order; which charts it has read.

    `modules` are those that were imported and belong to neither the team nor to a test, in the order in which they
    were. `startup` is what a run takes beside its tests, in seconds.
    """

    tests: Mapping[str, Tested]
    everywhere: frozenset[Asked]
    failures: tuple[str, ...]
    read: frozenset[Key]
    modules: tuple[str, ...]
    startup: float
    code: int


@dataclass(frozen=True)
class Probe:
    """A run of the whole suite, without a mutant."""

    arguments: tuple[str, ...]
    names: frozenset[str]
    folder: str

    def run(self) -> Baseline:
        """Run it in this process."""
        began, recorder = time.perf_counter(), Recorder(Path(self.folder), self.names)
        recorder.folder.mkdir()
        _keep_from_the_project(recorder.folder.parent)
        with substituting({}) as read, watching(recorder):
            code = pytest.main(arguments_for(self.arguments, recorder.folder), plugins=[recorder])
        took = time.perf_counter() - began
        return Baseline(
            recorder.tests,
            frozenset(recorder.everywhere),
            tuple(dict.fromkeys(recorder.failures)),
            frozenset(read),
            tuple(_libraries()),
            max(took - sum(test.seconds for test in recorder.tests.values()), 0.0),
            int(code),
        )


def _keep_from_the_project(folder: Path) -> None:
    """Let Hypothesis keep what it keeps elsewhere; all runs share it, for what it has read of the sources is there."""
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")


def _libraries() -> Iterator[str]:
    """The imported modules that are nobody's tests and nobody's service: Python's, installed packages, orderfsm."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages(), str(Path(orderfsm.__file__).parent)]
    roots = tuple(f"{Path(folder)}{os.sep}" for folder in folders)
    for name, module in list(sys.modules.items()):
        file = getattr(getattr(module, "__spec__", None), "origin", None)
        if file and str(file).startswith(roots) and name != "__main__":
            yield name


@dataclass(frozen=True)
class Answer:
    """How a run with a mutant ended: `outcome` is passed, failed, broken (it cannot even begin), timed out, or lost.

    What is lost says nothing of the mutant: there was no room for the run's own files, say; `by` is the error.

    `by` is the test that has failed, or what is broken; `ran` is how many tests have run, `told` the
    end of the output unless they have passed.
    """

    outcome: str
    by: str = ""
    ran: int = 0
    told: str = ""


@dataclass(frozen=True)
class Job:
    """A run of some tests (`only`, which are in `files`), or of all but some, with mutants in the place of charts.

    It keeps its own files below `folder`, and may take `seconds`.
    """

    charts: Mapping[Key, Chart]
    arguments: tuple[str, ...]
    only: frozenset[str] | None
    but: frozenset[str]
    files: tuple[str, ...]
    seconds: float
    folder: str

    def run(self) -> Answer:
        """Run it in this process, which has imported nothing of the team's yet."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        _keep_from_the_project(Path(self.folder))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # last: servers that tests leave running end before
        judge = Judge(folder, self.only, self.but, self.files)
        with substituting(self.charts):
            code = pytest.main(arguments_for(self.arguments, folder), plugins=[judge])
        if judge.failed:
            return Answer("failed", judge.failed, judge.ran)
        if judge.broken or code in CUT_SHORT:
            return Answer("broken", judge.broken or f"pytest, which exits with {int(code)}", judge.ran)
        return Answer("passed", "", judge.ran)
