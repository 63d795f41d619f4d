"""What the tests of items share: an order's chart that follows an item's, and item tables for each kind of order."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, ForeignKeyConstraint
from sqlmodel import Field, SQLModel

from kept import KINDS, NUMBERS, Clock, Kept, database, when
from orderfsm import Chart
from orderfsm.chart import Category, Kind, Rollup, RollupRule, State, Transition
from orderfsm.expression import parse
from orderfsm.lifecycle import Lifecycle, Parent
from orderfsm.sqlmodel import HistoryEntry, Order, SqlStore, Stateful

ITEM = Chart(
    "shop/item",
    (
        State("waiting", category=Category.WAITING),
        State("making", code="IN WORK", category=Category.OPEN),
        State("made", Kind.FINAL, category=Category.DONE),
        State("spoilt", Kind.FINAL, category=Category.FAILED),
    ),
    (
        Transition("waiting", ("begin",), ("making",)),
        Transition("making", ("finish",), ("made",)),
        Transition("making", ("spoil",), ("spoilt",)),
        Transition("making", ("note",)),
    ),
    version="1",
    initial=("waiting",),
    hash="17e3" * 16,
)


def rule(to: str, condition: str = "") -> RollupRule:
    return RollupRule(parse(condition) if condition else None, to)


ROLLUP = Rollup(
    "shop/item",
    (
        rule("new", 'all(i.state == "waiting" for i in items)'),
        rule("done", 'all(i.category == "done" for i in items)'),
        rule("failed", 'all(i.final for i in items) and any(i.category == "failed" for i in items)'),
        rule("working"),
    ),
    ("start", "finish", "fail"),
    ("held", "done", "failed", "cancelled"),
)

ORDER = Chart(
    "shop/order",
    (
        State("open", Kind.COMPOUND, initial=("new",)),
        State("was", Kind.SHALLOW, parent="open", initial=("new",)),
        State("new", parent="open"),
        State("working", parent="open"),
        State("held", category=Category.SUSPENDED),
        State("done", Kind.FINAL),
        State("failed", Kind.FINAL),
        State("cancelled", Kind.FINAL),
    ),
    (
        Transition("new", ("start",), ("working",), by=("system", "clerk")),
        Transition("working", ("finish",), ("done",), by=("system",)),
        Transition("working", ("fail",), ("failed",)),
        Transition("open", ("hold",), ("held",)),
        Transition("held", ("release",), ("was",)),
        Transition("open", ("cancel",), ("cancelled",)),
        Transition("held", ("cancel",), ("cancelled",)),
        Transition("working", ("count",), (), when("size(items) == 2 and any(i.final for i in items)")),
    ),
    version="1",
    initial=("open",),
    rollup=ROLLUP,
    hash="0de4" * 16,
)


class Piece(Stateful, table=True):
    """An item of a ready-made order."""

    __tablename__ = "test_piece"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int | None = Field(default=None, foreign_key="orders.id", index=True)


class PieceHistory(HistoryEntry, table=True):
    __tablename__ = "test_piece_history"

    order_id: int = Field(foreign_key="test_piece.id")


class Seat(Stateful, table=True):
    """An item that refers to two orders."""

    __tablename__ = "test_seat"

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    booking_id: uuid.UUID = Field(foreign_key="test_booking.id")
    moved_from: uuid.UUID | None = Field(default=None, foreign_key="test_booking.id")


class SeatHistory(HistoryEntry, table=True):
    __tablename__ = "test_seat_history"

    order_id: uuid.UUID = Field(foreign_key="test_seat.id")


class Wrap(Stateful, table=True):
    """An item whose key, like its order's, is a text."""

    __tablename__ = "test_wrap"

    name: str = Field(primary_key=True)
    parcel: str = Field(foreign_key="test_parcel.number")


class WrapHistory(HistoryEntry, table=True):
    __tablename__ = "test_wrap_history"

    order_id: str = Field(foreign_key="test_wrap.name")


class Part(Stateful, table=True):
    """An item whose order has a key of two columns, and which has one of three."""

    __tablename__ = "test_part"
    __table_args__ = (ForeignKeyConstraint(["tenant", "number"], ["test_line.tenant", "test_line.number"]),)

    tenant: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    place: int = Field(primary_key=True)


class PartHistory(HistoryEntry, table=True):
    __tablename__ = "test_part_history"
    __order_key__ = ("tenant", "number", "place")
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "number", "place"], ["test_part.tenant", "test_part.number", "test_part.place"]
        ),
    )

    tenant: str
    number: int
    place: int


@dataclass(frozen=True)
class Itemized:
    """Tables of orders and of their items, with a function that makes a new item of an order."""

    orders: Kept
    item: type[Any]
    history: type[Any]
    new: Any
    columns: str = ""

    @property
    def store(self) -> SqlStore:
        return SqlStore(self.item, self.history)


ITEMIZED = (
    Itemized(KINDS[0], Piece, PieceHistory, lambda order: Piece(order_id=order.id)),
    Itemized(KINDS[1], Seat, SeatHistory, lambda order: Seat(booking_id=order.id), "booking_id"),
    Itemized(KINDS[2], Wrap, WrapHistory, lambda order: Wrap(name=f"W 50%/{next(NUMBERS)}#", parcel=order.number)),
    Itemized(
        KINDS[3], Part, PartHistory, lambda order: Part(tenant=order.tenant, number=order.number, place=next(NUMBERS))
    ),
)
PIECES = ITEMIZED[0]


@dataclass
class Shop:
    """Two lifecycles: of orders, and of the items that they follow."""

    kind: Itemized
    orders: Lifecycle
    items: Lifecycle

    def new(self, session: Any, count: int = 2) -> tuple[Any, list[Any]]:
        """A new order that is opened, and so many items of it that are opened too."""
        order = self.kind.orders.new()
        self.orders.open(session, order)
        pieces = [self.kind.new(order) for _ in range(count)]
        session.add_all(pieces)
        for piece in pieces:
            self.items.open(session, piece)
        return order, pieces


def shop(kind: Itemized = PIECES, chart: Chart = ORDER, item_chart: Chart = ITEM, **more: Any) -> Shop:
    guards = more.pop("guards", {})
    orders = Lifecycle(chart, kind.orders.store, guards=guards, clock=Clock())
    parent = Parent(orders, **{"columns": kind.columns, **more})
    return Shop(kind, orders, Lifecycle(item_chart, kind.store, clock=Clock(), parent=parent))


@contextmanager
def itemized(kind: str, postgres_url: str, folder: Any) -> Iterator[Engine]:
    """An engine on a new database with the tables of orders and items."""
    with database(kind, postgres_url, folder) as made:
        tables = [model.__table__ for kind in ITEMIZED for model in (kind.item, kind.history)]
        SQLModel.metadata.create_all(made, tables=tables)
        yield made


__all__ = ["ITEM", "ITEMIZED", "ORDER", "PIECES", "ROLLUP", "Itemized", "Order", "Shop", "itemized", "rule", "shop"]
