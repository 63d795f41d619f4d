"""What an entry does to an order's timers, in the transaction of the entry."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from orderfsm.pairing import keys_of
from orderfsm.sqlmodel.given import Unfit
from orderfsm.sqlmodel.pending import TimerStatements
from orderfsm.timers import FOREVER, advance, armed, by_states, by_step

from .clock import HostClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from orderfsm.cell import Step
    from orderfsm.history import Entry
    from orderfsm.sqlmodel.bases import Stateful
    from orderfsm.sqlmodel.store import SqlStore
    from orderfsm.table import Table
    from orderfsm.timers import Change, Pending

    from .binding import Decision
    from .written import Written

__all__ = ["Timing", "known_timers"]


def known_timers(table: Table) -> frozenset[tuple[str, str]]:
    """The (state, event) of every timer that some entry of the chart can start; the state of a delayed send is ""."""
    of_states = {(state.name, timer.event) for state in table.chart.states for timer in state.after}
    sent = {(timer.state or "", timer.event) for step in table.edges() for timer in step.armed}
    return frozenset(of_states | sent)


class Timing:
    """Keeps the timers of a store in step with its history. A Follower."""

    def __init__(self, table: Table, store: SqlStore, clock: object) -> None:
        timers: Any = inspect(store.timers)
        orders: Any = inspect(store.order)
        self.known = known_timers(table)
        self._keys = keys_of(orders, timers.local_table, timers.class_)
        self._timers = timers.local_table
        self._chart, self._table, self._store = table.chart, table, store
        self._doubtful = isinstance(clock, HostClock)
        self._timed = frozenset(state for state, _ in self.known if state)
        self._changes: dict[object, Change] = {}
        self._statements: dict[tuple[str, str], TimerStatements] = {}

    def concerns(self, decided: Decision) -> bool:
        """Whether timers begin or end, or may."""
        if decided.step is None:
            return True
        change = self._changes.get(decided.step)
        return change is None or not _nothing(change)

    def recorded(self, session: Session, order: Stateful, entry: Entry, step: Step | None) -> None:
        """Remove the timers of the states that were left, and write those that begin."""
        change = self.change(entry, step)
        if _nothing(change):
            return
        connection = session.connection(self._store.bind)
        self.write(connection, self._store.identity(order), entry, change)

    def recorded_many(self, session: Session, written: Written) -> None:
        """The same for many orders; one by one where the clock stops, for there each timer has its own time left."""
        change = self.change(written.entry, written.step)
        connection = session.connection(self._store.bind)
        if change.plain:
            with suppress(Unfit):
                self._write_many(connection, written, change)
                return
        for identity, sequence in written.each():
            self.write(connection, identity, replace(written.entry, sequence=sequence), change)

    def _write_many(self, connection: Connection, written: Written, change: Change) -> None:
        assert written.entry.recorded_at is not None  # noqa: S101
        statements = self.statements(connection)
        if change.left is None or change.left:
            statements.forget_many(connection, written.keys, change.left)
        for timer, begun in zip(change.armed, armed(change, 0, written.entry.recorded_at), strict=True):
            delay = min(timer.delay, FOREVER)
            statements.arm_many(connection, written.keys, written.sequences, begun, delay)

    def change(self, entry: Entry, step: Step | None) -> Change:
        """What an entry does to the timers, told by its step, or, without one, by the states before and after it."""
        name: object = step or (entry.before, entry.after)
        try:
            return self._changes[name]
        except KeyError:
            made = self._changes[name] = self._made(entry, step)
            return made

    def _made(self, entry: Entry, step: Step | None) -> Change:
        configurations = self._table.configurations
        if step is not None:
            change = by_step(self._chart, step)
        else:
            before, after = configurations.get(entry.before or ""), configurations[entry.after]
            change = by_states(self._chart, before, after)
        left = None if change.left is None else change.left & self._timed
        return replace(change, left=left)

    # --- in the database

    def write(self, connection: Connection, key: Sequence[Any], entry: Entry, change: Change) -> None:
        """Carry out a change for the order with this key, whose row the transaction has locked by writing it."""
        assert entry.recorded_at is not None  # noqa: S101
        statements = self.statements(connection)
        if not change.plain:
            self._advance(statements, connection, key, entry, change)
            return
        if change.left is None or change.left:
            statements.forget(connection, key, change.left)
        for timer, begun in zip(change.armed, armed(change, entry.sequence, entry.recorded_at), strict=True):
            statements.arm(connection, key, begun, min(timer.delay, FOREVER))

    def _advance(
        self, statements: TimerStatements, connection: Connection, key: Sequence[Any], entry: Entry, change: Change
    ) -> None:
        """The same where the clock stops or has stopped: read what is there, write what differs."""
        assert entry.recorded_at is not None  # noqa: S101
        held = statements.of(connection, key)
        earliest, latest = statements.moments(connection, entry.recorded_at)
        kept = advance(change, held, sequence=entry.sequence, earliest=earliest, latest=latest)
        before, after = _named(held), _named(kept)
        for name, timer in before.items():
            if name not in after:
                statements.remove(connection, key, timer)
        for name, timer in after.items():
            if name not in before:
                statements.add(connection, key, timer)
            elif timer != before[name]:
                statements.time(connection, key, timer)

    def statements(self, connection: Connection) -> TimerStatements:
        """The statements in the dialect of a connection."""
        dialect = connection.dialect
        known = self._statements.get((dialect.name, dialect.driver))
        if known is None:
            made = TimerStatements(self._timers, self._keys, dialect, doubtful=self._doubtful)
            known = self._statements[dialect.name, dialect.driver] = made
        return known


def _nothing(change: Change) -> bool:
    return change.plain and not change.armed and change.left is not None and not change.left


def _named(timers: Iterable[Pending]) -> dict[tuple[Any, ...], Pending]:
    return {(timer.state, timer.event, timer.sequence, timer.ordinal): timer for timer in timers}
