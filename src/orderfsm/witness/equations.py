"""Equations: where arithmetic is compared, the numbers at which both sides are equal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orderfsm.errors import GuardFailed
from orderfsm.expression import Arithmetic, Compare, Node, Quantifier, Scope, Variable, walk

from .candidates import numbers_in, sizes_in
from .choice import Choice, described
from .survey import Survey, Unknown


def solve(survey: Survey, node: Node) -> None:
    """Where arithmetic is compared, add for each number the value at which both sides are equal (if it is linear)."""
    for below in walk(node):
        if not isinstance(below, Compare) or not any(isinstance(part, Arithmetic) for part in walk(below)):
            continue
        if _variables(below):
            continue  # of each element it has another value
        asked = [unknown for unknown in survey.asked(below) if numbers_in(survey.candidates[unknown])]
        for unknown in asked:
            for given in _givens(survey, asked):
                survey.add(unknown, _root(survey, below, unknown, given))


def _variables(node: Node) -> frozenset[str]:
    """The variables of generators around the node that it reads."""
    if isinstance(node, Variable):
        return frozenset({node.name})
    inside = [_variables(part) for part in node.parts]
    if isinstance(node, Quantifier):
        return inside[0] | (frozenset().union(*inside[1:]) - {node.name})
    return frozenset().union(*inside)


def _givens(survey: Survey, asked: Sequence[Unknown]) -> list[Choice]:
    """What the other numbers may be while one is worked out: their first candidates, one of them changed at a time."""
    givens: list[Choice] = [{}]
    for other in asked:
        givens.extend({other: value} for value in numbers_in(survey.candidates[other])[:6])
    return givens


def _root(survey: Survey, compare: Compare, unknown: Unknown, given: Choice) -> list[object]:
    low = _difference(survey, compare, {**given, unknown: 1})
    high = _difference(survey, compare, {**given, unknown: 2})
    if low is None or high is None or low == high or not math.isfinite(root := 1 + low / (low - high)):
        return []
    whole = math.floor(root)
    near = [whole, whole + 1, whole - 1] if root == whole else [root, whole, whole + 1]
    if unknown.kind == "past":
        return [float(value) for value in near if value >= 0]
    return [*sizes_in(near)] if unknown.kind == "size" else [*near]


def _difference(survey: Survey, compare: Compare, choice: Choice) -> float | None:
    found = described(survey, choice)
    scope = Scope(found.facts, found.active, found.visits)
    try:
        left, right = compare.left.value(scope), compare.right.value(scope)
    except (GuardFailed, AttributeError):  # a generator's variable has no value outside its generator
        return None
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        return None
    return float(left) - float(right)
