"""The entries of a history as texts that the database makes: the same entry, the same text, whoever reads it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, DateTime, LargeBinary, Table, Text, cast, func, or_, select
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from orderfsm.pairing import Pairing

__all__ = ["astray", "texts"]

BATCH = 5_000


def texts(
    connection: Connection, pairing: Pairing, columns: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], int, str]]:
    """The order's key, the sequence and the text of every entry, by order and sequence; one statement, one snapshot."""
    past = pairing.history
    keys = [local for _, _, local in pairing.keys]
    text = _told(connection.dialect.name, [*keys, *(past.c[name] for name in columns)])
    statement = select(text, past.c.sequence, *(cast(key, Text) for key in keys)).order_by(*keys, past.c.sequence)
    streamed = connection.execution_options(stream_results=True, yield_per=BATCH)
    for batch in streamed.execute(statement).partitions():
        for row in batch:
            yield row[2:], row[1], row[0]


def _told(dialect: str, columns: Sequence[Any]) -> ColumnElement[str]:
    """The columns' values as a list of JSON, so that no two rows share a text."""
    if dialect == "sqlite":
        return func.json_array(*(func.hex(c) if isinstance(_kind(c), LargeBinary) else c for c in columns))
    return cast(func.json_build_array(*(_settled(column) for column in columns)), Text)


def _settled(column: Any) -> Any:
    """A value of PostgreSQL's whose text does not depend on the settings of a connection."""
    if isinstance(_kind(column), LargeBinary):
        return func.encode(column, "hex")
    if isinstance(_kind(column), DateTime):
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US")
    return column


def _kind(column: Any) -> Any:
    return column.type.impl if isinstance(column.type, TypeDecorator) else column.type


def astray(connection: Connection, pairing: Pairing) -> Iterator[tuple[tuple[Any, ...], str | None, int, int]]:
    """Orders that do not stand where their history ends: key, configuration, revision, the last sequence."""
    orders: Table = pairing.orders
    past = pairing.history
    keys = [(column, local) for _, column, local in pairing.keys]
    last = select(*(local for _, local in keys), func.max(past.c.sequence).label("last"))
    ends = last.group_by(*(local for _, local in keys)).subquery()
    mine = [ends.c[local.name] == column for column, local in keys]
    entry = [past.c[local.name] == column for column, local in keys]
    found = func.coalesce(ends.c.last, 0)
    statement = (
        select(*(cast(column, Text) for column, _ in keys), orders.c.configuration, orders.c.revision, found)
        .select_from(orders.outerjoin(ends, _all(mine)).outerjoin(past, _all([*entry, past.c.sequence == found])))
        .where(or_(orders.c.revision != found, orders.c.configuration.is_distinct_from(past.c.after)))
        .order_by(*(column for column, _ in keys))
    )
    for *key, configuration, revision, sequence in connection.execute(statement):
        yield tuple(key), configuration, revision, sequence


def _all(conditions: Sequence[Any]) -> Any:
    return functools.reduce(lambda a, b: a & b, conditions)
