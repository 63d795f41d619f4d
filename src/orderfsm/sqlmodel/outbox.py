"""The base of an outbox: the table of actions that were emitted and wait to be delivered."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, PrimaryKeyConstraint, String, text
from sqlmodel import Field, SQLModel

from .columns import UtcDateTime, keyed_first

__all__ = ["OutboxRow"]

WAITING = text("settled_at IS NULL")


class OutboxRow(SQLModel):
    """The base of an outbox: one emitted action per row, written with the history entry that it belongs to.

    The service's class declares the foreign key to its own orders as in a history: `order_id`, or what `__order_key__`
    says. The primary key is (order, sequence, position): the entry, and the action's place among those of the entry,
    from 1. What else a message tells is in the entry. The other columns are the relay's: `due_at` is when the row may
    be taken (NULL: at once), `token` who took it last, `attempts` how often. `dead_at` is set when it was given up,
    `settled_at` when nothing more will be done: delivered, or, with `dead_at`, dismissed.
    """

    __order_key__: ClassVar[tuple[str, ...]] = ("order_id",)

    sequence: int
    position: int
    action: str = Field(sa_type=String)
    attempts: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": "0"})
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    token: str | None = Field(default=None, sa_type=String)
    error: str | None = Field(default=None, sa_type=String)
    dead_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if set(cls.__order_key__) <= set(cls.model_fields):
            cls.__table_args__ = _completed(cls, cls.__dict__.get("__table_args__", ()))
            keyed_first(cls, *cls.__order_key__, "sequence", "position")


def _completed(cls: type[OutboxRow], given: Any) -> tuple[Any, ...]:
    """The table arguments of a class with the key and the index of what waits in front; the options stay last."""
    args = (given,) if isinstance(given, dict) else tuple(given)
    args, options = (args[:-1], args[-1]) if args and isinstance(args[-1], dict) else (args, {})
    columns = (*cls.__order_key__, "sequence", "position")
    waiting = Index(f"{cls.__tablename__}_waiting", *columns, sqlite_where=WAITING, postgresql_where=WAITING)
    return (PrimaryKeyConstraint(*columns), waiting, *args, {"sqlite_with_rowid": False} | options)
