"""Where a store's tables in the database differ from what the store will ask of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, inspect, text

from .remark import remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Column, Connection, Dialect, Inspector, Table

    from orderfsm.finding import Finding
    from orderfsm.sqlmodel import SqlStore

__all__ = ["schema_findings"]

MIGRATE = "add it with a migration (docs/how-to/alembic.md), or let create_all() make the table"


def schema_findings(connection: Connection, store: SqlStore) -> Iterator[Finding]:
    """Tables, columns, types, keys and unique indexes that are missing or other than the store's classes say."""
    here = inspect(connection)
    models: list[Any] = [store.order, store.history, store.outbox, store.timers, store.holds]
    for model in models:
        if model is not None:
            yield from _table(connection, here, model.__table__)


def _table(connection: Connection, here: Inspector, table: Table) -> Iterator[Finding]:
    schema = connection.dialect.default_schema_name if table.schema is None else table.schema
    if not here.has_table(table.name, schema=table.schema):
        said = f"there is no table {table.name}" + (f" in the schema {schema}" if schema else "")
        yield remark("missing-table", table.name, said, MIGRATE)
        return
    yield from _columns(connection.dialect, here, table)
    yield from _unique(connection, here, table)
    yield from _indexes(here, table)


# --- columns ----------------------------------------------------------------


def _columns(dialect: Dialect, here: Inspector, table: Table) -> Iterator[Finding]:
    found: dict[str, Any] = {each["name"]: each for each in here.get_columns(table.name, table.schema)}
    for column in table.columns:
        stored = found.pop(column.name, None)
        if stored is None:
            said = f"{table.name} has no column {column.name}"
            yield remark("missing-column", f"{table.name}.{column.name}", said, MIGRATE)
        else:
            yield from _column(dialect, f"{table.name}.{column.name}", column, stored)
    for name, stored in found.items():
        if not stored["nullable"] and stored.get("default") is None and stored.get("autoincrement") is not True:
            said = f"{table.name}.{name} is unknown to the class, NOT NULL, and has no default: no row can be written"
            yield remark("unknown-column", f"{table.name}.{name}", said, "give it a default, or drop it")


def _column(dialect: Dialect, path: str, column: Column[Any], stored: Mapping[str, Any]) -> Iterator[Finding]:
    """A column that is there: can it hold what will be written to it?"""
    family, length, wanted = _named(column.type, dialect)
    stored_family, most, spelt = _named(stored["type"], dialect)
    said = ""
    if stored_family != family:
        said = f"{path} is {spelt}, where {wanted} is expected"
    elif dialect.name != "sqlite" and most is not None and (length is None or most < length):
        said = f"{path} holds {most} characters at most, where {wanted} is expected"
    if said:
        yield remark("column-type", path, said, f"change its type to {wanted}")
    if column.nullable and not stored["nullable"]:
        yield remark("column-not-null", path, f"{path} is NOT NULL, and NULL will be written to it", "drop NOT NULL")


FAMILIES = {
    "BIGINT": "integer",
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGSERIAL": "integer",
    "SERIAL": "integer",
    "VARCHAR": "text",
    "CHAR": "text",
    "NVARCHAR": "text",
    "NCHAR": "text",
    "CLOB": "text",
    "TEXT": "text",
    "JSONB": "JSON",
}
"""Types that can stand for one another here; every other one stands for itself."""


def _named(type_: Any, dialect: Dialect) -> tuple[str, int | None, str]:
    """The family of a type, its length, and how the database spells it."""
    spelt = str(type_.dialect_impl(dialect).compile(dialect=dialect))
    family, length = re.sub(r"\(.*?\)", "", spelt).strip(), re.search(r"\((\d+)\)", spelt)
    family = re.sub(r" COLLATE .*", "", family)
    if dialect.name == "sqlite" and family == "TIMESTAMP":
        family = "DATETIME"
    return FAMILIES.get(family, family), int(length[1]) if length else None, spelt


# --- what must be unique ----------------------------------------------------


def _unique(connection: Connection, here: Inspector, table: Table) -> Iterator[Finding]:
    """Keys and unique indexes: they are the second line, behind the comparison of revisions."""
    invalid = _invalid(connection, table)
    held = {frozenset(here.get_pk_constraint(table.name, table.schema)["constrained_columns"])}
    held |= {frozenset(each["column_names"]) for each in here.get_unique_constraints(table.name, table.schema)}
    for index in here.get_indexes(table.name, table.schema):
        if index["unique"] and index["name"] not in invalid:
            held.add(frozenset(str(name) for name in index["column_names"]))
    for kind, name, columns in _wanted(table):
        if frozenset(columns) not in held:
            listed = ", ".join(columns)
            broken = f"; the index {name} is there but invalid" if name in invalid else ""
            said = f"nothing keeps ({listed}) of {table.name} unique{broken}"
            yield remark(f"missing-{kind}", f"{table.name}.{name or kind}", said, f"make ({listed}) a {_KINDS[kind]}")


_KINDS = {"primary-key": "primary key", "unique-index": "unique index"}


def _wanted(table: Table) -> Iterator[tuple[str, str | None, list[str]]]:
    """Kind, name and columns of what the class keeps unique."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            kind = "primary-key" if isinstance(constraint, PrimaryKeyConstraint) else "unique-index"
            name = constraint.name if isinstance(constraint.name, str) else None
            yield kind, name, [column.name for column in constraint.columns]
    for index in table.indexes:
        if index.unique:
            yield "unique-index", index.name, [column.name for column in index.columns]


def _invalid(connection: Connection, table: Table) -> set[str]:
    """Indexes that a failed CREATE INDEX CONCURRENTLY has left: they are listed, and keep nothing unique."""
    if connection.dialect.name != "postgresql":
        return set()
    query = text(
        "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
        "WHERE indrelid = to_regclass(:name) AND NOT (indisvalid AND indisready)"
    )
    name = connection.dialect.identifier_preparer.format_table(table)
    return set(connection.execute(query, {"name": name}).scalars())


def _indexes(here: Inspector, table: Table) -> Iterator[Finding]:
    """Other indexes of the class: without them it is slow, not wrong."""
    held = {index["name"] for index in here.get_indexes(table.name, table.schema)}
    for index in table.indexes:
        if not index.unique and index.name not in held:
            said = f"{table.name} has no index {index.name}: looking for rows will be slow"
            fix = "add it with a migration (docs/how-to/alembic.md)"
            yield remark("missing-index", f"{table.name}.{index.name}", said, fix, severity="warning")
