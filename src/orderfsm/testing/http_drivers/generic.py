"""The generic API: any chart, histories with everything in them, idempotency keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from orderfsm.history import Reason
from orderfsm.testing.driver import Declined, Shown

from .base import HttpDriver
from .wire import Answer

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["GenericDriver"]

CODES = frozenset({
    "guard-refused", "key-reused", "link-needed", "not-enabled", "not-permitted", "payload-invalid", "reason-needed",
    "unknown-event",
})  # fmt: skip
"""Codes of problems that say what the chart says; others are words of HTTP's."""

MOST = 100
"""How many entries a page has at most."""


@dataclass(kw_only=True, eq=False)
class GenericDriver(HttpDriver):
    """The generic API of orderfsm, for whatever chart: the path is that of the orders, `/orders` unless you say.

    An order is called by its URL. `opening(send)` gives what a new order is made of, beside the payload of the Send.
    """

    path: str = "/orders"

    api: ClassVar[str] = "the generic API"
    begins: ClassVar[str] = ""
    keys = True

    def takes(self, event: str) -> tuple[str, ...]:
        """Everything."""
        return ("reason", "links", "payload")

    def begun(self, send: Send, key: str | None) -> str:
        """POST to the path of the orders; the new one is in Location."""
        made_of = self.made_of(send, {}) | dict(send.payload or {})
        body = self._body(send) | ({"payload": made_of} if made_of or send.payload is not None else {})
        answer = self.ask("POST", self.path, self.actor(send), json=body, headers=self._once(key))
        return answer.absolute(answer.header("Location"))

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """POST to the events of the order."""
        body = self._body(send) | ({} if send.payload is None else {"payload": dict(send.payload)})
        self.ask("POST", f"{order}/events", self.actor(send), json=body, headers=self._once(key))

    def look(self, order: str) -> Shown:
        """State, history and revision."""
        who = self.opener(order)
        answer = self.read(f"{order}?entries={MOST}", who)
        if answer is None:
            return Shown(None)
        revision = answer.number("revision")
        entries = answer.listed("history")
        if len(entries) < revision:
            entries = self._pages(order)
        return Shown(answer.word("configuration"), entries, revision)

    def _pages(self, order: str) -> list[dict[str, Any]]:
        """All entries of a history that is longer than a page."""
        found: list[dict[str, Any]] = []
        following: str | None = f"{order}/history?limit={MOST}"
        while following is not None and (answer := self.read(following, self.opener(order))) is not None:
            found += answer.listed("entries")
            following = answer.following()
        return found

    def _body(self, send: Send) -> dict[str, Any]:
        """The event with what comes along, but for the payload."""
        body: dict[str, Any] = {"event": send.event}
        if role := self.actor(send).role:
            body["as"] = role
        if send.reason is not None:
            reason = send.reason if isinstance(send.reason, Reason) else Reason(send.reason)
            body["reason"] = {name: text for name, text in (("code", reason.code), ("text", reason.text)) if text}
        if send.links:
            body["links"] = [link.as_dict() for link in send.links]
        return body

    def _once(self, key: str | None) -> dict[str, str]:
        return {} if key is None else {"Idempotency-Key": f'"{self.life}-{key}"'}

    def declined(self, answer: Answer) -> Declined:
        """A problem document (RFC 9457), with its code where the chart knows it."""
        code = str(answer.problem.get("code", ""))
        said = self.sentence(answer)
        if code in CODES:
            return Declined(code, said)
        return Declined(detail=f"{answer.status} {code} {said}".strip())

    def sentence(self, answer: Answer) -> str:
        """The detail of the problem."""
        return str(answer.problem.get("detail", answer.text[:200]))
