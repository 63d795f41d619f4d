"""The examples of the document, for OpenAPI."""

from __future__ import annotations

from typing import Any

__all__ = ["DELETED", "FAILED", "FORM", "ORDER"]

ORDER: dict[str, Any] = {
    "status": "In progress",
    "_id": "5c68a588fc924b00178bf143",
    "record_id": "5c679811bb102c001706bf0b",
    "merchant_id": "5c679751bb102c001706bf0a",
    "customer_info": [
        {"username": "customerName", "email": "email@example.com", "firstName": "First", "lastName": "Name"}
    ],
    "shipping_info": [
        {
            "shipping_address1": "123 Shipping Lane",
            "shipping_address2": "",
            "shipping_city": "Raleigh",
            "shipping_state": "NC",
            "shipping_zip": "27615",
        }
    ],
    "billing_info": [
        {
            "paypal_email": "paypal@example.com",
            "billing_address1": "123 Billing Drive",
            "billing_address2": "Ste. #100",
            "billing_city": "Raleigh",
            "billing_state": "NC",
            "billing_zip": "27615",
        }
    ],
    "comments": ["This is a comment"],
    "_createdBy": "5c6777d1d6a7470017de33c3",
    "created_date": "2019-02-12T02:16:49.482Z",
    "__v": 0,
}

SHIPPING, BILLING = ORDER["shipping_info"][0], ORDER["billing_info"][0]
GROUPS = {
    "shipping_info": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 500}},
    "billing_info": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 500}},
    "comments": {"type": "array", "items": {"type": "string", "maxLength": 2_000}, "maxItems": 100},
}
FORM: dict[str, Any] = {
    "application/json": {
        "schema": {"type": "object", "properties": GROUPS},
        "example": {"shipping_info": SHIPPING, "billing_info": BILLING, "comments": ORDER["comments"]},
    },
    "application/x-www-form-urlencoded": {
        "schema": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in (*SHIPPING, *BILLING, "comments")},
        },
        "example": {**SHIPPING, **BILLING, "comments": "This is a comment"},
    },
}

DELETED = {"success_message": "Order cancelled", "response_code": 200}
FAILED = {
    status: {"error_message": said, "response_code": status}
    for status, said in {
        400: "The order is Completed; orders are changed and deleted only when In progress",
        401: "Insufficient privileges",
        404: "Order not found. Check the order id",
        413: "a body has at most 1048576 bytes; send less",
        503: "the database is busy; nothing was written",
    }.items()
}
