"""All there is to cover in a chart, read off its compiled table, and what was met of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING

from orderfsm.cell import Choice
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.cell import Cell, Demand, Node, Step
    from orderfsm.chart import Chart
    from orderfsm.table import Table

    from .kept import Coverage, Goal

__all__ = ["KINDS", "Arrows", "Goals", "Measured", "reason_goals", "tenths"]

KINDS = ("states", "transitions", "pairs", "guards", "reasons", "refusals")
"""What is measured, in the order in which it is told."""


class Arrows:
    """The transitions of a chart as goals: their place in document order, which is their identity, and their text."""

    __slots__ = ("_texts",)

    def __init__(self, chart: Chart) -> None:
        self._texts = {id(arrow): (f"{place:04}", str(arrow)) for place, arrow in enumerate(chart.transitions)}

    def of(self, step: Step) -> tuple[Goal, ...]:
        """The goals of the transitions that a step takes."""
        return tuple(self._texts[id(arrow)] for arrow in step.transitions)


@dataclass(frozen=True, slots=True)
class Goals:
    """All there is to cover, by kind, in document order as far as there is one.

    - states: those that some life is in, if only in passing;
    - transitions: those that some step takes;
    - pairs of transitions: one is taken right after the other;
    - guards: (event, guard, `held` or `refused`), each answer once;
    - reasons: (event, code) where an event names its codes, (``""``, code) for the other codes of the chart;
    - refusals: (event, code of the error), wherever the event can be refused that way.
    """

    by_kind: Mapping[str, tuple[Goal, ...]]

    @classmethod
    def of(cls, chart: Chart) -> Goals:
        """The goals of a chart under its profile. Raises what `compile` raises."""
        table = compile(chart)
        steps = tuple(table.edges())
        arrows = Arrows(chart)
        states = {name for step in steps for name in (*step.entered, *step.after.states)}
        found: dict[str, Iterable[Goal]] = {
            "states": ((name,) for name in chart.by_name if name in states),
            "transitions": sorted({goal for step in steps for goal in arrows.of(step)}),
            "pairs": sorted(set(_pairs(table, arrows))),
            "guards": _guards(table),
            "reasons": _reasons(chart, steps),
            "refusals": _refusals(table),
        }
        return cls({kind: tuple(dict.fromkeys(found[kind])) for kind in KINDS})


def _pairs(table: Table, arrows: Arrows) -> Iterator[Goal]:
    following = {
        text: {goal for cell in row.values() for step in cell.steps for goal in arrows.of(step)}
        for text, row in table.rows.items()
    }
    for step in table.edges():
        for first in arrows.of(step):
            for second in following[step.after]:
                yield (*first, *second)


def cells(table: Table) -> Iterator[tuple[str, Cell]]:
    """Every cell of a table, with its event."""
    yield from table.starts.items()
    for row in table.rows.values():
        yield from row.items()


def _guards(table: Table) -> Iterator[Goal]:
    for event, cell in cells(table):
        for choice in _choices(cell.node):
            yield from ((event, choice.guard.text, said) for said in ("held", "refused"))


def _choices(node: Node) -> Iterator[Choice]:
    if isinstance(node, Choice):
        yield node
        yield from _choices(node.yes)
        yield from _choices(node.no)


def _reasons(chart: Chart, steps: tuple[Step, ...]) -> Iterator[Goal]:
    rules = {step: step.demand.reason for step in steps if step.demand.reason.mode != "forbidden"}
    named = {code for rule in rules.values() for code in rule.codes}
    for step, rule in rules.items():
        yield from reason_goals(step, rule.codes or [code for code in chart.reasons.codes if code not in named])


def reason_goals(step: Step, codes: Iterable[str]) -> Iterator[Goal]:
    """The goals that these codes reach when they are given for a step."""
    event = step.event if step.demand.reason.codes else ""
    return ((event, code) for code in codes)


def _refusals(table: Table) -> Iterator[Goal]:
    for event in dict.fromkeys(event for row in table.rows.values() for event in row):
        if any(event not in row for row in table.rows.values()):
            yield event, "not-enabled"
    for event, cell in cells(table):
        if any(case.step is None for case in cell.cases()):
            yield event, "guard-refused"
        for step in cell.steps:
            yield from ((event, code) for code in _demanded(step.demand))


def _demanded(demand: Demand) -> Iterator[str]:
    """The errors that what a step asks for may end in."""
    if demand.by:
        yield "not-permitted"
    if demand.reason.mode == "required":
        yield "reason-needed"
    if demand.links:
        yield "link-needed"
    if demand.payload:
        yield "payload-invalid"


def tenths(percent: float) -> float:
    """A share with one decimal, rounded down: what is told as 100 is all."""
    return floor(round(10 * percent, 6)) / 10


@dataclass(frozen=True, slots=True)
class Measured:
    """The coverage of a chart, held against its goals."""

    chart: Chart
    coverage: Coverage
    goals: Goals = field(repr=False)

    @classmethod
    def of(cls, chart: Chart, coverage: Coverage) -> Measured:
        """Measured by the chart's goals. Raises ValueError for the coverage of another chart, version or profile."""
        told = (coverage.chart, coverage.hash, coverage.profile)
        if told != (chart.name, chart.hash, chart.profile):
            raise ValueError(
                f"this is the coverage of {' '.join(told)}, not of {chart.name} {chart.hash} {chart.profile}; "
                f"what is met in one version says nothing of another"
            )
        return cls(chart, coverage, Goals.of(chart))

    def met(self, kind: str) -> tuple[Goal, ...]:
        """The goals of a kind that were met."""
        met = self.coverage.met.get(kind, set())
        return tuple(goal for goal in self.goals.by_kind[kind] if goal in met)

    def missed(self, kind: str) -> tuple[Goal, ...]:
        """The goals of a kind that were not met."""
        met = self.coverage.met.get(kind, set())
        return tuple(goal for goal in self.goals.by_kind[kind] if goal not in met)

    def percent(self, kind: str = "") -> float:
        """How much of a kind was met, of 100 (which nothing to meet is, too); without a kind, of all but the pairs."""
        kinds = [kind] if kind else [each for each in KINDS if each != "pairs"]
        every = sum(len(self.goals.by_kind[each]) for each in kinds)
        return 100 * sum(len(self.met(each)) for each in kinds) / every if every else 100.0
