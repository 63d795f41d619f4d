"""Record Stack Overflow: customers place and delete orders of records, merchants change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from orderfsm.history import Actor
from orderfsm.testing.driver import Shown, Unsent

from .base import HttpDriver
from .wire import Answer

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["RecordStackOverflowDriver"]

PLACE = {
    "shipping_info": {
        "shipping_address1": "123 Shipping Lane",
        "shipping_city": "Raleigh",
        "shipping_state": "NC",
        "shipping_zip": "27615",
    },
    "billing_info": {
        "paypal_email": "email@example.com",
        "billing_address1": "123 Billing Drive",
        "billing_city": "Raleigh",
        "billing_state": "NC",
        "billing_zip": "27615",
    },
}
"""What a new order has unless `opening` says otherwise."""

OWNER = {"customer": "created_by", "merchant": "merchant_id"}
"""The member of the order that guards compare with whoever asks."""

PAGE = 50
"""How many orders are asked for at once: there is no request for a single one."""


@dataclass(kw_only=True, eq=False)
class RecordStackOverflowDriver(HttpDriver):
    """The API of Record Stack Overflow: customers open and cancel (by DELETE) orders, merchants update them.

    `customer` and `merchant` are the ids of accounts, `record` that of a record of the merchant's; `headers` is given
    an actor with such an id. Guards compare accounts: where a walk wants somebody else, `other_customer` or
    `other_merchant` asks; without them that is passed over. What completes an order is not in the API: give `also`.
    """

    customer: str
    merchant: str
    record: str
    other_customer: str | None = None
    other_merchant: str | None = None
    anybody: str = field(default="customer", init=False)

    api: ClassVar[str] = "Record Stack Overflow's API"

    def arrange(self, order: Any, send: Send) -> None:
        """Whose an order is, is told by whoever asks; all other facts are yours to arrange."""
        known = {(root, name) for root, facts in (send.facts or {}).items() for name in _names(facts)}
        if send.guards or not known <= {("order", name) for name in OWNER.values()}:
            super().arrange(order, send)

    def begun(self, send: Send, key: str | None) -> str:
        """POST to the orders of a record."""
        self.verify(send)
        path = f"/orders/merchants/{self.merchant}/records/{self.record}/"
        return str(self.ask("POST", path, self.account(send, "customer"), json=self.made_of(send, PLACE)).member("_id"))

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """PUT the changes of an update, DELETE what is cancelled."""
        if send.event == "update":
            self.verify(send, "payload")
            who = self.account(send, "merchant")
            self.ask("PUT", f"/orders/{order}/", who, json=dict(send.payload or {}))
        elif send.event == "cancel":
            self.verify(send)
            who = self.account(send, "customer")
            self.ask("DELETE", f"/orders/{order}/customers/{who.id}/", who)
        else:
            raise self.unsent(send)

    def look(self, order: str) -> Shown:
        """The status, found in the list of the customer's orders, the newest first; there is no history."""
        path = f"/orders/customers/{self.customer}/?sort=desc&limit={PAGE}"
        for offset in range(0, 10**6, PAGE):
            answer = self.read(f"{path}&offset={offset}", Actor("customer", self.customer))
            page = answer.content if answer is not None else []
            for each in page:
                if each.get("_id") == order:
                    return Shown(each.get("status"))
            if len(page) < PAGE:
                break
        return self.nothing()

    def account(self, send: Send, usual: str) -> Actor:
        """The account that sends it: the order's own one, unless guards are to find somebody else."""
        actor = self.actor(send, usual)
        role = actor.role
        own, other = (self.customer, self.other_customer), (self.merchant, self.other_merchant)
        one, stranger = {"customer": own, "merchant": other}.get(role, (actor.id, None))
        if not _strange(send, actor):
            return Actor(role, one)
        if stranger is None:
            raise Unsent(f"guards of {send.event} ask for another {role}; give other_{role}=, the id of an account")
        return Actor(role, stranger)

    def sentence(self, answer: Answer) -> str:
        """The message of the refusal."""
        return str(answer.problem.get("error_message", answer.text))[:500]


def _names(facts: Any) -> list[str]:
    return list(facts) if isinstance(facts, dict) else ["?"]


def _strange(send: Send, actor: Actor) -> bool:
    """Whether guards are to find that the order is not the sender's."""
    order = (send.facts or {}).get("order", {})
    owner = OWNER.get(actor.role)
    return owner in order and order[owner] != actor.id
