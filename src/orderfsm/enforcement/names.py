"""The names that the statements of enforcement are made of, quoted as a dialect wants them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, UniqueConstraint
from sqlalchemy.schema import CreateTable

from .edges import CHARTS, EDGES, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Dialect, Index, Table

    from orderfsm.pairing import Pairing

__all__ = ["Names", "names_of", "unique_in"]

LIMIT = 63
"""How many bytes a name may have on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Names:
    """Two tables, and the columns of the order's key: order's column -> history's column. Names are not quoted.

    `unique` are the sets of columns of the history that the service wants unique.
    """

    dialect: Dialect
    orders: str
    history: str
    keys: Mapping[str, str]
    schema: str | None = None
    orders_schema: str | None = None
    unique: tuple[tuple[str, ...], ...] = ()

    def quote(self, name: str) -> str:
        """A name as it stands in a statement that takes no parameters: percent signs are not doubled."""
        return self._plain(self.dialect.identifier_preparer.quote(name))

    def _plain(self, text: str) -> str:
        doubled = self.dialect.identifier_preparer._double_percents
        return text.replace("%%", "%") if doubled else text

    def creation(self, table: Table) -> str:
        """The statement that creates a table where it is missing, without parameters as well."""
        return self._plain(str(CreateTable(table, if_not_exists=True).compile(dialect=self.dialect))).strip()

    def table(self, name: str, schema: str | None = None) -> str:
        """A table as it stands in a statement; our own are in the schema of the history."""
        found = schema or self.schema
        return f"{self.quote(found)}.{self.quote(name)}" if found else self.quote(name)

    @property
    def all(self) -> dict[str, str]:
        """The tables and our own, quoted."""
        return {
            "orders": self.table(self.orders, self.orders_schema),
            "history": self.table(self.history),
            "edges": self.table(EDGES),
            "charts": self.table(CHARTS),
        }

    def own_tables(self) -> tuple[Table, Table]:
        """The tables of charts and of edges that these belong with."""
        return tables(MetaData(), self.schema)

    def own(self, what: str) -> str:
        """The name of a trigger or function of ours, unquoted and not too long."""
        name = f"orderfsm_{self.history}_{what}"
        if len(name.encode()) <= LIMIT:
            return name
        short = hashlib.sha256(self.history.encode()).hexdigest()[:12]
        return f"orderfsm_{self.history.encode()[:30].decode(errors='ignore')}_{short}_{what}"

    def same(self, order: str, entry: str) -> str:
        """That an entry belongs to an order: `order` and `entry` are the names of rows."""
        pairs = (f"{order}.{self.quote(column)} = {entry}.{self.quote(local)}" for column, local in self.keys.items())
        return " AND ".join(pairs)

    def beside(self, one: str, other: str) -> str:
        """That two entries belong to the same order."""
        return " AND ".join(f"{one}.{self.quote(name)} = {other}.{self.quote(name)}" for name in self.keys.values())


def names_of(pairing: Pairing, dialect: Dialect) -> Names:
    """The names of a pairing."""
    keys = {column.name: local.name for _, column, local in pairing.keys}
    orders, past = pairing.orders, pairing.history
    ours = ({*keys.values(), "sequence"}, {*keys.values(), "key"})
    unique = tuple(columns for columns in unique_in(past) if set(columns) not in ours)
    return Names(dialect, orders.name, past.name, keys, past.schema, orders.schema, unique)


def unique_in(table: Table) -> Iterator[tuple[str, ...]]:
    """The sets of columns that are unique in all rows of a table, the primary key apart."""
    sets: list[Any] = [found.columns for found in table.constraints if isinstance(found, UniqueConstraint)]
    sets += [index.columns for index in table.indexes if index.unique and not _partial(index)]
    yield from sorted(tuple(column.name for column in columns) for columns in sets)


def _partial(index: Index) -> bool:
    return any(index.dialect_options[name].get("where") is not None for name in ("sqlite", "postgresql"))
