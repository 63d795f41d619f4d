"""A small order service written by hand, its chart, and classic mistakes that can be planted in it, one at a time.

It knows nothing of the library. The tests ask that each mistake is found, the benchmark how long that takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orderfsm
from orderfsm import Actor, Chart, Reason
from orderfsm.testing import Declined, Driver, Send, Shown

KIOSK_YAML = """
chart: tests/kiosk
version: "1"
initial: received
actors: {guest: Who eats., kitchen: Who cooks., system: The clock on the wall.}
reasons: {open: false, codes: {sold_out: Nothing is left., no_time: The guest cannot wait.}}
states:
  received: {category: open, after: {PT30M: lapse}}
  making:
    initial: accepted
    states:
      accepted: {category: open}
      cooking: {category: open}
      then: {history: deep, default: accepted}
  held: {category: suspended}
  served: {category: done, final: true}
  refused: {category: failed, final: true, reason: required}
  cancelled: {category: cancelled, final: true}
events:
  accept: {from: received, to: accepted, by: kitchen, when: payload.paid >= 5, payload: {paid: integer}}
  cook: {from: accepted, to: cooking, by: kitchen}
  serve: {from: cooking, to: served, by: kitchen}
  hold: {from: making, to: held, by: kitchen}
  resume: {from: held, to: then, by: kitchen}
  refuse: {from: [received, accepted], to: refused, by: kitchen}
  cancel: {from: [received, accepted, held], to: cancelled, by: guest}
  lapse: {from: received, to: cancelled, by: [kitchen, system]}
rules:
  - never served unless was accepted
  - never accepted after cancelled
  - eventually final
