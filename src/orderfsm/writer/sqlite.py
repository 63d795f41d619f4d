"""The lane on SQLite: the database is locked from BEGIN IMMEDIATE on, so what was read stays true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, literal_column, select

from orderfsm.pairing import ENTRY
from orderfsm.sqlmodel.driver import direct
from orderfsm.sqlmodel.statements import AFTERWARDS, Prepared
from orderfsm.sqlmodel.store import values_of

from .group import Lane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from orderfsm.pairing import Pairing

    from .group import Identity, Position, Row

__all__ = ["SqliteLane"]

REMEMBERED = 10_000
"""How many positions are kept between transactions, at most."""


class SqliteLane(Lane):
    """Row by row, as SQLite works: there is no way to the server that could be saved.

    Positions are remembered from one transaction to the next, for as long as no other connection has changed the
    database; SQLite counts that (`PRAGMA data_version`).
    """

    def __init__(self, pairing: Pairing, connection: Connection) -> None:
        self._connection = connection
        self._statements = Statements(pairing, connection)
        self._remembered: dict[Identity, Position] = {}
        self._version: Any = None
        self._driver: Any = None

    def forget(self) -> None:
        """Somebody else has written over this connection, or what was written was rolled back."""
        self._version = None

    def standing(self, identities: Sequence[Identity]) -> dict[Identity, Position]:
        """Where orders stand."""
        known = self._known()
        for identity in identities:
            if identity not in known:
                found = self._run(self._statements.position, identity).fetchall()
                if found:
                    known[identity] = found[0][0], found[0][1]
        return known

    def _known(self) -> dict[Identity, Position]:
        """The positions that are remembered and still true; what is written into it is remembered."""
        self._driver = direct(self._connection)
        version = None if self._driver is None else self._driver.execute("PRAGMA data_version").fetchone()[0]
        if version is None or version != self._version or len(self._remembered) > REMEMBERED:
            self._remembered = {}
        self._version = version
        return self._remembered

    def used(self, keys: Sequence[tuple[Identity, str]]) -> set[tuple[Identity, str]]:
        """Which keys were used before."""
        keyed = self._statements.keyed
        return {key for key in keys if self._run(keyed, (*key[0], key[1])).fetchall()}

    def write(self, rows: Sequence[Row], moves: Mapping[Identity, tuple[Row, int]]) -> None:
        """Append the entries, then move the orders: constraints refuse entries."""
        statements, last = self._statements, {}
        for row in rows:
            last[row.identity] = values = statements.values(row)
            self._run(statements.append, values)
        for identity, (_, revision) in moves.items():
            self._run(statements.move, statements.moved(last[identity], revision))

    def _run(self, statement: Prepared, values: Sequence[Any]) -> Any:
        if self._driver is None:
            return statement.run(self._connection, values)
        return self._driver.execute(statement.text, statement.parameters(values))


class Statements:
    """The statements of the lane."""

    def __init__(self, pairing: Pairing, connection: Connection) -> None:
        dialect, orders, past = connection.dialect, pairing.orders, pairing.history
        identity = {name: bindparam(name, type_=column.type) for name, column, _ in pairing.keys}
        mine = and_(*(column == identity[name] for name, column, _ in pairing.keys))
        ours = and_(*(local == identity[name] for name, _, local in pairing.keys))
        columns = {local.name: identity[name] for name, _, local in pairing.keys}
        columns |= {name: bindparam(name, type_=past.c[name].type) for name in ENTRY}
        columns |= {name: bindparam(f"default_{name}", type_=past.c[name].type) for name in pairing.defaults}
        moved = {name: bindparam(written, type_=past.c[written].type) for name, written in AFTERWARDS.items()}
        moved |= {name: bindparam(f"stamp_{name}", type_=orders.c[name].type) for name in pairing.stamps}
        made = {f"default_{name}": make for name, make in pairing.defaults.items()}
        made |= {f"stamp_{name}": make for name, make in pairing.stamps.items()}
        self._made = tuple(made.values())
        names = (*identity, *ENTRY, "revision", *made)
        self._revision = names.index("revision")
        unmoved = [] if pairing.stamps else [orders.c.revision == bindparam("revision")]  # a trigger may have moved it
        self.append = Prepared(insert(past).values(columns).inline(), dialect, names)
        self.move = Prepared(orders.update().values(moved).where(mine, *unmoved), dialect, names)
        position = select(orders.c.configuration, orders.c.revision).where(mine)
        self.position = Prepared(position, dialect, tuple(identity))
        keyed: Any = select(literal_column("1")).select_from(past).where(ours, past.c.key == bindparam("key"))
        self.keyed = Prepared(keyed, dialect, (*identity, "key"))

    def values(self, row: Row) -> list[Any]:
        """What the statements take for a row."""
        values = values_of(row.identity, row.entry, row.fingerprint)
        return [*values, *(make() for make in self._made)] if self._made else values

    def moved(self, values: list[Any], revision: int) -> list[Any]:
        """The same for an order that is at a revision."""
        values[self._revision] = revision
        return values
