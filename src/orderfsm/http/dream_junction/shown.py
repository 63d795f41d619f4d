"""Orders as the document shows them: with their items, their address and, once shipped, their parcels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy.orm import Session
from sqlmodel import col, select

from .tables import PrintItem, PrintOrder, PrintOrderHistory

__all__ = ["shown", "stamp"]


def shown(session: Session, orders: Sequence[PrintOrder], zone: tzinfo) -> list[dict[str, Any]]:
    """Each order as JSON has it; two queries for all of them, one more when some have shipped."""
    keys = [order.id for order in orders]
    items: dict[int, list[dict[str, Any]]] = defaultdict(list)
    asked = select(PrintItem).where(col(PrintItem.print_order_id).in_(keys)).order_by(col(PrintItem.id))
    for item in session.scalars(asked):
        items[item.print_order_id].append(_item(item))
    parcels = _parcels(session, [order.id for order in orders if order.code == "shipped"])
    return [_order(order, items[order.id or 0], parcels.get(order.id or 0), zone) for order in orders]


def _parcels(session: Session, keys: Sequence[int | None]) -> dict[int, dict[str, Any]]:
    """What the last `ship` of each order brought along."""
    if not keys:
        return {}
    past = PrintOrderHistory
    asked = (
        select(past.order_id, past.payload)
        .where(col(past.order_id).in_(keys), past.event == "ship")
        .order_by(col(past.sequence))
    )
    return {key: payload or {} for key, payload in session.execute(asked)}


def _order(
    order: PrintOrder, items: list[dict[str, Any]], parcels: dict[str, Any] | None, zone: tzinfo
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": order.id,
        "purchase_order": order.purchase_order,
        "created_at": stamp(order.created_at, zone),
    }
    if parcels is not None and "shipped_at" in parcels:
        found["shipped_at"] = stamp(datetime.fromisoformat(parcels["shipped_at"]), zone)
    found |= {
        "status": order.code,
        "client_amount": float(order.client_amount),
        "items": items,
        "shipments": (parcels or {}).get("shipments", []),
    }
    return found | {f"ship_to_{name}": value for name, value in order.ship_to.items()}


def _item(item: PrintItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "customer_sku": item.customer_sku,
        "sku_id": item.sku_id,
        "description": item.description,
        "workflow_state": item.code,
    }


def stamp(at: datetime, zone: tzinfo) -> str:
    """A time as the document has it: milliseconds, and a space before the offset."""
    text = at.astimezone(zone).isoformat(timespec="milliseconds")
    return f"{text[:-6]} {text[-6:]}"
