"""How many orders are where, and how long they stay: counted by the database, for diagrams and for reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Text,
    and_,
    case,
    cast,
    func,
    inspect,
    literal,
    not_,
    select,
)

from .chart import START
from .corrections import SUPERSEDE, VOID
from .diagrams import Dwell
from .errors import Refused
from .lifecycle.deadlines import MICROSECOND, Microseconds
from .lifecycle.twin import twin
from .pairing import keys_of
from .sqlmodel.columns import utc
from .table import compile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import CTE, Dialect, FromClause
    from sqlalchemy.orm import Session

    from .chart import Chart
    from .sqlmodel.store import SqlStore

    Times = Literal["occurred", "recorded"]

__all__ = ["Census"]

PERCENTS = (50, 95)
REFUSED = tuple(sorted(refused.code for refused in Refused.__subclasses__()))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Census:
    """The orders of a store, by the configurations and states of a chart.

    `where` are conditions on the columns of the order's table, such as `Order.tenant == 7`; all of them count.
    """

    def __init__(self, chart: Chart, store: SqlStore) -> None:
        self.chart = chart
        self.store = store
        self.table = compile(chart)

    def counts(self, session: Session, *where: ColumnElement[bool]) -> dict[str, int]:
        """Configuration -> how many orders are there now; START for those that were never opened.

        Configurations that another version of the chart has written are there as they are stored.
        """
        configuration = self.store.pairing.orders.c.configuration
        statement = select(configuration, func.count()).where(*where).group_by(configuration).order_by(configuration)
        rows = session.connection(self.store.bind).execute(statement)
        return {START if text is None else text: count for text, count in rows}

    def dwell(
        self,
        session: Session,
        *where: ColumnElement[bool],
        times: Times = "occurred",
        since: datetime | None = None,
    ) -> dict[str, Dwell]:
        """State -> how long orders stay in it; outer states too, and configurations that the chart lacks.

        A stay begins with the entry that led into the state and ends with the one that led out of it; steps inside the
        state do not end it. Entries that were voided do not count, and those that void or restate are no step. Stays
        that have not ended are left out, as are those that ended before `since`. `times` are those that were claimed,
        as they were restated last (`occurred`), or those of the lifecycle's clock (`recorded`); where they go
        backwards, no time has passed. The percentiles are nearest ranks: each is the length of some stay.

        `Deadlines.percentiles` asks for what the tables have shown instead: entries that were voided later count there.
        """
        if times not in ("occurred", "recorded"):
            raise ValueError(f"times is {times!r}; choose occurred or recorded")
        connection = session.connection(self.store.bind)
        statement = _Stays(self, connection.dialect, where, times).statement(since)
        return {
            state: Dwell(p50 * MICROSECOND, p95 * MICROSECOND, many)
            for state, many, p50, p95 in connection.execute(statement)
        }

    def refusals(self, session: Session, *where: ColumnElement[bool]) -> dict[tuple[str, str, str], int]:
        """(configuration, event, code) -> how many timers' events were refused to the orders that are there now.

        These are the only refusals that are stored, until the timer's state is left; `Refusals` counts the others as
        they are raised. Without a table of timers there are none.
        """
        if self.store.timers is None:
            return {}
        mapper: Any = inspect(self.store.timers)
        timers, orders = mapper.local_table, self.store.pairing.orders
        own = and_(*(local == key for key, local in self._referring(mapper)))
        told = (orders.c.configuration, timers.c.event, timers.c.verdict)
        counted = select(*told, func.count()).select_from(orders.join(timers, own)).group_by(*told).order_by(*told)
        rows = session.connection(self.store.bind).execute(counted.where(timers.c.verdict.in_(REFUSED), *where))
        return {(configuration, event, code): count for configuration, event, code, count in rows}

    def _referring(self, mapper: Any) -> Iterator[tuple[Any, Any]]:
        keys = keys_of(self.store.pairing.mapper, mapper.local_table, mapper.class_)
        return ((column, local) for _, column, local in keys)

    acounts = twin(counts)
    adwell = twin(dwell)
    arefusals = twin(refusals)


class _Stays:
    """The statement for the times in the states of a census: one, for both databases, of window functions."""

    def __init__(self, census: Census, dialect: Dialect, where: tuple[ColumnElement[bool], ...], times: Times) -> None:
        self.paired = census.store.pairing
        self.table = census.table
        self.past = self.paired.history
        self.keys = [name for name, _, _ in self.paired.keys]
        self.own = [local.label(name) for name, _, local in self.paired.keys]
        self.sqlite = dialect.name == "sqlite"
        self.where, self.times = where, times

    def statement(self, since: datetime | None) -> Any:
        """State, how many stays, and the length of the stay at each percentile."""
        stays = self.stays(since)
        within: dict[str, Any] = {"partition_by": stays.c.state}
        rank = func.row_number().over(**within, order_by=stays.c.length)
        many = func.count().over(**within)
        ranked = select(stays.c.state, stays.c.length, rank.label("rank"), many.label("many")).cte("ranked")
        wanted = [(ranked.c.many * percent + 99) // 100 for percent in PERCENTS]
        lengths = [func.max(case((ranked.c.rank == at, ranked.c.length))) for at in wanted]
        columns = (ranked.c.state, ranked.c.many)
        return select(*columns, *lengths).group_by(*columns).order_by(ranked.c.state)

    def stays(self, since: datetime | None) -> CTE:
        """Each stay of each order in a state: entries that follow each other and are all in it, the last one left."""
        passed = self.passed()
        keys = [passed.c[name] for name in self.keys]
        begun, left = passed.c.at, passed.c.until
        statement = (
            select(
                passed.c.state, cast(func.sum(case((left > begun, left - begun), else_=0)), BigInteger).label("length")
            )
            .group_by(*keys, passed.c.state, passed.c.run)
            .having(func.count(passed.c.until) == func.count())
        )
        if since is not None:
            statement = statement.having(func.max(left) >= literal((utc(since) - EPOCH) // MICROSECOND, BigInteger()))
        return statement.cte("stays")

    def passed(self) -> CTE:
        """Entries with each state that they led to; those of one state that follow each other have the same `run`."""
        entries, inside = self.entries(), self.inside()
        keys = [entries.c[name] for name in self.keys]
        state = func.coalesce(inside.c.state, entries.c.after)
        nth = func.row_number().over(partition_by=[*keys, state], order_by=entries.c.number)
        return (
            select(*keys, state.label("state"), entries.c.at, entries.c.until, (entries.c.number - nth).label("run"))
            .select_from(entries.outerjoin(inside, inside.c.configuration == entries.c.after))
            .cte("passed")
        )

    def entries(self) -> CTE:
        """The entries that count, with their number among these, their time and that of the next one."""
        past, void = self.past, self.corrections(VOID).subquery("voided")
        source: FromClause = past.outerjoin(void, and_(*self._same(void), void.c.corrects == past.c.sequence))
        at, source = self._time(source)
        if self.where:
            source = source.join(self.paired.orders, and_(*(local == key for _, key, local in self.paired.keys)))
        counted = not_(and_(past.c.event.in_((VOID, SUPERSEDE)), past.c.corrects.is_not(None)))
        timed = select(*self.own, past.c.sequence, past.c.after, Microseconds(at).label("at")).select_from(source)
        timed_cte = timed.where(counted, void.c.corrects.is_(None), *self.where).cte("timed")
        own: dict[str, Any] = {
            "partition_by": [timed_cte.c[name] for name in self.keys],
            "order_by": timed_cte.c.sequence,
        }
        number, until = func.row_number().over(**own), func.lead(timed_cte.c.at).over(**own)
        return select(timed_cte, number.label("number"), until.label("until")).cte("entries")

    def corrections(self, event: str) -> Any:
        past = self.past
        return select(*self.own, past.c.corrects).where(past.c.event == event, past.c.corrects.is_not(None))

    def _same(self, other: FromClause) -> Iterator[ColumnElement[bool]]:
        return (other.c[name] == local for name, _, local in self.paired.keys)

    # --- where the databases differ

    def _time(self, source: FromClause) -> tuple[ColumnElement[Any], FromClause]:
        """When an entry was recorded; or when it occurred, by its last restatement that says so, if there is one."""
        past = self.past
        if self.times == "recorded":
            return past.c.recorded_at, source
        said = self._payload()["occurred_at"].as_string()
        latest = func.row_number().over(
            partition_by=[*(local for _, _, local in self.paired.keys), past.c.corrects],
            order_by=past.c.sequence.desc(),
        )
        told = self.corrections(SUPERSEDE).where(said.is_not(None))
        ranked = told.add_columns(said.label("said"), latest.label("latest")).subquery("restatements")
        last = and_(*self._same(ranked), ranked.c.corrects == past.c.sequence, ranked.c.latest == 1)
        restated: Any = ranked.c.said if self.sqlite else cast(ranked.c.said, DateTime(timezone=True))
        return func.coalesce(restated, past.c.occurred_at), source.outerjoin(ranked, last)

    def _payload(self) -> Any:
        """The payload, without signs that PostgreSQL stores in JSON and refuses to read: the time has none of them."""
        if self.sqlite:
            return self.past.c.payload
        escaped = func.regexp_replace(cast(self.past.c.payload, Text), r"\\u[0-9a-fA-F]{4}", r"\\u0020", "g")
        return cast(escaped, JSON)

    def inside(self) -> CTE:
        """Each configuration of the chart with each of its states: one parameter, however large the chart is."""
        known = self.table.configurations.items()
        pairs = json.dumps([[text, state] for text, found in known for state in sorted(found.states)])
        if self.sqlite:
            each: Any = func.json_each(pairs).table_valued("value").alias("pair")
            parts: list[Any] = [func.json_extract(each.c.value, f"$[{place}]") for place in (0, 1)]
        else:
            each = func.json_array_elements(cast(literal(pairs, Text), JSON)).table_valued("value").alias("pair")
            parts = [each.c.value.op("->>")(place) for place in (0, 1)]
        return select(parts[0].label("configuration"), parts[1].label("state")).cte("inside")
