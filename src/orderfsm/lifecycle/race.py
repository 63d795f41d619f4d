"""Which errors say that somebody moved first, and the chance by which those who wait get out of each other's way."""

from __future__ import annotations

from random import SystemRandom

from orderfsm.errors import Conflict, KeyReused

__all__ = ["CHANCE", "lost_race"]

CHANCE = SystemRandom()
"""It has no state that a fork would share, and leaves the one of `random` to those who count on it, such as tests."""


def lost_race(error: BaseException) -> bool:
    """Whether an error says that somebody moved first, so that the whole transaction may be tried again.

    That is a Conflict (not KeyReused), PostgreSQL's serialization failure and deadlock, and SQLite's "database is
    locked".
    """
    if isinstance(error, Conflict):
        return not isinstance(error, KeyReused)
    driver = getattr(error, "orig", None)
    if getattr(driver, "sqlstate", None) in ("40001", "40P01"):
        return True
    return getattr(driver, "sqlite_errorname", "").startswith("SQLITE_BUSY")
