"""Requests read with limits, before anything else looks at them: sizes, encodings, and JSON that means one thing."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, NoReturn

from starlette.requests import Request

from .failure import Rejected

__all__ = ["DEPTH", "LIMIT", "StrictRequest", "parse", "verify_texts"]

LIMIT = 1_048_576
"""The bytes that a body may have."""

DEPTH = 32
"""How deep JSON may be nested."""

LARGEST = 2**63 - 1
"""The largest integer that the databases store."""


class StrictRequest(Request):
    """A request whose body is never read past `limit` bytes, and whose JSON is judged by `parse`."""

    limit = LIMIT

    def verify_target(self) -> None:
        """Raise Rejected for a path or a query that no text column could hold."""
        if "\0" in self.scope["path"] or b"%00" in self.scope["query_string"]:
            raise Rejected(400, "request-malformed", "the URL holds a NUL character; leave it out")

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body, piece by piece; raises Rejected as soon as it is too long, by its header or by its length."""
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > self.limit:
            self._too_long()
        seen = 0
        async for piece in super().stream():
            seen += len(piece)
            if seen > self.limit:
                self._too_long()
            yield piece

    def _too_long(self) -> NoReturn:
        raise Rejected(413, "body-too-large", f"a body has at most {self.limit} bytes; send less")

    async def json(self) -> Any:
        """The body as JSON; raises Rejected for what is none, or could be read in more than one way."""
        return parse(await self.body())


def parse(body: bytes) -> Any:
    """A JSON text as Python values.

    Raises Rejected for what RFC 8259 does not know (NaN, Infinity, other encodings than UTF-8), for a name that comes
    twice, for integers of more than 64 bits, for NUL and half surrogate pairs in texts, and beyond DEPTH levels.
    """
    _verify_depth(body)
    try:
        found = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_refused, parse_int=_integer)
    except UnicodeDecodeError:
        raise _malformed("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"the body is no JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise _malformed(f"the body is nested deeper than {DEPTH} levels") from None
    verify_texts(found)
    return found


def _verify_depth(body: bytes) -> None:
    """Brackets are counted first, those in texts as well: who nests less than DEPTH levels never gets here."""
    if body.count(b"[") + body.count(b"{") <= DEPTH:
        return
    deep = most = 0
    text = escaped = False
    for character in body:
        if text:
            escaped, text = character == 0x5C and not escaped, escaped or character != 0x22
        elif character == 0x22:
            text = True
        elif character in b"[{":
            deep += 1
            most = max(most, deep)
        elif character in b"]}":
            deep -= 1
    if most > DEPTH:
        raise _malformed(f"the body is nested deeper than {DEPTH} levels")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("an object names a member twice; each may come once")
    return members


def _refused(_: str) -> NoReturn:
    raise _malformed("NaN and Infinity are no JSON; leave them out")


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST - 1 <= (number := int(digits)) <= LARGEST:
        raise _malformed("an integer has more than 64 bits; send a smaller one")
    return number


def verify_texts(found: Any) -> None:
    """Raise Rejected when a text in a value could not be stored, or a number is infinite."""
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if not value.isascii() or "\0" in value:
                _verify_text(value)
        elif isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, float) and value in (float("inf"), float("-inf")):
            raise _malformed("a number is too large; send a smaller one")


def _verify_text(text: str) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _malformed("a text holds a NUL character or half of a surrogate pair; leave it out")


def _malformed(said: str) -> Rejected:
    return Rejected(400, "body-malformed", said)
