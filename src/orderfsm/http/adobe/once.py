"""Each intent is answered once: under the same correlation id the first answer comes back, for ten days."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from sqlalchemy import and_, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session
from sqlmodel import col

from orderfsm.errors import Conflict, Refused
from orderfsm.http.failure import Rejected, failure_of
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .asked import Asked
from .errors import Answer, refusal, told
from .tables import AdobeAnswer

__all__ = ["KEPT", "Once", "forget"]

KEPT = timedelta(days=10)
"""How long an answer is given again."""

SWEPT = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BATCH = 1_000
Subject = TypeVar("Subject")


class Once:
    """Carries out intents, each in one transaction with the answer that is kept; sweeps old answers now and then."""

    def __init__(self, sessions: Sessions, clock: Callable[[], datetime], per_minute: int | None = None) -> None:
        self._sessions, self._clock, self._per_minute = sessions, clock, per_minute
        self._lock = threading.Lock()
        self._next: datetime | None = None

    def answer(
        self,
        asked: Asked,
        operation: str,
        authorize: Callable[[Session], Subject],
        work: Callable[[Session, Subject], Answer],
    ) -> Answer:
        """What `work` answers, or has answered to this intent before.

        `authorize` is asked first, every time, and raises for whoever may not; what it returns goes to `work`. What
        `work` refuses is an answer as well, and is kept; what `authorize` refuses is not.
        """

        def unit(session: Session, failed: Answer | None = None) -> Answer:
            subject, at = authorize(session), self._clock()
            known = earlier(session, asked, operation, at)
            if known is not None:
                return known
            if self._per_minute is not None:
                verify_pace(session, asked, at, self._per_minute)
            answer = failed or work(session, subject)
            keep(session, asked, operation, answer, at)
            return answer

        try:
            answer = transact(self._sessions, unit, key=asked.correlation_id)
        except (Rejected, Refused, RequestValidationError) as error:
            refused = told(failure_of(error))  # type: ignore[arg-type]  # these have one
            answer = transact(self._sessions, lambda session: unit(session, refused), key=asked.correlation_id)
        self._sweep()
        return answer

    def _sweep(self) -> None:
        """Forget what is old, once an hour, after whoever comes first; a busy database is left alone until then."""
        at = self._clock()
        with self._lock:
            due = self._next is None or self._next <= at
            self._next = at + SWEPT if due else self._next
        if due:
            with contextlib.suppress(OperationalError, NoConnection):
                forget(self._sessions, at - KEPT)


def forget(sessions: Sessions, before: datetime) -> int:
    """Delete the answers that were given at `before` or earlier, and return how many; commits in batches."""

    def work(session: Session) -> int:
        old = select(col(AdobeAnswer.id)).where(col(AdobeAnswer.answered_at) <= before).limit(BATCH)
        found = session.scalars(old).all()
        session.execute(delete(AdobeAnswer).where(col(AdobeAnswer.id).in_(found)))
        return len(found)

    total = gone = transact(sessions, work)
    while gone == BATCH:
        gone = transact(sessions, work)
        total += gone
    return total


def earlier(session: Session, asked: Asked, operation: str, at: datetime) -> Answer | None:
    """The answer that this intent had; raises error 4120 when another intent had this request id."""
    mine = col(AdobeAnswer.principal_id) == asked.principal.id
    intent = and_(col(AdobeAnswer.operation) == operation, col(AdobeAnswer.correlation_id) == asked.correlation_id)
    call = col(AdobeAnswer.request_id) == asked.request_id
    found = session.scalars(select(AdobeAnswer).where(mine, or_(intent, call))).all()
    old = [kept.id for kept in found if kept.answered_at <= at - KEPT]
    if old:
        session.execute(delete(AdobeAnswer).where(col(AdobeAnswer.id).in_(old)))
    fresh = [kept for kept in found if kept.answered_at > at - KEPT]
    for kept in fresh:
        if (kept.operation, kept.correlation_id) == (operation, asked.correlation_id):
            return Answer.inflated(kept.status, kept.body)
    if fresh:
        raise refusal("4120")
    return None


def verify_pace(session: Session, asked: Asked, at: datetime, most: int) -> None:
    """Raise error 4118 when the principal has had so many answers within a minute; repeated ones do not count."""
    recent = (col(AdobeAnswer.principal_id) == asked.principal.id, col(AdobeAnswer.answered_at) > at - MINUTE)
    if session.scalars(select(col(AdobeAnswer.id)).where(*recent).offset(most - 1).limit(1)).first() is not None:
        raise refusal("4118")


def keep(session: Session, asked: Asked, operation: str, answer: Answer, at: datetime) -> None:
    """Keep an answer; raises Conflict when the same ids were used at the same time, so that all is done again."""
    try:
        session.execute(
            insert(AdobeAnswer).values(
                principal_id=asked.principal.id,
                operation=operation,
                correlation_id=asked.correlation_id,
                request_id=asked.request_id,
                answered_at=at,
                status=answer.status,
                body=answer.deflated,
            )
        )
    except IntegrityError as error:
        raise Conflict("another request with the same ids was quicker") from error
