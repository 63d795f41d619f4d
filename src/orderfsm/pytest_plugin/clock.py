"""A clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """A clock that stands still until it is moved: `Lifecycle(…, clock=clock)`. It begins on 1 January 2024, 12:00 UTC.

    A lifecycle that is given one asks no other, the database's included, so that timers are due when it says so.
    """

    def __init__(self, moment: datetime = datetime(2024, 1, 1, 12, tzinfo=UTC)) -> None:
        self.set(moment)

    def __call__(self) -> datetime:
        """The time now."""
        return self._now

    def set(self, moment: datetime) -> datetime:
        """Move the clock to an aware datetime, which may lie in the past, and return it in UTC."""
        if moment.utcoffset() is None:
            raise ValueError(f"{moment!r} is no moment; give an aware datetime, e.g. datetime(2024, 1, 1, tzinfo=UTC)")
        self._now = moment.astimezone(UTC)
        return self._now

    def advance(
        self,
        by: timedelta = timedelta(),
        /,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> datetime:
        """Move the clock on, by a timedelta or by the sum of the others, and return the time that it is then."""
        self._now += by + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self._now

    def __repr__(self) -> str:
        return f"Clock({self._now.isoformat()})"
