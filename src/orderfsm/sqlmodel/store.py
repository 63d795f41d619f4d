"""Where orders and their histories are kept: reading and writing them in the caller's session. Nothing here commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from orderfsm.enforcement import refused
from orderfsm.errors import Conflict
from orderfsm.history import Actor, Entry, Link, Reason
from orderfsm.pairing import pairing

from .bases import HistoryEntry, Stateful
from .columns import STATE
from .fate import lasting
from .holds import HoldRow
from .many import ManyStatements
from .outbox import OutboxRow
from .statements import Reading, Statements
from .status import StatusQuery
from .timers import TimerRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Dialect, Executable, Row
    from sqlalchemy.orm import InstanceState
    from sqlmodel import SQLModel

    from orderfsm.enforcement import Registrar
    from orderfsm.pairing import Pairing

__all__ = ["SqlStore", "entry_of"]

T = TypeVar("T")

GIVE = "after the session comes the order itself, e.g. session.get_one(…)"

ABSENT = (
    "The tables are missing. Make yours with SQLModel.metadata.create_all(engine) or by a migration, "
    "the ready-made ones with orderfsm.sqlmodel.create_all(engine)."
)


class SqlStore:
    """Orders and histories in two tables of the service's, bound by the foreign key from one to the other.

    `order` is a class on `Stateful`, `history` one on `HistoryEntry`; `outbox`, `timers` and `holds` are the tables of
    what else is written along (the ready-made history brings its own). Raises ChartError when they do not fit together.
    """

    def __init__(
        self,
        order: type[Stateful],
        history: type[HistoryEntry],
        *,
        outbox: type[SQLModel] | None = None,
        timers: type[SQLModel] | None = None,
        holds: type[SQLModel] | None = None,
    ) -> None:
        for given, base in ((order, Stateful), (history, HistoryEntry)):
            _verify_kind(given, base)
        self.order = order
        self.history = history
        companions = history.__companions__
        self.outbox = outbox or companions.get("outbox")
        self.timers = timers or companions.get("timers")
        self.holds = holds or companions.get("holds")
        for companion, kind in ((self.outbox, OutboxRow), (self.timers, TimerRow), (self.holds, HoldRow)):
            if companion is not None:
                _verify_kind(companion, kind)
        self.pairing = pairing(order, history)
        self._reading = Reading(self.pairing)
        self.bind = {"mapper": self.pairing.mapper}

    # --- reading

    def position(self, session: Session, order: Stateful) -> tuple[str | None, int]:
        """Configuration and revision of an order, from memory where they are there; (None, 0) before it is opened."""
        state = self._state(session, order)
        if state.key is None:
            return None, 0
        held = state.dict
        try:
            return held["configuration"], held["revision"]
        except KeyError:
            return self._read(session, order, state)

    def reload(self, session: Session, order: Stateful) -> tuple[str | None, int]:
        """The same from the database, as far as the transaction sees; the rest of the order is read when asked for.

        Changes that the service has made to the object and not flushed stay.
        """
        state = self._state(session, order)
        if state.key is None:
            return None, 0
        if state.deleted:
            raise self._gone(order)
        names = [name for name in self.pairing.mapper.column_attrs.keys() if name not in state.committed_state]  # noqa: SIM118
        session.expire(order, names)
        return self._read(session, order, state)

    def _read(self, session: Session, order: Stateful, state: InstanceState[Any]) -> tuple[str | None, int]:
        connection = session.connection(self.bind)
        found = self._for(connection).position.run(connection, state.key[1]).fetchall()  # type: ignore[index]
        if not found:
            raise self._gone(order)
        configuration, revision = found[0]
        set_committed_value(order, "configuration", configuration)
        set_committed_value(order, "revision", revision)
        return configuration, revision

    def entries(self, session: Session, order: Stateful) -> list[Entry]:
        """The order's history by sequence; empty before it is opened."""
        return [entry for entry, _ in self._select(session, order, self._reading.entries)]

    def status(self, session: Session, order: Any, most: int) -> dict[str, Any] | None:
        """Where an order (an object or a key) stands, with its last entries (at most so many) as `history`.

        As JSON takes it; None when there is no such row.
        """
        key = self._identity(session, order)
        if key is None:
            return {**STATE, "history": []}
        connection = session.connection(self.bind)
        query = self._prepared(StatusQuery, connection)
        try:
            return query.run(connection, key, most)
        except (AttributeError, TypeError) as error:
            raise TypeError(f"{order!r} is neither a {self.order.__name__} nor a key of one ({error})") from error

    def _identity(self, session: Session, order: Any) -> tuple[Any, ...] | None:
        """The parts of an order's key, from an object or from a key as `key` gives it; None before it has a row."""
        if isinstance(order, self.order):
            state = self._state(session, order)
            return None if state.key is None else state.key[1]
        _verify_session(session)
        return self.parts(order)

    def parts(self, key: Any) -> tuple[Any, ...]:
        """The parts of a key as `key` gives it: a value, or a tuple; raises TypeError when there are not as many."""
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) != len(self.pairing.keys):
            raise TypeError(f"{key!r} is neither a {self.order.__name__} nor a key of one")
        return parts

    def last(self, session: Session, order: Stateful) -> Entry | None:
        """The order's last entry."""
        found = self._select(session, order, self._reading.last)
        return found[0][0] if found else None

    def keyed(self, session: Session, order: Stateful, key: str) -> tuple[Entry, str | None] | None:
        """The entry that was written under an idempotency key, with the fingerprint of its request."""
        found = self._select(session, order, self._reading.keyed, key=key)
        return found[0] if found else None

    def _select(
        self, session: Session, order: Stateful, statement: Executable, **more: str
    ) -> list[tuple[Entry, str | None]]:
        state = self._state(session, order)
        if state.key is None:
            return []
        names = (name for name, _, _ in self.pairing.keys)
        rows = session.connection(self.bind).execute(statement, dict(zip(names, state.key[1], strict=True)) | more)
        key = self.key(order)
        return [(entry_of(key, row), row.fingerprint) for row in rows]

    def _state(self, session: Session, order: Stateful) -> InstanceState[Any]:
        if not isinstance(order, self.order):
            raise TypeError(
                f"{type(order).__name__} is no {self.order.__name__}, as the orders of this lifecycle are; {GIVE}"
            )
        state: InstanceState[Any] = instance_state(order)
        if state.session is session or state.key is None:
            return state
        _verify_session(session)
        if state.was_deleted:
            raise self._gone(order)
        raise ValueError(f"{self.name(order)} does not belong to this session; get it from the session, or merge it")

    def _gone(self, order: Stateful) -> Conflict:
        return Conflict(f"{self.name(order)} is gone: its row was deleted; nothing can be sent to it")

    def confirm(self, session: Session) -> None:
        """Let the transaction's COMMIT answer for an entry that was found, as for one that it has written."""
        lasting(session.connection(self.bind))

    # --- writing

    def admit(self, session: Session, order: Stateful) -> None:
        """See to it that the order has a row, so that a history can refer to it: add it to the session and flush."""
        if instance_state(order).key is None:
            _verify_session(session)
            session.add(order)
            try:
                session.flush()
            except DBAPIError as error:
                _note_absence(error)
                raise

    def key(self, order: Stateful) -> Any:
        """The order's primary key: a value, a tuple when it has several columns, None before it has a row."""
        identity = self.identity(order)
        return identity[0] if len(identity) == 1 else identity or None

    def identity(self, order: Stateful) -> tuple[Any, ...]:
        """The values of the order's primary key, in the table's order; () before it has a row."""
        state: InstanceState[Any] = instance_state(order)
        return () if state.key is None else tuple(state.key[1])

    def touch(self, session: Session, identity: Sequence[Any]) -> bool:
        """Lock an order's row, by an UPDATE that changes nothing; False when there is no such row.

        What is read afterwards stays true until the transaction ends, for whoever else writes touches the row as well.
        """
        connection = session.connection(self.bind)
        return self._for(connection).touch.run(connection, identity).rowcount == 1

    def record(
        self,
        session: Session,
        order: Stateful,
        entry: Entry,
        fingerprint: str | None = None,
        registrar: Registrar | None = None,
    ) -> bool:
        """Write an entry and move the order to where it ends; False, and nothing is written, when somebody moved first.

        The order must still have the revision before the entry's, and no entry of it may have the entry's key.
        Raises RefusedByDatabase when the database enforces histories and does not take the entry.
        """
        state: InstanceState[Any] = instance_state(order)
        if session._deleted and state in session._deleted:
            raise ValueError(f"{self.name(order)} is about to be deleted (session.delete); nothing can be sent to it")
        connection = session.connection(self.bind)
        if registrar is not None and connection.engine not in registrar.sure:
            registrar(connection)
        values = values_of(state.key[1], entry, fingerprint)  # type: ignore[index]
        try:
            guarded = registrar is not None and connection.engine in registrar.guarded
            written = self._for(connection).record(connection, values, keyed=entry.key is not None, guarded=guarded)
        except IntegrityError as error:
            raise (refused(error) if registrar is None else registrar.refused(connection, error)) from error
        if not written:
            return False
        self._remember(session, order, state, entry)
        return True

    def _remember(self, session: Session, order: Stateful, state: InstanceState[Any], entry: Entry) -> None:
        """Bring the object up to date, all at once; it stays clean, so that the ORM writes nothing of its own."""
        held = state.dict
        held["configuration"] = entry.after
        held["code"] = entry.code
        held["category"] = entry.category
        held["revision"] = entry.sequence
        held["chart"] = entry.chart
        held["chart_version"] = entry.chart_version
        state._commit(held, STATE)  # set_committed_value() for several attributes
        session._register_altered((state,))  # or else rolling back to a savepoint would not expire the object
        if self.pairing.stamped:
            session.expire(order, self.pairing.stamped)

    def _for(self, connection: Connection) -> Statements:
        return self._prepared(Statements, connection)

    def many(self, connection: Connection) -> ManyStatements:
        """The statements for many orders at once, in the dialect of a connection."""
        return self._prepared(ManyStatements, connection)

    def _prepared(self, kind: Callable[[Pairing, Dialect], T], connection: Connection) -> T:
        """The statements of a kind, prepared once for all stores of the two tables and all engines that write alike."""
        dialect = connection.dialect
        key = (kind, dialect.name, dialect.driver, dialect.paramstyle, dialect._json_serializer)
        prepared = self.pairing.prepared
        try:
            return prepared[key]  # type: ignore[no-any-return]
        except KeyError:
            made = prepared[key] = kind(self.pairing, dialect)
            return made

    def name(self, order: Stateful) -> str:
        """The order in messages, such as `Order 17`."""
        key = self.key(order)
        return f"{type(order).__name__} {'(new)' if key is None else key}"


