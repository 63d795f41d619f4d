"""The statements for many orders at once: what is the same for all is bound once, the rest travels as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    and_,
    any_,
    bindparam,
    delete,
    exists,
    false,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)

from orderfsm.pairing import AFTERWARDS, ENTRY

from .given import Given
from .statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Column, Connection, Dialect, Table

    from orderfsm.pairing import Pairing

    Standing = tuple[Any, str | None, int]
    Keys = Sequence[tuple[str, Column[Any], Column[Any]]]
    Defaults = Mapping[str, Callable[[], Any]]

__all__ = ["Companion", "ManyStatements"]

OWN = "revision"
ONE: Any = literal_column("1")


class ManyStatements:
    """The statements over a pairing for one dialect.

    Keys are values, or tuples where a key has several columns. Where an order stands is told by its key, configuration
    and revision.

    Orders are locked as they are read: on PostgreSQL their rows, by key, so that two who do this never wait for each
    other in a circle; on SQLite the database.
    """

    def __init__(self, pairing: Pairing, dialect: Dialect) -> None:
        self._pairing, self._dialect = pairing, dialect
        self._together = dialect.name == "postgresql"
        self._orders, self._past = pairing.orders, pairing.history
        self._columns = {name: column.type for name, column, _ in pairing.keys}
        self._lock = update(self._orders).values(revision=self._orders.c.revision).where(false())
        self._keys = Given(dialect, self._columns)
        self._standing = self._read_by_keys()
        self._entries = self._read_entries()
        self._same, own = shared(self._past, pairing.defaults)
        self._made = {f"default_{name}": made for name, made in own.items()}
        self._made |= {f"stamp_{name}": made for name, made in pairing.stamps.items()}
        self._lean = not (self._made or pairing.stamped)
        more = {} if self._lean else {OWN: self._orders.c.revision.type} | self._made_types(own)
        self._given = Given(dialect, self._columns | more)
        self._raw = not any(
            type_.dialect_impl(dialect).result_processor(dialect, None) for type_ in self._columns.values()
        )
        names = (*self._given.names, *ENTRY, *(f"default_{name}" for name in self._same))
        self._append = Prepared(self._moving() if self._together else self._appending(), dialect, names)
        self._move = Prepared(self._moved(), dialect, names)
        self._position = Prepared(self._at(), dialect, tuple(self._columns))

    def _made_types(self, own: Iterable[str]) -> dict[str, Any]:
        past, orders = self._past.c, self._orders.c
        types = {f"default_{name}": past[name].type for name in own}
        return types | {f"stamp_{name}": orders[name].type for name in self._pairing.stamps}

    # --- reading

    def lock(self, connection: Connection) -> None:
        """On SQLite, nobody else writes from now on until the transaction ends."""
        if not self._together:
            connection.execute(self._lock)

    def standing(self, connection: Connection, keys: Sequence[Any]) -> Sequence[Standing]:
        """Where the orders with these keys stand, by key, locked; those without a row are absent. Raises Unfit."""
        return self._found(connection, self._standing, self._packed(keys))

    def page(self, connection: Connection, condition: Any, after: Any, most: int) -> Sequence[Standing]:
        """Where the next orders that fit a condition stand, by key, locked."""
        keys = [column for _, column, _ in self._pairing.keys]
        query = self._read().where(condition).limit(most)
        if after is not None:
            query = query.where(_beyond(keys, after))
        return self._found(connection, query, {})

    def _found(self, connection: Connection, query: Any, parameters: Mapping[str, Any]) -> Sequence[Standing]:
        result: Any = connection.execute(query, parameters)
        width = len(self._columns)
        if width > 1:
            return [(tuple(row[:width]), *row[width:]) for row in result.all()]
        if not self._raw:
            return result.all()  # type: ignore[no-any-return]
        with result:  # nothing is left to be done with what the driver gives
            return result.cursor.fetchall()  # type: ignore[no-any-return]

    def _split(self, keys: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """The keys by column."""
        return (keys,) if len(self._columns) == 1 else tuple(zip(*keys, strict=True))

    def _joined(self, row: Sequence[Any]) -> Any:
        """The key at the beginning of a row."""
        width = len(self._columns)
        return row[0] if width == 1 else tuple(row[:width])

    def _packed(self, keys: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(self._keys.names, self._keys.packed(*self._split(keys)), strict=True))

    def _read(self) -> Any:
        orders = self._orders
        keys = [column for _, column, _ in self._pairing.keys]
        query = select(*keys, orders.c.configuration, orders.c.revision).order_by(*keys)
        return query.with_for_update(key_share=True, of=orders)

    def _read_by_keys(self) -> Any:
        named = self._named(self._keys)
        if named is not None:
            return self._read().where(named)
        given = self._keys.table
        return self._read().select_from(given.join(self._orders, _same(self._pairing.keys, given)))

    def _named(self, given: Given) -> Any:
        """On PostgreSQL, that an order's key is in the array of keys; None for keys of several columns.

        A join says as much, but a planner that expects as many orders as there are may read the whole table for it.
        """
        if not self._together or len(self._columns) > 1:
            return None
        ((_, column, _),) = self._pairing.keys
        return column == any_(given.arrays[0])

    def _read_entries(self) -> Any:
        past, given = self._past, self._keys.table
        ours = and_(*(local == given.c[name] for name, _, local in self._pairing.keys))
        found = select(*(local for _, _, local in self._pairing.keys), past.c.sequence, past.c.fingerprint)
        return found.select_from(given.join(past, ours)).where(past.c.key == bindparam("key"))

    def keyed(self, connection: Connection, keys: Sequence[Any], batch: str) -> dict[Any, tuple[int, str | None]]:
        """Which of these orders have an entry of a batch: its sequence, and the fingerprint of its request."""
        width = len(self._columns)
        rows = connection.execute(self._entries, self._packed(keys) | {"key": batch})
        return {self._joined(row): (row[width], row[width + 1]) for row in rows}

    def beside(self, connection: Connection, keys: Sequence[Any], columns: Sequence[Any]) -> Sequence[Any]:
        """Other columns of these orders, each row with the order's key in front, by those columns."""
        if not keys:
            return ()
        given = self._keys.table
        query = select(*(column for _, column, _ in self._pairing.keys), *columns).order_by(*columns)
        query = query.select_from(given.join(self._orders, _same(self._pairing.keys, given)))
        return connection.execute(query, self._packed(keys)).all()

    def among(self, connection: Connection, keys: Sequence[Any], columns: Keys, *conditions: Any) -> set[Any]:
        """Those of these orders that rows of another table refer to, by its `columns`, as far as conditions hold."""
        given = self._keys.table
        named = [given.c[name] for name, _, _ in columns]
        theirs = and_(*(local == given.c[name] for name, _, local in columns), *conditions)
        query = select(*named).select_from(given).where(exists().where(theirs))
        return {self._joined(row) for row in connection.execute(query, self._packed(keys))}

    # --- writing

    def record(
        self, connection: Connection, keys: Sequence[Any], revisions: Sequence[int], values: Sequence[Any]
    ) -> int:
        """Append an entry to each of these orders and move it; how many still had the revision.

        `values` are the columns of ENTRY; the sequence among them does not count. Raises Unfit.
        """
        columns = self._split(keys)
        if not self._lean:
            columns = (*columns, revisions, *([make() for _ in keys] for make in self._made.values()))
        given = self._given.packed(*columns)
        parameters = (*given, *values, *(make() for make in self._same.values()))
        written = self._append.run(connection, parameters).rowcount
        if written > 0 and not (self._together or self._moved_by_itself(connection, keys[0], revisions[0])):
            self._move.run(connection, parameters)
        return written

    def _moved_by_itself(self, connection: Connection, key: Any, revision: int) -> bool:
        """Whether the database has moved the orders by itself, and nothing of ours is left to do."""
        if not self._lean:
            return False
        found = self._position.run(connection, key if len(self._columns) > 1 else (key,)).fetchall()
        return bool(found and found[0][0] != revision)

    def _at(self) -> Any:
        mine = (column == bindparam(name, type_=column.type) for name, column, _ in self._pairing.keys)
        return select(self._orders.c.revision).where(*mine)

    def _unmoved(self) -> Any:
        """That an order stands where it was found.

        Locked as it is, its configuration says that, for all alike: then the revisions need not travel along.
        """
        orders, given = self._orders, self._given.table
        if not self._lean:
            return and_(_same(self._pairing.keys, given), orders.c.revision == given.c[OWN])
        named = self._named(self._given)
        stands = orders.c.configuration == bindparam("before", type_=orders.c.configuration.type)
        return and_(_same(self._pairing.keys, given) if named is None else named, stands)

    def _appending(self) -> Any:
        """INSERT INTO history SELECT … FROM given JOIN orders, as far as they have not moved."""
        row = self._entry(self._given.table) | {"sequence": self._orders.c.revision + ONE}
        chosen = select(*row.values()).select_from(self._given.table.join(self._orders, self._unmoved()))
        return insert(self._past).from_select(list(row), chosen).inline()

    def _moving(self) -> Any:
        """WITH moved AS (UPDATE orders … RETURNING …) INSERT INTO history SELECT … FROM moved."""
        row = self._entry(self._given.table)
        if self._lean:  # the revision is the one after the UPDATE
            row |= {local.name: column for _, column, local in self._pairing.keys}
            row["sequence"] = self._orders.c.revision
        kept = {name: value for name, value in row.items() if not _constant(value)}
        moved = self._moved().returning(*(value.label(name) for name, value in kept.items())).cte("moved")
        chosen = select(*(moved.c[name] if name in kept else value for name, value in row.items()))
        return insert(self._past).from_select(list(row), chosen.select_from(moved)).inline()

    def _moved(self) -> Any:
        """UPDATE orders FROM given, as far as they have not moved, or were moved by the database itself."""
        orders, past, given = self._orders, self._past, self._given.table
        values: dict[str, Any] = {name: bindparam(to, type_=past.c[to].type) for name, to in AFTERWARDS.items()}
        values["revision"] = orders.c.revision + ONE
        values |= {name: given.c[f"stamp_{name}"] for name in self._pairing.stamps}
        if self._together or self._lean:
            return update(orders).values(values).where(self._unmoved())
        values["revision"] = given.c[OWN] + ONE
        stands = orders.c.revision.in_((given.c[OWN], given.c[OWN] + ONE))
        return update(orders).values(values).where(_same(self._pairing.keys, given), stands)

    def _entry(self, given: Any) -> dict[str, Any]:
        """Column -> value, for a new row of the history."""
        past = self._past
        row: dict[str, Any] = {local.name: given.c[name] for name, _, local in self._pairing.keys}
        row |= {name: bindparam(name, type_=past.c[name].type) for name in ENTRY}
        if not self._lean:
            row["sequence"] = given.c[OWN] + ONE
        row |= {name: bindparam(f"default_{name}", type_=past.c[name].type) for name in self._same}
        return row | {
            name.removeprefix("default_"): given.c[name] for name in self._made if name.startswith("default_")
        }


