"""Dream Junction: what a customer may do to an order of prints, and its status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from orderfsm.testing.driver import Shown

from .base import HttpDriver
from .wire import Answer

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

    def begun(self, send: Send, key: str | None) -> int:
        """POST to the orders."""
        self.verify(send)
        body = {"purchase_order": uuid4().hex} | self.made_of(send, {"items": [SHIRT]})
        return int(self.ask("POST", "/orders", self.actor(send), json=body).member("order"))

    def sent(self, order: int, send: Send, key: str | None) -> None:
        """PUT the changes of an update, DELETE what is canceled."""
        if send.event == "update":
            self.verify(send, "payload")
            self.ask("PUT", f"/orders/{order}", self.actor(send), json=dict(send.payload or {}))
        elif send.event == "cancel":
            self.verify(send)
            self.ask("DELETE", f"/orders/{order}", self.actor(send))
        else:
            raise self.unsent(send)

    def look(self, order: int) -> Shown:
        """The status; there is no history."""
        answer = self.read(f"/orders/{order}", self.opener(order))
        return self.nothing() if answer is None else Shown(answer.member("status"))

    def sentence(self, answer: Answer) -> str:
        """The message of the refusal."""
        return str(answer.problem.get("message", answer.text))[:500]
