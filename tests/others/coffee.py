"""The order service of CoffeeMesh, the example of a book about microservices.

Re-created, no code copied, from abunuwas/microservice-apis; no licence file is in the copy that was read:

- `ch07/oas.yaml`, commit 0e8ce6b: six words for the status, and operations to pay and to cancel;
- `ch07/orders/orders_service/orders.py`, commit 18072f4: what paying and cancelling ask of other services;
- `ch07/orders/web/api/api.py`, commit cfa6111, `ch13/orders/repository/orders_repository.py`, commit fc05d2b.

How the two operations write the status (`progress`, `cancelled`) was read in copies that readers of the book have
made. The services for payments and for the kitchen always say yes here, as the mock servers of the book do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orderfsm
from orderfsm.testing import Declined, Driver, Send, Shown

CHART = orderfsm.read(
    """
chart: coffee/order
version: "1"
title: An order of coffee
description: >-
  The six words are those of the API's description. It says which operations there are, not what may follow what; where
  an arrow rests on nothing but the meaning of the words it is inferred.
initial: created
states:
  created: {category: open}
  # `paid` is one of the six words, but paying an order shows it as `progress` at once: nothing leads to it.
  progress: {category: open, description: "Paid for, and the kitchen has it."}
  dispatched: {category: open}
  delivered: {category: done, final: true}        # that it is final is inferred
  cancelled: {category: cancelled, final: true}   # that it is final is inferred
events:
  pay: {from: created, to: progress, basis: documented, source: "oas.yaml: Processes payment for an order"}
  cancel:
    arrows:
      - {from: created, to: cancelled, basis: documented, source: "oas.yaml: Cancels an order"}
      - {from: progress, to: cancelled, basis: documented, source: "orders.py: the kitchen is asked to cancel"}
  # orders.py refuses to cancel an order in delivery; no operation brings one there, the repository's update does.
  dispatch: {from: progress, to: dispatched, basis: inferred}
  deliver: {from: dispatched, to: delivered, basis: inferred}
rules:
  - never cancelled after dispatched
"""
)


class InvalidAction(Exception):
    """An order in delivery is not cancelled."""


@dataclass
class Order:
    status: str = "created"
    items: list[str] = field(default_factory=lambda: ["a latte"])
    schedule: int | None = None


class Coffee:
    """Orders by id, and what the other services were asked to do."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.payments: list[int] = []
        self.scheduled: list[int] = []
        self.unscheduled: list[int | None] = []
        self._ids = count(1)

    def place(self) -> int:
        key = next(self._ids)
        self.orders[key] = Order()
        return key

    def pay(self, key: int) -> None:
        """POST /orders/{id}/pay: the payment, the kitchen, the status; the status before is not looked at."""
        self.payments.append(key)
        self.scheduled.append(key)
        self.update(key, status="progress", schedule=len(self.scheduled))

    def cancel(self, key: int) -> None:
        """POST /orders/{id}/cancel: what is in progress is taken from the kitchen; what is in "delivery" stays."""
        order = self.orders[key]
        if order.status == "delivery":
            raise InvalidAction(f"order {key} is in delivery")
        if order.status == "progress":
            self.unscheduled.append(order.schedule)
        self.update(key, status="cancelled")

    def update(self, key: int, **fields: Any) -> None:
        """The repository's: whatever it is given."""
        for name, value in fields.items():
            setattr(self.orders[key], name, value)


class Cups(Driver):
    """The service from outside. For what comes after `progress` it has no operation, only its repository's update."""

    def __init__(self) -> None:
        self.coffee = Coffee()

    def open(self, send: Send, *, key: str | None = None) -> int:
        if send.event != "open":
            raise Declined(detail="there is one way to begin")
        return self.coffee.place()

    def send(self, order: int, send: Send, *, key: str | None = None) -> None:
        try:
            match send.event:
                case "pay":
                    self.coffee.pay(order)
                case "cancel":
                    self.coffee.cancel(order)
                case "dispatch":
                    self._moved(order, "progress", "dispatched")
                case "deliver":
                    self._moved(order, "dispatched", "delivered")
                case other:
                    raise Declined(detail=f"404: no operation {other}")
        except InvalidAction as refused:
            raise Declined(detail=str(refused)) from None

    def _moved(self, order: int, before: str, after: str) -> None:
        """What the riders would do: they are careful, so that what is found is not theirs."""
        if self.coffee.orders[order].status != before:
            raise Declined(detail=f"the riders wait for {before}")
        self.coffee.update(order, status=after)

    def look(self, order: int) -> Shown:
        return Shown(self.coffee.orders[order].status)
