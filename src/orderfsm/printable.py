"""Text from outside as it may be shown in a terminal, a log or a page: nothing in it acts."""

from __future__ import annotations

import re

__all__ = ["FORBIDDEN", "printable"]

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Control characters, direction overrides, lone surrogates: what a chart never holds, not even escaped."""


def printable(text: str) -> str:
    r"""The text on one line, with every character that is not visible as an escape: `\n`, `\x1b`, `\u202e`.

    Besides control characters these are the ones that turn the direction of writing, joiners and lone surrogates; the
    space stays.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
