"""Events, the arrows that they have, and the payloads that come with them."""

from __future__ import annotations

from collections.abc import Mapping

from orderfsm.chart import Basis
from orderfsm.document.collections import Either, Entries, Key, Keys, Series, Texts
from orderfsm.document.scalars import Choice, Flag, Number
from orderfsm.document.shape import Anything, ByKind, Ref, Shape

from .texts import ANY_NAMES, EXPRESSION, FIELD_NAME, LINE, NAME, NAMES, PROSE, SOURCE

__all__ = ["ARROW", "EVENT", "EVENTLESS", "FIELD", "LINKS", "PAYLOAD", "REASON"]

# --- arrows -------------------------------------------------------------------

REASON = ByKind(
    "required, optional, forbidden or a list of codes",
    scalar=Choice(("required", "optional", "forbidden")),
    listing=Series(NAME),
    mapping=Keys(
        "a reason rule",
        {
            "mode": Key(
                Choice(("required", "optional", "forbidden")), "whether a reason has to come along", required=True
            ),
            "codes": Key(Series(NAME), "the reason codes that are allowed here", required=True),
        },
    ),
)
LINKS = Texts(LINE, 0)

_EVENTLESS = {
    "from": Key(Texts(SOURCE), 'the state or states it leads out of; "[*]" begins an order'),
    "to": Key(NAMES, "the target; several when they lie in different regions; left out: nothing is left or entered"),
    "when": Key(EXPRESSION, "an expression that must be true"),
    "guard": Key(ANY_NAMES, "guards of the application that must hold as well"),
    "emit": Key(ANY_NAMES, "actions to put into the outbox"),
    "raise": Key(ANY_NAMES, "internal events, handled within the same step"),
    "internal": Key(Flag(), "a compound source is not left when the target lies inside it"),
    "basis": Key(Choice(tuple(Basis)), "how sure the arrow is; the strict profile keeps stated and documented ones"),
    "source": Key(PROSE, "the sentence or file it rests on, or the reason for the inference"),
    "happy": Key(Flag(), "part of the path that everybody hopes for"),
}
_ARROW = {
    **_EVENTLESS,
    "by": Key(ANY_NAMES, "the actors who may ask; left out: anyone"),
    "reason": Key(REASON, "the reason rule"),
    "links": Key(LINKS, "link relations that must come along"),
}
_OWN_TITLE = {"title": Key(LINE, "what this arrow is called, when the event has several")}
_EVENT = {
    "title": Key(LINE, "what the event is called"),
    "description": Key(PROSE, "what the event means"),
    "payload": Key(Ref("payload", lambda: PAYLOAD), "the fields that come with the event"),
    "internal_event": Key(Flag(), "raised by the chart only; cannot be sent"),
}


def _needed(keys: Mapping[str, Key], *names: str) -> dict[str, Key]:
    """The same keys, some of them required."""
    return {name: Key(key.shape, key.about, name in names) for name, key in keys.items()}


ARROW: Shape = Keys(
    "an arrow",
    _needed({**_ARROW, **_OWN_TITLE}, "from"),
    elsewhere={name: "it belongs to the event: write {arrows: [...], " + name + ": ...}" for name in _EVENT},
)
PARTIAL_ARROW = Keys("an arrow", {**_ARROW, **_OWN_TITLE}, elsewhere=dict.fromkeys(_EVENT, "it belongs to the event"))
EVENTLESS = Keys(
    "an eventless arrow",
    _needed({**_EVENTLESS, **_OWN_TITLE}, "from"),
    elsewhere=dict.fromkeys(("by", "reason", "links"), "nobody asks for an eventless arrow; give it to an event"),
)
EVENT = ByKind(
    "an arrow or a list of arrows",
    listing=Series(Ref("arrow", lambda: ARROW)),
    mapping=Either(
        "arrows",
        present=Keys(
            "an event",
            {"arrows": Key(Series(PARTIAL_ARROW), "the arrows, in order", required=True), **_EVENT, **_ARROW},
        ),
        absent=Keys("an arrow", _needed({**_EVENT, **_ARROW}, "from")),
    ),
)

# --- payloads -----------------------------------------------------------------

TYPES = ("string", "integer", "number", "boolean", "date", "datetime", "duration", "list", "object")
FIELD: Shape = ByKind(
    "a type",
    scalar=Choice(TYPES),
    mapping=Keys(
        "a field",
        {
            "type": Key(Choice(TYPES), "the type of the field", required=True),
            "items": Key(Ref("field", lambda: FIELD), "the type of a list's elements"),
            "fields": Key(Ref("payload", lambda: PAYLOAD), "the fields of an object"),
            "enum": Key(
                Series(Anything("a text, a number or a truth value", ("scalar",))), "the values that are allowed"
            ),
            "minimum": Key(Number(), "the least number allowed"),
            "maximum": Key(Number(), "the greatest number allowed"),
            "max_length": Key(Number(), "how many characters or elements there may be"),
            "description": Key(PROSE, "what the field means"),
            "optional": Key(Flag(), "the field may be left out"),
        },
    ),
)
PAYLOAD: Shape = Entries(FIELD_NAME, Ref("field", lambda: FIELD))
