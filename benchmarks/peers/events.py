"""The package eventsourcing: an aggregate whose events are the history, in SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.tables import next_of


class Order(Aggregate):
    """An order that decides by the same table of arrows and records what the others record."""

    @event("Opened")
    def __init__(self) -> None:
        self.state = "received"

    def send(self, name: str) -> None:
        self._moved(name, self.state, next_of(self.state, name), "staff", "send")

    @event("Moved")
    def _moved(self, name: str, before: str, after: str, role: str, origin: str) -> None:
        self.state = after


class Orders(Application[Any]):
    """The application that keeps them."""


def orders(file: str, synchronous: str) -> tuple[Callable[[str], None], Callable[[int], None]]:
    """What sends an event, each in a transaction of its own, and what verifies so many."""
    kept: Any = Orders(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": file})
    order = Order()
    kept.save(order)
    with kept.factory.datastore.transaction(commit=True) as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"
    _set(kept, synchronous)

    def send(name: str) -> None:
        order.send(name)
        kept.save(order)

    def check(total: int) -> None:
        found = kept.repository.get(order.id)
        assert (found.version, found.state) == (total + 1, order.state)

    return send, check


def _set(kept: Any, synchronous: str) -> None:
    """The level for the one connection that writes: it stays in the pool."""
    pool = kept.factory.datastore.pool
    connection = pool.get_connection(is_writer=True)
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == {"NORMAL": 1, "FULL": 2}[synchronous]
    pool.put_connection(connection)
