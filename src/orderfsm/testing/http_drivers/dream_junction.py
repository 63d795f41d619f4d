"""Dream Junction: what a customer may do to an order of prints, and its status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from orderfsm.testing.driver import Shown

from .base import HttpDriver
from .wire import Answer, members

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["DreamJunctionDriver"]

SHIRT = {
    "sku": "2001_ASPHALT_L",
    "quantity": 1,
    "designs": [{"placement": "Front Center", "art_url": "https://art.example/art.tif"}],
}
"""What is ordered unless `opening` says otherwise."""


@dataclass(kw_only=True, eq=False)
class DreamJunctionDriver(HttpDriver):
    """The API of Dream Junction: customers open, update and cancel orders.

    What happens in the house (release, package, ship, void) is not in the API: give `also`. `opening(send)` gives the
    body of a new order; a purchase order of its own is added where it has none.
    """

    anybody: str = "customer"

    api: ClassVar[str] = "Dream Junction's API"

    def takes(self, event: str) -> tuple[str, ...]:
        """An update has changes; nothing else brings anything."""
        return ("payload",) if event == "update" else ()

    def worded(self, order: Any, send: Send) -> Send:
        """The send without members that are null, which is how nothing is said."""
        send = super().worded(order, send)
        return send if send.event in self.also or send.payload is None else replace(send, payload=members(send.payload))

    def begun(self, send: Send, key: str | None) -> int:
        """POST to the orders."""
        body = {"purchase_order": uuid4().hex} | self.made_of(send, {"items": [SHIRT]})
        return self.ask("POST", "/orders", self.actor(send), json=body).number("order")

    def sent(self, order: int, send: Send, key: str | None) -> None:
        """PUT the changes of an update, DELETE what is canceled."""
        path, who = f"/orders/{order}", self.actor(send)
        if send.event == "update":
            self.ask("PUT", path, who, json=send.payload or {})
        elif send.event == "cancel":
            self.ask("DELETE", path, who)
        else:
            raise self.unsent(send)

    def look(self, order: int) -> Shown:
        """The status; there is no history."""
        answer = self.read(f"/orders/{order}", self.opener(order))
        return Shown(None if answer is None else answer.word("status"))

    def sentence(self, answer: Answer) -> str:
        """The message of the refusal."""
        return str(answer.problem.get("message", answer.text))[:500]
