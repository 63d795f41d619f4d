"""SVG: a drawing that stands alone, with its own layout, for light and dark pages.

Nothing in it runs, loads or refers to anything outside; every text of a chart is escaped; ids and classes are made of
our own words only.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from orderfsm.chart import Kind

from .drawing import MARGIN, drawing
from .glyphs import glyph
from .legend import items, legend
from .overlay import Marks, Overlay, marks
from .palette import style
from .picture import gathered, picture
from .scopes import Part
from .shapes import bow, circle, group, head, number, path, rect, text, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm.chart import Chart

    from .drawing import Drawing, DrawnBox, DrawnLine
    from .picture import Edge, Node, Picture
    from .scopes import Line

__all__ = ["THEMES", "render"]

THEMES = ("auto", "light", "dark")

NARROWEST = 200.0
"""What the widest item of a legend takes."""


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as one SVG element; `theme` is light, dark or auto: as the reader's screen is.

    Raises ValueError for another theme, StoredStateUnknown when the chart lacks the overlay's current configuration.
    """
    if theme not in THEMES:
        raise ValueError(f"there is no theme {theme!r}; choose one of {', '.join(THEMES)}")
    marked = marks(chart, overlay)
    seen, found = _laid_out(chart, detail)
    rows, tall = legend(tuple(items(chart, seen.edges, marked)), found.width - 2 * MARGIN, MARGIN, found.height)
    page = replace(found, width=max(found.width, NARROWEST), height=found.height + tall + (MARGIN if tall else 0.0))
    body = [*_Page(chart, page, marked).body(), *rows]
    return _document(chart, overlay, page, style(theme), "\n".join(body))


def _laid_out(chart: Chart, detail: str) -> tuple[Picture, Drawing]:
    """The picture of a chart and where everything is; kept with the chart's table, once there is one."""
    memo: dict[str, Any] = {} if chart._table is None else chart._table.memo
    key = f"drawing {detail}"
    if key not in memo:
        seen = gathered(picture(chart, detail=detail))
        memo[key] = seen, drawing(seen, detail)
    found: tuple[Picture, Drawing] = memo[key]
    return found


def _document(chart: Chart, overlay: Overlay, page: Drawing, sheet: str, body: str) -> str:
    identifier = "orderfsm-" + sha256(f"{chart.name} {chart.hash} {overlay}".encode(errors="replace")).hexdigest()[:12]
    width, height = number(page.width), number(page.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="orderfsm" role="img" '
        f'aria-labelledby="{identifier}-title {identifier}-desc" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n'
        f'<title id="{identifier}-title">{text(chart.title or chart.name)}</title>\n'
        f'<desc id="{identifier}-desc">{text(_told(chart, overlay))}</desc>\n'
        f"<style>{sheet}</style>\n{body}\n</svg>\n"
    )


def _told(chart: Chart, overlay: Overlay) -> str:
    """The drawing in words."""
    states = [state for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)]
    parts = [f"State chart {chart.name}: {len(states)} states, {len(chart.transitions)} arrows."]
    if overlay.current is not None:
        parts.append(f"The order is in {overlay.current}.")
    if overlay.taken:
        parts.append(f"Its history has {len(overlay.taken)} entries.")
    return " ".join([*parts, *(f"{arrow}." for arrow in chart.transitions)])


