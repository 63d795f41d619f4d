"""Mermaid, stateDiagram-v2. Every name is mapped to an identifier of ours, every label is escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from orderfsm.chart import START, Basis, Kind
from orderfsm.printable import printable

from .picture import leaves, outside, picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderfsm.chart import Category, Chart

    from .picture import Edge, Node, Picture

__all__ = ["escape", "render"]

INDENT = "    "

COLOURS = {
    "open": "fill:#e8f1fb,stroke:#3b6ea5,color:#10253c",
    "waiting": "fill:#fdf5d9,stroke:#a8862a,color:#3d3009",
    "suspended": "fill:#f9e6d2,stroke:#b0702a,color:#422508",
    "done": "fill:#e1f3e2,stroke:#3f8a45,color:#10300f",
    "failed": "fill:#fbe3e1,stroke:#b0433a,color:#42100c",
    "cancelled": "fill:#ececec,stroke:#6f6f6f,color:#222222",
    "active": "stroke-width:4px",
}


def render(chart: Chart, configuration: str | None = None, detail: str = "full") -> str:
    """The chart as a stateDiagram-v2.

    An arrow that no source states says so in brackets, e.g. `hold (inferred)`; events that leave nothing are written
    into their state. An arrow from a compound state to its own inside is drawn from its leaves, for Mermaid cannot
    draw it.
    """
    return _Drawing(picture(chart, configuration=configuration, detail=detail), detail).text()


def escape(text: str) -> str:
    """The text as Mermaid shows it and never reads it: all but letters, digits and a few signs become entity codes."""
    shown = printable(" ".join(text.split()))
    return "".join(c if c.isalnum() or c in " _.,-()[]/+=?'" else f"#{ord(c)};" for c in shown)


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One line of the diagram, in the scope it belongs to (None: outermost)."""

    scope: str | None
    ends: tuple[str, str]
    label: str


