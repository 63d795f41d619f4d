"""How much work something is, in a figure that does not depend on the computer nor on what else it does."""

from __future__ import annotations

from collections.abc import Callable
from cProfile import Profile

__all__ = ["calls"]


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, those that are written in C included; ten million are about a second's work."""
    profile = Profile(subcalls=False)
    profile.runcall(work)
    return sum(each.callcount for each in profile.getstats())
