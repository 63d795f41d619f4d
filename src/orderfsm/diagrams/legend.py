"""The legend below a drawing: the signs and lines that occur in it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orderfsm.chart import Basis, Category, Kind

from .glyphs import glyph
from .labels import Word, extent
from .shapes import group, number, rect, words

if TYPE_CHECKING:
    from orderfsm.chart import Chart

    from .overlay import Marks
    from .picture import Edge

__all__ = ["Item", "items", "legend"]

SAMPLE, BETWEEN, ROW = 22.0, 16.0, 20.0
"""The width of a sample, from one item to the next, and from one row to the next."""

Item = tuple[str, str]
"""What is shown (a category, or the name of a sample), and what is said of it."""


def items(chart: Chart, edges: Sequence[Edge], marks: Marks) -> Iterator[Item]:
    """What a drawing needs explained: its categories, lines of different basis, the happy path, the way of an order."""
    leaves = (state.name for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL))
    used = {chart.category_of(name) for name in leaves}
    yield from ((str(category), str(category)) for category in Category if category in used)
    bases = {edge.basis for edge in edges}
    unsure = " or ".join(str(basis) for basis in (Basis.LATER, Basis.INFERRED) if basis in bases)
    if unsure:
        sure = " or ".join(str(basis) for basis in (Basis.STATED, Basis.DOCUMENTED) if basis in bases)
        yield from (("sure", sure),) if sure else ()
        yield "unsure", unsure
    if any(edge.happy for edge in edges):
        yield "happy", "happy path"
    if marks.walked or marks.begun:
        yield "taken", "way taken"
    if marks.active:
        yield "active", "now"


def legend(found: Sequence[Item], width: float, x: float, y: float) -> tuple[list[str], float]:
    """The items in rows of a width, from an upper left corner; and how high they are together."""
    elements = []
    left, top = x, y
    for shown, said in found:
        text = (Word(said, "detail"),)
        wide = SAMPLE + 6 + extent(text)[0]
        if left > x and left + wide > x + width:
            left, top = x, top + ROW
        elements.append(_sample(shown, left, top + ROW / 2) + words(text, left + SAMPLE + 6, top + ROW / 2 - 7))
        left += wide + BETWEEN
    return elements, top + ROW - y if found else 0.0


def _sample(shown: str, x: float, y: float) -> str:
    if shown in list(Category):
        return group(f"key {shown}", rect(x + 2, y - 8, SAMPLE - 4, 16, 4) + glyph(Category(shown), x + SAMPLE / 2, y))
    if shown == "active":
        return group("key key-active", rect(x + 2, y - 7, SAMPLE - 4, 14, 4))
    return group(f"key key-{shown}", f'<path d="M{number(x)},{number(y)}h{number(SAMPLE)}"/>')
