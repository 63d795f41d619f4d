"""Charts made known to a database: their edges written, in the caller's transaction."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from sqlalchemy import MetaData, func, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ProgrammingError

from orderfsm.errors import RefusedByDatabase

from .edges import EDGES, digest, edges, hash_of, tables
from .names import names_of
from .predicates import UNKNOWN
from .presence import missing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect, Engine

    from orderfsm.pairing import Pairing
    from orderfsm.table import Table as Compiled

__all__ = ["Registrar", "adding", "register", "registered", "registration"]

LOCK = 6_734_427_901
"""The advisory lock of PostgreSQL that registering takes until the transaction ends."""

TOLD = "orderfsm: charts registered in"
"""Where a connection keeps the transaction in which it has registered a chart: that may yet be rolled back."""


def register(connection: Connection, table: Compiled, *, schema: str | None = None) -> bool:
    """Make a chart known; whether it was not known before. Nothing is committed.

    Charts of the same hash and profile share their edges: the hash stands for the chart.
    """
    if _known(connection, table, schema):
        return False
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    for into, rows in registration(table, schema):
        connection.execute(adding(connection.dialect, into), rows)
    connection.info[TOLD] = None if (transaction := connection.get_transaction()) is None else ref(transaction)
    return True


def registration(table: Compiled, schema: str | None = None) -> tuple[tuple[Any, list[dict[str, str]]], ...]:
    """The rows that make a chart known, by table; the chart comes after its edges, for it says that they are there."""
    charts, steps = _tables(schema)
    chart, hash_ = table.chart, hash_of(table)
    edge = {"chart_hash": hash_, "chart_profile": chart.profile}
    named = {"hash": hash_, "profile": chart.profile, "digest": digest(table)}
    named |= {"name": chart.name, "version": chart.version}
    return (steps, [edge | found._asdict() for found in sorted(edges(table))]), (charts, [named])


def adding(dialect: Dialect, into: Any) -> Any:
    """An INSERT that leaves out what is there."""
    dialects: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    made = dialects.get(dialect.name, insert)(into)
    return made.on_conflict_do_nothing() if dialect.name in dialects else made


def _known(connection: Connection, table: Compiled, schema: str | None) -> bool:
    charts, _ = _tables(schema)
    named = {"hash": hash_of(table), "profile": table.chart.profile, "digest": digest(table)}
    found = connection.execute(select(charts.c.hash).filter_by(**named)).first()
    return found is not None


@cache
def _tables(schema: str | None) -> tuple[Any, Any]:
    """The tables of charts and of edges in a schema, to be asked."""
    return tables(MetaData(), schema)


def registered(connection: Connection, *, schema: str | None = None) -> list[dict[str, str]]:
    """The charts that a database knows: name, version, profile, hash and the digest of their edges, by name."""
    charts, _ = _tables(schema)
    rows = connection.execute(
        select(charts).order_by(charts.c.name, charts.c.version, charts.c.profile, charts.c.digest)
    )
    return [dict(row) for row in rows.mappings()]


class Registrar:
    """Makes one chart known to each database that its entries go to, as long as it enforces histories.

    What was seen to be committed is remembered per engine. What this very transaction has written may yet be rolled
    back, so it is asked for again. `guarded` are the engines whose databases have all triggers.
    """

    def __init__(self, table: Compiled, pairing: Pairing) -> None:
        self._table = table
        self._pairing = pairing
        self._schema = pairing.history.schema
        self.sure: WeakSet[Engine] = WeakSet()
        self.guarded: WeakSet[Engine] = WeakSet()

    def __call__(self, connection: Connection) -> None:
        """See to it that the database knows the chart; raises RefusedByDatabase when it may not be told."""
        if connection.engine not in self.sure:
            self._ask(connection)

    def refused(self, connection: Connection, error: Exception) -> Exception:
        """What an error means; a database that does not know the chart any more, or not yet, is told next time."""
        meant = refused(error)
        if UNKNOWN in str(meant):
            self.sure.discard(connection.engine)
        return meant

    def _ask(self, connection: Connection) -> None:
        if not _told(connection) and not inspect(connection).has_table(EDGES, schema=self._schema):
            self.sure.add(connection.engine)  # this database enforces nothing
            return
        try:
            register(connection, self._table, schema=self._schema)
        except ProgrammingError as error:
            chart = self._table.chart
            raise RefusedByDatabase(
                f"the database does not know {chart.name} {chart.version} ({chart.profile}) and could not be told: "
                f"{str(error.orig).partition(chr(10))[0]}; register it in a migration (orderfsm.enforcement.register)"
            ) from error
        if not _told(connection):
            self.sure.add(connection.engine)
            if not missing(connection, names_of(self._pairing, connection.dialect)):
                self.guarded.add(connection.engine)


def _told(connection: Connection) -> bool:
    """Whether this transaction has registered a chart."""
    found, transaction = connection.info.get(TOLD), connection.get_transaction()
    return found is not None and transaction is not None and found() is transaction


def refused(error: Exception) -> Exception:
    """The error itself, or what it means when it comes from enforcement."""
    said = str(getattr(error, "orig", "")).partition("\n")[0].rpartition("orderfsm: ")
    return RefusedByDatabase(f"the database refused the entry: {said[2]}") if said[1] else error
