"""The relay: from the outbox to whoever wants the messages, at least once, each order's in their order."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random as chance
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from .policy import Policy
from .round import Report, Round
from .table import Outbox, clock_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.exc import SQLAlchemyError

    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel.store import SqlStore

    from .message import Message
    from .stream import Stream
    from .table import Place

    Deliver = Callable[[Message], object]
    AsyncDeliver = Callable[[Message], Awaitable[object]]

__all__ = ["AsyncRelay", "Relay", "arelay", "relay"]

T = TypeVar("T")

LOG = logging.getLogger("orderfsm.outbox")
SETTLE_AFTER = 1.0
"""After how many seconds of a round what is finished is settled, so that a crash costs no more."""

LONGEST_WAIT = 30.0
"""How many seconds a watching relay waits at most before it asks a database again that has failed."""


def relay(
    database: Engine | Callable[[], Session],
    orders: SqlStore | Lifecycle,
    deliver: Deliver,
    *,
    policy: Policy | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Report:
    """One round of a relay (see `Relay`), from the first order on."""
    return Relay(database, orders, deliver, policy=policy, clock=clock).once()


async def arelay(
    database: AsyncEngine | Callable[[], AsyncSession],
    orders: SqlStore | Lifecycle,
    deliver: AsyncDeliver,
    *,
    policy: Policy | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Report:
    """One round of an asynchronous relay (see `AsyncRelay`), from the first order on."""
    return await AsyncRelay(database, orders, deliver, policy=policy, clock=clock).once()


class _Base:
    """What both kinds of relay have: where they are in the outbox, and whether they are to stop."""

    def __init__(
        self,
        orders: SqlStore | Lifecycle,
        deliver: object,
        policy: Policy | None,
        clock: Callable[[], datetime] | None,
        random: Callable[[], float],
        concurrency: int,
    ) -> None:
        self.outbox = Outbox(orders)
        self.policy = policy or Policy()
        self.clock = clock_of(orders, clock)
        self.random = random
        self.concurrency = concurrency
        self._flush: Callable[[], object] | None = getattr(deliver, "flush", None)
        self._steady = self._flush is None or concurrency == 1  # else a flush would take in what is still under way
        self._stop = threading.Event()
        self._after: Place | None = None

    def stop(self) -> None:
        """End after the message that is being delivered; what was delivered is settled, the rest given back.

        May be called from another thread or from a signal's handler.
        """
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def _round(self) -> Round:
        return Round(self.outbox, self.policy, self.clock, self.random, self._stop.is_set, self._after)

    def _ended(self, round: Round) -> Report:
        self._after = round.after
        return round.report()

    def _wait(self, report: Report, poll: float) -> float:
        """How many seconds to wait after a round: none, as long as there may be more."""
        if report.deliveries or not report.complete:
            return 0.0
        if report.due_at is None:
            return poll
        return min(poll, max(0.0, (report.due_at - self.clock()).total_seconds()))


class Relay(_Base):
    """Delivers the messages of an outbox: to `deliver(message)`, which raises when a message was not taken.

    At least once: a message is settled after it was delivered, so that a relay that dies in between has it delivered
    again, with the same `message.id`. Any number of relays may run; the messages of an order are delivered in their
    order, by one relay at a time. `deliver` is called outside of any transaction. It may have a method `flush()`: then
    nothing is settled before that has returned. When it raises NotDelivered or anything else, the message is tried
    again by the policy; when it raises Undeliverable, never.

    `database` is an engine, or a function that makes sessions; transactions are short, and committed here. `orders` is
    the store or the lifecycle whose outbox it is. With `concurrency` above 1 so many orders are delivered at a time, in
    threads. Raises what the database raises.
    """

    def __init__(
        self,
        database: Engine | Callable[[], Session],
        orders: SqlStore | Lifecycle,
        deliver: Deliver,
        *,
        policy: Policy | None = None,
        clock: Callable[[], datetime] | None = None,
        random: Callable[[], float] = chance.random,
        concurrency: int = 1,
    ) -> None:
        super().__init__(orders, deliver, policy, clock, random, concurrency)
        self._sessions: Callable[[], Session] = partial(Session, database) if isinstance(database, Engine) else database
        self._deliver = deliver

    def once(self) -> Report:
        """One round: lease orders, deliver their messages, settle them; then the relay stands behind these orders."""
        round = self._round()
        if self._within(round.look, reading=True):
            self._within(round.lease)
            try:
                self._hand_out(round)
            finally:
                round.finish()
                self._settle(round)
        return self._ended(round)

    def watch(self, *, poll: float = 1.0) -> Iterator[Report]:
        """Rounds until `stop` is called; the reports of those that did anything. It waits `poll` seconds when idle.

        A database that fails is asked again, with pauses of up to half a minute, and a warning is logged.
        """
        failures = 0
        while not self._stop.is_set():
            try:
                report = self.once()
            except (DBAPIError, TimeoutError) as error:
                failures += 1
                self._stop.wait(_pause(failures, error))
                continue
            failures = 0
            if report.deliveries:
                yield report
            self._stop.wait(self._wait(report, poll))

    # --- a round

    def _hand_out(self, round: Round) -> None:
        settled = time.monotonic()
        for stream in self._finished(round):
            round.finished.append(stream)
            if self._steady and time.monotonic() - settled > SETTLE_AFTER:
                self._settle(round)
                settled = time.monotonic()

    def _finished(self, round: Round) -> Iterator[Stream]:
        """The streams, each when it has been handed out."""
        if self.concurrency == 1:
            for stream in round.streams:
                self._run(stream)
                yield stream
            return
        with ThreadPoolExecutor(self.concurrency, "relay") as pool, round.closing():
            futures = {pool.submit(self._run, stream): stream for stream in round.streams}
            for future in as_completed(futures):
                future.result()
                yield futures[future]

    def _run(self, stream: Stream) -> None:
        for message in stream.messages():
            with stream.attempt():
                self._deliver(message)

    def _settle(self, round: Round) -> None:
        if not round.finished:
            return
        if self._flush is not None:
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - whatever it raises, the messages have not arrived
                round.spoil(error)
        self._within(round.settle)

    def _within(self, step: Callable[[Connection], T], *, reading: bool = False) -> T:
        """One step in a transaction of its own."""
        with self._sessions() as session, session.begin():
            return step(self.outbox.begin(session, reading=reading))


class AsyncRelay(_Base):
    """The same for asyncio: `deliver(message)` is awaited, and up to `concurrency` orders are delivered at a time.

    `database` is an AsyncEngine, or a function that makes AsyncSessions. A task that is cancelled settles what was
    delivered and gives back the rest.
    """

    def __init__(
        self,
        database: AsyncEngine | Callable[[], AsyncSession],
        orders: SqlStore | Lifecycle,
        deliver: AsyncDeliver,
        *,
        policy: Policy | None = None,
        clock: Callable[[], datetime] | None = None,
        random: Callable[[], float] = chance.random,
        concurrency: int = 10,
    ) -> None:
        super().__init__(orders, deliver, policy, clock, random, concurrency)
        self._sessions: Callable[[], AsyncSession] = (
            partial(AsyncSession, database) if isinstance(database, AsyncEngine) else database
        )
        self._deliver = deliver

    async def once(self) -> Report:
        """One round: lease orders, deliver their messages, settle them; then the relay stands behind these orders."""
        round = self._round()
        if await self._within(round.look, reading=True):
            await self._within(round.lease)
            try:
                await self._hand_out(round)
            finally:
                round.finish()
                await self._settle(round)
        return self._ended(round)

    async def watch(self, *, poll: float = 1.0) -> AsyncIterator[Report]:
        """Rounds until `stop` is called or the task is cancelled; the reports of those that did anything."""
        failures = 0
        while not self._stop.is_set():
            try:
                report = await self.once()
            except (DBAPIError, TimeoutError) as error:
                failures += 1
                await asyncio.sleep(_pause(failures, error))
                continue
            failures = 0
            if report.deliveries:
                yield report
            await asyncio.sleep(self._wait(report, poll))

    async def _hand_out(self, round: Round) -> None:
        limit, settled = asyncio.Semaphore(self.concurrency), time.monotonic()
        tasks = [asyncio.create_task(self._run(stream, limit)) for stream in round.streams]
        try:
            for task in asyncio.as_completed(tasks):
                round.finished.append(await task)
                if self._steady and time.monotonic() - settled > SETTLE_AFTER:
                    await self._settle(round)
                    settled = time.monotonic()
        finally:
            for left in tasks:
                left.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, stream: Stream, limit: asyncio.Semaphore) -> Stream:
        async with limit:
            for message in stream.messages():
                with stream.attempt():
                    await self._deliver(message)
        return stream

    async def _settle(self, round: Round) -> None:
        if not round.finished:
            return
        if self._flush is not None:
            try:
                flushed = self._flush()
                if inspect.isawaitable(flushed):
                    await flushed
            except Exception as error:  # noqa: BLE001 - whatever it raises, the messages have not arrived
                round.spoil(error)
        await self._within(round.settle)

    async def _within(self, step: Callable[[Connection], T], *, reading: bool = False) -> T:
        def run(session: Session) -> T:
            return step(self.outbox.begin(session, reading=reading))

        async with self._sessions() as session, session.begin():
            return await session.run_sync(run)


def _pause(failures: int, error: SQLAlchemyError) -> float:
    """How long to leave a database alone that has failed so many times in a row."""
    LOG.warning("the relay's database failed, it is asked again: %s", type(getattr(error, "orig", error)).__name__)
    return min(LONGEST_WAIT, 0.5 * 2.0 ** min(failures, 10))
