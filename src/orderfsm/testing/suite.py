"""A suite: items to test one by one, and what could not be made an item of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Suite", "Unreached"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreached:
    """What a suite has no item for, and why."""

    title: str
    why: str

    def __str__(self) -> str:
        return f"{self.title}: {self.why}"


class Suite(tuple[T, ...]):
    """The items, in document order; `name` is what a test's parameter is called, `unreached` what has no item."""

    name: str
    unreached: tuple[Unreached, ...]

    def __new__(cls, name: str, items: Iterable[T], unreached: Iterable[Unreached] = ()) -> Suite[T]:
        """A suite of these items."""
        made = super().__new__(cls, items)
        made.name, made.unreached = name, tuple(unreached)
        return made
