"""Writers and relays all at once, relays that are killed: nothing is missing, each order's messages come in order.

Two relays that are often written by hand stand beside it and are seen to fail: one that remembers the last id, and one
that takes rows with SKIP LOCKED.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from faults.tier import by_tier, report
from kept import READY_MADE, lifecycle
from kept_waiting import wait_for
from orderfsm.lifecycle import lost_race
from orderfsm.outbox import Message, Policy, Relay, relay
from orderfsm.sqlmodel import Order, create_all
from orderfsm.sqlmodel import engine as safe_engine
from test_emission import SHOP

WRITERS, RELAYS, ORDERS = 8, 3, 12
LONG = by_tier(120, 900)
"""How many seconds all of it may take on the slowest machine."""
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
Arrived = tuple[int, int]
"""An order and the sequence of one of its messages."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Callable[[], str]) -> str:
    return postgres_database() if request.param == "postgresql" else f"sqlite:///{tmp_path}/shop.db"


@contextmanager
def kept(url: str) -> Iterator[tuple[Engine, list[int]]]:
    """An engine with tables, and the keys of orders that may be nagged."""
    made = safe_engine(url, durability="relaxed")
    create_all(made)
    orders = lifecycle(READY_MADE, SHOP)
    with Session(made) as session:
        several = [Order() for _ in range(ORDERS)]
        for order in several:
            orders.adopt(session, order, "paid")
        session.commit()
        keys = [order.id for order in several]
    try:
        yield made, keys  # type: ignore[misc]
    finally:
        made.dispose()


def write(
    made: Engine,
    keys: list[int],
    count: int,
    also: Callable[[Session, int, int], None] | None = None,
) -> None:
    """Emit so many messages from some of the orders, against seven others who do the same.

    With `also`, something is written along, and the last moment before COMMIT takes a while.
    """
    orders, drawn = lifecycle(READY_MADE, SHOP, clock=lambda: datetime.now(UTC)), random.Random()
    done = 0
    while done < count:
        try:
            with Session(made) as session:
                order = session.get_one(Order, drawn.choice(keys))
                entry = orders.send(session, order, "nag")
                if also is not None:
                    also(session, order.id or 0, entry.sequence)
                    time.sleep(drawn.random() * 0.004)
                session.commit()
            done += 1
        except Exception as error:
            if not lost_race(error):
                raise


def emitted(made: Engine) -> set[Arrived]:
    with made.connect() as connection:
        rows = connection.execute(text("SELECT order_id, sequence FROM order_outbox"))
        return {(row.order_id, row.sequence) for row in rows}


def unsettled(made: Engine) -> bool:
    with made.connect() as connection:
        return connection.scalar(text("SELECT 1 FROM order_outbox WHERE settled_at IS NULL LIMIT 1")) is not None


def inversions(arrived: list[Arrived]) -> int:
    """How many messages came for the first time after a later one of their order."""
    highest: Counter[int] = Counter()
    seen: set[Arrived] = set()
    found = 0
    for order, sequence in arrived:
        if (order, sequence) not in seen:
            seen.add((order, sequence))
            found += sequence < highest[order]
            highest[order] = max(highest[order], sequence)
    return found


def crowd(write: Callable[[], None], run: Callable[[threading.Event], None]) -> None:
    """Eight writers, and three relays that go on for as long as these do and until they find nothing more."""
    written = threading.Event()
    with ThreadPoolExecutor(WRITERS + RELAYS) as pool:
        relays = [pool.submit(run, written) for _ in range(RELAYS)]
        try:
            for future in [pool.submit(write) for _ in range(WRITERS)]:
                future.result()
        finally:
            written.set()
        for each in relays:
            each.result()


def sooner_or_later(go: Callable[[], None], fault: Callable[[], object]) -> bool:
    """Whether a fault is seen, in so many crowds: each of them may hide it, however many there are of them."""
    for _ in range(100):
        go()
        if fault():
            return True
    return False


def test_of_eight_writers_and_three_relays_nothing_is_missing_and_all_comes_in_order(url: str) -> None:
    arrived: list[Arrived] = []
    events = by_tier(25, 1_000)

    def deliver(message: Message) -> None:
        time.sleep(random.random() * 0.001)
        arrived.append((message.order, message.entry.sequence))

    with kept(url) as (made, keys):

        def run(written: threading.Event) -> None:
            going = Relay(made, lifecycle(READY_MADE, SHOP).store, deliver, policy=Policy(orders=3, batch=4))
            last = False
            while not last:
                last = written.is_set()
                while (done := going.once()).deliveries or not done.complete:
                    assert (done.retried, done.dead, done.lost) == (0, 0, 0)
                time.sleep(0.002)

        crowd(lambda: write(made, keys, events), run)
        while relay(made, lifecycle(READY_MADE, SHOP).store, deliver).deliveries:
            pass
        assert len(arrived) == len(set(arrived)) == WRITERS * events
        assert set(arrived) == emitted(made)
        assert inversions(arrived) == 0


# --- what is often written by hand


