"""Pictures of a chart: `render(chart, format)`. One picture of nodes and edges, one renderer per format."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import d2, dot, markdown, mermaid, plantuml, svg, terminal
from .codes import coded
from .difference import Difference, difference
from .note import Note
from .overlay import Dwell, Overlay
from .raster import SCALES, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderfsm.chart import Chart

__all__ = ["DETAILS", "FORMATS", "SCALES", "Difference", "Dwell", "Note", "Overlay", "difference", "png", "render"]

FORMATS: dict[str, Callable[[Chart, Overlay, str, str], str]] = {
    "d2": d2.render,
    "dot": dot.render,
    "mermaid": mermaid.render,
    "plantuml": plantuml.render,
    "svg": svg.render,
    "table": markdown.render,
    "text": terminal.render,
}
"""Format -> the function that draws it: chart, overlay, detail, theme."""

DETAILS = ("full", "plain", "codes")


def render(
    chart: Chart | Difference,
    format: str = "mermaid",
    *,
    configuration: str | None = None,
    detail: str = "full",
    overlay: Overlay | None = None,
    theme: str = "auto",
) -> str:
    """The chart as text in a format, a key of FORMATS.

    `svg` is laid out here; `mermaid`, `dot` (Graphviz), `plantuml` and `d2` are for the tools of these names, `table`
    is Markdown, `text` an outline for terminals. The difference of two charts is drawn as one picture of both.
    `configuration` is highlighted when it is given; an `overlay` says it too, and whatever else is known: the way that
    an order has taken, counts, times, refusals, tests, findings.

    `detail` is `full`; `plain`: events only, without guards, timers, actors and the basis of the arrows, and an arrow
    that all children of a state have is drawn once; or `codes`, what a customer sees: the public codes, and the events
    that lead from one to another. `theme` is `auto`, `light` or `dark`; only svg can follow the reader's screen, so
    that `auto` is light elsewhere. Names, codes and guards are escaped for the format, whatever they contain.

    Raises ValueError for a format, a detail or a theme that does not exist and for two different configurations,
    StoredStateUnknown for a configuration that the chart lacks.
    """
    if format not in FORMATS:
        raise ValueError(f"there is no diagram format {format!r}; choose one of {', '.join(FORMATS)}")
    if detail not in DETAILS:
        raise ValueError(f"there is no detail {detail!r}; choose one of {', '.join(DETAILS)}")
    if theme not in svg.THEMES:
        raise ValueError(f"there is no theme {theme!r}; choose one of {', '.join(svg.THEMES)}")
    if overlay is None:
        overlay = Overlay(current=configuration)
    elif configuration not in (None, overlay.current):
        raise ValueError(
            f"configuration is {configuration!r}, and the overlay says {overlay.current!r}; give one of them"
        )
    if detail == "codes":
        chart, overlay, detail = *_in_codes(chart, overlay), "plain"
    if isinstance(chart, Difference):
        overlay = replace(overlay, difference=chart)
        chart = chart.chart
    return FORMATS[format](chart, overlay, detail, theme)


def _in_codes(chart: Chart | Difference, overlay: Overlay) -> tuple[Chart | Difference, Overlay]:
    """The public codes of a chart, or of both charts, and what is known told in them."""
    if isinstance(chart, Difference):
        seen = coded(chart.new)
        return difference(coded(chart.old).chart, seen.chart), seen.overlay(overlay)
    seen = coded(chart)
    return seen.chart, seen.overlay(overlay)
