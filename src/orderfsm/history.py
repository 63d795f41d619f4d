"""What is recorded: who asked, why, with which links, and the entries that together are an order's history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from .chart import START
from .corrections import ADOPTED, OVERRIDE, SUPERSEDE, VOID, Past, field_of, restated
from .finding import Finding
from .link import Link
from .table import compile

if TYPE_CHECKING:
    from .cell import Configuration
    from .chart import Chart
    from .table import Table

__all__ = ["ADOPTED", "Actor", "Effective", "Entry", "Link", "Reason", "Recorded", "Replay", "effective", "replay"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: `role` is one of the chart's actors, `id` and `label` are the application's."""

    role: str
    id: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code of the reason vocabulary, a text for people, or both."""

    code: str | None = None
    text: str | None = None


class Recorded(Protocol):
    """The least that a history entry has for replay: any object with these attributes will do."""

    @property
    def before(self) -> str | None:
        """The configuration before, None or START for a first entry."""
        ...

    @property
    def event(self) -> str:
        """The event that was sent."""
        ...

    @property
    def after(self) -> str:
        """The configuration after."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One recorded step. `sequence` counts from 1 without gaps; `occurred_at` is a claim, `recorded_at` is ours.

    `order` is the order's key in its table (a tuple when it has several columns), `origin` how the entry came about,
    `key` the idempotency key, `caused_by` what the caller named as the cause, `corrects` the sequence of the entry that
    a correction points at; the last four say under which chart it was written.
    """

    before: str | None
    event: str
    after: str
    sequence: int = 0
    code: str | None = None
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None
    actor: Actor | None = None
    reason: Reason | None = None
    links: tuple[Link, ...] = ()
    payload: Mapping[str, Any] | None = field(default=None, hash=False)
    order: Any = None
    category: str | None = None
    origin: str = ""
    key: str | None = None
    caused_by: str | None = None
    corrects: int | None = None
    chart: str = ""
    chart_version: str = ""
    chart_profile: str = ""
    chart_hash: str = ""

    def __repr__(self) -> str:
        """What was said of the step, without what is left out and without the chart's version and hash."""
        told = (f"{name}={value!r}" for name in _TOLD if (value := getattr(self, name)) not in (None, "", (), 0))
        return f"Entry({', '.join([repr(self.before), repr(self.event), repr(self.after), *told])})"

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON takes it, without the order's key: moments in RFC 3339 and UTC, with microseconds."""
        actor, reason = self.actor, self.reason
        return {
            "sequence": self.sequence,
            "event": self.event,
            "before": self.before,
            "after": self.after,
            "code": self.code,
            "category": self.category,
            "occurred_at": _moment(self.occurred_at),
            "recorded_at": _moment(self.recorded_at),
            "actor": actor and {"role": actor.role, "id": actor.id, "label": actor.label},
            "reason": reason and {"code": reason.code, "text": reason.text},
            "links": [link.as_dict() for link in self.links],
            "payload": self.payload,
            "origin": self.origin,
            "key": self.key,
            "caused_by": self.caused_by,
            "corrects": self.corrects,
            "chart": self.chart,
            "chart_version": self.chart_version,
            "chart_profile": self.chart_profile,
            "chart_hash": self.chart_hash,
        }


_TOLD = tuple(
    f.name for f in fields(Entry)[3:] if f.name not in ("code", "category") and not f.name.startswith("chart_")
)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"


# --- corrected


