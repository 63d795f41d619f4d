"""Nodes that work out quantities: arithmetic, sizes, and facts read as times."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from orderfsm.errors import GuardFailed

from .node import Node, Quantity
from .scope import Scope
from .shown import show, why

INTEGER_LIMIT = 2**63
_AMOUNTS = (int, float, Decimal, date, timedelta)
_PLAIN = frozenset({int, float, Decimal, datetime, date, timedelta})


class Arithmetic(Quantity):
    """One of + - * / // % on numbers, dates, times and durations."""

    left: Node
    symbol: str
    right: Node
    apply: Callable[[Any, Any], object]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, scope: Scope) -> object:
        left, right = self.left.value(scope), self.right.value(scope)
        if left.__class__ not in _PLAIN or right.__class__ not in _PLAIN:
            _amount(left, self.left.text, self.text)
            _amount(right, self.right.text, self.text)
        try:
            answer = self.apply(left, right)
        except Exception as error:
            raise GuardFailed(f"{self.text}: {why(error)}") from error
        return _bounded(answer, self.text)


class Negative(Quantity):
    """A number or duration with its sign turned."""

    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)

    def value(self, scope: Scope) -> object:
        amount: Any = self.operand.value(scope)
        _amount(amount, self.operand.text, self.text)
        try:
            return _bounded(-amount, self.text)
        except TypeError as error:
            raise GuardFailed(f"{self.text}: {why(error)}") from error


class Size(Quantity):
    """The number of elements, keys or characters: `size(payload.assets)`."""

    operand: Node
    told = True

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)

    def value(self, scope: Scope) -> object:
        found = self.operand.value(scope)
        if not isinstance(found, Collection):
            raise GuardFailed(f"{self.text}: {self.operand.text} is {show(found)}, which has no size")
        return len(found)


class Converted(Quantity):
    """A fact read as a duration or a timestamp."""

    operand: Node
    convert: Callable[[object], object]
    told = True

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)

    def value(self, scope: Scope) -> object:
        try:
            return self.convert(self.operand.value(scope))
        except ValueError as error:
            raise GuardFailed(f"{self.text}: {why(error)}") from error


def _amount(value: object, operand: str, text: str) -> None:
    if not is_amount(value):
        raise GuardFailed(f"{text}: {operand} is {show(value)}; arithmetic takes numbers, times and durations only")


def is_amount(value: object) -> bool:
    """Whether arithmetic takes the value: a number, a time or a duration."""
    return isinstance(value, _AMOUNTS) and not isinstance(value, bool)


def _finite(value: object) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, float) or math.isfinite(value)


def _bounded(answer: object, text: str) -> object:
    if isinstance(answer, int) and not -INTEGER_LIMIT < answer < INTEGER_LIMIT:
        raise GuardFailed(f"{text}: the result is too large")
    if not _finite(answer):
        raise GuardFailed(f"{text}: the result is not a finite number")
    return answer
