"""Bases, ready-made tables, stores and engines."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import json
import re
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKeyConstraint, MetaData, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, select

import orderfsm.sqlmodel
from kept import KINDS, READY_MADE, Kept, database, lifecycle
from orderfsm.errors import ChartError, DirectAssignment, UnsafeSettings
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import (
    HistoryEntry,
    Order,
    OrderHistory,
    OrderHold,
    OrderOutbox,
    OrderTimer,
    SqlStore,
    Stateful,
    UtcDateTime,
    create_all,
    secure,
)
from orderfsm.sqlmodel import engine as safe_engine


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("orders")) as made:
        yield made


class Apart(SQLModel, registry=registry(metadata=MetaData())):
    """Tables of the tests in this module, out of everybody's way."""


class Ticket(Apart, Stateful, table=True):
    id: int | None = Field(default=None, primary_key=True)


# --- the bases


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_histories_are_unique_by_sequence_and_by_key_and_refer_to_their_orders(engine: Engine, kind: Kept) -> None:
    name = kind.history.__tablename__
    here = inspect(engine)
    own = list(kind.history.__order_key__)
    assert here.get_pk_constraint(name)["constrained_columns"] == [*own, "sequence"]
    assert [*own, "key"] in [found["column_names"] for found in here.get_indexes(name) if found["unique"]]
    (refers,) = here.get_foreign_keys(name)
    assert (refers["constrained_columns"], refers["referred_table"]) == (own, kind.order.__tablename__)


def test_the_first_entry_has_no_null_where_it_begins(engine: Engine) -> None:
    columns = {column["name"]: column["nullable"] for column in inspect(engine).get_columns("order_history")}
    assert [name for name, nullable in columns.items() if not nullable] == [
        *("order_id", "sequence", "event", "before", "after", "origin", "links", "occurred_at", "recorded_at"),
        *("chart", "chart_version", "chart_profile", "chart_hash"),
    ]


