"""Which way arrows run, and in which layer each box stands: the first two steps of a layered drawing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

__all__ = ["ranks", "turned"]

Ends = tuple[int, int]


def turned(count: int, arrows: Sequence[Ends], weights: Sequence[float]) -> list[bool]:
    """For each arrow whether it is drawn upwards, so that the others close no circle.

    Either those that lead back in the order of the boxes, which is that of the document, or those that lead back in a
    walk from the first box: whichever weighs less.
    """
    written = [target < source for source, target in arrows]
    walked = _walked(count, arrows)
    return min(written, walked, key=lambda back: sum(weight for weight, up in zip(weights, back, strict=True) if up))


def _walked(count: int, arrows: Sequence[Ends]) -> list[bool]:
    leaving: dict[int, list[int]] = defaultdict(list)
    for number, (source, _) in enumerate(arrows):
        leaving[source].append(number)
    back, entered, left = [False] * len(arrows), [False] * count, [False] * count
    for root in range(count):
        stack = [] if entered[root] else [(root, iter(leaving[root]))]
        entered[root] = True
        while stack:
            box, rest = stack[-1]
            number = next(rest, -1)
            if number < 0:
                left[box] = True
                stack.pop()
                continue
            target = arrows[number][1]
            back[number] = entered[target] and not left[target]
            if not entered[target]:
                entered[target] = True
                stack.append((target, iter(leaving[target])))
    return back


def ranks(count: int, arrows: Sequence[Ends], first: Collection[int], last: Collection[int]) -> list[int]:
    """The layer of each box: below all that lead to it, near what it leads to; arrows close no circle here.

    Boxes in `first` stand in the topmost layer, boxes in `last` in the lowest, and nothing else does.
    """
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for upper, lower in arrows:
        above[lower].append(upper)
        below[upper].append(lower)
    order = _sorted(count, above, below)
    found = [0] * count
    for box in order:
        least = int(bool(first)) if box not in first else 0
        found[box] = max([least, *(found[upper] + 1 for upper in above[box])])
    for box in reversed(order):
        if len(below[box]) > len(above[box]) and box not in first:
            found[box] = max(found[box], min(found[lower] for lower in below[box]) - 1)
    lowest = max((found[box] + 1 for box in range(count) if box not in last), default=0)
    return [lowest if box in last else rank for box, rank in enumerate(found)]


def _sorted(count: int, above: Mapping[int, list[int]], below: Mapping[int, list[int]]) -> list[int]:
    """The boxes, each after all that lead to it."""
    waiting = [len(above[box]) for box in range(count)]
    order = [box for box in range(count) if not waiting[box]]
    for box in order:
        for lower in below[box]:
            waiting[lower] -= 1
            if not waiting[lower]:
                order.append(lower)
    return order
