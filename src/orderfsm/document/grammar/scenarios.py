"""Scenarios: the executable examples of a chart."""

from __future__ import annotations

from orderfsm.document.collections import Entries, Key, Keys, Series
from orderfsm.document.scalars import Choice, Flag
from orderfsm.document.shape import Anything, ByKind
from orderfsm.errors import Refused

from .events import LINKS
from .texts import LINE, NAME, PROSE

__all__ = ["DATA", "SCENARIO"]

REFUSALS = tuple(sorted(cls.code for cls in Refused.__subclasses__()))
PROFILE = Choice(("strict", "full"))

DATA = {
    "payload": Anything("a mapping", ("mapping",)),
    "order": Anything("a mapping", ("mapping",)),
    "items": Anything("a list", ("listing",)),
}
SEND = ByKind(
    "an event's name or a mapping",
    scalar=NAME,
    mapping=Keys(
        "a send",
        {
            "event": Key(NAME, "the event", required=True),
            "actor": Key(NAME, "who asks"),
            "reason": Key(LINE, "the reason's code"),
            "links": Key(LINKS, "the link relations that come along"),
            "payload": Key(DATA["payload"], "the payload"),
            "order": Key(DATA["order"], "the facts of the order"),
            "items": Key(DATA["items"], "the facts of its items"),
            "now": Key(LINE, "the moment of the send"),
            "guards": Key(Entries(NAME, Flag()), "the answers of the application's guards"),
        },
    ),
)
SCENARIO = Keys(
    "a scenario",
    {
        "title": Key(LINE, "what the example shows", required=True),
        "codes": Key(Series(LINE), "public codes to trace from the start"),
        "given": Key(NAME, "the state to begin in; default: the start"),
        "at": Key(LINE, "the moment of the first history entry"),
        "send": Key(Series(SEND), "events to send"),
        "items": Key(Series(LINE), "the items' codes, for the roll-up"),
        "then": Key(LINE, "the state or code expected at the end"),
        "refused": Key(Choice(REFUSALS), "the code of the error expected at the last code or event"),
        "profile": Key(PROFILE, "the only profile in which this holds"),
        "source": Key(PROSE, "where the example comes from"),
    },
)
