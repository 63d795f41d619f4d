"""A lifecycle: a chart bound to a service's tables. Open an order, send it events, ask what is allowed, read its past.

Everything happens in the caller's session and transaction: we flush, the caller commits. A refusal, a conflict or any
other error of ours has written nothing, and the session can be used on. Every method has an `a…` twin for an
AsyncSession.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orderfsm.errors import ChartError
from orderfsm.table import OPEN

from . import outlook, sweep
from .bulk import CHUNK, sending
from .clock import now
from .correcting import Correcting, Corrections
from .following import touched
from .holds import Holds
from .outlook import Allowed, Explanation
from .parts import verify_parts
from .race import lost_race
from .request import NOBODY, Request, verify_text
from .savepoint import savepoint
from .sweep import SYSTEM, Swept
from .twin import twin

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator
    from threading import Event

    from sqlalchemy.orm import Session

    from orderfsm.call import Answer
    from orderfsm.chart import Chart
    from orderfsm.history import Actor, Entry, Link, Reason
    from orderfsm.sqlmodel.bases import Stateful
    from orderfsm.sqlmodel.store import SqlStore

    from .binding import Facts
    from .bulk import AsyncMakers
    from .claims import Claims
    from .holding import Holding
    from .parent import Parent
    from .selection import Selector
    from .sweep import AsyncSessions, Makers, Sessions
    from .verdict import Sent

__all__ = ["Allowed", "Explanation", "Lifecycle", "Swept", "lost_race"]


class Lifecycle(Holds, Correcting):
    """A chart bound to the tables of a store, with the functions for its named guards and the application's facts.

    `facts(session, order)` gives what guards read beside `order`, `payload`, `actor`, `now` and `history`; it is called
    when a guard asks, and is the only place that may query. `clock` gives aware datetimes. With a `parent`, the orders
    are items of others, which follow them by their chart's roll-up in the same transaction. `holding` names the events
    that hold an order and let it go on, where they are not `hold` and `resume`. `corrections` says which roles may
    correct (none, by default), `claims` which `occurred_at` is accepted (any, by default). `former` are earlier
    versions of the chart, for guards about the past of orders that were in states which are no more. Raises
    MissingGuard when the chart names a guard that is not in `guards`, ChartError for one that the chart does not name,
    for a chart that does not compile and for a parent that does not fit.
    """

    def __init__(
        self,
        chart: Chart,
        store: SqlStore,
        *,
        guards: Mapping[str, Answer] | None = None,
        facts: Facts | None = None,
        clock: Callable[[], datetime] = now,
        parent: Parent | None = None,
        holding: Holding | None = None,
        corrections: Corrections | None = None,
        claims: Claims | None = None,
        former: Sequence[Chart] = (),
    ) -> None:
        verify_parts(store, guards, facts, clock, parent, holding, corrections, claims, former)
        super().__init__(chart, store, guards, facts, clock, parent, holding, claims, former)
        self.corrections = corrections or Corrections()

    # --- commands

    def open(
        self,
        session: Session,
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
        """Begin the life of an order and return its first entry; a new order is added to the session and flushed.

        Raises NotOpened when the order was opened before, Refused, Conflict, KeyReused.
        """
        request = Request(event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by)
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._beginning)

    def send(
        self,
        session: Session,
        order: Stateful,
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
        """Send an event to an order and return the entry that was written.

        `key`, unique per order, makes it safe to send again: the same request returns its first entry and writes
        nothing, also when the event would no longer be legal. `expected_revision` is the revision that the caller has
        seen.

        Raises Refused and its kinds, Conflict when somebody moved first (the order is read anew, so that the call may
        be repeated), KeyReused, NotOpened, StoredStateUnknown, GuardFailed.
        """
        request = Request(
            event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._next)

    def report(
        self,
        session: Session,
        order: Stateful,
        seen: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "report",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Tell of a state that was seen outside (a code, an alias of one, a state, a configuration); return the entry.

        The event is looked up: among those that may be sent as asked, all that lead to what was seen must lead to the
        same configuration; of several that do, the first in document order is recorded. What the order already shows is
        a redelivery: the last entry is returned and nothing is written.

        Raises Ambiguous when what was seen could be several configurations, the refusal of the events that lead there
        when all are refused, NotEnabled when none does, and what `send` raises.
        """
        verify_text("seen", seen)
        seen = self.chart.aliases.get(seen, seen)
        asked = f"report {seen}"
        request = Request(
            asked, seen, actor, origin, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        request.settle(self.clock())
        return self._shown(session, order, request) or self._carry_out(session, order, request, self._seen)

    def adopt(
        self,
        session: Session,
        order: Stateful,
        state: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "adopt",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Take in an order that already exists, in the state (configuration, code, alias or state name) that it has.

        Its first entry has the event `adopt`; what was before is unknown to its history. Raises Ambiguous when several
        configurations fit, NotEnabled when none does, NotOpened when the order already has a history.
        """
        verify_text("state", state)
        state = self.chart.aliases.get(state, state)
        asked = f"adopt {state}"
        request = Request(asked, state, actor, origin, reason, links, payload, key, occurred_at, caused_by)
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._taken_in)

    def roll_up(
        self, session: Session, order: Stateful, *, actor: Actor | str | None = None, caused_by: str | None = None
    ) -> tuple[Entry, ...]:
        """Bring an order to where its items say it belongs, and return the entries; () when it is there already.

        Entries of items do that by themselves; this is for rows that came another way, such as a bulk import. Without
        `actor` the one of the items' Parent acts; without `caused_by` the last entries of all items are named. Raises
        ChartError when no lifecycle of items names this one as its parent, UnsoundChart when the rules do not fit, and
        what `send` raises; then nothing has been written.
        """
        if self.items is None:
            raise ChartError(f"no items belong to the orders of {self.chart.name}: Lifecycle(…, parent=Parent(orders))")
        self._standing(session, order, None)
        with savepoint(session, self.store.bind):
            touched(self, session, self.store.identity(order))
            return self.items.bring(session, order, actor or self.items.actor, caused_by)

    # --- many orders

    def send_many(
        self,
        session: Session,
        which: Selector,
        event: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        batch: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
        chunk: int = CHUNK,
    ) -> Sent:
        """Send one event to many orders in the session's transaction, and give a verdict for each; the caller commits.

        `which` is a select of orders (or a condition over their table), or their keys: tuples where a key has several
        columns. An order that does not take the event disturbs none of the others. Entries have the id `batch` for a
        key, so that an order takes a batch once, and a batch that was broken off may be sent again; without one a new
        id is made. `chunk` orders are locked by their keys, decided and written at once. Objects in the session are
        brought up to date.

        Guards of one configuration that read only the call are asked once. Where they read the `facts` of the
        application, orders are sent to one by one. Orders that follow their items do so once per chunk.

        Raises UnknownEvent for an event that the chart does not have, TypeError or ValueError for what says no orders,
        and what a guard or the facts raise that is no error of ours.
        """
        settled = self._settled(event, actor, origin, reason, links, payload, occurred_at, caused_by)
        return sending(self, which, chunk, batch, settled).all(session)

    def send_in_chunks(
        self,
        sessions: Makers,
        which: Selector,
        event: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        batch: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
        chunk: int = CHUNK,
    ) -> Iterator[Sent]:
        """`send_many` for any number of orders: each chunk has a session of its own, and is **committed** here.

        The verdicts of a chunk come after its commit; the next one is sent when they are asked for. `sessions` is an
        engine, or a function that makes sessions. Keys may come from an iterator; memory holds one chunk at a time.
        A chunk is tried again when somebody else was quicker, or when its commit is in doubt: then orders that it had
        reached are told as `duplicate`. After a crash, the same call with the same `batch` goes on where it broke off.
        """
        settled = self._settled(event, actor, origin, reason, links, payload, occurred_at, caused_by)
        return sending(self, which, chunk, batch, settled).chunks(sessions)

    def asend_in_chunks(
        self,
        sessions: AsyncMakers,
        which: Selector,
        event: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        batch: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
        chunk: int = CHUNK,
    ) -> AsyncIterator[Sent]:
        """`send_in_chunks` with an AsyncEngine, or a function that makes AsyncSessions."""
        settled = self._settled(event, actor, origin, reason, links, payload, occurred_at, caused_by)
        return sending(self, which, chunk, batch, settled).achunks(sessions)

    def _settled(
        self,
        event: str,
        actor: Actor | str | None,
        origin: str,
        reason: Reason | str | None,
        links: Sequence[Link],
        payload: Mapping[str, Any] | None,
        occurred_at: datetime | None,
        caused_by: str | None,
    ) -> Callable[[str], Request]:
        """From a batch's id to its request."""

        def settled(batch: str) -> Request:
            request = Request(event, event, actor, origin, reason, links, payload, batch, occurred_at, caused_by)
            request.settle(self.clock())
            return request

        return settled

    # --- timers

    def sweep(
        self, sessions: Sessions, *, actor: Actor | str | None = SYSTEM, most: int | None = None
    ) -> tuple[Swept, ...]:
        """Send the events that are due, the earliest first and at most so many, and say what became of each.

        With an engine or a function that makes sessions, each has a transaction of its own, which is **committed
        here**. In a Session, all happens in the caller's transaction and the caller commits; each has a savepoint. A
        refused event is spent, an error is kept with the timer and tried again later; neither stops the others. On
        PostgreSQL many may sweep at once.

        Raises ChartError when the store has no table of timers, and what the database raises when it cannot be reached.
        """
        return sweep.once(self, sessions, actor, most)

    async def asweep(
        self, sessions: AsyncSessions, *, actor: Actor | str | None = SYSTEM, most: int | None = None
    ) -> tuple[Swept, ...]:
        """`sweep` with an AsyncEngine, a function that makes AsyncSessions, or an AsyncSession."""
        return await sweep.aonce(self, sessions, actor, most)

    def keep_sweeping(
        self,
        sessions: Makers,
        *,
        every: timedelta = timedelta(seconds=1),
        stop: Event | None = None,
        actor: Actor | str | None = SYSTEM,
        batch: int = 100,
    ) -> Iterator[Swept]:
        """Sweep again and again, and give what became of each timer, until `stop` is set; it **commits** each.

        `every` is how long it waits when nothing is due; `batch` is how many timers share a session. A database that
        cannot be reached any more is logged as a warning and tried again; one that could never be reached is an error.
        """
        return sweep.again(self, sessions, actor, every=every, stop=stop, batch=batch)

    def akeep_sweeping(
        self,
        sessions: AsyncMakers,
        *,
        every: timedelta = timedelta(seconds=1),
        stop: asyncio.Event | None = None,
        actor: Actor | str | None = SYSTEM,
        batch: int = 100,
    ) -> AsyncIterator[Swept]:
        """`keep_sweeping` with an AsyncEngine, or a function that makes AsyncSessions, read with `async for`.

        What became of a batch is given when the batch is done; `stop` is looked at after it.
        """
        return sweep.aagain(self, sessions, actor, every=every, stop=stop, batch=batch)

    # --- questions

    def allowed(
        self,
        session: Session,
        order: Stateful,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
    ) -> tuple[Allowed, ...]:
        """The events that may be sent now, in document order, with what each needs; before opening, those that open.

        What is left out is needed, what is given is checked: with an actor, the events of others are not in the answer.
        """
        call = self._asking(session, order, Request("", "", actor, "", reason, links, payload))
        barred = self._barred(session, order, call.configuration)
        return tuple(found for found in outlook.allowed(self.table, call) if found.event not in barred)

    def explain(
        self,
        session: Session,
        order: Stateful,
        event: str | None = None,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
    ) -> tuple[Explanation, ...]:
        """Why an event (or each event of the chart) may not be sent as asked, and the shortest way to it."""
        if event is not None:
            verify_text("event", event)
        request = Request("", "", NOBODY if actor is None else actor, "", reason, links, payload)
        call = self._asking(session, order, request)
        barred = self._barred(session, order, call.configuration)
        return tuple(
            replace(found, blockers=(*found.blockers, *barred.get(found.event, ())))
            for found in outlook.explanations(self.table, call, event)
        )

    def history(self, session: Session, order: Stateful) -> list[Entry]:
        """The order's entries by sequence; empty before it is opened."""
        return self.store.entries(session, order)

    def status(self, session: Session, order: Any, *, entries: int = 10) -> dict[str, Any] | None:
        """Where an order stands and its last entries, oldest first, as JSON takes it: one query, no object per row.

        `order` may be its key as well (a tuple when it has several columns): then nothing is loaded. The answer has the
        keys configuration, code, category, revision, chart, chart_version, and history, a list of what `Entry.as_dict`
        gives; it is None when there is no such order.
        """
        if type(entries) is not int:
            raise TypeError(f"entries is {entries!r}; give how many of the last entries there shall be")
        return self.store.status(session, order, entries)

    aopen = twin(open)
    asend = twin(send)
    asend_many = twin(send_many)
    areport = twin(report)
    aadopt = twin(adopt)
    aroll_up = twin(roll_up)
    aallowed = twin(allowed)
    aexplain = twin(explain)
    ahistory = twin(history)
    astatus = twin(status)
