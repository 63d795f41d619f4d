"""What requests bring, and what answers look like."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orderfsm.link import Link

__all__ = [
    "Event",
    "Failed",
    "Geometry",
    "New",
    "OrderShown",
    "Orders",
    "Report",
    "StatusList",
    "StatusShown",
    "Statuses",
]

Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_.:-]*$")]
Prose = Annotated[str, StringConstraints(max_length=2_000)]
DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)


class Strict(BaseModel):
    """Texts are texts; what is not named is left out."""

    model_config = ConfigDict(strict=True, extra="ignore")


class LinkSent(Strict):
    """A reference to a document; it is shown and never fetched."""

    rel: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    href: Annotated[str, StringConstraints(max_length=2_048)]
    type: Annotated[str, StringConstraints(max_length=255)] | None = None
    title: Annotated[str, StringConstraints(max_length=255)] | None = None

    @model_validator(mode="after")
    def _verify(self) -> LinkSent:
        if not ABSOLUTE.match(self.href):
            raise ValueError("a status links to http or https URLs")
        self.link()
        return self

    def link(self) -> Link:
        """The link as histories keep it; raises ValueError for one that they do not take."""
        return Link(self.rel, self.href, self.type, self.title)


class Why(Strict):
    """What a status may bring along."""

    timestamp: Annotated[AwareDatetime, Field(strict=False)] | None = None
    reason_code: Word | None = None
    reason_text: Prose | None = None
    links: Annotated[list[LinkSent], Field(max_length=100)] = []


class Report(Why):
    """A status that the provider has set; `timestamp` is when, the time of the request unless it is given."""

    status_code: Word


class Event(Why):
    """An event of the chart, such as `accept`, with what the new status says."""

    event: Word


def measured(value: Any) -> Any:
    """A number of a position."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a position has two or three numbers")
    return value


def _positions(found: Any, depth: int) -> None:
    if not isinstance(found, list) or not found:
        raise ValueError("coordinates are nested lists of numbers, as RFC 7946 says")
    if depth:
        for part in found:
            _positions(part, depth - 1)
    elif not 2 <= len(found) <= 4 or any(measured(number) is None for number in found):
        raise ValueError("a position has two or three numbers")


class Geometry(BaseModel):
    """A geometry of GeoJSON; a collection has `geometries` instead of `coordinates`."""

    model_config = ConfigDict(strict=True, extra="allow")

    type: Literal[
        "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"
    ]
    coordinates: list[Any] | None = None
    geometries: Annotated[list[Geometry], Field(max_length=100)] | None = None

    @model_validator(mode="after")
    def _verify(self) -> Geometry:
        if self.type == "GeometryCollection":
            if self.geometries is None:
                raise ValueError("a collection has geometries")
            return self
        _positions(self.coordinates, DEPTHS[self.type])
        if "Polygon" in self.type:
            rings = [self.coordinates] if self.type == "Polygon" else self.coordinates
            if any(len(ring) < 4 or ring[0] != ring[-1] for part in rings or () for ring in part or ()):
                raise ValueError("a ring has four positions or more, and ends where it begins")
        if self.type == "LineString" and len(self.coordinates or ()) < 2:
            raise ValueError("a line has two positions or more")
        return self


def _interval(text: str) -> str:
    """An interval of two times with an offset; one of them may be open (`..`)."""
    ends = text.split("/")
    if len(ends) != 2 or ends in (["..", ".."], ["", ""]):
        raise ValueError("an interval is written as 2018-02-12T00:00:00Z/2018-03-18T12:31:12Z")
    times = [datetime.fromisoformat(end) for end in ends if end not in ("..", "")]
    if any(at.tzinfo is None for at in times) or times != sorted(times):
        raise ValueError("an interval has an offset in both times, and the earlier one first")
    return text


class New(Strict):
    """The body of a new order: when, where and of what kind."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "datetime": "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z",
                "geometry": {"type": "Point", "coordinates": [13.4, 52.5]},
                "order_parameters": {},
            }
        }
    )

    datetime: Annotated[str, StringConstraints(max_length=80), AfterValidator(_interval)]
    geometry: Geometry
    filter: dict[str, Any] | None = None
    order_parameters: dict[str, Any] = {}


# --- answers


class StatusShown(BaseModel):
    """A status: what an entry of the history is on the wire."""

    model_config = ConfigDict(extra="allow")

    timestamp: str
    status_code: str
    links: list[dict[str, Any]]


class Statuses(BaseModel):
    """The answer of the seed: `current` is the last of `history`."""

    current: StatusShown
    history: list[StatusShown]


class StatusList(BaseModel):
    """A page of statuses, the oldest first."""

    statuses: list[StatusShown]
    links: list[dict[str, Any]]


class OrderShown(BaseModel):
    """An order as a feature of GeoJSON."""

    model_config = ConfigDict(extra="allow")

    type: Literal["Feature"]
    stapi_type: Literal["Order"]
    stapi_version: str
    id: str
    geometry: dict[str, Any]
    properties: dict[str, Any]
    links: list[dict[str, Any]]


class Orders(BaseModel):
    """A page of orders, the newest first."""

    type: Literal["FeatureCollection"]
    features: list[OrderShown]
    links: list[dict[str, Any]]


class Failed(BaseModel):
    """What was not done, and why."""

    detail: str | list[dict[str, Any]]
