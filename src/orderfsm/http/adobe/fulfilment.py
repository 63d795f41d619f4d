"""Adobe's side: orders are fulfilled or fail, line by line; a RETURN that is complete returns the original's lines."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

from sqlalchemy.orm import Session

from orderfsm.history import Actor

from .errors import refusal
from .placing import lines_of
from .tables import AdobeLine, AdobeOrder, Lives

__all__ = ["EVENTS", "happen"]

EVENTS = (
    "fulfil",
    "fail",
    "fail_distributor_inactive",
    "fail_reseller_inactive",
    "fail_customer_inactive",
    "fail_customer_id_invalid",
)
"""What may happen to the lines of an order at Adobe. They are returned by a RETURN order, not by themselves."""

NO_SUBSCRIPTIONS: Mapping[int, str] = {}


def happen(
    session: Session,
    both: Lives,
    order: AdobeOrder,
    event: str,
    *,
    actor: Actor,
    numbers: Collection[int] = (),
    subscriptions: Mapping[int, str] = NO_SUBSCRIPTIONS,
) -> None:
    """Send an event to lines of an order, which follows them; the caller commits.

    Without `numbers` all lines are meant that are open. A fulfilled line gets the subscription that is given for it,
    else a new one. Raises Refused when a line does not take the event, and error 1117 when there is no such line.
    """
    lines = lines_of(session, order)
    if not set(numbers) <= {line.ext_line_item_number for line in lines}:
        raise refusal("1117", "lineItems")
    meant = [line for line in lines if line.ext_line_item_number in numbers]
    meant = meant or [line for line in lines if line.code == "1002"] or list(lines)
    _send(session, both, meant, event, actor)
    original = session.get(AdobeOrder, order.reference_order_id) if order.reference_order_id else None
    if event == "fulfil":
        _subscribe(session, meant, subscriptions, original)
    if original is not None and order.code == "1000":
        _take_back(session, both, original, lines, actor)


def _send(session: Session, both: Lives, lines: Collection[AdobeLine], event: str, actor: Actor) -> None:
    keys = [(line.order_id, line.ext_line_item_number) for line in lines]
    for verdict in both.lines.send_many(session, keys, event, actor=actor):
        if verdict.error is not None:
            raise verdict.error


def _subscribe(
    session: Session, lines: Collection[AdobeLine], given: Mapping[int, str], original: AdobeOrder | None
) -> None:
    """Give each line its subscription; a line that is returned has that of the original."""
    known = {} if original is None else {line.ext_line_item_number: line for line in lines_of(session, original)}
    for line in lines:
        number = line.ext_line_item_number
        before = known[number].subscription_id if number in known else line.subscription_id
        line.subscription_id = given.get(number) or before or str(10**7 + secrets.randbelow(9 * 10**7))


def _take_back(session: Session, both: Lives, original: AdobeOrder, lines: Collection[AdobeLine], actor: Actor) -> None:
    """Return the lines of the original: each turns 1008, and the order with the last."""
    numbers = {line.ext_line_item_number for line in lines}
    meant = [line for line in lines_of(session, original) if line.ext_line_item_number in numbers]
    _send(session, both, meant, "return", actor)
