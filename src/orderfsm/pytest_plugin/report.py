"""Chart coverage in lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.coverage import KINDS
from orderfsm.coverage.goals import tenths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm import Chart
    from orderfsm.coverage import Measured

__all__ = ["called", "lines", "percentage"]

SHOWN = 10
"""How many goals of a kind that were missed are shown unless everything is asked for."""


def called(chart: Chart) -> str:
    """A chart with its version, and its profile when that is not the full one."""
    return f"{chart.name} {chart.version}" + ("" if chart.profile == "full" else f" ({chart.profile})")


def lines(measured: Sequence[Measured], *, everything: bool) -> Iterator[str]:
    """A table with a row for each chart; then what was missed."""
    if not measured:
        yield "no chart was exercised"
        return
    rows = [["", *KINDS, "all but pairs"], *([called(each.chart), *_shares(each)] for each in measured)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        yield "  ".join(
            [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))]
        )
    for each in measured:
        missed = list(_missed(each, None if everything else SHOWN))
        if missed:
            yield f"not covered of {called(each.chart)}:"
            yield from missed


def _shares(measured: Measured) -> Iterator[str]:
    for kind in KINDS:
        every = len(measured.goals.by_kind[kind])
        yield f"{len(measured.met(kind))}/{every}" if every else "-"
    yield percentage(measured.percent())


def percentage(value: float) -> str:
    """A share with one decimal, rounded down: 100 % is all."""
    return f"{tenths(value):.1f} %"


def _missed(measured: Measured, most: int | None) -> Iterator[str]:
    for kind in KINDS:
        missed = measured.missed(kind)
        if kind == "pairs" and most is not None:
            continue  # too many to be read
        for goal in missed[:most]:
            yield f"  {_told(measured.chart, kind, goal)}"
        if most is not None and len(missed) > most:
            yield f"  and {len(missed) - most} more {kind}; -v shows all"


def _told(chart: Chart, kind: str, goal: tuple[str, ...]) -> str:
    if kind == "transitions":
        return f"not taken: {goal[1]} ({chart.filename}:{chart.transitions[int(goal[0])].position.line})"
    if kind == "pairs":
        return f"not taken one after the other: {goal[1]}, {goal[3]}"
    if kind == "guards":
        return f"{goal[0]}: the guard `{goal[1]}` has never {goal[2]}"
    if kind == "reasons":
        return f"{goal[0] or 'any event'}: the reason {goal[1]} was never given"
    if kind == "refusals":
        return f"{goal[0]}: never refused with {goal[1]}"
    return f"never in {goal[0]}"
