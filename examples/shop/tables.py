"""The shop's tables. Two of them inherit the columns of an order's state and history; everything else is its own."""

from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from orderfsm.sqlmodel import HistoryEntry, Stateful


class Article(SQLModel, table=True):
    __table_args__ = (CheckConstraint("stock >= 0", name="article_stock"),)

    sku: str = Field(primary_key=True)
    title: str
    cents: int
    stock: int


class Purchase(Stateful, table=True):
    id: UUID = Field(primary_key=True)
    customer: str = Field(index=True)
    total_cents: int = 0
    paid_cents: int = 0


class PurchaseHistory(HistoryEntry, table=True):
    __tablename__ = "purchase_history"

    order_id: UUID = Field(foreign_key="purchase.id")


class PurchaseLine(SQLModel, table=True):
    __tablename__ = "purchase_line"

    purchase_id: UUID = Field(foreign_key="purchase.id", primary_key=True)
    sku: str = Field(foreign_key="article.sku", primary_key=True)
    quantity: int
    cents: int


class Payment(SQLModel, table=True):
    purchase_id: UUID = Field(foreign_key="purchase.id", primary_key=True)
    reference: str = Field(primary_key=True)
    cents: int
