"""One event per transaction in a SQLite file: ours beside hand-written statements, the ORM, and Django."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlmodel import Session, SQLModel, select

import orderfsm
from benchmarks.measure import Contestant, Figure, Target, race, timed
from benchmarks.stepping import FLAT, WALK
from benchmarks.tables import (
    FIRST,
    INSERT_SQLITE,
    UPDATE_SQLITE,
    OrmHistory,
    OrmOrder,
    entry_values,
    next_of,
    order_values,
    sqlite_moment,
)
from orderfsm import enforcement
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine

ORM = "SQLModel ORM"
HAND = "hand-written statements"
DJANGO = "django-fsm-2 + django-fsm-log"
EVENTS = "eventsourcing"
MACHINES = "xstate-statemachine, SQLite store and log"
WORKFLOWS = "DBOS, a workflow of one transaction"
WORK = (
    "BEGIN IMMEDIATE, compare-and-swap on the order, a row of history with the same columns, COMMIT, in a file with a "
    "write-ahead log. The order stays in the session; or each transaction has its own session, and reads the order "
    "first. Only ours is enforced by the database. The histories of the other packages have fewer columns; "
    "eventsourcing and xstate-statemachine write to "
    "sqlite3 without a session of SQLAlchemy."
)
ALONE = "Compare-and-swap and a row of history in a datasource transaction, with the settings that DBOS comes with."


def normal() -> Iterator[Figure]:
    """synchronous=NORMAL, so that waiting for the disk does not hide what an engine costs."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        yield _raced(Path(folder), "relaxed", "NORMAL", 0.9)


def full() -> Iterator[Figure]:
    """synchronous=FULL, which is our default."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        yield _raced(Path(folder), "full", "FULL", 0.9)


def _raced(folder: Path, durability: Any, synchronous: str, hand: float) -> Figure:
    ours, theirs = (engine(f"sqlite:///{folder / name}.db", durability=durability) for name in ("ours", "orm"))
    bare = engine(f"sqlite:///{folder / 'bare'}.db", durability=durability)
    create_all(ours)
    create_all(bare)
    with bare.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)
    SQLModel.metadata.create_all(theirs, tables=[OrmOrder.__table__, OrmHistory.__table__])  # type: ignore[attr-defined]
    racers = [
        Contestant("orderfsm", resident(ours)),
        Contestant(HAND, hand_written(bare)),
        Contestant(ORM, orm(theirs)),
        Contestant("orderfsm, a session per request", per_request(ours)),
        Contestant(f"{HAND}, a session per request", hand_written_per_request(bare)),
        Contestant(f"{ORM}, a session per request", orm_per_request(theirs)),
    ]
    racers += peers(folder, synchronous)
    targets = [Target("orderfsm", HAND, hand)]
    if synchronous == "NORMAL":
        targets += [Target("orderfsm", ORM, 6), Target("orderfsm", DJANGO, 6), Target("orderfsm", EVENTS, 2)]
        targets += [Target("orderfsm, a session per request", f"{HAND}, a session per request", hand)]
    figure = race(
        f"One send per transaction, SQLite, synchronous={synchronous}",
        WORK,
        racers,
        seconds=0.25,
        rounds=21,
        targets=targets,
    )
    ours.dispose()
    bare.dispose()
    theirs.dispose()
    return figure


def workflows() -> Iterator[Figure]:
    """DBOS by itself: its threads go on working between the turns, and would slow the others."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder, contextlib.suppress(ImportError):
        from benchmarks.peers import durable

        racer = Contestant(WORKFLOWS, repeated(*durable.orders(folder)))
        yield race("One send per workflow, SQLite", ALONE, [racer], seconds=1, rounds=5)
        durable.close()


def begun(at: Engine) -> tuple[Lifecycle, int]:
    """A lifecycle, and the id of an order that was just opened."""
    orders = Lifecycle(FLAT, SqlStore(Order, OrderHistory))
    with Session(at) as session:
        order = Order()
        orders.open(session, order)
        session.commit()
        assert order.id is not None
        return orders, order.id


def verified(at: Engine, order_id: int, sent: int) -> None:
    """After so many events: the history is gapless and legal, and the order stands where it ends."""
    with Session(at) as session:
        found = session.exec(select(OrderHistory).where(OrderHistory.order_id == order_id)).all()
        order = session.get_one(Order, order_id)
        assert order.revision == len(found) == sent + 1
        replayed = orderfsm.replay(FLAT, sorted(found, key=lambda entry: entry.sequence))
        assert replayed.configuration == order.configuration


def repeated(send: Callable[[str], None], check: Callable[[int], None]) -> Callable[[int], float]:
    """Send one event after the other; how long it took. The check is not timed."""
    events = cycle(WALK)
    total = 0

    def run(number: int) -> float:
        nonlocal total

        def work() -> None:
            for _ in range(number):
                send(next(events))

        spent = timed(work)
        total += number
        check(total)
        return spent

    return run


# --- the order stays in the session


