"""Deterministic suites: walks through all states, all transitions, all pairs of them, all outcomes of guards.

    @pytest.mark.parametrize("walk", transitions(chart), ids=str)
    def test_every_arrow(walk): ...

A suite is a tuple, in document order. What no walk was found for is in its `unreached`, each with the reason;
`@pytest.mark.parametrize(*suite(transitions(chart)))` makes skipped items of them, so that nothing is left out unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from orderfsm import compile
from orderfsm.checks.scenarios import failing
from orderfsm.checks.study import Study
from orderfsm.exploration import alphabet

from .deciding import guard_outcomes
from .exploring import MOST, Explored, explored, plainest
from .send import Attempt, Walk
from .suite import Suite, Unreached

if TYPE_CHECKING:
    from orderfsm import Chart, Step
    from orderfsm.chart import Scenario, Transition

__all__ = [
    "Example",
    "guard_outcomes",
    "pairs",
    "refusals",
    "scenarios",
    "shortest_paths",
    "states",
    "suite",
    "transitions",
]

T = TypeVar("T")


def states(chart: Chart) -> Suite[Walk]:
    """For every state, compound ones included, the shortest walk that ends in it."""
    found: dict[str, Walk] = {}
    for walk in explored(chart).configurations.values():
        for name in walk.steps[-1].after.states:
            found.setdefault(name, walk)
    names = {state.name: state.name for state in chart.states if not state.kind.is_history}
    return _suite(names, found, lambda name: _no_way(chart, name))


def shortest_paths(chart: Chart) -> Suite[Walk]:
    """For every configuration of the table the shortest walk that ends in it."""
    found = explored(chart).configurations
    return _suite({name: name for name in compile(chart).configurations}, found, lambda name: _no_way(chart, name))


def transitions(chart: Chart) -> Suite[Walk]:
    """For every arrow of the chart the shortest walk whose last step takes it."""
    found: dict[int, Walk] = {}
    for walk in explored(chart).taken.values():
        for arrow in walk.steps[-1].transitions:
            found.setdefault(id(arrow), walk)
    titles = {id(arrow): _label(arrow) for arrow in chart.transitions}
    arrows = {id(arrow): arrow for arrow in chart.transitions}
    return _suite(titles, found, lambda key: _no_step(chart, arrows[key]))


def pairs(chart: Chart) -> Suite[Walk]:
    """For every two arrows of which one can follow the other at once, the shortest walk that takes both at its end.

    A first step that takes no arrow counts as one.
    """
    here = explored(chart)
    found: dict[tuple[str, str], Walk] = {}
    for walk in here.taken.values():
        for _, longer in here.onwards(walk):
            for pair in _pairs(longer.steps[-2], longer.steps[-1]):
                found.setdefault(pair, longer)
    titles = {pair: f"{pair[0]} then {pair[1]}" for pair in _possible_pairs(chart)}
    return _suite(titles, found, lambda pair: f"no walk was found that takes {pair[1]} right after {pair[0]}")


def refusals(chart: Chart) -> Suite[Attempt]:
    """For every configuration and every event of the chart that no arrow leads out for, an attempt that is refused.

    Each event comes with what makes it legal elsewhere, so that only its place is wrong.
    """
    table = compile(chart)
    events = [event for event in alphabet(chart) if event != "*"]
    found: dict[str, Attempt] = {}
    missing: list[Unreached] = []
    for text, row in table.rows.items():
        walk = explored(chart).configurations.get(text)
        for event in events if "*" not in row else ():
            title = f"{text}-{event}"
            if event in row:
                continue
            if walk is None:
                missing.append(Unreached(title, _no_way(chart, text)))
            else:
                found[title] = Attempt.judged(walk, replace(plainest(chart, event), now=walk.now), title=title)
    return Suite("attempt", found.values(), missing)


def _possible_pairs(chart: Chart) -> Iterator[tuple[str, str]]:
    table = compile(chart)
    for step in table.edges():
        for cell in table.rows[step.after].values():
            for later in cell.steps:
                yield from _pairs(step, later)


def _pairs(one: Step, other: Step) -> Iterator[tuple[str, str]]:
    for first in _labels(one):
        for second in _labels(other):
            yield first, second


def _labels(step: Step) -> Iterable[str]:
    return [_label(arrow) for arrow in step.transitions] or [step.event]


def _label(arrow: Transition) -> str:
    """The arrow as an id: `received-accept-accepted`; what has no event happens by itself, what has no target stays."""
    parts = [arrow.source, arrow.event or "always", "+".join(arrow.targets) or "stays"]
    guards = " and ".join(guard.text for guard in arrow.guards)
    return "-".join(parts) + (f" if {guards}" if guards else "")


def _suite(titles: dict[Any, str], found: dict[Any, Walk], why: Callable[[Any], str]) -> Suite[Walk]:
    unique = _unique(titles)
    walks = [replace(found[key], title=title) for key, title in unique.items() if key in found]
    missing = [Unreached(title, why(key)) for key, title in unique.items() if key not in found]
    return Suite("walk", walks, missing)


def _unique(titles: dict[T, str]) -> dict[T, str]:
    """The titles with a number behind those that come again."""
    seen: dict[str, int] = {}
    made: dict[T, str] = {}
    for key, title in titles.items():
        seen[title] = seen.get(title, 0) + 1
        made[key] = title if seen[title] == 1 else f"{title} ({seen[title]})"
    return made


# --- why not


def _no_way(chart: Chart, name: str) -> str:
    table = compile(chart)
    if not any(name == text or name in here.states for text, here in table.configurations.items()):
        return f"no arrow of {chart.name} leads to {name}"
    return f"no walk was found that comes to {name}; {_obstacles(explored(chart), lambda step: _in(step, name))}"


def _in(step: Step, name: str) -> bool:
    return name == step.after or name in step.after.states


def _no_step(chart: Chart, arrow: Transition) -> str:
    if not any(arrow in step.transitions for step in compile(chart).edges()):
        return f"no step of {chart.name} takes it: its source is never active, or another arrow goes before"
    return f"no walk was found that takes it; {_obstacles(explored(chart), lambda step: arrow in step.transitions)}"


def _obstacles(here: Explored, wanted: Callable[[Step], bool]) -> str:
    """The guards in the way: those of the steps that would do, else of every step that was not found."""
    near = [(walk, move) for walk, move in here.failed if move.step is not None and wanted(move.step)]
    told = [
        f"{move.event} in {walk.configuration or 'the start'} asks {_asked(move)}" for walk, move in near or here.failed
    ]
    if here.cut:
        told.append(f"whatever comes after the first {MOST} situations, for guards ask the past about too many states")
    return f"no facts were found for: {'; '.join(dict.fromkeys(told))}" if told else "every way there is closed"


def _asked(move: Any) -> str:
    return " and ".join(f"`{expression}` {str(answer).lower()}" for expression, answer in move.wanted) or "nothing"


# --- the chart's own


@dataclass(frozen=True, slots=True)
class Example:
    """A scenario of the chart, to be run."""

    chart: Chart
    scenario: Scenario
    items: Chart | None = None

    def verify(self) -> None:
        """Run it. Raises AssertionError, with what differs from what the scenario tells."""
        alone = replace(self.chart, scenarios=(self.scenario,))
        for finding in failing(Study(alone, compile(self.chart), self.items)):
            raise AssertionError(f"{self.chart.filename}:{finding.line}: {finding.message}")

    def __str__(self) -> str:
        return self.scenario.title

    def __repr__(self) -> str:
        return f"Example({self.chart.name!r}, {self.scenario.title!r})"


def scenarios(chart: Chart, *, items: Chart | None = None) -> Suite[Example]:
    """The chart's own scenarios, each in its profile; those of the roll-up need the chart of the order's `items`."""
    profiles = {chart.profile: chart}
    if chart.profile == "full":
        profiles["strict"] = chart.restricted("strict")
    found: list[Example] = []
    missing: list[Unreached] = []
    for each in chart.scenarios:
        profile = each.profile or chart.profile
        if profile not in profiles:
            missing.append(Unreached(each.title, f"it is of the {profile} profile: load the chart in that one"))
        elif each.items and items is None:
            why = "it is of the roll-up: give the chart of the items, scenarios(chart, items=...)"
            missing.append(Unreached(each.title, why))
        else:
            found.append(Example(profiles[profile], each, items))
    return Suite("scenario", found, missing)


# --- pytest


def suite(found: Suite[T]) -> tuple[str, list[Any]]:
    """The two arguments of `pytest.mark.parametrize`: a name, and the items; what was not reached is skipped there."""
    import pytest  # when it is needed: suites are of use without it

    reached = [pytest.param(item, id=str(item)) for item in found]
    marks = [(each, pytest.mark.skip(reason=each.why)) for each in found.unreached]
    return found.name, [*reached, *(pytest.param(None, id=each.title, marks=mark) for each, mark in marks)]
