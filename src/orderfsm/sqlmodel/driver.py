"""Statements that go to Python's sqlite3 without a detour: past SQLAlchemy's execution, they take half the time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["direct", "piped", "wrapped"]


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


def piped(connection: Connection) -> Any:
    """The psycopg connection below, when it has a pipeline and nobody listens to or logs what SQLAlchemy sends.

    In a pipeline answers are waited for once, after several statements.
    """
    driver = connection.connection.driver_connection
    if connection.dialect.driver != "psycopg" or not hasattr(driver, "pipeline") or connection._echo:
        return None
    if connection.dialect.dispatch.do_execute or "schema_translate_map" in connection.get_execution_options():
        return None
    watched = connection.dispatch if connection._has_events else connection.engine.dispatch
    if watched.before_cursor_execute or watched.after_cursor_execute or watched.commit:
        return None
    return driver if _new_enough() else None


@cache
def _new_enough() -> bool:
    """Whether libpq has pipelines: since version 14."""
    from psycopg import Pipeline

    return Pipeline.is_supported()


def wrapped(connection: Connection, text: str | None, parameters: Any, error: Exception) -> BaseException:
    """The driver's error as SQLAlchemy raises it."""
    dialect, hidden = connection.dialect, connection.engine.hide_parameters
    base: Any = dialect.loaded_dbapi.Error
    made: BaseException = DBAPIError.instance(text, parameters, error, base, hide_parameters=hidden, dialect=dialect)
    return made
