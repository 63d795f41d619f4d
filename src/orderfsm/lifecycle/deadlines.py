"""Questions about time: how long orders have been where, what is due soon, how long a state usually takes.

One query for each answer, whatever the number of orders. Times are the `recorded_at` of the entries, and what still
lasts is counted until the time by the lifecycle's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, case, func, inspect, literal, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from orderfsm.errors import ChartError
from orderfsm.pairing import keys_of
from orderfsm.sqlmodel.columns import UtcDateTime
from orderfsm.stays import named, spent

from .twin import twin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Executable
    from sqlalchemy.orm import Session

    from orderfsm.sqlmodel.bases import Stateful
    from orderfsm.stays import By, Counting

    from .binding import Binding

__all__ = ["Coming", "Deadlines", "Lingering", "Spread"]

MICROSECOND = timedelta(microseconds=1)
NONE = literal(0, BigInteger())
SHARES = 10_000
"""Into how many parts a share is divided: 0.5 of the stays are 5,000 parts."""


@dataclass(frozen=True, slots=True)
class Lingering:
    """An order that has been somewhere for so long; `since` is None where several stays were added up."""

    order: Any
    length: timedelta
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Coming:
    """A timer that is due at a moment, or has been since; `late` is not negative."""

    order: Any
    state: str
    event: str
    sequence: int
    due_at: datetime
    late: timedelta


@dataclass(frozen=True, slots=True)
class Spread:
    """How long finished stays took: their number, and for each share asked the length that it does not exceed."""

    count: int
    lengths: dict[float, timedelta]


class Deadlines:
    """The questions, over the tables and the chart of a lifecycle. Each has an `a…` twin for an AsyncSession.

    A code and a category are those of the columns, except where a sum over several states is asked for: there an order
    with regions counts for each of its leaves.
    """

    def __init__(self, orders: Binding) -> None:
        self._lifecycle = orders
        self._chart, self._table, self._store = orders.chart, orders.table, orders.store
        self._orders, self._past = orders.store.pairing.orders, orders.store.pairing.history
        self._keys = orders.store.pairing.keys

    def times(
        self, session: Session, order: Stateful, *, by: By = "state", counting: Counting = "all"
    ) -> dict[str, timedelta]:
        """The time that an order has spent in each state (outer ones included), code or category so far."""
        entries = self._store.entries(session, order)
        return spent(self._chart, entries, until=self._lifecycle.clock(), by=by, counting=counting)

    def longer(
        self, session: Session, than: timedelta, name: str, *, by: By = "state", most: int = 1_000
    ) -> list[Lingering]:
        """The orders that have been in a state, code or category without a break for longer, the longest first."""
        now = self._lifecycle.clock()
        since = self._since(self._is(self._past, name, by)).label("since")
        query = select(*self._own, since).where(self._is(self._orders, name, by)).subquery()
        late = select(query).where(query.c.since < now - than).order_by(query.c.since).limit(most)
        rows = self._run(session, late)
        return [Lingering(self._key(row), max(now - row.since, timedelta()), row.since) for row in rows]

    def overspent(
        self,
        session: Session,
        than: timedelta,
        name: str,
        *,
        by: By = "state",
        counting: Counting = "running",
        most: int = 1_000,
    ) -> list[Lingering]:
        """The orders not yet at their end that have spent more time in a state, code or category, all stays together.

        Time during which the clock stood still does not count, unless `counting="all"`. The most overspent first.
        """
        within = self._configurations(name, by, counting)
        stay = self._stays(bindparam("now", self._lifecycle.clock(), UtcDateTime()))
        length = func.sum(case((stay.c.after.in_(within), stay.c.length), else_=NONE)).label("length")
        ended = [text for text, here in self._table.configurations.items() if here.final]
        own = and_(*(column == stay.c[local.name] for _, column, local in self._keys))
        query = (
            select(*self._own, length)
            .select_from(self._orders.join(stay, own))
            .where(self._orders.c.configuration.not_in(ended))
            .group_by(*self._own)
            .having(length > literal(than // MICROSECOND, BigInteger()))
            .order_by(length.desc())
            .limit(most)
        )
        return [Lingering(self._key(row), int(row.length) * MICROSECOND) for row in self._run(session, query)]

    def due(self, session: Session, within: timedelta, *, most: int = 1_000) -> list[Coming]:
        """The timers that are due by then, overdue ones first; not those that stand still or are spent."""
        if self._store.timers is None:
            raise ChartError(f"{self._store.order.__name__} has no timers; give the store a table: timers=…")
        timers: Any = inspect(self._store.timers)
        table, now = timers.local_table, self._lifecycle.clock()
        keys = [local for _, _, local in keys_of(inspect(self._store.order), table, timers.class_)]
        told = [table.c[name] for name in ("state", "event", "sequence", "due_at")]
        soon = and_(table.c.due_at <= now + within, table.c.spent_at.is_(None))
        query = select(*keys, *told).where(soon).order_by(table.c.due_at).limit(most)
        return [
            Coming(self._key(row), row.state, row.event, row.sequence, row.due_at, max(now - row.due_at, timedelta()))
            for row in self._run(session, query)
        ]

    def percentiles(
        self,
        session: Session,
        *,
        by: By = "state",
        shares: Sequence[float] = (0.5, 0.9, 0.99),
        since: datetime | None = None,
    ) -> dict[str, Spread]:
        """How long stays in each state, code or category took: of those that are over, and began `since` then.

        The shares are nearest ranks, so that every length is one that occurred. What still lasts is not counted.
        """
        parts = [_part(share) for share in shares]
        names = [state.name for state in self._chart.states if not state.kind.is_history] if by == "state" else [by]
        found: dict[str, dict[int, Any]] = {}
        for name in names:
            label = self._label(name, by)
            for row in self._run(session, self._ranked(label, parts, since)):
                found.setdefault(row.name, {})[row.rank] = row
        return {name: _spread(ranked, shares, parts) for name, ranked in found.items()}

    atimes = twin(times)
    alonger = twin(longer)
    aoverspent = twin(overspent)
    adue = twin(due)
    apercentiles = twin(percentiles)

    # --- parts of queries

    @property
    def _own(self) -> list[Any]:
        return [column for _, column, _ in self._keys]

    def _key(self, row: Any) -> Any:
        parts = tuple(row)[: len(self._keys)]
        return parts[0] if len(parts) == 1 else parts

    def _run(self, session: Session, query: Executable) -> Iterable[Any]:
        return session.connection(self._store.bind).execute(query)

    def _configurations(self, name: str, by: By, counting: Counting) -> list[str]:
        """Those in which a state, code or category counts. Raises ValueError when there are none."""
        known = self._table.configurations
        if not any(name in named(self._chart, here, by, "all") for here in known.values()):
            raise ValueError(f"{self._chart.name} has no {by} {name!r}")
        return [text for text, here in known.items() if name in named(self._chart, here, by, counting)]

    def _is(self, table: Any, name: str, by: By) -> Any:
        """Whether a row of the orders or of the history shows a state, code or category."""
        if by != "state":
            self._configurations(name, by, "all")
            return func.coalesce(table.c[by], "") == name if table is self._past else table.c[by] == name
        column = table.c.after if table is self._past else table.c.configuration
        return column.in_(self._configurations(name, by, "all"))

    def _since(self, matches: Any) -> Any:
        """When the entry was recorded that comes after the last one that does not match; correlated to the orders."""
        past, other = self._past, self._past.alias("other")
        mine = and_(*(local == column for _, column, local in self._keys))
        theirs = and_(*(other.c[local.name] == column for _, column, local in self._keys))
        last = select(func.max(past.c.sequence)).where(mine, ~matches).correlate(self._orders).scalar_subquery()
        first = other.c.sequence == func.coalesce(last, 0) + 1
        return select(other.c.recorded_at).where(theirs, first).correlate(self._orders).scalar_subquery()

    def _stays(self, now: Any) -> Any:
        """All stays: the order's key, `after`, and the `length` in microseconds."""
        past, keys = self._past, [local for _, _, local in self._keys]
        left = func.lead(past.c.recorded_at).over(partition_by=keys, order_by=past.c.sequence)
        length = Microseconds(func.coalesce(left, now)) - Microseconds(past.c.recorded_at)
        return select(*keys, past.c.after, _positive(length).label("length")).subquery()

    def _label(self, name: str, by: By) -> Any:
        """What an entry is filed under: its code or category, or the state's name; NULL for others."""
        if by != "state":
            return self._past.c[by]
        return case((self._is(self._past, name, by), name))

    def _ranked(self, label: Any, parts: Sequence[int], since: datetime | None) -> Any:
        """The stays at the ranks that are asked for, with the `count` of all; neighbours of one name are one stay."""
        past, keys = self._past, [local for _, _, local in self._keys]
        in_order: Any = {"partition_by": keys, "order_by": past.c.sequence}
        entries = select(
            *keys,
            past.c.sequence,
            past.c.recorded_at,
            label.label("name"),
            func.lag(label).over(**in_order).label("earlier"),
        ).subquery()
        changes = or_(entries.c.sequence == 1, entries.c.name.is_distinct_from(entries.c.earlier))
        own = [entries.c[key.name] for key in keys]
        left = func.lead(entries.c.recorded_at).over(partition_by=own, order_by=entries.c.sequence).label("left_at")
        stay = select(entries.c.name, entries.c.recorded_at, left).where(changes).subquery()
        over: list[Any] = [stay.c.name.is_not(None), stay.c.left_at.is_not(None)]
        if since is not None:
            over.append(stay.c.recorded_at >= since)
        length = _positive(Microseconds(stay.c.left_at) - Microseconds(stay.c.recorded_at)).label("length")
        finished = select(stay.c.name, length).where(*over).subquery()
        rank = func.row_number().over(partition_by=finished.c.name, order_by=finished.c.length).label("rank")
        count = func.count().over(partition_by=finished.c.name).label("count")
        ranked = select(finished, rank, count).subquery()
        return select(ranked).where(or_(*(ranked.c.rank == _rank(ranked.c.count, part) for part in parts)))


