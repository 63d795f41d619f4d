"""Scenarios: the chart's own examples, run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from orderfsm.call import Call
from orderfsm.errors import OrderFsmError, Refused
from orderfsm.expression import parse_timestamp
from orderfsm.graph import matches_state, way
from orderfsm.history import Entry, Link
from orderfsm.rollup import rollup, target
from orderfsm.step import start, step
from orderfsm.table import OPEN, compile
from orderfsm.trace import trace
from orderfsm.watch import tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orderfsm.cell import Configuration, Step
    from orderfsm.chart import Scenario, Send
    from orderfsm.finding import Finding

    from .study import Study

__all__ = ["failing"]


class Outcome(NamedTuple):
    """How a scenario went: the events or codes that went well, the configuration or the error at the end, its place.

    `planned` is the number of codes or events; `goal` is the target of a roll-up that was only asked for.
    """

    gone: tuple[str, ...]
    planned: int
    configuration: Configuration | None = None
    error: OrderFsmError | None = None
    goal: str = ""


def failing(study: Study) -> Iterator[Finding]:
    """Scenarios of this profile that do not go as told. Those of the roll-up are run when the items' chart is at hand.

    An expected refusal comes at the last code or event; where the profile dropped arrows it may come earlier.
    """
    for place, scenario in enumerate(study.chart.scenarios):
        if scenario.profile not in (None, study.chart.profile) or (scenario.items and study.items is None):
            continue
        outcome = _run(study, scenario)
        problem = _problem(study, scenario, outcome)
        if problem:
            said = f"the scenario {scenario.title!r} does not go as told: {problem}"
            path, at = f"scenarios[{place}]", scenario.position
            yield study.finding("scenario-failed", said, at=at, path=path, witness=outcome.gone)


def _run(study: Study, scenario: Scenario) -> Outcome:
    if scenario.codes:
        return _traced(study, scenario)
    if scenario.items:
        return _rolled_up(study, scenario)
    return _sent(study, scenario)


# --- what was expected


def _problem(study: Study, scenario: Scenario, outcome: Outcome) -> str:
    """What differs from the expectation; empty when nothing does."""
    if outcome.error is not None:
        return _refusal_problem(study, scenario, outcome, outcome.error)
    ended = outcome.configuration if outcome.configuration is not None else outcome.goal
    if scenario.refused:
        return f"{scenario.refused} was expected, and it comes to {ended}"
    if scenario.then and not _is(study, outcome, scenario.then):
        return f"{scenario.then} was expected at the end, and it comes to {ended}"
    return ""


def _is(study: Study, outcome: Outcome, wanted: str) -> bool:
    if outcome.configuration is not None:
        return matches_state(outcome.configuration, wanted)
    goal = outcome.goal
    return wanted == goal or (goal in study.chart.by_name and study.chart.code_of(goal) == wanted)


def _refusal_problem(study: Study, scenario: Scenario, outcome: Outcome, error: OrderFsmError) -> str:
    blockers = error.blockers if isinstance(error, Refused) else ()
    codes = {error.code, *(blocker.code for blocker in blockers)}
    if not scenario.refused:
        return str(error)
    if scenario.refused not in codes:
        return f"{scenario.refused} was expected, and it is refused with {error.code}: {error}"
    if len(outcome.gone) != outcome.planned - 1 and not study.chart.dropped:
        return f"it is refused at step {len(outcome.gone) + 1} of {outcome.planned} already: {error}"
    return ""


# --- codes, and mixes of items


def _traced(study: Study, scenario: Scenario) -> Outcome:
    planned = len(scenario.codes)
    try:
        steps = trace(study.chart, scenario.codes)
    except Refused as refused:
        return Outcome(scenario.codes[: refused.index], planned, error=refused)
    for taken in steps:
        tell(Call(compile(study.chart), taken.before, taken.event), taken)
    return Outcome(scenario.codes, planned, steps[-1].after)


def _rolled_up(study: Study, scenario: Scenario) -> Outcome:
    """With a state given, the order follows from there; without, only the target is asked for."""
    chart, life = study.chart, _Life(study)
    try:
        life.begin(scenario)
        if scenario.given is None:
            goal = target(chart, life.here, scenario.items, item_chart=study.items).to
            return Outcome(scenario.items, len(scenario.items), goal=goal)
        for taken in rollup(chart, life.here, scenario.items, item_chart=study.items):
            life.add(taken)
        return Outcome(scenario.items, len(scenario.items), life.here)
    except OrderFsmError as error:
        return Outcome((), 1, error=error)


# --- events


def _sent(study: Study, scenario: Scenario) -> Outcome:
    life, gone = _Life(study), 0
    events = tuple(send.event for send in scenario.send)
    try:
        sends = life.begin(scenario)
        gone = len(events) - len(sends)
        for send in sends:
            life.send(send)
            gone += 1
    except OrderFsmError as error:
        return Outcome(events[:gone], len(events), error=error)
    return Outcome(events, len(events), life.here)


@dataclass
class _Life:
    """An order made up for a scenario: where it is, when it is, and its history."""

    study: Study
    entries: list[Entry] = field(default_factory=list)
    moment: datetime | None = None
    configuration: Configuration | None = None

    @property
    def here(self) -> Configuration:
        assert self.configuration is not None  # noqa: S101 - begun
        return self.configuration

    def begin(self, scenario: Scenario) -> tuple[Send, ...]:
        """Bring the order to where the scenario begins; returns what is still to send.

        That is the given state, by the shortest way; else wherever the first event begins an order, when it does; else
        the start.
        """
        table, sends = self.study.table, scenario.send
        self.moment = parse_timestamp(scenario.at) if scenario.at else None
        if scenario.given is not None:
            given = scenario.given
            for taken in way(table, None, lambda found: matches_state(found, given)) or ():
                self.add(taken)
            if self.configuration is None:
                raise OrderFsmError(f"no life of {self.study.chart.name} comes to {given}")
            return sends
        self.add(table.starts[OPEN].steps[0])
        if sends and sends[0].event in table.starts and sends[0].event not in table.rows[self.here]:
            self.entries.clear()
            self.configuration = None
            self.send(sends[0])
            return sends[1:]
        return sends

    def send(self, send: Send) -> None:
        """Take the step that an event makes now. Raises what `step` raises."""
        self.moment = parse_timestamp(send.now) if send.now else self.moment
        facts: dict[str, Any] = {"history": tuple(self.entries), **(send.facts or {})}
        guards = {name: _answering(answer) for name, answer in send.guards.items()}
        links = tuple(Link(rel, "/") for rel in send.links)
        chart, event = self.study.chart, send.event
        if self.configuration is None:
            taken = start(
                chart, event, actor=send.actor, reason=send.reason, links=links,
                payload=send.payload, facts=facts, guards=guards, now=self.moment,
            )  # fmt: skip
        else:
            taken = step(
                chart, self.here, event, actor=send.actor, reason=send.reason, links=links,
                payload=send.payload, facts=facts, guards=guards, now=self.moment,
            )  # fmt: skip
        self.add(taken)

    def add(self, taken: Step) -> None:
        """Record a step."""
        self.configuration = taken.after
        self.entries.append(
            Entry(
                taken.before,
                taken.event,
                taken.after,
                sequence=len(self.entries) + 1,
                code=taken.after.code,
                occurred_at=self.moment,
            )
        )


def _answering(answer: bool) -> Any:  # noqa: FBT001 - what a guard answers
    """A guard's function that always gives this answer."""
    return lambda facts: answer
