"""Temporal rules, proved over the table.

Each of the five forms becomes a small monitor that a life drives forward: a number, and what one step makes of it. All
pairs of a configuration and a number are visited, the nearest first, so a counterexample is as short as can be, and
none means that there is none.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from orderfsm.graph import steps_from

from .study import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from orderfsm.cell import Step
    from orderfsm.chart import Chart, Rule
    from orderfsm.finding import Finding
    from orderfsm.table import Table

    from .study import Draft, Study

__all__ = ["BROKEN", "Law", "Monitor", "broken", "counterexample", "law", "unreadable"]

FORMS = "never A · never A unless was B · never A after B · at most once A · eventually A"

_FORMS = (
    ("unless", re.compile(r"never (?P<a>.+?) unless was (?P<b>.+)")),
    ("after", re.compile(r"never (?P<a>.+?) after (?P<b>.+)")),
    ("never", re.compile(r"never (?P<a>.+)")),
    ("once", re.compile(r"at most once (?P<a>.+)")),
    ("eventually", re.compile(r"eventually (?P<a>.+)")),
)

FINAL = "final"
LENGTH = 500


@dataclass(frozen=True, slots=True)
class Law:
    """A rule that was read: `form` is never, unless, after, once or eventually; `a` and `b` name alternative states."""

    form: str
    a: tuple[str, ...]
    b: tuple[str, ...] = ()


def law(text: str) -> Law | None:
    """The law that a rule spells, or None when it has none of the five forms."""
    flat = " ".join(text[:LENGTH].split())
    for form, pattern in _FORMS:
        found = pattern.fullmatch(flat)
        if found:
            sides = [_alternatives(side) for side in found.groups()]
            return Law(form, *sides) if all(map(all, sides)) else None
    return None


def _alternatives(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split("|"))


def unreadable(draft: Draft) -> Iterator[Finding]:
    """Rules in none of the five forms, and names in rules that are neither states nor codes."""
    chart = draft.chart
    for place, rule in enumerate(chart.rules):
        path, read = f"rules[{place}]", law(rule.text)
        strangers = [name for name in (*read.a, *read.b) if not _is_known(chart, name)] if read else []
        if read is None or any(" " in name for name in strangers):
            said = f"the rule {rule.text[:80]!r} is in none of the five forms"
            yield draft.finding("rule-unreadable", said, at=rule.position, path=path, fix=f"write one of: {FORMS}")
        else:
            for name in strangers:
                said = f"the rule {rule.text!r} names {name}, which is no state of {chart.name}"
                fix = closest(name, [*chart.by_name, *chart.codes])
                yield draft.finding("unknown-state", said, at=rule.position, path=path, witness=[name], fix=fix)


def _is_known(chart: Chart, name: str) -> bool:
    return name == FINAL or name in chart.by_name or name in chart.codes


def broken(study: Study) -> Iterator[Finding]:
    """Rules that some life breaks, with the shortest such life.

    `eventually` is not judged when the profile dropped arrows: that could only take ways out.
    """
    for place, rule in enumerate(study.chart.rules):
        read = law(rule.text)
        if read is None or not all(_is_known(study.chart, name) for name in (*read.a, *read.b)):
            continue
        if read.form == "eventually" and study.chart.dropped:
            continue
        life = counterexample(study.table, read)
        if life is not None:
            yield _broken(study, rule, f"rules[{place}]", read, life)


def _broken(study: Study, rule: Rule, path: str, read: Law, life: tuple[Step, ...]) -> Finding:
    last = life[-1].after
    ends = f"from {last} it cannot be reached any more" if read.form == "eventually" else f"a life comes to {last}"
    said = f"the rule {rule.text!r} is broken: {ends}"
    return study.finding("rule-violated", said, at=rule.position, path=path, witness=[step.event for step in life])


# --- the proof

BROKEN = -1
END = ""
"""Stands for reaching any end among the states that a step enters."""

Node: TypeAlias = tuple[str | None, int]
"""A configuration (None: the very start) and the number of a monitor."""


def counterexample(table: Table, read: Law) -> tuple[Step, ...] | None:
    """The shortest life that breaks a law, guards taken as satisfiable; None proves that there is none."""
    product = _Product(table, Monitor.of(table.chart, read))
    bad = product.lost() if read.form == "eventually" else product.broken
    return None if bad is None else product.life(bad)


def _states(chart: Chart, names: tuple[str, ...]) -> frozenset[str]:
    """The states that alternatives stand for: a state by its name, else those that bear the code, else any end."""
    found: set[str] = set()
    for name in names:
        if name in chart.by_name:
            found.add(name)
        else:
            found |= {END} if name == FINAL else {state.name for state in chart.states if state.code == name}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Monitor:
    """A law as an automaton. Its number is 1 once B was passed (unless, after) or A was (once, eventually), else 0."""

    form: str
    a: frozenset[str]
    b: frozenset[str]

    @classmethod
    def of(cls, chart: Chart, read: Law) -> Self:
        """The monitor of a law about the chart's states; it begins with the number 0."""
        return cls(read.form, _states(chart, read.a), _states(chart, read.b))

    def after(self, number: int, step: Step) -> int:
        """The number after a step, BROKEN when the step breaks the law."""
        return self.passing(number, step.entered, final=step.after.final)

    def passing(self, number: int, entered: Iterable[str], *, final: bool) -> int:
        """The number after these states were entered, in this order, and perhaps an end; BROKEN stays so."""
        for name in (*entered, *([END] if final else [])):
            if number == BROKEN:
                break
            number = self._pass_by(number, name)
        return number

    def _pass_by(self, number: int, name: str) -> int:
        if self.form == "unless":
            return 1 if name in self.b else BROKEN if name in self.a and not number else number
        if name in self.a:
            if self.form == "eventually":
                return 1
            if self.form == "never" or number:
                return BROKEN
        return 1 if name in (self.a if self.form == "once" else self.b) else number


class _Product:
    """Every pair of a configuration and a number that some life comes to, the nearest first."""

    def __init__(self, table: Table, monitor: Monitor) -> None:
        self.came: dict[Node, tuple[Node, Step] | None] = {(None, 0): None}
        self.back: dict[Node, list[Node]] = {}
        self.broken: Node | None = None
        waiting: deque[Node] = deque(self.came)
        while waiting:
            here = waiting.popleft()
            for step in steps_from(table, here[0]):
                there = (step.after, monitor.after(here[1], step))
                self.back.setdefault(there, []).append(here)
                if there not in self.came:
                    self.came[there] = (here, step)
                    waiting.append(there)
                    if there[1] == BROKEN:
                        self.broken = there
                        return

    def lost(self) -> Node | None:
        """The nearest pair with the number 0 from which none with the number 1 can be reached."""
        hopeful = {node for node in self.came if node[1]}
        waiting = list(hopeful)
        while waiting:
            new = set(self.back.get(waiting.pop(), ())) - hopeful
            hopeful |= new
            waiting += new
        return next((node for node in self.came if node[0] is not None and node not in hopeful), None)

    def life(self, node: Node) -> tuple[Step, ...]:
        steps: list[Step] = []
        while (last := self.came[node]) is not None:
            node, step = last
            steps.append(step)
        return tuple(reversed(steps))
