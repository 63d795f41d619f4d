"""Failures and cancellations that nobody has to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.chart import START, Category, Kind

from .study import arrow_path
from .timers import automatic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.cell import Step
    from orderfsm.finding import Finding

    from .study import Study

__all__ = ["unexplained"]

NEGATIVE = (Category.FAILED, Category.CANCELLED)


def unexplained(study: Study) -> Iterator[Finding]:
    """Arrows into failed or cancelled final states without any reason rule, in a chart that has reason codes.

    Events that come by themselves (timers, raised events, the roll-up's) say why by their name and are left out.
    """
    if not study.chart.reasons.codes:
        return
    by_themselves, told = automatic(study), set()
    for step in study.edges:
        end = _negative_end(study, step)
        if end is None or _ruled(study, step) or step.event in by_themselves:
            continue
        taken = step.transitions[0] if step.transitions else None
        at = taken.position if taken else study.chart.by_name[end].position
        written = (step.event, end, at if at.line else id(taken))
        if written not in told:
            told.add(written)
            said = f"{step.event} leads from {step.before or START} to {end} without any reason rule"
            path = arrow_path(taken) if taken else f"states.{end}"
            fix = f"add a reason rule to {step.event} or to {end}; `reason: optional` will do where none is wanted"
            witness = study.run_through(step)
            yield study.finding("negative-without-reason", said, at=at, path=path, witness=witness, fix=fix)


def _negative_end(study: Study, step: Step) -> str | None:
    """The failed or cancelled final state that a step enters."""
    for name in step.entered:
        if study.chart.by_name[name].kind is Kind.FINAL and study.chart.category_of(name) in NEGATIVE:
            return name
    return None


def _ruled(study: Study, step: Step) -> bool:
    """Whether an arrow taken or a state entered has a reason rule of its own, be it `reason: optional`."""
    rules = [transition.reason for transition in step.transitions]
    rules += [study.chart.by_name[name].reason for name in step.entered]
    return any(rule.said for rule in rules)
