"""Strategies for walks: legal lives of orders, with everything that each of their steps asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from orderfsm import compile

from .moves import Move, makes, moments_for, moves, reasons_for, sends
from .payloads import schema_payloads
from .send import Send, Walk
from .unsolved import Unsolved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import TypeVar

    from orderfsm import Chart

    T = TypeVar("T")

__all__ = ["sends_after", "walks"]

LONGEST = 12
_PAUSES = (timedelta(), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1))


@st.composite
def walks(draw: st.DrawFn, chart: Chart, *, longest: int = LONGEST) -> Walk:
    """A legal walk of one to `longest` sends, opening included.

    It brings along what each step asks for: actor, reason, links, payload, the facts and answers that its guards
    need, and time for timers. It shrinks to few sends that come first in the document. Raises Unsolved when no order
    of the chart can be opened.
    """
    walk = _lengthened(draw, Walk(chart))
    if walk is None:
        raise Unsolved(f"no order of {chart.name} can be opened: no facts were found that its first guards accept")
    for _ in range(draw(_up_to(longest - 1))):
        longer = _lengthened(draw, walk)
        if longer is None:
            break
        walk = longer
    return walk


@cache
def _up_to(most: int) -> st.SearchStrategy[int]:
    """Kept, for what is drawn most often should not be made anew."""
    return st.integers(0, most)


@st.composite
def sends_after(draw: st.DrawFn, walk: Walk) -> Send | None:
    """One legal send at the end of a walk; None when none was found."""
    longer = _lengthened(draw, walk)
    return None if longer is None else longer.sends[-1]


def _lengthened(draw: st.DrawFn, walk: Walk) -> Walk | None:
    options = _options(walk)
    while options:
        move = _one(draw, options)
        send = _send(draw, walk, move)
        if send is not None and move.step is not None:
            return walk.after(send, move.step)
        options = tuple(other for other in options if other is not move)
    return None


def _options(walk: Walk) -> tuple[Move, ...]:
    """The moves that go on; those that do not end the life several times, or most walks would be short."""
    found = moves(compile(walk.chart), walk.configuration)
    return tuple(move for move in found if move.step for _ in range(1 if move.step.after.final else 4))


def _send(draw: st.DrawFn, walk: Walk, move: Move) -> Send | None:
    """A send that makes the move; None when none was found."""
    found = tuple(sends(walk, move, _moment(draw, walk, move))) or tuple(sends(walk, move))
    if not found:
        return None
    send = _one(draw, found)
    asked = send if len(move.roles) < 2 or _reads_actor(move) else replace(send, actor=_one(draw, move.roles))
    asked = replace(asked, reason=_one(draw, reasons_for(walk.chart, move.rule)))
    if move.fields:
        asked = replace(asked, payload=draw(schema_payloads(move.fields, send.payload or {})))
    if asked == send:
        return send
    return asked if makes(walk, asked, move) else replace(asked, payload=send.payload)


def _reads_actor(move: Move) -> bool:
    return any("actor" in expression.roots for expression, _ in move.wanted)


def _moment(draw: st.DrawFn, walk: Walk, move: Move) -> datetime:
    earliest, *later = moments_for(walk, move)
    return _one(draw, (*(earliest + pause for pause in _PAUSES), *later))


def _one(draw: st.DrawFn, options: Sequence[T]) -> T:
    return options[_place(draw, options)]


def _place(draw: st.DrawFn, options: Sequence[object]) -> int:
    return draw(_up_to(len(options) - 1)) if len(options) > 1 else 0
