"""Checks of what clients have left behind and were told, with the chart as the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import orderfsm
from orderfsm.chart import START
from orderfsm.corrections import field_of
from orderfsm.errors import NotEnabled

from .linearizable import Operation, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orderfsm.chart import Chart
    from orderfsm.history import Recorded
    from orderfsm.lifecycle import Lifecycle

    from .explorer import Outcome, Run

    Look = Callable[[Any, Any], "Kept"]

__all__ = ["Judge", "Kept", "judge", "judge_lifecycle"]

WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "WITH")
"""How statements begin that may write."""


class Kept(NamedTuple):
    """What is stored of an order: where it stands, its history (oldest first), and its revision where it has one.

    Entries are those of the library, or any objects or mappings with `before`, `event` and `after`, and where they are
    known `sequence` and `key`.
    """

    configuration: str | None
    entries: Sequence[Recorded | Mapping[str, Any]]
    revision: int | None = None


def judge_lifecycle(orders: Lifecycle) -> Judge:
    """The check for orders of a lifecycle, whose key (or a list of keys) `setup` returns."""

    def look(session: Any, key: Any) -> Kept:
        order = session.get_one(orders.store.order, key, populate_existing=True)
        return Kept(order.configuration, orders.history(session, order), order.revision)

    return judge(orders.chart, look)


def judge(chart: Chart, look: Look) -> Judge:
    """The check for orders of any tables: `look(session, key)` gives what is stored of an order.

    `setup` returns the order's key, or a list of keys; each client the entry that it has written, a list of them, or
    None when it has written nothing. Where a client returns anything else, only what is stored is checked.
    """
    return Judge(chart, look)


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Holds histories against the chart and against what clients were told.

    The state is the history's end; the history has no gaps, and each of its entries is a step of the chart. An entry
    that a client was told is there, once; what was written was told to somebody; who raised an error has written
    nothing; a key is there once. And there is an order in which one client after the other would have been told the
    same: linearizability, with refusals as reads of the state that they name, and what `read` has seen.
    """

    chart: Chart
    look: Look

    def before(self, session: Any, given: Any) -> dict[Any, int]:
        """How many entries each order has before the clients come."""
        return {key: len(self.look(session, key).entries) for key in _keys(given)}

    def read(self, session: Any, given: Any) -> Seen:
        """A client that reads each order and its history from one snapshot, and has to find that they fit.

        That is how a state and a history show that are not committed together.
        """
        _begin_snapshot(session)
        seen = Seen()
        for key in _keys(given):
            kept = self.look(session, key)
            seen[key] = len(kept.entries)
            wrong = next(_stored(self.chart, kept), None)
            if wrong is not None:
                raise AssertionError(wrong)
        return seen

    def __call__(self, session: Any, run: Run) -> list[str]:
        """What is wrong, in texts."""
        found: list[str] = []
        before = run.before[self]
        for key in _keys(run.given):
            kept = self.look(session, key)
            found += _stored(self.chart, kept)
            found += _told(self.chart, kept, run, _Asked(key, self.chart.name, alone=len(before) == 1), before[key])
        return found


def _begin_snapshot(session: Any) -> None:
    """Let all that the session reads be of one moment: Python's driver for SQLite begins nothing for a SELECT."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    elif not session.connection().connection.dbapi_connection.in_transaction:
        session.connection().exec_driver_sql("BEGIN")


class Seen(dict[Any, int]):
    """What a reader returns: how many entries each order had."""


def _keys(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


class _Asked(NamedTuple):
    """The order that is judged, and its chart; `alone` says that there is no other that an answer might be about."""

    key: Any
    chart: str
    alone: bool


# --- what is stored


def _stored(chart: Chart, kept: Kept) -> Iterator[str]:
    """What is wrong with an order's state and history, whoever wrote them."""
    for finding in orderfsm.replay(chart, kept.entries).findings:
        yield finding.message
    for place, entry in enumerate(kept.entries, 1):
        if field_of(entry, "sequence") not in (None, place):
            yield f"entry {place} has the sequence {field_of(entry, 'sequence')}: the history has a gap, or a double"
    last = field_of(kept.entries[-1], "after") if kept.entries else None
    if kept.configuration != last:
        yield f"the order is in {kept.configuration}, its history ends in {last}"
    if kept.revision not in (None, len(kept.entries)):
        yield f"the order has revision {kept.revision}, its history {len(kept.entries)} entries"
    keys = Counter(key for entry in kept.entries if (key := field_of(entry, "key")) is not None)
    for key, count in keys.items():
        if count > 1:
            yield f"the key {key!r} was used {count} times: its request was carried out more than once"


# --- what clients were told


def _told(chart: Chart, kept: Kept, run: Run, order: _Asked, first: int) -> Iterator[str]:
    """What is wrong between an order's history and the answers; `first` entries were there before."""
    tellers: dict[int, list[Outcome]] = {}
    for outcome in run.outcomes:
        for entry in _entries(outcome.value):
            if _about(kept, entry, order):
                place = _place(kept, entry, tellers)
                if place is None:
                    yield f"{outcome.client} was told {_named(entry)}, which is not in the history: it is lost"
                else:
                    tellers.setdefault(place, []).append(outcome)
    yield from _tellers(kept, tellers, first, silent=any(_silent(outcome) for outcome in run.outcomes))
    yield from _refusals(chart, run, order)
    yield from _order(kept, run, tellers, order)


