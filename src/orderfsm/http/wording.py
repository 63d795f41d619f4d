"""Errors in words that may go to a client: nothing that was sent comes back, nothing of the tables is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orderfsm.errors import Refused

if TYPE_CHECKING:
    from orderfsm.errors import Blocker, OrderFsmError

__all__ = ["MESSAGES", "blocker_as_dict", "worded", "worded_blocker"]

MESSAGES = {
    "conflict": "somebody else has moved the order on; read it again and decide again",
    "key-reused": "the idempotency key was used for another request; a new request needs a new key",
    "not-opened": "the order was not opened yet, or it was opened before; read it again",
    "stored-state-unknown": "the order is in a state that its chart does not have; its operator has to look",
    "refused-by-database": "the database does not take this entry; nothing was written",
    "in-doubt": "it is not known whether it was written; send it again with its idempotency key, or read the order",
}
"""What is said of errors whose own messages name tables, keys or statements."""

BLOCKERS = {
    "unknown-event": "the chart has no such event; ask which are allowed",
    "reason-unknown": "the code is not a reason for this event; use one that is allowed",
    "guard-failed": "a guard of the event cannot be asked, of this order or of what was sent",
    "missing-guard": "a guard of the event cannot be asked: its operator has to look",
    "ambiguous": "several events lead to what was seen; send one of them",
}
"""The same for blockers whose own messages repeat what was sent."""

SENT = frozenset({"actor", "event", "reason", "seen", "state"})
"""Parameters of blockers that repeat what was sent."""

LONGEST = 200
"""How many characters of an operand are told."""


def worded(error: OrderFsmError) -> str:
    """What an error says to a client."""
    if isinstance(error, Refused):
        said = "; ".join(worded_blocker(blocker) for blocker in error.blockers)
        return said or "the event is refused"
    return MESSAGES.get(error.code, str(error))


def worded_blocker(blocker: Blocker) -> str:
    """What a blocker says to a client: operands of the payload that was sent are not repeated."""
    operands = blocker.parameters.get("operands", {})
    if any(_of_payload(name) for name in operands):
        return f"`{blocker.parameters['guard']}` does not hold"
    return BLOCKERS.get(blocker.code, blocker.message)


def blocker_as_dict(blocker: Blocker) -> dict[str, Any]:
    """A blocker as JSON takes it: code, detail, and parameters such as `allowed` or `operands`."""
    parameters = {name: _told(value) for name, value in blocker.parameters.items() if name not in SENT}
    return {"code": blocker.code, "detail": worded_blocker(blocker), "parameters": parameters}


def _told(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _told(each) for name, each in value.items() if not _of_payload(str(name))}
    if isinstance(value, list | tuple | set | frozenset):
        return [_told(each) for each in value]
    plain = value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    return value[:LONGEST] if isinstance(value, str) else value if plain else str(value)[:LONGEST]


def _of_payload(name: str) -> bool:
    return name.partition(".")[0].partition("[")[0] == "payload"
