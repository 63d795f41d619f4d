"""How far to the right everything stands: the fourth step of a layered drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from .slot import Link, Slot

__all__ = ["LANE", "settle"]

GAP, LANE = 22.0, 10.0
"""Between boxes, and between arrows that run beside each other."""

SWEEPS, NEAR = 14, 28.0

Near = Sequence[Sequence[tuple[int, float, float]]]


def settle(layers: Sequence[Sequence[int]], slots: Sequence[Slot], links: Sequence[Link]) -> None:
    """Give every slot its `x`: near what it is linked to, in its layer's order, with nothing upon anything."""
    for layer in layers:
        for slot, x in zip(layer, _offsets(layer, slots), strict=True):
            slots[slot].x = x
    above, below = _near(len(slots), links)
    both = [[*up, *down] for up, down in zip(above, below, strict=True)]
    for sweep in range(SWEEPS):
        near = both if sweep >= SWEEPS // 2 else below if sweep % 2 else above
        for layer in reversed(layers) if sweep % 2 else layers:
            _move(layer, slots, near)
    for _ in range(2):
        for layer in layers:
            _align(layer, slots, above)
        for layer in reversed(layers):
            _align(layer, slots, below)


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
    if one.box < 0 and other.box < 0:
        gap = 0.0 if one.right <= LANE / 2 else 4.0
    else:
        gap = GAP if one.box >= 0 and other.box >= 0 else GAP / 2
    return one.right + gap + other.left


def _offsets(layer: Sequence[int], slots: Sequence[Slot]) -> Iterator[float]:
    x = 0.0
    for before, slot in pairwise([None, *layer]):
        if before is not None and slot is not None:
            x += distance(slots[before], slots[slot])
        yield x


def _move(layer: Sequence[int], slots: Sequence[Slot], near: Near) -> None:
    """The places with the least squares to those wanted: neighbours that push each other share a mean."""
    offsets = list(_offsets(layer, slots))
    pools: list[tuple[float, float, int]] = []
    for slot, offset in zip(layer, offsets, strict=True):
        wanted, weight = _wanted(slot, slots, near)
        pool = (wanted - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            pool = ((before[0] * before[1] + pool[0] * pool[1]) / total, total, before[2] + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    for slot, mean, offset in zip(layer, means, offsets, strict=True):
        slots[slot].x = mean + offset


def _wanted(slot: int, slots: Sequence[Slot], near: Near) -> tuple[float, float]:
    total = sum(weight for _, _, weight in near[slot])
    if not total:
        return slots[slot].x, 0.05
    return sum((slots[other].x + beside) * weight for other, beside, weight in near[slot]) / total, total


def _align(layer: Sequence[int], slots: Sequence[Slot], near: Near) -> None:
    """Straighten the heaviest link of each slot, where it is nearly straight and there is room."""
    for place, number in enumerate(layer):
        if not near[number]:
            continue
        slot = slots[number]
        other, beside, _ = max(near[number], key=lambda link: link[2])
        wanted = slots[other].x + beside
        if place:
            before = slots[layer[place - 1]]
            wanted = max(wanted, before.x + distance(before, slot))
        if place + 1 < len(layer):
            after = slots[layer[place + 1]]
            wanted = min(wanted, after.x - distance(slot, after))
        if abs(wanted - slot.x) < NEAR:
            slot.x = wanted
