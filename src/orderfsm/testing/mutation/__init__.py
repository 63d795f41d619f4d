"""Mutation: charts changed in one place each, held against a team's own tests. What no test notices is what none asks.

`mutants(chart)` makes the charts, `mutate(charts)` runs the suite of the working directory on them. A survivor comes
with the shortest life that would have told it from the chart.
"""

from __future__ import annotations

from .changes import KINDS
from .drawing import draw
from .mutant import Mutant, mutants
from .pool import NoBaseline
from .report import Outcome, Report, Verdict
from .run import mutate

__all__ = ["KINDS", "Mutant", "NoBaseline", "Outcome", "Report", "Verdict", "draw", "mutants", "mutate"]
