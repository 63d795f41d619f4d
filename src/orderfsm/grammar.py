"""The keys of the chart file, each with its shape and purpose; the reader and the JSON Schema are made from them.

docs/reference/chart-format.md says the same to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .chart import Basis, Category
from .errors import Refused
from .shapes import (
    ONE_LINE,
    Anything,
    ByKind,
    Choice,
    Either,
    Entries,
    Flag,
    Key,
    Keys,
    Number,
    Optional,
    Ref,
    Series,
    Shape,
    Text,
    Texts,
)

__all__ = ["CHART", "SHAPES"]


def _shapes() -> Mapping[str, Shape]:
    return SHAPES


# --- texts --------------------------------------------------------------------

_NAME = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
_REMEDY = "a letter first, then letters, digits, `_`, `.` and `-`, 64 characters at most"

LINE = Text("a text on one line", ONE_LINE, "quote it, or fold it with `>-`")
PROSE = Text()
NAME = Text("a name", rf"^{_NAME}(?!\n)$", _REMEDY, ("string", "boolean"))
CHART_NAME = Text(
    "a chart's name", rf"^{_NAME}/{_NAME}(?!\n)$", "write vocabulary/subject, e.g. shop/order", ("string",)
)
VERSION = Text("a version", ONE_LINE, types=("string",))
SOURCE = Text(
    "an arrow's source", rf"^(?:{_NAME}|\[\*\])(?!\n)$", 'name a state, or "[*]" in quotes', ("string", "boolean")
)
FIELD_NAME = Text(
    "a field's name", r"^[A-Za-z_@$][A-Za-z0-9_.@$-]{0,63}\??(?!\n)$", "write name, or name? for an optional field"
)
DURATION = Text("a duration", r"^P[0-9.,WDTHMS]{1,40}(?!\n)$", "write P14D, PT48H, P1DT12H")
EXPRESSION = Text("an expression")

NAMES = Texts(NAME)
ANY_NAMES = Texts(NAME, 0)
DESCRIPTIONS = Entries(NAME, Optional(PROSE))

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
    "payload": Key(Ref("payload", _shapes), "the fields that come with the event"),
    "internal_event": Key(Flag(), "raised by the chart only; cannot be sent"),
}


def _needed(keys: Mapping[str, Key], *names: str) -> dict[str, Key]:
    """The same keys, some of them required."""
    return {name: Key(key.shape, key.about, name in names) for name, key in keys.items()}


ARROW = Keys(
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
    listing=Series(Ref("arrow", _shapes)),
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
FIELD = ByKind(
    "a type",
    scalar=Choice(TYPES),
    mapping=Keys(
        "a field",
        {
            "type": Key(Choice(TYPES), "the type of the field", required=True),
            "items": Key(Ref("field", _shapes), "the type of a list's elements"),
            "fields": Key(Ref("payload", _shapes), "the fields of an object"),
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
PAYLOAD = Entries(FIELD_NAME, Ref("field", _shapes))

# --- states -------------------------------------------------------------------

EFFECTS = Keys(
    "an effect",
    {
        "raise": Key(ANY_NAMES, "internal events, handled within the same step"),
        "emit": Key(ANY_NAMES, "actions to put into the outbox"),
    },
)
_WORDS = {
    "title": Key(LINE, "what the state is called"),
    "description": Key(PROSE, "what the state means"),
    "source": Key(PROSE, "the sentence that defines the state"),
}
_ATOMIC = {
    "code": Key(Optional(LINE), "the public word; default: the name, for states without children; null: no word"),
    "category": Key(Choice(tuple(Category)), "how business code asks for the state; inherited by children"),
    "final": Key(Flag(), "nothing leads out"),
    "states": Key(Ref("states", _shapes), "the children"),
    "parallel": Key(Flag(), "all children are active at once"),
    "initial": Key(NAMES, "the default child, or several in different regions"),
    "after": Key(
        Entries(DURATION, NAME, 1), "duration: the event that becomes due when the state has been active so long"
    ),
    "entry": Key(EFFECTS, "effects on the way in"),
    "exit": Key(EFFECTS, "effects on the way out"),
    "reason": Key(REASON, "a reason rule for every arrow that enters the state"),
    "links": Key(LINKS, "link relations required to enter the state"),
    "clock": Key(Choice(("runs", "stops")), "whether time in this state counts"),
}
_HISTORY = {
    "history": Key(
        Choice(("shallow", "deep")), "the memory of its parent, or of the state named by `of`", required=True
    ),
    "of": Key(NAME, "whose memory it is"),
    "default": Key(NAMES, "where it leads when there is nothing to remember", required=True),
}
STATE = Either(
    "history",
    present=Keys(
        "a history state", {**_HISTORY, **_WORDS}, elsewhere=dict.fromkeys(_ATOMIC, "a history state is only a memory")
    ),
    absent=Keys(
        "a state",
        {**_WORDS, **_ATOMIC},
        empty=True,
        elsewhere=dict.fromkeys(("of", "default"), "only a history state has it: history: shallow"),
    ),
)
STATES = Entries(NAME, STATE, 1)

# --- the chart ----------------------------------------------------------------

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
_RULE_ENDS = {
    "to": Key(NAME, "the state in which the order then belongs", required=True),
    "basis": Key(Choice(tuple(Basis)), "how sure the rule is"),
    "source": Key(PROSE, "the sentence it rests on, or the reason for the inference"),
}
ROLLUP = Keys(
    "a roll-up",
    {
        "items": Key(CHART_NAME, "the chart of an item", required=True),
        "events": Key(Series(NAME), "the events that it may send to the order", required=True),
        "keep": Key(ANY_NAMES, "states in which the order does not follow its items"),
        "rules": Key(
            Series(
                Either(
                    "otherwise",
                    present=Keys(
                        "a rule", {"otherwise": Key(Flag(), "when no other rule holds", required=True), **_RULE_ENDS}
                    ),
                    absent=Keys(
                        "a rule",
                        {
                            "when": Key(EXPRESSION, "what the items look like; or `otherwise: true`", required=True),
                            **_RULE_ENDS,
                        },
                    ),
                )
            ),
            "for every mix of items exactly one target",
            required=True,
        ),
    },
)
CHART = Keys(
    "a chart",
    {
        "chart": Key(CHART_NAME, "the chart's name, vocabulary/subject", required=True),
        "version": Key(VERSION, "the version of the vocabulary that the chart describes, in quotes", required=True),
        "title": Key(LINE, "what the chart is called"),
        "description": Key(PROSE, "what the chart is about"),
        "source": Key(Entries(LINE, PROSE), "where the facts come from: title, section, url, commit"),
        "spelling": Key(LINE, "a regular expression that every public code matches in full"),
        "initial": Key(NAMES, "where an order begins; several: one per region", required=True),
        "codes": Key(
            Keys("codes", {"aliases": Key(Entries(LINE, LINE), "seen: code; accepted on input, never written")}),
            "how public codes are read",
        ),
        "states": Key(Ref("states", _shapes), "the states", required=True),
        "events": Key(Entries(NAME, EVENT), "the events, each with its arrows"),
        "always": Key(Series(EVENTLESS, 0), "eventless arrows, taken as soon as their guard holds"),
        "guards": Key(DESCRIPTIONS, "conditions that the application supplies as functions, and what they ask"),
        "reasons": Key(
            Keys(
                "reasons",
                {
                    "open": Key(Flag(), "whether other codes are accepted; default: true"),
                    "codes": Key(DESCRIPTIONS, "the reason codes, and what they mean"),
                },
            ),
            "the reason vocabulary",
        ),
        "links": Key(Entries(LINE, Optional(PROSE)), "the link relations in use, and what they lead to"),
        "actors": Key(DESCRIPTIONS, "who may ask"),
        "actions": Key(DESCRIPTIONS, "what may be emitted"),
        "rules": Key(Series(LINE, 0), "temporal rules: never A unless was B, eventually final, ..."),
        "scenarios": Key(Series(SCENARIO, 0), "executable examples"),
        "rollup": Key(ROLLUP, "how an order follows its items"),
        "quirks": Key(Series(PROSE, 0), "peculiarities of the vocabulary"),
    },
)
SHAPES: Mapping[str, Shape] = MappingProxyType({"states": STATES, "arrow": ARROW, "payload": PAYLOAD, "field": FIELD})
