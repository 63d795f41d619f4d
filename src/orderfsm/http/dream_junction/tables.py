"""The tables of Dream Junction's orders and items, and the lifecycles over them."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, Engine, Index, Numeric, String, UniqueConstraint
from sqlmodel import Field, SQLModel

import orderfsm
from orderfsm import enforcement
from orderfsm.chart import Chart
from orderfsm.lifecycle import Lifecycle, Parent
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful
from orderfsm.sqlmodel.columns import UtcDateTime

__all__ = [
    "Lives",
    "PrintItem",
    "PrintItemHistory",
    "PrintOrder",
    "PrintOrderHistory",
    "chart",
    "create",
    "lives",
    "now",
]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class PrintOrder(Stateful, table=True):
    """An order of an account; its purchase order is the account's own number, and used once."""

    __tablename__ = "dream_junction_orders"
    __table_args__ = (
        UniqueConstraint("account", "purchase_order"),
        Index("ix_dream_junction_orders_newest", "account", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account: str = Field(sa_type=String)
    purchase_order: str = Field(sa_type=String)
    created_at: datetime = Field(sa_type=UtcDateTime)
    client_amount: Decimal = Field(default=Decimal(0), sa_type=Numeric(12, 2), nullable=False)
    ship_provider: str | None = Field(default=None, sa_type=String)
    ship_method: str | None = Field(default=None, sa_type=String)
    ship_to: dict[str, str] = Field(default_factory=dict, sa_type=JSON, nullable=False)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)


class PrintOrderHistory(HistoryEntry, table=True):
    """The history of the orders; the entry of `ship` has the date and the parcels."""

    __tablename__ = "dream_junction_order_history"

    order_id: int = Field(foreign_key="dream_junction_orders.id")


class PrintItem(Stateful, table=True):
    """An item: its `code` is the document's workflow_state."""

    __tablename__ = "dream_junction_items"

    id: int | None = Field(default=None, primary_key=True)
    print_order_id: int = Field(foreign_key="dream_junction_orders.id", index=True)
    customer_sku: str | None = Field(default=None, sa_type=String)
    sku_id: int
    description: str = Field(default="", sa_type=String)
    quantity: int = 1
    designs: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON, nullable=False)


class PrintItemHistory(HistoryEntry, table=True):
    """The history of the items."""

    __tablename__ = "dream_junction_item_history"

    order_id: int = Field(foreign_key="dream_junction_items.id")


enforcement.attach(PrintOrder, PrintOrderHistory)
enforcement.attach(PrintItem, PrintItemHistory)


def create(engine: Engine) -> None:
    """Create the tables where they are missing; the database enforces the histories."""
    tables: list[Any] = [PrintOrder, PrintOrderHistory, PrintItem, PrintItemHistory]
    SQLModel.metadata.create_all(engine, tables=[model.__table__ for model in tables])


@cache
def chart(subject: str = "order") -> Chart:
    """The chart of orders or of items, with the arrows that later pages state or that are inferred."""
    return orderfsm.load(f"dream_junction/{subject}")


class Lives(NamedTuple):
    """The lifecycle of orders, and that of items, which orders follow."""

    orders: Lifecycle
    items: Lifecycle


def lives(clock: Callable[[], datetime] = now) -> Lives:
    """The charts over the tables."""
    orders = Lifecycle(chart(), SqlStore(PrintOrder, PrintOrderHistory), clock=clock)
    store = SqlStore(PrintItem, PrintItemHistory)
    return Lives(orders, Lifecycle(chart("item"), store, clock=clock, parent=Parent(orders)))
