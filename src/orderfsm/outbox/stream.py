"""The messages of one leased order, one after the other, and what became of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orderfsm.errors import NotDelivered, OrderFsmError, Undeliverable
from orderfsm.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from .message import Message
    from .policy import Policy
    from .table import Place, Taken

__all__ = ["Delivery", "Stream", "told"]

LONGEST = 500
"""How many characters of an error are kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one attempt: `delivered`, `retried` (not before `due_at`), `dead`, or `lost`.

    Lost means that the lease ran out and another relay took over before this attempt was written down: the message is
    delivered again. `error` says why it was not taken.
    """

    id: str
    action: str
    outcome: str
    attempt: int
    error: str | None = None
    due_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """The delivery as JSON takes it."""
        due_at = self.due_at and self.due_at.isoformat()
        told = {"id": self.id, "action": self.action, "outcome": self.outcome, "attempt": self.attempt}
        return told | {"error": self.error, "due_at": due_at}


class Stream:
    """What one lease took in: `rows`, the head first. Handing out goes on as long as `open()` says so."""

    def __init__(self, head: Place, attempts: int, rows: Sequence[Taken], open: Callable[[], bool]) -> None:
        self.head = head
        self.attempts = attempts
        self.rows = rows
        self._open = open
        self.delivered = 0
        self.error: Exception | None = None

    def messages(self) -> Iterator[Message]:
        """The messages, as long as each before was taken and there is time."""
        for row in self.rows:
            if self.error is not None or not self._open():
                return
            yield row.message

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one delivery: an error of it ends the stream. What is no Exception (an interrupt) is passed on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a receiver raises, the message was not taken
            self.error = error
        else:
            self.delivered += 1

    def spoil(self, error: Exception) -> None:
        """Nothing of what was handed out has arrived."""
        self.delivered, self.error = 0, error

    @property
    def tried(self) -> bool:
        """Whether anything was handed out."""
        return self.delivered > 0 or self.error is not None

    # --- what is written down

    def changes(self, policy: Policy, now: datetime, random: Callable[[], float]) -> dict[Place, dict[str, Any]]:
        """For each row that was tried, what became of it."""
        done = {row.place: {"attempts": self._count(row), "settled_at": now} for row in self.rows[: self.delivered]}
        if self.error is not None:
            done[self._failed.place] = self._failure(self.error, policy, now, random)
        return done

    def _failure(self, error: Exception, policy: Policy, now: datetime, random: Callable[[], float]) -> dict[str, Any]:
        attempts = self._count(self._failed)
        written: dict[str, Any] = {"attempts": attempts, "error": told(error)}
        if isinstance(error, Undeliverable) or attempts >= policy.attempts:
            return written | {"dead_at": now}
        wait = policy.wait(attempts, random)
        asked = error.after if isinstance(error, NotDelivered) else None
        return written | {"due_at": now + (wait if asked is None else max(wait, asked))}

    @property
    def _failed(self) -> Taken:
        return self.rows[self.delivered]

    def _count(self, row: Taken) -> int:
        """How often a row was tried; the head was counted when it was leased."""
        return row.attempts if row.place == self.head else row.attempts + 1

    def deliveries(self, changes: dict[Place, dict[str, Any]] | None) -> Iterator[Delivery]:
        """What became of each message that was tried; None when the lease was lost."""
        for row in self.rows[: self.delivered + (self.error is not None)]:
            written = (changes or {}).get(row.place, {})
            outcome = "lost" if changes is None else _outcome(written)
            yield Delivery(
                row.message.id,
                row.message.action,
                outcome,
                self._count(row),
                written.get("error"),
                written.get("due_at"),
            )


def _outcome(written: dict[str, Any]) -> str:
    if "settled_at" in written:
        return "delivered"
    return "dead" if "dead_at" in written else "retried"


def told(error: Exception) -> str:
    """An error as it is kept: one line of what can be shown anywhere, and not too long."""
    said = str(error) if isinstance(error, OrderFsmError) else f"{type(error).__name__}: {error}"
    return printable(said)[:LONGEST]
