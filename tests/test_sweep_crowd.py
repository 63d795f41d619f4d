"""Many sweepers at once, and sweepers that are killed: each due timer is sent once. A naive one is seen to fail."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from faults.tier import by_tier
from kept_sweeper import bells, hang, naive
from kept_waiting import PATIENCE
from orderfsm.sqlmodel import create_all
from orderfsm.sqlmodel import engine as safe_engine

SWEEPERS = 4
TIMERS = by_tier(120, 10_000)
KILLS = by_tier(3, 100)
MOST = 12
"""So many timers may be heard of before a sweeper is killed."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Callable[[], str]) -> str:
    return postgres_database() if request.param == "postgresql" else f"sqlite:///{tmp_path}/bells.db"


@pytest.fixture
def made(url: str) -> Iterator[Engine]:
    made = safe_engine(url, durability="relaxed")
    create_all(made)
    yield made
    made.dispose()


def rings(made: Engine) -> Counter[int]:
    """How often each bell was rung."""
    with made.connect() as connection:
        rows = connection.execute(text("SELECT order_id FROM order_history WHERE event = 'ring'"))
        return Counter(row.order_id for row in rows)


def together(work: Callable[[], int]) -> list[int]:
    """What each sweeper counts, all of them beginning at once."""
    barrier = threading.Barrier(SWEEPERS)

    def run() -> int:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(SWEEPERS) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(SWEEPERS)]]


def test_of_many_sweepers_exactly_one_sends_each_timer(made: Engine) -> None:
    hang(made, TIMERS)
    orders = bells(made)
    began = time.monotonic()
    counts = together(lambda: len(orders.sweep(made)))
    while sum(counts) < TIMERS and time.monotonic() - began < PATIENCE:  # locked orders are left to the next
        counts.append(len(orders.sweep(made)))
    print(f"{made.dialect.name}: {TIMERS} timers, {counts}, {TIMERS / (time.monotonic() - began):.0f} a second")
    assert rings(made) == dict.fromkeys(rings(made), 1)
    assert len(rings(made)) == sum(counts) == TIMERS


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_they_do_so_at_every_isolation_level(level: str, postgres_database: Callable[[], str]) -> None:
    made = safe_engine(postgres_database())
    create_all(made)
    hang(made, 60)
    strict = made.execution_options(isolation_level=level)
    orders = bells(made)
    outcomes: Counter[str] = Counter()

    def sweep() -> int:
        swept = orders.sweep(strict)
        outcomes.update(each.outcome for each in swept)
        return len(swept)

    counts, began = together(sweep), time.monotonic()
    while len(rings(made)) < 60 and time.monotonic() - began < PATIENCE:
        counts.append(sweep())
    assert rings(made) == dict.fromkeys(range(1, 61), 1)
    assert outcomes == {"sent": 60}
    made.dispose()


def test_sweepers_and_senders_do_not_wait_for_each_other_in_a_circle(made: Engine) -> None:
    hang(made, 20)
    orders = bells(made)
    begun, stop = threading.Event(), threading.Event()

    def send() -> int:
        from sqlmodel import Session

        from orderfsm.errors import Conflict
        from orderfsm.sqlmodel import Order

        count = 0
        while not stop.is_set():
            for key in range(1, 21):
                with Session(made) as session:
                    try:
                        orders.send(session, session.get_one(Order, key), "chime")
                        session.commit()
                        count += 1
                        begun.set()
                    except Conflict:
                        session.rollback()
        return count

    with ThreadPoolExecutor(2) as pool:
        senders = [pool.submit(send) for _ in range(2)]
        found: Counter[str] = Counter()
        assert begun.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while found.total() < 20 and time.monotonic() < deadline:
            found.update(swept.outcome for swept in orders.sweep(made))
        stop.set()
        assert sum(future.result() for future in senders) > 0
    assert found == {"sent": 20}
    assert set(rings(made).values()) == {1}


def test_a_sweeper_that_claims_outside_the_transaction_sends_twice(postgres_database: Callable[[], str]) -> None:
    made = safe_engine(postgres_database())
    create_all(made)
    hang(made, 10)
    orders = bells(made)
    time.sleep(0.01)  # they are due after 0.001 s
    assert naive(orders, made, meanwhile=lambda: naive(orders, made)) == 10
    assert list(rings(made).values()) == [2] * 10
    made.dispose()


def test_a_sweeper_that_is_killed_leaves_nothing_half_done(url: str, made: Engine) -> None:
    dice, kills, heard = random.Random(11), 0, 0
    count = MOST * KILLS
    while kills < KILLS:
        hang(made, MOST)  # so that there is something to hear of, however much was sent before the last kill
        with child(url) as sweeper:
            assert sweeper.stdout is not None
            for _ in range(dice.randint(1, MOST)):
                heard += bool(sweeper.stdout.readline())
            time.sleep(dice.random() / 100)
            sweeper.kill()
            kills += 1
    orders = bells(made)
    assert kills <= heard <= rings(made).total() <= count
    began = time.monotonic()
    while rings(made).total() < count and time.monotonic() - began < PATIENCE:
        orders.sweep(made)
    assert len(rings(made)) == count
    assert set(rings(made).values()) == {1}
    with made.connect() as connection:
        spent = connection.execute(text("SELECT count(*) FROM order_timers WHERE verdict = 'sent'")).scalar_one()
        gaps = text(
            "SELECT count(*) FROM orders WHERE revision <> (SELECT count(*) FROM order_history h WHERE h.order_id = id)"
        )
        assert (spent, connection.execute(gaps).scalar_one()) == (count, 0)


def child(url: str) -> subprocess.Popen[str]:
    program = Path(__file__).parent / "kept_sweeper.py"
    environment = os.environ | {"PYTHONPATH": str(program.parent)}
    return subprocess.Popen([sys.executable, program, url], stdout=subprocess.PIPE, text=True, env=environment)
