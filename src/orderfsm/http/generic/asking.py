"""The questions: where an order stands, what happened, what may happen and why not, as JSON, CSV or a picture."""

# No `from __future__ import annotations`: FastAPI reads the annotations of the endpoints.

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from orderfsm.diagrams import Overlay, render
from orderfsm.http.failure import Rejected
from orderfsm.http.principal import Principal
from orderfsm.http.strict import LARGEST

from .answers import SAFE, events_shown, explained, json_answer, linked
from .conditions import etag, unchanged
from .csv import as_csv
from .keys import OrderKey
from .models import Sent
from .paging import MOST, Page, entries, page, references
from .subject import Subject, actor_of
from .units import Work

__all__ = ["Asking"]

As = Annotated[str | None, Query(alias="as", max_length=255, description="the role that you ask in")]
"""Who has one role need not say so."""

DRAWN = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""A picture loads nothing and runs nothing, whoever opens it in a browser."""

TRACED = 1_000
"""Of how many steps a picture shows the way, at most."""


class Asking:
    """The endpoints that read."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._lifecycle = subject.lifecycle
        self._store = subject.lifecycle.store

    def status(
        self,
        request: Request,
        who: Principal,
        key: OrderKey,
        entries: Annotated[int, Query(ge=0, le=MOST, description="how many of the last entries")] = 10,
    ) -> Work:
        """Where the order stands, and its last entries; 304 when If-None-Match has its revision."""

        def work(session: Session) -> Response:
            self._subject.verify(session, who, key)
            found = self._status(session, key, entries)
            tag = etag(found["revision"])
            if unchanged(request, found["revision"]):
                return Response(status_code=304, headers=SAFE | {"ETag": tag})
            found["history"] = [self._subject.entry(who, told) for told in found["history"]]
            return json_answer(found, ETag=tag)

        return Work(work)

    def history(self, request: Request, who: Principal, key: OrderKey, wanted: Annotated[Page, Depends(page)]) -> Work:
        """The entries of the order, page by page; the links are in the body and in the Link header."""

        def work(session: Session) -> Response:
            self._subject.verify(session, who, key)
            found = entries(session, self._store, key, wanted)
            links = references(request, wanted, found, self._status(session, key, 0)["revision"])
            shown = [self._subject.entry(who, told) for told in found[: wanted.limit]]
            return json_answer({"entries": shown, "links": links}, Link=linked(links))

        return Work(work)

    def entry(self, who: Principal, key: OrderKey, sequence: Annotated[int, Path(ge=1, le=LARGEST)]) -> Work:
        """One entry of the order."""

        def work(session: Session) -> Response:
            self._subject.verify(session, who, key)
            found = entries(session, self._store, key, Page(1, sequence - 1, down=False))
            if not found or found[0]["sequence"] != sequence:
                raise Rejected(404, "entry-absent", "the order has no such entry")
            return json_answer(self._subject.entry(who, found[0]))

        return Work(work)

    def export(self, who: Principal, key: OrderKey, wanted: Annotated[Page, Depends(page)]) -> Work:
        """A page of the history as CSV; what a spreadsheet would take for a formula begins with an apostrophe."""

        def work(session: Session) -> Response:
            self._subject.verify(session, who, key)
            found = entries(session, self._store, key, wanted)[: wanted.limit]
            headers = {"Content-Disposition": 'attachment; filename="history.csv"'}
            text = as_csv(self._subject.entry(who, told) for told in found)
            return Response(text, media_type="text/csv", headers=SAFE | headers)

        return Work(work)

    def events(self, who: Principal, key: OrderKey, role: As = None) -> Work:
        """The events that may be sent now in this role, with what each needs; and why not the others."""
        actor = actor_of(who, role)

        def work(session: Session) -> Response:
            order = self._subject.order(session, who, key)
            allowed = self._lifecycle.allowed(session, order, actor=actor)
            explanations = self._lifecycle.explain(session, order, actor=actor)
            shown = events_shown(actor.role, order.revision, allowed, explanations)
            return json_answer(shown, ETag=etag(order.revision))

        return Work(work)

    def explanation(
        self, who: Principal, key: OrderKey, event_name: Annotated[str, Path(max_length=255)], role: As = None
    ) -> Work:
        """Whether an event may be sent now in this role, with nothing along; why not, and the way there."""
        actor = actor_of(who, role)

        def work(session: Session) -> Response:
            order = self._subject.order(session, who, key)
            table = self._lifecycle.table
            if event_name not in table.alphabet and event_name not in table.starts:
                raise Rejected(404, "unknown-event", "the chart has no such event; ask which are allowed")
            (found,) = self._lifecycle.explain(session, order, event_name, actor=actor)
            return json_answer(explained(found), ETag=etag(order.revision))

        return Work(work)

    def verdict(self, who: Principal, key: OrderKey, sent: Sent) -> Work:
        """Whether an event may be sent now as it is in the body; why not, and the way there. Nothing is sent."""
        actor = actor_of(who, sent.role)

        def work(session: Session) -> Response:
            order = self._subject.order(session, who, key)
            given: dict[str, Any] = {"reason": sent.why(), "links": sent.references(), "payload": sent.payload}
            (found,) = self._lifecycle.explain(session, order, sent.event, actor=actor, **given)
            return json_answer(explained(found), ETag=etag(order.revision))

        return Work(work)

    def diagram(self, who: Principal, key: OrderKey) -> Work:
        """The chart as an SVG, with the state of the order and the way that it has come."""

        def work(session: Session) -> Response:
            self._subject.verify(session, who, key)
            found = self._status(session, key, TRACED)
            taken = tuple((told["before"], told["after"]) for told in found["history"])
            overlay = Overlay(current=found["configuration"], taken=taken)
            text = render(self._lifecycle.chart, "svg", overlay=overlay)
            headers = SAFE | DRAWN | {"ETag": etag(found["revision"])}
            return Response(text, media_type="image/svg+xml", headers=headers)

        return Work(work)

    def _status(self, session: Session, key: OrderKey, last: int) -> dict[str, Any]:
        """Where an order stands that is there; raises Rejected when it is gone by now."""
        found = self._lifecycle.status(session, tuple(key), entries=last)
        if found is None:
            raise Rejected(404, "absent", "there is no such order")
        return found
