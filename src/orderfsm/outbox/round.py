"""One round of a relay, step by step, whoever runs it: look, lease, (deliver), settle. Each step is a transaction."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .stream import Delivery, Stream
from .table import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from .policy import Policy
    from .table import Head, Outbox, Place, Taken

__all__ = ["Report", "Round"]

GONE = "its history entry is gone"
NEVER_SETTLED = "taken again and again, and never settled: each time the relay ended, or took longer than its lease"


@dataclass(frozen=True, slots=True)
class Report:
    """What one round did: a Delivery for each message that was tried, order by order.

    `due_at` is when the next of those orders that were looked at and could not be taken may be; `complete` says that
    there was none behind those that were looked at.
    """

    deliveries: tuple[Delivery, ...] = ()
    due_at: datetime | None = None
    complete: bool = True

    def count(self, outcome: str) -> int:
        """How many deliveries had this outcome."""
        return sum(each.outcome == outcome for each in self.deliveries)

    @property
    def delivered(self) -> int:
        """How many messages were delivered and settled."""
        return self.count("delivered")

    @property
    def retried(self) -> int:
        """How many were not taken and wait for their next attempt."""
        return self.count("retried")

    @property
    def dead(self) -> int:
        """How many became dead letters."""
        return self.count("dead")

    @property
    def lost(self) -> int:
        """How many were handed out under a lease that ran out before they were settled."""
        return self.count("lost")

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        counts = {name: self.count(name) for name in ("delivered", "retried", "dead", "lost")}
        return counts | {"messages": [each.as_dict() for each in self.deliveries]}


@dataclass
class Round:
    """One pass of one relay over at most `policy.orders` orders, from the one after `after` on."""

    outbox: Outbox
    policy: Policy
    clock: Callable[[], datetime]
    random: Callable[[], float]
    stopped: Callable[[], bool]
    after: Place | None = None
    streams: list[Stream] = field(default_factory=list)
    finished: list[Stream] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    due_at: datetime | None = None

    def __post_init__(self) -> None:
        self.token = uuid.uuid4().hex
        self.wanted: list[Place] = []
        self.until: datetime | None = None
        self.closed = False
        self._settled: set[Stream] = set()

    # --- look

    def look(self, connection: Connection) -> bool:
        """Pick the orders to lease; whether there are any. `after` becomes where the next round goes on."""
        now = self.clock()
        heads = self.outbox.heads(connection, self.after, passing=self.policy.dead == "pass")
        self.after = heads[-1].key if len(heads) == STEPS else None
        for head in heads:
            if self._free(head, now):
                self.wanted.append(head.place)
                if len(self.wanted) == self.policy.orders:
                    self.after = head.key
                    break
        return bool(self.wanted)

    def _free(self, head: Head, now: datetime) -> bool:
        if head.dead_at is not None or self.policy.chart not in (None, head.chart):
            return False
        if head.due_at is None or head.due_at <= now:
            return True
        self.due_at = min(head.due_at, self.due_at or head.due_at)
        return False

    # --- lease

    def lease(self, connection: Connection) -> None:
        """Lease what is still to be had, and read the messages; what cannot be delivered any more is dead."""
        now, lease = self.clock(), self.policy.lease
        self.until = now + lease / 2
        taken = self.outbox.lease(connection, self.wanted, self.token, now, now + lease)
        spent = [head for head, attempts in taken.items() if attempts > self.policy.attempts]
        rest = [head for head in taken if head not in set(spent)]
        rows = self.outbox.behind(connection, rest, self.policy.batch) if rest else iter(())
        for _, found in groupby(rows, key=lambda row: row.place[:-2]):
            self._begin(taken, list(found), now)
        begun = {stream.head for stream in self.streams}
        gone = [head for head in rest if head not in begun]
        self._give_up(connection, taken, spent, NEVER_SETTLED, now)
        self._give_up(connection, taken, gone, GONE, now)

    def _begin(self, taken: dict[Place, int], found: list[Taken], now: datetime) -> None:
        head = found[0]
        if head.place in taken:
            rows = list(self._consecutive(found, taken[head.place], now))
            self.streams.append(Stream(head.place, taken[head.place], rows, self._open))

    def _consecutive(self, found: Sequence[Taken], attempts: int, now: datetime) -> Iterator[Taken]:
        """The head and what may be sent with it: nothing, when it was tried before, so that it alone is to blame."""
        yield found[0]
        for row in found[1:] if attempts == 1 else ():
            if row.dead_at is not None and self.policy.dead == "pass":
                continue
            if row.dead_at is not None or row.attempts or (row.due_at is not None and row.due_at > now):
                return
            yield row

    def _give_up(
        self, connection: Connection, taken: dict[Place, int], heads: list[Place], why: str, now: datetime
    ) -> None:
        changes = {head: {"attempts": taken[head] - 1, "error": why, "dead_at": now} for head in heads}
        self.outbox.settle(connection, changes)
        self.deliveries += [Delivery(self.outbox.id(head), "", "dead", taken[head] - 1, why) for head in heads]

    def _open(self) -> bool:
        """Whether there is still time to hand something out."""
        if self.closed or self.stopped():
            return False
        return self.until is not None and self.clock() < self.until

    @contextmanager
    def closing(self) -> Iterator[None]:
        """When the block is left, nothing more is handed out."""
        try:
            yield
        finally:
            self.closed = True

    # --- settle

    def settle(self, connection: Connection) -> None:
        """Write down what became of the streams that are finished, as far as their leases are still ours."""
        finished, self.finished = self.finished, []
        self._settled.update(finished)
        held = self.outbox.held(connection, [stream.head for stream in finished], self.token)
        now, changes = self.clock(), dict[Any, Any]()
        for stream in finished:
            written = stream.changes(self.policy, now, self.random) if stream.head in held else None
            changes |= written or {}
            self.deliveries += stream.deliveries(written)
        untried = [stream.head for stream in finished if not stream.tried and stream.head in held]
        self.outbox.settle(connection, changes)
        self.outbox.release(connection, untried)

    def finish(self) -> None:
        """Take in the streams that are not finished, or were not begun: what was delivered counts."""
        self.finished = [stream for stream in self.streams if stream not in self._settled]

    def spoil(self, error: Exception) -> None:
        """What was handed out and not settled has not arrived after all."""
        for stream in self.finished:
            if stream.tried:
                stream.spoil(error)

    def report(self) -> Report:
        """What was done so far."""
        return Report(tuple(self.deliveries), self.due_at, self.after is None)
