"""Dream Junction: orders of printed goods, which follow their items until they are packaged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session
from sqlmodel import col, select

from orderfsm.history import Actor
from orderfsm.http.principal import Principal
from orderfsm.http.shelf import Shelf
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .examples import NEW, ORDER
from .models import New, Sku
from .orders import any_sku, router
from .placing import place
from .tables import PrintItem, PrintItemHistory, PrintOrder, PrintOrderHistory, create, lives, now

__all__ = [
    "PrintItem",
    "PrintItemHistory",
    "PrintOrder",
    "PrintOrderHistory",
    "Sku",
    "create",
    "demo",
    "lives",
    "router",
    "shelf",
]


def shelf(clock: Callable[[], datetime] = now) -> Shelf:
    """The orders for the pages: an account sees its own, Dream Junction all of them."""
    return Shelf(
        "dream_junction",
        lives(clock).orders,
        lambda who: col(PrintOrder.id) > 0 if "provider" in who.roles else col(PrintOrder.account) == who.id,
        lambda order: f"{order.id} (purchase order {order.purchase_order})",
    )


def demo(sessions: Sessions, clock: Callable[[], datetime] = now) -> None:
    """Four orders of `demo-customer`: received, in production, shipped and canceled."""
    both = lives(clock)
    who, provider = Principal("demo-customer", frozenset({"customer"})), Actor("provider", "demo-provider")
    shirt = New.model_validate(next(iter(NEW.values()))["value"])

    def work(session: Session) -> None:
        for number in range(4):
            new = shirt.model_copy(update={"purchase_order": f"demo-{number}"})
            order = session.get_one(PrintOrder, place(session, both, who, new, any_sku, clock()))
            if number == 3:
                both.orders.send(session, order, "cancel", actor=who.actor("customer"))
            elif number:
                both.orders.send(session, order, "release", actor=provider)
            if number == 2:
                made = session.scalars(select(PrintItem).where(col(PrintItem.print_order_id) == order.id)).one()
                both.items.send(session, made, "package", actor=provider)
                parcels = {"shipped_at": clock(), "shipments": ORDER["shipments"]}
                both.orders.send(session, order, "ship", actor=provider, payload=parcels)

    transact(sessions, work)
