"""What requests bring, and what a status looks like."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session
from sqlmodel import col, select

import orderfsm

from .dates import FORM, parse, written
from .tables import CableItem, CableOrder

__all__ = ["OrderErrors", "OrderStatusRequest", "OrderStatusResponse", "answer_of"]

RESPONSE: Literal["orderStatusResponse"] = "orderStatusResponse"

CHART = orderfsm.load("cablelabs/order")
Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Version = Annotated[str, StringConstraints(min_length=1, max_length=2)]


def day(text: str) -> str:
    """A date in the document's form."""
    return written(parse(text))


def word(text: str) -> str:
    """A status word of the schema; COMPLETE, which the document's example has, is COMPLETED."""
    known = CHART.aliases.get(text, text)
    if known not in CHART.codes:
        raise ValueError("no status of the vocabulary")
    return known


Day = Annotated[
    str,
    StringConstraints(max_length=40),
    AfterValidator(day),
    Field(json_schema_extra={"pattern": f"^{FORM.pattern}$"}),
]
Word = Annotated[
    str,
    StringConstraints(max_length=20),
    AfterValidator(word),
    Field(json_schema_extra={"enum": [*CHART.codes, *CHART.aliases]}),
]


class Strict(BaseModel):
    """Texts are texts; what is not named is left out."""

    model_config = ConfigDict(strict=True, extra="ignore")


class OrderStatusRequest(Strict):
    """The body of a status request: the order's id, or the buyer's number for it, or both."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["orderId"]}, {"required": ["buyerPurchaseOrderNumber"]}]}
    )

    objectType: Literal["orderStatusRequest"]  # noqa: N815 - the document's names
    orderId: Id | None = None  # noqa: N815
    buyerId: Id  # noqa: N815
    sellerId: Id  # noqa: N815
    buyerPurchaseOrderNumber: Id | None = None  # noqa: N815


class ItemStatus(Strict):
    """The status of one item."""

    orderItemReference: Annotated[str, StringConstraints(min_length=1, max_length=4)]  # noqa: N815
    orderItemStatus: Word  # noqa: N815


class OrderMessage(Strict):
    """Something that is said about an order."""

    objectType: Annotated[str, StringConstraints(max_length=20)] | None = None  # noqa: N815
    code: Annotated[str, StringConstraints(max_length=12)] | None = None
    field: Annotated[str, StringConstraints(max_length=100)] | None = None
    messageInformation: Annotated[str, StringConstraints(max_length=150)]  # noqa: N815
    severity: Literal["ERROR", "INFORMATION"]
    orderItemReference: Annotated[str, StringConstraints(max_length=4)] | None = None  # noqa: N815
    correctionRequired: bool  # noqa: N815


class OrderStatusResponse(Strict):
    """The status of an order. Dates are `YYYY-MM-DD` or `YYYY-MM-DDThh:mmTZD`."""

    objectType: Literal["orderStatusResponse"]  # noqa: N815
    orderId: Id  # noqa: N815
    buyerId: Id  # noqa: N815
    sellerId: Id  # noqa: N815
    buyerPurchaseOrderNumber: Id  # noqa: N815
    buyerOrderVersion: Version  # noqa: N815
    projectId: Id | None = None  # noqa: N815
    requestedCompletionDate: Day | None = None  # noqa: N815
    expectedCompletionDate: Day | None = None  # noqa: N815
    completionDate: Day | None = None  # noqa: N815
    correctionOrderExpected: bool | None = None  # noqa: N815
    correctionOrderDueDate: Day | None = None  # noqa: N815
    orderStatus: Word  # noqa: N815
    orderItemStatuses: Annotated[list[ItemStatus], Field(max_length=1_000)] = []  # noqa: N815
    orderMessages: Annotated[list[OrderMessage], Field(max_length=100)] | None = None  # noqa: N815


class OrderErrors(BaseModel):
    """What was wrong, in the document's messages."""

    orderMessages: list[OrderMessage]  # noqa: N815


def answer_of(session: Session, order: CableOrder, seller_name: str) -> dict[str, Any]:
    """The status of an order, its items by their rows; what the order does not have is left out."""
    mine = select(CableItem.reference, CableItem.code).where(
        CableItem.order_id == order.id, col(CableItem.code).is_not(None)
    )
    dates = {
        "requestedCompletionDate": order.requested_completion_date,
        "expectedCompletionDate": order.expected_completion_date,
        "completionDate": order.completion_date,
        "correctionOrderDueDate": order.correction_order_due_date,
    }
    found = {
        "objectType": RESPONSE,
        "orderId": order.id,
        "buyerId": order.buyer_id,
        "sellerId": seller_name,
        "buyerPurchaseOrderNumber": order.pon,
        "buyerOrderVersion": order.version,
        "projectId": order.project_id,
        **{name: value and written(value) for name, value in dates.items()},
        "correctionOrderExpected": order.correction_order_expected,
        "orderStatus": order.code,
        "orderItemStatuses": [
            {"orderItemReference": reference, "orderItemStatus": code}
            for reference, code in session.execute(mine.order_by(col(CableItem.id)))
        ],
    }
    return {name: value for name, value in found.items() if value is not None}
