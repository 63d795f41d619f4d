"""The explorer finds what goes wrong when two things happen at once, tells it, and leaves nothing behind."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from math import comb
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import Engine, create_engine, event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Session

import orderfsm
from careless_services import (
    PARCEL,
    Base,
    Careful,
    CheckThenAct,
    HistoryAfterCommit,
    Log,
    Parcel,
    Service,
    StaleObject,
    TooLate,
    look,
    new,
)
from faults import broken
from faults.tier import SOAK, by_tier
from faults.workload import CHART
from kept import READY_MADE, database
from orderfsm import enforcement
from orderfsm.errors import Conflict, NotEnabled
from orderfsm.lifecycle import Lifecycle, transact
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all
from orderfsm.testing import explorer as kit
from orderfsm.testing.explorer import Explored, Run, Switch, judge, judge_lifecycle, point, schedules
from orderfsm.testing.explorer.schedule import Frontier

LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
UNTOLD = "entry 2 (received accept working) was written, and no client was told so (clients return what they write)"
FEW = settings(max_examples=by_tier(25, 1_000), database=None)
SLOW = 60.0
"""For how many seconds a client may stand still on a machine that is busy with something else."""
Explorer = partial(kit.Explorer, patience=SLOW)
explore = partial(kit.explore, patience=SLOW)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    """A database of each kind, with the tables of the careless services and the ready-made ones.

    It would itself wait for ten minutes before it ends a deadlock or says that it is locked.
    """
    with database(request.param, postgres_url, tmp_path_factory.mktemp("explored")) as made:
        Base.metadata.create_all(made)
        made.dispose()
        event.listen(made, "connect", patient)
        yield made


def patient(connection: Any, _: Any) -> None:
    """Let the database wait for ten minutes."""
    if hasattr(connection, "info"):
        connection.execute("SET deadlock_timeout = '10min'")
        connection.commit()
    else:
        connection.execute("PRAGMA busy_timeout = 600000")


@pytest.fixture
def plain(tmp_path: Any) -> Iterator[Engine]:
    """SQLite as SQLAlchemy opens it, where a SELECT begins no transaction; the driver would wait for ten minutes."""
    made = create_engine(f"sqlite:///{tmp_path}/plain.db", connect_args={"timeout": 600})
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    left = [thread for thread in threading.enumerate() if "explored" in thread.name]
    for thread in left:
        thread.join(SLOW)
    assert [thread.name for thread in left if thread.is_alive()] == []


def told(what: str, engine: Engine, began: float, explored: Explored) -> None:
    """Print the figures, for `-s`."""
    took = time.perf_counter() - began
    found = explored.found
    said = "nothing found" if found is None else f"found with {found.interruptions} interruptions: {found.problems[0]}"
    name = engine.dialect.name
    print(f"\n{name}, {what}: {explored.number} schedules in {took:.2f} s, {explored.number / took:.0f}/s, {said}")


def parcels(engine: Engine, service: Service, *events: str, interruptions: int = 2) -> Explored:
    began = time.perf_counter()
    clients = [service.client(event) for event in events]
    check = judge(PARCEL, look)
    explored = explore(engine, new, clients, check, answers=(TooLate,), interruptions=interruptions)
    told(type(service).__name__, engine, began, explored)
    return explored


# --- classic mistakes


def test_a_service_that_locks_and_then_looks_is_fine(engine: Engine) -> None:
    explored = parcels(engine, Careful(), "pack", "cancel")
    assert explored.found is None
    assert explored.complete
    assert explored.strayed == 0
    assert explored.number > 3


def test_check_then_act_is_found(engine: Engine, plain: Engine) -> None:
    chosen = plain if engine.dialect.name == "sqlite" else engine
    found = parcels(chosen, CheckThenAct(), "pack", "cancel").found
    assert found is not None
    assert found.interruptions == 1
    assert "starts from waiting, the entry before it ended in" in found.problems[0]


def test_begin_immediate_makes_check_then_act_safe(engine: Engine) -> None:
    """The library's engine for SQLite does; PostgreSQL has no such thing."""
    found = parcels(engine, CheckThenAct(), "pack", "cancel").found
    assert (found is None) == (engine.dialect.name == "sqlite")


def test_a_stale_object_is_found(engine: Engine) -> None:
    found = parcels(engine, StaleObject(), "pack", "cancel").found
    assert found is not None
    assert found.interruptions == 1
    with pytest.raises(AssertionError, match="starts from waiting"):
        found.verify()


