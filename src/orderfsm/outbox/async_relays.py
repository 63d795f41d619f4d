"""The relay for asyncio."""

from __future__ import annotations

import asyncio
import inspect
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from . import rounds
from .policy import CHANCE
from .rounds import Rounds, pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel.store import SqlStore

    from .message import Message
    from .policy import Policy
    from .round import Report, Round
    from .stream import Stream

    AsyncDeliver = Callable[[Message], Awaitable[object]]
    AnyDeliver = AsyncDeliver | Callable[[Message], object]

__all__ = ["AsyncRelay", "arelay"]

T = TypeVar("T")


async def arelay(
    database: AsyncEngine | Callable[[], AsyncSession],
    orders: SqlStore | Lifecycle,
    deliver: AnyDeliver,
    *,
    policy: Policy | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Report:
    """One round of an asynchronous relay (see `AsyncRelay`), from the first order on."""
    return await AsyncRelay(database, orders, deliver, policy=policy, clock=clock).once()


class AsyncRelay(Rounds):
    """The same for asyncio: `deliver(message)` is awaited, and up to `concurrency` orders are delivered at a time.

    A `deliver` that is no coroutine function, such as a Webhook, is called in a thread.
    `database` is an AsyncEngine, or a function that makes AsyncSessions. A task that is cancelled settles what was
    delivered and gives back the rest.
    """

    def __init__(
        self,
        database: AsyncEngine | Callable[[], AsyncSession],
        orders: SqlStore | Lifecycle,
        deliver: AnyDeliver,
        *,
        policy: Policy | None = None,
        clock: Callable[[], datetime] | None = None,
        random: Callable[[], float] = CHANCE.random,
        concurrency: int = 10,
    ) -> None:
        super().__init__(orders, deliver, policy, clock, random, concurrency)
        self._sessions: Callable[[], AsyncSession] = (
            partial(AsyncSession, database) if isinstance(database, AsyncEngine) else database
        )
        self._deliver = _awaited(deliver)

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
                await asyncio.sleep(pause(failures, error))
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
                if self._steady and time.monotonic() - settled > rounds.SETTLE_AFTER:
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


def _awaited(deliver: AnyDeliver) -> AsyncDeliver:
    """The function to await for a message: a coroutine function itself; any other is called in a thread."""
    if inspect.iscoroutinefunction(deliver) or inspect.iscoroutinefunction(type(deliver).__call__):
        return cast("AsyncDeliver", deliver)

    async def called(message: Message) -> None:
        answer = await asyncio.to_thread(deliver, message)
        if inspect.isawaitable(answer):
            await answer

    return called
