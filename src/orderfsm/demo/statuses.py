"""A history in the shape of STAT's order status: where the order is, and every status that it had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.history import Entry

__all__ = ["moment", "statuses"]


def statuses(entries: Sequence[Entry]) -> dict[str, Any]:
    """`{"current": status, "history": [status, …]}`, oldest first; the last one is the current one, whatever its time.

    Codes are verbatim. `reason_code` and `reason_text` are null where there is none. Raises ValueError without entries.
    """
    if not entries:
        raise ValueError("an order without entries has no status; open it first")
    history = [_status(entry) for entry in entries]
    return {"current": history[-1], "history": history}


def _status(entry: Entry) -> dict[str, Any]:
    return {
        "timestamp": moment(entry.occurred_at),
        "status_code": entry.code,
        "reason_code": entry.reason.code if entry.reason else None,
        "reason_text": entry.reason.text if entry.reason else None,
        "links": [link.as_dict() for link in entry.links],
    }


def moment(time: datetime | None) -> str | None:
    """A moment in RFC 3339, in UTC with a Z."""
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
