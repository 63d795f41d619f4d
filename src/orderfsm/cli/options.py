"""Options that several commands have, and what may be chosen with them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

__all__ = [
    "Allow",
    "AsJson",
    "ChartName",
    "Dead",
    "Detail",
    "Drawing",
    "Profile",
    "Repeats",
    "Report",
    "Theme",
    "WhichProfile",
]


class Profile(StrEnum):
    """Which arrows count."""

    STRICT = "strict"
    FULL = "full"


class Report(StrEnum):
    """How findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class Drawing(StrEnum):
    """What a chart is drawn as."""

    D2 = "d2"
    DOT = "dot"
    MERMAID = "mermaid"
    PLANTUML = "plantuml"
    PNG = "png"
    SVG = "svg"
    TABLE = "table"
    TEXT = "text"


class Detail(StrEnum):
    """How much a drawing says."""

    FULL = "full"
    PLAIN = "plain"
    CODES = "codes"


class Theme(StrEnum):
    """In which colours a chart is drawn."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Repeats(StrEnum):
    """What a code after the same code is."""

    FOLD = "fold"
    STEP = "step"


class Dead(StrEnum):
    """What a dead letter does to the messages behind it."""

    HOLD = "hold"
    GO_ON = "pass"


class Allow(StrEnum):
    """What webhooks may be allowed."""

    HTTP = "http"
    PRIVATE = "private"


ChartName = Annotated[
    str, typer.Argument(metavar="CHART", help="A name of the catalogue (see `charts`) or a YAML file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
WhichProfile = Annotated[
    Profile,
    typer.Option(
        "--profile",
        metavar="strict|full",
        help="strict: stated and documented arrows only; full: the inferred ones too.",
    ),
]
