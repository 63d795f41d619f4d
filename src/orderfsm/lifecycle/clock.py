"""What time it is."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["HostClock", "now"]


class HostClock:
    """The clock of the host, in UTC; the clock of a lifecycle that is given no other.

    It is not trusted alone: where the database has a clock of its own, no timer is due before that one says so too. Any
    other clock (a simulated one, for example) counts alone.
    """

    def __call__(self) -> datetime:
        """The time now."""
        return datetime.now(UTC)


now = HostClock()
"""The time in UTC."""
