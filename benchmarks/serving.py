"""HTTP: requests to a server in a process of its own, beside an endpoint that does the same SQL by hand."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints.

import asyncio
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.measure import Contestant, Figure, Target, race
from benchmarks.stepping import FLAT, WALK

OURS, HAND = "orderfsm, the generic router", "an endpoint with statements by hand"
WORK = (
    "uvicorn with one worker, the ready-made tables in SQLite, a token in a header; clients with an order each keep "
    "their connections, in a process beside it. The endpoint by hand checks the token and the arrow in a "
    "dictionary, writes the order and its entry in a session, and answers the same JSON; its database enforces nothing."
)
CLIENTS = 16


def figures() -> Iterator[Figure]:
    """Transitions and reads, and how long the slowest took."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        servers = {
            OURS: Server(serve_ours, Path(folder) / "ours.db"),
            HAND: Server(serve_hand, Path(folder) / "hand.db"),
        }
        try:
            yield _raced("Transitions over HTTP", servers, "send", 0.8)
            yield _raced("Statuses over HTTP, with the last ten entries", servers, "read", 0.8)
        finally:
            for server in servers.values():
                server.close()


def _raced(title: str, servers: "dict[str, Server]", what: str, factor: float) -> Figure:
    figure = race(
        f"{title}, {CLIENTS} connections",
        WORK,
        [Contestant(name, partial(server.load, what)) for name, server in servers.items()],
        seconds=0.8,
        rounds=11,
        targets=[Target(OURS, HAND, factor)],
    )
    for name, server in servers.items():
        waits = sorted(server.waits[what])
        middle, late = statistics.median(waits) * 1e3, waits[int(len(waits) * 0.99)] * 1e3
        figure.notes.append(
            f"{name}: median {middle:.1f} ms, 99 of 100 within {late:.1f} ms, {len(waits)} requests, none failed."
        )
    return figure


