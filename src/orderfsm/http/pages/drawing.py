"""The picture of one order: the chart, the way that it has taken, and where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orderfsm.chart import Chart
from orderfsm.diagrams import Overlay, render

__all__ = ["DRAWN", "TRACED", "drawn"]

DRAWN = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"}
"""A picture loads nothing and runs nothing, whoever opens it in a browser."""

TRACED = 1_000
"""Of how many entries, the latest ones, a picture shows the way."""


def drawn(chart: Chart, configuration: str | None, entries: Iterable[Mapping[str, Any]]) -> str:
    """The picture as an SVG."""
    taken = tuple((entry["before"], entry["after"]) for entry in entries)
    return render(chart, "svg", detail="plain", overlay=Overlay(current=configuration, taken=taken))
