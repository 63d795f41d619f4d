"""A history page by page: its place is a sequence, so that pages stay what they are while entries are added."""

# No `from __future__ import annotations`: FastAPI reads the annotations of `page`.

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from orderfsm.http.strict import LARGEST
from orderfsm.pairing import ENTRY
from orderfsm.sqlmodel import SqlStore
from orderfsm.sqlmodel.status import told

from .answers import address
from .keys import OrderKey

__all__ = ["MOST", "Page", "entries", "page", "references"]

MOST = 100
"""How many entries a page has at most."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a history: at most `limit` entries beyond `after` (None: from the end that comes first)."""

    limit: int
    after: int | None
    down: bool


def page(
    limit: Annotated[int, Query(ge=0, le=MOST)] = 20,
    after: Annotated[
        int | None, Query(ge=0, le=LARGEST, description="the sequence that the page begins beyond")
    ] = None,
    order: Annotated[Literal["asc", "desc"], Query(description="by sequence")] = "asc",
) -> Page:
    """The query of a history."""
    return Page(limit, after, order == "desc")


def entries(session: Session, store: SqlStore, key: OrderKey, wanted: Page) -> list[dict[str, Any]]:
    """The entries of a page, and one more where there is one, as `Entry.as_dict` tells them."""
    past = store.pairing.history
    mine = (local == part for (_, _, local), part in zip(store.pairing.keys, key, strict=True))
    query = select(*(past.c[name] for name in ENTRY)).where(*mine)
    sequence = past.c.sequence
    if wanted.after is not None:
        query = query.where(sequence < wanted.after if wanted.down else sequence > wanted.after)
    query = query.order_by(sequence.desc() if wanted.down else sequence.asc()).limit(wanted.limit + 1)
    return [told(tuple(row)) for row in session.connection(dict(store.bind)).execute(query)]


def references(request: Request, wanted: Page, found: list[dict[str, Any]], revision: int) -> list[dict[str, str]]:
    """Links to the first page, and to those beside this one; `found` has one entry more than the page, if there is.

    A history has no gaps, so that the page before needs no query.
    """
    refer = _Reference(request, wanted.down)
    links = [refer("first", wanted.limit, None)]
    if wanted.limit and found:
        first, last = found[0]["sequence"], found[: wanted.limit][-1]["sequence"]
        before = min(wanted.limit, (revision - first) if wanted.down else first - 1)
        if before > 0:
            links.append(refer("prev", before, first + before + 1 if wanted.down else first - before - 1))
        if len(found) > wanted.limit:
            links.append(refer("next", wanted.limit, last))
    return links


class _Reference:
    """Links to the same history: a path and a query, from parts that are validated."""

    def __init__(self, request: Request, down: bool) -> None:  # noqa: FBT001 - a page's
        self._path = address(request)
        self._order = "desc" if down else "asc"

    def __call__(self, rel: str, limit: int, after: int | None) -> dict[str, str]:
        place = "" if after is None else f"&after={after}"
        return {"rel": rel, "href": f"{self._path}?order={self._order}&limit={limit}{place}"}
