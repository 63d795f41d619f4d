"""The five operations on orders, each listed in the document."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints, some are local to router().

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session
from sqlmodel import col as column
from sqlmodel import select

from orderfsm.http.principal import Authenticate, Principal
from orderfsm.http.unit import Sessions, reading
from orderfsm.lifecycle import transact

from .examples import DELETED, FAILED, FORM
from .forms import fields
from .models import Changes, Done, Failed, New, OrderShown, shown
from .route import RecordRoute, absent, unauthorized, underprivileged
from .tables import RecordOrder, lifecycle, now

__all__ = ["router"]

Model = TypeVar("Model", bound=BaseModel)

MOST = 1_000
"""How many orders a list has at most: "all", within reason."""

Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.@-]+$")]
Accounts = Callable[[Principal], Mapping[str, str]]
Records = Callable[[str, str], bool]


def account(principal: Principal) -> Mapping[str, str]:
    """What is known of a customer who is known by a token alone."""
    return {"username": principal.label or principal.id, "email": "", "firstName": "", "lastName": ""}


class Page(NamedTuple):
    """Which part of a list is asked for, and in which order of creation."""

    limit: int
    offset: int
    down: bool


def page(
    limit: Annotated[int | None, Query(ge=0, le=2**31, description="default: all, 1,000 at most")] = None,
    sort: Annotated[Literal["asc", "1", "desc", "-1"], Query(description="by created_date")] = "asc",
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Page:
    """The query of the two lists."""
    return Page(MOST if limit is None else min(limit, MOST), offset, sort in ("desc", "-1"))


def holding(principal: Principal, role: str) -> Principal:
    """The principal, who has a role."""
    if role not in principal.roles:
        raise underprivileged()
    return principal


def read(model: type[Model], sent: dict[str, Any]) -> Model:
    """The body as a model."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise RequestValidationError([flaw | {"loc": ("body", *flaw["loc"])} for flaw in error.errors()]) from None


def one(session: Session, *conditions: Any) -> RecordOrder:
    """The one order; a foreign one is as absent as one that was never there."""
    found = session.scalars(select(RecordOrder).where(*conditions)).one_or_none()
    if found is None:
        raise absent("Order")
    return found


def listed(sessions: Sessions, condition: Any, page: Page) -> list[dict[str, Any]]:
    """A part of somebody's orders."""
    by = (RecordOrder.created_date, RecordOrder.id)
    ordered = [column(each).desc() if page.down else column(each).asc() for each in by]
    asked = select(RecordOrder).where(condition).order_by(*ordered).limit(page.limit).offset(page.offset)
    with reading(sessions) as session:
        return [shown(order) for order in session.scalars(asked)]


