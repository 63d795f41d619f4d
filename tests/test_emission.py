"""What an entry emits is written in its transaction, one row per action."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, insert, inspect, literal, select
from sqlalchemy.orm import registry
from sqlmodel import Session, SQLModel

from kept import KINDS, READY_MADE, UUIDS, Kept, database, lifecycle, statements
from orderfsm import Chart
from orderfsm.chart import Category, Effect, Kind, State, Transition
from orderfsm.errors import ChartError, Refused
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, OrderOutbox, OutboxRow, SqlStore

SHOP = Chart(
    "test/shop",
    (State("new", category=Category.OPEN), State("paid"), State("sent", Kind.FINAL, category=Category.DONE)),
    (
        Transition("new", ("pay",), ("paid",), effects=(Effect("emit", "book"), Effect("emit", "thank"))),
        Transition("paid", ("remind",)),
        Transition("paid", ("nag",), effects=(Effect("emit", "dun"),)),
        Transition("paid", ("send",), ("sent",), effects=(Effect("emit", "notify"),)),
    ),
    version="1",
    initial=("new",),
    actions={
        "book": "Tell accounting.",
        "thank": "Write to the customer.",
        "notify": "Announce the parcel.",
        "dun": "Ask for the money.",
    },
    hash="0b0c" * 16,
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("orders")) as made:
        yield made


def rows(session: Session, kind: Kept, order: Any) -> list[tuple[int, int, str]]:
    """The order's rows in the outbox: sequence, position, action."""
    store = kind.store
    outbox = store.outbox.__table__  # type: ignore[union-attr]
    mine = [
        outbox.c[name] == value for name, value in zip(kind.history.__order_key__, store.identity(order), strict=True)
    ]
    found = session.execute(select(outbox).where(*mine).order_by(outbox.c.sequence, outbox.c.position)).all()
    assert all((row.attempts, row.due_at, row.settled_at, row.dead_at) == (0, None, None, None) for row in found)
    return [(row.sequence, row.position, row.action) for row in found]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_action_of_a_step_is_a_row_in_the_order_in_which_it_was_emitted(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind, SHOP)
    with Session(engine) as session:
        order = kind.new()
        orders.open(session, order)
        for event in ("pay", "remind", "send"):
            orders.send(session, order, event)
        session.commit()
        assert rows(session, kind, order) == [(2, 1, "book"), (2, 2, "thank"), (4, 1, "notify")]


def test_rows_go_with_the_entry_when_the_transaction_is_rolled_back(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, SHOP)
    with Session(engine) as session:
        order = Order()
        orders.open(session, order)
        session.commit()
        orders.send(session, order, "pay")
        session.rollback()
        assert rows(session, READY_MADE, order) == []


def test_a_refusal_and_a_key_that_comes_again_write_nothing(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, SHOP)
    with Session(engine) as session:
        order = Order()
        orders.open(session, order)
        with pytest.raises(Refused):
            orders.send(session, order, "send")
        orders.send(session, order, "pay", key="k")
        orders.send(session, order, "pay", key="k")
        assert rows(session, READY_MADE, order) == [(2, 1, "book"), (2, 2, "thank")]
        session.rollback()


def test_an_adopted_order_has_emitted_nothing(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, SHOP)
    with Session(engine) as session:
        order = Order()
        orders.adopt(session, order, "paid")
        assert rows(session, READY_MADE, order) == []
        session.rollback()


def test_steps_without_actions_ask_for_nothing_more(engine: Engine) -> None:
    silent = replace(
        SHOP, transitions=tuple(replace(arrow, effects=()) for arrow in SHOP.transitions), hash="51e7" * 16
    )
    sent = []
    for chart in (SHOP, silent):
        orders = lifecycle(READY_MADE, chart)
        with Session(engine) as session:
            order = Order()
            orders.adopt(session, order, "paid")
            session.commit()
            orders.send(session, order, "remind")  # the chart is known to the database from here on
            session.commit()
            session.refresh(order)
            with statements(engine) as seen:
                orders.send(session, order, "remind")
            sent.append(len(seen))
            session.rollback()
    assert sent[0] == sent[1]


def test_without_an_outbox_a_chart_with_actions_works_and_stores_none(engine: Engine) -> None:
    store = SqlStore(UUIDS.order, UUIDS.history)
    orders = Lifecycle(SHOP, store)
    assert store.outbox is None
    with Session(engine) as session:
        order = UUIDS.new()
        orders.open(session, order)
        orders.send(session, order, "pay")
        session.commit()
        assert rows(session, UUIDS, order) == []


def test_an_outbox_that_refers_to_other_orders_is_refused() -> None:
    class Elsewhere(SQLModel, registry=registry(metadata=MetaData())):
        """Tables of this test."""

    class Strays(Elsewhere, OutboxRow, table=True):
        order_id: int

    with pytest.raises(ChartError, match="Strays has no foreign key to the primary key of Order"):
        Lifecycle(SHOP, SqlStore(Order, OrderHistory, outbox=Strays))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_row_is_one_action_of_one_entry_and_what_waits_has_an_index(engine: Engine, kind: Kept) -> None:
    table: Any = kind.store.outbox.__table__  # type: ignore[union-attr]
    columns = [*kind.history.__order_key__, "sequence", "position"]
    here = inspect(engine)
    assert here.get_pk_constraint(table.name)["constrained_columns"] == columns
    (index,) = here.get_indexes(table.name)
    assert (index["name"], index["column_names"]) == (f"{table.name}_waiting", columns)
    assert "settled_at" in str(next(iter(index["dialect_options"].values())))


def test_rows_may_be_written_by_others_with_what_names_them_alone(engine: Engine) -> None:
    with Session(engine) as session:
        order = Order()
        lifecycle(READY_MADE, SHOP).adopt(session, order, "paid")
        table: Any = OrderOutbox.__table__  # type: ignore[attr-defined]
        entry = select(OrderHistory.order_id, OrderHistory.sequence, literal(1), literal("book"))  # type: ignore[call-overload]
        columns = ["order_id", "sequence", "position", "action"]
        session.execute(insert(table).from_select(columns, entry.where(OrderHistory.order_id == order.id)))
        assert rows(session, READY_MADE, order) == [(1, 1, "book")]
        session.rollback()
