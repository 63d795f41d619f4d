"""The headers that make it safe to send: Idempotency-Key and If-Match."""

# No `from __future__ import annotations`: FastAPI reads the annotations of what is made here.

import hashlib
import json
import re
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Header
from starlette.requests import Request

from orderfsm.http.failure import Rejected
from orderfsm.http.principal import Principal

__all__ = ["Conditions", "Required", "conditions_of", "digest", "etag", "unchanged"]

Required: TypeAlias = Literal["idempotency-key", "if-match"]

KEY_LIMIT = 255
QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
BARE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
TAGS = re.compile(rf"\s*{TAG}\s*(?:,\s*{TAG}\s*)*")
OURS = re.compile(r'(?<!W/)"(0|[1-9][0-9]{0,18})"')


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request demands: `key` is its idempotency key, `revisions` those that the order may have, None for any."""

    key: str | None = None
    revisions: frozenset[int] | None = None

    def expected(self, revision: int) -> int | None:
        """The revision that the order must have, given the one that it has; None when any will do."""
        if self.revisions is None:
            return None
        return revision if revision in self.revisions else -1


def conditions_of(required: Collection[str]) -> Callable[..., Coroutine[Any, Any, Conditions]]:
    """The dependency that reads the conditions; raises Rejected for what is missing or malformed."""

    async def read(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(description="the same key, the same answer: quoted or bare, 255 characters at most; no two at once"),
        ] = None,
        if_match: Annotated[str | None, Header(description='the revision that was seen, such as "3"')] = None,
    ) -> Conditions:
        key = _key(request.headers.getlist("idempotency-key"))
        if key is None and "idempotency-key" in required:
            raise Rejected(400, "idempotency-key-missing", "send an Idempotency-Key, a new one for each new request")
        revisions = _revisions(request.headers.getlist("if-match"))
        if "if-match" in required and not request.headers.getlist("if-match"):
            raise Rejected(428, "if-match-missing", "send If-Match with the ETag of the order as you have seen it")
        return Conditions(key, revisions)

    return read


def _key(given: list[str]) -> str | None:
    """The key, written as a string of RFC 9651, in quotes, or bare."""
    if not given:
        return None
    found = QUOTED.fullmatch(given[0])
    bare = BARE.fullmatch(given[0])
    key = re.sub(r"\\(.)", r"\1", found[1]) if found else bare and given[0]
    if len(given) > 1 or not key or len(key) > KEY_LIMIT:
        said = f"an Idempotency-Key is one text of 1 to {KEY_LIMIT} ASCII characters, in quotes"
        raise Rejected(400, "idempotency-key-malformed", said)
    return key


def _revisions(given: list[str]) -> frozenset[int] | None:
    """The revisions among the entity tags; another's tag, or a weak one, matches none."""
    tags = ",".join(given)
    if not given or tags.strip() == "*":
        return None
    if not TAGS.fullmatch(tags):
        raise Rejected(400, "if-match-malformed", 'If-Match has entity tags in quotes, such as "3", or *')
    return frozenset(int(found) for found in OURS.findall(tags))


def etag(revision: int) -> str:
    """The entity tag of an order at a revision."""
    return f'"{revision}"'


def unchanged(request: Request, revision: int) -> bool:
    """Whether the client has seen this revision already: If-None-Match compares weakly."""
    tags = ",".join(request.headers.getlist("if-none-match"))
    return any(found == str(revision) for found in re.findall(r'"([^"]*)"', tags))


def digest(operation: str, who: Principal, key: str | None) -> str | None:
    """What is stored instead of an idempotency key: the same key of another principal or operation is another one."""
    if key is None:
        return None
    return f"http-{hashlib.sha256(json.dumps([operation, who.id, key]).encode()).hexdigest()}"