def test_history_after_commit_is_found(engine: Engine) -> None:
    found = parcels(engine, HistoryAfterCommit(), "pack", "cancel").found
    assert found is not None
    assert found.interruptions == 1


def test_hypothesis_finds_it_too_and_shrinks_it_to_an_interruption_or_two(engine: Engine) -> None:
    clients = [HistoryAfterCommit().client(event) for event in ("pack", "cancel")]
    runs: list[Run] = []
    began = time.perf_counter()
    with Explorer(engine, new, clients, judge(PARCEL, look), answers=(TooLate,)) as explorer:

        @settings(FEW, max_examples=200)
        @given(schedules(clients=2, steps=4))
        def goes_well(schedule: tuple[int, ...]) -> None:
            runs.append(explorer.run(schedule))
            runs[-1].verify()

        with pytest.raises(AssertionError, match=r"[12] interruptions?\n"):
            goes_well()
        first = next(number for number, run in enumerate(runs, 1) if run.problems)
        took = time.perf_counter() - began
        print(f"\n{engine.dialect.name}, drawn: found at {first}, shrunk after {len(runs)} schedules, {took:.2f} s")
        again = explorer.run(runs[-1].schedule)
    assert again.problems == runs[-1].problems
    assert [moment.what for moment in again.moments] == [moment.what for moment in runs[-1].moments]


def test_a_trace_says_who_did_what_and_what_was_read(engine: Engine) -> None:
    found = parcels(engine, StaleObject(), "pack", "cancel").found
    assert found is not None
    lines = str(found).splitlines()
    assert f"schedule {found.schedule}, 1 interruption" in lines
    reads = [place for place, line in enumerate(lines) if "FROM test_careless_parcels" in line]
    assert [lines[place].split()[1] for place in reads] == ["pack", "cancel"] or len(reads) > 2
    assert all(
        "status='waiting'" in lines[place + 1] for place in reads if "pack" in lines[place] or "cancel" in lines[place]
    )
    assert [line for line in lines if "UPDATE test_careless_parcels" in line and "packed" in line]
    assert any(line.startswith("pack returned {'before': 'waiting'") for line in lines)


# --- broken engines


def by_hand(kind: type[broken.ByHand], engine: Engine) -> Any:
    """A broken engine on the database of an engine."""
    made = kind.__new__(kind)
    made.engine = engine
    return made


@pytest.fixture
def unguarded(engine: Engine) -> Iterator[Engine]:
    """A database that lets a broken engine do what it likes."""
    with engine.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)
    yield engine
    with Session(engine) as session:
        for table in ("order_timers", "order_outbox", "order_history", "orders"):
            session.execute(text(f"DELETE FROM {table}"))
        session.commit()
    with engine.begin() as connection:
        enforcement.install(connection, Order, OrderHistory)


LOOSE = Lifecycle(CHART, SqlStore(Order, OrderHistory))


def begun(orders: Lifecycle, session: Any) -> Any:
    order = READY_MADE.new()
    orders.open(session, order)
    return order.id


def sending(sender: Any, event: str, call: str) -> Any:
    """A client of a sender of the fault tests."""

    def client(_: Any, key: int) -> Any:
        return {"event": event, **dict(zip(("sequence", "before", "after"), _written(key), strict=True))}

    def _written(key: int) -> Any:
        entry = sender.send(key, event, call, call)
        return entry.sequence, entry.before, entry.after

    client.__name__ = call
    return client


@pytest.mark.parametrize("kind", [broken.NoCompare, broken.LockWithoutCheck, broken.HistoryOutside])
def test_a_broken_engine_is_found_out(unguarded: Engine, kind: type[broken.ByHand]) -> None:
    began = time.perf_counter()
    sender, check = by_hand(kind, unguarded), judge_lifecycle(LOOSE)
    sender.facts = lambda: None
    another = check.read if kind is broken.HistoryOutside else sending(sender, "accept", "two")
    explored = explore(unguarded, partial(begun, LOOSE), [sending(sender, "accept", "one"), another], check)
    told(kind.__name__, unguarded, began, explored)
    assert explored.found is not None
    assert explored.found.interruptions == 1


