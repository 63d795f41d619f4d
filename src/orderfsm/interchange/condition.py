"""Conditions of SCXML: `In('x')` and what and, or and not make of it, to and from expressions. Nothing is evaluated.

Both languages are read word by word, because they differ in their words alone: the operators bind alike.
"""

from __future__ import annotations

import re

from orderfsm.errors import ExpressionError

__all__ = ["from_scxml", "to_scxml"]

_STATE = r"\(\s*(?:'(?P<single>[^'\"\\]*)'|\"(?P<double>[^'\"\\]*)\")\s*\)"
_THEIRS = re.compile(rf"\s*(?:(?P<state>In)\s*{_STATE}|(?P<word>\|\||&&|!(?!=)|[()]|\b(?:and|or|not|true|false)\b)|$)")
_OURS = re.compile(rf"\s*(?:(?P<state>in_state)\s*{_STATE}|(?P<word>[()]|\b(?:and|or|not|True|False)\b)|$)")
_TO_OURS = {"||": "or", "&&": "and", "!": "not", "true": "True", "false": "False"}
_TO_THEIRS = {"or": "||", "and": "&&", "not": "!", "True": "true", "False": "false"}


def from_scxml(cond: str) -> str:
    """The expression that says the same. Raises ExpressionError at the first word of another language."""
    return _translated(cond, _THEIRS, 'in_state("{}")', _TO_OURS)


def to_scxml(expression: str) -> str:
    """The condition that says the same. Raises ExpressionError when the expression asks for more than active states."""
    return _translated(expression, _OURS, "In('{}')", _TO_THEIRS)


def _translated(text: str, words: re.Pattern[str], state: str, renamed: dict[str, str]) -> str:
    out: list[str] = []
    place = 0
    while place < len(text):
        found = words.match(text, place)
        if found is None:
            raise ExpressionError("only active states can be asked about", text=text, offset=place)
        if found["state"]:
            out.append(state.format(found["single"] or found["double"] or ""))
        elif found["word"]:
            out.append(renamed.get(found["word"], found["word"]))
        place = found.end()
    return " ".join(out)
