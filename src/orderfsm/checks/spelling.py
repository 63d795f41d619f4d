r"""Regular expressions that cannot run away: each part of a pattern is tried once at each place of a text.

`re` backtracks, and a chart may come from anybody: `(a+)+b` against forty letters would run for ever. Here a pattern is
a tree, and each node says at which places of the text it can end when it begins at some place. Characters are compared
by `re`, one at a time, so classes and escapes mean what they mean there.

Understood: literals, `.`, classes, `\d` and its kin, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$` at the ends.
Refused: look-around, back-references, flags, lazy and possessive repetition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

__all__ = ["Unreadable", "fits"]

PATTERN_LIMIT = 200
TEXT_LIMIT = 100
REPEAT_LIMIT = 100

_ATOM = re.compile(r"\\[dDwWsS]|\\[^A-Za-z0-9\n]|\[\^?\]?(?:\\.|[^\]\\\n])*\]|[^\\\[\](){}*+?|^$\n]")
_REPEAT = re.compile(r"(?:([*+?])|\{(\d{1,4})(?:(,)(\d{0,4}))?\})([?+]?)")
_BOUNDS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class Unreadable(ValueError):
    """A pattern outside the language."""


@dataclass(frozen=True, slots=True, eq=False)
class Character:
    """One character that a literal, a class or an escape of `re` describes."""

    pattern: re.Pattern[str]

    def ends(self, walk: Walk, begin: int) -> int:
        fitting = begin < len(walk.text) and self.pattern.fullmatch(walk.text[begin])
        return 1 << begin + 1 if fitting else 0


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One part after the other."""

    parts: tuple[Part, ...]

    def ends(self, walk: Walk, begin: int) -> int:
        reached = 1 << begin
        for part in self.parts:
            reached = walk.onward(part, reached)
        return reached


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """One of several."""

    branches: tuple[Part, ...]

    def ends(self, walk: Walk, begin: int) -> int:
        reached = 0
        for branch in self.branches:
            reached |= walk.ends(branch, begin)
        return reached


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """A part over and over, `least` to `most` times; without `most` as often as there is text."""

    part: Part
    least: int
    most: int | None

    def ends(self, walk: Walk, begin: int) -> int:
        frontier = 1 << begin
        for _ in range(self.least):
            frontier = walk.onward(self.part, frontier)
        reached = frontier
        for _ in range(len(walk.text) + 1 if self.most is None else self.most - self.least):
            frontier = walk.onward(self.part, frontier) & ~reached
            reached |= frontier
        return reached


Part: TypeAlias = Character | Sequence | Either | Repeat


class Walk:
    """One text, with every answer about it remembered; in a set of places, bit n is the place before character n."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.known: dict[tuple[Part, int], int] = {}

    def ends(self, part: Part, begin: int) -> int:
        """The places at which a part can end when it begins here."""
        key = (part, begin)
        if key not in self.known:
            self.known[key] = part.ends(self, begin)
        return self.known[key]

    def onward(self, part: Part, begins: int) -> int:
        """The places at which a part can end when it begins at one of these."""
        reached = 0
        while begins:
            first = begins & -begins
            reached |= self.ends(part, first.bit_length() - 1)
            begins ^= first
        return reached


def fits(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text. Raises Unreadable; a text of more than 100 characters never fits."""
    part = _read(pattern)
    return len(text) <= TEXT_LIMIT and bool(Walk(text).ends(part, 0) >> len(text) & 1)


@lru_cache(64)
def _read(pattern: str) -> Part:
    if len(pattern) > PATTERN_LIMIT:
        raise Unreadable(f"it has {len(pattern)} characters, more than {PATTERN_LIMIT}")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Unreadable(str(error)) from None
    reader = _Reader(pattern.removeprefix("^"))
    part = reader.either()
    if reader.rest not in ("", "$"):
        raise Unreadable(f"{reader.rest[:20]!r} is not understood here")
    return part


class _Reader:
    def __init__(self, rest: str) -> None:
        self.rest = rest

    def either(self) -> Part:
        branches = [self.sequence()]
        while self.rest.startswith("|"):
            self.rest = self.rest[1:]
            branches.append(self.sequence())
        return Either(tuple(branches))

    def sequence(self) -> Part:
        parts: list[Part] = []
        while self.rest and self.rest[0] not in "|)$":
            parts.append(self.repeated(self.part()))
        return Sequence(tuple(parts))

    def part(self) -> Part:
        if self.rest.startswith("("):
            return self.group()
        found = _ATOM.match(self.rest)
        if found is None:
            raise Unreadable(f"{self.rest[:20]!r} is not understood")
        self.rest = self.rest[found.end() :]
        return Character(re.compile(found[0]))

    def group(self) -> Part:
        self.rest = self.rest.removeprefix("(").removeprefix("?:")
        if self.rest.startswith("?"):
            raise Unreadable(f"'({self.rest[:10]}' is not understood; use plain groups")
        part = self.either()
        if not self.rest.startswith(")"):
            raise Unreadable(f"{self.rest[:20]!r} is not understood inside a group")
        self.rest = self.rest[1:]
        return part

    def repeated(self, part: Part) -> Part:
        found = _REPEAT.match(self.rest)
        if found is None:
            return part
        if found[5]:
            raise Unreadable(f"{found[0]!r} is lazy or possessive; leave the last character out")
        self.rest = self.rest[found.end() :]
        least, most = _BOUNDS[found[1]] if found[1] else _bounds(found)
        if max(least, most or 0) > REPEAT_LIMIT:
            raise Unreadable(f"{found[0]!r} repeats more than {REPEAT_LIMIT} times")
        return Repeat(part, least, most)


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    """The least and the most of `{2}`, `{2,}` and `{2,5}`."""
    least = int(found[2])
    return least, least if not found[3] else int(found[4]) if found[4] else None
