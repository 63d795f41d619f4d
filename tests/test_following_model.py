"""Random lives of items and orders of the shipped charts: what is stored is what the core says, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

import orderfsm
from kept import create_tables
from kept_items import PIECES, Piece, Shop, shop
from orderfsm import Refused, UnsoundChart
from orderfsm.graph import matches_state, steps_from
from orderfsm.rollup import rollup
from orderfsm.sqlmodel import Order, engine

BUYERS = {"adobe": "partner", "cablelabs": "buyer", "dream_junction": "customer"}
SHIPPED = {"shipped_at": "2026-01-01T00:00:00Z", "shipments": []}


@pytest.fixture(scope="module")
def database() -> Iterator[Engine]:
    made = engine("sqlite://")
    create_tables(made)
    SQLModel.metadata.create_all(made, tables=[PIECES.item.__table__, PIECES.history.__table__])
    yield made
    made.dispose()


class Model:
    """An order and its items as plain configurations, led by the core alone."""

    def __init__(self, here: Shop, order: str, items: list[str]) -> None:
        self.chart, self.item_chart = here.orders.chart, here.items.chart
        self.order, self.items = order, items

    def kept(self, configuration: str) -> bool:
        assert self.chart.rollup is not None
        found = orderfsm.compile(self.chart).configurations[configuration]
        return any(matches_state(found, name) for name in self.chart.rollup.keep)

    def rolled(self, order: str, items: list[str]) -> list[Any]:
        return list(rollup(self.chart, order, items, item_chart=self.item_chart))

    def item(self, place: int, after: str) -> None:
        items = [*self.items]
        items[place] = after
        steps = self.rolled(self.order, items)
        self.items, self.order = items, (steps[-1].after if steps else self.order)

    def own(self, after: str) -> None:
        steps = self.rolled(after, self.items) if self.kept(self.order) and not self.kept(after) else []
        self.order = steps[-1].after if steps else after


def steps_of(chart: Any, configuration: str) -> list[Any]:
    return list(steps_from(orderfsm.compile(chart), configuration))


def asked(step: Any) -> dict[str, Any]:
    """What makes a step legal for its guards aside: an actor it is for, the payload of a shipment."""
    by = step.demand.by
    actor = sorted(set(by[0]).intersection(*by))[0] if by else None
    return {"actor": actor, "payload": SHIPPED if step.event == "ship" else None}


def attempt(here: Any, session: Session, row: Any, configuration: str, step: Any) -> str | None:
    """What the core says to the event; None when it refuses."""
    more = asked(step)
    facts = {"order": row, "items": [], "history": here.history(session, row)}
    try:
        return str(orderfsm.step(here.chart, configuration, step.event, **more, facts=facts).after)
    except (Refused, orderfsm.GuardFailed):
        return None


def send(session: Session, here: Any, row: Any, step: Any) -> bool:
    try:
        here.send(session, row, step.event, **asked(step))
    except UnsoundChart:
        return False
    return True


@pytest.mark.parametrize("vocabulary", BUYERS)
@settings(max_examples=60)
@given(data=st.data())
def test_stored_roll_ups_are_the_pure_ones(database: Engine, vocabulary: str, data: st.DataObject) -> None:
    chart, item_chart = (orderfsm.load(f"{vocabulary}/{name}", profile="full") for name in ("order", "item"))
    here = shop(PIECES, chart, item_chart)
    with Session(database) as session:
        order, pieces = Order(), []
        here.orders.open(session, order, actor=BUYERS[vocabulary])
        for _ in range(data.draw(st.integers(1, 3), label="items")):
            pieces.append(Piece(order_id=order.id))
            here.items.open(session, pieces[-1])
        model = Model(here, str(order.configuration), [str(piece.configuration) for piece in pieces])
        for _ in range(data.draw(st.integers(8, 20), label="steps")):
            place = data.draw(st.integers(-1, len(pieces) - 1), label="who")
            lead(session, here, model, order, pieces, place, data)
            assert (order.configuration, [piece.configuration for piece in pieces]) == (model.order, model.items)
        session.flush()
        session.expire_all()
        assert (order.configuration, [piece.configuration for piece in pieces]) == (model.order, model.items)
        entries = here.orders.history(session, order)
        assert orderfsm.replay(chart, entries).configuration == model.order
        assert all(entry.caused_by for entry in entries if entry.origin == "rollup")
        event(f"{vocabulary}: {sum(entry.origin == 'rollup' for entry in entries)} by roll-up")
        session.rollback()


def lead(
    session: Session, here: Shop, model: Model, order: Any, pieces: list[Any], place: int, data: st.DataObject
) -> None:
    """One event of one item, or of the order (-1), on both sides; both refuse or neither."""
    row, lifecycle = (order, here.orders) if place < 0 else (pieces[place], here.items)
    steps = steps_of(lifecycle.chart, row.configuration)
    if not steps:
        return
    step = data.draw(st.sampled_from(steps), label="event")
    after = attempt(lifecycle, session, row, row.configuration, step)
    if after is None:
        return
    try:
        model.own(after) if place < 0 else model.item(place, after)
    except UnsoundChart:
        event("refused by the roll-up")
        assert not send(session, lifecycle, row, step)
    else:
        assert send(session, lifecycle, row, step)
