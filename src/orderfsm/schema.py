"""The JSON Schema of the chart file, for editors: completion, descriptions, red lines while typing.

It is made from the declarations that the reader uses, and a test proves that the two refuse the same documents. What a
schema cannot say (names that lead nowhere, quotes around the version, duplicate keys) the reader alone refuses.
"""

from __future__ import annotations

import json
from typing import Any

from .document import CHART, SHAPES

__all__ = ["chart_schema", "dumps"]


def chart_schema() -> dict[str, Any]:
    """The schema of a chart document: JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "orderfsm chart",
        "description": "A state chart of a status vocabulary; docs/reference/chart-format.md describes the format.",
        **CHART.schema(),
        "$defs": {name: shape.schema() for name, shape in SHAPES.items()},
    }


def dumps() -> str:
    """The schema as the text of statecharts/chart.schema.json."""
    return json.dumps(chart_schema(), indent=2, ensure_ascii=False) + "\n"
