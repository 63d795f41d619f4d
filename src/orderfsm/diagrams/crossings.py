"""In which order the slots of a layer stand, so that few arrows cross: the third step of a layered drawing."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import fsum

from .slot import Link, Slot

__all__ = ["ordered"]

SWEEPS = 10

Layers = list[list[int]]


def ordered(layers: Layers, slots: Sequence[Slot], links: Sequence[Link], fixed: Mapping[int, float]) -> Layers:
    """The layers with their slots from left to right; those in `fixed` keep the order of their numbers.

    Each slot goes to the mean of what it is linked to above, then below, and so on (Sugiyama's barycentres); the best
    order that is met is kept, and then improved by exchanging neighbours.
    """
    order = _Order(layers, slots, links, fixed)
    best, fewest = order.copy(), order.crossings()
    for sweep in range(SWEEPS):
        if not fewest:
            break
        order.sweep(downwards=sweep % 2 == 0)
        crossings = order.crossings()
        if crossings < fewest:
            best, fewest = order.copy(), crossings
    order.layers = best
    for _ in range(4):
        if not order.exchange():
            break
    return order.layers


class _Order:
    def __init__(
        self, layers: Layers, slots: Sequence[Slot], links: Sequence[Link], fixed: Mapping[int, float]
    ) -> None:
        self.slots, self.fixed = slots, fixed
        self.layers = [sorted(layer, key=lambda slot: fixed.get(slot, 0.0)) for layer in layers]
        self.above: dict[int, list[tuple[int, float]]] = {slot: [] for slot in range(len(slots))}
        self.below: dict[int, list[tuple[int, float]]] = {slot: [] for slot in range(len(slots))}
        self.gutters: list[list[tuple[int, int, float, float]]] = [[] for _ in layers]
        for link in links:
            up, down = self.fraction(link.upper, link.leaves), self.fraction(link.lower, link.enters)
            self.above[link.lower].append((link.upper, up))
            self.below[link.upper].append((link.lower, down))
            self.gutters[slots[link.upper].layer].append((link.upper, link.lower, up, down))
        self.place: dict[int, int] = {}
        for layer in self.layers:
            self.number(layer)

    def fraction(self, slot: int, offset: float) -> float:
        """Where an arrow meets a slot, as a part of the step from one place to the next."""
        return 0.9 * offset / max(self.slots[slot].width, 1.0)

    def number(self, layer: Sequence[int]) -> None:
        self.place.update((slot, place) for place, slot in enumerate(layer))

    def copy(self) -> Layers:
        return [list(layer) for layer in self.layers]

    def sweep(self, *, downwards: bool) -> None:
        near = self.above if downwards else self.below
        for layer in self.layers if downwards else reversed(self.layers):
            wanted = {slot: self.middle(slot, near[slot]) for slot in layer}
            layer.sort(key=wanted.__getitem__)
            held = iter(sorted((slot for slot in layer if slot in self.fixed), key=lambda slot: self.fixed[slot]))
            layer[:] = [next(held) if slot in self.fixed else slot for slot in layer]
            layer.sort(key=lambda slot: self.fixed.get(slot, 0.0) > -1e9)
            self.number(layer)

    def middle(self, slot: int, near: Sequence[tuple[int, float]]) -> float:
        if not near:
            return float(self.place[slot])
        return fsum(self.place[other] + part for other, part in near) / len(near)

    def crossings(self) -> int:
        self.place = {}
        for layer in self.layers:
            self.number(layer)
        return sum(map(self.crossing, self.gutters))

    def crossing(self, gutter: Sequence[tuple[int, int, float, float]]) -> int:
        """How many pairs of links cross between two layers."""
        ends = sorted((self.place[upper] + up, self.place[lower] + down) for upper, lower, up, down in gutter)
        seen: list[float] = []
        count = 0
        for _, lower in ends:
            count += len(seen) - bisect_right(seen, lower)
            insort(seen, lower)
        return count

    def exchange(self) -> bool:
        """Exchange neighbours wherever that saves crossings; whether it did."""
        self.crossings()
        better = False
        for layer in self.layers:
            for left, right in list(pairwise(range(len(layer)))):
                one, other = layer[left], layer[right]
                if one in self.fixed and (other in self.fixed or self.fixed[one] <= -1e9):
                    continue
                if self.between(other, one) < self.between(one, other):
                    layer[left], layer[right], better = other, one, True
                    self.number(layer)
        return better

    def between(self, left: int, right: int) -> int:
        """How many links of two slots cross when one stands to the left of the other."""
        count = 0
        for near in (self.above, self.below):
            mine = [self.place[other] + part for other, part in near[left]]
            theirs = [self.place[other] + part for other, part in near[right]]
            count += sum(here > there for here in mine for there in theirs)
        return count
