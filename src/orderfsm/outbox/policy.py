"""How often a message is tried, how long an order is leased, what a dead letter does to the messages behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHANCE", "Policy"]

CHANCE = SystemRandom()
"""It has no state that a fork would share, and leaves the one of `random` to those who count on it, such as tests."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a relay goes by. All relays of an outbox should go by the same.

    A message that is not taken is tried again after `first`, then after twice as long each time, up to `longest`; of
    that, up to the share `jitter` is taken off at random. After `attempts` it is a dead letter. Then, with
    `dead="hold"`, the rest of its order waits until somebody revives or dismisses it; with `dead="pass"` the rest goes
    on without it.

    An order is leased for `lease`; in the first half of it, messages are handed out. So a single delivery has to end
    within the other half, or another relay begins again with what was not settled. A lease takes in the messages of
    `batch` consecutive entries; a relay leases up to `orders` at a time. `chart`, a name, leaves the orders of other
    charts in the same tables to others.
    """

    attempts: int = 20
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(hours=1)
    jitter: float = 0.5
    dead: Literal["hold", "pass"] = "hold"
    lease: timedelta = timedelta(seconds=60)
    orders: int = 50
    batch: int = 50
    chart: str | None = None

    def __post_init__(self) -> None:
        if min(self.attempts, self.orders, self.batch) < 1 or self.lease <= timedelta(0):
            raise ValueError("attempts, orders, batch and lease are at least 1")
        if not 0 <= self.jitter <= 1 or self.dead not in ("hold", "pass"):
            raise ValueError("jitter is a share from 0 to 1; dead is 'hold' or 'pass'")

    def wait(self, attempts: int, random: Callable[[], float]) -> timedelta:
        """How long to wait after so many failed attempts; `random` gives a number from 0 to 1."""
        doubled = self.first * 2.0 ** min(attempts - 1, 20)
        return min(doubled, self.longest) * (1 - self.jitter * random())
