"""The statements over a table of timers, compiled once per dialect, in the caller's transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Interval, and_, bindparam, delete, func, insert, or_, select, update

from orderfsm.pairing import defaults_of
from orderfsm.timers import Pending

from .many import Companion
from .statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Column, Connection, Dialect, Table

    Keys = Sequence[tuple[str, Column[Any], Column[Any]]]

__all__ = ["Due", "Moments", "TimerStatements"]

NAME = ("state", "event", "sequence", "ordinal")
MICROSECOND = timedelta(microseconds=1)


class Moments(NamedTuple):
    """What time it is at the earliest and at the latest, when the clocks of two hosts disagree."""

    earliest: datetime
    latest: datetime


class Due(NamedTuple):
    """A timer that is due, with how often it has been tried in vain."""

    timer: Pending
    attempts: int


class TimerStatements:
    """The statements for one dialect.

    With `doubtful` the host's clock is not trusted alone: PostgreSQL's has a say as well. SQLite's is the host's.
    """

    def __init__(self, timers: Table, keys: Keys, dialect: Dialect, *, doubtful: bool) -> None:
        self._timers, self._keys = timers, keys
        self._names = tuple(name for name, _, _ in keys)
        self._asks = doubtful and dialect.name == "postgresql"
        mine = and_(*(local == bindparam(name, type_=local.type) for name, _, local in keys))
        this = and_(mine, *(timers.c[name] == bindparam(f"t_{name}", type_=timers.c[name].type) for name in NAME))
        self._mine, self._this = mine, this
        one = (*self._names, *(f"t_{name}" for name in NAME))
        self._claim = Prepared(self._locking(), dialect, self._names) if dialect.name == "postgresql" else None
        self._forget_all = Prepared(delete(timers).where(mine), dialect, self._names)
        of_state = and_(mine, timers.c.state == bindparam("t_state", type_=timers.c.state.type))
        self._forget = Prepared(delete(timers).where(of_state), dialect, (*self._names, "t_state"))
        self._remove = Prepared(delete(timers).where(this), dialect, one)
        filled = {*(local.name for _, _, local in keys), *NAME, "due_at", "remaining"}
        self._defaults = defaults_of(timers, filled)
        row, given = self._row(), (*one, "due_at", "remaining", *(f"default_{name}" for name in self._defaults))
        self._add = Prepared(insert(timers).values(row).inline(), dialect, given)
        begun = row | {"due_at": self._counted()} if self._asks else row
        self._arm = Prepared(insert(timers).values(begun).inline(), dialect, (*given, "delay"))
        timed = update(timers).where(this).values(due_at=self._given("due_at"), remaining=self._given("remaining"))
        self._time = Prepared(timed, dialect, (*one, "due_at", "remaining"))
        judged = {name: self._given(name) for name in ("spent_at", "verdict", "message", "attempts", "retry_at")}
        judge = update(timers).where(this).values(judged)
        self._spend = Prepared(judge, dialect, (*one, *judged))
        self._postpone = Prepared(judge.where(timers.c.spent_at.is_(None)), dialect, (*one, *judged))
        self._many = self._companion(dialect)

    def _given(self, name: str) -> Any:
        return bindparam(name, type_=self._timers.c[name].type)

    def _locking(self) -> Any:
        mine = and_(*(column == bindparam(name, type_=column.type) for name, column, _ in self._keys))
        first = next(column for _, column, _ in self._keys)
        return select(first).where(mine).with_for_update(skip_locked=True, key_share=True)

    def _row(self) -> dict[str, Any]:
        columns = self._timers.c
        values: dict[str, Any] = {local.name: bindparam(name, type_=local.type) for name, _, local in self._keys}
        values |= {name: bindparam(f"t_{name}", type_=columns[name].type) for name in NAME}
        values |= {name: bindparam(f"default_{name}", type_=columns[name].type) for name in self._defaults}
        return values | {name: self._given(name) for name in ("due_at", "remaining")}

    def _values(self, key: Sequence[Any], timer: Pending) -> tuple[Any, ...]:
        made = (make() for make in self._defaults.values())
        return (*key, *_name(timer), timer.due_at, _microseconds(timer.remaining), *made)

    def _counted(self) -> Any:
        """When a timer is due whose delay is counted from the later of two clocks."""
        return func.greatest(self._given("due_at"), func.clock_timestamp() + bindparam("delay", type_=Interval()))

    # --- what a step does

    def forget(self, connection: Connection, key: Sequence[Any], states: Iterable[str] | None) -> None:
        """Remove an order's timers: those of these states, or all."""
        if states is None:
            self._forget_all.run(connection, key)
            return
        for state in states:
            self._forget.run(connection, (*key, state))

    def arm(self, connection: Connection, key: Sequence[Any], timer: Pending, delay: timedelta) -> None:
        """Insert a timer that runs; `delay` is added to the time by the database's clock, if that counts."""
        self._arm.run(connection, (*self._values(key, timer), delay))

    def _companion(self, dialect: Dialect) -> Companion:
        """The same for many orders at once."""
        columns = self._timers.c
        values = {name: bindparam(f"t_{name}", type_=columns[name].type) for name in NAME if name != "sequence"}
        values |= {"due_at": self._counted() if self._asks else self._given("due_at")}
        names = ("t_state", "t_event", "t_ordinal", "due_at", "delay")
        return Companion(self._timers, self._keys, dialect, values, names, self._defaults)

    def forget_many(self, connection: Connection, keys: Sequence[Any], states: Iterable[str] | None) -> None:
        """Remove the timers of many orders: those of these states, or all. Raises Unfit."""
        self._many.clear(connection, keys, *(() if states is None else (self._timers.c.state.in_(sorted(states)),)))

    def arm_many(
        self,
        connection: Connection,
        keys: Sequence[Any],
        sequences: Sequence[int],
        timer: Pending,
        delay: timedelta,
    ) -> None:
        """Insert a timer that runs for many orders, each with the sequence of its entry. Raises Unfit."""
        values = (timer.state, timer.event, timer.ordinal, timer.due_at, delay)
        self._many.add(connection, keys, sequences, *values)

    def add(self, connection: Connection, key: Sequence[Any], timer: Pending) -> None:
        """Insert a timer as it is."""
        self._add.run(connection, self._values(key, timer))

    def remove(self, connection: Connection, key: Sequence[Any], timer: Pending) -> None:
        """Remove one timer."""
        self._remove.run(connection, (*key, *_name(timer)))

    def time(self, connection: Connection, key: Sequence[Any], timer: Pending) -> None:
        """Write when a timer is due, or what it has left."""
        self._time.run(connection, (*key, *_name(timer), timer.due_at, _microseconds(timer.remaining)))

    def moments(self, connection: Connection, now: datetime) -> Moments:
        """The time by the host's clock and, if it counts, by the database's."""
        if not self._asks:
            return Moments(now, now)
        theirs = connection.execute(select(func.clock_timestamp())).scalar_one()
        return Moments(min(now, theirs), max(now, theirs))

    def of(self, connection: Connection, key: Sequence[Any]) -> list[Pending]:
        """An order's timers, the first armed first; spent ones are among them."""
        columns = self._timers.c
        query = select(self._timers).where(self._mine).order_by(columns.sequence, columns.state, columns.event)
        return [_pending(row) for row in connection.execute(query, dict(zip(self._names, key, strict=True)))]

    # --- what is due

    def _is_due(self, now: datetime) -> Any:
        columns = self._timers.c
        found = [columns.due_at <= now, columns.spent_at.is_(None)]
        found.append(or_(columns.retry_at.is_(None), columns.retry_at <= now))
        if self._asks:
            found.append(columns.due_at <= func.clock_timestamp())
        return and_(*found)

    def candidates(self, connection: Connection, now: datetime, most: int) -> list[tuple[Any, ...]]:
        """The keys of the orders with due timers, as often as they have one, the earliest first; nothing is locked."""
        own = [local for _, _, local in self._keys]
        query = select(*own).where(self._is_due(now)).order_by(self._timers.c.due_at).limit(most)
        return [tuple(row) for row in connection.execute(query)]

    def claim(self, connection: Connection, key: Sequence[Any]) -> bool:
        """Lock an order's row, unless somebody has; on SQLite the transaction has the only lock there is.

        It is the order's row and not the timer's, as with everyone who sends it an event: where all lock in one order,
        nobody waits in a circle.
        """
        return self._claim is None or len(self._claim.run(connection, key).fetchall()) == 1

    def earliest(self, connection: Connection, key: Sequence[Any], now: datetime) -> Due | None:
        """An order's timer that has been due for longest; None when there is none any more."""
        columns = self._timers.c
        ordered = (columns.due_at, columns.sequence, columns.state, columns.event, columns.ordinal)
        query = select(self._timers).where(self._mine, self._is_due(now)).order_by(*ordered).limit(1)
        row = connection.execute(query, dict(zip(self._names, key, strict=True))).first()
        return None if row is None else Due(_pending(row), row.attempts)

    def spend(
        self, connection: Connection, key: Sequence[Any], due: Due, at: datetime, verdict: str, message: str | None
    ) -> bool:
        """Note that a timer's event is sent, or refused for good; False when the timer is gone."""
        values = (*key, *_name(due.timer), at, verdict, message, due.attempts + 1, None)
        return self._spend.run(connection, values).rowcount == 1

    def postpone(
        self, connection: Connection, key: Sequence[Any], due: Due, until: datetime, verdict: str, message: str
    ) -> None:
        """Note that a timer's event could not be sent, and when to try again."""
        self._postpone.run(connection, (*key, *_name(due.timer), None, verdict, message, due.attempts + 1, until))


def _name(timer: Pending) -> tuple[Any, ...]:
    return timer.state, timer.event, timer.sequence, timer.ordinal


def _microseconds(span: timedelta | None) -> int | None:
    return None if span is None else span // MICROSECOND


def _pending(row: Any) -> Pending:
    remaining = None if row.remaining is None else row.remaining * MICROSECOND
    spent = row.spent_at is not None
    return Pending(row.state, row.event, row.sequence, row.ordinal, row.due_at, remaining, spent)
