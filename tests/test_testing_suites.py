"""The kit's deterministic suites: everything that can be walked is, and what cannot be is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

import orderfsm
from orderfsm import Chart, graph
from orderfsm.chart import Guard, Kind, State, Transition
from orderfsm.expression import parse
from orderfsm.testing import (
    Attempt,
    Example,
    Send,
    Walk,
    guard_outcomes,
    pairs,
    refusals,
    scenarios,
    shortest,
    shortest_paths,
    states,
    suite,
    transitions,
)
from orderfsm.testing.deciding import MOST, _ways
from orderfsm.testing.exploring import explored

NAMES = ("adobe/order", "cablelabs/order", "record_stack_overflow/order", "stapi/order", "stat/order")
STAT = orderfsm.load("stat/order")
LOAN = orderfsm.read(
    """
chart: library/loan
version: "1"
initial: reserved
guards: {open_today: The library is open.}
states: {reserved: {}, lent: {}, shelf: {}, returned: {final: true}}
events:
  lend: {from: reserved, to: lent, guard: open_today, when: "order.fees == 0 and (order.adult or payload.by == 'mum')"}
  renew: {from: lent, to: lent, when: "payload.weeks in [1, 2] and not (payload.weeks == 2 and order.busy)"}
  return: {from: lent, to: returned, when: "order.fees > 3 and order.fees < 2"}
  give: {from: lent, to: returned}
"""
)


# --- states, paths, arrows, pairs


@pytest.mark.parametrize("name", NAMES)
def test_every_state_and_every_configuration_has_its_shortest_walk(name: str) -> None:
    chart = orderfsm.load(name)
    found = {str(walk): walk for walk in states(chart)}
    assert set(found) == {state.name for state in chart.states if not state.kind.is_history}
    assert all(name in walk.steps[-1].after.states for name, walk in found.items())
    paths = {str(walk): walk for walk in shortest_paths(chart)}
    assert set(paths) == set(orderfsm.compile(chart).configurations)
    for configuration, walk in paths.items():
        assert walk.configuration == configuration
        way = graph.way(orderfsm.compile(chart), None, lambda found, wanted=configuration: found == wanted)
        assert way is not None
        assert len(walk) >= len(way)


@pytest.mark.parametrize("name", NAMES)
def test_every_arrow_is_taken_by_the_walk_that_is_named_after_it(name: str) -> None:
    chart = orderfsm.load(name)
    walks = transitions(chart)
    assert walks.unreached == ()
    taken = [walk.steps[-1].transitions for walk in walks]
    assert {id(arrow) for step in taken for arrow in step} == {id(arrow) for arrow in chart.transitions}
    assert len({str(walk) for walk in walks}) == len(walks) == len(chart.transitions)


@pytest.mark.parametrize("name", NAMES)
def test_every_two_arrows_that_can_follow_one_another_do(name: str) -> None:
    chart = orderfsm.load(name)
    table = orderfsm.compile(chart)
    possible = {
        (id(one), id(other))
        for step in table.edges()
        for cell in table.rows[step.after].values()
        for later in cell.steps
        for one in step.transitions
        for other in later.transitions
    }
    walked = {
        (id(one), id(other))
        for walk in pairs(chart)
        if len(walk) > 1
        for one in walk.steps[-2].transitions
        for other in walk.steps[-1].transitions
    }
    assert pairs(chart).unreached == ()
    assert walked == possible


REFUSED = """
reserved-renew reserved-return reserved-give lent-lend returned-lend returned-renew returned-return returned-give
"""


def test_every_event_is_refused_where_no_arrow_leads_out_for_it_in_document_order() -> None:
    """A set of events has another order in each process, and workers of pytest-xdist would collect different tests."""
    found = refusals(LOAN)
    assert [*map(str, found)] == REFUSED.split()
    assert {attempt.refused for attempt in found} == {"not-enabled"}


@pytest.mark.parametrize("walk", transitions(STAT), ids=str)
def test_a_suite_goes_into_a_test_as_it_is(walk: Walk) -> None:
    assert Walk.of(STAT, walk.sends).steps == walk.steps


def test_titles_are_readable_and_in_document_order() -> None:
    assert [str(walk) for walk in transitions(LOAN)] == [
        "reserved-lend-lent if order.fees == 0 and (order.adult or payload.by == 'mum') and open_today",
        "lent-renew-lent if payload.weeks in [1, 2] and not (payload.weeks == 2 and order.busy)",
        "lent-give-returned",
    ]
    renewed = "lent-renew-lent if payload.weeks in [1, 2] and not (payload.weeks == 2 and order.busy)"
    assert str(pairs(LOAN)[-1]) == f"{renewed} then lent-give-returned"


def test_where_an_order_has_been_counts_when_the_past_decides() -> None:
    text = """
