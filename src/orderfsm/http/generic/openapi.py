"""Operations as OpenAPI tells them: what each answers, and the problems that it may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orderfsm.http.route import PROBLEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import APIRouter

    from .units import Plan

__all__ = ["Operation", "responses"]

TEXT = {"type": "string"}
BLOCKER = {"code": TEXT, "detail": TEXT, "parameters": {"type": "object"}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457; `type` is the page of the code.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        **dict.fromkeys(("type", "title", "detail", "code", "configuration"), TEXT),
        **{name: {"type": "integer"} for name in ("status", "revision")},
        "errors": {"type": "array", "items": {"type": "object", "properties": {"place": TEXT, "detail": TEXT}}},
        "blockers": {"type": "array", "items": {"type": "object", "properties": BLOCKER}},
    },
}
READING = {
    400: "A URL that cannot be read.",
    401: "Nobody has said who asks.",
    403: "Not in this role.",
    404: "There is no such order, or not for you.",
    409: "The order is in a state that its chart does not have.",
    422: "A parameter does not fit.",
    500: "A guard cannot be evaluated: its operator has to look.",
    503: "The database is busy; send it again.",
}
WRITING = READING | {
    400: "A body or a header that cannot be read, or a header that is missing.",
    409: "The event is not enabled where the order is; or the same request is running.",
    412: "The order has moved on from the revision in If-Match.",
    413: "The body is too large.",
    422: "The body does not fit, the event is refused, or the key was used for another request.",
    428: "If-Match is missing.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path: its id, the plan of its endpoint, and its answer: a model, or a media type."""

    method: str
    name: str
    plan: Plan
    answer: Any
    status: int = 200

    @property
    def methods(self) -> tuple[str, ...]:
        """The method; HEAD beside GET."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    def add(self, made: APIRouter, path: str, endpoint: Callable[..., Any]) -> None:
        """Add it to a router; HEAD is not listed by itself."""
        text = isinstance(self.answer, str)
        for method in self.methods:
            made.add_api_route(
                path,
                endpoint,
                methods=[method],
                status_code=self.status,
                response_model=None if text else self.answer,
                response_class=Response if text else made.default_response_class,
                responses=responses(self),
                operation_id=self.name if method == self.method else None,
                include_in_schema=method == self.method,
            )


def responses(operation: Operation) -> dict[int | str, dict[str, Any]]:
    """Every status that an operation answers."""
    told = READING if operation.method == "GET" else WRITING
    problems: dict[int | str, dict[str, Any]] = {
        status: {"description": said, "content": {PROBLEM: {"schema": SCHEMA}}} for status, said in told.items()
    }
    if isinstance(operation.answer, str):
        problems[operation.status] = {"content": {operation.answer: {"schema": TEXT}}}
    if operation.name.endswith("_status"):
        problems[304] = {"description": "The revision is one of those in If-None-Match."}
    return problems
