"""Statements take the short way to sqlite3 only while nobody looks."""

from typing import Any

import pytest
from sqlalchemy import Engine, event

from orderfsm.sqlmodel import engine
from orderfsm.sqlmodel.driver import direct


@pytest.fixture
def here(tmp_path: Any) -> Any:
    made = engine(f"sqlite:///{tmp_path}/orders.db")
    yield made
    made.dispose()


def watch(target: Any, name: str) -> None:
    event.listen(target, name, lambda *_: None)


def test_nobody_looks_at_an_engine_of_ours(here: Engine) -> None:
    with here.connect() as connection:
        assert direct(connection) is connection.connection.dbapi_connection


@pytest.mark.parametrize("name", ["before_cursor_execute", "after_cursor_execute"])
def test_who_listens_to_the_engine_sees_every_statement(here: Engine, name: str) -> None:
    watch(here, name)
    with here.connect() as connection:
        assert direct(connection) is None


@pytest.mark.parametrize("name", ["before_cursor_execute", "after_cursor_execute"])
def test_who_listens_to_one_connection_sees_its_statements(here: Engine, name: str) -> None:
    with here.connect() as connection, here.connect().execution_options(sqlite_begin="DEFERRED") as other:
        watch(connection, name)
        assert direct(connection) is None
        assert direct(other) is not None


def test_an_engine_that_logs_is_watched(here: Engine) -> None:
    here.echo = True
    with here.connect() as connection:
        assert direct(connection) is None
