"""Drivers: how the kit speaks to the system under test, whatever it is written in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import SkipTest

from orderfsm.history import Actor
from orderfsm.timers import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from orderfsm.history import Recorded

    from .send import Send

__all__ = ["Declined", "Driver", "Shown", "Unsent"]


class Declined(Exception):
    """The system under test refuses what was sent; `code` is what it calls the reason, empty where it tells none.

    A code is compared with that of the chart's refusal (`not-enabled`, `reason-needed`, …); leave it empty where the
    system has words of its own, and put those into `detail`.
    """

    def __init__(self, code: str = "", detail: str = "") -> None:
        super().__init__(": ".join(each for each in (code, detail) if each) or "no reason was told")
        self.code = code
        self.detail = detail


class Unsent(SkipTest):
    """A driver cannot send this, or cannot bring about what guards should read: the test is skipped, not failed."""


class Shown(NamedTuple):
    """What a system shows of an order.

    `configuration` may be the public code where the system shows no more, and an alias of it; None where there is no
    such order. `entries` is its history, oldest first: entries of the library, objects or mappings with `after` and
    whatever else they tell of `before`, `event`, `actor` and `reason`, or just codes; None where none is kept.
    """

    configuration: str | None
    entries: Sequence[Recorded | Mapping[str, Any] | str] | None = None
    revision: int | None = None


class Driver:
    """The system under test. A subclass says how an order is opened, how an event is sent, and what is shown of it.

    What the system refuses is raised, as `orderfsm.Refused` or `Declined`. Any other exception is a fault of the
    system, and fails the test.
    """

    roles: bool = True
    """Whether the system asks who sends. Without it the chart does not ask either."""

    keys: bool = False
    """Whether a request may be sent again under the same idempotency key, and is then carried out once."""

    clock: bool = False
    """Whether `at` sets the system's time. Without it guards that ask for the time are passed over."""

    timers: bool = False
    """Whether `sweep` sends what timers have made due."""

    sweeper: Actor | str = SYSTEM
    """Who sends what timers have made due."""

    def begin(self) -> None:
        """A life of orders begins: before each example. Earlier orders may stay where they are."""

    def end(self) -> None:
        """It has ended, well or not."""

    def at(self, now: datetime) -> None:
        """Set the system's time, in UTC; it is never earlier than the last one between `begin` and `end`."""
        raise NotImplementedError(f"{type(self).__name__} says that it has a clock; write at(self, now)")

    def worded(self, order: Any, send: Send) -> Send:
        """The send as the system can be told it: without what it has no field for, by an account that it knows.

        The chart judges what is returned. By default it is all told, but for the actor where there are no `roles`.
        """
        return send if self.roles else replace(send, actor=None)

    def arrange(self, order: Any, send: Send) -> None:
        """Let the system's guards read `send.facts`, and answer `send.guards`; `order` is None before it is opened.

        Raises Unsent when that cannot be done.
        """
        if send.facts or send.guards:
            asked = ", ".join([*(send.facts or ()), *send.guards])
            raise Unsent(
                f"guards of {send.event} ask for {asked}; write arrange(self, order, send), which puts it where "
                f"your system reads it"
            )

    def open(self, send: Send, *, key: str | None = None) -> Any:
        """Open an order; what the system calls it, which `send` and `look` are given."""
        raise NotImplementedError(f"write open(self, send, *, key=None) of {type(self).__name__}")

    def send(self, order: Any, send: Send, *, key: str | None = None) -> None:
        """Send an event to an order."""
        raise NotImplementedError(f"write send(self, order, send, *, key=None) of {type(self).__name__}")

    def look(self, order: Any) -> Shown:
        """What is shown of an order, to somebody who asks anew."""
        raise NotImplementedError(f"write look(self, order) of {type(self).__name__}")

    def sweep(self) -> None:
        """Send what timers have made due, of all orders."""
        raise NotImplementedError(f"{type(self).__name__} says that it has timers; write sweep(self)")
