"""The statements over a pairing: Core's, compiled once per dialect, sent as strings of the driver's own.

That is most of the difference in time between this and the ORM.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import JSON, and_, bindparam, delete, exists, insert, literal_column, select, update

from orderfsm.enforcement import OVERTAKEN
from orderfsm.pairing import AFTERWARDS, ENTRY

from .driver import direct, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Dialect, Executable

    from orderfsm.pairing import Pairing

__all__ = ["AFTERWARDS", "Reading", "Statements"]


class Reading:
    """The queries for a history: `entries` by sequence, the `last` one, the one that was written under a `key`."""

    def __init__(self, pairing: Pairing) -> None:
        past = pairing.history
        mine = select(*(past.c[name] for name in ENTRY)).where(_in_history(pairing))
        self.entries: Executable = mine.order_by(past.c.sequence)
        self.last: Executable = mine.order_by(past.c.sequence.desc()).limit(1)
        self.keyed: Executable = mine.where(past.c.key == bindparam("key"))


class Statements:
    """The statements of the hot path for one dialect."""

    def __init__(self, pairing: Pairing, dialect: Dialect) -> None:
        names = tuple(name for name, _, _ in pairing.keys)
        orders = pairing.orders
        position = select(orders.c.configuration, orders.c.revision).where(_in_orders(pairing))
        self.position = Prepared(position, dialect, names)
        self.touch = Prepared(_unchanged(pairing).where(_in_orders(pairing)), dialect, names)
        self._together = dialect.name == "postgresql"
        entry = _moving if self._together else _appending
        entries = [entry(pairing, condition) for condition in (_free(pairing), _free_of_key(pairing))]
        defaults = {f"default_{name}": made for name, made in pairing.defaults.items()}
        stamps = {f"stamp_{name}": made for name, made in pairing.stamps.items()}
        self._made = tuple((defaults | stamps).values())
        names = (*names, *ENTRY, "revision", *defaults, *stamps)
        self._plain, self._keyed = (Prepared(statement, dialect, names) for statement in entries)
        moved = _in_orders(pairing) if pairing.stamped else _free(pairing)
        self._move = Prepared(_move(pairing).where(moved), dialect, names)
        self._bare = None if self._together or pairing.stamped else Prepared(_bare(pairing), dialect, names)
        self._undo = Prepared(_undo(pairing), dialect, names)

    def record(self, connection: Connection, values: Sequence[Any], *, keyed: bool, guarded: bool = False) -> bool:
        """Append the entry and move the order; False, and neither, when the order is not at the revision in `values`.

        `values` are the order's key, the columns of ENTRY, and the revision. One round trip on PostgreSQL. Elsewhere
        the entry comes first, because constraints refuse entries: then nothing of the two has been written. Where the
        database is `guarded`, it moves the order by itself, and our own UPDATE finds nothing to do.
        """
        if self._made:
            values = [*values, *(make() for make in self._made)]
        if guarded and self._bare is not None:
            driver = direct(connection)
            if driver is not None:
                return self._entered(connection, driver, self._bare, values)
        entry = self._keyed if keyed else self._plain
        if entry.run(connection, values).rowcount != 1:
            return False
        if not self._together:
            self._move.run(connection, values)
        return True

    def _entered(self, connection: Connection, driver: Any, bare: Prepared, values: Sequence[Any]) -> bool:
        """The same by one INSERT, which SQLite's triggers judge, and follow by moving the order."""
        parameters = bare.parameters(values)
        before = driver.total_changes
        try:
            driver.execute(bare.text, parameters)
        except driver.IntegrityError as error:
            if str(error) in OVERTAKEN or self._revision(connection, values) != self._expected(values):
                return False
            raise wrapped(connection, bare.text, parameters, error) from error
        except driver.Error as error:
            raise wrapped(connection, bare.text, parameters, error) from error
        return driver.total_changes - before == 2 or self._moved(connection, values)

    def _moved(self, connection: Connection, values: Sequence[Any]) -> bool:
        """See to it that the order was moved, when there were not two changes: other triggers work, or ours do not."""
        if self._revision(connection, values) == self._expected(values) + 1:
            return True
        if self._move.run(connection, values).rowcount == 1:
            return True
        self._undo.run(connection, values)
        return False

    def _revision(self, connection: Connection, values: Sequence[Any]) -> int | None:
        """The order's revision as it is; None when it is gone."""
        found = self.position.run(connection, values).fetchall()
        return found[0][1] if found else None

    def _expected(self, values: Sequence[Any]) -> int:
        """The revision that the order must have."""
        expected: int = values[len(values) - len(self._made) - 1]
        return expected


def _in_orders(pairing: Pairing) -> Any:
    return and_(*(column == bindparam(name, type_=column.type) for name, column, _ in pairing.keys))


def _in_history(pairing: Pairing) -> Any:
    return and_(*(local == bindparam(name, type_=local.type) for name, _, local in pairing.keys))


def _free(pairing: Pairing) -> Any:
    """Whether the order still has the revision that was read."""
    return and_(_in_orders(pairing), pairing.orders.c.revision == bindparam("revision"))


