"""The arrows of a picture as text formats draw them: from spot to spot, one line per pair, forks as spots of their own.

Most tools cannot draw an arrow between a compound state and its own inside. Such an arrow begins at the leaves of that
state, or ends at the states that entering it leads to, which is what it means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orderfsm.chart import START, Kind

from .picture import leaves, outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .overlay import Marks
    from .picture import Edge, Node, Picture

__all__ = ["AROUND", "Arrow", "Spot", "arrows", "identifiers"]

AROUND = (Kind.COMPOUND, Kind.PARALLEL)
"""The kinds of states that others lie in."""


class Spot(NamedTuple):
    """Where an arrow begins or ends: a `state`, the `start` of a scope ("" for the outermost), or a `fork`."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line and the edges that it stands for; `said` is false behind a fork, where they are not told again.

    The lines from a start and from a history state to where they lead stand for no edge.
    """

    source: Spot
    target: Spot
    edges: tuple[Edge, ...] = ()
    said: bool = True

    @property
    def sure(self) -> bool:
        """Whether it is drawn solid."""
        return not self.edges or any(edge.sure for edge in self.edges)

    @property
    def happy(self) -> bool:
        """Whether it is on the happy path."""
        return any(edge.happy for edge in self.edges)

    def walked(self, marks: Marks) -> bool:
        """Whether an order has gone this way."""
        begun = self.source == Spot("start", "") and not self.edges and self.target.name in marks.begun
        return begun or any(marks.walks(edge.transitions) for edge in self.edges)


def arrows(picture: Picture) -> tuple[Arrow, ...]:
    """The arrows of a picture in document order, those with the same two ends as one."""
    found: dict[tuple[Spot, Spot], Arrow] = {}
    for arrow in _Drawn(picture).all():
        known = found.get((arrow.source, arrow.target))
        edges = arrow.edges if known is None else known.edges + arrow.edges
        found[arrow.source, arrow.target] = Arrow(arrow.source, arrow.target, edges, arrow.said)
    return tuple(found.values())


class _Drawn:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.initial = dict(picture.initial)
        self.forks = 0

    def all(self) -> Iterator[Arrow]:
        for owner, targets in self.picture.initial:
            remembers = owner is not None and self.nodes[owner].kind.is_history
            source = Spot("state", owner or "") if remembers else Spot("start", owner or "")
            yield from self._between(source, targets, ())
        for edge in self.picture.edges:
            if edge.source == START:
                yield from self._between(Spot("start", ""), edge.targets, (edge,))
            else:
                yield from self._move(edge)

    def _move(self, edge: Edge) -> Iterator[Arrow]:
        """An edge between states; one that leads inwards begins at the leaves of its source."""
        inward = any(edge.source in (target, *outside(self.picture.nodes, target)) for target in edge.targets)
        for source in leaves(self.picture.nodes, edge.source) if inward else (edge.source,):
            targets = (landing for target in edge.targets for landing in self._landings(source, target))
            yield from self._between(Spot("state", source), tuple(dict.fromkeys(targets)), (edge,))

    def _landings(self, source: str, target: str) -> Iterator[str]:
        """Where an arrow ends: at its target, or where that leads when it holds the source."""
        if target not in outside(self.picture.nodes, source):
            yield target
            return
        regions = (node.name for node in self.picture.inside(target) if not node.kind.is_history)
        for inner in self.initial.get(target, tuple(regions)):
            yield from self._landings(source, inner)

    def _between(self, source: Spot, targets: Sequence[str], edges: tuple[Edge, ...]) -> Iterator[Arrow]:
        if len(targets) == 1:
            yield Arrow(source, Spot("state", targets[0]), edges)
            return
        self.forks += 1
        fork = Spot("fork", str(self.forks))
        yield Arrow(source, fork, edges)
        yield from (Arrow(fork, Spot("state", target), edges, said=False) for target in targets)


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Name -> an identifier of letters, digits and `_` that begins with `s_` and that no other name has."""
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
