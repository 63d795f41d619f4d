"""The relay: from the outbox to whoever wants the messages, at least once, each order's in their order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Session

from . import rounds
from .policy import CHANCE
from .rounds import Rounds, pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel.store import SqlStore

    from .message import Message
    from .policy import Policy
    from .round import Report, Round
    from .stream import Stream

    Deliver = Callable[[Message], object]

__all__ = ["Relay", "relay"]

T = TypeVar("T")


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


class Relay(Rounds):
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
        random: Callable[[], float] = CHANCE.random,
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
                self._stop.wait(pause(failures, error))
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
            if self._steady and time.monotonic() - settled > rounds.SETTLE_AFTER:
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
