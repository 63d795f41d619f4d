"""Orders and histories in SQLModel tables: bases for the service's own, ready-made ones, the store of a lifecycle.

The ready-made tables join SQLModel's metadata when they are first asked for, so that a service with tables of its own
never sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfsm.extras import brought_by

with brought_by("sqlmodel"):
    from .bases import HistoryEntry, Stateful
    from .columns import UtcDateTime
    from .engine import async_engine, engine, secure
    from .holds import HoldRow
    from .outbox import OutboxRow
    from .store import SqlStore
    from .timers import TimerRow

if TYPE_CHECKING:
    from .tables import Order, OrderHistory, OrderHold, OrderOutbox, OrderTimer, create_all

__all__ = [
    "HistoryEntry",
    "HoldRow",
    "Order",
    "OrderHistory",
    "OrderHold",
    "OrderOutbox",
    "OrderTimer",
    "OutboxRow",
    "SqlStore",
    "Stateful",
    "TimerRow",
    "UtcDateTime",
    "async_engine",
    "create_all",
    "engine",
    "secure",
]


def ready_made(model: type) -> bool:
    """Whether a class is one of the ready-made ones; asking does not define them."""
    return model.__module__ == f"{__name__}.tables"


def __getattr__(name: str) -> Any:
    """Define the ready-made tables when one is first asked for."""
    if name in ("Order", "OrderHistory", "OrderHold", "OrderOutbox", "OrderTimer", "create_all"):
        from . import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
