"""Statements that go to Python's sqlite3 without a detour: past SQLAlchemy's execution, they take half the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["direct", "wrapped"]


def direct(connection: Connection) -> Any:
    """The sqlite3 connection below, when nobody listens to or logs what SQLAlchemy sends; else None.

    What a statement does is the same. Other drivers have states (lost connections, greenlets) that SQLAlchemy looks
    after.
    """
    dialect = connection.dialect
    if dialect.driver != "pysqlite" or dialect._has_events or connection._echo:
        return None
    # a connection joins its listeners with the engine's anew for each transaction: ask it only when it has its own
    watched = connection.dispatch if connection._has_events else connection.engine.dispatch
    if watched.before_cursor_execute or watched.after_cursor_execute:
        return None
    return connection.connection.dbapi_connection


def wrapped(connection: Connection, text: str, parameters: Any, error: Exception) -> BaseException:
    """The driver's error as SQLAlchemy raises it."""
    dialect, hidden = connection.dialect, connection.engine.hide_parameters
    base: Any = dialect.loaded_dbapi.Error
    made: BaseException = DBAPIError.instance(text, parameters, error, base, hide_parameters=hidden, dialect=dialect)
    return made
