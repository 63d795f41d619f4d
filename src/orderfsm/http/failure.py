"""What went wrong with a request, before a dialect puts it into words of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import HTTPException as Raised
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException

from orderfsm.errors import (
    Conflict,
    GuardFailed,
    InDoubt,
    KeyReused,
    NotEnabled,
    NotOpened,
    NotPermitted,
    OrderFsmError,
    Refused,
    RefusedByDatabase,
    StoredStateUnknown,
)

from .wording import worded

__all__ = ["Failure", "Flaw", "Rejected", "failure_of"]

STATUS: dict[type[OrderFsmError], int] = {
    NotPermitted: 403,
    NotEnabled: 409,
    Refused: 422,
    KeyReused: 422,
    Conflict: 409,
    NotOpened: 409,
    StoredStateUnknown: 409,
    RefusedByDatabase: 409,
    InDoubt: 503,
    GuardFailed: 500,
    OrderFsmError: 500,
}
"""The first class that fits, in this order, says the status."""

RAISED = {401: "unauthenticated", 403: "not-permitted", 404: "absent", 405: "method-not-allowed"}
"""The codes of what an application's own dependencies raise as HTTPException; `request-refused` for the others."""

SOON = {"Retry-After": "1"}
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong with what was sent: where (`body.items.0.sku`), and what is wanted there."""

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that has no other answer: HTTP status, stable code, a sentence that says what to do.

    Nothing of what was sent is repeated in it. `error` is what was raised, for dialects that know it better.
    """

    status: int
    code: str
    message: str
    flaws: tuple[Flaw, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


class Rejected(Raised):
    """Raised by a dialect: ends a request with a failure, and the unit of work with a rollback."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        flaws: tuple[Flaw, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.failure = Failure(status, code, message, flaws, headers or {}, self)


def failure_of(error: Exception) -> Failure | None:
    """What an error means to the client; None for one that only the programmer can mend."""
    if isinstance(error, Rejected):
        return error.failure
    if isinstance(error, RequestValidationError):
        flaws = tuple(flaw_of(found) for found in error.errors())
        return Failure(422, "request-invalid", "the request does not fit; see what is wrong where", flaws, error=error)
    if isinstance(error, HTTPException):
        code = RAISED.get(error.status_code, "request-refused")
        return Failure(error.status_code, code, str(error.detail), headers=error.headers or {}, error=error)
    if isinstance(error, OrderFsmError):
        return _of_ours(error)
    if isinstance(error, OperationalError | NoConnection):
        return Failure(503, "database-busy", "the database is busy; nothing was written", headers=SOON, error=error)
    return None


def flaw_of(found: Mapping[str, Any]) -> Flaw:
    """A finding of pydantic, without the input; a name that only the client knows is left out."""
    path = [str(part) for part in found["loc"]]
    if found["type"] == "extra_forbidden":
        path = path[:-1]
    place = ".".join(part if part.isdigit() or PLAIN.fullmatch(part) else "?" for part in path)
    if found["type"] in ("value_error", "assertion_error"):
        return Flaw(place, "the value does not fit")
    if found["type"] == "extra_forbidden":
        return Flaw(place, "holds a field that is not known; leave it out")
    return Flaw(place, str(found["msg"]))


def _of_ours(error: OrderFsmError) -> Failure:
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    if status == 500:
        return Failure(500, error.code, "the order cannot be judged now; its operator has to look", error=error)
    return Failure(status, error.code, worded(error), headers=SOON if status == 503 else {}, error=error)
