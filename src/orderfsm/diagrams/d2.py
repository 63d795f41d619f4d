"""D2. Compound states are containers; every name is mapped to an identifier of ours, every label is escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orderfsm.chart import Kind
from orderfsm.printable import printable

from .arrows import AROUND, Spot, arrows, identifiers
from .captions import colours, lines, on_arrow, on_state, style, title
from .overlay import marks
from .picture import gathered, outside, picture

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
    """The chart for `d2`. Labels are quoted; italics and small letters are not to be had in parts of them."""
    marked = marks(chart, overlay)
    return _Board(gathered(picture(chart, detail=detail)), marked, colours(theme)).text()


def escape(text: str) -> str:
    """The text as D2 takes it between double quotes."""
    return re.sub(r'[\\"$]', r"\\\g<0>", printable(" ".join(text.split())))


class _Board:
    def __init__(self, picture: Picture, marked: Marks, colours: Palette) -> None:
        self.picture, self.marks, self.colours = picture, marked, colours
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.ids = identifiers(self.nodes)
        self.arrows = arrows(picture)

    def text(self) -> str:
        return "\n".join(self.body()) + "\n"

    def body(self) -> Iterator[str]:
        page, ink = (self.colours[name][0] for name in ("page", "ink"))
        yield "direction: down"
        yield f'style.fill: "{page}"'
        said = _words(title(self.picture, self.marks))
        yield f'title: "{said}" {{shape: text; near: top-center; style: {{font-size: 20; font-color: "{ink}"}}}}'
        yield "classes: {"
        yield from (INDENT + line for line in self.classes())
        yield "}"
        yield from self.scope(None)
        forks = (arrow.target for arrow in self.arrows if arrow.target.kind == "fork")
        yield from (f'{self.path(fork)}: "" {{class: fork}}' for fork in forks)
        yield from map(self.arrow, self.arrows)

    def classes(self) -> Iterator[str]:
        """The looks in use: those of states by category, of starts, forks and arrows."""
        ink, line = self.colours["ink"][0], self.colours["line"][0]
        soft = self.colours["soft"][0]
        for name in dict.fromkeys(style(node, self.marks) for node in self.picture.nodes):
            yield f"{name}: {{style: {{{self.look(name)}}}}}"
        yield f'start: {{shape: circle; width: 16; height: 16; style: {{fill: "{ink}"; stroke: "{ink}"}}}}'
        yield f'fork: {{width: 60; height: 8; style: {{fill: "{ink}"; stroke: "{ink}"}}}}'
        yield f'arrow: {{style: {{stroke: "{line}"; stroke-width: 1; font-size: 13; font-color: "{soft}"}}}}'
        for name in ("happy", "taken"):
            yield f'{name}: {{style: {{stroke: "{self.colours[name][0]}"; stroke-width: 3; font-color: "{soft}"}}}}'

    def look(self, name: str) -> str:
        kind, _, seen = name.partition("_")
        fill, line = self.colours[kind]
        line, width = (self.colours["taken"][0], 4 if seen == "active" else 2) if seen else (line, 1)
        font = f'font-size: 15; font-color: "{self.colours["ink"][0]}"'
        return f'fill: "{fill}"; stroke: "{line}"; stroke-width: {width}; border-radius: 8; {font}'

    # --- states

    def scope(self, name: str | None) -> Iterator[str]:
        """The start and the nodes directly inside a node."""
        if any(arrow.source == Spot("start", name or "") for arrow in self.arrows):
            yield 'start: "" {class: start}'
        for node in self.picture.inside(name):
            if node.kind not in AROUND:
                yield f"{self.said(node)} {{{self.shape(node)}}}"
                continue
            yield f"{self.said(node)} {{"
            yield INDENT + self.shape(node)
            yield from (INDENT + line for line in self.scope(node.name))
            yield "}"

    def said(self, node: Node) -> str:
        return f'{self.ids[node.name]}: "{_words(on_state(node, self.marks))}"'

    def shape(self, node: Node) -> str:
        found = f"class: {style(node, self.marks)}"
        if node.kind.is_history:
            return f"{found}; shape: circle"
        extra = {Kind.FINAL: "style.double-border: true", Kind.PARALLEL: "style.stroke-dash: 5"}.get(node.kind)
        return f"{found}; {extra}" if extra else found

    # --- arrows

    def arrow(self, arrow: Arrow) -> str:
        words = _words(on_arrow(arrow.edges, self.marks)) if arrow.said else ""
        label = f': "{words}"' if words else ":"
        return f"{self.path(arrow.source)} -> {self.path(arrow.target)}{label} {{{self.line(arrow)}}}"

    def line(self, arrow: Arrow) -> str:
        extra = "taken" if arrow.walked(self.marks) else "happy" if arrow.happy else ""
        name = f"[arrow; {extra}]" if extra else "arrow"
        dashes = "" if arrow.sure else "; style.stroke-dash: 4; style.italic: true"
        return f"class: {name}{dashes}"

    def path(self, spot: Spot) -> str:
        """Where a spot is, from outside to inside."""
        if spot.kind == "fork":
            return f"fork_{spot.name}"
        around = [self.ids[name] for name in reversed(outside(self.picture.nodes, spot.name))]
        own = [self.ids[spot.name]] if spot.name else []
        return ".".join([*around, *own, *(["start"] if spot.kind == "start" else [])])


def _words(captions: Iterable[Caption]) -> str:
    return "\\n".join(escape(line) for _, line in lines(captions))
