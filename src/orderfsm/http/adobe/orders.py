"""The operations on a customer's orders, and the one by which Adobe tells what became of them."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints.

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from sqlalchemy import select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from orderfsm.history import Actor
from orderfsm.http.principal import Authenticate
from orderfsm.http.unit import Sessions

from .asked import Accepts, Asked, accepted, reader
from .errors import AdobeRoute, Answer, refusal
from .examples import EVENT, HISTORY, NEW, ORDER, PREVIEW
from .fulfilment import EVENTS, happen
from .models import Event, History, New, OrderShown, read, shown
from .once import Once
from .openapi import QUERY, answers, described
from .placing import Review, lines_of, nothing, ordered, place, previewed, returned, verify, verify_subscriptions
from .search import page
from .search import read as searched
from .tables import AdobeCustomer, AdobeOrder, lives, now

__all__ = ["router"]

ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


async def sent(request: Request) -> bytes:
    """The body, read within limits; it is judged later, so that what is said of it can be kept."""
    return await request.body()


Sent = Annotated[bytes, Depends(sent)]


class Desk:
    """The operations; each checks the headers, then the role, then the ids in the path, and is answered once."""

    def __init__(
        self,
        sessions: Sessions,
        authenticate: Authenticate,
        clock: Callable[[], datetime],
        accepts: Accepts,
        review: Review,
    ) -> None:
        self._asked, self._once = reader(authenticate, accepts), Once(sessions, clock)
        self._both, self._clock, self._review = lives(clock), clock, review

    # --- operations

    def get_order(self, request: Request, customer_id: str, order_id: str) -> Response:
        """The details of one order of a customer."""
        asked = self._by("partner", request)

        def work(session: Session, customer: AdobeCustomer) -> Answer:
            order = one(session, customer, order_id)
            return Answer.of(200, shown(order, lines_of(session, order)))

        path = (customer_id, order_id)
        return self._once.answer(asked, f"get_order {customer_id} {order_id}", customer_of(path, asked), work).response()

    def get_history(self, request: Request, customer_id: str) -> Response:
        """A page of a customer's orders, newest first."""
        asked = self._by("partner", request)

        def work(session: Session, customer: AdobeCustomer) -> Answer:
            return Answer.of(200, page(session, customer, searched(request.query_params), self._clock()))

        path = (customer_id,)
        return self._once.answer(asked, f"get_history {customer_id}", customer_of(path, asked), work).response()

    def create(self, request: Request, customer_id: str, body: Sent) -> Response:
        """Place an order, return lines of one, or preview an order.

        A new order is 1002; Adobe fulfils it later. A preview is answered with 200 and not stored.
        """
        asked = self._by("partner", request)

        def work(session: Session, customer: AdobeCustomer) -> Answer:
            verify_content_type(request)
            return self._created(session, customer, read(New, body), asked.principal.actor("partner"))

        path = (customer_id,)
        return self._once.answer(asked, f"create_order {customer_id}", customer_of(path, asked), work).response()

    def event(self, request: Request, customer_id: str, order_id: str, body: Sent) -> Response:
        """Tell what happened to an order, or to lines of it, at Adobe. Not in the documents; for the role adobe."""
        asked = self._by("adobe", request)

        def work(session: Session, customer: AdobeCustomer) -> Answer:
            verify_content_type(request)
            told = read(Event, body)
            if told.event not in EVENTS:
                raise refusal("1117", "event")
            order = one(session, customer, order_id)
            given = {line.extLineItemNumber: line.subscriptionId for line in told.lineItems}
            actor = asked.principal.actor("adobe")
            happen(session, self._both, order, told.event, actor=actor, numbers=list(given), subscriptions=given)
            return Answer.of(200, shown(order, lines_of(session, order)))

        path = (customer_id, order_id)
        return self._once.answer(asked, f"send_event {customer_id} {order_id}", customer_of(path, None), work).response()

    # --- in common

    def _by(self, role: str, request: Request) -> Asked:
        asked = self._asked(request)
        if role not in asked.principal.roles:
            raise refusal("4121")
        return asked

    def _created(self, session: Session, customer: AdobeCustomer, new: New, actor: Actor) -> Answer:
        verify(new)
        if "RENEWAL" in new.orderType:
            verify_subscriptions(session, customer, new)
        self._review(session, customer, new)
        at = self._clock()
        if new.orderType.startswith("PREVIEW"):
            return Answer.of(200, shown(*previewed(session, customer, new, at)))
        if new.orderType == "RETURN":
            returned(session, self._both, customer, new, actor)
        return Answer.of(201, shown(*place(session, self._both, customer, new, actor, at)))


