"""Examples for OpenAPI, in the seed's shape and in today's."""

from __future__ import annotations

from typing import Any

from .models import Failed

__all__ = ["ORDER", "REPORTS", "STATUS", "STATUSES", "STATUS_LIST", "responses"]

RECEIVED = {"timestamp": "2024-04-01T09:00:00Z", "status_code": "received", "links": []}
STATUS: dict[str, Any] = {
    "timestamp": "2024-04-02T10:30:00Z",
    "status_code": "accepted",
    "reason_text": "The area is clear.",
    "links": [],
}
STATUSES = {"current": STATUS, "history": [RECEIVED, STATUS]}
STATUS_LIST = {"statuses": [RECEIVED, STATUS], "links": []}
REPORTS: dict[str, Any] = {
    "accepted": {"value": {"status_code": "accepted", "reason_text": "The area is clear."}},
    "processing, with a file": {
        "value": {
            "status_code": "processing",
            "reason_code": "partial_delivery",
            "links": [{"rel": "delivered-asset", "href": "https://catalog.example/items/1"}],
        }
    },
}
ORDER: dict[str, Any] = {
    "type": "Feature",
    "stapi_type": "Order",
    "stapi_version": "0.1.0",
    "id": "17",
    "geometry": {"type": "Point", "coordinates": [13.4, 52.5]},
    "properties": {
        "product_id": "optical",
        "created": "2024-04-01T09:00:00Z",
        "status": STATUS,
        "search_parameters": {
            "datetime": "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z",
            "geometry": {"type": "Point", "coordinates": [13.4, 52.5]},
        },
        "opportunity_properties": {},
        "order_parameters": {},
    },
    "links": [{"rel": "monitor", "href": "https://imagery.example/orders/17/statuses", "type": "application/json"}],
}
FAILED: dict[int, Any] = {
    400: "the body is no JSON",
    401: "Not authenticated",
    403: "stat/order lets provider accept, not customer",
    404: "Order not found",
    409: "no event of stat/order leads from received to completed",
    413: "a body has at most 1048576 bytes; send less",
    422: [{"loc": ["body", "status_code"], "msg": "Field required", "type": "request-invalid"}],
    503: "the database is busy; nothing was written",
}


def responses(example: Any, *statuses: int, good: int = 200) -> dict[int | str, dict[str, Any]]:
    """What an operation may answer."""
    made: dict[int | str, dict[str, Any]] = {good: {"content": {"application/json": {"example": example}}}}
    for status in sorted({400, 401, 413, 422, 503, *statuses}):
        example = {"detail": FAILED[status]}
        made[status] = {"model": Failed, "content": {"application/json": {"example": example}}}
    return made
