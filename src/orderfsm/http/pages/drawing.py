"""The picture of one order: the chart, the way that it has taken, and where it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from orderfsm.chart import Chart
from orderfsm.diagrams import Overlay, render

__all__ = ["DRAWN", "TRACED", "drawn", "slender"]

DRAWN = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"}
"""A picture loads nothing and runs nothing, whoever opens it in a browser."""

TRACED = 1_000
"""Of how many entries, the latest ones, a picture shows the way."""

BESIDE = 800
"""How wide a picture may be, in CSS pixels, that stands beside something else on a large screen."""


def slender(chart: Chart) -> bool:
    """Whether there is room for something else beside the chart's picture, which is as wide wherever an order is."""
    found = re.search(r'viewBox="0 0 ([0-9.]+) ', render(chart, "svg", detail="plain"))
    return found is not None and float(found[1]) <= BESIDE


def drawn(chart: Chart, configuration: str | None, entries: Iterable[Mapping[str, Any]]) -> str:
    """The picture as an SVG."""
    taken = tuple((entry["before"], entry["after"]) for entry in entries)
    return render(chart, "svg", detail="plain", overlay=Overlay(current=configuration, taken=taken))
