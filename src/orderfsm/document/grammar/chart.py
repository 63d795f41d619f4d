"""The chart: everything that a document may hold, and how an order follows its items."""

from __future__ import annotations

from orderfsm.chart import Basis
from orderfsm.document.collections import Either, Entries, Key, Keys, Series
from orderfsm.document.scalars import Choice, Flag
from orderfsm.document.shape import Optional, Ref

from .events import EVENT, EVENTLESS
from .scenarios import SCENARIO
from .states import STATES
from .texts import ANY_NAMES, CHART_NAME, DESCRIPTIONS, EXPRESSION, LINE, NAME, NAMES, PROSE, VERSION

__all__ = ["CHART"]

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
        "states": Key(Ref("states", lambda: STATES), "the states", required=True),
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
