"""Where arrows run level between two layers: the fifth step of a layered drawing."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NEXT", "STRAIGHT", "tracks"]

STRAIGHT = 0.75
"""An arrow that is so little beside itself goes straight."""

APART, NEXT = 8.0, 4.0
"""Between the ends of two arrows on one track, and between two that run beside each other, at least."""

Span = tuple[float, float]


def tracks(spans: Sequence[Span]) -> list[int]:
    """For each arrow, from one x above to another below, the track from the top on which it runs level; -1 for none.

    Arrows share a track only where they keep apart. Which runs above which is decided by how often they cross.
    """
    found = [-1] * len(spans)
    done: list[int] = []
    for number in _downwards(spans):
        found[number] = max((found[other] + 1 for other in done if _meet(spans[number], spans[other])), default=0)
        done.append(number)
    return found


def _downwards(spans: Sequence[Span]) -> list[int]:
    """The arrows that do not go straight, from the uppermost: each is put where it crosses the others least."""
    level = [number for number, (x1, x2) in enumerate(spans) if abs(x1 - x2) >= STRAIGHT]
    above = {(one, other): _crossings(spans[one], spans[other]) for one in level for other in level if one != other}
    order: list[int] = []
    for number in [*level, *level]:
        if number in order:
            order.remove(number)
        cost = sum(above[number, other] for other in order)
        best, least = 0, cost
        for place, other in enumerate(order, start=1):
            cost += above[other, number] - above[number, other]
            if cost < least:
                best, least = place, cost
        order.insert(best, number)
    return order


def _meet(one: Span, other: Span) -> bool:
    return min(one) < max(other) + APART and min(other) < max(one) + APART


def _crossings(upper: Span, lower: Span) -> int:
    """How often two arrows meet when one runs above the other; to lie upon each other counts much more."""
    enters, leaves = lower[0], upper[1]
    count = int(min(upper) < enters < max(upper)) + int(min(lower) < leaves < max(lower))
    return count + 20 * int(abs(leaves - enters) < NEXT)
