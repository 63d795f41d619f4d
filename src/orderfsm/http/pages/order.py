"""The page of one order: where it stands, its picture, its history, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orderfsm.chart import START
from orderfsm.corrections import SUPERSEDE, VOID
from orderfsm.errors import OrderFsmError
from orderfsm.http.generic.csv import as_csv
from orderfsm.http.generic.keys import OrderKey, absent
from orderfsm.http.generic.paging import Page, entries
from orderfsm.http.principal import Principal
from orderfsm.http.unit import Sessions, reading
from orderfsm.http.wording import worded
from orderfsm.lifecycle import Lifecycle

from .door import Door, Visitor
from .draft import Draft
from .drawing import DRAWN, TRACED, drawn
from .offers import denials, offers, title
from .paper import SAFE, page
from .shown import line
from .stock import Stock, alike

__all__ = ["Notice", "Orders", "Seen"]

LISTED = 25
"""How many entries of the history a page has."""

PIECE = 500
"""How many entries are read at a time for the export."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told at the top of a page: what became of a form that was sent."""

    tone: str
    headline: str
    sentences: tuple[str, ...] = ()
    typed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One order as one visitor asks for it, in one role."""

    visitor: Visitor
    stock: Stock
    segment: str
    key: OrderKey
    who: Principal
    role: str

    @classmethod
    def of(cls, visitor: Visitor, stock: Stock, segment: str, role: str) -> Seen:
        """Raises Rejected where the visitor has no role, or the segment spells no key."""
        who = stock.principal(visitor.grant)
        roles = stock.roles(who)
        return cls(visitor, stock, segment, stock.key(segment), who, role if role in roles else roles[0])


class Orders:
    """The endpoints that show one order."""

    def __init__(self, sessions: Sessions, door: Door) -> None:
        self._sessions, self._door = sessions, door

    def show(self, request: Request, stock: Stock, segment: str) -> Response:
        """The page of an order."""
        return self.shown(request, self._seen(request, stock, segment))

    def shown(
        self,
        request: Request,
        seen: Seen,
        *,
        draft: Draft | None = None,
        notice: Notice | None = None,
        status: int = 200,
    ) -> Response:
        """The page of an order; `draft` is what has been typed on it, `notice` what became of that."""
        given = request.query_params
        older = given.get("before", "")
        with reading(self._sessions) as session:
            order = seen.stock.subject.order(session, seen.who, seen.key)
            past = history(session, seen, int(older) if number(older) else None)
            values = standing(seen, order) | past | outlook(session, seen, order, draft)
        if draft is not None and notice is not None and not any(each.draft is draft for each in values["offers"]):
            notice = Notice(notice.tone, notice.headline, notice.sentences, tuple(draft.typed()))
        notice = notice or recorded(past["entries"], given.get("sent", ""))
        return page(request, "order.html", {"visitor": seen.visitor, "notice": notice} | values, status=status)

    def picture(self, request: Request, stock: Stock, segment: str) -> Response:
        """The order's picture."""
        seen = self._seen(request, stock, segment)
        with reading(self._sessions) as session:
            seen.stock.subject.verify(session, seen.who, seen.key)
            found = stock.lifecycle.status(session, tuple(seen.key), entries=TRACED)
        if found is None:
            raise absent()
        text = drawn(stock.chart, found["configuration"], found["history"])
        return Response(text, headers=SAFE | DRAWN, media_type="image/svg+xml")

    def export(self, request: Request, stock: Stock, segment: str) -> Response:
        """The whole history as CSV, read piece by piece while it is sent."""
        seen = self._seen(request, stock, segment)
        with reading(self._sessions) as session:
            seen.stock.subject.verify(session, seen.who, seen.key)
        headers = SAFE | {"Content-Disposition": f'attachment; filename="history-{segment[:100]}.csv"'}
        return StreamingResponse(self._pieces(seen), media_type="text/csv", headers=headers)

    def _pieces(self, seen: Seen) -> Iterator[str]:
        yield (head := as_csv(()))
        after: int | None = 0
        while after is not None:
            with reading(self._sessions) as session:
                found = entries(session, seen.stock.lifecycle.store, seen.key, Page(PIECE, after, down=False))
            told = [seen.stock.subject.entry(seen.who, each) for each in found[:PIECE]]
            yield as_csv(told).removeprefix(head)
            after = told[-1]["sequence"] if len(found) > PIECE else None

    def _seen(self, request: Request, stock: Stock, segment: str) -> Seen:
        return Seen.of(self._door.visitor(request), stock, segment, request.query_params.get("as", ""))


