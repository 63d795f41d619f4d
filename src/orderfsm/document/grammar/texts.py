"""The texts of the chart file: names, lines, prose, and what has a spelling of its own."""

from __future__ import annotations

from orderfsm.document.collections import Entries, Texts
from orderfsm.document.scalars import ONE_LINE, Text
from orderfsm.document.shape import Optional

__all__ = [
    "ANY_NAMES",
    "CHART_NAME",
    "DESCRIPTIONS",
    "DURATION",
    "EXPRESSION",
    "FIELD_NAME",
    "LINE",
    "NAME",
    "NAMES",
    "PROSE",
    "SOURCE",
    "VERSION",
]

_NAME = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
_REMEDY = "a letter first, then letters, digits, `_`, `.` and `-`, 64 characters at most"

LINE = Text("a text on one line", ONE_LINE, "quote it, or fold it with `>-`")
PROSE = Text()
NAME = Text("a name", rf"^{_NAME}(?!\n)$", _REMEDY, ("string", "boolean"))
CHART_NAME = Text(
    "a chart's name", rf"^{_NAME}/{_NAME}(?!\n)$", "write vocabulary/subject, e.g. shop/order", ("string",)
)
VERSION = Text("a version", ONE_LINE, types=("string",))
SOURCE = Text(
    "an arrow's source", rf"^(?:{_NAME}|\[\*\])(?!\n)$", 'name a state, or "[*]" in quotes', ("string", "boolean")
)
FIELD_NAME = Text(
    "a field's name", r"^[A-Za-z_@$][A-Za-z0-9_.@$-]{0,63}\??(?!\n)$", "write name, or name? for an optional field"
)
DURATION = Text("a duration", r"^P[0-9.,WDTHMS]{1,40}(?!\n)$", "write P14D, PT48H, P1DT12H")
EXPRESSION = Text("an expression")

NAMES = Texts(NAME)
ANY_NAMES = Texts(NAME, 0)
DESCRIPTIONS = Entries(NAME, Optional(PROSE))
