"""The tables of orders for imagery, and the lifecycle over them: in the words of 2024 or in those of today."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from sqlalchemy import JSON, Engine, Index, String
from sqlmodel import Field, SQLModel

import orderfsm
from orderfsm import enforcement
from orderfsm.lifecycle import Claims, Lifecycle
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful
from orderfsm.sqlmodel.columns import UtcDateTime

__all__ = ["ImageryOrder", "ImageryOrderHistory", "Words", "create", "lifecycle", "now"]

Words: TypeAlias = Literal["stat/order", "stapi/order"]
"""Whose words are spoken: `stat/order` has those of 2024 (canceled), `stapi/order` those of STAPI 0.1.0 (cancelled)."""

CLAIMS = Claims(late="refuse", ahead=timedelta(minutes=5))
"""The newest status is the current one: a timestamp is not before that of the last status, nor in the future."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class ImageryOrder(Stateful, table=True):
    """An order for imagery of a product, placed by a customer."""

    __tablename__ = "stat_orders"
    __table_args__ = (Index("ix_stat_orders_newest", "customer", "chart", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    customer: str = Field(sa_type=String)
    product_id: str = Field(sa_type=String)
    created: datetime = Field(sa_type=UtcDateTime)
    search_parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)
    order_parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)
    opportunity_properties: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)


class ImageryOrderHistory(HistoryEntry, table=True):
    """The history of the orders: each entry is a status."""

    __tablename__ = "stat_order_history"

    order_id: int = Field(foreign_key="stat_orders.id")


enforcement.attach(ImageryOrder, ImageryOrderHistory)


def create(engine: Engine) -> None:
    """Create the tables where they are missing; the database enforces the histories."""
    tables: list[Any] = [ImageryOrder, ImageryOrderHistory]
    SQLModel.metadata.create_all(engine, tables=[model.__table__ for model in tables])


def lifecycle(
    words: Words = "stapi/order", clock: Callable[[], datetime] = now, claims: Claims | None = CLAIMS
) -> Lifecycle:
    """The chart over the tables."""
    return Lifecycle(orderfsm.load(words), SqlStore(ImageryOrder, ImageryOrderHistory), clock=clock, claims=claims)
