"""Which orders are meant, a chunk at a time: by a condition over their table, or by their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Select, true, tuple_

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from orderfsm.sqlmodel.many import ManyStatements
    from orderfsm.sqlmodel.store import SqlStore

__all__ = ["Chunk", "Selector", "Source", "source"]

Selector: TypeAlias = "Select[Any] | ColumnElement[bool] | Iterable[Any]"


class Chunk(NamedTuple):
    """The orders of a chunk, each with its key, configuration and revision; `absent` are keys that no order has."""

    rows: Sequence[tuple[Any, str | None, int]]
    absent: Sequence[Any] = ()


class Source:
    """Chunks of orders, each found by its place."""

    def keep(self) -> None:
        """See to it that one can begin again."""

    def first(self) -> Any:
        """The place of the first chunk; None when there is none."""
        raise NotImplementedError

    def after(self, place: Any, chunk: Chunk) -> Any:
        """The place of the chunk after this one; None at the end."""
        raise NotImplementedError

    def read(self, statements: ManyStatements, connection: Connection, place: Any) -> Chunk:
        """The orders of a chunk, locked. Raises Unfit for a place of keys that cannot be looked up together."""
        raise NotImplementedError


def source(store: SqlStore, selector: Selector, size: int) -> Source:
    """The orders that a selector means, in chunks of so many. Raises TypeError, ValueError for one that means none."""
    if size < 1:
        raise ValueError(f"chunk is {size}; at least one order goes into a chunk")
    if isinstance(selector, Select):
        return Matching(_condition(store, selector), size)
    if isinstance(selector, ColumnElement):
        return Matching(selector, size)
    if isinstance(selector, str | bytes | Mapping | store.order) or not isinstance(selector, Iterable):
        raise TypeError(
            f"{selector!r} does not say which orders are meant; give a select, a condition, or keys in a list"
        )
    return Keyed(store, selector, size)


def _condition(store: SqlStore, query: Select[Any]) -> Any:
    """What a select asks of the orders."""
    orders = store.pairing.orders
    froms = query.get_final_froms()
    if query._limit_clause is not None or query._offset_clause is not None or query._fetch_clause is not None:
        raise ValueError("a select with a limit means other orders with every chunk; give the keys that it finds")
    if not any(found is orders or orders in getattr(found, "_from_objects", ()) for found in froms):
        raise TypeError(f"the select is not about {store.order.__name__}; give select({store.order.__name__}).where(…)")
    if froms == [orders] and not query._group_by_clauses:
        return true() if query.whereclause is None else query.whereclause
    keys = [column for _, column, _ in store.pairing.keys]
    found = query.order_by(None).with_only_columns(*keys, maintain_column_froms=True)
    return keys[0].in_(found) if len(keys) == 1 else tuple_(*keys).in_(found)


BEGINNING = object()
"""The place before every key."""


class Matching(Source):
    """The orders that fit a condition, by key; a place is the last key of the chunk before."""

    def __init__(self, condition: Any, size: int) -> None:
        self._condition, self._size = condition, size

    def first(self) -> Any:
        """Before every key."""
        return BEGINNING

    def after(self, place: Any, chunk: Chunk) -> Any:
        """The last key, as long as the chunk was full."""
        return chunk.rows[-1][0] if len(chunk.rows) == self._size else None

    def read(self, statements: ManyStatements, connection: Connection, place: Any) -> Chunk:
        """The next orders after a key that fit."""
        after = None if place is BEGINNING else place
        return Chunk(statements.page(connection, self._condition, after, self._size))


class Keyed(Source):
    """The orders with these keys; a place is the keys of a chunk. Each is looked at once in a chunk.

    A collection is sorted, so that everybody locks orders in the same order; an iterator is taken as it comes.
    """

    def __init__(self, store: SqlStore, keys: Iterable[Any], size: int) -> None:
        if isinstance(keys, Collection):
            self._keys: Iterable[Any] = _sorted(set(_all_verified(store, keys)))
        else:
            self._keys = (_verified(store, key) for key in keys)
        self._rest: Iterator[Any] = iter(())
        self._size = size

    def keep(self) -> None:
        """Keep the keys, to begin again with them."""
        self._keys = list(self._keys)

    def first(self) -> Any:
        """The first keys."""
        self._rest = iter(self._keys)
        return self.after(None, Chunk(()))

    def after(self, place: Any, chunk: Chunk) -> Any:
        """The next keys."""
        return list(dict.fromkeys(islice(self._rest, self._size))) or None

    def read(self, statements: ManyStatements, connection: Connection, place: Any) -> Chunk:
        """The orders with these keys."""
        rows = statements.standing(connection, place)
        if len(rows) == len(place):
            return Chunk(rows)
        found = {row[0] for row in rows}
        return Chunk(rows, [key for key in place if key not in found])


def _verified(store: SqlStore, key: Any) -> Any:
    if isinstance(key, store.order):
        names = ", ".join(f"order.{column.key}" for _, column, _ in store.pairing.keys)
        raise TypeError(f"{key!r} is an order; give its key: {names if len(store.pairing.keys) == 1 else f'({names})'}")
    store.parts(key)
    return key


def _all_verified(store: SqlStore, keys: Collection[Any]) -> Collection[Any]:
    """The same for many; where a key is one value, only a tuple is none, and an order."""
    if len(store.pairing.keys) > 1 or any(issubclass(kind, (tuple, store.order)) for kind in set(map(type, keys))):
        for key in keys:
            _verified(store, key)
    return keys


def _sorted(keys: set[Any]) -> Iterable[Any]:
    try:
        return sorted(keys)
    except TypeError:  # keys of a kind that has no order, as far as Python knows
        return keys
