"""What waits, what is dead, and what to do about it: in the caller's session; nothing here commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, delete, select, tuple_, update

from .table import Outbox, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel.store import SqlStore

__all__ = ["Letter", "dead", "dismiss", "prune", "revive", "waiting"]

MOST = 100
"""How many rows are listed, and how many are removed by one statement, unless another number is given."""


class Letter(NamedTuple):
    """A row of an outbox that is not settled: `dead_at` is None while it waits; `due_at` None: at once."""

    id: str
    order: Any
    sequence: int
    position: int
    action: str
    attempts: int
    due_at: datetime | None
    error: str | None
    dead_at: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON takes it."""
        moments = {
            "due_at": self.due_at and self.due_at.isoformat(),
            "dead_at": self.dead_at and self.dead_at.isoformat(),
        }
        order = list(self.order) if isinstance(self.order, tuple) else self.order
        return self._asdict() | {"order": order} | moments


def waiting(session: Session, orders: SqlStore | Lifecycle, *, most: int = MOST) -> list[Letter]:
    """What has not been delivered yet, by order, sequence and position."""
    return _listed(session, orders, most, dead=False)


def dead(session: Session, orders: SqlStore | Lifecycle, *, most: int = MOST) -> list[Letter]:
    """The dead letters, by order, sequence and position."""
    return _listed(session, orders, most, dead=True)


def revive(session: Session, orders: SqlStore | Lifecycle, letters: Iterable[Letter]) -> int:
    """Let relays try these dead letters again, from the first attempt on; how many were dead. The caller commits."""
    return _change(session, orders, letters, {"dead_at": None, "attempts": 0, "due_at": None, "token": None})


def dismiss(
    session: Session,
    orders: SqlStore | Lifecycle,
    letters: Iterable[Letter],
    *,
    clock: Callable[[], datetime] | None = None,
) -> int:
    """Let these dead letters be, so that the rest of their orders goes on; how many were dead. The caller commits."""
    now = clock_of(orders, clock)()
    return _change(session, orders, letters, {"settled_at": now, "token": None})


def prune(
    session: Session,
    orders: SqlStore | Lifecycle,
    *,
    older: timedelta,
    most: int = 10_000,
    clock: Callable[[], datetime] | None = None,
) -> int:
    """Remove rows that were settled longer ago than `older`, at most so many; how many went. The caller commits.

    What waits and what is dead stays, however old.
    """
    outbox = Outbox(orders)
    rows = outbox.rows
    now = clock_of(orders, clock)()
    old = select(*outbox.place(rows)).where(rows.c.settled_at < now - older).limit(most)
    gone = delete(rows).where(tuple_(*outbox.place(rows)).in_(old))
    return int(outbox.connection(session).execute(gone).rowcount)


def _listed(session: Session, orders: SqlStore | Lifecycle, most: int, *, dead: bool) -> list[Letter]:
    outbox = Outbox(orders)
    rows = outbox.rows
    columns = [rows.c[name] for name in ("action", "attempts", "due_at", "error", "dead_at")]
    wanted = select(*outbox.place(rows), *columns).where(
        rows.c.settled_at.is_(None), rows.c.dead_at.is_not(None) if dead else rows.c.dead_at.is_(None)
    )
    found = outbox.connection(session).execute(wanted.order_by(*outbox.place(rows)).limit(most))
    return [_letter(outbox, tuple(row[:-5]), row[-5:]) for row in found]


def _letter(outbox: Outbox, place: tuple[Any, ...], rest: Sequence[Any]) -> Letter:
    return Letter(outbox.id(place), outbox.order(place), *place[-2:], *rest)


def _change(session: Session, orders: SqlStore | Lifecycle, letters: Iterable[Letter], values: dict[str, Any]) -> int:
    outbox = Outbox(orders)
    rows = outbox.rows
    places = [outbox.place_of(each.order, each.sequence, each.position) for each in letters]
    if not places:
        return 0
    still = and_(tuple_(*outbox.place(rows)).in_(places), rows.c.dead_at.is_not(None), rows.c.settled_at.is_(None))
    return int(outbox.connection(session).execute(update(rows).where(still).values(values)).rowcount)
