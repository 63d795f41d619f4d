"""Survivors drawn upon the chart: beside each arrow and state what was changed there and nobody has noticed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from orderfsm.chart import START

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.diagrams import Note

    from .mutant import Mutant
    from .report import Report

__all__ = ["draw"]

MOST = 3
"""How many different survivors are told beside one arrow or state."""

WORDS = {
    "drop": "dropped",
    "retarget": "leads elsewhere",
    "loosen": "guard loosened",
    "tighten": "guard tightened",
    "reason": "reason optional",
    "codes": "other reasons",
    "by": "other actors",
    "links": "link left out",
    "timers": "timer changed",
    "effects": "effect left out",
}


def draw(report: Report, chart: Chart, *, format: str = "svg") -> str:
    """One of the report's charts with its survivors, in a format of `orderfsm.diagrams`."""
    from orderfsm.diagrams import Difference, render  # when it is needed: no run with a mutant draws anything

    survivors = [each.mutant for each in report.survivors if each.mutant.original is chart]
    on_arrows: dict[int, Counter[str]] = defaultdict(Counter)
    on_states: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in survivors:
        arrow = chart.transitions[mutant.at] if isinstance(mutant.at, int) else None
        if arrow is not None and (arrow.targets or arrow.source == START):
            on_arrows[id(arrow)][_word(mutant)] += 1
        else:
            on_states[arrow.source if arrow else str(mutant.at)][_word(mutant)] += 1
    title = f"{chart.title or chart.name}: {len(survivors)} mutants survived"
    told = Difference(
        chart,
        chart,
        replace(chart, title=title),
        {name: _notes(words) for name, words in on_states.items()},
        {arrow: _notes(words) for arrow, words in on_arrows.items()},
    )
    return render(told, format)


def _word(mutant: Mutant) -> str:
    return f"{mutant.chart.transitions[-1].event} added" if mutant.kind == "add" else WORDS[mutant.kind]


def _notes(words: Counter[str]) -> tuple[Note, ...]:
    """One note for each of the first words; the rest as a number."""
    from orderfsm.diagrams import Note

    every = [Note(f"survived: {word}" + (f" ({n})" if n > 1 else ""), "survived") for word, n in words.items()]
    rest = sum(list(words.values())[MOST:])
    return (*every[:MOST], *([Note(f"{rest} more survived", "survived")] if rest else []))
