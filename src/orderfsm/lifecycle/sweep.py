"""Sending the events that timers have made due, each in a transaction of its own that spends the timer with the entry.

A sweep that dies leaves nothing half done: either the entry is there and the timer spent, or neither, and the next
sweep sends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from orderfsm import timers
from orderfsm.arguments import expect
from orderfsm.errors import Blocker, ChartError, Conflict, NotEnabled, Refused
from orderfsm.history import Actor

from .race import CHANCE, lost_race
from .request import Request
from .savepoint import savepoint
from .swept import Swept, code_of, swept
from .timing import Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from orderfsm.history import Entry
    from orderfsm.sqlmodel.pending import Due, TimerStatements

    from .binding import Binding

    Makers = Engine | Callable[[], Session]
    Sessions = Makers | Session
    AsyncMakers = AsyncEngine | Callable[[], AsyncSession]
    AsyncSessions = AsyncMakers | AsyncSession

__all__ = ["SYSTEM", "Sweep", "Swept", "aagain", "again", "aonce", "once"]

log = logging.getLogger(__name__)
R = TypeVar("R")

TIMER = "timer"
"""The origin of the entries that timers write."""

SYSTEM = Actor(timers.SYSTEM)
"""Who sends due events when nobody else is named."""

QUEUE = 200
"""How many due timers are looked up at once."""

TRIES = 5
"""How often a transaction that lost a race is tried again at once."""

LONGEST = timedelta(hours=1)
"""How long a timer whose event cannot be sent waits at most before the next attempt; it begins with a second."""


class Sweep:
    """One pass over the timers that are due when it begins, the earliest first.

    With an engine or a function that makes sessions, each order has its own transaction, committed here. In a Session
    that the caller has, each has a savepoint, and the caller commits.
    """

    def __init__(self, orders: Binding, session: Session, actor: Actor | str | None, *, owned: bool) -> None:
        if orders.timing is None:
            raise ChartError(f"{orders.store.order.__name__} has no timers; give the store a table: timers=…")
        expect({"actor": actor})
        self._orders = orders
        self._timing: Timing = orders.timing
        self._session = session
        self._actor = actor
        self._owned = owned
        self._queue: deque[tuple[Any, ...]] = deque()
        self._mine: set[tuple[Any, ...]] = set()
        self._alone = True

    def run(self, most: int | None) -> Iterator[Swept]:
        """Send what is due, and say of each timer what became of it; at most so many."""
        begun, count = self._orders.clock(), 0
        if most is not None and type(most) is not int:
            raise TypeError(f"most is {most!r}; give how many timers to send at most, or None")
        while most is None or count < most:
            swept = self._next(begun)
            if swept is None:
                return
            count += 1
            yield swept

    # --- transactions

    def _transaction(self) -> AbstractContextManager[object]:
        return _own(self._session) if self._owned else savepoint(self._session, self._orders.store.bind)

    def _tried(self, work: Callable[[], R]) -> R:
        """What the work gives in a transaction; one that lost a race is tried again a few times."""
        for left in reversed(range(TRIES)):
            try:
                with self._transaction():
                    return work()
            except Exception as error:
                if not (left and self._owned and lost_race(error)):
                    raise
        raise AssertionError("unreachable")

    def _next(self, begun: datetime) -> Swept | None:
        """The verdict on the earliest timer that nobody else is at; None when there is none."""
        while self._queue or self._look(begun):
            found = self._try(self._queue.popleft(), begun)
            if found is not None:
                self._alone = True
                return found
        return None

    def _look(self, begun: datetime) -> bool:
        """Queue the orders with due timers; False when there are none, or when others hold all that were found."""
        if not self._alone:
            return False
        with self._transaction():
            connection = self._session.connection(self._orders.store.bind)
            statements = self._timing.statements(connection)
            self._queue.extend(statements.candidates(connection, min(begun, self._orders.clock()), QUEUE))
        self._alone = False
        self._mine.clear()
        return bool(self._queue)

    def _try(self, key: tuple[Any, ...], begun: datetime) -> Swept | None:
        """The verdict on the earliest timer of an order; None when somebody else is at it or was quicker."""
        found: list[Due] = []
        try:
            return self._tried(lambda: self._attempt(key, begun, found))
        except Exception as error:
            if self._owned and lost_race(error):
                return None
            if not found:
                raise
            due, trouble = found[0], error  # whatever a service's function raises is that order's affair
        return self._tried(lambda: self._postpone(key, due, trouble))

    def _attempt(self, key: tuple[Any, ...], begun: datetime, found: list[Due]) -> Swept | None:
        """Claim an order and send its earliest event; what is claimed goes into `found`, in case it fails."""
        found.clear()
        connection = self._session.connection(self._orders.store.bind)
        statements = self._timing.statements(connection)
        if not statements.claim(connection, key):
            self._queue.rotate(CHANCE.randrange(max(len(self._queue), 1)))  # to be out of each other's way
            return None
        now = min(begun, self._orders.clock())
        due = statements.earliest(connection, key, now)
        if due is None:
            self._miss(key)
            return None
        self._mine.add(key)
        found.append(due)
        return self._judge(statements, key, due, now)

    def _miss(self, key: tuple[Any, ...]) -> None:
        """What is gone was done by others, and more with it, unless an earlier event of ours did away with it."""
        self._alone = True
        if key not in self._mine:
            self._queue.clear()

    def _judge(self, statements: TimerStatements, key: tuple[Any, ...], due: Due, now: datetime) -> Swept:
        connection = self._session.connection(self._orders.store.bind)
        order = self._session.get_one(self._orders.store.order, key)
        stray = self._stray(order, due)
        if stray is not None:
            statements.remove(connection, key, due.timer)
            return swept(key, due, "dropped", error=stray)
        statements.spend(connection, key, due, now, "sent", None)
        try:
            entry = self._send(order, due)
        except Refused as refused:
            statements.spend(connection, key, due, now, refused.code, str(refused))
            return swept(key, due, "refused", error=refused)
        if not due.timer.state:
            statements.remove(connection, key, due.timer)
        return swept(key, due, "sent", entry=entry)

    def _send(self, order: Any, due: Due) -> Entry:
        """Send like anyone else; an order that memory had wrong is decided anew."""
        timer, orders = due.timer, self._orders
        request = Request(timer.event, timer.event, self._actor, TIMER, None, (), None, timer.key)
        request.settle(orders.clock())
        try:
            return orders._carry_out(self._session, order, request, orders._next)
        except Conflict:
            return orders._carry_out(self._session, order, request, orders._next)

    def _stray(self, order: Any, due: Due) -> Refused | None:
        """Why a timer is nobody's any more; None for one that is in order."""
        orders, timer = self._orders, due.timer
        look = orders.store.position if self._owned else orders.store.reload  # our own sessions hold nothing old
        here, _ = look(self._session, order)
        known = orders.table.configurations.get(here or "")
        if known is None:
            return None  # sending it says what is wrong
        if (timer.state, timer.event) not in self._timing.known:
            said = f"{orders.chart.name} {orders.chart.version} has no timer {timer.event} of {timer.state or 'a step'}"
        elif timer.state and timer.state not in known.states:
            said = f"{timer.state} was left without its timer {timer.event} being told"
        else:
            return None
        return NotEnabled(orders.chart.name, known, timer.event, (Blocker("timer-stray", said),))

    def _postpone(self, key: tuple[Any, ...], due: Due, error: Exception) -> Swept:
        """Put a timer off, each time for twice as long."""
        connection = self._session.connection(self._orders.store.bind)
        until = self._orders.clock() + min(timedelta(seconds=2 ** min(due.attempts, 12)), LONGEST)
        statements = self._timing.statements(connection)
        statements.postpone(connection, key, due, until, code_of(error), str(error))
        return swept(key, due, "failed", error=error)


