"""Points: before each statement and each COMMIT that a client sends over an engine, somebody else may go on.

Listeners of SQLAlchemy stand in for the driver while a client's thread asks; other threads notice nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from orderfsm.sqlmodel.driver import wrapped

from .trace import brief, named, told
from .turns import client_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from .locks import PostgresLocks, SqliteLocks
    from .trace import Moment

__all__ = ["Points"]

SHOWN = 3
"""How many rows of a result a trace shows."""
SAVEPOINTS = ("SAVEPOINT ", "RELEASE ", "ROLLBACK TO ")
"""Statements that nobody else can notice: no points."""


class Points:
    """The listeners of one explorer on one engine, while they are wanted."""

    def __init__(self, engine: Engine, locks: SqliteLocks | PostgresLocks) -> None:
        self.engine, self.locks = engine, locks
        self._dialect: Any = engine.dialect
        self._watched = False
        self.listening = False
        self._listeners: list[tuple[Any, str, Callable[..., Any]]] = [
            (engine, "do_execute", self._execute),
            (engine, "do_executemany", self._execute_many),
            (engine, "do_execute_no_params", self._execute_bare),
            (engine, "commit", self._commit),
            (engine, "rollback", self._rollback),
            (engine, "checkout", self._taken),
            (engine, "checkin", self._given_back),
        ]

    def listen(self) -> None:
        """Begin to listen."""
        self._watched, self.listening = self._dialect._has_events, True
        for listener in self._listeners:
            event.listen(*listener)

    def leave(self) -> None:
        """Listen no longer, and leave the engine as it was."""
        self.listening = False
        for listener in self._listeners:
            event.remove(*listener)
        self._dialect._has_events = self._watched  # or else the library would take its slower way from now on

    # --- statements

    def _execute(self, cursor: Any, statement: str, parameters: Any, execution: Any) -> bool | None:
        carry_out = partial(self._dialect.do_execute, cursor, statement, parameters, execution)
        return self._carried_out(cursor, statement, parameters, carry_out)

    def _execute_many(self, cursor: Any, statement: str, parameters: Any, execution: Any) -> bool | None:
        carry_out = partial(self._dialect.do_executemany, cursor, statement, parameters, execution)
        return self._carried_out(cursor, statement, parameters, carry_out)

    def _execute_bare(self, cursor: Any, statement: str, execution: Any) -> bool | None:
        carry_out = partial(self._dialect.do_execute_no_params, cursor, statement, execution)
        return self._carried_out(cursor, statement, (), carry_out)

    def _carried_out(self, cursor: Any, statement: str, parameters: Any, carry_out: Callable[[], None]) -> bool | None:
        """True when it was done here: SQLAlchemy does it itself otherwise."""
        client = client_here()
        if client is None:
            return None
        unseen = statement.startswith(SAVEPOINTS)
        moment = (client.turns.note if unseen else client.turns.point)(client, brief(statement), told(parameters))
        with _noted(moment, cursor):
            self.locks.call(client, cursor.connection, carry_out)
        return True

    # --- transactions

    def _commit(self, connection: Connection) -> None:
        """Commit here, where a lock may be waited for; SQLAlchemy's own COMMIT right after finds nothing to do."""
        client = client_here()
        if client is None:
            return
        moment = client.turns.point(client, "COMMIT")
        driver: Any = connection.connection.dbapi_connection
        try:
            with _noted(moment, None):
                self.locks.call(client, driver, driver.commit)
        except self._dialect.loaded_dbapi.Error as error:
            raise wrapped(connection, None, None, error) from error
        client.turns.released()

    def _rollback(self, _: Connection) -> None:
        client = client_here()
        if client is not None:
            if not client.turns.ended:
                client.turns.note(client, "ROLLBACK")
            client.turns.released()

    # --- connections

    def _taken(self, _: Any, record: Any, connection: Any) -> None:
        client = client_here()
        if client is not None:
            client.held[record] = connection

    def _given_back(self, _: Any, record: Any) -> None:
        client = client_here()
        if client is not None:
            client.held.pop(record, None)
            client.turns.released()

    def close_left(self) -> None:
        """Close what the client of this thread has left open, as its end would in a process of its own."""
        client = client_here()
        for connection in [] if client is None else list(client.held.values()):
            connection.invalidate()


@contextmanager
def _noted(moment: Moment, cursor: Any) -> Iterator[None]:
    """Note what came of a statement: an error, the rows that were read, how many were changed."""
    if hasattr(cursor, "row_factory") and not hasattr(cursor, "scroll"):
        _watch(moment, cursor)
    try:
        yield
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        moment.said = f"{type(error).__name__}: {first}"
        raise
    if cursor is None:
        return
    if cursor.description is None:
        moment.said = f"{cursor.rowcount} row{'' if cursor.rowcount == 1 else 's'}" if cursor.rowcount >= 0 else ""
    elif hasattr(cursor, "scroll") and not getattr(cursor, "name", None):
        moment.read += [named(cursor.description, row) for row in cursor.fetchmany(SHOWN)]
        if cursor.rowcount > 0:
            cursor.scroll(0, mode="absolute")
        moment.said = "" if moment.read else "no row"


def _watch(moment: Moment, cursor: Any) -> None:
    """Let a cursor of SQLite, which cannot be rewound, note the rows that are fetched from it."""
    made = cursor.row_factory

    def row(cursor: Any, values: tuple[Any, ...]) -> Any:
        if len(moment.read) < SHOWN:
            moment.read.append(named(cursor.description, values))
        return values if made is None else made(cursor, values)

    cursor.row_factory = row
