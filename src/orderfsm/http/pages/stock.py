"""The orders of a shelf as one principal sees them: how many where, and which, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from orderfsm.chart import Kind
from orderfsm.http.failure import Rejected
from orderfsm.http.generic.keys import Keys, OrderKey, absent
from orderfsm.http.generic.subject import Subject
from orderfsm.http.principal import Principal
from orderfsm.http.shelf import Shelf
from orderfsm.http.tokens import Grant

from .drawing import slender
from .shown import line
from .spelled import spell, unspelled

__all__ = ["ELSEWHERE", "Card", "Stock", "alike"]

ELSEWHERE = ""
"""Stands for the orders whose code is none of the chart's: those not opened yet, and those of an older chart."""

SCANNED = 2_000
"""How many orders are looked through, the newest first, for a text in their titles."""


@dataclass(frozen=True, slots=True)
class Card:
    """An order in a list: `since` is when its last entry was recorded."""

    key: str
    title: str
    code: str
    category: str
    since: datetime | None


class Stock:
    """The orders of one shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.lifecycle = shelf.lifecycle
        self.chart = shelf.lifecycle.chart
        self.keys = Keys(shelf.lifecycle.store)
        self.subject = Subject(shelf.lifecycle, shelf.visible, lambda _, told: told, self.keys)
        self._pairing = shelf.lifecycle.store.pairing
        self._orders: Any = self._pairing.orders
        self._key = [column for _, column, _ in self._pairing.keys]

    @cached_property
    def categories(self) -> dict[str, str]:
        """Code -> category, in the order of the chart."""
        leaves = [state.name for state in self.chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)]
        found: dict[str, str] = {}
        for name in leaves:
            code = self.chart.code_of(name)
            if code:
                found.setdefault(code, self.chart.category_of(name) or "")
        return found

    @cached_property
    def names(self) -> dict[str, str]:
        """Code -> what the chart calls its state, where there is one state and that is not the code again."""
        found: dict[str, set[str]] = {}
        for state in self.chart.states:
            if state.kind in (Kind.ATOMIC, Kind.FINAL):
                found.setdefault(self.chart.code_of(state.name) or "", set()).add(line(state.title))
        single = {code: next(iter(titles)) for code, titles in found.items() if len(titles) == 1}
        return {code: title for code, title in single.items() if title and not alike(title, code)}

    @cached_property
    def slender(self) -> bool:
        """Whether the chart's picture leaves room beside it."""
        return slender(self.chart)

    # --- who and which

    def principal(self, grant: Grant) -> Principal:
        """Who a grant is on this shelf; raises Rejected, as for what is absent, where it has no role."""
        found = grant.principal(self.shelf.vocabulary)
        if found is None:
            raise absent()
        return found

    def roles(self, who: Principal) -> list[str]:
        """The roles that somebody may act in here, in the order of the chart."""
        return [role for role in self.chart.actors if role in who.roles] or sorted(who.roles)

    def key(self, segment: str) -> OrderKey:
        """The key that a segment of a URL spells; raises Rejected, as for what is absent."""
        parts = unspelled(segment)
        if len(parts) != len(self._key):
            raise absent()
        return self.keys.of(parts)

    # --- how many

    def counts(self, session: Session, who: Principal) -> dict[str, int]:
        """Code -> how many orders have it; of those elsewhere as well."""
        code = self._orders.c.code
        query = select(code, func.count()).select_from(self._orders).where(self.shelf.visible(who)).group_by(code)
        found: dict[str, int] = {}
        for name, number in session.execute(query):
            place = name if name in self.categories else ELSEWHERE
            found[place] = found.get(place, 0) + number
        return found

    # --- which

    def cards(
        self, session: Session, who: Principal, limit: int, *, code: str | None = None, after: OrderKey | None = None
    ) -> list[Card]:
        """At most so many orders, the latest keys first: those with a code, and beyond a key, if there is one."""
        past = self._pairing.history
        last = and_(*(local == key for _, key, local in self._pairing.keys), past.c.sequence == self._orders.c.revision)
        model = self.lifecycle.store.order
        query = select(model, past.c.recorded_at).select_from(model).outerjoin(past, last)
        query = query.where(self.shelf.visible(who)).order_by(*(key.desc() for key in self._key)).limit(limit)
        if code is not None:
            query = query.where(self._having(code))
        if after is not None:
            query = query.where(tuple_(*self._key) < tuple_(*self._literals(after)))
        return [self._card(order, since) for order, since in session.execute(query)]

    def matching(self, session: Session, who: Principal, text: str) -> list[Card]:
        """The orders among the newest whose titles have a text, and the one whose key it is."""
        wanted = text.casefold()
        found = [card for card in self.cards(session, who, SCANNED) if wanted in card.title.casefold()]
        named = self._named(session, who, text)
        return found if named is None or named in found else [named, *found]

    def _named(self, session: Session, who: Principal, text: str) -> Card | None:
        try:
            order = self.subject.order(session, who, self.keys.of([text])) if len(self._key) == 1 else None
        except Rejected:
            return None
        return None if order is None else self._card(order, None)

    def _having(self, code: str) -> ColumnElement[bool]:
        column = self._orders.c.code
        if code == ELSEWHERE:
            return or_(column.is_(None), column.not_in(list(self.categories)))
        return column == code  # type: ignore[no-any-return]

    def _literals(self, key: Sequence[Any]) -> list[Any]:
        return [literal(part, column.type) for part, column in zip(key, self._key, strict=True)]

    def _card(self, order: Any, since: datetime | None) -> Card:
        identity = self.lifecycle.store.identity(order)
        return Card(spell(identity), self.title(order), order.code or "", order.category or "", since)

    def title(self, order: Any) -> str:
        """What the shelf calls an order, on one line."""
        return line(self.shelf.title(order)) or "(without a title)"


def alike(title: str, code: str) -> bool:
    """Whether a title says no more than the code itself."""
    return title.replace(" ", "_").casefold() == code.replace(" ", "_").casefold()