def resident(at: Engine) -> Callable[[int], float]:
    orders, order_id = begun(at)
    session = Session(at, expire_on_commit=False)
    order = session.get_one(Order, order_id)
    session.commit()

    def send(event: str) -> None:
        orders.send(session, order, event, actor="staff")
        session.commit()

    return repeated(send, lambda total: verified(at, order_id, total))


def hand_written(at: Engine) -> Callable[[int], float]:
    """What one would write for speed: two strings for the driver, in the same kind of session."""
    _, order_id = begun(at)
    session = Session(at, expire_on_commit=False)
    state, revision = "received", 1

    def send(event: str) -> None:
        nonlocal state, revision
        state, revision = _written(session, order_id, state, revision, event), revision + 1
        session.commit()

    return repeated(send, lambda total: verified(at, order_id, total))


def _written(session: Session, order_id: int, state: str, revision: int, event: str) -> str:
    after = next_of(state, event)
    connection = session.connection()
    moved = connection.exec_driver_sql(UPDATE_SQLITE, order_values(FLAT, order_id, revision, after))
    if moved.rowcount != 1:
        raise RuntimeError("somebody moved first")
    moment = sqlite_moment(datetime.now(UTC))
    connection.exec_driver_sql(INSERT_SQLITE, entry_values(FLAT, order_id, revision + 1, event, state, after, moment))
    return after


def orm(at: Engine) -> Callable[[int], float]:
    """The way of SQLModel's tutorial: assign, add, commit; `version_id_col` guards against lost updates."""
    order_id = orm_order(at)
    session = Session(at, expire_on_commit=False)
    order = session.get_one(OrmOrder, order_id)
    session.commit()

    def send(event: str) -> None:
        assigned(session, order, event)
        session.commit()

    return repeated(send, lambda total: orm_verified(at, order_id, total))


def orm_order(at: Engine) -> int:
    with Session(at) as session:
        order = OrmOrder(**FIRST)
        session.add(order)
        session.commit()
        assert order.id is not None
        return order.id


def assigned(session: Session, order: OrmOrder, event: str) -> None:
    before = order.configuration
    after = next_of(before, event)
    order.configuration = order.code = after
    now = datetime.now(UTC)
    session.add(order)
    session.add(OrmHistory.of(FLAT, order, event, before, after, now))


def orm_verified(at: Engine, order_id: int, sent: int) -> None:
    with Session(at) as session:
        count = session.exec(text("SELECT count(*) FROM bench_history WHERE order_id = :id"), params={"id": order_id})  # type: ignore[call-overload]
        assert count.one()[0] == sent
        assert session.get_one(OrmOrder, order_id).revision == sent + 1


# --- a session per request


def per_request(at: Engine) -> Callable[[int], float]:
    orders, order_id = begun(at)

    def send(event: str) -> None:
        with Session(at) as session:
            order = session.get_one(Order, order_id)
            orders.send(session, order, event, actor="staff")
            session.commit()

    return repeated(send, lambda total: verified(at, order_id, total))


def hand_written_per_request(at: Engine) -> Callable[[int], float]:
    _, order_id = begun(at)

    def send(event: str) -> None:
        with Session(at) as session:
            order = session.get_one(Order, order_id)
            _written(session, order_id, str(order.configuration), order.revision, event)
            session.commit()

    return repeated(send, lambda total: verified(at, order_id, total))


def orm_per_request(at: Engine) -> Callable[[int], float]:
    order_id = orm_order(at)

    def send(event: str) -> None:
        with Session(at) as session:
            assigned(session, session.get_one(OrmOrder, order_id), event)
            session.commit()

    return repeated(send, lambda total: orm_verified(at, order_id, total))


# --- the other packages


def peers(folder: Path, synchronous: str) -> Iterator[Contestant]:
    """Those that are installed."""
    with contextlib.suppress(ImportError):
        yield Contestant(DJANGO, django(str(folder / "django.db"), synchronous))
    with contextlib.suppress(ImportError):
        from benchmarks.peers import events

        yield Contestant(EVENTS, repeated(*events.orders(str(folder / "events.db"), synchronous)))
    with contextlib.suppress(ImportError):
        from benchmarks.peers import persisted

        yield Contestant(MACHINES, repeated(*persisted.orders(str(folder / "machines.db"), synchronous)))


def django(database: str, synchronous: str) -> Callable[[int], float]:
    """django-fsm-2 decides, ConcurrentTransitionMixin compares and swaps, django-fsm-log writes the history."""
    from benchmarks.peers import django_site

    models = django_site.logged(database, synchronous)
    from django.db import connection, transaction
    from django_fsm_log.models import StateLog

    django_site.migrate()
    with connection.cursor() as cursor:
        level = cursor.execute("PRAGMA synchronous").fetchone()[0]
        assert level == {"NORMAL": 1, "FULL": 2}[synchronous]
        assert cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    order = models.Order.objects.create()

    def send(event: str) -> None:
        with transaction.atomic():
            getattr(order, event)(description="")
            order.save()

    def check(total: int) -> None:
        assert StateLog.objects.for_(order).count() == total
        assert models.Order.objects.get(pk=order.pk).state == order.state

    return repeated(send, check)