"""
KIOSK: Chart = orderfsm.read(KIOSK_YAML, filename="kiosk.yaml")

BUGS = {
    "no check": "serve asks for no state before it",
    "wrong target": "cook takes the order to accepted again",
    "no reason": "refuse takes an order without a reason",
    "boundary": "accept wants more than five",
    "anyone": "a guest may accept",
    "terminal": "what was cancelled can be accepted",
    "half written": "a refusal without a reason is refused after the state was set",
    "memory": "resume forgets that it was cooking",
    "double write": "a redelivered event is written twice",
    "keys mixed": "a key that was used answers for every event",
    "lost history": "hold is not written into the history",
    "no timer": "nobody lets a received order lapse",
    "early timer": "an order lapses after three minutes",
    "timer kept": "an order lapses although it was accepted",
    "all orders": "cancel cancels every order of the kiosk",
    "crash": "an event in the wrong state is a KeyError",
}
"""The mistakes that can be planted."""

STEPS = {
    "accept": ({"received": "accepted"}, "kitchen"),
    "cook": ({"accepted": "cooking"}, "kitchen"),
    "serve": ({"cooking": "served"}, "kitchen"),
    "hold": ({"accepted": "held", "cooking": "held"}, "kitchen"),
    "resume": ({"held": ""}, "kitchen"),
    "refuse": ({"received": "refused", "accepted": "refused"}, "kitchen"),
    "cancel": ({"received": "cancelled", "accepted": "cancelled", "held": "cancelled"}, "guest"),
}


class No(Exception):
    """The kiosk says no."""


@dataclass
class Meal:
    """An order, as the kiosk keeps it."""

    made: datetime
    state: str = "received"
    before: str = ""
    log: list[tuple[str, str]] = field(default_factory=lambda: [("open", "received")])
    done: dict[str, str] = field(default_factory=dict)


class Kiosk:
    """The service."""

    def __init__(self, bug: str = "") -> None:
        assert bug in ("", *BUGS), bug
        self.bug = bug
        self.meals: dict[int, Meal] = {}
        self.now = datetime.min

    def order(self) -> int:
        self.meals[len(self.meals) + 1] = Meal(self.now)
        return len(self.meals)

    def post(self, number: int, event: str, who: str, why: str | None, body: dict[str, Any], key: str | None) -> None:
        meal = self.meals[number]
        if key is not None and key in meal.done and self.bug != "double write":
            if meal.done[key] != event and self.bug != "keys mixed":
                raise No("this key was used for something else")
            return
        if key is not None and key in meal.done:
            meal.log.append((event, meal.state))
            return
        target = self.target(meal, event, who, why, body)
        meal.before = meal.state if event == "hold" else meal.before
        self.write(meal, event, target)
        if key is not None:
            meal.done[key] = event
        if event == "cancel" and self.bug == "all orders":
            for other in self.meals.values():
                other.state = "cancelled"

    def target(self, meal: Meal, event: str, who: str, why: str | None, body: dict[str, Any]) -> str:
        """The state that an event leads to; raises No."""
        if why not in (None, "sold_out", "no_time"):
            raise No("that is no reason")
        if event == "lapse":
            if meal.state != "received" or who not in ("kitchen", "system"):
                raise No("nothing lapses here")
            return "cancelled"
        ways, role = STEPS.get(event, ({}, ""))
        if meal.state not in ways and not self.lax(meal, event):
            if self.bug == "crash":
                raise KeyError(meal.state)
            raise No(f"{event} is not for a meal that is {meal.state}")
        if who != role and not (self.bug == "anyone" and event == "accept"):
            raise No(f"{event} is for the {role}")
        if event == "accept":
            self.pay(body)
        if event == "refuse" and self.bug != "no reason":
            self.excuse(meal, why)
        if event == "resume":
            return "accepted" if self.bug == "memory" else meal.before
        if event == "cook" and self.bug == "wrong target":
            return "accepted"
        return ways.get(meal.state, "served" if event == "serve" else "accepted")

    def lax(self, meal: Meal, event: str) -> bool:
        no_check = self.bug == "no check" and event == "serve" and meal.state in ("received", "accepted")
        return no_check or (self.bug == "terminal" and event == "accept" and meal.state == "cancelled")

    def pay(self, body: dict[str, Any]) -> None:
        paid = body.get("paid")
        if type(paid) is not int or paid < (6 if self.bug == "boundary" else 5):
            raise No("five, please")

    def excuse(self, meal: Meal, why: str | None) -> None:
        if why is None:
            if self.bug == "half written":
                meal.state = "refused"
            raise No("say why")

    def write(self, meal: Meal, event: str, target: str) -> None:
        meal.state = target
        if not (event == "hold" and self.bug == "lost history"):
            meal.log.append((event, target))

    def tick(self) -> None:
        """What a clock on the wall does: let orders lapse."""
        wait = timedelta(minutes=3 if self.bug == "early timer" else 30)
        states = ("received", "accepted") if self.bug == "timer kept" else ("received",)
        for meal in self.meals.values() if self.bug != "no timer" else ():
            if meal.state in states and self.now - meal.made >= wait:
                self.write(meal, "lapse", "cancelled")


class KioskDriver(Driver):
    """How the kit speaks to it."""

    keys = clock = timers = True

    def __init__(self, bug: str = "") -> None:
        self.bug = bug
        self.opened: dict[str | None, int] = {}
        self.begin()

    def begin(self) -> None:
        self.kiosk = Kiosk(self.bug)
        self.opened = {}

    def at(self, now: datetime) -> None:
        self.kiosk.now = now

    def arrange(self, order: int | None, send: Send) -> None:
        """Guards read the payload alone."""

    def open(self, send: Send, *, key: str | None = None) -> int:
        if send.event != "open" or (send.reason is not None and not known(send)):
            raise Declined
        if key is None or key not in self.opened:
            self.opened[key] = self.kiosk.order()
        return self.opened[key]

    def send(self, order: int, send: Send, *, key: str | None = None) -> None:
        who = send.actor.role if isinstance(send.actor, Actor) else send.actor
        why = send.reason.code or send.reason.text if isinstance(send.reason, Reason) else send.reason
        try:
            self.kiosk.post(order, send.event, who or "", why, dict(send.payload or {}), key)
        except No as no:
            raise Declined(detail=str(no)) from no

    def look(self, order: int) -> Shown:
        meal = self.kiosk.meals[order]
        return Shown(meal.state, [{"event": event, "after": after} for event, after in meal.log])

    def sweep(self) -> None:
        self.kiosk.tick()


def known(send: Send) -> bool:
    code = send.reason.code if isinstance(send.reason, Reason) else send.reason
    return code in ("sold_out", "no_time")
