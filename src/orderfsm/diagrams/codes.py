"""The customer's view of a chart: its public codes as states, and the events that lead from one code to another."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from orderfsm.chart import OPEN, START, Chart, Guard, Kind, State, Transition
from orderfsm.graph import unknown_configuration
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.table import Table

    from .overlay import Dwell, Overlay

__all__ = ["Coded", "coded"]

Key = TypeVar("Key")

NAMELESS = "no_code"
"""What configurations without a public word are called."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A flat chart whose states are the codes of another one; `names` has a state for each of its configurations.

    Two configurations with the same code are one state, and a step inside one code is no arrow. Where one event leads
    from a code to several, a guard stands for what the customer cannot see.
    """

    chart: Chart
    original: Chart
    names: Mapping[str, str]

    def told(self, text: str) -> str:
        """The state of a configuration's code; what is no configuration stays as it is."""
        return self.names.get(text, text)

    def configuration(self, text: str | None) -> str | None:
        """The state of a configuration's code; raises StoredStateUnknown for what is no configuration."""
        if text is not None and text not in self.names:
            raise unknown_configuration(compile(self.original), text)
        return None if text is None else self.names[text]

    def overlay(self, overlay: Overlay) -> Overlay:
        """What is known, told in codes: numbers are added up, and steps inside one code are left out.

        How long orders stay is kept of states that are all there is to a code. Raises StoredStateUnknown when the
        chart lacks the current configuration.
        """
        counts, dwell, refusals, covered = overlay.counts, overlay.dwell, overlay.refusals, overlay.covered
        steps = ((self.told(before), event, self.told(after)) for before, event, after in covered or ())
        moves = ((self.told(before), self.told(after)) for before, after in overlay.taken)
        asked = (((self.told(text), event, code), n) for (text, event, code), n in (refusals or {}).items())
        return replace(
            overlay,
            current=self.configuration(overlay.current),
            taken=tuple((before, after) for before, after in moves if before != after),
            counts=None if counts is None else _sum((self.told(text), n) for text, n in counts.items()),
            dwell=None if dwell is None else dict(self._dwell(dwell)),
            refusals=None if refusals is None else _sum(asked),
            covered=None if covered is None else [step for step in steps if step[0] != step[2]],
        )

    def _dwell(self, dwell: Mapping[str, Dwell]) -> Iterator[tuple[str, Dwell]]:
        """The times of states that are active just when an order shows one code, and of states that the chart lacks."""
        there = compile(self.original).configurations.values()
        for state, found in dwell.items():
            shown = {self.names[here] for here in there if state in here.states}
            if state not in self.original.by_name:
                yield state, found
            elif len(shown) == 1 and all(state in here.states for here in there if self.names[here] in shown):
                yield shown.pop(), found


def _sum(pairs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    found: Counter[Key] = Counter()
    for key, number in pairs:
        found[key] += number
    return dict(found)


def coded(chart: Chart) -> Coded:
    """The chart of a chart's codes, made once and kept with its table."""
    table = compile(chart)
    if "codes" not in table.memo:
        table.memo["codes"] = _coded(table)
    found: Coded = table.memo["codes"]
    return found


def _coded(table: Table) -> Coded:
    chart = table.chart
    found = {configuration.code for configuration in table.configurations.values()}
    codes = [*(code for code in chart.codes if code in found), *([None] if None in found else [])]
    names = dict(zip(codes, _names(codes), strict=True))
    of = {text: names[configuration.code] for text, configuration in table.configurations.items()}
    first = next((of[step.after] for cell in table.starts.values() for step in cell.steps), next(iter(of.values())))
    made = Chart(
        chart.name,
        tuple(_state(table, code, name) for code, name in names.items()),
        tuple(_arrows(table, of)),
        version=chart.version,
        initial=(first,),
        title=chart.title,
        profile=chart.profile,
        hash=f"{chart.hash} codes",
    )
    return Coded(compile(made).chart, chart, of)


def _names(codes: Iterable[str | None]) -> Iterator[str]:
    """A name for each code: the code itself, without the signs that names of states lack."""
    taken: set[str] = {START}
    for code in codes:
        name = re.sub(r"[\s+;=]", "_", code or NAMELESS)
        while name in taken:
            name += "_"
        taken.add(name)
        yield name


def _state(table: Table, code: str | None, name: str) -> State:
    alike = [configuration for configuration in table.configurations.values() if configuration.code == code]
    kind = Kind.FINAL if all(configuration.final for configuration in alike) else Kind.ATOMIC
    return State(name, kind, code=code or "", category=alike[0].category)


def _arrows(table: Table, of: Mapping[str, str]) -> Iterator[Transition]:
    """An arrow per code, event and other code; from the start only where the initial state does not say it."""
    targets: dict[tuple[str, str], dict[str, bool]] = {}
    for step in table.edges():
        source, target = START if step.before is None else of[step.before], of[step.after]
        if source != target:
            known = targets.setdefault((source, step.event), {})
            known[target] = known.get(target, False) or any(arrow.happy for arrow in step.transitions)
    plainly = not any(OPEN in arrow.events for arrow in table.chart.leading(START))
    for (source, event), reached in targets.items():
        if source == START and event == OPEN and plainly and len(reached) == 1:
            continue
        for number, (target, happy) in enumerate(reached.items(), start=1):
            guards = (Guard(f"case {number}"),) if len(reached) > 1 else ()
            yield Transition(source, (event,), (target,), guards=guards, happy=happy)
