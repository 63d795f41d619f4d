"""Moves: the ways through the cells of a table, and the sends that go each of them at the end of a walk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orderfsm import Actor, GuardFailed, Link, MissingGuard, Reason, Refused, Step, Table
from orderfsm.timers import Pending, advance, by_step

from .send import Send, Walk
from .solving import NOW, Question, Wanted, completed, solutions, times_asked

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.cell import Case, Cell
    from orderfsm.chart import Field, ReasonRule

__all__ = ["Move", "extended", "fields_of", "moves", "reasons_for", "sends"]


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """One way through a cell: what is sent, what guards answer on the way, and the step; None where all of them refuse.

    `wanted` holds the answers of the chart's own expressions, `named` those of the application's guards. `roles` may
    ask (empty: anyone).
    """

    event: str
    step: Step | None
    wanted: Wanted
    named: tuple[tuple[str, bool], ...]
    active: frozenset[str]
    roles: tuple[str, ...]
    rule: ReasonRule
    links: tuple[str, ...]
    fields: tuple[Field, ...]
    cell: Cell

    @property
    def dated(self) -> bool:
        """Whether the answers depend on the moment or on the past."""
        return any(expression.asks_history or "now" in expression.roots for expression, _ in self.wanted)


def moves(table: Table, configuration: str | None) -> tuple[Move, ...]:
    """Every way out of a configuration (None: into the first one), refusals by guards included, in document order."""
    kept: dict[str | None, tuple[Move, ...]] = table.memo.setdefault("testing.moves", {})
    if configuration not in kept:
        row = table.starts if configuration is None else table.rows[configuration]
        found = (_move(table, event, cell, case) for event, cell in row.items() for case in cell.cases())
        kept[configuration] = tuple(move for move in found if move is not None)
    return kept[configuration]


def _move(table: Table, event: str, cell: Cell, case: Case) -> Move | None:
    """None for a case that asks one guard for both answers."""
    named = {choice.guard.text: answer for choice, answer in case.answers if choice.guard.expression is None}
    for choice, answer in case.answers:
        if choice.guard.expression is None and named[choice.guard.text] is not answer:
            return None
    step = case.step or cell.steps[0]
    return Move(
        event if event != "*" else "anything",
        case.step,
        tuple((choice.guard.expression, answer) for choice, answer in case.answers if choice.guard.expression),
        tuple(named.items()),
        case.answers[0][0].active if case.answers else frozenset(),
        _roles(step.demand.by),
        step.demand.reason,
        step.demand.links,
        fields_of(table, event),
        cell,
    )


def _roles(by: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The roles that may ask for all transitions of a step; () when anyone may, or when nobody may but the system."""
    return tuple(role for role in by[0] if all(role in each for each in by)) if by else ()


def fields_of(table: Table, event: str) -> tuple[Field, ...]:
    """The schema of an event's payload."""
    named = event if event in table.alphabet else table.stand_in(event)
    declared = table.chart.event_by_name.get(named or event)
    return declared.payload if declared else ()


def reasons_for(chart: Chart, rule: ReasonRule) -> tuple[Reason | str | None, ...]:
    """Reasons that the rule takes, the plainest first."""
    codes: tuple[str, ...] = rule.codes or tuple(chart.reasons.codes)
    if rule.mode == "forbidden":
        return (None,)
    free = () if rule.codes or (codes and not chart.reasons.open) else (Reason(text="because"),)
    return (*((None,) if rule.mode == "optional" else ()), *codes, *free)


# --- sends


def sends(walk: Walk, move: Move, now: datetime | None = None, more: Wanted = ()) -> Iterator[Send]:
    """Sends that make the move at the end of the walk, the plainest first, each judged by the chart.

    `more` are further answers that are wanted. The plainest ones are at the earliest moment at which there are any.
    """
    for moment in (now,) if now is not None else moments_for(walk, move, more):
        for facts in solutions(_question(walk, move, moment, more)) if move.wanted or more else ({},):
            send = _assembled(walk, move, moment, facts)
            if makes(walk, send, move):
                yield send


