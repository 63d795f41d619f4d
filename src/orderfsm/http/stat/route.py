"""Errors as the reference server of STAPI answers them: `{"detail": "Order not found"}`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderfsm.errors import Refused
from orderfsm.http.failure import Failure, Rejected
from orderfsm.http.route import Route

__all__ = ["StatRoute", "absent", "no_page", "unauthorized"]


class StatRoute(Route):
    """A route whose 422 has a list of details, and every other failure a sentence."""

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """The answer to a request that failed."""
        return JSONResponse({"detail": _detail(failure)}, failure.status, dict(failure.headers))


def _detail(failure: Failure) -> Any:
    if failure.status != 422:
        return failure.message
    if isinstance(failure.error, Refused):
        return [{"loc": ["body"], "msg": each.message, "type": each.code} for each in failure.error.blockers]
    if failure.flaws:
        return [{"loc": flaw.place.split("."), "msg": flaw.message, "type": failure.code} for flaw in failure.flaws]
    return [{"loc": ["body"], "msg": failure.message, "type": failure.code}]


def absent() -> Rejected:
    """An order that is not there, or that the principal may not see."""
    return Rejected(404, "absent", "Order not found")


def no_page() -> Rejected:
    """A token that no page has given."""
    return Rejected(404, "absent", "Error finding pagination token")


def unauthorized() -> Rejected:
    """A token that is missing, malformed or unknown."""
    return Rejected(401, "unauthenticated", "Not authenticated", headers={"WWW-Authenticate": "Bearer"})