@pytest.mark.parametrize("kind", [broken.LosesAnswers, broken.LosesAnswersNewKey])
def test_a_request_that_is_repeated_under_another_key_is_found_out(
    unguarded: Engine, kind: type[broken.LosesAnswers]
) -> None:
    """The same key gives the first entry again; another one is another request, and is refused after it was done."""
    sender = by_hand(kind, unguarded)
    sender.orders = LOOSE

    def repeats(_: Any, key: int) -> Any:
        sender.answers = count(sender.every)  # the next one is lost
        with pytest.raises(ConnectionError):
            sender.send(key, "accept", "call", "key")
        return sender.send(key, "accept", "call", "key")

    with Explorer(unguarded, partial(begun, LOOSE), [repeats], judge_lifecycle(LOOSE)) as explorer:
        problems = explorer.run().problems
    if kind is broken.LosesAnswers:
        assert problems == ()
    else:
        assert problems == (UNTOLD,)


class NoComparison(SqlStore):
    """Writes whatever the revision is."""

    def record(self, session: Any, order: Any, entry: Any, *more: Any) -> bool:
        now = session.execute(select(Order.revision).where(Order.id == order.id)).scalar_one()
        return super().record(session, order, replace(entry, sequence=now + 1), *more)


class ComparesThenWrites(NoComparison):
    """Compares in one statement, writes in the next."""

    def record(self, session: Any, order: Any, entry: Any, *more: Any) -> bool:
        if session.execute(select(Order.revision).where(Order.id == order.id)).scalar_one() != entry.sequence - 1:
            return False
        return super().record(session, order, entry, *more)


class NoKeys(SqlStore):
    """Forgets the keys of requests."""

    def keyed(self, session: Any, order: Any, key: str) -> None:
        return None

    def record(self, session: Any, order: Any, entry: Any, *more: Any) -> bool:
        return super().record(session, order, replace(entry, key=None), *more)


def late(orders: Lifecycle, event: str, key: str | None = None) -> Any:
    """A client that has looked at the order in an earlier transaction."""

    def client(session: Any, order_key: int) -> Any:
        session.expire_on_commit = False
        order = session.get_one(Order, order_key)
        session.commit()
        return orders.send(session, order, event, key=key)

    client.__name__ = event
    return client


@pytest.mark.parametrize("kind", [NoComparison, ComparesThenWrites])
def test_a_store_that_does_not_compare_and_swap_is_found_out(unguarded: Engine, kind: type[SqlStore]) -> None:
    """But a BEGIN IMMEDIATE lets nobody come in between comparing and writing."""
    began = time.perf_counter()
    orders = Lifecycle(CHART, kind(Order, OrderHistory))
    clients = [late(orders, "accept"), late(orders, "accept")]
    explored = explore(unguarded, partial(begun, orders), clients, judge_lifecycle(orders))
    told(kind.__name__, unguarded, began, explored)
    safe = kind is ComparesThenWrites and unguarded.dialect.name == "sqlite"
    assert (explored.found is None) == safe


def test_a_store_that_forgets_keys_is_found_out(engine: Engine) -> None:
    orders = Lifecycle(CHART, NoKeys(Order, OrderHistory))
    clients = [late(orders, "accept", "request"), late(orders, "accept", "request")]

    def both_are_told_the_same(_: Any, run: Run) -> list[str]:
        told = {outcome.value and outcome.value.sequence for outcome in run.outcomes}
        lost = any(isinstance(outcome.error, Conflict) for outcome in run.outcomes)
        return [] if lost or len(told) == 1 else [f"one request was answered with {told}"]

    explored = explore(engine, partial(begun, orders), clients, both_are_told_the_same)
    assert explored.found is not None
    assert explore(engine, partial(begun, LOOSE), _named("accept", "request"), both_are_told_the_same).found is None


def _named(event: str, key: str) -> list[Any]:
    return [late(LOOSE, event, key), late(LOOSE, event, key)]


# --- the library itself


def fresh(event: str, **more: Any) -> Any:
    """A client that reads, decides and writes in one transaction."""

    def client(session: Any, key: int) -> Any:
        return LOOSE.send(session, session.get_one(Order, key), event, **more)

    client.__name__ = event
    return client


def in_a_unit_of_work(engine: Engine, event: str) -> Any:
    def client(_: Any, key: int) -> Any:
        work = lambda session: LOOSE.send(session, session.get_one(Order, key), event, key="request")  # noqa: E731
        return transact(partial(Session, engine), work, key="request", pause=lambda _: 0.0)

    client.__name__ = event
    return client


