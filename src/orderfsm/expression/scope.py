"""One evaluation: what it knows, and how much it may spend."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from orderfsm.errors import GuardFailed

GENERATOR_LIMIT = 2
BUDGET = 10_000
EXPLAINING_BUDGET = 4 * BUDGET
"""An explanation looks at deciding elements again."""
Visit: TypeAlias = tuple[datetime | None, frozenset[str]]
"""One stay in a configuration: when it was entered, and every state active in it, ancestors included."""


class Scope:
    """What one evaluation knows: facts, active states, the order's visits, generator variables and the budget spent."""

    __slots__ = ("_past", "_remembered", "active", "facts", "left", "local", "visits")

    local: list[object]
    _past: Sequence[Visit] | None
    _remembered: dict[str, bool] | None

    def __init__(
        self,
        facts: Mapping[str, object],
        active: Container[str],
        visits: Callable[[], Sequence[Visit]] | None,
        budget: int = BUDGET,
    ) -> None:
        self.facts = facts
        self.active = active
        self.visits = visits
        self.left = budget
        self._past = None
        self._remembered = None

    def charge(self, cost: int, text: str) -> None:
        """Spend part of the budget; raises GuardFailed when it is used up."""
        self.left -= cost
        if self.left < 0:
            raise GuardFailed(f"{text}: more than {BUDGET} steps were needed; give the guard fewer elements to look at")

    def past(self, text: str) -> Sequence[Visit]:
        """The order's visits, oldest first, asked for once per evaluation."""
        if self._past is None:
            if self.visits is None:
                raise GuardFailed(f"{text}: history was not supplied, so what the order was before is not known")
            self._past = self.visits()
        return self._past

    def been(self, state: str, text: str) -> bool:
        """Whether some visit, the current one included, contains the state."""
        if self._remembered is None:
            self._remembered = {}
        if state not in self._remembered:
            self._remembered[state] = any(state in names for _, names in self.past(text))
        return self._remembered[state]

    def bind(self, slot: int, value: object) -> None:
        """Give a generator's variable its value."""
        if not hasattr(self, "local"):
            self.local = [None] * GENERATOR_LIMIT
        self.local[slot] = value
