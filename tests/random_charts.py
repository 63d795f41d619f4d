"""Hypothesis strategies: charts of every construct, calls that fit or do not, and an interpreter to compare with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

import orderfsm
from orderfsm import Actor, Chart, Link, Reason, UnsoundChart
from orderfsm.chart import Effect, Event, Field, Guard, Kind, ReasonRule, Reasons, State, Transition
from orderfsm.expression import parse

EVENTS = ("accept", "cancel", "hold", "ship.now")
ROLES = ("customer", "staff")
CODES = ("cloud", "sold_out")
NAMED = ("credit_ok", "in_stock")
EXPRESSIONS = ("payload.amount > 5", "order.paid", "size(items) > 0", "actor.role == 'staff'")
STRANGERS = ("explode", "accept.twice", "cancelled", "open", "done.state.s0", "*")

guards = st.lists(
    st.one_of(
        st.sampled_from(NAMED).map(lambda name: Guard(name)),
        st.sampled_from(EXPRESSIONS).map(lambda text: Guard(expression=parse(text))),
    ),
    max_size=2,
    unique_by=lambda guard: guard.text,
).map(tuple)

reason_rules = st.sampled_from(
    (
        ReasonRule(),
        ReasonRule(),
        ReasonRule("required"),
        ReasonRule("forbidden"),
        ReasonRule("required", ("cloud",)),
        ReasonRule("optional", ("cloud", "sold_out")),
    )
)
actors = st.sampled_from(((), (), ("customer",), ("staff",), ("customer", "staff")))
rels = st.sampled_from(((), (), (), ("delivery",), ("delivery", "invoice")))
fields = st.sampled_from(
    ((), (), (Field("amount", "integer"),), (Field("amount", "integer", required=False, minimum=3),))
)
effects = st.lists(
    st.one_of(
        st.sampled_from(("mail", "print")).map(lambda name: Effect("emit", name)),
        st.sampled_from(EVENTS).map(lambda name: Effect("raise", name)),
    ),
    max_size=1,
).map(tuple)


@st.composite
def charts(draw: st.DrawFn, *, flat: bool = False, rules: bool = True) -> Chart:
    """A chart that compiles. A flat one has neither hierarchy nor memory, nor transitions that happen by themselves."""
    states = draw(_flat_states() if flat else _tree(rules=rules))
    arrows = draw(st.lists(_transitions(states, flat=flat, rules=rules), min_size=1, max_size=8))
    tops = [state.name for state in states if state.parent is None and not state.kind.is_history]
    chart = Chart(
        "random/order",
        states,
        tuple(arrows),
        initial=(draw(st.sampled_from(tops)),),
        events=tuple(Event(name, payload=draw(fields)) for name in EVENTS) if rules else (),
        reasons=Reasons(dict.fromkeys(CODES, ""), open=draw(st.booleans())) if rules else Reasons(),
        guards=dict.fromkeys(NAMED, "supplied"),
    )
    try:
        orderfsm.compile(chart)
    except (UnsoundChart, orderfsm.ChartError):  # it goes round for ever, or its reason rules exclude each other
        assume(False)
    return chart


@st.composite
def _flat_states(draw: st.DrawFn) -> tuple[State, ...]:
    kinds = draw(st.lists(st.sampled_from((Kind.ATOMIC, Kind.ATOMIC, Kind.FINAL)), min_size=2, max_size=5))
    return tuple(State(f"s{place}", kind) for place, kind in enumerate(kinds))


@st.composite
def _tree(draw: st.DrawFn, *, rules: bool) -> tuple[State, ...]:
    """States in document order, every parent before its children."""
    size = draw(st.integers(2, 8))
    parents: list[int | None] = [None]
    for place in range(1, size):
        parents.append(draw(st.one_of(st.none(), st.integers(max(0, place - 3), place - 1))))
    children: dict[int | None, list[int]] = {}
    for place, parent in enumerate(parents):
        children.setdefault(parent, []).append(place)
    found: list[State] = []
    _grow(draw, children, None, None, found)
    return tuple(found if rules else (replace(state, reason=ReasonRule()) for state in found))


def _grow(
    draw: st.DrawFn, children: dict[int | None, list[int]], place: int | None, over: State | None, found: list[State]
) -> None:
    for child in children.get(place, []):
        inside = [f"s{n}" for n in children.get(child, [])]
        parent = None if over is None else over.name
        if inside:
            kind = draw(st.sampled_from((Kind.COMPOUND, Kind.COMPOUND, Kind.PARALLEL)))
            initial = (draw(st.sampled_from(inside)),) if kind is Kind.COMPOUND else ()
        else:
            final = over is None or over.kind is Kind.COMPOUND
            kind, initial = draw(st.sampled_from((Kind.ATOMIC, Kind.ATOMIC, Kind.FINAL if final else Kind.ATOMIC))), ()
        reason = draw(reason_rules) if kind is Kind.FINAL else ReasonRule()
        state = State(f"s{child}", kind, parent, initial, reason=reason, on_entry=draw(effects) if not inside else ())
        found.append(state)
        _grow(draw, children, child, state, found)
        if inside and kind is Kind.COMPOUND and draw(st.booleans()):
            memory = draw(st.sampled_from((Kind.SHALLOW, Kind.DEEP)))
            found.append(State(f"was_{state.name}", memory, state.name, initial))


@st.composite
def _transitions(draw: st.DrawFn, states: tuple[State, ...], *, flat: bool, rules: bool) -> Transition:
    sources = [s.name for s in states if not s.kind.is_history and s.kind is not Kind.FINAL] or [states[0].name]
    eventless = not flat and draw(st.integers(0, 9)) == 0
    targets = st.sampled_from([(s.name,) for s in states] + [()] * (not flat))
    return Transition(
        draw(st.sampled_from(sources)),
        () if eventless else (draw(st.sampled_from(EVENTS)),),
        draw(targets),
        draw(guards),
        internal=not flat and draw(st.booleans()),
        effects=() if flat else draw(effects),
        by=draw(actors) if rules else (),
        reason=draw(reason_rules) if rules else ReasonRule(),
        links=draw(rels) if rules else (),
    )


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
