"""What requests bring, and what an order looks like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .tables import RecordOrder

__all__ = ["Changes", "Done", "Failed", "New", "OrderShown", "shown"]

Text = Annotated[str, StringConstraints(max_length=500)]
Needed = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Comments = Annotated[list[Annotated[str, StringConstraints(max_length=2_000)]], Field(max_length=100)]


class Strict(BaseModel):
    """Texts are texts; what is not named is left out."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Shipping(Strict):
    """Where a new order goes."""

    shipping_address1: Needed
    shipping_address2: Text = ""
    shipping_city: Needed
    shipping_state: Needed
    shipping_zip: Needed


class Billing(Strict):
    """Who pays for a new order."""

    paypal_email: Needed
    billing_address1: Needed
    billing_address2: Text = ""
    billing_city: Needed
    billing_state: Needed
    billing_zip: Needed


class Merchant(Strict):
    """Listed as needed, and sent by none of the samples: looked at when it is there."""

    merchant_id: Text | None = None
    companyName: Text | None = None  # noqa: N815 - the document's name
    primaryContact: Text | None = None  # noqa: N815
    phoneNumber: Text | None = None  # noqa: N815


class New(Strict):
    """The body of a new order."""

    shipping_info: Shipping
    billing_info: Billing
    merchant_info: Merchant | None = None
    comments: Comments = []


class NewShipping(Strict):
    """A new address, as a whole."""

    shipping_address1: Text | None = None
    shipping_address2: Text | None = None
    shipping_city: Text | None = None
    shipping_state: Text | None = None
    shipping_zip: Text | None = None


class NewBilling(Strict):
    """A new billing address, as a whole."""

    paypal_email: Text | None = None
    billing_address1: Text | None = None
    billing_address2: Text | None = None
    billing_city: Text | None = None
    billing_state: Text | None = None
    billing_zip: Text | None = None


class Changes(Strict):
    """The body of an update: what is there replaces what was."""

    shipping_info: NewShipping | None = None
    billing_info: NewBilling | None = None
    comments: Comments | None = None

    def given(self) -> dict[str, Any]:
        """The changes as they were sent."""
        return self.model_dump(exclude_none=True)


class Done(BaseModel):
    """Something was done."""

    success_message: str
    response_code: int


class Failed(BaseModel):
    """Something was not done."""

    error_message: str
    response_code: int


class OrderShown(BaseModel):
    """An order as the document shows it."""

    model_config = ConfigDict(populate_by_name=True)

    status: str = Field(description="In progress, Completed or Cancelled")
    id: str = Field(alias="_id")
    record_id: str
    merchant_id: str
    customer_info: list[dict[str, Any]]
    shipping_info: list[dict[str, Any]]
    billing_info: list[dict[str, Any]]
    comments: list[str]
    created_by: str = Field(alias="_createdBy")
    created_date: str
    version: int = Field(alias="__v")


def shown(order: RecordOrder) -> dict[str, Any]:
    """An order's row as the document shows it."""
    return {
        "status": order.code,
        "_id": order.id,
        "record_id": order.record_id,
        "merchant_id": order.merchant_id,
        "customer_info": order.customer_info,
        "shipping_info": order.shipping_info,
        "billing_info": order.billing_info,
        "comments": order.comments,
        "_createdBy": order.created_by,
        "created_date": moment(order.created_date),
        "__v": 0,
    }


def moment(at: datetime) -> str:
    """A time as the samples have it: UTC, with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
