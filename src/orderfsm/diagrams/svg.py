"""SVG: a drawing that stands alone, with its own layout, for light and dark pages.

Nothing in it runs, loads or refers to anything outside; every text of a chart is escaped; ids and classes are made of
our own words only.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from orderfsm.chart import Kind

from .drawing import GAUGE, MARGIN, NOTED, drawing
from .glyphs import glyph, mark
from .labels import extent, tested
from .legend import items, legend, tones
from .level import BESIDE
from .overlay import Marks, Overlay, marks
from .palette import root, style
from .picture import gathered, picture
from .scopes import Part
from .shapes import bow, circle, gauge, group, head, number, path, rect, text, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orderfsm.chart import Chart, Transition

    from .drawing import Drawing, DrawnBox, DrawnLine
    from .note import Note
    from .picture import Edge, Node, Picture
    from .scopes import Line

__all__ = ["THEMES", "laid_out", "render"]

THEMES = ("auto", "light", "dark")

NARROWEST = 400.0
"""How much room a legend takes at least before it goes on in the next row."""


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as one SVG element; `theme` is light, dark or auto: as the reader's screen is.

    Raises ValueError for another theme, StoredStateUnknown when the chart lacks the overlay's current configuration.
    """
    if theme not in THEMES:
        raise ValueError(f"there is no theme {theme!r}; choose one of {', '.join(THEMES)}")
    marked = marks(chart, overlay)
    seen, found = laid_out(chart, detail, marked)
    width = max(found.width, NARROWEST) - 2 * MARGIN
    rows, wide, tall = legend(tuple(items(chart, seen, marked)), width, MARGIN, found.height)
    wide, tall = max(found.width, wide + 2 * MARGIN), found.height + tall + (MARGIN if tall else 0.0)
    page = _Page(chart, replace(found, width=wide, height=tall), marked)
    sheet = style(theme, tones(seen) | {note.tone for note in marked.aside})
    told, kind = _told(chart, overlay, marked), "" if (detail, theme) == ("full", "auto") else f" {detail} {theme}"
    identifier = sha256(f"{chart.name} {chart.hash} {told}{kind}".encode(errors="replace")).hexdigest()[:12]
    return _document(chart, page, told, (f"orderfsm-{identifier}", root(theme)), sheet, [*page.body(), *rows])


def laid_out(chart: Chart, detail: str, marked: Marks) -> tuple[Picture, Drawing]:
    """The picture of a chart with its notes, and where everything is.

    Without notes it is kept with the chart's table, once there is one: then it is the same for every order.
    """
    if marked.on_states or marked.on_arrows:
        seen = gathered(_noted(picture(chart, detail=detail), marked))
        return seen, drawing(seen, detail)
    memo: dict[str, Any] = {} if chart._table is None else chart._table.memo
    key = f"drawing {detail}"
    if key not in memo:
        seen = gathered(picture(chart, detail=detail))
        memo[key] = seen, drawing(seen, detail)
    found: tuple[Picture, Drawing] = memo[key]
    return found


def _noted(seen: Picture, marked: Marks) -> Picture:
    nodes = (replace(node, notes=marked.of_state(node.name)) for node in seen.nodes)
    edges = (replace(edge, notes=marked.of_arrows(edge.transitions)) for edge in seen.edges)
    return replace(seen, nodes=tuple(nodes), edges=tuple(edges))


def _document(chart: Chart, page: _Page, told: str, names: tuple[str, str], sheet: str, body: Sequence[str]) -> str:
    """The element, by its identifier and its class."""
    identifier, root = names
    inside = "\n".join(body)
    width, height = number(page.drawing.width), number(page.drawing.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{root}" role="img" '
        f'aria-labelledby="{identifier}-title {identifier}-desc" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n'
        f'<title id="{identifier}-title">{text(chart.title or chart.name)}</title>\n'
        f'<desc id="{identifier}-desc">{text(told)}</desc>\n'
        f"<style>{sheet}</style>\n{inside}\n</svg>\n"
    )


def _told(chart: Chart, overlay: Overlay, marked: Marks) -> str:
    """The drawing in words."""
    states = [state for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)]
    parts = [f"State chart {chart.name}: {len(states)} states, {len(chart.transitions)} arrows."]
    if overlay.current is not None:
        parts.append(f"The order is in {overlay.current}.")
    if overlay.taken:
        parts.append(f"Its history has {len(overlay.taken)} entries.")
    parts += (f"{note.text}." for note in marked.aside)
    noted = [state.name for state in chart.states if marked.of_state(state.name)]
    parts += (f"{name}: {_listed(marked.of_state(name))}." for name in noted)
    return " ".join([*parts, *(f"{_arrow(arrow, marked)}." for arrow in chart.transitions)])


def _arrow(arrow: Transition, marked: Marks) -> str:
    notes = marked.of_arrows((arrow,))
    return f"{arrow} ({_listed(notes)})" if notes else str(arrow)


