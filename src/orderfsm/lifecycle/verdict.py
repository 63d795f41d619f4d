"""What became of an event that was sent to many orders: a verdict for each, and how many there are of which kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from orderfsm.errors import Conflict, KeyReused, NotEnabled, NotOpened, OrderFsmError, Refused, UnknownEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["Outcome", "Sent", "Verdict", "outcome_of"]

Outcome: TypeAlias = Literal[
    "applied",
    "already-there",
    "illegal",
    "refused",
    "conflict",
    "duplicate",
    "unknown",
    "not-opened",
    "failed",
]

NOWHERE = frozenset({"not-enabled", "terminal", "unknown-event"})
"""The blockers of an event that leads nowhere, whatever comes along with it."""


class Verdict(NamedTuple):
    """What became of one order.

    `applied`: the event was recorded as entry `sequence`. `duplicate`: this batch had recorded it before, as that
    entry. `already-there`: the event leads nowhere from here, and here is where it leads to from elsewhere. `illegal`:
    it leads nowhere from here. `refused`: it would, and may not (a guard, the actor, the reason, …). `conflict`:
    somebody moved first, again and again. `unknown`: there is no such order. `not-opened`: it has no history yet.
    `failed`: neither yes nor no, such as a stored state that the chart lacks.

    `order` is the key, a tuple when it has several columns; `configuration` is where the order stands now, None when
    that is not known. `error` says why not: what `send` would have raised. Orders may share one.
    """

    order: Any
    outcome: Outcome
    configuration: str | None = None
    sequence: int | None = None
    error: OrderFsmError | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The verdicts on a batch, or on a part of one, by the orders' keys. `batch` is the key of every entry it wrote."""

    batch: str
    verdicts: tuple[Verdict, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many orders have which outcome; those that none has are left out, and count as 0."""
        return Counter(verdict.outcome for verdict in self.verdicts)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)


def outcome_of(error: OrderFsmError, configuration: str | None, targets: Collection[str]) -> Outcome:
    """What an error means for an order in a configuration; `targets` are where the event leads."""
    if isinstance(error, UnknownEvent | NotEnabled) and error.blockers[0].code in NOWHERE:
        return "already-there" if configuration in targets else "illegal"
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, NotOpened):
        return "not-opened"
    return "conflict" if isinstance(error, Conflict) and not isinstance(error, KeyReused) else "failed"
