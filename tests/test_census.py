"""How many orders are where, and how long they stay: the databases' answers against those of plain Python."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

import orderfsm
from kept import READY_MADE, Kept, lifecycle, statements
from kept_timers import LEASE, REGIONS, Still, days, opened, sent
from orderfsm import Entry
from orderfsm.census import Census
from orderfsm.chart import START
from orderfsm.corrections import in_force
from orderfsm.diagrams import Dwell, Overlay, render
from orderfsm.lifecycle import Corrections, Lifecycle, Restated
from orderfsm.sqlmodel import Order, async_engine, create_all
from orderfsm.sqlmodel import engine as safe_engine
from test_deadlines import clock, engine, kind
from test_sweep import alarms

__all__ = ["clock", "engine", "kind"]  # fixtures

WHY: dict[str, Any] = {"actor": "clerk", "reason": "a mistake"}


def correcting(kind: Kept, chart: Any, clock: Still) -> Lifecycle:
    roles = ("clerk",)
    return lifecycle(kind, chart, clock=clock, corrections=Corrections(roles, roles, roles))


def lived(engine: Engine, orders: Lifecycle, kind: Kept, clock: Still, steps: int) -> list[Any]:
    """The keys of some orders after random lives with claims, voided, restated and overriding entries."""
    dice = random.Random(11)
    keys = [opened(engine, orders, kind) for _ in range(9)]
    for _ in range(steps):
        clock.forward(microseconds=dice.randrange(3 * 10**11))
        with Session(engine) as session:
            order = session.get_one(kind.order, dice.choice(keys))
            claimed = clock() - timedelta(microseconds=dice.randrange(10**11)) if dice.random() < 0.4 else None
            luck = dice.random()
            if luck < 0.15:
                voidable = len(in_force(orders.history(session, order))) > 1
                _ = orders.void(session, order, **WHY) if voidable else None
            elif luck < 0.3:
                entry, _ = dice.choice(in_force(orders.history(session, order)))
                told = {"occurred_at": claimed} if claimed else {"payload": {"text": "\x00 \\u0000"}}
                orders.supersede(session, order, entry.sequence, Restated(**told), **WHY)
            elif luck < 0.35:
                others = [text for text in orderfsm.compile(orders.chart).configurations if text != order.configuration]
                orders.override(session, order, dice.choice(others), occurred_at=claimed, **WHY)
            elif events := list(orderfsm.compile(orders.chart).rows[order.configuration]):
                orders.send(session, order, dice.choice(events), occurred_at=claimed)
            session.commit()
    return keys


def naive(chart: Any, histories: list[list[Entry]], times: str, since: datetime | None = None) -> dict[str, Dwell]:
    """The same answer from the histories alone."""
    known = orderfsm.compile(chart).configurations
    found: dict[str, list[timedelta]] = {}
    for history in histories:
        counting = [(entry.after, _time(entry, told, times)) for entry, told in in_force(history)]
        names = {name for after, _ in counting for name in (known[after].states if after in known else {after})}
        for name in names:
            for length, ended in _stays(counting, {text for text in known if name in known[text].states} | {name}):
                if since is None or ended >= since:
                    found.setdefault(name, []).append(length)
    return {name: Dwell(_nearest(lengths, 50), _nearest(lengths, 95), len(lengths)) for name, lengths in found.items()}


def _time(entry: Entry, told: Any, times: str) -> Any:
    if times == "recorded":
        return entry.recorded_at
    return datetime.fromisoformat(told["occurred_at"]) if "occurred_at" in told else entry.occurred_at


def _stays(counting: list[tuple[str, Any]], within: set[str]) -> Iterator[tuple[timedelta, Any]]:
    """The unbroken stays that are over: how long, and the latest time in it."""
    length, latest = None, None
    for (here, at), following in pairwise([*counting, None]):  # type: ignore[misc]
        if here in within and following is not None:
            length = (length or timedelta()) + max(following[1] - at, timedelta())
            latest = max(latest or following[1], following[1])
            if following[0] not in within:
                yield length, latest
                length = latest = None


def _nearest(lengths: list[timedelta], percent: int) -> timedelta:
    return sorted(lengths)[math.ceil(percent * len(lengths) / 100) - 1]


@pytest.mark.parametrize("chart", [LEASE, REGIONS], ids=lambda chart: chart.name)
def test_the_queries_say_what_the_histories_say(engine: Engine, kind: Kept, clock: Still, chart: Any) -> None:
    orders = correcting(kind, chart, clock)
    keys = lived(engine, orders, kind, clock, 60)
    census = Census(chart, kind.store)
    with Session(engine) as session:
        rows = [session.get_one(kind.order, key) for key in keys]
        histories = [orders.history(session, row) for row in rows]
        assert any(entry.event == "void" for history in histories for entry in history)
        assert any("occurred_at" in told for history in histories for _, told in in_force(history))
        assert census.counts(session) == Counter(row.configuration for row in rows)
        for times in ("occurred", "recorded"):
            assert census.dwell(session, times=times) == naive(chart, histories, times)
        moments = sorted(entry.recorded_at for history in histories for entry in history)
        middle = moments[len(moments) // 2]
        assert {} != census.dwell(session, since=middle) == naive(chart, histories, "occurred", middle)


def test_orders_that_were_never_opened_are_counted_as_such(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LEASE)
    opened(engine, orders, READY_MADE)
    with Session(engine) as session:
        session.add(Order())
        session.flush()
        assert Census(LEASE, READY_MADE.store).counts(session) == {START: 1, "new": 1}


def test_configurations_of_another_chart_are_told_as_they_are_stored(engine: Engine, clock: Still) -> None:
    orders = lifecycle(READY_MADE, LEASE, clock=clock)
    key = opened(engine, orders, READY_MADE)
    clock.forward(days=2)
    sent(engine, orders, key, "accept")
    census = Census(REGIONS, READY_MADE.store)
    assert "new" not in orderfsm.compile(REGIONS).configurations
    with Session(engine) as session:
        assert census.dwell(session) == {"new": Dwell(days(2), days(2), 1)}
        (stored,) = census.counts(session)
        overlay = Overlay(counts=census.counts(session), dwell=census.dwell(session))
    drawn = render(REGIONS, "svg", overlay=overlay)
    assert f"1 order elsewhere: {stored} (1)" in drawn
    assert "1 stay elsewhere: new (1)" in drawn


def test_conditions_on_the_order_choose_whose_orders_are_asked_about(engine: Engine, clock: Still) -> None:
    orders = lifecycle(READY_MADE, LEASE, clock=clock)
    keys = [opened(engine, orders, READY_MADE) for _ in range(3)]
    for key in keys:
        clock.forward(days=1)
        sent(engine, orders, key, "accept")
    census = Census(LEASE, READY_MADE.store)
    only: Any = Order.id == keys[1]
    with Session(engine) as session:
        assert sum(census.counts(session, only).values()) == 1
        assert census.dwell(session, only) == {"new": Dwell(days(2), days(2), 1)}
        assert census.dwell(session)["new"] == Dwell(days(2), days(3), 3)


def test_timers_that_were_refused_are_told_where_their_orders_are(engine: Engine, kind: Kept, clock: Still) -> None:
    chart = alarms(by=("watchman",))
    orders, census = lifecycle(kind, chart, clock=clock), Census(chart, kind.store)
    keys = [opened(engine, orders, kind) for _ in range(3)]
    clock.forward(days=1)
    assert [swept.outcome for swept in orders.sweep(engine)] == ["refused"] * 3
    sent(engine, orders, keys[0], "stop")
    opened(engine, orders, kind)
    with Session(engine) as session:
        found = census.refusals(session)
    assert found == {("set", "ring", "not-permitted"): 2}
    assert "2 refused: not-permitted" in render(chart, "svg", overlay=Overlay(refusals=found))


def test_without_a_table_of_timers_no_refusals_are_told(engine: Engine) -> None:
    store = READY_MADE.store
    store.timers = None
    with Session(engine) as session:
        assert Census(LEASE, store).refusals(session) == {}


def test_each_answer_is_one_statement(engine: Engine, kind: Kept) -> None:
    census = Census(LEASE, kind.store)
    with Session(engine) as session, statements(engine) as said:
        assert (census.counts(session), census.dwell(session)) == ({}, {})
        assert len([statement for statement in said if "SELECT" in statement]) == 2


def test_other_times_are_refused(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(ValueError, match="choose occurred or recorded"):
        Census(LEASE, READY_MADE.store).dwell(session, times="claimed")  # type: ignore[arg-type]


def test_the_same_with_asyncio(tmp_path: Path, clock: Still) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    plain = safe_engine(f"sqlite:///{tmp_path}/async.db")
    create_all(plain)
    orders = lifecycle(READY_MADE, LEASE, clock=clock)
    key = opened(plain, orders, READY_MADE)
    clock.forward(days=3)
    sent(plain, orders, key, "accept")
    census = Census(LEASE, READY_MADE.store)

    async def ask() -> Any:
        made = async_engine(f"sqlite+aiosqlite:///{tmp_path}/async.db")
        async with AsyncSession(made) as session:
            found = sum((await census.acounts(session)).values()), await census.adwell(session)
        await made.dispose()
        return found

    assert asyncio.run(ask()) == (1, {"new": Dwell(days(3), days(3), 1)})
    plain.dispose()
