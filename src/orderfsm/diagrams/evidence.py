"""Evidence as notes: where each number, refusal, test and finding of an overlay belongs in a chart."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from orderfsm.chart import START, Kind

from .note import TONES, Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.cell import Cell, Step
    from orderfsm.chart import Chart, Transition
    from orderfsm.finding import Finding
    from orderfsm.table import Table

    from .overlay import Dwell, Overlay

__all__ = ["Noted", "duration"]

MOST = 3
"""How many different refusals are told beside one state or arrow, and how many unknown configurations aside."""

TESTED, MISSED = Note("tested", "covered"), Note("not tested", "missed")

UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))


class Noted:
    """The notes of an overlay: `on_states` by the state's name, `on_arrows` by the transition's identity, `aside`."""

    def __init__(self, table: Table, overlay: Overlay) -> None:
        self.table, self.chart = table, table.chart
        self.on_states: dict[str, list[Note]] = defaultdict(list)
        self.on_arrows: dict[int, list[Note]] = defaultdict(list)
        self.aside: list[Note] = []
        if overlay.difference is not None:
            self._compare(overlay.difference.on_states, overlay.difference.on_arrows, overlay.difference.aside)
        if overlay.counts is not None:
            self._count(overlay.counts)
        if overlay.dwell is not None:
            self._dwell(overlay.dwell)
        if overlay.covered is not None:
            self._cover(overlay.covered)
        if overlay.refusals is not None:
            self._refuse(overlay.refusals)
        for finding in overlay.findings or ():
            self._find(finding)

    def _compare(
        self,
        on_states: Mapping[str, Iterable[Note]],
        on_arrows: Mapping[int, Iterable[Note]],
        aside: Iterable[Note],
    ) -> None:
        for name, notes in on_states.items():
            self.on_states[name] += notes
        for arrow, notes in on_arrows.items():
            self.on_arrows[arrow] += notes
        self.aside += aside

    def _beside(self, arrow: Transition, note: Note) -> None:
        """Write a note beside an arrow; one without a target is written in its state, and so is what it is told."""
        if arrow.targets or arrow.source == START:
            self.on_arrows[id(arrow)].append(note)
        else:
            self.on_states[arrow.source].append(Note(f"/ {arrow.event}: {note.text}", note.tone))

    def _leaves(self) -> Iterator[str]:
        return (state.name for state in self.chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL))

    # --- how many, how long

    def _count(self, counts: Mapping[str, int]) -> None:
        known = self.table.configurations
        total: Counter[str] = Counter()
        for text, count in counts.items():
            total.update(dict.fromkeys(known[text].states if text in known else (), count))
        most = max((total[name] for name in self._leaves()), default=0)
        for name in filter(total.get, self.chart.by_name):
            self.on_states[name].append(Note(_many(total[name], "order"), "count", min(total[name] / most, 1.0)))
        if counts.get(START):
            self.aside.append(Note(f"{_many(counts[START], 'order')} not opened yet", "count"))
        self._elsewhere("order", "count", {text: n for text, n in counts.items() if text not in known})

    def _elsewhere(self, noun: str, tone: str, counts: Mapping[str, int]) -> None:
        """Tell aside how much of it has no state in this chart, and the most frequent of what it has instead."""
        found = _most([(text, n) for text, n in counts.items() if n and text != START])
        if found:
            named = ", ".join(f"{text} ({n:,})" for text, n in found[:MOST])
            more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
            self.aside.append(Note(f"{_many(sum(n for _, n in found), noun)} elsewhere: {named}{more}", tone))

    def _dwell(self, dwell: Mapping[str, Dwell]) -> None:
        for name, found in dwell.items():
            if name in self.chart.by_name:
                told = f"p50 {duration(found.p50)}, p95 {duration(found.p95)}"
                self.on_states[name].append(Note(told, "dwell"))
            elif name in self.table.configurations:
                states = ", ".join(self.table.configurations[name].leaves)
                raise ValueError(
                    f"dwell has {name!r}, a configuration of {self.chart.name} and no state; medians of configurations "
                    f"cannot be added up: give those of {states}"
                )
        unknown = {name: found.stays for name, found in dwell.items() if name not in self.chart.by_name}
        self._elsewhere("stay", "dwell", unknown)

    # --- tests

    def _cover(self, covered: Iterable[tuple[str, str, str]]) -> None:
        states: set[str] = set()
        arrows: set[int] = set()
        unknown: Counter[str] = Counter()
        for before, event, after in covered:
            steps = list(_steps(self.table, before, event, after))
            arrows.update(id(arrow) for step in steps for arrow in step.transitions)
            states.update(name for step in steps for name in step.entered)
            known = [self.table.configurations[text] for text in (before, after) if text in self.table.configurations]
            states.update(name for configuration in known for name in configuration.states)
            unknown.update([] if steps else [f"{before} {event} {after}"])
        for name in self._leaves():
            self.on_states[name].append(TESTED if name in states else MISSED)
        for arrow in self.chart.transitions:
            self._beside(arrow, TESTED if id(arrow) in arrows else MISSED)
        self._elsewhere("step", "covered", unknown)

    # --- refusals

    def _refuse(self, refusals: Mapping[tuple[str, str, str], int]) -> None:
        arrows: dict[int, Counter[str]] = defaultdict(Counter)
        states: dict[str, Counter[str]] = defaultdict(Counter)
        unknown: Counter[str] = Counter()
        for (configuration, event, code), count in refusals.items():
            found = self._asked(configuration, event)
            for arrow in found:
                arrows[id(arrow)][code] += count
            if not found and configuration in self.table.configurations:
                states[self._innermost(configuration)][f"{event} ({code})"] += count
            elif not found:
                unknown[configuration] += count
        for arrow in self.chart.transitions:
            for note in _refused(arrows[id(arrow)]):
                self._beside(arrow, note)
        for name, told in states.items():
            self.on_states[name] += _refused(told)
        if unknown[START]:
            self.aside.append(Note(f"{unknown[START]} refused before the start", "refused"))
        self._elsewhere("refusal", "refused", unknown)

    def _asked(self, configuration: str, event: str) -> list[Transition]:
        """The arrows that an event might have taken, had guards, actors and the rest been others."""
        cell = _cell(self.table, configuration, event)
        here = self.table.configurations.get(configuration)
        sources = {START} if here is None else here.states
        taken = (arrow for step in (cell.steps if cell else ()) for arrow in step.transitions)
        named = [arrow for arrow in taken if arrow.events and arrow.source in sources]
        exactly = [arrow for arrow in named if event in arrow.events]
        return list({id(arrow): arrow for arrow in exactly or named}.values())

    def _innermost(self, configuration: str) -> str:
        """The state that a configuration is in, or the innermost one around all that it is in at once."""
        first, *others = self.table.configurations[configuration].leaves
        around = (first, *self.chart.ancestors[first])
        return next(name for name in around if all(name in (o, *self.chart.ancestors[o]) for o in others))

    # --- findings

    def _find(self, finding: Finding) -> None:
        note = Note(f"{finding.severity}: {finding.code}", finding.severity if finding.severity in TONES else "note")
        states = [name for name in self.chart.by_name if f"{finding.path}.".startswith(f"states.{name}.")]
        arrows = _meant(self.chart, finding)
        for arrow in arrows:
            self._beside(arrow, note)
        if states:
            self.on_states[max(states, key=len)].append(note)
        if not states and not arrows:
            self.aside.append(Note(f"{note.text} ({finding.path or self.chart.name})", note.tone))


def _cell(table: Table, before: str, event: str) -> Cell | None:
    """What an event does in a configuration; one that the chart does not list, what stands in for it."""
    row = table.starts if before in ("", START) else table.rows.get(before, {})
    return row.get(event) or row.get(table.stand_in(event) or "")


def _steps(table: Table, before: str, event: str, after: str) -> Iterator[Step]:
    cell = _cell(table, before, event)
    yield from (step for step in (cell.steps if cell else ()) if step.after == after)


def _refused(told: Counter[str]) -> Iterator[Note]:
    """The most frequent refusals first; the rest as a number."""
    found = _most(told.items())
    yield from (Note(f"{count:,} refused: {said}", "refused") for said, count in found[:MOST])
    if rest := sum(count for _, count in found[MOST:]):
        yield Note(f"{rest:,} more refused", "refused")


def _most(told: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(told, key=lambda each: (-each[1], each[0]))


def _meant(chart: Chart, finding: Finding) -> list[Transition]:
    """The arrows that a finding is about: those at its place, else all of the event that it names."""
    kind, _, name = finding.path.partition(".")
    if kind not in ("events", "always"):
        return []
    named = [arrow for arrow in chart.transitions if (arrow.event == name if kind == "events" else not arrow.events)]
    here = (finding.line, finding.column)
    return [arrow for arrow in named if here == (arrow.position.line, arrow.position.column)] or named


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(length: timedelta) -> str:
    """A duration for people, with two digits or so: `2.5 d`, `36 h`, `12 min`, `4 s`, `80 ms`."""
    seconds = length.total_seconds()
    for unit, size in UNITS:
        if seconds >= 2 * size:
            amount = seconds / size
            return f"{amount:.1f}".removesuffix(".0") + f" {unit}" if amount < 10 else f"{amount:,.0f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1_000:.0f} ms"
