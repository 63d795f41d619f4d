"""A chart as levels inside each other: what belongs to which, and which pieces an arrow has in which level.

An arrow that crosses the border of a compound state meets it at a port, and goes on inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from orderfsm.chart import START, Kind

from .layers import turned

if TYPE_CHECKING:
    from .picture import Edge, Node, Picture

__all__ = ["Line", "Part", "Piece", "Scope", "Scopes"]

HAPPY, ORDINARY = 6.0, 1.0
"""How much the happy path counts beside other arrows."""


class Part(NamedTuple):
    """Something drawn: a `state`, the `start` of a scope, a `fork`, or the `port` of a line; the `title` of a scope."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """Arrows with the same two ends, drawn as one; `said` is false for a line whose words stand on another one."""

    source: Part
    target: Part
    edges: tuple[Edge, ...]
    said: bool = True

    @property
    def sure(self) -> bool:
        """Whether it is drawn solid."""
        return not self.edges or any(edge.sure for edge in self.edges)

    @property
    def weight(self) -> float:
        """How straight it should be."""
        return HAPPY if any(edge.happy for edge in self.edges) else ORDINARY


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a line in one level: from a member to a member, by number; `back` when it runs upwards.

    Several lines share one from the border of the state that they come from, when they say the same and lead to the
    same; then the first of `lines` says it.
    """

    lines: tuple[int, ...]
    source: int
    target: int
    back: bool
    labelled: bool


@dataclass(slots=True)
class Scope:
    """A level: the chart (None) or a compound state, its members, the pieces between them, the ports on its borders."""

    name: str | None
    members: list[Part] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)


