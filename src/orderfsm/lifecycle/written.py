"""Entries that were written together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm.cell import Step
    from orderfsm.history import Entry

__all__ = ["Written"]


class Written(NamedTuple):
    """The entries of one step for many orders (keys are values or tuples); `entry` is what they have in common."""

    keys: Sequence[Any]
    sequences: Sequence[int]
    entry: Entry
    step: Step

    def each(self) -> Iterator[tuple[tuple[Any, ...], int]]:
        """The parts of each order's key, with the sequence of its entry."""
        for key, sequence in zip(self.keys, self.sequences, strict=True):
            yield (key if isinstance(key, tuple) else (key,)), sequence
