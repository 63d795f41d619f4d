"""Near misses: lines of a page that were meant to begin or end a region and do not, because of where or how they stand.

A comment counts from the first column of a line of its own. Indented, in a quote or in a list it does not, nor when it
is misspelt; and nobody would notice, for a comment shows nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from orderfsm.catalogue import SUFFIXES

from .regions import END, fence_behind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .regions import Region

__all__ = ["Miss", "misses"]

AROUND = re.compile(r"[ \t]*(?:>[ \t]*|(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*")
"""What makes a line part of a quote or a list, or indents it."""

ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+")
CODE = 4
"""So many blanks make a code block of a line, those of a list's own not counted."""

BACK = 50
"""How many lines are looked at for the list that a line belongs to."""

ALIKE = 0.75
"""How much of a misspelt word is right, which has at most one letter more or less."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A line, from 0, that was meant to begin or to end a region: what it says, and how that is said."""

    place: int
    said: str
    remedy: str


def misses(lines: Sequence[str], regions: Sequence[Region]) -> Iterator[Miss]:
    """The near misses of a page outside of its regions and code blocks, in order."""
    known = {place for each in regions for place in range(each.begin, (each.end or each.begin) + 1)}
    fence = loose = ""
    for place, line in enumerate(lines):
        if place in known:
            continue
        bare = line[_length(AROUND, line) :].rstrip()
        said = None if fence or loose else _said(bare)
        fence, loose = fence_behind(line, fence), fence_behind(bare, loose)
        if said is not None and not _is_code(lines, place):
            yield Miss(place, *said)


def _said(line: str) -> tuple[str, str] | None:
    """What a comment was meant to say, and how; None for any other line."""
    if not line.startswith("<!--"):
        return None
    said = line.removeprefix("<!--").partition("-->")[0].strip()
    name, *rest = re.split(r"[\s:]+", said.lstrip("/ "), maxsplit=1)
    words = "".join(rest).split()
    if not _is_like(name, "orderfsm"):
        return None
    if said.startswith("/") and not words:
        return (
            "/orderfsm",
            f"this ends no region; behind the begin of one, write {END} into a line, from its first column",
        )
    if words and _is_like(words[0], "draw"):
        words = words[1:]
    if said.startswith("/") or not (words and _is_chart(words[0])):
        return None
    recipe = " ".join(words)
    return recipe, f"this begins no region; write <!-- orderfsm: draw {recipe} --> into a line, from its first column"


def _is_like(word: str, known: str) -> bool:
    return abs(len(word) - len(known)) <= 1 and SequenceMatcher(None, word.lower(), known).ratio() >= ALIKE


def _is_chart(word: str) -> bool:
    return "/" in word or word.endswith(SUFFIXES)


def _is_code(lines: Sequence[str], place: int) -> bool:
    """Whether a line is indented so far that it is code: further than what it belongs to, which may be a list."""
    own = _indent(lines[place])
    if own < CODE:
        return False
    before = reversed(lines[max(0, place - BACK) : place])
    outer = next((line for line in before if line.strip() and _indent(line) < own), "")
    return own - _length(ITEM, outer) >= CODE


def _indent(line: str) -> int:
    line = line.expandtabs(CODE)
    return len(line) - len(line.lstrip(" "))


def _length(sign: re.Pattern[str], line: str) -> int:
    found = sign.match(line)
    return found.end() if found else 0
