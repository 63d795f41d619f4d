"""Many orders at once: send_many beside set SQL written by hand and beside the ORM, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from psycopg.types.json import Json
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session, SQLModel, select

import orderfsm
from benchmarks.measure import Contestant, Figure, Target, race, timed
from benchmarks.sending import ORM
from benchmarks.tables import ENTRY, FIRST, STATE, OrmHistory, OrmOrder, entry_values, sqlite_moment
from benchmarks.writer import ARROWS, PRESS, _server, begun, unguarded
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine

ORDERS = 100_000
BATCH = 20_000
FEW = 1_000
"""How many orders the ORM has, and sends to at once."""

CHUNK = 5_000
SENT, CHOSEN, HAND = "send_many, keys", "send_many, a select", "set SQL by hand, keys"
BARE = "set SQL by hand, a condition, no verdicts"
GUARDED = "send_many, keys, enforced by the database"
WORK = (
    f"One event to {BATCH:,} of {ORDERS:,} orders in one transaction, in chunks of {CHUNK:,}, a verdict for each; "
    "a row of history with the same columns, and the same indexes."
)
UNGUARDED = f"The ORM gets {FEW:,} orders, which it loads, assigns and flushes together. The database enforces nothing."


def figures() -> Iterator[Figure]:
    """SQLite, then PostgreSQL: the race without enforcement, then what enforcement costs."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        yield from _raced("SQLite", lambda name: engine(f"sqlite:///{Path(folder) / name}.db"))
    with tempfile.TemporaryDirectory(prefix="ofb-") as folder, _server(folder) as (url, _):
        yield from _raced("PostgreSQL", lambda name: _database(url, name))


def _database(url: str, name: str) -> Engine:
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    server.dispose()
    return engine(server.url.set(database=name))


def _raced(said: str, make: Callable[[str], Engine]) -> Iterator[Figure]:
    ways = {SENT: by_keys, CHOSEN: by_select, HAND: by_hand, BARE: by_condition, ORM: by_orm}
    databases = {name: make(way.__name__) for name, way in ways.items()}
    for at in databases.values():
        unguarded(at)
    figure = race(
        f"Many orders at once, {said}",
        f"{WORK} {UNGUARDED}",
        [Contestant(name, way(databases[name])) for name, way in ways.items()],
        seconds=0.4,
        rounds=11,
        targets=[Target(SENT, HAND, 0.8), Target(CHOSEN, HAND, 0.8)],
    )
    figure.at_least(SENT, 100_000, f"{SENT}, by itself")
    yield figure
    guarded, bare = make("guarded"), make("bare")
    create_all(guarded)
    unguarded(bare)
    yield race(
        f"The cost of enforcement, many orders at once, {said}",
        WORK,
        [Contestant(GUARDED, by_keys(guarded)), Contestant(SENT, by_keys(bare))],
        seconds=0.4,
        rounds=11,
    )
    for at in (*databases.values(), guarded, bare):
        at.dispose()


# --- the ways


def by_keys(at: Engine) -> Callable[[int], float]:
    """The keys are given; none has to be looked for in the batch, which is new."""
    return _by_library(at, list)


def by_select(at: Engine) -> Callable[[int], float]:
    return _by_library(at, lambda keys: select(Order).where(Order.id.between(keys[0], keys[-1])))  # type: ignore[union-attr]


def _by_library(at: Engine, which: Callable[[range], Any]) -> Callable[[int], float]:
    orders = Lifecycle(PRESS, SqlStore(Order, OrderHistory))

    def send(keys: range, event: str, before: str) -> None:
        with Session(at) as session:
            sent = orders.send_many(session, which(keys), event, actor="staff", chunk=CHUNK)
            session.commit()
        assert sent.counts == {"applied": BATCH}

    return repeated(send, at, filled(at))


def by_hand(at: Engine) -> Callable[[int], float]:
    """What one would write for speed, with the moved orders returned as the verdicts."""
    write = HANDS[at.dialect.name]

    def send(keys: range, event: str, before: str) -> None:
        batch = uuid.uuid4().hex
        with Session(at) as session:
            moved = set[int]()
            for begin in range(0, len(keys), CHUNK):
                moved.update(write(session, list(keys[begin : begin + CHUNK]), event, before, batch))
            verdicts = [(key, "applied" if key in moved else "illegal") for key in keys]
            session.commit()
        assert all(verdict == "applied" for _, verdict in verdicts)

    return repeated(send, at, filled(at))


