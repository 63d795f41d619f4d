"""The operations on a customer's orders, and the one by which Adobe tells what became of them."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints.

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import HTTPBearer
from sqlalchemy import ColumnElement, select, true
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
from .placing import Review, lines_of, nothing, ordered, place, preview
from .search import page
from .search import read as searched
from .tables import AdobeCustomer, AdobeOrder, lives, now

__all__ = ["router"]

CUSTOMER = "/v3/customers/{customer_id}"
ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


async def sent(request: Request) -> bytes:
    """The body, read within limits; it is judged later, so that what is said of it can be kept."""
    return await request.body()


Sent = Annotated[bytes, Depends(sent)]
Answers = dict[int | str, dict[str, Any]]
Work = Callable[[Session, AdobeCustomer, Asked], Answer]


class Desk:
    """The operations; each checks the headers, then the role, then the ids in the path, and is answered once."""

    def __init__(
        self, asked: Callable[[Request], Asked], once: Once, clock: Callable[[], datetime], review: Review
    ) -> None:
        self._asked, self._once = asked, once
        self._both, self._clock, self._review = lives(clock), clock, review

    # --- operations

    def get_order(self, request: Request) -> Response:
        """The details of one order of a customer."""

        def work(session: Session, customer: AdobeCustomer, _: Asked) -> Answer:
            order = one(session, ordered(customer), request)
            return Answer.of(200, shown(order, lines_of(session, order)))

        return self._answered(request, "partner", work)

    def get_order_history(self, request: Request) -> Response:
        """A page of a customer's orders, newest first."""

        def work(session: Session, customer: AdobeCustomer, _: Asked) -> Answer:
            return Answer.of(200, page(session, customer, searched(request.query_params), self._clock()))

        return self._answered(request, "partner", work)

    def create_order(self, request: Request, body: Sent) -> Response:
        """Place an order, return lines of one, or preview an order.

        A new order is 1002; Adobe fulfils it later. A preview is answered with 200 and not stored.
        """

        def work(session: Session, customer: AdobeCustomer, asked: Asked) -> Answer:
            verify_content_type(request)
            return self._created(session, customer, read(New, body), asked.principal.actor("partner"))

        return self._answered(request, "partner", work)

    def send_event(self, request: Request, body: Sent) -> Response:
        """Tell what happened to an order, or to lines of it, at Adobe. Not in the documents; for the role adobe."""

        def work(session: Session, customer: AdobeCustomer, asked: Asked) -> Answer:
            verify_content_type(request)
            told = read(Event, body)
            if told.event not in EVENTS:
                raise refusal("1117", "event")
            order = one(session, col(AdobeOrder.customer_id) == customer.customer_id, request)
            given = {line.extLineItemNumber: line.subscriptionId for line in told.lineItems}
            actor = asked.principal.actor("adobe")
            happen(session, self._both, order, told.event, actor=actor, numbers=list(given), subscriptions=given)
            return Answer.of(200, shown(order, lines_of(session, order)))

        return self._answered(request, "adobe", work)

    # --- in common

    def _answered(self, request: Request, role: str, work: Work) -> Response:
        """The answer to a request of a principal in a role: an operation is its name and the ids in the path."""
        asked = self._asked(request)
        if role not in asked.principal.roles:
            raise refusal("4121")
        path = request.path_params
        find = customer_of(path, asked if role == "partner" else None)
        operation = " ".join([request.scope["route"].name, *path.values()])
        return self._once.answer(
            asked, operation, find, lambda session, customer: work(session, customer, asked)
        ).response()

    def _created(self, session: Session, customer: AdobeCustomer, new: New, actor: Actor) -> Answer:
        at, review = self._clock(), self._review
        if new.orderType.startswith("PREVIEW"):
            return Answer.of(200, shown(*preview(session, customer, new, at=at, review=review)))
        return Answer.of(201, shown(*place(session, self._both, customer, new, actor=actor, at=at, review=review)))


def customer_of(path: Mapping[str, str], asked: Asked | None) -> Callable[[Session], AdobeCustomer]:
    """The function that finds the customer of a path; one of another partner than asks is as absent as none at all."""
    absent = "2115" if "order_id" in path else "1116"

    def find(session: Session) -> AdobeCustomer:
        if not all(map(ID.fullmatch, path.values())):
            raise refusal(absent)
        mine = true() if asked is None else col(AdobeCustomer.partner_id) == asked.principal.id
        wanted = select(AdobeCustomer).where(col(AdobeCustomer.customer_id) == path["customer_id"], mine)
        found = session.scalars(wanted).one_or_none()
        if found is None:
            raise refusal(absent)
        return found

    return find


def one(session: Session, theirs: ColumnElement[bool], request: Request) -> AdobeOrder:
    """The order of the path, if it is one of theirs."""
    meant = col(AdobeOrder.order_id) == request.path_params["order_id"]
    found = session.scalars(select(AdobeOrder).where(theirs, meant)).one_or_none()
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
    per_minute: int | None = None,
) -> APIRouter:
    """The API of Adobe's orders, to be included in an app under any prefix.

    `authenticate` gives the principal of a bearer token, with the role `partner` or `adobe`; `accepts(principal, key)`
    says whether an API key is the principal's. `review(session, customer, new)` may refuse an order, a return or a
    preview by raising `refusal(code)`. `per_minute` is how many intents a principal may have within a minute.
    """
    desk = Desk(reader(authenticate, accepts), Once(sessions, clock, per_minute), clock, review)
    token = Security(HTTPBearer(scheme_name="adobe_token", auto_error=False))
    made = APIRouter(route_class=AdobeRoute, tags=["adobe"], dependencies=[token])
    for method, path, endpoint, told, extra in _operations(desk):
        made.add_api_route(
            path,
            endpoint,
            methods=[method],
            operation_id=f"adobe_{endpoint.__name__}",
            status_code=min(status for status in told if isinstance(status, int)),
            response_model=None,
            responses=told,
            openapi_extra=extra,
        )
    return made


def _operations(desk: Desk) -> Iterator[tuple[str, str, Callable[..., Response], Answers, dict[str, Any]]]:
    """Method, path, endpoint, answers, and what else OpenAPI says."""
    orders, order, ids = f"{CUSTOMER}/orders", f"{CUSTOMER}/orders/{{order_id}}", ("customer_id", "order_id")
    found = (200, "Order details successfully returned", OrderShown, ORDER)
    history = (200, "Order history successfully returned", History, HISTORY)
    created = (201, "Order created", OrderShown, ORDER | {"status": "1002"})
    previewed = (200, "What a previewed order would be", OrderShown, PREVIEW)
    placing = described(body=New, examples=NEW)
    telling = described(body=Event, examples=EVENT, path=ids)
    yield "GET", order, desk.get_order, answers(found), described(path=ids)
    yield "GET", orders, desk.get_order_history, answers(history), described(query=QUERY)
    yield "POST", orders, desk.create_order, answers(created, previewed), placing
    yield "POST", f"{order}/events", desk.send_event, answers(found), telling