chart: a/b
version: "1"
initial: x
states: {x: {}, y: {}, z: {}, end: {final: true}}
events:
  go: {from: x, to: y}
  around: {from: x, to: z}
  back: {from: z, to: y}
  close: {from: y, to: end, when: was("z")}
"""
    chart = orderfsm.read(text)
    assert [str(send) for send in (shortest(chart, "end") or Walk(chart)).sends] == ["open", "around", "back", "close"]
    outcomes = {str(attempt): attempt.refused for attempt in guard_outcomes(chart)}
    assert outcomes == {'close: was("z")': "", 'close: not (was("z"))': "guard-refused"}


# --- what is not reached


def test_many_states_asked_about_do_not_make_endless_work() -> None:
    """Each of 16 states may have been passed or not: 2 ** 16 pasts of every configuration."""
    text = """
chart: a/b
version: "1"
initial: s0
states:
"""
    ring = range(16)
    text += "".join(f"  s{place}: {{}}\n" for place in ring) + "  end: {final: true}\nevents:\n"
    text += "".join(f"  next{place}: {{from: s{place}, to: s{(place + 1) % 16}}}\n" for place in ring)
    text += "".join(f"  jump{place}: {{from: s{place}, to: s{(place + 3) % 16}}}\n" for place in ring)
    asked = " and ".join(f"was('s{place}')" for place in ring)
    text += f'  close: {{from: s0, to: end, when: "{asked}"}}\n'
    chart = orderfsm.read(text)
    found = explored(chart)
    assert (found.cut, len(found.walks) < 2_100) == (True, True)
    assert {f"s{place}" for place in ring} <= {str(walk) for walk in states(chart)}
    (missing,) = transitions(chart).unreached
    assert missing.why.startswith("no walk was found that takes it; no facts were found for: close in s0 asks")
    assert missing.why.endswith(
        "; whatever comes after the first 2000 situations, for guards ask the past about too many states"
    )


def test_what_no_walk_comes_to_is_said_with_the_reason() -> None:
    assert [str(each) for each in states(LOAN).unreached] == ["shelf: no arrow of library/loan leads to shelf"]
    missing = transitions(LOAN).unreached
    assert [each.title for each in missing] == ["lent-return-returned if order.fees > 3 and order.fees < 2"]
    assert missing[0].why == (
        "no walk was found that takes it; no facts were found for: "
        "return in lent asks `order.fees > 3 and order.fees < 2` true"
    )


def test_what_lies_behind_a_closed_guard_is_said_too() -> None:
    never = Guard(expression=parse("order.x > 1 and order.x < 1"))
    chart = Chart(
        "a/b",
        (State("a"), State("b"), State("c", Kind.FINAL)),
        (Transition("a", ("go",), ("b",), (never,)), Transition("b", ("end",), ("c",))),
        initial=("a",),
    )
    told = [each.why for each in shortest_paths(chart).unreached]
    closed = "no facts were found for: go in a asks `order.x > 1 and order.x < 1` true"
    assert told == [f"no walk was found that comes to {name}; {closed}" for name in ("b", "c")]


def test_a_suite_for_pytest_skips_what_is_not_reached() -> None:
    name, items = suite(transitions(LOAN))
    assert name == "walk"
    assert [item.id for item in items] == [*map(str, transitions(LOAN)), transitions(LOAN).unreached[0].title]
    assert [mark.kwargs["reason"] for item in items for mark in item.marks] == [transitions(LOAN).unreached[0].why]


# --- guards


@pytest.mark.parametrize("attempt", guard_outcomes(LOAN), ids=str)
def test_every_outcome_is_what_the_chart_makes_of_it(attempt: Attempt) -> None:
    again = Attempt.judged(attempt.walk, attempt.send)
    assert (again.refused, again.step) == (attempt.refused, attempt.step)
    assert attempt.refused in ("", "guard-refused")


@pytest.mark.parametrize(
    ("event", "terms"),
    [
        ("lend", ["order.fees == 0", "order.adult", "payload.by == 'mum'"]),
        ("renew", ["payload.weeks in [1, 2]", "payload.weeks == 2", "order.busy"]),
    ],
)
def test_each_term_decides_alone_between_two_of_the_outcomes(event: str, terms: list[str]) -> None:
    guard = next(arrow for arrow in LOAN.transitions if arrow.events == (event,)).guards[0].expression
    assert guard is not None
    ways = [looked_at(str(attempt)) for attempt in guard_outcomes(LOAN) if str(attempt).startswith(f"{event}: ")]
    facts = [seen(attempt.send) for attempt in guard_outcomes(LOAN) if str(attempt).startswith(f"{event}: ")]
    for way, there in zip(ways, facts, strict=True):
        assert {text: parse(text).evaluate(there) for text in way} == way
    answers = [guard.evaluate(there) for there in facts]
    outcomes = list(zip(ways, answers, strict=True))
    for term in terms:
        assert any(alone(term, one, other) for one in outcomes for other in outcomes), term


def looked_at(title: str) -> dict[str, bool]:
    """The terms that a title names, each with its answer."""
    told = title.partition(": ")[2].replace("[1, 2]", "[1; 2]").split(", ")
    texts = [text.replace(";", ",") for text in told if text not in ("open_today", "not (open_today)")]
    denied = [text for text in texts if text.startswith("not (")]
    granted = dict.fromkeys((text for text in texts if text not in denied), True)
    return granted | {text.removeprefix("not (").removesuffix(")"): False for text in denied}


def seen(send: Send) -> dict[str, object]:
    return {**(send.facts or {}), "payload": send.payload or {}}


def alone(term: str, one: tuple[dict[str, bool], bool], other: tuple[dict[str, bool], bool]) -> bool:
    """Whether the guard's answer differs, and of the terms looked at in both this one alone."""
    differing = {text for text in one[0].keys() & other[0].keys() if one[0][text] is not other[0][text]}
    return one[1] is not other[1] and differing == {term}


