"""Drawing a chart: in which format, what is marked upon it, and where the drawing goes."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orderfsm.diagrams import Overlay, difference, png, render
from orderfsm.drawn import Recipe, named, signed, signed_png

from .answer import Answer, Misused, Verbatim
from .charts import open_chart, resolve
from .evidence import Evidence
from .files import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.chart import Chart
    from orderfsm.diagrams import Difference

__all__ = ["SUFFIXES", "Wanted", "draw", "only"]

SUFFIXES = {
    ".d2": "d2",
    ".dot": "dot",
    ".md": "table",
    ".mmd": "mermaid",
    ".png": "png",
    ".puml": "plantuml",
    ".svg": "svg",
    ".txt": "text",
}
"""How the name of a file ends -> the format that it is drawn in when none is named."""


SCALE = 2
"""Pixels of a PNG to a unit when nothing else is asked for."""


class Drawing(NamedTuple):
    """A drawing: its text, and its pixels when it is a PNG, whose text is the SVG that it was made of."""

    text: str
    image: bytes | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a chart is to be drawn, and where to: the options of the command, as they were given."""

    format: str | None = None
    output: str | None = None
    detail: str | None = None
    plain: bool = False
    theme: str = "auto"
    at: str | None = None
    scale: int | None = None
    fonts: tuple[str, ...] = ()
    evidence: Evidence = Evidence()  # noqa: RUF009 - a frozen value


def only(names: Sequence[str]) -> str:
    """The one chart that is to be drawn."""
    if len(names) != 1:
        raise Misused(f"one chart is drawn at a time, and {len(names)} are named; leave out {', '.join(names[1:])}")
    return names[0]


def draw(name: str, profile: str, wanted: Wanted) -> Answer:
    """A chart in a diagram format: printed, or written to the file that was named."""
    format = _format(wanted)
    chart = open_chart(name, profile)
    overlay = _overlay(chart, wanted)
    data = {"chart": chart.name, "profile": chart.profile, "format": format}
    against = wanted.evidence.against
    seen = chart if against is None else difference(open_chart(against, profile), chart)
    try:
        if wanted.output in (None, "-"):
            return _printed(data, _drawn(seen, format, overlay, wanted))
        recipe = _recipe(name, chart, format, overlay, wanted) if seen is chart else None
        write(Path(str(wanted.output)), _kept(_drawn(seen, format, overlay, wanted), recipe))
    except ValueError as error:
        raise Misused(str(error)) from None
    return Answer(data | {"output": wanted.output}, [str(wanted.output)])


def _format(wanted: Wanted) -> str:
    """The format that was named, else the one that the file's name ends in."""
    if wanted.format is not None:
        return str(wanted.format)
    if wanted.output in (None, "-"):
        return "mermaid"
    suffix = Path(str(wanted.output)).suffix
    if suffix.lower() not in SUFFIXES:
        raise Misused(
            f"--output: no format goes with {suffix or wanted.output}; name one with --format, or end the "
            f"file's name in one of {', '.join(SUFFIXES)}"
        )
    return SUFFIXES[suffix.lower()]


def _detail(wanted: Wanted) -> str:
    if wanted.plain and wanted.detail not in (None, "plain"):
        raise Misused(f"--plain is --detail plain, and --detail says {wanted.detail}; give one of them")
    return "plain" if wanted.plain else str(wanted.detail or "full")


def _overlay(chart: Chart, wanted: Wanted) -> Overlay:
    """What is marked upon the drawing."""
    return wanted.evidence.overlay(chart, None if wanted.at is None else resolve(chart, wanted.at))


def _recipe(name: str, chart: Chart, format: str, overlay: Overlay, wanted: Wanted) -> Recipe | None:
    """How the drawing can be made again, when it can: what others know of the orders is there today only."""
    if wanted.fonts or wanted.evidence != Evidence():
        return None
    shown = named(name, Path(str(wanted.output)))
    at = overlay.current or ""
    return Recipe(shown, format, _detail(wanted), str(wanted.theme), at, chart.profile, str(wanted.scale or SCALE))


def _drawn(chart: Chart | Difference, format: str, overlay: Overlay, wanted: Wanted) -> Drawing:
    """The drawing in its format; what a PNG is made of as SVG, too."""
    if format != "png" and (wanted.fonts or wanted.scale is not None):
        raise Misused(f"--scale and --font are for png, and the format is {format}")
    text = render(
        chart,
        "svg" if format == "png" else format,
        overlay=overlay,
        detail=_detail(wanted),
        theme=str(wanted.theme),
    )
    return Drawing(
        text,
        png(text, scale=SCALE if wanted.scale is None else wanted.scale, fonts=wanted.fonts)
        if format == "png"
        else None,
    )


def _kept(drawing: Drawing, recipe: Recipe | None) -> bytes:
    """The content of a file: the drawing, with its recipe where there is one."""
    if drawing.image is not None:
        return drawing.image if recipe is None else signed_png(drawing.image, recipe, drawing.text)
    return (drawing.text if recipe is None else signed(drawing.text, recipe)).encode()


def _printed(data: dict[str, Any], drawing: Drawing) -> Answer:
    """The drawing as the answer; in JSON a PNG is `base64`."""
    if drawing.image is not None:
        return Answer(data | {"base64": b64encode(drawing.image).decode()}, [drawing.image])
    return Answer(data | {"text": drawing.text}, [Verbatim(drawing.text)])
