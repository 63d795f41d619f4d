"""Ready-made tables for whoever has none: `orders`, `order_history` and companions, in SQLModel's own metadata."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from typing import Any, ClassVar

from sqlalchemy import JSON, Engine, String
from sqlmodel import Field, SQLModel

from orderfsm import enforcement

from .bases import HistoryEntry, Stateful
from .holds import HoldRow
from .outbox import OutboxRow
from .timers import TimerRow

__all__ = ["Order", "OrderHistory", "OrderHold", "OrderOutbox", "OrderTimer", "create_all"]


class Order(Stateful, table=True):
    """An order: its state, a `reference` of the service's own, and any `data` that guards may read."""

    __tablename__ = "orders"

    id: int | None = Field(default=None, primary_key=True)
    reference: str | None = Field(default=None, sa_type=String, index=True)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)


class OrderHistory(HistoryEntry, table=True):
    """The history of the ready-made orders."""

    __tablename__ = "order_history"
    __companions__: ClassVar[dict[str, type[SQLModel]]] = {}

    order_id: int = Field(foreign_key="orders.id")


class OrderOutbox(OutboxRow, table=True):
    """What the ready-made orders emit."""

    __tablename__ = "order_outbox"

    order_id: int = Field(foreign_key="orders.id")


class OrderTimer(TimerRow, table=True):
    """What the ready-made orders wait for."""

    __tablename__ = "order_timers"

    order_id: int = Field(foreign_key="orders.id")


class OrderHold(HoldRow, table=True):
    """What holds the ready-made orders."""

    __tablename__ = "order_holds"

    order_id: int = Field(foreign_key="orders.id")


READY_MADE: list[Any] = [Order, OrderHistory, OrderOutbox, OrderTimer, OrderHold]
"""The ready-made classes, in the order in which their tables are created."""

OrderHistory.__companions__["outbox"] = OrderOutbox
OrderHistory.__companions__["timers"] = OrderTimer
OrderHistory.__companions__["holds"] = OrderHold


enforcement.attach(Order, OrderHistory)


def create_all(engine: Engine) -> None:
    """Create the ready-made tables where they are missing, and let the database enforce their histories.

    Where all triggers are there already, nothing is locked and nothing renewed. A service with migrations makes them
    there instead. `enforcement.remove` takes the enforcement back.
    """
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection, tables=[model.__table__ for model in READY_MADE])
        supported = connection.dialect.name in ("sqlite", "postgresql")
        if supported and enforcement.enforced(connection, Order, OrderHistory):
            enforcement.install(connection, Order, OrderHistory)
