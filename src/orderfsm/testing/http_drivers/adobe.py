"""Adobe VIP Marketplace: a partner places and returns orders, Adobe tells what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from orderfsm.history import Actor
from orderfsm.testing.driver import Shown, Unsent

from .base import HttpDriver
from .wire import Answer

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["AdobeDriver"]

LINES = [{"extLineItemNumber": number, "offerId": "80004567EA01A12", "quantity": 1} for number in range(1, 9)]
"""What is ordered unless `opening` says otherwise: eight lines, so that some can be returned one after the other."""

LINE = ("extLineItemNumber", "offerId", "quantity")


@dataclass(kw_only=True, eq=False)
class AdobeDriver(HttpDriver):
    """The API of Adobe's orders: a partner opens orders of a customer and returns lines of them.

    `customer` is the customer's id. What becomes of an order at Adobe is told to the path `events`, which the documents
    do not have; give None for a server that lacks it, then only `also` does it. The system is Adobe there: an order
    follows its lines. `headers` gives token and API key; the ids of correlation are made here, of the idempotency keys.
    """

    customer: str
    events: str | None = "/v3/customers/{customer}/orders/{order}/events"
    anybody: str = "partner"

    api: ClassVar[str] = "Adobe's API"
    keys = True

    def begin(self) -> None:
        """A new life."""
        super().begin()
        self._lines: dict[Any, list[Mapping[str, Any]]] = {}
        self._returned: dict[tuple[str, str | None], int] = {}

    def begun(self, send: Send, key: str | None) -> str:
        """POST an order of type NEW."""
        self.verify(send)
        body = {"orderType": "NEW", "currencyCode": "USD"} | self.made_of(send, {"lineItems": LINES})
        answer = self._placed(body, self.actor(send), f"open-{key}" if key else None)
        order = str(answer.member("orderId"))
        self._lines[order] = list(answer.member("lineItems"))
        return order

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """POST a RETURN of the next line, or tell what happened to all lines."""
        if send.event == "return_lines":
            self._return(order, send, key)
            return
        if self.events is None or send.event == "close_returned":
            raise self.unsent(send)
        self.verify(send)
        actor = self.actor(send, "adobe")
        who = Actor("adobe", actor.id) if actor.role == "system" else actor
        path = self.events.format(customer=self.customer, order=order)
        self.ask("POST", path, who, json={"event": send.event}, headers=self._once(order, key))

    def look(self, order: str) -> Shown:
        """The status; there is no history."""
        path = f"/v3/customers/{self.customer}/orders/{order}"
        answer = self.answer("GET", path, Actor("partner"), headers=self._once(order, None))
        if answer.status == 404:
            return self.nothing()
        if not answer.good:
            raise answer.bad()
        return Shown(answer.member("status"))

    # --- returning

    def _return(self, order: str, send: Send, key: str | None) -> None:
        self.verify(send, "payload")
        payload = dict(send.payload or {})
        body = {"orderType": "RETURN", "currencyCode": "USD"} | payload
        if isinstance(payload.get("referenceOrderId"), str):
            body["referenceOrderId"] = order
        if isinstance(payload.get("lineItems"), list):
            body["lineItems"] = self._real(order, payload["lineItems"], key)
        self._placed(body, self.actor(send), f"{order}-{key}" if key else None)

    def _real(self, order: str, drawn: list[Any], key: str | None) -> list[Any]:
        """Lines of the order in place of lines that were drawn; what is no line stays as it is."""
        ...

    # --- requests

    def _placed(self, body: Mapping[str, Any], actor: Actor, key: str | None) -> Answer:
        path = f"/v3/customers/{self.customer}/orders"
        return self.ask("POST", path, actor, json=body, headers=self._once("", key))

    def _once(self, order: str, key: str | None) -> dict[str, str]:
        """A new intent, or the one of the idempotency key."""
        return {"X-Correlation-Id": uuid4().hex if key is None else f"{self.life}-{order}-{key}"}

    def sentence(self, answer: Answer) -> str:
        """The code of the refusal and its message."""
        problem = answer.problem
        return " ".join(str(problem[name]) for name in ("code", "message") if name in problem) or answer.text[:200]
