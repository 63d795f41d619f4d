"""The start-up check: what is unsafe, missing or other than expected is named, with what to change."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import DDL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Field, Session
from typer.testing import CliRunner

from faults.server import server
from kept import KINDS, READY_MADE, Kept, database, lifecycle
from orderfsm import Chart, NotReady, enforcement
from orderfsm.chart import Effect, State, Timer, Transition
from orderfsm.cli.app import app
from orderfsm.lifecycle import Lifecycle
from orderfsm.readiness import acheck, averify, check, verify
from orderfsm.sqlmodel import HistoryEntry, Order, OrderHistory, SqlStore, Stateful, async_engine, create_all, secure
from orderfsm.sqlmodel import engine as safe_engine

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "readiness.md"
STORE = SqlStore(Order, OrderHistory)


def codes(engine: Engine, *bound: Any, **more: Any) -> dict[str, str]:
    """Path -> code of what is found; each says what to change."""
    found = check(engine, *bound, **more)
    assert all(finding.fix and finding.message for finding in found)
    return {finding.path: finding.code for finding in found}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path) as made:
        yield made


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """A function that makes an engine on SQLite with these pragmas, as a service might."""
    made: list[Engine] = []

    def make(*pragmas: str, begin: str = "BEGIN IMMEDIATE") -> Engine:
        engine = create_engine(f"sqlite:///{tmp_path}/by_hand.db")
        made.append(engine)

        def connected(connection: Any, _: Any) -> None:
            if begin:
                connection.isolation_level = None
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        event.listen(engine, "connect", connected)
        if begin:
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    yield make
    for engine in made:
        engine.dispose()


SAFE = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


# --- ready ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_create_all_makes_is_ready(engine: Engine, kind: Kept) -> None:
    with engine.begin() as connection:
        enforcement.install(connection, kind.order, kind.history)
    assert check(engine, lifecycle(kind), durability="relaxed") == ()
    verify(engine, lifecycle(kind), durability="relaxed")


def test_nothing_is_written_by_looking(engine: Engine) -> None:
    with engine.connect() as connection:
        before = connection.execute(text("SELECT count(*) FROM orders")).scalar()
    check(engine, lifecycle(READY_MADE))
    with engine.begin() as connection:  # nobody holds a lock, either
        connection.execute(text("UPDATE orders SET reference = 'x'"))
        assert connection.execute(text("SELECT count(*) FROM orders")).scalar() == before


def test_an_engine_of_ours_is_ready(tmp_path: Path, by_hand: Callable[..., Engine]) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/orders.db")
    create_all(made)
    assert check(made, STORE) == ()
    made.dispose()
    assert check(by_hand(*SAFE)) == ()


# --- settings: SQLite -------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragmas", "expected"),
    [
        (("journal_mode = DELETE", *SAFE[1:]), {"journal_mode": "journal-mode"}),
        (("journal_mode = MEMORY", *SAFE[1:]), {"journal_mode": "journal-mode"}),
        ((SAFE[0], "synchronous = NORMAL", SAFE[2]), {"synchronous": "synchronous"}),
        ((SAFE[0], "synchronous = OFF", SAFE[2]), {"synchronous": "synchronous"}),
        (SAFE[:2], {"foreign_keys": "foreign-keys"}),
    ],
)
def test_an_unsafe_setting_of_sqlite_is_named(
    by_hand: Callable[..., Engine], pragmas: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert codes(by_hand(*pragmas)) == expected
    with pytest.raises(NotReady, match="set PRAGMA"):
        verify(by_hand(*pragmas))


def test_normal_is_accepted_from_who_asks_for_it_and_off_is_not(by_hand: Callable[..., Engine]) -> None:
    assert codes(by_hand(SAFE[0], "synchronous = NORMAL", SAFE[2]), durability="relaxed") == {}
    assert codes(by_hand(SAFE[0], "synchronous = OFF", SAFE[2]), durability="relaxed") == {"synchronous": "synchronous"}


def test_the_driver_that_begins_nothing_is_found(by_hand: Callable[..., Engine]) -> None:
    assert codes(by_hand(*SAFE, begin="")) == {"begin": "begin-immediate"}


def test_transactions_that_begin_without_the_lock_are_found(by_hand: Callable[..., Engine]) -> None:
    engine = by_hand(*SAFE, begin="BEGIN")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (id INTEGER)")
    assert codes(engine) == {"begin": "begin-immediate"}
    assert codes(by_hand(*SAFE)) == {}


def test_plain_sqlalchemy_on_sqlite_is_told_everything_at_once(tmp_path: Path) -> None:
    made = create_engine(f"sqlite:///{tmp_path}/plain.db")
    assert set(codes(made).values()) == {"journal-mode", "foreign-keys", "begin-immediate"}
    made.dispose()


# --- settings: PostgreSQL ---------------------------------------------------------


def test_a_server_without_fsync_is_refused_whoever_made_the_engine() -> None:
    with server(fsync="off", full_page_writes="off", synchronous_commit="off") as made:
        plain = create_engine(made.url)
        assert codes(plain) == {
            "fsync": "fsync",
            "full_page_writes": "full-page-writes",
            "synchronous_commit": "synchronous-commit",
        }
        assert set(codes(plain, durability="relaxed")) == {"fsync", "full_page_writes"}
        plain.dispose()
        ours = safe_engine(made.url)
        assert codes(ours) == {"settings": "unsafe-settings"}
        ours.dispose()


def test_an_encoding_that_garbles_is_refused_although_sqlalchemy_cannot_even_connect(
    postgres_database: Callable[[], str],
) -> None:
    url = postgres_database()
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(
            text("CREATE DATABASE garbled ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        )
    for made in (create_engine(admin.url.set(database="garbled")), safe_engine(admin.url.set(database="garbled"))):
        assert codes(made, STORE) == {"server_encoding": "encoding"}
        made.dispose()
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE garbled WITH (FORCE)"))
    admin.dispose()


def test_a_database_that_only_reads_is_found(postgres_database: Callable[[], str]) -> None:
    made = create_engine(postgres_database(), connect_args={"options": "-c default_transaction_read_only=on"})
    assert codes(made) == {"transaction_read_only": "transaction-read-only"}
    made.dispose()


# --- the schema -------------------------------------------------------------------


def change(engine: Engine, *statements: str) -> None:
    """Change the schema behind the library's back; the triggers would notice, and are taken away."""
    with engine.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)
        for statement in statements:
            connection.execute(text(statement))


