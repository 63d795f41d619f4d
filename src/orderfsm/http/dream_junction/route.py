"""Errors as Dream Junction answers them: `{"status": "not_found", "message": …}`, some with the order's number."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderfsm.errors import Conflict, OrderFsmError
from orderfsm.http.failure import Failure, Rejected
from orderfsm.http.route import Route

__all__ = ["PrintRoute", "Unprocessable", "absent", "unauthorized"]

WORDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    413: "request_entity_too_large",
    422: "unprocessable_entity",
    503: "service_unavailable",
}


class PrintRoute(Route):
    """A route that answers with a word about the result and a sentence."""

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """The answer to a request that failed."""
        status = 422 if failure.status in (403, 409) else failure.status
        content: dict[str, Any] = {"status": WORDS.get(status, "error"), "message": _message(failure)}
        order = getattr(failure.error, "order", None)
        if isinstance(failure.error, Unprocessable) and order is not None:
            content["order"] = order
        return JSONResponse(content, status, dict(failure.headers))


def _message(failure: Failure) -> str:
    if isinstance(failure.error, Conflict):
        return "The order was changed by somebody else; try again."
    if isinstance(failure.error, OrderFsmError) and failure.status != 503:
        return "The order cannot be changed so."
    if failure.flaws:
        places = "; ".join(f"{flaw.place.removeprefix('body.')}: {flaw.message}" for flaw in failure.flaws[:5])
        return f"Validation failed: {places}"
    return failure.message


class Unprocessable(Rejected):
    """What was asked cannot be done; `order` is the number of the order that stands in the way."""

    def __init__(self, message: str, order: int | None = None) -> None:
        super().__init__(422, "unprocessable", message)
        self.order = order


def absent() -> Rejected:
    """No such order for this account; also said of purchase orders."""
    return Rejected(404, "absent", "An order with that ID cannot be located")


def unauthorized() -> Rejected:
    """A token that is missing, malformed or unknown."""
    said = "Please check the Auth Token is valid and present in the HTTP header"
    return Rejected(401, "unauthenticated", said, headers={"WWW-Authenticate": "Token"})
