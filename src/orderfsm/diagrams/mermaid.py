"""Mermaid, stateDiagram-v2. Every name is mapped to an identifier of ours, every label is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orderfsm.chart import Kind
from orderfsm.printable import printable

from .arrows import AROUND, Spot, arrows, identifiers
from .captions import SIGNS, colours, lines, on_arrow, on_state, style, title
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

__all__ = ["HAPPY", "TAKEN", "escape", "render"]

INDENT = "    "
HAPPY, TAKEN = "★", "▸"
"""Signs before the words of an arrow, for Mermaid draws all lines of a state diagram alike."""

SAFE = frozenset(f" _.,-()[]/+=?'·…{HAPPY}{TAKEN}{''.join(SIGNS.values())}")


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as a stateDiagram-v2.

    Lines and letters have no styles there: an arrow that no source states says so in brackets, e.g. `hold (inferred)`;
    the happy path and the way of an order are signs before the words of their arrows.
    """
    marked = marks(chart, overlay)
    seen = gathered(picture(chart, detail=detail))
    head = ['%%{init: {"theme": "dark"}}%%'] if theme == "dark" else []
    return "\n".join([*head, *_Drawing(seen, marked, colours(theme)).text()]) + "\n"


def escape(text: str) -> str:
    """The text as Mermaid shows it and never reads it: all but letters, digits and a few signs become entity codes."""
    shown = printable(" ".join(text.split()))
    return "".join(c if c.isalnum() or c in SAFE else f"#{ord(c)};" for c in shown)


@dataclass(frozen=True, slots=True)
class _Line:
    """An arrow as Mermaid has it, in the scope it belongs to (None: outermost)."""

    scope: str | None
    source: str
    target: str
    label: str = ""

    def __str__(self) -> str:
        return f"{self.source} --> {self.target}" + (f": {self.label}" if self.label else "")


class _Drawing:
    def __init__(self, picture: Picture, marked: Marks, colours: Palette) -> None:
        self.picture, self.marks, self.colours = picture, marked, colours
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.ids = identifiers(self.nodes)
        self.arrows = arrows(picture)
        self.lines = [*map(self.line, self.arrows), *self.ends()]

    def text(self) -> Iterator[str]:
        yield "stateDiagram-v2"
        yield from (INDENT + line for line in self.body())

    def body(self) -> Iterator[str]:
        yield "direction LR"
        forks = (arrow.target for arrow in self.arrows if arrow.target.kind == "fork")
        yield from (f"state {self.spot(fork)} <<fork>>" for fork in forks)
        yield from self.scope(None)
        yield from self.aside()
        yield from self.classes()

    # --- states

    def scope(self, parent: str | None) -> Iterator[str]:
        """The nodes and arrows directly inside a node; the regions of a parallel one are divided by a line."""
        if self.parallel(parent):
            yield from self.regions(parent)
            return
        for node in self.picture.inside(parent):
            yield from self.node(node)
        yield from (str(line) for line in self.lines if line.scope == parent)

    def parallel(self, name: str | None) -> bool:
        return name is not None and self.nodes[name].kind is Kind.PARALLEL

    def regions(self, parent: str | None) -> Iterator[str]:
        """The regions, each with its own arrows: Mermaid moves a node to the region that mentions it last."""
        begun = False
        for node in self.picture.inside(parent):
            if begun and not node.kind.is_history:
                yield "--"
            begun = begun or not node.kind.is_history
            yield from self.node(node)
            mine = (line for line in self.lines if line.scope == parent and line.source == self.ids[node.name])
            yield from map(str, mine)

    def node(self, node: Node) -> Iterator[str]:
        name = self.ids[node.name]
        yield f'state "{_words(on_state(node, self.marks))}" as {name}'
        if node.kind in AROUND:
            yield f"state {name} {{"
            yield from (INDENT + line for line in self.scope(node.name))
            yield "}"

    def aside(self) -> Iterator[str]:
        """What belongs to no state or arrow, as a note at the first state."""
        said = _words(title(self.picture, self.marks)[1:])
        if said:
            yield f"note left of {self.ids[self.picture.nodes[0].name]} : {said}"

    def classes(self) -> Iterator[str]:
        """The looks in use, and who wears them: leaves by category, and whatever an order is or was in."""
        wearers: dict[str, list[str]] = {}
        for node in self.picture.nodes:
            look, _, seen = style(node, self.marks).partition("_")
            for name in (look if look not in ("plain", "around") else "", seen):
                if name:
                    wearers.setdefault(name, []).append(self.ids[node.name])
        for name, ids in wearers.items():
            yield f"classDef {name} {self.look(name)}"
            yield f"class {','.join(ids)} {name}"

    def look(self, name: str) -> str:
        if name in ("active", "passed"):
            return f"stroke:{self.colours['taken'][0]},stroke-width:{'4px' if name == 'active' else '2px'}"
        fill, stroke = self.colours[name]
        return f"fill:{fill},stroke:{stroke},color:{self.colours['ink'][0]}"

    # --- arrows

    def line(self, arrow: Arrow) -> _Line:
        source, target = arrow.source, arrow.target
        words = _words(on_arrow(arrow.edges, self.marks)) if arrow.said else ""
        sign = TAKEN if arrow.walked(self.marks) else HAPPY if arrow.happy else ""
        label = " ".join(filter(None, (sign, words)))
        if source.kind != "start" or arrow.edges or target.kind == "fork":
            return _Line(self.around(arrow), self.spot(source), self.spot(target), label)
        child = self.child(source.name or None, target.name)
        beyond = "" if child == target.name else escape(self.nodes[target.name].label)
        return _Line(source.name or None, "[*]", self.ids[child], " ".join(filter(None, (label, beyond))))

    def around(self, arrow: Arrow) -> str | None:
        """The scope of an arrow: what is around both ends; no region, unless the arrow leads from a state to itself."""
        source, target = arrow.source, arrow.target
        if source.kind == "start":
            return source.name or None
        if source.kind == "fork" or target.kind == "fork":
            return None
        scope = self.nodes[source.name].parent
        together = target == source if self.parallel(scope) else self.nodes[target.name].parent == scope
        return scope if together else None

    def child(self, owner: str | None, name: str) -> str:
        """The node directly inside the owner that is, or holds, the named one."""
        return next(node for node in (name, *outside(self.picture.nodes, name)) if self.nodes[node].parent == owner)

    def ends(self) -> Iterator[_Line]:
        finals = (node for node in self.picture.nodes if node.kind is Kind.FINAL)
        return (_Line(node.parent, self.ids[node.name], "[*]") for node in finals)

    def spot(self, spot: Spot) -> str:
        if spot.kind == "state":
            return self.ids[spot.name]
        return "[*]" if spot.kind == "start" else f"fork_{spot.name}"


def _words(captions: Iterable[Caption]) -> str:
    return "<br/>".join(escape(line) for _, line in lines(captions))
