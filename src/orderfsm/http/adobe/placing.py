"""Orders are placed, previewed and returned: the rules of lines, and what is sent to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from orderfsm.errors import GuardRefused, NotEnabled
from orderfsm.history import Actor
from orderfsm.http.failure import Rejected

from .errors import refusal
from .models import New
from .tables import AdobeCustomer, AdobeLine, AdobeOrder, Lives, free_id

__all__ = ["Review", "lines_of", "nothing", "ordered", "place", "preview"]

Review = Callable[[Session, AdobeCustomer, New], None]
"""What the host has to say to an order or a preview: raises `refusal(code, …)`, e.g. 2129 for an offer."""

LINES, QUANTITY, NUMBER, REFERENCE = 499, 200_000, 999_999, 35
"""The limits of the documents: lines of an order, quantity, extLineItemNumber, letters of externalReferenceId."""

RETURNABLE = ("NEW", "RENEWAL")


def nothing(_: Session, __: AdobeCustomer, ___: New) -> None:
    """Every order is fine."""


def _verify(session: Session, customer: AdobeCustomer, new: New, review: Review) -> None:
    """Raise the first error that an order has: by itself, by its customer's subscriptions, by the host."""
    for flaw in _flaws(new):
        raise flaw
    if "RENEWAL" in new.orderType:
        _verify_subscriptions(session, customer, new)
    review(session, customer, new)


def _flaws(new: New) -> Iterator[Rejected]:
    lines, numbers = new.lineItems, [line.extLineItemNumber for line in new.lineItems]
    if not lines and new.orderType != "PREVIEW_RENEWAL":
        yield refusal("1122", "lineItems")
    if new.orderType == "RETURN" and not new.reference:
        yield refusal("1122", "referenceOrderId")
    if new.orderType != "RETURN" and new.reference:
        yield refusal("1117", "referenceOrderId")
    if len(lines) > LINES:
        yield refusal("2119")
    if len(new.externalReferenceId) > REFERENCE:
        yield refusal("2126")
    if not all(0 <= number <= NUMBER for number in numbers):
        yield refusal("2123", *_places(new, lambda at: not 0 <= numbers[at] <= NUMBER, "extLineItemNumber"))
    if len(set(numbers)) < len(numbers):
        counts = Counter(numbers)
        yield refusal("2121", *_places(new, lambda at: counts[numbers[at]] > 1, "extLineItemNumber"))
    yield from _flaws_of_lines(new)


def _flaws_of_lines(new: New) -> Iterator[Rejected]:
    lines = new.lineItems
    if any(line.quantity is None for line in lines) and new.orderType != "PREVIEW_RENEWAL":
        yield refusal("1122", *_places(new, lambda at: lines[at].quantity is None, "quantity"))
    if not all(line.quantity is None or 1 <= line.quantity <= QUANTITY for line in lines):
        yield refusal("2120", *_places(new, lambda at: not 1 <= (lines[at].quantity or 0) <= QUANTITY, "quantity"))
    if not all(line.offerId.isalnum() and line.offerId.isascii() for line in lines):
        yield refusal("2122", *_places(new, lambda at: not lines[at].offerId.isalnum(), "offerId"))
    if new.orderType in ("RENEWAL", "PREVIEW_RENEWAL") and not all(line.subscriptionId for line in lines):
        yield refusal("1122", *_places(new, lambda at: not lines[at].subscriptionId, "subscriptionId"))
    if len(_currencies(new)) > 1:
        yield refusal("2137", "currencyCode")


def _currencies(new: New) -> set[str]:
    """The currencies that an order and its lines name."""
    return {code for code in (new.currencyCode, *(line.currencyCode for line in new.lineItems)) if code}


def _places(new: New, wrong: Callable[[int], bool], name: str) -> Iterator[str]:
    """The first places of a field that is wrong."""
    found = (f"lineItems[{at}].{name}" for at in range(len(new.lineItems)) if wrong(at))
    return (place for place, _ in zip(found, range(20), strict=False))


# --- placing


def _draft(customer: AdobeCustomer, new: New, at: datetime, order_id: str) -> tuple[AdobeOrder, list[AdobeLine]]:
    """The rows of an order, before it is placed."""
    currency = next(iter(_currencies(new)), customer.currency_code)
    order = AdobeOrder(
        order_id=order_id,
        customer_id=customer.customer_id,
        partner_id=customer.partner_id,
        reseller_id=customer.reseller_id,
        order_type=new.orderType,
        external_reference_id=new.externalReferenceId,
        reference_order_id=new.reference,
        currency_code=currency,
        placed_at=at,
    )
    lines = [
        AdobeLine(
            order_id=order_id,
            ext_line_item_number=line.extLineItemNumber,
            position=position,
            offer_id=line.offerId,
            quantity=line.quantity or 1,
            subscription_id=line.subscriptionId.strip() if "RENEWAL" in new.orderType else "",
            currency_code=currency,
            deployment_id=line.deploymentId,
            promotions=line.promoted,
        )
        for position, line in enumerate(new.lineItems)
    ]
    return order, lines


def place(
    session: Session,
    both: Lives,
    customer: AdobeCustomer,
    new: New,
    *,
    actor: Actor,
    at: datetime,
    review: Review = nothing,
) -> tuple[AdobeOrder, list[AdobeLine]]:
    """Place an order, which is no preview: it is 1002, and so are its lines; the caller commits.

    A RETURN asks the original first. Raises what Adobe says to an order that does not fit (`refusal`). The order is
    opened after its lines, so that it looks at them once.
    """
    _verify(session, customer, new, review)
    if new.orderType == "RETURN":
        _verify_return(session, both, customer, new, actor)
    order, lines = _draft(customer, new, at, free_id(session))
    session.add(order)
    session.flush()
    session.add_all(lines)
    for line in lines:
        both.lines.open(session, line, actor=actor, occurred_at=at)
    both.orders.open(session, order, actor=actor, occurred_at=at)
    return order, lines