class Microseconds(FunctionElement[int]):
    """The microseconds since 1970 of a timestamp."""

    type = BigInteger()
    inherit_cache = True


@compiles(Microseconds, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    moment = compiler.process(element.clauses, **kw)
    return f"(CAST(strftime('%s', {moment}) AS INTEGER) * 1000000 + CAST(substr({moment}, 21, 6) AS INTEGER))"


@compiles(Microseconds)
def _elsewhere(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **kw)}) * 1000000 AS BIGINT)"


def _positive(length: Any) -> Any:
    return case((length < NONE, NONE), else_=length)


def _part(share: float) -> int:
    part = round(share * SHARES)
    if not 0 < part <= SHARES:
        raise ValueError(f"a share is between 0 and 1, not {share}; write for example 0.9")
    return part


def _rank(count: Any, part: int) -> Any:
    """The nearest rank: the count's share, rounded up."""
    return (count * part + (SHARES - 1)) // SHARES


def _spread(ranked: dict[int, Any], shares: Sequence[float], parts: Sequence[int]) -> Spread:
    count = next(iter(ranked.values())).count
    lengths = {
        share: int(ranked[_rank(count, part)].length) * MICROSECOND for share, part in zip(shares, parts, strict=True)
    }
    return Spread(count, lengths)
