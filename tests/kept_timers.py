"""Charts with timers, a clock that stands still, and what the tests of timers ask of a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlmodel import Session

from kept import Kept
from orderfsm import Chart
from orderfsm.chart import Category, Effect, Kind, State, Timer, Transition
from orderfsm.lifecycle import Lifecycle


def days(count: float) -> timedelta:
    return timedelta(days=count)


def lease(version: str = "1", times: float = 1) -> Chart:
    """A chart with nested states, memory, two states beside it and one inside it that stop the clock."""

    def after(state: str, **delays: float) -> tuple[Timer, ...]:
        return tuple(Timer(event, days(delay * times), state) for event, delay in delays.items())

    return Chart(
        "test/lease",
        (
            State("new", category=Category.OPEN, after=after("new", lapse=2)),
            State(
                "work",
                Kind.COMPOUND,
                initial=("prep",),
                after=after("work", expire=30, nudge=7),
                category=Category.OPEN,
            ),
            State("was", Kind.SHALLOW, parent="work", initial=("prep",)),
            State("prep", parent="work", after=after("prep", escalate=3)),
            State("rush", parent="work", after=after("rush", escalate=5, nudge=2)),
            State("frozen", parent="work", clock="stops", after=after("frozen", thaw=4)),
            State("held", clock="stops", after=after("held", give_up=60), category=Category.SUSPENDED),
            State("inspected", clock="stops", category=Category.SUSPENDED),
            State("gone", Kind.FINAL, category=Category.CANCELLED),
            State("done", Kind.FINAL, category=Category.DONE),
        ),
        (
            Transition("new", ("accept",), ("work",)),
            Transition("new", ("lapse",), ("gone",)),
            Transition("work", ("nudge",)),
            Transition("work", ("expire",), ("gone",)),
            Transition("work", ("finish",), ("done",)),
            Transition("work", ("redo",), ("prep",)),
            Transition("work", ("tidy",), ("prep",), internal=True),
            Transition("work", ("hold",), ("held",)),
            Transition("prep", ("escalate",), ("rush",)),
            Transition("rush", ("escalate",), ("rush",)),
            Transition("prep", ("freeze",), ("frozen",)),
            Transition("rush", ("freeze",), ("frozen",)),
            Transition("frozen", ("thaw",), ("was",)),
            Transition("held", ("resume",), ("was",)),
            Transition("held", ("restart",), ("work",)),
            Transition("held", ("inspect",), ("inspected",)),
            Transition("held", ("give_up",), ("gone",)),
            Transition("inspected", ("resume",), ("was",)),
        ),
        version=version,
        initial=("new",),
        hash=version * 64,
    )


LEASE = lease()

REGIONS = Chart(
    "test/regions",
    (
        State("live", Kind.PARALLEL, after=(Timer("end", days(20), "live"),)),
        State("track", Kind.COMPOUND, parent="live", initial=("a",)),
        State("a", parent="track", after=(Timer("next", days(2), "a"),)),
        State("b", parent="track", after=(Timer("next", days(3), "b"), Timer("ping", days(1), "b"))),
        State("gate", Kind.COMPOUND, parent="live", initial=("off",)),
        State("off", parent="gate"),
        State("on", parent="gate", clock="stops", after=(Timer("lift", days(9), "on"),)),
        State("over", Kind.FINAL),
    ),
    (
        Transition("a", ("next",), ("b",), effects=(Effect("send", "echo", days(4)),)),
        Transition("b", ("next",), ("a",)),
        Transition("live", ("echo",)),
        Transition("off", ("stop",), ("on",)),
        Transition("on", ("lift",), ("off",)),
        Transition("live", ("end",), ("over",)),
    ),
    initial=("live",),
    hash="r" * 64,
)


class Still:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        self.time += timedelta(**by)


def opened(engine: Engine, orders: Lifecycle, kind: Kept) -> Any:
    """The key of a new order."""
    with Session(engine) as session:
        order = kind.new()
        orders.open(session, order)
        session.commit()
        return orders.store.key(order)


def sent(engine: Engine, orders: Lifecycle, key: Any, *events: str) -> None:
    with Session(engine) as session:
        order = session.get_one(orders.store.order, key)
        for event in events:
            orders.send(session, order, event)
        session.commit()


def clear(engine: Engine, kind: Kept) -> None:
    """Remove all timers, so that orders of other tests are not swept."""
    with engine.begin() as connection:
        connection.execute(delete(kind.store.timers.__table__))  # type: ignore[union-attr]


def timers(engine: Engine, orders: Lifecycle, key: Any) -> list[Any]:
    """The rows of an order's timers, by state, event and sequence."""
    table: Any = orders.store.timers.__table__  # type: ignore[union-attr]
    values = key if isinstance(key, tuple) else (key,)
    names = orders.store.history.__order_key__
    mine = [table.c[name] == value for name, value in zip(names, values, strict=True)]
    query = select(table).where(*mine).order_by(table.c.state, table.c.event, table.c.sequence, table.c.ordinal)
    with engine.connect() as connection:
        return list(connection.execute(query))


def waiting(engine: Engine, orders: Lifecycle, key: Any) -> dict[str, float | None]:
    """`state.event` of the unspent timers -> in how many days they are due, None while they stand still."""
    now = orders.clock()
    return {
        f"{row.state}.{row.event}": None if row.due_at is None else (row.due_at - now) / timedelta(days=1)
        for row in timers(engine, orders, key)
        if row.spent_at is None
    }
