"""What the tests of the shell share: a chart, four kinds of tables, databases of both kinds, a clock set by hand."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, ForeignKeyConstraint, event
from sqlmodel import Field, SQLModel

from kept_databases import new_database
from orderfsm import Chart, enforcement
from orderfsm.chart import START, Category, Event, Guard, Kind, ReasonRule, State, Transition
from orderfsm.chart import Field as PayloadField
from orderfsm.expression import parse
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import (
    HistoryEntry,
    HoldRow,
    Order,
    OrderHistory,
    OutboxRow,
    SqlStore,
    Stateful,
    TimerRow,
)


def when(expression: str) -> tuple[Guard]:
    return (Guard(expression=parse(expression)),)


PRESS = Chart(
    "test/press",
    (
        State("received", category=Category.OPEN),
        State("working", Kind.COMPOUND, initial=("accepted",), category=Category.OPEN),
        State("was", Kind.SHALLOW, parent="working", initial=("accepted",)),
        State("accepted", parent="working"),
        State("printing", parent="working", code="IN_PRINT"),
        State("held", code="ON_HOLD", category=Category.SUSPENDED),
        State("shipped", Kind.FINAL, category=Category.DONE),
        State("canceled", Kind.FINAL, category=Category.CANCELLED),
        State("lost", Kind.FINAL, code="FAILED", category=Category.FAILED),
        State("burnt", Kind.FINAL, code="FAILED", category=Category.FAILED),
    ),
    (
        Transition(START, ("rush",), ("printing",), by=("printer",)),
        Transition("received", ("accept",), ("accepted",), by=("printer",)),
        Transition("received", ("withdraw",), ("canceled",)),
        Transition("received", ("reject",), ("canceled",)),
        Transition("accepted", ("print",), ("printing",)),
        Transition("working", ("note",)),
        Transition("working", ("hold",), ("held",), reason=ReasonRule("required")),
        Transition("held", ("resume",), ("was",)),
        Transition("held", ("drop",), ("lost",), when("was('printing')")),
        Transition("printing", ("ship",), ("shipped",), when("payload.weight > 0"), links=("tracking",)),
        Transition("printing", ("lose",), ("lost",)),
        Transition("printing", ("burn",), ("burnt",)),
        Transition("accepted", ("cancel",), ("canceled",), (Guard("refundable"),), by=("customer",)),
        Transition("accepted", ("expire",), ("canceled",), when("days_since('accepted') >= 14")),
        Transition("accepted", ("audit",), (), when("order.revision >= 2 and size(items) == 0")),
    ),
    version="7",
    initial=("received",),
    events=(Event("ship", payload=(PayloadField("weight", "number"),)),),
    guards={"refundable": "The customer has not been invoiced."},
    aliases={"cancelled": "canceled"},
    hash="5eed" * 16,
)


class Booking(Stateful, table=True):
    """An order with a UUID, a stamp of its own, and a history with columns of its own."""

    __tablename__ = "test_booking"

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    note: str = ""
    stamps: int = Field(default=0, sa_column_kwargs={"onupdate": itertools.count(1).__next__})


class BookingHistory(HistoryEntry, table=True):
    __tablename__ = "test_booking_history"

    order_id: uuid.UUID = Field(foreign_key="test_booking.id")
    region: str = "north"
    ticket: uuid.UUID = Field(default_factory=uuid.uuid4)


class BookingOutbox(OutboxRow, table=True):
    __tablename__ = "test_booking_outbox"

    order_id: uuid.UUID = Field(foreign_key="test_booking.id")
    region: str = "north"


class BookingTimer(TimerRow, table=True):
    __tablename__ = "test_booking_timers"

    order_id: uuid.UUID = Field(foreign_key="test_booking.id")
    region: str = "north"


class BookingHold(HoldRow, table=True):
    __tablename__ = "test_booking_holds"

    order_id: uuid.UUID = Field(foreign_key="test_booking.id")
    region: str = "north"


class Parcel(Stateful, table=True):
    """An order with a text for a key."""

    __tablename__ = "test_parcel"

    number: str = Field(primary_key=True)
    note: str = ""


class ParcelHistory(HistoryEntry, table=True):
    __tablename__ = "test_parcel_history"

    order_id: str = Field(foreign_key="test_parcel.number")


class ParcelOutbox(OutboxRow, table=True):
    __tablename__ = "test_parcel_outbox"

    order_id: str = Field(foreign_key="test_parcel.number")


class ParcelTimer(TimerRow, table=True):
    __tablename__ = "test_parcel_timers"

    order_id: str = Field(foreign_key="test_parcel.number")


class ParcelHold(HoldRow, table=True):
    __tablename__ = "test_parcel_holds"

    order_id: str = Field(foreign_key="test_parcel.number")


class Line(Stateful, table=True):
    """An order with a key of two columns."""

    __tablename__ = "test_line"

    tenant: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    note: str = ""


class LineHistory(HistoryEntry, table=True):
    __tablename__ = "test_line_history"
    __order_key__ = ("tenant", "number")
    __table_args__ = (ForeignKeyConstraint(["tenant", "number"], ["test_line.tenant", "test_line.number"]),)

    tenant: str
    number: int


class LineOutbox(OutboxRow, table=True):
    __tablename__ = "test_line_outbox"
    __order_key__ = ("tenant", "number")
    __table_args__ = (ForeignKeyConstraint(["tenant", "number"], ["test_line.tenant", "test_line.number"]),)

    tenant: str
    number: int


class LineTimer(TimerRow, table=True):
    __tablename__ = "test_line_timers"
    __order_key__ = ("tenant", "number")
    __table_args__ = (ForeignKeyConstraint(["tenant", "number"], ["test_line.tenant", "test_line.number"]),)

    tenant: str
    number: int


class LineHold(HoldRow, table=True):
    __tablename__ = "test_line_holds"
    __order_key__ = ("tenant", "number")
    __table_args__ = (ForeignKeyConstraint(["tenant", "number"], ["test_line.tenant", "test_line.number"]),)

    tenant: str
    number: int


NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Kept:
    """A kind of tables, with a function that makes a new order."""

    name: str
    order: type[Any]
    history: type[Any]
    new: Callable[[], Any]
    companions: Mapping[str, type[Any]] = field(default_factory=dict)

    @property
    def store(self) -> SqlStore:
        return SqlStore(self.order, self.history, **self.companions)

    @property
    def tables(self) -> list[Any]:
        companions = self.companions or self.history.__companions__
        return [model.__table__ for model in (self.order, self.history, *companions.values())]


KINDS = (
    Kept("ready-made", Order, OrderHistory, Order),
    Kept(
        "uuid",
        Booking,
        BookingHistory,
        Booking,
        {"outbox": BookingOutbox, "timers": BookingTimer, "holds": BookingHold},
    ),
    Kept(
        "text",
        Parcel,
        ParcelHistory,
        lambda: Parcel(number=f"P-{next(NUMBERS)}"),
        {"outbox": ParcelOutbox, "timers": ParcelTimer, "holds": ParcelHold},
    ),
    Kept(
        "composite",
        Line,
        LineHistory,
        lambda: Line(tenant="north", number=next(NUMBERS)),
        {"outbox": LineOutbox, "timers": LineTimer, "holds": LineHold},
    ),
)
READY_MADE, UUIDS = KINDS[0], KINDS[1]


def create_tables(engine: Engine) -> None:
    SQLModel.metadata.create_all(engine, tables=[table for kind in KINDS for table in kind.tables])


@contextmanager
def database(kind: str, postgres_url: str, folder: Any) -> Iterator[Engine]:
    """An engine on a new database with all tables, for as long as the block lasts."""
    with new_database(kind, postgres_url, folder, create_tables) as made:
        yield made


@contextmanager
def unguarded(connection: Connection, kind: Kept) -> Iterator[None]:
    """Tables of a kind that the database does not guard, for as long as the block lasts."""
    guarded = not enforcement.enforced(connection, kind.order, kind.history)
    if guarded:
        enforcement.remove(connection, kind.order, kind.history)
    yield
    if guarded:
        enforcement.install(connection, kind.order, kind.history)


class Clock:
    """A clock that goes on by a second with each look, and by more when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def forward(self, **by: float) -> None:
        self.time += timedelta(**by)


def lifecycle(kind: Kept, chart: Chart = PRESS, **more: Any) -> Lifecycle:
    guards = {"refundable": lambda facts: True} if chart is PRESS else {}
    return Lifecycle(chart, kind.store, **{"guards": guards, "clock": Clock(), **more})


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent to the database during the block."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)
