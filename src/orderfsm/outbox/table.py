"""The statements over an outbox: which order's turn it is, leases, what became of each message.

An order's messages are handed out in their order because only its head can be taken: the first row that is not settled.
Whoever has leased the head has the order, and the rows behind it. So no order is at two relays at a time, however many
there are; each takes the heads that the others have left.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, inspect, literal, or_, select, true, tuple_, update, values
from sqlalchemy import column as virtual

from orderfsm.errors import ChartError
from orderfsm.pairing import ENTRY, keys_of, pairing
from orderfsm.sqlmodel.store import SqlStore, entry_of

from .message import Message, message_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Row, Select
    from sqlalchemy.orm import Session

    from orderfsm.lifecycle import Lifecycle

__all__ = ["Head", "Outbox", "Place", "Taken", "clock_of"]

Place = tuple[Any, ...]
"""The primary key of a row: the parts of the order's key, the sequence, the position."""

STEPS = 200
"""How many orders one look takes in."""

NOTHING: dict[str, Any] = {}


class Head(NamedTuple):
    """The first unsettled row of an order, as it was seen."""

    place: Place
    due_at: datetime | None
    dead_at: datetime | None
    chart: str | None

    @property
    def key(self) -> Place:
        """The parts of the order's key."""
        return self.place[:-2]


class Taken(NamedTuple):
    """A row behind a leased head, the head included: where it is, how often it was tried, its message."""

    place: Place
    attempts: int
    due_at: datetime | None
    dead_at: datetime | None
    message: Message


