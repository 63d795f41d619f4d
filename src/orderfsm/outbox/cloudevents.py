"""CloudEvents 1.0: a message as an event that other systems understand. https://cloudevents.io."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .message import Message

__all__ = ["Envelope", "binary_headers"]

DATA_TYPE = "application/json"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
VISIBLE = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
"""What the HTTP binding leaves as it is in a header; everything else is percent-encoded UTF-8."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Makes an event of a message: `envelope(message)` is a dictionary, the event in JSON's structured mode.

    `source` says where events come from (a URI reference; left out: `/` and the chart's name), and with the message's
    id it is unique. The type is `prefix`, the chart's name with dots, and the action, as in
    `org.example.stat.order.notify_customer`. `sequence` sorts the events of one order (a subject) as a text. `schema`
    is the URI of a schema of the data.
    """

    source: str | None = None
    prefix: str = ""
    schema: str | None = None

    def __call__(self, message: Message) -> dict[str, Any]:
        """The event."""
        chart = message.entry.chart
        event = {
            "specversion": "1.0",
            "id": message.id,
            "source": self.source or f"/{quote(chart)}",
            "type": f"{self.prefix}{chart.replace('/', '.')}.{message.action}",
            "subject": message.subject,
            "time": message.entry.as_dict()["occurred_at"],
            "sequence": f"{message.entry.sequence:012d}.{message.position:04d}",
            "datacontenttype": DATA_TYPE,
        }
        return event | ({} if self.schema is None else {"dataschema": self.schema}) | {"data": message.as_dict()}


def binary_headers(event: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an event in HTTP's binary mode, in which the body is its data."""
    told = {name: value for name, value in event.items() if name not in ("data", "datacontenttype")}
    return {f"ce-{name}": quote(str(value), safe=VISIBLE) for name, value in told.items()}
