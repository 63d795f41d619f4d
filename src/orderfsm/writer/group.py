"""One group of tickets in one transaction: decided one after the other, in memory, then written together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from orderfsm.errors import NotOpened, OrderFsmError
from orderfsm.lifecycle.binding import standing
from orderfsm.lifecycle.request import utc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from orderfsm.history import Entry
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.lifecycle.binding import Decision
    from orderfsm.lifecycle.request import Request

    from .ticket import Ticket

__all__ = ["Group", "Lane", "Position", "Row", "SessionNeeded", "carried_out"]

Identity = tuple[Any, ...]
Position = tuple[str | None, int]
"""Configuration and revision."""


class Row(NamedTuple):
    """An entry to be written: whose, which, and what its request looked like."""

    identity: Identity
    entry: Entry
    fingerprint: str | None


class SessionNeeded(Exception):
    """A guard asks for facts, or a key was used before, in a transaction that no Session can take part in."""


class Lane:
    """How a database is read and written for many orders at once, over the writer's connection."""

    def forget(self) -> None:
        """What is remembered may be wrong: somebody else has written, or what was written was rolled back."""
        raise NotImplementedError

    def standing(self, identities: Sequence[Identity]) -> dict[Identity, Position]:
        """Where orders stand; nobody else can move them until the transaction ends. Those without a row are absent."""
        raise NotImplementedError

    def used(self, keys: Sequence[tuple[Identity, str]]) -> set[tuple[Identity, str]]:
        """Which idempotency keys of these orders were used before."""
        raise NotImplementedError

    def write(self, rows: Sequence[Row], moves: Mapping[Identity, tuple[Row, int]]) -> None:
        """Append entries, and move each order by its last one from the revision that it has."""
        raise NotImplementedError

    def finish(
        self, rows: Sequence[Row], moves: Mapping[Identity, tuple[Row, int]], commit: Callable[[], None]
    ) -> None:
        """Write what is left to write, and commit; an error without a statement is one of the commit."""
        if rows:
            self.write(rows, moves)
        commit()


