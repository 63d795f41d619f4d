"""Clients on a simulated database, one statement at a time, in an order that a seed decides: same seed, same run.

The lifecycle is the real one: it decides, compares, repeats. Below it is a database of a few lines that does what
PostgreSQL does at READ COMMITTED: a statement sees what is committed when it begins, an UPDATE waits for whoever holds
the row and looks at it anew. Before each statement somebody else may go on, die, or lose its connection; the clock
jumps. There is no time and no thread: hundreds of runs take a second.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet

from faults.checker import Row, Verdict, judged
from faults.log import entered
from faults.workload import CHART, EVENTS, LEGAL
from orderfsm.errors import Conflict, Refused
from orderfsm.history import Entry
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

__all__ = ["Customer", "Store", "World", "simulate"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Died(BaseException):
    """A client was killed."""


class LostAnswer(Exception):
    """The connection was lost at COMMIT: it may or may not have happened."""


@dataclass
class Kept:
    """What is committed of one order."""

    configuration: str
    revision: int
    entries: list[Entry]
    keys: dict[str, tuple[Entry, str | None]] = field(default_factory=dict)


@dataclass
class Seen:
    """An order as a session has it in memory."""

    id: int
    configuration: str
    revision: int


class World:
    """The database and the scheduler; `statement` is called before each statement, and gives way to somebody else."""

    def __init__(self, seed: int, orders: int) -> None:
        self.drawn = random.Random(seed)
        self.now = 0
        self.time = EPOCH
        first = Entry(before="[*]", event="open", after="received", sequence=1, caused_by="open")
        self.kept = {number: Kept("received", 1, [first]) for number in range(orders)}
        self.locks: dict[int, Session] = {}
        self.hub: greenlet = getcurrent()
        self.deadly = 0.02

    def clock(self) -> datetime:
        """A clock that jumps, to and fro."""
        if self.drawn.random() < 0.05:
            self.time += timedelta(hours=self.drawn.choice((-24, -1, 1, 24)))
        self.time += timedelta(milliseconds=1)
        return self.time

    def statement(self) -> None:
        self.now += 1
        self.hub.switch()
        self.now += 1

    def run(self, clients: list[Customer]) -> None:
        """Let everybody go on, one at a time, until all are through; who dies has a successor."""
        runs = {client: greenlet(client.run) for client in clients}
        while runs:
            client = self.drawn.choice(list(runs))
            here = runs[client]
            if here and self.drawn.random() < self.deadly:
                here.throw(Died)
            else:
                here.switch()
            if here.dead:
                del runs[client]
                if client.died:
                    client.died = False
                    runs[client] = greenlet(client.run)


class Session:
    """A transaction: what it has written, which rows it holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.written: dict[int, tuple[Entry, str | None]] = {}

    def get(self, order: int) -> Seen:
        self.world.statement()
        kept = self.world.kept[order]
        return Seen(order, kept.configuration, kept.revision)

    def lock(self, order: int) -> None:
        while self.world.locks.get(order, self) is not self:
            self.world.statement()
        self.world.locks[order] = self

    def commit(self) -> None:
        """Make it last, then answer; the connection may be lost on the way there, or on the way back."""
        self.world.statement()
        lost = self.world.drawn.random()
        if lost < 0.05:
            self.rollback()
            raise LostAnswer
        for order, (entry, fingerprint) in self.written.items():
            self.apply(self.world.kept[order], entry, fingerprint)
        self.rollback()
        self.world.statement()
        if lost > 0.92:
            raise LostAnswer

    def apply(self, kept: Kept, entry: Entry, fingerprint: str | None) -> None:
        kept.configuration, kept.revision = entry.after, entry.sequence
        kept.entries.append(entry)
        if entry.key is not None:
            kept.keys[entry.key] = entry, fingerprint

    def rollback(self) -> None:
        self.written.clear()
        for order in [order for order, holder in self.world.locks.items() if holder is self]:
            del self.world.locks[order]


