"""What a state machine could send in all its runs, and what it had to pass over: that is not tested."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .driver import Unsent

__all__ = ["NeverSent", "Tally"]


class NeverSent(UserWarning):
    """Events of the chart that a driver could never send: a green run says nothing of them."""


class Tally:
    """What was sent, by event, and what was not, by why."""

    def __init__(self, chart: str, driver: str, left_out: Iterable[str] = ()) -> None:
        self.passed_over: Counter[str] = Counter(left_out)
        self._chart = chart
        self._driver = driver
        self._sent: set[str] = set()
        self._unsent: dict[str, str] = {}

    def sent(self, event: str) -> None:
        """An event was sent where the chart takes it."""
        self._sent.add(event)

    def pass_over(self, why: Unsent, event: str = "") -> None:
        """Something could not be sent, or not be judged; `event` when it was one that somebody tried to send."""
        self.passed_over[str(why)] += 1
        if event:
            self._unsent.setdefault(event, str(why))

    @property
    def never_sent(self) -> dict[str, str]:
        """The events that somebody tried to send and that never were sent where the chart takes them, with a reason."""
        return {event: why for event, why in sorted(self._unsent.items()) if event not in self._sent}

    def warn(self) -> None:
        """Warn of the events that were never sent, if there are any."""
        never = self.never_sent
        if never:
            told = "; ".join(f"{event} ({why})" for event, why in never.items())
            said = f"{self._driver} never sent {len(never)} of the events of {self._chart}, which stay untested: {told}"
            warnings.warn(f"{said}. Let the driver send them, or filter this warning", NeverSent, stacklevel=2)
