"""One level of a drawing: boxes and arrows from left to right, in layers (after Sugiyama, Tagawa and Toda).

Arrows that would close a circle are turned round. An arrow takes a slot in each layer that it passes, and its label one
of its own, so that nothing lies upon anything. Slots are ordered so that few arrows cross, and then moved towards what
they are connected with, as far as their neighbours allow. Everything is decided by numbers and order: the same input
gives the same drawing.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Arrow", "Box", "Level", "Point", "lay_out", "turned"]

Point = tuple[float, float]

GAP_X, GAP_Y, LANE = 26.0, 18.0, 9.0
"""Between layers, between boxes, and between arrows that run beside each other."""

SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """Something with a size; arrows meet it below `top`.

    `left` and `right` say how far down an arrow meets its side, for arrows that must.
    """

    width: float
    height: float
    top: float = 0.0
    left: Mapping[int, float] = field(default_factory=dict)
    right: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a box to another, by their numbers; `label` is the size of what is written on it, `weight` how straight."""

    source: int
    target: int
    label: tuple[float, float] = (0.0, 0.0)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Level:
    """Where everything is: boxes by their upper left corner, arrows by their points, labels by their centre."""

    width: float
    height: float
    corners: Sequence[Point]
    paths: Sequence[Sequence[Point]]
    labels: Sequence[Point]


def turned(count: int, arrows: Sequence[Arrow]) -> list[bool]:
    """For each arrow whether it is drawn from right to left: those that lead back in a walk in the order given."""
    leaving: dict[int, list[int]] = defaultdict(list)
    for number, arrow in enumerate(arrows):
        leaving[arrow.source].append(number)
    found, state = [False] * len(arrows), [0] * count
    for root in range(count):
        _walk(root, arrows, leaving, state, found)
    return found


def _walk(
    root: int, arrows: Sequence[Arrow], leaving: Mapping[int, list[int]], state: list[int], found: list[bool]
) -> None:
    if state[root]:
        return
    state[root], stack = 1, [(root, iter(leaving[root]))]
    while stack:
        box, rest = stack[-1]
        for number in rest:
            target = arrows[number].target
            if state[target] == 1:
                found[number] = True
            elif not state[target]:
                state[target] = 1
                stack.append((target, iter(leaving[target])))
                break
        else:
            state[box] = 2
            stack.pop()


def lay_out(
    boxes: Sequence[Box],
    arrows: Sequence[Arrow],
    back: Sequence[bool],
    first: Iterable[int] = (),
    last: Iterable[int] = (),
) -> Level:
    """The drawing of a level; `back` is what `turned` says, `first` and `last` are boxes of the outermost layers."""
    return _Drawing(boxes, arrows, back, frozenset(first), frozenset(last)).level()


@dataclass(slots=True)
class _Slot:
    """A place in a layer: of a box, of a label, or of an arrow that passes."""

    layer: int
    width: float
    height: float
    box: int = -1
    y: float = 0.0


