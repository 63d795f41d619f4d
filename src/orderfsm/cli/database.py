"""The database that a command is told of: an engine for its URL, and what the database complains of as one sentence."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .answer import Misused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

__all__ = ["complaint", "engine_of", "opened", "told", "url_of", "writing"]

EXAMPLE = "write for example sqlite:///orders.db"


def url_of(database: str) -> URL:
    """The parts of a URL of SQLite or PostgreSQL. Raises Misused for any other."""
    from orderfsm.sqlmodel.url import read_url

    try:
        url = read_url(database)
    except ValueError as error:
        raise Misused(f"--database: {error}") from None
    if url.get_dialect().is_async:
        raise Misused(f"--database: {url.drivername} is for asyncio; write {url.get_backend_name()}://...")
    return url


def engine_of(database: str) -> Engine:
    """An engine that only reads. Raises Misused for a URL that leads nowhere."""
    from sqlalchemy import create_engine

    url = url_of(database)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise Misused(f"--database: there is no file {url.database or 'in the URL'}; {EXAMPLE}")
    return create_engine(url)


def writing(database: str) -> Engine:
    """An engine with safe settings. Raises Misused for a URL that leads nowhere."""
    from orderfsm.sqlmodel import secure

    return secure(engine_of(database))


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Around what asks the database: what it complains of is raised as Misused; the engine is disposed of."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        shown = engine.url.set(query={}).render_as_string(hide_password=True)  # a query may hold a password as well
        raise Misused(f"{shown}: {complaint(error)}{_question(error)}") from None
    finally:
        engine.dispose()


def _question(error: Exception) -> str:
    """What is asked back where the database was reached: tables that it lacks, or older ones."""
    said = str(error)
    missing = any(part in said for part in ("no such", "does not exist", "UndefinedTable", "UndefinedColumn"))
    return "; does it have the tables? `orderfsm ready` tells" if missing else ""


@contextmanager
def opened(database: str) -> Iterator[Connection]:
    """A connection that only reads. Raises Misused when the database cannot be read or lacks the ready-made tables."""
    engine = engine_of(database)
    with told(engine), engine.connect() as connection:
        yield connection


def complaint(error: Exception) -> str:
    """The first line of an error."""
    return str(error).partition("\n")[0]
