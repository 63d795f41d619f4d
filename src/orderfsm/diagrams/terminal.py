"""Plain text for terminals: the states in frames, and below each of them where its events lead. 80 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from orderfsm.chart import START, Category, Kind
from orderfsm.printable import printable

from .captions import SIGNS, on_arrow, on_state, signed, title
from .overlay import marks
from .picture import gathered, picture
from .words import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderfsm.chart import Chart

    from .captions import Caption
    from .overlay import Marks, Overlay
    from .picture import Edge, Node, Picture

__all__ = ["render"]

WIDTH = 80
TARGETS, EVENTS = 28, 30
"""How many columns targets and events share out at most; what is wider moves what follows."""

SURE, UNSURE, HAPPY, HOPED, TAKEN = "──▶", "╌╌▶", "━━▶", "╍╍▶", "══▶"
NOW, BEEN = "◀ now", "• passed"

Row = tuple[str, str, str, list[str]]
"""An arrow: its shaft, its target, its event, and what is told of it."""


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as lines of 80 columns, unless names are longer than that."""
    marked = marks(chart, overlay)
    found = _Outline(gathered(picture(chart, detail=detail)), marked).all()
    return "\n".join(line.rstrip() for line in found) + "\n"


class _Outline:
    def __init__(self, picture: Picture, marked: Marks) -> None:
        self.picture, self.marks = picture, marked
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.initial = dict(picture.initial)
        self.leading: dict[str, list[Edge]] = {}
        for edge in picture.edges:
            self.leading.setdefault(edge.source, []).append(edge)

    def all(self) -> Iterator[str]:
        for caption in title(self.picture, self.marks):
            yield from _lines(_said(caption), "", "  ")
        yield ""
        yield from _grid("●", [*self.begins(None), *self.rows(START)])
        yield from self.states(None, "")
        yield ""
        yield from _packed(self.legend())

    # --- states

    def states(self, name: str | None, margin: str) -> Iterator[str]:
        """The states directly inside a state, with space between those that have more than a line."""
        above: list[str] = ["", ""]
        for node in self.picture.inside(name):
            lines = list(self.state(node, margin))
            if len(lines) > 1 or len(above) > 1:
                yield margin
            yield from lines
            above = lines

    def state(self, node: Node, margin: str) -> Iterator[str]:
        """A state with its arrows; one that holds others has a frame on its left, double when they run side by side."""
        inside = self.picture.inside(node.name)
        corner, bar, end = ("╔ ", "║ ", "╚") if node.kind is Kind.PARALLEL else ("┌ ", "│ ", "└")
        deeper = margin + bar if inside else margin
        notes = (_said(caption) for caption in on_state(node, self.marks) if caption.style == "note")
        yield from _lines("  ".join((self.name(node), *notes)), margin + (corner if inside else ""), deeper + "  ")
        for edge in node.answers:
            said = " · ".join(caption.text for caption in on_arrow((edge,), self.marks))
            yield from _lines(f"/ {said}", f"{deeper}    ", f"{deeper}      ") if said else ()
        yield from _grid(f"{deeper}    ", self.rows(node.name) if not node.kind.is_history else self.begins(node.name))
        if inside:
            yield from _grid(f"{deeper}●", self.begins(node.name))
            yield from self.states(node.name, deeper)
            yield margin + end

    def name(self, node: Node) -> str:
        """The word of a state, what it is where it is not plain, and whether an order is or was there."""
        kind = {Kind.FINAL: "· end", Kind.PARALLEL: "· side by side"}.get(node.kind, "")
        seen = NOW if node.name in self.marks.active else BEEN if node.name in self.marks.passed else ""
        return "  ".join(filter(None, (f"{signed(node, self.label(node.name))} {kind}".rstrip(), seen)))

    def label(self, name: str) -> str:
        """What a state is called, here and at the ends of arrows."""
        node = self.nodes[name]
        shown = f"{node.label} {node.parent}" if node.kind.is_history and node.parent else node.label
        return printable(" ".join(shown.split()))

    # --- arrows

    def begins(self, name: str | None) -> list[Row]:
        """Where the chart, a compound state or a history state begins."""
        targets = self.initial.get(name, ())
        first = name is None and any(target in self.marks.begun for target in targets)
        shaft = TAKEN if first else SURE
        return [(shaft, " + ".join(map(self.label, targets)), "", [])] if targets else []

    def rows(self, name: str) -> list[Row]:
        """The arrows of a state."""
        return [self.row(edge) for edge in self.leading.get(name, ())]

    def row(self, edge: Edge) -> Row:
        solid, dashed = (HAPPY, HOPED) if edge.happy else (SURE, UNSURE)
        shaft = TAKEN if self.marks.walks(edge.transitions) else solid if edge.sure else dashed
        said = on_arrow((edge,), self.marks)
        events = [caption.text for caption in said if caption.style in ("event", "unsure")]
        told = [_said(caption) for caption in said if caption.style in ("detail", "note")]
        return shaft, " + ".join(map(self.label, edge.targets)), "".join(events) or "at once", told

    # --- legend

    def legend(self) -> Iterator[str]:
        """The signs that occur and what they mean."""
        leaves = [node for node in self.picture.nodes if node.kind in (Kind.ATOMIC, Kind.FINAL)]
        used = {node.category for node in leaves}
        yield from (f"{SIGNS[category]} {category}" for category in Category if category in used)
        if any(edge.happy for edge in self.picture.edges):
            yield f"{HAPPY} happy path"
        if not all(edge.sure for edge in self.picture.edges):
            yield f"{UNSURE} later or inferred"
        if self.marks.walked or self.marks.begun:
            yield f"{TAKEN} way taken"
        if any(node.kind.is_history for node in self.picture.nodes):
            yield "H back to where it was"


def _packed(items: Iterable[str]) -> Iterator[str]:
    """Items beside each other, as many in a line as there is room for."""
    line = ""
    for item in items:
        if line and _width(line) + 3 + _width(item) > WIDTH:
            yield line
            line = ""
        line += f"   {item}" if line else item
    yield line


def _said(caption: Caption) -> str:
    return f"» {caption.text}" if caption.style == "note" else caption.text


def _grid(margin: str, rows: list[Row]) -> Iterator[str]:
    """Rows below each other: targets and events in columns, the rest behind them or, for want of room, below."""
    targets = max((_width(row[1]) for row in rows if _width(row[1]) <= TARGETS), default=0)
    events = max((_width(row[2]) for row in rows if _width(row[2]) <= EVENTS), default=0)
    for shaft, target, event, told in rows:
        head = f"{margin}{shaft} {_padded(target, targets)}  "
        below = f"{margin.replace('●', ' ')}{' ' * (len(shaft) + targets + 3)}"
        first, *more = wrapped(event, max(WIDTH - _width(head), 20)) or ("",)
        behind = " ".join(told)
        if not more and behind and _width(head) + max(events, _width(first)) + 2 + _width(behind) <= WIDTH:
            yield f"{head}{_padded(first, events)}  {printable(behind)}"
            continue
        yield head + first
        for line in (*more, *wrapped(behind, max(WIDTH - len(below) - 2, 20))):
            yield f"{below}  {line}"


def _lines(text: str, first: str, others: str) -> Iterator[str]:
    """A text in lines, each with its margin."""
    for number, line in enumerate(wrapped(text, max(WIDTH - len(others), 20))):
        yield (others if number else first) + line


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """How many columns a text takes."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
