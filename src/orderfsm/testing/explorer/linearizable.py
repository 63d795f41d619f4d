"""Whether what clients saw of an append-only list could have happened in one order, exactly, in O(n log n).

An order's history is a list that is only appended to, and each entry's place is known in the end. So there is nothing
to search: appends happen in the order of their places, a read of length n between the n-th and the next. What is left
to decide is whether each can be given a moment between its question and its answer. The earliest moment that is
possible is always the best one, because it leaves the most room for those that come after.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Operation", "problems"]


@dataclass(frozen=True, slots=True)
class Operation:
    """An append (`name` is what was appended) or a read (`name` is None), as the client saw it.

    `result` is the place that an append was told (from 1), or the length that a read saw; None when no answer came.
    """

    name: Hashable | None
    invoked: int
    answered: int | None = None
    result: int | None = None


def problems(operations: Iterable[Operation], final: Sequence[Hashable]) -> list[str]:
    """Why no order of the operations explains what was seen and the list's `final` content; empty when one does.

    Every append has a name of its own, and so has every element of the list.
    """
    places = {name: place for place, name in enumerate(final, 1)}
    said = [text for text in (_misplaced(op, places, len(final)) for op in operations) if text]
    return said or _late(operations, places, len(final))


def _misplaced(op: Operation, places: dict[Hashable, int], length: int) -> str | None:
    if op.answered is None or op.result is None:
        return None
    if op.name is None:
        return None if 0 <= op.result <= length else f"a read saw {op.result} elements, in the end there are {length}"
    place = places.get(op.name)
    return None if place == op.result else f"{op.name} was told place {op.result} and is at {place}"


def _late(operations: Iterable[Operation], places: dict[Hashable, int], length: int) -> list[str]:
    """The first operation, in the order in which they must have happened, that was answered before its moment."""
    ordered = []
    for op in operations:
        if op.name is not None and op.name in places:
            ordered.append((places[op.name], 0, op))
        elif op.name is None and op.answered is not None:
            ordered.append((op.result or 0, 1, op))
    ordered.sort(key=lambda item: item[:2])
    moment = latest = float("-inf")
    place = 0
    for here, kind, op in ordered:
        if here != place:
            moment, place = latest, here
        earliest = max(moment, op.invoked)
        if kind == 0:
            moment = earliest
        latest = max(latest, earliest)
        if op.answered is not None and op.answered < earliest:
            what = f"the read of {here}" if kind else f"{op.name} at place {here}"
            return [f"{what} was answered at {op.answered}, before it can have happened ({earliest})"]
    return []
