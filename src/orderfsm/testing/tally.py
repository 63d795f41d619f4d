"""What was carried out in all runs of a state machine, and what it had to pass over: that is not tested."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .driver import Unsent

__all__ = ["NeverSent", "Tally"]


class NeverSent(UserWarning):
    """Events of the chart that were never carried out: a green run says nothing of them."""


class Tally:
    """What was carried out, by event, and what was not, by why."""

    def __init__(self, chart: str, driver: str, left_out: Iterable[str] = ()) -> None:
        self.passed_over: Counter[str] = Counter(left_out)
        self._chart = chart
        self._driver = driver
        self._carried_out: set[str] = set()
        self._unsent: dict[str, str] = {}

    def carried_out(self, event: str) -> None:
        """An event was sent where the chart takes it, and the system has taken it."""
        self._carried_out.add(event)

    def pass_over(self, why: Unsent, event: str = "") -> None:
        """Something could not be sent, or not be judged, or was refused for reasons that no chart knows.

        `event` is the one that somebody tried to send, if it was one.
        """
        self.passed_over[str(why)] += 1
        if event:
            self._unsent.setdefault(event, str(why))

    @property
    def never_sent(self) -> dict[str, str]:
        """The events that somebody tried to send and that never were carried out where the chart takes them: why."""
        return {event: why for event, why in sorted(self._unsent.items()) if event not in self._carried_out}

    def warn(self) -> None:
        """Warn of the events that were never carried out, if there are any."""
        never = self.never_sent
        if never:
            told = "; ".join(f"{event} ({why})" for event, why in never.items())
            said = f"{self._driver} never got {len(never)} of the events of {self._chart} carried out: {told}"
            warnings.warn(
                f"{said}. They stay untested: let the driver send what is taken, or filter this warning",
                NeverSent,
                stacklevel=2,
            )
