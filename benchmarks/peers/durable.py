"""DBOS: a workflow of one transaction per event, in SQLite, with the settings that it comes with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from dbos import DBOS, SQLAlchemyDatasource
from sqlalchemy import text

from benchmarks.tables import next_of

TABLES = (
    "CREATE TABLE moved (id INTEGER PRIMARY KEY, state TEXT NOT NULL, revision INTEGER NOT NULL)",
    "CREATE TABLE moves (id INTEGER, sequence INTEGER, event TEXT, before TEXT, after TEXT, role TEXT, at TEXT)",
    "CREATE UNIQUE INDEX moves_key ON moves (id, sequence)",
    "INSERT INTO moved VALUES (1, 'received', 0)",
)
READ = text("SELECT state, revision FROM moved WHERE id = 1")
SWAP = text("UPDATE moved SET state = :after, revision = revision + 1 WHERE id = 1 AND revision = :revision")
APPEND = text("INSERT INTO moves VALUES (1, :revision + 1, :event, :before, :after, 'staff', :at)")


def orders(folder: str) -> tuple[Callable[[str], None], Callable[[int], None]]:
    """What sends an event through a workflow, and what verifies so many."""
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{folder}/system.sqlite", "log_level": "ERROR"})
    source = SQLAlchemyDatasource.create(f"sqlite:///{folder}/dbos.sqlite")
    with source.engine.begin() as connection:
        for statement in TABLES:
            connection.execute(text(statement))

    @source.transaction()
    def write(event: str) -> None:
        session = source.sql_session()
        before, revision = session.execute(READ).one()
        values = {"event": event, "before": before, "after": next_of(before, event), "revision": revision}
        session.execute(SWAP, values)
        session.execute(APPEND, values | {"at": datetime.now(UTC).isoformat()})

    @DBOS.workflow()
    def move(event: str) -> None:
        write(event)

    DBOS.launch()

    def check(total: int) -> None:
        with source.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM moves")).scalar_one() == total
            assert connection.execute(READ).one()[1] == total

    return move, check


def close() -> None:
    """Stop its threads."""
    DBOS.destroy()
