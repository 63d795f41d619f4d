"""The examples of the document, for OpenAPI."""

from __future__ import annotations

from typing import Any

__all__ = ["EVENT", "FAILED", "HISTORY", "NEW", "ORDER", "PREVIEW", "PROMOTED"]

ORDER: dict[str, Any] = {
    "externalReferenceId": "759",
    "orderId": "0123456789",
    "customerId": "9876543210",
    "orderType": "NEW",
    "referenceOrderId": "",
    "referencedOrderId": "",
    "currencyCode": "USD",
    "creationDate": "2019-05-02T22:49:54Z",
    "status": "1000",
    "source": "Bridge",
    "lineItems": [
        {
            "extLineItemNumber": 4,
            "offerId": "80004567EA01A12",
            "quantity": 1,
            "subscriptionId": "86756309",
            "status": "1000",
            "currencyCode": "USD",
            "deploymentId": "12345",
        }
    ],
    "links": {"self": {"uri": "/v3/customers/9876543210/orders/0123456789", "method": "GET", "headers": []}},
}
LINE = {
    "extLineItemNumber": 4,
    "offerId": "80004567EA01A12",
    "quantity": 1,
    "currencyCode": "USD",
    "deploymentId": "12345",
}
NEW: dict[str, Any] = {
    "a new order": {
        "value": {"orderType": "NEW", "externalReferenceId": "759", "currencyCode": "USD", "lineItems": [LINE]}
    },
    "a return": {
        "value": {
            "referenceOrderId": "0123456789",
            "orderType": "RETURN",
            "externalReferenceId": "759",
            "currencyCode": "USD",
            "lineItems": [LINE],
        }
    },
    "a preview": {
        "value": {"orderType": "PREVIEW", "externalReferenceId": "759", "currencyCode": "USD", "lineItems": [LINE]}
    },
}


def promoted(number: int, offer: str, quantity: int, code: str) -> dict[str, Any]:
    """A line of the example with promotions."""
    return {
        "extLineItemNumber": number,
        "offerId": offer,
        "quantity": quantity,
        "subscriptionId": "",
        "status": "1002",
        "currencyCode": "USD",
        "promotions": [{"code": code, "result": "SUCCESS"}],
    }


PROMOTED: dict[str, Any] = ORDER | {
    "orderId": "5120008001",
    "status": "1002",
    "lineItems": [
        promoted(1, "80004567CA01A12", 1, "SUMMER_SALE_123"),
        promoted(2, "80004561CA02A12", 11, "WINTER_SALE_123"),
    ],
    "links": {"self": {"uri": "/v3/customers/9876543210/orders/5120008001", "method": "GET", "headers": []}},
}
PREVIEW: dict[str, Any] = {name: ORDER[name] for name in ORDER if name != "links"} | {
    "orderId": "",
    "orderType": "PREVIEW",
    "status": "",
    "lineItems": [ORDER["lineItems"][0] | {"subscriptionId": "", "status": ""}],
}
HISTORY: dict[str, Any] = {
    "totalCount": 9,
    "count": 2,
    "offset": 3,
    "limit": 3,
    "items": [ORDER, PROMOTED],
    "links": {
        name: {"uri": f"/v3/customers/9876543210/orders?offset={offset}&limit=3", "method": "GET", "headers": []}
        for name, offset in (("self", 3), ("next", 6), ("prev", 0))
    },
}
EVENT: dict[str, Any] = {
    "fulfilled": {"value": {"event": "fulfil", "lineItems": [{"extLineItemNumber": 4, "subscriptionId": "86756309"}]}},
    "failed": {"value": {"event": "fail_reseller_inactive"}},
}
FAILED: dict[int, tuple[str, ...]] = {
    400: ("1117", "1122", "1132", "1133", "2116", "2117", "2118", "2133", "4119", "4120"),
    401: ("4116", "4117"),
    403: ("4115", "4121"),
    404: ("1116", "2115"),
    413: ("1117",),
    429: ("4118",),
    500: ("1124",),
    503: ("1124",),
}
"""Which codes come with which HTTP status."""
