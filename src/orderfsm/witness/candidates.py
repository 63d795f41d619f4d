"""Values worth trying: constants, what lies just beside them, and what lies between."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

NOW = datetime(2024, 1, 1, tzinfo=UTC)
"""What `now` is unless an expression compares it with a timestamp."""
_SECOND = timedelta(seconds=1)
_SIZE_LIMIT = 200


def neighbours(constant: object) -> tuple[object, ...]:
    """The constant and the values just beside it."""
    if isinstance(constant, bool):
        return (constant, not constant)
    if isinstance(constant, (int, float)):
        return (constant, constant + 1, constant - 1)
    if isinstance(constant, str):
        return (constant, constant + "x", "")
    if isinstance(constant, (datetime, timedelta)):
        return moments(constant)
    if isinstance(constant, (list, tuple)):
        return (*(near for item in constant for near in neighbours(item)), constant)
    return (constant,)


def moments(constant: datetime | timedelta) -> tuple[object, ...]:
    """The time and those one second off, where there are such."""
    try:
        return (constant, constant + _SECOND, constant - _SECOND)
    except OverflowError:
        return (constant,)


def spans() -> tuple[timedelta, ...]:
    """Durations worth trying where none is named."""
    return timedelta(days=1), timedelta(days=2), timedelta()


def unlike(constants: Iterable[object]) -> object:
    """A value of the same kind that is none of the constants."""
    strings = [constant for constant in constants if isinstance(constant, str)]
    return max(strings) + "x" if strings else 1_000_003


def numbers_in(values: Iterable[object]) -> list[int | float]:
    """The finite numbers among the values."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return [number for number in numbers if math.isfinite(number)]


def sizes_in(values: Iterable[object]) -> list[int]:
    """The numbers that a list's size may be tried with."""
    return [number for number in numbers_in(values) if isinstance(number, int) and 0 <= number <= _SIZE_LIMIT]


def spelt(value: object) -> object:
    """The value as a payload would spell it."""
    if isinstance(value, timedelta):
        return f"PT{value // _SECOND}S" if value >= timedelta() else "PT0S"
    return value.isoformat() if isinstance(value, date) else value


def midpoints(values: Sequence[object]) -> list[object]:
    """The midpoints of neighbouring numbers, where there is room."""
    numbers = sorted(set(numbers_in(values)))
    return [(low + high) / 2 for low, high in pairwise(numbers) if high - low <= 1 and low < (low + high) / 2 < high]
