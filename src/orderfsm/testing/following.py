"""Driving one walk, or one attempt, through the system under test."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

from .asked import expect_driver, lost, named, new_keys, refused, untold
from .driving import Life
from .send import Attempt, Walk

if TYPE_CHECKING:
    from .driver import Driver

__all__ = ["follow"]


def follow(driver: Driver, tried: Walk | Attempt, *, own_refusals: Collection[str] = ()) -> None:
    """Send a walk, or an attempt, to the system under test, and compare after each send: with suites, a whole test.

    `own_refusals` are events that the system may refuse for reasons of its own (``"*"``: all).
    Raises Disagreement (an AssertionError) for what the system does otherwise than the chart, Unsent (a skipped test)
    when the driver cannot send it, or not as it is meant, or the system refuses it for reasons of its own, what the
    system raises that is no refusal, TypeError for what is no driver or nothing to send, and ValueError for events that
    the chart does not have.
    """
    expect_driver(driver)
    if not isinstance(tried, Walk | Attempt):
        raise TypeError(f"{tried!r} cannot be followed; give a Walk or an Attempt, such as the suites have")
    walk = tried if isinstance(tried, Walk) else tried.walk
    sends = tried.sends if isinstance(tried, Walk) else (*walk.sends, tried.send)
    life = Life(walk.chart, driver, named(own_refusals, walk.chart))
    keys = new_keys() if driver.keys else repeat(None)
    driver.begin()
    try:
        for place, (send, key) in enumerate(zip(sends, keys, strict=False)):
            if driver.clock and send.now is not None:
                driver.at(send.now)
            meant = send if driver.clock else replace(send, now=None)
            attempt = life.attempt(meant, key)
            why = untold(send) if attempt is None else lost(attempt, meant)
            if why is not None:
                raise why
            if len(life.walk) > place:
                continue
            if attempt is not None and attempt.step is not None:
                raise refused(send.event)
            return
    finally:
        driver.end()
