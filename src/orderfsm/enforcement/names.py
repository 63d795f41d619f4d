"""The names that the statements of enforcement are made of, quoted as a dialect wants them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .edges import CHARTS, EDGES

if TYPE_CHECKING:
    from sqlalchemy import Dialect

    from orderfsm.pairing import Pairing

__all__ = ["Names", "names_of"]

LIMIT = 63
"""How many bytes a name may have on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Names:
    """Two tables, and the columns of the order's key: order's column -> history's column. Names are not quoted."""

    dialect: Dialect
    orders: str
    history: str
    keys: Mapping[str, str]
    schema: str | None = None
    orders_schema: str | None = None

    def quote(self, name: str) -> str:
        """A name as it stands in a statement."""
        return self.dialect.identifier_preparer.quote(name)

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
    return Names(dialect, orders.name, past.name, keys, past.schema, orders.schema)
