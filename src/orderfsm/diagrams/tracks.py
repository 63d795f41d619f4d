"""Where arrows run level between two layers: the fifth step of a layered drawing."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["STRAIGHT", "tracks"]

STRAIGHT = 0.75
"""An arrow that is so little beside itself goes straight."""

APART = 8.0

Span = tuple[float, float]


def tracks(spans: Sequence[Span]) -> list[int]:
    """For each arrow, from one x above to another below, the track from the top on which it runs level; -1 for none.

    Arrows share a track only where they keep apart. Which runs above which is decided by how often they cross.
    """
    level = [number for number, (x1, x2) in enumerate(spans) if abs(x1 - x2) >= STRAIGHT]
    found = [-1] * len(spans)
    done: list[int] = []
    while level:
        number = min(level, key=lambda one: (sum(_worse(spans[one], spans[other]) for other in level), one))
        level.remove(number)
        found[number] = max((found[other] + 1 for other in done if _meet(spans[number], spans[other])), default=0)
        done.append(number)
    return found


def _meet(one: Span, other: Span) -> bool:
    return min(one) < max(other) + APART and min(other) < max(one) + APART


def _worse(upper: Span, lower: Span) -> int:
    """How much worse it is that one runs above the other than the other way round."""
    return _crossings(upper, lower) - _crossings(lower, upper)


def _crossings(upper: Span, lower: Span) -> int:
    """How often two arrows meet when one runs above the other; to lie upon each other counts much more."""
    enters, leaves = lower[0], upper[1]
    count = int(min(upper) < enters < max(upper)) + int(min(lower) < leaves < max(lower))
    return count + 20 * int(abs(leaves - enters) < APART / 2)