def _listed(notes: Iterable[Note]) -> str:
    return ", ".join(note.text for note in notes)


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
        return self.state(node, str(node.kind), frame + words((*box.words, *box.notes), box.x + 12, box.y + 5))

    def box(self, box: DrawnBox) -> str:
        x, y = box.x + box.width / 2, box.y + box.height / 2
        if box.part.kind == "start":
            return circle(x, y, box.width / 2, "start")
        node = box.node
        if node is None:
            return group("fork", rect(box.x, box.y, box.width, box.height, 2.0))
        if node.kind.is_history:
            said = words(box.words, x, y - 8.5, "middle") + words(box.notes, box.x + box.width + BESIDE, y - 7)
            return self.state(node, "history", circle(x, y, box.width / 2) + said)
        shape = rect(box.x, box.y, box.width, box.height, 8.0)
        if node.kind is Kind.FINAL:
            shape += rect(box.x + 3, box.y + 3, box.width - 6, box.height - 6, 5.5)
        return self.state(node, f"{node.category or 'plain'} {node.kind}", shape + self.inside(box, node))

    def inside(self, box: DrawnBox, node: Node) -> str:
        """The words in the middle with the sign of the category on their left; notes and a bar below them."""
        (wide, below), tall = extent(box.notes), extent(box.words)[1]
        below = (below + NOTED if below else 0.0) + (GAUGE if box.share is not None else 0.0)
        top, middle = box.y + (box.height - tall - below) / 2, box.x + box.width / 2
        test = tested(node.notes)
        beside = 8 * (bool(node.category) - bool(test))
        parts = [
            glyph(node.category, box.x + 17, top + tall / 2) if node.category else "",
            mark(test, box.x + box.width - 17, top + tall / 2) if test else "",
            words(box.words, middle + beside, top, "middle"),
            words(box.notes, middle - wide / 2, top + tall + NOTED),
        ]
        if box.share is not None:
            parts.append(gauge(box.x + 12, top + tall + below - 3, box.width - 24, box.share))
        return "".join(parts)

    def state(self, node: Node, kind: str, content: str) -> str:
        name = node.name
        seen = " active" if name in self.marked.active else " passed" if name in self.marked.passed else ""
        return group(f"state {kind}{seen}{_changed([node])}", content, title=self.about(name), state=name)

    def about(self, name: str) -> str:
        state = self.chart.by_name[name]
        code, category = self.chart.code_of(name), self.chart.category_of(name)
        parts = [name, f"code {code}" if code else "", str(category or ""), state.title, state.description]
        now = "the order is here" if name in self.marked.active else ""
        return "; ".join(part for part in (*parts, now, _listed(self.marked.of_state(name))) if part)

    # --- arrows

    def classes(self, line: Line) -> str:
        happy = any(edge.happy for edge in line.edges)
        begun = line.source == Part("start", "") and not line.edges and line.target.name in self.marked.begun
        walked = begun or any(self.marked.walks(edge.transitions) for edge in line.edges)
        marked = ("arrow", "" if line.edges else "default", "" if line.sure else "unsure", "happy" if happy else "")
        return " ".join(filter(None, (*marked, "taken" if walked else ""))) + _changed(line.edges)

    def line(self, line: DrawnLine) -> str:
        """A line with its words; one that joins another ends there, unless it was taken."""
        classes = self.classes(line.line)
        whole = line.alone == line.points or "taken" in classes
        drawn = path(line.points) + head(line.points) if whole else path(line.alone, 0.0)
        ends = {"from": line.line.source.name, "to": line.line.target.name}
        return group(classes, drawn + words(line.words, *line.label), title=self.told(line.line.edges), **ends)

    def loop(self, box: DrawnBox) -> str:
        """An arrow from a state to itself, on its right."""
        line = self.drawing.loops[box.part.name]
        x, y = box.x + box.width, box.y + box.height / 2
        beside = words(box.loop or (), x + 26, y - sum(word.height for word in box.loop or ()) / 2)
        ends = {"from": box.part.name, "to": box.part.name}
        return group(self.classes(line), bow(x, y) + beside, title=self.told(line.edges), **ends)

    def told(self, edges: Sequence[Edge]) -> str:
        """The arrows of a line in words, with their notes."""
        return "; ".join(_arrow(transition, self.marked) for edge in edges for transition in edge.transitions)


def _is_around(node: Node) -> bool:
    return node.kind in (Kind.COMPOUND, Kind.PARALLEL)


def _changed(noted: Sequence[Node | Edge]) -> str:
    """The classes of a state or a line: all in it was added or removed, some was changed; whether it is tested."""
    tones = [{note.tone for note in each.notes} for each in noted]
    changes = [tone for tone in ("added", "removed") if all(tone in each for each in tones)] if tones else []
    if not changes and any("changed" in each for each in tones):
        changes.append("changed")
    tests = {tested(each.notes) for each in noted}
    return "".join(f" {tone}" for tone in (*changes, *(tests if len(tests) == 1 else ())) if tone)
