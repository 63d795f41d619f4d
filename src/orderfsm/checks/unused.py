"""What is declared and never used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm import expression as ex
from orderfsm.interpret import listeners

from .names import declared, uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.chart import Chart, Guard, ReasonRule
    from orderfsm.finding import Finding

    from .study import Draft, Study

__all__ = ["aliases", "events", "reasons", "things"]

_SECTIONS = {"guard": "guards", "actor": "actors", "action": "actions", "link": "links"}
_SAID = {
    "guard": "no arrow asks it",
    "actor": "no arrow names it in `by`, and no guard asks about it",
    "action": "nothing emits it",
    "link": "neither an arrow nor a state requires it",
}


def things(draft: Draft) -> Iterator[Finding]:
    """Guards, actors, actions and link relations that nothing names.

    In a chart that requires no link at all, the relations are what may come along, and none of them is unused.
    """
    used = {(use.kind, use.name) for use in uses(draft.chart)}
    required = any(kind == "link" for kind, _ in used)
    used |= {("actor", word) for word in _words(draft.chart)}
    for kind, section in _SECTIONS.items():
        for name in declared(draft.chart)[kind] if kind != "link" or required else ():
            if (kind, name) not in used:
                path = f"{section}.{name}"
                said = f"the {kind} {name} is declared and never used: {_SAID[kind]}"
                yield draft.finding(f"unused-{kind}", said, at=draft.place(path), path=path, witness=[name])


def _words(chart: Chart) -> Iterator[str]:
    """Every text that a guard compares with."""
    for guard in _guards(chart):
        for node in ex.walk(guard.expression.root) if guard.expression else ():
            if isinstance(node, ex.Constant):
                given = node.constant
                yield from (w for w in (given if isinstance(given, (list, tuple)) else [given]) if isinstance(w, str))


def _guards(chart: Chart) -> Iterator[Guard]:
    for transition in chart.transitions:
        yield from transition.guards


def reasons(draft: Draft) -> Iterator[Finding]:
    """Reason codes in no rule's list, when there are lists and every rule that lets a reason in has one."""
    rules = _rules(draft.chart)
    listed = {code for rule in rules for code in rule.codes}
    takes_any = any(rule.said and rule.mode != "forbidden" and not rule.codes for rule in rules)
    if not listed or takes_any:
        return
    for code in draft.chart.reasons.codes:
        if code not in listed:
            path = f"reasons.codes.{code}"
            said = f"the reason code {code} is declared and never used: no rule lists it"
            yield draft.finding("unused-reason", said, at=draft.place(path), path=path, witness=[code])


def _rules(chart: Chart) -> list[ReasonRule]:
    return [transition.reason for transition in chart.transitions] + [state.reason for state in chart.states]


def events(draft: Draft) -> Iterator[Finding]:
    """Events that are declared and that no arrow answers; a timer's event is told as the timer's."""
    timed = {timer.event for state in draft.chart.states for timer in state.after}
    for event in draft.chart.events:
        if event.name not in timed and not listeners(draft.chart, event.name):
            said = f"the event {event.name} is declared and never used: no arrow answers it"
            path = f"events.{event.name}"
            yield draft.finding("unused-event", said, at=event.position, path=path, witness=[event.name])


def aliases(study: Study) -> Iterator[Finding]:
    """Aliases that stand for themselves, or for a code that no life shows."""
    shown = {code for text in study.came for code in study.table.configurations[text].codes}
    for alias, code in study.chart.aliases.items():
        if alias == code or (code in study.chart.codes and code not in shown):
            why = "it stands for itself" if alias == code else f"no life shows {code}"
            path = f"codes.aliases.{alias}"
            said = f"the alias {alias} is declared and never used: {why}"
            yield study.finding("unused-alias", said, at=study.place(path), path=path, witness=[alias, code])
