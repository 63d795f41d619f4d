"""What a layered drawing of one level is made of: slots in layers, and links from slot to slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Link", "Slot"]


@dataclass(slots=True)
class Slot:
    """A place in a layer: of a box, of an arrow that passes, or of one that passes with its label.

    `left` and `right` say how far it reaches from `x`: the middle of a box, the line of an arrow. `box` is -1 for
    arrows.
    """

    layer: int
    left: float
    right: float
    height: float
    box: int = -1
    x: float = 0.0

    @property
    def width(self) -> float:
        """From its left side to its right."""
        return self.left + self.right


@dataclass(slots=True)
class Link:
    """A piece of an arrow from a slot to one in the next layer; it leaves and enters them so far from their `x`."""

    upper: int
    lower: int
    weight: float
    leaves: float = 0.0
    enters: float = 0.0

    def begins(self, slots: Sequence[Slot]) -> float:
        """Where it leaves its upper slot."""
        return slots[self.upper].x + self.leaves

    def ends(self, slots: Sequence[Slot]) -> float:
        """Where it enters its lower slot."""
        return slots[self.lower].x + self.enters
