"""What the clients of the fault tests do: an endless chart, orders in the ready-made tables, one call after another."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

import orderfsm
from faults.log import Log, unanswered
from orderfsm import enforcement
from orderfsm.errors import Conflict, InDoubt, OrderFsmError, Refused
from orderfsm.lifecycle import Lifecycle, lost_race, transact
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, secure
from orderfsm.writer import Writer

__all__ = [
    "CHART",
    "EDGES",
    "EMITTING",
    "PATIENCE",
    "Asking",
    "Client",
    "Contender",
    "Library",
    "Plain",
    "Plan",
    "Sender",
    "Writing",
    "database",
    "prepare",
]

CHART = orderfsm.read(
    """
chart: test/endless
version: "1"
title: An order that never ends
initial: received
states:
  received: {category: open}
  working: {category: open}
  held: {category: suspended, after: {PT0.1S: resume}}
  packed: {category: waiting}
actions:
  notify: Tell the customer.
events:
  accept: {from: received, to: working}
  hold: {from: working, to: held}
  resume: {from: held, to: working}
  pack: {from: working, to: packed, emit: [notify]}
  reopen: {from: packed, to: received, emit: [notify]}
"""
)

EDGES = {
    ("[*]", "open", "received"),
    ("received", "accept", "working"),
    ("working", "hold", "held"),
    ("held", "resume", "working"),
    ("working", "pack", "packed"),
    ("packed", "reopen", "received"),
}
"""The same arrows, written out a second time for the checker."""

EMITTING = {"pack", "reopen"}
PATIENCE = timedelta(seconds=0.1)
"""How long an order is held before a sweep resumes it."""

EVENTS = tuple(sorted(event for _, event, _ in EDGES - {("[*]", "open", "received")}))
LEGAL = {state: [e for before, e, _ in sorted(EDGES) if before == state] for state, _, _ in EDGES}


@dataclass(frozen=True)
class Plan:
    """What a fleet of clients is told: which database, by which engine, on which orders, and where the logs lie.

    `sender` names a class of this module or of faults.broken. `journal` is SQLite's. `patience` is for how many seconds
    a client repeats a call that failed.
    """

    url: str
    folder: str
    orders: tuple[int, ...]
    sender: str = "Library"
    journal: str = "WAL"
    durability: str = "full"
    reads: float = 0.1
    illegal: float = 0.05
    patience: float = 60

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def database(url: str, journal: str = "WAL", durability: Any = "full") -> Engine:
    """An engine as a service has it: the library's, or, for SQLite's rollback journal, one made by hand."""
    made = create_engine(url)
    if made.dialect.name != "sqlite" or journal == "WAL":
        return secure(made, durability=durability)
    event.listen(made, "connect", lambda connection, _: _by_hand(connection, journal))
    event.listen(made, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return made


def _by_hand(connection: Any, journal: str) -> None:
    connection.isolation_level = None
    settings = ("busy_timeout = 10000", f"journal_mode = {journal}", "synchronous = FULL", "foreign_keys = ON")
    for setting in settings:
        connection.execute(f"PRAGMA {setting}")


def prepare(engine: Engine, count: int, *, guarded: bool = True) -> tuple[int, ...]:
    """The keys of new orders, opened; not `guarded` is a database that would let a broken engine do what it likes."""
    create_all(engine)
    if not guarded:
        with engine.begin() as connection:
            enforcement.remove(connection, Order, OrderHistory)
    orders = Lifecycle(CHART, SqlStore(Order, OrderHistory))
    with Session(engine) as session:
        made = [Order() for _ in range(count)]
        for number, order in enumerate(made):
            orders.open(session, order, caused_by=f"open-{number}")
        session.commit()
        return tuple(order.id for order in made)  # type: ignore[misc]


class Written(Protocol):
    """What a sender tells of the entry that it wrote."""

    sequence: int
    before: str | None
    after: str


class Sender(Protocol):
    """An engine under test. `send` has committed when it returns; `look` gives configuration and revision.

    One that is `certain` raises InDoubt when it does not know what became of a call; else every error may mean that.
    """

    certain: bool

    def send(self, order: int, event: str, call: str, key: str) -> Written: ...
    def look(self, order: int) -> tuple[str | None, int]: ...


class Plain:
    """The library in the caller's own session and transaction; who catches an error knows nothing for certain."""

    certain = False

    def __init__(self, plan: Plan, engine: Engine | None = None) -> None:
        self.engine = engine or database(plan.url, plan.journal, plan.durability)
        self.orders = Lifecycle(CHART, SqlStore(Order, OrderHistory))

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        with self.session() as session:
            entry = self.written(session, order, event, call, key)
            session.commit()
            return entry

    def session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)

    def written(self, session: Any, order: int, event: str, call: str, key: str) -> Written:
        return self.orders.send(session, session.get_one(Order, order), event, key=key, caused_by=call)

    def look(self, order: int) -> tuple[str | None, int]:
        with Session(self.engine) as session:
            row = session.get_one(Order, order)
            return row.configuration, row.revision


