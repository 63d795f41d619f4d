"""A new order: what is asked of it, and how it and its items begin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session
from sqlmodel import col, select

from orderfsm.http.principal import Principal

from .models import New, NewItem, Sku
from .route import Unprocessable
from .tables import Lives, PrintItem, PrintOrder

__all__ = ["Skus", "place", "taken"]

Skus = Callable[[NewItem], Sku | None]
"""What an item is printed on; None when there is no such thing."""

DETAILS = ("ship_from", "order_notes", "tracking_number", "shipping_label_url", "production_priority")


def place(session: Session, lives: Lives, who: Principal, new: New, skus: Skus, at: datetime) -> int:
    """Open an order and its items, and return its number; raises Unprocessable in the words of the document."""
    found = [_sku(item, skus) for item in new.items]
    if not found:
        raise Unprocessable("Order is missing one or more items.")
    if not all(item.designs for item in new.items):
        raise Unprocessable("Item is missing one or more designs")
    if _holder(session, who, new.purchase_order) is not None:
        raise taken(session, who, new.purchase_order)
    order = PrintOrder(
        account=who.id,
        purchase_order=new.purchase_order,
        created_at=at,
        client_amount=sum((sku.price * item.quantity for sku, item in zip(found, new.items, strict=True)), Decimal(0)),
        ship_provider=new.ship_provider,
        ship_method=new.ship_method,
        ship_to=new.ship_to.model_dump(exclude_none=True) if new.ship_to else {},
        details=new.model_dump(include=set(DETAILS), exclude_none=True),
    )
    lives.orders.open(session, order, actor=who.actor("customer"))
    for item, sku in zip(new.items, found, strict=True):
        _begin(session, lives, order, item, sku)
    return order.id or 0


def taken(session: Session, who: Principal, purchase_order: str) -> Unprocessable:
    """A purchase order that was used before, with the order that has it."""
    holder = _holder(session, who, purchase_order)
    return Unprocessable("Validation failed: Purchase order has already been taken", holder)


def _holder(session: Session, who: Principal, purchase_order: str) -> int | None:
    asked = select(PrintOrder.id).where(
        col(PrintOrder.account) == who.id, col(PrintOrder.purchase_order) == purchase_order
    )
    return session.scalar(asked)


def _sku(item: NewItem, skus: Skus) -> Sku:
    found = skus(item)
    if found is None:
        named = f" SKU: {item.sku}" if item.sku else ""
        raise Unprocessable(f"SKU cannot be found to process this item.{named}")
    return found


def _begin(session: Session, lives: Lives, order: PrintOrder, item: NewItem, sku: Sku) -> None:
    row = PrintItem(
        print_order_id=order.id or 0,
        customer_sku=item.customer_sku,
        sku_id=sku.id,
        description=item.description or sku.description,
        quantity=item.quantity,
        designs=[design.model_dump(exclude_none=True) for design in item.designs],
    )
    lives.items.open(session, row)
