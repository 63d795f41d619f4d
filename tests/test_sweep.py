"""Timers in the database: written with the entries, swept one order at a time, each sent once and never early."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text, update
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from kept import KINDS, READY_MADE, Kept, database, lifecycle
from kept_timers import LEASE, REGIONS, Still, clear, days, lease, opened, sent, timers, waiting
from orderfsm import Actor, Chart
from orderfsm.chart import Guard, Kind, State, Timer, Transition
from orderfsm.errors import ChartError
from orderfsm.expression import parse
from orderfsm.lifecycle import Corrections, Lifecycle
from orderfsm.lifecycle.clock import HostClock
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, async_engine, create_all
from orderfsm.sqlmodel import engine as engine_of


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("sweep")) as made:
        yield made


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest, engine: Engine) -> Kept:
    clear(engine, request.param)
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def ready(engine: Engine) -> Kept:
    clear(engine, READY_MADE)
    return READY_MADE


@pytest.fixture
def clock() -> Still:
    return Still()


def last(engine: Engine, orders: Lifecycle, key: Any) -> Any:
    with Session(engine) as session:
        return orders.history(session, session.get_one(orders.store.order, key))[-1]


# --- rows are written with the entry


def test_the_index_holds_what_is_not_spent(engine: Engine) -> None:
    names = {index["name"] for index in inspect(engine).get_indexes("order_timers")}
    assert "order_timers_due" in names
    key = inspect(engine).get_pk_constraint("order_timers")["constrained_columns"]
    assert key == ["order_id", "state", "event", "sequence", "ordinal"]


def test_an_entry_arms_and_removes_in_its_own_transaction(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    key = opened(engine, orders, kind)
    assert waiting(engine, orders, key) == {"new.lapse": 2}
    with Session(engine) as session:
        orders.send(session, session.get_one(kind.order, key), "accept")
        session.rollback()
    assert waiting(engine, orders, key) == {"new.lapse": 2}
    sent(engine, orders, key, "accept")
    assert waiting(engine, orders, key) == {"work.expire": 30, "work.nudge": 7, "prep.escalate": 3}
    assert {row.sequence for row in timers(engine, orders, key)} == {2}
    clock.forward(days=1)
    sent(engine, orders, key, "redo")
    assert {(row.state, row.sequence) for row in timers(engine, orders, key)} == {("work", 3), ("prep", 3)}
    sent(engine, orders, key, "finish")
    assert timers(engine, orders, key) == []


def test_the_rest_of_the_time_is_kept_while_the_clock_stands_still(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    key = opened(engine, orders, kind)
    sent(engine, orders, key, "accept")
    clock.forward(days=1)
    sent(engine, orders, key, "hold")
    assert waiting(engine, orders, key) == {
        "work.expire": None,
        "work.nudge": None,
        "prep.escalate": None,
        "held.give_up": 60,
    }
    assert {row.event: row.remaining for row in timers(engine, orders, key)} == {
        "expire": 29 * 86_400_000_000,
        "nudge": 6 * 86_400_000_000,
        "escalate": 2 * 86_400_000_000,
        "give_up": None,
    }
    clock.forward(days=50)
    assert orders.sweep(engine) == ()
    sent(engine, orders, key, "resume")
    assert waiting(engine, orders, key) == {"work.expire": 29, "work.nudge": 6, "prep.escalate": 2}


def test_an_order_that_is_taken_in_begins_its_timers(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    with Session(engine) as session:
        order = Order()
        orders.adopt(session, order, "rush")
        session.commit()
        key = order.id
    assert waiting(engine, orders, key) == {"work.expire": 30, "work.nudge": 7, "rush.escalate": 5, "rush.nudge": 2}


def test_corrections_end_and_begin_the_timers_of_what_they_change(engine: Engine, ready: Kept, clock: Still) -> None:
    may = Corrections(override=("boss",), void=("boss",))
    orders = lifecycle(ready, LEASE, clock=clock, corrections=may)
    key = opened(engine, orders, ready)
    sent(engine, orders, key, "accept")
    clock.forward(days=1)
    with Session(engine) as session:
        order = session.get_one(Order, key)
        orders.override(session, order, "rush", actor="boss", reason="late")
        session.commit()
        assert waiting(engine, orders, key) == {
            "work.expire": 29,
            "work.nudge": 6,
            "rush.escalate": 5,
            "rush.nudge": 2,
        }
        orders.void(session, order, actor="boss", reason="wrong")
        session.commit()
    assert waiting(engine, orders, key) == {"work.expire": 29, "work.nudge": 6, "prep.escalate": 3}
    sent(engine, orders, key, "hold")
    clock.forward(days=9)
    with Session(engine) as session:
        orders.void(session, session.get_one(Order, key), actor="boss", reason="was never held")
        session.commit()
    assert waiting(engine, orders, key) == {"work.expire": 29, "work.nudge": 6, "prep.escalate": 3}


def test_many_at_once_have_the_timers_that_each_would_have(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    one, *many = [opened(engine, orders, kind) for _ in range(4)]
    for event in ("accept", "escalate", "hold", "resume"):
        clock.forward(days=1)
        sent(engine, orders, one, event)
        with Session(engine) as session:
            orders.send_many(session, many, event)
            session.commit()
        alone = [row[-11:] for row in timers(engine, orders, one)]
        assert alone
        for key in many:
            assert [row[-11:] for row in timers(engine, orders, key)] == alone
    clock.forward(days=2)
    assert {(each.order, each.event) for each in orders.sweep(engine)} == {(key, "nudge") for key in (one, *many)}


def test_a_chart_without_timers_has_no_follower_and_writes_nothing(engine: Engine, ready: Kept) -> None:
    orders = lifecycle(ready)
    assert orders.timing is not None
    assert orders.timing not in orders._followers


def test_a_store_without_a_table_of_timers_lives_without_and_refuses_to_sweep(engine: Engine, clock: Still) -> None:
    store = SqlStore(Order, OrderHistory)
    store.timers = None
    orders = Lifecycle(LEASE, store, clock=clock)
    with Session(engine) as session:
        orders.open(session, Order())
    with pytest.raises(ChartError, match="Order has no timers; give the store a table: timers="):
        orders.sweep(engine)


# --- what is due is sent


def test_what_is_due_is_sent_like_anything_else(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    key = opened(engine, orders, kind)
    clock.forward(days=2, microseconds=-1)
    assert orders.sweep(engine) == ()
    clock.forward(microseconds=1)
    (swept,) = orders.sweep(engine)
    entry = last(engine, orders, key)
    assert (swept.order, swept.state, swept.event, swept.sequence, swept.outcome) == (key, "new", "lapse", 1, "sent")
    assert swept.entry is not None
    assert (entry.before, entry.event, entry.after, entry.sequence) == ("new", "lapse", "gone", 2)
    assert (entry.actor, entry.origin, entry.key) == (Actor("system"), "timer", "timer:new:lapse:1")
    assert timers(engine, orders, key) == []
    assert orders.sweep(engine) == ()


def test_the_actor_is_the_services_to_choose(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    clock.forward(days=3)
    orders.sweep(engine, actor=Actor("clockwork", "7"))
    assert last(engine, orders, key).actor == Actor("clockwork", "7")


def test_a_timer_whose_state_stays_is_spent_and_stays_to_be_seen(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    key = opened(engine, orders, kind)
    sent(engine, orders, key, "accept", "escalate")
    clock.forward(days=2)
    (swept,) = orders.sweep(engine)
    assert swept.event == "nudge"
    (row,) = [row for row in timers(engine, orders, key) if row.state == "rush" and row.event == "nudge"]
    assert (row.verdict, row.spent_at, row.attempts) == ("sent", clock(), 1)
    assert orders.sweep(engine) == ()
    sent(engine, orders, key, "escalate")
    assert [row.spent_at for row in timers(engine, orders, key) if row.state == "rush"] == [None, None]


def test_after_a_long_downtime_each_timer_is_sent_once_in_the_order_in_which_they_were_due(
    engine: Engine, ready: Kept, clock: Still
) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    sent(engine, orders, key, "accept")
    clock.forward(days=300)
    assert [swept.event for swept in orders.sweep(engine)] == ["escalate", "nudge", "expire"]
    assert last(engine, orders, key).after == "gone"
    assert timers(engine, orders, key) == []


def test_at_most_so_many_are_sent_at_once(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    for _ in range(5):
        opened(engine, orders, ready)
    clock.forward(days=2)
    assert [len(orders.sweep(engine, most=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_a_delayed_send_is_sent_once_and_forgotten(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, REGIONS, clock=clock)
    key = opened(engine, orders, ready)
    sent(engine, orders, key, "next")
    clock.forward(days=1)
    sent(engine, orders, key, "next", "next")
    clock.forward(days=3)
    assert ".echo" in waiting(engine, orders, key)
    echoes = [swept for swept in orders.sweep(engine) if swept.event == "echo"]
    assert [(swept.state, swept.sequence) for swept in echoes] == [("", 2)]
    assert [row.sequence for row in timers(engine, orders, key) if row.event == "echo"] == [4]
    clock.forward(days=1)
    assert [swept.sequence for swept in orders.sweep(engine) if swept.event == "echo"] == [4]
    assert last(engine, orders, key).event in ("echo", "ping", "next")


# --- what may not happen


def alarms(**guards: Any) -> Chart:
    """A chart whose alarm rings after a day, if the guard says so."""
    return Chart(
        "test/alarm",
        (State("set", after=(Timer("ring", days(1), "set"),)), State("rung", Kind.FINAL), State("off")),
        (
            Transition("set", ("ring",), ("rung",), **guards),
            Transition("set", ("stop",), ("off",)),
            Transition("set", ("again",), ("set",)),
        ),
        initial=("set",),
        guards={"awake": "Somebody is up."},
        hash="a" * 64,
    )


WHEN_REFERRED = alarms(guards=(Guard(expression=parse("order.reference == 'up'")),))


def test_a_refused_timer_is_spent_with_its_verdict_until_its_state_is_left(
    engine: Engine, ready: Kept, clock: Still
) -> None:
    orders = lifecycle(ready, WHEN_REFERRED, clock=clock)
    key = opened(engine, orders, ready)
    clock.forward(days=1)
    (swept,) = orders.sweep(engine)
    assert (swept.outcome, swept.as_dict()["error"]["code"]) == ("refused", "guard-refused")
    (row,) = timers(engine, orders, key)
    assert (row.verdict, row.spent_at, row.message) == ("guard-refused", clock(), str(swept.error))
    with engine.begin() as connection:
        connection.execute(update(Order).where(Order.id == key).values(reference="up"))  # type: ignore[arg-type]
    clock.forward(days=1)
    assert orders.sweep(engine) == ()
    sent(engine, orders, key, "again")
    (row,) = timers(engine, orders, key)
    assert (row.verdict, row.sequence) == (None, 2)
    clock.forward(days=1)
    assert [swept.outcome for swept in orders.sweep(engine)] == ["sent"]


def test_an_actor_who_may_not_is_refused(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, alarms(by=("watchman",)), clock=clock)
    key = opened(engine, orders, ready)
    clock.forward(days=1)
    (swept,) = orders.sweep(engine)
    assert (swept.outcome, timers(engine, orders, key)[0].verdict) == ("refused", "not-permitted")
    other = opened(engine, orders, ready)
    clock.forward(days=1)
    assert [swept.outcome for swept in orders.sweep(engine, actor="watchman")] == ["sent"]
    assert last(engine, orders, other).after == "rung"


def test_one_poisonous_order_never_stops_the_others(engine: Engine, ready: Kept, clock: Still) -> None:
    poisoned: set[Any] = set()

    def facts(session: Session, order: Any) -> dict[str, Any]:
        if order.id in poisoned:
            raise RuntimeError("the warehouse does not answer")
        return {"up": True}

    chart = alarms(guards=(Guard("awake"),))
    orders = lifecycle(ready, chart, clock=clock, facts=facts, guards={"awake": lambda facts: facts["up"]})
    keys = [opened(engine, orders, ready) for _ in range(3)]
    poisoned.add(keys[0])
    clock.forward(days=1)
    assert [(swept.order, swept.outcome) for swept in orders.sweep(engine)] == [
        (keys[0], "failed"),
        (keys[1], "sent"),
        (keys[2], "sent"),
    ]
    (row,) = timers(engine, orders, keys[0])
    assert (row.verdict, row.message, row.attempts) == ("RuntimeError", "the warehouse does not answer", 1)
    assert (row.spent_at, row.retry_at) == (None, clock() + timedelta(seconds=1))
    assert orders.sweep(engine) == ()
    waits = []
    for _ in range(14):
        clock.forward(hours=1)
        assert [swept.outcome for swept in orders.sweep(engine)] == ["failed"]
        waits.append((timers(engine, orders, keys[0])[0].retry_at - clock()).total_seconds())
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600]
    poisoned.clear()
    clock.forward(hours=1)
    assert [(swept.order, swept.outcome) for swept in orders.sweep(engine)] == [(keys[0], "sent")]


def test_a_broken_statement_in_the_facts_poisons_one_order_only(engine: Engine, ready: Kept, clock: Still) -> None:
    def facts(session: Session, order: Any) -> dict[str, Any]:
        session.execute(text("SELECT * FROM nowhere" if order.id == keys[0] else "SELECT 1"))
        return {}

    chart = alarms(guards=(Guard("awake"),))
    guards = {"awake": lambda facts: "order" in facts and facts.get("nothing") is None}
    orders = lifecycle(ready, chart, clock=clock, facts=facts, guards=guards)
    keys = [opened(engine, orders, ready) for _ in range(2)]
    clock.forward(days=1)
    assert [swept.outcome for swept in orders.sweep(engine)] == ["failed", "sent"]
    with Session(engine) as session:
        clock.forward(days=1)
        assert [swept.outcome for swept in orders.sweep(session)] == ["failed"]
        session.commit()
    assert timers(engine, orders, keys[0])[0].attempts == 2


def test_a_state_that_the_chart_lacks_is_a_failure_and_not_a_verdict(engine: Engine, ready: Kept, clock: Still) -> None:
    key = opened(engine, lifecycle(ready, WHEN_REFERRED, clock=clock), ready)
    orders = lifecycle(ready, LEASE, clock=clock)
    clock.forward(days=1)
    (swept,) = orders.sweep(engine)
    assert (swept.outcome, timers(engine, orders, key)[0].verdict) == ("failed", "stored-state-unknown")


def test_a_timer_whose_state_was_left_behind_its_back_is_dropped(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, WHEN_REFERRED, clock=clock)
    key = opened(engine, orders, ready)
    store = SqlStore(Order, OrderHistory)
    store.timers = None
    sent(engine, Lifecycle(WHEN_REFERRED, store, clock=clock), key, "stop")
    clock.forward(days=1)
    (swept,) = orders.sweep(engine)
    assert (swept.outcome, str(swept.error)) == ("dropped", "set was left without its timer ring being told")
    assert timers(engine, orders, key) == []


# --- new versions of a chart


def test_a_new_version_arms_nothing_that_is_armed_already(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    sent(engine, orders, key, "accept")
    later = lifecycle(ready, lease("2", times=10), clock=clock)
    assert waiting(engine, later, key) == {"work.expire": 30, "work.nudge": 7, "prep.escalate": 3}
    clock.forward(days=3)
    assert [swept.event for swept in later.sweep(engine)] == ["escalate"]
    assert waiting(engine, later, key) == {"work.expire": 27, "work.nudge": 4, "rush.escalate": 50, "rush.nudge": 20}


def test_a_timer_that_a_new_version_no_longer_has_is_dropped(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    bare = Chart(
        "test/lease",
        (State("new"), State("gone", Kind.FINAL)),
        (Transition("new", ("lapse",), ("gone",)),),
        version="3",
        initial=("new",),
        hash="3" * 64,
    )
    clock.forward(days=2)
    (swept,) = lifecycle(ready, bare, clock=clock).sweep(engine)
    assert (swept.outcome, str(swept.error)) == ("dropped", "test/lease 3 has no timer lapse of new")
    assert last(engine, orders, key).after == "new"


# --- clocks


def test_a_clock_that_jumps_makes_no_timer_early_and_none_twice(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    clock.forward(days=-400)
    assert orders.sweep(engine) == ()
    clock.forward(days=402)
    assert [swept.event for swept in orders.sweep(engine)] == ["lapse"]
    clock.forward(days=-402)
    assert orders.sweep(engine) == ()
    clock.forward(days=900)
    assert orders.sweep(engine) == ()
    assert last(engine, orders, key).sequence == 2


class Skewed(HostClock):
    """The clock of a host that is wrong."""

    def __init__(self, **by: float) -> None:
        self.by = timedelta(**by)

    def __call__(self) -> datetime:
        return super().__call__() + self.by


@pytest.mark.parametrize("skew", [-86_400, -3_600, 3_600, 86_400])
def test_a_host_whose_clock_is_wrong_sends_nothing_early_by_the_databases_clock(
    engine: Engine, ready: Kept, skew: int
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite's clock is the host's")
    wrong = lifecycle(ready, LEASE, clock=Skewed(seconds=skew))
    right = lifecycle(ready, LEASE, clock=HostClock())
    ahead = lifecycle(ready, LEASE, clock=Skewed(days=400))
    keys = [opened(engine, orders, ready) for orders in (wrong, right)]
    for key in keys:
        (row,) = timers(engine, right, key)
        assert row.due_at - datetime.now(UTC) > timedelta(days=2, minutes=-50)
    assert ahead.sweep(engine) == ()
    sent(engine, wrong, keys[1], "accept")
    sent(engine, right, keys[1], "hold")
    sent(engine, wrong, keys[1], "resume")
    for row in timers(engine, right, keys[1]):
        assert row.due_at - datetime.now(UTC) > timedelta(days=3, minutes=-50)
    assert ahead.sweep(engine) == ()


def test_the_time_by_both_clocks_makes_a_timer_due(engine: Engine, ready: Kept) -> None:
    soon = Chart(
        "test/soon",
        (State("set", after=(Timer("ring", timedelta(milliseconds=200), "set"),)), State("rung", Kind.FINAL)),
        (Transition("set", ("ring",), ("rung",)),),
        initial=("set",),
        hash="b" * 64,
    )
    orders = lifecycle(ready, soon, clock=HostClock())
    opened(engine, orders, ready)
    stop = threading.Event()
    swept = next(orders.keep_sweeping(engine, every=timedelta(milliseconds=20), stop=stop))
    assert swept.entry is not None
    assert swept.due_at is not None
    assert timedelta(0) <= swept.entry.recorded_at - swept.due_at < timedelta(minutes=5)  # type: ignore[operator]


# --- whose transaction it is


def test_in_a_session_of_the_callers_the_caller_commits(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    clock.forward(days=2)
    with Session(engine) as session:
        order = session.get_one(Order, key)
        order.reference = "mine"
        assert [swept.outcome for swept in orders.sweep(session)] == ["sent"]
        assert (order.configuration, order.reference) == ("gone", "mine")
        session.rollback()
    assert last(engine, orders, key).after == "new"
    assert [swept.outcome for swept in orders.sweep(engine)] == ["sent"]


def test_what_the_callers_session_remembers_wrongly_is_read_anew(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    with Session(engine, expire_on_commit=False) as session:
        order = session.get_one(Order, key)
        session.commit()
        sent(engine, orders, key, "accept")
        clock.forward(days=3)
        assert [(swept.event, swept.outcome) for swept in orders.sweep(session)] == [("escalate", "sent")]
        assert order.configuration == "rush"
        session.commit()


def test_a_function_that_makes_sessions_does_as_well(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    key = opened(engine, orders, ready)
    clock.forward(days=2)
    assert [swept.outcome for swept in orders.sweep(lambda: Session(engine, expire_on_commit=False))] == ["sent"]
    assert last(engine, orders, key).after == "gone"


def test_the_same_with_asyncio(tmp_path: Any, clock: Still) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from orderfsm.sqlmodel import create_all, engine

    url = f"{tmp_path}/async.db"
    plain = engine(f"sqlite:///{url}")
    create_all(plain)
    orders = lifecycle(READY_MADE, LEASE, clock=clock)
    for _ in range(3):
        opened(plain, orders, READY_MADE)

    async def run() -> list[int]:
        made = async_engine(f"sqlite+aiosqlite:///{url}")
        clock.forward(days=2)
        counts = [len(await orders.asweep(made, most=1)), len(await orders.asweep(async_sessionmaker(made), most=1))]
        async with AsyncSession(made) as session:
            counts.append(len(await orders.asweep(session)))
            await session.rollback()
            counts.append(len(await orders.asweep(session)))
            await session.commit()
        counts.append(len(await orders.asweep(made)))
        await made.dispose()
        return counts

    assert asyncio.run(run()) == [1, 1, 1, 1, 0]
    plain.dispose()


def test_the_loop_goes_on_until_it_is_stopped(engine: Engine, ready: Kept, clock: Still) -> None:
    orders = lifecycle(ready, LEASE, clock=clock)
    for _ in range(5):
        opened(engine, orders, ready)
    clock.forward(days=2)
    stop, seen = threading.Event(), []
    for swept in orders.keep_sweeping(engine, every=timedelta(milliseconds=10), stop=stop, batch=2):
        seen.append(swept.outcome)
        if len(seen) == 4:
            stop.set()
    assert seen == ["sent"] * 4
    assert len(orders.sweep(engine)) == 1


def test_the_loop_for_asyncio_goes_on_until_it_is_stopped(tmp_path: Path, clock: Still) -> None:
    made = engine_of(f"sqlite:///{tmp_path}/loop.db")
    create_all(made)
    orders = lifecycle(READY_MADE, LEASE, clock=clock)
    for _ in range(5):
        opened(made, orders, READY_MADE)

    async def run() -> list[str]:
        waiting, stop, seen = async_engine(f"sqlite+aiosqlite:///{tmp_path}/loop.db"), asyncio.Event(), []
        asyncio.get_running_loop().call_later(0.05, lambda: clock.forward(days=2))
        async for swept in orders.akeep_sweeping(waiting, every=timedelta(milliseconds=10), stop=stop, batch=2):
            seen.append(swept.outcome)
            if len(seen) == 3:
                stop.set()
        await waiting.dispose()
        return seen

    assert asyncio.run(run()) == ["sent"] * 4
    assert len(orders.sweep(made)) == 1
    made.dispose()


def test_the_loop_for_asyncio_survives_its_database(
    tmp_path: Path, clock: Still, caplog: pytest.LogCaptureFixture
) -> None:
    made = engine_of(f"sqlite:///{tmp_path}/loop.db")
    orders = lifecycle(READY_MADE, LEASE, clock=clock)

    def rename(before: str, after: str) -> None:
        with made.begin() as connection:
            connection.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))

    async def give_back() -> None:
        while "the sweep goes on" not in caplog.text:
            await asyncio.sleep(0.01)
        while True:
            with contextlib.suppress(OperationalError):  # the sweep is looking right now
                return rename("elsewhere", "order_timers")
            await asyncio.sleep(0.01)

    async def run() -> None:
        waiting, stop = async_engine(f"sqlite+aiosqlite:///{tmp_path}/loop.db"), asyncio.Event()
        going = orders.akeep_sweeping(waiting, every=timedelta(milliseconds=10), stop=stop)
        with pytest.raises(OperationalError):  # a database that has never been reached is an error
            await anext(going)
        create_all(made)
        opened(made, orders, READY_MADE)
        opened(made, orders, READY_MADE)
        clock.forward(days=2)
        going = orders.akeep_sweeping(waiting, every=timedelta(milliseconds=10), stop=stop, batch=1)
        assert (await anext(going)).outcome == "sent"
        rename("order_timers", "elsewhere")
        given_back = asyncio.create_task(give_back())
        assert (await anext(going)).outcome == "sent"
        await given_back
        await waiting.dispose()

    asyncio.run(run())
    assert "the sweep goes on when the database does" in caplog.text
    made.dispose()


def test_the_query_for_what_is_due_uses_the_index(engine: Engine) -> None:
    due = "SELECT order_id FROM order_timers WHERE due_at <= '2026-01-01' AND spent_at IS NULL"
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))
        explain = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = connection.execute(text(f"{explain} {due} ORDER BY due_at LIMIT 1")).all()
    assert "order_timers_due" in str(plan)
