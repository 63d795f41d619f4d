"""Durations (ISO 8601) and timestamps (RFC 3339), read from text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from .shown import named, quoted

# Patterns, not compiled ones: most that import this module read no time. `re` keeps what it has compiled.
_NUMBER = r"([0-9]{1,12}(?:[.,][0-9]{1,9})?)"
_DURATION = rf"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
_CALENDAR = r"P[0-9.,WD]*[0-9][YM]"
_TIMESTAMP = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,12})?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)


def parse_duration(text: str) -> timedelta:
    """The ISO 8601 duration as a timedelta: weeks, days, hours, minutes and seconds, e.g. `P14D`, `PT1H30M`.

    Only the last number may have a fraction. Raises ValueError for anything else, and for years and months, which have
    no fixed length.
    """
    found = re.fullmatch(_DURATION, text)
    numbers = [number.replace(",", ".") for number in found.groups() if number] if found else []
    if found is None or not numbers:
        if re.match(_CALENDAR, text):
            raise ValueError(f"{quoted(text)} uses years or months, which have no fixed length; write weeks or days")
        raise ValueError(f"{quoted(text)} is not an ISO 8601 duration; write for example P14D or PT1H30M")
    if any("." in number for number in numbers[:-1]):
        raise ValueError(f"{quoted(text)} has a fraction before its last number; only the last may have one")
    weeks, days, hours, minutes, seconds = (float((number or "0").replace(",", ".")) for number in found.groups())
    try:
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"{quoted(text)} is longer than a duration can be") from None


def parse_timestamp(text: str) -> datetime:
    """The RFC 3339 timestamp as an aware datetime, e.g. `2019-05-02T22:49:54Z`; its offset is kept.

    Raises ValueError for any other spelling, for a date that does not exist, and for a timestamp without an offset.
    """
    found = re.fullmatch(_TIMESTAMP, text)
    if found is None:
        raise ValueError(f"{quoted(text)} is not a timestamp; write for example 2019-05-02T22:49:54Z")
    if found["offset"] is None:
        raise ValueError(f"{quoted(text)} has no offset from UTC; add Z or, for example, +02:00")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is not a timestamp: {error}") from None


def duration_of(value: object) -> timedelta:
    """The fact as a timedelta. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"duration() takes a string or a timedelta, not {named(value)}")
    return parse_duration(value)


def timestamp_of(value: object) -> datetime:
    """The fact as an aware datetime. Raises ValueError."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no offset from UTC; supply an aware datetime")
        return value
    if not isinstance(value, str):
        raise ValueError(f"timestamp() takes a string or a datetime, not {named(value)}")
    return parse_timestamp(value)
