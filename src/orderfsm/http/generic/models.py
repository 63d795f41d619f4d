"""What requests bring: strict types, bounded lengths, no field that is not known."""

# No `from __future__ import annotations`: pydantic reads the annotations when the class is made.

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from orderfsm.history import Link, Reason
from orderfsm.table import OPEN

__all__ = ["Opening", "Sent"]

RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})")


def _moment(given: Any) -> datetime:
    if not isinstance(given, str) or not RFC_3339.fullmatch(given):
        raise ValueError("no RFC 3339")
    try:
        return datetime.fromisoformat(given.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class Strict(BaseModel):
    """Texts are texts, numbers are numbers; a field that is not known is a mistake, which tells those that are."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _be_an_object_with_known_fields(cls, given: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if not isinstance(given, dict):
            raise PydanticCustomError("object_type", f"give an object; it may have {', '.join(known)}")
        if not given.keys() <= set(known):
            said = f"holds a field that is not known; leave it out. It may have {', '.join(known)}"
            raise PydanticCustomError("unknown_field", said)
        return given


class ReasonSent(Strict):
    """Why: a code of the chart's, a text, or both."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None

    @model_validator(mode="after")
    def _say_something(self) -> "ReasonSent":
        if self.code is None and self.text is None:
            raise ValueError("empty")
        return self


class LinkSent(Strict):
    """A typed reference; it is stored, never fetched."""

    rel: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    href: Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
    type: Annotated[str, StringConstraints(max_length=255)] | None = None
    title: Annotated[str, StringConstraints(max_length=500)] | None = None

    @model_validator(mode="after")
    def _be_a_link(self) -> "LinkSent":
        self.link()
        return self

    def link(self) -> Link:
        """The link; raises ValueError for one that is not http, https or a path."""
        return Link(self.rel, self.href, self.type, self.title)


class Brought(Strict):
    """What comes along with any event."""

    role: Name | None = Field(default=None, alias="as", description="the role that you ask in, if you have several")
    reason: ReasonSent | None = None
    links: Annotated[list[LinkSent], Field(max_length=50)] = []
    payload: dict[str, Any] | None = None
    occurred_at: Moment | None = Field(default=None, description="when it happened, as you claim: RFC 3339")

    def why(self) -> Reason | None:
        """The reason."""
        return None if self.reason is None else Reason(self.reason.code, self.reason.text)

    def references(self) -> tuple[Link, ...]:
        """The links."""
        return tuple(sent.link() for sent in self.links)


class Sent(Brought):
    """An event for an order."""

    event: Name


class Opening(Brought):
    """A new order: its payload is what the order is made of, and what the first event brings."""

    event: Name = OPEN
