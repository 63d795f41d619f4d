"""Entries that were written together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.cell import Step
    from orderfsm.history import Entry

__all__ = ["Written"]


class Written(NamedTuple):
    """The entries of one step for many orders; `entry` is what they have in common."""

    identities: Sequence[tuple[Any, ...]]
    sequences: Sequence[int]
    entry: Entry
    step: Step
