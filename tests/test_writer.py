"""The writer: many callers, one commit; everybody gets an answer of their own, the one they would have got alone."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, select

import orderfsm
from faults.proxy import Fault, Proxy, once
from kept import KINDS, READY_MADE, UUIDS, Clock, Kept, database, lifecycle
from kept_waiting import PATIENCE
from orderfsm import Conflict, Entry, InDoubt, KeyReused, Link, NotOpened, OrderFsmError, enforcement
from orderfsm.chart import Category, Chart, Effect, Guard, Kind, State, Timer, Transition
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import engine as make_engine
from orderfsm.writer import Writer
from orderfsm.writer.ticket import Ticket
from test_races import LAMP


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "sqlite enforced", "postgresql enforced"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    """Both databases, with and without triggers that judge and move."""
    kind, _, enforced = request.param.partition(" ")
    with database(kind, postgres_url, tmp_path_factory.mktemp("writer")) as made:
        with made.begin() as connection:
            for tables in KINDS:
                (enforcement.install if enforced else enforcement.remove)(connection, tables.order, tables.history)
        yield made


def begin(engine: Engine, orders: Lifecycle, kind: Kept = READY_MADE, number: int = 1) -> list[Any]:
    """The keys of new orders."""
    with Session(engine) as session:
        made = [kind.new() for _ in range(number)]
        for order in made:
            orders.open(session, order)
        session.commit()
        return [orders.store.key(order) for order in made]


def history(engine: Engine, orders: Lifecycle, key: Any) -> list[Entry]:
    """An order's entries, after a look whether they are gapless and legal and the order stands where they end."""
    steady = engine.execution_options(isolation_level="REPEATABLE READ") if engine.name == "postgresql" else engine
    with Session(steady) as session:  # what a killed client has sent may be committed between two looks
        order = session.get_one(orders.store.order, key)
        entries = orders.history(session, order)
        assert [entry.sequence for entry in entries] == list(range(1, order.revision + 1))
        replayed = orderfsm.replay(orders.chart, entries)
        assert replayed.findings == ()
        assert replayed.configuration == order.configuration
        assert order.code == entries[-1].code
        return entries


