"""Races on one order: exactly one wins each round, the others are told so, write nothing, and can go on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

import orderfsm
from kept import READY_MADE, UUIDS, Kept, database, lifecycle
from orderfsm import Chart, enforcement
from orderfsm.chart import State, Transition
from orderfsm.errors import Conflict, OrderFsmError
from orderfsm.lifecycle import Lifecycle, lost_race

THREADS, ROUNDS = 8, 40

LAMP = Chart(
    "test/lamp",
    (State("off"), State("on")),
    (Transition("off", ("toggle",), ("on",)), Transition("on", ("toggle",), ("off",))),
    initial=("off",),
)


@pytest.fixture(scope="module", params=["sqlite", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    """SQLite, and PostgreSQL at its three levels of isolation."""
    kind = "sqlite" if request.param == "sqlite" else "postgresql"
    with database(kind, postgres_url, tmp_path_factory.mktemp("races")) as made:
        yield made if kind == "sqlite" else made.execution_options(isolation_level=request.param)


def opened(engine: Engine, orders: Lifecycle, kind: Kept = READY_MADE) -> Any:
    """The key of a new order."""
    with Session(engine) as session:
        order = kind.new()
        orders.open(session, order)
        session.commit()
        return orders.store.key(order)


def race(runners: list[Callable[[threading.Barrier], Any]]) -> list[Any]:
    """What each of the runners returns; they share a barrier, and each runs in a thread of its own."""
    barrier = threading.Barrier(len(runners), timeout=60)
    with ThreadPoolExecutor(len(runners)) as pool:
        return [future.result() for future in [pool.submit(runner, barrier) for runner in runners]]


def verdict(attempt: Callable[[], Any]) -> str:
    """`won`, or the name of the error that says that somebody else did; any other error is passed on."""
    try:
        attempt()
    except (OrderFsmError, DBAPIError) as error:
        if not lost_race(error):
            raise
        return type(getattr(error, "orig", None) or error).__name__
    return "won"


@pytest.mark.parametrize("kind", [READY_MADE, UUIDS], ids=lambda kind: kind.name)
def test_of_eight_who_have_read_the_same_revision_exactly_one_wins_each_round(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind, LAMP)
    key = opened(engine, orders, kind)

    def runner(barrier: threading.Barrier) -> list[str]:
        verdicts = []
        with Session(engine) as session:
            for _ in range(ROUNDS):
                order = session.get_one(kind.order, key, populate_existing=True)
                seen = order.revision
                if engine.dialect.name == "sqlite":
                    session.commit()  # a transaction would hold the write lock
                barrier.wait()
                verdicts.append(verdict(lambda o=order, r=seen: _toggle(session, orders, o, r)))  # type: ignore[misc]
                barrier.wait()
        return verdicts

    results = race([runner] * THREADS)
    rounds = list(zip(*results, strict=True))
    assert [found.count("won") for found in rounds] == [1] * ROUNDS
    assert {name for found in rounds for name in found} <= {"won", "Conflict", "SerializationFailure"}
    with Session(engine) as session:
        order = session.get_one(kind.order, key)
        entries = orders.history(session, order)
        assert [entry.sequence for entry in entries] == list(range(1, ROUNDS + 2))
        assert orderfsm.replay(LAMP, entries).configuration == order.configuration


def _toggle(session: Session, orders: Lifecycle, order: Any, seen: int) -> None:
    """Send, commit; after a loss the session must be good for another statement, after a roll-back at the latest."""
    try:
        orders.send(session, order, "toggle", expected_revision=seen)
        session.commit()
    except Conflict:
        session.connection().execute(text("SELECT 1"))
        session.rollback()
        raise
    except DBAPIError:
        session.rollback()
        raise


def test_losers_who_read_again_and_try_again_all_get_through(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    key = opened(engine, orders)

    def once() -> None:
        with Session(engine) as session:
            orders.send(session, session.get_one(READY_MADE.order, key), "toggle")
            session.commit()

    def runner(barrier: threading.Barrier) -> int:
        barrier.wait()
        lost = 0
        for _ in range(10):
            while verdict(once) != "won":
                lost += 1
        return lost

    race([runner] * THREADS)
    with Session(engine) as session:
        order = session.get_one(READY_MADE.order, key)
        assert order.revision == 1 + 10 * THREADS == len(orders.history(session, order))


def test_of_eight_deliveries_of_one_request_one_is_written_and_all_get_its_entry(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    key = opened(engine, orders)

    def deliver(number: int) -> int:
        with Session(engine) as session:
            order = session.get_one(READY_MADE.order, key)
            entry = orders.send(session, order, "toggle", key=f"request-{number}")
            session.commit()
            return entry.sequence

    def runner(barrier: threading.Barrier) -> list[int]:
        sequences = []
        for number in range(10):
            barrier.wait()
            while True:
                try:
                    sequences.append(deliver(number))
                except (Conflict, DBAPIError) as error:
                    if not lost_race(error):
                        raise
                else:
                    break
        return sequences

    results = race([runner] * THREADS)
    assert results == [list(range(2, 12))] * THREADS


def test_of_eight_who_open_the_same_row_one_does(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    keys = []
    with Session(engine) as session:
        for _ in range(5):
            order = READY_MADE.new()
            session.add(order)
            session.flush()
            keys.append(order.id)
        session.commit()

    def begin(key: int) -> None:
        with Session(engine) as session:
            order = session.get_one(READY_MADE.order, key)
            orders.open(session, order)
            session.commit()

    def outcome(key: int) -> str:
        try:
            return verdict(lambda: begin(key))
        except orderfsm.NotOpened:
            return "NotOpened"

    def runner(barrier: threading.Barrier) -> list[str]:
        found = []
        for key in keys:
            barrier.wait()
            found.append(outcome(key))
        return found

    for found in zip(*race([runner] * THREADS), strict=True):
        count = Counter(found)
        assert count["won"] == 1
        assert set(count) <= {"won", "NotOpened", "Conflict", "SerializationFailure"}


def test_without_the_comparison_the_race_would_be_lost(engine: Engine) -> None:
    """The control: an UPDATE that does not compare the revision lets several win, so the race above can fail."""
    orders = lifecycle(READY_MADE, LAMP)
    key = opened(engine, orders)
    if engine.get_execution_options().get("isolation_level") in ("REPEATABLE READ", "SERIALIZABLE"):
        expected = 1  # there PostgreSQL itself refuses the second writer
    else:
        expected = THREADS

    def careless(session: Session, revision: int) -> None:
        session.connection().execute(
            text("UPDATE orders SET revision = :next WHERE id = :key"), {"next": revision + 1, "key": key}
        )
        session.commit()

    def runner(barrier: threading.Barrier) -> str:
        with Session(engine) as session:
            revision = session.get_one(READY_MADE.order, key).revision
            if engine.dialect.name == "sqlite":
                session.commit()
            barrier.wait()
            return verdict(lambda: careless(session, revision))

    with engine.begin() as connection:
        enforcement.remove(connection, READY_MADE.order, READY_MADE.history)
    try:
        assert race([runner] * THREADS).count("won") == expected
    finally:
        with engine.begin() as connection:
            enforcement.install(connection, READY_MADE.order, READY_MADE.history)
