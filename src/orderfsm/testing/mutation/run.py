"""The run: the suite without a mutant, then each mutant before the tests that ask what it does otherwise, then all."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from .changes import KINDS
from .forks import Attended
from .mutant import mutants
from .pool import NoBaseline, asked, pool, printed
from .process import CUT_SHORT, Job, Probe
from .report import Outcome, Report, Verdict
from .substitution import key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orderfsm import Chart

    from .mutant import Mutant
    from .pool import Ask
    from .process import Answer, Baseline
    from .substitution import Key

__all__ = ["mutate"]

PATIENCE = 5.0
"""How many times as long as without a mutant the tests may take, with a second to begin."""

BRIEF = 0.3
"""Seconds: tests that take no longer are run together with those before them, for pytest takes as long to begin."""

OUTCOMES = {"failed": Outcome.KILLED, "timed out": Outcome.TIMED_OUT, "broken": Outcome.BROKEN}


def mutate(
    charts: Chart | Sequence[Chart],
    arguments: Sequence[str] = (),
    *,
    kinds: Iterable[str] = tuple(KINDS),
    jobs: int | None = None,
    faced: str = "all",
    sample: int | None = None,
    patience: float = PATIENCE,
    told: Callable[[Verdict, int], None] | None = None,
) -> Report:
    """Run the tests of the working directory on mutants of the charts, with these arguments of pytest.

    `jobs` mutants are tried at once; by default as many as there are processors. `faced` is all, or affected: then a
    survivor has faced only the tests that ask what it does otherwise. `sample` is how many mutants are tried, evenly
    chosen; by default all. `told` gets each verdict as it comes, in order, and how many there will be.

    Raises NoBaseline when the tests fail without a mutant or do not read the charts, ValueError for a chart that was
    not read from a document.
    """
    given = charts if isinstance(charts, (list, tuple)) else (charts,)
    every = tuple({key(chart): chart for chart in given}.values())
    _verify(every, faced)
    found = list(chain.from_iterable(mutants(chart, kinds=kinds) for chart in every))
    chosen = found if sample is None else _evenly(found, sample)
    with tempfile.TemporaryDirectory(prefix="orderfsm-mutate-") as folder:
        baseline = _baseline(every, tuple(arguments), Path(folder))
        trial = _Trial(baseline, tuple(arguments), faced, patience, folder)
        verdicts: list[Verdict] = []
        for verdict in trial.verdicts(chosen, jobs or os.cpu_count() or 1):
            verdicts.append(verdict)
            if told is not None:
                told(verdict, len(chosen))
    took = sum(test.seconds for test in baseline.tests.values())
    return Report(every, tuple(verdicts), len(baseline.tests), took, faced, len(found) - len(chosen))


def _verify(charts: Sequence[Chart], faced: str) -> None:
    for chart in charts:
        if not chart.hash:
            raise ValueError(f"{chart.name} was not read from a document, so that no mutant can take its place")
    if faced not in ("all", "affected"):
        raise ValueError(f"faced is all or affected, not {faced!r}")


def _evenly(found: list[Mutant], many: int) -> list[Mutant]:
    if many < 1:
        raise ValueError(f"sample is {many}; try one mutant at least")
    return found if many >= len(found) else [found[place * len(found) // many] for place in range(many)]


def _witnessed(verdict: Verdict) -> Verdict:
    """A survivor with what would tell it from its chart; without such a thing, it is alike."""
    if verdict.outcome is not Outcome.SURVIVED:
        return verdict
    witness = verdict.mutant.witness()
    return replace(verdict, witness=witness) if witness is not None else replace(verdict, outcome=Outcome.ALIKE)


# --- without a mutant


def _baseline(charts: Sequence[Chart], arguments: tuple[str, ...], folder: Path) -> Baseline:
    probe = Probe(arguments, frozenset(chart.name for chart in charts), str(folder / "baseline"))
    found: Baseline = asked(Attended(probe) if hasattr(os, "fork") else probe, folder)
    command = " ".join(["pytest", *arguments])
    if found.failures:
        more = f" and {len(found.failures) - 5} more" if len(found.failures) > 5 else ""
        raise NoBaseline(
            f"without a mutant the tests fail already: {', '.join(found.failures[:5])}{more}; "
            f"`{command}` has to pass before it can tell anything of mutants",
            printed(folder),
        )
    if found.tests and found.code in CUT_SHORT:
        raise NoBaseline(f"without a mutant `{command}` is cut short; it exits with {found.code}", printed(folder))
    if not found.tests:
        said = f"`{command}` runs no test here (it exits with {found.code}); say behind -- where they are"
        raise NoBaseline(said, printed(folder))
    for chart in charts:
        _verify_read(chart, found)
    return found


def _verify_read(chart: Chart, baseline: Baseline) -> None:
    """Raise NoBaseline for a chart that the tests do not read: nothing could take its place."""
    profiles = sorted(profile for *document, profile in baseline.read if tuple(document) == key(chart)[:2])
    if chart.profile in profiles:
        return
    if profiles:
        raise NoBaseline(
            f"the tests read {chart.name} under the profile {profiles[0]}, not under {chart.profile}; "
            f"say --profile {profiles[0]}"
        )
    names = sorted({name for name, _, _ in baseline.read})
    other = "with another content" if chart.name in names else f"but {', '.join(names) or 'no chart at all'}"
    raise NoBaseline(
        f"the tests do not read {chart.name} as {chart.filename} has it, {other}; name the file that they read"
    )


# --- with mutants


@dataclass(frozen=True)
class _Trial:
    """How mutants are tried."""

    baseline: Baseline
    arguments: tuple[str, ...]
    faced: str
    patience: float
    folder: str

    def verdicts(self, chosen: Sequence[Mutant], jobs: int) -> Iterator[Verdict]:
        """What becomes of mutants, in their order; so many are tried at once."""
        if not chosen:
            return
        keys, jobs = frozenset(key(mutant.original) for mutant in chosen), min(jobs, len(chosen))
        with ThreadPoolExecutor(jobs) as threads, pool(self.baseline, keys, jobs, Path(self.folder)) as ask:
            self._verify(list(threads.map(ask, [self._control(chosen)] * jobs)))
            waiting = [threads.submit(self.verdict, mutant, ask) for mutant in chosen]
            yield from (_witnessed(each.result()) for each in waiting)

    def _control(self, chosen: Sequence[Mutant]) -> Job:
        """All tests, with every chart in its own place, and time enough."""
        charts = {key(mutant.original): replace(mutant.original) for mutant in chosen}
        patient = replace(self, patience=max(self.patience, PATIENCE))
        return patient._others(charts, frozenset(), frozenset(self.baseline.tests))

    def _verify(self, answers: Sequence[Answer]) -> None:
        """Raise NoBaseline where tests that pass by themselves do not when they run as they do with mutants."""
        for answer in answers:
            if answer.outcome != "passed":
                again = f"{len(answers)} times at once" if len(answers) > 1 else "again"
                remedy = "; try --jobs 1" if len(answers) > 1 else ""
                raise NoBaseline(
                    f"without a mutant the tests pass once, but not {again}: {answer.by or answer.outcome}. Something "
                    "is left over or shared (a file, a database, a port), they pass by chance, or they need another "
                    f"order of imports{remedy}",
                    answer.told,
                )

    def verdict(self, mutant: Mutant, ask: Ask) -> Verdict:
        """What becomes of a mutant; a survivor's witness is not looked for yet."""
        asking = frozenset(self._asking(mutant))
        ran = 0
        for job in self._jobs(mutant, asking):
            answer = ask(job)
            ran += answer.ran
            if answer.outcome != "passed":
                return Verdict(mutant, OUTCOMES[answer.outcome], answer.by, answer.told, len(asking), ran)
        return Verdict(mutant, Outcome.SURVIVED, asked=len(asking), ran=ran)

    def _asking(self, mutant: Mutant) -> Iterator[str]:
        """The tests that ask what the mutant does otherwise; all of them where collecting them asks it already."""
        chart = mutant.original
        wanted = {(chart.name, chart.hash, *cell) for cell in mutant.cells}
        if wanted & self.baseline.everywhere:
            yield from self.baseline.tests
        else:
            yield from (name for name, test in self.baseline.tests.items() if not wanted.isdisjoint(test.asked))

    def _jobs(self, mutant: Mutant, asking: frozenset[str]) -> Iterator[Job]:
        """First the tests that ask; then the others, in one go with these where that takes less than to begin again."""
        charts, tests = {key(mutant.original): replace(mutant.chart)}, self.baseline.tests  # without its table
        rest = frozenset(tests) - asking if self.faced == "all" else frozenset()
        if rest and self._took(rest) < BRIEF:
            asking, rest = frozenset(), frozenset(tests)
        if asking:
            files = tuple(dict.fromkeys(test.file for name, test in tests.items() if name in asking))
            yield Job(charts, self.arguments, asking, frozenset(), files, self._allowed(asking), self.folder)
        if rest:
            yield self._others(charts, asking, rest)

    def _others(self, charts: Mapping[Key, Chart], but: frozenset[str], rest: frozenset[str]) -> Job:
        """A run of all tests but some."""
        return Job(charts, self.arguments, None, but, (), self._allowed(rest), self.folder)

    def _took(self, names: frozenset[str]) -> float:
        return sum(self.baseline.tests[name].seconds for name in names)

    def _allowed(self, names: frozenset[str]) -> float:
        return self.patience * (1.0 + self.baseline.startup + self._took(names))
