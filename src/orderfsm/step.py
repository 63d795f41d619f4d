"""Deciding: look-ups in a compiled table. No I/O, no clock, no chance; everything that counts is an argument.

`step` answers with a Step or raises; `blockers` lists why not and never raises; `enabled` lists the events that could
be sent. The law between them: `blockers(...) == ()` exactly when `step(...)` returns.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

from .arguments import expect
from .call import Call, no_cell
from .cell import Choice, Step
from .chart import START
from .errors import (
    Blocker,
    GuardFailed,
    GuardRefused,
    LinkNeeded,
    MissingGuard,
    NotPermitted,
    PayloadInvalid,
    ReasonNeeded,
    Refused,
    StoredStateUnknown,
)
from .graph import unknown_configuration
from .table import OPEN, Table, compile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from .call import Answer, Facts
    from .cell import Cell, Node
    from .chart import Chart
    from .history import Actor, Link, Reason

__all__ = ["blockers", "decide", "enabled", "start", "step", "unknown_configuration"]

_NOWHERE: Mapping[str, Cell] = {}

FIRST = object()
"""Stands for the configuration of an order that is not open yet."""

_watched: Callable[..., Step] | None = None


def let_watch(watched: Callable[..., Step] | None) -> None:
    """Let `start` (with FIRST for a configuration) and `step` be done by this function, which tells somebody of it.

    None lets them do it themselves. `orderfsm.watch` says what is told.
    """
    global _watched
    _watched = watched


_KINDS: dict[str, type[Refused]] = {
    "not-permitted": NotPermitted,
    "reason-missing": ReasonNeeded,
    "reason-unknown": ReasonNeeded,
    "reason-forbidden": ReasonNeeded,
    "link-missing": LinkNeeded,
    "payload-missing": PayloadInvalid,
    "payload-invalid": PayloadInvalid,
}


def start(
    chart: Chart,
    event: str = OPEN,
    *,
    actor: Actor | str | None = None,
    reason: Reason | str | None = None,
    links: Sequence[Link] = (),
    payload: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    guards: Mapping[str, Answer] | None = None,
    now: datetime | None = None,
) -> Step:
    """The first step of an order: into the chart's initial states, or by one of its start arrows (`from: "[*]"`).

    Raises what `step` raises.
    """
    if _watched is not None:
        return _watched(chart, FIRST, event, actor, reason, links, payload, facts, guards, now)
    try:
        table: Table = chart._table or compile(chart)
        cell = table.starts.get(event) or _no_start(table, event)
        return cell.free or decide(cell, Call(table, None, event, actor, reason, links, payload, facts, guards, now))
    except (AttributeError, TypeError):
        expect(locals())
        raise


def _no_start(table: Table, event: str) -> NoReturn:
    expect({"event": event})
    raise no_cell(table, None, event)


def step(
    chart: Chart,
    configuration: str,
    event: str,
    *,
    actor: Actor | str | None = None,
    reason: Reason | str | None = None,
    links: Sequence[Link] = (),
    payload: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    guards: Mapping[str, Answer] | None = None,
    now: datetime | None = None,
) -> Step:
    """What one event does in a configuration (a Configuration or its text).

    `actor` is a role or an Actor; without one, `by` is not checked. `facts` (order, items, history) may be a mapping
    or a function that is called when a guard asks. `guards` holds the functions for the chart's named guards: each
    takes the facts and answers True, False or a Blocker.

    Raises Refused (UnknownEvent, NotEnabled, GuardRefused, NotPermitted, ReasonNeeded, LinkNeeded, PayloadInvalid),
    GuardFailed, MissingGuard, or StoredStateUnknown when the chart has no such configuration.
    """
    if _watched is not None:
        return _watched(chart, configuration, event, actor, reason, links, payload, facts, guards, now)
    try:
        table: Table = chart._table or compile(chart)
        cell = table.rows.get(configuration, _NOWHERE).get(event) or _stand_in(table, configuration, event)
        return cell.free or decide(
            cell, Call(table, configuration, event, actor, reason, links, payload, facts, guards, now)
        )
    except (AttributeError, TypeError):
        expect(locals())
        raise


def _stand_in(table: Table, configuration: Any, event: Any) -> Cell:
    if not (isinstance(configuration, str) and isinstance(event, str)):  # a refusal is a hot path: no search in vain
        expect({"configuration": configuration, "event": event})
    row = table.rows.get(configuration)
    if row is None:
        raise unknown_configuration(table, configuration)
    cell = None if event in table.alphabet else row.get(table.stand_in(event) or "")
    if cell is None:
        raise no_cell(table, configuration, event)
    return cell


def decide(cell: Cell, call: Call) -> Step:
    """The step of a cell for this call; raises the Refused that fits the first blocker.

    An actor that no step of the cell allows is refused before any guard is asked.
    """
    if isinstance(cell.node, Choice) and (stranger := call.stranger(cell.steps)):
        raise _refused(NotPermitted, call, stranger)
    found = call.resolve(cell.node)
    if found is None:
        raise _refused(GuardRefused, call, lambda: tuple(call.refusals(cell.node)))
    problems = tuple(call.demands(found.demand))
    if problems:
        raise _refused(_KINDS[problems[0].code], call, problems)
    return found


def _refused(kind: type[Refused], call: Call, problems: Any) -> Refused:
    return kind(call.table.chart.name, call.configuration or START, call.event, problems)


def blockers(
    chart: Chart,
    configuration: str,
    event: str,
    *,
    actor: Actor | str | None = None,
    reason: Reason | str | None = None,
    links: Sequence[Link] = (),
    payload: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    guards: Mapping[str, Answer] | None = None,
    now: datetime | None = None,
) -> tuple[Blocker, ...]:
    """Why this event may not happen here, every reason; () when it may. Never raises what `step` raises."""
    try:
        call = Call(compile(chart), configuration, event, actor, reason, links, payload, facts, guards, now)
        decide(_stand_in_or_cell(call), call)
    except Refused as refused:
        return _told(refused)
    except (GuardFailed, MissingGuard, StoredStateUnknown) as error:
        return (Blocker(error.code, str(error)),)
    except (AttributeError, TypeError):
        expect(locals())
        raise
    return ()


def _told(refused: Refused) -> tuple[Blocker, ...]:
    try:
        return refused.blockers
    except (GuardFailed, MissingGuard) as error:
        return (Blocker(error.code, str(error)),)


def _stand_in_or_cell(call: Call) -> Cell:
    configuration = cast("str", call.configuration)
    row = call.table.rows.get(configuration, _NOWHERE)
    return row.get(call.event) or _stand_in(call.table, configuration, call.event)


def enabled(
    chart: Chart,
    configuration: str,
    *,
    actor: Actor | str | None = None,
    reason: Reason | str | None = None,
    links: Sequence[Link] | None = None,
    payload: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    guards: Mapping[str, Answer] | None = None,
    now: datetime | None = None,
) -> tuple[str, ...]:
    """The events that could be sent here, in document order.

    What is left out counts as satisfiable, what is given is checked.

    Raises StoredStateUnknown, and GuardFailed when a guard that has all its facts cannot be evaluated.
    """
    try:
        table = compile(chart)
        row = table.rows.get(configuration)
        if row is None:
            expect({"configuration": configuration})
            raise unknown_configuration(table, configuration)
        fetched = cache(facts) if callable(facts) else facts
        calls = (
            (Call(table, configuration, event, actor, reason, links or (), payload, fetched, guards, now), cell)
            for event, cell in row.items()
        )
        return tuple(call.event for call, cell in calls if _possible(call, cell, given_links=links is not None))
    except (AttributeError, TypeError):
        expect(locals())
        raise


def _possible(call: Call, cell: Cell, *, given_links: bool) -> bool:
    return not call.stranger(cell.steps) and _reachable(call, cell.node, given_links=given_links)


def _reachable(call: Call, node: Node, *, given_links: bool) -> bool:
    if isinstance(node, Choice):
        if call.answerable(node.guard):
            try:
                node = node.yes if call.answer(node) is True else node.no
            except PayloadInvalid:
                return False
            return _reachable(call, node, given_links=given_links)
        return any(_reachable(call, branch, given_links=given_links) for branch in (node.yes, node.no))
    if node is None:
        return False
    unasked = {"reason-missing"} if call.reason is None else set()
    unasked |= {"payload-missing", "payload-invalid"} if call.payload is None else set()
    unasked |= set() if given_links else {"link-missing"}
    return all(blocker.code in unasked for blocker in call.demands(node.demand))