def drift(engine: Engine) -> dict[str, str]:
    """Path -> code of what is found, apart from the triggers that were taken away."""
    found = check(engine, STORE, durability="relaxed")
    return {finding.path: finding.code for finding in found if finding.code != "not-enforced"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TABLE order_outbox", {"order_outbox": "missing-table"}),
        ("ALTER TABLE orders DROP COLUMN category", {"orders.category": "missing-column"}),
        ("ALTER TABLE order_history DROP COLUMN caused_by", {"order_history.caused_by": "missing-column"}),
        ("DROP INDEX order_history_key", {"order_history.order_history_key": "missing-unique-index"}),
        ("DROP INDEX order_outbox_waiting", {"order_outbox.order_outbox_waiting": "missing-index"}),
    ],
)
def test_what_is_missing_is_named(engine: Engine, statement: str, expected: dict[str, str]) -> None:
    change(engine, statement)
    assert drift(engine) == expected


def test_a_column_that_nobody_fills_is_named(engine: Engine) -> None:
    extra = "NOT NULL" if engine.dialect.name == "postgresql" else "NOT NULL DEFAULT 'x'"
    change(engine, f"ALTER TABLE order_history ADD COLUMN region VARCHAR {extra}")
    expected = {"order_history.region": "unknown-column"} if engine.dialect.name == "postgresql" else {}
    assert drift(engine) == expected


@pytest.mark.parametrize(
    ("column", "kind", "said"),
    [
        ("configuration", "VARCHAR(20)", "holds 20 characters at most"),
        ("configuration", "INTEGER", "is INTEGER, where VARCHAR is expected"),
        ("revision", "NUMERIC", "is NUMERIC, where INTEGER is expected"),
    ],
)
def test_on_postgresql_a_wrong_type_is_named(
    postgres_database: Callable[[], str], column: str, kind: str, said: str
) -> None:
    made = safe_engine(postgres_database())
    create_all(made)
    change(made, f"ALTER TABLE orders ALTER {column} DROP DEFAULT")
    change(made, f"ALTER TABLE orders ALTER {column} TYPE {kind} USING NULL")
    finding, _ = check(made, STORE)
    assert (finding.code, finding.path) == ("column-type", f"orders.{column}")
    assert said in finding.message
    made.dispose()


