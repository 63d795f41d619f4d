"""PlantUML state diagrams. Every name is mapped to an identifier of ours, every label is escaped.

Regions are composite states in a dashed one, for PlantUML refuses arrows that lead into a region divided off by `--`.
Arrows that all children of a state have are drawn one by one: with many arrows at a composite state, PlantUML draws its
children outside of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orderfsm.chart import Kind
from orderfsm.printable import printable

from .arrows import AROUND, Spot, arrows, identifiers
from .captions import TONES, colours, lines, on_arrow, on_state, style, title
from .overlay import marks
from .picture import picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderfsm.chart import Chart

    from .arrows import Arrow
    from .captions import Caption
    from .overlay import Marks, Overlay
    from .palette import Palette
    from .picture import Node, Picture

__all__ = ["escape", "render"]

INDENT = "  "


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as a state diagram of PlantUML, which any version since 2020 reads."""
    marked = marks(chart, overlay)
    return _Diagram(picture(chart, detail=detail), marked, colours(theme)).text()


def escape(text: str) -> str:
    """The text as PlantUML shows it and never reads it: all but letters, digits and a few signs become `<U+...>`."""
    shown = printable(" ".join(text.split()))
    return re.sub(r"[^\w ,.()]|_(?=_)|(?<=_)_", lambda found: f"<U+{ord(found[0]):04X}>", shown)


class _Diagram:
    def __init__(self, picture: Picture, marked: Marks, colours: Palette) -> None:
        self.picture, self.marks, self.colours = picture, marked, colours
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.ids = identifiers(self.nodes)
        self.arrows = arrows(picture)

    def text(self) -> str:
        return "\n".join(["@startuml", *self.body(), "@enduml"]) + "\n"

    def body(self) -> Iterator[str]:
        yield from ("hide empty description", "hide stereotype")
        yield f"title {self.words(title(self.picture, self.marks))}"
        yield from self.look()
        yield from self.scope(None)
        forks = (arrow.target for arrow in self.arrows if arrow.target.kind == "fork")
        yield from (f"state {self.spot(fork)} <<fork>>" for fork in forks)
        yield from (self.arrow(arrow) for arrow in self.arrows if not _is_inner_start(arrow.source))

    def look(self) -> Iterator[str]:
        """The colours in use."""
        one = {name: found[0] for name, found in self.colours.items()}
        yield "skinparam {"
        yield f"{INDENT}shadowing false"
        yield f"{INDENT}backgroundColor {one['page']}"
        yield f"{INDENT}titleFontColor {one['ink']}"
        yield f"{INDENT}activityBarColor {one['ink']}"
        yield f"{INDENT}arrowColor {one['line']}"
        yield f"{INDENT}arrowFontColor {one['soft']}"
        yield f"{INDENT}arrowFontSize 11"
        yield "}"
        yield "skinparam state {"
        yield from (f"{INDENT}{name} {one['ink']}" for name in ("fontColor", "startColor", "endColor"))
        for look in dict.fromkeys(style(node, self.marks) for node in self.picture.nodes):
            name, _, seen = look.partition("_")
            fill, line = self.colours[name]
            yield f"{INDENT}backgroundColor<<{look}>> {fill}"
            yield f"{INDENT}borderColor<<{look}>> {one['taken'] if seen else line}"
        yield "}"

    # --- states

    def scope(self, name: str | None) -> Iterator[str]:
        """The nodes directly inside a node, where it begins and where it ends."""
        for node in self.picture.inside(name):
            yield from self.state(node)
        start = Spot("start", name or "")
        if name is not None:
            yield from (self.arrow(arrow) for arrow in self.arrows if arrow.source == start)
        yield from (f"{self.ids[n.name]} --> [*]" for n in self.picture.inside(name) if n.kind is Kind.FINAL)

    def state(self, node: Node) -> Iterator[str]:
        now = f"<U+{ord('▶'):X}> " if node.name in self.marks.active else ""
        words = now + self.words(on_state(node, self.marks))
        border = " ##[dashed]" if node.kind is Kind.PARALLEL else ""
        said = f'state "{words}" as {self.ids[node.name]} <<{style(node, self.marks)}>>{border}'
        if node.kind not in AROUND:
            yield said
            return
        yield f"{said} {{"
        yield from (INDENT + line for line in self.scope(node.name))
        yield "}"

    # --- arrows

    def arrow(self, arrow: Arrow) -> str:
        words = self.words(on_arrow(arrow.edges, self.marks)) if arrow.said else ""
        return f"{self.spot(arrow.source)} {self.line(arrow)} {self.spot(arrow.target)}{f' : {words}' if words else ''}"

    def line(self, arrow: Arrow) -> str:
        walked = arrow.walked(self.marks)
        colour = self.colours["taken" if walked else "happy"][0] if walked or arrow.happy else ""
        styles = ",".join(filter(None, (colour, "bold" if colour else "", "" if arrow.sure else "dashed")))
        return f"-[{styles}]->" if styles else "-->"

    def spot(self, spot: Spot) -> str:
        if spot.kind == "state":
            return self.ids[spot.name]
        return "[*]" if spot.kind == "start" else f"fork_{spot.name}"

    # --- words

    def words(self, captions: Iterable[Caption]) -> str:
        """The lines of captions with PlantUML's own marks."""
        return "\\n".join(self.marked(found, escape(line)) for found, line in lines(captions))

    def marked(self, caption: Caption, line: str) -> str:
        if caption.style in ("title", "name"):
            return f"<b>{line}</b>"
        if caption.tone in TONES:
            line = f"<color:{self.colours[TONES[caption.tone]][1]}>{line}</color>"
        if caption.style in ("answer", "detail", "note"):
            return f"<size:10>{line}</size>"
        return f"<i>{line}</i>" if caption.style == "unsure" else line


def _is_inner_start(spot: Spot) -> bool:
    return spot.kind == "start" and spot.name != ""