class Server:
    """A server in a process of its own, and clients with an order each."""

    def __init__(self, serve: Callable[[str, int, Connection], None], path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(str(path), self.port, theirs), daemon=True)
        self.process.start()
        self.keys: list[int] = mine.recv()
        self.waits: dict[str, list[float]] = {"send": [], "read": []}
        self.turns = dict.fromkeys(self.keys, 0)
        _wait_for(self.port)

    def load(self, what: str, total: int) -> float:
        """So many requests by all clients, in seconds."""
        began = time.perf_counter()
        asyncio.run(self._all(what, max(total // CLIENTS, 1)))
        return (time.perf_counter() - began) * total / (max(total // CLIENTS, 1) * CLIENTS)

    async def _all(self, what: str, each: int) -> None:
        await asyncio.gather(*(self._client(what, key, each) for key in self.keys))

    async def _client(self, what: str, key: int, count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(count):
            began = time.perf_counter()
            writer.write(self._request(what, key))
            status = await _answer(reader)
            self.waits[what].append(time.perf_counter() - began)
            if status not in (200, 201):
                raise RuntimeError(f"{what} was answered {status}")
        writer.close()

    def _request(self, what: str, key: int) -> bytes:
        head = "Host: x\r\nAuthorization: Bearer s3cret\r\n"
        if what == "read":
            return f"GET /orders/{key} HTTP/1.1\r\n{head}\r\n".encode()
        body = json.dumps({"event": WALK[self.turns[key] % len(WALK)]})
        self.turns[key] += 1
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"POST /orders/{key}/events HTTP/1.1\r\n{head}{length}\r\n{body}".encode()

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.join(5)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server has not started")


# --- the two apps, each in its process


def serve_ours(path: str, port: int, told: Connection) -> None:
    """The generic router over the ready-made tables, enforced by the database."""
    from fastapi import FastAPI, Header
    from sqlalchemy import true
    from sqlmodel import Session

    from orderfsm.http import Principal, generic
    from orderfsm.http.failure import Rejected
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine

    database = engine(f"sqlite:///{path}", durability="relaxed")
    create_all(database)
    orders = Lifecycle(FLAT, SqlStore(Order, OrderHistory))
    told.send(_opened(database))

    def principal(authorization: str = Header()) -> Principal:
        if authorization != "Bearer s3cret":
            raise Rejected(401, "unauthenticated", "no")
        return Principal("staff", frozenset({"staff"}))

    app = FastAPI()
    app.include_router(
        generic.router(orders, sessions=partial(Session, database), principal=principal, visible=lambda _: true())
    )
    _run(app, port)


def serve_hand(path: str, port: int, told: Connection) -> None:
    """Two endpoints with the statements that a careful hand would write."""
    from datetime import UTC, datetime

    from fastapi import Depends, FastAPI, Header, HTTPException
    from pydantic import BaseModel
    from sqlmodel import Session

    from benchmarks.tables import INSERT_SQLITE, UPDATE_SQLITE, entry_values, next_of, order_values, sqlite_moment
    from orderfsm import enforcement
    from orderfsm.sqlmodel import Order, OrderHistory, create_all, engine

    database = engine(f"sqlite:///{path}", durability="relaxed")
    create_all(database)
    told.send(_opened(database))
    with database.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)
    columns = [
        "sequence",
        "event",
        '"before"',
        '"after"',
        "code",
        "category",
        "occurred_at",
        "recorded_at",
        "actor_role",
        "actor_id",
        "reason_code",
        "reason_text",
        "links",
        "payload",
        "origin",
        "caused_by",
        "corrects",
        "chart",
        "chart_version",
        "chart_profile",
    ]
    past = f"SELECT {', '.join(columns)} FROM order_history WHERE order_id = ? ORDER BY sequence DESC LIMIT 10"
    here = "SELECT configuration, revision, code, category FROM orders WHERE id = ?"

    class Event(BaseModel):
        event: str

    def known(authorization: str = Header()) -> str:
        if authorization != "Bearer s3cret":
            raise HTTPException(401)
        return "staff"

    app = FastAPI()

    @app.post("/orders/{key}/events", status_code=201)
    def send(key: int, sent: Event, who: str = Depends(known)) -> dict[str, Any]:
        with Session(database) as session:
            connection = session.connection()
            state, revision, _, _ = connection.exec_driver_sql(here, (key,)).one()
            after = next_of(state, sent.event)
            if connection.exec_driver_sql(UPDATE_SQLITE, order_values(FLAT, key, revision, after)).rowcount != 1:
                raise HTTPException(409)
            moment = sqlite_moment(datetime.now(UTC))
            values = entry_values(FLAT, key, revision + 1, sent.event, state, after, moment)
            connection.exec_driver_sql(INSERT_SQLITE, values)
            session.commit()
        entry = {"sequence": revision + 1, "event": sent.event, "before": state, "after": after, "recorded_at": moment}
        return {"configuration": after, "code": after, "revision": revision + 1, "entry": entry}

    @app.get("/orders/{key}")
    def read(key: int, who: str = Depends(known)) -> dict[str, Any]:
        with Session(database) as session:
            connection = session.connection(execution_options={"sqlite_begin": "DEFERRED"})
            state, revision, code, category = connection.exec_driver_sql(here, (key,)).one()
            rows = connection.exec_driver_sql(past, (key,)).all()
        history = [dict(zip(columns, row, strict=True)) for row in reversed(rows)]
        for entry in history:
            entry["links"] = json.loads(entry["links"])
        return {"configuration": state, "revision": revision, "code": code, "category": category, "history": history}

    _run(app, port)


def _opened(database: Any) -> list[int]:
    """The ids of new orders, one per client."""
    from benchmarks.sending import begun

    return [begun(database)[1] for _ in range(CLIENTS)]


def _run(app: Any, port: int) -> None:
    import uvicorn

    uvicorn.run(app, port=port, log_level="error", access_log=False)
