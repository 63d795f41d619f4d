"""Two last items that finish together: their order finishes as well, however the two meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from kept_items import ITEM, ITEMIZED, ORDER, PIECES, Itemized, Piece, Shop, itemized, shop
from orderfsm import OrderFsmError, replay
from orderfsm.lifecycle import Lifecycle, Parent, lost_race
from orderfsm.rollup import rollup
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

ROUNDS = 40


@pytest.fixture(scope="module", params=["sqlite", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    kind = "sqlite" if request.param == "sqlite" else "postgresql"
    with itemized(kind, postgres_url, tmp_path_factory.mktemp("races")) as made:
        yield made if kind == "sqlite" else made.execution_options(isolation_level=request.param)


def again(attempt: Callable[[], None]) -> int:
    """Try a whole transaction until it is not lost to somebody else's; how often it was."""
    lost = 0
    while True:
        try:
            attempt()
        except (OrderFsmError, DBAPIError) as error:
            if not lost_race(error):
                raise
            lost += 1
        else:
            return lost


def together(*runners: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(runners)) as pool:
        return [future.result() for future in [pool.submit(runner) for runner in runners]]


def begun(engine: Engine, here: Shop) -> tuple[Any, list[Any]]:
    """The keys of an order with two items that are being made."""
    with Session(engine) as session:
        order, items = here.new(session)
        for item in items:
            here.items.send(session, item, "begin")
        session.commit()
        keys = [here.items.store.identity(item) for item in items]
        return here.orders.store.identity(order), keys


def left_open(engine: Engine, here: Shop, finish: Callable[[Any, Any, threading.Barrier], None]) -> int:
    """How many of the orders stay open when each round two items finish at the same time."""
    left = 0
    for _ in range(ROUNDS):
        key, (one, two) = begun(engine, here)
        barrier = threading.Barrier(2, timeout=60)
        together(lambda k=key, o=one, b=barrier: finish(k, o, b), lambda k=key, o=two, b=barrier: finish(k, o, b))  # type: ignore[misc]
        with Session(engine) as session:
            order = session.get_one(here.kind.orders.order, key)
            left += order.configuration != "done"
            assert replay(ORDER, here.orders.history(session, order)).configuration == order.configuration
    return left


@pytest.mark.parametrize("kind", [ITEMIZED[0], ITEMIZED[3]], ids=lambda kind: kind.orders.name)
def test_no_order_is_left_open_by_two_last_items(engine: Engine, kind: Itemized) -> None:
    here = shop(kind)

    def finish(_: Any, key: Any, barrier: threading.Barrier) -> None:
        def attempt() -> None:
            with Session(engine) as session:
                item = session.get_one(kind.item, key)
                if engine.dialect.name == "sqlite":
                    session.commit()  # a transaction would hold the write lock
                if not met:
                    met.append(True)
                    barrier.wait()
                here.items.send(session, item, "finish")
                session.commit()

        met: list[bool] = []
        again(attempt)

    assert left_open(engine, here, finish) == 0


def test_looking_before_touching_leaves_orders_open(engine: Engine) -> None:
    """The control: where the items are read first, each of the two sees the other still open.

    Only PostgreSQL's SERIALIZABLE notices by itself.
    """
    here = shop()
    alone = Lifecycle(ITEM, PIECES.store)

    def finish(order_key: Any, key: Any, barrier: threading.Barrier) -> None:
        def attempt() -> None:
            with Session(engine, expire_on_commit=False) as session:
                order, item = session.get_one(PIECES.orders.order, order_key), session.get_one(Piece, key)
                others = session.exec(
                    select(Piece.configuration).where(Piece.order_id == order.id, Piece.id != item.id)
                )
                steps = rollup(ORDER, order.configuration, ["made", *map(str, others)], item_chart=ITEM)
                if engine.dialect.name == "sqlite":
                    session.commit()
                if not met:
                    met.append(True)
                    barrier.wait()
                alone.send(session, item, "finish")
                for step in steps:
                    here.orders.send(session, order, step.event, actor="system")
                session.commit()

        met: list[bool] = []
        again(attempt)

    serializable = engine.get_execution_options().get("isolation_level") == "SERIALIZABLE"
    assert left_open(engine, here, finish) == (0 if serializable else ROUNDS)


class Untouched(SqlStore):
    """A store that looks without touching."""

    def touch(self, session: Session, identity: Any) -> bool:
        return True


def test_a_roll_up_that_does_not_touch_leaves_orders_open(engine: Engine) -> None:
    """The control with this library's own roll-up; SQLite and SERIALIZABLE have nobody look while another writes.

    Elsewhere nobody commits before both have looked.
    """
    here = shop()
    weak = engine.get_execution_options().get("isolation_level") in ("READ COMMITTED", "REPEATABLE READ")
    orders = Lifecycle(ORDER, Untouched(Order, OrderHistory))
    items = Lifecycle(ITEM, PIECES.store, parent=Parent(orders))

    def finish(_: Any, key: Any, barrier: threading.Barrier) -> None:
        def attempt() -> None:
            with Session(engine) as session:
                item = session.get_one(Piece, key)
                if engine.dialect.name == "sqlite":
                    session.commit()
                first = not met
                if first:
                    met.append(True)
                    barrier.wait()
                items.send(session, item, "finish")
                if first and weak:
                    barrier.wait()
                session.commit()

        met: list[bool] = []
        again(attempt)

    assert left_open(engine, here, finish) == (ROUNDS if weak else 0)


def test_many_items_of_one_order_finish_from_many_threads(engine: Engine) -> None:
    here = shop()
    with Session(engine) as session:
        order, items = here.new(session, 16)
        session.commit()
        key, keys = order.id, [item.id for item in items]

    def runner(mine: list[int]) -> int:
        def step(item_key: int, happening: str) -> None:
            with Session(engine) as session:
                here.items.send(session, session.get_one(Piece, item_key), happening)
                session.commit()

        return sum(again(lambda k=k, h=h: step(k, h)) for k in mine for h in ("begin", "finish"))  # type: ignore[misc]

    together(*(lambda n=n: runner(keys[n::4]) for n in range(4)))  # type: ignore[misc]
    with Session(engine) as session:
        order = session.get_one(PIECES.orders.order, key)
        entries = here.orders.history(session, order)
        assert [entry.event for entry in entries] == ["open", "start", "finish"]


def test_two_who_change_several_items_of_one_order_both_get_through(engine: Engine) -> None:
    """Each locks an item, then the order, then the next item: PostgreSQL breaks the deadlock, and the loser goes on."""
    here = shop()
    for _ in range(10):
        with Session(engine) as session:
            _, items = here.new(session, 4)
            session.commit()
            keys = [item.id for item in items]

        def attempt(mine: list[int]) -> None:
            with Session(engine) as session:
                for key in mine:
                    here.items.send(session, session.get_one(Piece, key), "begin")
                session.commit()

        together(lambda k=keys: again(lambda: attempt(k[:2])), lambda k=keys: again(lambda: attempt(k[2:])))  # type: ignore[misc]
        with Session(engine) as session:
            found = [session.get_one(Piece, key) for key in keys]
            assert {item.configuration for item in found} == {"making"}