class _Drawing:
    def __init__(
        self,
        boxes: Sequence[Box],
        arrows: Sequence[Arrow],
        back: Sequence[bool],
        first: frozenset[int],
        last: frozenset[int],
    ) -> None:
        self.boxes, self.arrows, self.back = boxes, arrows, back
        ranks = self._ranks(first, last)
        both = enumerate(zip(ranks, boxes, strict=True))
        self.slots = [_Slot(2 * rank, box.width, box.height, number) for number, (rank, box) in both]
        self.chains = [self._chain(number) for number in range(len(arrows))]
        self.layers: list[list[int]] = [[] for _ in range(2 * max(ranks, default=0) + 1)]
        for number, slot in enumerate(self.slots):
            self.layers[slot.layer].append(number)
        self.links = self._linked()

    # --- layers

    def _ranks(self, first: frozenset[int], last: frozenset[int]) -> list[int]:
        """The layer of each box: one after those before it; boxes without any come near what they lead to."""
        pairs = [self._ends(number) for number in range(len(self.arrows))]
        ranks = [0 if number in first else int(bool(first)) for number in range(len(self.boxes))]
        for _ in self.boxes:
            moved = False
            for source, target in pairs:
                if ranks[target] <= ranks[source]:
                    ranks[target], moved = ranks[source] + 1, True
            if not moved:
                break
        self._pull(ranks, pairs, first)
        end = max((rank + (number not in last) for number, rank in enumerate(ranks)), default=0)
        return [max(end, rank) if number in last else rank for number, rank in enumerate(ranks)]

    def _pull(self, ranks: list[int], pairs: Sequence[tuple[int, int]], first: frozenset[int]) -> None:
        """Move boxes that nothing leads to beside what they lead to."""
        entered = {target for _, target in pairs}
        for box in range(len(self.boxes)):
            onward = [ranks[target] for source, target in pairs if source == box]
            if onward and box not in entered and box not in first:
                ranks[box] = max(ranks[box], min(onward) - 1)

    def _ends(self, number: int) -> tuple[int, int]:
        arrow = self.arrows[number]
        return (arrow.target, arrow.source) if self.back[number] else (arrow.source, arrow.target)

    def _chain(self, number: int) -> list[int]:
        """The slots of an arrow from left to right; its label stands behind the box that it comes from."""
        left, right = self._ends(number)
        start, end = self.slots[left].layer, self.slots[right].layer
        at = end - 1 if self.back[number] else start + 1
        width, height = self.arrows[number].label
        chain = [left]
        for layer in range(start + 1, end):
            labelled = layer == at and width
            self.slots.append(_Slot(layer, width if labelled else 0.0, height + 4 if labelled else LANE))
            chain.append(len(self.slots) - 1)
        return [*chain, right]

    def _linked(self) -> list[tuple[list[tuple[int, float]], list[tuple[int, float]]]]:
        """For each slot those to its left and to its right, with the weight of the arrow in between."""
        links: list[tuple[list[tuple[int, float]], list[tuple[int, float]]]] = [([], []) for _ in self.slots]
        for number, chain in enumerate(self.chains):
            weight = self.arrows[number].weight
            for one, other in pairwise(chain):
                links[one][1].append((other, weight))
                links[other][0].append((one, weight))
        return links

    # --- order

    def _order(self) -> None:
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(SWEEPS):
            side = sweep % 2
            layers = range(len(self.layers) - 1, -1, -1) if side else range(len(self.layers))
            for layer in layers:
                self._sort(layer, side)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def _sort(self, layer: int, side: int) -> None:
        """Order a layer by the middle of what its slots are linked to on one side; others keep their place."""
        near = layer + 1 if side else layer - 1
        if not 0 <= near < len(self.layers):
            return
        place = {slot: index for index, slot in enumerate(self.layers[near])}
        mine = {slot: index for index, slot in enumerate(self.layers[layer])}

        def middle(slot: int) -> float:
            linked = [place[other] for other, _ in self.links[slot][side]]
            return sum(linked) / len(linked) if linked else mine[slot]

        self.layers[layer].sort(key=middle)

    def _crossings(self) -> int:
        count = 0
        for layer, following in zip(self.layers, self.layers[1:], strict=False):
            place = {slot: index for index, slot in enumerate(following)}
            before: list[int] = []
            for slot in layer:
                for end in sorted(place[other] for other, _ in self.links[slot][1]):
                    count += len(before) - bisect_right(before, end)
                    insort(before, end)
        return count

    # --- coordinates

    def _settle(self) -> None:
        for layer in self.layers:
            y = 0.0
            for slot in layer:
                self.slots[slot].y = y + self.slots[slot].height / 2
                y += self.slots[slot].height + GAP_Y
        for sweep in range(SWEEPS * 2):
            side = sweep % 2
            numbers = range(len(self.layers) - 1, -1, -1) if side else range(len(self.layers))
            for number in numbers:
                self._move(number, sides=(side,) if sweep < SWEEPS else (0, 1))

    def _move(self, layer: int, sides: tuple[int, ...]) -> None:
        """Move the slots of a layer towards what they are linked to, without changing their order."""
        slots = self.layers[layer]
        wanted, weights = [], []
        for slot in slots:
            linked = [each for side in sides for each in self.links[slot][side]]
            weight = sum(weight for _, weight in linked)
            centre = sum(self.slots[other].y * weight for other, weight in linked) / weight if linked else 0.0
            wanted.append(centre if linked else self.slots[slot].y)
            weights.append(weight or 0.01)
        for slot, y in zip(slots, self._apart(slots, wanted, weights), strict=True):
            self.slots[slot].y = y

    def _apart(self, slots: Sequence[int], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
        """The places next to those wanted at which the slots keep their distance: pools of neighbours share a mean."""
        offsets, at = [], 0.0
        for one, other in zip(slots, [*slots[1:], None], strict=True):
            offsets.append(at)
            if other is not None:
                at += self._distance(one, other)
        pools: list[list[float]] = []
        for place, offset, weight in zip(wanted, offsets, weights, strict=True):
            pools.append([place - offset, weight, 1])
            while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
                value, weight_of, count = pools.pop()
                total = pools[-1][1] + weight_of
                pools[-1] = [(pools[-1][0] * pools[-1][1] + value * weight_of) / total, total, pools[-1][2] + count]
        means = [mean for mean, _, count in pools for _ in range(int(count))]
        return [mean + offset for mean, offset in zip(means, offsets, strict=True)]

    def _distance(self, one: int, other: int) -> float:
        first, second = self.slots[one], self.slots[other]
        gap = LANE / 2 if first.box < 0 and second.box < 0 else GAP_Y
        return (first.height + second.height) / 2 + gap

    def level(self) -> Level:
        """The drawing."""
        self._order()
        self._settle()
        top = min((slot.y - slot.height / 2 for slot in self.slots), default=0.0)
        for slot in self.slots:
            slot.y -= top
        lefts, widths, x = [], [], 0.0
        for layer in self.layers:
            width = max((self.slots[slot].width for slot in layer), default=0.0)
            lefts.append(x)
            widths.append(width)
            x += width + GAP_X
        height = max((slot.y + slot.height / 2 for slot in self.slots), default=0.0)
        corners = [self._corner(number, lefts, widths) for number in range(len(self.boxes))]
        paths = [self._path(number, corners, lefts, widths) for number in range(len(self.arrows))]
        labels = [self._label(number, lefts, widths) for number in range(len(self.arrows))]
        return Level(max(x - GAP_X, 0.0), height, corners, paths, labels)

    def _corner(self, number: int, lefts: Sequence[float], widths: Sequence[float]) -> Point:
        slot = self.slots[number]
        return lefts[slot.layer] + (widths[slot.layer] - slot.width) / 2, slot.y - slot.height / 2

    def _label(self, number: int, lefts: Sequence[float], widths: Sequence[float]) -> Point:
        for place in self.chains[number][1:-1]:
            slot = self.slots[place]
            if slot.width:
                return lefts[slot.layer] + widths[slot.layer] / 2, slot.y
        return 0.0, 0.0

    def _path(
        self, number: int, corners: Sequence[Point], lefts: Sequence[float], widths: Sequence[float]
    ) -> list[Point]:
        """From the side of one box through the slots of the arrow to the side of the other, as the arrow runs."""
        chain = self.chains[number]
        left, right = chain[0], chain[-1]
        y = corners[left][1] + self._meets(number, left, side=1)
        points = [(corners[left][0] + self.boxes[left].width, y), (self._edge(left, lefts, widths), y)]
        for place in chain[1:-1]:
            slot = self.slots[place]
            points += [(lefts[slot.layer], slot.y), (lefts[slot.layer] + widths[slot.layer], slot.y)]
        y = corners[right][1] + self._meets(number, right, side=0)
        points += [(lefts[self.slots[right].layer], y), (corners[right][0], y)]
        return points[::-1] if self.back[number] else points

    def _edge(self, box: int, lefts: Sequence[float], widths: Sequence[float]) -> float:
        """Where the layer of a box ends."""
        layer = self.slots[box].layer
        return lefts[layer] + widths[layer]

    def _meets(self, number: int, box: int, *, side: int) -> float:
        """How far down the side of a box an arrow meets it: where it must, or in the order of where it leads."""
        given = self.boxes[box].right if side else self.boxes[box].left
        if number in given:
            return given[number]
        end = -1 if side == 0 else 0
        beside = -2 if side == 0 else 1
        mine = [other for other, chain in enumerate(self.chains) if chain[end] == box and other not in given]
        mine.sort(key=lambda other: (self.slots[self.chains[other][beside]].y, other))
        top, height = self.boxes[box].top, self.boxes[box].height - self.boxes[box].top
        step = min(height / (len(mine) + 1), 16.0)
        return top + height / 2 + (mine.index(number) - (len(mine) - 1) / 2) * step
