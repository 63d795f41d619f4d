"""Errors as Adobe answers them: `{"code": …, "message": …, "additionalDetails": [...]}`."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from orderfsm.errors import Conflict, NotPermitted, Refused
from orderfsm.http.failure import Failure, Flaw, Rejected
from orderfsm.http.observe import request_id
from orderfsm.http.route import Route

__all__ = ["ERRORS", "AdobeRoute", "Answer", "refusal", "told"]

ERRORS: dict[str, tuple[int, str]] = {
    "1116": (404, "Invalid Customer"),
    "1117": (400, "Some Fields are Invalid"),
    "1121": (400, "Request contains additional unexpected fields."),
    "1122": (400, "Request is missing required fields"),
    "1124": (500, "Internal Server Error. Please try again later"),
    "1132": (400, "Invalid value for search parameter"),
    "1133": (400, "Offset out of range"),
    "1139": (400, "Partner is not enabled for global sales"),
    "1140": (400, "Customer is not enabled for global sales"),
    "1142": (400, "Market segment not allowed for global sales"),
    "2115": (404, "Invalid Customer or Order ID"),
    "2116": (400, "Invalid status"),
    "2117": (400, "Cancellation window has closed"),
    "2118": (400, "Order has already been cancelled"),
    "2119": (400, "Too many line items"),
    "2120": (400, "Line item quantity out of range"),
    "2121": (400, "Duplicate line item numbers"),
    "2122": (400, "Line item Offer ID is invalid"),
    "2123": (400, "extLineItemNumber out of range"),
    "2124": (400, "Distributor not allowed to sell the program"),
    "2125": (400, "Distributor not allowed to sell in the currency for the region"),
    "2126": (400, "externalReferenceId exceeds maximum character limit"),
    "2128": (400, "Currency is not valid for Offer ID"),
    "2129": (400, "Customer is not eligible to purchase Offer ID at line item"),
    "2130": (400, "Line item Offer ID does not match original order"),
    "2131": (400, "extLineItemNumber does not match original order"),
    "2132": (400, "Line item quantity does not match original order"),
    "2133": (400, "Line item has already been returned"),
    "2134": (400, "Line item cannot be returned as the order already expired"),
    "2136": (400, "Please review the renewal settings. Auto-renewal needs to be turned on for at least 1 quantity"),
    "2137": (400, "Currency code not aligned"),
    "2138": (404, "Invalid Deployment"),
    "2139": (400, "Deployment not allowed for this contract"),
    "3115": (404, "Invalid Customer or Subscription ID"),
    "3121": (400, "Subscription is Active"),
    "3122": (400, "Not within Renewal Window"),
    "4115": (403, "API key is invalid or missing"),
    "4116": (401, "Authorization token is invalid"),
    "4117": (401, "Authorization token is missing"),
    "4118": (429, "Too many requests"),
    "4119": (400, "Correlation ID is Invalid or Missing"),
    "4120": (400, "Duplicate request id, same requestId has already been processed"),
    "4121": (403, "You are not allowed to perform that action on this resource"),
    "4122": (400, "Another request for this resource is being processed"),
    "5122": (400, "Order placement is currently unavailable. Please try again later."),
    "5133": (400, "Order cancellation not allowed below MOQ quantity"),
    "5135": (400, "Invalid Discount Code"),
}
"""The documented codes that orders can meet: HTTP status and message."""

HEADERS: dict[int, dict[str, str]] = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}}
"""What an answer of a status has to say beside its body."""

VISIBLE = re.compile(r"[!-~]{1,255}")
"""What an id in a header may look like."""


def refusal(code: str, *details: str) -> Rejected:
    """The error of a documented code, to be raised; `details` tell which field or line, never what was sent in it."""
    status, message = ERRORS[code]
    headers = HEADERS.get(status, {})
    return Rejected(status, code, message, flaws=tuple(Flaw(detail, "") for detail in details), headers=headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the bytes of a body, which can be given again."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer that tells of a content in JSON."""
        return cls(status, json.dumps(content, separators=(",", ":")).encode(), headers or {})

    @classmethod
    def inflated(cls, status: int, deflated: bytes) -> Answer:
        """An answer that was kept."""
        return cls(status, zlib.decompress(deflated))

    @property
    def deflated(self) -> bytes:
        """The body, for keeping."""
        return zlib.compress(self.body)

    def response(self) -> Response:
        """The answer for the wire."""
        return Response(self.body, self.status, dict(self.headers), media_type="application/json")


def told(failure: Failure) -> Answer:
    """The answer to a request that failed."""
    status, code, message, details = _in_adobes_words(failure)
    content = {"code": code, "message": message, "additionalDetails": list(details)}
    return Answer.of(status, content, dict(failure.headers))


def _in_adobes_words(failure: Failure) -> tuple[int, str, str, tuple[str, ...]]:
    error = failure.error
    if failure.code in ERRORS:
        return failure.status, failure.code, failure.message, tuple(flaw.place for flaw in failure.flaws)
    if isinstance(error, RequestValidationError):
        code = _code_of({found["type"] for found in error.errors()})
        places = dict.fromkeys(_place(flaw.place) for flaw in failure.flaws)
        return (*_known(code), tuple(place for place in places if place)[:20])
    if isinstance(error, Conflict):
        return (*_known("4122"), ())
    if isinstance(error, Refused):
        code = "4121" if isinstance(error, NotPermitted) else "2116" if error.code == "not-enabled" else "1117"
        return (*_known(code), ())
    if failure.status >= 500:
        return failure.status, "1124", ERRORS["1124"][1], ()
    return failure.status, "1117", ERRORS["1117"][1], (failure.message,)


def _known(code: str) -> tuple[int, str, str]:
    status, message = ERRORS[code]
    return status, code, message


def _code_of(kinds: set[str]) -> str:
    if "extra_forbidden" in kinds:
        return "1121"
    return "1122" if kinds == {"missing"} else "1117"


def _place(place: str) -> str:
    """`body.lineItems.0.quantity` as Adobe writes it: `lineItems[0].quantity`."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", place.removeprefix("body").removeprefix("."))


class AdobeRoute(Route):
    """A route whose answers all name their request: as the client did, or by a new id."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the request's id around it."""
        inner = super().get_route_handler()

        async def named(request: Request) -> Response:
            given = request.headers.get("x-request-id", "")
            name = given if VISIBLE.fullmatch(given) else request_id.get() or str(uuid4())
            request.state.adobe_request_id = name
            response = await inner(request)
            response.headers["X-Request-Id"] = name
            return response

        return named

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """The answer to a request that failed."""
        return told(failure).response()
