"""A unit of work with three outcomes: done, refused, or in doubt. It owns its session, and commits."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from orderfsm.errors import Conflict, GuardFailed, InDoubt, NotOpened, Refused, StoredStateUnknown
from orderfsm.sqlmodel.fate import Limit, backend, certain, lasting

from .race import CHANCE, lost_race

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

__all__ = ["atransact", "pauses", "transact", "unreachable"]

R = TypeVar("R")
S = TypeVar("S", bound="Session")
A = TypeVar("A", bound="AsyncSession")

DECIDED = (Refused, Conflict, NotOpened, GuardFailed, StoredStateUnknown)
"""What is only raised after the key was looked for: it says that an earlier attempt has not got through."""


def pauses(attempt: int) -> float:
    """How many seconds to wait after an attempt that was lost (1 is the first).

    At random, up to 10 ms after the first, up to twice as long after each other one, never more than 160 ms.
    """
    return CHANCE.uniform(0, 0.005 * 2 ** min(attempt, 5))


def transact(
    sessions: Callable[[], S],
    work: Callable[[S], R],
    *,
    key: str | None = None,
    tries: int = 20,
    seconds: float = 5.0,
    pause: Callable[[int], float] = pauses,
) -> R:
    """What `work(session)` returns, committed, in a session of its own from `sessions`.

    The whole is done again, up to `tries` times, when somebody else moved first (`lost_race`) or the connection was
    lost before COMMIT was sent: nothing has been written then. `pause(attempt)` gives the seconds in between.

    `key` says that the work may be repeated: every send in it has this idempotency key (orders have theirs apart). Then
    a commit in doubt is repeated as well, on a new connection, until it is known what became of it.

    After `seconds` PostgreSQL is hung up on, and no new attempt is made. What can add to that is bounded by the engine:
    waiting for a connection of the pool (`pool_timeout`), connecting (`connect_timeout`), SQLite's lock (10 s).

    Raises InDoubt when a COMMIT may or may not have happened. Every other error means that nothing was written: what
    `work` raises, and the database's or its driver's.
    """
    course = _Course(key, tries, seconds, pause)
    while True:
        try:
            if course.doubt:
                with sessions() as session:
                    course.settle(session)
            with sessions() as session, course.attempt(session):
                return _done(course, session, work)
        except Exception as error:
            wait = course.after(error)
            if wait is None:
                raise
        time.sleep(wait)


async def atransact(
    sessions: Callable[[], A],
    work: Callable[[A], Awaitable[R]],
    *,
    key: str | None = None,
    tries: int = 20,
    seconds: float = 5.0,
    pause: Callable[[int], float] = pauses,
) -> R:
    """`transact` for asyncio. A task that is cancelled while COMMIT is on its way does not learn what became of it."""
    course = _Course(key, tries, seconds, pause)
    while True:
        try:
            if course.doubt:
                async with sessions() as session:
                    await session.run_sync(course.settle)
            async with sessions() as session:
                with course.attempt(session.sync_session):
                    return await _adone(course, session, work)
        except Exception as error:
            wait = course.after(error)
            if wait is None:
                raise
        await asyncio.sleep(wait)


def _done(course: _Course, session: S, work: Callable[[S], R]) -> R:
    try:
        found = _worked(work, session)
        course.commit(session)
    except BaseException:
        session.rollback()  # here, where the time for it is limited, and not where the session is closed
        raise
    return found


async def _adone(course: _Course, session: A, work: Callable[[A], Awaitable[R]]) -> R:
    try:
        found = await _aworked(work, session)
        await session.run_sync(course.commit)
    except BaseException:
        await session.rollback()
        raise
    return found


def _worked(work: Callable[[S], R], session: S) -> R:
    """What the work returns; the blockers of a refusal are worked out while the order is still at hand."""
    try:
        return work(session)
    except Refused as refused:
        _blockers(refused)
        raise


async def _aworked(work: Callable[[A], Awaitable[R]], session: A) -> R:
    try:
        return await work(session)
    except Refused as refused:
        error = refused
        await session.run_sync(lambda _: _blockers(error))
        raise


def _blockers(refused: Refused) -> None:
    with suppress(GuardFailed):  # whoever reads them is told so
        _ = refused.blockers


class _Pending(Exception):
    """The server has not yet noticed that a connection was lost: what it was told may still happen."""


class _Course:
    """The attempts at one unit of work: what is known after each, and whether there is a next one."""

    def __init__(self, key: str | None, tries: int, seconds: float, pause: Callable[[int], float]) -> None:
        self.key, self.tries, self.pause = key, tries, pause
        self.end = time.monotonic() + seconds
        self.attempts = 0
        self.doubt: InDoubt | None = None
        self._connection: Connection | None = None
        self._backend: int | None = None  # the server's process of the attempt in doubt, or of the latest one
        self._limit = Limit()

    @contextmanager
    def attempt(self, session: Session) -> Iterator[None]:
        """One attempt: from its first statement on, the connection is hung up on when the time is over."""
        self.attempts += 1
        self._connection = None
        event.listen(session, "after_begin", self._begun)
        try:
            yield
        finally:
            self._limit.end()

    def _begun(self, _: Session, __: Any, connection: Connection) -> None:
        self._connection = connection
        if self.doubt is None:
            self._backend = backend(connection)
        self._limit.begin(connection, self.end - time.monotonic())

    def commit(self, session: Session) -> None:
        """Write what is left to write, then commit; only the second can be in doubt."""
        session.flush()
        if self._connection is not None:
            with certain(self._connection, self.key):
                session.commit()

    def settle(self, session: Session) -> None:
        """Before a doubt is resolved: the attempt that caused it is over, and what was committed so far will last."""
        self._connection = connection = session.connection()
        if connection.dialect.name != "postgresql":
            return
        self._limit.begin(connection, self.end - time.monotonic())
        try:
            busy = text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid AND state IS DISTINCT FROM 'idle'")
            if connection.execute(busy, {"pid": self._backend}).first():
                raise _Pending
            lasting(connection)
            self.commit(session)
        finally:
            self._limit.end()

    def after(self, error: Exception) -> float | None:
        """The seconds until the next attempt; None when the error is the answer. Raises InDoubt when that is."""
        wait, left = self.pause(max(1, self.attempts)), self.end - time.monotonic()
        if isinstance(error, InDoubt) and self.doubt is None:
            self.doubt = error
        if self.doubt is None:
            return wait if self.attempts < self.tries and left > wait and _passing(error) else None
        if isinstance(error, DECIDED) and not lost_race(error):
            return None
        if self.key is not None and left > wait and _passing(error):
            return wait
        if error is self.doubt:
            return None
        raise self.doubt from error


def _passing(error: Exception) -> bool:
    """Whether the same work may get through a little later."""
    if isinstance(error, InDoubt | _Pending) or lost_race(error):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or unreachable(error))


def unreachable(error: DBAPIError) -> bool:
    """Whether a connection could not be made: PostgreSQL is down, starting, or has no place."""
    driver: Any = error.orig
    if hasattr(driver, "sqlite_errorname") or error.statement is not None:
        return False
    return getattr(driver, "sqlstate", None) in (None, "57P03", "53300")
