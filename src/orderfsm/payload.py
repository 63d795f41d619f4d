"""Payload schemas of events: what a call must bring along, checked without any library."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from .errors import Blocker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .chart import Field

__all__ = ["blockers", "json_schema"]


def blockers(fields: tuple[Field, ...], payload: Mapping[str, Any] | None) -> Iterator[Blocker]:
    """One blocker for every field that is missing or does not fit, in document order; unlisted fields are allowed."""
    if payload is not None and not isinstance(payload, Mapping):
        yield _blocker("payload", f"a mapping, not {type(payload).__name__}")
        return
    yield from _fields(fields, payload or {}, "payload")


def _fields(fields: tuple[Field, ...], values: Mapping[str, Any], where: str) -> Iterator[Blocker]:
    for field in fields:
        path = f"{where}.{field.name}"
        if field.name in values:
            yield from _value(field, values[field.name], path)
        elif field.required:
            yield Blocker(
                "payload-missing", f"{path} is missing; give {_one(field.type)}", {"field": path, "type": field.type}
            )


def _value(field: Field, value: Any, path: str) -> Iterator[Blocker]:
    if not _CHECKS[field.type](value):
        yield _blocker(path, f"{_one(field.type)}, not {type(value).__name__}")
        return
    if field.enum and value not in field.enum:
        yield _blocker(path, f"one of {', '.join(map(str, field.enum))}")
    if field.minimum is not None and not value >= field.minimum:
        yield _blocker(path, f"at least {field.minimum:g}")
    if field.maximum is not None and not value <= field.maximum:
        yield _blocker(path, f"at most {field.maximum:g}")
    if field.max_length is not None and len(value) > field.max_length:
        yield _blocker(path, f"at most {field.max_length} long")
    yield from _inside(field, value, path)


def _inside(field: Field, value: Any, path: str) -> Iterator[Blocker]:
    if field.type == "object":
        yield from _fields(field.fields, value, path)
    if field.type == "list" and field.items is not None:
        for place, item in enumerate(value):
            yield from _value(field.items, item, f"{path}[{place}]")


def _one(type: str) -> str:
    """A type with its article."""
    return f"{'an' if type[0] in 'aeiou' else 'a'} {type}"


def _blocker(path: str, wanted: str) -> Blocker:
    return Blocker("payload-invalid", f"{path} must be {wanted}", {"field": path, "wanted": wanted})


def _parses(read: Callable[[str], object]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            return isinstance(value, str) and read(value) is not None
        except ValueError:
            return False

    return check


def _number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _aware(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _day(text: str) -> date | None:
    """The day that a text names as YYYY-MM-DD; Python alone would take weeks and texts without hyphens as well."""
    return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None


def _moment(text: str) -> object:
    from .expression import parse_timestamp  # when it is needed: the language of guards takes long to import

    return parse_timestamp(text)


def _span(text: str) -> object:
    from .expression import parse_duration

    return parse_duration(text)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _number,
    "boolean": lambda value: isinstance(value, bool),
    "date": lambda value: (type(value) is date) or _parses(_day)(value),
    "datetime": lambda value: _aware(value) or _parses(_moment)(value),
    "duration": _parses(_span),
    "list": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}

_FORMATS = {"date": "date", "datetime": "date-time", "duration": "duration"}


def json_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a payload."""
    required = [field.name for field in fields if field.required]
    properties = {field.name: _schema(field) for field in fields}
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _schema(field: Field) -> dict[str, Any]:
    if field.type == "object":
        schema = json_schema(field.fields)
    elif field.type in _FORMATS:
        schema = {"type": "string", "format": _FORMATS[field.type]}
    else:
        schema = {"type": "array" if field.type == "list" else field.type}
    if field.type == "list" and field.items is not None:
        schema["items"] = _schema(field.items)
    longest = "maxItems" if field.type == "list" else "maxLength"
    extras: dict[str, Any] = {"minimum": field.minimum, "maximum": field.maximum, longest: field.max_length}
    extras |= {"enum": list(field.enum) or None, "description": field.description or None}
    return schema | {name: value for name, value in extras.items() if value is not None}
