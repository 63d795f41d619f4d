"""An order's key as one segment of a URL, whatever the key is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orderfsm.http.generic.keys import absent

__all__ = ["spell", "unspelled"]

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
PART = re.compile(r"(?:[A-Za-z0-9_-]|\.[0-9a-f]{2})+")
EMPTY = ".e"
"""How an empty text is spelled."""


def spell(identity: Sequence[Any]) -> str:
    """The key, its parts joined by `~`: letters, digits, `_` and `-` as they are, other bytes of UTF-8 as `.2f`.

    No server, proxy or browser reads anything into these signs, as they would into a slash or two dots.
    """
    return "~".join(_part(str(part)) for part in identity)


def unspelled(segment: str) -> list[str]:
    """The parts of a key; raises Rejected, as for an absent order, for what `spell` does not write."""
    parts = [_text(part) for part in segment.split("~")]
    if spell(parts) != segment:
        raise absent()
    return parts


def _part(text: str) -> str:
    return "".join(chr(byte) if byte in PLAIN else f".{byte:02x}" for byte in text.encode()) or EMPTY


def _text(part: str) -> str:
    if part == EMPTY:
        return ""
    if not PART.fullmatch(part):
        raise absent()
    try:
        return re.sub(rb"\.(..)", lambda found: bytes.fromhex(found[1].decode()), part.encode()).decode()
    except UnicodeDecodeError:
        raise absent() from None
