"""What is asked of the kit, verified, and what stands for what it cannot ask of a system."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from orderfsm import compile

from .driver import Driver, Unsent
from .send import Attempt

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from orderfsm import Chart

    from .send import Send

__all__ = ["expect_driver", "lost", "named", "new_keys", "refused", "untold"]


def named(own_refusals: Collection[str], chart: Chart) -> tuple[str, ...]:
    """The events that a system may refuse for reasons of its own; a text names one.

    Raises ValueError for one that the chart does not have.
    """
    own = (own_refusals,) if isinstance(own_refusals, str) else tuple(own_refusals)
    if not own:
        return own
    table = compile(chart)
    events = dict.fromkeys((*table.starts, *(event for row in table.rows.values() for event in row)))
    if strange := sorted(set(own) - {*events, "*"}):
        raise ValueError(
            f"own_refusals names {', '.join(strange)}, no event of {chart.name}; it has {', '.join(events)}"
        )
    return own


def expect_driver(driver: object) -> None:
    """Raise TypeError for what is no driver."""
    if not isinstance(driver, Driver):
        raise TypeError(f"driver is {driver!r}; give an instance of a subclass of orderfsm.testing.Driver")


def new_keys() -> Iterator[str]:
    """Idempotency keys that were never used: a system may keep what it was sent in earlier lives, and runs."""
    life = uuid4().hex[:12]
    return (f"key-{life}-{number}" for number in count(1))


def untold(send: Send) -> Unsent:
    """Why something was not sent of which the chart cannot say what becomes of it."""
    return Unsent(f"{send} asks for what only the chart is told: the time, or facts that were not given")


def refused(event: str) -> Unsent:
    """Why an event that the chart takes there was not carried out, though it was sent."""
    return Unsent(f"the system refuses {event} for reasons of its own")


def lost(attempt: Attempt, send: Send) -> Unsent | None:
    """Why a send was not sent as it was meant: the chart takes it, and refuses it as the driver words it."""
    if attempt.step is not None or attempt.send == send or Attempt.judged(attempt.walk, send).step is None:
        return None
    return Unsent(
        f"the chart takes {send}, and refuses it ({attempt.refused}) as the driver words it; "
        f"let worded(self, order, send) keep what it asks for"
    )