class Store(SqlStore):
    """The store of a lifecycle, on the simulated database."""

    def __init__(self) -> None:
        super().__init__(Order, OrderHistory)
        self.outbox = self.timers = self.holds = None

    def position(self, session: Any, order: Any) -> tuple[str | None, int]:
        return order.configuration, order.revision

    def reload(self, session: Any, order: Any) -> tuple[str | None, int]:
        found = session.get(order.id)
        order.configuration, order.revision = found.configuration, found.revision
        return found.configuration, found.revision

    def keyed(self, session: Any, order: Any, key: str) -> tuple[Entry, str | None] | None:
        session.world.statement()
        found: tuple[Entry, str | None] | None = session.world.kept[order.id].keys.get(key)
        return found

    def confirm(self, session: Any) -> None:
        """There is no standby."""

    def record(self, session: Any, order: Any, entry: Entry, fingerprint: str | None = None, *_: Any) -> bool:
        session.world.statement()
        session.lock(order.id)
        kept = session.world.kept[order.id]
        if kept.revision != entry.sequence - 1 or entry.key in kept.keys:
            return False
        self.write(session, order, entry, fingerprint)
        return True

    def write(self, session: Any, order: Any, entry: Entry, fingerprint: str | None) -> None:
        session.written[order.id] = entry, fingerprint
        order.configuration, order.revision = entry.after, entry.sequence

    def key(self, order: Any) -> Any:
        return order.id

    def name(self, order: Any) -> str:
        return f"Order {order.id}"


class Customer:
    """A client: some calls, each repeated under its key until it is known what became of it."""

    session: type[Session] = Session

    def __init__(self, number: int, world: World, orders: Lifecycle, calls: int) -> None:
        self.number, self.world, self.orders = number, world, orders
        self.todo = [f"{number}-{call}" for call in range(calls)]
        self.lines: list[dict[str, Any]] = []
        self.died = False
        self.seen: dict[int, str] = {}
        self.plans: dict[str, tuple[int, str | None]] = {}

    def say(self, said: str, call: str, **more: Any) -> None:
        self.lines.append({"at": self.world.now, "said": said, "call": call, **more})

    def run(self) -> None:
        try:
            while self.todo:
                self.call(self.todo[0])
                self.todo.pop(0)
        except Died:
            self.died = True

    def call(self, name: str) -> None:
        order, event = self.plans.setdefault(name, self._plan())
        for attempt in range(12):
            self.say("invoke", name, order=order, event=event)
            session = self.session(self.world)
            try:
                told = self.attempt(session, name, order, event, attempt)
            except Refused as refused:
                self.seen[order] = refused.configuration
                self.say("fail", name, because="refused")
                return
            except Conflict:
                self.say("fail", name, because="lost race")
            except LostAnswer:
                if not self.goes_on(name):
                    return
            else:
                self.say("ok", name, sequence=told[0], before=told[1], after=told[2])
                return
            finally:
                session.rollback()

    def _plan(self) -> tuple[int, str | None]:
        drawn = self.world.drawn
        order = drawn.randrange(len(self.world.kept))
        if drawn.random() < 0.2:
            return order, None
        return order, drawn.choice(EVENTS if drawn.random() < 0.1 else LEGAL[self.seen.get(order, "received")])

    def attempt(self, session: Session, name: str, order: int, event: str | None, attempt: int) -> tuple[Any, ...]:
        row = session.get(order)
        if event is None:
            return row.revision, None, row.configuration
        entry = self.orders.send(session, row, event, key=self.key(name, attempt), caused_by=name)  # type: ignore[arg-type]
        self.seen[order] = entry.after
        session.commit()
        return entry.sequence, entry.before, entry.after

    def key(self, name: str, attempt: int) -> str:
        return name

    def goes_on(self, name: str) -> bool:
        """Whether the call is repeated when nobody knows what became of it."""
        self.say("doubt", name, because="the connection was lost")
        return True


LIFECYCLES: dict[type[Store], Lifecycle] = {}


def simulate(
    seed: int, *, store: type[Store] = Store, customer: type[Customer] = Customer, clients: int = 3, calls: int = 4
) -> Verdict:
    """What is found after one run."""
    world = World(seed, orders=1 + seed % 2)
    if store not in LIFECYCLES:
        LIFECYCLES[store] = Lifecycle(CHART, store())
    orders = LIFECYCLES[store]
    orders.clock = world.clock
    everybody = [customer(number, world, orders, calls) for number in range(clients)]
    world.run(everybody)
    rows = [_row(order, entry) for order, kept in world.kept.items() for entry in kept.entries]
    standing = [(order, kept.configuration, kept.configuration, kept.revision) for order, kept in world.kept.items()]
    return judged(entered(client.lines for client in everybody), rows, standing)


def _row(order: int, entry: Entry) -> Row:
    call = f"open-{order}" if entry.sequence == 1 else str(entry.caused_by)
    return Row(order, entry.sequence, entry.event, str(entry.before), entry.after, call, entry.key, EPOCH)
