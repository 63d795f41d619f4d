"""The holds of orders in their table: which there are, placing and releasing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, exists, func, insert, inspect, select, update

from orderfsm.errors import Blocker, NotEnabled
from orderfsm.history import Actor, Reason
from orderfsm.pairing import keys_of
from orderfsm.sqlmodel.statements import Prepared

from .holding import Hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from orderfsm.cell import Step
    from orderfsm.history import Entry
    from orderfsm.sqlmodel.bases import Stateful
    from orderfsm.sqlmodel.store import SqlStore

    from .binding import Decision
    from .holding import HoldStates
    from .request import Request

__all__ = ["HoldBook", "HoldsEnd", "remaining"]


class HoldBook:
    """The table of holds beside a table of orders. Whoever writes has touched the order's row before."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._bind = store.bind
        self._prepared: dict[str, Prepared] = {}
        holds: Any = inspect(store.holds)
        self._table = holds.local_table
        keys = keys_of(inspect(store.order), self._table, holds.class_)
        self._keys = keys
        self._locals = [local.name for _, _, local in keys]
        self._mine = and_(*(local == bindparam(f"of_{local.name}", type_=local.type) for _, _, local in keys))

    def of(self, session: Session, order: Stateful) -> list[Hold]:
        """The order's holds in the order in which they were placed, released ones among them."""
        return [_hold(row) for row in self._rows(session, order)]

    def active(self, session: Session, order: Stateful) -> dict[str, Hold]:
        """The holds that are not released, by name."""
        return {hold.name: hold for hold in self.of(session, order) if hold.active}

    def any(self, session: Session, order: Stateful) -> bool:
        """Whether any hold is not released. Locks the order's row first, so that the answer stays true."""
        identity = self._store.identity(order)
        connection = self._connection(session)
        if connection.dialect.name != "sqlite":  # where whoever writes has the database to himself
            self._store.touch(session, identity)
        prepared = self._prepared.get(connection.dialect.driver)
        if prepared is None:
            left = select(exists().where(self._mine, self._table.c.released_at.is_(None)))
            names = tuple(f"of_{name}" for name in self._locals)
            prepared = self._prepared[connection.dialect.driver] = Prepared(left, connection.dialect, names)
        return bool(prepared.run(connection, identity).fetchall()[0][0])

    def among(self, session: Session, keys: Sequence[Any]) -> set[Any]:
        """Those of many orders (their keys are given; they are locked) that have a hold that is not released."""
        connection = self._connection(session)
        left = self._table.c.released_at.is_(None)
        return self._store.many(connection).among(connection, keys, self._keys, left)

    def keyed(self, session: Session, order: Stateful, column: str, key: str) -> tuple[Hold, str] | None:
        """The hold that was placed (`key`) or released (`release_key`) under a key, with the request's fingerprint."""
        fingerprint = column.replace("key", "fingerprint")
        for row in self._rows(session, order, self._table.c[column] == key):
            return _hold(row), getattr(row, fingerprint)
        return None

    def place(self, session: Session, order: Stateful, name: str, request: Request, sequence: int | None) -> Hold:
        """Write a new hold."""
        number = select(func.coalesce(func.max(self._table.c.hold_number), 0) + 1).where(self._mine)
        key = self._key(order)
        values: dict[str, Any] = {local: key[f"of_{local}"] for local in self._locals}
        values |= {"hold_number": self._connection(session).execute(number, key).scalar_one(), "name": name}
        values |= _said("holder_", "reason_", request.actor, request.reason)
        values |= {"placed_at": request.recorded_at, "placed_sequence": sequence}
        values |= {"key": request.key, "fingerprint": request.fingerprint}
        self._connection(session).execute(insert(self._table).values(values))
        return self.active(session, order)[name]

    def release(self, session: Session, order: Stateful, hold: Hold, request: Request, sequence: int | None) -> Hold:
        """Write that a hold has ended."""
        values = _said("released_", "release_reason_", request.actor, request.reason)
        values |= {"released_at": request.recorded_at, "released_sequence": sequence}
        values |= {"release_key": request.key, "release_fingerprint": request.fingerprint}
        one = update(self._table).where(self._mine, self._table.c.hold_number == bindparam("of_hold")).values(values)
        self._connection(session).execute(one, self._key(order) | {"of_hold": hold.number})
        return next(found for found in self.of(session, order) if found.number == hold.number)

    def end(self, session: Session, order: Stateful, entry: Entry) -> None:
        """Write that every hold has ended with an entry: by its actor, for its reason."""
        values = _said("released_", "release_reason_", entry.actor, entry.reason)
        values |= {"released_at": entry.recorded_at, "released_sequence": entry.sequence}
        all_ = update(self._table).where(self._mine, self._table.c.released_at.is_(None)).values(values)
        self._connection(session).execute(all_, self._key(order))

    def _rows(self, session: Session, order: Stateful, *conditions: Any) -> list[Any]:
        query = select(self._table).where(self._mine, *conditions).order_by(self._table.c.hold_number)
        return list(self._connection(session).execute(query, self._key(order))) if self._store.identity(order) else []

    def _key(self, order: Stateful) -> dict[str, Any]:
        return {f"of_{name}": value for name, value in zip(self._locals, self._store.identity(order), strict=True)}

    def _connection(self, session: Session) -> Any:
        return session.connection(self._bind)