CROWDS: dict[str, Callable[[Engine], list[Any]]] = {
    "two who read first": lambda _: [fresh("accept"), fresh("accept")],
    "two who have read long ago": lambda _: [late(LOOSE, "accept"), late(LOOSE, "accept")],
    "an event and the next one": lambda _: [fresh("accept"), fresh("hold")],
    "one request, delivered twice": lambda _: [late(LOOSE, "accept", "request"), fresh("accept", key="request")],
    "units of work": lambda engine: [in_a_unit_of_work(engine, "accept"), fresh("accept")],
    "three": lambda _: [fresh("accept"), fresh("accept"), fresh("hold")],
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_nothing_is_found_in_the_library(engine: Engine, crowd: str) -> None:
    for level in [""] if engine.dialect.name == "sqlite" else LEVELS:
        chosen = engine.execution_options(isolation_level=level) if level else engine
        began = time.perf_counter()
        interruptions = by_tier(2 if level in ("", "READ COMMITTED") and crowd != "three" else 1, 3)
        clients, check = CROWDS[crowd](chosen), judge_lifecycle(LOOSE)
        explored = explore(chosen, partial(begun, LOOSE), clients, check, interruptions=interruptions)
        told(f"{crowd} {level}", chosen, began, explored)
        explored.verify()
        assert explored.complete
        assert explored.number > 2
        assert level == "SERIALIZABLE" or explored.strayed == 0  # there a conflict depends on how a table is read


def test_nothing_is_found_at_random_in_the_library(engine: Engine) -> None:
    clients = CROWDS["three"](engine)
    interrupted = 0
    with Explorer(engine, partial(begun, LOOSE), clients, judge_lifecycle(LOOSE)) as explorer:

        @settings(FEW, max_examples=max(40, FEW.max_examples), derandomize=True)  # or else, rarely, none is interrupted
        @given(schedules())
        def goes_well(schedule: tuple[int, ...]) -> None:
            nonlocal interrupted
            run = explorer.run(schedule)
            run.verify()
            interrupted += run.interruptions > 0

        goes_well()
    assert interrupted > 0


def test_several_orders_are_judged_one_by_one(engine: Engine) -> None:
    def two(session: Any) -> list[int]:
        return [begun(LOOSE, session), begun(LOOSE, session)]

    def accepts(number: int) -> Any:
        return lambda session, keys: LOOSE.send(session, session.get_one(Order, keys[number]), "accept")

    clients = {"first": accepts(0), "second": accepts(1), "again": accepts(0)}
    explored = explore(engine, two, clients, judge_lifecycle(LOOSE), interruptions=0)
    explored.verify()
    assert explored.number == 6


def test_a_read_of_what_was_is_found_out(engine: Engine) -> None:
    """A reader that answers from a copy, as a replica that lags does, is not linearizable."""
    check = judge_lifecycle(LOOSE)
    copies: dict[int, Any] = {}

    def begins(session: Any) -> int:
        key: int = begun(LOOSE, session)
        session.commit()
        with Session(engine) as other:
            copies[key] = check.read(other, key)
        return key

    def reads(_: Any, key: int) -> Any:
        point("ask the replica")
        return copies[key]

    found = explore(engine, begins, {"accept": fresh("accept"), "reads": reads}, check).found
    assert found is not None
    assert found.problems[0].startswith("not linearizable: entry 2 at place 2 was answered at")


# --- what clients are told


def problems(engine: Engine, *clients: Any, schedule: tuple[int, ...] = ()) -> tuple[str, ...]:
    """What is wrong with one run on an order of the endless chart."""
    named = {f"client {number}": client for number, client in enumerate(clients)}
    with Explorer(engine, partial(begun, LOOSE), named, judge_lifecycle(LOOSE)) as explorer:
        return explorer.run(schedule).problems


def test_an_entry_that_was_told_and_rolled_back_is_lost(engine: Engine) -> None:
    def rolls_back(session: Any, key: int) -> Any:
        entry = fresh("accept")(session, key)
        session.rollback()
        return entry

    lost = "client 0 was told entry 2 (received accept working), which is not in the history: it is lost"
    assert problems(engine, rolls_back) == (lost,)


def test_an_entry_of_which_nobody_was_told_is_a_problem(engine: Engine) -> None:
    def says_nothing(session: Any, key: int) -> None:
        fresh("accept")(session, key)

    def says_no(session: Any, key: int) -> None:
        fresh("accept")(session, key)
        session.commit()
        raise Conflict("somebody else was quicker")

    assert problems(engine, says_nothing) == (UNTOLD,)
    assert problems(engine, says_no) == (UNTOLD,)
    assert problems(engine, lambda session, key: [fresh("accept")(session, key)]) == ()
    assert problems(engine, lambda session, key: str(fresh("accept")(session, key))) == ()  # what it says is unknown


def test_an_entry_of_an_order_that_a_client_has_made_is_not_held_against_another(engine: Engine) -> None:
    def opens(session: Any, _: int) -> Any:
        return LOOSE.open(session, Order())

    assert problems(engine, opens, opens) == ()
    assert problems(engine, opens, fresh("accept"), opens) == ()


def test_a_reader_sees_one_moment_even_where_a_select_begins_no_transaction(plain: Engine) -> None:
    create_all(plain)
    check = judge_lifecycle(LOOSE)
    explored = explore(plain, partial(begun, LOOSE), [fresh("accept"), check.read], check)
    assert (explored.found, explored.complete) == (None, True)


def test_two_may_be_told_of_one_entry_when_they_have_sent_one_key(engine: Engine) -> None:
    def echoes(session: Any, key: int) -> Any:
        return LOOSE.history(session, session.get_one(Order, key))[-1]

    both = "client 0 and client 1 were both told that they wrote entry 2 (received accept working)"
    assert problems(engine, fresh("accept"), echoes) == (both,)
    assert problems(engine, fresh("accept", key="request"), fresh("accept", key="request")) == ()


def test_a_refusal_has_to_be_one_that_the_chart_gives_where_the_order_was(engine: Engine) -> None:
    def refuses(event: str, configuration: str) -> Any:
        def client(*_: Any) -> None:
            point("think")
            raise NotEnabled(CHART.name, configuration, event)

        return client

    allowed = "client 0 was refused accept in received, where the chart has an arrow for it"
    nowhere = "client 0 was refused accept in packed, where the order has never been"
    assert problems(engine, refuses("accept", "received")) == (allowed,)
    assert problems(engine, refuses("accept", "packed")) == (nowhere,)
    assert problems(engine, refuses("hold", "received")) == ()
    assert problems(engine, refuses("hold", "received"), fresh("accept")) == ()
    stale = problems(engine, fresh("accept"), refuses("hold", "received"))
    assert len(stale) == 1
    assert stale[0].startswith("not linearizable: ")


def test_a_refusal_that_is_about_something_else_is_not_held_against_the_order(engine: Engine) -> None:
    def has_written(session: Any, key: int) -> None:
        fresh("accept")(session, key)
        fresh("accept")(session, key)

    def of_its_own(session: Any, _: int) -> None:
        order = Order()
        LOOSE.open(session, order)
        LOOSE.send(session, order, "pack")

    def of_another_chart(*_: Any) -> None:
        orderfsm.step(PARCEL, "waiting", "ship")

    def cannot_begin(*_: Any) -> None:
        orderfsm.start(CHART, "accept")

    assert problems(engine, has_written) == ()
    for client in (has_written, of_its_own, of_another_chart, cannot_begin):
        assert problems(engine, fresh("accept"), client) == ()
        assert problems(engine, client, fresh("accept"), fresh("accept")) == ()


def test_entries_may_be_told_as_any_mapping(engine: Engine) -> None:
    def rolls_back(session: Any, key: int) -> Any:
        entry = fresh("accept")(session, key)
        session.rollback()
        return MappingProxyType({"before": entry.before, "event": entry.event, "after": entry.after})

    lost = "client 0 was told entry (received accept working), which is not in the history: it is lost"
    assert problems(engine, rolls_back) == (lost,)


def test_a_client_may_return_the_row_that_it_has_written(engine: Engine) -> None:
    def packs(session: Any, key: int) -> Any:
        Careful().send(session, key, "pack")
        return session.scalars(select(Log).where(Log.parcel == key).order_by(Log.id.desc())).first()

    explore(engine, new, [packs], judge(PARCEL, look)).verify()


# --- locks


def two_rows(session: Any) -> tuple[int, int]:
    return new(session), new(session)


def moves(first: int, second: int) -> Any:
    def client(session: Any, keys: tuple[int, int]) -> None:
        for place in (first, second):
            session.execute(update(Parcel).where(Parcel.id == keys[place]).values(status="packed"))

    return client


def test_a_deadlock_is_told_at_once_and_to_one(engine: Engine) -> None:
    """PostgreSQL itself would look for one after the explorer's patience is over."""
    with Explorer(engine, two_rows, {"up": moves(0, 1), "down": moves(1, 0)}, lambda *_: None) as explorer:
        explorer.run()
        runs = [explorer.run((0, 1)) for _ in range(5)]
    if engine.dialect.name == "sqlite":
        assert [outcome.error for run in runs for outcome in run.outcomes] == [None] * 10
        return
    for run in runs:
        assert run.problems == ()
        up, down = run.outcomes
        assert type(down.error.orig).__name__ == "DeadlockDetected"  # type: ignore[union-attr]
        assert up.error is None
        assert any(moment.waited for moment in run.moments)


def test_sqlite_transactions_that_began_with_a_read_lock_each_other_out(plain: Engine) -> None:
    """In a rollback journal neither can write while the other reads; the one that came first is told so.

    The driver would tell it when the explorer's patience is over.
    """

    def client(session: Any, key: int) -> None:
        session.connection().exec_driver_sql("BEGIN")
        session.execute(select(Parcel.status).where(Parcel.id == key)).all()
        session.execute(update(Parcel).where(Parcel.id == key).values(status="packed"))

    with Explorer(plain, new, {"one": client, "two": client}, lambda *_: None) as explorer:
        run = explorer.run((0, 0, 1, 1, 1))
    assert run.problems == ()
    errors = [outcome.error for outcome in run.outcomes]
    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "OperationalError"]


