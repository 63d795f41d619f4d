"""What both kinds of relay have: where they are in the outbox, whether they are to stop, how long they wait."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from .policy import Policy
from .round import Report, Round
from .table import Outbox, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.exc import SQLAlchemyError

    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel.store import SqlStore

    from .table import Place

__all__ = ["SETTLE_AFTER", "Rounds", "pause"]

LOG = logging.getLogger("orderfsm.outbox")
SETTLE_AFTER = 1.0
"""After how many seconds of a round what is finished is settled, so that a crash costs no more."""

LONGEST_WAIT = 30.0
"""How many seconds a watching relay waits at most before it asks a database again that has failed."""


class Rounds:
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


def pause(failures: int, error: SQLAlchemyError) -> float:
    """How long to leave a database alone that has failed so many times in a row."""
    LOG.warning("the relay's database failed, it is asked again: %s", type(getattr(error, "orig", error)).__name__)
    return min(LONGEST_WAIT, 0.5 * 2.0 ** min(failures, 10))
