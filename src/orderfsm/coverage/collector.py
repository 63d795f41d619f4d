"""The collector: it watches the steps that are taken and the refusals, and keeps what they cover of each chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.history import Reason

from .goals import Arrows, reason_goals
from .kept import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orderfsm.cell import Step
    from orderfsm.chart import Chart
    from orderfsm.errors import Refused
    from orderfsm.table import Table
    from orderfsm.watch import Noting

__all__ = ["Collector"]


class Collector:
    """Collects what is exercised of charts; `orderfsm.watch.watching(collector)` lets it watch.

    `wanted` says which charts; by default those that were read from a document. Threads may share a collector: what
    they take is put together, but pairs of transitions may be missed.
    """

    def __init__(self, wanted: Callable[[Chart], bool] | None = None) -> None:
        self._wanted = wanted or _from_a_document
        self._tallies: dict[Table, _Tally] = {}

    def begin(self) -> None:
        """Another test begins: its first step follows on none of those before."""
        for tally in self._tallies.values():
            tally.last.clear()

    def taken(self, call: Noting, step: Step) -> None:
        """A step was taken."""
        tally = self._tally(call.table)
        if tally is not None:
            tally.take(step)
            tally.hear(call)
            tally.give(step, call)

    def refused(self, call: Noting, error: Refused) -> None:
        """An event was refused."""
        tally = self._tally(call.table)
        if tally is not None:
            tally.met["refusals"].add((_listed(call), error.code))
            tally.hear(call)

    def found(self) -> Iterator[tuple[Chart, Coverage]]:
        """What was covered of each chart; charts with the same content and profile are one."""
        together: dict[tuple[str, str, str], tuple[Chart, Coverage]] = {}
        for table, tally in self._tallies.items():
            chart = table.chart
            alike = (chart.name, chart.hash, chart.profile)
            together.setdefault(alike, (chart, Coverage.begin(chart)))[1].update(tally.coverage())
        yield from together.values()

    def _tally(self, table: Table) -> _Tally | None:
        found = self._tallies.get(table)
        if found is None and self._wanted(table.chart):
            found = self._tallies.setdefault(table, _Tally(table.chart))
        return found


def _from_a_document(chart: Chart) -> bool:
    return bool(chart.hash)


def _listed(call: Noting) -> str:
    """The event of the chart that a call has sent, or that what was sent behaves like."""
    table, event = call.table, call.event
    return event if event in table.alphabet or event in table.starts else table.stand_in(event) or event


def _before(step: Step) -> frozenset[str]:
    """The states that an order was in when it took a step; there may be no step that led there."""
    return frozenset() if step.before is None else step.before.states


class _Tally:
    """What was covered of one table. Steps are kept by identity: a second time, a step costs two look-ups."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.arrows = Arrows(chart)
        self.steps: dict[Step, None] = {}
        self.following: set[tuple[Step, Step]] = set()
        self.last: dict[str, Step] = {}
        self.met: dict[str, set[tuple[str, ...]]] = {"guards": set(), "reasons": set(), "refusals": set()}

    def take(self, step: Step) -> None:
        self.steps[step] = None
        if step.before is not None and (before := self.last.get(step.before)) is not None:
            self.following.add((before, step))
        self.last[step.after] = step

    def hear(self, call: Noting) -> None:
        for choice, answer in call.answers.items():
            self.met["guards"].add((_listed(call), choice.guard.text, "held" if answer else "refused"))

    def give(self, step: Step, call: Noting) -> None:
        code = call.reason.code if isinstance(call.reason, Reason) else call.reason
        if code:
            self.met["reasons"].update(reason_goals(step, [code]))

    def coverage(self) -> Coverage:
        found = Coverage.begin(self.chart)
        for step in self.steps:
            found.add(step)
        arrows = {step: self.arrows.of(step) for step in self.steps}
        states = {name for step in self.steps for name in (*_before(step), *step.entered, *step.after.states)}
        found.met = {
            "states": {(name,) for name in states},
            "transitions": {goal for goals in arrows.values() for goal in goals},
            "pairs": {(*a, *b) for one, other in self.following for a in arrows[one] for b in arrows[other]},
            **{kind: set(goals) for kind, goals in self.met.items()},
        }
        return found
