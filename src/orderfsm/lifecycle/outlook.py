"""What could be done with an order now: the possible events and what each still needs; why not, and the way there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orderfsm.call import no_cell
from orderfsm.cell import Choice
from orderfsm.errors import Blocker, GuardFailed, MissingGuard, Refused
from orderfsm.graph import way
from orderfsm.step import decide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orderfsm.call import Call
    from orderfsm.cell import Cell, Node, Step
    from orderfsm.table import Table

__all__ = ["Allowed", "Explanation"]

OWED = frozenset({"actor-missing", "reason-missing", "link-missing", "payload-missing", "guard-open"})
"""The codes of blockers that bringing something along takes away."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """An event that may be sent now, and what has to come along that did not: () when nothing is missing."""

    event: str
    needs: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an event may not be sent as asked (`blockers`, () when it may), and the shortest way.

    `way` are the events to send, this one the last; just this one when it is enabled here, None when no way leads to
    it.
    """

    event: str
    blockers: tuple[Blocker, ...]
    way: tuple[str, ...] | None


def allowed(table: Table, call: Call) -> Iterator[Allowed]:
    """The possible events, in document order: what the call leaves out is needed, what it gives is checked."""
    for event, cell in cells(table, call.configuration).items():
        asked = replace(call, event=event)
        needs = _needs(asked, cell.node)
        if needs is not None:
            yield Allowed(event, needs)


def explanations(table: Table, call: Call, event: str | None) -> Iterator[Explanation]:
    """One explanation for the event, or for every event that the chart lets anyone send, in document order."""
    row = cells(table, call.configuration)
    names = (event,) if event is not None else dict.fromkeys([*row, *_events(table)])
    for name in names:
        asked, known = replace(call, event=name), _known(table, call.configuration, name)
        to_it = _way(table, call.configuration, known)
        yield Explanation(name, tuple(_blockers(asked, row.get(known))), to_it and (*to_it[:-1], name))


def _known(table: Table, configuration: str | None, event: str) -> str:
    """The event of the table that an event is, or behaves like; nothing stands in where an order begins."""
    if configuration is None or event in table.alphabet:
        return event
    return table.stand_in(event) or event


def cells(table: Table, configuration: str | None) -> Mapping[str, Cell]:
    """Event -> cell of a configuration that the table has; the start's for None."""
    return table.starts if configuration is None else table.rows[configuration]


def _events(table: Table) -> Iterator[str]:
    for row in table.rows.values():
        yield from row


def _needs(call: Call, node: Node) -> tuple[Blocker, ...] | None:
    """What the call still needs for some step of the cell; None when nothing would help."""
    if isinstance(node, Choice):
        return _guarded(call, node)
    if node is None:
        return None
    owed = tuple(_owed(call, node))
    return owed if all(blocker.code in OWED for blocker in owed) else None


def _guarded(call: Call, choice: Choice) -> tuple[Blocker, ...] | None:
    if call.answerable(choice.guard):
        try:
            return _needs(call, choice.yes if call.answer(choice) is True else choice.no)
        except GuardFailed as failed:
            open_guard = Blocker("guard-open", str(failed), {"guard": choice.guard.text})
    else:
        said = f"{call.event} depends on {choice.guard.text}, which cannot be asked yet"
        open_guard = Blocker("guard-open", said, {"guard": choice.guard.text})
    yes, no = _needs(call, choice.yes), _needs(call, choice.no)
    better = min((needs for needs in (yes, no) if needs is not None), key=len, default=None)
    return None if better is None else (open_guard, *better)


def _owed(call: Call, step: Step) -> Iterator[Blocker]:
    if call.actor is None and step.demand.by:
        roles = sorted(set(step.demand.by[0]).intersection(*step.demand.by))
        yield Blocker("actor-missing", f"{call.event} is for {' or '.join(roles)}; say who asks", {"allowed": roles})
    yield from call.demands(step.demand)


def _blockers(call: Call, cell: Cell | None) -> tuple[Blocker, ...]:
    try:
        if cell is None:
            raise no_cell(call.table, call.configuration, call.event)
        decide(cell, call)
    except Refused as refused:
        return refused.blockers
    except (GuardFailed, MissingGuard) as error:
        return (Blocker(error.code, str(error)),)
    return ()


def _way(table: Table, configuration: str | None, event: str) -> tuple[str, ...] | None:
    if event in cells(table, configuration):
        return (event,)
    steps: Any = way(table, configuration, lambda found: event in table.rows[found])
    return None if steps is None else (*(step.event for step in steps), event)
