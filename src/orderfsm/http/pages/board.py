"""The board: the orders of every vocabulary by state; and the orders of one state, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from orderfsm.http.principal import Principal
from orderfsm.http.unit import Sessions, reading

from .door import Door
from .paper import page
from .shown import line
from .stock import ELSEWHERE, SCANNED, Card, Stock

__all__ = ["Board"]

SHOWN = 6
"""How many orders of a state the board shows."""

MOST = 50
"""How many orders a page of one state has."""


@dataclass(frozen=True, slots=True)
class Column:
    """The orders of one state: how many there are, and the first of them; `name` is what its code means."""

    code: str
    name: str
    category: str
    count: int
    cards: Sequence[Card] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns of one shelf."""

    name: str
    title: str
    roles: str
    columns: Sequence[Column]

    @property
    def count(self) -> int:
        """How many orders there are."""
        return sum(column.count for column in self.columns)


class Board:
    """The endpoints that show many orders."""

    def __init__(self, stocks: Sequence[Stock], sessions: Sessions, door: Door) -> None:
        self._stocks, self._sessions, self._door = stocks, sessions, door

    def all(self, request: Request) -> Response:
        """Every shelf that the visitor has a role for."""
        visitor = self._door.visitor(request)
        text = searched(request)
        mine = [(stock, who) for stock in self._stocks if (who := visitor.grant.principal(stock.shelf.vocabulary))]
        with reading(self._sessions) as session:
            panels = [panel(session, stock, who, text, SHOWN) for stock, who in mine]
        values = {
            "visitor": visitor,
            "panels": [found for found in panels if found.count],
            "empty": [found for found in panels if not found.count],
            "searched": text,
            "scanned": SCANNED,
        }
        return page(request, "board.html", values)

    def one(self, request: Request, stock: Stock) -> Response:
        """The orders of one shelf in one state, or in whichever: a page of them."""
        visitor = self._door.visitor(request)
        who = stock.principal(visitor.grant)
        given = request.query_params
        code = given.get("state")
        after = stock.key(given["after"]) if "after" in given else None
        if code not in (None, ELSEWHERE, *stock.categories):
            code = ELSEWHERE
        with reading(self._sessions) as session:
            counts = stock.counts(session, who)
            cards = stock.cards(session, who, MOST + 1, code=code, after=after)
        values = {
            "visitor": visitor,
            "name": stock.shelf.name,
            "title": line(stock.chart.title or stock.shelf.name),
            "code": code,
            "states": columns(stock, counts),
            "total": sum(counts.values()),
            "cards": cards[:MOST],
            "next": cards[MOST - 1].key if len(cards) > MOST else None,
            "later": after is not None,
        }
        return page(request, "list.html", values)


def searched(request: Request) -> str:
    """The text that titles are to have."""
    return line(request.query_params.get("q", ""))[:100]


def panel(session: Session, stock: Stock, who: Principal, text: str, shown: int) -> Panel:
    """A shelf for the board: a column per code, in the order of the chart."""
    parts = found(session, stock, who, text, shown) if text else counted(session, stock, who, shown)
    title = line(stock.chart.title or stock.shelf.name)
    return Panel(stock.shelf.name, title, ", ".join(stock.roles(who)), parts)


def counted(session: Session, stock: Stock, who: Principal, shown: int) -> list[Column]:
    """The columns of all orders."""
    return [
        replace(column, cards=stock.cards(session, who, shown, code=column.code)) if column.count else column
        for column in columns(stock, stock.counts(session, who))
    ]


def found(session: Session, stock: Stock, who: Principal, text: str, shown: int) -> list[Column]:
    """The columns of the orders whose titles have a text."""
    cards: dict[str, list[Card]] = {}
    for card in stock.matching(session, who, text):
        cards.setdefault(card.code if card.code in stock.categories else ELSEWHERE, []).append(card)
    counts = {code: len(each) for code, each in cards.items()}
    return [replace(column, cards=cards.get(column.code, [])[: 5 * shown]) for column in columns(stock, counts)]


def columns(stock: Stock, counts: dict[str, int]) -> list[Column]:
    """The codes of a chart and how many orders each has; elsewhere only where some are."""
    rows = [*stock.categories.items(), *([(ELSEWHERE, "")] if counts.get(ELSEWHERE) else [])]
    return [Column(code, stock.names.get(code, ""), category, counts.get(code, 0)) for code, category in rows]