class Group:
    """The decisions of one transaction. What was decided is in memory until `flush` writes it."""

    def __init__(self, orders: Lifecycle, lane: Lane, session: Session | None) -> None:
        self._orders, self._lane, self._session = orders, lane, session
        self._positions: dict[Identity, Position] = {}
        self._keys: set[tuple[Identity, str]] = set()
        self._rows: list[Row] = []
        self._moves: dict[Identity, tuple[Row, int]] = {}
        self._torn = False  # whether a ticket has begun to write for itself

    def run(self, tickets: Sequence[Ticket]) -> None:
        """Answer every ticket; `finish` writes what was decided. A database's error is raised, and answers nobody."""
        identities = {ticket.identity for ticket in tickets if ticket.work is None}
        self._positions = self._lane.standing(sorted(identities) if len(identities) > 1 else [*identities])
        keys = [(ticket.identity, ticket.request.key) for ticket in tickets if ticket.request.key is not None]
        if keys:
            self._keys = self._lane.used(keys)
        now = utc("the clock", self._orders.clock())
        for ticket in tickets:
            self._answer(ticket, now)

    def finish(self, commit: Callable[[], None]) -> None:
        """Write what is not yet written, and commit."""
        self._lane.finish(self._rows, self._moves, commit)

    def _answer(self, ticket: Ticket, now: datetime) -> None:
        self._torn = False
        try:
            ticket.entry = self._worked(ticket.work) if ticket.work else self._decided(ticket, now)
        except (DBAPIError, SessionNeeded):
            raise
        except Exception as error:
            if self._torn and not isinstance(error, OrderFsmError):  # something may have been written before
                raise
            ticket.error = error

    def _decided(self, ticket: Ticket, now: datetime) -> Entry:
        """The entry that a ticket leads to, or that its key has led to before."""
        orders, request, identity = self._orders, ticket.request, ticket.identity
        if request.key is not None and (identity, request.key) in self._keys:
            return self._prior(ticket)
        found = self._positions.get(identity)
        if found is None:
            raise NotOpened(f"there is no {self._name(ticket.key)}; open it first")
        configuration, revision = standing(self._name, ticket.key, *found, request.expected_revision)
        _stamp(request, now)
        decided = orders._decided(configuration, revision, request, Facts(self._known, ticket))
        if request.claimed and orders.claims is not None:
            orders._verify_claim(*self._seated(ticket), request, decided)
        if orders._followed(decided) or (request.claimed and orders.claims is not None):
            return self._followed(ticket, decided)
        entry = orders._entry(ticket.key, request, decided)
        self._note(Row(identity, entry, request.fingerprint), revision)
        return entry

    def _note(self, row: Row, revision: int) -> None:
        identity, entry = row.identity, row.entry
        self._positions[identity] = entry.after, entry.sequence
        self._rows.append(row)
        moved = self._moves.get(identity)
        self._moves[identity] = row, revision if moved is None else moved[1]
        if entry.key is not None:
            self._keys.add((identity, entry.key))

    def flush(self) -> None:
        """Write what was decided so far."""
        if self._rows:
            self._lane.write(self._rows, self._moves)
            self._rows, self._moves = [], {}

    # --- what takes a Session

    def _worked(self, work: Callable[[Session], Entry]) -> Entry:
        if self._session is None:
            raise SessionNeeded
        self.flush()
        self._torn = True
        self._lane.forget()
        return work(self._session)

    def _followed(self, ticket: Ticket, decided: Decision) -> Entry:
        """The entry, written by the lifecycle itself, because something follows it."""
        orders = self._orders
        session, order = self._seated(ticket)
        self._torn = True
        self._lane.forget()
        try:
            return orders._carry_out(session, order, ticket.request, lambda *_: decided)
        finally:
            self._positions[ticket.identity] = orders.store.position(session, order)

    def _prior(self, ticket: Ticket) -> Entry:
        session, order = self._seated(ticket)
        entry = self._orders._prior(session, order, ticket.request)
        if entry is None:
            raise RuntimeError(f"the key {ticket.request.key!r} was there a moment ago")
        return entry

    def _known(self, ticket: Ticket) -> Mapping[str, Any]:
        return self._orders._known(*self._seated(ticket))

    def _seated(self, ticket: Ticket) -> tuple[Session, Any]:
        """A Session of this transaction, and the order in it as it stands after what was decided so far."""
        if self._session is None:
            raise SessionNeeded
        self.flush()
        order = self._session.get(self._orders.store.order, ticket.identity, populate_existing=True)
        if order is None:
            raise NotOpened(f"there is no {self._name(ticket.key)}; open it first")
        return self._session, order

    def _name(self, key: Any) -> str:
        return f"{self._orders.store.order.__name__} {key}"


def _stamp(request: Request, now: datetime) -> None:
    """Record it now, and not when it was asked for: a history's `recorded_at` does not go backwards."""
    if not request.claimed:
        request.occurred_at = now
    request.recorded_at = now


class Facts(Mapping[str, Any]):
    """The facts of one call, gathered when a guard asks for one that the call did not bring along."""

    __slots__ = ("_gather", "_gathered", "_ticket")

    def __init__(self, gather: Callable[[Ticket], Mapping[str, Any]], ticket: Ticket) -> None:
        self._gather, self._ticket = gather, ticket
        self._gathered: Mapping[str, Any] | None = None

    def _all(self) -> Mapping[str, Any]:
        if self._gathered is None:
            self._gathered = self._gather(self._ticket)
        return self._gathered

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def carried_out(orders: Lifecycle, lane: Lane, session: Session, ticket: Ticket) -> Entry:
    """The entry for one ticket, by the lifecycle itself, after its order was locked."""
    if ticket.work is not None:
        return ticket.work(session)
    lane.standing([ticket.identity])
    order = session.get(orders.store.order, ticket.identity)
    if order is None:
        raise NotOpened(f"there is no {orders.store.order.__name__} {ticket.key}; open it first")
    return orders._carry_out(session, order, ticket.request, orders._next)
