"""What the tests of enforcement share: databases spoken to in SQL, by the drivers alone."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine

from orderfsm import Chart, enforcement
from orderfsm.cell import Configuration, Step
from orderfsm.table import Table, compile

MOMENT = "2026-01-01 00:00:00+00:00"
NOTHING = {"links": "[]", "occurred_at": MOMENT, "recorded_at": MOMENT, "origin": "raw"}


class Raw:
    """A connection of sqlite3 or psycopg, in one long transaction. Statements have `?` for their parameters."""

    def __init__(self, url: str) -> None:
        self.sqlite = url.startswith("sqlite")
        self.driver: Any
        if self.sqlite:
            self.driver = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=60)
            self.driver.execute("PRAGMA foreign_keys = OFF")
            self.driver.execute("BEGIN IMMEDIATE")
        else:
            self.driver = psycopg.connect(url.replace("+psycopg", "", 1))

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        text = statement if self.sqlite else statement.replace("%", "%%").replace("?", "%s")
        cursor = self.driver.execute(text, parameters)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def said(self, statement: str, parameters: Sequence[Any] = ()) -> str:
        """What the database says to a statement that it refuses, "" when it accepts it; either way nothing stays."""
        self.run("SAVEPOINT attempt")
        try:
            self.run(statement, parameters)
        except (sqlite3.IntegrityError, psycopg.IntegrityError) as error:
            found = str(error).partition("\n")[0]
        else:
            found = ""
        self.run("ROLLBACK TO SAVEPOINT attempt")
        self.run("RELEASE SAVEPOINT attempt")
        return found

    def close(self) -> None:
        self.driver.rollback()
        self.driver.close()


@contextmanager
def raw(url: str) -> Iterator[Raw]:
    made = Raw(url)
    try:
        yield made
    finally:
        made.close()


def database(kind: str, folder: Path, new: Any) -> str:
    """The URL of a new database with the ready-made tables, enforced."""
    from orderfsm.sqlmodel import create_all

    url = f"sqlite:///{folder}/raw.db" if kind == "sqlite" else new()
    made = create_engine(url)
    create_all(made)
    made.dispose()
    return str(url)


def known(url: str, *charts: Chart) -> None:
    """Make charts known to a database."""
    made = create_engine(url)
    with made.begin() as connection:
        for chart in charts:
            enforcement.register(connection, chart)
    made.dispose()


def fields(table: Table, before: str, event: str, after: str, **more: Any) -> dict[str, Any]:
    """The columns of an entry, apart from the order's key and the sequence; code and category are those of `after`."""
    chart, found = table.chart, table.configurations.get(after)
    shown = _shown(found) if found is not None else {"code": None, "category": None}
    names = {"chart": chart.name, "chart_version": chart.version, "chart_profile": chart.profile}
    names["chart_hash"] = enforcement.hash_of(table)
    return {"before": before, "event": event, "after": after, **shown, **names, **NOTHING, **more}


def _shown(found: Configuration) -> dict[str, str | None]:
    return {"code": found.code, "category": None if found.category is None else found.category.value}


def insert(
    into: str, key: Mapping[str, Any], sequence: Any, values: Mapping[str, Any], verb: str = "INSERT"
) -> tuple[str, list[Any]]:
    """An INSERT of an entry, with its parameters."""
    row = {**key, "sequence": sequence, **values}
    columns = ", ".join(f'"{name}"' for name in row)
    return f"{verb} INTO {into} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values())


def reason_for(step: Step) -> dict[str, str | None]:
    """A reason that a step takes."""
    rule = step.demand.reason
    if rule.mode != "required":
        return {}
    return {"reason_code": rule.codes[0]} if rule.codes else {"reason_text": "why"}


def lives(chart: Chart) -> dict[str, list[Step]]:
    """The shortest way to each configuration of a chart, from its start."""
    table = compile(chart)
    found: dict[str, list[Step]] = {}
    waiting: deque[list[Step]] = deque([step] for cell in table.starts.values() for step in cell.steps)
    while waiting:
        steps = waiting.popleft()
        here = str(steps[-1].after)
        if here not in found:
            found[here] = steps
            waiting += [[*steps, step] for cell in table.rows[here].values() for step in cell.steps]
    return found


def live(connection: Raw, chart: Chart, steps: Sequence[Step], number: int) -> None:
    """Write an order and its history."""
    table = compile(chart)
    connection.run("INSERT INTO orders (id, data) VALUES (?, '{}')", (number,))
    for sequence, step in enumerate(steps, 1):
        before = "[*]" if step.before is None else str(step.before)
        values = fields(table, before, step.event, str(step.after), **reason_for(step))
        connection.run(*insert("order_history", {"order_id": number}, sequence, values))
