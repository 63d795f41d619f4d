"""How far to the right everything stands: the fourth step of a layered drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from .slot import Link, Slot

__all__ = ["LANE", "distance", "settle"]

GAP, LANE = 22.0, 10.0
"""Between boxes, and between arrows that run beside each other."""

SMALL = 8.0
"""Half of how wide a box is that arrows may pass closely."""

SWEEPS = 24

Near = Sequence[Sequence[tuple[int, float, float]]]


def settle(layers: Sequence[Sequence[int]], slots: Sequence[Slot], links: Sequence[Link]) -> None:
    """Give every slot its `x`: near what it is linked to, in its layer's order, with nothing upon anything."""
    for layer in layers:
        for slot, x in zip(layer, _offsets(layer, slots), strict=True):
            slots[slot].x = x
    above, below = _near(len(slots), links)
    both = [[*up, *down] for up, down in zip(above, below, strict=True)]
    for sweep in range(SWEEPS):
        near = both if sweep >= SWEEPS // 3 else below if sweep % 2 else above
        slack = 1_000.0 if sweep < 2 * SWEEPS // 3 else 4.0
        for layer in reversed(layers) if sweep % 2 else layers:
            _move(layer, slots, near, slack)


def _near(count: int, links: Iterable[Link]) -> tuple[Near, Near]:
    """For each slot what it is linked to above and below: the other slot, how far beside it, and the weight."""
    above: list[list[tuple[int, float, float]]] = [[] for _ in range(count)]
    below: list[list[tuple[int, float, float]]] = [[] for _ in range(count)]
    for link in links:
        beside = link.leaves - link.enters
        above[link.lower].append((link.upper, beside, link.weight))
        below[link.upper].append((link.lower, -beside, link.weight))
    return above, below


def distance(one: Slot, other: Slot) -> float:
    """How far apart two neighbours are at least."""
    if one.box >= 0 and other.box >= 0:
        gap = GAP
    elif one.box >= 0 or other.box >= 0:
        gap = GAP / 2 if max(one.left, other.left) > SMALL else 4.0
    else:
        gap = 0.0 if one.right <= LANE / 2 else 4.0
    return one.right + gap + other.left


def _offsets(layer: Sequence[int], slots: Sequence[Slot]) -> Iterator[float]:
    x = 0.0
    for before, slot in pairwise([None, *layer]):
        if before is not None and slot is not None:
            x += distance(slots[before], slots[slot])
        yield x


def _move(layer: Sequence[int], slots: Sequence[Slot], near: Near, slack: float) -> None:
    """The places with the least squares to those wanted: neighbours that push each other share a mean."""
    offsets = list(_offsets(layer, slots))
    pools: list[tuple[float, float, int]] = []
    for slot, offset in zip(layer, offsets, strict=True):
        wanted, weight = _wanted(slot, slots, near, slack)
        pool = (wanted - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            pool = ((before[0] * before[1] + pool[0] * pool[1]) / total, total, before[2] + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    for slot, mean, offset in zip(layer, means, offsets, strict=True):
        slots[slot].x = mean + offset


def _wanted(slot: int, slots: Sequence[Slot], near: Near, slack: float) -> tuple[float, float]:
    """Where a slot would be best, and how much that counts; the less slack, the more links that are nearly straight."""
    if not near[slot]:
        return slots[slot].x, 0.01 / slack
    total = mean = 0.0
    for other, beside, weight in near[slot]:
        x = slots[other].x + beside
        pull = weight / (abs(x - slots[slot].x) + slack)
        total, mean = total + pull, mean + pull * x
    return mean / total, total
