"""Orders that were opened with an idempotency key: which key made which order."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import Field, SQLModel

from orderfsm.errors import Conflict
from orderfsm.http.failure import Rejected
from orderfsm.http.wording import MESSAGES
from orderfsm.lifecycle.savepoint import savepoint
from orderfsm.sqlmodel.columns import UtcDateTime
from orderfsm.sqlmodel.fate import lasting

__all__ = ["Opened", "claim", "fingerprint"]


class Opened(SQLModel, table=True):
    """One row per order that was opened with a key: `digest` is the request's, `order_path` the order's key.

    The table belongs into the database of the orders: `SQLModel.metadata.create_all` makes it, or a migration. Rows
    may be deleted once clients no longer send their requests again, say after a day.
    """

    __tablename__ = "orderfsm_opened"

    digest: str = Field(primary_key=True, max_length=80)
    fingerprint: str = Field(max_length=64)
    order_path: str = Field(default="")
    recorded_at: datetime = Field(sa_type=UtcDateTime, index=True)


def claim(session: Session, bind: Mapping[str, Any], digest: str, fingerprint: str, now: datetime) -> Opened:
    """The row of a request: a new one without an order, or that of the order which the same request has made.

    Whoever claims it second waits for the first, and its COMMIT answers for what the first has written. Raises Rejected
    when the key was used for another request.
    """
    found = _found(session, digest)
    if found is None:
        row = Opened(digest=digest, fingerprint=fingerprint, recorded_at=now)
        try:
            with savepoint(session, bind):
                session.add(row)
                session.flush()
            return row
        except IntegrityError:
            found = _found(session, digest)
        if found is None:
            raise Conflict("the same request was quicker, and cannot be seen yet")
    if found.fingerprint != fingerprint:
        raise Rejected(422, "key-reused", MESSAGES["key-reused"])
    lasting(session.connection(dict(bind)))
    return found


def _found(session: Session, digest: str) -> Opened | None:
    return session.scalars(select(Opened).where(Opened.digest == digest)).one_or_none()  # type: ignore[arg-type]


def fingerprint(sent: dict[str, Any], role: str) -> str:
    """What makes two requests the same: the body, and the role that was asked in."""
    return hashlib.sha256(json.dumps([sent, role], sort_keys=True).encode()).hexdigest()
