"""What the tests of the Ethernet services API share: parties, the document's order, a served app."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import Session

from kept_http import client, lent
from orderfsm.http import Principal, cablelabs
from orderfsm.http.cablelabs.demonstration import place

NOW = datetime(2016, 10, 1, 12, 0, tzinfo=UTC)
WHO = {
    "buyer": Principal("Verizon", frozenset({"buyer"})),
    "seller": Principal("Cox", frozenset({"seller"})),
    "other-buyer": Principal("Sprint", frozenset({"buyer"})),
    "other-seller": Principal("Comcast", frozenset({"seller"})),
    "both": Principal("Level3", frozenset({"buyer", "seller"})),
    "nobody": Principal("Verizon", frozenset({"auditor"})),
    "as-seller": Principal("Verizon", frozenset({"seller"})),
}
ALIASES = {"Cox Spectrum Business": "Cox"}
CET = timezone(timedelta(hours=1))
EXAMPLE: dict[str, Any] = {
    "objectType": "orderStatusResponse",
    "orderId": "ORD-CC-12345",
    "buyerId": "Verizon",
    "sellerId": "Cox",
    "buyerPurchaseOrderNumber": "PO-12345",
    "buyerOrderVersion": "1",
    "projectId": "PRJ-CC-482457303",
    "requestedCompletionDate": "2016-10-11T17:20+01:00",
    "expectedCompletionDate": "2016-10-05T08:00+01:00",
    "orderStatus": "IN_PROGRESS",
    "orderItemStatuses": [
        {"orderItemReference": "01", "orderItemStatus": "COMPLETE"},
        {"orderItemReference": "02", "orderItemStatus": "IN_PROGRESS"},
    ],
}
"""The response of the document, word for word."""

SERVED = EXAMPLE | {
    "orderItemStatuses": [
        {"orderItemReference": "01", "orderItemStatus": "COMPLETED"},
        EXAMPLE["orderItemStatuses"][1],
    ]
}
"""What is served: COMPLETE is no word of the schema, COMPLETED is."""

QUESTION = {
    "objectType": "orderStatusRequest",
    "orderId": "ORD-CC-12345",
    "buyerId": "Verizon",
    "sellerId": "Cox Spectrum Business",
    "buyerPurchaseOrderNumber": "PO-12345",
}
"""The request of the document, word for word."""


def clock() -> datetime:
    return NOW


def auth(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {who}"}


def order(**more: Any) -> cablelabs.CableOrder:
    """The document's order."""
    given = {
        "id": "ORD-CC-12345",
        "buyer_id": "Verizon",
        "seller_id": "Cox",
        "pon": "PO-12345",
        "project_id": "PRJ-CC-482457303",
        "requested_completion_date": datetime(2016, 10, 11, 17, 20, tzinfo=CET),
        "expected_completion_date": datetime(2016, 10, 5, 8, 0, tzinfo=CET),
    }
    return cablelabs.CableOrder(**given | more)


def placed(made: Engine, *courses: tuple[str, ...], **more: Any) -> str:
    """Open the document's order with an item for each course of events, and return its id."""
    life = cablelabs.lives(clock)
    with Session(made) as session:
        opened = order(**more)
        items = place(session, life, opened, tuple(f"{number:02d}" for number in range(1, len(courses) + 1)))
        for item, course in zip(items, courses, strict=True):
            for event in course:
                life.items.send(session, item, event, actor="seller")
        session.commit()
        return opened.id


def example(made: Engine, **more: Any) -> str:
    """The document's order as the document shows it."""
    return placed(made, ("start", "complete"), ("start",), **more)


def app(made: Engine, **options: Any) -> FastAPI:
    served = FastAPI()
    given: dict[str, Any] = {"authenticate": WHO.get, "clock": clock, "aliases": ALIASES} | options
    served.include_router(cablelabs.router(sessions=partial(Session, made), **given))
    return served


@contextmanager
def http(made: Engine, **options: Any) -> Iterator[httpx.Client]:
    """A client of the API over a database; `options` are the router's, all of them functions."""
    given = {"endpoints": nobody, "senders": nobody, "clock": clock} | options
    with lent(borrowed, sessions=partial(Session, made), **given) as app, client(app) as found:
        yield found


def nobody(_: str) -> None:
    """Nobody has registered."""


def borrowed(now: Any) -> FastAPI:
    served = FastAPI()
    router = cablelabs.router(
        sessions=lambda: now.sessions(),
        authenticate=WHO.get,
        clock=lambda: now.clock(),
        endpoints=lambda buyer: now.endpoints(buyer),
        senders=lambda seller: now.senders(seller),
        aliases=ALIASES,
    )
    served.include_router(router)
    return served
