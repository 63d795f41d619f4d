"""Answers about a team's own tests: which mutants of its charts they notice."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orderfsm.printable import printable
from orderfsm.testing.mutation import KINDS, NoBaseline, Outcome, draw
from orderfsm.testing.mutation import mutate as tried

from .answer import Answer, Grid, Heading, Misused, Verbatim
from .charts import open_chart
from .files import write
from .watching import told_to_stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm.chart import Chart
    from orderfsm.testing.mutation import Report, Verdict

    from .answer import Block

__all__ = ["Trial", "mutate"]

ENDED = 128 + signal.SIGTERM
"""The exit code of a command that this signal has ended, as shells tell it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How mutants are tried: the options of the command, as they were given."""

    charts: Sequence[str]
    arguments: Sequence[str]
    profile: str
    kinds: str | None
    jobs: int | None
    faced: str
    sample: int | None
    least: float | None
    output: str | None


def mutate(trial: Trial) -> Answer:
    """The score of the tests here, and the mutants that they have not noticed."""
    if trial.output is not None and Path(trial.output).suffix != ".svg":
        raise Misused(f"--output {trial.output}: its name has to end in .svg")
    charts = [open_chart(name, trial.profile) for name in trial.charts]
    report = _tried(charts, trial)
    written = list(_drawn(report, trial.output)) if trial.output else []
    short = trial.least is not None and report.score < trial.least
    blocks: list[Block] = [*_blocks(report), *(f"written: {name}" for name in written)]
    blocks += [f"FAIL {report.told} % is less than {trial.least:g} %"] if short else []
    return Answer(report.as_dict() | {"written": written}, blocks, int(short))


def _tried(charts: Sequence[Chart], trial: Trial) -> Report:
    """The report; what pytest says when nothing can be tried goes to the error output.

    SIGTERM ends it as Ctrl-C does: what it has started, and written, goes with it.
    """
    try:
        with told_to_stop(lambda: sys.exit(ENDED), by=[signal.SIGTERM]):
            return tried(
                charts,
                trial.arguments,
                kinds=_kinds(trial.kinds),
                jobs=trial.jobs,
                faced=trial.faced,
                sample=trial.sample,
                told=_Progress() if sys.stderr.isatty() else None,
            )
    except NoBaseline as error:
        sys.stderr.write("".join(f"{printable(line)}\n" for line in error.told.splitlines()))
        raise


def _kinds(given: str | None) -> tuple[str, ...]:
    wanted = tuple(KINDS) if given is None else tuple(kind.strip() for kind in given.split(",") if kind.strip())
    if not wanted:
        raise Misused(f"--kinds names none; choose from {', '.join(KINDS)}")
    for kind in wanted:
        if kind not in KINDS:
            raise Misused(f"--kinds {kind}: there is no such kind; choose from {', '.join(KINDS)}")
    return wanted


class _Progress:
    """A line on the error output that counts."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()

    def __call__(self, verdict: Verdict, many: int) -> None:
        self.outcomes[verdict.outcome] += 1
        tried, survived = self.outcomes.total(), self.outcomes[Outcome.SURVIVED]
        sys.stderr.write(f"\r{tried} of {many} mutants, {survived} survived" + ("\n" if tried == many else ""))
        sys.stderr.flush()


def _drawn(report: Report, output: str) -> Iterator[str]:
    """The names of the drawings that were written: one, or of several charts one each."""
    path = Path(output)
    for chart in report.charts:
        target = path if len(report.charts) == 1 else path.with_stem(f"{path.stem}-{chart.name.replace('/', '-')}")
        write(target, draw(report, chart).encode())
        yield str(target)


# --- for people


def _blocks(report: Report) -> Iterator[Block]:
    yield Heading(f"{len(report.verdicts)} mutants, {report.tests} tests: {report.told} % noticed")
    yield _grid(report)
    if report.faced != "all":
        yield "survivors have faced only the tests that ask what they do otherwise"
    if report.left_out:
        yield f"a sample: {report.left_out} mutants were not tried"
    yield from _broken(report)
    if report.survivors:
        yield Heading("Survived")
        yield from _survivors(report)
    alike = report.of(Outcome.ALIKE)
    if alike:
        yield Heading("Survived, and nothing was found by which they differ from the chart (not counted)")
        yield from (f"  {verdict.mutant}" for verdict in alike)


def _grid(report: Report) -> Grid:
    rows = [_row(kind, outcomes) for kind, outcomes in report.kinds.items()]
    every: Counter[Outcome] = sum(report.kinds.values(), Counter())
    return Grid(("kind", "mutants", *map(str, Outcome)), [*rows, _row("all", every)])


def _row(name: str, outcomes: Counter[Outcome]) -> list[str]:
    return [name, str(outcomes.total()), *(str(outcomes[outcome] or "") for outcome in Outcome)]


def _broken(report: Report) -> Iterator[Block]:
    """What could not begin is told: it may be the run, and not the tests, that does not bear a mutant."""
    broken = report.of(Outcome.BROKEN)
    for by, many in Counter(verdict.by for verdict in broken).items():
        yield f"{many} mutants broke {by}: it counts as noticed"


def _survivors(report: Report) -> Iterator[Block]:
    """The survivors, those together that one scenario would notice, above that."""
    noticed: dict[str, list[Verdict]] = {}
    for verdict in report.survivors:
        noticed.setdefault(verdict.scenario() or f"{verdict.unshown}; no scenario shows that", []).append(verdict)
    for shown, verdicts in noticed.items():
        yield from (f"{verdict.mutant}{_asked(verdict.asked)}" for verdict in verdicts)
        yield Verbatim("".join(f"  {line}\n" for line in shown.splitlines()))


def _asked(tests: int) -> str:
    if not tests:
        return "; no test asks for it"
    return "; 1 test asks for it and does not notice" if tests == 1 else f"; {tests} tests ask for it, none notices"
