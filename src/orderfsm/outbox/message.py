"""What a receiver gets: an action, with the history entry that emitted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.history import Entry

__all__ = ["Message", "message_id"]


@dataclass(frozen=True, slots=True)
class Message:
    """One emitted action. `order` is the order's key (a tuple when it has several columns), `attempt` counts from 1.

    `position` is the action's place among those of its entry, from 1.
    """

    order: Any
    position: int
    action: str
    entry: Entry
    attempt: int = 1

    @property
    def id(self) -> str:
        """`order:sequence:position`, the same at every attempt: by it a receiver knows what it has had before."""
        return message_id(self.order, self.entry.sequence, self.position)

    @property
    def subject(self) -> str:
        """The order's key as it is in the id; the parts of a key of several columns are joined by commas."""
        return _text(self.order)

    def as_dict(self) -> dict[str, Any]:
        """The message as JSON takes it."""
        return {
            "id": self.id,
            "order": _plain(self.order),
            "action": self.action,
            "position": self.position,
            "entry": self.entry.as_dict(),
        }


def _plain(order: Any) -> Any:
    """A key as JSON takes it: numbers stay numbers, everything else is a text."""
    if isinstance(order, tuple):
        return [_plain(part) for part in order]
    return order if isinstance(order, int) else str(order)


def message_id(order: Any, sequence: int, position: int) -> str:
    """The id of the message in that row."""
    return f"{_text(order)}:{sequence}:{position}"


def _text(order: Any) -> str:
    """A key as a text; what would be taken for a separator is written as in a URL, the dot of a signature included."""
    parts: Sequence[Any] = order if isinstance(order, tuple) else (order,)
    return ",".join(quote(str(part), safe="").replace(".", "%2E") for part in parts)
