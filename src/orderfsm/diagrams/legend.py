"""The legend below a drawing: the signs and lines that occur in it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orderfsm.chart import Basis, Category, Kind

from .glyphs import glyph, mark
from .labels import Word, extent
from .note import TONES
from .shapes import group, number, rect, words
from .words import LINE, wrapped

if TYPE_CHECKING:
    from orderfsm.chart import Chart

    from .overlay import Marks
    from .picture import Edge, Picture

__all__ = ["Item", "items", "legend", "tones"]

SAMPLE, BETWEEN, ROW = 22.0, 16.0, 20.0
"""The width of a sample, from one item to the next, and from one row to the next."""

LONGEST = 44
"""How many characters of an item stand in one line."""

Item = tuple[str, str]
"""What is shown (a category, `mark` and a tone, or the name of a sample), and what is said of it."""


def items(chart: Chart, seen: Picture, marks: Marks) -> Iterator[Item]:
    """What a drawing needs explained: its categories, lines of different basis, the happy path, the way of an order.

    Last come the signs of its notes, and the notes that have their place nowhere else.
    """
    leaves = (state.name for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL))
    used = {chart.category_of(name) for name in leaves}
    yield from ((str(category), str(category)) for category in Category if category in used)
    yield from _lines(seen.edges)
    if marks.walked or marks.begun:
        yield "taken", "way taken"
    if marks.active:
        yield "active", "now"
    used_tones = tones(seen)
    yield from ((f"mark {tone}", said) for tone, said in TONES.items() if tone in used_tones)
    yield from ((f"mark {note.tone}", note.text) for note in marks.aside)


def tones(seen: Picture) -> set[str]:
    """The tones of the notes on states and arrows."""
    of_states = {note.tone for node in seen.nodes for note in node.notes}
    return of_states | {note.tone for edge in seen.edges for note in edge.notes}


def _lines(edges: Sequence[Edge]) -> Iterator[Item]:
    bases = {edge.basis for edge in edges}
    unsure = " or ".join(str(basis) for basis in (Basis.LATER, Basis.INFERRED) if basis in bases)
    if unsure:
        sure = " or ".join(str(basis) for basis in (Basis.STATED, Basis.DOCUMENTED) if basis in bases)
        yield from (("sure", sure),) if sure else ()
        yield "unsure", unsure
    if any(edge.happy for edge in edges):
        yield "happy", "happy path"


def legend(found: Sequence[Item], width: float, x: float, y: float) -> tuple[list[str], float, float]:
    """The items in rows of a width, from an upper left corner; and how wide and high they are together."""
    elements = []
    left, top, row, widest = x, y, ROW, 0.0
    for shown, said in found:
        text = tuple(Word(line, "detail") for line in wrapped(said, LONGEST))
        across, tall = extent(text)
        wide = SAMPLE + 6 + across
        if left > x and left + wide > x + width:
            left, top, row = x, top + row, ROW
        elements.append(_sample(shown, left, top + ROW / 2) + words(text, left + SAMPLE + 6, top + ROW / 2 - 7))
        left += wide + BETWEEN
        row, widest = max(row, tall + ROW - LINE), max(widest, left - BETWEEN - x)
    return elements, widest, top + row - y if found else 0.0


def _sample(shown: str, x: float, y: float) -> str:
    if shown in list(Category):
        return group(f"key {shown}", rect(x + 2, y - 8, SAMPLE - 4, 16, 4) + glyph(Category(shown), x + SAMPLE / 2, y))
    if shown.startswith("mark "):
        return group("key key-mark", mark(shown.removeprefix("mark "), x + SAMPLE - 8, y))
    if shown == "active":
        return group("key key-active", rect(x + 2, y - 7, SAMPLE - 4, 14, 4))
    return group(f"key key-{shown}", f'<path d="M{number(x)},{number(y)}h{number(SAMPLE)}"/>')
