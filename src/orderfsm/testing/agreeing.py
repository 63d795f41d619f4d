"""Whether a system shows what the chart says, and how it is told when it does not."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Any

from orderfsm.checks.rules import BROKEN, Monitor, law
from orderfsm.corrections import field_of
from orderfsm.history import Actor, Reason
from orderfsm.table import compile

from .send import Attempt, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm import Chart, Entry, Step

    from .driver import Shown

__all__ = ["Disagreement", "Laws", "differences"]


class Disagreement(AssertionError):
    """The system under test does not do what the chart says; `tried` is the walk or the attempt that shows it."""

    def __init__(self, said: str, tried: Walk | Attempt) -> None:
        super().__init__(said)
        self.said = said
        self.tried = tried

    def __str__(self) -> str:
        chart = self.tried.chart if isinstance(self.tried, Walk) else self.tried.walk.chart
        return (
            f"{self.said}\n\nTo try it again:\n\n    follow(driver, {self.tried!r})\n\n"
            f"As a scenario of {chart.name}, which the chart keeps:\n\n{indent(self.tried.scenario(), '    ')}"
        )


# --- state and history


def differences(chart: Chart, walk: Walk, shown: Shown) -> Iterator[str]:
    """How what a system shows of an order differs from where the chart has it, in sentences."""
    here = walk.configuration
    if here is not None and not _names(chart, here, here.code, shown.configuration):
        yield f"the chart has the order in {here}, the system {_shows(shown.configuration)}"
    if shown.entries is not None:
        yield from _history(chart, walk, shown.entries)
    if shown.revision not in (None, len(walk)):
        yield f"the order has taken {len(walk)} events, the system shows the revision {shown.revision}"


def _shows(seen: str | None) -> str:
    return "has no such order" if seen is None else f"shows {seen}"


def _names(chart: Chart, configuration: str, code: str | None, seen: str | None) -> bool:
    """Whether what is shown names a configuration: its text, its public code, or an alias of that."""
    return seen is not None and chart.aliases.get(seen, seen) in (configuration, code)


def _history(chart: Chart, walk: Walk, entries: Any) -> Iterator[str]:
    for place, (expected, entry) in enumerate(zip(walk.entries, entries, strict=False), 1):
        for name, chart_says, shown in _fields(chart, expected, entry):
            yield f"entry {place} of the history has the {name} {shown}, the chart {chart_says}"
    if len(entries) != len(walk):
        last = f", the last one {_text(entries[-1])}" if len(entries) > len(walk) else ""
        yield f"the order has taken {len(walk)} events, its history has {len(entries)} entries{last}"


def _fields(chart: Chart, expected: Entry, entry: Any) -> Iterator[tuple[str, Any, Any]]:
    """What an entry tells otherwise; what it does not tell is left out."""
    after = entry if isinstance(entry, str) else field_of(entry, "after") or field_of(entry, "code")
    if after is not None and not _names(chart, str(expected.after), expected.code, after):
        yield "state", expected.after, after
    if isinstance(entry, str):
        return
    if field_of(entry, "event") not in (None, expected.event):
        yield "event", expected.event, field_of(entry, "event")
    for name, read in (("actor", _role), ("reason", _code)):
        chart_says, shown = read(getattr(expected, name)), read(field_of(entry, name))
        if shown is not None and chart_says is not None and shown != chart_says:
            yield name, chart_says, shown


def _role(actor: Any) -> str | None:
    return actor.role if isinstance(actor, Actor) else _member(actor, "role")


def _code(reason: Any) -> str | None:
    return reason.code if isinstance(reason, Reason) else _member(reason, "code")


def _member(value: Any, name: str) -> str | None:
    return value if isinstance(value, str) or value is None else field_of(value, name)


def _text(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    event, after = (field_of(entry, name) for name in ("event", "after"))
    return f"{event or ''} {after or field_of(entry, 'code')}".strip()


# --- the chart's temporal rules


class Laws:
    """The chart's temporal rules, held against what a system shows of one order, whatever its arrows say."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        read = ((rule.text, law(rule.text)) for rule in chart.rules)
        self._monitors = {text: Monitor.of(chart, found) for text, found in read if found is not None}
        self._numbers = dict.fromkeys(self._monitors, 0)
        self._active: frozenset[str] = frozenset()
        self._ended = False

    def broken(self, seen: str | None, steps: Sequence[Step] = ()) -> list[str]:
        """The rules that are broken now that this is shown; `steps` are what the chart has made since the last look."""
        active, final = self._states(seen)
        entered: Sequence[str] = [name for name in self._chart.by_name if name in active - self._active]
        if steps and steps[-1].after.states == active:
            entered = [name for step in steps for name in step.entered]  # those only passed through among them
        before, ends = dict(self._numbers), final and not self._ended
        for text, monitor in self._monitors.items():
            self._numbers[text] = monitor.passing(before[text], entered, final=ends)
        self._active, self._ended = active, final
        return [text for text, number in self._numbers.items() if number == BROKEN != before[text]]

    def _states(self, seen: str | None) -> tuple[frozenset[str], bool]:
        """The states that are surely active, and whether that is an end."""
        named = self._chart.aliases.get(seen or "", seen or "")
        known = compile(self._chart).configurations
        fitting = [known[named]] if named in known else [each for each in known.values() if each.code == named]
        if not fitting:
            return frozenset(), False
        return frozenset.intersection(*(each.states for each in fitting)), all(each.final for each in fitting)
