"""The lane on PostgreSQL: two round trips for a group. Its rows travel as one JSON document.

The first locks the orders, by key, so that two writers never wait for each other, and reads where they stand. The
second appends all entries, moves all orders and commits.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Integer, String, Text, and_, bindparam, cast, column, func, insert, select, update

from orderfsm.pairing import ENTRY
from orderfsm.sqlmodel.driver import piped, wrapped
from orderfsm.sqlmodel.statements import AFTERWARDS, Prepared

from .group import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from orderfsm.history import Entry
    from orderfsm.pairing import Pairing

    from .group import Identity, Position, Row

__all__ = ["PostgresqlLane"]

CHART = ("chart", "chart_version", "chart_profile", "chart_hash")
"""What all entries of a group have in common."""


class PostgresqlLane(Lane):
    """Set by set; each statement gets its rows as one parameter."""

    def __init__(self, pairing: Pairing, connection: Connection) -> None:
        self._connection = connection
        self._statements = Statements(pairing, connection)
        self._errors: Any = connection.dialect.loaded_dbapi.Error

    def forget(self) -> None:
        """Nothing is remembered."""

    def standing(self, identities: Sequence[Identity]) -> dict[Identity, Position]:
        """Where orders stand; their rows are locked, in the order of their keys."""
        if not identities:
            return {}
        rows = self._run(self._statements.standing, self._statements.asked(identities))
        return {identities[place]: (configuration, revision) for place, configuration, revision in rows}

    def used(self, keys: Sequence[tuple[Identity, str]]) -> set[tuple[Identity, str]]:
        """Which keys were used before."""
        asked = self._statements.asked([identity for identity, _ in keys], [key for _, key in keys])
        return {keys[place] for (place,) in self._run(self._statements.used, asked)}

    def _run(self, statement: Prepared, rows: list[dict[str, Any]]) -> Sequence[Any]:
        values = (_document(rows),)
        driver = piped(self._connection)
        if driver is None:
            return statement.run(self._connection, values).fetchall()
        try:
            with driver.pipeline():  # BEGIN, if it is needed, goes along
                return driver.execute(statement.text, statement.parameters(values)).fetchall()  # type: ignore[no-any-return]
        except self._errors as error:
            raise lost(self._connection, statement.text, error) from error

    def write(self, rows: Sequence[Row], moves: Mapping[Identity, tuple[Row, int]]) -> None:
        """Append the entries, then move the orders, unless constraints have moved them."""
        for statement, values in self._writing(rows, moves):
            statement.run(self._connection, values)

    def finish(
        self, rows: Sequence[Row], moves: Mapping[Identity, tuple[Row, int]], commit: Callable[[], None]
    ) -> None:
        """The same, and COMMIT, all at once."""
        driver = piped(self._connection)
        if driver is None or not rows:
            super().finish(rows, moves, commit)
            return
        try:
            with driver.pipeline():
                for statement, values in self._writing(rows, moves):
                    driver.execute(statement.text, statement.parameters(values))
                driver.commit()
        except self._errors as error:
            raise lost(self._connection, None, error) from error
        commit()  # for SQLAlchemy; there is nothing left to send

    def _writing(
        self, rows: Sequence[Row], moves: Mapping[Identity, tuple[Row, int]]
    ) -> Iterator[tuple[Prepared, Sequence[Any]]]:
        statements, entry = self._statements, rows[0].entry
        chart = (entry.chart, entry.chart_version, entry.chart_profile, entry.chart_hash)
        yield statements.append, (_document([statements.appended(row) for row in rows]), *chart)
        moved = [statements.moved(row, revision) for row, revision in moves.values()]
        yield statements.move, (_document(moved), *chart)


def lost(connection: Connection, statement: str | None, error: Exception) -> BaseException:
    """The driver's error as SQLAlchemy raises it; a connection that is lost is not used again."""
    found = wrapped(connection, statement, None, error)
    if connection.connection.driver_connection.closed:  # type: ignore[union-attr]
        connection.invalidate(error)
        found.connection_invalidated = True  # type: ignore[attr-defined]
    return found


