"""Whether a system shows what the chart says, and how it is told when it does not."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import indent
from typing import TYPE_CHECKING, Any

from orderfsm.checks.rules import BROKEN, Monitor, law
from orderfsm.corrections import field_of
from orderfsm.history import Entry
from orderfsm.table import compile

from .send import Attempt, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm import Chart, Step

    from .driver import Shown

__all__ = ["Disagreement", "Laws", "differences"]


class Disagreement(AssertionError):
    """The system under test does not do what the chart says; `tried` is the walk or the attempt that shows it.

    `beside` is what there was besides (a sweep, a redelivery, another order), so that `follow` need not show it again.
    """

    def __init__(self, said: str, tried: Walk | Attempt, *, beside: str = "") -> None:
        super().__init__(said)
        self.said = said
        self.tried = tried
        self.beside = beside

    def __str__(self) -> str:
        again = "To try it again:"
        if self.beside:
            again = f"What was sent to the order; besides there was {self.beside}, which is not in it:"
        return f"{self.said}\n\n{again}\n\n    follow(driver, {self.tried!r})\n\n{_scenario(self.tried)}"


def _scenario(tried: Walk | Attempt) -> str:
    """The scenario, and whether the chart keeps it as it stands."""
    walk = tried if isinstance(tried, Walk) else tried.walk
    if isinstance(tried, Attempt) and not walk.sends and tried.step is None:
        return "No scenario tells it: each begins with an order that is open.\n"
    told = tried.scenario()
    kept = "as far as one can tell it" if "  # " in told else "which the chart keeps"
    return f"As a scenario of {walk.chart.name}, {kept}:\n\n{indent(told, '    ')}"


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


def _names(chart: Chart, configuration: str, code: str | None, seen: Any) -> bool:
    """Whether what is shown names a configuration: its text, its public code, or an alias of that."""
    return isinstance(seen, str) and chart.aliases.get(seen, seen) in (configuration, code)


def _history(chart: Chart, walk: Walk, entries: Sequence[Any]) -> Iterator[str]:
    for place, (expected, step, entry) in enumerate(zip(walk.entries, walk.steps, entries, strict=False), 1):
        for said in (*_begun(chart, step, entry), *_unlike(chart, expected, entry)):
            yield f"entry {place} of the history {said}"
        if step.demand.reason.mode == "required" or isinstance(entry, Entry):
            yield from (f"entry {place} of the history {said}" for said in _unreasoned(expected, entry))
    if len(entries) != len(walk):
        last = f", the last one {_text(entries[-1])}" if len(entries) > len(walk) else ""
        yield f"the order has taken {len(walk)} events, its history has {len(entries)} entries{last}"


def _begun(chart: Chart, step: Step, entry: Any) -> Iterator[str]:
    """A state before that is told otherwise; what stands before a first entry is told in many ways."""
    before = None if isinstance(entry, str) else field_of(entry, "before")
    if step.before is not None and before and not _names(chart, step.before, step.before.code, before):
        yield f"has the state {_word(before)} before, the chart {step.before}"


def _unlike(chart: Chart, expected: Entry, entry: Any) -> Iterator[str]:
    """What an entry tells otherwise; what it does not tell is left out, but there has to be something."""
    after = entry if isinstance(entry, str) else field_of(entry, "after") or field_of(entry, "code")
    event = None if isinstance(entry, str) else field_of(entry, "event")
    if not any((after, event, *(field_of(entry, name) for name in ("actor", "reason")))):
        yield f"tells none of after, event, actor and reason: {entry!r}"
    if after is not None and not _names(chart, str(expected.after), expected.code, after):
        yield f"has the state {_word(after)}, the chart {expected.after}"
    if event not in (None, expected.event):
        yield f"has the event {_word(event)}, the chart {expected.event}"
    if not isinstance(entry, str):
        yield from _brought(expected, entry)


def _brought(expected: Entry, entry: Any) -> Iterator[str]:
    """What came along with the event, and is told otherwise: who sent it, why, and what it refers to."""
    reason = expected.reason
    part = "code" if reason is not None and reason.code else "text"
    for name, member in (("actor", "role"), ("reason", part)):
        sent, shown = getattr(expected, name), _told(entry, name)
        sent, shown = (each and _member(each, member) for each in (sent, shown))
        if sent and shown and shown is not _UNTOLD and shown != sent:
            yield f"has the {name} {_word(shown)}, the chart {sent}"
    if expected.actor is not None and expected.actor.role and not _told(entry, "actor"):
        yield f"has no actor, the chart {expected.actor.role}"
    links = _told(entry, "links")
    if links is None or isinstance(links, list | tuple):
        shown_rels = [_member(link, "rel") for link in links or ()]
        yield from (f"lacks the link {link.rel}" for link in expected.links if link.rel not in shown_rels)


def _unreasoned(expected: Entry, entry: Any) -> Iterator[str]:
    """A reason that is lost. One that the chart does not ask for may be more than the system has a field for."""
    reason = expected.reason
    if (
        reason is not None
        and (reason.code or reason.text)
        and not isinstance(entry, str)
        and not _told(entry, "reason")
    ):
        yield f"has no reason, the chart {reason.code or reason.text}"


_UNTOLD: Any = object()
"""What stands for a field that an entry does not have."""


def _told(value: Any, name: str) -> Any:
    """A field of an object or a mapping."""
    return value.get(name, _UNTOLD) if isinstance(value, Mapping) else getattr(value, name, _UNTOLD)


def _member(value: Any, name: str) -> Any:
    """A field of an actor, a reason or a link; a text stands for whichever is asked."""
    return value if value is _UNTOLD or isinstance(value, str) else _told(value, name)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


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
        here = steps[-1].after if steps else None
        if here is not None and _names(self._chart, here, here.code, seen):  # other states may bear the code, too
            active, final = here.states, here.final
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
