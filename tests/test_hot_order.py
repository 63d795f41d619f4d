"""Many who send to one order at the same moment: everybody gets an entry or is told why not."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from kept import READY_MADE, database, lifecycle
from orderfsm import Conflict, OrderFsmError
from orderfsm.lifecycle import Lifecycle, lost_race, transact
from orderfsm.sqlmodel import engine as make_engine
from orderfsm.writer import Writer
from test_races import LAMP

CALLERS = 16
SOAK = bool(os.environ.get("ORDERFSM_SOAK"))
EACH = 40 if SOAK else 6
PATIENCE = 20 if SOAK else 120
"""The seconds that a caller has: there is a limit to waiting, and another one for a slow machine."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("hot")) as made:
        yield made


def begin(engine: Engine, orders: Lifecycle) -> int:
    with Session(engine) as session:
        order = READY_MADE.new()
        orders.open(session, order)
        session.commit()
        return int(order.id)


def sending(engine: Engine, orders: Lifecycle, key: int, *, locked: bool = False) -> Callable[[], Any]:
    """One send in a unit of work; `locked` reads the order FOR UPDATE."""

    def work(session: Session) -> Any:
        order = session.get_one(READY_MADE.order, key, with_for_update=True if locked else None)
        return orders.send(session, order, "toggle")

    # Who loses a try has lost it to an entry of somebody else's.
    return lambda: transact(lambda: Session(engine), work, tries=CALLERS * EACH, seconds=PATIENCE)


def storm(calls: list[Callable[[], Any]]) -> tuple[Counter[str], list[float]]:
    """What becomes of each call, EACH per caller, all at once; and the seconds that each took."""
    barrier = threading.Barrier(len(calls))

    def caller(call: Callable[[], Any]) -> list[tuple[str, float]]:
        barrier.wait()
        return [timed(call) for _ in range(EACH)]

    with ThreadPoolExecutor(len(calls)) as pool:
        found = [one for future in [pool.submit(caller, call) for call in calls] for one in future.result()]
    return Counter(name for name, _ in found), sorted(seconds for _, seconds in found)


def timed(call: Callable[[], Any]) -> tuple[str, float]:
    begin = time.monotonic()
    try:
        name = type(call()).__name__
    except (OrderFsmError, DBAPIError) as error:
        name = "Conflict" if lost_race(error) and isinstance(error, Conflict) else repr(error)
    return name, time.monotonic() - begin


def p99(seconds: list[float]) -> float:
    return seconds[int(len(seconds) * 0.99) - 1]


def verify(engine: Engine, orders: Lifecycle, key: int, sent: int) -> None:
    with Session(engine) as session:
        entries = orders.history(session, session.get_one(READY_MADE.order, key))
    assert [entry.sequence for entry in entries] == list(range(1, sent + 2))


@pytest.mark.parametrize("locked", [False, True], ids=["compare-and-swap", "locked"])
def test_everybody_gets_through_in_a_unit_of_work(engine: Engine, locked: bool) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    key = begin(engine, orders)
    found, seconds = storm([sending(engine, orders, key, locked=locked)] * CALLERS)
    assert found == {"Entry": CALLERS * EACH}
    verify(engine, orders, key, CALLERS * EACH)
    told(f"{engine.name}, {'locked' if locked else 'compare-and-swap'}, {CALLERS} threads", seconds)


def test_everybody_gets_through_by_a_writer(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    key = begin(engine, orders)
    with Writer(orders, engine, seconds=PATIENCE) as writer:
        found, seconds = storm([lambda: writer.send(key, "toggle")] * CALLERS)
    assert found == {"Entry": CALLERS * EACH}
    verify(engine, orders, key, CALLERS * EACH)
    told(f"{engine.name}, Writer, {CALLERS} threads", seconds)


def test_a_loser_without_another_try_gets_a_conflict_that_says_where_the_order_is(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    key = begin(engine, orders)
    callers = 12  # as many connections as the engine's pool gives at a time, or fewer
    barrier = threading.Barrier(callers)
    lost: list[Conflict] = []

    def once() -> Any:
        def work(session: Session) -> Any:
            order = session.get_one(READY_MADE.order, key)
            seen = order.revision
            if engine.name == "sqlite":
                session.commit()  # or else the write lock would let in one after the other
            if seen == 1:
                barrier.wait(PATIENCE)
            return orders.send(session, order, "toggle", expected_revision=seen)

        try:
            return transact(lambda: Session(engine), work, tries=1, seconds=PATIENCE)
        except Conflict as conflict:
            lost.append(conflict)
            raise

    with ThreadPoolExecutor(callers) as pool:
        verdicts = Counter(name for name, _ in pool.map(lambda _: timed(once), range(callers)))
    assert verdicts == {"Entry": 1, "Conflict": callers - 1}
    assert {(conflict.revision, conflict.configuration) for conflict in lost} == {(2, "on")}
    verify(engine, orders, key, 1)


def process(url: str, key: int, pipe: Any) -> None:
    """One of the processes: sends, then tells what became of it."""
    made = make_engine(url)
    call = sending(made, lifecycle(READY_MADE, LAMP), key)
    pipe.send("ready")
    pipe.recv()
    pipe.send([timed(call) for _ in range(EACH)])
    made.dispose()


def test_processes_get_through_too(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    key = begin(engine, orders)
    spawn = multiprocessing.get_context("spawn")
    number = CALLERS if SOAK else 2
    url = engine.url.render_as_string(hide_password=False)
    pairs = [spawn.Pipe() for _ in range(number)]
    crew = [spawn.Process(target=process, args=(url, key, there)) for _, there in pairs]
    for member in crew:
        member.start()
    for here, _ in pairs:
        assert here.recv() == "ready"
    for here, _ in pairs:
        here.send("go")
    found = [one for here, _ in pairs for one in here.recv()]
    for member in crew:
        member.join()
    assert Counter(name for name, _ in found) == {"Entry": number * EACH}
    verify(engine, orders, key, number * EACH)
    told(f"{engine.name}, compare-and-swap, {number} processes", sorted(seconds for _, seconds in found))


def told(what: str, seconds: list[float]) -> None:
    """Print the waits (shown with -s), and hold them to a limit where nothing else is going on."""
    middle, late = seconds[len(seconds) // 2], p99(seconds)
    print(f"{what}: median {middle:.3f} s, p99 {late:.3f} s, slowest {seconds[-1]:.3f} s")
    if SOAK:
        assert seconds[-1] < PATIENCE
