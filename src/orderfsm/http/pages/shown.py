"""Texts from outside as a page may show them: nothing in them acts, hides or turns the direction of writing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal
from unicodedata import category

from markupsafe import Markup

__all__ = ["compact", "followed", "line", "moment", "told"]

TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
BREAKS = {"\r\n": "\n", "\r": "\n", "\u2028": "\n", "\u2029": "\n", "\x85": "\n"}
LONGEST = 200
"""How many characters of a title are shown."""


def told(text: Any) -> str:
    """A text of people, with its lines; control characters and marks that turn it are told as escapes."""
    shown = str(text)
    for sign, plain in BREAKS.items():
        shown = shown.replace(sign, plain)
    return "".join(_sign(c) for c in shown)


def line(text: Any) -> str:
    """The same on one line, and not without end."""
    shown = " ".join(told(text).split())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _sign(character: str) -> str:
    acting = category(character) in ("Cc", "Cs") and character not in "\n\t"
    if acting or character in TURNING:
        return character.encode("unicode_escape").decode("ascii")
    return character


def compact(payload: Any) -> str:
    """A payload as JSON for reading."""
    return told(json.dumps(payload, indent=2, ensure_ascii=False))


def moment(when: datetime | str | None, precision: Literal["seconds", "minutes"] = "seconds") -> str:
    """A moment as a `time` element in UTC, which is said with the seconds; the attribute has all of it."""
    if when is None:
        return "—"
    exact = (datetime.fromisoformat(when) if isinstance(when, str) else when).astimezone(UTC)
    zone = '<abbr title="Coordinated Universal Time">UTC</abbr>'
    shown = f"{exact:%Y-%m-%d %H:%M}" if precision == "minutes" else f"{exact:%Y-%m-%d %H:%M:%S} {zone}"
    return Markup(f'<time datetime="{exact:%Y-%m-%dT%H:%M:%S.%fZ}">{shown}</time>')  # noqa: S704 - digits alone


def followed(href: Any) -> str | None:
    """The address of a link where a browser may follow it: http and https, no path of our own; None otherwise."""
    address = str(href)
    return address if address.lower().startswith(("http://", "https://")) and address.isprintable() else None