class Companion:
    """Statements over a table beside the orders, for many of them at once.

    `values` are what its columns get, with parameters that are the same for all and are named in `names`; `defaults`
    are made for each row.
    """

    def __init__(
        self,
        table: Table,
        keys: Keys,
        dialect: Dialect,
        values: Mapping[str, Any],
        names: Sequence[str],
        defaults: Defaults,
    ) -> None:
        self._same, self._own = shared(table, defaults)
        self._width = len(keys)
        types = {name: local.type for name, _, local in keys}
        made = {f"default_{name}": table.c[name].type for name in self._own}
        self._given = Given(dialect, types | {"sequence": table.c.sequence.type} | made)
        given = self._given.table
        row: dict[str, Any] = {local.name: given.c[name] for name, _, local in keys}
        row |= {"sequence": given.c.sequence} | {name: given.c[f"default_{name}"] for name in self._own} | dict(values)
        row |= {name: bindparam(f"default_{name}", type_=table.c[name].type) for name in self._same}
        chosen = select(*row.values()).select_from(given)
        names = (*self._given.names, *names, *(f"default_{name}" for name in self._same))
        self._add = Prepared(insert(table).from_select(list(row), chosen).inline(), dialect, names)
        self._keys = Given(dialect, types)
        theirs = tuple_(*(local for _, _, local in keys)).in_(
            select(*(self._keys.table.c[name] for name, _, _ in keys))
        )
        self._cleared = delete(table).where(theirs)
        self._clear = Prepared(self._cleared, dialect, self._keys.names)

    def add(self, connection: Connection, keys: Sequence[Any], sequences: Sequence[int], *same: Any) -> None:
        """Insert a row for each of these orders."""
        made = ([make() for _ in keys] for make in self._own.values())
        given = self._given.packed(*self._split(keys), sequences, *made)
        self._add.run(connection, (*given, *same, *(make() for make in self._same.values())))

    def clear(self, connection: Connection, keys: Sequence[Any], *conditions: Any) -> None:
        """Delete the rows of these orders, as far as the conditions hold."""
        packed = self._keys.packed(*self._split(keys))
        if conditions:
            connection.execute(self._cleared.where(*conditions), dict(zip(self._keys.names, packed, strict=True)))
        else:
            self._clear.run(connection, packed)

    def _split(self, keys: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return (keys,) if self._width == 1 else tuple(zip(*keys, strict=True))


def shared(table: Table, defaults: Defaults) -> tuple[Defaults, Defaults]:
    """The defaults that are the same for every row, and those that are made for each."""
    same = {name: make for name, make in defaults.items() if table.c[name].default.is_scalar}  # type: ignore[union-attr]
    return same, {name: make for name, make in defaults.items() if name not in same}


def _same(keys: Keys, given: Any) -> Any:
    return and_(*(column == given.c[name] for name, column, _ in keys))


def _constant(value: Any) -> bool:
    return bool(value.__visit_name__ == "bindparam")


def _beyond(keys: Sequence[Any], after: Any) -> Any:
    """That a key comes after this one."""
    if len(keys) == 1:
        return keys[0] > after
    return tuple_(*keys) > tuple_(*(literal(value, key.type) for key, value in zip(keys, after, strict=True)))
