"""STAT and STAPI: orders for satellite imagery, whose statuses are their histories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urljoin

from orderfsm.chart import OPEN
from orderfsm.history import Reason
from orderfsm.testing.driver import Shown

from .base import HttpDriver
from .wire import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orderfsm.testing.send import Send

__all__ = ["StapiDriver", "StatDriver"]

WANTED = {
    "datetime": "2030-01-01T00:00:00Z/2030-02-01T00:00:00Z",
    "geometry": {"type": "Point", "coordinates": [13.4, 52.5]},
    "order_parameters": {},
}
"""What is ordered unless `opening` says otherwise."""

ELSEWHERE = "https://links.example/"
"""Where relative links lead: these APIs take absolute ones."""


@dataclass(kw_only=True, eq=False)
class StatDriver(HttpDriver):
    """The API of satellite imagery, read as the STAT document of 2024 has it: a status is the last of a history.

    `product` is what is ordered. `events` is the path that takes events of an order; the documents have none, so give
    None for a server that has none either: then only `also` sends events.
    """

    product: str
    events: str | None = "/order/{order}/events"

    api: ClassVar[str] = "STAT"

    def takes(self, event: str) -> tuple[str, ...]:
        """A new order has neither reason nor links."""
        return () if event == OPEN else ("reason", "links")

    def worded(self, order: str | None, send: Send) -> Send:
        """A new order is placed by the customer: one that the provider places is not the customer's."""
        send = super().worded(order, send)
        if order is None and self.actor(send).role == "provider":
            return replace(send, actor="customer")
        return send

    def begun(self, send: Send, key: str | None) -> str:
        """POST to the product's orders."""
        path = f"/products/{self.product}/orders"
        answer = self.ask("POST", path, self.actor(send, "customer"), json=self.made_of(send, WANTED))
        return str(answer.member("id"))

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """POST the event with its reason and its links."""
        if self.events is None:
            raise self.unsent(send)
        path = self.events.format(order=order)
        self.ask("POST", path, self.actor(send, "provider"), json={"event": send.event} | _why(send))

    def look(self, order: str) -> Shown:
        """The current status, and all that there were."""
        answer = self.read(f"/order/{order}/status", self.opener(order))
        if answer is None:
            return Shown(None)
        return Shown(answer.word("current", "status_code"), [_entry(each) for each in answer.listed("history")])

    def sentence(self, answer: Answer) -> str:
        """The detail of the refusal."""
        return str(answer.problem.get("detail", answer.text))[:500]


@dataclass(kw_only=True, eq=False)
class StapiDriver(StatDriver):
    """The same, read as STAPI 0.1.0 has it: the order is a feature with its status, the statuses come by the page."""

    api: ClassVar[str] = "STAPI"

    def look(self, order: str) -> Shown:
        """The order's status, and all that there were."""
        answer = self.read(f"/orders/{order}", self.opener(order))
        if answer is None:
            return Shown(None)
        return Shown(answer.word("properties", "status", "status_code"), self._statuses(order))

    def _statuses(self, order: str) -> list[Mapping[str, Any]] | None:
        """Page by page; None where there is no list."""
        found: list[Mapping[str, Any]] = []
        following: str | None = f"/orders/{order}/statuses?limit=100"
        while following is not None:
            answer = self.read(following, self.opener(order))
            if answer is None:
                return None
            found += [_entry(each) for each in answer.listed("statuses")]
            following = answer.following()
        return found


def _why(send: Send) -> dict[str, Any]:
    """Reason and links, as a status has them."""
    told: dict[str, Any] = {}
    if send.reason is not None:
        reason = send.reason if isinstance(send.reason, Reason) else Reason(send.reason)
        told |= {f"reason_{name}": getattr(reason, name) for name in ("code", "text") if getattr(reason, name)}
    if send.links:
        told["links"] = [{"rel": link.rel, "href": urljoin(ELSEWHERE, link.href)} for link in send.links]
    return told


def _entry(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status as an entry of a history."""
    reason = status.get("reason_code")
    return {"after": status.get("status_code")} | ({} if reason is None else {"reason": reason})