def test_a_client_that_waits_for_itself_is_told_so(engine: Engine) -> None:
    """The database would let it wait until the explorer's patience is over."""

    def client(session: Any, key: int) -> None:
        change = update(Parcel).where(Parcel.id == key).values(status="packed")
        session.execute(change)
        with Session(engine) as other:
            other.execute(change)

    with Explorer(engine, new, {"double": client}, lambda *_: None) as explorer:
        run = explorer.run()
    if engine.dialect.name == "sqlite":
        assert isinstance(run.outcomes[0].error, OperationalError)
    else:
        assert "double waits in UPDATE test_careless_parcels" in run.problems[0]
        assert "for another connection of its own" in run.problems[0]
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


# --- ends


def hung(engine: Engine, clients: dict[str, Any], end: str) -> str:
    """The one problem of a run that hangs in this way; a slow machine is taken for hanging elsewhere, and gets time."""
    for patience in (0.3, 3.0, 30.0):
        with Explorer(engine, new, clients, lambda *_: None, patience=patience) as explorer:
            (problem,) = explorer.run().problems
        if problem.startswith(f"nobody has gone on for {patience:g} seconds: {end}"):
            return problem
    raise AssertionError(problem)


def test_a_client_that_hangs_is_told_with_the_line_where_it_stands(engine: Engine) -> None:
    guard = threading.Lock()

    def holds(session: Any, key: int) -> None:
        with guard:
            session.get_one(Parcel, key)

    problem = hung(engine, {"holds": holds, "waits": holds}, "waits is on its way before its first statement")
    assert "test_testing_explorer.py" in problem
    assert "in holds" in problem
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_clients_that_go_on_for_ever_are_ended(engine: Engine) -> None:
    def looks(session: Any, key: int) -> None:
        while session.execute(select(Parcel.status).where(Parcel.id == key)).scalar_one() == "waiting":
            pass

    with Explorer(engine, new, [looks], lambda *_: None, most=50) as explorer:
        run = explorer.run()
    assert "looks has not ended after 50 moments; it stands before SELECT" in run.problems[0]
    assert "in looks" in run.problems[0]


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C is heard: in the processes of pytest-xdist it is not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_ends_the_clients_and_gives_connections_back(engine: Engine) -> None:
    def interrupts(session: Any, key: int) -> None:
        session.execute(update(Parcel).where(Parcel.id == key).values(status="packed"))
        _thread.interrupt_main()
        time.sleep(0.05)
        session.execute(select(Parcel.status)).all()

    with (
        Explorer(engine, new, {"one": interrupts, "two": interrupts}, lambda *_: None) as explorer,
        pytest.raises(KeyboardInterrupt),
    ):
        explorer.run((0, 1))
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    parcels(engine, Careful(), "pack", "cancel", interruptions=0).verify()


