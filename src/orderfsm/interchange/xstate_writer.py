"""A Chart written as a machine of XState 5, in JSON: what decides which configuration follows which."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orderfsm.chart import OPEN, START, Kind
from orderfsm.errors import UnsupportedFeature

from .xstate_node import clashing, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.chart import Chart, Effect, Guard, State, Transition

__all__ = ["dumps"]

MILLISECOND = timedelta(milliseconds=1)


def dumps(chart: Chart) -> str:
    """The configuration of a machine for XState 5 as JSON, which `loads` reads into a chart that behaves alike.

    Every state has its name for an id. Named guards and actions are names, for `setup` to supply; a guard that is an
    expression is `{"type": "orderfsm.when", "params": {"expression": …}}`, several are `orderfsm.all`. Codes and
    categories are in `meta.orderfsm`. What only goes with a step (actors, reasons, links, payloads, titles) is left
    out. Raises UnsupportedFeature for what a machine in JSON cannot say.
    """
    for what, remedy in _unsayable(chart):
        raise UnsupportedFeature(f"{chart.name}: a machine of XState in JSON has no {what}; {remedy}")
    machine: dict[str, Any] = {"id": chart.name, "version": chart.version, "initial": chart.initial[0]}
    machine |= _said(entry=_actions(chart.initial_effects))
    machine["states"] = _states(chart, None)
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


def _unsayable(chart: Chart) -> Iterator[tuple[str, str]]:
    """What a machine in JSON cannot say, with a remedy."""
    if len(chart.initial) > 1 or chart.by_name[chart.initial[0]].parent is not None:
        yield "initial state but one of the outermost", "let the chart begin in one of them"
    elif not all(_begins_plainly(chart, arrow) for arrow in chart.leading(START)):
        yield "other way to begin than its initial state", "leave the start arrows out"
    effects = [effect for state in chart.states for effect in (*state.on_entry, *state.on_exit)]
    effects += [effect for transition in chart.transitions for effect in transition.effects]
    if any(effect.kind != "emit" for effect in effects) or any(state.initial_effects for state in chart.states):
        yield "raised events", "name them as actions, and raise them in setup"
    for state in chart.states:
        yield from _unsayable_state(chart, state)
    events = {event for transition in chart.transitions for event in transition.events}
    for one in [*(event for event in events if event.endswith(".*")), *(shorter for shorter, _ in prefixed(events))]:
        yield f"events with prefixes like {one}", "write the events out"
    for transition in chart.transitions:
        if transition.source != START:
            yield from _unsayable_transition(chart, transition)
    for state in chart.states:
        if state.kind is Kind.PARALLEL:
            yield from _answered_twice(chart, state.name)


def _begins_plainly(chart: Chart, arrow: Transition) -> bool:
    """Whether a start arrow says no more than the initial state."""
    name = chart.initial[0]
    leads = [(name,)]
    while chart.by_name[name].kind is Kind.COMPOUND:
        name = chart.by_name[name].initial[0]
        leads.append((name,))
    return arrow.events == (OPEN,) and arrow.targets in leads and not arrow.guards and not arrow.effects


def _unsayable_state(chart: Chart, state: State) -> Iterator[tuple[str, str]]:
    if state.kind is Kind.COMPOUND and (len(state.initial) > 1 or chart.by_name[state.initial[0]].parent != state.name):
        yield f"initial state deeper inside than {state.name}", "name a child"
    if state.kind is Kind.FINAL and state.parent and chart.by_name[state.parent].kind is Kind.PARALLEL:
        yield f"final region like {state.name}", "put a state around"
    if state.kind.is_history and state.parent is None:
        yield f"history state outside of all states like {state.name}", "put a state around"
    for timer in state.after:
        if timer.delay % MILLISECOND or any(arrow.source != state.name for arrow in _answers(chart, timer.event)):
            yield f"delay for {timer.event}, which others than {state.name} answer", "draw its arrow from there"
    descriptors = [transition.events for transition in chart.leading(state.name) if transition.events]
    if ("*",) in descriptors[:-1]:
        yield f"* before other events of {state.name}", "put it last"


def _unsayable_transition(chart: Chart, transition: Transition) -> Iterator[tuple[str, str]]:
    done = f"done.state.{transition.source}"
    if any(event.startswith("done.state.") and event != done for event in transition.events):
        yield f"answer to {transition.event} but by that state", "draw the arrow from there"
    around = _around(chart, (transition.source, *transition.targets)) if transition.targets else None
    if around is not None and _notices(chart, chart.by_name[around]):
        yield f"transition between regions of {around}, which notices being left", "move its effects to the regions"


def _answered_twice(chart: Chart, region: str) -> Iterator[tuple[str, str]]:
    """XState asks nobody around a parallel state when one of its regions has answered."""
    arrows = [arrow for arrow in chart.transitions if arrow.source != START]
    inner = [arrow for arrow in arrows if chart.within(arrow.source, region)]
    outer = [arrow for arrow in arrows if arrow.source == region or chart.within(region, arrow.source)]
    for event in clashing(((a.events, bool(a.targets)) for a in inner), ((a.events, bool(a.targets)) for a in outer)):
        yield f"{event} that is answered both inside {region} and around it, without a target", "give it a target"


def _around(chart: Chart, names: tuple[str, ...]) -> str | None:
    """The innermost state around all of these; None for the chart."""
    first, *rest = names
    return next((name for name in chart.ancestors[first] if all(chart.within(one, name) for one in rest)), None)


def _notices(chart: Chart, state: State) -> bool:
    history = any(one.kind.is_history and one.parent == state.name for one in chart.states)
    return state.kind is Kind.PARALLEL and bool(state.on_entry or state.on_exit or state.after or history)


def _answers(chart: Chart, event: str) -> list[Transition]:
    return [transition for transition in chart.transitions if event in transition.events]


def _states(chart: Chart, parent: str | None) -> dict[str, Any]:
    return {state.name: _state(chart, state) for state in chart.states if state.parent == parent}


def _state(chart: Chart, state: State) -> dict[str, Any]:
    node: dict[str, Any] = {"id": state.name}
    if state.kind.is_history:
        return node | {"type": "history", "history": state.kind.value, "target": [_id(name) for name in state.initial]}
    if state.kind in (Kind.PARALLEL, Kind.FINAL):
        node["type"] = state.kind.value
    ours = _said(code=state.code, category=state.category)
    node |= _said(
        initial=state.initial[0] if state.kind is Kind.COMPOUND else None,
        entry=_actions(state.on_entry),
        exit=_actions(state.on_exit),
        meta={"orderfsm": ours} if ours else None,
        description=state.description,
        states=_states(chart, state.name),
    )
    return node | _leading(chart, state)


def _leading(chart: Chart, state: State) -> dict[str, Any]:
    on: dict[str, list[Any]] = {}
    always: list[Any] = []
    done: list[Any] = []
    for transition in chart.leading(state.name):
        for event in transition.events:
            (done if event.startswith("done.state.") else on.setdefault(event, [])).append(_arrow(chart, transition))
        if not transition.events:
            always.append(_arrow(chart, transition))
    after = {str(timer.delay // MILLISECOND): on.get(timer.event, []) for timer in state.after}
    return _said(on=on, after=after, always=always, onDone=done)


def _arrow(chart: Chart, transition: Transition) -> dict[str, Any]:
    source = transition.source
    inside = transition.internal and chart.by_name[source].kind is Kind.COMPOUND
    inside = inside and all(chart.within(target, source) for target in transition.targets)
    return _said(
        target=[_id(name) for name in transition.targets],
        reenter=bool(transition.targets) and not inside,
        guard=_guard([_one(guard) for guard in transition.guards]),
        actions=_actions(transition.effects),
    )


def _id(name: str) -> str:
    """A target by its id; in targets a dot leads inside."""
    return "#" + name.replace(".", "\\.")


def _guard(guards: list[Any]) -> Any:
    return {"type": "orderfsm.all", "params": {"guards": guards}} if len(guards) > 1 else next(iter(guards), None)


def _one(guard: Guard) -> Any:
    if guard.expression is None:
        return guard.name
    return {"type": "orderfsm.when", "params": {"expression": guard.expression.text}}


def _actions(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.name for effect in effects]


def _said(**values: Any) -> dict[str, Any]:
    """What there is something to say of."""
    return {name: value for name, value in values.items() if value}
