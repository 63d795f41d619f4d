"""The operations on orders: two look-ups, the list, and what customers do."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints, some are local to router().

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, NamedTuple
from zlib import crc32

from fastapi import APIRouter, Body, Depends, Header, Path, Query
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col, select

from orderfsm.errors import NotEnabled
from orderfsm.http.principal import Authenticate, Principal
from orderfsm.http.unit import Sessions, reading
from orderfsm.lifecycle import transact

from .examples import CANCELED, CREATED, LIST, NEW, ORDER, UPDATE, UPDATED, responses
from .models import Answered, Changes, Listed, New, NewItem, OrderShown, Sku
from .placing import Skus, place, taken
from .route import PrintRoute, Unprocessable, absent, unauthorized
from .shown import shown
from .tables import PrintOrder, chart, lives, now

__all__ = ["any_sku", "router"]

DAY = r"^\d{2}-\d{2}-\d{4}$"
LATE = {
    "cancel": "This order is already in production and cannot be canceled.",
    "update": "This order is already packaged or shipped and cannot be updated.",
}
"""What the document says when an event comes too late."""


def any_sku(item: NewItem) -> Sku | None:
    """A SKU for whatever is named, for those who keep no list: its number is made from the name."""
    named = item.sku or "/".join(f"{name}={value}" for name, value in sorted((item.attributes or {}).items()))
    return Sku(crc32(named.encode()) >> 1, item.description or "") if named else None


class Asked(NamedTuple):
    """Which orders of a list are asked for."""

    conditions: list[ColumnElement[bool]]
    limit: int
    page: int


def router(
    *,
    sessions: Sessions,
    authenticate: Authenticate,
    clock: Callable[[], datetime] = now,
    skus: Skus = any_sku,
    zone: tzinfo = UTC,
) -> APIRouter:
    """The API of Dream Junction's orders, to be included in an app under any prefix (the document's is /api/v3).

    `authenticate` gives the principal of a token: its id is the account, its role `customer`. `skus` says what an item
    is printed on and what it costs, None for what there is not; `zone` is the one that times are shown in.
    """
    both = lives(clock)
    orders = both.orders
    made = APIRouter(route_class=PrintRoute, tags=["dream_junction"])

    def account(authorization: Annotated[str | None, Header()] = None) -> Principal:
        head, _, token = (authorization or "").partition("token=")
        principal = authenticate(token.strip('"')) if head == "Token " else None
        if principal is None or "customer" not in principal.roles:
            raise unauthorized()
        return principal

    Account = Annotated[Principal, Depends(account)]  # noqa: N806 - a type

    def answer(condition: ColumnElement[bool], who: Principal) -> dict[str, Any]:
        with reading(sessions) as session:
            return shown(session, [one(session, condition, who)], zone)[0]

    def change(number: str, who: Principal, event: str, payload: dict[str, Any] | None = None) -> int:
        """Send a customer's event to an order, and write what it brings."""

        def work(session: Session) -> int:
            order = one(session, numbered(number), who)
            try:
                orders.send(session, order, event, actor=who.actor("customer"), payload=payload)
            except NotEnabled:
                raise too_late(order, event) from None
            for name, value in (payload or {}).items():
                setattr(order, name, value)
            return order.id or 0

        return transact(sessions, work)

    @made.get("/orders/show", operation_id="dream_junction_order_by_purchase_order", responses=responses(ORDER, 404))
    def by_purchase_order(who: Account, purchase_order: Annotated[str, Query(max_length=255)] = "") -> OrderShown:
        """The status of the order with a purchase order."""
        return answer(col(PrintOrder.purchase_order) == purchase_order, who)  # type: ignore[return-value]

    @made.get("/orders/{order_id}", operation_id="dream_junction_order", responses=responses(ORDER, 404))
    def by_number(order_id: Number, who: Account) -> OrderShown:
        """The status of an order."""
        return answer(numbered(order_id), who)  # type: ignore[return-value]

    @made.get("/orders", operation_id="dream_junction_orders", responses=responses(LIST))
    def many(who: Account, asked: Annotated[Asked, Depends(asking(zone))]) -> Listed:
        """The newest orders, a hundred unless another limit is given."""
        wanted = select(PrintOrder).where(col(PrintOrder.account) == who.id, *asked.conditions)
        part = wanted.order_by(col(PrintOrder.id).desc()).limit(asked.limit).offset((asked.page - 1) * asked.limit)
        with reading(sessions) as session:
            found = shown(session, session.scalars(part).all(), zone)
        return {"orders": [{"order": order} for order in found]}  # type: ignore[return-value]

    @made.post("/orders", operation_id="dream_junction_create_order", responses=responses(CREATED, 422))
    def create(who: Account, new: Annotated[New, Body(openapi_examples=NEW)]) -> Answered:
        """Place an order: it is received."""
        try:
            number = transact(sessions, lambda session: place(session, both, who, new, skus, clock()))
        except IntegrityError:
            with reading(sessions) as session:
                raise taken(session, who, new.purchase_order) from None
        return Answered(message=f"Order {number} successfully created.", order=number)

    @made.put("/orders/{order_id}", operation_id="dream_junction_update_order", responses=responses(UPDATED, 404, 422))
    def update(order_id: Number, who: Account, changes: Annotated[Changes, Body(openapi_examples=UPDATE)]) -> Answered:
        """Change carrier, method or address, as long as the order is not packaged."""
        number = change(order_id, who, "update", changes.model_dump(exclude_none=True))
        return Answered(message=f"Order {number} successfully updated.", order=number)

    @made.delete(
        "/orders/{order_id}", operation_id="dream_junction_cancel_order", responses=responses(CANCELED, 404, 422)
    )
    def cancel(order_id: Number, who: Account) -> Answered:
        """Cancel an order that is not in production."""
        number = change(order_id, who, "cancel")
        return Answered(message=f"Order {number} successfully canceled.", order=number)

    return made


