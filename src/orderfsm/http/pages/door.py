"""Signing in with a token, and out again."""

# No `from __future__ import annotations`: FastAPI reads the annotations of the endpoints.

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orderfsm.http.failure import Rejected
from orderfsm.http.tokens import Grant

from .paper import page, root
from .route import Form, form, signed_out
from .visits import Visits

__all__ = ["Door", "Sent", "Visitor"]

Sent = Annotated[Form, Depends(form)]

OURS = re.compile(r"/|/orders/[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)*")
"""Where signing in leads: to a page of orders, and nowhere else."""

NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in; `seal` is for the forms of the page."""

    grant: Grant
    seal: str

    @property
    def name(self) -> str:
        """The principal's id."""
        return self.grant.id


class Door:
    """The endpoints of signing in and out, and the question who is signed in."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits

    def visitor(self, request: Request) -> Visitor:
        """Who is signed in; raises Rejected when nobody is."""
        grant = self._visits.grant(request)
        if grant is None:
            raise signed_out()
        return Visitor(grant, self._visits.seal(self._visits.name(request)))

    def verify(self, request: Request, sent: Form) -> None:
        """Raise Rejected for a form that is not from our pages, or from those of another visit."""
        if not self._visits.sealed(request, sent.one("seal")):
            said = "The form is of another visit or was not made here. Open the page again, and send it from there."
            raise Rejected(403, "form-foreign", said)

    def ask(self, request: Request) -> Response:
        """The page that asks for a token."""
        if self._visits.grant(request) is not None:
            return RedirectResponse(f"{root(request)}/", 303, NO_STORE)
        return self._asking(request, request.query_params.get("next", ""), wrong=False, status=200)

    def enter(self, request: Request, sent: Sent) -> Response:
        """Sign in: a new visit begins, whatever the browser was known by before."""
        self.verify(request, sent)
        wanted = sent.one("next", 2_000)
        name = self._visits.begin(sent.one("token", 2_000).strip())
        if name is None:
            return self._asking(request, wanted, wrong=True, status=403)
        self._visits.end(request)
        answer = RedirectResponse(root(request) + ours(wanted), 303, NO_STORE)
        self._visits.give(request, answer, name)
        return answer

    def leave(self, request: Request, sent: Sent) -> Response:
        """Sign out."""
        self.verify(request, sent)
        self._visits.end(request)
        answer = RedirectResponse(f"{root(request)}/sign-in", 303, NO_STORE)
        self._visits.take(request, answer)
        return answer

    def _asking(self, request: Request, wanted: str, *, wrong: bool, status: int) -> Response:
        known = self._visits.name(request)
        name = known or self._visits.stranger()
        values = {"seal": self._visits.seal(name), "next": ours(wanted), "wrong": wrong}
        answer = page(request, "sign_in.html", values, status=status)
        if not known:
            self._visits.give(request, answer, name)
        return answer


def ours(wanted: str) -> str:
    """The page of ours that was wanted, or the board."""
    return wanted if OURS.fullmatch(wanted) else "/"
