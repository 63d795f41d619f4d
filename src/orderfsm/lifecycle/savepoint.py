"""A part of the caller's transaction that stands or falls as a whole."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

__all__ = ["savepoint"]


@contextmanager
def savepoint(session: Session, bind: Mapping[str, object]) -> Iterator[None]:
    """Undo what the block wrote when it raises; the rest of the transaction stays, and the session can be used on.

    `bind` says which of the session's engines is meant. The session is flushed first.
    """
    _begin(session, bind)
    with session.begin_nested():
        session.connection(bind)  # type: ignore[arg-type] # the savepoint itself: SQLAlchemy waits with it until now
        yield


def _begin(session: Session, bind: Mapping[str, object]) -> None:
    """See to it that SQLite is in a transaction: a savepoint outside of one would commit when it is released.

    Python's sqlite3 begins by itself, but not before a savepoint; our engines begin before everything.
    """
    connection = session.connection(bind)  # type: ignore[arg-type]
    if connection.dialect.name == "sqlite" and not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("BEGIN")
