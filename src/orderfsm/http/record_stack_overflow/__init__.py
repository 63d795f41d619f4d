"""Record Stack Overflow: customers order records from merchants; DELETE is how an order is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import or_
from sqlalchemy.orm import Session
from sqlmodel import col

from orderfsm.history import Actor
from orderfsm.http.shelf import Shelf
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .examples import ORDER
from .orders import router
from .tables import RecordOrder, RecordOrderHistory, create, lifecycle, now

__all__ = ["RecordOrder", "RecordOrderHistory", "create", "demo", "lifecycle", "router", "shelf"]


def shelf(clock: Callable[[], datetime] = now) -> Shelf:
    """The orders for the pages: a customer sees those that he placed, a merchant those of his records."""
    return Shelf(
        "record_stack_overflow",
        lifecycle(clock),
        lambda who: or_(col(RecordOrder.created_by) == who.id, col(RecordOrder.merchant_id) == who.id),
        lambda order: f"{order.id} (record {order.record_id})",
    )


def demo(sessions: Sessions, clock: Callable[[], datetime] = now) -> None:
    """Three orders of `demo-customer` with `demo-merchant`: one in progress, one completed, one cancelled."""
    orders = lifecycle(clock)

    def work(session: Session) -> None:
        for event, role in ((None, ""), ("complete", "merchant"), ("cancel", "customer")):
            order = example(clock())
            orders.open(session, order, actor=Actor("customer", "demo-customer"))
            if event:
                orders.send(session, order, event, actor=Actor(role, f"demo-{role}"))

    transact(sessions, work)


def example(at: datetime) -> RecordOrder:
    """An order like that of the document."""
    return RecordOrder(
        record_id=ORDER["record_id"],
        merchant_id="demo-merchant",
        created_by="demo-customer",
        created_date=at,
        customer_info=ORDER["customer_info"],
        shipping_info=ORDER["shipping_info"],
        billing_info=ORDER["billing_info"],
        comments=ORDER["comments"],
    )
