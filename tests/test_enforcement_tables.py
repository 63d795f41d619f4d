"""Enforcement on a service's own tables: attached, installed, removed, suspended, verified; on any names and keys."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, MetaData, UniqueConstraint, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateSchema
from sqlmodel import Field, Session

import orderfsm
from kept import KINDS, Kept, unguarded
from orderfsm import enforcement
from orderfsm.errors import UnsoundHistory
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import HistoryEntry, Order, OrderHistory, SqlStore, Stateful, create_all, engine
from orderfsm.table import compile
from raw_sql import fields

CHART = orderfsm.load("stat/order", profile="full")
LONG = "a_history_with_a_name_so_long_that_an_index_just_has_a_name"
OTHER = MetaData()


class Odd(Stateful, table=True):
    """Names that have to be quoted, and a key under another name."""

    metadata = OTHER
    __tablename__ = 'Odd "orders": 100%'

    number: int = Field(primary_key=True, sa_column_kwargs={"name": 'the "Key"'})


class OddHistory(HistoryEntry, table=True):
    metadata = OTHER
    __tablename__ = "odd history {n} NEW.x $orderfsm$ $do$"
    __order_key__ = ("select",)

    select: int = Field(foreign_key='Odd "orders": 100%.the "Key"')


class Lengthy(Stateful, table=True):
    metadata = OTHER
    __tablename__ = "lengthy"

    id: int = Field(primary_key=True)


class LengthyHistory(HistoryEntry, table=True):
    metadata = OTHER
    __tablename__ = LONG
    __table_args__ = (UniqueConstraint("ticket", name="one_ticket"),)

    order_id: int = Field(foreign_key="lengthy.id")
    ticket: str | None = None


class Job(Stateful, table=True):
    metadata = OTHER
    __tablename__ = "job"

    id: int | None = Field(default=None, primary_key=True)


class JobHistory(HistoryEntry, table=True):
    metadata = OTHER
    __tablename__ = "job_history"

    order_id: int = Field(foreign_key="job.id")


enforcement.attach(Job, JobHistory)


class Sale(Stateful, table=True):
    metadata = OTHER
    __tablename__ = "sale"
    __table_args__ = {"schema": "sales"}  # noqa: RUF012

    id: int | None = Field(default=None, primary_key=True)


class SaleHistory(HistoryEntry, table=True):
    metadata = OTHER
    __tablename__ = "sale_history"
    __table_args__ = {"schema": "sales"}  # noqa: RUF012

    order_id: int = Field(foreign_key="sales.sale.id")


ODDLY = "100% %s 'sales' :x"


class Fair(Stateful, table=True):
    metadata = OTHER
    __tablename__ = "fair"
    __table_args__ = {"schema": ODDLY}  # noqa: RUF012

    id: int | None = Field(default=None, primary_key=True)


class FairHistory(HistoryEntry, table=True):
    metadata = OTHER
    __tablename__ = "fair_history"
    __table_args__ = {"schema": ODDLY}  # noqa: RUF012

    order_id: int = Field(foreign_key=f"{ODDLY}.fair.id")


NUMBERS = iter(range(10_000))
OWN = (
    Kept("quoted", Odd, OddHistory, lambda: Odd(number=next(NUMBERS))),
    Kept("long", Lengthy, LengthyHistory, lambda: Lengthy(id=next(NUMBERS))),
)
ALL = {kind.name: kind for kind in (*KINDS, *OWN)}


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Callable[[], str]) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/own.db" if request.param == "sqlite" else postgres_database()
    made = engine(url, durability="relaxed") if request.param == "sqlite" else engine(url)
    yield made
    made.dispose()


def created(connection: Connection, kind: Kept) -> None:
    """The tables of a kind, enforced."""
    tables = [kind.order.__table__, kind.history.__table__]
    kind.order.metadata.create_all(connection, tables=tables)
    enforcement.install(connection, kind.order, kind.history)


def opened(at: Engine, kind: Kept) -> Any:
    """An order that was opened and accepted by a lifecycle; its key."""
    orders = Lifecycle(CHART, SqlStore(kind.order, kind.history))
    with Session(at) as session:
        order = kind.new()
        orders.open(session, order, actor="customer")
        orders.send(session, order, "accept", actor="provider")
        session.commit()
        return orders.store.key(order)


def entry(kind: Kept, key: Any, sequence: int, step: tuple[str, str, str], **more: Any) -> Any:
    """A statement that inserts an entry past the library."""
    parts = key if isinstance(key, tuple) else (key,)
    names = kind.history.__order_key__
    values = fields(compile(CHART), *step, **more)
    table = kind.history.__table__
    row = dict(zip(names, parts, strict=True)) | {"sequence": sequence} | values
    return table.insert().values(**{n: v for n, v in row.items() if not n.endswith("_at") and n != "links"}, **TIMES)


TIMES = {"links": [], "occurred_at": datetime(2026, 1, 1, tzinfo=UTC), "recorded_at": datetime(2026, 1, 1, tzinfo=UTC)}
GOOD, BAD = ("accepted", "complete", "completed"), ("accepted", "complete", "received")


@pytest.mark.parametrize("name", ALL)
def test_tables_of_any_names_and_keys_are_enforced_until_that_is_taken_back(at: Engine, name: str) -> None:
    kind = ALL[name]
    both = kind.order, kind.history
    with at.begin() as connection:
        created(connection, kind)
        assert enforcement.enforced(connection, *both) == ()
    key = opened(at, kind)
    with at.begin() as connection:
        statements = [
            entry(kind, key, 3, BAD),
            entry(kind, key, 4, GOOD),
            kind.history.__table__.update().values(actor_id="me"),
            kind.history.__table__.delete(),
            kind.order.__table__.update().values(code="completed"),
            kind.order.__table__.delete(),
        ]
        for statement in statements:
            with pytest.raises(IntegrityError, match="orderfsm: "), connection.begin_nested():
                connection.execute(statement)
        with connection.begin_nested() as undone:
            connection.execute(entry(kind, key, 3, GOOD))
            found = kind.order.__table__.c
            assert connection.execute(found.configuration.table.select()).one().revision == 3
            assert enforcement.verify(connection, *both) == ()
            undone.rollback()
        enforcement.install(connection, *both)
        enforcement.remove(connection, *both)
        assert len(enforcement.enforced(connection, *both)) >= 7
        for statement in statements[:3]:
            connection.execute(statement)
        findings = enforcement.verify(connection, *both)
        assert {finding.code for finding in findings} == {"history-illegal", "history-gap", "history-astray"}
        assert len(enforcement.verify(connection, *both, most=1)) == 1


def test_verify_names_the_rows(at: Engine) -> None:
    create_all(at)
    key = opened(at, ALL["ready-made"])
    kind = ALL["ready-made"]
    with at.begin() as connection, unguarded(connection, kind):
        assert enforcement.verify(connection, Order, OrderHistory) == ()
        connection.execute(text("UPDATE order_history SET \"after\" = 'completed' WHERE sequence = 2"))
        found = enforcement.verify(connection, Order, OrderHistory)
        said = {(finding.code, finding.path, finding.message) for finding in found}
        assert said == {
            (
                "history-illegal",
                f"orders[{key}].entries[2]",
                "entry 2: received --accept--> completed is no step of the chart that it names",
            ),
            (
                "history-astray",
                f"orders[{key}]",
                "the order is accepted at revision 2, and its history ends elsewhere",
            ),
        }
        connection.execute(text("UPDATE order_history SET \"after\" = 'accepted' WHERE sequence = 2"))
        with connection.begin_nested() as undone:
            connection.execute(text("UPDATE order_history SET chart_hash = 'x' WHERE sequence = 2"))
            (finding,) = enforcement.verify(connection, Order, OrderHistory)
            assert finding.code == "history-illegal"
            assert finding.message.endswith(
                "names a chart that the database does not know; register it (orderfsm.enforcement.register)"
            )
            undone.rollback()
        for change in ("code = 'x'", "category = NULL", "chart = 'x'", "revision = 1", "configuration = NULL"):
            with connection.begin_nested() as undone:
                connection.execute(text(f"UPDATE orders SET {change}"))
                codes = [finding.code for finding in enforcement.verify(connection, Order, OrderHistory)]
                assert codes == ["history-astray"], change
                undone.rollback()
        connection.execute(text("INSERT INTO orders (data, revision, code) VALUES ('{}', 0, 'x')"))
        (finding,) = enforcement.verify(connection, Order, OrderHistory)
        assert finding.code == "history-astray"
        connection.execute(text("DELETE FROM orders WHERE code = 'x'"))


def test_an_import_without_enforcement_is_verified_at_its_end(at: Engine) -> None:
    create_all(at)
    kind = ALL["ready-made"]
    key = opened(at, kind)
    with at.begin() as connection:
        with enforcement.suspended(connection, Order, OrderHistory):
            connection.execute(entry(kind, key, 3, GOOD))
            state = "configuration = 'completed', code = 'completed', category = 'done', revision = 3"
            connection.execute(text(f"UPDATE orders SET {state}"))
        assert enforcement.enforced(connection, Order, OrderHistory) == ()
    with at.begin() as connection:
        with (
            pytest.raises(UnsoundHistory, match="ends elsewhere") as raised,
            enforcement.suspended(connection, Order, OrderHistory),
        ):
            connection.execute(text("UPDATE orders SET code = 'received'"))
        assert [finding.code for finding in raised.value.findings] == ["history-astray"]
        with pytest.raises(DBAPIError), enforcement.suspended(connection, Order, OrderHistory):
            connection.execute(text("UPDATE orders SET code = 'received', revision = NULL"))
    with at.begin() as connection:  # what the block wrote is gone, and the triggers are there, although this committed
        assert enforcement.enforced(connection, Order, OrderHistory) == ()
        assert enforcement.verify(connection, Order, OrderHistory) == ()


def test_ddl_that_is_run_by_hand_does_the_same(at: Engine) -> None:
    kind = ALL["composite"]
    both = kind.order, kind.history
    with at.begin() as connection:
        kind.order.metadata.create_all(connection, tables=[table.__table__ for table in both])
        for _ in range(2):
            for statement in enforcement.ddl(*both, at.dialect.name):
                connection.exec_driver_sql(
                    statement.replace("%", "%%") if at.dialect.name == "postgresql" else statement
                )
        assert enforcement.enforced(connection, *both) == ()
    key = opened(at, kind)
    with pytest.raises(IntegrityError, match="no step of the chart"), at.begin() as connection:
        connection.execute(entry(kind, key, 3, BAD))


def test_ddl_for_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="on sqlite and postgresql, not on mysql"):
        enforcement.ddl(Order, OrderHistory, "mysql")


def test_attached_tables_are_enforced_when_they_are_created_and_leave_nothing_behind(at: Engine) -> None:
    kind = Kept("job", Job, JobHistory, Job)
    names = ("job", "job_history", "orderfsm_charts", "orderfsm_edges")
    tables = [OTHER.tables[name] for name in names]
    OTHER.create_all(at, tables=tables)
    with at.begin() as connection:
        assert enforcement.enforced(connection, Job, JobHistory) == ()
    assert opened(at, kind) == 1
    OTHER.drop_all(at, tables=tables)
    assert inspect(at).get_table_names() == []
    with at.connect() as connection:
        left = "SELECT proname FROM pg_proc WHERE proname LIKE 'orderfsm%'"
        left = left if at.dialect.name == "postgresql" else "SELECT name FROM sqlite_master WHERE name LIKE 'orderfsm%'"
        assert connection.execute(text(left)).all() == []


def test_an_older_database_is_enforced_by_create_all(at: Engine) -> None:
    create_all(at)
    with at.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)
    key = opened(at, ALL["ready-made"])
    create_all(at)
    create_all(at)
    with pytest.raises(IntegrityError, match="no step of the chart"), at.begin() as connection:
        connection.execute(entry(ALL["ready-made"], key, 3, BAD))


def test_on_postgresql_triggers_of_the_same_names_elsewhere_do_not_count(postgres_database: Callable[[], str]) -> None:
    at = engine(postgres_database())
    create_all(at)
    with at.begin() as connection:
        connection.execute(text("CREATE SCHEMA other"))
        connection.execute(text("SET LOCAL search_path TO other"))
        connection.execute(text("CREATE TABLE orders (LIKE public.orders INCLUDING ALL)"))
        connection.execute(text("CREATE TABLE order_history (LIKE public.order_history INCLUDING ALL)"))
        assert len(enforcement.enforced(connection, Order, OrderHistory)) == 7
    at.dispose()


def test_on_postgresql_it_does_not_matter_who_searches_where(postgres_database: Callable[[], str]) -> None:
    url = postgres_database()
    at = engine(url)
    create_all(at)
    key = opened(at, ALL["ready-made"])
    with at.begin() as connection:
        connection.execute(text("CREATE SCHEMA other"))
        for name in ("orderfsm_charts", "orderfsm_edges"):
            connection.execute(text(f"CREATE TABLE other.{name} AS SELECT * FROM {name}"))
        connection.execute(
            text("UPDATE other.orderfsm_edges SET \"after\" = 'received', code = 'received', category = 'open'")
        )
        connection.execute(text("SET LOCAL search_path TO other, public"))
        with pytest.raises(IntegrityError, match="no step of the chart"), connection.begin_nested():
            connection.execute(entry(ALL["ready-made"], key, 3, BAD))
        connection.execute(text("SET LOCAL search_path TO other"))
        copied = "SELECT (jsonb_populate_record(h, :more)).* FROM public.order_history h WHERE sequence = 2"
        more = {"sequence": 3} | fields(compile(CHART), *GOOD, links=[])
        connection.execute(text(f"INSERT INTO public.order_history {copied}"), {"more": json.dumps(more)})
        assert connection.execute(text("SELECT code FROM public.orders")).scalar() == "completed"
    at.dispose()


@pytest.mark.parametrize(("order", "history", "schema"), [(Sale, SaleHistory, "sales"), (Fair, FairHistory, ODDLY)])
def test_tables_in_a_schema_are_enforced_with_their_own_charts(
    postgres_database: Callable[[], str], order: Any, history: Any, schema: str
) -> None:
    at = engine(postgres_database())
    kind = Kept("sale", order, history, order)
    tables = [order.__table__, history.__table__]
    with at.begin() as connection:
        connection.execute(CreateSchema(schema))
        OTHER.create_all(connection, tables=tables)
        enforcement.install(connection, order, history)
        assert enforcement.enforced(connection, order, history) == ()
    key = opened(at, kind)
    with at.begin() as connection:
        assert [row["name"] for row in enforcement.registered(connection, schema=schema)] == ["stat/order"]
        with pytest.raises(IntegrityError, match="no step of the chart"), connection.begin_nested():
            connection.execute(entry(kind, key, 3, BAD))
        connection.execute(entry(kind, key, 3, GOOD))
        assert enforcement.verify(connection, order, history) == ()
        enforcement.remove(connection, order, history)
        names = text("SELECT proname FROM pg_proc WHERE proname LIKE 'orderfsm%'")
        assert connection.execute(names).scalars().all() == ["orderfsm_charts_keep"]
    at.dispose()


def test_on_sqlite_replacing_by_a_unique_column_of_the_services_own_is_refused(tmp_path: Path) -> None:
    at = engine(f"sqlite:///{tmp_path}/own.db", durability="relaxed")
    kind = ALL["long"]
    with at.begin() as connection:
        created(connection, kind)
    one, two = opened(at, kind), opened(at, kind)
    with at.begin() as connection:
        connection.execute(entry(kind, one, 3, GOOD, ticket="T"))
        with pytest.raises(IntegrityError, match="orderfsm: another entry has the same ticket"):
            connection.execute(entry(kind, two, 3, GOOD, ticket="T").prefix_with("OR REPLACE"))
        assert connection.execute(kind.history.__table__.select()).all()[2].ticket == "T"
    at.dispose()


def test_an_order_that_vanished_past_the_triggers_is_found(at: Engine) -> None:
    create_all(at)
    opened(at, ALL["ready-made"])
    with at.begin() as connection, unguarded(connection, ALL["ready-made"]):
        if at.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE order_history DROP CONSTRAINT order_history_order_id_fkey"))
        else:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        connection.execute(text("UPDATE orders SET id = 77"))
        found = enforcement.verify(connection, Order, OrderHistory)
        assert [finding.code for finding in found] == ["history-orphan", "history-orphan", "history-astray"]
        connection.execute(text("UPDATE orders SET id = 1"))
