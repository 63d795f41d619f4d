"""Who waits for whom, without a clock.

PostgreSQL says so itself: `pg_blocking_pids`. A client is taken for waiting when it waits for another client of the run
and nobody moves who could give the lock back. SQLite has no queue: who finds it locked comes back later, so a client
that does is parked until somebody's transaction has ended, and then asks again.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .turns import Hung, Stand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from .turns import Client

__all__ = ["PostgresLocks", "SqliteLocks", "locks_of"]


def locks_of(engine: Engine) -> SqliteLocks | PostgresLocks:
    """The locks of an engine's database. Raises ValueError for one that cannot be explored."""
    name, driver = engine.dialect.name, engine.dialect.driver
    if type(engine.pool).__name__ in ("SingletonThreadPool", "StaticPool", "AssertionPool"):
        raise ValueError(f"{engine.url}: each client needs a connection of its own to one database; give a file")
    if (name, driver) == ("sqlite", "pysqlite"):
        return SqliteLocks()
    if name == "postgresql" and driver in ("psycopg", "psycopg2"):
        return PostgresLocks(engine)
    raise ValueError(f"{name}+{driver} cannot be explored; sqlite+pysqlite and postgresql+psycopg can")


class SqliteLocks:
    """SQLite: nobody waits in the database."""

    look = 0.1

    def begin(self) -> None:
        """Nothing is remembered."""

    def call(self, client: Client, connection: sqlite3.Connection, carry_out: Callable[[], None]) -> None:
        """Try until the database is not locked; when everybody waits, the one that came first gets its error."""
        began = connection.in_transaction
        while True:
            try:
                with _impatient(connection):
                    carry_out()
                break
            except sqlite3.OperationalError as error:
                if not _worth_waiting(error) or client.relented or client.turns.ended:
                    client.relented = False
                    raise
            client.turns.moments[-1].waited = True
            client.since = client.turns.now
            client.turns.arrive(client, Stand.PARKED)
        if began and not connection.in_transaction:
            client.turns.released()

    def stuck(self, clients: Sequence[Client]) -> bool:
        """Nobody is, in the database."""
        return not clients

    def relent(self, clients: Sequence[Client]) -> Client:
        """The one that has waited longest: its busy timeout would be over first."""
        clients[0].relented = True
        return clients[0]

    def free(self, client: Client) -> None:
        """Nobody waits in the database."""

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def _impatient(connection: sqlite3.Connection) -> Iterator[None]:
    """A connection that says at once that the database is locked."""
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def _worth_waiting(error: sqlite3.OperationalError) -> bool:
    """Whether somebody holds the lock; a transaction whose snapshot is too old would wait for ever."""
    return error.sqlite_errorname.startswith("SQLITE_BUSY") and error.sqlite_errorname != "SQLITE_BUSY_SNAPSHOT"


class PostgresLocks:
    """PostgreSQL: a connection beside those of the clients asks who waits for whom."""

    look = 0.001

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._owners: dict[int, Client] = {}
        self._waits: dict[int, list[int]] = {}

    def begin(self) -> None:
        """Forget the clients of the run before."""
        self._owners.clear()
        self._waits.clear()

    def call(self, client: Client, connection: Any, carry_out: Callable[[], None]) -> None:
        """Do it; whoever had to wait for another's lock stops afterwards, for the other one is not through its turn."""
        backend = connection.info.backend_pid
        self._owners[backend] = client
        client.backend = backend
        try:
            carry_out()
        except self._engine.dialect.loaded_dbapi.errors.QueryCanceled as error:
            if not client.relented:
                raise
            raise self._engine.dialect.loaded_dbapi.errors.DeadlockDetected("deadlock detected") from error
        finally:
            with client.lock:
                client.backend = None
            waited = client.stand is Stand.WAITING
            client.relented = False
            if waited and not client.turns.ended:
                client.turns.arrive(client, Stand.READY)

    def stuck(self, clients: Sequence[Client]) -> bool:
        """Whether each waits for a lock, and all whom they wait for are clients."""
        backends = [client.backend for client in clients]
        if None in backends:
            return False
        asked = text("SELECT pid, pg_blocking_pids(pid) FROM unnest(CAST(:pids AS integer[])) AS pid")
        rows = self._ask().execute(asked, {"pids": backends})
        self._waits = {row[0]: row[1] for row in rows}
        return all(others and self._owners.keys() >= {*others} for others in self._waits.values())

    def relent(self, clients: Sequence[Client]) -> Client:
        """The one in a circle that has waited longest: PostgreSQL would look for a deadlock first for it."""
        for client in clients:
            if self._in_circle(client):
                client.relented = True
                self.free(client)
                return client
        told = "; ".join(f"{client.name} waits {client.at} for {self._blockers(client)}" for client in clients)
        raise Hung(f"nobody can go on: {told}")

    def _in_circle(self, client: Client) -> bool:
        """Whether a client waits for somebody who waits for it; one that waits for itself would wait for ever."""
        seen: set[int] = set()
        left = [number for number in self._waits.get(client.backend or 0, []) if self._owners[number] is not client]
        while left:
            backend = left.pop()
            if self._owners[backend] is client:
                return True
            if backend not in seen:
                seen.add(backend)
                left += self._waits.get(backend, [])
        return False

    def _blockers(self, client: Client) -> str:
        names = {self._owners[backend].name for backend in self._waits.get(client.backend or 0, [])}
        return ", ".join("another connection of its own" if name == client.name else name for name in sorted(names))

    def free(self, client: Client) -> None:
        """Call back the statement that a client waits in."""
        with suppress(DBAPIError):
            self._ask().execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": client.backend})

    def _ask(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def close(self) -> None:
        """Give back the connection that was asked."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