def test_what_a_client_leaves_open_is_closed(engine: Engine) -> None:
    left = []

    def forgets(_: Any, key: int) -> None:
        left.append(Session(engine))
        left[-1].execute(update(Parcel).where(Parcel.id == key).values(status="packed"))

    with Explorer(engine, new, {"one": forgets, "two": forgets}, lambda *_: None) as explorer:
        run = explorer.run((0, 1))
    assert run.problems == ()
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    for session in left:
        session.close()


def test_an_error_that_says_nothing_about_races_is_a_problem(engine: Engine) -> None:
    def fails(_: Any, __: int) -> None:
        raise KeyError("status")

    explored = explore(engine, new, [fails], lambda *_: None)
    assert explored.found is not None
    assert explored.found.problems == ("fails raised KeyError: 'status'",)
    assert explore(engine, new, [fails], lambda *_: None, answers=(KeyError,)).found is None


def test_what_a_check_asserts_is_a_problem(engine: Engine) -> None:
    def check(session: Any, run: Run) -> None:
        assert session.get_one(Parcel, run.given).status == "sent", "it was not sent"

    found = explore(engine, new, [Careful().client("pack")], check).found
    assert found is not None
    assert found.problems[0].startswith("it was not sent")


def test_an_engine_is_left_as_it_was(engine: Engine) -> None:
    dialect: Any = engine.dialect
    before = dialect._has_events, [*dialect.dispatch.do_execute], [*engine.dispatch.commit]
    parcels(engine, Careful(), "pack", "cancel", interruptions=0)
    assert (dialect._has_events, [*dialect.dispatch.do_execute], [*engine.dispatch.commit]) == before
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 600_000


