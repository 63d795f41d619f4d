"""A history in the shape of STAT's order status: where the order is, and every status that it had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orderfsm.history import effective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.history import Effective, Entry

__all__ = ["moment", "statuses"]


def statuses(entries: Sequence[Entry]) -> dict[str, Any]:
    """`{"current": status, "history": [status, …]}`, oldest first; the last one is the current one, whatever its time.

    Codes are verbatim. `reason_code` and `reason_text` are null where there is none. Where a history was corrected,
    every entry stays: `voided_by` and `superseded_by` name the later entry (its place, from 1) that says that this one
    does not count or restates it, as it is shown then; `corrects` names the entry that a correction is about. The
    current status is the last one that counts. Raises ValueError without entries.
    """
    if not entries:
        raise ValueError("an order without entries has no status; open it first")
    found = effective(entries)
    current = next(each for each in reversed(found) if each.counts)
    return {"current": _status(current), "history": [_status(each) for each in found]}


def _status(found: Effective) -> dict[str, Any]:
    entry = found.entry
    marks = {"corrects": entry.corrects, "voided_by": found.voided_by, "superseded_by": found.superseded_by}
    return {
        "timestamp": moment(entry.occurred_at),
        "status_code": entry.code,
        "reason_code": entry.reason.code if entry.reason else None,
        "reason_text": entry.reason.text if entry.reason else None,
        "links": [link.as_dict() for link in entry.links],
    } | {name: sequence for name, sequence in marks.items() if sequence is not None}


def moment(time: datetime | None) -> str | None:
    """A moment in RFC 3339, in UTC with a Z."""
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
