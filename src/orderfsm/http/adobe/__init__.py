"""Adobe VIP Marketplace: orders of a partner's customers, which Adobe fulfils and partners return."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from orderfsm.history import Actor
from orderfsm.http.shelf import Shelf
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .errors import refusal
from .examples import NEW
from .fulfilment import happen
from .models import New
from .once import KEPT, forget
from .orders import router
from .placing import place, preview
from .tables import (
    AdobeAnswer,
    AdobeCustomer,
    AdobeLine,
    AdobeLineHistory,
    AdobeOrder,
    AdobeOrderHistory,
    Lives,
    create,
    lives,
    now,
)

__all__ = [
    "KEPT",
    "AdobeAnswer",
    "AdobeCustomer",
    "AdobeLine",
    "AdobeLineHistory",
    "AdobeOrder",
    "AdobeOrderHistory",
    "Lives",
    "New",
    "create",
    "demo",
    "forget",
    "happen",
    "lives",
    "place",
    "preview",
    "refusal",
    "router",
    "shelf",
]


def shelf(clock: Callable[[], datetime] = now) -> Shelf:
    """The orders for the pages: a partner sees its own, Adobe all of them."""
    return Shelf(
        "adobe",
        lives(clock).orders,
        lambda who: true() if "adobe" in who.roles else col(AdobeOrder.partner_id) == who.id,
        lambda order: f"{order.order_id} ({order.order_type} for customer {order.customer_id})",
    )


def demo(sessions: Sessions, clock: Callable[[], datetime] = now) -> None:
    """A customer of `demo-partner` with five orders: open, complete, failed, returned, and the RETURN itself."""
    both, partner, adobe = lives(clock), Actor("partner", "demo-partner"), Actor("adobe", "demo-adobe")
    new = New.model_validate(NEW["a new order"]["value"])

    def work(session: Session) -> None:
        at, known = clock(), select(AdobeCustomer).where(col(AdobeCustomer.partner_id) == "demo-partner")
        began = at - timedelta(days=30)
        mine = AdobeCustomer(customer_id="9876543210", partner_id="demo-partner", current_term_start=began)
        customer = session.scalars(known).first() or mine
        session.add(customer)
        for event in ("", "fulfil", "fail_reseller_inactive", "fulfil"):
            order, _ = place(session, both, customer, new, actor=partner, at=at)
            if event:
                happen(session, both, order, event, actor=adobe)
        back = new.model_copy(update={"orderType": "RETURN", "referenceOrderId": order.order_id})
        returning, _ = place(session, both, customer, back, actor=partner, at=at)
        happen(session, both, returning, "fulfil", actor=adobe)

    transact(sessions, work)