def preview(
    session: Session, customer: AdobeCustomer, new: New, *, at: datetime, review: Review = nothing
) -> tuple[AdobeOrder, list[AdobeLine]]:
    """The rows of an order as it would be; nothing is stored. A renewal without lines has those of the customer."""
    _verify(session, customer, new, review)
    order, lines = _draft(customer, new, at, "")
    if new.orderType == "PREVIEW_RENEWAL" and not lines:
        lines = list(_renewable(session, customer))
    return order, lines


def _renewable(session: Session, customer: AdobeCustomer) -> Iterator[AdobeLine]:
    """A line for each subscription that the customer has; raises error 2136 when there is none."""
    mine = _subscribed(customer).order_by(col(AdobeOrder.placed_at), col(AdobeLine.position))
    latest = {line.subscription_id: line for line in session.scalars(mine)}
    if not latest:
        raise refusal("2136")
    for number, line in enumerate(list(latest.values())[:LINES], 1):
        copied = line.model_dump(include={"offer_id", "quantity", "subscription_id", "currency_code", "deployment_id"})
        yield AdobeLine(order_id="", ext_line_item_number=number, position=number, **copied)


def ordered(customer: AdobeCustomer) -> ColumnElement[bool]:
    """What holds for the orders that the customer's partner has placed for it, and for no others."""
    return and_(col(AdobeOrder.customer_id) == customer.customer_id, col(AdobeOrder.partner_id) == customer.partner_id)


def _subscribed(customer: AdobeCustomer) -> Select[AdobeLine]:
    """The lines that are complete, and were not returned."""
    complete = (ordered(customer), col(AdobeOrder.order_type) != "RETURN", col(AdobeLine.code) == "1000")
    return select(AdobeLine).join(AdobeOrder, col(AdobeOrder.order_id) == col(AdobeLine.order_id)).where(*complete)


def _verify_subscriptions(session: Session, customer: AdobeCustomer, new: New) -> None:
    """Raise error 3115 when a renewal names a subscription that the customer does not have."""
    named = {line.subscriptionId.strip() for line in new.lineItems}
    asked = _subscribed(customer).where(col(AdobeLine.subscription_id).in_(named))
    if named - {line.subscription_id for line in session.scalars(asked)}:
        raise refusal("3115")


# --- returning


def _verify_return(session: Session, both: Lives, customer: AdobeCustomer, new: New, actor: Actor) -> None:
    """Ask the original order whether these lines may be returned; raises what Adobe says when they may not.

    Whoever returns lines of the same order at the same time waits here.
    """
    asked = select(AdobeOrder).where(ordered(customer), col(AdobeOrder.order_id) == new.reference)
    original = session.scalars(asked).one_or_none()
    if original is None:
        raise refusal("2115")
    if original.order_type not in RETURNABLE:
        raise refusal("2116")
    payload = {"referenceOrderId": original.order_id, "lineItems": _named(new)}
    try:
        both.orders.send(session, original, "return_lines", actor=actor, payload=payload)
    except NotEnabled:
        raise refusal("2118" if original.code == "1008" else "2116") from None
    except GuardRefused:
        raise refusal("2117") from None
    _verify_lines(session, original, new)
    if original.order_type == "NEW" and original.placed_at < customer.current_term_start:
        raise refusal("2134")


def _named(new: New) -> list[dict[str, str | int | None]]:
    return [line.model_dump(include={"extLineItemNumber", "offerId", "quantity"}) for line in new.lineItems]


def _verify_lines(session: Session, original: AdobeOrder, new: New) -> None:
    """Raise the error of the first line that is not wholly one of the original's, or was returned before."""
    lines = {line.ext_line_item_number: line for line in lines_of(session, original)}
    back = _coming_back(session, original)
    for position, wanted in enumerate(new.lineItems):
        line, place = lines.get(wanted.extLineItemNumber), f"lineItems[{position}]"
        if line is None:
            raise refusal("2131", f"{place}.extLineItemNumber")
        if line.offer_id != wanted.offerId:
            raise refusal("2130", f"{place}.offerId")
        if line.quantity != wanted.quantity:
            raise refusal("2132", f"{place}.quantity")
        if line.code != "1000" or line.ext_line_item_number in back:
            raise refusal("2133", place)


def lines_of(session: Session, order: AdobeOrder) -> Sequence[AdobeLine]:
    """The lines of an order, in its order."""
    mine = select(AdobeLine).where(col(AdobeLine.order_id) == order.order_id).order_by(col(AdobeLine.position))
    return session.scalars(mine).all()


def _coming_back(session: Session, original: AdobeOrder) -> set[int]:
    """The numbers of lines that a RETURN order has which has not failed."""
    asked = (
        select(col(AdobeLine.ext_line_item_number))
        .join(AdobeOrder, col(AdobeOrder.order_id) == col(AdobeLine.order_id))
        .where(
            col(AdobeOrder.customer_id) == original.customer_id,
            col(AdobeOrder.reference_order_id) == original.order_id,
            col(AdobeOrder.order_type) == "RETURN",
            col(AdobeOrder.code).in_(["1000", "1002"]),
        )
    )
    return set(session.scalars(asked))
