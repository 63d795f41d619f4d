"""The tables of Record Stack Overflow's orders, and the lifecycle over them."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, Engine, Index, String
from sqlmodel import Field, SQLModel

import orderfsm
from orderfsm import enforcement
from orderfsm.chart import Chart
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful
from orderfsm.sqlmodel.columns import UtcDateTime

__all__ = ["RecordOrder", "RecordOrderHistory", "create", "lifecycle", "now"]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """An id in the form that the documents show: 24 hexadecimal digits."""
    return secrets.token_hex(12)


class RecordOrder(Stateful, table=True):
    """An order: `created_by` is the customer who placed it, `merchant_id` the merchant whose record it is."""

    __tablename__ = "record_stack_overflow_orders"
    __table_args__ = (
        Index("ix_record_stack_overflow_customer", "created_by", "created_date", "id"),
        Index("ix_record_stack_overflow_merchant", "merchant_id", "created_date", "id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=String)
    record_id: str = Field(sa_type=String)
    merchant_id: str = Field(sa_type=String)
    created_by: str = Field(sa_type=String)
    created_date: datetime = Field(sa_type=UtcDateTime)
    customer_info: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON, nullable=False)
    shipping_info: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON, nullable=False)
    billing_info: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON, nullable=False)
    comments: list[str] = Field(default_factory=list, sa_type=JSON, nullable=False)


class RecordOrderHistory(HistoryEntry, table=True):
    """The history of the orders."""

    __tablename__ = "record_stack_overflow_order_history"

    order_id: str = Field(foreign_key="record_stack_overflow_orders.id", sa_type=String)


enforcement.attach(RecordOrder, RecordOrderHistory)


def create(engine: Engine) -> None:
    """Create the tables where they are missing; the database enforces the histories."""
    tables: list[Any] = [RecordOrder, RecordOrderHistory]
    SQLModel.metadata.create_all(engine, tables=[model.__table__ for model in tables])


@cache
def chart() -> Chart:
    """The chart, with the arrow by which a merchant completes an order: no document states it."""
    return orderfsm.load("record_stack_overflow/order")


def lifecycle(clock: Callable[[], datetime] = now) -> Lifecycle:
    """The chart over the tables."""
    return Lifecycle(chart(), SqlStore(RecordOrder, RecordOrderHistory), clock=clock)
