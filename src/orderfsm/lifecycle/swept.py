"""What became of a due timer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orderfsm.errors import OrderFsmError

if TYPE_CHECKING:
    from datetime import datetime

    from orderfsm.history import Entry
    from orderfsm.sqlmodel.pending import Due

__all__ = ["Swept", "code_of", "swept"]


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of one due timer of the order with this key.

    `outcome` is `sent` (then `entry` is what was written), `refused` (the event may not happen now: the timer is
    spent), `dropped` (its state was left behind the timer's back, or the chart has no such timer any more: removed) or
    `failed` (neither yes nor no: it is tried again later). `error` says why.
    """

    order: Any
    state: str
    event: str
    sequence: int
    due_at: datetime | None
    outcome: str
    entry: Entry | None = None
    error: Exception | None = None

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON takes it."""
        error = self.error
        return {
            "order": list(self.order) if isinstance(self.order, tuple) else self.order,
            "state": self.state or None,
            "event": self.event,
            "sequence": self.sequence,
            "due_at": self.due_at and self.due_at.isoformat(),
            "outcome": self.outcome,
            "entry": self.entry and self.entry.sequence,
            "after": self.entry and self.entry.after,
            "error": error and {"code": code_of(error), "message": str(error)},
        }


def swept(key: tuple[Any, ...], due: Due, outcome: str, **more: Any) -> Swept:
    """The verdict on a timer of the order with this key."""
    timer = due.timer
    order = key[0] if len(key) == 1 else key
    return Swept(order, timer.state, timer.event, timer.sequence, timer.due_at, outcome, **more)


def code_of(error: Exception) -> str:
    """The stable code of an error of ours, the class of any other."""
    return error.code if isinstance(error, OrderFsmError) else type(error).__name__