def test_outcomes_of_two_guards_that_read_alike_are_two_items() -> None:
    chart = orderfsm.read("""
chart: tests/alike
version: "1"
initial: new
states: {new: {}, checked: {}, shipped: {final: true}}
events:
  check: {from: new, to: checked}
  ship:
    - {from: new, to: shipped, when: order.paid > 0}
    - {from: checked, to: shipped, when: order.paid > 0 or order.trusted > 0}
""")
    items = [(str(attempt), str(attempt.walk.configuration)) for attempt in guard_outcomes(chart)]
    assert items == [
        ("ship: order.paid > 0", "new"),
        ("ship: not (order.paid > 0)", "new"),
        ("ship: order.paid > 0 (2)", "checked"),
        ("ship: not (order.paid > 0), not (order.trusted > 0)", "checked"),
        ("ship: not (order.paid > 0), order.trusted > 0", "checked"),
    ]


def test_a_guard_of_many_terms_does_not_make_endless_work() -> None:
    terms = " and ".join(f"(order.a{number} or order.b{number})" for number in range(24))
    assert len(_ways(parse(terms))) == MOST


def test_the_applications_guards_answer_both_ways() -> None:
    answers = [
        (attempt.send.guards, attempt.refused) for attempt in guard_outcomes(LOAN) if "open_today" in str(attempt)
    ]
    assert answers == [({"open_today": True}, ""), ({"open_today": False}, "guard-refused")]


