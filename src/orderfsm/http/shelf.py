"""What the pages know of a vocabulary: its orders, and which of them somebody may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from orderfsm.lifecycle import Lifecycle

from .principal import Principal

__all__ = ["Shelf"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Orders of one lifecycle: `vocabulary` says whose roles count, `visible` which orders a principal sees."""

    vocabulary: str
    lifecycle: Lifecycle
    visible: Callable[[Principal], ColumnElement[bool]]
    title: Callable[[Any], str]

    @property
    def name(self) -> str:
        """The chart's name, such as `adobe/order`: it is the shelf's in URLs, too."""
        return self.lifecycle.chart.name
