"""The writer: `send` for servers, where many callers share each commit."""

from __future__ import annotations

import asyncio
import os
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy.orm import make_transient

from orderfsm.lifecycle.request import Request
from orderfsm.table import OPEN

from .desk import Desk
from .line import Line
from .ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from orderfsm.history import Actor, Entry, Link, Reason
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel.bases import Stateful

__all__ = ["Writer"]


class Writer:
    """Sends events to the orders of a lifecycle over connections of its own, and commits for several callers at once.

    Every call gets its own entry or its own error, after the commit; one that is refused does not disturb the others.
    Calls to one order are decided one after the other, each on what the one before has led to. Threads and tasks may
    use a writer at the same time. Facts are gathered in a Session on a connection of the writer's, after the orders
    are locked; they must only read.

    `most` calls share a transaction at most, `limit` wait at most: whoever comes when the queue is full waits for room.
    After `seconds` in one transaction PostgreSQL is hung up on. There, `connections` groups are on their way at a time,
    so that one is decided while another is being committed; SQLite has one writer at a time. Use it as a block, or
    `close` it: that serves what waits. A process that was forked has an empty writer with connections of its own.
    """

    def __init__(
        self,
        orders: Lifecycle,
        engine: Engine,
        *,
        most: int = 256,
        limit: int = 10_000,
        seconds: float = 5.0,
        connections: int = 2,
    ) -> None:
        self._orders = orders
        self._engine = engine
        self._connections = connections if engine.dialect.name == "postgresql" else 1
        self._most, self._limit, self._seconds = most, limit, seconds
        self._begin()
        _WRITERS.add(self)

    def _begin(self) -> None:
        self._lines = [Line(self._orders, self._engine, self._seconds) for _ in range(self._connections)]
        self._desk = Desk(self._serve, most=self._most, limit=self._limit, leaders=self._connections)

    def _serve(self, tickets: list[Ticket]) -> None:
        line = self._lines.pop()
        try:
            line.serve(tickets)
        finally:
            self._lines.append(line)

    def _after_fork(self) -> None:
        """In a child: the queue is the parent's, and so is the connection, which must not even be closed here."""
        _ABANDONED.append(self._lines)
        self._engine.dispose(close=False)
        self._begin()

    def send(
        self,
        order: Any,
        event: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Send an event to the order of a primary key (a tuple when it has several columns); committed on return.

        Raises what `Lifecycle.send` raises, InDoubt when the commit may or may not have happened, the database's error
        when nothing was written; NotOpened also when there is no such order.
        """
        request = Request(
            event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        ticket = self._ticket(order, request)
        self._desk.bring(ticket)
        return ticket.answer()

    async def asend(
        self,
        order: Any,
        event: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """`send` for asyncio. A task that is cancelled has sent nothing, unless it was just being served."""
        request = Request(
            event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        return await self._desk.abring(self._ticket(order, request))

    def open(
        self,
        order: Stateful,
        event: str = OPEN,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Begin the life of a new order, an object that belongs to no session; committed on return.

        The object has its key and its state then. Raises what `Lifecycle.open` raises, and what `send` does.
        """
        request = Request(event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by)
        ticket = self._opening(order, request)
        self._desk.bring(ticket)
        return ticket.answer()

    async def aopen(
        self,
        order: Stateful,
        event: str = OPEN,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """`open` for asyncio."""
        request = Request(event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by)
        return await self._desk.abring(self._opening(order, request))

    def _ticket(self, key: Any, request: Request) -> Ticket:
        request.settle(self._orders.clock())
        return Ticket(key, self._orders.store.parts(key), request)

    def _opening(self, order: Stateful, request: Request) -> Ticket:
        request.settle(self._orders.clock())
        orders = self._orders
        mapper = orders.store.pairing.mapper
        names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
        blank = {name: getattr(order, name) for name in names}
        attempts = count()

        def work(session: Session) -> Entry:
            if next(attempts):  # the one before was rolled back, and has left its key
                make_transient(order)
                for name, value in blank.items():
                    setattr(order, name, value)
            return orders._carry_out(session, order, request, orders._beginning)

        return Ticket(None, (), request, work)

    # --- the end

    def close(self) -> None:
        """Serve what waits, take no more, and give the connections back."""
        self._desk.close()
        for line in self._lines:
            line.close()

    async def aclose(self) -> None:
        """`close` for asyncio."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Writer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


_WRITERS: WeakSet[Writer] = WeakSet()
_ABANDONED: list[list[Line]] = []
"""Connections of the parent's: garbage collection would send something over them."""


def _renew() -> None:
    for writer in tuple(_WRITERS):
        writer._after_fork()


os.register_at_fork(after_in_child=_renew)
