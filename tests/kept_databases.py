"""New databases with tables, quickly: one that has them already is copied."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, make_url, text

from orderfsm.sqlmodel import engine

if TYPE_CHECKING:
    import pytest

Create = Callable[[Engine], Any]


@contextmanager
def new_database(kind: str, postgres_url: str, folder: Path, create: Create) -> Iterator[Engine]:
    """An engine on a new database with what `create`, a function of a module, makes in it; gone after the block."""
    if kind == "sqlite":
        (folder / "orders.db").write_bytes(_file(create))
        made = engine(f"sqlite:///{folder}/orders.db", durability="relaxed")
        yield made
        made.dispose()
        return
    name = _created(postgres_url, f"TEMPLATE {_template(create, postgres_url)}")
    made = engine(make_url(postgres_url).set(database=name))
    yield made
    made.dispose()
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def asked_for(request: pytest.FixtureRequest, folder: Path, create: Create) -> Iterator[Engine]:
    """The same for a fixture whose parameter is the kind of database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    with new_database(request.param, url, folder, create) as made:
        yield made


@cache
def _file(create: Create) -> bytes:
    """A file of SQLite's."""
    with tempfile.TemporaryDirectory() as folder:
        made = engine(f"sqlite:///{folder}/template.db", durability="relaxed")
        create(made)
        made.dispose()
        return (Path(folder) / "template.db").read_bytes()


@cache
def _template(create: Create, postgres_url: str) -> str:
    """The name of a database that nobody is connected to; it lives as long as the server."""
    name = _created(postgres_url)
    made = engine(make_url(postgres_url).set(database=name))
    create(made)
    made.dispose()
    return name


def _created(postgres_url: str, options: str = "") -> str:
    name = f"kept_{uuid.uuid4().hex[:12]}"
    _administer(postgres_url, f"CREATE DATABASE {name} {options}")
    return name


def _administer(postgres_url: str, statement: str) -> None:
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(statement))
    server.dispose()
