"""Engines that are broken, each in one way in which real ones are. The checker has to find the fault in every one.

They write the same tables, with SQL of their own, on a database without triggers.
"""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from faults.workload import CHART, EDGES, Library, Plain, Plan, Written, database
from orderfsm.errors import Conflict, NotEnabled

__all__ = ["Certain", "HistoryOutside", "LockWithoutCheck", "LosesAnswers", "LosesAnswersNewKey", "NoCompare"]

AFTER = {(before, event): after for before, event, after in EDGES}

INSERT = text(
    "INSERT INTO order_history (order_id, sequence, event, before, after, code, origin, links, occurred_at, "
    "recorded_at, chart, chart_version, chart_profile, chart_hash, caused_by, key) SELECT :order, :sequence, :event, "
    ":before, :after, :after, 'send', '[]', :now, :now, :chart, :version, 'full', :hash, :call, :key"
)
MOVE = text("UPDATE orders SET configuration = :after, code = :after, revision = :sequence WHERE id = :order")


class Entry(NamedTuple):
    sequence: int
    before: str
    after: str


class ByHand:
    """What the broken engines have in common: how one looks, decides and writes."""

    certain = False

    def __init__(self, plan: Plan) -> None:
        self.engine = database(plan.url, plan.journal)

    def look(self, order: int) -> tuple[str | None, int]:
        with self.engine.connect() as connection:
            return self.row(connection, order)

    def row(self, connection: Connection, order: int, lock: str = "") -> tuple[str | None, int]:
        lock = lock if self.engine.dialect.name == "postgresql" else ""
        query = text(f"SELECT configuration, revision FROM orders WHERE id = :order {lock}")
        found = connection.execute(query, {"order": order}).one()
        return found[0], found[1]

    def facts(self) -> None:
        """Something that takes a little while between looking and writing, as asking another server does."""
        time.sleep(0.002)

    def decide(self, before: str | None, event: str) -> str:
        after = AFTER.get((str(before), event))
        if after is None:
            raise NotEnabled(CHART.name, str(before), event)
        return after

    def last(self, connection: Connection, order: int) -> int:
        query = text("SELECT max(sequence) FROM order_history WHERE order_id = :order")
        return connection.execute(query, {"order": order}).scalar_one() or 0

    def values(self, order: int, event: str, call: str, key: str, entry: Entry) -> dict[str, Any]:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        chart = {"chart": CHART.name, "version": CHART.version, "hash": CHART.hash, "now": now}
        return {"order": order, "event": event, "call": call, "key": key, **entry._asdict(), **chart}


class NoCompare(ByHand):
    """Reads, decides, writes: what happened in between is not asked."""

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        before, _ = self.look(order)
        after = self.decide(before, event)
        self.facts()
        try:
            with self.engine.begin() as connection:
                entry = Entry(self.last(connection, order) + 1, str(before), after)
                values = self.values(order, event, call, key, entry)
                connection.execute(INSERT, values)
                connection.execute(MOVE, values)
        except IntegrityError as error:
            raise Conflict("somebody had the sequence", configuration=before, revision=0) from error
        return entry


class LockWithoutCheck(ByHand):
    """Takes the lock, but decides on what it had read before it."""

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        before, _ = self.look(order)
        after = self.decide(before, event)
        self.facts()
        with self.engine.begin() as connection:
            self.row(connection, order, "FOR UPDATE")
            entry = Entry(self.last(connection, order) + 1, str(before), after)
            values = self.values(order, event, call, key, entry)
            connection.execute(INSERT, values)
            connection.execute(MOVE, values)
        return entry


class HistoryOutside(ByHand):
    """Locks and checks, but writes the history in a second transaction, after the state."""

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        with self.engine.begin() as connection:
            before, revision = self.row(connection, order, "FOR UPDATE")
            entry = Entry(revision + 1, str(before), self.decide(before, event))
            values = self.values(order, event, call, key, entry)
            connection.execute(MOVE, values)
        with self.engine.begin() as connection:
            connection.execute(INSERT, values)
        return entry


class LosesAnswers(Library):
    """The library on a line that loses every so manieth answer: the client repeats under the same key. Not broken."""

    every = 50 if os.environ.get("ORDERFSM_SOAK") else 20

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.answers = count(1)

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        entry = super().send(order, event, call, key)
        if next(self.answers) % self.every == 0:
            raise ConnectionError("the answer was lost")
        return entry


class LosesAnswersNewKey(LosesAnswers):
    """The same line, and a client that gives each attempt a key of its own."""

    every = 5

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        return super().send(order, event, call, uuid.uuid4().hex)


class Certain(Plain):
    """Takes every error for a refusal, that of a COMMIT as well."""

    certain = True
