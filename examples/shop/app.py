"""A book shop: its own tables and endpoints, and purchases whose status is law.

`alembic upgrade head` makes the tables, `uvicorn app:app` serves them; DATABASE_URL says where they are.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field, HttpUrl
from sqlalchemy import ColumnElement, true
from sqlmodel import Session, col, select

import orderfsm
from orderfsm.http import Principal, Route, generic
from orderfsm.lifecycle import Lifecycle, transact
from orderfsm.readiness import verify
from orderfsm.sqlmodel import SqlStore, engine
from people import customer, staff, whoever_asks
from tables import Article, Payment, Purchase, PurchaseHistory, PurchaseLine

database = engine(os.environ.get("DATABASE_URL", "sqlite:///shop.db"))
sessions = partial(Session, database)
chart = orderfsm.load(Path(__file__).with_name("purchase.yaml"))
purchases = Lifecycle(chart, SqlStore(Purchase, PurchaseHistory))

own = APIRouter(route_class=Route, tags=["shop"])


class Shelved(BaseModel):
    title: str
    cents: int = Field(gt=0)
    stock: int = Field(ge=0)


class Wanted(BaseModel):
    sku: str
    quantity: int = Field(gt=0)


class Basket(BaseModel):
    lines: list[Wanted] = Field(min_length=1)


class Paid(BaseModel):
    reference: str
    cents: int = Field(gt=0)


class Sent(BaseModel):
    tracking: HttpUrl


class PurchaseShown(BaseModel):
    id: UUID
    status: str
    total_cents: int
    paid_cents: int

    @classmethod
    def of(cls, purchase: Purchase) -> "PurchaseShown":
        return cls(
            id=purchase.id,
            status=purchase.code or "",
            total_cents=purchase.total_cents,
            paid_cents=purchase.paid_cents,
        )


@own.put("/purchases/{id}", status_code=201)
def order(id: UUID, basket: Basket, who: Annotated[Principal, Depends(customer)]) -> PurchaseShown:
    """Order books under an id that the client has made; it is the key as well: sent again, it is the same purchase."""

    def work(session: Session) -> PurchaseShown:
        purchase = session.get(Purchase, id) or placed(session, Purchase(id=id, customer=who.id), basket)
        purchases.open(session, purchase, actor=who.actor("customer"), payload=basket.model_dump(), key=str(id))
        return PurchaseShown.of(purchase)

    return transact(sessions, work, key=str(id))


def placed(session: Session, purchase: Purchase, basket: Basket) -> Purchase:
    """The purchase with its lines, at today's prices."""
    for wanted in basket.lines:
        article = session.get(Article, wanted.sku)
        if article is None:
            raise HTTPException(422, f"there is no article {wanted.sku}")
        line = PurchaseLine(purchase_id=purchase.id, sku=article.sku, quantity=wanted.quantity, cents=article.cents)
        purchase.total_cents += line.quantity * line.cents
        session.add(line)
    return purchase


@own.post("/purchases/{id}/payments", status_code=201)
def pay(id: UUID, paid: Paid, who: Annotated[Principal, Depends(staff)]) -> PurchaseShown:
    """Book a payment. Where the purchase does not take it any more, there is no payment either."""

    def work(session: Session) -> PurchaseShown:
        purchase = found(session, id)
        booked = session.get(Payment, paid.reference)
        if booked is None:
            session.add(Payment(reference=paid.reference, purchase_id=id, cents=paid.cents))
            purchase.paid_cents += paid.cents
            till = orderfsm.Actor("till", who.id, who.label)
            purchases.send(session, purchase, "pay", actor=till, payload=paid.model_dump(), key=paid.reference)
        elif (booked.purchase_id, booked.cents) != (id, paid.cents):
            raise HTTPException(409, "this reference was used for another payment")
        return PurchaseShown.of(purchase)

    return transact(sessions, work, key=paid.reference)


@own.post("/purchases/{id}/shipment", status_code=201)
def ship(id: UUID, sent: Sent, who: Annotated[Principal, Depends(staff)]) -> PurchaseShown:
    """Take the books off the shelf and send them. Where one is missing, the purchase stays as it is."""

    def work(session: Session) -> PurchaseShown:
        purchase = found(session, id)
        warehouse = orderfsm.Actor("warehouse", who.id, who.label)
        purchases.send(
            session, purchase, "ship", actor=warehouse, links=[orderfsm.Link("tracking", str(sent.tracking))]
        )
        for line in session.exec(
            select(PurchaseLine).where(PurchaseLine.purchase_id == id).order_by(col(PurchaseLine.sku))
        ):
            article = session.get_one(Article, line.sku, with_for_update=True)
            if article.stock < line.quantity:
                raise HTTPException(
                    409, f"of {article.title} there are {article.stock} left, {line.quantity} are needed"
                )
            article.stock -= line.quantity
        return PurchaseShown.of(purchase)

    return transact(sessions, work)


@own.put("/articles/{sku}")
def stock(sku: str, shelved: Shelved, who: Annotated[Principal, Depends(staff)]) -> Shelved:
    """Put books on the shelf: so many there are now."""

    def work(session: Session) -> Shelved:
        session.merge(Article(sku=sku, **shelved.model_dump()))
        return shelved

    return transact(sessions, work)


@own.get("/articles/{sku}")
def shelf(sku: str) -> Shelved:
    with sessions() as session:
        return Shelved.model_validate(session.get(Article, sku) or missing("article"), from_attributes=True)


def found(session: Session, id: UUID) -> Purchase:
    return session.get(Purchase, id) or missing("purchase")


def missing(what: str) -> NoReturn:
    raise HTTPException(404, f"there is no such {what}")


def visible(who: Principal) -> ColumnElement[bool]:
    return true() if "staff" in who.roles else col(Purchase.customer) == who.id


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    verify(database, purchases)  # a service whose tables are not as they should be does not start
    yield
    database.dispose()


app = FastAPI(title="A book shop", lifespan=lifespan)
app.include_router(own)
app.include_router(
    generic.router(purchases, sessions=sessions, principal=whoever_asks, visible=visible, path="/purchases"),
    prefix="/api",
)
