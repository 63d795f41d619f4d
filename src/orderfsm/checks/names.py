"""Names that lead nowhere: where each name of a chart is used, and whether it is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orderfsm.chart import START

from .study import arrow_path, closest, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.chart import Chart, Effect, Position, ReasonRule, State, Transition
    from orderfsm.expression import Expression
    from orderfsm.finding import Finding

    from .study import Draft

__all__ = ["Use", "declared", "undeclared", "unlisted", "uses"]

DONE = "done.state."


class Use(NamedTuple):
    """A name of some kind (state, event, guard, …) that stands somewhere."""

    kind: str
    name: str
    where: str
    path: str
    position: Position


def undeclared(draft: Draft) -> Iterator[Finding]:
    """A finding for each use of a name that is not declared; a kind of which nothing is declared is not looked at."""
    known = declared(draft.chart)
    for use in dict.fromkeys(uses(draft.chart)):
        names = known[use.kind]
        if use.name not in names and (names or use.kind in ("state", "code")):
            said = f"{use.where} names {use.name}, which is no {_NOUNS.get(use.kind, use.kind)} of {draft.chart.name}"
            fix = closest(use.name, names)
            yield draft.finding(
                f"unknown-{use.kind}", said, at=use.position, path=use.path, witness=[use.name], fix=fix
            )


def unlisted(draft: Draft) -> Iterator[Finding]:
    """A finding for each field of the payload that a guard reads and its event does not list among others."""
    listed = {event.name: [field.name for field in event.payload] for event in draft.chart.events}
    for transition in draft.chart.transitions:
        read = [name for guard in transition.guards if guard.expression for name in _fields(guard.expression)]
        for event in transition.events:
            fields = listed.get(event, [])
            for name in dict.fromkeys(read) if fields else ():
                if name not in fields:
                    said = f"a guard of {transition} reads payload.{name}, which {event} does not list"
                    at, path = transition.position, arrow_path(transition)
                    near = closest(name, fields)
                    fix = near if near.startswith("did") else ""
                    yield draft.finding("unlisted-field", said, at=at, path=path, witness=[name], fix=fix)


def _fields(expression: Expression) -> Iterator[str]:
    """The fields of the payload that an expression reads."""
    for path in sorted(expression.reads):
        first, _, rest = path.partition(".")
        if first == "payload" and rest:
            yield rest.partition(".")[0].partition("[")[0]


_NOUNS = {"reason": "reason code", "link": "link relation"}


def declared(chart: Chart) -> Mapping[str, tuple[str, ...]]:
    """Kind -> the names that the chart declares."""
    return {
        "state": tuple(state.name for state in chart.states),
        "event": tuple(event.name for event in chart.events),
        "guard": tuple(chart.guards),
        "actor": tuple(chart.actors),
        "reason": tuple(chart.reasons.codes),
        "link": tuple(chart.links),
        "action": tuple(chart.actions),
        "code": _codes(chart),
    }


def _codes(chart: Chart) -> tuple[str, ...]:
    """The public codes, read without trusting the tree."""
    named = (state.code or state.name for state in chart.states if not state.kind.is_history)
    return tuple(dict.fromkeys(named))


def uses(chart: Chart) -> Iterator[Use]:
    """Every name that is used, in document order of the things that use it."""
    yield from (Use("state", name, "the chart's initial", "initial", place(chart, "initial")) for name in chart.initial)
    yield from _effects(chart.initial_effects, "the chart's initial", "initial", place(chart, "initial"))
    for state in chart.states:
        yield from _by_state(state)
    for transition in chart.transitions:
        yield from _by_transition(transition)
    for alias, code in chart.aliases.items():
        yield Use("code", code, f"the alias {alias}", f"codes.aliases.{alias}", place(chart, f"codes.aliases.{alias}"))
    yield from _by_rollup(chart)


def _by_state(state: State) -> Iterator[Use]:
    where, path, at = state.name, f"states.{state.name}", state.position
    names = (*state.initial, *([state.parent] if state.parent else ()))
    yield from (Use("state", name, where, path, at) for name in names)
    yield from (Use("event", timer.event, f"a timer of {where}", path, at) for timer in state.after)
    yield from (Use("link", rel, where, path, at) for rel in state.links)
    yield from _reasons(state.reason, where, path, at)
    yield from _effects((*state.on_entry, *state.on_exit, *state.initial_effects), where, path, at)


def _by_transition(transition: Transition) -> Iterator[Use]:
    where, path, at = f"the arrow {transition}", arrow_path(transition), transition.position
    source = () if transition.source == START else (transition.source,)
    watched = (name for guard in transition.guards if guard.expression for name in sorted(guard.expression.states))
    yield from (Use("state", name, where, path, at) for name in (*source, *transition.targets, *watched))
    yield from (use for event in transition.events for use in _event(event, where, path, at))
    yield from (Use("guard", guard.name, where, path, at) for guard in transition.guards if guard.name)
    yield from (Use("actor", actor, where, path, at) for actor in transition.by)
    yield from (Use("link", rel, where, path, at) for rel in transition.links)
    yield from _reasons(transition.reason, where, path, at)
    yield from _effects(transition.effects, where, path, at)


def _event(event: str, where: str, path: str, at: Position) -> Iterator[Use]:
    if event.startswith(DONE):
        yield Use("state", event.removeprefix(DONE), where, path, at)
    elif event != "*":
        yield Use("event", event.removesuffix(".*"), where, path, at)


def _reasons(rule: ReasonRule, where: str, path: str, at: Position) -> Iterator[Use]:
    return (Use("reason", code, where, path, at) for code in rule.codes)


def _effects(effects: Iterable[Effect], where: str, path: str, at: Position) -> Iterator[Use]:
    for effect in effects:
        if effect.kind == "emit":
            yield Use("action", effect.name, where, path, at)
        else:
            yield from _event(effect.name, where, path, at)


def _by_rollup(chart: Chart) -> Iterator[Use]:
    rollup = chart.rollup
    if rollup is None:
        return
    codes = _codes(chart)
    at = rollup.position
    yield from (Use("event", name, "the roll-up", "rollup.events", at) for name in rollup.events)
    yield from (Use("state", name, "the roll-up", "rollup.keep", at) for name in rollup.keep if name not in codes)
    for rule in rollup.rules:
        states = sorted(rule.when.states) if rule.when else []
        names = [*states, *([] if rule.to in codes else [rule.to])]
        yield from (Use("state", name, "a rule of the roll-up", "rollup.rules", rule.position) for name in names)
