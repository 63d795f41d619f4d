"""Adobe VIP Marketplace: a partner places and returns orders, Adobe tells what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from orderfsm.testing.driver import Declined, Shown, Unsent

from .base import HttpDriver
from .wire import Answer

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["AdobeDriver"]

LINES = [{"extLineItemNumber": number, "offerId": "80004567EA01A12", "quantity": 1} for number in range(1, 9)]
"""What is ordered unless `opening` says otherwise: eight lines, so that some can be returned one after the other."""

TOLD = (
    "fulfil",
    "fail",
    "fail_distributor_inactive",
    "fail_reseller_inactive",
    "fail_customer_inactive",
    "fail_customer_id_invalid",
)
"""What Adobe tells of lines."""

RETURN, CLOSE = "return_lines", "close_returned"
LATE = "2117"
"""The code of what comes too late."""

DRAWN = {"referenceOrderId": "", "lineItems": LINES[:1]}
KEPT = timedelta(days=10)
"""How long a correlation id is known."""

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
        self._returns: dict[Any, list[str]] = defaultdict(list)
        self._intents: dict[tuple[str, str], tuple[str, datetime | None]] = {}
        self._now: datetime | None = None

    def at(self, now: datetime) -> None:
        """Set the system's time."""
        super().at(now)
        self._now = now

    def takes(self, event: str) -> tuple[str, ...]:
        """A return names lines; nothing else brings anything."""
        return ("payload",) if event == RETURN else ()

    def worded(self, order: str | None, send: Send) -> Send:
        """The send with lines of the order in place of lines that were drawn; the system is Adobe."""
        send = super().worded(order, send)
        if send.event in self.also:
            return send
        actor = self.actor(send, "adobe" if send.event in (*TOLD, CLOSE) else "partner")
        send = replace(send, actor=replace(actor, role="adobe") if actor.role == "system" else actor)
        if order is None or send.event != RETURN:
            return send
        return replace(send, payload=self._real(order, DRAWN if send.payload is None else send.payload))

    def arrange(self, order: Any, send: Send) -> None:
        """Put the facts where guards read them; lines are all returned by what stands for close_returned."""
        if self.facts is not None or send.event != CLOSE or send.event in self.also:
            super().arrange(order, send)
        elif not (items := (send.facts or {}).get("items")) or any(each.get("code") != "1008" for each in items):
            raise Unsent(f"{self.api} closes an order when all its lines are returned, and at no other time")

    def begun(self, send: Send, key: str | None) -> str:
        """POST an order of type NEW."""
        self._verify_key("", send, key)
        body = {"orderType": "NEW", "currencyCode": "USD"} | self.made_of(send, {"lineItems": LINES})
        answer = self._placed(body, send, None if key is None else f"open-{key}")
        order = str(answer.member("orderId"))
        lines: list[Mapping[str, Any]] = [
            {name: line.get(name) for name in LINE} for line in answer.listed("lineItems")
        ]
        self._lines.setdefault(order, lines)  # the answer comes again under the same key
        return order

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """POST a RETURN of lines, or what happened to all lines."""
        self._verify_key(order, send, key)
        if send.event == RETURN:
            self._return(order, send, key)
        elif self.events is None or send.event not in (*TOLD, CLOSE):
            raise self.unsent(send)
        elif send.event == CLOSE:
            self._close(order, send, key)
        else:
            self._tell(order, send, key)

    def look(self, order: str) -> Shown:
        """The status; there is no history."""
        path = f"/v3/customers/{self.customer}/orders/{order}"
        answer = self.read(path, self.opener(order), headers=self._intent(None))
        return Shown(None if answer is None else answer.word("status"))

    # --- returning

    def _return(self, order: str, send: Send, key: str | None) -> None:
        body = {"orderType": "RETURN", "currencyCode": "USD", **(send.payload or {})}
        answer = self._placed(body, send, None if key is None else f"{order}-{key}")
        if (number := str(answer.member("orderId"))) not in self._returns[order]:
            self._returns[order].append(number)
        self._lines[order] = [line for line in self._lines[order] if line not in body.get("lineItems", ())]

    def _close(self, order: str, send: Send, key: str | None) -> None:
        """Return the lines that are left, and let all returns be fulfilled: the original follows its lines."""
        if self.actor(send).role != "adobe":
            self._tell(order, replace(send, event="fulfil"), key)  # to be refused, before anything is returned
        if self._lines[order]:
            payload = {"referenceOrderId": order, "lineItems": self._lines[order]}
            try:
                self._return(order, replace(send, actor="partner", payload=payload), key)
            except Declined as refusal:
                if LATE in refusal.detail:
                    raise Unsent("the lines cannot be returned any more") from None
                raise
        for returned in self._returns[order]:
            self._tell(returned, replace(send, event="fulfil"), key)

    def _real(self, order: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The order's id and lines of it that were not returned, in place of those that were drawn.

        What does not fit the schema stays as it is.
        """
        made, left = dict(payload), iter(self._lines[order])
        if isinstance(made.get("referenceOrderId"), str):
            made["referenceOrderId"] = order
        drawn = made.get("lineItems")
        if isinstance(drawn, list):
            made["lineItems"] = [next(left, None) if _fits(each) else each for each in drawn or LINES[:1]]
            if None in made["lineItems"]:
                raise Unsent("the order has no lines left to return; give opening=, which orders more of them")
        return made

    # --- requests

    def _tell(self, order: str, send: Send, key: str | None) -> None:
        path = str(self.events).format(customer=self.customer, order=order)
        self.ask("POST", path, self.actor(send), json={"event": send.event}, headers=self._intent(key))

    def _verify_key(self, order: str, send: Send, key: str | None) -> None:
        """Raise Unsent for a key of another intent, or one that is too old: that is no repetition at Adobe."""
        if key is None:
            return
        event, used = self._intents.setdefault((order, key), (send.event, self._now))
        if event != send.event:
            raise Unsent(f"{self.api} answers a correlation id that was used as it did first, whatever is sent")
        if used is not None and self._now is not None and self._now - used >= KEPT:
            raise Unsent(f"{self.api} forgets correlation ids after ten days")

    def _placed(self, body: Mapping[str, Any], send: Send, key: str | None) -> Answer:
        path = f"/v3/customers/{self.customer}/orders"
        return self.ask("POST", path, self.actor(send), json=body, headers=self._intent(key))

    def _intent(self, key: str | None) -> dict[str, str]:
        """A new correlation id, or the one of an idempotency key."""
        return {"X-Correlation-Id": uuid4().hex if key is None else f"{self.life}-{key}"}

    def sentence(self, answer: Answer) -> str:
        """The code of the refusal and its message."""
        problem = answer.problem
        return " ".join(str(problem[name]) for name in ("code", "message") if name in problem) or answer.text[:200]


def _fits(line: Any) -> bool:
    """Whether a line that was drawn has what a line has."""
    kinds = {"extLineItemNumber": int, "offerId": str, "quantity": int}
    return (
        isinstance(line, dict)
        and all(type(line.get(name)) is kind for name, kind in kinds.items())
        and 0 <= line["extLineItemNumber"] <= 999_999
        and line["quantity"] >= 1
    )