def number(text: str) -> bool:
    """Whether a text is a sequence that a database takes."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def standing(seen: Seen, order: Any) -> dict[str, Any]:
    """Where the order stands, and what the page is called."""
    stock, chart = seen.stock, seen.stock.chart
    configuration = stock.lifecycle.table.configurations.get(order.configuration or "")
    states = [chart.by_name[name] for name in configuration.leaves] if configuration else []
    return {
        "title": stock.title(order),
        "shelf": stock.shelf.name,
        "vocabulary": line(chart.title or chart.name),
        "segment": seen.segment,
        "role": seen.role,
        "roles": stock.roles(seen.who),
        "code": order.code or "",
        "category": order.category or "",
        "named": [name for state in states if not alike(name := line(state.title), order.code or "")],
        "configuration": order.configuration or "",
        "meanings": [line(state.description) for state in states if state.description],
        "revision": order.revision,
        "chart": f"{order.chart or chart.name} {order.chart_version or chart.version}",
        "pictured": configuration is not None,
        "slender": stock.slender,
        "ended": configuration is not None and configuration.final,
    }


def outlook(session: Session, seen: Seen, order: Any, draft: Draft | None) -> dict[str, Any]:
    """What may be done now, and why not the rest; `unjudged` says why that cannot be said."""
    actor, lifecycle = seen.who.actor(seen.role), seen.stock.lifecycle
    if order.configuration is None:
        return {"offers": [], "denials": [], "unjudged": "The order has not been opened yet."}
    try:
        may = offers(session, lifecycle, order, actor, draft)
        return {"offers": may, "denials": list(denials(session, lifecycle, order, actor, may)), "unjudged": ""}
    except OrderFsmError as error:
        return {"offers": [], "denials": [], "unjudged": f"{worded(error).capitalize()}."}


def history(session: Session, seen: Seen, before: int | None) -> dict[str, Any]:
    """A page of the history, the newest first, with what later entries have made of it."""
    store, chart = seen.stock.lifecycle.store, seen.stock.chart
    found = entries(session, store, seen.key, Page(LISTED, before, down=True))
    told = [seen.stock.subject.entry(seen.who, each) for each in found[:LISTED]]
    fates = corrected(session, seen, [each["sequence"] for each in told])
    rows = [
        each
        | {
            "title": title(chart, each["event"]),
            "fates": fates.get(each["sequence"], []),
            "from": source(seen.stock.lifecycle, each["before"]),
        }
        for each in told
    ]
    codes = [each["code"] or each["after"] for each in reversed(told)]
    return {"entries": rows, "older": rows[-1]["sequence"] if len(found) > LISTED else None, "way": codes}


def source(orders: Lifecycle, before: str | None) -> str:
    """The code of where an entry begins, or the configuration where it has none; empty for the first entry."""
    configuration = orders.table.configurations.get(before or START)
    return (configuration.code if configuration else None) or (before if before and before != START else "")


def corrected(session: Session, seen: Seen, sequences: list[int]) -> dict[int, list[tuple[str, int]]]:
    """Sequence -> what became of the entry by which later one: `taken back` or `restated`."""
    pairing = seen.stock.lifecycle.store.pairing
    past: Any = pairing.history
    mine = (local == part for (_, _, local), part in zip(pairing.keys, seen.key, strict=True))
    words = {VOID: "taken back", SUPERSEDE: "restated"}
    wanted = past.c.corrects.in_(sequences), past.c.event.in_(list(words))
    query = select(past.c.corrects, past.c.event, past.c.sequence).where(*mine, *wanted).order_by(past.c.sequence)
    found: dict[int, list[tuple[str, int]]] = {}
    for corrects, event, sequence in session.execute(query):
        found.setdefault(corrects, []).append((words[event], sequence))
    return found


def recorded(listed: Iterable[Mapping[str, Any]], sent: str) -> Notice | None:
    """What is told after an event was sent: the entry that it has written."""
    entry = next((each for each in listed if sent and str(each["sequence"]) == sent), None)
    if entry is None:
        return None
    said = f"Entry {entry['sequence']} was written; it leads to {entry['code'] or entry['after']}."
    return Notice("good", f"Recorded: {entry['title']}", (said,))