def _about(kept: Kept, entry: Any, order: _Asked) -> bool:
    """Whether an entry is the order's, as far as it says whose it is: what the order's own entries say, or the key."""
    named = field_of(entry, "order")
    known = [each for each in (field_of(entry, "order") for entry in kept.entries) if each is not None]
    return named is None or (named in known if known else order.alone or named == order.key)


def _entries(value: Any) -> list[Any]:
    """The entries in what a client has returned."""
    values = value if isinstance(value, (list, tuple)) and not hasattr(value, "event") else [value]
    return [each for each in values if _tells(each)]


def _tells(value: Any) -> bool:
    """Whether a value tells of an entry."""
    return all(_has(value, name) for name in ("before", "event", "after"))


def _has(value: Any, name: str) -> bool:
    return name in value if isinstance(value, Mapping) else hasattr(value, name)


def _silent(outcome: Outcome) -> bool:
    """Whether a client may have written what it does not tell."""
    value = outcome.value
    return not (outcome.error is not None or value is None or value in ([], ()) or _entries(value) or _seen(value))


def _seen(value: Any) -> bool:
    return isinstance(value, Seen)


def _place(kept: Kept, told: Any, tellers: Mapping[int, Any]) -> int | None:
    """Where an entry that a client was told is in the history, from 1."""
    sequence = field_of(told, "sequence")
    for place, entry in enumerate(kept.entries, 1):
        same = _what(entry) == _what(told)
        if same and (place == sequence if sequence else place not in tellers):
            return place
    return None


def _what(entry: Any) -> tuple[Any, ...]:
    before, event, after = (field_of(entry, name) for name in ("before", "event", "after"))
    return None if before == START else before, event, after


def _tellers(kept: Kept, tellers: Mapping[int, list[Outcome]], first: int, *, silent: bool) -> Iterator[str]:
    """Entries that nobody was told, or that two clients were who had not sent the same request."""
    for place, entry in enumerate(kept.entries, 1):
        told = tellers.get(place, [])
        if not told and place > first and not silent:
            yield f"{_named(entry)} was written, and no client was told so (clients return what they write)"
        if len(told) > 1 and field_of(entry, "key") is None:
            names = " and ".join(outcome.client for outcome in told)
            yield f"{names} were both told that they wrote {_named(entry)}"


def _named(entry: Any) -> str:
    before, event, after = _what(entry)
    sequence = field_of(entry, "sequence")
    return f"entry {'' if sequence is None else f'{sequence} '}({before or START} {event} {after})"


# --- refusals, and the order of it all


def _refused(run: Run, order: _Asked) -> list[tuple[Outcome, str | None, str]]:
    """Who was refused, in which configuration, which event; only where there is one order is it known for sure.

    Who was refused to begin an order, or something of another chart, has asked about another order; who had written
    something in the same transaction has seen what nobody else has.
    """
    if not order.alone:
        return []
    errors = [(outcome, cast("Any", outcome.error)) for outcome in run.outcomes if _has(outcome.error, "configuration")]
    asked = [each for each in errors if getattr(each[1], "chart", order.chart) == order.chart]
    known = [each for each in asked if each[1].configuration != START and _has(each[1], "event")]
    return [(each, error.configuration, error.event) for each, error in known if not _had_written(run, each.client)]


def _had_written(run: Run, client: str) -> bool:
    """Whether a client had written anything in the transaction in which it ended."""
    wrote = before = False
    for moment in (each for each in run.moments if each.client == client):
        before = wrote
        ended = moment.what in ("COMMIT", "ROLLBACK")
        wrote = not ended and (wrote or (moment.what.startswith(WRITES) and moment.said != "0 rows"))
    return wrote or before


def _refusals(chart: Chart, run: Run, order: _Asked) -> Iterator[str]:
    """Refusals for want of an arrow that the model would not have given."""
    rows = orderfsm.table.compile(chart).rows
    for outcome, configuration, event in _refused(run, order):
        if isinstance(outcome.error, NotEnabled) and event in rows.get(str(configuration), {}):
            yield f"{outcome.client} was refused {event} in {configuration}, where the chart has an arrow for it"


def _order(kept: Kept, run: Run, tellers: Mapping[int, list[Outcome]], order: _Asked) -> Iterator[str]:
    """Why one client after the other would not have been told the same."""
    appends = [
        Operation(f"entry {place}", min(o.invoked for o in told), min(o.answered for o in told), place)
        for place, told in tellers.items()
    ]
    readers = [each for each in run.outcomes if _seen(each.value)]
    seen = [Operation(None, each.invoked, each.answered, each.value[order.key]) for each in readers]
    after = [None, *(field_of(entry, "after") for entry in kept.entries)]
    options: list[list[Operation]] = []
    for outcome, configuration, event in _refused(run, order):
        lengths = [length for length, found in enumerate(after) if found == configuration]
        options.append([Operation(None, outcome.invoked, outcome.answered, length) for length in lengths])
        if not lengths:
            yield f"{outcome.client} was refused {event} in {configuration}, where the order has never been"
            return
    final = [f"entry {place}" for place in range(1, len(kept.entries) + 1)]
    tried = [problems([*appends, *seen, *reads], final) for reads in product(*options)]
    if all(tried):
        yield f"not linearizable: {tried[0][0]} (times are moments)"
