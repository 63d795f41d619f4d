"""What somebody has typed into the form of an event: kept as it is, and read into what the event brings along."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orderfsm.history import Link, Reason
from orderfsm.http.failure import Rejected
from orderfsm.http.strict import parse

from .route import Form

__all__ = ["Along", "Draft", "TypedLink"]

DIGITS = 18
FINE = {"links": "", "payload": ""}


@dataclass(frozen=True, slots=True)
class TypedLink:
    """A link as it was typed."""

    rel: str = ""
    href: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Along:
    """What an event brings along."""

    reason: Reason | None
    links: tuple[Link, ...]
    payload: Mapping[str, Any] | None


@dataclass(slots=True)
class Draft:
    """The fields of a form; `key` says that it is sent once, `revision` what its writer has seen of the order.

    `problems` has a sentence for each field that cannot be read.
    """

    event: str
    role: str = ""
    revision: int = 0
    key: str = ""
    reason_code: str = ""
    reason_text: str = ""
    links: tuple[TypedLink, ...] = ()
    payload: str = ""
    problems: dict[str, str] = field(default_factory=lambda: dict(FINE))

    @classmethod
    def blank(cls, event: str, role: str, revision: int) -> Draft:
        """An empty form, with a key of its own."""
        return cls(event, role, revision, secrets.token_urlsafe(16))

    @classmethod
    def of(cls, sent: Form) -> Draft:
        """The fields that were sent; raises Rejected for a form that is not one of ours."""
        revision, key = sent.one("revision"), sent.one("key")
        columns = [sent.all(f"link_{part}") for part in ("rel", "href", "title")]
        whole = revision.isascii() and revision.isdigit() and len(revision) <= DIGITS and key and sent.one("event")
        if not whole or len({len(column) for column in columns}) != 1:
            raise Rejected(400, "form-malformed", "The form is not whole; open the order again and send it from there.")
        return cls(
            event=sent.one("event"),
            role=sent.one("as"),
            revision=int(revision),
            key=key,
            reason_code=sent.one("reason_code").strip(),
            reason_text=sent.one("reason_text", 10_000).strip(),
            links=tuple(TypedLink(*map(str.strip, row)) for row in zip(*columns, strict=True)),
            payload=sent.one("payload", 100_000),
        )

    def read(self) -> Along | None:
        """What the event brings along; None when there are `problems`."""
        self.problems = dict(FINE)
        reason = Reason(self.reason_code or None, self.reason_text or None)
        links, payload = self._links(), self._payload()
        if any(self.problems.values()):
            return None
        return Along(reason if self.reason_code or self.reason_text else None, links, payload)

    def _links(self) -> tuple[Link, ...]:
        try:
            return tuple(Link(typed.rel, typed.href, title=typed.title or None) for typed in self.links if typed.href)
        except ValueError as error:
            self.problems["links"] = f"{error}."
            return ()

    def _payload(self) -> Mapping[str, Any] | None:
        if not self.payload.strip():
            return None
        try:
            found = parse(self.payload.encode())
        except Rejected as rejected:
            self.problems["payload"] = f"{rejected.failure.message.replace('the body', 'this', 1)}.".capitalize()
            return None
        if not isinstance(found, dict):
            self.problems["payload"] = 'This is no JSON object; write {"field": value}.'
            return None
        return found

    def typed(self) -> Iterator[tuple[str, str]]:
        """What has been typed, with a label each."""
        if self.reason_code:
            yield "Reason code", self.reason_code
        if self.reason_text:
            yield "Reason", self.reason_text
        for link in self.links:
            if link.href or link.title:
                yield f"Link {link.rel}".strip(), f"{link.href} {link.title}".strip()
        if self.payload.strip():
            yield "Data", self.payload

    def link(self, rel: str) -> TypedLink:
        """What has been typed for a link that the event needs."""
        return next((link for link in self.links if link.rel == rel), TypedLink(rel))

    def further(self, needed: tuple[str, ...]) -> TypedLink:
        """What has been typed for a link that it does not need."""
        return next((link for link in self.links if link.rel not in needed), TypedLink())
