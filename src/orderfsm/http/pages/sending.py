"""Sending an event from a page: once, to the order as it was seen, and without losing what was typed."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orderfsm.errors import Conflict, InDoubt, KeyReused, OrderFsmError, Refused
from orderfsm.http.failure import Failure, Rejected, failure_of
from orderfsm.http.generic.conditions import digest
from orderfsm.http.unit import Sessions
from orderfsm.lifecycle import transact

from .door import Door
from .draft import Along, Draft
from .order import Notice, Orders, Seen
from .paper import page, root
from .route import Form
from .stock import Stock

__all__ = ["Sending"]

HEADLINES = {
    "revision-stale": "Not sent: the order has moved on",
    "key-reused": "Not sent: this form was sent before with something else in it",
    "form-unfit": "Not sent: something is to be corrected",
}


class Sending:
    """The endpoint that writes."""

    def __init__(self, sessions: Sessions, door: Door, orders: Orders) -> None:
        self._sessions, self._door, self._orders = sessions, door, orders

    def send(self, request: Request, stock: Stock, segment: str, sent: Form) -> Response:
        """Send the event; the answer leads back to the order, or is its page with what is to be corrected."""
        self._door.verify(request, sent)
        draft = Draft.of(sent)
        try:
            visitor = self._door.visitor(request)
        except Rejected:
            return kept(request, draft, "Not sent: you are signed out", "Sign in again, and copy this from here.")
        seen = Seen.of(visitor, stock, segment, draft.role)
        if seen.role != draft.role:
            raise Rejected(403, "role-refused", "You do not have the role that the form was made for.")
        along = draft.read()
        if along is None:
            return self._again(request, seen, draft, Failure(422, "form-unfit", "See the fields of the form below."))
        return self._answer(request, seen, draft, along, sent)

    def _answer(self, request: Request, seen: Seen, draft: Draft, along: Along, sent: Form) -> Response:
        try:
            sequence = self._written(seen, draft, along)
        except (InDoubt, OperationalError, NoConnection) as error:
            return resendable(request, draft, failure_of(error), seen, sent)
        except (OrderFsmError, Rejected) as error:
            failure = failure_of(error)
            if failure is None or failure.code == "absent":
                raise
            return self._again(request, seen, draft, failure)
        role = f"&as={draft.role}" if len(seen.stock.roles(seen.who)) > 1 else ""
        target = f"{root(request)}/orders/{seen.stock.shelf.name}/{seen.segment}?sent={sequence}{role}"
        return RedirectResponse(target, 303, {"Cache-Control": "no-store"})

    def _written(self, seen: Seen, draft: Draft, along: Along) -> int:
        """The sequence of the entry, which was written now, or when the same form was sent before."""
        key = digest("page", seen.who, draft.key)

        def work(session: Session) -> int:
            order = seen.stock.subject.locked(session, seen.who, seen.key)
            try:
                entry = seen.stock.lifecycle.send(
                    session,
                    order,
                    draft.event,
                    actor=seen.who.actor(seen.role),
                    origin="page",
                    reason=along.reason,
                    links=along.links,
                    payload=along.payload,
                    key=key,
                    expected_revision=draft.revision,
                )
            except KeyReused:
                raise
            except Conflict as conflict:
                raise stale(draft) from conflict
            return entry.sequence

        return transact(self._sessions, work, key=key)

    def _again(self, request: Request, seen: Seen, draft: Draft, failure: Failure) -> Response:
        """The page as it is now, with what was typed, ready to be sent anew."""
        fresh = Draft.blank(draft.event, draft.role, draft.revision)
        draft.key = fresh.key
        headline = HEADLINES.get(failure.code, "Not sent")
        notice = Notice("bad", headline, tuple(sentences(failure)))
        status = failure.status if failure.status < 500 else 409
        return self._orders.shown(request, seen, draft=draft, notice=notice, status=status)


def stale(draft: Draft) -> Rejected:
    """An order that has moved on from what the writer of a draft has seen."""
    said = "Somebody else has written to the order since you opened it. This is where it stands now; look, and decide."
    return Rejected(409, "revision-stale", f"{said} You had seen revision {draft.revision}.")


def sentences(failure: Failure) -> list[str]:
    """Why it was not sent."""
    said = failure.message.split("; ") if isinstance(failure.error, Refused) else [failure.message]
    return [f"{each[:1].upper()}{each[1:]}{'' if each.endswith('.') else '.'}" for each in said]


def resendable(request: Request, draft: Draft, failure: Failure | None, seen: Seen, sent: Form) -> Response:
    """What is answered when the database does not: the same form may be sent again."""
    said = failure.message if failure else "the database is busy"
    fields = [(name, value) for name, value in sent.fields if name != "seal"]
    values = {
        "visitor": seen.visitor,
        "headline": "Not sent, as far as is known",
        "said": f"{said[:1].upper()}{said[1:]}.",
        "typed": list(draft.typed()),
        "fields": fields,
        "action": f"/orders/{seen.stock.shelf.name}/{seen.segment}/events",
    }
    return page(request, "kept.html", values, status=503, headers={"Retry-After": "1"})


def kept(request: Request, draft: Draft, headline: str, said: str) -> Response:
    """What was typed, for whoever may not send it now."""
    values = {"headline": headline, "said": said, "typed": list(draft.typed()), "fields": [], "action": ""}
    return page(request, "kept.html", values, status=403)
