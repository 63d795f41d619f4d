"""Reads a database after everything, holds it against what clients were told, and counts what should not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, text

from faults.log import Call, calls
from faults.workload import EDGES, EMITTING, PATIENCE
from orderfsm.sqlmodel import UtcDateTime
from orderfsm.testing.explorer.linearizable import Operation, problems

__all__ = ["Row", "Verdict", "check", "judged"]


class Row(NamedTuple):
    """An entry as it is stored; `call` is the client's own mark, independent of the idempotency key."""

    order: int
    sequence: int
    event: str
    before: str
    after: str
    call: str
    key: str | None
    recorded_at: datetime


@dataclass
class Verdict:
    """What happened, and how often each thing that must not happen did."""

    entries: int = 0
    acknowledged: int = 0
    refused: int = 0
    in_doubt: int = 0
    in_doubt_present: int = 0
    repeated: int = 0
    reads: int = 0
    fired: int = 0

    lost: int = 0
    duplicated: int = 0
    different: int = 0
    failed_but_present: int = 0
    unknown: int = 0
    gaps: int = 0
    unchained: int = 0
    illegal: int = 0
    misplaced: int = 0
    keys_twice: int = 0
    not_linearizable: int = 0
    outbox: int = 0
    timers: int = 0
    early: int = 0
    example: str = ""

    @property
    def faults(self) -> dict[str, int]:
        """The counters that have to be 0 and are not."""
        wrong = [field.name for field in fields(self) if field.name in WRONG]
        return {name: getattr(self, name) for name in wrong if getattr(self, name)}


WRONG = (
    *("lost", "duplicated", "different", "failed_but_present", "unknown", "gaps", "unchained", "illegal"),
    *("misplaced", "keys_twice", "not_linearizable", "outbox", "timers", "early"),
)


def check(engine: Engine, logs: Iterable[Path]) -> Verdict:
    """The verdict on everything that is in the ready-made tables and in the clients' logs."""
    steady = engine.execution_options(isolation_level="REPEATABLE READ") if engine.name == "postgresql" else engine
    with steady.connect() as connection:  # what a killed client has sent may be committed between two looks
        rows = [_row(*found) for found in connection.execute(HISTORY)]
        standing = connection.execute(text("SELECT id, configuration, code, revision FROM orders")).all()
        emitted = Counter(tuple(row) for row in connection.execute(OUTBOX))
        armed = Counter(tuple(row) for row in connection.execute(TIMERS))
    verdict = judged(calls(logs), rows, [tuple(stand) for stand in standing])
    wanted = Counter((row.order, row.sequence, 1, "notify") for row in rows if row.event in EMITTING)
    verdict.outbox = (emitted - wanted).total() + (wanted - emitted).total()
    waiting = Counter((order, "held", "resume", sequence) for order, after, _, sequence in standing if after == "held")
    verdict.timers = (armed - waiting).total() + (waiting - armed).total()
    return verdict


def judged(told: Mapping[str, Call], rows: Sequence[Row], standing: Iterable[tuple[Any, ...]]) -> Verdict:
    """The verdict on entries by order and sequence, and on where orders stand: key, configuration, code, revision."""
    verdict = Verdict(entries=len(rows))
    histories: dict[int, list[Row]] = {}
    for row in rows:
        histories.setdefault(row.order, []).append(row)
    for order, *stand in standing:
        _history(verdict, histories.get(order, []), tuple(stand))
    _answers(verdict, told, rows)
    _order(verdict, told, histories)
    return verdict


HISTORY = text(
    "SELECT order_id, sequence, event, before, after, caused_by, key, recorded_at FROM order_history "
    "ORDER BY order_id, sequence"
).columns(recorded_at=UtcDateTime())
OUTBOX = text("SELECT order_id, sequence, position, action FROM order_outbox")
TIMERS = text("SELECT order_id, state, event, sequence FROM order_timers")


def _row(order: int, sequence: int, event: str, before: str, after: str, call: str | None, *more: Any) -> Row:
    """A row; what no client asked for is named by its place."""
    return Row(order, sequence, event, before, after, call or f"nobody:{order}:{sequence}", *more)


# --- the database alone


def _history(verdict: Verdict, rows: Sequence[Row], standing: tuple[Any, ...]) -> None:
    before = "[*]"
    for place, row in enumerate(rows, 1):
        verdict.gaps += row.sequence != place
        verdict.unchained += row.before != before
        verdict.illegal += (row.before, row.event, row.after) not in EDGES
        if row.key is not None and row.key.startswith("timer:"):
            _fired(verdict, row, rows)
        before = row.after
    last = (rows[-1].after, rows[-1].after, rows[-1].sequence) if rows else (None, None, 0)
    verdict.misplaced += standing != last


def _fired(verdict: Verdict, row: Row, rows: Sequence[Row]) -> None:
    """An entry that a timer wrote: right after the one that armed it, and not before its time."""
    verdict.fired += 1
    armed = rows[row.sequence - 2]
    verdict.early += row.recorded_at - armed.recorded_at < PATIENCE
    verdict.illegal += row.key != f"timer:held:resume:{armed.sequence}"


# --- held against what clients were told


def _answers(verdict: Verdict, told: Mapping[str, Call], rows: Sequence[Row]) -> None:
    present: dict[str, list[Row]] = {}
    for row in rows:
        present.setdefault(row.call, []).append(row)
    verdict.duplicated = sum(len(found) - 1 for found in present.values())
    keys = Counter(_whose(row) for row in rows if row.key is not None)
    verdict.keys_twice = sum(count - 1 for count in keys.values())
    for name, found in present.items():
        by_timer = (found[0].key or "").startswith("timer:")
        verdict.unknown += name not in told and found[0].event != "open" and not by_timer
    for call in told.values():
        if call.event is None:
            verdict.reads += 1
        else:
            _answer(verdict, call, present.get(call.name, []))


def _whose(row: Row) -> str:
    """A key, with its order where it is a timer's: those of clients are used for one order each."""
    return f"{row.order}:{row.key}" if str(row.key).startswith("timer:") else str(row.key)


def _answer(verdict: Verdict, call: Call, found: Sequence[Row]) -> None:
    verdict.repeated += call.asked - 1
    if call.told:
        verdict.acknowledged += 1
        wanted = {(call.order, call.event, *told) for told in call.told}
        stored = {(row.order, row.event, row.sequence, row.before, row.after) for row in found}
        verdict.lost += not found
        verdict.different += bool(found) and not wanted <= stored
    elif call.failed:
        verdict.refused += 1
        verdict.failed_but_present += bool(found)
    else:
        verdict.in_doubt += 1
        verdict.in_doubt_present += bool(found)


# --- held against time


def _order(verdict: Verdict, told: Mapping[str, Call], histories: Mapping[int, Sequence[Row]]) -> None:
    """Each order's list is linearizable on its own; then all of them together are."""
    operations: dict[int, list[Operation]] = {order: [] for order in histories}
    for call in told.values():
        operations.setdefault(call.order, []).extend(_operations(call))
    for order, found in operations.items():
        final = [row.call for row in histories.get(order, ())]
        wrong = problems(found, final)
        verdict.not_linearizable += bool(wrong)
        verdict.example = verdict.example or (f"order {order}: {wrong[0]}" if wrong else "")


def _operations(call: Call) -> Iterator[Operation]:
    result = call.told[0][0] if call.told else None
    if call.event is None:
        if result is not None:
            yield Operation(None, call.invoked, call.answered, result)
    elif not call.failed:
        yield Operation(call.name, call.invoked, call.answered, result)
