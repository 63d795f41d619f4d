"""Text from outside as it may be shown in a terminal, a log or a page: nothing in it acts."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""The text on one line, with every character that is not visible as an escape: `\n`, `\x1b`, `\u202e`.

    Besides control characters these are the ones that turn the direction of writing, joiners and lone surrogates; the
    space stays.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
