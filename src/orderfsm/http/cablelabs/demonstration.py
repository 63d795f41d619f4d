"""Orders to look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from orderfsm.history import Actor, Reason
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .lives import Lives, lives, now
from .tables import CableItem, CableOrder

__all__ = ["demo", "place"]

BUYER, SELLER = Actor("buyer", "demo-buyer"), Actor("seller", "demo-seller")
ITEMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "PO-1001": ((), ()),
    "PO-1002": (("start", "complete"), ("start",)),
    "PO-1003": (("start", "request_information"), ("start", "complete")),
    "PO-1004": (("start", "complete"), ("start", "complete")),
    "PO-1005": (("start", "complete"), ("start", "fail")),
    "PO-1006": (("start",), ()),
    "PO-1007": (("start",), ()),
}
"""What becomes of the two items of each order."""

COMMANDS = {"PO-1006": ("hold", None), "PO-1007": ("cancel", Reason(text="Moving to another building."))}
"""What the buyer then says to the order."""


def place(session: Session, life: Lives, order: CableOrder, references: tuple[str, ...]) -> list[CableItem]:
    """Open an order of the buyer's with its items; the caller commits."""
    life.orders.open(session, order, actor=Actor("buyer", order.buyer_id))
    items = [CableItem(order_id=order.id, reference=reference) for reference in references]
    for item in items:
        life.items.open(session, item, actor=Actor("seller", order.seller_id))
    return items


def demo(sessions: Sessions, clock: Callable[[], datetime] = now) -> None:
    """Seven orders of `demo-buyer` with `demo-seller`, one in each of seven states; they follow their items."""
    life = lives(clock)

    def work(session: Session) -> None:
        for pon, courses in ITEMS.items():
            order = example(pon, clock().date())
            items = place(session, life, order, ("01", "02"))
            for item, course in zip(items, courses, strict=True):
                for event in course:
                    life.items.send(session, item, event, actor=SELLER)
            if pon in COMMANDS:
                event, reason = COMMANDS[pon]
                life.orders.send(session, order, event, actor=BUYER, reason=reason)

    transact(sessions, work)


def example(pon: str, today: date) -> CableOrder:
    """An order like that of the document."""
    return CableOrder(
        id=f"ORD-CC-{pon[-4:]}",
        buyer_id=BUYER.id,
        seller_id=SELLER.id,
        pon=pon,
        project_id="PRJ-CC-482457303",
        requested_completion_date=today + timedelta(days=30),
        expected_completion_date=today + timedelta(days=28),
    )
