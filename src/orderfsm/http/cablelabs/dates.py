"""The document's two forms of a date: `YYYY-MM-DD`, and `YYYY-MM-DDThh:mmTZD` without seconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import String
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = ["FORM", "DocumentDate", "deadline", "parse", "written"]

FORM = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?", re.ASCII)


def parse(text: str) -> date | datetime:
    """The day, or the moment with its offset; the schema's RFC 3339, with seconds, is understood as well.

    Raises ValueError for any other form, and for a day or an hour that does not exist.
    """
    found = FORM.fullmatch(text)
    if found is None:
        raise ValueError("a date is YYYY-MM-DD or YYYY-MM-DDThh:mmTZD, for example 2016-10-11T17:20+01:00")
    day, minutes, seconds, zone = found.groups()
    if minutes is None:
        return date.fromisoformat(day)
    return datetime.fromisoformat(f"{day}T{minutes}{(seconds or ':00')[:10]}{zone}")


def written(value: date | datetime) -> str:
    """The day or the moment in the document's form; seconds have no place in it and are left out.

    Raises ValueError for a moment without an offset.
    """
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.utcoffset() is None:
        raise ValueError(f"{value!r} has no offset from UTC; give an aware datetime")
    return value.isoformat(timespec="minutes").replace("+00:00", "Z")


def deadline(value: date | datetime | None) -> datetime | None:
    """The moment by which something is due: of a day, its end in UTC."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.combine(value, time(), UTC) + timedelta(days=1)


class DocumentDate(TypeDecorator[date | datetime]):
    """A column of dates in the document's form; the offset that a moment was given with is kept."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: date | datetime | None, dialect: Dialect) -> str | None:
        """The text that is stored."""
        return None if value is None else written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | datetime | None:
        """The day or the moment."""
        return None if value is None else parse(value)
