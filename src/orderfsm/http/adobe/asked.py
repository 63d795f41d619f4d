"""Who asks, and under which ids: the headers that every request has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from orderfsm.http.principal import Authenticate, Principal

from .errors import VISIBLE, refusal

__all__ = ["HEADERS", "Asked", "accepted", "reader"]

JSON = re.compile(r"(?:^|[,\s])(?:application/json|application/\*|\*/\*)\s*(?:[;,]|$)", re.IGNORECASE)
KEY = re.compile(r"[!-~]{1,255}")

Accepts = Callable[[Principal, str], bool]
"""Whether an API key is one of the principal's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a principal: `correlation_id` names the intent, `request_id` this one call."""

    principal: Principal
    correlation_id: str
    request_id: str


def accepted(_: Principal, key: str) -> bool:
    """Any well-formed key: the token says who asks, the key only by which integration."""
    return KEY.fullmatch(key) is not None


def reader(authenticate: Authenticate, accepts: Accepts) -> Callable[[Request], Asked]:
    """The function that reads a request's headers; it raises what Adobe says to those that do not fit."""

    def asked(request: Request) -> Asked:
        principal = _principal(request, authenticate)
        if not accepts(principal, request.headers.get("x-api-key", "")):
            raise refusal("4115")
        correlation = request.headers.getlist("x-correlation-id")
        if len(correlation) != 1 or not VISIBLE.fullmatch(correlation[0]):
            raise refusal("4119")
        name = request.state.adobe_request_id
        if request.headers.get("x-request-id", name) != name:
            raise refusal("1117", "X-Request-Id")
        if not JSON.search(request.headers.get("accept", "*/*")):
            raise refusal("1117", "Accept")
        return Asked(principal, correlation[0], name)

    return asked


def _principal(request: Request, authenticate: Authenticate) -> Principal:
    given = request.headers.get("authorization", "")
    if not given:
        raise refusal("4117")
    scheme, _, token = given.partition(" ")
    principal = authenticate(token) if scheme == "Bearer" and token and " " not in token else None
    if principal is None:
        raise refusal("4116")
    return principal


def _header(name: str, description: str, *, required: bool) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


HEADERS = [
    _header("X-Api-Key", "The key of the integration.", required=True),
    _header("X-Correlation-Id", "Names the intent: a repeated one gets the first answer for ten days.", required=True),
    _header("X-Request-Id", "Names the call; given when it is left out, and always in the answer.", required=False),
]
"""What OpenAPI says of the headers, beside the token."""
