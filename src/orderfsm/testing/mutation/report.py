"""What came of mutants: which were noticed, by which tests, and which were not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orderfsm.coverage.goals import tenths

from .witness import unshown

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.testing.send import Attempt

    from .mutant import Mutant

__all__ = ["Outcome", "Report", "Verdict"]


class Outcome(StrEnum):
    """What has become of a mutant.

    A test has failed (killed), a test went on for too long, the tests could not even begin (broken), all tests have
    passed (survived), or all have passed and no attempt was found by which it can be told from the chart (alike).
    """

    KILLED = "killed"
    TIMED_OUT = "timed out"
    BROKEN = "broken"
    SURVIVED = "survived"
    ALIKE = "alike"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What has become of one mutant.

    `by` is the node id of the test that has failed, or what is broken; `told` is the end of what was printed then.
    `asked` is how many tests ask what the mutant does otherwise, `ran` how many have run. A survivor's `witness` is the
    shortest attempt that would tell.
    """

    mutant: Mutant
    outcome: Outcome
    by: str = ""
    told: str = ""
    asked: int = 0
    ran: int = 0
    witness: Attempt | None = None

    def scenario(self) -> str:
        """The witness as an item of the chart's `scenarios:` (YAML); empty when there is none that notices."""
        return "" if self.witness is None or self.unshown else self.witness.scenario(_title(self.witness))

    @property
    def unshown(self) -> str:
        """What the witness shows and its scenario cannot: timers, actions, what is remembered, ids. Else empty."""
        return "" if self.witness is None else unshown(self.witness, self.mutant.chart)

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        mutant = self.mutant
        told = {
            "chart": mutant.original.name,
            "kind": mutant.kind,
            "mutant": mutant.sentence,
            "outcome": str(self.outcome),
            "by": self.by,
            "asked": self.asked,
            "ran": self.ran,
        }
        shown = {"scenario": self.scenario(), "unshown": self.unshown}
        return told | {name: text for name, text in shown.items() if text}


def _title(attempt: Attempt) -> str:
    """What an attempt shows, as the title of a scenario."""
    here = attempt.walk.configuration or "the start"
    if attempt.step is None:
        return f"{attempt.send.event} in {here}: {attempt.blocker}"
    return f"{attempt.send.event} in {here} leads to {attempt.step.after}"


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts on all mutants that were tried, in their order.

    `tests` is how many tests the suite has, `seconds` how long they take without a mutant. `faced` is all when every
    survivor has faced all tests, affected when only those that ask what it does otherwise. `left_out` is how many
    mutants were not tried.
    """

    charts: tuple[Chart, ...]
    verdicts: tuple[Verdict, ...]
    tests: int
    seconds: float
    faced: str = "all"
    left_out: int = 0

    def of(self, *outcomes: Outcome) -> tuple[Verdict, ...]:
        """The verdicts with one of these outcomes."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome in outcomes)

    @property
    def survivors(self) -> tuple[Verdict, ...]:
        """The mutants that no test has noticed, and that one could have noticed."""
        return self.of(Outcome.SURVIVED)

    @property
    def score(self) -> float:
        """How many of 100 mutants were noticed; 100 without any. Those that are alike do not count."""
        counted = len(self.verdicts) - len(self.of(Outcome.ALIKE))
        return 100.0 * (counted - len(self.survivors)) / counted if counted else 100.0

    @property
    def told(self) -> float:
        """The score with one decimal, rounded down: what is told as 100 has no survivors, as 80 is not below 80."""
        return tenths(self.score)

    @property
    def kinds(self) -> dict[str, Counter[Outcome]]:
        """Kind -> how many mutants had which outcome."""
        found: dict[str, Counter[Outcome]] = {}
        for verdict in self.verdicts:
            found.setdefault(verdict.mutant.kind, Counter())[verdict.outcome] += 1
        return found

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "charts": [{"name": chart.name, "hash": chart.hash, "profile": chart.profile} for chart in self.charts],
            "tests": self.tests,
            "seconds": round(self.seconds, 3),
            "faced": self.faced,
            "left_out": self.left_out,
            "score": self.told,
            "outcomes": {str(outcome): len(self.of(outcome)) for outcome in Outcome},
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
        }