class HoldsEnd:
    """After an entry that leads out of the states in which an order is held: its holds end with it, or refuse it."""

    def __init__(self, chart: str, states: HoldStates, book: HoldBook) -> None:
        self._chart = chart
        self._states = states
        self._book = book

    def concerns(self, decided: Decision) -> bool:
        """Whether the order would be held no longer."""
        return decided.before in self._states and decided.after not in self._states

    def may_refuse(self, session: Session, order: Stateful, decided: Decision) -> bool:
        """Whether there are holds that would have to end."""
        return self.concerns(decided) and self._book.any(session, order)

    def bound(self, session: Session, keys: Sequence[Any]) -> set[Any]:
        """Those of many orders for which there is something to write: they have holds. Raises Unfit."""
        return self._book.among(session, keys)

    def recorded(self, session: Session, order: Stateful, entry: Entry, step: Step | None) -> None:
        """End the holds that are left; refuse to resume while there are any."""
        if entry.before not in self._states or entry.after in self._states:
            return
        left = self._book.active(session, order) if self._book.any(session, order) else {}
        if left and step is not None and entry.event == self._states.holding.resume:
            raise NotEnabled(self._chart, str(entry.before), entry.event, (remaining(entry.event, left),))
        if left:
            self._book.end(session, order, entry)


def remaining(event: str, left: dict[str, Hold]) -> Blocker:
    """Why an order does not go on: its holds."""
    names = ", ".join(left)
    return Blocker("held", f"{event} has to wait: the order is held by {names}; release them", {"holds": list(left)})


def _said(by: str, why: str, actor: Actor | None, reason: Reason | None) -> dict[str, Any]:
    who = (None, None, None) if actor is None else (actor.role, actor.id, actor.label)
    told = (None, None) if reason is None else (reason.code, reason.text)
    return dict(zip((f"{by}role", f"{by}id", f"{by}label", f"{why}code", f"{why}text"), (*who, *told), strict=True))


def _hold(row: Any) -> Hold:
    return Hold(
        name=row.name,
        holder=_actor(row.holder_role, row.holder_id, row.holder_label),
        reason=_reason(row.reason_code, row.reason_text),
        placed_at=row.placed_at,
        placed_sequence=row.placed_sequence,
        key=row.key,
        released_at=row.released_at,
        released_by=_actor(row.released_role, row.released_id, row.released_label),
        release_reason=_reason(row.release_reason_code, row.release_reason_text),
        released_sequence=row.released_sequence,
        release_key=row.release_key,
        number=row.hold_number,
    )


def _actor(role: str | None, name: str | None, label: str | None) -> Actor | None:
    return None if role is None else Actor(role, name or "", label or "")


def _reason(code: str | None, text: str | None) -> Reason | None:
    return Reason(code, text) if code or text else None
