"""Driving one walk, or one attempt, through the system under test."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from .driver import Unsent
from .driving import Life, named
from .send import Attempt, Walk

if TYPE_CHECKING:
    from .driver import Driver

__all__ = ["follow"]


def follow(driver: Driver, tried: Walk | Attempt, *, own_refusals: Collection[str] = ()) -> None:
    """Send a walk, or an attempt, to the system under test, and compare after each send: with suites, a whole test.

    `own_refusals` are events that the system may refuse for reasons of its own (``"*"``: all); it ends there then.
    Raises Disagreement (an AssertionError) for what the system does otherwise than the chart, Unsent (a skipped test)
    when the driver cannot send it, and what the system raises that is no refusal.
    """
    walk = tried if isinstance(tried, Walk) else tried.walk
    sends = tried.sends if isinstance(tried, Walk) else (*walk.sends, tried.send)
    driver.begin()
    try:
        life = Life(walk.chart, driver, named(own_refusals))
        for place, send in enumerate(sends):
            if driver.clock and send.now is not None:
                driver.at(send.now)
            if life.attempt(send if driver.clock else replace(send, now=None)) is None:
                raise Unsent(f"{send} asks for what only the chart is told: the time, or facts that were not given")
            if len(life.walk) <= place:
                return
    finally:
        driver.end()
