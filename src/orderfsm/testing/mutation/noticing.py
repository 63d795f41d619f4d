"""Whether the scenario of an attempt notices a mutant: it passes for the chart, and fails for the mutant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orderfsm import chart, compile
from orderfsm.checks.scenarios import failing
from orderfsm.checks.study import Study
from orderfsm.errors import GuardFailed, MissingGuard
from orderfsm.testing.scenario import FACTS, given, opened, said

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.testing.send import Attempt

__all__ = ["notices"]

UNEXPECTED = (GuardFailed.code, MissingGuard.code)
"""Errors that a scenario cannot expect: they say nothing of the order."""


def notices(attempt: Attempt, mutant: Chart) -> bool:
    """Whether its scenario tells the mutant from the chart of the attempt."""
    if attempt.refused in UNEXPECTED:
        return False
    told = _told(attempt)
    return _passes(attempt.walk.chart, told) and not _passes(mutant, told)


def _passes(chart: Chart, scenario: chart.Scenario) -> bool:
    tried, table = replace(chart, scenarios=(scenario,)), compile(chart)
    object.__setattr__(tried, "_table", table)  # of which scenarios are no part
    return next(failing(Study(tried, table)), None) is None


def _told(attempt: Attempt) -> chart.Scenario:
    """The scenario that is printed of an attempt, as a value."""
    walk, step = attempt.walk, attempt.step
    sends = [*walk.sends, attempt.send]
    steps = walk.steps if step is None else (*walk.steps, step)
    begun = opened(sends, steps)
    told = [said(send) for send in (sends[1:] if begun else sends)]
    return chart.Scenario(
        "",
        codes=() if told or step is None else (str(step.after.code),),
        given=given(walk.chart, sends, steps),
        at=sends[0].now.isoformat() if begun and sends[0].now is not None else None,
        send=tuple(map(_sent, told)),
        then=None if step is None else str(step.after),
        refused=attempt.refused or None,
    )


def _sent(told: dict[str, Any]) -> chart.Send:
    facts = {name: told[name] for name in FACTS if name in told}
    fields = {name: value for name, value in told.items() if name not in FACTS}
    return chart.Send(**fields | {"links": tuple(told.get("links", ()))}, facts=facts)
