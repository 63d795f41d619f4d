"""A whole chart as a drawing: each compound state is a level of its own inside a box of the level around it.

Which way an arrow runs is decided from the outside in, sizes from the inside out, places from the outside in again. An
arrow that crosses the border of a state meets it at a port, and goes on inside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orderfsm.chart import START, Kind

from .layered import Arrow, Box, Level, Point, lay_out, turned
from .words import LINE, measured, wrapped

if TYPE_CHECKING:
    from .picture import Edge, Node, Picture

__all__ = ["Drawn", "DrawnBox", "DrawnLine", "drawn"]

PAD, HEAD, DOT, ROUND = 16.0, 24.0, 12.0, 24.0
"""Inside a compound state, for its title, of a start, and of a history state."""

HAPPY = 8.0
"""How much straighter the happy path is than the rest."""


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A state (or the start of a scope, named `>` and the scope), where it is and what is written on it.

    `answers` are the events that it answers without being left. Above `top` there are only the arrows that lead from
    the state to itself, which are written in `loops`.
    """

    name: str
    node: Node | None
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    top: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """Arrows from one state to another, drawn as one line; `label` is the upper left corner and size of their words."""

    edges: tuple[Edge, ...]
    source: str
    target: str
    points: tuple[Point, ...]
    words: tuple[str, ...]
    label: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawing: compound states stand before what is in them."""

    width: float
    height: float
    boxes: tuple[DrawnBox, ...]
    lines: tuple[DrawnLine, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    source: str
    target: str
    edges: tuple[Edge, ...]
    words: tuple[str, ...]

    @property
    def size(self) -> tuple[float, float]:
        if not self.words:
            return 0.0, 0.0
        return max(measured(word, 11) for word in self.words) + 8, LINE * len(self.words) + 2

    @property
    def weight(self) -> float:
        return HAPPY if any(edge.happy for edge in self.edges) else 1.0


@dataclass(slots=True)
class _Scope:
    """A level: `members` by their number (states, the start, ports), arrows with the line that each is a piece of."""

    name: str | None
    members: list[str]
    arrows: list[Arrow] = field(default_factory=list)
    back: list[bool] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    level: Level | None = None

    def port(self, line: int, *, left: bool) -> int:
        """A new member on a border."""
        self.members.append(f"|{line}")
        (self.first if left else self.last).append(len(self.members) - 1)
        return len(self.members) - 1

    def add(self, arrow: Arrow, line: int, *, back: bool) -> None:
        """A piece of a line."""
        self.arrows.append(arrow)
        self.back.append(back)
        self.lines.append(line)


def drawn(picture: Picture) -> Drawn:
    """Where everything of a picture is."""
    return _Chart(picture).drawn()


class _Chart:
    def __init__(self, picture: Picture) -> None:
        self.nodes = {node.name: node for node in picture.nodes}
        self.scopes: dict[str | None, _Scope] = {None: _Scope(None, [])}
        for node in picture.nodes:
            if node.kind in (Kind.COMPOUND, Kind.PARALLEL):
                self.scopes[node.name] = _Scope(node.name, [])
        for node in picture.nodes:
            self.scopes[node.parent].members.append(node.name)
        self.parents: dict[str, str | None] = {node.name: node.parent for node in picture.nodes}
        found = _lines([*self._starts(picture), *_pairs(picture.edges)])
        self.loops = {line.source: line.words for line in found if line.source == line.target}
        self.lines = [line for line in found if line.source != line.target]
        self._orient()

    def _starts(self, picture: Picture) -> Iterator[tuple[str, str, Edge | None]]:
        """Arrows from where the chart and each compound state begins; a start becomes a member of its scope."""
        outer: list[tuple[str, Edge | None]] = [
            (target, edge) for edge in picture.edges if edge.source == START for target in edge.targets
        ]
        for name, targets in picture.initial:
            if name is None:
                outer += [(target, None) for target in targets]
            elif self.nodes[name].kind.is_history:
                yield from ((name, target, None) for target in targets)
            elif self.nodes[name].kind is Kind.COMPOUND:
                self._begin(name)
                yield from ((f">{name}", target, None) for target in targets)
        if outer:
            self._begin(None)
            yield from ((">", target, edge) for target, edge in outer)

    def _begin(self, scope: str | None) -> None:
        start = f">{scope or ''}"
        self.parents[start] = scope
        self.scopes[scope].members.insert(0, start)

    # --- which way

    def _outside(self, name: str) -> list[str | None]:
        """The scopes around a member, the innermost first, the outermost None."""
        found: list[str | None] = [self.parents[name]]
        while found[-1] is not None:
            found.append(self.parents[found[-1]])
        return found

    def _member(self, scope: str | None, name: str) -> str:
        """The member of a scope that a state is, or is in."""
        while self.parents[name] != scope:
            above = self.parents[name]
            if above is None:
                raise ValueError(f"{name} is not in {scope}")
            name = above
        return name

    def _meeting(self, line: _Line) -> str | None:
        """The innermost scope in which a line runs from one member to another, or to its border."""
        around = self._outside(line.target)
        if line.source in around:
            return line.source
        mine = self._outside(line.source)
        if line.target in mine:
            return line.target
        return next(scope for scope in mine if scope in around)

    def _orient(self) -> None:
        meeting = [self._meeting(line) for line in self.lines]
        for name, scope in self.scopes.items():
            mine = [
                number
                for number, line in enumerate(self.lines)
                if meeting[number] == name and name not in (line.source, line.target)
            ]
            self._orient_level(scope, mine)
        for number, line in enumerate(self.lines):
            if meeting[number] == line.source:
                self._down(number, meeting[number], line.target, left=True, inward=True, labelled=True)
            elif meeting[number] == line.target:
                self._down(number, meeting[number], line.source, left=False, inward=False, labelled=True)

    def _orient_level(self, scope: _Scope, numbers: Sequence[int]) -> None:
        index = {name: place for place, name in enumerate(scope.members)}
        arrows = []
        for number in numbers:
            line = self.lines[number]
            ends = (self._member(scope.name, line.source), self._member(scope.name, line.target))
            arrows.append(Arrow(index[ends[0]], index[ends[1]], line.size, line.weight))
        for number, arrow, back in zip(numbers, arrows, turned(len(scope.members), arrows), strict=True):
            line = self.lines[number]
            scope.add(arrow, number, back=back)
            source, target = scope.members[arrow.source], scope.members[arrow.target]
            if source != line.source:
                self._down(number, source, line.source, left=back, inward=False, labelled=False)
            if target != line.target:
                self._down(number, target, line.target, left=not back, inward=True, labelled=False)

    def _down(self, number: int, scope: str | None, name: str, *, left: bool, inward: bool, labelled: bool) -> None:
        """The pieces of a line from the border of a scope to a state in it, one per level."""
        line = self.lines[number]
        while True:
            level = self.scopes[scope]
            port, member = level.port(number, left=left), self._member(scope, name)
            inner = level.members.index(member)
            ends = (port, inner) if inward else (inner, port)
            arrow = Arrow(*ends, line.size if labelled else (0.0, 0.0), line.weight)
            level.add(arrow, number, back=left is not inward)
            if member == name:
                return
            scope, labelled = member, False

    # --- sizes

    def _size(self, name: str, scope: _Scope) -> Box:
        """The box of a member of a scope."""
        if name.startswith("|"):
            return Box(0.0, 0.0)
        if name.startswith(">"):
            return Box(DOT, DOT)
        if name in self.scopes:
            return self._compound(name, scope)
        node = self.nodes[name]
        if node.kind.is_history:
            return Box(ROUND, ROUND)
        lines, answers, loops = wrapped(node.label, 24), _answers(node), self.loops.get(name, ())
        top = LINE * len(loops) + 16 if loops else 0.0
        inside = [*(measured(line, 13) for line in lines), *(measured(line, 11) for line in answers), 40.0]
        width = max([max(inside) + 38, *(measured(word, 11) + 8 for word in loops)])
        return Box(width, 16 + LINE * 1.2 * (len(lines) + len(answers)) + top, top)

    def _compound(self, name: str, around: _Scope) -> Box:
        scope = self.scopes[name]
        level = scope.level = self._lay_out(scope)
        loops = self.loops.get(name, ())
        top = LINE * len(loops) + 16 if loops else 0.0
        ports: dict[bool, dict[int, float]] = {True: {}, False: {}}
        for left, members in ((True, scope.first), (False, scope.last)):
            for member in members:
                line = int(scope.members[member][1:])
                arrow = next((place for place, number in enumerate(around.lines) if number == line), None)
                if arrow is not None:
                    ports[left][arrow] = top + HEAD + PAD / 2 + level.corners[member][1]
        width = max(level.width + 2 * PAD, measured(_words(self.nodes[name])[0], 13) + 2 * PAD + 24)
        return Box(width, level.height + HEAD + 1.5 * PAD + top, top, ports[True], ports[False])

    def _lay_out(self, scope: _Scope) -> Level:
        boxes = [self._size(name, scope) for name in scope.members]
        return lay_out(boxes, scope.arrows, scope.back, scope.first, scope.last)

    # --- places

    def drawn(self) -> Drawn:
        """The drawing as a whole."""
        root = self.scopes[None]
        root.level = self._lay_out(root)
        boxes: list[DrawnBox] = []
        pieces: dict[int, list[tuple[int, list[Point]]]] = defaultdict(list)
        labels: dict[int, Point] = {}
        self._place(root, (PAD, PAD), boxes, pieces, labels)
        lines = tuple(self._line(number, pieces[number], labels) for number in range(len(self.lines)))
        return Drawn(root.level.width + 2 * PAD, root.level.height + 2 * PAD, tuple(boxes), lines)

    def _place(
        self,
        scope: _Scope,
        at: Point,
        boxes: list[DrawnBox],
        pieces: dict[int, list[tuple[int, list[Point]]]],
        labels: dict[int, Point],
    ) -> None:
        level = scope.level
        if level is None:
            return
        sizes = [self._size(name, scope) if name not in self.scopes else None for name in scope.members]
        for name, corner, size in zip(scope.members, level.corners, sizes, strict=True):
            if name.startswith("|"):
                continue
            x, y = at[0] + corner[0], at[1] + corner[1]
            if size is None:
                size = self._placed_size(name)
                self._add(boxes, name, x, y, size)
                inner = (x + PAD, y + size.top + HEAD + PAD / 2)
                self._place(self.scopes[name], inner, boxes, pieces, labels)
            else:
                self._add(boxes, name, x, y, size)
        for place, number in enumerate(scope.lines):
            path = [(at[0] + x, at[1] + y) for x, y in level.paths[place]]
            pieces[number].append(
                (len(self._outside(scope.name)) if scope.name else 0, self._to_border(scope, place, path))
            )
            if scope.arrows[place].label[0]:
                labels[number] = (at[0] + level.labels[place][0], at[1] + level.labels[place][1])

    def _to_border(self, scope: _Scope, place: int, path: list[Point]) -> list[Point]:
        """A path that begins or ends at a port goes on to the border."""
        arrow = scope.arrows[place]
        for end, member in ((0, arrow.source), (-1, arrow.target)):
            if member in scope.first or member in scope.last:
                side = -PAD if member in scope.first else self._slack(scope)
                point = (path[end][0] + side, path[end][1])
                path = [point, *path] if end == 0 else [*path, point]
        return path

    def _slack(self, scope: _Scope) -> float:
        """From the right end of a level to the border around it."""
        if scope.name is None or scope.level is None:
            return PAD
        return self._placed_size(scope.name).width - scope.level.width - PAD

    def _placed_size(self, name: str) -> Box:
        level = self.scopes[name].level
        if level is None:
            raise ValueError(name)
        loops = self.loops.get(name, ())
        top = LINE * len(loops) + 16 if loops else 0.0
        width = max(level.width + 2 * PAD, measured(_words(self.nodes[name])[0], 13) + 2 * PAD + 24)
        return Box(width, level.height + HEAD + 1.5 * PAD + top, top)

    def _add(self, boxes: list[DrawnBox], name: str, x: float, y: float, size: Box) -> None:
        node = self.nodes.get(name)
        compound = node is None or name in self.scopes
        lines = () if node is None else _words(node) if compound else wrapped(node.label, 24)
        answers = () if node is None or compound else _answers(node)
        loops = self.loops.get(name, ())
        boxes.append(DrawnBox(name, node, x, y, size.width, size.height, lines, answers, loops, size.top))

    def _line(self, number: int, pieces: Sequence[tuple[int, list[Point]]], labels: dict[int, Point]) -> DrawnLine:
        """The pieces of a line in its direction: out of its source, across, and into its target."""
        line = self.lines[number]
        points: list[Point] = []
        for piece in self._in_direction(line, pieces):
            points += [point for point in piece if not points or point != points[-1]]
        width, height = line.size
        x, y = labels.get(number, (0.0, 0.0))
        label = (x - width / 2, y - height / 2, width, height)
        return DrawnLine(line.edges, line.source, line.target, tuple(points), line.words, label)

    def _in_direction(self, line: _Line, pieces: Sequence[tuple[int, list[Point]]]) -> list[list[Point]]:
        ordered = [path for _, path in pieces]
        found, rest = [ordered.pop(self._first(line, ordered))], ordered
        while rest:
            end = found[-1][-1]
            nearest = min(range(len(rest)), key=lambda place: _distance(rest[place][0], end))
            found.append(rest.pop(nearest))
        return found

    def _first(self, line: _Line, paths: Sequence[list[Point]]) -> int:
        """The piece that no other one leads to."""
        for place, path in enumerate(paths):
            if all(_distance(other[-1], path[0]) > 0.5 for number, other in enumerate(paths) if number != place):
                return place
        return 0


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _pairs(edges: Sequence[Edge]) -> Iterator[tuple[str, str, Edge | None]]:
    for edge in edges:
        if edge.source != START:
            yield from ((edge.source, target, edge) for target in edge.targets)


def _lines(pairs: Sequence[tuple[str, str, Edge | None]]) -> list[_Line]:
    """Arrows with the same ends and the same basis, as one line."""
    found: dict[tuple[str, str, object], list[Edge]] = {}
    for source, target, edge in pairs:
        found.setdefault((source, target, edge and edge.basis), []).extend([edge] if edge else [])
    merged: dict[tuple[str, str], _Line] = {}
    kept: list[_Line] = []
    for (source, target, _), edges in found.items():
        words = tuple(word for edge in edges for word in wrapped(edge.label, 28))
        line = _Line(source, target, tuple(edges), words)
        before = merged.get((source, target))
        if source == target and before is not None:
            kept.remove(before)
            line = replace(line, edges=before.edges + line.edges, words=before.words + line.words)
        merged[source, target] = line
        kept.append(line)
    return kept


def _words(node: Node) -> tuple[str, ...]:
    return (node.label,)


def _answers(node: Node) -> tuple[str, ...]:
    """The events that a state answers without being left."""
    return tuple(line for event in node.internal for line in wrapped(f"/ {event}", 30))
