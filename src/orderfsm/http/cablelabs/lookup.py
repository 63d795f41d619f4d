"""Which order is asked for: by its id, or by buyer, seller and the buyer's number, as the document spells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl

from sqlalchemy import ColumnElement, false, or_
from sqlalchemy.orm import Session
from sqlmodel import col, select
from starlette.requests import Request

from orderfsm.http.failure import Flaw, Rejected
from orderfsm.http.principal import Principal
from orderfsm.http.strict import verify_texts

from .route import INVALID_ID, absent
from .tables import CableOrder

__all__ = ["Lookup", "asked", "of", "one"]

SPELLINGS = {
    "id": "order_id",
    "orderId": "order_id",
    "buyerId": "buyer_id",
    "sellerId": "seller_id",
    "buyerPurchaseOrderNumber": "pon",
}
"""The names that the document has for each key of a lookup."""

LONGEST = 100


class Lookup(NamedTuple):
    """What a request says of the order; everything that it says has to fit. `seller_name` is the seller as spelled."""

    order_id: str | None = None
    buyer_id: str | None = None
    seller_id: str | None = None
    pon: str | None = None
    seller_name: str | None = None

    def known(self, party: Callable[[str], str]) -> Lookup:
        """The same with the parties' other names resolved; raises Rejected when it says no order."""
        if self.order_id is None and (self.pon is None or self.buyer_id is None):
            raise unclear("orderId", "is needed, or buyerId, sellerId and buyerPurchaseOrderNumber are")
        buyer, seller = self.buyer_id and party(self.buyer_id), self.seller_id and party(self.seller_id)
        return self._replace(buyer_id=buyer, seller_id=seller, seller_name=self.seller_id)


def asked(request: Request) -> Lookup:
    """The lookup of a GET: its path, its query, and a query that begins with `&` instead of `?`, all together."""
    raw = request.scope.get("raw_path") or b""
    tail = raw.decode("ascii", "replace").partition("/status&")[2]
    try:
        mistaken = parse_qsl(tail, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise unclear("query", "has too many fields") from None
    path = [("id", request.path_params["id"])] if "id" in request.path_params else []
    return gathered([*path, *mistaken, *request.query_params.multi_items()])


def gathered(pairs: Iterable[tuple[str, str]]) -> Lookup:
    """The lookup that these names and values make; other names say nothing, and no order has two values for one key."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = SPELLINGS.get(name)
        if key is None:
            continue
        if not 0 < len(value) <= LONGEST:
            raise unclear(name, f"has 1 to {LONGEST} characters")
        if found.setdefault(key, value) != value:
            raise absent()
    verify_texts(list(found.values()))
    return Lookup(**found)


def unclear(place: str, said: str) -> Rejected:
    """A lookup that does not say one order."""
    return Rejected(400, "request-invalid", INVALID_ID, flaws=(Flaw(place, said),))


def one(session: Session, who: Principal, lookup: Lookup) -> CableOrder:
    """The one order of the principal's that fits; a foreign one is as absent as one that was never there.

    Raises Rejected when there is none, and when several fit because the seller is left out.
    """
    wanted = {
        CableOrder.id: lookup.order_id,
        CableOrder.buyer_id: lookup.buyer_id,
        CableOrder.seller_id: lookup.seller_id,
        CableOrder.pon: lookup.pon,
    }
    fitting = [col(column) == value for column, value in wanted.items() if value is not None]
    opened = col(CableOrder.code).is_not(None)
    found = session.scalars(select(CableOrder).where(of(who), opened, *fitting).limit(2)).all()
    if len(found) > 1:
        raise unclear("sellerId", "is needed: several sellers have an order with this number")
    if not found:
        raise absent()
    return found[0]


def of(who: Principal) -> ColumnElement[bool]:
    """Whether an order is the principal's, as its buyer or as its seller."""
    mine = {"buyer": CableOrder.buyer_id, "seller": CableOrder.seller_id}
    return or_(false(), *(col(column) == who.id for role, column in mine.items() if role in who.roles))