def by_condition(at: Engine) -> Callable[[int], float]:
    """The least that has to be written: who moved, and whoever did not, is not told."""
    insert, update = CONDITION[at.dialect.name]

    def send(keys: range, event: str, before: str) -> None:
        batch, which = uuid.uuid4().hex, (before, keys[0], keys[-1])
        with Session(at) as session:
            connection = session.connection()
            after = ARROWS[before, event]
            values = _values(at.dialect.name, event, before, after, batch)
            connection.exec_driver_sql(insert, (*values, *which))
            connection.exec_driver_sql(update, (*_state(after), *which))
            session.commit()

    return repeated(send, at, filled(at))


def by_orm(at: Engine) -> Callable[[int], float]:
    """The way of SQLModel's tutorial, with one flush: loads the orders, assigns, adds a row of history for each."""
    SQLModel.metadata.create_all(at, tables=[OrmOrder.__table__, OrmHistory.__table__])  # type: ignore[attr-defined]
    with Session(at) as session:
        session.add_all([OrmOrder(**FIRST) for _ in range(FEW)])
        session.commit()

    def send(keys: range, event: str, before: str) -> None:
        with Session(at) as session:
            for order in session.exec(select(OrmOrder)):
                assert order.configuration == before
                order.configuration = order.code = after = ARROWS[before, event]
                session.add(OrmHistory.of(PRESS, order, event, before, after, datetime.now(UTC)))
            session.commit()

    return repeated(send, at, range(1, FEW + 1), "bench_orders", "bench_history", first=0)


def repeated(
    send: Callable[[range, str, str], None],
    at: Engine,
    keys: range,
    orders: str = "orders",
    history: str = "order_history",
    first: int = 1,
) -> Callable[[int], float]:
    """Send an event to one batch of the orders after the other; the seconds for so many. The check is not timed."""
    size, sent = min(BATCH, len(keys)), 0
    batches = [keys[begin : begin + size] for begin in range(0, len(keys), size)]
    turns = cycle([(batch, event, before) for before, event in ARROWS for batch in batches])

    def run(wanted: int) -> float:
        nonlocal sent
        times = max(1, round(wanted / size))
        spent = timed(lambda: _sent(send, islice(turns, times)))
        sent += times * size
        with at.connect() as connection:
            moved = connection.execute(text(f"SELECT sum(revision - 1), count(*) FROM {orders}")).one()
            assert tuple(moved) == (sent, len(keys))
            found = connection.execute(text(f"SELECT count(*) FROM {history}")).scalar_one()
            assert found == sent + len(keys) * first
        if first:
            _verified(at)
        return spent * wanted / (times * size)

    return run


def _sent(send: Callable[[range, str, str], None], turns: Iterable[tuple[range, str, str]]) -> None:
    for turn in turns:
        send(*turn)


def _verified(at: Engine) -> None:
    """One of the histories leads to where its order stands."""
    with Session(at) as session:
        order = session.exec(select(Order).limit(1)).one()
        rows = session.exec(select(OrderHistory).where(OrderHistory.order_id == order.id)).all()
        replayed = orderfsm.replay(PRESS, sorted(rows, key=lambda entry: entry.sequence))
        assert (replayed.configuration, replayed.findings) == (order.configuration, ())


def filled(at: Engine) -> range:
    """The keys of so many opened orders: one is opened, the others get the like by SQL."""
    begun(at)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :most)"
    new = "INSERT INTO orders (revision, data) "
    columns = ", ".join(f'"{name}"' for name in ENTRY)
    first = ", ".join(f'h."{name}"' for name in ENTRY[1:])
    state = ", ".join(STATE)
    opened = f"INSERT INTO order_history ({columns}) SELECT o.id, {first} FROM orders o, order_history h"
    moved = f"UPDATE orders SET ({state}) = (SELECT {state} FROM orders WHERE revision = 1 LIMIT 1) WHERE revision = 0"
    with at.begin() as connection:
        connection.execute(text(f"{new}{numbers} SELECT 0, '{{}}' FROM n"), {"most": ORDERS})
        connection.execute(text(f"{opened} WHERE o.revision = 0"))
        connection.execute(text(moved))
    with at.connect() as connection:
        if at.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
        assert tuple(connection.execute(text("SELECT min(id), max(id) FROM orders")).one()) == (1, ORDERS)
    return range(1, ORDERS + 1)