class _Page:
    """What is drawn, from back to front: compound states, arrows, states."""

    def __init__(self, chart: Chart, found: Drawing, marked: Marks) -> None:
        self.chart, self.drawing, self.marked = chart, found, marked

    def body(self) -> Iterator[str]:
        page = self.drawing
        yield f'<rect class="page" width="{number(page.width)}" height="{number(page.height)}"/>'
        yield from (self.around(box, box.node) for box in page.boxes if box.node and _is_around(box.node))
        yield from map(self.line, sorted(page.lines, key=self.rank))
        yield from (self.loop(box) for box in page.boxes if box.loop is not None)
        yield from (self.box(box) for box in page.boxes if not (box.node and _is_around(box.node)))

    def rank(self, line: DrawnLine) -> int:
        """What has a higher rank lies upon the rest."""
        classes = self.classes(line.line)
        return 2 * ("taken" in classes) + ("happy" in classes)

    # --- states

    def around(self, box: DrawnBox, node: Node) -> str:
        frame = rect(box.x, box.y, box.width, box.height, 10.0)
        return self.state(node, str(node.kind), frame + words(box.words, box.x + 12, box.y + 5))

    def box(self, box: DrawnBox) -> str:
        x, y = box.x + box.width / 2, box.y + box.height / 2
        if box.part.kind == "start":
            return circle(x, y, box.width / 2, "start")
        node = box.node
        if node is None:
            return group("fork", rect(box.x, box.y, box.width, box.height, 2.0))
        if node.kind.is_history:
            return self.state(node, "history", circle(x, y, box.width / 2) + words(box.words, x, y - 8.5, "middle"))
        shape = rect(box.x, box.y, box.width, box.height, 8.0)
        if node.kind is Kind.FINAL:
            shape += rect(box.x + 3, box.y + 3, box.width - 6, box.height - 6, 5.5)
        return self.state(node, f"{node.category or 'plain'} {node.kind}", shape + self.inside(box, node))

    def inside(self, box: DrawnBox, node: Node) -> str:
        """The sign of the category and the words, together in the middle."""
        tall = sum(word.height for word in box.words)
        top = box.y + (box.height - tall) / 2
        middle = box.x + box.width / 2
        if node.category is None:
            return words(box.words, middle, top, "middle")
        return glyph(node.category, box.x + 17, box.y + box.height / 2) + words(box.words, middle + 8, top, "middle")

    def state(self, node: Node, kind: str, content: str) -> str:
        name = node.name
        seen = " active" if name in self.marked.active else " passed" if name in self.marked.passed else ""
        return group(f"state {kind}{seen}", content, title=self.about(name), state=name)

    def about(self, name: str) -> str:
        state = self.chart.by_name[name]
        code, category = self.chart.code_of(name), self.chart.category_of(name)
        parts = [name, f"code {code}" if code else "", str(category or ""), state.title, state.description]
        now = "the order is here" if name in self.marked.active else ""
        return "; ".join(part for part in (*parts, now) if part)

    # --- arrows

    def classes(self, line: Line) -> str:
        happy = any(edge.happy for edge in line.edges)
        begun = line.source == Part("start", "") and not line.edges and line.target.name in self.marked.begun
        walked = begun or any(self.marked.walks(edge.transitions) for edge in line.edges)
        marked = ("arrow", "" if line.edges else "default", "" if line.sure else "unsure", "happy" if happy else "")
        return " ".join(filter(None, (*marked, "taken" if walked else "")))

    def line(self, line: DrawnLine) -> str:
        """A line with its words; one that joins another ends there, unless it was taken."""
        classes = self.classes(line.line)
        whole = line.alone == line.points or "taken" in classes
        drawn = path(line.points) + head(line.points) if whole else path(line.alone, 0.0)
        ends = {"from": line.line.source.name, "to": line.line.target.name}
        return group(classes, drawn + words(line.words, *line.label), title=_arrows(line.line.edges), **ends)

    def loop(self, box: DrawnBox) -> str:
        """An arrow from a state to itself, on its right."""
        line = self.drawing.loops[box.part.name]
        x, y = box.x + box.width, box.y + box.height / 2
        beside = words(box.loop or (), x + 26, y - sum(word.height for word in box.loop or ()) / 2)
        ends = {"from": box.part.name, "to": box.part.name}
        return group(self.classes(line), bow(x, y) + beside, title=_arrows(line.edges), **ends)


def _is_around(node: Node) -> bool:
    return node.kind in (Kind.COMPOUND, Kind.PARALLEL)


def _arrows(edges: Sequence[Edge]) -> str:
    return "; ".join(str(transition) for edge in edges for transition in edge.transitions)
