"""Strategies for walks: legal lives of orders, with everything that each of their steps asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from orderfsm import compile

from .moves import Move, makes, moments_for, moves, reasons_for, sends
from .payloads import schema_payloads
from .send import Send, Walk
from .unsolved import Unsolved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from orderfsm import Chart

    T = TypeVar("T")

__all__ = ["sends_after", "walks"]

LONGEST = 12
_PAUSES = (timedelta(), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1))


_NUMBERS = st.integers(0, 2**20 - 1)
"""What decides one send: one number, so that a walk shrinks by leaving numbers out and by smaller numbers."""


@st.composite
def walks(draw: st.DrawFn, chart: Chart, *, longest: int = LONGEST) -> Walk:
    """A legal walk of one to `longest` sends, opening included.

    It brings along what each step asks for: actor, reason, links, payload, the facts and answers that its guards
    need, and time for timers. It shrinks to few sends that come first in the document. Raises Unsolved, while drawing,
    when no order of the chart can be opened.
    """
    walk = Walk(chart)
    for number in draw(st.lists(_NUMBERS, min_size=1, max_size=longest)):
        longer = _lengthened(draw, walk, _Choices(number))
        if longer is None:
            break
        walk = longer
    if not walk.sends:
        raise Unsolved(f"no order of {chart.name} can be opened: no facts were found that its first guards accept")
    return walk


@st.composite
def sends_after(draw: st.DrawFn, walk: Walk, *, event: str = "") -> Send | None:
    """One legal send at the end of a walk, of any event or of this one; None when none was found."""
    longer = _lengthened(draw, walk, _Choices(draw(_NUMBERS)), event)
    return None if longer is None else longer.sends[-1]


class _Choices:
    """Choices taken from one number, digit by digit; 0 takes the first of everything."""

    def __init__(self, number: int) -> None:
        self.left = number

    def one(self, options: Sequence[T]) -> T:
        self.left, place = divmod(self.left, len(options))
        return options[place]


def _lengthened(draw: st.DrawFn, walk: Walk, choices: _Choices, event: str = "") -> Walk | None:
    options = tuple(move for move in _options(walk) if event in ("", move.event))
    while options:
        move = choices.one(options)
        send = _send(draw, walk, move, choices)
        if send is not None and move.step is not None:
            return walk.after(send, move.step)
        options = tuple(other for other in options if other is not move)
    return None


def _options(walk: Walk) -> tuple[Move, ...]:
    """The moves that go on; those that do not end the life several times, or most walks would be short."""
    found = moves(compile(walk.chart), walk.configuration)
    return tuple(move for move in found if move.step for _ in range(1 if move.step.after.final else 4))


def _send(draw: st.DrawFn, walk: Walk, move: Move, choices: _Choices) -> Send | None:
    """A send that makes the move; None when none was found."""
    earliest, *later = moments_for(walk, move)
    moment = choices.one((*(earliest + pause for pause in _PAUSES), *later))
    found = tuple(sends(walk, move, moment)) or tuple(sends(walk, move))
    if not found:
        return None
    send = choices.one(found)
    asked = send if len(move.roles) < 2 or _reads_actor(move) else replace(send, actor=choices.one(move.roles))
    asked = replace(asked, reason=choices.one(reasons_for(walk.chart, move.rule)))
    if move.fields:
        asked = replace(asked, payload=draw(schema_payloads(move.fields, send.payload or {})))
    if asked == send:
        return send
    return asked if makes(walk, asked, move) else replace(asked, payload=send.payload)


def _reads_actor(move: Move) -> bool:
    return any("actor" in expression.roots for expression, _ in move.wanted)
