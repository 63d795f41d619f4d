"""Whether the database itself refuses illegal histories: triggers that are missing, switched off, or not today's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

from orderfsm import enforcement

from .remark import remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from orderfsm.finding import Finding
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel import SqlStore

__all__ = ["guard_findings", "registration_findings"]

INSTALL = "install them: orderfsm.enforcement.install(connection, order, history), then commit"
RENEW = "renew them in a migration: orderfsm.enforcement.remove, then install"


def guard_findings(connection: Connection, store: SqlStore) -> Iterator[Finding]:
    """The triggers on a store's tables. None at all may be meant so; some of them cannot be."""
    if connection.dialect.name not in ("sqlite", "postgresql"):
        return
    table = store.history.__table__.name  # type: ignore[attr-defined]
    there = _bodies(connection, store)
    missing = enforcement.enforced(connection, store.order, store.history)
    stale = sorted(name for name, body in _wanted(connection, store).items() if there.get(name, body) != body)
    if not there:
        said = f"the database does not refuse illegal entries of {table}: it has no triggers of ours"
        yield remark("not-enforced", table, said, INSTALL, severity="warning")
    elif missing:
        said = f"triggers on {table} and its orders are missing or switched off: {', '.join(missing)}"
        yield remark("missing-trigger", table, said, INSTALL)
    if stale:
        said = f"triggers on {table} and its orders are not those of this version of orderfsm: {', '.join(stale)}"
        yield remark("stale-trigger", table, said, RENEW)
    if there and connection.dialect.name == "postgresql":
        yield from _role(connection)


def _role(connection: Connection) -> Iterator[Finding]:
    role = connection.exec_driver_sql("SHOW session_replication_role").scalar()
    if role != "origin":
        said = f"PostgreSQL's session_replication_role is {role}: triggers do not run"
        yield remark("triggers-off", "session_replication_role", said, "set session_replication_role = origin")


SPACE = re.compile(r"\s+")
MADE = {
    "sqlite": re.compile(r'CREATE TRIGGER (?:IF NOT EXISTS )?(?:\w+\.)?"?(\w+)"?(.*)', re.DOTALL),
    "postgresql": re.compile(
        r'CREATE OR REPLACE FUNCTION (?:\S+\.)?"?(\w+)"?\(\).*\$orderfsm\$(.*)\$orderfsm\$', re.DOTALL
    ),
}


def _wanted(connection: Connection, store: SqlStore) -> Mapping[str, str]:
    """Name -> body of what this version makes: triggers on SQLite, their functions on PostgreSQL."""
    kind = connection.dialect.name
    found = (MADE[kind].match(made) for made in enforcement.ddl(store.order, store.history, kind))
    return {match[1]: SPACE.sub(" ", match[2]).strip() for match in found if match}


def _bodies(connection: Connection, store: SqlStore) -> Mapping[str, str]:
    """The same of what is on the two tables; other people's triggers are left out."""
    tables: list[Any] = [store.history.__table__, store.order.__table__]  # type: ignore[attr-defined]
    if connection.dialect.name == "postgresql":
        query = text(
            "SELECT proname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE tgrelid IN (to_regclass(:history), to_regclass(:orders)) AND NOT tgisinternal"
        )
        names = [connection.dialect.identifier_preparer.format_table(table) for table in tables]
        rows = connection.execute(query, {"history": names[0], "orders": names[1]})
        return {name: SPACE.sub(" ", body).strip() for name, body in rows if name.startswith("orderfsm_")}
    query = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (:history, :orders)")
    made = connection.execute(query, {"history": tables[0].name, "orders": tables[1].name}).scalars()
    found = (MADE["sqlite"].match(sql) for sql in made)
    return {match[1]: SPACE.sub(" ", match[2]).strip() for match in found if match and match[1].startswith("orderfsm_")}


def registration_findings(connection: Connection, orders: Lifecycle) -> Iterator[Finding]:
    """A chart that the database does not know, where the service may not make it known with its first entry."""
    schema = orders.store.history.__table__.schema  # type: ignore[attr-defined]
    if connection.dialect.name != "postgresql" or not inspect(connection).has_table(enforcement.EDGES, schema=schema):
        return
    hash_, profile = enforcement.hash_of(orders.table), orders.chart.profile
    known = {(row["hash"], row["profile"]) for row in enforcement.registered(connection, schema=schema)}
    names = [f"{schema}.{name}" if schema else name for name in (enforcement.CHARTS, enforcement.EDGES)]
    may = [connection.execute(MAY_INSERT, {"name": name}).scalar() for name in names]
    if (hash_, profile) not in known and not all(may):
        chart = f"{orders.chart.name} {orders.chart.version} ({profile})"
        said = f"the database does not know {chart}, and this role may not make it known: every entry will be refused"
        fix = "register it in a migration: orderfsm.enforcement.register(connection, chart)"
        yield remark("chart-not-registered", orders.chart.name, said, fix)


MAY_INSERT = text("SELECT has_table_privilege(:name, 'INSERT')")
