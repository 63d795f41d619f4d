"""Routes that answer failures themselves, in the words of their dialect: no matter which app they are included in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .failure import Failure, failure_of
from .strict import StrictRequest
from .wording import blocker_as_dict

__all__ = ["PROBLEM", "Route", "problem"]

log = logging.getLogger("orderfsm.http")

PROBLEM = "application/problem+json"
DOCS = "https://orderfsm.github.io/reference/errors/"
"""Where the page of each error code is: the `type` of a problem."""


class Route(APIRoute):
    """A route whose requests are read strictly and whose failures are told by `tell`; a dialect overrides it."""

    request_class: type[StrictRequest] = StrictRequest

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler: what it raises is told, unless only the programmer can mend it."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            strict = self.request_class(request.scope, request.receive)
            try:
                strict.verify_target()
                return await inner(strict)
            except Exception as error:
                failure = failure_of(error)
                if failure is None:
                    raise
                if failure.status >= 500:
                    log.error("a request failed: %s", failure.code, exc_info=error)
                return self.tell(strict, failure)

        return handle

    @staticmethod
    def tell(request: Request, failure: Failure) -> Response:
        """The answer to a request that failed: a problem document (RFC 9457)."""
        return problem(failure)


def problem(failure: Failure) -> Response:
    """A failure as a problem document."""
    content: dict[str, Any] = {
        "type": f"{DOCS}#{failure.code}",
        "title": failure.code.replace("-", " "),
        "status": failure.status,
        "detail": failure.message,
        "code": failure.code,
    }
    if failure.flaws:
        content["errors"] = [{"place": flaw.place, "detail": flaw.message} for flaw in failure.flaws]
    blockers = getattr(failure.error, "blockers", ())
    if blockers:
        content["blockers"] = [blocker_as_dict(blocker) for blocker in blockers]
    for name in ("configuration", "revision"):
        value = getattr(failure.error, name, None)
        if value is not None:
            content[name] = value
    headers = {"X-Content-Type-Options": "nosniff", **failure.headers}
    return JSONResponse(content, failure.status, headers, media_type=PROBLEM)
