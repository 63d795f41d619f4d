"""A whole chart as a drawing: sizes from the inside out, places from the outside in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from .labels import Word, beside, extent, on_arrow, on_state, tested, told
from .level import BESIDE, Arrow, Box, Level, Point, lay_out
from .scopes import Line, Part, Piece, Scope, Scopes

if TYPE_CHECKING:
    from .picture import Node, Picture

__all__ = ["MARGIN", "Drawing", "DrawnBox", "DrawnLine", "drawing"]

PAD, MARGIN = 16.0, 12.0
"""Inside compound states, and around the drawing."""

DOT, ROUND, FORK = 12.0, 24.0, 5.0
"""Across a start, across a history state, and the height of a fork."""

LOOP = 20.0
"""How far an arrow from a state to itself goes beside it."""

GAUGE, NOTED = 9.0, 3.0
"""The height of a bar in a state, and from its words to its notes."""


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A part by its upper left corner and size, with what is written in it, and the notes on it below that.

    `loop` is what is written on its arrow to itself, right of the box; None when there is none. The notes of a history
    state stand right of it. `share` fills a bar; None when there is none.
    """

    part: Part
    node: Node | None
    x: float
    y: float
    width: float
    height: float
    words: tuple[Word, ...] = ()
    loop: tuple[Word, ...] | None = None
    notes: tuple[Word, ...] = ()
    share: float | None = None


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line by its points from end to end; `label` is the upper left corner of its words, `size` their extent.

    `alone` is as much of it as no line before it draws: all, or up to where it joins another one.
    """

    line: Line
    points: tuple[Point, ...]
    alone: tuple[Point, ...]
    words: tuple[Word, ...]
    label: Point
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where everything is; compound states stand before what is in them."""

    width: float
    height: float
    boxes: tuple[DrawnBox, ...]
    lines: tuple[DrawnLine, ...]
    loops: Mapping[str, Line]


def drawing(picture: Picture, detail: str) -> Drawing:
    """Where everything of a picture is."""
    return _Plan(picture, detail).drawing()


