"""What OpenAPI says of the operations: headers, queries, bodies with examples, and every answer."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from .asked import HEADERS
from .errors import ERRORS
from .examples import FAILED
from .models import Failed
from .search import MOST, TYPES, statuses

__all__ = ["QUERY", "answers", "described"]

ID = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}
DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$"}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _several(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": MOST}


QUERY = [
    _query("order-type", _several({"type": "string", "enum": list(TYPES)}), "Any of these types; all by default."),
    _query("status", _several({"type": "string", "enum": list(statuses())}), "Any of these codes; all by default."),
    _query("offer-id", _several(ID), "Orders that have a line with any of these offers."),
    _query("reseller-id", ID, "Orders of this reseller, among those of the partner who asks."),
    _query("reference-order-id", ID, "Orders that refer to this one."),
    _query("start-date", DATE, "From this time on; a date is its midnight in UTC. Default: the current term's start."),
    _query("end-date", DATE, "Up to this time; a date is its midnight in UTC. Default: now."),
    _query("limit", {"type": "integer", "minimum": 1, "default": 25}, f"Page size; {MOST} at most, whatever is asked."),
    _query("offset", {"type": "integer", "minimum": 0, "default": 0}, "Where the page starts; the total at most."),
]
"""The parameters of a search."""


def answers(*good: tuple[int, str, Any, Any]) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation: (status, description, model, example) of the good ones, and all errors."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": said, "model": model, "content": {"application/json": {"example": example}}}
        for status, said, model, example in good
    }
    for status, codes in FAILED.items():
        examples = {code: {"value": _error(code)} for code in codes}
        told[status] = {"model": Failed, "content": {"application/json": {"examples": examples}}}
    return told


def _error(code: str) -> dict[str, Any]:
    return {"code": code, "message": ERRORS[code][1], "additionalDetails": []}


def described(
    *,
    path: tuple[str, ...] = ("customer_id",),
    query: list[dict[str, Any]] | None = None,
    body: type[BaseModel] | None = None,
    examples: Any = None,
) -> dict[str, Any]:
    """What FastAPI cannot see: the parameters and the body that an operation reads by itself."""
    ids = [{"name": name, "in": "path", "required": True, "schema": ID} for name in path]
    told: dict[str, Any] = {"parameters": ids + HEADERS + (query or [])}
    if body is not None:
        content = {"schema": _inlined(body.model_json_schema()), "examples": examples}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    return told


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without definitions of its own, which OpenAPI would look for elsewhere."""
    definitions = schema.pop("$defs", {})

    def inline(part: Any) -> Any:
        if isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            return inline(definitions[name]) if name in definitions else {key: inline(part[key]) for key in part}
        return [inline(each) for each in part] if isinstance(part, list) else part

    found: dict[str, Any] = inline(schema)
    return found
