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
    """Orders of one lifecycle: `vocabulary` says whose roles count, `visible` which orders a principal sees.

    `label` is the shelf's name, in URLs too, where that of its chart is another's already.
    """

    vocabulary: str
    lifecycle: Lifecycle
    visible: Callable[[Principal], ColumnElement[bool]]
    title: Callable[[Any], str]
    label: str = ""

    @property
    def name(self) -> str:
        """The label, or the chart's name, such as `adobe/order`."""
        return self.label or self.lifecycle.chart.name