@pytest.mark.parametrize(
    ("when", "payload"),
    [
        ("payload.a < payload.b", "{a: date, b: date}"),
        ("payload.a < payload.b", "{a: datetime, b: datetime}"),
        ("timestamp(payload.a) > now + duration('P1D')", "{a: datetime}"),
        ("timestamp(order.opens) <= timestamp(payload.a) < timestamp(order.closes)", "{a: datetime}"),
        ("now + duration('PT2H') < timestamp(payload.a) < timestamp(order.closes)", "{a: datetime}"),
        ("size(payload.a) >= 3 and size(payload.a) <= 40", "{a: string}"),
        ("payload.a.b == 'DE' and size(payload.a.c) == 5", "{a: {type: object, fields: {b: string, c: string}}}"),
        ("'a' in payload and size(payload.a) > 10", "{a?: string}"),
        ("payload.a == order.currency", "{a: {type: string, enum: [EUR, USD]}}"),
        ("any(i.sku == payload.a and i.stock >= payload.b for i in items)", "{a: string, b: integer}"),
        ("all(i.price * i.number <= order.limit for i in items)", "{}"),
        ("order.due < now - duration('P3D')", "{}"),
        ("order.due != None and now + duration('PT1H') > order.due", "{}"),
    ],
)
def test_facts_are_found_for_what_guards_of_services_ask(when: str, payload: str) -> None:
    text = f"""
chart: a/b
version: "1"
initial: x
states: {{x: {{}}, end: {{final: true}}}}
events: {{go: {{from: x, to: end, payload: {payload}, when: "{when}"}}}}
"""
    chart = orderfsm.read(text)
    assert (transitions(chart).unreached, guard_outcomes(chart).unreached) == ((), ())


def test_what_the_states_alone_answer_decides_as_well() -> None:
    """The compiler answers such a guard: where it holds it is not asked, where it refuses the event is not enabled."""
    text = """
chart: a/b
version: "1"
initial: front
states: {front: {}, back: {}, end: {final: true}}
events:
  turn: {from: front, to: back}
  finish: {from: [front, back], to: end, when: "in_state('back') or order.simple"}
  drop: {from: [front, back], to: end, when: "in_state('back') and order.simple"}
"""
    outcomes = guard_outcomes(orderfsm.read(text))
    assert {str(each): (str(each.walk.configuration), each.refused) for each in outcomes} == {
        "finish: in_state('back')": ("back", ""),
        "finish: not (in_state('back')), order.simple": ("front", ""),
        "finish: not (in_state('back')), not (order.simple)": ("front", "guard-refused"),
        "drop: in_state('back'), order.simple": ("back", ""),
        "drop: in_state('back'), not (order.simple)": ("back", "guard-refused"),
    }
    (missing,) = outcomes.unreached
    assert missing.title == "drop: `in_state('back')` decides"
    assert missing.why.endswith(
        "; where the states alone refuse, no guard is asked, for the event is not enabled there"
    )


def test_a_term_that_never_decides_is_said() -> None:
    told = [str(each) for each in guard_outcomes(LOAN).unreached]
    assert told[0] == (
        "return: `order.fees > 3` decides: no two calls were found between which it alone changes the answer of "
        "`order.fees > 3 and order.fees < 2`"
    )
    assert len(told) == 2


# --- scenarios


@pytest.mark.parametrize(*suite(scenarios(STAT)))
def test_the_charts_own_scenarios_are_items(scenario: Example) -> None:
    scenario.verify()


def test_a_scenario_that_does_not_go_as_told_fails_with_what_differs() -> None:
    wrong = replace(STAT.scenarios[0], then="rejected", refused=None)
    found = scenarios(replace(STAT, scenarios=(wrong,)))
    with pytest.raises(AssertionError, match="rejected was expected at the end"):
        found[0].verify()


def test_scenarios_of_the_roll_up_need_the_items_and_each_runs_in_its_profile() -> None:
    order, items = orderfsm.load("adobe/order"), orderfsm.load("adobe/item")
    without, given = scenarios(order), scenarios(order, items=items)
    assert len(given) > len(without)
    assert "give the chart of the items" in without.unreached[0].why
    for each in given:
        each.verify()
    strict = scenarios(orderfsm.load("stat/order", profile="strict"))
    assert {each.why for each in strict.unreached} == {"it is of the full profile: load the chart in that one"}
    assert len(strict) + len(strict.unreached) == len(scenarios(STAT)) == len(STAT.scenarios)
