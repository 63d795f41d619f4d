"""The in-memory backend that stapi-fastapi is tested with: the reference server of STAPI.

Re-created, no code copied, from stapi-spec/pystapi, MIT:

- `stapi-fastapi/tests/shared.py`, commit 0c9e8d6, the database in memory: orders by id, and lists of statuses by id;
- `stapi-fastapi/tests/backends.py`, commit c2a57e3, how an order is created, shown, and its statuses are listed.

No endpoint moves an order (one did, and was removed before release 0.5.0); a provider's code puts a status into the
database, and nothing else looks at it. The chart that it claims to follow is the shipped one, `stapi/order`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import count

import orderfsm
from orderfsm import Reason
from orderfsm.testing import Declined, Driver, Send, Shown

_SHIPPED = orderfsm.load("stapi/order")
_ANYBODYS = tuple(replace(arrow, by=()) for arrow in _SHIPPED.transitions)
CHART = replace(_SHIPPED, transitions=_ANYBODYS, actors={}, scenarios=())
"""The shipped chart without who may ask: the backend is not told, so that would be found of every single event."""

CODES = frozenset(
    [
        "received",
        "accepted",
        "rejected",
        "completed",
        "cancelled",
        "scheduled",
        "held",
        "processing",
        "reserved",
        "tasked",
        "user_cancelled",
        "expired",
        "failed",
    ]
)
"""A closed enumeration: another word is refused by the model before it comes to the backend."""


class UnknownCode(ValueError):
    """No such status code."""


class InMemory:
    """Orders, each with the status it was created with, and beside them a list of statuses for each."""

    def __init__(self) -> None:
        self._orders: dict[str, str] = {}
        self._statuses: dict[str, list[dict[str, str]]] = defaultdict(list)
        self._ids = count(1)

    def create(self) -> str:
        """POST /products/{productId}/orders."""
        order = str(next(self._ids))
        self._orders[order] = "received"
        self.put(order, "received")
        return order

    def put(self, order: str, code: str, reason: str | None = None) -> None:
        """What a provider calls: one more status in the list. The order itself is left as it was."""
        if code not in CODES:
            raise UnknownCode(code)
        self._statuses[order].append({"code": code, **({"reason": reason} if reason else {})})

    def shown(self, order: str) -> str | None:
        """GET /orders/{orderId}: the status on the order."""
        return self._orders.get(order)

    def listed(self, order: str) -> list[dict[str, str]] | None:
        """GET /orders/{orderId}/statuses, all pages of it."""
        return self._statuses.get(order)


TOLD = {
    "require_customer_action": "reserved",
    "accept": "accepted",
    "reject": "rejected",
    "schedule": "scheduled",
    "task": "tasked",
    "process": "processing",
    "replan": "scheduled",
    "complete": "completed",
    "cancel": "cancelled",
    "user_cancel": "user_cancelled",
    "withdraw": "cancelled",
    "fail": "failed",
    "expire": "expired",
    "hold": "held",
}
"""The status that a provider puts for each event of the chart; `resume` goes back to the one before `held`."""


class Orders(Driver):
    """The order as GET /orders/{orderId} shows it, and the statuses beside it."""

    def __init__(self) -> None:
        self.memory = InMemory()

    def open(self, send: Send, *, key: str | None = None) -> str:
        if send.event != "open":
            raise Declined(detail="there is one way to begin")
        return self.memory.create()

    def send(self, order: str, send: Send, *, key: str | None = None) -> None:
        reason = send.reason.code or send.reason.text if isinstance(send.reason, Reason) else send.reason
        try:
            self.memory.put(order, self._code(order, send.event), reason)
        except UnknownCode as unknown:
            raise Declined(detail=f"no status code {unknown}") from None

    def _code(self, order: str, event: str) -> str:
        """What a provider would tell; an event that is not the chart's is told as it is."""
        if event == "resume":
            earlier = [each["code"] for each in self.memory.listed(order) or () if each["code"] != "held"]
            return earlier[-1]
        return TOLD.get(event, event)

    def look(self, order: str) -> Shown:
        return Shown(self.memory.shown(order), self.memory.listed(order))


class Statuses(Orders):
    """The last of the listed statuses taken for where the order is."""

    def look(self, order: str) -> Shown:
        listed = self.memory.listed(order) or []
        return Shown(listed[-1]["code"], listed)
