"""Entries as CSV (RFC 4180), for spreadsheets, which must not take a text for a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["as_csv"]

COLUMNS = (
    *("sequence", "occurred_at", "recorded_at", "event", "before", "after", "code", "category"),
    *("actor_role", "actor_id", "actor_label", "reason_code", "reason_text", "links", "payload", "origin", "corrects"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that a spreadsheet would calculate, in full width as well."""


def as_csv(entries: Iterable[Mapping[str, Any]]) -> str:
    """The entries, one line each after a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        flat = _flat(entry)
        writer.writerow([_cell(flat.get(name)) for name in COLUMNS])
    return text.getvalue()


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    nested = {
        f"{name}_{part}": value for name in ("actor", "reason") for part, value in (entry.get(name) or {}).items()
    }
    packed = {name: json.dumps(entry[name], ensure_ascii=False) for name in ("links", "payload") if entry.get(name)}
    return {**entry, "links": None, **nested, **packed}


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip(" \u00a0").startswith(FORMULA):
        return f"'{value}"
    return value
