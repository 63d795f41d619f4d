"""The relay: in order, at least once, one relay per order at a time; back-off, dead letters, leases."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session

from kept import KINDS, READY_MADE, UUIDS, Clock, Kept, create_tables, database, lifecycle, statements
from kept_waiting import PATIENCE
from orderfsm.errors import ChartError, NotDelivered, Undeliverable
from orderfsm.lifecycle import Lifecycle
from orderfsm.outbox import (
    AsyncRelay,
    Message,
    Policy,
    Relay,
    arelay,
    dead,
    dismiss,
    prune,
    relay,
    revive,
    waiting,
)
from orderfsm.sqlmodel import Order, SqlStore, async_engine
from test_emission import SHOP

STILL = Policy(jitter=0)


class Still(Clock):
    """A clock that goes on only when it is told to."""

    def __call__(self) -> Any:
        return self.time


class Receiver:
    """A function that takes messages, and refuses those that it is told to, so many times."""

    def __init__(self, **refusals: int | Exception) -> None:
        self.got: list[str] = []
        self.messages: list[Message] = []
        self.refusals: dict[str, Any] = refusals

    def __call__(self, message: Message) -> None:
        refused = self.refusals.get(message.action, 0)
        if isinstance(refused, Exception):
            raise refused
        if refused:
            self.refusals[message.action] = refused - 1
            raise NotDelivered(f"no {message.action} today")
        self.got.append(message.action)
        self.messages.append(message)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path) as made:
        yield made


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    with database("sqlite", "", tmp_path) as made:
        yield made


def shop(kind: Kept = READY_MADE) -> Lifecycle:
    return lifecycle(kind, SHOP, clock=Still())


def forward(orders: Lifecycle, **by: float) -> None:
    orders.clock.forward(**by)  # type: ignore[attr-defined]


def emit(engine: Engine, orders: Lifecycle, *events: str, kind: Kept = READY_MADE, count: int = 1) -> list[Any]:
    """New orders that have lived through these events; their keys."""
    with Session(engine) as session:
        made = [kind.new() for _ in range(count)]
        for order in made:
            orders.open(session, order)
            for event in events:
                orders.send(session, order, event)
        session.commit()
        return [orders.store.key(order) for order in made]


LIFE = ("pay", "remind", "send")
ACTIONS = ["book", "thank", "notify"]


# --- delivering


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_messages_come_once_in_order_with_the_entry_that_emitted_them(engine: Engine, kind: Kept) -> None:
    orders, taken = shop(kind), Receiver()
    keys = emit(engine, orders, *LIFE, kind=kind, count=3)
    report = relay(engine, orders, taken)
    assert (report.delivered, report.retried, report.dead, report.lost) == (9, 0, 0, 0)
    assert taken.got == ACTIONS * 3
    assert {message.order for message in taken.messages} == set(keys)
    with Session(engine) as session:
        for key in keys:
            mine = [message for message in taken.messages if message.order == key]
            history = orders.history(session, session.get_one(kind.order, key))
            assert [message.entry for message in mine] == [history[1], history[1], history[3]]
            assert [message.id.rsplit(":", 2)[1:] for message in mine] == [["2", "1"], ["2", "2"], ["4", "1"]]
        assert waiting(session, orders) == dead(session, orders) == []
    assert relay(engine, orders, taken).deliveries == ()


def test_ids_are_unambiguous_whatever_the_key() -> None:
    from orderfsm.outbox.message import message_id

    assert message_id(17, 3, 1) == "17:3:1"
    assert message_id(("north", 4), 3, 1) == "north,4:3:1"
    assert message_id("a:1:1,b", 3, 1) == "a%3A1%3A1%2Cb:3:1"
    assert message_id(("a,b", "c"), 1, 1) != message_id(("a", "b,c"), 1, 1)


def test_it_delivers_outside_of_transactions(engine: Engine) -> None:
    orders = shop()
    emit(engine, orders, *LIFE)
    written = []

    def deliver(message: Message) -> None:
        written.append(emit(engine, orders))  # on SQLite this waits for whoever holds the file

    assert relay(engine, orders, deliver).delivered == len(written) == 3


def test_sessions_of_the_services_own_and_stores_will_do(engine: Engine) -> None:
    orders, taken = shop(UUIDS), Receiver()
    emit(engine, orders, *LIFE, kind=UUIDS)
    assert relay(sessionmaker(engine), orders.store, taken).delivered == 3


def test_a_store_without_an_outbox_is_told_so(sqlite: Engine) -> None:
    with pytest.raises(ChartError, match=r"Booking has no outbox; give the store a table: SqlStore\(…, outbox=…\)"):
        Relay(sqlite, SqlStore(UUIDS.order, UUIDS.history), print)


def test_orders_of_another_chart_are_left_to_others(engine: Engine) -> None:
    orders, taken = shop(), Receiver()
    emit(engine, orders, *LIFE)
    assert relay(engine, orders, taken, policy=Policy(chart="test/other")).deliveries == ()
    assert relay(engine, orders, taken, policy=Policy(chart="test/shop")).delivered == 3


def test_a_hot_order_is_not_a_round_trip_per_message(engine: Engine) -> None:
    orders, taken, counts = shop(), Receiver(), []
    for events in (2, 50):
        with Session(engine) as session:
            order = Order()
            orders.adopt(session, order, "paid")
            for _ in range(events):
                orders.send(session, order, "nag")
            session.commit()
        with statements(engine) as sent:
            assert relay(engine, orders, taken, policy=Policy(batch=100)).delivered == events
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 10
    assert [message.entry.sequence for message in taken.messages[2:]] == list(range(2, 52))


def test_a_long_backlog_goes_out_in_bounded_rounds(engine: Engine) -> None:
    orders, taken = shop(), Receiver()
    emit(engine, orders, *LIFE, count=25)
    going = Relay(engine, orders, taken, policy=Policy(orders=4, batch=2))
    reports = [going.once()]
    while reports[-1].deliveries or not reports[-1].complete:
        reports.append(going.once())
    assert len(taken.got) == 75
    assert max(len(report.deliveries) for report in reports) <= 4 * 2 * 2
    assert_in_order(taken.messages)


def assert_in_order(messages: list[Message]) -> None:
    """The first time that a message of an order came, it came after those before it."""
    seen: dict[Any, list[tuple[int, int]]] = {}
    for message in messages:
        mine, place = seen.setdefault(message.order, []), (message.entry.sequence, message.position)
        if place not in mine:
            mine.append(place)
    assert all(mine == sorted(mine) for mine in seen.values())


# --- what is not taken


def test_a_message_that_is_not_taken_is_tried_later_and_its_order_waits(engine: Engine) -> None:
    orders, taken = shop(), Receiver(thank=1)
    emit(engine, orders, *LIFE, count=2)
    report = relay(engine, orders, taken, policy=STILL)
    assert taken.got == ["book", *ACTIONS]
    (retried,) = [each for each in report.deliveries if each.outcome == "retried"]
    assert (retried.action, retried.attempt, retried.error) == ("thank", 1, "no thank today")
    assert report.delivered == 4
    later = relay(engine, orders, taken, policy=STILL)
    assert (later.deliveries, later.due_at) == ((), orders.clock() + timedelta(seconds=1))
    with Session(engine) as session:
        assert [(each.action, each.attempts, each.error) for each in waiting(session, orders)] == [
            ("thank", 1, "no thank today"),
            ("notify", 0, None),
        ]
    forward(orders, seconds=1)
    going = Relay(engine, orders, taken, policy=STILL)
    going.once()
    assert taken.messages[-1].attempt == 2  # alone, so that it alone is to blame if it fails again
    assert going.once().delivered == 1
    assert taken.got == ["book", *ACTIONS, "thank", "notify"]


def test_waits_double_up_to_the_longest_and_jitter_takes_a_share_off() -> None:
    policy = Policy(first=timedelta(seconds=2), longest=timedelta(seconds=60), jitter=0.25)
    assert [policy.wait(n, lambda: 0.0).total_seconds() for n in (1, 2, 5, 6, 1_000)] == [2, 4, 32, 60, 60]
    assert [policy.wait(n, lambda: 1.0).total_seconds() for n in (1, 2, 5, 6)] == [1.5, 3, 24, 45]
    with pytest.raises(ValueError, match="jitter is a share"):
        Policy(jitter=2)
    with pytest.raises(ValueError, match="at least 1"):
        Policy(attempts=0)


def test_the_randomness_of_the_jitter_is_given(engine: Engine) -> None:
    orders = shop()
    emit(engine, orders, "pay")
    report = Relay(engine, orders, Receiver(book=1), policy=Policy(jitter=0.5), random=lambda: 0.5).once()
    assert report.deliveries[0].due_at == orders.clock() + timedelta(seconds=0.75)


def test_a_receiver_may_ask_for_a_longer_wait(engine: Engine) -> None:
    orders = shop()
    emit(engine, orders, "pay")
    report = relay(engine, orders, Receiver(book=NotDelivered("later", after=timedelta(minutes=5))), policy=STILL)
    assert report.deliveries[0].due_at == orders.clock() + timedelta(minutes=5)


def exhaust(engine: Engine, orders: Lifecycle, deliver: Any, policy: Policy) -> None:
    """Rounds until nothing more becomes due."""
    going = Relay(engine, orders, deliver, policy=policy)
    while (report := going.once()).deliveries or report.due_at:
        forward(orders, hours=2)


def test_after_the_last_attempt_it_is_a_dead_letter_and_holds_its_order(engine: Engine) -> None:
    orders, taken = shop(), Receiver(thank=ValueError("boom\n\x1b[31m"))
    keys = emit(engine, orders, *LIFE, count=2)
    exhaust(engine, orders, taken, Policy(attempts=3))
    assert taken.got == ["book", "book"]
    with Session(engine) as session:
        letters = dead(session, orders)
        assert [(each.order, each.action, each.attempts) for each in letters] == [(key, "thank", 3) for key in keys]
        assert letters[0].error == r"ValueError: boom\n\x1b[31m"
        assert letters[0].as_dict()["id"] == f"{keys[0]}:2:2"
        assert [each.action for each in waiting(session, orders)] == ["notify", "notify"]

        assert revive(session, orders, letters[:1]) == 1
        assert dismiss(session, orders, letters[1:]) == 1
        session.commit()
        assert revive(session, orders, letters) == dismiss(session, orders, letters) == 0
        assert dead(session, orders) == []
    taken.refusals.clear()
    exhaust(engine, orders, taken, STILL)
    mine = {key: [m.action for m in taken.messages if m.order == key] for key in keys}
    assert mine == {keys[0]: ACTIONS, keys[1]: ["book", "notify"]}


def test_with_dead_pass_the_rest_of_the_order_goes_on(engine: Engine) -> None:
    orders, taken = shop(), Receiver(thank=Undeliverable("never"))
    emit(engine, orders, *LIFE)
    exhaust(engine, orders, taken, Policy(dead="pass"))
    assert taken.got == ["book", "notify"]
    with Session(engine) as session:
        (letter,) = dead(session, orders)
        assert (letter.action, letter.attempts, letter.error) == ("thank", 1, "never")
        revive(session, orders, [letter])
        session.commit()
    taken.refusals.clear()
    assert relay(engine, orders, taken).delivered == 1


def test_what_was_settled_long_ago_is_pruned_and_nothing_else(engine: Engine) -> None:
    orders, taken = shop(), Receiver(notify=Undeliverable("never"))
    emit(engine, orders, *LIFE)
    relay(engine, orders, taken)
    forward(orders, days=8)
    emit(engine, orders, "pay")
    relay(engine, orders, taken)
    emit(engine, orders, "pay")
    with Session(engine) as session:
        week = timedelta(days=7)
        assert prune(session, orders, older=timedelta(days=9)) == 0
        assert prune(session, orders, older=week, most=1) == prune(session, orders, older=week) == 1
        session.commit()
        assert len(dead(session, orders)) == 1
        assert len(waiting(session, orders)) == 2
        assert session.scalar(select(func.count()).select_from(orders.store.outbox)) == 5  # type: ignore[arg-type]


# --- leases


def during(message_hook: Callable[[], None]) -> Callable[[Message], None]:
    """A receiver that does something once, while it is given the first message."""
    pending = [message_hook]

    def deliver(_: Message) -> None:
        if pending:
            pending.pop()()

    return deliver


def test_an_order_is_at_one_relay_at_a_time(engine: Engine) -> None:
    orders, other = shop(), Receiver()
    _, second = emit(engine, orders, *LIFE, count=2)

    def meanwhile() -> None:
        relay(engine, orders, other)

    assert relay(engine, orders, during(meanwhile), policy=Policy(orders=1)).delivered == 3
    assert [message.order for message in other.messages] == [second] * 3


def test_when_a_lease_runs_out_another_relay_begins_again_and_the_late_one_changes_nothing(engine: Engine) -> None:
    orders, other = shop(), Receiver(thank=1)
    emit(engine, orders, *LIFE)

    def meanwhile() -> None:
        forward(orders, seconds=61)
        assert relay(engine, orders, other, policy=STILL).retried == 0  # the head alone: somebody has tried it before
        assert relay(engine, orders, other, policy=STILL).retried == 1

    report = relay(engine, orders, during(meanwhile))
    assert [(each.outcome, each.action) for each in report.deliveries] == [("lost", "book")]
    assert other.got == ["book"]
    with Session(engine) as session:
        assert [(each.action, each.attempts) for each in waiting(session, orders)] == [("thank", 1), ("notify", 0)]


def test_a_lease_that_ran_out_and_was_taken_by_nobody_still_counts(engine: Engine) -> None:
    orders = shop()
    emit(engine, orders, *LIFE)
    report = relay(engine, orders, during(lambda: forward(orders, seconds=61)))
    assert [each.outcome for each in report.deliveries] == ["delivered"]
    assert relay(engine, orders, Receiver()).delivered == 2


def test_after_half_of_its_lease_a_relay_hands_out_nothing_more(engine: Engine) -> None:
    orders, taken = shop(), Receiver()
    emit(engine, orders, *LIFE, count=2)
    assert relay(engine, orders, during(lambda: forward(orders, seconds=31))).delivered == 1
    with Session(engine) as session:
        assert {each.attempts for each in waiting(session, orders)} == {0}
        assert {each.due_at for each in waiting(session, orders)} == {None}
    assert relay(engine, orders, taken).delivered == 5


def test_a_relay_that_is_stopped_settles_what_was_delivered_and_gives_back_the_rest(engine: Engine) -> None:
    orders, taken = shop(), Receiver()
    emit(engine, orders, *LIFE, count=2)
    going = Relay(engine, orders, during(lambda: going.stop()))
    assert [report.delivered for report in going.watch()] == [1]
    assert relay(engine, orders, taken).delivered == 5


def test_an_interrupt_settles_what_was_delivered_and_gives_back_the_rest(engine: Engine) -> None:
    orders, taken = shop(), Receiver()
    emit(engine, orders, *LIFE, count=2)

    def deliver(message: Message) -> None:
        if message.action == "notify":
            raise KeyboardInterrupt
        taken(message)

    with pytest.raises(KeyboardInterrupt):
        relay(engine, orders, deliver)
    assert taken.got == ["book", "thank"]
    assert relay(engine, orders, taken).delivered == 4
    assert taken.got == [*ACTIONS[:2], "notify", *ACTIONS]


def vanish(engine: Engine, orders: Lifecycle, policy: Policy) -> list[str]:
    """What a relay was about to deliver when its process was killed; its lease has run out since."""
    gone = Relay(engine, orders, print, policy=policy)
    round = gone._round()
    if gone._within(round.look, reading=True):
        gone._within(round.lease)
    forward(orders, seconds=61)
    return [row.message.action for stream in round.streams for row in stream.rows]


def test_a_message_that_kills_its_relay_is_tried_alone_and_then_dead(engine: Engine) -> None:
    orders, taken, policy = shop(), Receiver(), Policy(attempts=3)
    emit(engine, orders, *LIFE)
    assert vanish(engine, orders, policy) == ACTIONS
    assert vanish(engine, orders, policy) == vanish(engine, orders, policy) == ["book"]
    report = relay(engine, orders, taken, policy=policy)
    assert [(each.outcome, each.attempt) for each in report.deliveries] == [("dead", 3)]
    with Session(engine) as session:
        (letter,) = dead(session, orders)
        assert letter.error is not None
        assert "never settled" in letter.error
        assert letter.attempts == 3
    assert taken.got == []


def test_rows_without_an_entry_are_dead_and_said_so(engine: Engine) -> None:
    orders = shop()
    (key,) = emit(engine, orders, "pay")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO order_outbox (order_id, sequence, position, action) VALUES (:k, 9, 1, 'x')"), {"k": key}
        )
    assert relay(engine, orders, Receiver()).delivered == 2
    assert relay(engine, orders, Receiver()).dead == 1
    with Session(engine) as session:
        assert [each.error for each in dead(session, orders)] == ["its history entry is gone"]


# --- flush


class Flushing(Receiver):
    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.failures = failures
        self.flushed = 0

    def flush(self) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no space left")
        self.flushed = len(self.got)


def test_nothing_is_settled_before_it_was_flushed(engine: Engine) -> None:
    orders, taken = shop(), Flushing(failures=1)
    emit(engine, orders, *LIFE, count=2)
    report = relay(engine, orders, taken, policy=STILL)
    assert [(each.outcome, each.action, each.error) for each in report.deliveries] == [
        ("retried", "book", "OSError: no space left")
    ] * 2
    exhaust(engine, orders, taken, STILL)
    assert taken.flushed == len(taken.got) == 12
    with Session(engine) as session:
        assert waiting(session, orders) == []


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_flush_never_takes_in_what_is_still_under_way(
    sqlite: Engine, concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderfsm.outbox.rounds.SETTLE_AFTER", 0.0)
    orders, under_way, flushes = shop(), set[int](), []

    class Watched:
        def __call__(self, message: Message) -> None:
            under_way.add(message.order)
            time.sleep(0.01 * (message.order % 3))
            if message.action == "notify":
                under_way.remove(message.order)

        def flush(self) -> None:
            assert not under_way
            flushes.append(1)

    emit(sqlite, orders, *LIFE, count=8)
    report = Relay(sqlite, orders, Watched(), concurrency=concurrency).once()
    assert (report.delivered, len(flushes)) == (24, 8 if concurrency == 1 else 1)


# --- several at a time


def test_threads_deliver_several_orders_at_a_time_each_in_its_order(engine: Engine) -> None:
    orders, barrier = shop(), threading.Barrier(3, timeout=PATIENCE)
    emit(engine, orders, *LIFE, count=3)
    taken = Receiver()

    def deliver(message: Message) -> None:
        barrier.wait()  # nobody gets past it alone
        taken(message)

    assert Relay(engine, orders, deliver, concurrency=3).once().delivered == 9
    assert_in_order(taken.messages)


def test_an_interrupt_among_threads_settles_what_was_delivered(sqlite: Engine) -> None:
    orders, taken = shop(), Receiver()
    emit(sqlite, orders, *LIFE, count=4)

    def deliver(message: Message) -> None:
        if message.action == "thank":
            raise KeyboardInterrupt
        taken(message)

    with pytest.raises(KeyboardInterrupt):
        Relay(sqlite, orders, deliver, concurrency=2).once()
    exhaust(sqlite, orders, taken, STILL)
    assert sorted(taken.got) == sorted(ACTIONS * 4)


def test_relays_on_an_engine_of_the_services_own_never_take_the_same(tmp_path: Path) -> None:
    plain = create_engine(f"sqlite:///{tmp_path}/plain.db", connect_args={"timeout": 30})
    create_tables(plain)
    orders, taken = lifecycle(READY_MADE, SHOP), Receiver()
    emit(plain, orders, *LIFE, count=40)
    going = [Relay(plain, orders.store, taken, policy=Policy(orders=3)) for _ in range(3)]

    def run(relay: Relay) -> None:
        while relay.once().deliveries or relay._after is not None:
            pass

    threads = [threading.Thread(target=run, args=(each,)) for each in going]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken.got) == 120
    assert_in_order(taken.messages)
    plain.dispose()


# --- asyncio


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[tuple[Engine, str]]:
    with database(request.param, postgres_url, tmp_path) as made:
        url = made.url.set(drivername="sqlite+aiosqlite") if request.param == "sqlite" else made.url
        yield made, url.render_as_string(hide_password=False)


def test_asynchronous_receivers_are_awaited_several_orders_at_a_time(urls: tuple[Engine, str]) -> None:
    engine, url = urls
    orders, taken = shop(), Receiver(thank=1)
    emit(engine, orders, *LIFE, count=3)

    async def main() -> None:
        busy = async_engine(url)
        waiting_for_all = asyncio.Barrier(3)

        async def deliver(message: Message) -> None:
            if message.action == "book":
                await waiting_for_all.wait()
            taken(message)

        report = await arelay(busy, orders, deliver, policy=STILL)
        assert (report.delivered, report.retried) == (7, 1)
        forward(orders, seconds=1)
        going = AsyncRelay(busy, orders, deliver, policy=STILL)
        async for _ in going.watch(poll=0.01):
            if len(taken.got) == 9:
                going.stop()
        await busy.dispose()

    asyncio.run(main())
    assert_in_order(taken.messages)


def test_what_need_not_be_awaited_is_called_in_a_thread(urls: tuple[Engine, str]) -> None:
    engine, url = urls
    orders, taken, threads = shop(), Receiver(thank=1), set()
    emit(engine, orders, *LIFE)

    def deliver(message: Message) -> None:
        threads.add(threading.current_thread())
        taken(message)

    async def main() -> None:
        busy = async_engine(url)
        report = await arelay(busy, orders, deliver, policy=STILL)
        assert (report.delivered, report.retried) == (1, 1)
        forward(orders, seconds=1)
        for _ in ("thank", "announce"):  # what has failed is tried alone
            assert (await arelay(busy, orders, Later(taken), policy=STILL)).delivered == 1
        await busy.dispose()

    asyncio.run(main())
    assert threading.main_thread() not in threads
    assert taken.got == ACTIONS


class Later:
    """Takes messages when it is awaited."""

    def __init__(self, taken: Receiver) -> None:
        self.taken = taken

    async def __call__(self, message: Message) -> None:
        await asyncio.sleep(0)
        self.taken(message)


def test_a_task_that_is_cancelled_settles_what_was_delivered(urls: tuple[Engine, str]) -> None:
    engine, url = urls
    orders, taken = shop(), Receiver()
    emit(engine, orders, *LIFE)

    async def main() -> None:
        busy, stuck = async_engine(url), asyncio.Event()

        async def deliver(message: Message) -> None:
            if message.action == "thank":
                stuck.set()
                await asyncio.sleep(60)
            taken(message)

        task = asyncio.create_task(arelay(busy, orders, deliver))
        await stuck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await busy.dispose()

    asyncio.run(main())
    assert relay(engine, orders, taken).delivered == 2
    assert taken.got == ACTIONS


# --- watching


def test_a_watching_relay_survives_its_database(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    orders, taken = lifecycle(READY_MADE, SHOP), Receiver()
    emit(engine, orders, "pay")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE order_outbox RENAME TO elsewhere"))
    going = Relay(engine, orders.store, taken)
    thread = threading.Thread(target=lambda: list(going.watch(poll=0.01)))
    with caplog.at_level(logging.WARNING):
        thread.start()
        while not caplog.records:
            time.sleep(0.005)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO order_outbox"))
    while len(taken.got) < 2:
        time.sleep(0.005)
    going.stop()
    thread.join(timeout=PATIENCE)
    assert not thread.is_alive()
    assert "the relay's database failed" in caplog.text


# --- whatever happens


class Shadow:
    """A relay whose rounds are cut into steps, so that others come in between."""

    def __init__(self, engine: Engine, orders: Lifecycle, log: list[Message]) -> None:
        self.relay = Relay(engine, orders, log.append, policy=Policy(orders=2, batch=2, jitter=0, dead="hold"))
        self.log = log
        self.round: Any = None

    def begin(self) -> None:
        self.round = self.relay._round()
        if self.relay._within(self.round.look, reading=True):
            self.relay._within(self.round.lease)

    def deliver(self, *, fails: bool) -> None:
        """The next message of the first stream that has one."""
        for stream in self.round.streams if self.round else ():
            for message in list(stream.messages())[stream.delivered :]:
                with stream.attempt():
                    if fails:
                        raise NotDelivered("no")
                    self.log.append(message)
                return

    def settle(self) -> None:
        if self.round:
            self.round.finish()
            self.relay._within(self.round.settle)
            self.relay._after = self.round.after
        self.round = None

    def die(self) -> None:
        self.round = None


MOVES = st.one_of(
    st.tuples(st.just("emit"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["begin", "deliver", "fail", "settle", "die"]), st.integers(0, 2)),
    st.tuples(st.just("forward"), st.sampled_from([1, 20, 61])),
)


@given(moves=st.lists(MOVES, max_size=60))
@settings(max_examples=40)
def test_whatever_relays_do_each_message_arrives_and_first_in_order(
    moves: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with database("sqlite", "", tmp_path_factory.mktemp("moves")) as engine:
        orders, log = shop(), list[Message]()
        keys = emit(engine, orders, "pay", count=3)
        relays = [Shadow(engine, orders, log) for _ in range(3)]
        for move, which in moves:
            if move == "emit":
                with Session(engine) as session:
                    orders.send(session, session.get_one(Order, keys[which]), "nag")
                    session.commit()
            elif move == "forward":
                forward(orders, seconds=which)
            elif move in ("deliver", "fail"):
                relays[which].deliver(fails=move == "fail")
            else:
                getattr(relays[which], move)()
        for each in relays:
            each.settle()
        exhaust(engine, orders, log.append, STILL)
        with Session(engine) as session:
            assert waiting(session, orders) == dead(session, orders) == []
            for key in keys:
                history = orders.history(session, session.get_one(Order, key))
                wanted = {(2, 1), (2, 2)} | {(entry.sequence, 1) for entry in history[2:]}
                assert {(m.entry.sequence, m.position) for m in log if m.order == key} == wanted
        assert_in_order(log)
