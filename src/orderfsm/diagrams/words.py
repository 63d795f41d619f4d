"""Words in a drawing: how wide they are, about, and where their lines break."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from unicodedata import east_asian_width

from orderfsm.printable import printable

__all__ = ["LINE", "measured", "wrapped"]

LINE = 13.5
"""From one line of small letters to the next."""

JOINTS = "_./:,(-"
"""Behind these a long word may go on in the next line."""

NARROW, WIDE = frozenset("iIjlt.,:;'|!()[]/\\f "), frozenset("mwMW@%&")


def measured(text: str, size: float) -> float:
    """About how wide a text is in the usual sans-serif fonts, rather too much than too little."""
    return size * fsum(_width(character) for character in text)


def _width(character: str) -> float:
    if character in NARROW:
        return 0.36
    if character in WIDE:
        return 0.95
    if east_asian_width(character) in "WF":
        return 1.05
    return 0.72 if character.isupper() else 0.6


def wrapped(text: str, most: int) -> tuple[str, ...]:
    """The text in lines of about so many characters; longer words are cut, behind a joint where there is one."""
    lines: list[str] = []
    for word in printable(" ".join(text.split())).split(" ") if text.strip() else ():
        for piece in _pieces(word, most):
            if lines and len(lines[-1]) + 1 + len(piece) <= most:
                lines[-1] += f" {piece}"
            else:
                lines.append(piece)
    return tuple(lines)


def _pieces(word: str, most: int) -> Iterator[str]:
    while len(word) > most:
        joint = max(word.rfind(sign, 0, most) for sign in JOINTS) + 1
        end = joint if joint > most // 2 else most
        yield word[:end]
        word = word[end:]
    yield word
