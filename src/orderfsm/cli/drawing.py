"""Drawing a chart: in which format, what is marked upon it, and where the drawing goes."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderfsm.diagrams import Overlay, render

from .answer import Answer, Misused, Verbatim
from .charts import open_chart, resolve
from .files import write

if TYPE_CHECKING:
    from orderfsm.chart import Chart

__all__ = ["SUFFIXES", "Wanted", "draw"]

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a chart is to be drawn, and where to: the options of the command, as they were given."""

    format: str | None = None
    output: str | None = None
    detail: str | None = None
    plain: bool = False
    theme: str = "auto"
    at: str | None = None


def draw(name: str, profile: str, wanted: Wanted) -> Answer:
    """A chart in a diagram format: printed, or written to the file that was named."""
    format = _format(wanted)
    chart = open_chart(name, profile)
    return _given(chart, format, _drawn(chart, format, _overlay(chart, wanted), wanted), wanted.output)


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
    return Overlay(current=None if wanted.at is None else resolve(chart, wanted.at))


def _drawn(chart: Chart, format: str, overlay: Overlay, wanted: Wanted) -> str | bytes:
    try:
        return render(chart, format, overlay=overlay, detail=_detail(wanted), theme=str(wanted.theme))
    except ValueError as error:
        raise Misused(str(error)) from None


def _given(chart: Chart, format: str, content: str | bytes, output: str | None) -> Answer:
    """The drawing in the file, else in the answer: as it is, and in JSON bytes as `base64`."""
    data: dict[str, Any] = {"chart": chart.name, "profile": chart.profile, "format": format}
    if output not in (None, "-"):
        write(Path(str(output)), content.encode() if isinstance(content, str) else content)
        return Answer(data | {"output": output}, [str(output)])
    if isinstance(content, bytes):
        return Answer(data | {"base64": b64encode(content).decode()}, [content])
    return Answer(data | {"text": content}, [Verbatim(content)])
