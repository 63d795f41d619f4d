"""How a group of tickets is served over one connection: together, and one by one where that fails."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from orderfsm.errors import Conflict, InDoubt, OrderFsmError
from orderfsm.lifecycle import lost_race
from orderfsm.lifecycle.outcome import pauses, unreachable
from orderfsm.sqlmodel.driver import direct, wrapped
from orderfsm.sqlmodel.fate import certain, limited, unknown

from .group import Group, Lane, SessionNeeded, carried_out
from .postgresql import PostgresqlLane
from .sqlite import SqliteLane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from orderfsm.lifecycle import Lifecycle

    from .ticket import Ticket

__all__ = ["Line"]

TRIES = 6


class Line:
    """A connection of the writer's, made when it is first needed and again when it was lost."""

    def __init__(self, orders: Lifecycle, engine: Engine, seconds: float) -> None:
        self._orders, self._engine, self._seconds = orders, engine, seconds
        self._connection: Connection | None = None
        self._lane: Any = None

    def serve(self, tickets: list[Ticket]) -> None:
        """Answer each ticket with its entry, committed, or with its error. Called by one thread at a time."""
        try:
            self._together(tickets)
        except InDoubt as doubt:
            _doubt(tickets, doubt)
        except Exception:  # noqa: BLE001 - whose fault it was will be seen
            self._one_by_one(tickets)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- together

    def _together(self, tickets: Sequence[Ticket]) -> None:
        connection, lane = self._reached()
        registrar = self._orders.registrar
        known = connection.engine in registrar.sure  # a database that enforces histories knows the chart
        if known and (driver := direct(connection)) is not None:
            try:
                self._by_driver(connection, driver, lane, tickets)
            except SessionNeeded:
                for ticket in tickets:
                    ticket.clear()
            else:
                return
        with limited(connection, self._seconds), self._by_session(connection) as (session, commit):
            if not known:
                registrar(connection)
            group = Group(self._orders, lane, session)
            group.run(tickets)
            session.flush()
            with certain(connection):
                group.finish(commit)

    def _reached(self) -> tuple[Connection, Lane]:
        """The connection, and the lane over it."""
        if self._connection is None or self._connection.invalidated or self._connection.closed:
            self.close()
            self._connection = connection = self._engine.connect()
            with connection.begin():
                self._orders.registrar(connection)
            lane = PostgresqlLane if connection.dialect.name == "postgresql" else SqliteLane
            self._lane = lane(self._orders.store.pairing, connection)
        return self._connection, self._lane

    def _by_driver(self, connection: Connection, driver: Any, lane: Lane, tickets: Sequence[Ticket]) -> None:
        """A transaction that the driver alone knows of: sqlite3, while nobody listens. Half the time of the other."""
        try:
            _execute(connection, driver, "BEGIN IMMEDIATE")
            group = Group(self._orders, lane, None)
            group.run(tickets)
            group.finish(lambda: _execute(connection, driver, "COMMIT"))
        except BaseException:
            lane.forget()
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise

    @contextmanager
    def _by_session(self, connection: Connection) -> Iterator[tuple[Session, Callable[[], None]]]:
        """A transaction with a Session in it, and what commits it."""
        transaction = connection.begin()
        try:
            with Session(connection, join_transaction_mode="rollback_only", expire_on_commit=False) as session:
                yield session, transaction.commit
                session.expunge_all()
        except BaseException:
            self._lane.forget()
            transaction.close()  # rolls back, unless COMMIT has happened and no standby has confirmed it
            if getattr(connection.connection.driver_connection, "in_transaction", False):
                connection.connection.rollback()  # SQLite may refuse a COMMIT and stay in the transaction
            raise

    # --- one by one

    def _one_by_one(self, tickets: Sequence[Ticket]) -> None:
        """Serve each ticket in a transaction of its own: who has caused the failure gets it."""
        for place, ticket in enumerate(tickets):
            try:
                self._alone(ticket)
            except InDoubt as doubt:
                _doubt([ticket], doubt)
            except Exception as error:  # noqa: BLE001 - it is for the one who asked
                ticket.clear()
                ticket.error = error
                if isinstance(error, DBAPIError) and unreachable(error):
                    for other in tickets[place + 1 :]:  # they would wait in vain, one after the other
                        other.clear()
                        other.error = error
                    return

    def _alone(self, ticket: Ticket) -> None:
        """Serve one ticket, again when somebody else moved first or the connection was lost before COMMIT."""
        for attempt in range(1, TRIES + 1):
            ticket.clear()
            try:
                connection, lane = self._reached()
                lane.forget()
                with limited(connection, self._seconds), self._by_session(connection) as (session, commit):
                    ticket.entry = carried_out(self._orders, lane, session, ticket)
                    session.flush()
                    with certain(connection):
                        commit()
                return
            except (Conflict, DBAPIError) as error:
                if attempt == TRIES or not (lost_race(error) or getattr(error, "connection_invalidated", False)):
                    raise
            time.sleep(pauses(attempt))


def _execute(connection: Connection, driver: Any, statement: str) -> None:
    try:
        driver.execute(statement)
    except driver.Error as error:
        found = wrapped(connection, statement, (), error)
        if statement == "COMMIT" and isinstance(found, DBAPIError) and unknown(found):
            raise InDoubt(f"the disk failed at COMMIT ({error}): it may or may not have happened") from found
        raise found from error


def _doubt(tickets: Sequence[Ticket], doubt: InDoubt) -> None:
    """Each of the tickets gets a doubt of its own; refusals were certain before the commit."""
    for ticket in tickets:
        if isinstance(ticket.error, OrderFsmError):
            continue
        ticket.clear()
        ticket.error = InDoubt(str(doubt), key=ticket.request.key)
        ticket.error.__cause__ = doubt.__cause__
