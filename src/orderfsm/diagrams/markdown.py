"""Markdown: who may follow whom as a table of configurations and events, and the list of the transitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orderfsm.chart import START
from orderfsm.printable import printable
from orderfsm.table import compile

from .overlay import Marks, marks
from .picture import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orderfsm.chart import Chart, ReasonRule, State, Transition
    from orderfsm.table import Table

    from .note import Note
    from .overlay import Overlay

__all__ = ["code", "grid", "matrix", "plain", "reason", "render", "transitions", "verbatim"]

ROWS = 250
"""How many configurations a table shows."""


def render(chart: Chart, overlay: Overlay, detail: str, theme: str) -> str:
    """The table of configurations and events, with full detail the list of transitions, and notes on states below."""
    marked = marks(chart, overlay)
    whole = chart if overlay.difference is None else overlay.difference.new
    parts = [matrix(whole, configuration=overlay.current)]
    if detail == "full":
        parts.append(transitions(chart, marked))
    said = [(code(state.name), _notes(marked.of_state(state.name))) for state in chart.states]
    listed = "".join(f"- {name}: {notes}\n" for name, notes in (*said, ("beside", _notes(marked.aside))) if notes)
    return "\n".join((*parts, listed) if listed else parts)


def _notes(notes: Iterable[Note]) -> str:
    return ", ".join(plain(note.text) for note in notes)


def matrix(chart: Chart, *, configuration: str | None = None) -> str:
    """One row per configuration of the compiled table, one column per event: where it leads, guards permitting."""
    table = compile(chart)
    events = [event for event in _alphabet(table) if any(event in row for row in table.rows.values())]
    head = ["", *(code(event) for event in events)]
    rows = [_row(table, text, events, marked=text == configuration) for text in list(table.rows)[:ROWS]]
    left_out = len(table.rows) - len(rows)
    note = f"\n{left_out} more configurations are not shown.\n" if left_out else ""
    return grid(head, rows) + note


def _alphabet(table: Table) -> tuple[str, ...]:
    names = dict.fromkeys(event.name for event in table.chart.events)
    names |= dict.fromkeys(event for row in table.rows.values() for event in row)
    return tuple(names)


def _row(table: Table, text: str, events: Iterable[str], *, marked: bool) -> list[str]:
    name = f"**{code(text)}**" if marked else code(text)
    cells = (table.rows[text].get(event) for event in events)
    targets = (dict.fromkeys(str(step.after) for step in cell.steps) if cell else () for cell in cells)
    return [name, *(" or ".join(code(target) for target in found) for found in targets)]


def transitions(chart: Chart, marked: Marks | None = None) -> str:
    """The list of transitions in document order, with what they ask for, their effects, basis, source and notes."""
    head = ["from", "event", "to", "who", "when", "comes along", "effects", "basis", "source", "notes"]
    rows = ([*_transition(chart, arrow), _beside(arrow, marked or Marks())] for arrow in chart.transitions)
    return grid(head, list(rows))


def _beside(transition: Transition, marked: Marks) -> str:
    taken = "taken" if marked.walks((transition,)) else ""
    return ", ".join(filter(None, (taken, _notes(marked.of_arrows((transition,))))))


def _transition(chart: Chart, transition: Transition) -> list[str]:
    source = "the start" if transition.source == START else code(transition.source)
    guards = [code(guard.text) for guard in transition.guards]
    return [
        source,
        code(transition.event) + _due(chart, transition) if transition.events else "at once",
        ", ".join(map(code, transition.targets)) or "stays",
        plain(", ".join(transition.by)) or "anyone",
        " and ".join(guards),
        _demands(chart, transition),
        ", ".join(f"{effect.kind} {code(effect.name)}" for effect in transition.effects),
        str(transition.basis),
        plain(transition.cite),
    ]


def _due(chart: Chart, transition: Transition) -> str:
    inside = [s for s in chart.states if transition.source in (s.name, *chart.ancestors[s.name])]
    delays = dict.fromkeys(iso(t.delay) for s in inside for t in s.after if t.event in transition.events)
    return f" after {' or '.join(delays)}" if delays else ""


def _demands(chart: Chart, transition: Transition) -> str:
    """What the arrow and the states that it names ask for: reason, links, payload."""
    targets = [chart.by_name[name] for name in transition.targets]
    rules = [transition.reason, *(state.reason for state in targets)]
    parts = [said for rule in rules if (said := reason(rule))]
    parts += [f"link {code(rel)}" for rel in dict.fromkeys(_rels(transition, targets))]
    fields = [field for event in chart.events if event.name in transition.events for field in event.payload]
    parts += [code(field.name) + ("" if field.required else " (optional)") for field in fields]
    return "; ".join(dict.fromkeys(parts))


def _rels(transition: Transition, targets: Sequence[State]) -> Iterator[str]:
    yield from transition.links
    for state in targets:
        yield from state.links


def reason(rule: ReasonRule) -> str:
    """A reason rule in words; empty when it asks nothing."""
    codes = ", ".join(map(code, rule.codes))
    if rule.mode == "required":
        return f"a reason: {codes}" if codes else "a reason"
    if rule.mode == "forbidden":
        return "no reason"
    return f"perhaps a reason: {codes}" if codes else ""


# --- the format


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already; columns that are empty throughout are left out."""
    body = [list(row) for row in rows]
    kept = [place for place in range(len(head)) if place == 0 or not body or any(row[place] for row in body)]
    lines = [[head[place] for place in kept], ["---"] * len(kept), *([row[place] for place in kept] for row in body)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(text: str) -> str:
    """Text that Markdown shows as it is: signs with a meaning are escaped, line breaks become spaces."""
    escaped = re.sub(r"([\\`*_{}\[\]|~#!])", r"\\\1", printable(" ".join(text.split())))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Text in backticks, fit for a cell: a bar in it is escaped."""
    return verbatim(text).replace("|", "\\|")


def verbatim(text: str) -> str:
    """Text in as many backticks as it takes; empty for none."""
    if not text:
        return ""
    words = printable(re.sub(r"[\r\n\t]+", " ", text))
    fence = "`" * (max((len(run) for run in re.findall(r"`+", words)), default=0) + 1)
    pad = " " if words[0] in "` " or words[-1] in "` " else ""
    return f"{fence}{pad}{words}{pad}{fence}"
