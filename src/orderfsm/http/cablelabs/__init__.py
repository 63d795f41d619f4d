"""Ethernet services orders (CableLabs, ATIS-OBF, MEF): buyers ask sellers for a status, at once or to be answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orderfsm.http.shelf import Shelf

from .demonstration import demo
from .endpoints import Answers, Endpoint
from .inquiries import inquire, question
from .lives import Lives, lives, now
from .lookup import of
from .status import router
from .tables import (
    CableInquiry,
    CableInquiryHistory,
    CableItem,
    CableItemHistory,
    CableOrder,
    CableOrderHistory,
    CableRequest,
    CableRequestHistory,
    CableRequestOutbox,
    create,
)

__all__ = [
    "Answers",
    "CableInquiry",
    "CableInquiryHistory",
    "CableItem",
    "CableItemHistory",
    "CableOrder",
    "CableOrderHistory",
    "CableRequest",
    "CableRequestHistory",
    "CableRequestOutbox",
    "Endpoint",
    "Lives",
    "create",
    "demo",
    "inquire",
    "lives",
    "question",
    "router",
    "shelf",
]


def shelf(clock: Callable[[], datetime] = now) -> Shelf:
    """The orders for the pages: buyers see what they ordered, sellers what was ordered of them."""
    return Shelf("cablelabs", lives(clock).orders, of, lambda order: f"{order.id} ({order.pon})")