class Scopes:
    """All levels of a picture: `all` by the state's name, `lines` with two ends, `loops` by the state's name."""

    def __init__(self, picture: Picture) -> None:
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.all: dict[str | None, Scope] = {None: Scope(None)}
        self.parents: dict[Part, str | None] = {}
        for node in picture.nodes:
            if node.kind in (Kind.COMPOUND, Kind.PARALLEL):
                self.all[node.name] = Scope(node.name)
        for node in picture.nodes:
            self._add(Part("state", node.name), node.parent)
        found = _merged([*self._starts(picture), *self._moves(picture.edges)])
        self.loops = {line.source.name: line for line in found if line.source == line.target}
        self.lines = [line for line in found if line.source != line.target]
        self._run()
        for name, scope in self.all.items():
            if name is not None:
                scope.members.append(Part("title", name))
                scope.first.append(len(scope.members) - 1)

    def _add(self, part: Part, scope: str | None, *, foremost: bool = False) -> Part:
        if part not in self.parents:
            self.parents[part] = scope
            members = self.all[scope].members
            members.insert(0 if foremost else len(members), part)
        return part

    # --- ends

    def _starts(self, picture: Picture) -> Iterator[Line]:
        """From where the chart and each compound state begins, and from a history state to where it leads at first."""
        for edge in picture.edges:
            if edge.source == START:
                yield from self._between(self._start(None), edge.targets, edge)
        for name, targets in picture.initial:
            if name is None or self.nodes[name].kind is Kind.COMPOUND:
                yield from self._between(self._start(name), targets, None)
            elif self.nodes[name].kind.is_history:
                yield from (Line(Part("state", name), Part("state", target), ()) for target in targets)

    def _start(self, scope: str | None) -> Part:
        return self._add(Part("start", scope or ""), scope, foremost=True)

    def _moves(self, edges: Sequence[Edge]) -> Iterator[Line]:
        for edge in edges:
            if edge.source != START:
                yield from self._between(Part("state", edge.source), edge.targets, edge)

    def _between(self, source: Part, targets: Sequence[str], edge: Edge | None) -> Iterator[Line]:
        """An arrow; one with several targets goes to a fork, and on from there."""
        edges = (edge,) if edge else ()
        if len(targets) == 1:
            yield Line(source, Part("state", targets[0]), edges)
            return
        number = sum(part.kind == "fork" for part in self.parents)
        fork = self._add(Part("fork", str(number)), self._around(targets))
        yield Line(source, fork, edges)
        yield from (Line(fork, Part("state", target), edges, said=False) for target in targets)

    def _around(self, names: Sequence[str]) -> str | None:
        """The innermost scope around several states that is no parallel state."""
        paths = [self.around(Part("state", name)) for name in names]
        shared = (scope for scope in paths[0] if all(scope in path for path in paths[1:]))
        return next(scope for scope in shared if scope is None or self.nodes[scope].kind is not Kind.PARALLEL)

    def around(self, part: Part) -> list[str | None]:
        """The scopes around a part, the innermost first; the last is the chart."""
        found = [self.parents[part]]
        while found[-1] is not None:
            found.append(self.parents[Part("state", found[-1])])
        return found

    def member(self, scope: str | None, part: Part) -> Part:
        """The member of a scope that a part is, or is in."""
        while (above := self.parents[part]) != scope:
            if above is None:
                raise ValueError(f"{part.name} is not in {scope}")
            part = Part("state", above)
        return part

    # --- pieces

    def _meeting(self, line: Line) -> str | None:
        """The innermost scope in which a line runs from a member to a member, or to the border."""
        sources, targets = self.around(line.source), self.around(line.target)
        if line.source.kind == "state" and line.source.name in targets:
            return line.source.name
        if line.target.kind == "state" and line.target.name in sources:
            return line.target.name
        return next(scope for scope in sources if scope in targets)

    def _run(self) -> None:
        """Give each line its pieces: across the scope in which its ends meet, then inwards to both of them."""
        meeting: dict[str | None, list[int]] = {name: [] for name in self.all}
        for number, line in enumerate(self.lines):
            scope = self._meeting(line)
            if line.source == Part("state", scope or "") and scope is not None:
                self._inwards(number, scope, line.target, entering=True, top=True, labelled=True)
            elif line.target == Part("state", scope or "") and scope is not None:
                self._inwards(number, scope, line.source, entering=False, top=False, labelled=True)
            else:
                meeting[scope].append(number)
        for name, numbers in meeting.items():
            self._across(self.all[name], numbers)

    def _across(self, scope: Scope, numbers: Sequence[int]) -> None:
        index = {part: place for place, part in enumerate(scope.members)}
        groups = list(self._bundled(scope, numbers))
        lines = [self.lines[group[0]] for group in groups]
        ends = [(self.member(scope.name, line.source), self.member(scope.name, line.target)) for line in lines]
        pairs = [(index[source], index[target]) for source, target in ends]
        ups = turned(len(scope.members), pairs, [line.weight for line in lines])
        for group, line, (source, target), pair, back in zip(groups, lines, ends, pairs, ups, strict=True):
            scope.pieces.append(Piece(group, *pair, back, labelled=line.said))
            if source != line.source:
                for number in group:
                    inner = self.lines[number].source
                    self._inwards(number, source.name, inner, entering=False, top=back, labelled=False, port=group[0])
            if target != line.target:
                for number in group:
                    self._inwards(number, target.name, line.target, entering=True, top=not back, labelled=False)

    def _bundled(self, scope: Scope, numbers: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """The lines of a scope; those that leave a state from inside, say the same and lead to the same go together."""
        groups: dict[object, list[int]] = {}
        for number in numbers:
            line = self.lines[number]
            source, target = self.member(scope.name, line.source), self.member(scope.name, line.target)
            said = tuple((edge.label, edge.asked) for edge in line.edges)
            shared = line.said and said and source != line.source and target == line.target
            groups.setdefault((source, target, said) if shared else number, []).append(number)
        for group in groups.values():
            yield tuple(sorted(group, key=lambda number: (-self.lines[number].weight, not self.lines[number].sure)))

    def _inwards(
        self, number: int, scope: str, part: Part, *, entering: bool, top: bool, labelled: bool, port: int = -1
    ) -> None:
        """The pieces of a line between the border of a scope and a part in it, one per level.

        It meets the outermost border at the port of another line, when one is named.
        """
        here: str = scope
        name = str(number if port < 0 else port)
        while True:
            level, member = self.all[here], self.member(here, part)
            ends = (self._port(level, name, top=top), level.members.index(member))
            ends = ends if entering else (ends[1], ends[0])
            level.pieces.append(Piece((number,), *ends, back=top is not entering, labelled=labelled))
            if member == part:
                return
            here, name, labelled = member.name, str(number), False

    def _port(self, scope: Scope, name: str, *, top: bool) -> int:
        """The number of the port of a line on a border."""
        border = scope.first if top else scope.last
        for member in border:
            if scope.members[member].name == name:
                return member
        scope.members.append(Part("port", name))
        border.append(len(scope.members) - 1)
        return border[-1]


def _merged(lines: Sequence[Line]) -> list[Line]:
    """Lines with the same two ends as one."""
    found: dict[tuple[Part, Part], Line] = {}
    for line in lines:
        known = found.get((line.source, line.target))
        edges = (known.edges if known else ()) + line.edges
        found[line.source, line.target] = Line(line.source, line.target, edges, line.said)
    return list(found.values())
