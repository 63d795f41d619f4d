"""Who is signed in: visits that begin with a token and end by themselves, known to a browser by a random id."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from orderfsm.http.tokens import Grant, Tokens

__all__ = ["Secure", "Visits", "now"]

Secure: TypeAlias = Literal["https", "always"]
"""When the cookie is kept from plain HTTP: where the request has come by HTTPS, or always (behind a proxy)."""

IDLE = timedelta(hours=2)
"""A visit ends so long after the last request."""

LONGEST = timedelta(hours=12)
"""A visit ends so long after it began, whatever happens."""

AT_ONCE = 32
"""How many visits a token has at the same time; one more ends the oldest."""

ID = re.compile(r"[A-Za-z0-9_-]{43}")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Visit:
    """`digest` is that of the token, so that the visit ends with the token's line."""

    digest: str
    began: datetime
    seen: datetime

    def over(self, at: datetime) -> bool:
        """Whether it has ended by itself."""
        return at - self.seen > IDLE or at - self.began > LONGEST


class Visits:
    """The visits of one process; the cookie has nothing of them but an id, a new one whenever somebody signs in."""

    def __init__(self, tokens: Tokens, secure: Secure, clock: Callable[[], datetime]) -> None:
        self._tokens, self._secure, self._clock = tokens, secure, clock
        self._key = secrets.token_bytes(32)
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    # --- a visit's life

    def begin(self, secret: str) -> str | None:
        """The id of a new visit; None for a secret that nobody has."""
        grant = self._tokens.grant(secret)
        if grant is None:
            return None
        at = self._clock()
        with self._lock:
            self._tidy(grant.digest, at)
            made = secrets.token_urlsafe(32)
            self._visits[made] = Visit(grant.digest, at, at)
        return made

    def grant(self, request: Request) -> Grant | None:
        """What the visitor was granted; None without a visit, and when it or its token has ended."""
        name, at = self.name(request), self._clock()
        with self._lock:
            visit = self._visits.get(name)
            found = None if visit is None or visit.over(at) else self._tokens.granted(visit.digest)
            if visit is not None and found is not None:
                visit.seen = at
            else:
                self._visits.pop(name, None)
        return found

    def end(self, request: Request) -> None:
        """Forget the visit."""
        with self._lock:
            self._visits.pop(self.name(request), None)

    def _tidy(self, digest: str, at: datetime) -> None:
        """Leave room for one more visit of a token; what has ended is forgotten."""
        self._visits = {name: visit for name, visit in self._visits.items() if not visit.over(at)}
        mine = [name for name, visit in self._visits.items() if visit.digest == digest]
        for name in mine[: max(0, len(mine) - AT_ONCE + 1)]:
            del self._visits[name]

    # --- the cookie

    def name(self, request: Request) -> str:
        """The id in the request's cookie; empty without one."""
        given = request.cookies.get(self._cookie(request), "")
        return given if ID.fullmatch(given) else ""

    def give(self, request: Request, response: Response, name: str) -> None:
        """Let the browser keep an id until it is closed."""
        response.set_cookie(
            self._cookie(request), name, path="/", secure=self._is_secure(request), httponly=True, samesite="strict"
        )

    def take(self, request: Request, response: Response) -> None:
        """Let the browser forget the id."""
        secure = self._is_secure(request)
        response.delete_cookie(self._cookie(request), path="/", secure=secure, httponly=True, samesite="strict")

    def _cookie(self, request: Request) -> str:
        """With its prefix, a browser takes the cookie from this host alone, and by HTTPS alone."""
        return "__Host-orderfsm" if self._is_secure(request) else "orderfsm"

    def _is_secure(self, request: Request) -> bool:
        return self._secure == "always" or request.url.scheme == "https"

    # --- forms

    def seal(self, name: str) -> str:
        """What a form carries that was made for the browser with this id; no other site can know it."""
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    def sealed(self, request: Request, seal: str) -> bool:
        """Whether a form was made by us for this browser, and sent from our pages."""
        name = self.name(request)
        ours = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        return ours and bool(name) and hmac.compare_digest(self.seal(name).encode(), seal.encode())

    @staticmethod
    def stranger() -> str:
        """An id for a browser that has none yet; nothing is kept of it here."""
        return secrets.token_urlsafe(32)