class _Drawing:
    def __init__(self, picture: Picture, detail: str) -> None:
        self.picture = picture
        self.detail = detail
        self.nodes = {node.name: node for node in picture.nodes}
        self.ids = _identifiers(self.nodes)
        self.forks: list[str] = []
        self.arrows = _merged(chain(self.starts(), self.moves(), self.ends()))

    def text(self) -> str:
        lines = ["stateDiagram-v2", *(INDENT + line for line in self.body())]
        return "\n".join(lines) + "\n"

    def body(self) -> Iterator[str]:
        inner = list(self.scope(None))
        yield "direction LR"
        yield from (f"state {fork} <<fork>>" for fork in self.forks)
        yield from inner
        yield from self.classes()

    # --- states

    def scope(self, parent: str | None) -> Iterator[str]:
        """The nodes and arrows directly inside a node; the regions of a parallel one are divided by a line."""
        if self.parallel(parent):
            yield from self.regions(parent)
            return
        for node in self.picture.inside(parent):
            yield from self.node(node)
        yield from (self.line(arrow) for arrow in self.arrows if arrow.scope == parent)

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
            mine = (arrow for arrow in self.arrows if arrow.scope == parent and arrow.ends[0] == self.ids[node.name])
            yield from map(self.line, mine)

    def node(self, node: Node) -> Iterator[str]:
        name = self.ids[node.name]
        yield f'state "{self.label(node)}" as {name}'
        if node.kind in (Kind.COMPOUND, Kind.PARALLEL):
            yield f"state {name} {{"
            yield from (INDENT + line for line in self.scope(node.name))
            yield "}"

    def label(self, node: Node) -> str:
        return escape(" / ".join((node.label, *([", ".join(node.internal)] if node.internal else []))))

    def classes(self) -> Iterator[str]:
        """The colours in use, and who wears them: leaves by category, everything active with a thick line."""
        wearers: dict[str, list[str]] = {}
        for node in self.picture.nodes:
            for name in _colours(node.category, node):
                wearers.setdefault(name, []).append(self.ids[node.name])
        for name, ids in wearers.items():
            yield f"classDef {name} {COLOURS[name]}"
            yield f"class {','.join(ids)} {name}"

    # --- arrows

    def line(self, arrow: _Arrow) -> str:
        source, target = arrow.ends
        return f"{source} --> {target}" + (f": {arrow.label}" if arrow.label else "")

    def starts(self) -> Iterator[_Arrow]:
        """From nothing into the initial states, from a history state to where it leads when it remembers nothing."""
        for owner, targets in self.picture.initial:
            if owner is not None and self.nodes[owner].kind.is_history:
                yield from self.arrow(self.ids[owner], owner, targets, "")
            elif len(targets) == 1:
                child = self.child(owner, targets[0])
                yield _Arrow(owner, ("[*]", self.ids[child]), "" if child == targets[0] else escape(targets[0]))
            else:
                yield from self.fork("[*]", owner, targets, "")

    def child(self, owner: str | None, name: str) -> str:
        """The node directly inside the owner that is, or holds, the named one."""
        return next(node for node in (name, *outside(self.picture.nodes, name)) if self.nodes[node].parent == owner)

    def ends(self) -> Iterator[_Arrow]:
        for node in self.picture.nodes:
            if node.kind is Kind.FINAL:
                yield _Arrow(node.parent, (self.ids[node.name], "[*]"), "")

    def moves(self) -> Iterator[_Arrow]:
        for edge in self.picture.edges:
            label = self.caption(edge)
            if edge.source == START:
                yield from self.arrow("[*]", None, edge.targets, label)
                continue
            for source, targets in self.drawable(edge):
                yield from self.arrow(self.ids[source], source, targets, label)

    def caption(self, edge: Edge) -> str:
        sure = self.detail == "plain" or edge.basis in (None, Basis.STATED, Basis.DOCUMENTED)
        return escape(edge.label + ("" if sure else f" ({edge.basis})"))

    def drawable(self, edge: Edge) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The ends of an edge, where one lies inside the other replaced by leaves."""
        inward = any(edge.source in outside(self.picture.nodes, target) for target in edge.targets)
        for source in leaves(self.picture.nodes, edge.source) if inward else (edge.source,):
            yield source, tuple(self.landing(source, target) for target in edge.targets)

    def landing(self, source: str, target: str) -> str:
        """Where an arrow ends: at the target, or at the leaf it leads to when the target holds the source."""
        initial = dict(self.picture.initial)
        while target in outside(self.picture.nodes, source) and target in initial:
            target = initial[target][0]
        return target

    def arrow(self, end: str, source: str | None, targets: tuple[str, ...], label: str) -> Iterator[_Arrow]:
        if len(targets) > 1:
            yield from self.fork(end, None, targets, label)
            return
        scope = None if source is None else self.nodes[source].parent
        together = source is not None and self.nodes[targets[0]].parent == scope
        if self.parallel(scope):
            together = targets[0] == source
        yield _Arrow(scope if together else None, (end, self.ids[targets[0]]), label)

    def fork(self, end: str, scope: str | None, targets: tuple[str, ...], label: str) -> Iterator[_Arrow]:
        fork = f"fork_{len(self.forks) + 1}"
        self.forks.append(fork)
        yield _Arrow(scope, (end, fork), label)
        yield from (_Arrow(None, (fork, self.ids[target]), "") for target in targets)


def _identifiers(names: Iterable[str]) -> dict[str, str]:
    """Name -> an identifier that no keyword of Mermaid begins with and that no other name has."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = "s_" + re.sub(r"[^A-Za-z0-9]+", "_", name)
        identifier, number = plain, 2
        while identifier.casefold() in taken:
            identifier, number = f"{plain}_{number}", number + 1
        taken.add(identifier.casefold())
        ids[name] = identifier
    return ids


def _colours(category: Category | None, node: Node) -> Iterator[str]:
    if category is not None and node.kind in (Kind.ATOMIC, Kind.FINAL):
        yield str(category)
    if node.active:
        yield "active"


def _merged(arrows: Iterable[_Arrow]) -> tuple[_Arrow, ...]:
    """Arrows between the same two ends as one arrow with all their labels, each once."""
    labels: dict[tuple[str | None, tuple[str, str]], list[str]] = {}
    for arrow in arrows:
        found = labels.setdefault((arrow.scope, arrow.ends), [])
        if arrow.label not in found:
            found.append(arrow.label)
    return tuple(_Arrow(scope, ends, ", ".join(filter(None, texts))) for (scope, ends), texts in labels.items())