def verdict(call: Callable[[], Any]) -> Any:
    """The entry, or the error."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001
        return error


def served(writer: Writer, tickets: list[Ticket]) -> list[Any]:
    """What becomes of tickets that are in one group."""
    writer._desk._serve_group(tickets)
    return [verdict(ticket.answer) for ticket in tickets]


def ticket(writer: Writer, order: Any, name: str, **more: Any) -> Ticket:
    from orderfsm.lifecycle.request import Request

    given = {"actor": None, "origin": "send", "reason": None, "links": (), "payload": None, **more}
    return writer._ticket(order, Request(name, name, **given))


# --- the same as the lifecycle itself


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_entry_is_the_one_that_the_lifecycle_would_have_written(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    more = {
        "actor": orderfsm.Actor("printer", "7", "Ada"),
        "reason": orderfsm.Reason("paper", "ran out: ö\u2028"),
        "links": [Link("proof", "/17", title="Proof")],
        "payload": {"weight": 1.5, "when": {"at": [None, "x"]}},
        "origin": "desk",
        "key": "k-1",
        "caused_by": "mail 9",
    }
    by_lifecycle, by_writer = begin(engine, orders, kind, 2)
    with Session(engine) as session:
        expected = orders.send(session, session.get_one(kind.order, by_lifecycle), "accept", **more)
        session.commit()
    with Writer(orders, engine) as writer:
        found = writer.send(by_writer, "accept", **more)
    assert found.recorded_at == found.occurred_at
    same = dataclasses.replace(
        found, order=by_lifecycle, recorded_at=expected.recorded_at, occurred_at=expected.recorded_at
    )
    assert same == expected
    assert history(engine, orders, by_writer)[1] == found


def test_columns_of_the_services_own_are_filled(engine: Engine) -> None:
    orders = lifecycle(UUIDS)
    (key,) = begin(engine, orders, UUIDS)
    with Session(engine) as session:
        stamps = session.get_one(UUIDS.order, key).stamps
    with Writer(orders, engine) as writer:
        writer.send(key, "accept", actor="printer")
        writer.send(key, "note")
    with Session(engine) as session:
        rows = session.exec(select(UUIDS.history).where(UUIDS.history.order_id == key)).all()
        assert {row.region for row in rows} == {"north"}
        assert len({row.ticket for row in rows}) == 3
        assert session.get_one(UUIDS.order, key).stamps > stamps


SENT = st.fixed_dictionaries(
    {
        "place": st.integers(0, 2),
        "event": st.sampled_from(
            ["accept", "print", "note", "hold", "resume", "drop", "ship", "lose", "cancel", "expire", "audit", "glue"]
        ),
    },
    optional={
        "actor": st.sampled_from(["printer", "customer"]),
        "reason": st.sampled_from(["paper", "ink"]),
        "payload": st.fixed_dictionaries({"weight": st.integers(-1, 3)}),
        "links": st.just((Link("tracking", "/17"),)),
        "key": st.sampled_from(["k", "l"]),
        "expected_revision": st.integers(1, 4),
    },
)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[1], KINDS[3]], ids=lambda kind: kind.name)
@settings(max_examples=settings().max_examples // 10, suppress_health_check=[*HealthCheck])
@given(groups=st.lists(st.lists(SENT, min_size=1, max_size=8), min_size=1, max_size=4))
def test_a_group_is_answered_as_one_by_one(engine: Engine, kind: Kept, groups: list[list[dict[str, Any]]]) -> None:
    orders = lifecycle(kind, facts=lambda session, order: {"items": []})
    here, there = begin(engine, orders, kind, 3), begin(engine, orders, kind, 3)

    def alone(place: int, event: str, **more: Any) -> Any:
        with Session(engine) as session:
            entry = orders.send(session, session.get_one(kind.order, there[place]), event, **more)
            session.commit()
            return entry

    with Writer(orders, engine) as writer:
        for group in groups:
            tickets = [asked(writer, here, **sent) for sent in group]
            for sent, found in zip(group, served(writer, tickets), strict=True):
                expected = verdict(lambda sent=sent: alone(**sent))
                assert told(found) == told(expected)
    for one, other in zip(here, there, strict=True):
        assert [told(e) for e in history(engine, orders, one)] == [told(e) for e in history(engine, orders, other)]


def asked(writer: Writer, keys: list[Any], place: int, event: str, **more: Any) -> Ticket:
    return ticket(writer, keys[place], event, **more)


def told(found: Any) -> Any:
    if not isinstance(found, Entry):
        assert isinstance(found, OrderFsmError), repr(found)
        return type(found)
    plain = found.as_dict()
    return {name: value for name, value in plain.items() if not name.endswith("_at") and name != "order"}


PRINTER = Chart(
    "test/printer",
    (
        State("received", category=Category.OPEN, after=(Timer("expire", timedelta(hours=1), "received"),)),
        State("printing"),
        State("done", Kind.FINAL, category=Category.DONE),
        State("expired", Kind.FINAL, category=Category.CANCELLED),
    ),
    (
        Transition("received", ("print",), ("printing",), effects=(Effect("emit", "start_press"),)),
        Transition("printing", ("note",)),
        Transition("printing", ("again",), ("received",)),
        Transition("printing", ("finish",), ("done",), effects=(Effect("emit", "notify"), Effect("emit", "invoice"))),
        Transition("received", ("expire",), ("expired",)),
    ),
    initial=("received",),
    actions={"start_press": "", "notify": "", "invoice": ""},
)


def test_what_follows_an_entry_is_written_along(engine: Engine) -> None:
    """Timers and outbox, in groups with and without them."""
    orders = Lifecycle(PRINTER, READY_MADE.store)
    names = ["print", "note", "note", "again", "glue", "print", "finish"]
    grouped, single = begin(engine, orders, number=2)
    with Writer(orders, engine) as writer:
        served(writer, [ticket(writer, grouped, name) for name in names])
        for name in names:
            verdict(lambda name=name: writer.send(single, name))
    assert [e.event for e in history(engine, orders, grouped)] == ["open", *names[:4], *names[5:]]
    assert companions(engine, grouped) == companions(engine, single)
    assert companions(engine, grouped)[0] == [
        (2, 1, "start_press"),
        (6, 1, "start_press"),
        (7, 1, "notify"),
        (7, 2, "invoice"),
    ]


def companions(engine: Engine, key: int) -> tuple[list[Any], int]:
    """The actions in the outbox, and how many timers run."""
    with engine.connect() as connection:
        actions = "SELECT sequence, position, action FROM order_outbox WHERE order_id = :key ORDER BY 1, 2"
        timers = "SELECT count(*) FROM order_timers WHERE order_id = :key"
        found = [tuple(row) for row in connection.execute(text(actions), {"key": key})]
        return found, connection.execute(text(timers), {"key": key}).scalar_one()


# --- neighbours


def test_a_refusal_does_not_disturb_the_neighbours(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    a, b = begin(engine, orders, number=2)
    with Writer(orders, engine) as writer:
        found = served(
            writer,
            [
                ticket(writer, a, "toggle", key="k"),
                ticket(writer, a, "explode"),
                ticket(writer, 10**9, "toggle"),
                ticket(writer, b, "toggle", expected_revision=7),
                ticket(writer, a, "toggle", key="k"),
                ticket(writer, a, "toggle", key="k", reason="another request"),
                ticket(writer, b, "toggle"),
            ],
        )
    assert isinstance(found[1], orderfsm.UnknownEvent)
    assert isinstance(found[2], NotOpened)
    assert isinstance(found[3], Conflict)
    assert (found[3].configuration, found[3].revision) == ("off", 1)
    assert isinstance(found[5], KeyReused)
    assert found[4] == found[0]
    assert len(history(engine, orders, a)) == len(history(engine, orders, b)) == 2


ASKING = Chart(
    "test/asking",
    (State("off"), State("on")),
    (
        Transition("off", ("toggle",), ("on",)),
        Transition("on", ("toggle",), ("off",)),
        Transition("off", ("ask",), ("on",), (Guard("told"),)),
    ),
    initial=("off",),
    guards={"told": "Somebody said so."},
)


def test_a_guard_that_raises_is_the_callers_own_affair(engine: Engine) -> None:
    def told(facts: Any) -> bool:
        raise ZeroDivisionError(f"revision {facts['order'].revision}, {len(facts['history'])} entries")

    orders = Lifecycle(ASKING, READY_MADE.store, guards={"told": told})
    (a,) = begin(engine, orders)
    with Writer(orders, engine) as writer:
        found = served(writer, [ticket(writer, a, name) for name in ("toggle", "toggle", "ask", "toggle")])
    assert repr(found[2]) == "ZeroDivisionError('revision 3, 3 entries')"  # it sees what was decided before it
    assert [e.event for e in history(engine, orders, a)] == ["open", "toggle", "toggle", "toggle"]


def test_facts_that_break_the_transaction_harm_only_the_one_who_asked(engine: Engine) -> None:
    def facts(session: Session, order: Any) -> dict[str, Any]:
        session.connection().execute(text("SELECT * FROM no_such_table"))
        return {}

    orders = Lifecycle(ASKING, READY_MADE.store, guards={"told": lambda facts: bool(facts["x"])}, facts=facts)
    a, b = begin(engine, orders, number=2)
    with Writer(orders, engine) as writer:
        found = served(writer, [ticket(writer, a, "toggle"), ticket(writer, b, "ask"), ticket(writer, a, "toggle")])
    assert isinstance(found[1], DBAPIError)
    assert [found[0].sequence, found[2].sequence] == [2, 3]
    assert len(history(engine, orders, b)) == 1


def forbid(engine: Engine, reason: str) -> None:
    """A constraint of the service's own that refuses entries with a reason."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("CREATE TRIGGER forbid BEFORE INSERT ON order_history WHEN NEW.reason_text = "
                                    f"'{reason}' BEGIN SELECT RAISE(ABORT, 'forbidden'); END"))  # fmt: skip
        else:
            connection.execute(
                text(f"ALTER TABLE order_history ADD CONSTRAINT forbid CHECK (reason_text <> '{reason}') NOT VALID")
            )


