"""The status of an order, in the seed's shape and in today's; what customers order and what providers report."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints, some are local to router().

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session
from sqlmodel import col, func, select

from orderfsm.history import Actor, Entry, Reason
from orderfsm.http.failure import Rejected
from orderfsm.http.principal import Authenticate, Principal
from orderfsm.http.unit import Sessions, reading
from orderfsm.lifecycle import transact

from .examples import ORDER, REPORTS, STATUS, STATUS_LIST, STATUSES, responses
from .models import Event, New, Orders, OrderShown, Report, Statuses, StatusList, StatusShown, Why
from .route import StatRoute, absent, no_page, unauthorized
from .shown import feature, status_of, status_written, statuses
from .tables import ImageryOrder, ImageryOrderHistory, Words, lifecycle, now

__all__ = ["router", "visible"]

MOST = 100
"""How many orders or statuses a page has at most."""

OrderId = Annotated[str, Path(max_length=64)]
ProductId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
Token = Annotated[str | None, Query(max_length=64, description="from the link with rel `next`")]
Limit = Annotated[int, Query(ge=1, le=2**31, description=f"{MOST} at most")]


def visible(who: Principal) -> ColumnElement[bool]:
    """The orders that somebody sees: a provider all, a customer those that he placed."""
    return col(ImageryOrder.id) > 0 if "provider" in who.roles else col(ImageryOrder.customer) == who.id


def router(
    *,
    sessions: Sessions,
    authenticate: Authenticate,
    clock: Callable[[], datetime] = now,
    words: Words = "stapi/order",
    products: Collection[str] | None = None,
    root: str | None = None,
) -> APIRouter:
    """The API of orders for imagery, to be included in an app under any prefix.

    `authenticate` gives the principal of a bearer token, with the role `customer` or `provider`. `words` says which
    vocabulary is spoken; only its orders are there. `products` are those that can be ordered (any, by default), `root`
    is the public URL in links (that of the request, by default).
    """
    orders = lifecycle(words, clock)
    made = APIRouter(route_class=StatRoute, tags=[words.partition("/")[0]])
    name = f"{words.partition('/')[0]}_"

    def known(authorization: Annotated[str | None, Header()] = None) -> Principal:
        scheme, _, token = (authorization or "").partition(" ")
        principal = authenticate(token) if scheme.lower() == "bearer" and token else None
        if principal is None or principal.roles.isdisjoint(("customer", "provider")):
            raise unauthorized()
        return principal

    Known = Annotated[Principal, Depends(known)]  # noqa: N806 - a type

    def one(session: Session, number: str, who: Principal) -> ImageryOrder:
        mine = select(ImageryOrder).where(visible(who), ImageryOrder.chart == words)
        found = session.scalars(mine.where(col(ImageryOrder.id) == numbered(number, absent))).one_or_none()
        if found is None:
            raise absent()
        return found

    def write(number: str, who: Principal, sent: Event | Report) -> dict[str, Any]:
        """Let an order have a new status."""

        def work(session: Session) -> Entry:
            order = one(session, number, who)
            brought = {"actor": acting(who), **why(sent)}
            if isinstance(sent, Report):
                return orders.report(session, order, sent.status_code, **brought)
            return orders.send(session, order, sent.event, **brought)

        return status_written(transact(sessions, work))

    @made.get("/order/{order_id}/status", operation_id=f"{name}order_status", responses=responses(STATUSES, 404))
    def all_statuses(order_id: OrderId, who: Known) -> Statuses:
        """The current status of an order, and all that it has had, the oldest first."""
        with reading(sessions) as session:
            past = [status_of(entry) for entry in statuses(session, one(session, order_id, who))]
        return {"current": past[-1], "history": past}  # type: ignore[return-value]

    @made.post("/order/{order_id}/status", operation_id=f"{name}report", responses=responses(STATUS, 403, 404, 409))
    def report(order_id: OrderId, who: Known, status: Annotated[Report, Body(openapi_examples=REPORTS)]) -> StatusShown:
        """A status that the provider has set; it is taken when an event leads there."""
        return write(order_id, who, status)  # type: ignore[return-value]

    @made.post("/order/{order_id}/events", operation_id=f"{name}send", responses=responses(STATUS, 403, 404, 409))
    def send(order_id: OrderId, who: Known, event: Event) -> StatusShown:
        """An event, by its name; the answer is the status that it leads to."""
        return write(order_id, who, event)  # type: ignore[return-value]

    @made.post("/orders/{order_id}/statuses", operation_id=f"{name}report_status", include_in_schema=False)
    def report_today(order_id: OrderId, who: Known, status: Report) -> StatusShown:
        """The same beside today's list."""
        return write(order_id, who, status)  # type: ignore[return-value]

    @made.get("/orders/{order_id}/statuses", operation_id=f"{name}statuses", responses=responses(STATUS_LIST, 404))
    def page_of_statuses(
        request: Request, order_id: OrderId, who: Known, next: Token = None, limit: Limit = 10
    ) -> StatusList:
        """The statuses of an order by the page, the oldest first."""
        after, most = 0 if next is None else numbered(next, no_page), min(limit, MOST)
        with reading(sessions) as session:
            order = one(session, order_id, who)
            found = statuses(session, order, after=after, most=most + 1)
        here = f"{base(request, '/orders/{order_id}/statuses', root)}/orders/{order.id}/statuses"
        links = [{"rel": "self", "href": here, "type": "application/json"}]
        if len(found) > most:
            following = f"{here}?next={found[most - 1].sequence}&limit={limit}"
            links.append({"rel": "next", "href": following, "type": "application/json"})
        return {"statuses": [status_of(entry) for entry in found[:most]], "links": links}  # type: ignore[return-value]

    @made.get("/orders/{order_id}", operation_id=f"{name}order", responses=responses(ORDER, 404))
    def order(request: Request, order_id: OrderId, who: Known) -> OrderShown:
        """An order, with a link to its statuses (rel `monitor`)."""
        with reading(sessions) as session:
            found = one(session, order_id, who)
            return feature(found, current(session, [found])[found.id], base(request, "/orders/{order_id}", root))  # type: ignore[return-value]

    @made.get("/orders", operation_id=f"{name}orders", responses=responses({"type": "FeatureCollection"}, 404))
    def page_of_orders(request: Request, who: Known, next: Token = None, limit: Limit = 10) -> Orders:
        """Orders by the page, the newest first."""
        most, here = min(limit, MOST), base(request, "/orders", root)
        wanted = select(ImageryOrder).where(visible(who), ImageryOrder.chart == words)
        if next is not None:
            wanted = wanted.where(col(ImageryOrder.id) < numbered(next, no_page))
        with reading(sessions) as session:
            found = session.scalars(wanted.order_by(col(ImageryOrder.id).desc()).limit(most + 1)).all()
            last = current(session, found)
            features = [feature(each, last[each.id], here) for each in found[:most]]
        links = [{"rel": "self", "href": f"{here}/orders", "type": "application/geo+json"}]
        if len(found) > most:
            following = f"{here}/orders?next={found[most - 1].id}&limit={limit}"
            links.append({"rel": "next", "href": following, "type": "application/geo+json"})
        return {"type": "FeatureCollection", "features": features, "links": links}  # type: ignore[return-value]

    @made.post(
        "/products/{product_id}/orders",
        status_code=201,
        operation_id=f"{name}create_order",
        responses=responses(ORDER, 403, 404, good=201),
    )
    def place(request: Request, response: Response, product_id: ProductId, who: Known, new: New) -> OrderShown:
        """Order imagery: the order is received."""
        if products is not None and product_id not in products:
            raise Rejected(404, "absent", "Product not found")

        def work(session: Session) -> dict[str, Any]:
            made = ImageryOrder(
                customer=who.id,
                product_id=product_id,
                created=orders.clock(),
                search_parameters=new.model_dump(include={"datetime", "geometry", "filter"}, exclude_none=True),
                order_parameters=new.order_parameters,
            )
            orders.open(session, made, actor=acting(who))
            here = base(request, "/products/{product_id}/orders", root)
            return feature(made, current(session, [made])[made.id], here)

        found = transact(sessions, work)
        response.headers["Location"] = found["links"][0]["href"]
        return found  # type: ignore[return-value]

    return made