def _verify_kind(given: object, base: type) -> None:
    """Raise TypeError for anything but a class on a base that has a table."""
    if not isinstance(given, type) or not issubclass(given, base) or not hasattr(given, "__table__"):
        raise TypeError(f"{given!r} is no table of its kind; give a class on {base.__name__} with table=True")


def _note_absence(error: DBAPIError) -> None:
    """Tell what to do where the database lacks a table."""
    if any(said in str(error.orig) for said in ("no such table", "does not exist")):
        error.add_note(ABSENT)


def _verify_session(session: object) -> None:
    """Raise TypeError for anything but a Session, with what to give."""
    if isinstance(session, Session):
        return
    kind = type(session).__name__
    remedies = {
        "AsyncSession": "await the method of the same name with an a in front (send: asend)",
        "scoped_session": "call it: it gives the Session that it stands for",
    }
    raise TypeError(f"{kind} is no Session; {remedies.get(kind, 'give a Session of sqlmodel or sqlalchemy.orm')}")


# --- between entries and rows


def values_of(identity: Sequence[Any], entry: Entry, fingerprint: str | None) -> list[Any]:
    """The order's key, the columns of ENTRY, and the revision that the order must have."""
    actor, reason = entry.actor, entry.reason
    return [
        *identity,
        entry.sequence,
        entry.event,
        entry.before,
        entry.after,
        entry.code,
        entry.category,
        *((None, None, None) if actor is None else (actor.role, actor.id, actor.label)),
        entry.origin,
        *((None, None) if reason is None else (reason.code, reason.text)),
        [link.as_dict() for link in entry.links] if entry.links else [],
        entry.payload,
        entry.occurred_at,
        entry.recorded_at,
        entry.chart,
        entry.chart_version,
        entry.chart_profile,
        entry.chart_hash,
        entry.key,
        fingerprint,
        entry.caused_by,
        entry.corrects,
        entry.sequence - 1,
    ]


def entry_of(key: Any, row: Row[Any]) -> Entry:
    """The entry in a row that has the columns of ENTRY; `key` is the order's."""
    actor = None if row.actor_role is None else Actor(row.actor_role, row.actor_id or "", row.actor_label or "")
    reason = Reason(row.reason_code, row.reason_text) if row.reason_code or row.reason_text else None
    return Entry(
        before=row.before,
        event=row.event,
        after=row.after,
        sequence=row.sequence,
        code=row.code,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        actor=actor,
        reason=reason,
        links=tuple(Link(**link) for link in row.links),
        payload=row.payload,
        order=key,
        category=row.category,
        origin=row.origin,
        key=row.key,
        caused_by=row.caused_by,
        corrects=row.corrects,
        chart=row.chart,
        chart_version=row.chart_version,
        chart_profile=row.chart_profile,
        chart_hash=row.chart_hash,
    )