def test_on_postgresql_moments_without_a_zone_and_not_null_are_named(postgres_database: Callable[[], str]) -> None:
    made = safe_engine(postgres_database())
    create_all(made)
    change(
        made,
        "ALTER TABLE order_history ALTER recorded_at TYPE timestamp",
        "ALTER TABLE order_history ALTER reason_text SET NOT NULL",
    )
    assert drift(made) == {
        "order_history.recorded_at": "column-type",
        "order_history.reason_text": "column-not-null",
    }
    made.dispose()


def test_on_postgresql_an_index_that_was_left_invalid_keeps_nothing_unique(
    postgres_database: Callable[[], str],
) -> None:
    made = safe_engine(postgres_database())
    create_all(made)
    change(made, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'order_history_key'::regclass")
    finding, _ = check(made, STORE)
    assert finding.code == "missing-unique-index"
    assert "is there but invalid" in finding.message
    made.dispose()


def test_on_postgresql_a_lost_primary_key_is_named(postgres_database: Callable[[], str]) -> None:
    made = safe_engine(postgres_database())
    create_all(made)
    change(made, "ALTER TABLE order_history DROP CONSTRAINT order_history_pkey")
    assert drift(made) == {"order_history.primary-key": "missing-primary-key"}
    made.dispose()


def test_an_empty_database_lacks_every_table(postgres_database: Callable[[], str]) -> None:
    made = safe_engine(postgres_database())
    found = drift(made)
    assert set(found.values()) == {"missing-table"}
    assert {"orders", "order_history"} <= set(found)
    made.dispose()


# --- the triggers -----------------------------------------------------------------


def test_tables_without_our_triggers_are_warned_of(engine: Engine) -> None:
    change(engine)
    (finding,) = check(engine, STORE, durability="relaxed")
    assert (finding.code, finding.severity) == ("not-enforced", "warning")


def test_a_trigger_that_is_missing_is_named(engine: Engine) -> None:
    name = "orderfsm_order_history_keep"
    of = " ON order_history" if engine.dialect.name == "postgresql" else ""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {name}{of}")
    (finding,) = check(engine, STORE, durability="relaxed")
    assert finding.code == "missing-trigger"
    assert name in finding.message


def test_triggers_of_another_version_are_found(engine: Engine) -> None:
    """A body that differs by a word, as that of an older version does."""
    kind, made = engine.dialect.name, enforcement.ddl(Order, OrderHistory, engine.dialect.name)
    what = "orderfsm_order_history_keep BEFORE UPDATE" if kind == "sqlite" else "order_history_enter() RETURNS"
    (ours,) = [statement for statement in made if what in statement]
    with engine.begin() as connection:
        if kind == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER orderfsm_order_history_keep")
        connection.execute(DDL(ours.replace("orderfsm: ", "orderfsm, earlier: ").replace("%", "%%")))
    (finding,) = check(engine, STORE, durability="relaxed")
    assert finding.code == "stale-trigger"
    assert "orderfsm_order_history_" in finding.message


def test_on_postgresql_triggers_that_are_switched_off_are_found(postgres_database: Callable[[], str]) -> None:
    url = postgres_database()
    made = safe_engine(url)
    create_all(made)
    off = secure(create_engine(url, connect_args={"options": "-c session_replication_role=replica"}))
    assert codes(off, STORE) == {"session_replication_role": "triggers-off"}
    off.dispose()
    with made.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE order_history DISABLE TRIGGER USER")
    assert codes(made, STORE) == {"order_history": "missing-trigger"}
    made.dispose()


def test_on_postgresql_a_chart_that_the_role_may_not_register_is_found(postgres_database: Callable[[], str]) -> None:
    url = postgres_database()
    made = safe_engine(url)
    create_all(made)
    orders = lifecycle(READY_MADE)
    role = f"clerk_{make_url(url).database}"
    with made.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}")
        connection.exec_driver_sql(f"REVOKE INSERT ON orderfsm_edges FROM {role}")
    clerk = safe_engine(make_url(url).set(username=role))
    assert codes(clerk, orders) == {"test/press": "chart-not-registered"}
    with made.begin() as connection:
        enforcement.register(connection, orders.chart)
    assert codes(clerk, orders) == {}
    clerk.dispose()
    with made.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")
    made.dispose()