def test_a_relay_that_remembers_the_last_id_misses_events(postgres_database: Callable[[], str]) -> None:
    with kept(postgres_database()) as (made, keys):
        with made.begin() as connection:
            connection.execute(text("CREATE TABLE by_hand (id serial PRIMARY KEY, order_id int, sequence int)"))

        def also(session: Session, order: int, sequence: int) -> None:
            row = {"order": order, "sequence": sequence}
            session.execute(text("INSERT INTO by_hand (order_id, sequence) VALUES (:order, :sequence)"), row)

        arrived: set[Arrived] = set()

        def run(written: threading.Event) -> None:
            last, ending = 0, False
            while not ending:
                ending = written.is_set()
                with made.connect() as connection:
                    query = text("SELECT id, order_id, sequence FROM by_hand WHERE id > :last ORDER BY id")
                    for row in connection.execute(query, {"last": last}):
                        arrived.add((row.order_id, row.sequence))
                        last = row.id

        assert sooner_or_later(lambda: crowd(lambda: write(made, keys, 15, also), run), lambda: emitted(made) - arrived)


def test_relays_that_skip_locked_rows_invert(postgres_database: Callable[[], str]) -> None:
    arrived: list[Arrived] = []
    with kept(postgres_database()) as (made, keys):

        def run(written: threading.Event) -> None:
            ending = False
            while not ending:
                ending = written.is_set()
                with made.begin() as connection:
                    take = text(
                        "SELECT order_id, sequence FROM order_outbox WHERE settled_at IS NULL "
                        "ORDER BY order_id, sequence LIMIT 5 FOR UPDATE SKIP LOCKED"
                    )
                    for row in connection.execute(take).all():
                        time.sleep(random.random() * 0.001)
                        arrived.append((row.order_id, row.sequence))
                        settled = text(
                            "UPDATE order_outbox SET settled_at = now() "
                            "WHERE order_id = :order AND sequence = :sequence"
                        )
                        connection.execute(settled, {"order": row.order_id, "sequence": row.sequence})

        assert sooner_or_later(lambda: crowd(lambda: write(made, keys, 15), run), lambda: inversions(arrived))


# --- kill -9


def test_a_relay_that_is_killed_between_delivering_and_settling_delivers_again_with_the_same_id(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "arrived"
    program = (
        "import sys, time; from kept import READY_MADE; from orderfsm.outbox import relay\n"
        "from orderfsm.sqlmodel import engine\n"
        "def deliver(message):\n"
        "    open(sys.argv[2], 'a').write(message.id + '\\n')\n"
        "    print(message.id, flush=True)\n"
        "    time.sleep(60)\n"
        "relay(engine(sys.argv[1], durability='relaxed'), READY_MADE.store, deliver)\n"
    )
    with kept(url) as (made, keys):
        write(made, keys[:1], 2)
        began = datetime.now(UTC)
        with subprocess.Popen(
            [sys.executable, "-c", program, url, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        ) as going:
            assert going.stdout is not None
            first = going.stdout.readline().strip()
            going.send_signal(signal.SIGKILL)
        again: list[Message] = []
        later = began + timedelta(seconds=59)
        store = READY_MADE.store
        assert relay(made, store, again.append, clock=lambda: later).deliveries == ()  # the lease of the dead one
        later = datetime.now(UTC) + timedelta(seconds=61)
        for _ in range(2):
            relay(made, store, again.append, clock=lambda: later)
    assert file.read_text().splitlines() == [first]
    assert [message.id for message in again] == [first, first.replace(":2:1", ":3:1")]
    assert again[0].attempt == 2


SLOW = """
import sys, time
from datetime import timedelta
from kept import READY_MADE
from orderfsm.outbox import Policy, Relay
from orderfsm.outbox.lines import Lines
from orderfsm.sqlmodel import engine

lines = Lines(sys.argv[2])

def deliver(message):
    lines(message)
    lines.flush()
    time.sleep(0.003)  # so that most of those who are killed have delivered what they have not settled

policy = Policy(lease=timedelta(seconds=1), batch=20)
for _ in Relay(engine(sys.argv[1], durability="relaxed"), READY_MADE.store, deliver, policy=policy).watch(poll=0.02):
    pass
"""


def test_relays_that_are_killed_again_and_again_lose_nothing_and_keep_the_order(url: str, tmp_path: Path) -> None:
    file, kills = tmp_path / "arrived.ndjson", by_tier(2, 200)
    events = by_tier(10, 50_000 // WRITERS // kills)
    drawn = random.Random()
    file.touch()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SLOW, url, str(file)], env=ENVIRONMENT)

    with kept(url) as (made, keys), ThreadPoolExecutor(WRITERS) as pool:
        relays = [start() for _ in range(by_tier(2, RELAYS))]
        try:
            for _ in range(kills):
                before = len(file.read_bytes().splitlines())
                writers = [pool.submit(write, made, keys, events) for _ in range(WRITERS)]
                wait_for(lambda enough=before + WRITERS: len(file.read_bytes().splitlines()) > enough, seconds=LONG)
                time.sleep(drawn.random() * 0.05)
                victim = relays.pop(0)
                victim.kill()
                victim.wait()
                relays.append(start())
                for future in writers:
                    future.result()
            wait_for(lambda: not unsettled(made), seconds=LONG)
        finally:
            for each in relays:
                each.terminate()
            for each in relays:
                each.wait()
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        arrived = [(line["data"]["order"], line["data"]["entry"]["sequence"]) for line in lines]
        missing = emitted(made) - set(arrived)
        assert (len(missing), inversions(arrived)) == (0, 0)
        assert len(set(arrived)) == WRITERS * events * kills
        twice = len(arrived) - len(set(arrived))
        kind = made.dialect.name
        report(f"relay, {kind}", RELAYS, kills, f"{len(set(arrived))} messages, 0 missing, 0 inverted, {twice} twice")
