"""The router: the endpoints of one lifecycle's orders, each under its path, with everything else refused there."""

# No `from __future__ import annotations`: FastAPI reads the annotations of the dependencies.

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from orderfsm.http.failure import Rejected
from orderfsm.http.principal import Principal
from orderfsm.http.route import Route
from orderfsm.http.strict import StrictRequest
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Stateful, ready_made

from .answers import EntryShown, EventsShown, ExplanationShown, HistoryShown, Moved, StatusShown
from .asking import Asking
from .conditions import Conditions, Required, conditions_of
from .keys import Keys, OrderKey
from .openapi import Operation
from .sending import Making, OpeningConditions, Sending
from .subject import Shown, Subject, Visible
from .units import AnySessions, endpoints

__all__ = ["router"]

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class GenericRequest(StrictRequest):
    """A request for which a quarter of a megabyte is enough."""

    limit = 262_144


class GenericRoute(Route):
    """A route that answers failures with problem documents."""

    request_class = GenericRequest


def router(
    lifecycle: Lifecycle,
    *,
    sessions: AnySessions,
    principal: Callable[..., Any],
    visible: Visible,
    opening: Making | None = None,
    shown: Shown = lambda who, entry: entry,
    require: Collection[Required] = (),
    path: str = "/orders",
) -> APIRouter:
    """The API of a service's own orders, to be included in an app under any prefix.

    `sessions` gives a new Session or AsyncSession, of which each request has one. `principal` is a dependency that
    returns a Principal. `visible(principal)` is a condition on the table of the orders: others are absent.
    `opening(session, principal, payload)` makes the row of a new order; without it only the ready-made Order can be
    opened. `shown(principal, entry)` may leave out parts of a history entry. `require` says which of the headers
    idempotency-key and if-match a request must have. `path` is where the orders are, in the plural.

    Raises ValueError for another header or for a path that is none.
    """
    _verify(require, path)
    subject = Subject(lifecycle, visible, shown, Keys(lifecycle.store))
    make = endpoints(sessions, lifecycle.store.bind, _injected(principal, subject.keys, require))
    made = APIRouter(route_class=GenericRoute, tags=[path.strip("/")])
    making = opening or (_make_order if ready_made(lifecycle.store.order) else None)
    for place, operations in _operations(subject, path, making).items():
        for operation in operations:
            operation.add(made, place, make(operation.plan))
        _refuse_others(made, place, frozenset(method for each in operations for method in each.methods))
    return made


def _make_order(session: Session, who: Principal, payload: Mapping[str, Any]) -> Stateful:
    """An order of the ready-made table, which keeps what it was opened with."""
    from orderfsm.sqlmodel import Order

    return Order(data=dict(payload))


def _verify(require: Collection[str], path: str) -> None:
    unknown = set(require) - set(get_args(Required))
    if unknown or isinstance(require, str):
        raise ValueError(f"require={require!r}: name some of {', '.join(get_args(Required))}")
    if not path.startswith("/") or path.endswith("/") or "{" in path:
        raise ValueError(f"path={path!r}: give a path such as /orders, without a slash at its end")


def _injected(principal: Callable[..., Any], keys: Keys, require: Collection[str]) -> dict[Any, Any]:
    """The annotations of endpoints that stand for dependencies of this router."""

    async def known(who: Annotated[Any, Depends(principal)]) -> Principal:
        if not isinstance(who, Principal):
            raise Rejected(401, "unauthenticated", "say who you are", headers={"WWW-Authenticate": "Bearer"})
        return who

    sending, opening = conditions_of(require), conditions_of(set(require) - {"if-match"})
    return {
        Principal: Annotated[Principal, Depends(known)],
        OrderKey: Annotated[Any, Depends(keys.read)],
        Conditions: Annotated[Conditions, Depends(sending)],
        OpeningConditions: Annotated[Conditions, Depends(opening)],
    }


def _operations(subject: Subject, path: str, making: Making | None) -> dict[str, list[Operation]]:
    """The operations of each path."""
    one = f"{path}/{subject.keys.template}"
    asking, sending = Asking(subject), Sending(subject, making or _make_order)
    name = f"{path.strip('/')}/{subject.lifecycle.chart.name}".replace("/", "_")
    opens = [Operation("POST", f"{name}_open", sending.open, Moved, 201)] if making else []
    found = {  # the busiest first: that is how they are looked through
        f"{one}/events": [
            Operation("POST", f"{name}_send", sending.send, Moved, 201),
            Operation("GET", f"{name}_events", asking.events, EventsShown),
        ],
        one: [Operation("GET", f"{name}_status", asking.status, StatusShown)],
        path: opens,
        f"{one}/history": [Operation("GET", f"{name}_history", asking.history, HistoryShown)],
        f"{one}/history/{{sequence}}": [Operation("GET", f"{name}_entry", asking.entry, EntryShown)],
        f"{one}/history.csv": [Operation("GET", f"{name}_export", asking.export, "text/csv")],
        f"{one}/events/{{event_name}}": [Operation("GET", f"{name}_explain", asking.explanation, ExplanationShown)],
        f"{one}/explanations": [Operation("POST", f"{name}_explain_body", asking.verdict, ExplanationShown)],
        f"{one}/diagram": [Operation("GET", f"{name}_diagram", asking.diagram, "image/svg+xml")],
    }
    return {place: operations for place, operations in found.items() if operations}


def _refuse_others(made: APIRouter, place: str, methods: frozenset[str]) -> None:
    """Answer every other method by 405, with all that are allowed: Starlette would name those of one route."""
    allow = ", ".join(sorted(methods))

    async def refuse(request: Request) -> Response:
        raise Rejected(405, "method-not-allowed", f"use {allow} here", headers={"Allow": allow})

    made.add_api_route(place, refuse, methods=sorted(METHODS - methods), include_in_schema=False)
