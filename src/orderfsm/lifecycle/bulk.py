"""One event for many orders: what all chunks have in common, and in whose transactions they are."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from orderfsm.call import no_cell
from orderfsm.sqlmodel.given import Unfit

from .outcome import atransact, transact
from .selection import Chunk, source
from .verdict import Sent, Verdict
from .work import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from orderfsm.cell import Cell

    from .binding import Binding
    from .request import Request
    from .selection import Selector, Source

    Makers = Engine | Callable[[], Session]
    AsyncMakers = AsyncEngine | Callable[[], AsyncSession]

__all__ = ["CHUNK", "Sending", "sending"]

CHUNK = 5_000
"""How many orders are read, decided and written at once."""

SECONDS = 60.0
"""How long PostgreSQL may take for a chunk, with its commit."""


class Sending:
    """A request for the orders of a source. `fresh` says that no entry can have the request's key yet.

    Raises UnknownEvent for an event that the chart does not have.
    """

    def __init__(self, orders: Binding, source: Source, request: Request, *, fresh: bool) -> None:
        self._orders, self._source, self._request, self._fresh = orders, source, request, fresh
        table = orders.table
        name = request.event if request.event in table.alphabet else table.stand_in(request.event)
        if name is None and request.event not in table.starts:
            raise no_cell(table, next(iter(table.rows)), request.event)
        cells = {here: row[name] for here, row in table.rows.items() if name is not None and name in row}
        self._targets = frozenset(str(step.after) for cell in cells.values() for step in cell.steps)
        self._asking = frozenset(here for here, cell in cells.items() if self._asks(cell))

    def _asks(self, cell: Cell) -> bool:
        """Whether deciding takes more than the call and the configuration."""
        if self._request.claimed and self._orders.claims is not None:
            return True
        told = {"actor", "now"} | ({"payload"} if self._request.payload is not None else set())
        guards = {choice.guard for case in cell.cases() for choice, _ in case.answers}
        read = [guard.expression for guard in guards]
        return any(each is None or each.asks_history or not each.roots <= told for each in read)

    # --- in the caller's transaction

    def all(self, session: Session) -> Sent:
        """Send to all orders; the caller commits."""
        if self._orders.parent is not None:
            self._lock(session)
        verdicts: list[Verdict] = []
        place = self._source.first()
        while place is not None:
            told, found = self._chunk(session, place, fresh=self._fresh)
            verdicts += told
            place = self._source.after(place, found)
        return Sent(str(self._request.key), tuple(verdicts))

    def _lock(self, session: Session) -> None:
        """Lock all items before the first of the orders that follow them, as everybody does who moves an item."""
        connection = session.connection(self._orders.store.bind)
        statements = self._orders.store.many(connection)
        statements.lock(connection)
        if connection.dialect.name == "sqlite":
            return
        self._source.keep()
        place = self._source.first()
        while place is not None:
            place = self._source.after(place, self._source.read(statements, connection, place))

    def _chunk(self, session: Session, place: Any, *, fresh: bool) -> tuple[list[Verdict], Chunk]:
        """Send to the orders of one chunk: the verdicts, and what was found."""
        session.flush()
        orders = self._orders
        connection = session.connection(orders.store.bind)
        statements = orders.store.many(connection)
        statements.lock(connection)
        work = Work(orders, session, statements, self._request, self._asking, self._targets, fresh=fresh)
        try:
            found = self._source.read(statements, connection, place)
        except Unfit:
            return [work.alone(key) for key in place], Chunk(())
        absent = [Verdict(key, "unknown") for key in found.absent]
        return work.verdicts(found.rows) + absent, found

    # --- in transactions of their own

    def chunks(self, sessions: Makers) -> Iterator[Sent]:
        """Send to the orders of one chunk after the other, and commit each before its verdicts are given."""
        make = (lambda: Session(sessions)) if isinstance(sessions, Engine) else sessions
        place = self._source.first()
        while place is not None:
            attempt = self._attempts(place)
            told, found = transact(make, attempt, key=self._request.key, seconds=SECONDS)
            if told:
                yield Sent(str(self._request.key), tuple(told))
            place = self._source.after(place, found)

    async def achunks(self, sessions: AsyncMakers) -> AsyncIterator[Sent]:
        """The same for asyncio."""
        from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

        make = (lambda: AsyncSession(sessions)) if isinstance(sessions, AsyncEngine) else sessions
        place = self._source.first()
        while place is not None:
            attempt = self._attempts(place)
            work = _arun(attempt)
            told, found = await atransact(make, work, key=self._request.key, seconds=SECONDS)
            if told:
                yield Sent(str(self._request.key), tuple(told))
            place = self._source.after(place, found)

    def _attempts(self, place: Any) -> Callable[[Session], tuple[list[Verdict], Chunk]]:
        """What is done in a transaction, perhaps again; after the first time, entries of the batch may be there."""
        numbers = itertools.count()

        def attempt(session: Session) -> tuple[list[Verdict], Chunk]:
            return self._chunk(session, place, fresh=self._fresh and next(numbers) == 0)

        return attempt


def _arun(
    attempt: Callable[[Session], tuple[list[Verdict], Chunk]],
) -> Callable[[AsyncSession], Awaitable[tuple[list[Verdict], Chunk]]]:
    async def work(session: AsyncSession) -> tuple[list[Verdict], Chunk]:
        return await session.run_sync(attempt)

    return work


def sending(
    orders: Binding, selector: Selector, size: int, batch: str | None, settled: Callable[[str], Request]
) -> Sending:
    """What sends an event to the orders that a selector means; without an id the batch gets a new one."""
    key = uuid4().hex if batch is None else batch
    return Sending(orders, source(orders.store, selector, size), settled(key), fresh=batch is None)