def numbered(text: str, lacking: Callable[[], Rejected]) -> int:
    """A number on the wire; what is none leads nowhere."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise lacking()
    return int(text)


def acting(who: Principal) -> Actor:
    """In which role somebody asks: whoever may act as the provider does."""
    return who.actor("provider" if "provider" in who.roles else "customer")


def why(sent: Why) -> dict[str, Any]:
    """What a status brings along, as a lifecycle takes it."""
    reason = None
    if sent.reason_code is not None or sent.reason_text is not None:
        reason = Reason(sent.reason_code, sent.reason_text)
    return {"reason": reason, "links": [link.link() for link in sent.links], "occurred_at": sent.timestamp}


def current(session: Session, orders: Any) -> dict[Any, ImageryOrderHistory]:
    """The last status of each order."""
    entry = ImageryOrderHistory
    keys = [order.id for order in orders]
    last = (
        select(col(entry.order_id).label("order_id"), func.max(entry.sequence).label("sequence"))
        .where(col(entry.order_id).in_(keys), col(entry.code).is_not(None))
        .group_by(col(entry.order_id))
        .subquery()
    )
    joined = (col(entry.order_id) == last.c.order_id) & (col(entry.sequence) == last.c.sequence)
    return {found.order_id: found for found in session.scalars(select(entry).join(last, joined))}


def base(request: Request, tail: str, root: str | None) -> str:
    """The public URL that the router's paths begin with; `tail` is the path of the operation."""
    steps = tail.count("/")
    prefix = "/".join(request.url.path.rstrip("/").split("/")[:-steps])
    return f"{root or f'{request.url.scheme}://{request.url.netloc}'}{prefix}"
