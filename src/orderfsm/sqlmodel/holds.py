"""The base of a table of holds: what keeps an order from going on, and who keeps it."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, PrimaryKeyConstraint, String, text
from sqlmodel import Field, SQLModel

from .columns import UtcDateTime, keyed_first

__all__ = ["HoldRow"]


class HoldRow(SQLModel):
    """The base of a table of holds: one row per hold that was placed. It is released, never deleted.

    The service's class declares the foreign key to its own orders as in a history: `order_id`, or what `__order_key__`
    says. The primary key is (order, hold_number), and `hold_number` counts an order's holds from 1; of one name, an
    order has at most one hold that is not released. `placed_sequence` and `released_sequence` are the history entries
    that went with it: NULL where the order was held already, or stays held by another one. A key is unique per order.
    """

    __order_key__: ClassVar[tuple[str, ...]] = ("order_id",)

    hold_number: int
    name: str = Field(sa_type=String(255))
    holder_role: str | None = Field(default=None, sa_type=String)
    holder_id: str | None = Field(default=None, sa_type=String)
    holder_label: str | None = Field(default=None, sa_type=String)
    reason_code: str | None = Field(default=None, sa_type=String)
    reason_text: str | None = Field(default=None, sa_type=String)
    placed_at: datetime = Field(sa_type=UtcDateTime)
    placed_sequence: int | None = Field(default=None)
    key: str | None = Field(default=None, sa_type=String(255))
    fingerprint: str | None = Field(default=None, sa_type=String)
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    released_role: str | None = Field(default=None, sa_type=String)
    released_id: str | None = Field(default=None, sa_type=String)
    released_label: str | None = Field(default=None, sa_type=String)
    release_reason_code: str | None = Field(default=None, sa_type=String)
    release_reason_text: str | None = Field(default=None, sa_type=String)
    released_sequence: int | None = Field(default=None)
    release_key: str | None = Field(default=None, sa_type=String(255))
    release_fingerprint: str | None = Field(default=None, sa_type=String)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if set(cls.__order_key__) <= set(cls.model_fields):
            cls.__table_args__ = _completed(cls, cls.__dict__.get("__table_args__", ()))
            keyed_first(cls, *cls.__order_key__, "hold_number")
            keyed_first(cls, *cls.__order_key__, "hold_number")


def _completed(cls: type[HoldRow], given: Any) -> tuple[Any, ...]:
    """The table arguments of a class with the key and the unique indexes in front; the options stay last."""
    args = (given,) if isinstance(given, dict) else tuple(given)
    args, options = (args[:-1], args[-1]) if args and isinstance(args[-1], dict) else (args, {})
    key = PrimaryKeyConstraint(*cls.__order_key__, "hold_number")
    unique = [
        _unique(cls, "name", "released_at IS NULL"),
        _unique(cls, "key", "key IS NOT NULL"),
        _unique(cls, "release_key", "release_key IS NOT NULL"),
    ]
    return (key, *unique, *args, {"sqlite_with_rowid": False} | options)


def _unique(cls: type[HoldRow], column: str, where: str) -> Index:
    condition = text(where)
    name = f"{cls.__tablename__}_{column}"
    return Index(name, *cls.__order_key__, column, unique=True, sqlite_where=condition, postgresql_where=condition)
