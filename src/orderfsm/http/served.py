"""Orders that `orderfsm serve` keeps for charts that bring no API of their own: one table for all of them."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ColumnElement, Engine, Index, String
from sqlalchemy.orm import Session
from sqlmodel import Field, SQLModel, col

from orderfsm import enforcement
from orderfsm.chart import Chart
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import HistoryEntry, SqlStore, Stateful
from orderfsm.sqlmodel.holds import HoldRow
from orderfsm.sqlmodel.outbox import OutboxRow
from orderfsm.sqlmodel.timers import TimerRow

from .generic import Opened
from .principal import Principal
from .shelf import Shelf

__all__ = [
    "OPERATOR",
    "Operator",
    "ServedOrder",
    "ServedOrderHistory",
    "create",
    "lifecycle",
    "made",
    "shelf",
    "visible",
]

OPERATOR = "operator"
"""The role, of no chart, of whoever sees all orders of a vocabulary."""


@dataclass(frozen=True, slots=True)
class Operator(Principal):
    """A principal who sees the orders of everybody."""


class ServedOrder(Stateful, table=True):
    """An order: its owner, and what it was opened with, which guards may read as `order.data`."""

    __tablename__ = "served_orders"
    __table_args__ = (Index("ix_served_orders_owner", "owner", "chart", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    owner: str = Field(sa_type=String)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)


class ServedOrderHistory(HistoryEntry, table=True):
    """The history of the orders."""

    __tablename__ = "served_order_history"
    __companions__: ClassVar[dict[str, type[SQLModel]]] = {}

    order_id: int = Field(foreign_key="served_orders.id")


class ServedOrderOutbox(OutboxRow, table=True):
    """What the orders emit."""

    __tablename__ = "served_order_outbox"

    order_id: int = Field(foreign_key="served_orders.id")


class ServedOrderTimer(TimerRow, table=True):
    """What the orders wait for."""

    __tablename__ = "served_order_timers"

    order_id: int = Field(foreign_key="served_orders.id")


class ServedOrderHold(HoldRow, table=True):
    """What holds the orders."""

    __tablename__ = "served_order_holds"

    order_id: int = Field(foreign_key="served_orders.id")


ServedOrderHistory.__companions__.update(outbox=ServedOrderOutbox, timers=ServedOrderTimer, holds=ServedOrderHold)
TABLES: list[Any] = [
    ServedOrder,
    ServedOrderHistory,
    ServedOrderOutbox,
    ServedOrderTimer,
    ServedOrderHold,
    Opened,
]

enforcement.attach(ServedOrder, ServedOrderHistory)


def create(engine: Engine) -> None:
    """Create the tables where they are missing; the database enforces the histories."""
    SQLModel.metadata.create_all(engine, tables=[model.__table__ for model in TABLES])


def lifecycle(chart: Chart, clock: Callable[[], datetime]) -> Lifecycle:
    """A chart over the tables."""
    return Lifecycle(chart, SqlStore(ServedOrder, ServedOrderHistory), clock=clock)


def made(session: Session, who: Principal, payload: Mapping[str, Any]) -> ServedOrder:
    """The row of a new order, which belongs to whoever opens it."""
    return ServedOrder(owner=who.id, data=dict(payload))


def visible(chart: Chart) -> Callable[[Principal], ColumnElement[bool]]:
    """The orders of a chart that somebody sees: an operator all of them, others their own."""

    def condition(who: Principal) -> ColumnElement[bool]:
        theirs = col(ServedOrder.chart) == chart.name
        return (
            theirs
            if OPERATOR in who.roles or isinstance(who, Operator)
            else theirs & (col(ServedOrder.owner) == who.id)
        )

    return condition


def shelf(chart: Chart, clock: Callable[[], datetime]) -> Shelf:
    """The orders of a chart for the pages."""
    vocabulary = chart.name.partition("/")[0]
    label = f"served-{chart.name}"
    return Shelf(
        vocabulary, lifecycle(chart, clock), visible(chart), lambda order: f"{order.id} of {order.owner}", label
    )
