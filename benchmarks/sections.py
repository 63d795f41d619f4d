"""The sections of the report, each measured in a process of its own."""

from __future__ import annotations

import importlib

from benchmarks.measure import Figure

SECTIONS = {
    "stepping": "benchmarks.stepping:figures",
    "footprint": "benchmarks.footprint:figures",
    "normal": "benchmarks.sending:normal",
    "full": "benchmarks.sending:full",
    "workflows": "benchmarks.sending:workflows",
    "postgresql": "benchmarks.postgresql:figures",
    "writer": "benchmarks.writer:figures",
    "bulk": "benchmarks.bulk:figures",
    "serving": "benchmarks.serving:figures",
    "reading": "benchmarks.reading:figures",
    "enforcement": "benchmarks.enforcement:figures",
    "testing": "benchmarks.testing:figures",
    "mutation": "benchmarks.mutation:figures",
}


def measured(section: str) -> list[Figure]:
    """The figures of one section."""
    module, _, function = SECTIONS[section].partition(":")
    return list(getattr(importlib.import_module(module), function)())
