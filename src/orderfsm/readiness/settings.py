"""The settings that decide whether what was acknowledged is kept: of one connection, as the engine makes it."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from .remark import remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from orderfsm.finding import Finding

__all__ = ["encoding_findings", "settings_findings"]

HELPER = "make the engine with orderfsm.sqlmodel.engine(), or give yours to secure()"


def settings_findings(connection: Connection, durability: str) -> Iterator[Finding]:
    """What the settings put at risk; nothing is known of databases other than SQLite and PostgreSQL."""
    if connection.dialect.name == "sqlite":
        yield from _sqlite(connection, durability)
    elif connection.dialect.name == "postgresql":
        yield from _postgresql(connection, durability)


def _asked(connection: Connection, statement: str) -> Any:
    return connection.exec_driver_sql(statement).scalar()


# --- SQLite -----------------------------------------------------------------


def _sqlite(connection: Connection, durability: str) -> Iterator[Finding]:
    yield from _transactions(connection)
    journal = _asked(connection, "PRAGMA journal_mode")
    if journal not in ("wal", "memory") or (journal == "memory" and _file(connection)):
        said = f"SQLite keeps its journal in the mode {journal}, which is not a write-ahead log"
        yield remark("journal-mode", "journal_mode", said, f"set PRAGMA journal_mode = WAL, and read it back; {HELPER}")
    synchronous, least = _asked(connection, "PRAGMA synchronous"), 2 if durability == "full" else 1
    if synchronous < least and _file(connection):
        name = ("OFF", "NORMAL")[synchronous]
        said = f"SQLite's synchronous is {name}: a power cut takes transactions that were acknowledged"
        yield remark("synchronous", "synchronous", said, f"set PRAGMA synchronous = FULL on every connection; {HELPER}")
    if not _asked(connection, "PRAGMA foreign_keys"):
        said = "SQLite's foreign keys are off: a history may be left without its order"
        yield remark(
            "foreign-keys", "foreign_keys", said, f"set PRAGMA foreign_keys = ON on every connection; {HELPER}"
        )


def _file(connection: Connection) -> str:
    """The path of the database; "" for one in memory."""
    return str(_asked(connection, "SELECT file FROM pragma_database_list WHERE name = 'main'") or "")


def _transactions(connection: Connection) -> Iterator[Finding]:
    """Whether a transaction begins with its first SELECT, and takes the write lock."""
    path = _file(connection)
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        said = "Python's driver opens no transaction for a SELECT: what is read and then written may be lost"
    elif path and _lock_is_free(path):
        said = "transactions begin without the write lock: a reader that goes on to write fails with database is locked"
    else:
        return
    fix = f"set isolation_level = None on connect, and run BEGIN IMMEDIATE on the engine's begin event; {HELPER}"
    yield remark("begin-immediate", "begin", said, fix)


def _lock_is_free(path: str) -> bool:
    """Whether somebody else can have the write lock while the transaction is open; others may hold it for a moment."""
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        return any(_begun(other) for _ in range(3))
    finally:
        other.close()


def _begun(other: sqlite3.Connection) -> bool:
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        time.sleep(0.02)
        return False
    other.execute("ROLLBACK")
    return True


# --- PostgreSQL -------------------------------------------------------------


def encoding_findings(engine: Engine) -> Iterator[Finding]:
    """The encoding, over a connection of the driver's own: SQLAlchemy cannot connect where it is SQL_ASCII."""
    dialect = engine.dialect
    if dialect.name != "postgresql" or dialect.is_async:
        return
    arguments, options = dialect.create_connect_args(engine.url)
    connection: Any = dialect.connect(*arguments, **options)
    try:
        cursor = connection.cursor()
        cursor.execute("SHOW server_encoding")
        encoding = cursor.fetchone()[0]
    finally:
        connection.close()
    encoding = encoding.decode() if isinstance(encoding, bytes) else encoding
    if encoding != "UTF8":
        said = f"the database's encoding is {encoding}: texts come back garbled, or cannot be stored"
        yield remark("encoding", "server_encoding", said, "create the database with ENCODING 'UTF8'")


UNSAFE = {
    "fsync": ("off", "a power cut destroys the database"),
    "full_page_writes": ("off", "a power cut may leave pages that are half written"),
    "synchronous_commit": ("off", "a crash takes transactions that were acknowledged"),
    "transaction_read_only": ("on", "nothing can be written; is it a standby?"),
}


def _postgresql(connection: Connection, durability: str) -> Iterator[Finding]:
    for name, (bad, consequence) in UNSAFE.items():
        if name == "synchronous_commit" and durability != "full":
            continue
        if _asked(connection, f"SHOW {name}") == bad:
            good = "on" if bad == "off" else "off"
            said = f"PostgreSQL's {name} is {bad}: {consequence}"
            yield remark(name.replace("_", "-"), name, said, f"set {name} = {good}")
