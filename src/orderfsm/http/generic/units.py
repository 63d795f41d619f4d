"""Units of work, for sessions of both kinds: an endpoint says what is to be done in a session, a unit does it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.responses import Response

from orderfsm.http.failure import Rejected
from orderfsm.lifecycle import atransact, transact

__all__ = ["AnySessions", "Plan", "Work", "endpoints"]

AnySessions: TypeAlias = Callable[[], Session] | Callable[[], AsyncSession]
"""A new session of either kind, such as a `sessionmaker` or an `async_sessionmaker` gives."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a request does in one session: it reads, or it writes and is committed.

    `key` is the idempotency key of everything that is sent in it; `running` names it while it is under way.
    """

    do: Callable[[Session], Response]
    writes: bool = False
    key: str | None = None
    running: tuple[str, ...] | None = None


Plan: TypeAlias = Callable[..., Work]
"""From a request's parameters to what it does."""


def endpoints(
    sessions: AnySessions, bind: Mapping[str, Any], injected: Mapping[Any, Any]
) -> Callable[[Plan], Callable[..., Any]]:
    """What makes endpoints of plans: plain functions, or coroutines where the sessions are asynchronous.

    `injected` has the annotations that stand for dependencies of this router, with what FastAPI is to read instead.
    """
    units = Units(sessions, bind)
    probe: Any = sessions()
    asynchronous = isinstance(probe, AsyncSession)
    (probe.sync_session if asynchronous else probe).close()

    def endpoint(plan: Plan) -> Callable[..., Any]:
        def carry(**given: Any) -> Response:
            return units.carry(plan(**given))

        async def acarry(**given: Any) -> Response:
            return await units.acarry(plan(**given))

        made: Any = acarry if asynchronous else carry
        made.__name__, made.__doc__ = plan.__name__, plan.__doc__
        made.__signature__ = _signature(plan, injected)
        return made  # type: ignore[no-any-return]

    return endpoint


def _signature(plan: Plan, injected: Mapping[Any, Any]) -> inspect.Signature:
    given = inspect.signature(plan).parameters.values()
    return inspect.Signature(
        [
            parameter.replace(
                kind=inspect.Parameter.KEYWORD_ONLY,
                annotation=injected.get(parameter.annotation, parameter.annotation),
            )
            for parameter in given
        ]
    )


class Units:
    """What does the work of requests, one session each."""

    def __init__(self, sessions: Any, bind: Mapping[str, Any]) -> None:
        self._sessions = sessions
        self._bind = bind
        self._running = Running()

    def carry(self, work: Work) -> Response:
        """Do it in a session."""
        if work.writes:
            with self._running.once(work.running):
                return transact(self._sessions, work.do, key=work.key)
        with self._sessions() as session:
            return self._read(session, work)

    async def acarry(self, work: Work) -> Response:
        """Do it in an AsyncSession."""
        if work.writes:
            with self._running.once(work.running):
                return await atransact(self._sessions, lambda session: session.run_sync(work.do), key=work.key)
        async with self._sessions() as session:
            return await session.run_sync(self._read, work)  # type: ignore[no-any-return]

    def _read(self, session: Session, work: Work) -> Response:
        """Reading takes no lock: on SQLite it waits for nobody, and nobody for it."""
        session.connection(dict(self._bind), execution_options={"sqlite_begin": "DEFERRED"})
        return work.do(session)


class Running:
    """The requests with an idempotency key that this process is doing now."""

    def __init__(self) -> None:
        self._names: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def once(self, name: tuple[str, ...] | None) -> Iterator[None]:
        """Raise Rejected when the same request is under way; a request without a name is like no other."""
        if name is None:
            yield
            return
        with self._lock:
            if name in self._names:
                said = "a request with this idempotency key is running; send it again in a moment"
                raise Rejected(409, "request-running", said, headers={"Retry-After": "1"})
            self._names.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._names.discard(name)
