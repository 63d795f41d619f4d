"""Bases for the service's own tables: what an order and a history entry need to have, beside what is the service's."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Index, PrimaryKeyConstraint, String, event, text
from sqlalchemy.orm.attributes import instance_state, set_committed_value
from sqlmodel import Field, SQLModel

from orderfsm.errors import DirectAssignment

from .columns import STATE, UtcDateTime, keyed_first

__all__ = ["HistoryEntry", "Stateful"]


class Stateful(SQLModel):
    """The base of an order's table: where the order stands. Only events change these columns.

    `configuration` is the canonical text, `code` the vocabulary's public word for it, `revision` the sequence of the
    last history entry; before the order is opened they are None, None and 0. Assigning to them raises DirectAssignment.
    """

    configuration: str | None = Field(default=None, sa_type=String)
    code: str | None = Field(default=None, sa_type=String)
    category: str | None = Field(default=None, sa_type=String)
    revision: int = Field(default=0, nullable=False, sa_column_kwargs={"server_default": "0"})
    chart: str | None = Field(default=None, sa_type=String)
    chart_version: str | None = Field(default=None, sa_type=String)


class HistoryEntry(SQLModel):
    """The base of a history table: one recorded step per row; `(order, sequence)` is the primary key.

    The service's class declares the foreign key to its own orders, of any type, as `order_id`; under other names or
    with several columns, `__order_key__` says which. The primary key and a unique index on (order, key) are added to
    its `__table_args__`. `before` is `[*]` in a first entry, never NULL. `sequence` is the order, `occurred_at`
    a claim, `recorded_at` ours; `corrects` is the sequence of the entry that a correction points at.
    """

    __order_key__: ClassVar[tuple[str, ...]] = ("order_id",)
    __companions__: ClassVar[dict[str, type[SQLModel]]] = {}  # what SqlStore takes for granted: outbox, timers, holds

    sequence: int
    event: str = Field(sa_type=String)
    before: str = Field(sa_type=String)
    after: str = Field(sa_type=String)
    code: str | None = Field(default=None, sa_type=String)
    category: str | None = Field(default=None, sa_type=String)
    actor_role: str | None = Field(default=None, sa_type=String)
    actor_id: str | None = Field(default=None, sa_type=String)
    actor_label: str | None = Field(default=None, sa_type=String)
    origin: str = Field(sa_type=String)
    reason_code: str | None = Field(default=None, sa_type=String)
    reason_text: str | None = Field(default=None, sa_type=String)
    links: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON, nullable=False)
    payload: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    chart: str = Field(sa_type=String)
    chart_version: str = Field(sa_type=String)
    chart_profile: str = Field(sa_type=String)
    chart_hash: str = Field(sa_type=String)
    key: str | None = Field(default=None, sa_type=String(255))
    fingerprint: str | None = Field(default=None, sa_type=String)
    caused_by: str | None = Field(default=None, sa_type=String)
    corrects: int | None = Field(default=None)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if set(cls.__order_key__) <= set(cls.model_fields):
            cls.__table_args__ = _completed(cls, cls.__dict__.get("__table_args__", ()))
            keyed_first(cls, *cls.__order_key__, "sequence")


def _completed(cls: type[HistoryEntry], given: Sequence[Any] | dict[str, Any]) -> tuple[Any, ...]:
    """The table arguments of a class with the key and the index in front; the options stay last.

    On SQLite the rows lie in the order of their key (WITHOUT ROWID), so that a history is one stretch of the file.
    """
    args = (given,) if isinstance(given, dict) else tuple(given)
    args, options = (args[:-1], args[-1]) if args and isinstance(args[-1], dict) else (args, {})
    given_key = text("key IS NOT NULL")
    keys = Index(
        f"{cls.__tablename__}_key",
        *cls.__order_key__,
        "key",
        unique=True,
        sqlite_where=given_key,
        postgresql_where=given_key,
    )
    key = PrimaryKeyConstraint(*cls.__order_key__, "sequence")
    return (key, keys, *args, {"sqlite_with_rowid": False} | options)


# --- the state is never assigned ---------------------------------------------


@event.listens_for(Stateful, "attribute_instrument", propagate=True)
def _protect(_: type[Stateful], name: str, attribute: Any) -> None:
    if name in STATE:
        event.listen(attribute, "set", _refuse)
        event.listen(attribute, "remove", _refuse_removal)


def _refuse(order: Stateful, value: object, _: object, initiator: Any) -> None:
    name: str = initiator.key
    held = STATE[name] if instance_state(order).key is None else getattr(order, name)
    if value != held:
        raise _direct(f"{type(order).__name__}.{name} = {value!r}")


def _refuse_removal(order: Stateful, _: object, initiator: Any) -> None:
    raise _direct(f"del {type(order).__name__}.{initiator.key}")


def _direct(statement: str) -> DirectAssignment:
    return DirectAssignment(
        f"{statement}: the state is not assigned; send an event (lifecycle.send), "
        f"or take in an order that already exists (lifecycle.adopt)"
    )


@event.listens_for(Stateful, "before_insert", propagate=True)
def _begin_without_state(_: Any, __: Any, order: Stateful) -> None:
    """A row begins without a state: one that is left over, from a transaction that was rolled back, is not written."""
    for name, value in STATE.items():
        set_committed_value(order, name, value)