# --- the chart --------------------------------------------------------------------


class Bare(Stateful, table=True):
    """An order without companions."""

    __tablename__ = "test_bare"

    id: int | None = Field(default=None, primary_key=True)


class BareHistory(HistoryEntry, table=True):
    __tablename__ = "test_bare_history"

    order_id: int = Field(foreign_key="test_bare.id")


BUSY = Chart(
    "test/busy",
    (State("waiting", after=(Timer("PT1H", "expire"),)), State("gone")),
    (Transition("waiting", ("expire",), ("gone",), effects=(Effect("emit", "mail"),)),),
    initial=("waiting",),
)


def test_effects_with_nowhere_to_go_are_warned_of(tmp_path: Path) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/bare.db")
    Bare.metadata.create_all(made, tables=[Bare.__table__, BareHistory.__table__])  # type: ignore[attr-defined]
    bare = Lifecycle(BUSY, SqlStore(Bare, BareHistory))
    found = check(made, bare)
    assert {(finding.code, finding.severity) for finding in found} == {
        ("not-enforced", "warning"),
        ("no-outbox", "warning"),
        ("no-timers", "warning"),
    }
    verify(made, bare)  # a warning keeps nobody from starting
    made.dispose()


def test_orders_in_configurations_that_the_chart_lacks_are_found(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        orders.open(session, Order())
        session.commit()
    assert codes(engine, orders, durability="relaxed") == {}
    other = lifecycle(READY_MADE, BUSY)
    (finding,) = check(engine, other, durability="relaxed")
    assert (finding.code, finding.path) == ("unknown-configuration", "orders")
    assert "test/busy" in finding.message
    assert "received" in finding.message
    with pytest.raises(NotReady, match="received"):
        verify(engine, other, durability="relaxed")


# --- asyncio, the command, the page -----------------------------------------------


def test_asynchronous_engines_are_checked_alike(tmp_path: Path) -> None:
    async def both() -> None:
        made = async_engine(f"sqlite+aiosqlite:///{tmp_path}/orders.db")
        async with made.begin() as connection:
            await connection.run_sync(lambda c: Order.metadata.create_all(c, tables=[Order.__table__]))  # type: ignore[attr-defined]
        found = await acheck(made, STORE)
        assert {finding.path for finding in found} >= {"order_history"}
        assert "orders" not in {finding.path for finding in found}
        with pytest.raises(NotReady):
            await averify(made, STORE)
        await made.dispose()

    asyncio.run(both())


def test_a_database_that_is_not_there_is_the_drivers_error(tmp_path: Path) -> None:
    made = secure(create_engine(f"sqlite:///{tmp_path}/no/such/folder.db"))
    with pytest.raises(OperationalError):
        check(made)
    made.dispose()


def test_the_command_prints_the_findings_and_exits_with_1(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/orders.db"
    made = safe_engine(url)
    create_all(made)
    asked = ["ready", "--database", url, "--chart", "stat/order", "--chart", "adobe/order"]
    result = CliRunner().invoke(app, asked)
    assert (result.exit_code, result.stdout) == (0, "ready\n")
    change(made, "DROP INDEX order_history_key")
    made.dispose()
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 1
    assert "missing-unique-index" in result.stdout
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert told["ready"] is False
    assert "order_history.order_history_key" in [finding["path"] for finding in told["findings"]]


def test_the_command_says_where_it_cannot_look(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ready", "--database", f"sqlite:///{tmp_path}/none.db"])
    assert (result.exit_code, "there is no file" in result.stderr) == (2, True)


def test_the_page_tells_of_every_finding_and_of_no_other() -> None:
    source = Path(__file__).parent.parent / "src" / "orderfsm" / "readiness"
    said = {code for path in source.glob("*.py") for code in re.findall(r'remark\(\s*"([a-z-]+)"', path.read_text())}
    said |= {"missing-primary-key", "missing-unique-index"}
    said |= {"fsync", "full-page-writes", "synchronous-commit", "transaction-read-only"}
    told = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(said)
