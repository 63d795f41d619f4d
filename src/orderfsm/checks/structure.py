"""The tree of states: is it one, and can what is entered together be active together?"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from orderfsm.chart import Kind

from .study import arrow_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderfsm.chart import Chart, Position, State
    from orderfsm.finding import Finding

    from .study import Draft

__all__ = ["clashes", "duplicates", "misplaced"]


def duplicates(draft: Draft) -> Iterator[Finding]:
    """States and events that share a name with an earlier one."""
    yield from _twice(draft, "state", ((state.name, state.position) for state in draft.chart.states))
    yield from _twice(draft, "event", ((event.name, event.position) for event in draft.chart.events))


def _twice(draft: Draft, kind: str, named: Iterable[tuple[str, Position]]) -> Iterator[Finding]:
    seen: set[str] = set()
    for name, position in named:
        if name in seen:
            said = f"there is another {kind} called {name}; names are unique in a chart"
            yield draft.finding("duplicate-name", said, at=position, path=f"{kind}s.{name}", witness=[name])
        seen.add(name)


def misplaced(draft: Draft) -> Iterator[Finding]:
    """States without the children or the initial state that their kind asks for, and states inside themselves.

    Expects every name to be a state: see `names.undeclared`.
    """
    chart = draft.chart
    if not chart.initial:
        yield draft.finding("broken-structure", f"{chart.name} has no initial state", path="initial", fix="name one")
    for state in chart.states:
        problem = _problem(chart, state)
        if problem:
            path = f"states.{state.name}"
            yield draft.finding("broken-structure", problem, at=state.position, path=path, witness=[state.name])


def _problem(chart: Chart, state: State) -> str:
    parents = set(_parents(chart, state))
    children = chart.children.get(state.name, ())
    if state.name in parents:
        return f"{state.name} lies inside itself"
    if state.kind.is_history and state.parent is None:
        return f"{state.name} is a history state without a parent; say whose memory it is with `of`"
    if children and state.kind not in (Kind.COMPOUND, Kind.PARALLEL):
        return f"{state.name} is {state.kind} and has states inside: {', '.join(child.name for child in children)}"
    if state.kind in (Kind.COMPOUND, Kind.PARALLEL) and not children:
        return f"{state.name} is {state.kind} and has no states inside"
    return _initial_problem(chart, state)


def _initial_problem(chart: Chart, state: State) -> str:
    if state.kind in (Kind.ATOMIC, Kind.FINAL, Kind.PARALLEL):
        return ""
    if not state.initial:
        return f"{state.name} is {state.kind} and has no initial state"
    owner = state.parent if state.kind.is_history else state.name
    outside = [name for name in state.initial if owner not in _parents(chart, chart.by_name[name])]
    return f"the initial state of {state.name}, {outside[0]}, does not lie inside {owner}" if outside else ""


def _parents(chart: Chart, state: State) -> list[str]:
    """The ancestors, the innermost first; stops where a cycle closes."""
    found: list[str] = []
    parent = state.parent
    while parent is not None and parent not in found:
        found.append(parent)
        parent = chart.by_name[parent].parent
    return found


def clashes(draft: Draft) -> Iterator[Finding]:
    """Several targets of which two exclude each other. Expects a sound tree."""
    chart = draft.chart
    for names, where, path, at in _together(draft):
        for one, other in combinations(names, 2):
            if _exclusive(chart, one, other):
                said = f"{where} leads to {one} and {other}, which cannot be active together"
                yield draft.finding("clashing-targets", said, at=at, path=path, witness=[one, other])
                break


def _together(draft: Draft) -> Iterator[tuple[tuple[str, ...], str, str, Position]]:
    yield draft.chart.initial, "the chart's initial", "initial", draft.place("initial")
    for state in draft.chart.states:
        yield state.initial, f"the initial of {state.name}", f"states.{state.name}", state.position
    for transition in draft.chart.transitions:
        yield transition.targets, f"the arrow {transition}", arrow_path(transition), transition.position


def _exclusive(chart: Chart, one: str, other: str) -> bool:
    """Whether the innermost state around both is not a parallel one, and neither lies inside the other."""
    if one == other or chart.within(one, other) or chart.within(other, one):
        return one == other
    shared = next((name for name in chart.ancestors[one] if name in chart.ancestors[other]), None)
    return shared is None or chart.by_name[shared].kind is not Kind.PARALLEL
