"""The status of an order tells in one query what its entries tell one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, delete, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Session

from kept import KINDS, READY_MADE, Kept, database, lifecycle, statements
from orderfsm import Actor, Link, Reason
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import async_engine

TRACKING = Link("tracking", "https://carrier.example/17", title="Parcel 17")
STATE = {
    "configuration": "shipped",
    "code": "shipped",
    "category": "done",
    "revision": 6,
    "chart": "test/press",
    "chart_version": "7",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("orders")) as made:
        yield made


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kept:
    return request.param


def shipped(session: Session, orders: Lifecycle, kind: Kept) -> Any:
    """An order with a history of six entries, of every shape."""
    order = kind.new()
    orders.open(session, order, actor=Actor("customer", "c-1", "Ann"))
    orders.send(session, order, "accept", actor="printer", key="k-1", caused_by="mail 12")
    orders.send(session, order, "hold", reason=Reason("paper", "None left: \u0444\n'\"\\"))
    orders.send(session, order, "resume", reason="paper")
    orders.send(session, order, "print")
    orders.send(session, order, "ship", links=[TRACKING, Link("label", "/labels/1")], payload={"weight": 1.5, "a": []})
    return order


def test_it_tells_the_state_and_what_the_entries_tell(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    with Session(engine) as session:
        order = shipped(session, orders, kind)
        told = orders.status(session, order)
        assert told == STATE | {"history": [entry.as_dict() for entry in orders.history(session, order)]}
        assert json.loads(json.dumps(told)) == told
        (*_, last) = told["history"]
        assert last["links"] == [TRACKING.as_dict(), {"rel": "label", "href": "/labels/1"}]
        assert last["payload"] == {"weight": 1.5, "a": []}
        assert last["recorded_at"] == "2026-01-01T00:00:06.000000Z"


def test_it_has_only_the_last_entries_oldest_first(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    with Session(engine) as session:
        order = shipped(session, orders, kind)
        told = orders.status(session, order, entries=2)
        assert [entry["sequence"] for entry in told["history"]] == [5, 6]
        assert told["revision"] == 6


def test_it_is_one_statement(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = shipped(session, orders, READY_MADE)
        with statements(engine) as sent:
            orders.status(session, order)
    assert len(sent) == 1


def test_before_an_order_is_opened_there_is_nothing_to_tell(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    nothing = dict.fromkeys(STATE) | {"revision": 0, "history": []}
    with Session(engine) as session:
        order = kind.new()
        assert orders.status(session, order) == nothing
        session.add(order)
        session.flush()
        assert orders.status(session, order) == nothing


def test_it_takes_a_key_as_well_and_loads_nothing(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    with Session(engine) as session:
        order = shipped(session, orders, kind)
        told, key = orders.status(session, order), orders.store.key(order)
        session.commit()
        session.expunge_all()
        assert orders.status(session, key) == told
        assert not session.identity_map


def test_there_is_no_status_of_an_order_that_is_gone(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    with Session(engine) as session:
        order = kind.new()
        session.add(order)
        session.flush()
        key = orders.store.key(order)
        mine = [column == getattr(order, column.name) for column in inspect(kind.order).primary_key]
        session.connection().execute(delete(kind.order).where(*mine))
        assert orders.status(session, order) is None
        assert orders.status(session, key) is None
        session.rollback()


def test_what_is_neither_an_order_nor_a_key_is_refused(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(TypeError, match="neither a Order nor a key of one"):
        lifecycle(READY_MADE).status(session, (1, 2))


def test_it_can_be_asked_in_an_async_session(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = shipped(session, orders, READY_MADE)
        session.commit()
        number, told = order.id, orders.status(session, order)
    url = engine.url if engine.dialect.name == "postgresql" else engine.url.set(drivername="sqlite+aiosqlite")

    async def ask() -> dict[str, Any]:
        there = async_engine(url)
        async with AsyncSession(there) as session:
            found = await session.get_one(READY_MADE.order, number)
            answer = await orders.astatus(session, found)
        await there.dispose()
        return answer

    assert asyncio.run(ask()) == told
