"""An order's table and its history's: how the one refers to the other, and whether they can be used together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint, inspect

from .errors import ChartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Column, Table
    from sqlalchemy.orm import Mapper

    from .sqlmodel.bases import HistoryEntry, Stateful

__all__ = ["AFTERWARDS", "ENTRY", "Pairing", "defaults_of", "keys_of", "pairing"]

ENTRY = (
    *("sequence", "event", "before", "after", "code", "category", "actor_role", "actor_id", "actor_label", "origin"),
    *("reason_code", "reason_text", "links", "payload", "occurred_at", "recorded_at"),
    *("chart", "chart_version", "chart_profile", "chart_hash", "key", "fingerprint", "caused_by", "corrects"),
)
"""The columns of a history that are ours; the order's key comes on top."""

AFTERWARDS = {
    "configuration": "after",
    "code": "code",
    "category": "category",
    "revision": "sequence",
    "chart": "chart",
    "chart_version": "chart_version",
}
"""The order's columns, and the columns of its last entry that they repeat."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two tables and the foreign key between them.

    `keys` has the parameter's name, the order's key column and the history's column for each part of the key.
    `defaults` fill the history's other columns, `stamps` are the order's `onupdate` values that Python makes; `stamped`
    names the attributes of an order that change with every UPDATE. `prepared` is for the statements over the
    two tables, which all stores of them share.
    """

    mapper: Mapper[Any]
    orders: Table
    history: Table
    keys: tuple[tuple[str, Column[Any], Column[Any]], ...]
    stamped: tuple[str, ...]
    defaults: Mapping[str, Callable[[], Any]]
    stamps: Mapping[str, Callable[[], Any]]
    prepared: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


@lru_cache(maxsize=256)  # of classes that are made on the fly not all stay
def pairing(order: type[Stateful], history: type[HistoryEntry]) -> Pairing:
    """The pairing of two classes, made once; raises ChartError when their tables do not fit together."""
    mapper: Mapper[Any] = inspect(order)
    orders, past = _table(mapper, order), _table(inspect(history), history)
    keys = keys_of(mapper, past, history)
    locals_ = [local.name for _, _, local in keys]
    _verify_unique(past, [*locals_, "sequence"], history)
    _verify_unique(past, [*locals_, "key"], history)
    _verify_filled(past, {*locals_, *ENTRY}, history)
    stamped = tuple(p.key for p in mapper.column_attrs if getattr(p.columns[0], "onupdate", None) is not None)
    defaults = defaults_of(past, {*locals_, *ENTRY})
    stamps = {column.name: made for column in orders.columns if (made := _maker(column.onupdate))}
    return Pairing(mapper, orders, past, keys, stamped, defaults, stamps)


def keys_of(mapper: Mapper[Any], table: Table, model: type) -> tuple[tuple[str, Column[Any], Column[Any]], ...]:
    """Parameter, column of the order's key and column of the table that refers to it, for each part of the key.

    Raises ChartError when the table has no foreign key to the orders of the mapper.
    """
    orders: Any = mapper.local_table
    pairs = _columns(mapper, orders, table, model)
    return tuple((f"key_{place}", column, local) for place, (column, local) in enumerate(pairs))


def defaults_of(table: Table, filled: set[str]) -> dict[str, Callable[[], Any]]:
    """A function for each column that Python gives a default, apart from those that are filled anyway."""
    others = [column for column in table.columns if column.name not in filled]
    return {column.name: made for column in others if (made := _maker(column.default))}


def _maker(default: Any) -> Callable[[], Any] | None:
    """A function for a default that Python makes; None for one that the database makes, and for none at all."""
    if default is None or not (default.is_scalar or default.is_callable):
        return None
    return (lambda: default.arg) if default.is_scalar else (lambda: default.arg(None))


def _table(mapper: Mapper[Any], model: type) -> Table:
    table: Any = mapper.local_table
    if any(column.table is not table for column in mapper.primary_key):
        raise ChartError(f"{model.__name__} inherits its key from another table; put the state into the base's table")
    return table  # type: ignore[no-any-return]


def _columns(
    mapper: Mapper[Any], orders: Table, past: Table, history: type
) -> Iterator[tuple[Column[Any], Column[Any]]]:
    """The columns of the order's key, each with the column of the history that refers to it."""
    wanted: list[Any] = list(mapper.primary_key)
    for constraint in past.constraints:
        if isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table is orders:
            pairs: dict[Any, Column[Any]] = {element.column: element.parent for element in constraint.elements}
            if set(pairs) == set(wanted):
                yield from ((column, pairs[column]) for column in wanted)
                return
    key = f"{orders.name}.{wanted[0].name}"
    raise ChartError(
        f"{history.__name__} has no foreign key to the primary key of {mapper.class_.__name__}; "
        f"declare order_id: … = Field(foreign_key={key!r})"
    )


def _verify_unique(past: Table, columns: Sequence[str], history: type) -> None:
    sets = [c.columns for c in past.constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint)]
    sets += [index.columns for index in past.indexes if index.unique]
    if set(columns) not in [{column.name for column in found} for found in sets]:
        raise ChartError(
            f"{history.__name__} has no unique constraint on ({', '.join(columns)}); "
            f"name the columns that refer to the order in __order_key__"
        )


def _verify_filled(past: Table, filled: set[str], history: type) -> None:
    for column in past.columns:
        if column.name in filled or column.nullable or column.default or column.server_default:
            continue
        raise ChartError(f"{history.__name__}.{column.name} may not be NULL and has no default; give it one")