class Outbox:
    """The outbox of a store, or of a lifecycle's.

    Raises ChartError for a store without one, and for one that does not fit its orders.
    """

    def __init__(self, orders: SqlStore | Lifecycle) -> None:
        store = orders if isinstance(orders, SqlStore) else orders.store
        if store.outbox is None:
            raise ChartError(f"{store.order.__name__} has no outbox; give the store a table: SqlStore(…, outbox=…)")
        self._bind = store.bind
        mapper: Any = inspect(store.order)
        self.rows: Any = inspect(store.outbox).local_table
        keys = keys_of(mapper, self.rows, store.outbox)
        pair = pairing(store.order, store.history)
        self._orders, self._past = pair.orders, pair.history
        self._order_key = [column for _, column, _ in keys]
        self._own_key = [local.name for _, _, local in keys]
        self._past_key = [local.name for _, _, local in pair.keys]
        self._place = [*self._own_key, "sequence", "position"]
        self._walks: dict[tuple[bool, bool], Any] = {}

    def place(self, rows: Any) -> list[Any]:
        """The columns of the primary key of the table or an alias of it."""
        return [rows.c[name] for name in self._place]

    def order(self, place: Place) -> Any:
        """The order's key out of a row's: a value, or a tuple when it has several columns."""
        return place[0] if len(place) == 3 else place[:-2]

    def place_of(self, order: Any, sequence: int, position: int) -> Place:
        """The primary key of the row with that message."""
        return (*(order if isinstance(order, tuple) else (order,)), sequence, position)

    def id(self, place: Place) -> str:
        """The id of the message in a row."""
        return message_id(self.order(place), *place[-2:])

    def connection(self, session: Session) -> Connection:
        """The connection of the caller's session."""
        return session.connection(self._bind)

    def begin(self, session: Session, *, reading: bool = False) -> Connection:
        """The connection of a session of ours, in a transaction in which what is read for writing stays true.

        PostgreSQL locks rows for us, at READ COMMITTED; SQLite the file, whatever engine the service has made.
        """
        options: dict[str, Any] = {}
        if session.get_bind(self._bind["mapper"]).dialect.name == "postgresql":
            options = {"isolation_level": "READ COMMITTED"}
        elif reading:
            options = {"sqlite_begin": "DEFERRED"}
        connection = session.connection(self._bind, execution_options=options)
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite" and not reading and not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        return connection

    # --- whose turn it is

    def heads(self, connection: Connection, after: Place | None, *, passing: bool) -> list[Head]:
        """The heads of the next orders by key, at most STEPS, whether they can be taken or not.

        With `passing` a dead letter is no head: what is behind it goes on.
        """
        statement = self._walks.get((after is not None, passing))
        if statement is None:
            statement = self._walks[after is not None, passing] = self._walk(after is not None, passing)
        parameters = {f"after_{place}": part for place, part in enumerate(after or ())}
        width = len(self._place)
        return [Head(tuple(row[:width]), *row[width:]) for row in connection.execute(statement, parameters)]

    def _walk(self, further: bool, passing: bool) -> Select[Any]:  # noqa: FBT001 - which of four statements
        """From order to order over the index of what waits, one look-up each, however much waits in each of them."""
        here = self.rows.alias("here")
        own = [here.c[name] for name in self._own_key]
        waits = and_(here.c.settled_at.is_(None), here.c.dead_at.is_(None) if passing else true())
        given = [bindparam(f"after_{place}", type_=column.type) for place, column in enumerate(own)]
        first = select(*self.place(here), literal(1).label("step")).where(waits).order_by(*self.place(here)).limit(1)
        seed = (first.where(_beyond(own, given)) if further else first).subquery("seed")
        walk = select(seed).cte("walk", recursive=True)
        last = [walk.c[name] for name in self._own_key]

        def following(column: Any) -> Any:
            rest = select(column).where(waits, _beyond(own, last)).order_by(*self.place(here)).limit(1)
            return rest.correlate(walk).scalar_subquery()

        going_on = and_(walk.c.step < STEPS, last[0].is_not(None))
        walk = walk.union_all(select(*map(following, self.place(here)), walk.c.step + 1).where(going_on))
        return self._seen(walk)

    def _seen(self, walk: Any) -> Select[Any]:
        rows, orders = self.rows, self._orders
        mine = and_(*(rows.c[name] == walk.c[name] for name in self._place))
        owner = and_(*(column == rows.c[name] for column, name in zip(self._order_key, self._own_key, strict=True)))
        wanted = select(*self.place(rows), rows.c.due_at, rows.c.dead_at, orders.c.chart)
        return wanted.select_from(walk.join(rows, mine).join(orders, owner)).order_by(*self.place(rows))

    # --- leases

    def lease(
        self, connection: Connection, heads: Sequence[Place], token: str, now: datetime, until: datetime
    ) -> dict[Place, int]:
        """Take those of the heads that are still to be had; return how often each has been taken, this time included.

        A lease is the `due_at` of the head: when it has passed, the next relay may take it. Rows that another relay is
        at are left alone, not waited for; what was locked is looked at again, so that a head that was settled in
        between is not taken.
        """
        rows = self.rows
        free = and_(
            rows.c.settled_at.is_(None), rows.c.dead_at.is_(None), or_(rows.c.due_at.is_(None), rows.c.due_at <= now)
        )
        wanted = select(*self.place(rows), rows.c.attempts).select_from(self._at(heads)).where(free)
        wanted = wanted.order_by(*self.place(rows)).with_for_update(of=rows, skip_locked=True)
        taken = {tuple(row[:-1]): row[-1] + 1 for row in connection.execute(wanted)}
        given = {"token": token, "due_at": until, "attempts": rows.c.attempts + 1}
        self._each(connection, dict.fromkeys(taken, NOTHING), given)
        return taken

    def behind(self, connection: Connection, heads: Sequence[Place], span: int) -> Iterator[Taken]:
        """The unsettled rows of the orders with these heads, as far as entry `sequence + span`, each with its entry."""
        rows, past = self.rows, self._past
        head = self._values("head", [*self._own_key, "sequence"], [place[:-1] for place in heads])
        same = and_(*(rows.c[name] == head.c[name] for name in self._own_key), rows.c.settled_at.is_(None))
        near = and_(rows.c.sequence >= head.c.sequence, rows.c.sequence < head.c.sequence + span)
        names = zip(self._past_key, self._own_key, strict=True)
        entry = and_(*(past.c[name] == rows.c[own] for name, own in names), past.c.sequence == rows.c.sequence)
        ours = [rows.c[name] for name in (*self._own_key, "position", "action", "attempts", "due_at", "dead_at")]
        wanted = select(*ours, *(past.c[name] for name in ENTRY)).select_from(
            head.join(rows, and_(same, near)).join(past, entry)
        )
        wanted = wanted.order_by(*self.place(rows))
        for row in connection.execute(wanted):
            yield self._taken(row)

    def _taken(self, row: Row[Any]) -> Taken:
        place = (*row[: len(self._own_key)], row.sequence, row.position)
        order = self.order(place)
        message = Message(order, row.position, row.action, entry_of(order, row), max(1, row.attempts))
        return Taken(place, row.attempts, row.due_at, row.dead_at, message)

    def _at(self, places: Sequence[Place]) -> Any:
        """The rows with these keys; with `IN` in its place, SQLite would walk through the whole table."""
        given = self._values("given", self._place, places)
        return given.join(self.rows, and_(*(self.rows.c[name] == given.c[name] for name in self._place)))

    def _values(self, name: str, columns: Sequence[str], data: Sequence[Place]) -> Any:
        made: Any = values(*(virtual(each, self.rows.c[each].type) for each in columns), name=name)
        return made.data(list(data)).cte(name)

    # --- what became of them

    def held(self, connection: Connection, heads: Sequence[Place], token: str) -> set[Place]:
        """Those of the heads whose lease is still ours, locked: nobody else has taken them since."""
        if not heads:
            return set()
        rows = self.rows
        mine = select(*self.place(rows)).select_from(self._at(heads))
        mine = mine.where(rows.c.token == token, rows.c.settled_at.is_(None))
        found = connection.execute(mine.order_by(*self.place(rows)).with_for_update(of=rows))
        return {tuple(row) for row in found}

    def settle(self, connection: Connection, changes: Mapping[Place, Mapping[str, Any]]) -> None:
        """Write what became of each row: attempts, error, due_at, dead_at, settled_at; its lease ends."""
        names = ("attempts", "error", "due_at", "dead_at", "settled_at")
        given = {name: bindparam(f"new_{name}", type_=self.rows.c[name].type) for name in names}
        full = {place: {f"new_{name}": row.get(name) for name in names} for place, row in changes.items()}
        self._each(connection, full, {**given, "token": None})

    def release(self, connection: Connection, heads: Sequence[Place]) -> None:
        """Give back what was leased and not tried."""
        given = {"attempts": self.rows.c.attempts - 1, "due_at": None, "token": None}
        self._each(connection, dict.fromkeys(heads, NOTHING), given)

    def _each(
        self, connection: Connection, changes: Mapping[Place, Mapping[str, Any]], given: Mapping[str, Any]
    ) -> None:
        """Change each of these rows, in the order of their keys; `changes` fill what is left open in `given`."""
        if not changes:
            return
        mine = and_(*(column == bindparam(f"at_{column.name}", type_=column.type) for column in self.place(self.rows)))
        names = [f"at_{name}" for name in self._place]
        many = [{**dict(zip(names, place, strict=True)), **row} for place, row in sorted(changes.items())]
        connection.execute(update(self.rows).where(mine).values(given), many)


def clock_of(orders: SqlStore | Lifecycle, clock: Callable[[], datetime] | None) -> Callable[[], datetime]:
    """The clock that was given, else the lifecycle's, else the host's."""
    return clock or (now if isinstance(orders, SqlStore) else orders.clock)


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def _beyond(columns: Sequence[Any], others: Sequence[Any]) -> Any:
    """Whether one key comes after another."""
    return columns[0] > others[0] if len(columns) == 1 else tuple_(*columns) > tuple_(*others)
