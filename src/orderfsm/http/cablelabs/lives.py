"""The lifecycles over the tables: orders, their items, the seller's requests and the buyer's inquiries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

import orderfsm
from orderfsm.chart import Chart
from orderfsm.lifecycle import Lifecycle, Parent
from orderfsm.sqlmodel import SqlStore

from .dates import deadline
from .tables import (
    CableInquiry,
    CableInquiryHistory,
    CableItem,
    CableItemHistory,
    CableOrder,
    CableOrderHistory,
    CableRequest,
    CableRequestHistory,
    CableRequestOutbox,
)

__all__ = ["Lives", "lives", "now", "status_request"]

FILE = "status_request.yaml"
NEVER = datetime.max.replace(tzinfo=UTC)


class Lives(NamedTuple):
    """The four lifecycles. Orders follow their items; `requests` emit the answers that a relay delivers."""

    orders: Lifecycle
    items: Lifecycle
    requests: Lifecycle
    inquiries: Lifecycle


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@cache
def status_request() -> Chart:
    """The chart of a status request: asked, then answered."""
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return orderfsm.read(text, filename=f"orderfsm/http/cablelabs/{FILE}")


def lives(clock: Callable[[], datetime] = now) -> Lives:
    """The charts over the tables."""
    orders = Lifecycle(
        orderfsm.load("cablelabs/order"), SqlStore(CableOrder, CableOrderHistory), clock=clock, facts=facts
    )
    items = Lifecycle(
        orderfsm.load("cablelabs/item"), SqlStore(CableItem, CableItemHistory), clock=clock, parent=Parent(orders)
    )
    asked = SqlStore(CableRequest, CableRequestHistory, outbox=CableRequestOutbox)
    requests = Lifecycle(status_request(), asked, clock=clock)
    inquiries = Lifecycle(status_request(), SqlStore(CableInquiry, CableInquiryHistory), clock=clock)
    return Lives(orders, items, requests, inquiries)


def facts(_: Session, order: Any) -> Mapping[str, Any]:
    """What the order's guards read, in the document's words; a correction without a due date is never late."""
    due = deadline(order.correction_order_due_date) or NEVER
    return {"order": {"buyerOrderVersion": order.version, "correctionOrderDueDate": due}}
