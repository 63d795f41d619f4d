"""The report: Markdown for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Figure

RESULTS = Path(__file__).parent / "results"


def write(machine: Mapping[str, str], figures: Sequence[Figure], folder: Path = RESULTS) -> Path:
    """Write results.md and results.json; the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"machine": dict(machine), "figures": [dataclasses.asdict(figure) for figure in figures]}
    (folder / "results.json").write_text(json.dumps(told, indent=1) + "\n")
    page = folder / "results.md"
    page.write_text(markdown(machine, figures))
    return page


def markdown(machine: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The whole report."""
    head = [
        "# Figures",
        "",
        "Medians of rounds in which the contestants take turns; ratios are medians of the ratios round by round.",
        "Written by `python -m benchmarks`.",
        "",
    ]
    facts = [f"- {name}: {value}" for name, value in machine.items()]
    return "\n".join([*head, *facts, "", *(line for figure in figures for line in section(figure))])


def section(figure: Figure) -> list[str]:
    """One figure: its table, its targets, its notes."""
    lines = [
        f"## {figure.title}",
        "",
        figure.work,
        "",
        f"| | median {figure.unit} | lowest | highest |",
        "|---|---:|---:|---:|",
    ]
    for name, rounds in figure.rounds.items():
        lines.append(f"| {name} | {shown(figure.median(name))} | {shown(min(rounds))} | {shown(max(rounds))} |")
    if figure.verdicts:
        lines += ["", "| target | wanted | found | |", "|---|---|---|---|"]
        lines += [f"| {v.said} | {v.wanted} | {v.found} | {mark(v.reached)} |" for v in figure.verdicts]
    return [*lines, "", *(line for note in figure.notes for line in (note, ""))]


def shown(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def mark(reached: bool | None) -> str:
    """Whether a target was reached, in a word."""
    return {True: "reached", False: "**missed**", None: "not measured"}[reached]
