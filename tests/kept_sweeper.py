"""A process that sweeps until it is killed: `python kept_sweeper.py URL [TABLE…]` prints a line for each timer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import Session

from orderfsm import Chart
from orderfsm.chart import State, Timer, Transition
from orderfsm.errors import Conflict
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, OrderTimer, SqlStore, engine

BELL = Chart(
    "test/bell",
    (State("set", after=(Timer("ring", timedelta(milliseconds=1), "set"), Timer("chime", timedelta(1), "set"))),),
    (Transition("set", ("ring",)), Transition("set", ("chime",))),
    initial=("set",),
    hash="d" * 64,
)
"""A bell that may ring as often as somebody rings it."""


def bells(made: Engine) -> Lifecycle:
    return Lifecycle(BELL, SqlStore(Order, OrderHistory))


def hang(made: Engine, count: int) -> None:
    """Open so many orders, all due at once."""
    orders = bells(made)
    with Session(made) as session:
        for _ in range(count):
            orders.open(session, Order())
        session.commit()


def naive(orders: Lifecycle, made: Engine, meanwhile: Callable[[], object] = lambda: None) -> int:
    """The wrong way: look for what is due, send it, note it afterwards, each in a transaction of its own.

    `meanwhile` is what others do after the look.
    """
    timers: Any = OrderTimer
    with Session(made) as session:
        due = session.execute(select(timers).where(timers.due_at <= orders.clock(), timers.spent_at.is_(None)))
        found = [(row.order_id, row.event) for row in due.scalars()]
    meanwhile()
    for key, event in found:
        with Session(made) as session:
            try:
                orders.send(session, session.get_one(Order, key), event, origin="timer")
                session.commit()
            except Conflict:
                continue
        with Session(made) as session:
            row = session.execute(select(timers).where(timers.order_id == key, timers.event == event)).scalar_one()
            row.spent_at = orders.clock()
            session.commit()
    return len(found)


def main() -> None:
    made = engine(sys.argv[1], durability="relaxed")
    for swept in bells(made).keep_sweeping(made, every=timedelta(milliseconds=20)):
        print(swept.order, swept.outcome, flush=True)


if __name__ == "__main__":
    main()
