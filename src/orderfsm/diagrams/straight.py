"""Arrows with fewer bends: slots give way a little where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from .columns import distance
from .slot import Link, Slot

__all__ = ["Room", "straighten"]

PLACES = 16
"""How many of the places that an arrow has are tried for the others."""

SAME, NEAR = 0.5, 40.0
BEND, FAR = 1.0, 0.002
"""What a bend costs, and a step away from where the slot was."""


def straighten(
    layers: Sequence[Sequence[int]], slots: Sequence[Slot], links: Sequence[Link], chains: Sequence[Sequence[int]]
) -> None:
    """Move slots inside the room that their neighbours leave, so that arrows bend less often, heavy ones first."""
    room = Room(layers, slots)
    touching: list[list[Link]] = [[] for _ in slots]
    for link in links:
        touching[link.upper].append(link)
        touching[link.lower].append(link)
    order = sorted(range(len(chains)), key=lambda number: (-links[chains[number][0]].weight, number))
    heaviest = max((link.weight for link in links if slots[link.upper].box >= 0), default=0.0)
    for _ in range(3):
        for number in order:
            _chain([links[link] for link in chains[number]], slots, room, touching)
        for number, slot in enumerate(slots):
            if slot.box >= 0:
                _box(number, slots, touching[number], room)
        for link in links:
            if link.weight == heaviest:
                _block(link, slots, touching, room)
    for number in order:
        _chain([links[link] for link in chains[number]], slots, room, touching)


class Room:
    """From where to where each slot can move."""

    def __init__(self, layers: Sequence[Sequence[int]], slots: Sequence[Slot]) -> None:
        self.slots = slots
        self.before: dict[int, int] = {}
        self.after: dict[int, int] = {}
        for layer in layers:
            for one, other in pairwise(layer):
                self.after[one], self.before[other] = other, one

    def of(self, number: int) -> tuple[float, float]:
        """The least and the greatest `x` that leave its neighbours in peace."""
        slot, low, high = self.slots[number], -inf, inf
        if number in self.before:
            neighbour = self.slots[self.before[number]]
            low = neighbour.x + distance(neighbour, slot)
        if number in self.after:
            neighbour = self.slots[self.after[number]]
            high = neighbour.x - distance(slot, neighbour)
        return low - 0.01, high + 0.01


def _chain(chain: Sequence[Link], slots: Sequence[Slot], room: Room, touching: Sequence[Sequence[Link]]) -> None:
    """Place what an arrow passes so that it bends least: the cheapest row of places, slot by slot.

    A bend is best next to the box with fewer arrows: it may give way afterwards.
    """
    lighter = len(touching[chain[0].upper]) < len(touching[chain[-1].lower])
    above, below = (0.9 * BEND, BEND) if lighter else (BEND, 0.9 * BEND)
    passed = [link.lower for link in chain[:-1]]
    begin = slots[chain[0].upper].x + chain[0].leaves
    end = slots[chain[-1].lower].x + chain[-1].enters
    here = [slots[slot].x for slot in passed]
    places = list(dict.fromkeys([begin, end, *here[:: len(here) // PLACES + 1]]))
    costs = [0.0 if abs(x - begin) < SAME else above for x in places]
    came: list[list[int]] = []
    for slot in passed:
        low, high = room.of(slot)
        cheapest = min(range(len(places)), key=costs.__getitem__)
        came.append([at if cost <= costs[cheapest] + BEND else cheapest for at, cost in enumerate(costs)])
        costs = [
            min(cost, costs[cheapest] + BEND) + FAR * abs(x - slots[slot].x) if low <= x <= high else inf
            for x, cost in zip(places, costs, strict=True)
        ]
    at = min(range(len(places)), key=lambda at: costs[at] + (0.0 if abs(places[at] - end) < SAME else below))
    if costs[at] == inf:
        return
    for slot, back in zip(reversed(passed), reversed(came), strict=True):
        slots[slot].x = places[at]
        at = back[at]


def _box(number: int, slots: Sequence[Slot], links: Sequence[Link], room: Room) -> None:
    """Move a box to where the most of its links are straight."""
    low, high = room.of(number)
    here = slots[number].x
    shifts = [_beside(number, link, slots) for link in links]
    gains = {0.0: 0.0}
    for shift in shifts:
        if low <= here + shift <= high:
            straight = sum(link.weight for link, other in zip(links, shifts, strict=True) if abs(other - shift) < SAME)
            gains[shift] = straight - FAR * abs(shift)
    gains[0.0] = sum(link.weight for link, shift in zip(links, shifts, strict=True) if abs(shift) < SAME)
    slots[number].x = here + max(gains, key=lambda shift: gains[shift])


def _block(link: Link, slots: Sequence[Slot], touching: Sequence[Sequence[Link]], room: Room) -> None:
    """Straighten a heavy link by moving all that hangs straight and as heavily on one of its ends."""
    beside = _beside(link.upper, link, slots)
    if not SAME <= abs(beside) < NEAR:
        return
    for end, shift in ((link.upper, beside), (link.lower, -beside)):
        block = _hanging(end, link, slots, touching)
        if all(low <= slots[slot].x + shift <= high for slot in block for low, high in (room.of(slot),)):
            for slot in block:
                slots[slot].x += shift
            return


def _hanging(end: int, link: Link, slots: Sequence[Slot], touching: Sequence[Sequence[Link]]) -> list[int]:
    """The slots that are tied to one by straight links, as heavy as another link at least, which is left out."""
    found = [end]
    for slot in found:
        for other in touching[slot]:
            if other is not link and other.weight >= link.weight and abs(_beside(slot, other, slots)) < SAME:
                far = other.lower if other.upper == slot else other.upper
                if far not in found:
                    found.append(far)
    return found


def _beside(number: int, link: Link, slots: Sequence[Slot]) -> float:
    """How far a box would have to move for a link to be straight."""
    beside = slots[link.lower].x + link.enters - slots[link.upper].x - link.leaves
    return beside if link.upper == number else -beside