class Statements:
    """The statements of the lane, and the rows that they take."""

    def __init__(self, pairing: Pairing, connection: Connection) -> None:
        self._dialect = connection.dialect
        self._pairing = pairing
        self._names = tuple(name for name, _, _ in pairing.keys)
        self._processed = [(name, made) for name, key, _ in pairing.keys if (made := self._processor(key.type))]
        past, orders = pairing.history.c, pairing.orders.c
        self._defaults = [(name, make, self._process(past[name].type)) for name, make in pairing.defaults.items()]
        self._stamps = [(name, make, self._process(orders[name].type)) for name, make in pairing.stamps.items()]
        self.standing, self.used = self._standing(), self._used()
        self.append, self.move = self._append(), self._move()

    def _processor(self, type_: Any) -> Callable[[Any], Any] | None:
        """What makes of a value what the driver would get; JSON stays what it is, because it goes into JSON."""
        return None if isinstance(type_, JSON) else type_.dialect_impl(self._dialect).bind_processor(self._dialect)

    def _process(self, type_: Any) -> Callable[[Any], Any]:
        return self._processor(type_) or (lambda value: value)

    def _given(self, columns: Mapping[str, Any]) -> Any:
        """The rows of the JSON document, as a table with the columns of these names and types."""
        keys = {name: column.type for name, column, _ in self._pairing.keys}
        made = [column(name, type_) for name, type_ in (keys | dict(columns)).items()]
        rows = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON))
        return rows.table_valued(*made, name="given").render_derived(name="given", with_types=True)

    def _prepared(self, statement: Any, *names: str) -> Prepared:
        return Prepared(statement, self._dialect, ("rows", *names))

    def _standing(self) -> Prepared:
        orders, given = self._pairing.orders, self._given({"place": Integer()})
        mine = and_(*(key == given.c[name] for name, key, _ in self._pairing.keys))
        statement = select(given.c.place, orders.c.configuration, orders.c.revision)
        locked = statement.select_from(given.join(orders, mine)).order_by(*orders.primary_key)
        return self._prepared(locked.with_for_update(key_share=True, of=orders))

    def _used(self) -> Prepared:
        past, given = self._pairing.history, self._given({"place": Integer(), "key": String()})
        ours = and_(*(local == given.c[name] for name, _, local in self._pairing.keys), past.c.key == given.c.key)
        return self._prepared(select(given.c.place).select_from(given.join(past, ours)))

    def _append(self) -> Prepared:
        past = self._pairing.history
        named = [name for name in ENTRY if name not in CHART] + list(self._pairing.defaults)
        given = self._given({name: past.c[name].type for name in named})
        values = {local.name: given.c[name] for name, _, local in self._pairing.keys}
        values |= {name: given.c[name] for name in named}
        values |= {name: bindparam(name, type_=past.c[name].type) for name in CHART}
        statement = insert(past).from_select(list(values), select(*values.values()).select_from(given))
        return self._prepared(statement.inline(), *CHART)

    def _move(self) -> Prepared:
        past, orders = self._pairing.history, self._pairing.orders
        types = {name: past.c[name].type for name in AFTERWARDS.values() if name not in CHART}
        types |= {"revision": Integer()}
        types |= {f"stamp_{name}": orders.c[name].type for name in self._pairing.stamps}
        given = self._given(types)
        values = {name: given.c[written] for name, written in AFTERWARDS.items() if written not in CHART}
        values |= {name: bindparam(name, type_=past.c[name].type) for name in AFTERWARDS if name in CHART}
        values |= {name: given.c[f"stamp_{name}"] for name in self._pairing.stamps}
        mine = [key == given.c[name] for name, key, _ in self._pairing.keys]
        moved = [given.c.sequence] if self._pairing.stamps else []  # a trigger has moved it, and knows of no stamps
        statement = update(orders).values(values).where(*mine, orders.c.revision.in_([given.c.revision, *moved]))
        return self._prepared(statement, *CHART)

    # --- rows

    def asked(self, identities: Sequence[Identity], keys: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Orders by their place in the list, each with a key if there are any."""
        rows = []
        for place, identity in enumerate(identities):
            row = self._key(identity)
            row["place"] = place
            if keys:
                row["key"] = keys[place]
            rows.append(row)
        return rows

    def _key(self, identity: Identity) -> dict[str, Any]:
        found = dict(zip(self._names, identity, strict=True))
        for name, process in self._processed:
            found[name] = process(found[name])
        return found

    def appended(self, row: Row) -> dict[str, Any]:
        """An entry's columns; what is absent is NULL."""
        found = self._key(row.identity)
        _tell(row.entry, found)
        if row.fingerprint is not None:
            found["fingerprint"] = row.fingerprint
        for name, make, process in self._defaults:
            found[name] = process(make())
        return found

    def moved(self, row: Row, revision: int) -> dict[str, Any]:
        """An order's columns after its last entry, and the revision that it has."""
        entry, found = row.entry, self._key(row.identity)
        found["after"], found["code"], found["category"] = entry.after, entry.code, entry.category
        found["sequence"], found["revision"] = entry.sequence, revision
        for name, make, process in self._stamps:
            found[f"stamp_{name}"] = process(make())
        return found


def _tell(entry: Entry, told: dict[str, Any]) -> None:
    """An entry in the columns of a history, without those that are NULL and those that all have in common."""
    actor, reason = entry.actor, entry.reason
    told["sequence"], told["event"] = entry.sequence, entry.event
    told["before"], told["after"] = entry.before, entry.after
    told["origin"] = entry.origin
    told["links"] = [link.as_dict() for link in entry.links] if entry.links else entry.links
    told["occurred_at"], told["recorded_at"] = _moment(entry.occurred_at), _moment(entry.recorded_at)
    if entry.code is not None:
        told["code"] = entry.code
    if entry.category is not None:
        told["category"] = entry.category
    if entry.payload is not None:
        told["payload"] = entry.payload
    if entry.key is not None:
        told["key"] = entry.key
    if entry.caused_by is not None:
        told["caused_by"] = entry.caused_by
    if actor is not None:
        told["actor_role"], told["actor_id"], told["actor_label"] = actor.role, actor.id, actor.label
    if reason is not None:
        told["reason_code"], told["reason_text"] = reason.code, reason.text


@lru_cache(maxsize=4)
def _moment(moment: datetime | None) -> str | None:
    """The text of a moment; the entries of a group share theirs."""
    return None if moment is None else moment.isoformat()


def _document(rows: Sequence[Mapping[str, Any]]) -> str:
    return _ENCODER.encode(rows)


def _plain(value: object) -> str:
    """The text from which PostgreSQL makes the value that JSON does not know."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return str(value)


_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"), allow_nan=False)