def test_an_explorer_that_nobody_has_entered_is_refused(engine: Engine) -> None:
    """It would notice no statement, and find nothing."""
    with pytest.raises(RuntimeError, match="with Explorer"):
        Explorer(engine, new, [Careful().client("pack")], lambda *_: None).run()


def test_wrong_arguments_are_told_for_what_they_are(plain: Engine) -> None:
    client = Careful().client("pack")
    wrong: list[Any] = [[], {}, client]
    for clients in wrong:
        with pytest.raises(TypeError, match="give functions"):
            explore(plain, new, clients, lambda *_: None)
    with pytest.raises(ValueError, match="give 0 or more"):
        explore(plain, new, [client], lambda *_: None, interruptions=-1)
    answer: list[Any] = [True]
    with pytest.raises(TypeError, match="a check has answered True"):
        explore(plain, new, [client], lambda *_: answer[0])
    schedules: list[Any] = ["01", [[0, 1, 1]], [0, Switch(0, 1)]]
    with Explorer(plain, new, [client], []) as explorer:
        for schedule in schedules:
            with pytest.raises(TypeError, match="give choices, which are numbers, or switches"):
                explorer.run(schedule)
    found = explore(plain, new, [client], lambda *_: "all is wrong").found
    assert found is not None
    assert found.problems == ("all is wrong",)


def test_a_client_of_which_nothing_has_run_is_told(plain: Engine) -> None:
    async def asks(_: Any, __: int) -> None:
        raise AssertionError("nobody awaits it")

    def gives(_: Any, __: int) -> Iterator[int]:
        yield 1

    for client in (asks, gives):
        found = explore(plain, new, [client], lambda *_: None).found
        assert found is not None
        assert found.problems[0].startswith(f"{client.__name__} raised TypeError: a client is a plain function")


def test_a_client_that_waits_for_a_connection_is_told_with_its_line(tmp_path: Any) -> None:
    made = create_engine(f"sqlite:///{tmp_path}/one.db", pool_size=1, max_overflow=0, pool_timeout=600)
    Base.metadata.create_all(made)
    clients = {event: Careful().client(event) for event in ("pack", "cancel")}
    problem = hung(made, clients, "cancel is on its way before its first statement (")
    assert "careless_services.py:" in problem
    made.dispose()


