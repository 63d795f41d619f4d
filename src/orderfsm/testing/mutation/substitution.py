"""Substitution: wherever a document becomes a chart, a mutant of it takes its place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orderfsm import catalogue
from orderfsm.chart import Chart
from orderfsm.document import reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Key", "key", "substituting"]

Key = tuple[str, str, str]
"""What tells charts apart: name, content hash and profile."""


def key(chart: Chart) -> Key:
    """What tells a chart from others; a mutant has that of its original."""
    return chart.name, chart.hash, chart.profile


class _Substitution:
    """The mutants that take the place of charts, and the charts that were seen."""

    def __init__(self, mutants: Mapping[Key, Chart]) -> None:
        self.mutants = mutants
        self.seen: set[Key] = set()
        self.made: dict[tuple[Key, str], Chart] = {}

    def of(self, chart: Chart) -> Chart:
        """The mutant of a chart, called as its file was; the chart itself where there is none."""
        known = key(chart)
        mutant = self.mutants.get(known)
        if mutant is None:
            return chart
        named = replace(mutant, filename=chart.filename, positions=chart.positions)
        return self.made.setdefault((known, chart.filename), named)


@contextmanager
def substituting(mutants: Mapping[Key, Chart]) -> Iterator[set[Key]]:
    """Let mutants take the place of charts that are read or restricted to a profile; gives the charts that were seen.

    For the whole process, and only for what is read from now on: a chart that is there already stays as it is.
    """
    substitution = _Substitution(mutants)
    read, restricted = reader._Document.chart, Chart.restricted

    def chart(document: Any) -> Chart:
        return substitution.of(read(document))

    def under(full: Chart, profile: str) -> Chart:
        substitution.seen.add((full.name, full.hash, profile))  # every chart that is read comes by here
        return substitution.of(restricted(full, profile))

    catalogue._read.cache_clear()
    try:
        reader._Document.chart, Chart.restricted = chart, under  # type: ignore[method-assign,assignment]
        yield substitution.seen
    finally:
        reader._Document.chart, Chart.restricted = read, restricted  # type: ignore[method-assign]
        catalogue._read.cache_clear()  # of mutants
