"""One level of a drawing: boxes in layers from top to bottom, arrows between them (after Sugiyama, Tagawa and Toda).

Arrows that would close a circle run upwards; an arrow has a slot in each layer that it passes, and its label is part of
one, so that nothing lies upon anything; between the layers each arrow runs on a track of its own. Everything is decided
by numbers and order: the same input gives the same drawing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .columns import LANE, settle
from .crossings import ordered
from .layers import ranks
from .parting import parted
from .slot import Link, Slot
from .straight import straighten

__all__ = ["BESIDE", "Arrow", "Box", "Level", "Point", "lay_out"]

Point = tuple[float, float]

TRACK, BREATH, BESIDE = 9.0, 9.0, 6.0
"""Between tracks, between layers at least, and from an arrow to its label."""

STEP, CORNER = 15.0, 9.0
"""Between arrows that meet a box at most, and from its corner to the first at least."""


SWEEPS = {"rough": 6, "fine": 21}
"""How often everything is moved towards what it is linked to."""


@dataclass(frozen=True, slots=True)
class Box:
    """Something with a size. Arrows meet its frame, which is as wide as given and may be narrower than the whole.

    `tops` and `bottoms` say for arrows by their number how far from the left they meet it, where that is settled.
    """

    width: float
    height: float
    frame: float
    tops: Mapping[int, float] = field(default_factory=dict)
    bottoms: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a box to another, by their numbers; `label` is the size of what is written on it, `weight` how straight.

    One that is `back` runs upwards.
    """

    source: int
    target: int
    label: tuple[float, float]
    weight: float
    back: bool


@dataclass(frozen=True, slots=True)
class Level:
    """Where everything is: boxes and labels by their upper left corners, arrows by their points from end to end."""

    width: float
    height: float
    corners: Sequence[Point]
    paths: Sequence[Sequence[Point]]
    labels: Sequence[Point]


def lay_out(
    boxes: Sequence[Box],
    arrows: Sequence[Arrow],
    first: Collection[int] = (),
    last: Collection[int] = (),
    fixed: Mapping[int, float] | None = None,
    *,
    finish: str = "fine",
) -> Level:
    """The drawing of a level; `first` and `last` are boxes on its upper and lower border.

    `fixed` orders some boxes of one layer among themselves by ascending numbers, -inf before everything. A `rough`
    finish says about where everything is, the `fine` one takes care of bends.
    """
    return _Drawing(boxes, arrows, first, last, fixed or {}, finish).level()


