"""What a hold is to a chart: the events that hold an order and let it go on, and the states it is held in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orderfsm.errors import ChartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orderfsm.cell import Configuration, Step
    from orderfsm.history import Actor, Reason
    from orderfsm.table import Table

__all__ = ["Hold", "HoldStates", "Holding", "hold_states"]


@dataclass(frozen=True, slots=True)
class Holding:
    """How a lifecycle holds orders: the chart's events that hold one and let it go on, and who may release a hold.

    With `release="holder"`, only who has placed a hold releases it: the actor of the same role and id.
    """

    hold: str = "hold"
    resume: str = "resume"
    release: Literal["anyone", "holder"] = "anyone"

    def __post_init__(self) -> None:
        if self.release not in ("anyone", "holder"):
            raise ValueError(f"release is {self.release!r}; give 'anyone' or 'holder'")


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold of an order: its name, who holds and why; since it ended also who ended it, when and why.

    `placed_sequence` and `released_sequence` are the sequences of the history entries that went with it, None where the
    order was held already or stays held by another one.
    """

    name: str
    holder: Actor | None
    reason: Reason | None
    placed_at: datetime
    placed_sequence: int | None = None
    key: str | None = None
    released_at: datetime | None = None
    released_by: Actor | None = None
    release_reason: Reason | None = None
    released_sequence: int | None = None
    release_key: str | None = None
    number: int = 0

    @property
    def active(self) -> bool:
        """Whether it still holds the order."""
        return self.released_at is None


def hold_states(table: Table, holding: Holding | None) -> HoldStates | ChartError:
    """The held states of a chart. What is wrong is raised when `holding` is declared, else kept for its first use."""
    try:
        return HoldStates(table, holding or Holding())
    except ChartError as error:
        if holding is not None:
            raise
        return error


class HoldStates:
    """The configurations of a chart in which an order is held: those with a state that the holding event leads to.

    Raises ChartError when the chart lacks one of the events, or when one of its holds does not lead back to where the
    order was.
    """

    def __init__(self, table: Table, holding: Holding) -> None:
        self.holding = holding
        self._table = table
        for event in (holding.hold, holding.resume):
            if event not in table.alphabet:
                raise _unfit(table, f"has no event {event!r} (its events: {', '.join(sorted(table.alphabet))})")
        steps = [step for step in table.edges() if step.before is not None and step.event == holding.hold]
        targets = {target for step in steps for arrow in step.transitions for target in arrow.targets}
        self._held = {text for text, found in table.configurations.items() if not targets.isdisjoint(found.states)}
        for step in steps:
            self._verify_return(step)

    def __contains__(self, configuration: str | None) -> bool:
        return configuration in self._held

    def returns(self, configuration: str) -> Iterator[Configuration]:
        """Where the resuming event leads from a configuration."""
        cell = self._table.rows[configuration].get(self.holding.resume)
        return (step.after for step in cell.steps) if cell is not None else iter(())

    def _verify_return(self, step: Step) -> None:
        before, after = step.before, step.after
        returns = list(self.returns(after))
        if before is not None and not any(found.leaves == before.leaves for found in returns):
            told = f"leads to {', '.join(returns)}" if returns else "is not enabled there"
            raise _unfit(
                self._table,
                f"goes from {before} to {after} by {self.holding.hold}, and {self.holding.resume} {told}, "
                f"not back; let it lead to a history state",
            )


def _unfit(table: Table, said: str) -> ChartError:
    remedy = "or name other events: Lifecycle(…, holding=Holding(hold, resume))"
    return ChartError(f"orders of {table.chart.name} cannot be held: it {said}; {remedy}")
