"""The service: five vocabularies with APIs of their own, the generic API for every chart, and the pages, in one app."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints, some are local.

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import orderfsm
from orderfsm import catalogue
from orderfsm._version import __version__
from orderfsm.chart import Chart
from orderfsm.outbox import Relay
from orderfsm.sqlmodel import engine

from . import adobe, cablelabs, dream_junction, generic, pages, record_stack_overflow, served, stat
from .failure import Failure, Rejected, failure_of
from .observe import Observed
from .principal import Authenticate, Principal
from .route import problem
from .shelf import Shelf
from .tokens import Tokens
from .unit import Sessions, reading

__all__ = ["app", "create", "demo"]

PREFIXES = {
    "stat": "/stat",
    "stapi": "/stapi",
    "cablelabs": "/cablelabs",
    "adobe": "/adobe",
    "dream_junction": "/dream_junction/api/v3",
    "record_stack_overflow": "/record_stack_overflow/api/v1",
}
"""Where each vocabulary is spoken: what its document has before its paths, behind its name."""

SUMMARY = "Orders whose statuses follow their vocabularies: in their own APIs, and in one that is the same for all."

log = logging.getLogger("orderfsm.http")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def create(database: Engine) -> None:
    """Create all tables that the service keeps, where they are missing."""
    for module in (stat, cablelabs, adobe, dream_junction, record_stack_overflow, served):
        module.create(database)


def demo(database: Engine, clock: Callable[[], datetime] = now) -> None:
    """Orders of principals called `demo-…`, in every vocabulary; they are added to those that are there."""
    sessions = partial(Session, database)
    for module in (stat, cablelabs, adobe, dream_junction, record_stack_overflow):
        module.demo(sessions, clock)
    stat.demo(sessions, clock, "stapi/order")


def app(
    database_url: str = "sqlite:///orderfsm.db",
    *,
    tokens: Tokens | str = "orderfsm.tokens",
    charts: Sequence[str] = (),
    buyers: Mapping[str, cablelabs.Endpoint] = MappingProxyType({}),
    clock: Callable[[], datetime] = now,
) -> FastAPI:
    """The service over a database, whose tables are created where they are missing.

    Nothing is read or written without a token of the file `tokens`. Beside the charts of the catalogue, those of the
    files `charts` are served under /charts/NAME. The status requests of `buyers` are answered at their endpoints, as
    long as the app runs. Raises ChartError for a chart that cannot be served, UnsafeSettings for a database that would
    lose what it acknowledges.
    """
    database, known = engine(database_url), tokens if isinstance(tokens, Tokens) else Tokens(tokens)
    all_charts = [orderfsm.load(name) for name in [*catalogue.names(), *charts]]
    create(database)
    made = FastAPI(
        title="orderfsm",
        version=__version__,
        summary=SUMMARY,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(database, buyers, clock),
    )
    sessions = partial(Session, database)
    _include_vocabularies(made, sessions, known, buyers, clock)
    for chart in all_charts:
        _include_generic(made, chart, sessions, known, clock)
    made.include_router(pages.router(shelves=list(_shelves(all_charts, clock)), sessions=sessions, tokens=known))
    _include_health(made, sessions)
    _tell_failures(made)
    made.add_middleware(Observed)
    return made


def _lifespan(
    database: Engine, buyers: Mapping[str, cablelabs.Endpoint], clock: Callable[[], datetime]
) -> Callable[[FastAPI], Any]:
    """Answers are sent from when the app starts until it stops; then the database is let go."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        answers = cablelabs.Answers(partial(Session, database), buyers.get, clock=clock)
        relay = Relay(database, cablelabs.lives(clock).requests, answers)
        sending = Thread(target=lambda: deque(relay.watch(), 0), name="answers", daemon=True)
        if buyers:
            sending.start()
        yield
        relay.stop()
        if buyers:
            await asyncio.to_thread(sending.join, 10)
        database.dispose()

    return lifespan


def _include_vocabularies(
    made: FastAPI,
    sessions: Sessions,
    tokens: Tokens,
    buyers: Mapping[str, cablelabs.Endpoint],
    clock: Callable[[], datetime],
) -> None:
    def known(name: str) -> dict[str, Any]:
        authenticate: Authenticate = tokens.authenticator(name)
        return {"sessions": sessions, "authenticate": authenticate, "clock": clock}

    made.include_router(stat.router(**known("stat"), words="stat/order"), prefix=PREFIXES["stat"])
    made.include_router(stat.router(**known("stapi"), words="stapi/order"), prefix=PREFIXES["stapi"])
    asked = cablelabs.router(**known("cablelabs"), endpoints=buyers.get)
    made.include_router(asked, prefix=PREFIXES["cablelabs"])
    for name, module in (
        ("adobe", adobe),
        ("dream_junction", dream_junction),
        ("record_stack_overflow", record_stack_overflow),
    ):
        made.include_router(module.router(**known(name)), prefix=PREFIXES[name])


def _include_generic(
    made: FastAPI, chart: Chart, sessions: Sessions, tokens: Tokens, clock: Callable[[], datetime]
) -> None:
    vocabulary = chart.name.partition("/")[0]
    bearer = HTTPBearer(scheme_name="token", auto_error=False)

    def principal(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Principal:
        grant = tokens.grant(sent.credentials) if sent else None
        found = grant.principal(vocabulary) if grant else None
        if found is None:
            headers = {"WWW-Authenticate": "Bearer"}
            raise Rejected(401, "unauthenticated", "a bearer token with a role here is needed", headers=headers)
        roles = found.roles - {served.OPERATOR}
        return served.Operator(found.id, roles) if served.OPERATOR in found.roles else found

    router = generic.router(
        served.lifecycle(chart, clock),
        sessions=sessions,
        principal=principal,
        visible=served.visible(chart),
        opening=served.made,
    )
    made.include_router(router, prefix=f"/charts/{chart.name}")


def _shelves(charts: Sequence[Chart], clock: Callable[[], datetime]) -> Iterator[Shelf]:
    """The vocabularies' own orders first, then those that are kept for a chart."""
    yield stat.shelf(clock, "stat/order")
    yield stat.shelf(clock, "stapi/order")
    for module in (cablelabs, adobe, dream_junction, record_stack_overflow):
        yield module.shelf(clock)
    for chart in charts:
        yield served.shelf(chart, clock)


def _include_health(made: FastAPI, sessions: Sessions) -> None:
    @made.get("/healthz", tags=["health"], operation_id="health")
    def health() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @made.get("/readyz", tags=["health"], operation_id="ready", responses={503: {"description": "no database"}})
    def ready() -> Response:
        """Whether the database answers as well."""
        try:
            with reading(sessions) as session:
                session.connection().execute(text("SELECT 1"))
        except SQLAlchemyError:
            log.warning("the database does not answer", exc_info=True)
            return JSONResponse({"status": "the database does not answer"}, 503)
        return JSONResponse({"status": "ok"})


def _tell_failures(made: FastAPI) -> None:
    """What no route has answered: paths and methods that are not served, and errors that nobody expected."""

    @made.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if isinstance(error, Rejected):
            return problem(error.failure)
        codes = {404: "absent", 405: "method-not-allowed"}
        said = {404: "nothing is served here", 405: "another method is served here"}
        code, status = codes.get(error.status_code, "request-refused"), error.status_code
        return problem(Failure(status, code, said.get(status, "not so"), headers=error.headers or {}))

    @made.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        failure = failure_of(error)
        return problem(failure or Failure(500, "unexpected", "something went wrong here; its operator has to look"))
