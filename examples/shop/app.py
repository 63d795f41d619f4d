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
from sqlalchemy.exc import IntegrityError
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
    cents: int = Field(gt=0, le=100_000)
    stock: int = Field(ge=0, le=100_000)


class Basket(BaseModel):
    lines: dict[str, Annotated[int, Field(gt=0, le=100)]] = Field(min_length=1)


class Paid(BaseModel):
    reference: str
    cents: int = Field(gt=0, le=10_000_000)


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
        try:
            purchases.open(session, purchase, actor=who.actor("customer"), payload=basket.model_dump(), key=str(id))
        except IntegrityError as error:
            raise orderfsm.Conflict("the same id was quicker") from error  # so that all of it is done again
        return PurchaseShown.of(purchase)

    return transact(sessions, work, key=str(id))


def placed(session: Session, purchase: Purchase, basket: Basket) -> Purchase:
    """The purchase with its lines, at today's prices."""
    for sku, quantity in basket.lines.items():
        article = session.get(Article, sku) or missing("article")
        session.add(PurchaseLine(purchase_id=purchase.id, sku=sku, quantity=quantity, cents=article.cents))
        purchase.total_cents += quantity * article.cents
    return purchase


@own.post("/purchases/{id}/payments", status_code=201)
def pay(id: UUID, paid: Paid, who: Annotated[Principal, Depends(staff)]) -> PurchaseShown:
    """Book a payment. Where the purchase does not take it any more, there is no payment either."""

    def work(session: Session) -> PurchaseShown:
        purchase = locked(session, id)
        booked = session.get(Payment, (id, paid.reference))
        if booked is None:
            session.add(Payment(purchase_id=id, reference=paid.reference, cents=paid.cents))
            purchase.paid_cents += paid.cents
            till = orderfsm.Actor("till", who.id, who.label)
            purchases.send(session, purchase, "pay", actor=till, payload=paid.model_dump(), key=paid.reference)
        elif booked.cents != paid.cents:
            raise HTTPException(409, "this reference was used for another payment")
        return PurchaseShown.of(purchase)

    return transact(sessions, work, key=paid.reference)


@own.post("/purchases/{id}/shipment", status_code=201)
def ship(id: UUID, sent: Sent, who: Annotated[Principal, Depends(staff)]) -> PurchaseShown:
    """Take the books off the shelf and send them. Where one is missing, the purchase stays as it is."""

    def work(session: Session) -> PurchaseShown:
        purchase, warehouse = locked(session, id), orderfsm.Actor("warehouse", who.id, who.label)
        parcel = orderfsm.Link("tracking", str(sent.tracking))
        purchases.send(session, purchase, "ship", actor=warehouse, links=[parcel])
        lines = select(PurchaseLine).where(PurchaseLine.purchase_id == id).order_by(col(PurchaseLine.sku))
        for line in session.exec(lines):
            take(session, line)
        return PurchaseShown.of(purchase)

    return transact(sessions, work)


def take(session: Session, line: PurchaseLine) -> None:
    """Take books off the shelf, locked like the purchase; shelves are locked in the order of their names."""
    article = session.get_one(Article, line.sku, with_for_update=True)
    if article.stock < line.quantity:
        raise HTTPException(409, f"of {article.title} there are {article.stock} left, {line.quantity} are needed")
    article.stock -= line.quantity


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


def locked(session: Session, id: UUID) -> Purchase:
    """The purchase, which nobody else touches until the transaction ends."""
    return session.get(Purchase, id, with_for_update=True) or missing("purchase")


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
