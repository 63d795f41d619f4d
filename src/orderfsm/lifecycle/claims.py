"""Late facts and early ones: what a lifecycle makes of an `occurred_at` that somebody claims."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from orderfsm.errors import Blocker, ClaimRefused

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Claims"]

Policy: TypeAlias = Literal["accept", "refuse"] | timedelta


@dataclass(frozen=True, slots=True)
class Claims:
    """Which times a caller may claim for what happened; the order of a history is that of its sequence in any case.

    `late` is about a time before that of the order's last entry, `ahead` about one after the lifecycle's clock: accept
    any, refuse it, or accept it by at most so much.
    """

    late: Policy = "accept"
    ahead: Policy = "accept"

    def __post_init__(self) -> None:
        for name, policy in (("late", self.late), ("ahead", self.ahead)):
            if policy not in ("accept", "refuse") and not isinstance(policy, timedelta):
                raise ValueError(f"{name} is {policy!r}; give 'accept', 'refuse' or a timedelta")

    def verify(
        self, chart: str, configuration: str, event: str, occurred: datetime, last: datetime | None, now: datetime
    ) -> None:
        """Raise ClaimRefused for a time that is not accepted; `last` is when the last entry happened."""
        problems = [
            None if last is None else _problem("late", self.late, last - occurred, f"before the last entry ({last})"),
            _problem("ahead", self.ahead, occurred - now, f"after the clock ({now})"),
        ]
        blockers = tuple(
            Blocker(f"occurred-{problem.code}", f"{event} is claimed for {occurred}, {problem.said}", problem.told)
            for problem in problems
            if problem is not None
        )
        if blockers:
            raise ClaimRefused(chart, configuration, event, blockers)


class _Problem(NamedTuple):
    code: str
    said: str
    told: dict[str, float]


def _problem(code: str, policy: Policy, by: timedelta, where: str) -> _Problem | None:
    """What is wrong with a time that is off by so much."""
    most = policy if isinstance(policy, timedelta) else timedelta.max if policy == "accept" else timedelta()
    if by <= max(most, timedelta()):
        return None
    remedy = f"at most {most} is accepted" if most else "that is refused"
    return _Problem(code, f"{by} {where}; {remedy}", {"seconds": by.total_seconds()})
