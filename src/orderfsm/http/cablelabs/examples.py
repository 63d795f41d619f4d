"""The examples of the document, for OpenAPI."""

from __future__ import annotations

from typing import Any

__all__ = ["ANSWER", "QUESTION", "failed"]

ANSWER: dict[str, Any] = {
    "objectType": "orderStatusResponse",
    "orderId": "ORD-CC-12345",
    "buyerId": "Verizon",
    "sellerId": "Cox",
    "buyerPurchaseOrderNumber": "PO-12345",
    "buyerOrderVersion": "1",
    "projectId": "PRJ-CC-482457303",
    "requestedCompletionDate": "2016-10-11T17:20+01:00",
    "expectedCompletionDate": "2016-10-05T08:00+01:00",
    "orderStatus": "IN_PROGRESS",
    "orderItemStatuses": [
        {"orderItemReference": "01", "orderItemStatus": "COMPLETED"},
        {"orderItemReference": "02", "orderItemStatus": "IN_PROGRESS"},
    ],
}
QUESTION: dict[str, Any] = {
    "objectType": "orderStatusRequest",
    "orderId": "ORD-CC-12345",
    "buyerId": "Verizon",
    "sellerId": "Cox Spectrum Business",
    "buyerPurchaseOrderNumber": "PO-12345",
}
SAID = {
    400: "Invalid ID supplied.",
    401: "A bearer token that is known here is needed.",
    404: "Instance not found.",
    405: "Invalid input.",
    413: "a body has at most 1048576 bytes; send less",
    503: "the database is busy; nothing was written",
}


def failed(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these statuses."""
    return {status: {"content": {"application/json": {"example": told(status)}}} for status in statuses}


def told(status: int) -> dict[str, Any]:
    """The body of a status."""
    wrong = {"severity": "ERROR", "correctionRequired": status in (400, 405, 413)}
    return {"orderMessages": [{"objectType": "orderError", "messageInformation": SAID[status], **wrong}]}
