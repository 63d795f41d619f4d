"""The buyer's side: what was asked, and which answers are taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_
from sqlalchemy.orm import Session
from sqlmodel import col, select

from orderfsm.graph import way
from orderfsm.history import Actor
from orderfsm.http.failure import Flaw, Rejected
from orderfsm.lifecycle import Lifecycle
from orderfsm.table import Table

from .lives import Lives
from .models import OrderStatusResponse
from .route import INVALID_INPUT, absent
from .tables import CableInquiry

__all__ = ["Signed", "inquire", "question", "take"]

OPEN, NEWEST = 100, 10
"""How many open inquiries an answer is matched with, and how many earlier answers it is compared with."""


class Signed(NamedTuple):
    """Whose signature an answer has, with the id and the time that were signed along."""

    seller_id: str
    message: str
    at: datetime


def inquire(
    session: Session,
    inquiries: Lifecycle,
    *,
    buyer_id: str,
    seller_id: str,
    order_id: str | None = None,
    pon: str | None = None,
) -> CableInquiry:
    """Note that a buyer asks a seller, so that the answer will be taken; the caller commits, then posts `question`.

    `inquiries` is that of `lives()`. Each answer closes one inquiry. Raises ValueError when no order is named.
    """
    if not (order_id or pon):
        raise ValueError("an inquiry is about an order: give order_id, or pon, or both")
    inquiry = CableInquiry(
        asked_at=inquiries.clock(), buyer_id=buyer_id, seller_id=seller_id, for_order=order_id, pon=pon
    )
    inquiries.open(session, inquiry, actor=Actor("buyer", buyer_id))
    return inquiry


def question(inquiry: CableInquiry) -> dict[str, Any]:
    """The body to post to the seller's `/orders/status-request`."""
    found = {
        "objectType": "orderStatusRequest",
        "orderId": inquiry.for_order,
        "buyerId": inquiry.buyer_id,
        "sellerId": inquiry.seller_id,
        "buyerPurchaseOrderNumber": inquiry.pon,
    }
    return {name: value for name, value in found.items() if value is not None}


def take(session: Session, life: Lives, signed: Signed, buyer_id: str, answer: OrderStatusResponse) -> None:
    """Close the oldest open inquiry that an answer fits; one that was taken before changes nothing.

    Raises Rejected for an answer that nobody waits for, and for one that is older than what the buyer knows.
    """
    waiting = open_inquiries(session, signed.seller_id, buyer_id, answer)  # locked, so that answers come one by one
    if taken_before(session, signed):
        return
    if not waiting:
        raise absent()
    for known in newest(session, signed.seller_id, buyer_id, answer.orderId):
        verify_newer(life.orders.table, known, signed, answer)
    inquiry = waiting[0]
    inquiry.for_order, inquiry.pon, inquiry.version = (
        answer.orderId,
        answer.buyerPurchaseOrderNumber,
        answer.buyerOrderVersion,
    )
    inquiry.answer = answer.model_dump(exclude_none=True)
    inquiry.message, inquiry.signed_at = signed.message, signed.at
    life.inquiries.send(session, inquiry, "answer", actor=Actor("seller", signed.seller_id), key=signed.message)


def open_inquiries(session: Session, seller_id: str, buyer_id: str, answer: OrderStatusResponse) -> list[CableInquiry]:
    """The open inquiries that an answer fits, the oldest first; their rows are locked."""
    wanted = select(CableInquiry).where(
        CableInquiry.seller_id == seller_id,
        CableInquiry.buyer_id == buyer_id,
        CableInquiry.code == "open",
        or_(col(CableInquiry.for_order).is_(None), col(CableInquiry.for_order) == answer.orderId),
        or_(col(CableInquiry.pon).is_(None), col(CableInquiry.pon) == answer.buyerPurchaseOrderNumber),
    )
    ordered = wanted.order_by(col(CableInquiry.asked_at), col(CableInquiry.id)).limit(OPEN)
    return list(session.scalars(ordered.with_for_update()))


def taken_before(session: Session, signed: Signed) -> bool:
    """Whether this very message was taken already."""
    same = select(CableInquiry.id).where(
        CableInquiry.seller_id == signed.seller_id, CableInquiry.message == signed.message
    )
    return session.scalar(same) is not None


def newest(session: Session, seller_id: str, buyer_id: str, order_id: str) -> list[CableInquiry]:
    """What the buyer knows of an order from its last answers."""
    wanted = select(CableInquiry).where(
        CableInquiry.seller_id == seller_id,
        CableInquiry.buyer_id == buyer_id,
        CableInquiry.for_order == order_id,
        col(CableInquiry.signed_at).is_not(None),
    )
    return list(session.scalars(wanted.order_by(col(CableInquiry.signed_at).desc()).limit(NEWEST)))


def verify_newer(table: Table, known: CableInquiry, signed: Signed, answer: OrderStatusResponse) -> None:
    """Raise Rejected for an answer that was signed earlier, has a lower version, or goes back on what was said."""
    if known.signed_at is not None and signed.at < known.signed_at:
        raise stale("webhook-timestamp", "a later answer was taken before")
    if rank(answer.buyerOrderVersion) < rank(known.version or ""):
        raise stale("body.buyerOrderVersion", "an answer about a later version was taken before")
    if not follows(table, (known.answer or {})["orderStatus"], answer.orderStatus):
        raise stale("body.orderStatus", "does not come after the status that was taken before")


def follows(table: Table, before: str, after: str) -> bool:
    """Whether some legal life shows these two codes one after the other, with anything in between."""
    began = (str(found) for found in table.configurations.values() if found.code == before)
    return any(way(table, here, lambda found: found.code == after) is not None for here in began)


def rank(version: str) -> tuple[int, str]:
    """Versions are texts: "2" comes after "1", "10" after "9", and "01" is "1"."""
    bare = version.lstrip("0")
    return len(bare), bare


def stale(place: str, said: str) -> Rejected:
    """An answer that tells less than is known."""
    return Rejected(409, "stale", INVALID_INPUT, flaws=(Flaw(place, said),))
