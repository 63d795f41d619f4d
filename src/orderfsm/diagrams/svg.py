"""SVG: a drawing that stands alone, with its own layout, for light and dark pages.

Nothing in it runs, loads or refers to anything outside; every text of a chart is escaped; ids and classes are made of
our own words only.
"""

from __future__ import annotations

from hashlib import sha256
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from orderfsm.chart import Basis, Kind
from orderfsm.printable import printable

from .glyphs import glyph
from .nested import drawn
from .overlay import Marks, Overlay, marks
from .palette import style
from .picture import picture
from .words import LINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm.chart import Chart

    from .layered import Point
    from .nested import Drawn, DrawnBox, DrawnLine
    from .picture import Node

__all__ = ["THEMES", "render"]

THEMES = ("auto", "light", "dark")


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as one SVG element; `theme` is light, dark or auto: as the reader's screen is.

    Raises ValueError for another theme, StoredStateUnknown when the chart lacks the overlay's current configuration.
    """
    if theme not in THEMES:
        raise ValueError(f"there is no theme {theme!r}; choose one of {', '.join(THEMES)}")
    marked = marks(chart, overlay)
    drawing = drawn(picture(chart, detail=detail))
    identifier = "orderfsm-" + sha256(f"{chart.name} {chart.hash} {overlay}".encode(errors="replace")).hexdigest()[:12]
    body = "\n".join(_Page(chart, drawing, marked).body())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="orderfsm" role="img" '
        f'aria-labelledby="{identifier}-title {identifier}-desc" width="{_n(drawing.width)}" '
        f'height="{_n(drawing.height)}" viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}">\n'
        f'<title id="{identifier}-title">{_text(chart.title or chart.name)}</title>\n'
        f'<desc id="{identifier}-desc">{_text(_told(chart, overlay))}</desc>\n'
        f"<style>{style(theme)}</style>\n{body}\n</svg>\n"
    )


def _told(chart: Chart, overlay: Overlay) -> str:
    """The drawing in words."""
    states = [state for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)]
    parts = [f"State chart {chart.name}: {len(states)} states, {len(chart.transitions)} arrows."]
    if overlay.current is not None:
        parts.append(f"The order is in {overlay.current}.")
    if overlay.taken:
        parts.append(f"It came here in {len(overlay.taken)} steps.")
    return " ".join([*parts, *(f"{arrow}." for arrow in chart.transitions)])


class _Page:
    """What is drawn, from back to front: compound states, arrows, states, words."""

    def __init__(self, chart: Chart, drawing: Drawn, marked: Marks) -> None:
        self.chart, self.drawing, self.marked = chart, drawing, marked

    def body(self) -> Iterator[str]:
        around = [box for box in self.drawing.boxes if _is_around(box)]
        yield f'<rect class="page" width="{_n(self.drawing.width)}" height="{_n(self.drawing.height)}"/>'
        yield from map(self.around, around)
        ordered = sorted(self.drawing.lines, key=lambda line: self.rank(line))
        yield from map(self.line, ordered)
        yield from (self.box(box) for box in self.drawing.boxes if not _is_around(box))
        yield from (self.loop(box) for box in self.drawing.boxes if box.loops)

    def rank(self, line: DrawnLine) -> int:
        """What is drawn later lies upon what is drawn earlier."""
        classes = self.classes(line)
        return 2 * ("taken" in classes) + ("happy" in classes)

    # --- states

    def around(self, box: DrawnBox) -> str:
        kind = "parallel" if box.node is not None and box.node.kind is Kind.PARALLEL else "compound"
        frame = _rect(box, 10.0)
        title = _words("name", box.x + 14, box.y + box.top + 19, " ".join(box.lines))
        return self.group(box, f"state {kind}", f"{frame}{title}")

    def box(self, box: DrawnBox) -> str:
        node = box.node
        middle = box.x + box.width / 2, box.y + box.height / 2
        if node is None:
            return f'<circle class="start" cx="{_n(middle[0])}" cy="{_n(middle[1])}" r="{_n(box.width / 2)}"/>'
        if node.kind.is_history:
            sign = f'<circle cx="{_n(middle[0])}" cy="{_n(middle[1])}" r="{_n(box.width / 2)}"/>'
            word = f'<text class="mid" x="{_n(middle[0])}" y="{_n(middle[1] + 4)}">{_text(node.label)}</text>'
            return self.group(box, "state history", sign + word)
        shape = _rect(box, 8.0) + (_rect(box, 5.5, inset=3.0) if node.kind is Kind.FINAL else "")
        return self.group(box, f"state {node.category or 'plain'} {node.kind}", shape + self.inside(box, node))

    def inside(self, box: DrawnBox, node: Node) -> str:
        step = LINE * 1.2
        first = box.y + box.top + (box.height - box.top - step * len(box.lines)) / 2 + 12.5
        sign = glyph(node.category, box.x + 17, box.y + box.top + (box.height - box.top) / 2) if node.category else ""
        x = box.x + (30 if sign else 14)
        named = len(box.lines) - sum(line.startswith("/ ") for line in box.lines)
        spans = "".join(
            _words("name" if place < named else "small", x, first + place * step, line)
            for place, line in enumerate(box.lines)
        )
        return sign + spans

    def group(self, box: DrawnBox, classes: str, content: str) -> str:
        name = box.name
        classes += " active" if name in self.marked.active else " passed" if name in self.marked.passed else ""
        return f'<g class="{classes}" data-state="{_text(name)}"><title>{_text(self.about(name))}</title>{content}</g>'

    def about(self, name: str) -> str:
        state = self.chart.by_name[name]
        code, category = self.chart.code_of(name), self.chart.category_of(name)
        parts = [name, f"code {code}" if code else "", str(category or ""), state.title, state.description]
        now = "the order is here" if name in self.marked.active else ""
        return "; ".join(part for part in (*parts, now) if part)

    # --- arrows

    def classes(self, line: DrawnLine) -> str:
        edges = line.edges
        sure = not edges or any(edge.basis in (None, Basis.STATED, Basis.DOCUMENTED) for edge in edges)
        happy = any(edge.happy for edge in edges)
        walked = any(self.marked.walks(edge.transitions) for edge in edges)
        words = ("arrow", "" if sure else "unsure", "happy" if happy else "", "taken" if walked else "")
        return " ".join(filter(None, words))

    def line(self, line: DrawnLine) -> str:
        x, y, _, _ = line.label
        words = "".join(_words("label", x + 4, y + LINE * place + 11, word) for place, word in enumerate(line.words))
        told = "; ".join(str(transition) for edge in line.edges for transition in edge.transitions)
        title = f"<title>{_text(told)}</title>" if told else ""
        drawn = f'<path d="{_path(line.points)}"/>{_head(line.points)}'
        ends = f'data-from="{_text(line.source)}" data-to="{_text(line.target)}"'
        return f'<g class="{self.classes(line)}" {ends}>{title}{drawn}{words}</g>'

    def loop(self, box: DrawnBox) -> str:
        x, y = box.x + box.width - 10, box.y + box.top
        words = "".join(
            _words("label", box.x + 4, box.y + LINE * place + 11, word) for place, word in enumerate(box.loops)
        )
        path = f'<path d="M{_n(x - 16)},{_n(y)} C{_n(x - 20)},{_n(y - 15)} {_n(x + 4)},{_n(y - 15)} {_n(x)},{_n(y)}"/>'
        head = _head(((x + 1, y - 6), (x, y)))
        return f'<g class="arrow" data-from="{_text(box.name)}" data-to="{_text(box.name)}">{path}{head}{words}</g>'


def _is_around(box: DrawnBox) -> bool:
    return box.node is not None and box.node.kind in (Kind.COMPOUND, Kind.PARALLEL)


def _rect(box: DrawnBox, radius: float, inset: float = 0.0) -> str:
    return (
        f'<rect x="{_n(box.x + inset)}" y="{_n(box.y + box.top + inset)}" width="{_n(box.width - 2 * inset)}" '
        f'height="{_n(box.height - box.top - 2 * inset)}" rx="{_n(radius)}"/>'
    )


def _path(points: Sequence[Point]) -> str:
    """Straight where it runs level, a curve where it changes its height."""
    parts = [f"M{_n(points[0][0])},{_n(points[0][1])}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (x1 + x2) / 2
        curve = f"C{_n(middle)},{_n(y1)} {_n(middle)},{_n(y2)} {_n(x2)},{_n(y2)}"
        parts.append(f"L{_n(x2)},{_n(y2)}" if abs(y1 - y2) < 0.05 else curve)
    return " ".join(parts)


def _head(points: Sequence[Point]) -> str:
    (x1, _), (x, y) = points[-2], points[-1]
    back = 7.0 if x1 < x else -7.0
    return f'<path class="head" d="M{_n(x)},{_n(y)} L{_n(x - back)},{_n(y - 3.5)} L{_n(x - back)},{_n(y + 3.5)} Z"/>'


def _words(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{_text(text)}</text>'


def _text(text: str) -> str:
    return escape(printable(" ".join(text.split())), quote=True)


def _n(value: float) -> str:
    """A number with one digit, and no more than it takes."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )
