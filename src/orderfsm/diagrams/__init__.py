"""Pictures of a chart: `render(chart, format)`. One picture of nodes and edges, one renderer per format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import markdown, mermaid, svg
from .svg import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderfsm.chart import Chart

__all__ = ["DETAILS", "FORMATS", "Overlay", "render"]

FORMATS: dict[str, Callable[[Chart, str | None, str], str]] = {
    "mermaid": mermaid.render,
    "svg": svg.render,
    "table": markdown.render,
}
"""Format -> the function that draws it."""

DETAILS = ("full", "plain")


def render(
    chart: Chart,
    format: str = "mermaid",
    *,
    configuration: str | None = None,
    detail: str = "full",
    overlay: Overlay | None = None,
) -> str:
    """The chart as text in a format: `mermaid` (stateDiagram-v2), `svg` (our own layout) or `table` (Markdown).

    `configuration` is highlighted when it is given. `overlay` shows where one order is and which way it came, in SVG.
    `detail` is `full`, or `plain`: events only, without guards, timers and the basis of the arrows, and an arrow that
    all children of a state have is drawn once. Names, codes and guards are escaped for the format, whatever they
    contain.

    Raises ValueError for a format or a detail that does not exist and for an overlay that a format cannot show,
    StoredStateUnknown for a configuration that the chart lacks.
    """
    if format not in FORMATS:
        raise ValueError(f"there is no diagram format {format!r}; choose one of {', '.join(FORMATS)}")
    if detail not in DETAILS:
        raise ValueError(f"there is no detail {detail!r}; choose one of {', '.join(DETAILS)}")
    if overlay is None:
        return FORMATS[format](chart, configuration, detail)
    if format != "svg":
        raise ValueError(f"{format} shows no overlay; draw an svg")
    return svg.render(chart, configuration, detail, overlay)
