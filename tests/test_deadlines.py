"""How long orders have been where: as values from a history, and in one query over many, which must agree."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

import orderfsm
from kept import KINDS, READY_MADE, Kept, database, lifecycle, statements
from kept_timers import LEASE, REGIONS, Still, days, opened, sent
from orderfsm.errors import ChartError
from orderfsm.history import Entry
from orderfsm.lifecycle import Lifecycle
from orderfsm.lifecycle.deadlines import Deadlines
from orderfsm.sqlmodel import async_engine, create_all
from orderfsm.sqlmodel import engine as safe_engine
from orderfsm.stays import spent, stays

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


# --- values


def entry(sequence: int, after: str, day: float) -> Entry:
    return Entry(None, "x", after, sequence, recorded_at=NOON + days(day))


LIFE = [entry(1, "new", 0), entry(2, "prep", 1), entry(3, "held;was=prep", 4), entry(4, "rush", 14)]


def in_days(times: dict[str, timedelta]) -> dict[str, float]:
    return {name: length / timedelta(days=1) for name, length in times.items()}


def test_a_history_is_cut_into_stays() -> None:
    found = stays(LIFE, until=NOON + days(20))
    assert [(stay.configuration, stay.length / timedelta(days=1)) for stay in found] == [
        ("new", 1),
        ("prep", 3),
        ("held;was=prep", 10),
        ("rush", 6),
    ]
    assert (found[-1].sequence, found[-1].entered_at, found[-1].left_at) == (4, NOON + days(14), None)
    assert stays([], until=NOON) == ()


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    found = stays([entry(1, "new", 5), entry(2, "prep", 3)], until=NOON)
    assert [stay.length for stay in found] == [timedelta(), timedelta()]


def test_an_entry_without_a_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="entry 1 has no recorded_at"):
        stays([Entry(None, "x", "new", 1)], until=NOON)


def test_time_is_added_up_by_state_code_or_category() -> None:
    until = NOON + days(20)
    assert in_days(spent(LEASE, LIFE, until=until)) == {"new": 1, "work": 9, "prep": 3, "held": 10, "rush": 6}
    assert in_days(spent(LEASE, LIFE, until=until, by="category")) == {"open": 10, "suspended": 10}
    assert in_days(spent(LEASE, LIFE, until=until, by="code")) == {"new": 1, "prep": 3, "held": 10, "rush": 6}


def test_where_the_clock_stands_still_it_counts_only_for_what_stops_it() -> None:
    life = [entry(1, "prep", 0), entry(2, "frozen;was=prep", 2), entry(3, "prep", 7)]
    until = NOON + days(8)
    assert in_days(spent(LEASE, life, until=until)) == {"work": 8, "prep": 3, "frozen": 5}
    assert in_days(spent(LEASE, life, until=until, counting="running")) == {"work": 3, "prep": 3, "frozen": 5}
    running = spent(LEASE, life, until=until, by="category", counting="running")
    assert in_days(running) == {"open": 8}  # frozen is open too, and its own clock runs


def test_what_the_chart_lacks_counts_for_nothing() -> None:
    life = [entry(1, "lost", 0), entry(2, "new", 2)]
    assert in_days(spent(LEASE, life, until=NOON + days(3))) == {"new": 1}


# --- sets


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path) as made:
        yield made


@pytest.fixture(params=[KINDS[0], KINDS[3]], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kept:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def clock() -> Still:
    return Still()


def test_orders_that_have_been_somewhere_for_long_are_found_the_longest_first(
    engine: Engine, kind: Kept, clock: Still
) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    first = opened(engine, orders, kind)
    clock.forward(days=1)
    second, third = opened(engine, orders, kind), opened(engine, orders, kind)
    sent(engine, orders, third, "accept")
    clock.forward(days=2)
    sent(engine, orders, third, "nudge", "escalate")
    asked = Deadlines(orders)
    with Session(engine) as session, statements(engine) as said:
        found = asked.longer(session, days(1), "new")
        assert [(each.order, each.length) for each in found] == [(first, days(3)), (second, days(2))]
        assert found[0].since == clock() - days(3)
        assert len([each for each in said if each.startswith("SELECT")]) == 1
        assert [each.order for each in asked.longer(session, days(2), "new")] == [first]
        assert [each.order for each in asked.longer(session, days(1), "open", by="category")] == [first, second, third]
        assert [each.order for each in asked.longer(session, days(1), "open", by="category", most=1)] == [first]
        assert [(each.order, each.length) for each in asked.longer(session, days(1), "work")] == [(third, days(2))]
        assert asked.longer(session, timedelta(), "rush", by="code") == []
        clock.forward(seconds=1)
        assert [each.order for each in asked.longer(session, timedelta(), "rush", by="code")] == [third]


def test_time_without_a_break_begins_anew_after_a_break(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    key = opened(engine, orders, kind)
    sent(engine, orders, key, "accept")
    clock.forward(days=5)
    sent(engine, orders, key, "hold")
    clock.forward(days=7)
    sent(engine, orders, key, "resume")
    clock.forward(days=2)
    asked = Deadlines(orders)
    with Session(engine) as session:
        assert [each.length for each in asked.longer(session, days(1), "prep")] == [days(2)]
        assert [each.length for each in asked.overspent(session, days(6), "prep")] == [days(7)]
        assert asked.overspent(session, days(7), "prep") == []
        open_time = asked.overspent(session, days(1), "open", by="category")
        assert [(each.order, each.length, each.since) for each in open_time] == [(key, days(7), None)]
        orders.send(session, session.get_one(kind.order, key), "finish")
        assert asked.overspent(session, days(1), "prep") == []


def test_stopped_time_counts_only_when_asked(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    key = opened(engine, orders, kind)
    sent(engine, orders, key, "accept", "freeze")
    clock.forward(days=9)
    asked = Deadlines(orders)
    with Session(engine) as session:
        assert asked.overspent(session, timedelta(), "work") == []
        assert [each.length for each in asked.overspent(session, timedelta(), "work", counting="all")] == [days(9)]
        order = session.get_one(kind.order, key)
        assert in_days(asked.times(session, order)) == {"new": 0, "work": 9, "prep": 0, "frozen": 9}
        assert in_days(asked.times(session, order, counting="running")) == {"new": 0, "work": 0, "prep": 0, "frozen": 9}


def test_what_is_due_soon_is_told_with_how_late_it_is(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    first = opened(engine, orders, kind)
    clock.forward(days=1)
    second = opened(engine, orders, kind)
    sent(engine, orders, second, "accept", "hold")
    asked = Deadlines(orders)
    with Session(engine) as session:
        assert asked.due(session, timedelta(hours=23)) == []
        (coming,) = asked.due(session, days(1))
        assert (coming.order, coming.state, coming.event, coming.sequence) == (first, "new", "lapse", 1)
        assert (coming.due_at - clock(), coming.late) == (days(1), timedelta())
        clock.forward(days=3)
        assert [(each.order, each.late) for each in asked.due(session, timedelta())] == [(first, days(2))]
        assert [each.event for each in asked.due(session, days(60))] == ["lapse", "give_up"]
        assert [each.event for each in asked.due(session, days(60), most=1)] == ["lapse"]


def test_without_a_table_of_timers_nothing_is_said_about_what_is_due(engine: Engine, clock: Still) -> None:
    store = READY_MADE.store
    store.timers = None
    with Session(engine) as session, pytest.raises(ChartError, match="give the store a table: timers="):
        Deadlines(Lifecycle(LEASE, store, clock=clock)).due(session, days(1))


def test_the_share_of_stays_that_took_no_longer(engine: Engine, kind: Kept, clock: Still) -> None:
    orders = lifecycle(kind, LEASE, clock=clock)
    keys = [opened(engine, orders, kind) for _ in range(10)]
    for key in keys:  # the stays in `new` take 1, 2, … 10 hours
        clock.forward(hours=1)
        sent(engine, orders, key, "accept", "nudge")
    began = clock()
    later = opened(engine, orders, kind)
    clock.forward(microseconds=7)
    sent(engine, orders, later, "accept")
    asked = Deadlines(orders)
    with Session(engine) as session:
        found = asked.percentiles(session, shares=(0.5, 0.9, 1))
        assert found.keys() == {"new"}  # nobody has left work yet
        assert (found["new"].count, found["new"].lengths) == (
            11,
            {0.5: timedelta(hours=5), 0.9: timedelta(hours=9), 1: timedelta(hours=10)},
        )
        assert asked.percentiles(session, since=began)["new"].lengths[0.5] == timedelta(microseconds=7)
        assert asked.percentiles(session, by="category") == {}
        with pytest.raises(ValueError, match="a share is between 0 and 1, not 50"):
            asked.percentiles(session, shares=(50,))


def test_a_name_that_the_chart_lacks_is_an_error(engine: Engine) -> None:
    asked = Deadlines(lifecycle(READY_MADE, LEASE))
    with Session(engine) as session:
        for by in ("state", "code", "category"):
            with pytest.raises(ValueError, match=f"test/lease has no {by} 'nowhere'"):
                asked.longer(session, days(1), "nowhere", by=by)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="has no state 'nowhere'"):
            asked.overspent(session, days(1), "nowhere")


@pytest.mark.parametrize("chart", [LEASE, REGIONS], ids=lambda chart: chart.name)
def test_the_queries_say_what_the_histories_say(engine: Engine, kind: Kept, clock: Still, chart: Any) -> None:
    """Random lives; every answer is worked out a second time from the histories alone."""
    dice, orders = random.Random(7), lifecycle(kind, chart, clock=clock)
    keys = [opened(engine, orders, kind) for _ in range(12)]
    for _ in range(150):
        clock.forward(microseconds=dice.randrange(3 * 10**11))
        key = dice.choice(keys)
        with Session(engine) as session:
            order = session.get_one(kind.order, key)
            events = list(orderfsm.compile(chart).rows[order.configuration])
            lives = [
                event for event in events if event not in ("lapse", "expire", "finish", "end") or dice.random() < 0.1
            ]
            if lives:
                orders.send(session, order, dice.choice(lives))
            session.commit()
    asked, now = Deadlines(orders), clock()
    known = orderfsm.compile(chart).configurations
    with Session(engine) as session:
        pasts = {key: orders.history(session, session.get_one(kind.order, key)) for key in keys}
        lengths: dict[str, list[timedelta]] = {}
        for state in [state.name for state in chart.states if not state.kind.is_history]:
            lasting = {}
            for key, past in pasts.items():
                runs = _runs(past, lambda after, name=state: name in known[after].states, now)
                lengths.setdefault(state, []).extend(length for length, left in runs if left)
                lasting |= {key: runs[-1][0]} if runs and not runs[-1][1] else {}
            found = {each.order: each.length for each in asked.longer(session, days(3), state)}
            assert found == {key: length for key, length in lasting.items() if length > days(3)}
            for counting in ("all", "running"):
                sums = {key: spent(chart, past, until=now, counting=counting).get(state) for key, past in pasts.items()}
                over = asked.overspent(session, days(4), state, counting=counting)
                assert {each.order: each.length for each in over} == {
                    key: length
                    for key, length in sums.items()
                    if length is not None and length > days(4) and not known[pasts[key][-1].after].final
                }
        spreads = asked.percentiles(session, shares=(0.25, 0.5, 0.9))
        assert spreads.keys() == {state for state, found in lengths.items() if found}
        for state, spread in spreads.items():
            ordered = sorted(lengths[state])
            ranks = {share: ordered[math.ceil(share * len(ordered)) - 1] for share in (0.25, 0.5, 0.9)}
            assert (spread.count, spread.lengths) == (len(ordered), ranks)


def _runs(past: list[Entry], matches: Any, now: datetime) -> list[tuple[timedelta, bool]]:
    """The unbroken stays: how long, and whether they are over."""
    runs, begun = [], None
    for recorded in past:
        if matches(recorded.after) and begun is None:
            begun = recorded.recorded_at
        elif not matches(recorded.after) and begun is not None:
            runs.append((recorded.recorded_at - begun, True))  # type: ignore[operator]
            begun = None
    return runs if begun is None else [*runs, (now - begun, False)]


def test_an_index_on_the_category_serves_the_question(tmp_path: Any) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/indexed.db")
    create_all(made)
    asked = Deadlines(lifecycle(READY_MADE, LEASE))
    with made.begin() as connection:
        connection.execute(text("CREATE INDEX orders_category ON orders (category)"))
    with Session(made) as session, statements(made) as said:
        asked.longer(session, days(1), "open", by="category")
    with made.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said[-1]}", ("x",) * said[-1].count("?")).all()
    assert "orders_category" in str(plan)
    made.dispose()


def test_the_same_with_asyncio(tmp_path: Any, clock: Still) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    plain = safe_engine(f"sqlite:///{tmp_path}/async.db")
    create_all(plain)
    orders = lifecycle(READY_MADE, LEASE, clock=clock)
    opened(plain, orders, READY_MADE)
    clock.forward(days=3)

    async def ask() -> int:
        made = async_engine(f"sqlite+aiosqlite:///{tmp_path}/async.db")
        async with AsyncSession(made) as session:
            found = await Deadlines(orders).alonger(session, days(2), "new")
        await made.dispose()
        return len(found)

    assert asyncio.run(ask()) == 1
    plain.dispose()
