"""Watching: who wants to know of every step that is taken and of every refusal, as coverage does. Mostly nobody.

While somebody is watching, `orderfsm.step` and `orderfsm.start` tell of what they do, whoever calls them: a lifecycle,
the in-memory face, a test. Questions (`blockers`, `enabled`, `trace`, `allowed`) are not told of. There is one watcher
for the whole process, threads included, so that what a test starts in a thread is seen.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from .arguments import expect
from .call import Call
from .errors import Refused
from .step import _no_start, _stand_in_or_cell, decide, start, step
from .table import compile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cell import Cell, Choice, Step
    from .errors import Blocker

__all__ = ["Noting", "Watcher", "unwatched_start", "unwatched_step", "watching"]

Function = TypeVar("Function")


class Watcher(Protocol):
    """Who is told. What it raises goes to the caller of `step`."""

    def taken(self, call: Noting, step: Step) -> None:
        """A step was taken."""

    def refused(self, call: Noting, error: Refused) -> None:
        """An event was refused. To read `error.blockers` asks the guards again."""


class Noting(Call):
    """A call that notes what its guards have answered."""

    __slots__ = ("answers",)

    answers: dict[Choice, bool]

    def __init__(self, *asked: Any) -> None:
        super().__init__(*asked)
        self.answers = {}

    def answer(self, choice: Choice) -> bool | Blocker:
        """True, or why not, as `Call.answer` says it."""
        said = super().answer(choice)
        self.answers[choice] = said is True
        return said


class _Nobody:
    def taken(self, call: Noting, step: Step) -> None:
        pass

    def refused(self, call: Noting, error: Refused) -> None:
        pass


_NOBODY = _Nobody()
_watcher: Watcher | None = None


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let somebody watch for as long as the block runs, instead of whoever watched before."""
    before = _watcher
    _let_watch(watcher)
    try:
        yield
    finally:
        _let_watch(before)


def tell(call: Call, found: Step) -> None:
    """Say that a step was taken that was not asked of `orderfsm.step`; nothing when nobody is watching."""
    if _watcher is not None:
        asked = replace(call, event=found.event)
        _watcher.taken(Noting(*(getattr(asked, each.name) for each in fields(Call))), found)


# `step` is the hot path: to look whether somebody is watching would cost it 3 to 5 ns of 190. So what it does is
# swapped while somebody is: the code of the function, since whoever has imported it has the function. That code runs
# among the globals of `orderfsm.step`, and therefore imports what it needs.


def _watched_step(
    chart: Any, configuration: Any, event: Any, *, actor: Any, reason: Any, links: Any, payload: Any, facts: Any,
    guards: Any, now: Any,
) -> Step:  # fmt: skip
    from orderfsm.watch import watched

    return watched(chart, configuration, event, actor, reason, links, payload, facts, guards, now)


def _watched_start(
    chart: Any, event: Any, *, actor: Any, reason: Any, links: Any, payload: Any, facts: Any, guards: Any, now: Any
) -> Step:
    from orderfsm.watch import FIRST, watched

    return watched(chart, FIRST, event, actor, reason, links, payload, facts, guards, now)


def _copied(function: Function) -> Function:
    """The function with the code that it has now."""
    given = cast("FunctionType", function)
    made = FunctionType(given.__code__, given.__globals__, given.__name__, given.__defaults__)
    made.__kwdefaults__ = given.__kwdefaults__
    return cast("Function", made)


unwatched_start = _copied(start)
"""`orderfsm.start`, of which nobody is told."""

unwatched_step = _copied(step)
"""`orderfsm.step`, of which nobody is told: for whoever works out what would happen, as the testing kit does."""

FIRST = object()
_PLAIN = step.__code__, start.__code__
_WATCHED = _watched_step.__code__, _watched_start.__code__


def _let_watch(watcher: Watcher | None) -> None:
    global _watcher
    _watcher = watcher
    step.__code__, start.__code__ = _PLAIN if watcher is None else _WATCHED


def watched(chart: Any, configuration: Any, event: Any, *asked: Any) -> Step:
    """What `step` does, or `start` where the configuration is FIRST, with the watcher told of it."""
    try:
        call = Noting(compile(chart), None if configuration is FIRST else configuration, event, *asked)
        watcher = _watcher or _NOBODY  # where the watching has ended in the meantime
        try:
            cell = _first(call) if configuration is FIRST else _stand_in_or_cell(call)
            found = cell.free or decide(cell, call)
        except Refused as refused:
            watcher.refused(call, refused)
            raise
        watcher.taken(call, found)
    except (AttributeError, TypeError):
        names = ("actor", "reason", "links", "payload", "facts", "guards", "now")
        given = dict(zip(names, asked, strict=True))
        expect({"chart": chart, "event": event, **given})
        raise
    return found


def _first(call: Call) -> Cell:
    return call.table.starts.get(call.event) or _no_start(call.table, call.event)
