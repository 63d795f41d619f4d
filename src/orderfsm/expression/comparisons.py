"""Nodes that compare: one comparison, chains of them, memberships and `is None`."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from orderfsm.errors import GuardFailed

from .node import Condition, Node
from .scope import Scope
from .shown import named, show, why

_TESTS: dict[str, Callable[[Any, Any], object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Compare(Condition):
    """One comparison by == != < <= > >=. `sure` is the answer that needs no second look."""

    left: Node
    symbol: str
    right: Node
    test: Callable[[Any, Any], object]
    sure: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, scope: Scope) -> bool:
        left = self.left.value(scope)
        right = self.right.value(scope)
        try:
            answer = self.test(left, right)
        except Exception as error:
            raise GuardFailed(f"{self.text}: {why(error)}") from error
        if answer is self.sure:
            return self.sure
        return _examined(answer, left, right, self.text)

    truth = value


class Chain(Condition):
    """A membership, an `is None`, or comparisons chained as Python chains them: `0 < payload.count <= 10`."""

    operands: tuple[Node, ...]
    symbols: tuple[str, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.operands

    def value(self, scope: Scope) -> bool:
        left = self.operands[0].value(scope)
        for symbol, operand in zip(self.symbols, self.operands[1:], strict=True):
            right = operand.value(scope)
            if not _holds(symbol, left, right, scope, self.text):
                return False
            left = right
        return True


def comparison(text: str, operands: tuple[Node, ...], symbols: tuple[str, ...]) -> Compare | Chain:
    """The node of one comparison, or of several in a row: `symbols` stand between the operands."""
    symbol = symbols[0]
    if len(symbols) > 1 or symbol not in _TESTS:
        return Chain(text, operands, symbols)
    return Compare(text, operands[0], symbol, operands[1], _TESTS[symbol], symbol != "!=")


def _holds(symbol: str, left: object, right: object, scope: Scope, text: str) -> bool:
    """One link of a chain."""
    if symbol in ("is None", "is not None"):
        return (left is None) is (symbol == "is None")
    if symbol in ("in", "not in"):
        return _contains(left, right, scope, text) is (symbol == "in")
    try:
        answer = _TESTS[symbol](left, right)
    except Exception as error:
        raise GuardFailed(f"{text}: {why(error)}") from error
    return _examined(answer, left, right, text)


def _contains(item: object, group: object, scope: Scope, text: str) -> bool:
    if not isinstance(group, Collection):
        raise GuardFailed(f"{text}: {show(group)} holds nothing that could be looked for")
    if isinstance(group, (str, Sequence)):
        scope.charge(len(group) // (64 if isinstance(group, str) else 8), text)
    try:
        answer = item in group
    except Exception as error:
        raise GuardFailed(f"{text}: {why(error)}") from error
    if not answer:
        others = group if isinstance(item, date) and isinstance(group, (list, tuple)) else (None,)
        for other in others:
            _examined(False, item, other, text)
    return answer


def _examined(answer: object, left: object, right: object, text: str) -> bool:
    """The answer of a comparison, unless it only looks like one: no bool, not-a-number, naive against aware."""
    if not isinstance(answer, bool):
        raise GuardFailed(f"{text}: the comparison gave {named(answer)}, which is neither true nor false")
    if isinstance(left, date) and isinstance(right, date):
        _same_clock(left, right, text)
    for operand in (left, right):
        if isinstance(operand, (float, Decimal)) and _not_a_number(operand):
            raise GuardFailed(f"{text}: compares with something that is not a number (NaN)")
    return answer


def _not_a_number(value: float | Decimal) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else math.isnan(value)


def _same_clock(left: date, right: date, text: str) -> None:
    if not (isinstance(left, datetime) and isinstance(right, datetime)):
        if isinstance(left, datetime) or isinstance(right, datetime):
            raise GuardFailed(f"{text}: compares a date with a datetime")
        return
    if (left.utcoffset() is None) is not (right.utcoffset() is None):
        raise GuardFailed(f"{text}: compares a datetime that has an offset from UTC with one that has none")
