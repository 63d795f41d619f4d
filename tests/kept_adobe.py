"""Adobe's API over a real server, with a clock that stands still, for its tests."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import Session

from kept_http import client, lent
from orderfsm.http import Principal, adobe

PLACED = datetime(2019, 5, 2, 22, 49, 54, tzinfo=UTC)
CUSTOMER, OTHER, FOREIGN = "9876543210", "9876543211", "1006370764"
ORDER = "0123456789"
OFFER = "80004567EA01A12"
WHO = {
    "partner": Principal("distributor", frozenset({"partner"})),
    "rival": Principal("rival", frozenset({"partner"})),
    "adobe": Principal("adobe-fulfilment", frozenset({"adobe"})),
    "nobody": Principal("auditor", frozenset({"auditor"})),
}
LINE = {"extLineItemNumber": 4, "offerId": OFFER, "quantity": 1, "currencyCode": "USD", "deploymentId": "12345"}
NEW = {"orderType": "NEW", "externalReferenceId": "759", "currencyCode": "USD", "lineItems": [LINE]}
RETURN = NEW | {"orderType": "RETURN", "referenceOrderId": ORDER}


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.at = PLACED

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **delta: float) -> None:
        self.at += timedelta(**delta)


class Api:
    """The server's client, with the headers that every request has; the database and the clock behind it."""

    def __init__(self, http: httpx.Client, database: Engine, clock: Clock) -> None:
        self.http, self.database, self.clock = http, database, clock
        self.sessions = partial(Session, database)
        self._ids = itertools.count()

    def headers(self, who: str = "partner", **more: str) -> dict[str, str]:
        made = {"Authorization": f"Bearer {who}", "X-Api-Key": "key", "X-Correlation-Id": f"intent-{next(self._ids)}"}
        return made | {name.replace("_", "-"): value for name, value in more.items()}

    def get(self, path: str = "", who: str = "partner", customer: str = CUSTOMER, **more: str) -> httpx.Response:
        return self.http.get(f"/v3/customers/{customer}/orders{path}", headers=self.headers(who, **more))

    def post(self, body: Any, who: str = "partner", customer: str = CUSTOMER, **more: str) -> httpx.Response:
        return self.http.post(f"/v3/customers/{customer}/orders", json=body, headers=self.headers(who, **more))

    def event(
        self, order: str, event: str, who: str = "adobe", customer: str = CUSTOMER, **body: Any
    ) -> httpx.Response:
        url = f"/v3/customers/{customer}/orders/{order}/events"
        return self.http.post(url, json={"event": event} | body, headers=self.headers(who))

    def placed(self, body: Any = NEW, **more: Any) -> dict[str, Any]:
        answer = self.post(body, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def complete(self, body: Any = NEW, **more: Any) -> dict[str, Any]:
        """An order that Adobe has fulfilled."""
        customer = more.get("customer", CUSTOMER)
        answer = self.event(self.placed(body, **more)["orderId"], "fulfil", customer=customer)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def stored(
        self,
        order: str = ORDER,
        *,
        type: str = "NEW",
        at: datetime = PLACED,
        customer: str = CUSTOMER,
        partner: str = "distributor",
        lines: Any = ((4, OFFER, 1),),
        event: str = "fulfil",
        **more: Any,
    ) -> None:
        """Store an order under an id that is wanted."""
        both, actor = adobe.lives(lambda: at), WHO["adobe"].actor("adobe")
        with self.sessions() as session:
            row = adobe.AdobeOrder(
                order_id=order,
                customer_id=customer,
                partner_id=partner,
                order_type=type,
                currency_code="USD",
                placed_at=at,
                **{"reseller_id": "reseller", "external_reference_id": "759"} | more,
            )
            session.add(row)
            session.flush()
            for position, (number, offer, quantity) in enumerate(lines):
                line = adobe.AdobeLine(
                    order_id=order,
                    ext_line_item_number=number,
                    position=position,
                    offer_id=offer,
                    quantity=quantity,
                    currency_code="USD",
                    deployment_id="12345",
                )
                session.add(line)
                both.lines.open(session, line)
            both.orders.open(session, row, actor=WHO["partner"].actor("partner"))
            if event:
                given = {number: "86756309" for number, _, _ in lines}
                adobe.happen(session, both, row, event, actor=actor, subscriptions=given)
            session.commit()


def create(database: Engine) -> None:
    """The tables and three customers: two of the partner, one of the rival."""
    adobe.create(database)
    term = PLACED - timedelta(days=30)
    with Session(database) as session:
        for customer, partner in ((CUSTOMER, "distributor"), (OTHER, "distributor"), (FOREIGN, "rival")):
            session.add(
                adobe.AdobeCustomer(
                    customer_id=customer, partner_id=partner, reseller_id="reseller", current_term_start=term
                )
            )
        session.commit()


@contextmanager
def served(database: Engine, **options: Any) -> Iterator[Api]:
    """The API over a database; `options` are the router's."""
    clock, sessions = Clock(), partial(Session, database)
    given = {"sessions": sessions, "clock": clock}
    with _built(**given | options) if options else _lent(**given) as app, client(app) as http:
        yield Api(http, database, clock)


@contextmanager
def _built(**given: Any) -> Iterator[FastAPI]:
    app = FastAPI()
    app.include_router(adobe.router(**{"authenticate": WHO.get} | given))
    yield app


@contextmanager
def _lent(**given: Any) -> Iterator[FastAPI]:
    """The one thing that the API remembers, when to look for old answers again, is forgotten."""
    with lent(plain, **given) as app:
        app.state.once._next = None
        yield app


def plain(now: Any) -> FastAPI:
    app = FastAPI()
    router = adobe.router(sessions=lambda: now.sessions(), authenticate=WHO.get, clock=lambda: now.clock())
    app.include_router(router)
    app.state.once = router.routes[0].endpoint.__self__._once  # type: ignore[attr-defined]
    return app
