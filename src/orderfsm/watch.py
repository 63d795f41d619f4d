"""Watching: who wants to know of every step that is taken and of every refusal, as coverage does. Mostly nobody.

While somebody is watching, `orderfsm.step` and `orderfsm.start` tell of what they do, whoever calls them: a lifecycle,
the in-memory face, a test. Questions (`blockers`, `enabled`, `trace`, `allowed`) are not told of. There is one watcher
for the whole process, threads included, so that what a test starts in a thread is seen.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from .arguments import expect
from .call import Call
from .errors import GuardFailed, MissingGuard, Refused
from .step import FIRST, _no_start, _stand_in_or_cell, decide, let_watch
from .table import compile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cell import Choice, Step
    from .chart import Chart
    from .errors import Blocker

__all__ = ["Ear", "Noting", "Watcher", "listening", "retell", "tell", "unwatched", "watching"]


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


class Ear:
    """A watcher in front of another one; `heard` says whether it was told of a chart."""

    def __init__(self, watcher: Watcher, chart: Chart) -> None:
        self.heard = False
        self._watcher = watcher
        self._chart = (chart.name, chart.hash, chart.profile)

    def taken(self, call: Noting, step: Step) -> None:
        """Pass it on."""
        self._hear(call.table.chart)
        self._watcher.taken(call, step)

    def refused(self, call: Noting, error: Refused) -> None:
        """Pass it on."""
        self._hear(call.table.chart)
        self._watcher.refused(call, error)

    def _hear(self, chart: Chart) -> None:
        self.heard = self.heard or (chart.name, chart.hash, chart.profile) == self._chart


@contextmanager
def listening(chart: Chart) -> Iterator[Ear]:
    """Hear whether whoever watches is told of a chart while the block runs: what it knows need not be retold."""
    ear = Ear(_watcher or _NOBODY, chart)
    if _watcher is None:
        yield ear
    else:
        with watching(ear):
            yield ear


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
        _watcher.taken(_noting(replace(call, event=found.event)), found)


def retell(call: Call) -> None:
    """Say what becomes of a call that was carried out elsewhere, a step or a refusal; nothing when nobody is watching.

    Nothing is said either where a guard could not be asked.
    """
    if _watcher is not None:
        with suppress(Refused, GuardFailed, MissingGuard):
            _told(_noting(call), first=call.configuration is None)


def unwatched(call: Call) -> Step:
    """What `orderfsm.step` does with a call (`start` where it has no configuration), of which nobody is told.

    It is for whoever works out what would happen, as the testing kit does.
    """
    return _decided(call, first=call.configuration is None)


def _let_watch(watcher: Watcher | None) -> None:
    global _watcher
    _watcher = watcher
    let_watch(None if watcher is None else _watched)


def _decided(call: Call, *, first: bool) -> Step:
    table, event = call.table, call.event
    cell = table.starts.get(event) or _no_start(table, event) if first else _stand_in_or_cell(call)
    return cell.free or decide(cell, call)


def _told(call: Noting, *, first: bool) -> Step:
    """The step of a call, with the watcher told of it or of the refusal."""
    watcher = _watcher or _NOBODY  # where the watching has ended in the meantime
    try:
        found = _decided(call, first=first)
    except Refused as refused:
        watcher.refused(call, refused)
        raise
    watcher.taken(call, found)
    return found


def _noting(call: Call) -> Noting:
    return Noting(*(getattr(call, each.name) for each in fields(Call)))


def _watched(chart: Any, configuration: Any, event: Any, *asked: Any) -> Step:
    """What `step` does, or `start` where the configuration is FIRST, with the watcher told of it."""
    try:
        first = configuration is FIRST
        return _told(Noting(compile(chart), None if first else configuration, event, *asked), first=first)
    except (AttributeError, TypeError):
        names = ("actor", "reason", "links", "payload", "facts", "guards", "now")
        given = dict(zip(names, asked, strict=True))
        expect({"chart": chart, "event": event, **given})
        raise
