"""Hypothesis strategies: the kit's random charts, and calls that fit them or do not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import orderfsm
from orderfsm import Actor, Chart, Link, Reason
from orderfsm.testing.charts import CODES, EVENTS, NAMED, ROLES, drafts

STRANGERS = ("explode", "accept.twice", "cancelled", "open", "done.state.s0", "*")


def charts(*, flat: bool = False, rules: bool = True) -> st.SearchStrategy[Chart]:
    """A chart that compiles, sound or not."""
    return drafts(shape="flat" if flat else "nested", demands="some" if rules else "none")


answers = st.fixed_dictionaries({name: st.booleans() for name in NAMED})
"""What the application's guards answer."""


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """The keywords of one call; they may or may not be what a chart asks for."""
    given = {
        "actor": draw(st.sampled_from((None, None, *ROLES, "robot", Actor("staff", "7"), Actor("")))),
        "reason": draw(
            st.sampled_from((None, None, *CODES, "unheard_of", "", Reason("cloud"), Reason(text="because")))
        ),
        "links": tuple(Link(rel, "/x") for rel in draw(st.sets(st.sampled_from(("delivery", "invoice", "other"))))),
        "payload": draw(st.sampled_from((None, {}, {"amount": 1}, {"amount": 9}, {"amount": "9"}, {"other": True}))),
        "facts": draw(st.sampled_from((None, {}, {"order": {"paid": True}, "items": [1]}, {"order": {"paid": False}}))),
    }
    answered = draw(answers)
    missing = draw(st.sampled_from((None, None, None, *NAMED)))
    functions = {name: (lambda facts, said=said: said) for name, said in answered.items() if name != missing}
    return {**given, "guards": functions}


events = st.sampled_from((*EVENTS, *EVENTS, *STRANGERS))


def configurations(chart: Chart) -> st.SearchStrategy[str]:
    """One of the chart's configurations."""
    return st.sampled_from(sorted(orderfsm.compile(chart).configurations))


def rows(chart: Chart) -> st.SearchStrategy[tuple[str, str]]:
    """A configuration and an event, one that it has a cell for as far as possible."""
    table = orderfsm.compile(chart)
    cells = sorted((configuration, event) for configuration, row in table.rows.items() for event in row)
    return st.sampled_from(cells) if cells else st.tuples(configurations(chart), events)
