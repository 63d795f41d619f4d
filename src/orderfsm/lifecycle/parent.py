"""The order that items belong to: how the items' rows refer to it, and how the items of one order are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import and_, bindparam, inspect, select

from orderfsm.errors import ChartError
from orderfsm.graph import unknown_configuration
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Column
    from sqlalchemy.orm import Session

    from orderfsm.cell import Configuration
    from orderfsm.chart import Chart
    from orderfsm.history import Actor
    from orderfsm.sqlmodel.bases import Stateful

    from .binding import Binding

__all__ = ["Found", "Parent", "Source", "named"]


@dataclass(frozen=True, slots=True)
class Parent:
    """The orders that items belong to: their lifecycle, and how they follow.

    `columns` are the columns of the item that refer to its order; they are found from the foreign key, and have to be
    named when there are several. `actor` is in whose name the roll-up acts. `charts` are other versions of the item's
    chart, under which stored items may have been written.
    """

    orders: Binding
    columns: str | Sequence[str] = ()
    actor: Actor | str | None = "system"
    charts: Sequence[Chart] = ()


class Found(NamedTuple):
    """One item of an order: where it stands (None before it is opened), and the name of its last entry."""

    configuration: Configuration | None
    entry: str


class Source:
    """The items in one table, and how their rows refer to the order. Raises ChartError when they do not."""

    def __init__(self, items: Binding, parent: Parent) -> None:
        self.items = items
        mapper: Any = inspect(items.store.order)
        self.table = mapper.local_table
        self._bind = {"mapper": mapper}
        columns = self._columns = _columns(items, parent)
        self._attributes = [mapper.get_property_by_column(column).key for column in columns]
        self._charts = (items.table, *map(compile, parent.charts))
        self._keys = len(mapper.primary_key)
        state = (self.table.c[name] for name in ("configuration", "revision", "chart_version"))
        mine = and_(*(column == bindparam(f"key_{place}") for place, column in enumerate(columns)))
        self._select = select(*mapper.primary_key, *state).where(mine).order_by(*mapper.primary_key)

    def order_of(self, item: Stateful) -> tuple[Any, ...] | None:
        """The key of the order that an item belongs to; None when it belongs to none."""
        key = tuple(getattr(item, name) for name in self._attributes)
        return None if None in key else key

    def orders_of(self, session: Session, items: Sequence[Any]) -> dict[tuple[Any, ...], list[Any]]:
        """The orders of many items (their keys are given), by key, each with its items."""
        found: dict[tuple[Any, ...], list[Any]] = {}
        many = self.items.store.many(session.connection(self._bind))
        for row in many.beside(session.connection(self._bind), items, self._columns):
            key = tuple(row[self._keys :])
            if None not in key:
                found.setdefault(key, []).append(row[0] if self._keys == 1 else tuple(row[: self._keys]))
        return found

    def read(self, session: Session, key: Sequence[Any]) -> Iterator[Found]:
        """The items of the order with this key, by their own keys."""
        parameters = {f"key_{place}": value for place, value in enumerate(key)}
        for row in session.connection(self._bind).execute(self._select, parameters):
            configuration, revision, version = row[self._keys :]
            here = self._configuration(configuration, version) if revision else None
            yield Found(here, named(self.items, row[: self._keys], revision))

    def _configuration(self, text: str, version: str) -> Configuration:
        """What the text means: in the chart of that version first, else in any of them."""
        for table in sorted(self._charts, key=lambda table: table.chart.version != version):
            if text in table.configurations:
                return table.configurations[text]
        raise unknown_configuration(self.items.table, text)


def named(orders: Binding, key: Sequence[Any], sequence: int) -> str:
    """The name of an entry: the history's table, the order's key and the sequence, as in `item_history/7#3`."""
    return f"{orders.store.history.__tablename__}/{','.join(quote(str(part), safe='') for part in key)}#{sequence}"


# --- the columns that refer to the order


def _columns(items: Binding, parent: Parent) -> tuple[Column[Any], ...]:
    """The item's columns that refer to its order, in the order of the order's key."""
    item, order = items.store.order, parent.orders.store.order
    found = _references(inspect(item), inspect(order))
    wanted = set([parent.columns] if isinstance(parent.columns, str) else parent.columns) - {""}
    fitting = [columns for columns in found if not wanted or {column.name for column in columns} == wanted]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        told = f" in {', '.join(sorted(wanted))}" if wanted else ""
        raise ChartError(f"{item.__name__} has no foreign key{told} to the key of {order.__name__}; declare one")
    several = " and by ".join(", ".join(column.name for column in columns) for columns in fitting)
    raise ChartError(
        f"{item.__name__} refers to {order.__name__} by {several}; say which is meant: Parent(…, columns=…)"
    )


def _references(item: Any, order: Any) -> Iterator[tuple[Column[Any], ...]]:
    """The columns of each foreign key from the one mapper's table to the primary key of the other's."""
    for constraint in sorted(item.local_table.foreign_key_constraints, key=lambda found: list(found.column_keys)):
        pairs: dict[Any, Column[Any]] = {element.column: element.parent for element in constraint.elements}
        if set(pairs) == set(order.primary_key):
            yield tuple(pairs[column] for column in order.primary_key)
