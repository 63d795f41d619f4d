"""Nodes that ask about states: which are active, which were, and since when."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime, timedelta

from orderfsm.errors import GuardFailed

from .node import Condition, Quantity
from .scope import Scope, Visit


class InState(Condition):
    """Whether a state is active: `in_state("held")`."""

    state: str

    def value(self, scope: Scope) -> bool:
        return self.state in scope.active

    def decide(self, active: Container[str]) -> bool | None:
        return self.state in active


class Was(Condition):
    """Whether the order is or ever was in a state: `was("accepted")`."""

    state: str

    def value(self, scope: Scope) -> bool:
        return scope.been(self.state, self.text)


class DaysSince(Quantity):
    """Days, with fraction, since a state was last entered: `days_since("completed")`."""

    state: str
    told = True

    def value(self, scope: Scope) -> object:
        entered = _entered(scope.past(self.text), self.state, self.text)
        now = scope.facts.get("now")
        if not isinstance(now, datetime) or now.utcoffset() is None:
            raise GuardFailed(f"{self.text}: the facts have no aware datetime as now; supply it")
        if entered.utcoffset() is None:
            raise GuardFailed(f"{self.text}: {self.state} was entered at {entered.isoformat()}, which has no offset")
        return (now - entered) / timedelta(days=1)


def _entered(visits: Sequence[Visit], state: str, text: str) -> datetime:
    """When the most recent contiguous stay in the state began."""
    last = len(visits) - 1
    while last >= 0 and state not in visits[last][1]:
        last -= 1
    if last < 0:
        raise GuardFailed(f"{text}: the order was never in {state}; ask was({state!r}) first")
    while last > 0 and state in visits[last - 1][1]:
        last -= 1
    entered = visits[last][0]
    if entered is None:
        raise GuardFailed(f"{text}: when {state} was entered is not recorded")
    return entered
