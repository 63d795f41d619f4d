"""The tables of Adobe's orders: customers, orders, lines with lives of their own, and the answers that were given."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, Engine, ForeignKeyConstraint, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Session
from sqlmodel import Field, SQLModel

import orderfsm
from orderfsm import enforcement
from orderfsm.chart import Chart
from orderfsm.lifecycle import Lifecycle, Parent
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful
from orderfsm.sqlmodel.columns import UtcDateTime

__all__ = [
    "AdobeAnswer",
    "AdobeCustomer",
    "AdobeLine",
    "AdobeLineHistory",
    "AdobeOrder",
    "AdobeOrderHistory",
    "Lives",
    "chart",
    "create",
    "free_id",
    "lives",
    "now",
]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class AdobeCustomer(SQLModel, table=True):
    """A customer of a partner; `partner_id` is the principal who may see it and order for it."""

    __tablename__ = "adobe_customers"

    customer_id: str = Field(primary_key=True, sa_type=String)
    partner_id: str = Field(index=True, sa_type=String)
    reseller_id: str = Field(default="", sa_type=String)
    current_term_start: datetime = Field(sa_type=UtcDateTime)
    currency_code: str = Field(default="USD", sa_type=String)


class AdobeOrder(Stateful, table=True):
    """An order of a customer, placed by `partner_id`; one of type RETURN refers to the order that it returns."""

    __tablename__ = "adobe_orders"
    __table_args__ = (
        Index("ix_adobe_orders_customer", "customer_id", "placed_at", "order_id"),
        Index("ix_adobe_orders_reference", "customer_id", "reference_order_id"),
    )

    order_id: str = Field(primary_key=True, sa_type=String)
    customer_id: str = Field(foreign_key="adobe_customers.customer_id", sa_type=String)
    partner_id: str = Field(sa_type=String)
    reseller_id: str = Field(default="", sa_type=String)
    order_type: str = Field(sa_type=String)
    external_reference_id: str = Field(default="", sa_type=String)
    reference_order_id: str = Field(default="", sa_type=String)
    currency_code: str = Field(sa_type=String)
    placed_at: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(default="Bridge", sa_type=String)


class AdobeOrderHistory(HistoryEntry, table=True):
    """The history of the orders."""

    __tablename__ = "adobe_order_history"

    order_id: str = Field(foreign_key="adobe_orders.order_id", sa_type=String)


class AdobeLine(Stateful, table=True):
    """A line of an order; `position` is its place in the order."""

    __tablename__ = "adobe_lines"

    order_id: str = Field(primary_key=True, foreign_key="adobe_orders.order_id", sa_type=String)
    ext_line_item_number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    position: int
    offer_id: str = Field(sa_type=String)
    quantity: int
    subscription_id: str = Field(default="", sa_type=String)
    currency_code: str = Field(sa_type=String)
    deployment_id: str = Field(default="", sa_type=String)
    promotions: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON, nullable=False)


class AdobeLineHistory(HistoryEntry, table=True):
    """The history of the lines."""

    __tablename__ = "adobe_line_history"
    __order_key__ = ("order_id", "ext_line_item_number")
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id", "ext_line_item_number"], ["adobe_lines.order_id", "adobe_lines.ext_line_item_number"]
        ),
    )

    order_id: str = Field(sa_type=String)
    ext_line_item_number: int


class AdobeAnswer(SQLModel, table=True):
    """The answer to an intent, which is what a principal asks of an operation under a correlation id; deflated."""

    __tablename__ = "adobe_answers"
    __table_args__ = (
        UniqueConstraint("principal_id", "operation", "correlation_id"),
        UniqueConstraint("principal_id", "request_id"),
        Index("ix_adobe_answers_pace", "principal_id", "answered_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    principal_id: str = Field(sa_type=String)
    operation: str = Field(sa_type=String)
    correlation_id: str = Field(sa_type=String)
    request_id: str = Field(sa_type=String)
    answered_at: datetime = Field(index=True, sa_type=UtcDateTime)
    status: int
    body: bytes = Field(sa_type=LargeBinary)


enforcement.attach(AdobeOrder, AdobeOrderHistory)
enforcement.attach(AdobeLine, AdobeLineHistory)


def create(engine: Engine) -> None:
    """Create the tables where they are missing; the database enforces the histories."""
    tables: list[Any] = [AdobeCustomer, AdobeOrder, AdobeOrderHistory, AdobeLine, AdobeLineHistory, AdobeAnswer]
    SQLModel.metadata.create_all(engine, tables=[model.__table__ for model in tables])


@cache
def chart(subject: str) -> Chart:
    """The chart of orders or of their lines."""
    return orderfsm.load(f"adobe/{subject}")


class Lives(NamedTuple):
    """The lifecycles of orders and of their lines; orders follow their lines."""

    orders: Lifecycle
    lines: Lifecycle


def lives(clock: Callable[[], datetime] = now) -> Lives:
    """The charts over the tables."""
    orders = Lifecycle(chart("order"), SqlStore(AdobeOrder, AdobeOrderHistory), clock=clock)
    lines = Lifecycle(chart("item"), SqlStore(AdobeLine, AdobeLineHistory), clock=clock, parent=Parent(orders))
    return Lives(orders, lines)


def free_id(session: Session) -> str:
    """An order id of ten digits, as the documents show them, that no order has yet."""
    while True:
        found = str(10**9 + secrets.randbelow(9 * 10**9))
        if session.get(AdobeOrder, found) is None:
            return found
