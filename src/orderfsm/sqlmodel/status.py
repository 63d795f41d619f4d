"""Where an order stands and its last entries, as JSON takes them: one statement, and no object per row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, bindparam, select

from orderfsm.pairing import ENTRY

from .columns import STATE
from .statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Dialect

    from orderfsm.pairing import Pairing

__all__ = ["StatusQuery"]

ORDER = tuple(STATE)


class StatusQuery:
    """The statement for one dialect: the order beside its last entries, the oldest first."""

    def __init__(self, pairing: Pairing, dialect: Dialect) -> None:
        orders, past = pairing.orders, pairing.history
        names = tuple(name for name, _, _ in pairing.keys)
        recent = past.c.sequence > orders.c.revision - bindparam("most", type_=Integer())  # sequences have no gaps
        mine = and_(*(local == column for _, column, local in pairing.keys), recent)
        wanted = and_(*(column == bindparam(name, type_=column.type) for name, column, _ in pairing.keys))
        statement = (
            select(*(orders.c[name] for name in ORDER), *(past.c[name] for name in ENTRY))
            .select_from(orders.outerjoin(past, mine))
            .where(wanted)
            .order_by(past.c.sequence)
        )
        self._statement = Prepared(statement, dialect, (*names, "most"))

    def run(self, connection: Connection, key: Sequence[Any], most: int) -> dict[str, Any] | None:
        """The order's state with the list `history`, oldest first; None when there is no such order."""
        rows = self._statement.run(connection, (*key, most)).fetchall()
        if not rows:
            return None
        state = dict(zip(ORDER, rows[0], strict=False))
        width = len(ORDER)
        return state | {"history": [told(row[width:]) for row in rows if row[width] is not None]}


def told(row: Sequence[Any]) -> dict[str, Any]:
    """An entry as `Entry.as_dict` tells it, from the columns of ENTRY as the driver gives them."""
    (sequence, event, before, after, code, category, role, actor, label, origin, reason, text, links, payload) = row[
        :14
    ]
    (occurred_at, recorded_at, chart, version, profile, hash_, key, _, caused_by, corrects) = row[14:]
    return {
        "sequence": sequence,
        "event": event,
        "before": before,
        "after": after,
        "code": code,
        "category": category,
        "occurred_at": moment(occurred_at),
        "recorded_at": moment(recorded_at),
        "actor": None if role is None else {"role": role, "id": actor or "", "label": label or ""},
        "reason": {"code": reason, "text": text} if reason or text else None,
        "links": [] if links == "[]" else _value(links),
        "payload": None if payload is None else _value(payload),
        "origin": origin,
        "key": key,
        "caused_by": caused_by,
        "corrects": corrects,
        "chart": chart,
        "chart_version": version,
        "chart_profile": profile,
        "chart_hash": hash_,
    }


def _value(stored: Any) -> Any:
    """The value of a JSON column: some drivers give its text."""
    return json.loads(stored) if isinstance(stored, str) else stored


def moment(stored: datetime | str) -> str:
    """A moment as RFC 3339 writes it, in UTC with microseconds; SQLite holds it as a text in UTC."""
    if isinstance(stored, str):
        return f"{stored[:10]}T{stored[11:]}Z"
    return f"{stored.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"
