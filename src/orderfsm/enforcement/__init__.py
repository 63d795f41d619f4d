"""The database refuses what the chart does not allow: triggers over a history and its orders, fed by a chart's edges.

With it, not even raw SQL stores an illegal history: an entry has to start where the last one ended and to be a step of
the chart that it names, with a reason that the step allows; entries are only added; an order moves when an entry is
inserted, and not otherwise. What the database cannot know stays with the library: guards, and who is asking.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orderfsm.errors import UnsoundHistory
from orderfsm.extras import brought_by
from orderfsm.table import compile

with brought_by("sqlmodel"):
    from sqlalchemy import DDL, event, func, select
    from sqlalchemy.dialects import registry

    from orderfsm.pairing import pairing

    from . import postgresql, verification
    from .edges import CHARTS, EDGES, hash_of, tables
    from .names import Names, names_of
    from .presence import FAMILIES, family, missing
    from .registration import LOCK, Registrar, refused, registered
    from .registration import register as _register
    from .sqlite import OVERTAKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from orderfsm.chart import Chart
    from orderfsm.finding import Finding
    from orderfsm.sqlmodel.bases import HistoryEntry, Stateful

__all__ = [
    "CHARTS",
    "EDGES",
    "OVERTAKEN",
    "Registrar",
    "attach",
    "ddl",
    "enforced",
    "hash_of",
    "install",
    "refused",
    "register",
    "registered",
    "remove",
    "suspended",
    "verify",
]


def attach(order: type[Stateful], history: type[HistoryEntry]) -> None:
    """Enforce wherever the tables of these classes are created: by `metadata.create_all`, on SQLite and PostgreSQL.

    The tables of charts and edges join the metadata of the history. Raises ChartError when the classes do not fit.
    """
    paired = pairing(order, history)
    charts, edges = tables(paired.history.metadata, paired.history.schema)
    paired.history.add_is_dependent_on(edges)

    def created(_: Any, connection: Connection, **__: Any) -> None:
        if connection.dialect.name in FAMILIES:
            _run(connection, FAMILIES[connection.dialect.name].create(names_of(paired, connection.dialect)))

    def dropped(table: Any, connection: Connection, **__: Any) -> None:
        if connection.dialect.name == "postgresql":
            names = names_of(paired, connection.dialect)
            _run(
                connection,
                postgresql.drop_functions(names) if table is paired.orders else [postgresql.drop_keep(names)],
            )

    event.listen(paired.history, "after_create", created)
    event.listen(paired.orders, "after_drop", dropped)
    event.listen(charts, "after_drop", dropped)


def install(connection: Connection, order: type[Stateful], history: type[HistoryEntry]) -> None:
    """Enforce on tables that exist; repeated, the triggers are renewed. Nothing is committed.

    What lies in them already is not looked at: `verify` does that. On PostgreSQL the tables are locked against writers
    until the transaction ends.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    _run(connection, family(connection.dialect).create(_names(connection, order, history)))


def remove(connection: Connection, order: type[Stateful], history: type[HistoryEntry]) -> None:
    """Enforce no longer. The tables of charts and edges stay. Nothing is committed."""
    _run(connection, family(connection.dialect).drop(_names(connection, order, history)))


def ddl(order: type[Stateful], history: type[HistoryEntry], dialect: str) -> tuple[str, ...]:
    """The statements of `install` for `sqlite` or `postgresql`, for migrations that are written by hand."""
    made: Any = registry.load(dialect)() if dialect in FAMILIES else None
    return tuple(family(made or dialect).create(names_of(pairing(order, history), made)))


def register(connection: Connection, chart: Chart, *, schema: str | None = None) -> bool:
    """Make a chart known to the database; whether it was not known before. Nothing is committed.

    A Lifecycle does this by itself with its first entry; a migration may do it before, where services may not.
    """
    return _register(connection, compile(chart), schema=schema)


def enforced(connection: Connection, order: type[Stateful], history: type[HistoryEntry]) -> tuple[str, ...]:
    """The triggers of ours that a database lacks on two tables; () when all are there."""
    return missing(connection, _names(connection, order, history))


def verify(
    connection: Connection, order: type[Stateful], history: type[HistoryEntry], *, most: int = 100
) -> tuple[Finding, ...]:
    """What in the tables could not have been written under enforcement, at most so many findings; () when all could.

    The charts of the entries have to be registered.
    """
    return verification.verify(connection, _names(connection, order, history), most)


@contextmanager
def suspended(connection: Connection, order: type[Stateful], history: type[HistoryEntry]) -> Iterator[None]:
    """Enforce nothing inside of the block, for an import, then verify everything and enforce again.

    All happens in a savepoint of the caller's transaction. Raises UnsoundHistory with the findings when something could
    not have been written; then, and after any other error, what the block wrote is undone and the tables are enforced
    as before. On PostgreSQL they are locked until the transaction ends. SQLite's savepoints need an engine that begins
    transactions itself (`orderfsm.sqlmodel.engine` does).
    """
    with connection.begin_nested():
        remove(connection, order, history)
        yield
        found = verify(connection, order, history)
        if found:
            raise UnsoundHistory(found)
        install(connection, order, history)


def _run(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(DDL(statement.replace("%", "%%")))  # type: ignore[no-untyped-call]


def _names(connection: Connection, order: type[Stateful], history: type[HistoryEntry]) -> Names:
    return names_of(pairing(order, history), connection.dialect)
