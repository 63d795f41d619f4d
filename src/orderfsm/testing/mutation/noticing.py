"""Whether the scenario of an attempt notices a mutant: it passes for the chart, and fails for the mutant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orderfsm import Actor, Reason, chart, compile
from orderfsm.checks.scenarios import failing
from orderfsm.checks.study import Study
from orderfsm.errors import GuardFailed, MissingGuard

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.testing.send import Attempt, Send

__all__ = ["notices"]

UNEXPECTED = (GuardFailed.code, MissingGuard.code)
"""Errors that a scenario cannot expect: they say nothing of the order."""

KINDS: dict[str, Any] = {"order": Mapping, "items": list}
"""The facts that a scenario has a field for, and what they have to be."""


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
    """The scenario, which begins with an order that is open and leaves out what it has no words for."""
    sends = [*attempt.walk.sends, attempt.send]
    step = attempt.step
    begins = bool(attempt.walk.steps or step) and sends[0].event == chart.OPEN
    told = tuple(map(_sent, sends[1:] if begins else sends))
    return chart.Scenario(
        "",
        codes=() if told or step is None else (str(step.after.code),),
        at=sends[0].now.isoformat() if begins and sends[0].now is not None else None,
        send=told,
        then=None if step is None else str(step.after),
        refused=attempt.refused or None,
    )


def _sent(send: Send) -> chart.Send:
    actor, reason = send.actor, send.reason
    return chart.Send(
        send.event,
        actor=(actor.role if isinstance(actor, Actor) else actor) or None,
        reason=reason.code or reason.text if isinstance(reason, Reason) else reason,
        links=tuple(link.rel for link in send.links),
        payload=send.payload,
        facts={name: value for name, value in (send.facts or {}).items() if isinstance(value, KINDS.get(name, ()))},
        now=send.now.isoformat() if send.now is not None else None,
        guards=send.guards,
    )
