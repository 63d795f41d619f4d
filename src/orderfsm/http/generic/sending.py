"""The commands: open an order, send it an event."""

# No `from __future__ import annotations`: FastAPI reads the annotations of the endpoints.

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from orderfsm.errors import Conflict, GuardFailed, KeyReused
from orderfsm.history import Actor, Entry
from orderfsm.http.failure import Rejected
from orderfsm.http.principal import Principal
from orderfsm.http.wording import MESSAGES
from orderfsm.lifecycle.outlook import cells
from orderfsm.sqlmodel import Stateful
from orderfsm.table import Table

from .answers import address, moved
from .conditions import Conditions, digest, etag
from .keys import OrderKey
from .models import Brought, Opening, Sent
from .openings import Opened, claim, fingerprint
from .paging import Page, entries
from .subject import Subject, actor_of
from .units import Work

__all__ = ["Making", "OpeningConditions", "Sending"]

log = logging.getLogger("orderfsm.http")

Making: TypeAlias = Callable[[Any, Principal, Mapping[str, Any]], Stateful]
"""The row of a new order, from a Session, who opens it and the payload; it need not be added to the session.

The session is Any so that the function may say which kind it takes: SQLAlchemy's, SQLModel's, the service's own.
"""


class OpeningConditions(Conditions):
    """The conditions of opening: there is no revision yet."""


class Sending:
    """The endpoints that write."""

    def __init__(self, subject: Subject, making: Making) -> None:
        self._subject = subject
        self._lifecycle = subject.lifecycle
        self._making = making
        self._place = f"open {subject.model.__name__} of {subject.lifecycle.chart.name}"  # Opened may be shared

    # --- an event

    def send(self, request: Request, who: Principal, key: OrderKey, sent: Sent, conditions: Conditions) -> Work:
        """Send an event to the order; the answer is the entry that it has written, also when it is sent again."""
        actor = actor_of(who, sent.role)
        given = digest("send", who, conditions.key)
        path = address(request).removesuffix("/events")

        def work(session: Session) -> Response:
            order = self._subject.locked(session, who, key)
            before = order.revision
            entry = self._sent(session, order, sent, actor, given, conditions)
            replayed = entry.sequence <= before
            if replayed and (sent.occurred_at or entry.recorded_at) != entry.occurred_at:
                raise Rejected(422, "key-reused", MESSAGES["key-reused"])  # the lifecycle does not compare claims
            location = f"{path}/history/{entry.sequence}"
            return self._moved(who, entry.as_dict(), location, replayed=replayed)

        return Work(work, writes=True, key=given, running=self._running("send", key, given))

    def _sent(
        self, session: Session, order: Any, sent: Sent, actor: Actor, given: str | None, conditions: Conditions
    ) -> Entry:
        try:
            return self._lifecycle.send(
                session,
                order,
                sent.event,
                key=given,
                expected_revision=conditions.expected(order.revision),
                **self._along(sent, actor),
            )
        except KeyReused:
            raise
        except Conflict as conflict:
            if conditions.revisions is None:
                raise  # somebody else was quicker: it is decided again
            raise stale(conflict) from conflict
        except GuardFailed as failed:
            raise self._unjudged(failed, order.configuration, sent.event) from failed

    def _unjudged(self, failed: GuardFailed, configuration: str | None, event: str) -> Exception:
        """A guard that reads the payload has failed: that is for whoever sent it; all others are for the operator."""
        if not _reads_payload(self._lifecycle.table, configuration, event):
            return failed
        log.warning("a guard could not read the payload that was sent: %r", str(failed))
        return Rejected(422, "payload-invalid", "a guard of this event cannot be asked of this payload")

    # --- a new order

    def open(self, request: Request, who: Principal, sent: Opening, conditions: OpeningConditions) -> Work:
        """Open a new order; the answer is its first entry, its path is in Location."""
        actor = actor_of(who, sent.role)
        given = digest(self._place, who, conditions.key)
        path = address(request).rstrip("/")

        def work(session: Session) -> Response:
            if given is None:
                return self._opened(session, who, sent, actor, path)[0]
            same = fingerprint(sent.model_dump(mode="json"), actor.role)
            row = claim(session, self._lifecycle.store.bind, given, same, self._lifecycle.clock())
            if row.order_path:
                return self._opened_before(session, who, row, path)
            answer, row.order_path = self._opened(session, who, sent, actor, path)
            return answer

        return Work(work, writes=True, key=given, running=self._running("open", None, given))

    def _opened(self, session: Session, who: Principal, sent: Opening, actor: Actor, path: str) -> tuple[Response, str]:
        """The answer, and the order's key as it is spelled in a path."""
        try:
            order = self._making(session, who, sent.payload or {})
            entry = self._lifecycle.open(session, order, sent.event, **self._along(sent, actor))
        except ValidationError as error:
            flaws = [flaw | {"loc": ("body", "payload", *flaw["loc"])} for flaw in error.errors()]
            raise RequestValidationError(flaws) from None
        except (IntegrityError, DataError) as error:
            said = "the tables do not take this order: it is there already, or what it refers to is not"
            raise Rejected(409, "order-refused", said) from error
        except GuardFailed as failed:
            raise self._unjudged(failed, None, sent.event) from failed
        spelled = self._subject.keys.path(self._lifecycle.store.identity(order))
        return self._moved(who, entry.as_dict(), f"{path}/{spelled}", replayed=False), spelled

    def _opened_before(self, session: Session, who: Principal, row: Opened, path: str) -> Response:
        key = self._subject.keys.of([unquote(part) for part in row.order_path.split("/")])
        self._subject.verify(session, who, key)
        first = entries(session, self._lifecycle.store, key, Page(1, 0, down=False))[0]
        return self._moved(who, first, f"{path}/{row.order_path}", replayed=True)

    # --- both

    @staticmethod
    def _along(sent: Brought, actor: Actor) -> dict[str, Any]:
        return {
            "actor": actor,
            "origin": "http",
            "reason": sent.why(),
            "links": sent.references(),
            "payload": sent.payload,
            "occurred_at": sent.occurred_at,
        }

    def _moved(self, who: Principal, entry: Mapping[str, Any], location: str, *, replayed: bool) -> Response:
        shown = self._subject.entry(who, entry)
        return moved(entry, shown, location, replayed="true" if replayed else None)

    def _running(self, operation: str, key: OrderKey | None, given: str | None) -> tuple[str, ...] | None:
        """What a request with an idempotency key is called while it runs: the digest has the principal in it."""
        return None if given is None else (operation, *map(str, key or ()), given)


def _reads_payload(table: Table, configuration: str | None, event: str) -> bool:
    """Whether a guard that may be asked of this event here reads the payload."""
    row = cells(table, configuration)
    cell = row.get(event) or row.get(table.stand_in(event) or "")
    guards = [choice.guard for case in cell.cases() for choice, _ in case.answers] if cell else []
    return any(guard.expression is not None and "payload" in guard.expression.roots for guard in guards)


def stale(conflict: Conflict) -> Rejected:
    """An order that has moved on from what the client has seen; the ETag says where it is."""
    headers = {} if conflict.revision is None else {"ETag": etag(conflict.revision)}
    said = "the order has moved on since you have seen it; read it again and decide again"
    return Rejected(412, "revision-stale", said, headers=headers)