def test_rows_that_were_there_before_have_revision_nought(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO test_parcel (number, note) VALUES ('old', '')"))
        assert connection.execute(text("SELECT revision FROM test_parcel WHERE number = 'old'")).scalar_one() == 0


@pytest.mark.parametrize(
    ("column", "value"), [("configuration", "held"), ("code", "x"), ("revision", 3), ("chart", "x")]
)
def test_a_state_cannot_be_given_to_a_new_order(column: str, value: object) -> None:
    with pytest.raises(DirectAssignment, match=rf"Order.{column} = .*: the state is not assigned; send an event"):
        Order(**{column: value})
    with pytest.raises(DirectAssignment):
        Order.model_validate({column: value})
    assert getattr(Order(), column) in (None, 0)


def test_the_state_can_be_loaded_refreshed_merged_and_assigned_what_it_is(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = Order(reference="r")
        orders.open(session, order)
        session.commit()
        session.refresh(order)
        order.code = "received"
        session.expire(order)
        order.code = "received"
        session.expunge(order)
        merged = session.merge(order)
        assert session.exec(select(Order).where(Order.code == "received", Order.id == merged.id)).one() is merged
        session.expire(merged)
        with pytest.raises(DirectAssignment):
            merged.code = "accepted"


def test_a_stale_copy_cannot_be_merged_over_a_newer_state(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = Order()
        orders.open(session, order)
        session.commit()
        session.refresh(order)
        session.expunge(order)
        newer = session.get(Order, order.id)
        assert newer is not None
        orders.send(session, newer, "accept", actor="printer")
        with pytest.raises(DirectAssignment):
            session.merge(order)


# --- the ready-made tables


READY_MADE_TABLES = [
    *("order_history", "order_holds", "order_outbox", "order_timers"),
    *("orderfsm_charts", "orderfsm_edges", "orders"),
]


def test_create_all_creates_the_ready_made_tables_and_no_other(tmp_path: Path) -> None:
    made = create_engine(f"sqlite:///{tmp_path}/new.db")
    create_all(made)
    create_all(made)
    assert inspect(made).get_table_names() == READY_MADE_TABLES
    made.dispose()


def test_the_ready_made_tables_are_defined_only_when_they_are_asked_for() -> None:
    program = (
        "import orderfsm.sqlmodel as m, sqlmodel\n"
        "before = list(sqlmodel.SQLModel.metadata.tables)\n"
        "m.Order\n"
        "print(before, sorted(sqlmodel.SQLModel.metadata.tables))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"[] {READY_MADE_TABLES}"


def test_a_name_that_the_module_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Orders'"):
        _ = orderfsm.sqlmodel.Orders


def test_the_page_about_tables_names_every_column() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", page))
    tables = (model.__table__ for model in (Order, OrderHistory, OrderHold, OrderOutbox, OrderTimer))  # type: ignore[attr-defined]
    assert {column.name for table in tables for column in table.columns} <= named


# --- stores


def history(name: str, **fields: Any) -> type[HistoryEntry]:
    """A history class that is made for one test."""
    annotations = {key: kind for key, (kind, _) in fields.items()}
    values = {key: value for key, (_, value) in fields.items() if value is not ...}
    body = {"__annotations__": annotations, "__module__": __name__, "__tablename__": name, **values}
    return type(Apart)(name, (Apart, HistoryEntry), body, table=True)  # type: ignore[call-arg, return-value]


def test_a_history_without_a_foreign_key_to_its_orders_is_refused() -> None:
    loose = history("loose", order_id=(int, ...))
    with pytest.raises(
        ChartError, match=r"loose has no foreign key .* Ticket; declare order_id: … = Field\(.*'ticket.id'"
    ):
        SqlStore(Ticket, loose)


def test_a_history_of_other_orders_is_refused() -> None:
    other = history("other", order_id=(int, Field(foreign_key="ticket.id")))
    assert SqlStore(Ticket, other).history is other
    with pytest.raises(ChartError, match="has no foreign key to the primary key of Order"):
        SqlStore(Order, other)


def test_a_history_with_its_key_under_another_name_says_so() -> None:
    class Renamed(Apart, HistoryEntry, table=True):
        __order_key__ = ("ticket_id",)
        ticket_id: int = Field(foreign_key="ticket.id")

    assert SqlStore(Ticket, Renamed)
    unsaid = history("unsaid", id=(int, Field(primary_key=True)), ticket_id=(int, Field(foreign_key="ticket.id")))
    with pytest.raises(ChartError, match=r"no unique constraint on \(ticket_id, sequence\); name .* in __order_key__"):
        SqlStore(Ticket, unsaid)


def test_a_column_that_nobody_would_fill_is_refused() -> None:
    needy = history("needy", order_id=(int, Field(foreign_key="ticket.id")), branch=(str, ...))
    with pytest.raises(ChartError, match=r"needy.branch may not be NULL and has no default"):
        SqlStore(Ticket, needy)


def test_table_arguments_of_the_service_are_kept() -> None:
    class Noted(Apart, HistoryEntry, table=True):
        __table_args__ = {"info": {"kept": True}}
        order_id: int = Field(foreign_key="ticket.id")

    class Tupled(Apart, HistoryEntry, table=True):
        __table_args__ = (ForeignKeyConstraint(["order_id"], ["ticket.id"]), {"info": {"kept": True}})
        order_id: int

    for model in (Noted, Tupled):
        assert model.__table__.info == {"kept": True}  # type: ignore[attr-defined]
        assert SqlStore(Ticket, model)


def test_the_database_itself_refuses_a_second_entry_of_a_sequence_or_a_key(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = Order()
        orders.open(session, order, key="k")
        session.commit()
        (row,) = session.exec(select(OrderHistory).where(OrderHistory.order_id == order.id)).all()
        values = row.model_dump()
    for change in ({}, {"sequence": 2}):
        with Session(engine) as session:
            session.add(OrderHistory(**{**values, **change}))
            with pytest.raises(IntegrityError):
                session.flush()


def test_a_row_of_the_history_is_an_entry_for_replay(engine: Engine) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = Order()
        orders.open(session, order)
        orders.send(session, order, "accept", actor="printer")
        rows = session.exec(select(OrderHistory).where(OrderHistory.order_id == order.id)).all()
        assert orderfsm.replay(orders.chart, rows).configuration == "accepted"


# --- moments


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),  # noqa: UP017
        datetime(2026, 6, 30, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-11, minutes=-30))),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, tzinfo=UTC),
    ],
)
def test_a_moment_comes_back_as_the_same_moment_in_utc(engine: Engine, moment: datetime) -> None:
    with engine.begin() as connection:
        kind = "TIMESTAMP WITH TIME ZONE" if engine.dialect.name == "postgresql" else "DATETIME"
        connection.execute(text(f"CREATE TEMPORARY TABLE moment (at {kind})"))
        statement = text("INSERT INTO moment VALUES (:at)").bindparams(_parameter(moment))
        connection.execute(statement)
        found = connection.execute(text("SELECT at FROM moment").columns(at=UtcDateTime())).scalar_one()
        connection.execute(text("DROP TABLE moment"))
    assert (found, found.tzinfo) == (moment, UTC)


def _parameter(moment: datetime | None) -> Any:
    from sqlalchemy import bindparam

    return bindparam("at", moment, type_=UtcDateTime())


def test_a_naive_moment_is_refused(engine: Engine) -> None:
    with (
        engine.connect() as connection,
        pytest.raises(StatementError, match="has no time zone; give an aware datetime"),
    ):
        connection.execute(text("SELECT :at").bindparams(_parameter(datetime(2026, 1, 1))))