def customer_of(path: tuple[str, ...], asked: Asked | None) -> Callable[[Session], AdobeCustomer]:
    """The function that finds the customer of a path; one of another partner than asks is as absent as none at all."""
    absent = "1116" if len(path) == 1 else "2115"

    def find(session: Session) -> AdobeCustomer:
        if not all(map(ID.fullmatch, path)):
            raise refusal(absent)
        mine = true() if asked is None else col(AdobeCustomer.partner_id) == asked.principal.id
        wanted = select(AdobeCustomer).where(col(AdobeCustomer.customer_id) == path[0], mine)
        found = session.scalars(wanted).one_or_none()
        if found is None:
            raise refusal(absent)
        return found

    return find


def one(session: Session, customer: AdobeCustomer, order_id: str) -> AdobeOrder:
    """An order that the customer's partner has placed for it."""
    found = session.scalars(select(AdobeOrder).where(ordered(customer), col(AdobeOrder.order_id) == order_id)).first()
    if found is None:
        raise refusal("2115")
    return found


def verify_content_type(request: Request) -> None:
    """Raise an error for a body that is not said to be JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise refusal("1117", "Content-Type")


def router(
    *,
    sessions: Sessions,
    authenticate: Authenticate,
    clock: Callable[[], datetime] = now,
    accepts: Accepts = accepted,
    review: Review = nothing,
) -> APIRouter:
    """The API of Adobe's orders, to be included in an app under any prefix.

    `authenticate` gives the principal of a bearer token, with the role `partner` or `adobe`; `accepts(principal, key)`
    says whether an API key is the principal's. `review(session, customer, new)` may refuse an order, a return or a
    preview by raising `refusal(code)`.
    """
    desk = Desk(sessions, authenticate, clock, accepts, review)
    token = Security(HTTPBearer(scheme_name="adobe_token", auto_error=False))
    key = Security(APIKeyHeader(name="X-Api-Key", scheme_name="adobe_key", auto_error=False))
    made = APIRouter(route_class=AdobeRoute, tags=["adobe"], dependencies=[token, key])
    orders, order = "/v3/customers/{customer_id}/orders", "/v3/customers/{customer_id}/orders/{order_id}"
    found = (200, "Order details successfully returned", OrderShown, ORDER)
    history = (200, "Order history successfully returned", History, HISTORY)
    created = (201, "Order created", OrderShown, ORDER | {"status": "1002"})
    previewed = (200, "What a previewed order would be", OrderShown, PREVIEW)
    bodies = (described(body=New, examples=NEW), described(body=Event, examples=EVENT))
    for method, path, endpoint, name, said, extra in (
        ("GET", order, desk.get_order, "get_order", [found], described()),
        ("GET", orders, desk.get_history, "get_order_history", [history], described(query=QUERY)),
        ("POST", orders, desk.create, "create_order", [created, previewed], bodies[0]),
        ("POST", f"{order}/events", desk.event, "send_event", [found], bodies[1]),
    ):
        made.add_api_route(
            path,
            endpoint,
            methods=[method],
            operation_id=f"adobe_{name}",
            status_code=said[0][0],
            response_model=None,
            responses=answers(*said),
            openapi_extra=extra,
        )
    return made