def extended(walk: Walk, move: Move) -> Walk | None:
    """The walk with the move at its end, in the plainest way; None when none was found."""
    send = next(sends(walk, move), None)
    return None if send is None or move.step is None else walk.after(send, move.step)


def makes(walk: Walk, send: Send, move: Move) -> bool:
    """Whether the send makes the move there, or is refused by guards where the move has no step."""
    try:
        return send.taken(walk.chart, walk.configuration, walk.entries) is move.step
    except Refused as refused:
        return move.step is None and refused.code == "guard-refused"
    except (GuardFailed, MissingGuard):  # another payload may lead to a guard that the move does not ask
        return False


def _question(walk: Walk, move: Move, now: datetime, more: Wanted) -> Question:
    wanted = (*move.wanted, *more)
    asked = sorted({state for expression, _ in wanted if expression.asks_history for state in expression.states})
    past = tuple((state, days_since(walk, state, now)) for state in asked)
    timed = bool(asked) or any("now" in expression.roots for expression, _ in wanted)
    roles = move.roles or tuple(walk.chart.actors)
    active = move.active or (walk.configuration.states if walk.configuration is not None else frozenset())
    return Question(wanted, active, move.fields, roles, past, now if timed else None)


def _assembled(walk: Walk, move: Move, now: datetime, facts: Any) -> Send:
    given = facts.get("payload")
    payload = completed(move.fields, given or {}) if move.fields or given is not None else None
    return Send(
        move.event,
        actor=_actor(move, facts.get("actor")),
        reason=reasons_for(walk.chart, move.rule)[0],
        links=tuple(Link(rel, "/1") for rel in move.links),
        payload=payload or (None if given is None else {}),
        facts={root: value for root, value in facts.items() if root not in ("payload", "actor", "now")} or None,
        guards=dict(move.named),
        now=now,
    )


def _actor(move: Move, read: Any) -> Actor | str | None:
    """Who asks: what the guards want of the actor, else the first role that may."""
    role = move.roles[0] if move.roles else None
    if not isinstance(read, dict):
        return role
    role = read.get("role", role or "")
    told = {name: read[name] for name in ("id", "label") if name in read}
    return Actor(role, **told) if told else role


# --- time


def moments_for(walk: Walk, move: Move, more: Wanted = ()) -> tuple[datetime, ...]:
    """Moments worth trying for the move, none before the walk's last one: as soon as can be, then where answers change.

    An event that a timer sends comes when the timer is due.
    """
    base = max([walk.now or NOW, *_due(walk, move.event)])
    asked = times_asked((*move.wanted, *more)) if move.dated or more else ()
    found = {each if isinstance(each, datetime) else _days_after(walk, *each) for each in asked}
    return (base, *sorted(moment for moment in found if moment is not None and moment > base))


def _days_after(walk: Walk, state: str, days: float) -> datetime | None:
    entered = _entered(walk, state)
    return None if entered is None else entered + timedelta(days=days)


def _due(walk: Walk, event: str) -> Iterator[datetime]:
    """When the timers that send the event are due, of the states that are active; the clock may have stood still."""
    active = walk.configuration.states if walk.configuration is not None else ()
    if not any(timer.event == event for state in active for timer in walk.chart.by_name[state].after):
        return
    timers: list[Pending] = []
    for place, (step, entry) in enumerate(zip(walk.steps, walk.entries, strict=True), 1):
        now = entry.occurred_at or NOW
        timers = advance(by_step(walk.chart, step), timers, sequence=place, earliest=now, latest=now)
    yield from (timer.due_at for timer in timers if timer.event == event and timer.due_at is not None)


def _entered(walk: Walk, state: str) -> datetime | None:
    """When the last stay in a state began; None when the walk was never there."""
    stays = [state in step.after.states for step in walk.steps]
    if True not in stays:
        return None
    place = len(stays) - 1 - stays[::-1].index(True)
    while place > 0 and stays[place - 1]:
        place -= 1
    return walk.entries[place].occurred_at


def days_since(walk: Walk, state: str, now: datetime) -> float | None:
    """Days since a state was entered, None when it never was."""
    entered = _entered(walk, state)
    return None if entered is None else (now - entered) / timedelta(days=1)
