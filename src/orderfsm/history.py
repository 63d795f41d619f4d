"""What is recorded: who asked, why, with which links, and the entries that together are an order's history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol
from unicodedata import category

from .chart import START
from .finding import Finding
from .table import compile

if TYPE_CHECKING:
    from datetime import datetime

    from .cell import Configuration
    from .chart import Chart
    from .table import Table

__all__ = ["Actor", "Entry", "Link", "Reason", "Recorded", "Replay", "replay"]

ADOPTED, OVERRIDE = "adopt", "override"


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


@dataclass(frozen=True, slots=True)
class Link:
    """A typed reference. `href` is an absolute http(s) URL without credentials, or a path; it is stored, never fetched.

    Raises ValueError for any other scheme, for user information and for control characters or spaces.
    """

    rel: str
    href: str
    type: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        problem = _link_problem(self)
        if problem:
            raise ValueError(f"link {self.rel!r}: {problem}; give a rel and an http or https URL or a path")

    def as_dict(self) -> dict[str, str]:
        """The link as it goes into JSON; absent attributes are left out."""
        given = {"rel": self.rel, "href": self.href, "type": self.type, "title": self.title}
        return {name: value for name, value in given.items() if value is not None}


def _link_problem(link: Link) -> str | None:
    if not _is_text(link.rel) or not _solid(link.rel):
        return "rel is empty or has spaces or control characters"
    for name in ("type", "title"):
        if not _stray(getattr(link, name) or "").isdisjoint(_UNFIT):
            return f"{name} has control characters"
    return _href_problem(link.href)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, lone surrogates, line and paragraph separators."""


def _stray(text: str) -> set[str]:
    return {category(character) for character in text}


def _solid(text: str) -> bool:
    """Whether a text is printable and without spaces, bidirectional marks and lone surrogates."""
    return text.isprintable() and " " not in text


def _href_problem(href: str) -> str | None:
    if not _is_text(href) or len(href) > 2_048:
        return "href is empty or longer than 2048 characters"
    if not _solid(href) or "\\" in href:
        return "href has spaces, control characters or backslashes"
    from urllib.parse import urlsplit  # when it is needed: it brings ipaddress along

    try:
        parts = urlsplit(href)
        _ = parts.port  # reading it checks it
    except ValueError as error:
        return f"href is not a URL ({error})"
    if parts.scheme:
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            return f"href has scheme {parts.scheme!r} or no host"
        return "href carries credentials" if "@" in parts.netloc else None
    return None if href.startswith("/") and not href.startswith("//") else "href is neither a URL nor a path"


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


@dataclass(frozen=True, slots=True)
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


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"


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
    lead to a configuration of the chart.
    """
    table = compile(chart)
    current: str | None = None
    findings: list[Finding] = []
    for place, recorded in enumerate(entries, 1):
        before, event, after = _triple(recorded)
        findings += _entry_findings(table, place, current, before, event, after)
        current = after
    if findings or current is None:
        return Replay(None, tuple(findings))
    return Replay(table.configurations[current])


def _triple(recorded: Recorded | Mapping[str, Any]) -> tuple[str | None, str, str]:
    if isinstance(recorded, Mapping):
        before, event, after = recorded.get("before"), recorded["event"], recorded["after"]
    else:
        before, event, after = recorded.before, recorded.event, recorded.after
    return (None if before in (None, START) else before), event, after


def _entry_findings(
    table: Table, place: int, current: str | None, before: str | None, event: str, after: str
) -> list[Finding]:
    name = table.chart.name
    if before != current:
        said = f"entry {place} starts from {before or START}, the entry before it ended in {current or START}"
        return [Finding("history-gap", "error", said, path=f"entries[{place}]")]
    if after not in table.configurations:
        said = f"entry {place} ends in {after}, which {name} {table.chart.version} does not have"
        return [Finding("history-unknown-state", "error", said, path=f"entries[{place}]")]
    if _legal(table, before, event, after):
        return []
    said = f"entry {place}: no step of {name} leads from {before or START} by {event} to {after}"
    return [Finding("history-illegal", "error", said, path=f"entries[{place}]")]


def _legal(table: Table, before: str | None, event: str, after: str) -> bool:
    if event == OVERRIDE or (event == ADOPTED and before is None):
        return True
    row = table.starts if before is None else table.rows.get(before, {})
    cell = row.get(event) or row.get(table.stand_in(event) or "")
    return cell is not None and any(step.after == after for step in cell.steps)