@dataclass(frozen=True, slots=True)
class Effective:
    """An entry as it counts: `entry` has the facts as they were restated last, `recorded` is what was written.

    `voided_by` and `superseded_by` are the sequences of the later entries that say so, None where there are none.
    """

    entry: Entry
    recorded: Entry
    voided_by: int | None = None
    superseded_by: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it is part of how the order came to be where it is: not voided, and no voiding or restating entry."""
        correcting = self.recorded.event in (VOID, SUPERSEDE) and self.recorded.corrects is not None
        return self.voided_by is None and not correcting


def effective(entries: Iterable[Entry]) -> tuple[Effective, ...]:
    """A history as it counts, oldest first: every entry, with what later ones have voided or restated of it."""
    given = list(entries)
    past = Past(given)
    by_sequence = {entry.sequence or place: entry for place, entry in enumerate(given, 1)}
    return tuple(_effective(past, by_sequence, sequence) for sequence in by_sequence)


def _effective(past: Past, by_sequence: Mapping[int, Entry], sequence: int) -> Effective:
    entry, later = by_sequence[sequence], past.restated.get(sequence, [])
    told = restated(by_sequence[place] for place in later)
    counting = replace(entry, **{name: _RESTATED[name](value) for name, value in told.items()}) if told else entry
    return Effective(counting, entry, past.voided.get(sequence), later[-1] if later else None)


_RESTATED: Mapping[str, Any] = {
    "reason": lambda value: value and Reason(value.get("code"), value.get("text")),
    "links": lambda value: tuple(Link(**link) for link in value),
    "payload": lambda value: value,
    "occurred_at": datetime.fromisoformat,
}
"""How the facts that a correction restates are read from the JSON of its payload."""


# --- replayed


@dataclass(frozen=True, slots=True)
class Replay:
    """Where a history leads: the last configuration (None when it is broken), and what is wrong with it."""

    configuration: Configuration | None
    findings: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return not self.findings


def replay(chart: Chart, entries: Iterable[Recorded | Mapping[str, Any]]) -> Replay:
    """Fold history entries, oldest first, and report every one that the chart does not allow.

    Each entry must start where the last one ended and be a step of the table; guards count as satisfied, for they were
    asked when the entry was written. An `adopt` first and an `override` anywhere stand for themselves, as long as they
    lead to a configuration of the chart. A `void` must take back the last entry that counts and lead to where the order
    was before it, a `supersede` must name an entry that counts and stay.
    """
    if not isinstance(entries, Iterable):
        raise TypeError(f"entries is a list of history entries, not {type(entries).__name__}")
    table = compile(chart)
    current: str | None = None
    past = Past()
    findings: list[Finding] = []
    for place, recorded in enumerate(entries, 1):
        before, event, after = _triple(recorded, place)
        wrong = past.read(recorded)
        corrects = event in (VOID, SUPERSEDE) and field_of(recorded, "corrects") is not None
        findings += _entry_findings(table, place, current, before, event, after, legal=corrects, wrong=wrong)
        current = after
    if findings or current is None:
        return Replay(None, tuple(findings))
    return Replay(table.configurations[current])


def _triple(recorded: Recorded | Mapping[str, Any], place: int) -> tuple[str | None, str, str]:
    before, event, after = (field_of(recorded, name) for name in ("before", "event", "after"))
    if not (isinstance(event, str) and isinstance(after, str)):
        raise TypeError(f"entry {place} has no texts `event` and `after`; give history entries, or mappings like them")
    return (None if before in (None, START) else before), event, after


def _entry_findings(
    table: Table,
    place: int,
    current: str | None,
    before: str | None,
    event: str,
    after: str,
    *,
    legal: bool,
    wrong: str | None,
) -> list[Finding]:
    """What is wrong with one entry; `legal` says that no arrow is needed, `wrong` what is wrong with a correction."""
    name = table.chart.name
    if before != current:
        said = f"entry {place} starts from {before or START}, the entry before it ended in {current or START}"
        return [Finding("history-gap", "error", said, path=f"entries[{place}]")]
    if after not in table.configurations:
        said = f"entry {place} ends in {after}, which {name} {table.chart.version} does not have"
        return [Finding("history-unknown-state", "error", said, path=f"entries[{place}]")]
    if wrong is not None:
        return [Finding("history-illegal", "error", f"entry {place}: {wrong}", path=f"entries[{place}]")]
    if legal or _legal(table, before, event, after):
        return []
    said = f"entry {place}: no step of {name} leads from {before or START} by {event} to {after}"
    return [Finding("history-illegal", "error", said, path=f"entries[{place}]")]


def _legal(table: Table, before: str | None, event: str, after: str) -> bool:
    if event == OVERRIDE or (event == ADOPTED and before is None):
        return True
    row = table.starts if before is None else table.rows.get(before, {})
    cell = row.get(event) or row.get(table.stand_in(event) or "")
    return cell is not None and any(step.after == after for step in cell.steps)
