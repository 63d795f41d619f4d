"""What a check looks at: a chart, its table once it has one, and what several checks ask about them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orderfsm.chart import NOWHERE
from orderfsm.diagnosis import diagnose
from orderfsm.graph import steps_from

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from orderfsm.cell import Step
    from orderfsm.chart import Chart, Position, Transition
    from orderfsm.finding import Finding
    from orderfsm.table import Table

__all__ = ["Draft", "Study", "arrow_path", "closest", "place"]


@dataclass(frozen=True)
class Draft:
    """A chart that may not even compile."""

    chart: Chart

    def finding(
        self,
        code: str,
        message: str,
        *,
        at: Position = NOWHERE,
        path: str = "",
        witness: Iterable[str] = (),
        fix: str = "",
        severity: str = "",
    ) -> Finding:
        """A finding about this chart; severity and fix are those of its diagnosis unless they are given."""
        return diagnose(self.chart, code, message, at=at, path=path, witness=witness, fix=fix, severity=severity)

    def place(self, path: str) -> Position:
        """Where something without a position of its own is declared, e.g. `guards.credit_ok`."""
        return place(self.chart, path)


@dataclass(frozen=True)
class Study(Draft):
    """A chart with its table, and with the chart of its items when that is at hand."""

    table: Table
    items: Chart | None = None

    @cached_property
    def came(self) -> Mapping[str, Step]:
        """Configuration -> the last step of the shortest way to it, the nearest configurations first."""
        found: dict[str, Step] = {}
        waiting: deque[str | None] = deque([None])
        while waiting:
            for step in steps_from(self.table, waiting.popleft()):
                if step.after not in found:
                    found[step.after] = step
                    waiting.append(step.after)
        return found

    def run(self, configuration: str | None) -> tuple[str, ...]:
        """The events of the shortest way from the start to a configuration."""
        events: list[str] = []
        while configuration is not None:
            step = self.came[configuration]
            events.append(step.event)
            configuration = step.before
        return tuple(reversed(events))

    def run_through(self, step: Step) -> tuple[str, ...]:
        """The events of the shortest way to a step, the step included."""
        return (*self.run(step.before), step.event)

    @cached_property
    def edges(self) -> tuple[Step, ...]:
        """Every step of the table, those from the nearest configurations first."""
        return tuple(step for here in (None, *self.came) for step in steps_from(self.table, here))

    @cached_property
    def taken(self) -> frozenset[int]:
        """The identities of the transitions that some step takes."""
        return frozenset(id(transition) for step in self.edges for transition in step.transitions)

    @cached_property
    def reached(self) -> frozenset[str]:
        """The states that some life is in, if only in passing."""
        resting = (step.after.states for step in self.edges)
        return frozenset().union(*resting, *(step.entered for step in self.edges))


def place(chart: Chart, path: str) -> Position:
    """Where something without a position of its own is declared."""
    return chart.positions.get(path, NOWHERE)


def arrow_path(transition: Transition) -> str:
    """The place of a transition inside the document."""
    return f"events.{transition.event}" if transition.events else "always"


def closest(word: str, known: Collection[str]) -> str:
    """The remedy for a name that is not known: the one that is meant, or all of them when they are few."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"use one of {', '.join(known)}" if 0 < len(known) <= 8 else ""
