"""A choice among candidates, and the witness that it describes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from orderfsm.errors import GuardFailed
from orderfsm.expression import Expression, Origin, Scope, Visit

from .candidates import NOW
from .survey import STRUCTURE, Goal, Shape, Survey, Unknown

Choice: TypeAlias = dict[Unknown, object]
"""What was chosen so far."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Facts, active states and a past that together give expressions their wanted answers.

    `was` says for each state asked about whether the order was ever in it, `days_since` how many days ago it was
    entered.
    """

    facts: dict[str, object]
    was: dict[str, bool]
    days_since: dict[str, float]
    active: frozenset[str]

    def evaluate(self, expression: Expression) -> bool:
        """The expression's answer under this witness. Raises GuardFailed."""
        return expression.evaluate(self.facts, active=self.active, visits=self.visits)

    def visits(self) -> tuple[Visit, ...]:
        """A past that fits: the order's stays, oldest first, the current one last."""
        now = self.facts.get("now")
        entered = _entries(self.days_since, now if isinstance(now, datetime) else NOW)
        stays: list[Visit] = []
        for moment in sorted(set(entered.values())):
            names = {state for state, at in entered.items() if at == moment or (at < moment and state in self.active)}
            stays.append((moment, frozenset(names)))
        if not stays or stays[-1][1] != self.active:
            stays.append((now if isinstance(now, datetime) else NOW, self.active))
        return tuple(stays)


def _entries(days: dict[str, float], now: datetime) -> dict[str, datetime]:
    return {state: now - timedelta(days=ago) for state, ago in days.items()}


def described(survey: Survey, choice: Choice) -> Witness:
    """The witness that a choice describes; what is not chosen yet is its first candidate."""
    facts = {root: _value(survey, shape, (root,), choice) for root, shape in survey.roots.items()}
    facts.setdefault("now", NOW)
    chosen = {u: _chosen(survey, u, choice) for u in survey.candidates if u.kind in ("active", "past")}
    active = survey.active
    if active is None:
        active = frozenset(str(u.origin[0]) for u, value in chosen.items() if u.kind == "active" and value)
    past = {str(u.origin[0]): value for u, value in chosen.items() if u.kind == "past"}
    days = {state: ago for state, ago in past.items() if isinstance(ago, float)}
    days |= {state: 1.0 for state in active if state not in days}
    return Witness(facts, {state: state in days for state in past}, days, active)


def _chosen(survey: Survey, unknown: Unknown, choice: Choice) -> object:
    return choice[unknown] if unknown in choice else survey.candidates[unknown][0]


def _value(survey: Survey, shape: Shape, origin: Origin, choice: Choice) -> object:
    unknown = Unknown("value", origin)
    value = _chosen(survey, unknown, choice) if unknown in survey.candidates else STRUCTURE
    if value is not STRUCTURE:
        return value
    if shape.fields or shape.element is None:
        return _mapping(survey, shape, origin, choice)
    size = _chosen(survey, Unknown("size", origin), choice)
    places = range(size if isinstance(size, int) else 0)
    return [_value(survey, shape.element, (*origin, min(place, 1)), choice) for place in places]


def _mapping(survey: Survey, shape: Shape, origin: Origin, choice: Choice) -> dict[str, object]:
    keys = {name: Unknown("key", (*origin, name)) for name in shape.fields}
    there = [name for name, key in keys.items() if key not in survey.candidates or _chosen(survey, key, choice)]
    return {name: _value(survey, shape.fields[name], (*origin, name), choice) for name in there}


def satisfies(found: Witness, goal: Goal) -> bool:
    """Whether the node has the wanted answer; an error is none."""
    node, wanted = goal
    try:
        return node.truth(Scope(found.facts, found.active, found.visits)) is wanted
    except GuardFailed:
        return False
