"""Timers that nothing answers, timers that race an actor or each other, and those that anyone may forestall."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from orderfsm.timers import SYSTEM, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.cell import Configuration, Step
    from orderfsm.chart import State, Timer, Transition
    from orderfsm.finding import Finding

    from .study import Study

__all__ = ["automatic", "by_hand", "races", "unanswered"]


def automatic(study: Study) -> frozenset[str]:
    """The events that come by themselves: from timers, from the chart, from the roll-up."""
    chart = study.chart
    due = {timer.event for state in chart.states for timer in state.after}
    internal = {event.name for event in chart.events if event.internal}
    return frozenset(due | internal | set(chart.rollup.events if chart.rollup else ()))


def unanswered(study: Study) -> Iterator[Finding]:
    """Timers whose event no arrow answers while their state is active: nowhere (an error), or not everywhere."""
    known = {event.name for event in study.chart.events}
    for state in study.chart.states:
        for timer in state.after:
            if known and timer.event not in known:
                continue  # an unknown event
            places = list(_running(study, state))
            deaf = [place for place in places if not _answers(study, place, timer.event)]
            if deaf:
                yield _unanswered(study, state, timer, deaf[0], everywhere=len(deaf) == len(places))


def _running(study: Study, state: State) -> Iterator[Configuration]:
    """The configurations in which the state's timers run, the nearest first; those where the clock stops left out."""
    for text in study.came:
        here = study.table.configurations[text]
        only = running(study.chart, here)
        if state.name in here.states and (only is None or state.name in only) and not here.final:
            yield here


def _answers(study: Study, here: Configuration, event: str) -> bool:
    row = study.table.rows[here]
    return event in row or (study.table.stand_in(event) or "") in row


def _unanswered(study: Study, state: State, timer: Timer, deaf: Configuration, *, everywhere: bool) -> Finding:
    where = f"while {state.name} is active" if everywhere else f"in {deaf}"
    said = f"{timer.event} becomes due {_span(timer)} after {state.name} is entered, and no arrow answers it {where}"
    return study.finding(
        "timer-unanswered",
        said,
        at=state.position,
        path=f"states.{state.name}.after",
        witness=(*study.run(deaf), timer.event),
        severity="error" if everywhere else "warning",
    )


def _span(timer: Timer) -> str:
    return str(timer.delay).removesuffix(", 0:00:00")


def races(study: Study) -> Iterator[Finding]:
    """Timers whose event an actor may send before it is due, and timers that become due at the same moment.

    The first kind: an arrow that answers the timer's event in the timer's state names actors in `by`, other than the
    sweep's own role, and no guard of it looks at the time. The second: two timers with equal delays, started by one
    step, whose events lead apart.
    """
    yield from _with_actors(study)
    yield from _ties(study)


def _with_actors(study: Study) -> Iterator[Finding]:
    for state in study.chart.states:
        for timer in state.after:
            for step in _sent(study, state, timer):
                taken = step.transitions[0]
                if set(taken.by) - {SYSTEM} and not _timed(taken):
                    yield _shared(study, state, timer, step)
                    break


def _shared(study: Study, state: State, timer: Timer, step: Step) -> Finding:
    taken = step.transitions[0]
    actors = " or ".join(role for role in taken.by if role != SYSTEM)
    said = f"{timer.event} is sent by the timer of {state.name} and, before it is due, by {actors}: {taken}"
    fix = "give the timer an event of its own, or guard the arrow by the time"
    path, witness = f"states.{state.name}.after", study.run_through(step)
    return study.finding("timer-race", said, at=state.position, path=path, witness=witness, fix=fix)


def by_hand(study: Study) -> Iterator[Finding]:
    """Timers whose event anyone may send before it is due: no arrow taken has a `by`, and no guard asks when or who.

    Only in a chart that says elsewhere who may do what; where nothing has a `by`, that is left to the application.
    """
    chart = study.chart
    if not (chart.actors or any(transition.by for transition in chart.transitions)):
        return
    for state in chart.states:
        for timer in state.after:
            step = next((step for step in _sent(study, state, timer) if _anyones(step)), None)
            if step is not None:
                said = f"{timer.event} is sent by the timer of {state.name}, and anyone may send it before it is due"
                path, witness = f"states.{state.name}.after", study.run_through(step)
                yield study.finding("timer-by-hand", said, at=state.position, path=path, witness=witness)


def _anyones(step: Step) -> bool:
    asks_who = any(g.expression and "actor" in g.expression.roots for t in step.transitions for g in t.guards)
    return not (step.demand.by or asks_who or any(map(_timed, step.transitions)))


def _sent(study: Study, state: State, timer: Timer) -> Iterator[Step]:
    for here in _running(study, state):
        cell = study.table.rows[here].get(timer.event)
        yield from cell.steps if cell else ()


def _timed(transition: Transition) -> bool:
    """Whether a guard looks at the time; a function of the application may."""
    return any(
        guard.expression is None or "now" in guard.expression.roots or "days_since" in guard.text
        for guard in transition.guards
    )


def _ties(study: Study) -> Iterator[Finding]:
    told: set[frozenset[Timer]] = set()
    for step in study.edges:
        for one, other in combinations(step.armed, 2):
            pair = frozenset((one, other))
            if one.delay == other.delay and one.state and pair not in told and _part(study, step.after, one, other):
                told.add(pair)
                yield _tie(study, step, one, other)


def _part(study: Study, here: Configuration, one: Timer, other: Timer) -> bool:
    """Whether two timers' events lead to different configurations from here."""
    row = study.table.rows[here]
    ends = [frozenset(step.after for step in row[t.event].steps) if t.event in row else None for t in (one, other)]
    return None not in ends and ends[0] != ends[1]


def _tie(study: Study, step: Step, one: Timer, other: Timer) -> Finding:
    said = (
        f"{one.event} and {other.event} become due at the same moment, {_span(one)} after {step.event}, and lead apart"
    )
    state = study.chart.by_name[other.state or step.after.leaves[0]]
    fix = "let one of them be due later"
    path = f"states.{state.name}.after"
    witness = study.run_through(step)
    return study.finding("timer-race", said, at=state.position, path=path, witness=witness, fix=fix)