Number = Annotated[str, Path(max_length=64, description="the order's number")]


def numbered(number: str) -> ColumnElement[bool]:
    """The order with a number; what is no number is nobody's."""
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise absent()
    return col(PrintOrder.id) == int(number)


def one(session: Session, condition: ColumnElement[bool], who: Principal) -> PrintOrder:
    """The account's order; a foreign one is as absent as one that was never there."""
    found = session.scalars(select(PrintOrder).where(col(PrintOrder.account) == who.id, condition)).one_or_none()
    if found is None:
        raise absent()
    return found


def too_late(order: PrintOrder, event: str) -> Unprocessable:
    """Why an order takes no event of its customer any more."""
    said = "This order is already canceled." if order.code == "canceled" else LATE[event]
    return Unprocessable(said, order.id)


def asking(zone: tzinfo) -> Callable[..., Asked]:
    """The query of the list, for dates of a zone."""

    def asked(
        order_status: Annotated[str | None, Query(max_length=64)] = None,
        created_at_min: Annotated[str | None, Query(pattern=DAY, description="such as 02-25-2018")] = None,
        created_at_max: Annotated[str | None, Query(pattern=DAY, description="such as 02-26-2018")] = None,
        limit: Annotated[int, Query(ge=1, le=2**31, description="200 at most")] = 100,
        page: Annotated[int, Query(ge=1, le=2**31)] = 1,
    ) -> Asked:
        conditions: list[ColumnElement[bool]] = []
        if order_status is not None:
            known = chart().aliases.get(order_status, order_status)
            conditions.append(col(PrintOrder.code) == known)
        if created_at_min is not None:
            conditions.append(col(PrintOrder.created_at) > day(created_at_min, zone))
        if created_at_max is not None:
            conditions.append(col(PrintOrder.created_at) < day(created_at_max, zone))
        return Asked(conditions, min(limit, 200), page)

    return asked


def day(text: str, zone: tzinfo) -> datetime:
    """The beginning of a day that is written as MM-DD-YYYY."""
    try:
        return datetime.strptime(text, "%m-%d-%Y").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unprocessable("Validation failed: dates are written as 02-25-2018") from None
