"""The examples of the documents, for OpenAPI."""

from __future__ import annotations

from typing import Any

from .models import Failed

__all__ = ["CANCELED", "CREATED", "LIST", "NEW", "ORDER", "UPDATE", "UPDATED", "responses"]

ORDER: dict[str, Any] = {
    "id": 16724,
    "purchase_order": "5697626056",
    "created_at": "2014-06-30T23:56:24.691 -07:00",
    "shipped_at": "2014-07-01T12:21:24.691 -07:00",
    "status": "shipped",
    "client_amount": 5.25,
    "items": [
        {
            "id": 33448,
            "customer_sku": "1415956-15",
            "sku_id": 202,
            "description": "T-Shirt",
            "workflow_state": "packaged",
        }
    ],
    "shipments": [
        {
            "shipping_method": "Smartmail Expedited",
            "tracking_number": "9374869903500930473876",
            "search_link": "http://webtrack.dhlglobalmail.com/?trackingnumber=9374869903500930473876",
        }
    ],
}
LIST = {"orders": [{"order": ORDER}]}
CREATED = {"status": "ok", "message": "Order 16724 successfully created.", "order": 16724}
UPDATED = {"status": "ok", "message": "Order 7048816 successfully updated.", "order": 7048816}
CANCELED = {"status": "ok", "message": "Order 7048816 successfully canceled.", "order": 7048816}

SHIP_TO = {
    "first_name": "Customer",
    "last_name": "Name",
    "address": "1915 S Susan St",
    "city": "Santa Ana",
    "zip_code": "92704",
    "country": "US",
}
NEW: dict[str, Any] = {
    "an order of one shirt": {
        "value": {
            "purchase_order": "1729598549",
            "ship_provider": "DHL",
            "ship_method": "Ground",
            "ship_to": SHIP_TO,
            "items": [
                {
                    "customer_sku": "574247-15",
                    "sku": "2001_ASPHALT_L",
                    "description": "T-shirt - Womens Fitted Tee White LARGE",
                    "quantity": "1",
                    "designs": [{"placement": "Front Center", "art_file": "art.tif", "underbase": True}],
                }
            ],
        }
    }
}
UPDATE: dict[str, Any] = {
    "another carrier": {"value": {"ship_provider": "UPS", "ship_method": "Ground", "ship_to": SHIP_TO}}
}

FAILED: dict[int, dict[str, Any]] = {
    400: {"status": "bad_request", "message": "the body is no JSON"},
    401: {
        "status": "unauthorized",
        "message": "Please check the Auth Token is valid and present in the HTTP header",
    },
    404: {"status": "not_found", "message": "An order with that ID cannot be located"},
    413: {"status": "request_entity_too_large", "message": "a body has at most 1048576 bytes; send less"},
    422: {
        "status": "unprocessable_entity",
        "message": "This order is already in production and cannot be canceled.",
        "order": 7048816,
    },
    503: {"status": "service_unavailable", "message": "the database is busy; nothing was written"},
}


def responses(example: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation may answer."""
    made: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"example": example}}}}
    for status in sorted({400, 401, 413, 422, 503, *statuses}):
        made[status] = {"model": Failed, "content": {"application/json": {"example": FAILED[status]}}}
    return made
