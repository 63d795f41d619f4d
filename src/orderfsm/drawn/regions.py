"""Regions of a page: what stands between two comments is a drawing that is kept current, the rest is the author's.

A comment counts when it is a whole line, outside of fenced code blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["END", "Region", "body", "fence_behind", "region", "regions"]

BEGIN = re.compile(r"<!-- orderfsm: draw(?P<recipe>| [^\r\n]*?) -->[ \t]*")
END = "<!-- /orderfsm -->"
FENCE = re.compile(r" {0,3}(?P<sign>`{3,}|~{3,})(?P<rest>.*)")
FENCED = {"d2": "d2", "dot": "dot", "mermaid": "mermaid", "plantuml": "plantuml", "text": "text"}
"""Format -> the language of its code block; what is not here stands on the page as it is."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region: its recipe as it is written, and its lines: `begin` and `end` are those of the comments, from 0.

    `end` is None when nothing closes it before the next one or the end of the page.
    """

    recipe: str
    begin: int
    end: int | None


def regions(lines: Sequence[str]) -> tuple[Region, ...]:
    """The regions of a page, in order."""
    found: list[Region] = []
    place, fence = 0, ""
    while place < len(lines):
        begin = None if fence else BEGIN.fullmatch(lines[place].rstrip("\r"))
        if begin:
            found.append(Region(begin["recipe"].strip(), place, _end(lines, place)))
            place = found[-1].end or place
        else:
            fence = fence_behind(lines[place], fence)
        place += 1
    return tuple(found)


def _end(lines: Sequence[str], begin: int) -> int | None:
    """Where a region ends: before the next one begins."""
    for place in range(begin + 1, len(lines)):
        if lines[place].rstrip() == END:
            return place
        if BEGIN.fullmatch(lines[place].rstrip("\r")):
            break
    return None


def fence_behind(line: str, fence: str) -> str:
    """The sign of the fenced code block that goes on behind a line, given that of the block that the line stands in."""
    found = FENCE.fullmatch(line.rstrip("\r"))
    if fence:
        closes = found and found["sign"].startswith(fence) and not found["rest"].strip()
        return "" if closes else fence
    opens = found and not (found["sign"][0] == "`" and "`" in found["rest"])
    return found["sign"] if found and opens else ""


def region(drawing: str, recipe: Recipe) -> str:
    """A region that holds a drawing."""
    return "\n".join([f"<!-- orderfsm: draw {recipe} -->", *body(drawing, recipe.format), END, ""])


def body(drawing: str, format: str) -> list[str]:
    """The lines between the comments of a region: the drawing with a blank line on both sides.

    Raises ValueError for a drawing that would end the region, or begin another one.
    """
    lines = drawing.rstrip("\n").split("\n")
    for line in lines:
        if line.rstrip() == END or BEGIN.fullmatch(line):
            raise ValueError(
                f"a name of the chart reads {line}, which ends a region or begins one; draw it into a file of its own"
            )
    return ["", *(_fenced(lines, FENCED[format]) if format in FENCED else lines), ""]


def _fenced(lines: list[str], language: str) -> list[str]:
    runs = [len(run) for line in lines for run in re.findall("`+", line)]
    fence = "`" * max(3, *(length + 1 for length in runs), 3)
    return [f"{fence}{language}", *lines, fence]
