"""How values are shown: in a few words that are safe in a log."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

_SHOWN_LENGTH = 80


def show(value: object) -> str:
    """The value in a few words that are safe in a log: outside text quoted and cut, objects by their type only."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int) and not -(2**200) < value < 2**200:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float, Decimal)):
        return str(value)[:_SHOWN_LENGTH]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return _show_collection(value) if isinstance(value, Collection) else named(value)


def _show_collection(value: Collection[object]) -> str:
    if isinstance(value, (list, tuple)) and len(value) <= 5 and all(_scalar(item) for item in value):
        return "[" + ", ".join(show(item) for item in value) + "]"
    return f"a {type(value).__name__} of {len(value)}"


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, Decimal, date, timedelta))


def quoted(text: str) -> str:
    """The text in quotes, control characters escaped, cut after 80 characters."""
    shown = repr(text[:_SHOWN_LENGTH])
    return shown if len(text) <= _SHOWN_LENGTH else f"{shown}… ({len(text)} characters)"


def named(value: object) -> str:
    """The value by its type alone."""
    return "None" if value is None else f"a value of type {type(value).__name__}"


def why(error: Exception) -> str:
    """What went wrong, in the words of a guard's author."""
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, OverflowError):
        return "the result is too large"
    if isinstance(error, (TypeError, ValueError)):
        return str(error)[:200]
    return type(error).__name__


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, as a question; empty when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