def allow(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER forbid"))
        else:
            connection.execute(text("ALTER TABLE order_history DROP CONSTRAINT forbid"))


def test_an_entry_that_the_database_refuses_harms_only_the_one_who_asked(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    a, b = begin(engine, orders, number=2)
    forbid(engine, "no")
    try:
        with Writer(orders, engine) as writer:
            found = served(
                writer,
                [
                    ticket(writer, a, "toggle"),
                    ticket(writer, b, "toggle", reason=orderfsm.Reason(text="no")),
                    ticket(writer, b, "toggle"),
                    ticket(writer, a, "toggle"),
                ],
            )
            assert writer.send(a, "toggle").sequence == 4
    finally:
        allow(engine)
    assert isinstance(found[1], IntegrityError)
    assert [found[place].sequence for place in (0, 2, 3)] == [2, 2, 3]
    assert len(history(engine, orders, b)) == 2


def test_a_constraint_that_refuses_at_the_commit_harms_only_the_one_who_asked(
    postgres_url: str, tmp_path: Path
) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    with database("postgresql", postgres_url, tmp_path) as made:
        a, b = begin(made, orders, number=2)
        with made.begin() as connection:
            connection.execute(text("CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                                    "IF NEW.event = 'toggle' AND NEW.actor_role = 'bad' THEN RAISE 'late'; END IF; "
                                    "RETURN NULL; END $$"))  # fmt: skip
            connection.execute(text("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON order_history DEFERRABLE "
                                    "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()"))  # fmt: skip
        with Writer(orders, made) as writer:
            found = served(writer, [ticket(writer, a, "toggle"), ticket(writer, b, "toggle", actor="bad")])
        assert found[0].sequence == 2
        assert isinstance(found[1], DBAPIError)
        assert len(history(made, orders, b)) == 1


def test_a_stranger_who_moves_orders_is_noticed(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    (key,) = begin(engine, orders)
    with Writer(orders, engine) as writer:
        for _ in range(5):
            writer.send(key, "toggle")
            with Session(engine) as session:
                orders.send(session, session.get_one(READY_MADE.order, key), "toggle")
                session.commit()
    assert len(history(engine, orders, key)) == 11


def test_a_group_takes_one_transaction(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    keys = begin(engine, orders, number=3)
    with Writer(orders, engine) as writer:
        writer.send(keys[0], "toggle")
        commits = begun_by(engine, writer, keys)
        served(writer, [ticket(writer, key, "toggle", key=f"k{n}") for n in range(4) for key in keys])
        assert commits() == 1


def begun_by(engine: Engine, writer: Writer, keys: list[int]) -> Callable[[], int]:
    """How many transactions the entries have that are written from now on: PostgreSQL's rows know theirs."""
    if engine.dialect.name == "sqlite":
        sent: list[str] = []
        writer._lines[0]._connection.connection.driver_connection.set_trace_callback(sent.append)  # type: ignore[union-attr]
        return lambda: sent.count("COMMIT")
    among = ", ".join(map(str, keys))

    def count() -> int:
        query = f"SELECT count(DISTINCT xmin::text) FROM order_history WHERE order_id IN ({among}) AND key IS NOT NULL"
        with engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())

    return count


# --- opening


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_orders_are_opened_in_groups_too(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind, LAMP)
    with Writer(orders, engine) as writer:
        order = kind.new()
        entry = writer.open(order, actor="customer")
        key = orders.store.key(order)
        assert (entry.sequence, entry.order, order.configuration, order.revision) == (1, key, "off", 1)
        assert writer.send(key, "toggle").sequence == 2

        async def several() -> list[Entry]:
            return await asyncio.gather(*(writer.aopen(kind.new()) for _ in range(5)))

        keys = [entry.order for entry in asyncio.run(several())]
    assert all(len(history(engine, orders, key)) == 1 for key in keys)


def test_opening_survives_a_bad_neighbour(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    (a,) = begin(engine, orders)
    forbid(engine, "no")
    try:
        with Writer(orders, engine) as writer:
            new = READY_MADE.new()
            opening = writer._opening(new, ticket(writer, a, "open").request)
            bad = ticket(writer, a, "toggle", reason=orderfsm.Reason(text="no"))
            found = served(writer, [opening, bad])
    finally:
        allow(engine)
    assert isinstance(found[1], IntegrityError)
    assert found[0].order == new.id
    assert len(history(engine, orders, new.id)) == 1


# --- many at once


@pytest.mark.parametrize(("hot", "callers"), [(1, 16), (8, 16)])
def test_threads_and_tasks_at_once_lose_nothing(engine: Engine, hot: int, callers: int) -> None:
    orders = lifecycle(READY_MADE, LAMP, clock=Clock())
    keys = begin(engine, orders, number=hot)

    def thread(number: int) -> list[Entry]:
        return [writer.send(keys[(number + n) % hot], "toggle", key=f"t{number}-{n}") for n in range(12)]

    async def task(number: int) -> list[Entry]:
        return [await writer.asend(keys[(number + n) % hot], "toggle", key=f"a{number}-{n}") for n in range(12)]

    async def tasks() -> list[list[Entry]]:
        return await asyncio.gather(*(task(number) for number in range(callers)))

    with Writer(orders, engine) as writer, ThreadPoolExecutor(callers + 1) as pool:
        futures = [pool.submit(thread, number) for number in range(callers)]
        found = asyncio.run(tasks()) + [future.result() for future in futures]
    written = [entry for entries in found for entry in entries]
    past = [entry for key in keys for entry in history(engine, orders, key)]
    assert len(past) == hot + 2 * 12 * callers
    assert {(e.order, e.sequence): e for e in past if e.key} == {(e.order, e.sequence): e for e in written}
    for key in keys:
        moments = [entry.recorded_at for entry in past if entry.order == key]
        assert moments == sorted(moments)


def test_two_writers_share_the_orders(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP, clock=Clock())
    keys = begin(engine, orders, number=4)
    with Writer(orders, engine) as one, Writer(orders, engine) as other, ThreadPoolExecutor(8) as pool:

        def send(number: int) -> None:
            for n in range(15):
                (one, other)[number % 2].send(keys[(number + n * 3) % 4], "toggle")

        for future in [pool.submit(send, number) for number in range(8)]:
            future.result()
    assert sum(len(history(engine, orders, key)) for key in keys) == 4 + 8 * 15


def test_a_full_queue_makes_callers_wait_and_loses_nobody(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP, clock=Clock())
    (key,) = begin(engine, orders)

    async def tasks() -> None:
        await asyncio.gather(*(writer.asend(key, "toggle") for _ in range(40)))

    with Writer(orders, engine, most=3, limit=2) as writer, ThreadPoolExecutor(11) as pool:
        futures = [pool.submit(writer.send, key, "toggle") for _ in range(40)]
        asyncio.run(tasks())
        assert {future.result().sequence for future in futures} <= set(range(2, 82))
    assert len(history(engine, orders, key)) == 81


# --- leaving


class Gate:
    """A guard that waits until it is let through."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, facts: Any) -> bool:
        self.reached.set()
        assert self.open.wait(PATIENCE)
        return True


@pytest.fixture
def gate() -> Gate:
    return Gate()


def held(gate: Gate) -> Lifecycle:
    return Lifecycle(ASKING, READY_MADE.store, guards={"told": gate})


def test_a_cancelled_task_leaves_the_queue_and_disturbs_nobody(engine: Engine, gate: Gate) -> None:
    orders = held(gate)
    a, b, c = begin(engine, orders, number=3)

    async def main() -> tuple[Entry, Entry]:
        first = asyncio.create_task(writer.asend(a, "ask"))
        await asyncio.to_thread(gate.reached.wait, PATIENCE)
        waiting = asyncio.create_task(writer.asend(b, "toggle"))
        other = asyncio.create_task(writer.asend(c, "toggle"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await writer.asend(b, "toggle")
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return await first, await other

    with Writer(orders, engine, connections=1) as writer:
        first, other = asyncio.run(main())
    assert (first.sequence, other.sequence) == (2, 2)
    assert len(history(engine, orders, b)) == 1


def test_a_task_that_is_cancelled_while_it_is_served_does_not_disturb_the_group(engine: Engine, gate: Gate) -> None:
    orders = held(gate)
    a, b = begin(engine, orders, number=2)

    async def main() -> Entry:
        serving = asyncio.create_task(writer.asend(a, "ask"))
        await asyncio.to_thread(gate.reached.wait, PATIENCE)
        other = asyncio.create_task(writer.asend(b, "toggle"))
        serving.cancel()
        gate.open.set()
        return await other

    with Writer(orders, engine) as writer:
        assert asyncio.run(main()).sequence == 2
    assert len(history(engine, orders, a)) == 2  # it was on its way


def test_those_who_come_while_others_are_served_are_the_next_group(engine: Engine, gate: Gate) -> None:
    orders = held(gate)
    a, *keys = begin(engine, orders, number=5)
    with Writer(orders, engine, connections=1, seconds=PATIENCE) as writer, ThreadPoolExecutor(9) as pool:
        first = pool.submit(writer.send, a, "ask")
        assert gate.reached.wait(PATIENCE)
        later = [pool.submit(writer.send, key, "toggle", key=f"{n}") for n in range(2) for key in keys]
        while len(writer._desk._queue) < len(later):
            time.sleep(0.001)
        serve, groups = writer._desk._serve, list[int]()
        writer._desk._serve = lambda group: (groups.append(len(group)), serve(group))[1]
        gate.open.set()
        assert first.result().sequence == 2
        assert sorted(future.result().sequence for future in later) == [2] * 4 + [3] * 4
    assert groups == [8]


def test_closing_serves_what_waits_and_takes_no_more(engine: Engine, gate: Gate) -> None:
    orders = held(gate)
    a, b = begin(engine, orders, number=2)
    writer = Writer(orders, engine, connections=1)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(writer.send, a, "ask")
        assert gate.reached.wait(PATIENCE)
        waiting = [pool.submit(writer.send, b, "toggle") for _ in range(2)]
        while len(writer._desk._queue) < 2:
            time.sleep(0.001)
        closing = pool.submit(writer.close)
        while not writer._desk._closed:
            time.sleep(0.001)
        with pytest.raises(RuntimeError, match="closed"):
            writer.send(b, "toggle")
        gate.open.set()
        closing.result()
        assert first.result().sequence == 2
        assert {future.result().sequence for future in waiting} == {2, 3}
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(writer.asend(b, "toggle"))


def test_a_thread_that_is_interrupted_hands_over(engine: Engine) -> None:
    calls = itertools.count()

    def told(facts: Any) -> bool:
        if next(calls) == 0:
            raise KeyboardInterrupt
        return True

    orders = Lifecycle(ASKING, READY_MADE.store, guards={"told": told})
    a, b = begin(engine, orders, number=2)
    with Writer(orders, engine) as writer:
        interrupted, other = ticket(writer, a, "ask"), ticket(writer, b, "toggle", key="k")
        with pytest.raises(KeyboardInterrupt):
            writer._desk._lead([interrupted, other])
        assert isinstance(other.error, InDoubt)
        assert other.error.key == "k"
        assert writer.send(b, "toggle", key="k").sequence == 2
        assert writer.send(a, "ask").sequence == 2


def test_a_forked_child_has_a_writer_of_its_own(engine: Engine) -> None:
    """In a process of its own, because a fork of this one would copy the threads' locks of other tests."""
    orders = lifecycle(READY_MADE, LAMP)
    (key,) = begin(engine, orders)
    url = engine.url.render_as_string(hide_password=False)
    found = subprocess.run([sys.executable, "-c", FORKING, url, str(key)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert len(history(engine, orders, key)) == 1 + 4


FORKING = """
import os, sys
sys.path[:0] = ["tests", "."]
from kept import READY_MADE, lifecycle
from orderfsm.sqlmodel import engine
from orderfsm.writer import Writer
from test_races import LAMP

database = engine(sys.argv[1])
writer, key = Writer(lifecycle(READY_MADE, LAMP), database), int(sys.argv[2])
writer.send(key, "toggle")
child = os.fork()
writer.send(key, "toggle")
if child == 0:
    writer.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
writer.send(key, "toggle")
writer.close()
"""


# --- doubts, and a server that goes away


@pytest.fixture
def direct(postgres_url: str, tmp_path: Path) -> Iterator[Engine]:
    with database("postgresql", postgres_url, tmp_path) as made:
        yield made


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.SILENCE])
def test_a_commit_in_doubt_is_a_doubt_of_each_caller_and_the_key_resolves_it(direct: Engine, fault: Fault) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    a, b = begin(direct, orders, number=2)
    with Proxy(direct.url) as proxy:
        cut = make_engine(proxy.url)
        seconds = 3.0 if fault is Fault.SILENCE else PATIENCE
        with Writer(orders, cut, seconds=seconds) as writer:
            writer.send(a, "toggle")
            proxy.rule = once(b"COMMIT", fault)
            group = [ticket(writer, a, "toggle", key="k"), ticket(writer, a, "explode"), ticket(writer, b, "toggle")]
            found = served(writer, group)
            assert [type(error) for error in found] == [InDoubt, orderfsm.UnknownEvent, InDoubt]
            assert found[0] is not found[2]
            assert [found[0].key, found[2].key] == ["k", None]
            assert writer.send(a, "toggle", key="k").sequence == 3
        cut.dispose()
    assert len(history(direct, orders, a)) == 3
    assert len(history(direct, orders, b)) == (1 if fault is Fault.CUT_BEFORE else 2)


def test_a_connection_that_is_lost_before_the_commit_costs_nobody_anything(direct: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    a, b = begin(direct, orders, number=2)
    with Proxy(direct.url) as proxy:
        cut = make_engine(proxy.url)
        with Writer(orders, cut) as writer:
            writer.send(a, "toggle")
            proxy.cut()
            found = served(writer, [ticket(writer, a, "toggle"), ticket(writer, b, "toggle")])
            assert [entry.sequence for entry in found] == [3, 2]
        cut.dispose()


def test_a_server_that_is_down_is_told_to_everybody_at_once_and_found_again(direct: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    (a,) = begin(direct, orders)
    with Proxy(direct.url) as proxy:
        cut = make_engine(proxy.url)
        with Writer(orders, cut) as writer:
            writer.send(a, "toggle")
            proxy.refuse()
            proxy.cut()
            found = served(writer, [ticket(writer, a, "toggle") for _ in range(50)])
            assert 0 < proxy.refused < 10  # and not once for each of them
            assert {type(error).__name__ for error in found} == {"OperationalError"}
            proxy.accept()
            assert writer.send(a, "toggle").sequence == 3
        cut.dispose()


KILLED = """
import sys, threading
sys.path[:0] = ["tests", "."]
from kept import READY_MADE, lifecycle
from orderfsm.sqlmodel import engine
from orderfsm.writer import Writer
from test_races import LAMP

writer = Writer(lifecycle(READY_MADE, LAMP), engine(sys.argv[1]))

def send(number, key):
    for n in range(10**9):
        name = f"{number}-{n}"
        entry = writer.send(key, "toggle", key=name)
        sys.stdout.write(f"{key} {entry.sequence} {name}\\n")
        sys.stdout.flush()

for number, key in enumerate(sys.argv[2:]):
    threading.Thread(target=send, args=(number, int(key))).start()
"""


def test_what_was_acknowledged_survives_kill_9(engine: Engine, tmp_path: Path) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    keys = begin(engine, orders, number=2)
    url = engine.url.render_as_string(hide_password=False)
    acknowledged: list[list[str]] = []
    for life in range(2):
        script = KILLED.replace("{number}-{n}", f"{life}-{{number}}-{{n}}")
        command = [sys.executable, "-c", script, url, *map(str, keys * 4)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout is not None
            lines = [victim.stdout.readline() for _ in range(60 + 17 * life)]
            victim.kill()
            lines += victim.stdout.readlines()
        acknowledged += [line.split() for line in lines if line.endswith("\n")]
    past = {key: {entry.sequence: entry.key for entry in history(engine, orders, key)} for key in keys}
    lost = [line for line in acknowledged if past[int(line[0])].get(int(line[1])) != line[2]]
    assert len(acknowledged) > 100
    assert lost == []


def test_a_writer_that_answered_before_the_commit_would_lose_what_it_acknowledged(engine: Engine) -> None:
    """The control: an answer before the COMMIT is an acknowledgement that a crash takes back."""
    orders = lifecycle(READY_MADE, LAMP)
    (key,) = begin(engine, orders)
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="rollback_only") as session:
            entry = orders.send(session, session.get_one(READY_MADE.order, key), "toggle")
        transaction.rollback()  # the crash
    assert entry.sequence not in {found.sequence for found in history(engine, orders, key)}


def test_an_engine_that_is_watched_sees_every_statement(engine: Engine) -> None:
    orders = lifecycle(READY_MADE, LAMP)
    (key,) = begin(engine, orders)
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement.split()[0])

    event.listen(engine, "before_cursor_execute", note)
    try:
        with Writer(orders, engine) as writer:
            writer.send(key, "toggle", key="k")
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert sent[-2:] == ["INSERT", "UPDATE"]