def _free_of_key(pairing: Pairing) -> Any:
    """Whether, besides, no entry of the order has the key."""
    used = exists().where(_in_history(pairing), pairing.history.c.key == bindparam("key"))
    return and_(_free(pairing), ~used)


def _move(pairing: Pairing) -> Any:
    past = pairing.history
    values = {name: bindparam(written, type_=past.c[written].type) for name, written in AFTERWARDS.items()}
    stamps = {name: bindparam(f"stamp_{name}", type_=pairing.orders.c[name].type) for name in pairing.stamps}
    return update(pairing.orders).values(values | stamps)


def _unchanged(pairing: Pairing) -> Any:
    """An UPDATE to the values that are there; the order's `onupdate` values are among them."""
    orders = pairing.orders
    same = [orders.c.revision, *(column for column in orders.columns if column.onupdate is not None)]
    return update(orders).values({column.name: column for column in same})


def _appending(pairing: Pairing, condition: Any) -> Any:
    """INSERT INTO history SELECT … FROM orders WHERE the condition holds."""
    columns = _columns(pairing)
    row = select(*columns.values()).select_from(pairing.orders).where(condition)
    return insert(pairing.history).from_select(list(columns), row).inline()


def _bare(pairing: Pairing) -> Any:
    """INSERT INTO history VALUES …: the database compares the revision."""
    columns = _columns(pairing)
    return insert(pairing.history).values(columns).inline()


def _undo(pairing: Pairing) -> Any:
    """DELETE FROM history: the entry that nobody should have taken."""
    past = pairing.history
    return delete(past).where(_in_history(pairing), past.c.sequence == bindparam("sequence"))


def _moving(pairing: Pairing, condition: Any) -> Any:
    """WITH moved AS (UPDATE orders … WHERE the condition holds RETURNING) INSERT INTO history SELECT … FROM moved."""
    moved = _move(pairing).where(condition).returning(literal_column("1").label("moved")).cte("moved")
    columns = _columns(pairing)
    return insert(pairing.history).from_select(list(columns), select(*columns.values()).select_from(moved)).inline()


def _columns(pairing: Pairing) -> dict[str, Any]:
    """Column -> parameter, for a new row of the history."""
    past = pairing.history
    given = {local.name: bindparam(name, type_=local.type) for name, _, local in pairing.keys}
    given |= {name: bindparam(name, type_=past.c[name].type) for name in ENTRY}
    return given | {name: bindparam(f"default_{name}", type_=past.c[name].type) for name in pairing.defaults}


class Prepared:
    """A Core statement with its text for one dialect, and what it takes to fill its parameters.

    `names` are those of the values that `run` gets, in their order.
    """

    __slots__ = ("_core", "_names", "_pick", "_processors", "text")

    def __init__(self, core: Any, dialect: Dialect, names: tuple[str, ...]) -> None:
        compiled = core.compile(dialect=dialect)
        places = {name: place for place, name in enumerate(names)}
        self._core = core
        self.text = str(compiled)
        self._names = names
        self._processors = [(places[name], process) for name, process in _processors(compiled.binds, dialect)]
        self._pick = _picker(compiled.positiontup, {name: places[name] for name in compiled.binds})

    def run(self, connection: Connection, values: Sequence[Any]) -> Outcome:
        """Execute the statement with these values."""
        if "schema_translate_map" in connection.get_execution_options():
            named = dict(zip(self._names, values, strict=True))
            return connection.execute(self._core, named, execution_options={"preserve_rowcount": True})
        parameters = self.parameters(values)
        driver = direct(connection)
        if driver is None:
            return connection.exec_driver_sql(self.text, parameters)
        try:
            return driver.execute(self.text, parameters)  # type: ignore[no-any-return]
        except driver.Error as error:
            raise wrapped(connection, self.text, parameters, error) from error

    def parameters(self, values: Sequence[Any]) -> Any:
        """What the driver takes for these values."""
        bound = [*values]
        for place, process in self._processors:
            value = bound[place]
            if value is not None:
                bound[place] = process(value)
        return self._pick(bound)


class Outcome(Protocol):
    """What a statement did: how many rows it changed, and the rows that it gives."""

    @property
    def rowcount(self) -> int: ...
    def fetchall(self) -> Sequence[Sequence[Any]]: ...


def _picker(ordered: Sequence[str] | None, places: Mapping[str, int]) -> Callable[[list[Any]], Any]:
    """From the values to what the driver takes: a tuple by position, or a mapping."""
    if ordered is None:
        items = tuple(places.items())
        return lambda bound: {name: bound[place] for name, place in items}
    order = [places[name] for name in ordered]
    return itemgetter(*order) if len(order) > 1 else lambda bound: (bound[order[0]],)


def _processors(binds: Mapping[str, Any], dialect: Dialect) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """What has to be done to a parameter before the driver gets it, for those where that is anything."""
    for name, bind in binds.items():
        process = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if process is not None:
            yield name, _shortened(process) if isinstance(bind.type, JSON) else process


def _shortened(process: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same for JSON, with the empty list, which most entries hold, made once."""
    empty = process([])
    return lambda value: empty if value == [] else process(value)