@contextmanager
def _own(session: Session) -> Iterator[None]:
    """A transaction that is committed at the end, with nothing left in memory of the one before."""
    session.expunge_all()
    with session.begin():
        yield


# --- passes


def once(orders: Binding, sessions: Sessions, actor: Actor | str | None, most: int | None) -> tuple[Swept, ...]:
    """One pass."""
    if isinstance(sessions, Session):
        return tuple(Sweep(orders, sessions, actor, owned=False).run(most))
    with made(sessions) as session:
        return tuple(Sweep(orders, session, actor, owned=True).run(most))


async def aonce(
    orders: Binding, sessions: AsyncSessions, actor: Actor | str | None, most: int | None
) -> tuple[Swept, ...]:
    """One pass for asyncio."""
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    def run(session: Session, *, owned: bool) -> tuple[Swept, ...]:
        return tuple(Sweep(orders, session, actor, owned=owned).run(most))

    if not isinstance(sessions, AsyncEngine | AsyncSession) and not callable(sessions):
        raise TypeError(f"sessions is {sessions!r}; give an AsyncEngine, an AsyncSession or a function that makes some")
    if isinstance(sessions, AsyncSession):
        return await sessions.run_sync(run, owned=False)
    async with AsyncSession(sessions) if isinstance(sessions, AsyncEngine) else sessions() as session:
        return await session.run_sync(run, owned=True)


def again(
    orders: Binding,
    sessions: Makers,
    actor: Actor | str | None,
    *,
    every: timedelta,
    stop: Event | None,
    batch: int,
) -> Iterator[Swept]:
    """Pass after pass, until `stop` is set."""
    stop, reached = stop or Event(), False
    while not stop.is_set():
        count = 0
        try:
            with made(sessions) as session:
                for each in Sweep(orders, session, actor, owned=True).run(batch):
                    yield each
                    count += 1
                    if stop.is_set():
                        return
            reached = True
        except OperationalError as error:
            if not reached:
                raise
            log.warning("the sweep goes on when the database does: %s", error)
        if count < batch:
            stop.wait(every.total_seconds())


async def aagain(
    orders: Binding,
    sessions: AsyncMakers,
    actor: Actor | str | None,
    *,
    every: timedelta,
    stop: asyncio.Event | None,
    batch: int,
) -> AsyncIterator[Swept]:
    """Pass after pass for asyncio, until `stop` is set."""
    stop, reached = stop or asyncio.Event(), False
    while not stop.is_set():
        found: tuple[Swept, ...] = ()
        try:
            found = await aonce(orders, sessions, actor, batch)
            reached = True
        except OperationalError as error:
            if not reached:
                raise
            log.warning("the sweep goes on when the database does: %s", error)
        for each in found:
            yield each
        if len(found) < batch:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every.total_seconds())


def made(sessions: Makers) -> Session:
    """A new session; raises TypeError for what makes none."""
    if not isinstance(sessions, Engine) and not callable(sessions):
        raise TypeError(f"sessions is {sessions!r}; give an Engine, a Session or a function that makes some")
    return Session(sessions) if isinstance(sessions, Engine) else sessions()
