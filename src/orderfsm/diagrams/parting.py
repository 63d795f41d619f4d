"""Room for arrows that would run upon each other: two that change places between two layers within a few pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .slot import Link, Slot
from .straight import Room
from .tracks import NEXT, tracks

__all__ = ["parted"]

ROUNDS = 4


def parted(layers: Sequence[Sequence[int]], slots: Sequence[Slot], links: Sequence[Link]) -> list[dict[int, int]]:
    """Below each layer, the tracks of its links by their numbers; -1 for those that go straight.

    Where the upper one of two links ends upon the beginning of the lower one, a slot gives way if it has room.
    """
    gutters: list[list[int]] = [[] for _ in layers]
    for number, link in enumerate(links):
        gutters[slots[link.upper].layer].append(number)
    room = Room(layers, slots)
    found = [_tracks(gutter, slots, links) for gutter in gutters]
    for _ in range(ROUNDS):
        moved = {layer for here in found for layer in _part(here, slots, links, room)}
        if not moved:
            break
        for near in {near for layer in moved for near in (layer - 1, layer) if 0 <= near < len(layers)}:
            found[near] = _tracks(gutters[near], slots, links)
    return found


def _tracks(gutter: Sequence[int], slots: Sequence[Slot], links: Sequence[Link]) -> dict[int, int]:
    spans = [(links[number].begins(slots), links[number].ends(slots)) for number in gutter]
    return dict(zip(gutter, tracks(spans), strict=True))


def _part(here: dict[int, int], slots: Sequence[Slot], links: Sequence[Link], room: Room) -> Iterator[int]:
    """Move what clashes between two layers apart; the layers in which something was moved."""
    for high, upper in here.items():
        for low, lower in here.items():
            if 0 <= upper < lower and (moves := _moves(links[high], links[low], slots)):
                moves += _moves(links[low], links[high], slots)
                yield from _move(moves, slots, room)


def _moves(upper: Link, lower: Link, slots: Sequence[Slot]) -> list[tuple[int, float]]:
    """What could be moved, and how far, when one link ends upon the beginning of another that runs below it."""
    beside = upper.ends(slots) - lower.begins(slots)
    if abs(beside) >= NEXT:
        return []
    return [move for side in (NEXT, -NEXT) for move in ((lower.upper, beside + side), (upper.lower, side - beside))]


def _move(moves: Sequence[tuple[int, float]], slots: Sequence[Slot], room: Room) -> Iterator[int]:
    """Make the least of the moves that there is room for, a box only if need be: its other arrows would bend."""
    for number, shift in sorted(moves, key=lambda move: (slots[move[0]].box >= 0, abs(move[1]))):
        slot, (low, high) = slots[number], room.of(number)
        if low <= slot.x + shift <= high:
            slot.x += shift
            yield slot.layer
            return