# --- set SQL by hand

INTO = f"INSERT INTO order_history ({', '.join(chr(34) + name + chr(34) for name in ENTRY)}) "


def _chosen(mark: Callable[[str], str], more: int = 0) -> str:
    marks = {"order_id": "o.id", "sequence": f"o.revision + {1 - more}"}
    return ", ".join(marks.get(name) or mark(name) for name in ENTRY)


def _typed(name: str) -> str:
    kinds = {"corrects": "integer", "links": "json", "payload": "json", "occurred_at": "timestamptz"}
    return f"%s::{(kinds | {'recorded_at': 'timestamptz'}).get(name, 'text')}"


STATES = ", ".join(f"{name} = " + ("revision + 1" if name == "revision" else "?") for name in STATE)
SQLITE_ENTRIES = f"{INTO} SELECT {_chosen(lambda _: '?')} FROM json_each(?) g JOIN orders o ON o.id = g.value "
SQLITE_ENTRIES += "WHERE o.configuration = ? RETURNING order_id"
SQLITE_ORDERS = f"UPDATE orders SET {STATES} WHERE id IN (SELECT value FROM json_each(?)) AND configuration = ?"
POSTGRESQL = (
    f"WITH o AS (UPDATE orders SET {STATES.replace('?', '%s').replace('revision + 1', 'orders.revision + 1')} "
    "WHERE orders.id = ANY(%s::int[]) AND configuration = %s "
    f"RETURNING orders.id, orders.revision), written AS ({INTO} SELECT {_chosen(_typed, 1)} FROM o) SELECT id FROM o"
)
CONDITION = {
    "sqlite": (
        f"{INTO} SELECT {_chosen(lambda _: '?')} FROM orders o WHERE o.configuration = ? AND o.id BETWEEN ? AND ?",
        f"UPDATE orders SET {STATES} WHERE configuration = ? AND id BETWEEN ? AND ?",
    ),
    "postgresql": (
        f"{INTO} SELECT {_chosen(_typed)} FROM orders o WHERE o.configuration = %s AND o.id BETWEEN %s AND %s",
        f"UPDATE orders SET {STATES.replace('?', '%s')} WHERE configuration = %s AND id BETWEEN %s AND %s",
    ),
}


def _values(dialect: str, event: str, before: str, after: str, batch: str) -> tuple[Any, ...]:
    """The parameters of the entries: those that are the same for all orders."""
    now = datetime.now(UTC)
    moment, links = (sqlite_moment(now), "[]") if dialect == "sqlite" else (now, Json([]))
    same = entry_values(PRESS, 0, 0, event, before, after, moment, links)
    return (*same[2:-4], batch, FINGERPRINT, None, None)


FINGERPRINT = "f" * 64


def _state(after: str) -> tuple[Any, ...]:
    return (after, after, None, PRESS.name, PRESS.version)


def _on_sqlite(session: Session, keys: list[int], event: str, before: str, batch: str) -> Iterator[int]:
    connection, given, after = session.connection(), json.dumps(keys), ARROWS[before, event]
    values = _values("sqlite", event, before, after, batch)
    moved = connection.exec_driver_sql(SQLITE_ENTRIES, (*values, given, before)).cursor.fetchall()
    connection.exec_driver_sql(SQLITE_ORDERS, (*_state(after), given, before))
    return (key for (key,) in moved)


def _on_postgresql(session: Session, keys: list[int], event: str, before: str, batch: str) -> Iterator[int]:
    connection, after = session.connection(), ARROWS[before, event]
    values = (*_state(after), keys, before, *_values("postgresql", event, before, after, batch))
    return (key for (key,) in connection.exec_driver_sql(POSTGRESQL, values).cursor.fetchall())


HANDS: dict[str, Callable[..., Iterator[int]]] = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}
