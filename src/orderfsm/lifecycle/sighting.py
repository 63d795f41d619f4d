"""What a state that was seen outside means: which step leads there, or which configuration it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.chart import START
from orderfsm.errors import Ambiguous, Blocker, NotEnabled, Refused
from orderfsm.graph import matches_state, way
from orderfsm.history import ADOPTED
from orderfsm.step import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderfsm.call import Call
    from orderfsm.cell import Configuration, Step
    from orderfsm.table import Table

__all__ = ["adopted", "leading", "shows"]


def shows(table: Table, configuration: str | None, seen: str) -> bool:
    """Whether a configuration is what was seen: its text, one of its states or one of its codes."""
    here = None if configuration is None else table.configurations.get(configuration)
    return here is not None and matches_state(here, seen)


def leading(table: Table, configuration: str, seen: str, call: Callable[[str], Call]) -> Step:
    """The step that leads from a configuration to what was seen; `call` makes the call of an event.

    All events that may be sent and lead there must lead to the same configuration; the first in document order is
    taken. Raises Ambiguous when they lead to several, their refusal when all are refused, NotEnabled when none leads
    there.
    """
    steps: list[Step] = []
    refusals: list[Refused] = []
    for event, cell in table.rows[configuration].items():
        if any(matches_state(found.after, seen) for found in cell.steps):
            try:
                steps.append(decide(cell, call(event)))
            except Refused as refused:
                refusals.append(refused)
    steps = [found for found in steps if matches_state(found.after, seen)]
    if len({found.after for found in steps}) > 1:
        raise _several(table, configuration, seen, steps)
    if steps:
        return steps[0]
    raise _joined(refusals) if refusals else _nowhere(table, configuration, seen)


def _joined(refusals: list[Refused]) -> Refused:
    """One refusal for all: the first one's kind, with the blockers of every event that leads there."""
    first = refusals[0]
    if len(refusals) == 1:
        return first
    return type(first)(
        first.chart, first.configuration, first.event, lambda: tuple(b for r in refusals for b in r.blockers)
    )


def _several(table: Table, configuration: str, seen: str, steps: list[Step]) -> Ambiguous:
    ways = {found.event: str(found.after) for found in steps}
    told = ", ".join(f"{event} (to {after})" for event, after in ways.items())
    said = f"{seen} may be reached from {configuration} of {table.chart.name} by {told}; send the event that is meant"
    return Ambiguous(
        table.chart.name, configuration, seen, (Blocker("ambiguous", said, {"seen": seen, "events": ways}),)
    )


def _nowhere(table: Table, configuration: str, seen: str) -> NotEnabled:
    return NotEnabled(table.chart.name, configuration, seen, lambda: (_nowhere_blocker(table, configuration, seen),))


def _nowhere_blocker(table: Table, configuration: str, seen: str) -> Blocker:
    if not any(matches_state(found, seen) for found in table.configurations.values()):
        return _unknown(table, seen)
    here = list(table.rows[configuration])
    enabled = ", ".join(here) or "nothing"
    said = f"no event of {table.chart.name} leads from {configuration} to {seen}; enabled here: {enabled}"
    steps = way(table, configuration, lambda found: matches_state(found, seen)) or ()
    events = [found.event for found in steps]
    if events:
        said += f"; the shortest way there: {', '.join(events)}"
    return Blocker("not-enabled", said, {"seen": seen, "enabled": here, "path": events})


def _unknown(table: Table, seen: str) -> Blocker:
    codes = table.chart.codes
    said = f"{table.chart.name} has no code or state {seen!r}; its codes are {', '.join(codes)}"
    return Blocker("unknown-code", said, {"seen": seen, "codes": list(codes)})


def adopted(table: Table, state: str, here: str = START, event: str = ADOPTED) -> Configuration:
    """The one configuration that a configuration's text, a code or a state's name means.

    Raises Ambiguous when it means several, NotEnabled when it means none; `here` and `event` are told with that.
    """
    exact = table.configurations.get(state)
    if exact is not None:
        return exact
    found = [known for known in table.configurations.values() if matches_state(known, state)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotEnabled(table.chart.name, here, event, lambda: (_unknown(table, state),))
    said = f"{state} may be any of {', '.join(found)} in {table.chart.name}; {event} the order in one of them"
    blocker = Blocker("ambiguous", said, {"state": state, "configurations": [str(known) for known in found]})
    raise Ambiguous(table.chart.name, here, event, (blocker,))
