"""The shortest life on which a mutant does something else than its chart."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from orderfsm import Reason, Refused, compile
from orderfsm.chart import START
from orderfsm.errors import OrderFsmError
from orderfsm.testing.exploring import explored
from orderfsm.testing.moves import moves, sends
from orderfsm.testing.send import Attempt, Walk

from .behaviour import doing
from .noticing import notices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orderfsm import Chart, Configuration, Step
    from orderfsm.chart import Timer
    from orderfsm.testing.moves import Move
    from orderfsm.testing.send import Send

    from .behaviour import Cells

    Leaves = tuple[str, ...] | None

__all__ = ["unshown", "witness"]

TRIES = 3
"""How many sends are tried of each way through a cell; each with other reasons, actors and without links."""

STRANGER = "nobody"
"""A role that no chart declares; a scenario may name it where it is refused."""


def witness(chart: Chart, mutant: Chart, cells: Cells) -> Attempt | None:
    """An attempt of the chart of which the mutant makes something else; None when none was found.

    The shortest walk comes first; there, one that only one of them refuses goes before one that both refuse
    for other reasons. What leads to the same states, and differs in what is remembered or done, comes last.
    """
    weaker: Attempt | None = None
    events = _events(chart, mutant, cells)
    for walk in explored(chart).walks.values():
        wanted = events.get(_leaves(walk.configuration))
        there = _followed(mutant, walk) if wanted else None
        if wanted and there is not None:
            found, plain = _noticed(walk, there, wanted)
            if found is not None and plain:
                return found
            weaker = weaker or found
    return weaker


def unshown(attempt: Attempt, mutant: Chart) -> str:
    """What the mutant makes of a witness, in words; empty where a scenario shows it."""
    there = None if notices(attempt, mutant) else _followed(mutant, attempt.walk)
    return "" if there is None else f"{_what(attempt)}: {_told(attempt, Attempt.judged(there, attempt.send))}"


def _what(attempt: Attempt) -> str:
    """What is sent, by whom where it matters, and where."""
    actor, at = attempt.send.actor, attempt.walk.configuration or START
    who = actor if isinstance(actor, str) or actor is None else actor.role or actor.id
    return f"{attempt.send.event}{f' by {who}' if who else ''} in {at}"


def _told(here: Attempt, other: Attempt) -> str:
    """What the chart makes of it, and what the mutant does."""
    if here.step is None or other.step is None or here.step.after.leaves != other.step.after.leaves:
        return f"the chart {_made_of(here)}, the mutant {_made_of(other)}"
    found = ((does, part(here.step), part(other.step)) for does, part in _PARTS.items())
    does, mine, theirs = next((does, [*mine], [*theirs]) for does, mine, theirs in found if [*mine] != [*theirs])
    return f"the chart {does} {_list(mine)}, the mutant {_list(theirs)}"


def _made_of(attempt: Attempt) -> str:
    return f"leads to {attempt.step.after}" if attempt.step is not None else f"refuses it ({attempt.blocker})"


def _timed(timers: tuple[Timer, ...]) -> list[str]:
    from orderfsm.diagrams.picture import iso  # when it is needed: no run with a mutant tells anything

    return [f"{timer.event} after {iso(timer.delay)}" for timer in timers]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


_PARTS: dict[str, Callable[[Step], Iterable[str]]] = {
    "emits": lambda step: step.actions,
    "sets": lambda step: _timed(step.armed),
    "takes back": lambda step: _timed(step.disarmed),
    "leads to": lambda step: [str(step.after)],
    "leaves": lambda step: step.exited,
    "enters": lambda step: step.entered,
}
"""What a step does besides leading to states, in words."""


def _events(chart: Chart, mutant: Chart, cells: Cells) -> dict[Leaves, set[str]]:
    """The events of the cells by active states: what is remembered there may differ already."""
    known = {**compile(mutant).configurations, **compile(chart).configurations}
    found: dict[Leaves, set[str]] = defaultdict(set)
    for configuration, event in cells:
        found[_leaves(known.get(configuration))].add(event)
    return dict(found)


def _followed(mutant: Chart, walk: Walk) -> Walk | None:
    """The same walk in the mutant; None where it goes another way, which shorter walks have shown."""
    try:
        there = Walk.of(mutant, walk.sends)
    except (Refused, OrderFsmError):
        return None
    return there if _leaves(there.configuration) == _leaves(walk.configuration) else None


def _leaves(configuration: Configuration | None) -> Leaves:
    return None if configuration is None else configuration.leaves


def _noticed(walk: Walk, there: Walk, events: set[str]) -> tuple[Attempt | None, bool]:
    """An attempt of which the two make something else, and whether a scenario shows it."""
    weaker: Attempt | None = None
    unseen: Attempt | None = None
    for send in _candidates(walk, there, events):
        here, other = Attempt.judged(walk, send), Attempt.judged(there, send)
        if _made(here) == _made(other):
            continue
        if not notices(here, there.chart):
            unseen = unseen or here
        elif here.refused and other.refused:
            weaker = weaker or here
        else:
            return here, True
    return (weaker, True) if weaker else (unseen, False)


def _made(attempt: Attempt) -> Any:
    return attempt.refused if attempt.step is None else _seen(attempt.step)


def _seen(step: Step) -> Any:
    """What a step does; what it asks for shows when it is not given."""
    return doing(step)[:-1]


def _candidates(walk: Walk, there: Walk, events: set[str]) -> Iterator[Send]:
    """Sends by which the two may differ, the likeliest first."""
    mine = [move for move in _moves(walk) if move.event in events]
    others = [move for move in _moves(there) if move.event in events]
    for each in (_between(walk, mine, others), _of(there, others), _of(walk, mine)):
        for send in each:
            yield from _varied(walk.chart, send)


def _moves(walk: Walk) -> tuple[Move, ...]:
    table = compile(walk.chart)
    return moves(table, walk.configuration) if walk.configuration in (None, *table.rows) else ()


def _between(walk: Walk, mine: list[Move], others: list[Move]) -> Iterator[Send]:
    """Sends that go one way through the chart's cell and another one through the mutant's."""
    for move in mine:
        for other in others:
            if move.event == other.event and _outcome(move) != _outcome(other) and _agree(move, other):
                named = tuple({**dict(move.named), **dict(other.named)}.items())
                yield from islice(sends(walk, replace(move, named=named), more=other.wanted), TRIES)


def _outcome(move: Move) -> Any:
    return None if move.step is None else _seen(move.step)


def _agree(move: Move, other: Move) -> bool:
    """Whether the application's guards can answer both at once."""
    answers = dict(other.named)
    return all(answers.get(name, answer) is answer for name, answer in move.named)


def _of(walk: Walk, found: list[Move]) -> Iterator[Send]:
    for move in found:
        yield from islice(sends(walk, move), TRIES)


def _varied(chart: Chart, send: Send) -> Iterator[Send]:
    """The send, and with another reason, another actor, or without links."""
    yield send
    for reason in (None, *chart.reasons.codes, Reason(text="because")):
        yield replace(send, reason=reason)
    for role in (*chart.actors, STRANGER):
        yield replace(send, actor=role)
    for rel in send.links:
        yield replace(send, links=tuple(link for link in send.links if link is not rel))