def test_no_moment_is_no_moment(engine: Engine) -> None:
    with engine.connect() as connection:
        statement = text("SELECT CAST(:at AS VARCHAR) AS at").bindparams(_parameter(None))
        assert connection.execute(statement.columns(at=UtcDateTime())).scalar_one() is None


# --- engines


def test_an_engine_on_sqlite_is_durable_by_default(tmp_path: Path) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/safe.db")
    asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with made.connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in asked]
    made.dispose()
    assert found == ["wal", 2, 1, 10_000]


def test_an_engine_may_be_relaxed_about_the_newest_transactions(tmp_path: Path) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/safe.db", durability="relaxed")
    with made.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1
    made.dispose()


def test_an_engine_in_memory_works_too() -> None:
    made = safe_engine("sqlite://")
    create_all(made)
    with Session(made) as session:
        order = Order()
        assert lifecycle(READY_MADE).open(session, order).sequence == 1
        session.commit()
    made.dispose()


def test_a_transaction_takes_the_write_lock_at_once_unless_a_reader_says_otherwise(tmp_path: Path) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/safe.db")
    reader = made.execution_options(sqlite_begin="DEFERRED")
    impatient = create_engine(f"sqlite:///{tmp_path}/safe.db", connect_args={"timeout": 0})
    create_all(made)
    with reader.connect() as connection:
        connection.execute(text("SELECT count(*) FROM orders"))
        with impatient.begin() as writer:
            writer.execute(text("INSERT INTO orders (data) VALUES ('{}')"))
    with made.connect() as connection:
        connection.execute(text("SELECT count(*) FROM orders"))
        with pytest.raises(OperationalError, match="locked"), impatient.begin() as writer:
            writer.execute(text("INSERT INTO orders (data) VALUES ('{}')"))
    impatient.dispose()
    made.dispose()


def test_what_goes_to_the_driver_directly_is_seen_by_whoever_looks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = safe_engine(f"sqlite:///{tmp_path}/seen.db")
    create_all(made)
    failures: list[object] = []
    with Session(made) as session, caplog.at_level("INFO", "sqlalchemy.engine"):
        made.echo = True
        lifecycle(READY_MADE).open(session, Order())
        made.echo = False
        session.rollback()
        assert "BEGIN IMMEDIATE" in caplog.text
        assert "INSERT INTO order_history" in caplog.text
    event.listen(made, "handle_error", failures.append)
    with Session(made) as session:
        session.connection().exec_driver_sql("DROP TABLE order_history")
        with pytest.raises(OperationalError):
            lifecycle(READY_MADE).open(session, Order())
    made.dispose()
    assert len(failures) == 1


def test_read_then_write_loses_no_update_on_a_secured_engine_and_does_on_a_plain_one(tmp_path: Path) -> None:
    def lost(engine: Engine) -> int:
        """How many of two interleaved read-then-write transactions went missing."""
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE counter (n int)"))
            connection.execute(text("INSERT INTO counter VALUES (0)"))
        acknowledged = 0
        with engine.connect() as one, engine.connect() as two:
            for step in (
                lambda: one.execute(text("SELECT n FROM counter")),
                lambda: two.execute(text("SELECT n FROM counter")),
            ):
                try:
                    step()
                except OperationalError:
                    continue
            for connection in (one, two):
                if connection.in_transaction():
                    connection.execute(text("UPDATE counter SET n = 1"))
                    connection.commit()
                    acknowledged += 1
        with engine.connect() as connection:
            return acknowledged - int(connection.execute(text("SELECT n FROM counter")).scalar_one())

    url = f"sqlite:///{tmp_path}/{{}}.db"
    plain = create_engine(url.format("plain"))
    secured = secure(create_engine(url.format("secured"), connect_args={"timeout": 0}))
    event.listen(secured, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))
    assert lost(plain) == 1
    assert lost(secured) == 0
    plain.dispose()
    secured.dispose()


@pytest.mark.parametrize(
    ("pragma", "said"),
    [
        ("synchronous", "synchronous is 1 after it was set to 2"),
        ("foreign_keys", "foreign_keys is 0 after it was set to 1"),
    ],
)
def test_a_setting_of_sqlite_that_does_not_take_effect_is_refused(tmp_path: Path, pragma: str, said: str) -> None:
    def forbid(connection: sqlite3.Connection, _: object) -> None:
        """Let SQLite itself ignore the setting, as an authorizer may."""
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.set_authorizer(
            lambda action, name, value, *_: (
                sqlite3.SQLITE_IGNORE if (action, name) == (19, pragma) and value else sqlite3.SQLITE_OK
            )
        )

    made = create_engine(f"sqlite:///{tmp_path}/unsafe.db")
    event.listen(made, "connect", forbid)
    with pytest.raises(UnsafeSettings, match=said):
        secure(made).connect()
    made.dispose()


