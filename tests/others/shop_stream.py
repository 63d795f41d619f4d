"""The order of ShopStream, the example shop of the Protean framework: event-sourced, with a state machine of its own.

Re-created, no code copied, from proteanhq/shopstream; no licence file is in the copy that was read (the framework is
BSD-3-Clause):

- `docs/ordering/README.md`, commit 49513164: the fourteen statuses, the arrows, "Every transition is guarded by
  _VALID_TRANSITIONS", "Items can only be added, removed, or updated in CREATED state";
- `docs/ordering/scenarios/order-fulfillment.md`, commit 49513164: "you cannot ship an order that hasn't been
  processed", and further down "current status must be PAID, PROCESSING, or PARTIALLY_SHIPPED";
- `src/ordering/order/order.py`, commit ee1524a: what the order really checks;
- `src/ordering/order/cancellation.py`, commit 46de7ae: a cancellation has to have a reason.
"""

from __future__ import annotations

from itertools import count

import orderfsm
from orderfsm import Reason
from orderfsm.testing import Declined, Driver, Send, Shown

CHART = orderfsm.read(
    """
chart: shop_stream/order
version: "0.1.0"
title: An order of ShopStream
description: The arrows are those of the diagram in docs/ordering/README.md, and stated there unless it says otherwise.
initial: Created
spelling: "[A-Z][a-z]+(_[A-Z][a-z]+)*"
states:
  Created: {category: open}
  Confirmed: {category: open}
  Payment_Pending: {category: waiting}
  Paid: {category: open}
  Processing: {category: open}
  Partially_Shipped: {category: open}
  Shipped: {category: open}
  Delivered: {category: open}
  Completed: {category: done, final: true}
  Return_Requested: {category: open}
  Return_Approved: {category: open}
  Returned: {category: open}
  Cancelled: {category: cancelled}
  Refunded: {category: cancelled, final: true}
events:
  confirm: {from: Created, to: Confirmed}
  payment_pending: {from: Confirmed, to: Payment_Pending}
  payment_succeeded: {from: Payment_Pending, to: Paid}
  payment_failed: {from: Payment_Pending, to: Confirmed}
  process: {from: Paid, to: Processing}
  ship: {from: [Processing, Partially_Shipped], to: Shipped}
  ship_part: {from: Processing, to: Partially_Shipped}
  deliver: {from: Shipped, to: Delivered}
  complete: {from: Delivered, to: Completed}
  request_return: {from: Delivered, to: Return_Requested}
  approve_return: {from: Return_Requested, to: Return_Approved}
  receive_return: {from: Return_Approved, to: Returned}
  # the reason is documented: the command has the field, and it is required
  cancel: {from: [Created, Confirmed, Payment_Pending, Paid], to: Cancelled, reason: required}
  refund: {from: [Returned, Cancelled], to: Refunded}
  # "Items can only be added, removed, or updated in CREATED state": the order stays where it is
  add_item: {from: Created}
  remove_item: {from: Created}
  apply_coupon: {from: Created}
rules:
  - never Shipped unless was Processing
  - never Paid unless was Payment_Pending
  - never Cancelled after Processing
"""
)

NEXT = {
    "Created": {"Confirmed", "Cancelled"},
    "Confirmed": {"Payment_Pending", "Cancelled"},
    "Payment_Pending": {"Paid", "Confirmed", "Cancelled"},
    "Paid": {"Processing", "Cancelled"},
    "Processing": {"Shipped", "Partially_Shipped"},
    "Partially_Shipped": {"Shipped"},
    "Shipped": {"Delivered"},
    "Delivered": {"Completed", "Return_Requested"},
    "Return_Requested": {"Return_Approved"},
    "Return_Approved": {"Returned"},
    "Returned": {"Refunded"},
    "Cancelled": {"Refunded"},
}
"""Which status may follow which: the table that the order asks, by the status wanted alone."""

BY_TABLE = {
    "confirm": "Confirmed",
    "payment_pending": "Payment_Pending",
    "payment_succeeded": "Paid",
    "payment_failed": "Confirmed",
    "process": "Processing",
    "deliver": "Delivered",
    "complete": "Completed",
    "request_return": "Return_Requested",
    "approve_return": "Return_Approved",
    "receive_return": "Returned",
}
"""Commands that ask the table whether their status may follow."""

BY_LIST = {
    "ship": ({"Paid", "Processing", "Partially_Shipped"}, "Shipped"),
    "ship_part": ({"Processing"}, "Partially_Shipped"),
    "cancel": ({"Created", "Confirmed", "Payment_Pending", "Paid"}, "Cancelled"),
    "refund": ({"Cancelled", "Returned"}, "Refunded"),
    "remove_item": ({"Created"}, None),
    "apply_coupon": ({"Created"}, None),
}
"""Commands that have a list of their own; None: the status stays."""

AS_CONFIRMED = frozenset({"add_item"})
"""Commands that ask the table for Confirmed, though they leave the status: what may be confirmed may be changed."""


class Invalid(Exception):
    """The command is not possible."""


class Order:
    """Events, of which the status is what the last one has left."""

    def __init__(self) -> None:
        self.events: list[dict[str, str | None]] = [{"event": "open", "after": "Created", "reason": None}]

    @property
    def status(self) -> str:
        return str(self.events[-1]["after"])

    def command(self, name: str, reason: str | None = None) -> None:
        if name == "cancel" and not reason:
            raise Invalid("reason: is required")
        self.events.append({"event": name, "after": self._after(name), "reason": reason})

    def _after(self, name: str) -> str:
        if name in AS_CONFIRMED:
            self._asked("Confirmed")
            return self.status
        if name in BY_TABLE:
            return self._asked(BY_TABLE[name])
        if name not in BY_LIST:
            raise Invalid(f"no command {name}")
        allowed, after = BY_LIST[name]
        if self.status not in allowed:
            raise Invalid(f"{name}: the order is {self.status}")
        return after or self.status

    def _asked(self, wanted: str) -> str:
        if wanted not in NEXT.get(self.status, set()):
            raise Invalid(f"cannot go from {self.status} to {wanted}")
        return wanted


class Shop(Driver):
    """The commands of the order, as the API's endpoints call them."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self._ids = count(1)

    def open(self, send: Send, *, key: str | None = None) -> int:
        if send.event != "open":
            raise Declined(detail="there is one way to begin")
        order = next(self._ids)
        self.orders[order] = Order()
        return order

    def send(self, order: int, send: Send, *, key: str | None = None) -> None:
        reason = send.reason.code or send.reason.text if isinstance(send.reason, Reason) else send.reason
        try:
            self.orders[order].command(send.event, reason)
        except Invalid as refused:
            raise Declined(detail=str(refused)) from None

    def look(self, order: int) -> Shown:
        found = self.orders[order]
        return Shown(found.status, found.events)