class Library(Plain):
    """The library's own unit of work: done, refused, or InDoubt; any other error says that nothing was written."""

    certain = True
    seconds: float = 5
    tries = 20

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        def work(session: Session) -> Written:
            return self.written(session, order, event, call, key)

        return transact(self.session, work, key=key, seconds=self.seconds, tries=self.tries)


class Asking(Library):
    """The same, which leaves a doubt to its client."""

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        return transact(self.session, lambda session: self.written(session, order, event, call, key))


class Writing(Plain):
    """The library's writer, which commits by itself."""

    certain = True

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.writer = Writer(self.orders, self.engine)

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        return self.writer.send(order, event, key=key, caused_by=call)


class Client:
    """One client: it calls, notes what it was told, and repeats what it does not know, under the same key."""

    def __init__(self, slot: str, plan: Plan, sender: Sender, stopped: Callable[[], bool]) -> None:
        self.slot, self.plan, self.sender, self.stopped = slot, plan, sender, stopped
        path = Path(plan.folder) / f"client-{slot}.log"
        self.left = unanswered(path)
        self.log = Log(path)
        self.drawn = random.Random()
        self.seen: dict[int, str] = {}
        self.pause = 0.02
        self.run_id = f"{slot}-{time.monotonic_ns():x}"

    def run(self) -> None:
        """Call until it is stopped; first of all what a predecessor left without an answer."""
        left = self.left
        if left is not None and left["event"] is not None:
            self.send(left["call"], left["order"], left["event"])
        number = 0
        while not self.stopped():
            number += 1
            self.call(f"{self.run_id}-{number}")

    def call(self, name: str) -> None:
        order = self.drawn.choice(self.plan.orders)
        if self.drawn.random() < self.plan.reads:
            self.read(name, order)
            return
        legal = LEGAL.get(self.seen.get(order, ""), EVENTS)
        self.send(name, order, self.drawn.choice(EVENTS if self.drawn.random() < self.plan.illegal else legal))

    def send(self, name: str, order: int, event: str) -> None:
        """Send an event until there is an answer: done or refused."""
        until = time.monotonic() + self.plan.patience
        while True:
            self.log.invoke(name, order, event, name)
            try:
                entry = self.sender.send(order, event, name, name)
            except Refused as refused:
                self.seen[order] = refused.configuration
                self.log.fail(name, type(refused).__name__)
                return
            except (SQLAlchemyError, OrderFsmError, OSError) as error:
                self._unclear(name, error)
            else:
                self.seen[order] = entry.after
                self.log.ok(name, entry.sequence, entry.before, entry.after)
                return
            if self.stopped() or time.monotonic() > until:
                return

    def _unclear(self, name: str, error: Exception) -> None:
        """Somebody else moved first, nothing was written, or nobody knows: wait a little before it is tried again."""
        said = f"{type(error).__name__}: {error}"[:200]
        if isinstance(error, (Conflict, DBAPIError)) and lost_race(error):
            self.log.fail(name, "lost race")
        elif self.sender.certain and not isinstance(error, (InDoubt, ConnectionError)):
            self.log.fail(name, said)
        else:
            self.log.doubt(name, said)
        time.sleep(self.drawn.uniform(0, self.pause))

    def read(self, name: str, order: int) -> None:
        self.log.invoke(name, order, None)
        try:
            configuration, revision = self.sender.look(order)
        except (SQLAlchemyError, OSError) as error:
            self.log.doubt(name, type(error).__name__)
            time.sleep(self.drawn.uniform(0, 0.05))
        else:
            self.log.ok(name, revision, None, configuration)


class Contender(Plain):
    """Decides on what it has seen before, and notes how long each call took and what a loser is told."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.notes = (Path(plan.folder) / f"took-{os.getpid()}.log").open("a")

    def send(self, order: int, event: str, call: str, key: str) -> Written:
        _, seen = self.look(order)
        began, now = time.monotonic(), None
        try:
            with self.session() as session:
                row = session.get_one(Order, order)
                entry = self.orders.send(session, row, event, key=key, caused_by=call, expected_revision=seen)
                session.commit()
                return entry
        except Conflict as conflict:
            now = conflict.revision
            raise
        finally:
            self.notes.write(json.dumps([time.monotonic() - began, seen, now]) + "\n")
            self.notes.flush()