def test_a_database_that_cannot_have_a_write_ahead_log_is_refused() -> None:
    temporary = create_engine("sqlite://", creator=lambda: sqlite3.connect(""))
    with pytest.raises(UnsafeSettings, match="journal_mode is 'delete' after it was set to 'wal'"):
        secure(temporary).connect()
    temporary.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_written_by_itself_is_there(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/a.db" if kind == "sqlite" else request.getfixturevalue("server")
    made = safe_engine(url)
    with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE TABLE notes (n int)"))
        connection.execute(text("INSERT INTO notes VALUES (1)"))
    with made.begin() as connection:
        connection.execute(text("INSERT INTO notes VALUES (2)"))
        connection.rollback()
    with made.connect() as connection:
        assert connection.execute(text("SELECT n FROM notes")).scalars().all() == [1]
    made.dispose()


def test_an_engine_that_commits_each_statement_is_refused() -> None:
    for careless in (
        create_engine("sqlite://", isolation_level="AUTOCOMMIT"),
        create_engine("sqlite://", execution_options={"isolation_level": "AUTOCOMMIT"}),
    ):
        with pytest.raises(UnsafeSettings, match="a state without its history: leave isolation_level out"):
            secure(careless)
        careless.dispose()


@pytest.fixture
def server(postgres_database: Callable[[], str]) -> str:
    return postgres_database()


def test_postgresql_is_asked_for_its_settings(server: str) -> None:
    made = safe_engine(server)
    with made.connect() as connection:
        assert not connection.connection.dbapi_connection.info.transaction_status  # type: ignore[union-attr]
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
        parameters = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
    made.dispose()
    assert (parameters["keepalives_idle"], parameters["tcp_user_timeout"]) == ("5", "10000")


def test_commits_that_do_not_wait_for_the_disk_are_refused_unless_that_is_accepted(server: str) -> None:
    careless = create_engine(server, connect_args={"options": "-c synchronous_commit=off"})
    relaxed = create_engine(server, connect_args={"options": "-c synchronous_commit=off"})
    with pytest.raises(UnsafeSettings, match="synchronous_commit is off: a crash loses acknowledged commits"):
        secure(careless).connect()
    with secure(relaxed, durability="relaxed").connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "off"
    careless.dispose()
    relaxed.dispose()


def test_a_database_that_is_not_utf8_is_refused(postgres_url: str) -> None:
    name = f"ascii_{uuid.uuid4().hex[:8]}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"))
    made = safe_engine(admin.url.set(database=name))
    with pytest.raises(UnsafeSettings, match="server_encoding is SQL_ASCII; create the database with ENCODING 'UTF8'"):
        made.connect()
    made.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


def test_other_databases_are_left_alone() -> None:
    unknown = create_engine("sqlite://")
    unknown.dialect.name = "elsewhere"
    assert secure(unknown) is unknown
    with unknown.connect() as connection:
        assert connection.connection.dbapi_connection.isolation_level == ""  # type: ignore[union-attr]
    unknown.dispose()


class Unmade(Apart, Stateful, table=True):
    id: int | None = Field(default=None, primary_key=True)


class UnmadeHistory(Apart, HistoryEntry, table=True):
    order_id: int = Field(foreign_key="unmade.id")


def test_tables_that_nobody_has_made_are_told_with_what_makes_them(engine: Engine) -> None:
    orders = Lifecycle(orderfsm.load("stat/order"), SqlStore(Unmade, UnmadeHistory))
    with Session(engine) as session, pytest.raises(DBAPIError, match="unmade") as raised:
        orders.open(session, Unmade(), actor="customer")
    assert "create_all(engine)" in raised.value.__notes__[-1]


def test_statements_are_prepared_once_for_all_stores_of_two_tables(engine: Engine, tmp_path: Path) -> None:
    def prepared(engine: Engine) -> dict[Any, Any]:
        """What is there after a life in a store of its own."""
        orders = lifecycle(READY_MADE)
        with Session(engine) as session:
            order = READY_MADE.new()
            orders.open(session, order)
            orders.send(session, order, "accept", actor="printer")
            assert len(orders.status(session, order)["history"]) == 2
        return dict(orders.store.pairing.prepared)

    first = prepared(engine)
    assert first
    assert prepared(engine) == first
    other = secure(create_engine(f"sqlite:///{tmp_path}/other.db", json_serializer=lambda value: json.dumps(value)))
    SQLModel.metadata.create_all(other, tables=READY_MADE.tables)
    assert len(prepared(other)) > len(first), "another way to write JSON has statements of its own"
    other.dispose()
