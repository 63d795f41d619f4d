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

Near = Sequence[Sequence[tuple[int, float, float]]]


def settle(layers: Sequence[Sequence[int]], slots: Sequence[Slot], links: Sequence[Link], *, sweeps: int) -> None:
    """Give every slot its `x`: near what it is linked to, in its layer's order, with nothing upon anything."""
    rows = [list(zip(layer, _offsets(layer, slots), strict=True)) for layer in layers]
    for row in rows:
        for slot, x in row:
            slots[slot].x = x
    above, below = _near(len(slots), links)
    both = [[*up, *down] for up, down in zip(above, below, strict=True)]
    for sweep in range(sweeps):
        near = both if sweep >= sweeps // 3 else below if sweep % 2 else above
        slack = 1_000.0 if sweep < 2 * sweeps // 3 else 4.0
        for row in reversed(rows) if sweep % 2 else rows:
            _move(row, slots, near, slack)


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


def _move(row: Sequence[tuple[int, float]], slots: Sequence[Slot], near: Near, slack: float) -> None:
    """The places with the least squares to those wanted: neighbours that push each other share a mean."""
    pools: list[tuple[float, float, int]] = []
    for slot, offset in row:
        wanted, weight = _wanted(slot, slots, near[slot], slack)
        mean, count = wanted - offset, 1
        while pools and pools[-1][0] > mean:
            before, heavy, many = pools.pop()
            mean = (before * heavy + mean * weight) / (heavy + weight)
            weight, count = heavy + weight, many + count
        pools.append((mean, weight, count))
    place = 0
    for mean, _, count in pools:
        for slot, offset in row[place : place + count]:
            slots[slot].x = mean + offset
        place += count


def _wanted(
    slot: int, slots: Sequence[Slot], near: Sequence[tuple[int, float, float]], slack: float
) -> tuple[float, float]:
    """Where a slot would be best, and how much that counts; the less slack, the more links that are nearly straight."""
    here = slots[slot].x
    if not near:
        return here, 0.01 / slack
    total = mean = 0.0
    for other, beside, weight in near:
        x = slots[other].x + beside
        pull = weight / (abs(x - here) + slack)
        total, mean = total + pull, mean + pull * x
    return mean / total, total
