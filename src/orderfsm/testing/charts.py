"""Strategies for charts: sound ones, and drafts of every construct that compile, whatever the checks say of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hypothesis import assume, reject
from hypothesis import strategies as st

from orderfsm import Chart, ChartError, check, compile
from orderfsm.chart import Effect, Event, Field, Guard, Kind, ReasonRule, Reasons, State, Transition
from orderfsm.expression import parse

__all__ = ["CODES", "EVENTS", "NAMED", "ROLES", "charts", "drafts"]

EVENTS = ("accept", "cancel", "hold", "ship.now")
ROLES = ("customer", "staff")
CODES = ("cloud", "sold_out")
NAMED = ("credit_ok", "in_stock")
EXPRESSIONS = ("payload.amount > 5", "order.paid", "size(items) > 0", "actor.role == 'staff'")

Shape = Literal["nested", "flat"]
Demands = Literal["some", "none"]

_guards = st.lists(
    st.one_of(
        st.sampled_from(NAMED).map(lambda name: Guard(name)),
        st.sampled_from(EXPRESSIONS).map(lambda text: Guard(expression=parse(text))),
    ),
    max_size=2,
    unique_by=lambda guard: guard.text,
).map(tuple)

_reason_rules = st.sampled_from(
    (
        ReasonRule(),
        ReasonRule(),
        ReasonRule("required"),
        ReasonRule("forbidden"),
        ReasonRule("required", ("cloud",)),
        ReasonRule("optional", ("cloud", "sold_out")),
    )
)
_actors = st.sampled_from(((), (), ("customer",), ("staff",), ("customer", "staff")))
_rels = st.sampled_from(((), (), (), ("delivery",), ("delivery", "invoice")))
_fields = st.sampled_from(
    ((), (), (Field("amount", "integer"),), (Field("amount", "integer", required=False, minimum=3),))
)
_effects = st.lists(
    st.one_of(
        st.sampled_from(("mail", "print")).map(lambda name: Effect("emit", name)),
        st.sampled_from(EVENTS).map(lambda name: Effect("raise", name)),
    ),
    max_size=1,
).map(tuple)


@st.composite
def charts(draw: st.DrawFn, *, shape: Shape = "nested", demands: Demands = "some") -> Chart:
    """A sound chart: one in which `orderfsm.check` finds no error. Warnings there may be.

    Drafts are mended: arrows that no step takes are left out, and where orders would be trapped, a final state `ended`
    is added that everything may go to by `finish`.
    """
    chart = draw(drafts(shape=shape, demands=demands))
    for _ in range(_MENDINGS):
        wrong = {finding.code for finding in check(chart) if finding.severity == "error"}
        if not wrong:
            return chart
        chart = _mended(chart, wrong)
    return reject()


_MENDINGS = 4


def _mended(chart: Chart, wrong: set[str]) -> Chart:
    if wrong & {"dead-end", "livelock"} and "ended" not in chart.by_name:
        return _with_an_end(chart)
    taken = {id(arrow) for step in compile(chart).edges() for arrow in step.transitions}
    left = tuple(t for t in chart.transitions if id(t) in taken and chart.by_name[t.source].kind is not Kind.FINAL)
    return replace(chart, transitions=left)


def _with_an_end(chart: Chart) -> Chart:
    tops = [s for s in chart.states if s.parent is None and s.kind is not Kind.FINAL and not s.kind.is_history]
    arrows = (Transition(state.name, ("finish",), ("ended",)) for state in tops)
    events = (*chart.events, Event("finish")) if chart.events else ()
    states = (*chart.states, State("ended", Kind.FINAL))
    return replace(chart, states=states, transitions=(*chart.transitions, *arrows), events=events)


@st.composite
def drafts(draw: st.DrawFn, *, shape: Shape = "nested", demands: Demands = "some") -> Chart:
    """A chart that compiles.

    A flat one has neither hierarchy nor memory, nor transitions that happen by themselves; one without demands asks for
    no actor, reason, link or payload.
    """
    flat, rules = shape == "flat", demands == "some"
    states = draw(_flat_states() if flat else _tree(rules=rules))
    arrows = draw(st.lists(_transitions(states, flat=flat, rules=rules), min_size=1, max_size=8))
    tops = [state.name for state in states if state.parent is None and not state.kind.is_history]
    chart = Chart(
        "random/order",
        states,
        tuple(arrows),
        initial=(draw(st.sampled_from(tops)),),
        events=tuple(Event(name, payload=draw(_fields)) for name in EVENTS) if rules else (),
        reasons=Reasons(dict.fromkeys(CODES, ""), open=draw(st.booleans())) if rules else Reasons(),
        guards=dict.fromkeys(NAMED, "supplied"),
    )
    try:
        compile(chart)
    except ChartError:  # it goes round for ever, or its reason rules exclude each other
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
    parents += [draw(st.one_of(st.none(), st.integers(max(0, place - 3), place - 1))) for place in range(1, size)]
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
        reason = draw(_reason_rules) if kind is Kind.FINAL else ReasonRule()
        state = State(f"s{child}", kind, parent, initial, reason=reason, on_entry=draw(_effects) if not inside else ())
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
        draw(_guards),
        internal=not flat and draw(st.booleans()),
        effects=() if flat else draw(_effects),
        by=draw(_actors) if rules else (),
        reason=draw(_reason_rules) if rules else ReasonRule(),
        links=draw(_rels) if rules else (),
    )
