"""Orders and statuses as they are on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session
from sqlmodel import col, select

from orderfsm.history import Entry, Reason

from .tables import ImageryOrder, ImageryOrderHistory

__all__ = ["VERSION", "feature", "status_of", "status_written", "statuses"]

VERSION = "0.1.0"
"""The version of STAPI that orders are written in."""


def statuses(session: Session, order: ImageryOrder, *, after: int = 0, most: int | None = None) -> list[Any]:
    """The entries of an order's history that are statuses, by sequence."""
    entry = ImageryOrderHistory
    conditions: list[ColumnElement[bool]] = [col(entry.order_id) == order.id, col(entry.sequence) > after]
    asked = select(entry).where(*conditions, col(entry.code).is_not(None)).order_by(col(entry.sequence))
    return list(session.scalars(asked.limit(most)))


def status_of(row: ImageryOrderHistory) -> dict[str, Any]:
    """A row of the history as a status."""
    return _status(row.occurred_at, row.code, Reason(row.reason_code, row.reason_text), row.links)


def status_written(entry: Entry) -> dict[str, Any]:
    """An entry that was just written as a status."""
    return _status(entry.occurred_at, entry.code, entry.reason or Reason(), [link.as_dict() for link in entry.links])


def _status(at: datetime | None, code: str | None, reason: Reason, links: list[dict[str, str]]) -> dict[str, Any]:
    """Reasons are there when there are some, links always."""
    found: dict[str, Any] = {"timestamp": at and moment(at), "status_code": code}
    if reason.code is not None:
        found["reason_code"] = reason.code
    if reason.text is not None:
        found["reason_text"] = reason.text
    return found | {"links": links}


def feature(order: ImageryOrder, current: ImageryOrderHistory, base: str) -> dict[str, Any]:
    """An order as a feature, with a link to its statuses; `base` is the URL before `/orders`."""
    geometry = order.search_parameters.get("geometry")
    here = f"{base}/orders/{order.id}"
    return {
        "type": "Feature",
        "stapi_type": "Order",
        "stapi_version": VERSION,
        "id": str(order.id),
        "geometry": geometry,
        "properties": {
            "product_id": order.product_id,
            "created": moment(order.created),
            "status": status_of(current),
            "search_parameters": order.search_parameters,
            "opportunity_properties": order.opportunity_properties,
            "order_parameters": order.order_parameters,
        },
        "links": [
            {"rel": "self", "href": here, "type": "application/geo+json"},
            {"rel": "monitor", "href": f"{here}/statuses", "type": "application/json"},
        ],
    }


def moment(at: datetime) -> str:
    """A time in RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
