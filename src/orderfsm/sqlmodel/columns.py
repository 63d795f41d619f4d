"""Column types, and the names of the columns that hold an order's state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect

__all__ = ["STATE", "UtcDateTime", "keyed_first"]

STATE = {"configuration": None, "code": None, "category": None, "revision": 0, "chart": None, "chart_version": None}
"""The columns that only events may change, each with its value before the order is opened."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: naive datetimes are refused, aware ones converted; reading gives aware ones on every database.

    SQLite keeps no time zone, so the column holds UTC there; PostgreSQL has `timestamp with time zone`.
    """

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def __repr__(self) -> str:
        return "UtcDateTime()"

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """On SQLite a text in the format that SQLAlchemy reads, made in one go; elsewhere the usual way."""
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC; raises ValueError for a naive one."""
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment, aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _sqlite_text(moment: datetime | None) -> str | None:
    global _last
    if moment is None:
        return None
    known, text = _last
    if moment is not known:
        text = (moment if moment.tzinfo is UTC else utc(moment)).isoformat(" ", "microseconds")[:26]
        _last = moment, text
    return text


_last: tuple[datetime | None, str] = (None, "")
"""The moment that was asked for last, and its text: an entry is mostly recorded when it occurred."""


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; raises ValueError for a naive one."""
    zone = moment.tzinfo
    if zone is UTC:
        return moment
    if zone is None or moment.utcoffset() is None:
        raise ValueError(f"{moment!r} has no time zone; give an aware datetime, e.g. datetime.now(UTC)")
    return moment.astimezone(UTC)


def keyed_first(model: Any, *key: str) -> None:
    """Let the columns of the key come first in the table that is about to be made of a model.

    In a table WITHOUT ROWID with its key elsewhere, `PRAGMA integrity_check` of SQLite 3.40 sees NULLs that are not
    there.
    """
    given = model.__pydantic_fields__
    model.__pydantic_fields__ = {name: given[name] for name in key} | given