def router(
    *,
    sessions: Sessions,
    authenticate: Authenticate,
    clock: Callable[[], datetime] = now,
    accounts: Accounts = account,
    records: Records = lambda merchant_id, record_id: True,
) -> APIRouter:
    """The API of Record Stack Overflow's orders, to be included in an app under any prefix.

    `authenticate` gives the principal of a bearer token, with the role `customer` or `merchant`. `accounts` gives the
    `customer_info` of a new order, `records(merchant_id, record_id)` says whether a record is for sale.
    """
    orders = lifecycle(clock)
    made = APIRouter(route_class=RecordRoute, tags=["record_stack_overflow"])

    def known(authorization: Annotated[str | None, Header()] = None) -> Principal:
        scheme, _, token = (authorization or "").partition(" ")
        principal = authenticate(token) if scheme == "Bearer" and token and " " not in token else None
        if principal is None:
            raise unauthorized()
        return principal

    def customer(principal: Annotated[Principal, Depends(known)]) -> Principal:
        return holding(principal, "customer")

    def merchant(principal: Annotated[Principal, Depends(known)]) -> Principal:
        return holding(principal, "merchant")

    Customer = Annotated[Principal, Depends(customer)]  # noqa: N806 - a type
    Merchant = Annotated[Principal, Depends(merchant)]  # noqa: N806
    Sent = Annotated[dict[str, Any], Depends(fields)]  # noqa: N806

    def place(merchant_id: Id, record_id: Id, who: Customer, sent: Sent) -> dict[str, Any]:
        """Create an order: it is In progress."""
        new = read(New, sent)
        other = new.merchant_info is not None and new.merchant_info.merchant_id not in (None, merchant_id)
        if other or not records(merchant_id, record_id):
            raise absent("Record")

        def work(session: Session) -> dict[str, Any]:
            order = RecordOrder(
                record_id=record_id,
                merchant_id=merchant_id,
                created_by=who.id,
                created_date=clock(),
                customer_info=[dict(accounts(who))],
                shipping_info=[new.shipping_info.model_dump()],
                billing_info=[new.billing_info.model_dump()],
                comments=new.comments,
            )
            orders.open(session, order, actor=who.actor("customer"))
            return shown(order)

        return transact(sessions, work)

    def of_customer(customer_id: Id, who: Customer, page: Annotated[Page, Depends(page)]) -> list[dict[str, Any]]:
        """All orders of a customer, who asks."""
        if customer_id != who.id:
            raise absent("Customer")
        return listed(sessions, RecordOrder.created_by == who.id, page)

    def of_merchant(merchant_id: Id, who: Merchant, page: Annotated[Page, Depends(page)]) -> list[dict[str, Any]]:
        """All orders of a merchant's records; the merchant asks."""
        if merchant_id != who.id:
            raise absent("Merchant")
        return listed(sessions, RecordOrder.merchant_id == who.id, page)

    def update(order_id: Id, who: Merchant, sent: Sent) -> dict[str, Any]:
        """Change shipping, billing or comments of an order in progress; each is replaced as a whole."""
        changes = read(Changes, sent).given()

        def work(session: Session) -> dict[str, Any]:
            order = one(session, RecordOrder.id == order_id, RecordOrder.merchant_id == who.id)
            orders.send(session, order, "update", actor=who.actor("merchant"), payload=changes)
            for name, value in changes.items():
                setattr(order, name, value if name == "comments" else [value])
            return shown(order)

        return transact(sessions, work)

    def delete(order_id: Id, customer_id: Id, who: Customer) -> dict[str, Any]:
        """Cancel an order in progress; its history stays."""
        if customer_id != who.id:
            raise absent("Order")

        def work(session: Session) -> None:
            order = one(session, RecordOrder.id == order_id, RecordOrder.created_by == who.id)
            orders.send(session, order, "cancel", actor=who.actor("customer"))

        transact(sessions, work)
        return DELETED

    creating = "/orders/merchants/{merchant_id}/records/{record_id}"
    serve(made, "PUT", creating, place, OrderShown, "create_order", form=FORM)
    serve(made, "POST", creating, place, OrderShown, "create_order_by_post", form=FORM)
    serve(made, "GET", "/orders/customers/{customer_id}", of_customer, list[OrderShown], "orders_of_customer")
    serve(made, "GET", "/orders/merchants/{merchant_id}", of_merchant, list[OrderShown], "orders_of_merchant")
    serve(made, "PUT", "/orders/{order_id}", update, OrderShown, "update_order", form=FORM)
    serve(made, "DELETE", "/orders/{order_id}/customers/{customer_id}", delete, Done, "delete_order")
    return made


def serve(
    made: APIRouter,
    method: str,
    path: str,
    endpoint: Callable[..., Any],
    model: Any,
    name: str,
    form: dict[str, Any] | None = None,
) -> None:
    """Add an operation under its path with and without the last slash: the document has both."""
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": Failed, "content": {"application/json": {"example": example}}}
        for status, example in FAILED.items()
    }
    for shape, listed_here in ((f"{path}/", True), (path, False)):
        made.add_api_route(
            shape,
            endpoint,
            methods=[method],
            response_model=model,
            response_model_by_alias=True,
            operation_id=f"record_stack_overflow_{name}" if listed_here else None,
            include_in_schema=listed_here,
            responses=answers,
            openapi_extra={"requestBody": {"content": form, "required": True}} if form else None,
        )
