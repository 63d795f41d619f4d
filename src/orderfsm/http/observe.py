"""Each request gets an id, a line in the log and safe headers: a plain ASGI layer around an app."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["JsonLines", "Observed", "request_id", "template"]

request_id: ContextVar[str] = ContextVar("orderfsm_request_id", default="")
"""The id of the request that is being answered."""

GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""What a client may call its request; everything else gets a name of ours."""

SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}

log = logging.getLogger("orderfsm.http")


class Observed:
    """An app whose requests are named, timed and logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        name = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
        request_id.set(name)
        status, began = 500, time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-request-id", name)
                for header, value in SAFE.items():
                    headers.setdefault(header, value)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._tell(scope, name, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        route = template(scope)
        log.info(
            "%s %s %s",
            scope["method"],
            route or "?",
            status,
            extra={"request_id": name, "method": scope["method"], "route": route, "status": status, "seconds": seconds},
        )


def template(scope: Scope) -> str:
    """The path of a request with the names of its parameters instead of their values; "" where nothing is served."""
    if scope.get("endpoint") is None:
        return ""
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(f"/{value}", f"/{{{name}}}", 1)
    return path


class JsonLines(logging.Formatter):
    """One JSON object per record: control characters of whatever is logged are escaped."""

    FIELDS = ("request_id", "method", "route", "status", "seconds")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in self.FIELDS if (value := getattr(record, name, None)) is not None}
        line.setdefault("request_id", request_id.get() or None)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in line.items() if value is not None}, default=str)
