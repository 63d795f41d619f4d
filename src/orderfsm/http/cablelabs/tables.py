"""The tables of the Ethernet services API: the seller's orders and requests, the buyer's inquiries."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import secrets
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Engine, Index, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from orderfsm import enforcement
from orderfsm.sqlmodel import HistoryEntry, OutboxRow, Stateful
from orderfsm.sqlmodel.columns import UtcDateTime

from .dates import DocumentDate

__all__ = [
    "CableInquiry",
    "CableInquiryHistory",
    "CableItem",
    "CableItemHistory",
    "CableOrder",
    "CableOrderHistory",
    "CableRequest",
    "CableRequestHistory",
    "CableRequestOutbox",
    "create",
]

Day = date | datetime | None


def new_order_id() -> str:
    """An id for an order."""
    return f"ORD-{secrets.token_hex(8).upper()}"


def new_id() -> str:
    """An id for a request or an inquiry."""
    return secrets.token_hex(16)


class CableOrder(Stateful, table=True):
    """An order of a buyer with a seller, both by the ids of their principals; `pon` is the buyer's number for it."""

    __tablename__ = "cablelabs_orders"
    __table_args__ = (
        UniqueConstraint("buyer_id", "seller_id", "pon", name="uq_cablelabs_orders_pon"),
        Index("ix_cablelabs_orders_seller", "seller_id", "id"),
    )

    id: str = Field(default_factory=new_order_id, primary_key=True, sa_type=String)
    buyer_id: str = Field(sa_type=String)
    seller_id: str = Field(sa_type=String)
    pon: str = Field(sa_type=String)
    version: str = Field(default="1", sa_type=String)
    project_id: str | None = Field(default=None, sa_type=String)
    requested_completion_date: Day = Field(default=None, sa_type=DocumentDate)
    expected_completion_date: Day = Field(default=None, sa_type=DocumentDate)
    completion_date: Day = Field(default=None, sa_type=DocumentDate)
    correction_order_expected: bool | None = Field(default=None)
    correction_order_due_date: Day = Field(default=None, sa_type=DocumentDate)


class CableOrderHistory(HistoryEntry, table=True):
    """The history of the orders."""

    __tablename__ = "cablelabs_order_history"

    order_id: str = Field(foreign_key="cablelabs_orders.id", sa_type=String)


class CableItem(Stateful, table=True):
    """An item of an order; `reference` is its orderItemReference, a text: "1" and "01" are two items."""

    __tablename__ = "cablelabs_items"
    __table_args__ = (UniqueConstraint("order_id", "reference", name="uq_cablelabs_items_reference"),)

    id: int | None = Field(default=None, primary_key=True)
    order_id: str = Field(foreign_key="cablelabs_orders.id", sa_type=String, index=True)
    reference: str = Field(sa_type=String)


class CableItemHistory(HistoryEntry, table=True):
    """The history of the items."""

    __tablename__ = "cablelabs_item_history"

    order_id: int = Field(foreign_key="cablelabs_items.id")


class CableRequest(Stateful, table=True):
    """The seller's side: a buyer asked for the status of `asked_for`; `seller_name` is the seller as spelled then."""

    __tablename__ = "cablelabs_requests"

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=String)
    asked_for: str = Field(foreign_key="cablelabs_orders.id", sa_type=String, index=True)
    seller_name: str = Field(sa_type=String)


class CableRequestHistory(HistoryEntry, table=True):
    """The history of the requests."""

    __tablename__ = "cablelabs_request_history"

    order_id: str = Field(foreign_key="cablelabs_requests.id", sa_type=String)


class CableRequestOutbox(OutboxRow, table=True):
    """The answers that wait for their delivery."""

    __tablename__ = "cablelabs_request_outbox"

    order_id: str = Field(foreign_key="cablelabs_requests.id", sa_type=String)


class CableInquiry(Stateful, table=True):
    """The buyer's side: what this buyer has asked a seller for, and the `answer` that was taken.

    What the buyer does not know yet is None until then. `signed_at` and `message` are the answer's time and id, which
    its sender has signed.
    """

    __tablename__ = "cablelabs_inquiries"
    __table_args__ = (
        UniqueConstraint("seller_id", "message", name="uq_cablelabs_inquiries_message"),
        Index("ix_cablelabs_inquiries_order", "buyer_id", "seller_id", "for_order", "signed_at"),
        Index("ix_cablelabs_inquiries_open", "buyer_id", "seller_id", "code", "asked_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=String)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    buyer_id: str = Field(sa_type=String)
    seller_id: str = Field(sa_type=String)
    for_order: str | None = Field(default=None, sa_type=String)
    pon: str | None = Field(default=None, sa_type=String)
    version: str | None = Field(default=None, sa_type=String)
    answer: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    message: str | None = Field(default=None, sa_type=String(255))


class CableInquiryHistory(HistoryEntry, table=True):
    """The history of the inquiries."""

    __tablename__ = "cablelabs_inquiry_history"

    order_id: str = Field(foreign_key="cablelabs_inquiries.id", sa_type=String)


PAIRS: list[tuple[Any, Any]] = [
    (CableOrder, CableOrderHistory),
    (CableItem, CableItemHistory),
    (CableRequest, CableRequestHistory),
    (CableInquiry, CableInquiryHistory),
]

for _order, _history in PAIRS:
    enforcement.attach(_order, _history)


def create(engine: Engine) -> None:
    """Create the tables where they are missing; the database enforces the histories."""
    tables = [model.__table__ for pair in PAIRS for model in pair]
    SQLModel.metadata.create_all(engine, tables=[*tables, CableRequestOutbox.__table__])  # type: ignore[attr-defined]
