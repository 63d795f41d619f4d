"""What requests bring, and what answers look like."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = ["Address", "Answered", "Changes", "Designed", "Failed", "Listed", "New", "NewItem", "OrderShown", "Sku"]

Text = Annotated[str, StringConstraints(max_length=500)]


class Sku(NamedTuple):
    """What the house can print on."""

    id: int
    description: str = ""
    price: Decimal = Decimal(0)


class Strict(BaseModel):
    """Texts are texts; what is not named is left out."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Address(Strict):
    """Where an order goes, as it is written: without the prefix that it is read with."""

    first_name: Text | None = None
    last_name: Text | None = None
    company_name: Text | None = None
    address: Text | None = None
    address_2: Text | None = None
    city: Text | None = None
    state: Text | None = None
    zip_code: Text | None = None
    country: Text | None = None
    email: Text | None = None
    telephone: Text | None = None


class Designed(Strict):
    """A design on an item; its URLs are kept and never fetched."""

    placement: Text | None = None
    art_file: Text | None = None
    art_url: Annotated[str, StringConstraints(max_length=2_048)] | None = None
    thumbnail_url: Annotated[str, StringConstraints(max_length=2_048)] | None = None
    underbase: bool | None = None


def counted(value: Any) -> Any:
    """A number; the example has it as a text."""
    return int(value) if isinstance(value, str) and value.isdigit() and len(value) < 7 else value


class NewItem(Strict):
    """An item of a new order."""

    customer_sku: Text | None = None
    sku: Text | None = None
    name: Text | None = None
    description: Text | None = None
    quantity: Annotated[int, BeforeValidator(counted), Field(ge=1, le=100_000)] = 1
    attributes: Annotated[dict[Text, Text], Field(max_length=20)] | None = None
    designs: Annotated[list[Designed], Field(max_length=50)] = []


class New(Strict):
    """The body of a new order."""

    purchase_order: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    ship_provider: Text | None = None
    ship_method: Text | None = None
    ship_to: Address | None = None
    ship_from: Address | None = None
    order_notes: Annotated[str, StringConstraints(max_length=5_000)] | None = None
    tracking_number: Text | None = None
    shipping_label_url: Annotated[str, StringConstraints(max_length=2_048)] | None = None
    production_priority: Text | None = None
    garments_provided: bool | None = None
    items: Annotated[list[NewItem], Field(max_length=500)] = []


class Changes(Strict):
    """The body of an update; what is there replaces what was."""

    ship_provider: Text | None = None
    ship_method: Text | None = None
    ship_to: Address | None = None


class Answered(BaseModel):
    """What was done."""

    status: str = "ok"
    message: str
    order: int


class Failed(BaseModel):
    """What was not done, and why."""

    status: str
    message: str
    order: int | None = None


class ItemShown(BaseModel):
    """An item in a status."""

    id: int
    customer_sku: str | None
    sku_id: int
    description: str
    workflow_state: str = Field(description="open, packaged or canceled")


class OrderShown(BaseModel):
    """An order's status; `shipped_at` is there when it has shipped, and the address as far as it was given."""

    model_config = ConfigDict(extra="allow")

    id: int
    purchase_order: str
    created_at: str
    status: str = Field(description="received, open, canceled, packaged or shipped")
    client_amount: float
    items: list[ItemShown]
    shipments: list[dict[str, str]]


class One(BaseModel):
    """An order in a list."""

    order: OrderShown


class Listed(BaseModel):
    """A page of orders, the newest first."""

    orders: list[One]
