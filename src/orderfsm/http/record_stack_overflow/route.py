"""Errors as Record Stack Overflow answers them: `{"error_message": …, "response_code": …}`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderfsm.errors import Conflict, NotPermitted, Refused
from orderfsm.http.failure import Failure, Rejected
from orderfsm.http.route import Route
from orderfsm.table import compile

from .tables import chart

__all__ = ["RecordRoute", "absent", "unauthorized", "underprivileged"]


class RecordRoute(Route):
    """A route that knows the documented statuses: 200, 400, 401, 404, 413 and 503."""

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """The answer to a request that failed."""
        status, message = _told(failure)
        content = {"error_message": message, "response_code": status}
        return JSONResponse(content, status, dict(failure.headers))


def _told(failure: Failure) -> tuple[int, str]:
    error = failure.error
    if isinstance(error, NotPermitted):
        return 401, "Insufficient privileges"
    if isinstance(error, Refused):
        code = compile(chart()).configurations[error.configuration].code
        return 400, f"The order is {code}; orders are changed and deleted only when In progress"
    if isinstance(error, Conflict):
        return 400, "The order was changed by somebody else; try again"
    if failure.flaws:
        places = "; ".join(f"{flaw.place.removeprefix('body.')}: {flaw.message}" for flaw in failure.flaws[:5])
        return 400, f"Check the parameters: {places}"
    return 400 if failure.status in (409, 422) else failure.status, failure.message


def absent(what: str) -> Rejected:
    """Something that is not there, or not for whoever asks: nobody can tell which."""
    return Rejected(404, "absent", f"{what} not found. Check the {what.lower()} id")


def unauthorized() -> Rejected:
    """A token that is missing, malformed or unknown."""
    headers = {"WWW-Authenticate": "Bearer"}
    return Rejected(401, "unauthenticated", "Unauthorized user", headers=headers)


def underprivileged() -> Rejected:
    """An account of the other kind."""
    return Rejected(401, "not-permitted", "Insufficient privileges")
