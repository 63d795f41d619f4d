"""The history of a customer: what may be asked for, how it is found, and the pages before and after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session
from sqlmodel import col
from starlette.datastructures import QueryParams

from orderfsm.table import compile

from .errors import refusal
from .models import shown
from .placing import ordered
from .tables import AdobeCustomer, AdobeLine, AdobeOrder, chart

__all__ = ["MOST", "TYPES", "Search", "page", "read", "statuses"]

MOST = 100
"""The largest page; who asks for more gets this."""

TYPES = ("NEW", "TRANSFER", "RENEWAL", "RETURN")
"""The types of stored orders. The document lists the first three; clients ask for the fourth."""

REPEATED = ("order-type", "status", "offer-id")
SINGLE = ("reseller-id", "reference-order-id", "start-date", "end-date", "limit", "offset")
ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
NUMBER = re.compile(r"[0-9]{1,18}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
SECOND = timedelta(seconds=1)


def statuses() -> tuple[str, ...]:
    """The codes that an order can have."""
    return tuple(sorted({here.code for here in compile(chart("order")).configurations.values() if here.code}))


class Search(NamedTuple):
    """A query that was read: the values of each filter as they were given, the limit clamped."""

    values: Mapping[str, list[str]]
    limit: int
    offset: int
    start: datetime | None
    end: datetime | None

    def link(self, customer_id: str, offset: int) -> dict[str, Any]:
        """The link to a page of the same search."""
        filters = [(name, value) for name, values in self.values.items() for value in values]
        query = urlencode([*filters, ("offset", offset), ("limit", self.limit)])
        return {"uri": f"/v3/customers/{customer_id}/orders?{query}", "method": "GET", "headers": []}


def read(query: QueryParams) -> Search:
    """A query, judged: raises error 1132 for a value that does not fit, or for a second one where one may come."""
    for name in SINGLE:
        if len(query.getlist(name)) > 1:
            raise refusal("1132", name)
    allowed: dict[str, Callable[[str], Any]] = {
        "order-type": TYPES.__contains__,
        "status": statuses().__contains__,
        "offer-id": ID.fullmatch,
        "reseller-id": ID.fullmatch,
        "reference-order-id": ID.fullmatch,
        "start-date": date,
        "end-date": date,
    }
    values = {name: query.getlist(name) for name in allowed if name in query}
    for name, given in values.items():
        if len(given) > MOST or not all(map(allowed[name], given)):
            raise refusal("1132", name)
    limit, offset = number(query, "limit", 25), number(query, "offset", 0)
    if limit < 1:
        raise refusal("1132", "limit")
    start, end = (date(query[name]) if name in query else None for name in ("start-date", "end-date"))
    return Search(values, min(limit, MOST), offset, start, end)


def number(query: QueryParams, name: str, default: int) -> int:
    """A number that is not negative."""
    given = query.get(name)
    if given is None:
        return default
    if not NUMBER.fullmatch(given):
        raise refusal("1132", name)
    return int(given)


def date(text: str) -> datetime | None:
    """A date (its midnight in UTC) or a time with Z; None for everything else."""
    if not DATE.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def page(session: Session, customer: AdobeCustomer, search: Search, at: datetime) -> dict[str, Any]:
    """A page of the customer's orders, newest first; raises error 1133 beyond the end."""
    wanted = conditions(customer, search, at)
    total = session.scalar(select(func.count()).select_from(AdobeOrder).where(wanted)) or 0
    if search.offset > total:
        raise refusal("1133")
    newest = (col(AdobeOrder.placed_at).desc(), col(AdobeOrder.order_id).desc())
    asked = select(AdobeOrder).where(wanted).order_by(*newest).limit(search.limit).offset(search.offset)
    items = with_lines(session, session.scalars(asked).all())
    links = {"self": search.link(customer.customer_id, search.offset)}
    if search.offset + search.limit < total:
        links["next"] = search.link(customer.customer_id, search.offset + search.limit)
    if search.offset:
        links["prev"] = search.link(customer.customer_id, max(0, search.offset - search.limit))
    told = {"totalCount": total, "count": len(items), "offset": search.offset, "limit": search.limit}
    return told | {"items": items, "links": links}


def conditions(customer: AdobeCustomer, search: Search, at: datetime) -> ColumnElement[bool]:
    """What holds for every order that is found: the customer's and the partner's own, whatever else is asked for.

    Times are compared as they are shown, to the second: an order is found by its own creationDate.
    """
    columns = {
        "order-type": col(AdobeOrder.order_type),
        "status": col(AdobeOrder.code),
        "reseller-id": col(AdobeOrder.reseller_id),
        "reference-order-id": col(AdobeOrder.reference_order_id),
    }
    end = search.end or at.replace(microsecond=0)
    found = [
        ordered(customer),
        col(AdobeOrder.placed_at) >= (search.start or customer.current_term_start),
        col(AdobeOrder.placed_at) < later(end),
    ]
    found += [column.in_(search.values[name]) for name, column in columns.items() if name in search.values]
    if "offer-id" in search.values:
        mine = col(AdobeLine.order_id) == col(AdobeOrder.order_id)
        found.append(exists().where(mine, col(AdobeLine.offer_id).in_(search.values["offer-id"])))
    return and_(*found)


def later(moment: datetime) -> datetime:
    """The next second, as far as there is one."""
    return min(moment, datetime.max.replace(tzinfo=UTC) - SECOND) + SECOND


def with_lines(session: Session, orders: Iterable[AdobeOrder]) -> list[dict[str, Any]]:
    """Orders as they are answered; their lines are read in one go."""
    lines: dict[str, list[AdobeLine]] = {order.order_id: [] for order in orders}
    for line in session.scalars(select(AdobeLine).where(col(AdobeLine.order_id).in_(lines))):
        lines[line.order_id].append(line)
    return [shown(order, lines[order.order_id]) for order in orders]
