"""What became of a COMMIT: it happened, it did not, or nobody can tell. And how to stop waiting for it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orderfsm.errors import InDoubt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

__all__ = ["REPEAT", "backend", "certain", "lasting", "limited", "unknown"]

NOT_CONFIRMED = "syncrep.c"
"""Where in PostgreSQL the warnings come from with which it commits although no standby has confirmed.

Their SQLSTATE is that of any warning, and their text depends on the language that it speaks.
"""

REPEAT = "send again with the same key: if it happened, the first entry comes back; if not, it happens now"
"""What to do about a doubt."""


@contextmanager
def certain(connection: Connection, key: str | None = None) -> Iterator[None]:
    """Around a COMMIT, and nothing else: raises InDoubt where it may or may not have happened, or may not last.

    An error that says for certain that nothing was committed is passed on. So is one of a connection that was found
    closed before COMMIT was sent, and an error of PostgreSQL that the service has caught: the transaction was aborted
    by it, and COMMIT would roll it back without a word.
    """
    driver = connection.connection.driver_connection
    _verify_alive(connection, driver)
    warnings: list[str] = []
    with _notices(driver, warnings):
        try:
            yield
        except DBAPIError as error:
            if error.statement is None and unknown(error):
                said = f"COMMIT was sent and no answer came ({_first_line(error)}): it may or may not have happened"
                raise InDoubt(f"{said}; {REPEAT}", key=key) from error
            raise
    if warnings:
        raise InDoubt(f"PostgreSQL has committed and says: {warnings[0]}; {REPEAT}", key=key)


def lasting(connection: Connection) -> None:
    """Let the COMMIT of this transaction answer for what it has read, too: PostgreSQL writes a message to its log.

    The COMMIT of a transaction that has written nothing waits for no standby. One that has is not acknowledged before
    everything in front of it in the log has reached the standbys.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_logical_emit_message(true, 'orderfsm', '')"))


def unknown(error: DBAPIError) -> bool:
    """Whether an error of a COMMIT leaves open what became of it.

    An ERROR of PostgreSQL has rolled back; FATAL, PANIC and no answer leave it open. SQLite has rolled back unless the
    disk failed: what is in the log may count after all when the file is opened again.
    """
    driver: Any = error.orig
    name = getattr(driver, "sqlite_errorname", None)
    if name is not None:
        return bool(name.startswith("SQLITE_IOERR"))
    return getattr(getattr(driver, "diag", None), "severity_nonlocalized", None) != "ERROR"


def _verify_alive(connection: Connection, driver: Any) -> None:
    """Raise what the driver would say to a COMMIT that cannot be sent, or that would roll back."""
    info = getattr(driver, "info", None)
    if info is None:
        return
    aborted = getattr(getattr(info, "transaction_status", None), "name", "") == "INERROR"
    if not (driver.closed or aborted):
        return
    said = "an error has aborted the transaction" if aborted else "the connection was lost"
    drivers: Any = connection.dialect.loaded_dbapi
    error = drivers.OperationalError(f"{said} before COMMIT was sent: nothing was committed")
    lost = not aborted
    if lost:
        connection.invalidate()  # or else the roll-back would fail as well
    raise DBAPIError.instance(
        "COMMIT", None, error, drivers.Error, connection_invalidated=lost, dialect=connection.dialect
    )


@contextmanager
def _notices(driver: Any, warnings: list[str]) -> Iterator[None]:
    """Collect the warnings that say that a commit may not last (psycopg only)."""
    if not hasattr(driver, "add_notice_handler"):
        yield
        return

    def note(diagnosis: Any) -> None:
        if diagnosis.source_file == NOT_CONFIRMED:
            warnings.append(str(diagnosis.message_primary))

    driver.add_notice_handler(note)
    try:
        yield
    finally:
        driver.remove_notice_handler(note)


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).splitlines() or [""])[0]


# --- an end to waiting


@contextmanager
def limited(connection: Connection, seconds: float) -> Iterator[None]:
    """For as long as the block lasts, but for so many seconds at most, PostgreSQL may keep us waiting.

    Then the connection is hung up on, from our side: no timeout of the server's bounds a COMMIT that waits for a
    standby, and none of TCP's notices a server that acknowledges and says nothing. Other databases are not bounded.
    """
    limit = Limit()
    limit.begin(connection, seconds)
    try:
        yield
    finally:
        limit.end()


class Limit:
    """The same with a beginning and an end that are not in one place."""

    def begin(self, connection: Connection, seconds: float) -> None:
        """From now on; a second time is the first one."""
        driver: Any = connection.connection.driver_connection
        if hasattr(driver, "fileno"):
            _WATCH.add(self, driver, time.monotonic() + seconds)

    def end(self) -> None:
        """Whatever takes long from now on may."""
        _WATCH.remove(self)


class Watch:
    """One thread for all limits, which looks around while there are any; a thread for each would cost more than a send.

    It may come a tenth of a second late.
    """

    def __init__(self) -> None:
        self._limits: dict[Limit, tuple[Any, float]] = {}
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._process = 0

    def add(self, limit: Limit, driver: Any, end: float) -> None:
        """Hang up on a driver's connection when it is that late."""
        if self._process != os.getpid():
            self._start()
        self._limits.setdefault(limit, (driver, end))
        if not self._wanted.is_set():
            self._wanted.set()

    def remove(self, limit: Limit) -> None:
        """Hang up no more; once this returns the connection is safe."""
        if limit in self._limits:
            with self._lock:
                self._limits.pop(limit, None)

    def _start(self) -> None:
        """Begin anew: a process that was forked has inherited neither the thread nor whoever held the lock.

        The limits are its parent's, and so are their connections.
        """
        self._process, self._limits = os.getpid(), {}
        self._lock, self._wanted = threading.Lock(), threading.Event()
        threading.Thread(target=self._look, name="orderfsm-limits", daemon=True).start()

    def _look(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(PATIENCE)
            with self._lock:
                now = time.monotonic()
                late = [limit for limit, (_, end) in tuple(self._limits.items()) if end <= now]
                for limit in late:
                    hang_up(self._limits.pop(limit)[0])
                if not self._limits:
                    self._wanted.clear()
            if self._limits:  # one that came while it was being cleared
                self._wanted.set()


PATIENCE = 0.05
"""How many seconds pass between two looks."""

_WATCH = Watch()


def hang_up(driver: Any) -> None:
    """End the conversation on a driver's socket; whoever waits on it, in any thread, finds it closed."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(driver.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def backend(connection: Connection) -> int | None:
    """The process of PostgreSQL's that serves a connection; None where the driver does not know."""
    info = getattr(connection.connection.driver_connection, "info", None)
    return getattr(info, "backend_pid", None)
