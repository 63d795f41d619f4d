"""What is answered, and the headers that go with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orderfsm.http.wording import blocker_as_dict

from .conditions import etag

if TYPE_CHECKING:
    from orderfsm.lifecycle import Allowed, Explanation

__all__ = [
    "EntryShown",
    "EventsShown",
    "ExplanationShown",
    "HistoryShown",
    "Moved",
    "StatusShown",
    "address",
    "events_shown",
    "explained",
    "json_answer",
    "linked",
    "moved",
]

SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer: it is for whoever asked, and what it says it is."""


class ActorShown(BaseModel):
    """Who asked."""

    role: str
    id: str
    label: str


class ReasonShown(BaseModel):
    """Why."""

    code: str | None
    text: str | None


class LinkShown(BaseModel):
    """A typed reference."""

    rel: str
    href: str
    type: str | None = None
    title: str | None = None


class EntryShown(BaseModel):
    """One recorded step; `sequence` counts from 1 without gaps."""

    sequence: int
    event: str
    before: str
    after: str
    code: str | None
    category: str | None
    occurred_at: str = Field(description="a claim")
    recorded_at: str
    actor: ActorShown | None
    reason: ReasonShown | None
    links: list[LinkShown]
    payload: dict[str, Any] | None
    origin: str
    caused_by: str | None
    corrects: int | None
    chart: str
    chart_version: str
    chart_profile: str


class Standing(BaseModel):
    """Where an order stands; nulls and revision 0 before it is opened."""

    configuration: str | None
    code: str | None = Field(description="the vocabulary's word")
    category: str | None = Field(description="open, waiting, suspended, done, failed or cancelled")
    revision: int = Field(description="the sequence of the last entry, and the ETag")


class StatusShown(Standing):
    """Where an order stands, with its last entries, oldest first."""

    chart: str | None
    chart_version: str | None
    history: list[EntryShown]


class Moved(Standing):
    """Where an event has taken an order, and the entry that says so."""

    entry: EntryShown


class HistoryShown(BaseModel):
    """A page of a history; `links` have the rels first, prev and next."""

    entries: list[EntryShown]
    links: list[LinkShown]


class BlockerShown(BaseModel):
    """One reason why not, or one thing that is needed."""

    code: str
    detail: str
    parameters: dict[str, Any]


class AllowedShown(BaseModel):
    """An event that may be sent now, and what has to come along."""

    event: str
    needs: list[BlockerShown]


class ExplanationShown(BaseModel):
    """Whether an event may be sent as asked; if not, why not, and the events that lead there."""

    event: str
    allowed: bool
    blockers: list[BlockerShown]
    way: list[str] | None = Field(description="the shortest way, this event the last; null when there is none")


class EventsShown(BaseModel):
    """The events that may be sent now, and why not the others."""

    role: str
    revision: int
    allowed: list[AllowedShown]
    refused: list[ExplanationShown]


def json_answer(content: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON; underscores in the names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(content, status, SAFE | named)


def moved(entry: Mapping[str, Any], shown: Mapping[str, Any], location: str, *, replayed: str | None) -> Response:
    """The answer to an event: it says the same whenever the request is sent again."""
    where = {
        "configuration": entry["after"],
        "code": entry["code"],
        "category": entry["category"],
        "revision": entry["sequence"],
    }
    headers = {"Location": location, "ETag": etag(entry["sequence"])}
    headers |= {} if replayed is None else {"Idempotent_Replayed": replayed}
    return json_answer(where | {"entry": dict(shown)}, 201, **headers)


def address(request: Request) -> str:
    """The path of a request as its client knows it, quoted: with what a proxy has taken off and says so."""
    root, path = request.scope.get("root_path", "").rstrip("/"), request.scope["path"]
    return quote(path if path == root or path.startswith(f"{root}/") else f"{root}{path}")


def linked(links: Iterable[Mapping[str, str]]) -> str:
    """A Link header (RFC 8288)."""
    return ", ".join(f'<{link["href"]}>; rel="{link["rel"]}"' for link in links)


def explained(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON."""
    return {
        "event": found.event,
        "allowed": not found.blockers,
        "blockers": [blocker_as_dict(blocker) for blocker in found.blockers],
        "way": None if found.way is None else list(found.way),
    }


def events_shown(
    role: str, revision: int, allowed: Iterable[Allowed], explanations: Iterable[Explanation]
) -> dict[str, Any]:
    """What may be sent now, and why not the rest."""
    may = [{"event": each.event, "needs": [blocker_as_dict(need) for need in each.needs]} for each in allowed]
    names = {each["event"] for each in may}
    refused = [explained(each) for each in explanations if each.event not in names]
    return {"role": role, "revision": revision, "allowed": may, "refused": refused}
