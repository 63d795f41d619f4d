"""Engines whose settings keep what was acknowledged: every new connection is set up, and what was set is read back.

SQLite: our own BEGIN IMMEDIATE (the driver opens no transaction for a SELECT, so that read-then-write loses updates), a
write-ahead log, synchronous=FULL, foreign keys, a busy timeout. PostgreSQL: keepalives and a limit on unacknowledged
data, so that a cut cable is noticed; UTF8, fsync and synchronous_commit are asked for, not set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import create_engine, event

from orderfsm.errors import UnsafeSettings

from .driver import direct, wrapped
from .url import driver_of, read_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    Durability = Literal["full", "relaxed"]

__all__ = ["async_engine", "engine", "secure"]

AUTOCOMMIT = "AUTOCOMMIT"
BUSY_SECONDS = 10
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Options of libpq: a dead connection is noticed after about ten seconds."""


def engine(url: str | URL, *, durability: Durability = "full") -> Engine:
    """An engine with safe settings. Connecting raises UnsafeSettings where one does not take effect.

    `durability="relaxed"` lets a power cut take the newest transactions (never the consistency of the rest):
    synchronous=NORMAL on SQLite; on PostgreSQL, synchronous_commit=off is tolerated. Raises ValueError for the URL of
    another database, and for one of asyncio.
    """
    parts = read_url(url)
    if parts.get_dialect().is_async:
        raise ValueError(
            f"{parts.drivername} is for asyncio: give it to async_engine, or write {parts.get_backend_name()}://"
        )
    with driver_of(parts):
        return secure(create_engine(parts), durability=durability)


def async_engine(url: str | URL, *, durability: Durability = "full") -> AsyncEngine:
    """The same for asyncio: `sqlite+aiosqlite://` (which wants the package aiosqlite) or `postgresql+psycopg://`."""
    from sqlalchemy.ext.asyncio import create_async_engine

    parts = read_url(url)
    if parts.drivername in ("sqlite", "sqlite+pysqlite"):
        raise ValueError("sqlite is not for asyncio: give it to engine, or write sqlite+aiosqlite://")
    with driver_of(parts):
        made = create_async_engine(parts)
    secure(made.sync_engine, durability=durability)
    return made


def secure(engine: Engine, *, durability: Durability = "full") -> Engine:
    """The engine itself, with the settings of `engine()` for each connection that it opens from now on.

    For engines that the service makes itself; an AsyncEngine gives its `sync_engine`. Other databases are left alone.
    Raises UnsafeSettings for an engine that commits each statement by itself.
    """
    level = engine.dialect._on_connect_isolation_level
    if AUTOCOMMIT in (level, engine.get_execution_options().get("isolation_level")):
        raise UnsafeSettings(
            "the engine commits each statement by itself, a state without its history: leave isolation_level out, and "
            'ask for connection.execution_options(isolation_level="AUTOCOMMIT") where a statement needs it'
        )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _closing(lambda connection: _prepare_sqlite(connection, durability)))
        event.listen(engine, "begin", _begin)
    elif engine.dialect.name == "postgresql":
        if engine.dialect.driver.startswith("psycopg"):
            event.listen(engine, "do_connect", _keep_alive)
        examine = _closing(lambda connection: _examine_postgresql(connection, durability))
        event.listen(engine, "first_connect", examine, insert=True)  # before SQLAlchemy trips over the encoding
        event.listen(engine, "connect", examine)
    return engine


def _closing(prepare: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    """A listener that closes the connection when it cannot be prepared."""

    def listen(connection: Any, _: Any) -> None:
        try:
            prepare(connection)
        except BaseException:
            connection.close()
            raise

    return listen


# --- SQLite ------------------------------------------------------------------


def _prepare_sqlite(connection: Any, durability: Durability) -> None:
    connection.isolation_level = None
    synchronous, level = ("FULL", 2) if durability == "full" else ("NORMAL", 1)
    _ask(connection, f"PRAGMA busy_timeout = {BUSY_SECONDS * 1_000}")
    for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
        _ask(connection, f"PRAGMA {pragma}")
    held = [
        ("journal_mode", ("wal", "memory"), "is the file on a network drive, or read-only?"),
        ("synchronous", (level,), "does another listener set it?"),
        ("foreign_keys", (1,), "was SQLite built without foreign keys?"),
    ]
    for name, wanted, hint in held:
        found = _ask(connection, f"PRAGMA {name}")
        if found not in wanted:
            raise UnsafeSettings(f"SQLite: {name} is {found!r} after it was set to {wanted[0]!r}; {hint}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once. A reader may ask for less: `execution_options(sqlite_begin="DEFERRED")`.

    Where somebody asks for AUTOCOMMIT there is no transaction: nobody would commit it.
    """
    options = connection.get_execution_options()
    if options.get("isolation_level") == AUTOCOMMIT:
        return
    mode = options.get("sqlite_begin", "IMMEDIATE")
    driver = direct(connection)
    if driver is None:
        connection.exec_driver_sql(f"BEGIN {mode}")
        return
    try:
        driver.execute(f"BEGIN {mode}")
    except driver.Error as error:
        raise wrapped(connection, f"BEGIN {mode}", (), error) from error


def _ask(connection: Any, statement: str) -> Any:
    """The first value that a statement gives, over a driver's connection."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        row = cursor.fetchone()
        return None if row is None else row[0]
    finally:
        cursor.close()


# --- PostgreSQL --------------------------------------------------------------


def _keep_alive(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
    for name, value in KEEPALIVE.items():
        parameters.setdefault(name, value)


def _examine_postgresql(connection: Any, durability: Durability) -> None:
    try:
        problems = list(_unsafe(connection, durability))
    finally:
        connection.rollback()
    if problems:
        raise UnsafeSettings("PostgreSQL: " + "; ".join(problems))


def _unsafe(connection: Any, durability: Durability) -> Iterator[str]:
    encoding = _ask(connection, "SHOW server_encoding")
    encoding = encoding.decode() if isinstance(encoding, bytes) else encoding  # as it comes from a SQL_ASCII database
    if encoding != "UTF8":
        yield f"server_encoding is {encoding}; create the database with ENCODING 'UTF8'"
    for name in ("fsync", "full_page_writes"):
        if _ask(connection, f"SHOW {name}") != "on":
            yield f"{name} is off: a power cut destroys data; set {name} = on"
    if durability == "full" and _ask(connection, "SHOW synchronous_commit") == "off":
        yield "synchronous_commit is off: a crash loses acknowledged commits; set it, or ask for durability='relaxed'"