class _Drawing:
    def __init__(
        self,
        boxes: Sequence[Box],
        arrows: Sequence[Arrow],
        first: Collection[int],
        last: Collection[int],
        fixed: Mapping[int, float],
        finish: str,
    ) -> None:
        self.boxes, self.arrows = boxes, arrows
        self.ends = [(a.target, a.source) if a.back else (a.source, a.target) for a in arrows]
        found = ranks(len(boxes), self.ends, first, last)
        self.slots = [
            Slot(2 * rank, box.frame / 2, box.width - box.frame / 2, box.height, number)
            for number, (rank, box) in enumerate(zip(found, boxes, strict=True))
        ]
        self.links: list[Link] = []
        self.chains = [self._chain(number) for number in range(len(arrows))]
        layers: list[list[int]] = [[] for _ in range(2 * max(found, default=0) + 1)]
        for number, slot in enumerate(self.slots):
            layers[slot.layer].append(number)
        self._meet_where_settled()
        self.layers = ordered(layers, self.slots, self.links, fixed)
        self._meet()
        settle(self.layers, self.slots, self.links, sweeps=SWEEPS[finish])
        if finish == "fine":
            straighten(self.layers, self.slots, self.links, self.chains)
        self._measure()

    def _chain(self, number: int) -> list[int]:
        """The links of an arrow from top to bottom; its label stands next to the box that it comes from."""
        arrow, (upper, lower) = self.arrows[number], self.ends[number]
        start, end = self.slots[upper].layer, self.slots[lower].layer
        at = end - 1 if arrow.back else start + 1
        passed = [upper]
        for layer in range(start + 1, end):
            width, height = arrow.label if layer == at else (0.0, 0.0)
            right = BESIDE + width if width else LANE / 2
            self.slots.append(Slot(layer, LANE / 2, right, height))
            passed.append(len(self.slots) - 1)
        passed.append(lower)
        begin = len(self.links)
        for place, (one, other) in enumerate(pairwise(passed)):
            inner = 0 < place < len(passed) - 2
            self.links.append(Link(one, other, arrow.weight * (4.0 if inner else 1.5)))
        return list(range(begin, len(self.links)))

    # --- where arrows meet boxes

    def _meet_where_settled(self) -> None:
        for number, chain in enumerate(self.chains):
            upper, lower = (self.boxes[box] for box in self.ends[number])
            if number in upper.bottoms:
                self.links[chain[0]].leaves = upper.bottoms[number] - upper.frame / 2
            if number in lower.tops:
                self.links[chain[-1]].enters = lower.tops[number] - lower.frame / 2

    def _meet(self) -> None:
        """Spread the arrows of each side of a box in the order in which they go on; a heavy one meets its middle."""
        place = {slot: index for layer in self.layers for index, slot in enumerate(layer)}
        leaving: dict[int, list[int]] = defaultdict(list)
        entering: dict[int, list[int]] = defaultdict(list)
        for number, chain in enumerate(self.chains):
            upper, lower = self.ends[number]
            if number not in self.boxes[upper].bottoms:
                leaving[upper].append(chain[0])
            if number not in self.boxes[lower].tops:
                entering[lower].append(chain[-1])
        for box, mine in leaving.items():
            mine.sort(key=lambda link: place[self.links[link].lower])
            for link, offset in zip(mine, self._spread(box, mine, self.boxes[box].bottoms), strict=True):
                self.links[link].leaves = offset
        for box, mine in entering.items():
            mine.sort(key=lambda link: place[self.links[link].upper])
            for link, offset in zip(mine, self._spread(box, mine, self.boxes[box].tops), strict=True):
                self.links[link].enters = offset

    def _spread(self, box: int, links: Sequence[int], settled: Mapping[int, float]) -> list[float]:
        """How far from the middle of a side its arrows meet it, apart from each other and from those settled before."""
        weights = [self.links[link].weight for link in links]
        heaviest = max(weights)
        middle = weights.index(heaviest) if weights.count(heaviest) == 1 else (len(links) - 1) / 2
        room = max(self.boxes[box].frame / 2 - CORNER, 0.0)
        step = min(STEP, room / max(middle, len(links) - 1 - middle, 0.5))
        if step < LANE - 2 and len(links) > 1:
            middle = (len(links) - 1) / 2
            step = min(STEP, 2 * room / (len(links) - 1))
        offsets = [(index - middle) * step for index in range(len(links))]
        return _apart(offsets, [x - self.boxes[box].frame / 2 for x in settled.values()], room) if settled else offsets

    # --- sizes and places

    def _measure(self) -> None:
        """Where layers begin, how high they are, and the tracks between them."""
        self.tops, self.heights = [], []
        self.track: dict[int, float] = {}
        y = 0.0
        for layer, found in zip(self.layers, parted(self.layers, self.slots, self.links), strict=True):
            self.tops.append(y)
            self.heights.append(max((self.slots[slot].height for slot in layer), default=0.0))
            y += self.heights[-1]
            used = max(found.values(), default=-1) + 1
            self.track |= {number: y + BREATH + track * TRACK for number, track in found.items() if track >= 0}
            y += 2 * BREATH + (used - 1) * TRACK if used else BREATH if found else BREATH / 2
        self.leftmost = min((slot.x - slot.left for slot in self.slots), default=0.0)

    def _span(self, number: int) -> tuple[float, float]:
        link = self.links[number]
        return link.begins(self.slots), link.ends(self.slots)

    def level(self) -> Level:
        """The drawing."""
        width = max((slot.x + slot.right for slot in self.slots), default=0.0) - self.leftmost
        height = self.tops[-1] + self.heights[-1] if self.tops else 0.0
        corners = [self._corner(number) for number in range(len(self.boxes))]
        paths = [self._path(number, corners) for number in range(len(self.arrows))]
        return Level(width, height, corners, paths, [self._label(number) for number in range(len(self.arrows))])

    def _corner(self, number: int) -> Point:
        slot = self.slots[number]
        return slot.x - slot.left - self.leftmost, self.tops[slot.layer] + (self.heights[slot.layer] - slot.height) / 2

    def _label(self, number: int) -> Point:
        """Where the words of an arrow begin, beside its line and near the box that it comes from."""
        chain = self.chains[number]
        back = self.arrows[number].back
        slot = self.slots[self.links[chain[-1]].upper if back else self.links[chain[0]].lower]
        y = self.tops[slot.layer] + (self.heights[slot.layer] - slot.height if back else 0.0)
        return slot.x + BESIDE - self.leftmost, y

    def _path(self, number: int, corners: Sequence[Point]) -> list[Point]:
        upper, lower = self.ends[number]
        chain = self.chains[number]
        points = [(self._span(chain[0])[0], corners[upper][1] + self.boxes[upper].height)]
        for link in chain:
            if link in self.track:
                points += [(x, self.track[link]) for x in self._span(link)]
        points.append((self._span(chain[-1])[1], corners[lower][1]))
        found = [(x - self.leftmost, y) for x, y in points]
        return found[::-1] if self.arrows[number].back else found


def _apart(offsets: Sequence[float], settled: Sequence[float], room: float) -> list[float]:
    """The free offsets next to those given, none further than `room` from the middle if there is one nearer."""
    taken, found = list(settled), []
    for offset in offsets:
        sides = [offset, *(other + side for other in taken for side in (-LANE, LANE))]
        free = [x for x in sides if all(abs(x - other) > LANE - 0.1 for other in taken)]
        found.append(min(free or [offset], key=lambda x: (abs(x) > room, abs(x - offset))))
        taken.append(found[-1])
    return found
