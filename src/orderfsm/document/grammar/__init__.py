"""The keys of the chart file, each with its shape and purpose; the reader and the JSON Schema are made from them.

docs/reference/chart-format.md says the same to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orderfsm.document.shape import Shape

from .chart import CHART
from .events import ARROW, FIELD, PAYLOAD
from .scenarios import DATA
from .states import STATES

__all__ = ["CHART", "DATA", "SHAPES"]

SHAPES: Mapping[str, Shape] = MappingProxyType({"states": STATES, "arrow": ARROW, "payload": PAYLOAD, "field": FIELD})
"""The shapes that have a name, because they may contain themselves."""