def test_a_schedule_leads_to_the_same_each_time_whoever_else_is_busy(engine: Engine) -> None:
    """Deadlocks and waiting included; another thread keeps the processor from the clients meanwhile."""
    done = threading.Event()
    busy = threading.Thread(target=lambda: [None for _ in iter(done.is_set, True)])
    clients = {"up": moves(0, 1), "down": moves(1, 0), "over": moves(0, 1)}
    with Explorer(engine, two_rows, clients, lambda *_: None) as explorer:
        explorer.run()
        schedules = [(0, 1), (0, 2, 1, 1, 2)]
        before = [_shape(explorer.run(schedule)) for schedule in schedules]
        busy.start()
        try:
            again = [_shape(explorer.run(schedule)) for schedule in schedules]
        finally:
            done.set()
            busy.join()
    assert before == again
    assert len(set(map(str, before))) == len(schedules)


def _shape(run: Run) -> Any:
    """What does not depend on the keys of the rows."""
    moments = [(moment.client, moment.what, moment.waited) for moment in run.moments]
    return moments, [type(outcome.error).__name__ for outcome in run.outcomes], run.decisions


def test_a_url_will_do(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/orders.db"
    made = create_engine(url)
    create_all(made)
    made.dispose()
    assert explore(url, partial(begun, LOOSE), CROWDS["two who read first"](made), judge_lifecycle(LOOSE)).found is None


def test_what_cannot_be_explored_is_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="give a file"):
        Explorer("sqlite://", new, [new], lambda *_: None)
    with pytest.raises(TypeError, match="its sync_engine"):
        Explorer(create_async_engine("sqlite+aiosqlite:///x.db"), new, [new], lambda *_: None)  # type: ignore[arg-type]


# --- schedules


@pytest.mark.parametrize("number", [2, 3])
def test_every_order_of_points_is_tried_once(engine: Engine, number: int) -> None:
    """Of clients that meet no lock, as many as there are ways to merge their points."""
    orders: list[tuple[str, ...]] = []

    def client(*_: Any) -> None:
        for place in range(number):
            point(str(place))

    def check(_: Any, run: Run) -> None:
        orders.append(tuple(moment.client for moment in run.moments))

    explored = explore(engine, lambda _: None, {"a": client, "b": client}, check, interruptions=2 * number)
    assert explored.number == comb(2 * number, number) == len(set(orders))
    assert explored.strayed == 0


def test_points_are_nothing_outside_of_an_explored_client() -> None:
    point("nobody is here")


def test_schedules_with_fewer_interruptions_come_first(engine: Engine) -> None:
    costs: list[int] = []
    clients = {"a": lambda *_: [point("x"), point("y")], "b": lambda *_: [point("x"), point("y")]}
    explore(engine, lambda _: None, clients, lambda _, run: costs.append(run.interruptions), interruptions=3)
    assert costs[1:] == sorted(costs[1:])
    assert set(costs) == {0, 1, 2}


def test_clients_that_differ_from_run_to_run_are_counted(engine: Engine) -> None:
    numbers = count()

    def moody(*_: Any) -> None:
        for _ in range(2 + next(numbers) % 2):
            point("here")

    explored = explore(engine, lambda _: None, {"a": moody, "b": moody, "c": moody}, lambda *_: None)
    assert explored.strayed > 0


def test_a_switch_happens_once_before_the_thing_that_it_names(engine: Engine) -> None:
    def client(*_: Any) -> None:
        for place in range(3):
            point(str(place))

    with Explorer(engine, lambda _: None, {"a": client, "b": client, "c": client}, lambda *_: None) as explorer:
        orders = [
            "".join(moment.client for moment in explorer.run(switches).moments)
            for switches in ([Switch(0, 1)], [Switch(0, 1, 2), Switch(2, 2)], [Switch(0, 0)], [Switch(1, 7)])
        ]
        assert orders == ["abbbaaccc", "accaabbbc", "bbbaaaccc", "aaabbbccc"]
        again = explorer.run(explorer.run([Switch(0, 1, 2), Switch(2, 2)]).schedule)
    assert "".join(moment.client for moment in again.moments) == "accaabbbc"


def test_a_frontier_without_decisions_ends_at_once() -> None:
    frontier = Frontier(2)
    assert frontier.next() == ((), ())
    frontier.add((), [])
    assert frontier.next() is None


@pytest.mark.skipif(not SOAK, reason="figures take a minute: make soak")
def test_figures(engine: Engine) -> None:
    for crowd, make in CROWDS.items():
        began = time.perf_counter()
        explored = explore(
            engine, partial(begun, LOOSE), make(engine), judge_lifecycle(LOOSE), interruptions=4, limit=300
        )
        told(crowd, engine, began, explored)
        explored.verify()
