"""What requests bring, and what an order looks like."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from orderfsm.http.strict import parse

from .tables import AdobeLine, AdobeOrder

__all__ = [
    "Event",
    "Failed",
    "History",
    "New",
    "NewLine",
    "OrderShown",
    "read",
    "shown",
]

Text = Annotated[str, StringConstraints(max_length=255)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,64}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
OrderType = Literal["NEW", "RETURN", "RENEWAL", "PREVIEW", "PREVIEW_RENEWAL"]


class Strict(BaseModel):
    """Texts are texts, numbers are numbers, and no other fields come along."""

    model_config = ConfigDict(strict=True, extra="forbid")


# --- requests


class NewLine(Strict):
    """A line of a new order. A preview's answer may be sent back as an order: what is read-only is not looked at."""

    extLineItemNumber: int  # noqa: N815 - the document's names
    offerId: Text  # noqa: N815
    quantity: int | None = None
    currencyCode: Currency | None = None  # noqa: N815
    deploymentId: Text = ""  # noqa: N815
    subscriptionId: Text = ""  # noqa: N815
    discountCode: Text = ""  # noqa: N815
    promotionCodes: list[Code] = Field(default=[], max_length=10)  # noqa: N815
    flexDiscountCodes: list[Code] = Field(default=[], max_length=10)  # noqa: N815
    status: Any = Field(default=None, exclude=True)
    promotions: Any = Field(default=None, exclude=True)
    flexDiscounts: Any = Field(default=None, exclude=True)  # noqa: N815
    proratedDays: Any = Field(default=None, exclude=True)  # noqa: N815
    pricing: Any = Field(default=None, exclude=True)

    @property
    def promoted(self) -> list[dict[str, str]]:
        """The promotions that are applied, in the form of the document."""
        return [{"code": code, "result": "SUCCESS"} for code in (*self.promotionCodes, *self.flexDiscountCodes)]


class New(Strict):
    """A new order of any type; the original of a RETURN goes by both names that the document has."""

    orderType: OrderType  # noqa: N815
    externalReferenceId: Annotated[str, StringConstraints(max_length=1_000)] = ""  # noqa: N815
    referenceOrderId: Text = ""  # noqa: N815
    referencedOrderId: Text = ""  # noqa: N815
    currencyCode: Currency | None = None  # noqa: N815
    lineItems: list[NewLine] = []  # noqa: N815
    orderId: Any = Field(default=None, exclude=True)  # noqa: N815
    customerId: Any = Field(default=None, exclude=True)  # noqa: N815
    creationDate: Any = Field(default=None, exclude=True)  # noqa: N815
    status: Any = Field(default=None, exclude=True)
    source: Any = Field(default=None, exclude=True)
    links: Any = Field(default=None, exclude=True)
    pricingSummary: Any = Field(default=None, exclude=True)  # noqa: N815

    @property
    def reference(self) -> str:
        """The order that is returned."""
        return self.referenceOrderId or self.referencedOrderId


class LineOfEvent(Strict):
    """A line that an event is for, and the subscription that it got."""

    extLineItemNumber: int  # noqa: N815
    subscriptionId: Text = ""  # noqa: N815


class Event(Strict):
    """What happened to an order at Adobe; without lines, to all of them that are open."""

    event: Word
    lineItems: list[LineOfEvent] = Field(default=[], max_length=499)  # noqa: N815


def read(model: Any, body: bytes) -> Any:
    """A body as a model; raises what a request raises that does not fit."""
    try:
        return TypeAdapter(model).validate_python(parse(body))
    except ValidationError as error:
        raise RequestValidationError([found | {"loc": ("body", *found["loc"])} for found in error.errors()]) from None


# --- answers


class Link(BaseModel):
    """Where to ask for something."""

    uri: str
    method: str = "GET"
    headers: list[str] = []


class Links(BaseModel):
    """The links of an order or of a page; `next` and `prev` where there is such a page."""

    self: Link
    next: Link | None = None
    prev: Link | None = None


class Promotion(BaseModel):
    """A promotion that was applied to a line."""

    code: str
    result: str


class LineShown(BaseModel):
    """A line as it is answered; a deployment and promotions where there are any."""

    extLineItemNumber: int  # noqa: N815
    offerId: str  # noqa: N815
    quantity: int
    subscriptionId: str  # noqa: N815
    status: str
    currencyCode: str  # noqa: N815
    deploymentId: str | None = None  # noqa: N815
    promotions: list[Promotion] | None = None


class OrderShown(BaseModel):
    """An order as it is answered."""

    externalReferenceId: str  # noqa: N815
    orderId: str  # noqa: N815
    customerId: str  # noqa: N815
    orderType: str  # noqa: N815
    referenceOrderId: str  # noqa: N815
    referencedOrderId: str  # noqa: N815
    currencyCode: str  # noqa: N815
    creationDate: str  # noqa: N815
    status: str
    source: str
    lineItems: list[LineShown]  # noqa: N815
    links: Links | None = None


class History(BaseModel):
    """A page of a customer's orders."""

    totalCount: int  # noqa: N815
    count: int
    offset: int
    limit: int
    items: list[OrderShown]
    links: Links


class Failed(BaseModel):
    """An error."""

    code: str
    message: str
    additionalDetails: list[str]  # noqa: N815


def shown(order: AdobeOrder, lines: Iterable[AdobeLine]) -> dict[str, Any]:
    """An order and its lines as they are answered; a preview has no id, no status and no links.

    The lines of a previewed renewal are 1000: they are expected to be renewed.
    """
    fallback = "1000" if order.order_type == "PREVIEW_RENEWAL" else ""
    told: dict[str, Any] = {
        "externalReferenceId": order.external_reference_id,
        "orderId": order.order_id,
        "customerId": order.customer_id,
        "orderType": order.order_type,
        "referenceOrderId": order.reference_order_id,
        "referencedOrderId": order.reference_order_id,
        "currencyCode": order.currency_code,
        "creationDate": moment(order.placed_at),
        "status": order.code or "",
        "source": order.source,
        "lineItems": [line_shown(line, fallback) for line in sorted(lines, key=lambda line: line.position)],
    }
    if order.order_id:
        uri = f"/v3/customers/{order.customer_id}/orders/{order.order_id}"
        told["links"] = {"self": {"uri": uri, "method": "GET", "headers": []}}
    return told


def line_shown(line: AdobeLine, status: str) -> dict[str, Any]:
    """A line as it is answered, with this status if it has none of its own."""
    told: dict[str, Any] = {
        "extLineItemNumber": line.ext_line_item_number,
        "offerId": line.offer_id,
        "quantity": line.quantity,
        "subscriptionId": line.subscription_id,
        "status": line.code or status,
        "currencyCode": line.currency_code,
    }
    if line.deployment_id:
        told["deploymentId"] = line.deployment_id
    if line.promotions:
        told["promotions"] = line.promotions
    return told


def moment(at: datetime) -> str:
    """A time as the document has it: UTC, to the second, with Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
