"""What a chart built by hand may get wrong: parts that do not fit together.

Documents are checked earlier, with line and column; this is what `compile` relies on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .chart import START, Kind
from .errors import ChartError

if TYPE_CHECKING:
    from .chart import Chart, State, Transition

__all__ = ["verify"]

_SEPARATORS = re.compile(r"[\s+;=]")
_OUTER = (Kind.COMPOUND, Kind.PARALLEL)


def verify(chart: Chart) -> None:
    """Raise ChartError when names are taken twice or lead nowhere, or when states do not lie where they must."""
    if len(chart.by_name) != len(chart.states):
        twice = next(s.name for place, s in enumerate(chart.states) if chart.order[s.name] != place)
        raise ChartError(f"{chart.name}: two states are called {twice}; names are unique in a chart")
    if not chart.initial:
        raise ChartError(f"{chart.name} has no initial state; name one")
    _known(chart, chart.initial, "the chart's initial")
    for state in chart.states:
        _verify_name(chart, state)
        _verify_parent(chart, state)
    for state in chart.states:
        _verify_initial(chart, state)
    for transition in chart.transitions:
        _verify_transition(chart, transition)


def _verify_name(chart: Chart, state: State) -> None:
    if not state.name or state.name == START or _SEPARATORS.search(state.name):
        raise ChartError(
            f"{chart.name}: a state cannot be called {state.name!r}; leave out white space and the signs + ; ="
        )


def _verify_parent(chart: Chart, state: State) -> None:
    if state.kind in _OUTER and not chart.children.get(state.name):
        raise ChartError(f"{chart.name}: {state.name} is {state.kind} and has no states inside; make it atomic")
    if state.parent is None:
        return
    _known(chart, (state.parent,), f"the parent of {state.name}")
    parent = chart.by_name[state.parent]
    if chart.order[parent.name] >= chart.order[state.name]:
        raise ChartError(f"{chart.name}: {state.name} comes before its parent {parent.name}; outer states come first")
    if parent.kind not in _OUTER:
        raise ChartError(
            f"{chart.name}: {state.name} lies inside {parent.name}, which is {parent.kind}; make it compound"
        )


def _verify_initial(chart: Chart, state: State) -> None:
    _known(chart, state.initial, f"the initial of {state.name}")
    if state.kind is Kind.COMPOUND or state.kind.is_history:
        if not state.initial:
            raise ChartError(f"{chart.name}: {state.name} is {state.kind} and has no initial state; name one")
        if state.kind is Kind.COMPOUND and not all(chart.within(name, state.name) for name in state.initial):
            raise ChartError(f"{chart.name}: the initial state of {state.name} must lie inside it")
        if state.kind.is_history and not all(chart.within(name, state.parent) for name in state.initial):
            raise ChartError(f"{chart.name}: the default of {state.name} must lie inside {state.parent}")
    if state.kind.is_history and any(_sisters(chart.by_name[name], state) for name in state.initial):
        raise ChartError(f"{chart.name}: the default of {state.name} is a history state beside it; name a state")


def _sisters(one: State, other: State) -> bool:
    return one.kind.is_history and one.parent == other.parent


def _verify_transition(chart: Chart, transition: Transition) -> None:
    _known(chart, transition.targets, f"the transition from {transition.source} on {transition.event!r}")
    if transition.source == START:
        if not transition.targets:
            raise ChartError(f"{chart.name}: a transition that begins an order has no target; name a state")
        return
    _known(chart, (transition.source,), f"a transition on {transition.event!r}")
    if chart.by_name[transition.source].kind.is_history:
        raise ChartError(f"{chart.name}: a transition leads out of the history state {transition.source}; name a state")


def _known(chart: Chart, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name not in chart.by_name:
            raise ChartError(f"{chart.name}: {where} names {name}, which is not a state of the chart")
