"""What an entry emits goes into the outbox, in the transaction of the entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, inspect

from orderfsm.pairing import defaults_of, keys_of
from orderfsm.sqlmodel.given import Unfit
from orderfsm.sqlmodel.many import Companion
from orderfsm.sqlmodel.statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Dialect
    from sqlalchemy.orm import Session

    from orderfsm.cell import Step
    from orderfsm.history import Entry
    from orderfsm.sqlmodel.bases import Stateful
    from orderfsm.sqlmodel.store import SqlStore
    from orderfsm.table import Table

    from .binding import Decision
    from .written import Written

__all__ = ["Emission", "emits"]

OWN = ("sequence", "position", "action")


def emits(table: Table) -> bool:
    """Whether any step of a chart has an action."""
    return any(step.actions for step in table.edges())


class Emission:
    """After each entry one row per action of its step, in their order. A Follower; nothing else is written twice."""

    def __init__(self, store: SqlStore) -> None:
        outbox: Any = inspect(store.outbox)
        self._outbox = outbox.local_table
        self._keys = keys_of(inspect(store.order), self._outbox, outbox.class_)
        self._defaults = defaults_of(self._outbox, {*(local.name for _, _, local in self._keys), *OWN})
        self._store = store
        self._prepared: dict[tuple[str, str], Prepared] = {}
        self._many: dict[tuple[str, str], Companion] = {}

    def concerns(self, decided: Decision) -> bool:
        """Whether the step has actions."""
        return decided.step is not None and bool(decided.step.actions)

    def recorded(self, session: Session, order: Stateful, entry: Entry, step: Step | None) -> None:
        """Write the step's actions; an entry that no arrow led to has none."""
        if step is None or not step.actions:
            return
        connection = session.connection(self._store.bind)
        self._emit(connection, self._store.identity(order), entry.sequence, step.actions)

    def _emit(self, connection: Connection, identity: Sequence[Any], sequence: int, actions: Sequence[str]) -> None:
        insert = self._for(connection.dialect)
        for position, action in enumerate(actions, 1):
            more = (made() for made in self._defaults.values())
            insert.run(connection, (*identity, sequence, position, action, *more))

    def recorded_many(self, session: Session, written: Written) -> None:
        """Write the step's actions for many orders."""
        connection = session.connection(self._store.bind)
        many = self._many_for(connection.dialect)
        try:
            for position, action in enumerate(written.step.actions, 1):
                many.add(connection, written.keys, written.sequences, position, action)
        except Unfit:
            for identity, sequence in written.each():
                self._emit(connection, identity, sequence, written.step.actions)

    def _for(self, dialect: Dialect) -> Prepared:
        known = self._prepared.get((dialect.name, dialect.driver))
        if known is None:
            known = self._prepared[dialect.name, dialect.driver] = self._insert(dialect)
        return known

    def _many_for(self, dialect: Dialect) -> Companion:
        known = self._many.get((dialect.name, dialect.driver))
        if known is None:
            values = {name: bindparam(f"same_{name}", type_=self._outbox.c[name].type) for name in OWN[1:]}
            names = tuple(f"same_{name}" for name in values)
            made = Companion(self._outbox, self._keys, dialect, values, names, self._defaults)
            known = self._many[dialect.name, dialect.driver] = made
        return known

    def _insert(self, dialect: Dialect) -> Prepared:
        columns = [*(local for _, _, local in self._keys), *(self._outbox.c[name] for name in (*OWN, *self._defaults))]
        values = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in columns}
        return Prepared(insert(self._outbox).values(values).inline(), dialect, tuple(f"new_{name}" for name in values))
