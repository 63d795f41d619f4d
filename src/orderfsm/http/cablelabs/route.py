"""Errors as the document's endpoints answer them, told in the document's own messages.

The endpoints name three: 400 "Invalid ID supplied." and 404 "Instance not found." for GET, 405 "Invalid input." for
POST. No body is described for them; `orderMessages` are how the schemas tell of what is wrong with an order.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderfsm.http.failure import Failure, Flaw, Rejected
from orderfsm.http.route import Route

__all__ = ["CableRoute", "absent", "invalid", "unauthorized"]

UNFIT = (400, 409, 422)
INVALID_ID, INVALID_INPUT, ABSENT = "Invalid ID supplied.", "Invalid input.", "Instance not found."


class CableRoute(Route):
    """A route that knows the document's statuses, 401 for who is unknown, 413 and 503."""

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """The answer to a request that failed."""
        status, said = _told(request.method, failure)
        flaws = failure.flaws if status in (400, 405) else ()
        messages = [message(said, status), *(message(flaw.message, status, flaw.place) for flaw in flaws[:20])]
        headers = dict(failure.headers) | ({"Allow": "POST"} if status == 405 else {})
        return JSONResponse({"orderMessages": messages}, status, headers)


def _told(method: str, failure: Failure) -> tuple[int, str]:
    status = 404 if failure.status == 403 else failure.status
    if status in UNFIT:
        return (405, INVALID_INPUT) if method == "POST" else (400, INVALID_ID)
    return status, ABSENT if status == 404 else failure.message


def message(said: str, status: int, place: str = "") -> dict[str, Any]:
    """One of the document's messages, within its limits."""
    where = {"field": place[:100]} if place else {}
    wrong = {"severity": "ERROR", "correctionRequired": status in (400, 405, 413)}
    return {"objectType": "orderError", **where, "messageInformation": said[:150], **wrong}


def absent() -> Rejected:
    """What is not there, or not for whoever asks: nobody can tell which."""
    return Rejected(404, "absent", ABSENT)


def invalid(place: str, said: str) -> Rejected:
    """A request that does not fit, for a reason that has a place."""
    return Rejected(422, "request-invalid", INVALID_INPUT, flaws=(Flaw(place, said),))


def unauthorized(said: str, scheme: str = "Bearer") -> Rejected:
    """Nobody who is known here."""
    return Rejected(401, "unauthenticated", said, headers={"WWW-Authenticate": scheme})
