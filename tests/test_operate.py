"""What docs/how-to/operate.md grants to a service's role on PostgreSQL is enough, and no more than it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session

import orderfsm
from orderfsm import enforcement
from orderfsm.lifecycle import Lifecycle
from orderfsm.outbox import relay
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine
from test_docs_examples import blocks

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "operate.md"
CHART = orderfsm.read(
    """
chart: shop/rental
version: "1"
initial: asked
actors: {}
states:
  asked: {after: {P7D: lapse}}
  rented: {}
  held: {category: suspended}
  returned: {final: true}
  lapsed: {final: true}
actions: {send_key: The key is sent.}
events:
  rent: {from: asked, to: rented, emit: send_key}
  hold: {from: rented, to: held}
  resume: {from: held, to: rented}
  return: {from: rented, to: returned}
  lapse: {from: asked, to: lapsed}
"""
)


@pytest.fixture
def owned(postgres_database: Callable[[], str]) -> Iterator[Engine]:
    made = engine(postgres_database())
    create_all(made)
    with made.begin() as connection:
        enforcement.register(connection, CHART)
    yield made
    made.dispose()


@pytest.fixture
def granted(owned: Engine) -> Iterator[Engine]:
    """The database as the page's role sees it."""
    role = f"service_{owned.url.database}"
    (grants,) = (block.text for block in blocks(PAGE.read_text("utf-8")) if block.kind == "sql")
    with owned.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        connection.exec_driver_sql(grants.replace("TO service;", f"TO {role};"))
    made = engine(make_url(owned.url).set(username=role))
    yield made
    made.dispose()
    with owned.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")


def test_the_role_of_the_page_may_do_what_a_service_does(granted: Engine) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    orders = Lifecycle(CHART, SqlStore(Order, OrderHistory), clock=lambda: now)
    with Session(granted) as session:
        rented, left = Order(), Order()
        for order in (rented, left):
            orders.open(session, order, key="opened")
        orders.send(session, rented, "rent", key="once")
        orders.hold(session, rented, "deposit")
        orders.release(session, rented, "deposit")
        session.commit()
        assert orders.send_many(session, [rented.id], "return").counts
        session.commit()
        now += timedelta(days=8)
        assert [each.outcome for each in orders.sweep(granted)] == ["sent"]
        session.expire_all()
        assert (rented.code, left.code) == ("returned", "lapsed")
    delivered: list[str] = []
    relay(granted, orders, lambda message: delivered.append(message.action))
    assert delivered == ["send_key"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM orders",
        "UPDATE order_history SET event = 'x'",
        "DELETE FROM order_history",
        "TRUNCATE order_history",
        "DELETE FROM order_outbox",
        "DELETE FROM orderfsm_edges",
        "INSERT INTO orderfsm_edges SELECT * FROM orderfsm_edges",
        "ALTER TABLE order_history DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP FUNCTION orderfsm_charts_keep() CASCADE",
    ],
)
def test_the_role_of_the_page_may_do_no_more(granted: Engine, statement: str) -> None:
    with granted.connect() as connection, pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        connection.exec_driver_sql(statement)
