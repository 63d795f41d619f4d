"""Requests and answers: what a driver asks of a client, and how it reads what comes back."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin

from orderfsm.extras import brought_by

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "BadAnswer", "Client", "connected", "members"]

SHOWN = 2_000
"""How many characters of a body a message repeats."""

SECONDS = 30.0
"""How long an answer may take, for clients that are made here."""

FAULTS = frozenset({408, 425, 429})
"""Statuses below 500 by which a server says that it has not decided anything."""


class BadAnswer(Exception):
    """An answer that tells neither that something was done nor that it is refused: a fault of the system."""


class Client(Protocol):
    """What a client has to offer: `httpx.Client`, Starlette's TestClient, and whatever else asks in their way."""

    def request(self, method: str, url: str, *, json: Any = ..., headers: Mapping[str, str] = ...) -> Any:
        """The answer, with `status_code`, `headers`, `text`, `url` and `json()`; redirects may be followed."""


class Answer:
    """What came back, with the request that it answers."""

    def __init__(self, method: str, path: str, response: Any) -> None:
        self.asked = f"{method} {path}"
        self.status: int = response.status_code
        self._response = response

    @property
    def good(self) -> bool:
        """Whether what was asked was done."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was decided that it is not done."""
        return 400 <= self.status < 500 and self.status not in FAULTS

    @property
    def text(self) -> str:
        """The body."""
        return str(self._response.text)

    @property
    def content(self) -> Any:
        """The body as JSON. Raises BadAnswer when it is none."""
        try:
            return self._response.json()
        except ValueError:
            raise self.bad("the body is no JSON") from None

    @property
    def problem(self) -> Mapping[str, Any]:
        """The body of a refusal as far as it is a JSON object; empty when it is none."""
        try:
            found = self._response.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def member(self, *path: str) -> Any:
        """What the JSON has at a path of names. Raises BadAnswer when there is nothing."""
        found = self.content
        for name in path:
            if not isinstance(found, dict) or name not in found:
                raise self.bad(f"there is no {'.'.join(path)} in it")
            found = found[name]
        return found

    def listed(self, *path: str) -> list[dict[str, Any]]:
        """The list of objects that the JSON has at a path of names. Raises BadAnswer when it is none."""
        found = self.member(*path)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.bad(f"{'.'.join(path) or 'it'} is no list of objects")
        return found

    def word(self, *path: str) -> str:
        """The text that the JSON has at a path of names. Raises BadAnswer when it is none."""
        found = self.member(*path)
        if not isinstance(found, str):
            raise self.bad(f"{'.'.join(path)} is no text")
        return found

    def number(self, *path: str) -> int:
        """The whole number that the JSON has at a path of names. Raises BadAnswer when it is none."""
        try:
            return int(self.member(*path))
        except (TypeError, ValueError):
            raise self.bad(f"{'.'.join(path)} is no number") from None

    def following(self) -> str | None:
        """Where the link `next` leads; None where there is no such link. Raises BadAnswer when it leads nowhere new."""
        found = next((link for link in self.listed("links") if link.get("rel") == "next"), None)
        if found is None:
            return None
        leads = self.absolute(str(found.get("href", "")))
        if leads == str(self._response.url):
            raise self.bad("the link next leads to the same page")
        return leads

    def header(self, name: str) -> str:
        """A header of the answer. Raises BadAnswer when it is missing."""
        found = self._response.headers.get(name)
        if not found:
            raise self.bad(f"the header {name} is missing")
        return str(found)

    def absolute(self, reference: str) -> str:
        """A URL of the answer, which may be relative to that of the request."""
        return urljoin(str(self._response.url), reference)

    def bad(self, why: str = "") -> BadAnswer:
        """The error for an answer that cannot be made sense of, with all of it."""
        body = self.text[:SHOWN] or "(no body)"
        return BadAnswer(f"{self.asked} was answered {self.status}{f', {why}' if why else ''}:\n{body}")


def members(payload: Mapping[str, Any] | None) -> dict[str, Any]:
    """The members of a JSON object but for those that are null, for APIs that take null for nothing."""
    return {name: value for name, value in (payload or {}).items() if value is not None}


def connected(url: str) -> Any:
    """A client for a base URL, to be closed by whoever asks for it. Raises ModuleNotFoundError without httpx."""
    with brought_by("testing"):
        import httpx  # when it is needed: `import orderfsm.testing` does without it
    return httpx.Client(base_url=url, timeout=SECONDS, verify=trusted())


@cache
def trusted() -> Any:
    """Whose certificates are trusted: read once, which takes longer than many requests."""
    import httpx

    return httpx.create_ssl_context()
