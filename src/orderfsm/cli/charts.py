"""Answers about charts: the catalogue, one chart, the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orderfsm
from orderfsm.chart import START
from orderfsm.table import compile

from .answer import Answer, Grid, Heading, Misused, Verbatim
from .files import write

if TYPE_CHECKING:
    from orderfsm.cell import Cell
    from orderfsm.chart import Chart, ReasonRule, State, Transition

    from .answer import Block

__all__ = ["charts", "open_chart", "resolve", "schema", "show"]


def open_chart(name: str, profile: str) -> Chart:
    """The chart of that name or file. Raises UnknownChart, DocumentError or OSError."""
    return orderfsm.load(name, profile=profile)


def charts(profile: str) -> Answer:
    """Every chart of the catalogue."""
    from orderfsm import catalogue

    found = [_summary(open_chart(name, profile)) for name in catalogue.names()]
    head = ("chart", "version", "title", "states", "arrows", "hash")
    rows = [[str(chart[name if name != "chart" else "name"])[:60] for name in head] for chart in found]
    return Answer({"profile": profile, "charts": found}, [Grid(head, rows)])


def _summary(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "version": chart.version,
        "title": chart.title,
        "states": sum(not state.kind.is_history for state in chart.states),
        "arrows": len(chart.transitions),
        "hash": chart.hash[:12],
    }


def show(name: str, profile: str) -> Answer:
    """One chart: its states, its arrows and, for each configuration, the events that may be sent."""
    chart = open_chart(name, profile)
    table = compile(chart)
    states = [_state(chart, state) for state in chart.states]
    arrows = [arrow(transition) for transition in chart.transitions]
    allowed = {text: {event: _targets(cell) for event, cell in row.items()} for text, row in table.rows.items()}
    ends = [[text, ", ".join(row) or "nothing: an end"] for text, row in allowed.items()]
    data = _summary(chart) | {"hash": chart.hash, "profile": chart.profile, "description": chart.description}
    data |= {"source": dict(chart.source), "states": states, "transitions": arrows, "allowed": allowed}
    blocks: list[Block] = [
        Heading(f"{chart.name} {chart.version} ({chart.profile}): {chart.title}"),
        *([chart.description] if chart.description else []),
        *(f"{key}: {value}" for key, value in chart.source.items()),
        "",
        Heading("States"),
        Grid(("state", "code", "category", "kind", "inside", "title"), [_state_row(state) for state in states]),
        "",
        Heading("Arrows"),
        Grid(("from", "event", "to", "by", "when", "basis", "source"), [_arrow_row(each) for each in arrows]),
        "",
        Heading("Allowed"),
        Grid(("configuration", "events"), ends),
    ]
    return Answer(data, blocks)


def _targets(cell: Cell) -> list[str]:
    return [str(step.after) for step in cell.steps]


def _state(chart: Chart, state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "kind": str(state.kind),
        "inside": state.parent,
        "code": chart.code_of(state.name),
        "category": chart.category_of(state.name),
        "initial": list(state.initial),
        "title": state.title,
        "description": state.description,
        "source": state.source,
    }


def _state_row(state: dict[str, Any]) -> list[str]:
    return [str(state[key] or "") for key in ("name", "code", "category", "kind", "inside", "title")]


def arrow(transition: Transition) -> dict[str, Any]:
    """A transition as JSON."""
    return {
        "from": transition.source,
        "event": transition.event or None,
        "to": list(transition.targets),
        "by": list(transition.by),
        "when": [guard.text for guard in transition.guards],
        "reason": reason(transition.reason),
        "links": list(transition.links),
        "emit": [effect.name for effect in transition.effects if effect.kind == "emit"],
        "raise": [effect.name for effect in transition.effects if effect.kind == "raise"],
        "basis": str(transition.basis),
        "source": transition.cite,
        "happy": transition.happy,
    }


def reason(rule: ReasonRule) -> dict[str, Any]:
    """A reason rule as JSON."""
    return {"mode": rule.mode, "codes": list(rule.codes)}


def _arrow_row(each: dict[str, Any]) -> list[str]:
    return [
        "the start" if each["from"] == START else each["from"],
        each["event"] or "at once",
        ", ".join(each["to"]) or "stays",
        ", ".join(each["by"]) or "anyone",
        " and ".join(each["when"]),
        each["basis"],
        each["source"],
    ]


def schema(output: str | None) -> Answer:
    """The JSON Schema of chart files: printed, or written to a file."""
    from orderfsm import schema as schemas

    text = schemas.dumps()
    if output not in (None, "-"):
        write(Path(str(output)), text.encode())
        return Answer({"output": output}, [str(output)])
    return Answer(json.loads(text), [Verbatim(text)])


def resolve(chart: Chart, wanted: str) -> str:
    """The configuration that a text means: its canonical form, else the only one in that state or with that code.

    Raises Misused when there is none or more than one, with what can be typed instead.
    """
    table = compile(chart)
    if wanted in table.configurations:
        return wanted
    code = chart.aliases.get(wanted, wanted)
    found = [text for text, c in table.configurations.items() if wanted in c.states or code in c.codes]
    if len(found) == 1:
        return found[0]
    if found:
        raise Misused(f"{wanted} means {len(found)} configurations of {chart.name}; say which: {', '.join(found[:12])}")
    raise Misused(f"{chart.name} has no configuration {wanted!r}; it has {', '.join(list(table.configurations)[:12])}")
