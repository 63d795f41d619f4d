"""Record Stack Overflow: customers place and delete orders of records, merchants change them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from orderfsm.history import Actor
from orderfsm.testing.driver import Shown, Unsent

from .base import HttpDriver
from .wire import Answer, members

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

USUAL = {"update": "merchant", "complete": "merchant"}
"""Who sends an event that comes without an actor, where that is no customer."""

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

    def takes(self, event: str) -> tuple[str, ...]:
        """An update has changes; nothing else brings anything."""
        return ("payload",) if event == "update" else ()

    def worded(self, order: Any, send: Send) -> Send:
        """The send of an account that there is, with the accounts that the order has."""
        send = super().worded(order, send)
        if send.payload is not None:
            send = replace(send, payload=members(send.payload))
        if order is None:
            return replace(send, actor=self._account(send))
        facts = dict(send.facts or {})
        facts["order"] = {**facts.get("order", {}), "created_by": self.customer, "merchant_id": self.merchant}
        return replace(send, actor=self._account(send), facts=facts)

    def arrange(self, order: Any, send: Send) -> None:
        """Whose an order is, is settled by who has opened it; what else guards read is for `facts`."""
        if self.facts is not None:
            self.facts(order, send)

    def begun(self, send: Send, key: str | None) -> str:
        """POST to the orders of a record."""
        path = f"/orders/merchants/{self.merchant}/records/{self.record}/"
        return str(self.ask("POST", path, self.actor(send), json=self.made_of(send, PLACE)).member("_id"))

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """PUT the changes of an update, DELETE what is cancelled."""
        who = self.actor(send)
        if send.event == "update":
            self.ask("PUT", f"/orders/{order}/", who, json=send.payload or {})
        elif send.event == "cancel":
            self.ask("DELETE", f"/orders/{order}/customers/{who.id}/", who)
        else:
            raise self.unsent(send)

    def look(self, order: str) -> Shown:
        """The status, found in the list of the customer's orders, the newest first; there is no history."""
        path = f"/orders/customers/{self.customer}/?sort=desc&limit={PAGE}"
        for offset in range(0, 10**6, PAGE):
            answer = self.read(f"{path}&offset={offset}", Actor("customer", self.customer))
            page = [] if answer is None else answer.listed()
            for each in page:
                if each.get("_id") == order:
                    return Shown(each.get("status"))
            if len(page) < PAGE:
                break
        return Shown(None)

    def _account(self, send: Send) -> Actor:
        """The account that sends it: the order's own one, unless guards are to find somebody else."""
        actor = self.actor(send, USUAL.get(send.event, ""))
        accounts = {
            "customer": (self.customer, self.other_customer),
            "merchant": (self.merchant, self.other_merchant),
        }
        own, other = accounts.get(actor.role, (actor.id, actor.id))
        if not _strange(send, actor, (own, other)):
            return Actor(actor.role, own)
        if other is None:
            raise Unsent(f"guards of {send.event} ask for another {actor.role}; give other_{actor.role}=")
        return Actor(actor.role, other)

    def sentence(self, answer: Answer) -> str:
        """The message of the refusal."""
        return str(answer.problem.get("error_message", answer.text))[:500]


def _strange(send: Send, actor: Actor, accounts: tuple[str | None, str | None]) -> bool:
    """Whether guards are to find that the order is not the sender's."""
    if actor.id in accounts:
        return actor.id == accounts[1]  # it has been worded before
    order = (send.facts or {}).get("order", {})
    owner = OWNER.get(actor.role)
    return owner in order and order[owner] != actor.id
