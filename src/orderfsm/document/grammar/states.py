"""States: ordinary ones, and memories."""

from __future__ import annotations

from orderfsm.chart import Category
from orderfsm.document.collections import Either, Entries, Key, Keys
from orderfsm.document.scalars import Choice, Flag
from orderfsm.document.shape import Optional, Ref, Shape

from .events import LINKS, REASON
from .texts import ANY_NAMES, DURATION, LINE, NAME, NAMES, PROSE

__all__ = ["STATES"]

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
    "states": Key(Ref("states", lambda: STATES), "the children"),
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
STATES: Shape = Entries(NAME, STATE, 1)