class _Plan:
    def __init__(self, picture: Picture, detail: str) -> None:
        self.scopes = Scopes(picture)
        self.words = [on_arrow(line.edges, detail) if line.said else () for line in self.scopes.lines]
        self.loops = {name: on_arrow(line.edges, detail) for name, line in self.scopes.loops.items()}
        self.levels: dict[str | None, Level] = {}
        self.boxes: dict[str | None, list[Box]] = {}
        self.hints: dict[tuple[str | None, int, bool], float] = {}
        if len(self.scopes.all) > 1:
            self._measure(self.scopes.all[None], "rough")
            self._hint(self.scopes.all[None])
        self._measure(self.scopes.all[None], "fine")
        self.drawn: list[DrawnBox] = []
        self.pieces: dict[int, list[list[Point]]] = {number: [] for number in range(len(self.words))}
        self.labels: dict[int, Point] = {}
        self.joining = {
            line for scope in self.scopes.all.values() for piece in scope.pieces for line in piece.lines[1:]
        }

    # --- sizes, from the inside out

    def _measure(self, scope: Scope, finish: str) -> None:
        for part in scope.members:
            if part.kind == "state" and part.name in self.scopes.all:
                self._measure(self.scopes.all[part.name], finish)
        tops = Counter(piece.source if piece.back else piece.target for piece in scope.pieces)
        bottoms = Counter(piece.target if piece.back else piece.source for piece in scope.pieces)
        boxes = [
            self._box(scope, part, max(tops[number], bottoms[number])) for number, part in enumerate(scope.members)
        ]
        arrows = [self._arrow(piece) for piece in scope.pieces]
        self.boxes[scope.name] = boxes
        fixed = self._fixed(scope)
        self.levels[scope.name] = lay_out(boxes, arrows, scope.first, scope.last, fixed, finish=finish)

    def _arrow(self, piece: Piece) -> Arrow:
        width, height = extent(self.words[piece.lines[0]]) if piece.labelled else (0.0, 0.0)
        weight = max(self.scopes.lines[line].weight for line in piece.lines)
        return Arrow(piece.source, piece.target, (width, height + 2 if width else 0.0), weight, piece.back)

    def _fixed(self, scope: Scope) -> dict[int, float]:
        """The title of a scope stands before its ports; these stand as the other ends of their lines do."""
        found: dict[int, float] = {}
        for top, members in ((True, scope.first), (False, scope.last)):
            for member in members:
                part = scope.members[member]
                if part.kind == "title":
                    found[member] = -inf
                elif (hint := self.hints.get((scope.name, int(part.name), top))) is not None:
                    found[member] = hint
        return found

    def _box(self, scope: Scope, part: Part, arrows: int) -> Box:
        if part.kind == "port":
            return Box(0.0, 0.0, 0.0)
        if part.kind == "start":
            return Box(DOT, DOT, DOT)
        if part.kind == "fork":
            width = max(40.0, 14.0 * arrows)
            return Box(width, FORK, width)
        node = self.scopes.nodes[part.name]
        if part.kind == "title":
            width, height = extent((*on_state(node), *told(node.notes)))
            return Box(width + 4, height, 0.0)
        if node.kind.is_history:
            width = extent(beside(node))[0]
            return Box(ROUND + (BESIDE + width if width else 0.0), ROUND, ROUND)
        if part.name in self.scopes.all:
            return self._compound(scope, part.name)
        return self._leaf(node, arrows)

    def _leaf(self, node: Node, arrows: int) -> Box:
        (width, height), (wide, tall) = extent(on_state(node)), extent(told(node.notes))
        signs = 16 * (bool(node.category) + bool(tested(node.notes)))
        frame = max(width + 24 + signs, wide + 20, 44.0, 10.0 * arrows + 14)
        below = (tall + NOTED if tall else 0.0) + (GAUGE if _share(node) is not None else 0.0)
        return self._looped(node.name, frame, max(height + below + 16, 32.0))

    def _looped(self, name: str, frame: float, height: float, **ports: Mapping[int, float]) -> Box:
        if name not in self.loops:
            return Box(frame, height, frame, **ports)
        width, tall = extent(self.loops[name])
        return Box(frame + LOOP + BESIDE + width, max(height, tall + 4, 34.0), frame, **ports)

    def _compound(self, around: Scope, name: str) -> Box:
        scope, level = self.scopes.all[name], self.levels[name]
        pieces = {piece.lines[0]: number for number, piece in enumerate(around.pieces)}
        tops, bottoms = (
            {
                pieces[line]: PAD + level.corners[member][0]
                for member in members
                if scope.members[member].kind == "port" and (line := int(scope.members[member].name)) in pieces
            }
            for members in (scope.first, scope.last)
        )
        return self._looped(name, level.width + 2 * PAD, level.height + 1.5 * PAD, tops=tops, bottoms=bottoms)

    def _hint(self, scope: Scope) -> None:
        """For the ports of the scopes inside: where their lines go, as far as one measuring has shown."""
        level = self.levels[scope.name]
        for number, piece in enumerate(scope.pieces):
            path = level.paths[number]
            for member, (x, _), top in (
                (piece.source, path[-1], piece.back),
                (piece.target, path[0], not piece.back),
            ):
                part = scope.members[member]
                if part.kind == "state" and part.name in self.scopes.all:
                    self.hints[part.name, piece.lines[0], top] = x
        for part in scope.members:
            if part.kind == "state" and part.name in self.scopes.all:
                self._hint(self.scopes.all[part.name])

    # --- places, from the outside in

    def drawing(self) -> Drawing:
        """The drawing as a whole."""
        self._place(self.scopes.all[None], MARGIN, MARGIN)
        level = self.levels[None]
        lines = tuple(self._line(number) for number in range(len(self.words)))
        width, height = level.width + 2 * MARGIN, level.height + 2 * MARGIN
        return Drawing(width, height, tuple(self.drawn), lines, self.scopes.loops)

    def _place(self, scope: Scope, x: float, y: float) -> None:
        level, boxes = self.levels[scope.name], self.boxes[scope.name]
        for part, box, corner in zip(scope.members, boxes, level.corners, strict=True):
            left, top = x + corner[0], y + corner[1]
            if part.kind in ("port", "title"):
                continue
            node = self.scopes.nodes.get(part.name) if part.kind == "state" else None
            self.drawn.append(self._drawn(part, node, left, top, box))
            if node and node.name in self.scopes.all:
                self._place(self.scopes.all[node.name], left + PAD, top + PAD / 2)
        for number, piece in enumerate(scope.pieces):
            path = [(x + dx, y + dy) for dx, dy in self._to_borders(scope, number)]
            for line in piece.lines:
                self.pieces[line].append(path)
            if piece.labelled:
                dx, dy = level.labels[number]
                self.labels[piece.lines[0]] = (x + dx, y + dy)

    def _drawn(self, part: Part, node: Node | None, left: float, top: float, box: Box) -> DrawnBox:
        if node is None:
            return DrawnBox(part, node, left, top, box.frame, box.height)
        notes = beside(node) if node.kind.is_history else told(node.notes)
        share = None if node.name in self.scopes.all else _share(node)
        loop = self.loops.get(node.name)
        return DrawnBox(part, node, left, top, box.frame, box.height, on_state(node), loop, notes, share)

    def _to_borders(self, scope: Scope, number: int) -> list[Point]:
        """The path of a piece, out to the border where it ends at a port."""
        level, piece = self.levels[scope.name], scope.pieces[number]
        path = list(level.paths[number])
        for end, member in ((0, piece.source), (-1, piece.target)):
            if scope.members[member].kind == "port":
                path[end] = (path[end][0], -PAD / 2 if member in scope.first else level.height + PAD)
        return path

    def _line(self, number: int) -> DrawnLine:
        """The pieces of a line one after the other: out of its source, across, and into its target."""
        line = self.scopes.lines[number]
        words = self.words[number] if number in self.labels else ()
        points: list[Point] = []
        alone = 0
        for path in _joined(self.pieces[number]):
            alone = len(points)
            points += path[1:] if points else path
        alone = alone if number in self.joining else len(points)
        label = self.labels.get(number, (0.0, 0.0))
        return DrawnLine(line, tuple(points), tuple(points[:alone]), words, label, extent(words))


def _share(node: Node) -> float | None:
    """How much of a bar its count fills; None when it has none."""
    return next((note.share for note in node.notes if note.tone == "count"), None)


def _joined(paths: Sequence[list[Point]]) -> list[list[Point]]:
    """Paths in the order in which each begins where the one before ends."""
    rest = list(paths)
    begin = next(path for path in rest if not any(_same(other[-1], path[0]) for other in rest if other is not path))
    found = [begin]
    rest.remove(begin)
    while rest:
        following = next(path for path in rest if _same(path[0], found[-1][-1]))
        rest.remove(following)
        found.append(following)
    return found


def _same(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) < 0.5
