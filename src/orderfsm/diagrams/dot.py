"""Graphviz DOT. Compound states are clusters; every name is mapped to an identifier of ours, every label is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from orderfsm.chart import Kind

from .arrows import AROUND, Spot, arrows, identifiers
from .captions import TONES, colours, lines, on_arrow, on_state, title
from .overlay import marks
from .picture import gathered, picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderfsm.chart import Chart

    from .arrows import Arrow
    from .captions import Caption
    from .overlay import Marks, Overlay
    from .palette import Palette
    from .picture import Node, Picture

__all__ = ["render"]

INDENT = "  "
Attributes = dict[str, str]


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The chart as a digraph for `dot`. Labels are Graphviz's HTML, in which nothing of a chart is markup."""
    marked = marks(chart, overlay)
    return _Digraph(gathered(picture(chart, detail=detail)), marked, colours(theme)).text()


class _Digraph:
    def __init__(self, picture: Picture, marked: Marks, colours: Palette) -> None:
        self.picture, self.marks, self.colours = picture, marked, colours
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.ids = identifiers(self.nodes)
        self.arrows = arrows(picture)
        self.ink, self.soft, self.taken = (colours[name][0] for name in ("ink", "soft", "taken"))

    def text(self) -> str:
        return "\n".join(["digraph chart {", *(INDENT + line for line in self.body()), "}"]) + "\n"

    def body(self) -> Iterator[str]:
        font = {"fontname": "Helvetica,Arial,sans-serif"}
        said = self.words(title(self.picture, self.marks))
        page = {"compound": "true", "rankdir": "TB", "nodesep": "0.35", "ranksep": "0.45"}
        look = {"bgcolor": self.colours["page"][0], "fontcolor": self.ink, "label": said, "labelloc": "t"}
        yield f"graph {_list(page | look | font)}"
        yield f"node {_list({'shape': 'box', 'fontsize': '13', 'fontcolor': self.ink, 'margin': '0.16,0.08'} | font)}"
        yield f"edge {_list({'fontsize': '11', 'fontcolor': self.soft, 'arrowsize': '0.8'} | font)}"
        yield from self.scope(None)
        yield from (self.point(spot) for spot in dict.fromkeys(arrow.target for arrow in self.arrows) if _is_fork(spot))
        yield from map(self.arrow, self.arrows)

    # --- states

    def scope(self, name: str | None) -> Iterator[str]:
        """The start and the nodes directly inside a node."""
        start = Spot("start", name or "")
        if any(arrow.source == start for arrow in self.arrows):
            yield self.point(start)
        for node in self.picture.inside(name):
            if node.kind in AROUND:
                yield f"subgraph cluster_{self.ids[node.name]} {{"
                yield f"{INDENT}graph {_list(self.cluster(node))}"
                yield from (INDENT + line for line in self.scope(node.name))
                yield "}"
            else:
                yield f"{self.ids[node.name]} {_list(self.box(node))}"

    def point(self, spot: Spot) -> str:
        """A start or a fork."""
        fork = {"shape": "box", "width": "0.7", "height": "0.06"}
        shape = fork if _is_fork(spot) else {"shape": "circle", "width": "0.16", "height": "0.16"}
        look = {"label": "", "fixedsize": "true", "style": "filled", "fillcolor": self.ink, "color": self.ink}
        return f"{self.spot(spot)} {_list(shape | look)}"

    def cluster(self, node: Node) -> Attributes:
        fill, line = self.colours["around"]
        style = "rounded,filled,dashed" if node.kind is Kind.PARALLEL else "rounded,filled"
        look = {"style": style, "fillcolor": fill, "color": line, "labeljust": "l", "margin": "12"}
        return {"label": self.words(on_state(node, self.marks)), **look} | self.seen(node.name)

    def box(self, node: Node) -> Attributes:
        category = node.category if node.kind in (Kind.ATOMIC, Kind.FINAL) else None
        fill, line = self.colours["around" if node.kind.is_history else str(category or "plain")]
        look = {"label": self.words(on_state(node, self.marks)), "fillcolor": fill, "color": line}
        if node.kind.is_history:
            return look | {"shape": "circle", "style": "filled", "margin": "0.02"} | self.seen(node.name)
        ends = {"peripheries": "2"} if node.kind is Kind.FINAL else {}
        return look | {"style": "rounded,filled"} | ends | self.seen(node.name)

    def seen(self, name: str) -> Attributes:
        """How a state is marked that an order is in, or was in."""
        if name in self.marks.active:
            return {"color": self.taken, "penwidth": "3.6"}
        return {"color": self.taken, "penwidth": "2"} if name in self.marks.passed else {}

    # --- arrows

    def arrow(self, arrow: Arrow) -> str:
        (tail, source), (head, target) = self.end(arrow.source), self.end(arrow.target)
        ends = ({"ltail": source} if source else {}) | ({"lhead": target} if target else {})
        words = self.words(on_arrow(arrow.edges, self.marks)) if arrow.said else ""
        found = ({"label": words} if words else {}) | ends | ({"arrowhead": "none"} if _is_fork(arrow.target) else {})
        return f"{tail} -> {head} {_list(found | self.line(arrow))}"

    def line(self, arrow: Arrow) -> Attributes:
        dashes = {} if arrow.sure else {"style": "dashed"}
        if arrow.walked(self.marks):
            return dashes | {"color": self.taken, "penwidth": "3.2", "weight": "6"}
        if arrow.happy:
            return dashes | {"color": self.colours["happy"][0], "penwidth": "2.2", "weight": "6"}
        return dashes | {"color": self.colours["line"][0]}

    def end(self, spot: Spot) -> tuple[str, str]:
        """The node at one end of an arrow, and the cluster at whose border the arrow stops."""
        if spot.kind != "state" or self.nodes[spot.name].kind not in AROUND:
            return self.spot(spot), ""
        return self.ids[self.first(spot.name)], f"cluster_{self.ids[spot.name]}"

    def first(self, name: str) -> str:
        """The first box in a cluster; a history state's circle where there is none, as in differences."""
        inside = sorted(self.picture.inside(name), key=lambda node: node.kind.is_history)
        return self.first(inside[0].name) if inside else name

    def spot(self, spot: Spot) -> str:
        if spot.kind == "state":
            return self.ids[spot.name]
        if spot.kind == "start" and spot.name:
            return f"start_{self.ids[spot.name]}"
        return f"{spot.kind}_{spot.name}".rstrip("_")

    # --- words

    def words(self, captions: Iterable[Caption]) -> str:
        """The lines of captions as Graphviz's HTML; empty for none."""
        found = "<BR/>".join(self.marked(caption, escape(line)) for caption, line in lines(captions))
        return f"<{found}>" if found else ""

    def marked(self, caption: Caption, line: str) -> str:
        if caption.style in ("title", "name"):
            return f"<B>{line}</B>"
        if caption.style in ("answer", "detail", "note"):
            colour = self.colours[TONES[caption.tone]][1] if caption.tone in TONES else self.soft
            return f'<FONT POINT-SIZE="10" COLOR="{colour}">{line}</FONT>'
        return f"<I>{line}</I>" if caption.style == "unsure" else line


def _is_fork(spot: Spot) -> bool:
    return spot.kind == "fork"


def _list(attributes: Attributes) -> str:
    """Attributes in brackets; a label is HTML already, the others are ours."""
    pairs = (f"{name}={value}" if value.startswith("<") else f'{name}="{value}"' for name, value in attributes.items())
    return f"[{', '.join(pairs)}]"
