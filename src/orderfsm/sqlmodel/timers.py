"""The base of a table of timers: the events that are due later, of every order that waits for one."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, String, text
from sqlmodel import Field, SQLModel

from .columns import UtcDateTime, keyed_first

__all__ = ["TimerRow"]

UNSPENT = text("spent_at IS NULL")


class TimerRow(SQLModel):
    """The base of a table of timers: one row per timer of a state that is active, written with the entry that armed it.

    The service's class declares the foreign key to its own orders as in a history: `order_id`, or what `__order_key__`
    says. The primary key is (order, state, event, sequence, ordinal): `sequence` is the entry that armed it, `ordinal`
    counts those of one state and event; `state` is empty for a delayed send of SCXML. `due_at` is NULL while the clock
    stands still, and `remaining` then has the microseconds that are left. `spent_at` is set when the event was sent or
    refused for good, `verdict` and `message` say how that went; a row with a verdict that is not spent failed, and is
    tried again at `retry_at`.
    """

    __order_key__: ClassVar[tuple[str, ...]] = ("order_id",)

    state: str = Field(sa_type=String)
    event: str = Field(sa_type=String)
    sequence: int
    ordinal: int = Field(default=1, nullable=False, sa_column_kwargs={"server_default": "1"})
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    remaining: int | None = Field(default=None, sa_type=BigInteger)
    spent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    verdict: str | None = Field(default=None, sa_type=String)
    message: str | None = Field(default=None, sa_type=String)
    attempts: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": "0"})
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if set(cls.__order_key__) <= set(cls.model_fields):
            cls.__table_args__ = _completed(cls, cls.__dict__.get("__table_args__", ()))
            keyed_first(cls, *cls.__order_key__, "state", "event", "sequence", "ordinal")


def _completed(cls: type[TimerRow], given: Any) -> tuple[Any, ...]:
    """The table arguments of a class with the key and the index of what is due in front; the options stay last."""
    args = (given,) if isinstance(given, dict) else tuple(given)
    args, options = (args[:-1], args[-1]) if args and isinstance(args[-1], dict) else (args, {})
    key = PrimaryKeyConstraint(*cls.__order_key__, "state", "event", "sequence", "ordinal")
    due = Index(f"{cls.__tablename__}_due", "due_at", sqlite_where=UNSPENT, postgresql_where=UNSPENT)
    return (key, due, *args, {"sqlite_with_rowid": False} | options)
