"""Charts made known to a database: their edges written, in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import MetaData, func, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from orderfsm.errors import RefusedByDatabase

from .edges import EDGES, digest, edges, hash_of, tables
from .names import names_of
from .presence import missing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from orderfsm.pairing import Pairing
    from orderfsm.table import Table as Compiled

__all__ = ["Registrar", "register", "registered"]

LOCK = 6_734_427_901
"""The advisory lock of PostgreSQL that registering takes until the transaction ends."""


def register(connection: Connection, table: Compiled, *, schema: str | None = None) -> bool:
    """Make a chart known; whether it was not known before. Nothing is committed.

    Charts of the same hash and profile share their edges: the hash stands for the chart.
    """
    charts, rows = tables(MetaData(), schema)
    if _known(connection, table, schema):
        return False
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    chart, hash_ = table.chart, hash_of(table)
    known = {"chart_hash": hash_, "chart_profile": chart.profile}
    connection.execute(_adding(connection, rows), [known | edge._asdict() for edge in sorted(edges(table), key=repr)])
    named = {"hash": hash_, "profile": chart.profile, "digest": digest(table)}
    connection.execute(_adding(connection, charts), [named | {"name": chart.name, "version": chart.version}])
    return True


def _adding(connection: Connection, into: Any) -> Any:
    """An INSERT that leaves out what is there."""
    dialects: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    made = dialects.get(connection.dialect.name, insert)(into)
    return made.on_conflict_do_nothing() if connection.dialect.name in dialects else made


def _known(connection: Connection, table: Compiled, schema: str | None) -> bool:
    charts, _ = tables(MetaData(), schema)
    named = {"hash": hash_of(table), "profile": table.chart.profile, "digest": digest(table)}
    found = connection.execute(select(charts.c.hash).filter_by(**named)).first()
    return found is not None


def registered(connection: Connection, *, schema: str | None = None) -> list[dict[str, str]]:
    """The charts that a database knows: name, version, profile, hash and the digest of their edges, by name."""
    charts, _ = tables(MetaData(), schema)
    rows = connection.execute(
        select(charts).order_by(charts.c.name, charts.c.version, charts.c.profile, charts.c.digest)
    )
    return [dict(row) for row in rows.mappings()]


class Registrar:
    """Makes one chart known to each database that its entries go to, as long as it enforces histories.

    What was seen to be committed is remembered per engine. What this very transaction has written may yet be rolled
    back, so it is asked for again in the next one. `guarded` are the engines whose databases have all triggers.
    """

    def __init__(self, table: Compiled, pairing: Pairing) -> None:
        self._table = table
        self._pairing = pairing
        self._schema = pairing.history.schema
        self.sure: WeakSet[Engine] = WeakSet()
        self.guarded: WeakSet[Engine] = WeakSet()
        self._writing: WeakSet[Any] = WeakSet()

    def __call__(self, connection: Connection) -> None:
        """See to it that the database knows the chart; raises RefusedByDatabase when it may not be told."""
        if connection.engine not in self.sure:
            self._ask(connection)

    def _ask(self, connection: Connection) -> None:
        transaction = connection.get_transaction()
        if transaction is not None and transaction in self._writing:
            return
        if not inspect(connection).has_table(EDGES, schema=self._schema):
            self.sure.add(connection.engine)  # this database enforces nothing
            return
        try:
            new = register(connection, self._table, schema=self._schema)
        except DBAPIError as error:
            chart = self._table.chart
            raise RefusedByDatabase(
                f"the database does not know {chart.name} {chart.version} ({chart.profile}) and could not be told: "
                f"{str(error.orig).partition(chr(10))[0]}; register it in a migration (orderfsm.enforcement.register)"
            ) from error
        if not new:
            self.sure.add(connection.engine)
            if not missing(connection, names_of(self._pairing, connection.dialect)):
                self.guarded.add(connection.engine)
        elif transaction is not None:
            self._writing.add(transaction)
