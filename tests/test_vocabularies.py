"""The shipped charts say what their vocabularies say: words, lives, refusals, provenance, roll-ups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement
from typing import Any

import pytest

import orderfsm
from orderfsm import (
    Actor,
    Basis,
    Chart,
    Configuration,
    Finding,
    GuardRefused,
    NotEnabled,
    NotPermitted,
    PayloadInvalid,
    Step,
)
from orderfsm.catalogue import names
from orderfsm.chart import START, Kind
from orderfsm.graph import matches_state, steps_from

CHARTS = names()
ORDERS = ("adobe/order", "cablelabs/order", "dream_junction/order")
PROFILES = ("full", "strict")
PLACED = datetime(2019, 5, 2, 22, 49, 54, tzinfo=UTC)
LINE = {"extLineItemNumber": 4, "offerId": "80004567EA01A12", "quantity": 1}
RETURN = {"referenceOrderId": "0123456789", "lineItems": [LINE]}


def at(chart: Chart, name: str) -> Configuration:
    """The first configuration of that text, state or code."""
    return next(found for found in orderfsm.compile(chart).configurations.values() if matches_state(found, name))


# --- words


WORDS = {
    "cablelabs/order": "ACKNOWLEDGED IN_PROGRESS PENDING HELD REJECTED CANCELLED PARTIAL FAILED COMPLETED",
    "cablelabs/item": "ACKNOWLEDGED IN_PROGRESS PENDING HELD REJECTED CANCELLED PARTIAL FAILED COMPLETED",
    "stat/order": "received reserved accepted scheduled tasked processing held rejected completed canceled",
    "stapi/order": "received reserved accepted scheduled tasked processing held rejected completed "
    "cancelled user_cancelled failed expired",
    "adobe/order": "1002 1000 1004 1020 1022 1024 1026 1008",
    "adobe/item": "1002 1000 1004 1020 1022 1024 1026 1008",
    "dream_junction/order": "received open packaged shipped canceled",
    "dream_junction/item": "open packaged canceled",
}


def test_nine_charts_are_shipped() -> None:
    assert set(CHARTS) >= {*WORDS, "record_stack_overflow/order"}


@pytest.mark.parametrize("name", WORDS)
def test_the_words_are_those_of_the_vocabulary_verbatim(name: str) -> None:
    assert set(orderfsm.load(name).codes) == set(WORDS[name].split())


def test_the_words_of_record_stack_overflow_have_capitals_and_a_space() -> None:
    assert orderfsm.load("record_stack_overflow/order").codes == ("In progress", "Completed", "Cancelled")


@pytest.mark.parametrize("name", CHARTS)
def test_every_word_is_a_text_in_the_spelling_of_its_vocabulary(name: str) -> None:
    chart = orderfsm.load(name)
    assert chart.spelling
    assert [code for code in chart.codes if not re.fullmatch(chart.spelling, code)] == []


@pytest.mark.parametrize("name", CHARTS)
def test_every_place_to_rest_has_a_category_and_a_word(name: str) -> None:
    chart = orderfsm.load(name)
    leaves = [state for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)]
    assert [leaf.name for leaf in leaves if not chart.category_of(leaf.name) or not chart.code_of(leaf.name)] == []


# --- provenance


@pytest.mark.parametrize("name", CHARTS)
def test_every_arrow_says_what_it_rests_on(name: str) -> None:
    chart = orderfsm.load(name)
    assert chart.transitions
    assert [f"{arrow.source} {arrow.event}" for arrow in chart.transitions if not arrow.cite] == []


@pytest.mark.parametrize("name", CHARTS)
def test_the_strict_profile_has_neither_later_nor_inferred_arrows_nor_aliases(name: str) -> None:
    strict = orderfsm.load(name, profile="strict")
    assert {arrow.basis for arrow in strict.transitions} <= {Basis.STATED, Basis.DOCUMENTED}
    assert not strict.aliases


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_tells_its_source_its_quirks_and_a_happy_way_to_an_end_or_a_rest(name: str) -> None:
    chart = orderfsm.load(name)
    assert all([chart.title, chart.source["title"], chart.quirks, chart.scenarios, chart.rules])
    happy = [arrow for arrow in chart.transitions if arrow.happy]
    assert happy[0].source == START
    assert chart.category_of(happy[-1].targets[0]) == "done"


STATED = {
    "stat/order": {"received-accepted", "received-rejected", "accepted-completed", "accepted-canceled"},
    "stapi/order": {"received-accepted", "received-rejected", "accepted-completed", "accepted-cancelled"},
    "record_stack_overflow/order": {"In progress-Cancelled", "In progress-In progress"},
    "dream_junction/order": set[str](),
    "dream_junction/item": set[str](),
    "cablelabs/item": set[str](),
}


@pytest.mark.parametrize("name", STATED)
def test_the_strict_profile_has_exactly_the_stated_pairs_of_words(name: str) -> None:
    table = orderfsm.compile(orderfsm.load(name, profile="strict"))
    steps = [step for here in table.rows for step in steps_from(table, here)]
    assert {f"{step.before.code}-{step.after.code}" for step in steps if step.before} == STATED[name]


# --- lives: sequence of words, in which profiles it is legal


def lives() -> Iterator[tuple[str, str, str, str]]:
    """Chart, words, profiles in which they are a life, profiles in which they are refused."""
    both, none = "full strict", ""
    yield "cablelabs/order", "ACKNOWLEDGED IN_PROGRESS COMPLETED", both, none
    yield "cablelabs/order", "ACKNOWLEDGED IN_PROGRESS PENDING IN_PROGRESS HELD IN_PROGRESS PARTIAL", both, none
    yield "cablelabs/order", "ACKNOWLEDGED IN_PROGRESS CANCELLED", both, none
    yield "cablelabs/order", "ACKNOWLEDGED COMPLETED", none, both
    yield "cablelabs/order", "ACKNOWLEDGED HELD", none, both
    yield "cablelabs/order", "ACKNOWLEDGED IN_PROGRESS PENDING HELD", none, both
    yield "cablelabs/order", "ACKNOWLEDGED IN_PROGRESS COMPLETED IN_PROGRESS", none, both
    yield "cablelabs/order", "REJECTED ACKNOWLEDGED", none, both
    yield "cablelabs/order", "ACKNOWLEDGED IN_PROGRESS COMPLETE", "full", "strict"
    yield "cablelabs/order", "ACKNOWLEDGED REJECTED", "full", "strict"
    yield "cablelabs/order", "ACKNOWLEDGED CANCELLED", "full", "strict"
    yield "stat/order", "received accepted completed", both, none
    yield "stat/order", "received rejected", both, none
    yield "stat/order", "received accepted canceled", both, none
    yield "stat/order", "received completed", none, both
    yield "stat/order", "received rejected accepted", none, both
    yield "stat/order", "received scheduled", none, both
    yield "stat/order", "received canceled", "full", "strict"
    yield "stat/order", "received reserved accepted scheduled tasked processing processing completed", "full", "strict"
    yield "stat/order", "received accepted held accepted completed", "full", "strict"
    yield "stat/order", "received reserved held received", none, both
    yield "stapi/order", "received accepted cancelled", both, none
    yield "stapi/order", "received accepted user_cancelled", "full", "strict"
    yield "stapi/order", "received accepted scheduled user_cancelled", none, both
    yield "stapi/order", "received accepted scheduled held user_cancelled", none, both
    yield "stapi/order", "received accepted held user_cancelled", "full", "strict"
    yield "adobe/order", "1002 1000", both, none
    yield "adobe/order", "1002 1004", both, none
    yield "adobe/order", "1002 1026", both, none
    yield "adobe/order", "1002 1000 1008", both, none
    yield "adobe/order", "1002 1000 1000", both, none
    yield "adobe/order", "1002 1008", none, both
    yield "adobe/order", "1002 1000 1008 1000", none, both
    yield "dream_junction/order", "received open packaged shipped", "full", "strict"
    yield "dream_junction/order", "received canceled", "full", "strict"
    yield "dream_junction/order", "received open shipped", none, both
    yield "record_stack_overflow/order", "In progress|Cancelled", both, none
    yield "record_stack_overflow/order", "In progress|Completed", "full", "strict"
    yield "record_stack_overflow/order", "In progress|Completed|Cancelled", none, both


CASES = [
    (name, words, profile, profile in legal.split())
    for name, words, legal, illegal in lives()
    for profile in PROFILES
    if profile in f"{legal} {illegal}".split()
]


@pytest.mark.parametrize(("name", "words", "profile", "legal"), CASES)
def test_a_life_is_legal_or_not_as_the_vocabulary_has_it(name: str, words: str, profile: str, legal: bool) -> None:
    codes = words.split("|") if "|" in words else words.split()
    chart = orderfsm.load(name, profile=profile)
    if legal:
        shown = [chart.aliases.get(code, code) for code in codes]
        assert [step.after.code for step in orderfsm.trace(chart, codes)] == shown
    else:
        with pytest.raises(NotEnabled) as caught:
            orderfsm.trace(chart, codes)
        assert caught.value.index is not None


def findings(name: str, profile: str) -> tuple[Finding, ...]:
    """What the checks find, the roll-up and its scenarios included."""
    chart = orderfsm.load(name, profile=profile)
    items = orderfsm.load(chart.rollup.items, profile=profile) if chart.rollup else None
    return orderfsm.check(chart, items=items)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", CHARTS)
def test_the_checks_of_a_shipped_chart_find_nothing_wrong(name: str, profile: str) -> None:
    assert [str(finding) for finding in findings(name, profile)] == []


# --- cablelabs: who holds, and until when


def test_a_hold_ends_by_whoever_began_it() -> None:
    chart = orderfsm.load("cablelabs/order")
    blocked = orderfsm.step(chart, "IN_PROGRESS", "block", actor="seller").after
    held = orderfsm.step(chart, "IN_PROGRESS", "hold", actor="buyer").after
    assert blocked.code == held.code == "HELD"
    with pytest.raises(NotEnabled):
        orderfsm.step(chart, blocked, "release", actor="buyer")
    with pytest.raises(NotEnabled):
        orderfsm.step(chart, held, "resolve_issue", actor="seller")
    assert orderfsm.step(chart, held, "release", actor="buyer").after == "IN_PROGRESS"
    assert orderfsm.step(chart, blocked, "resolve_issue", actor="seller").after == "IN_PROGRESS"


@pytest.mark.parametrize("late", [timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)])
def test_a_missing_correction_cancels_after_the_due_date_alone(late: timedelta) -> None:
    chart = orderfsm.load("cablelabs/order")
    due = datetime(2016, 10, 5, 7, 0, tzinfo=UTC)
    facts = {"order": {"correctionOrderDueDate": "2016-10-05T08:00+01:00"}}
    if late > timedelta(0):
        assert orderfsm.step(chart, "PENDING", "expire_correction", facts=facts, now=due + late).after == "CANCELLED"
    else:
        with pytest.raises(GuardRefused):
            orderfsm.step(chart, "PENDING", "expire_correction", facts=facts, now=due + late)


# --- stat and stapi


def test_delivery_asks_for_no_history_because_every_way_passes_acceptance() -> None:
    chart = orderfsm.load("stat/order")
    for code in ("accepted", "scheduled", "tasked", "processing"):
        assert orderfsm.step(chart, code, "complete").after == "completed"


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("stat/order", "received reserved accepted scheduled tasked processing"),
        ("stapi/order", "received reserved accepted scheduled tasked processing"),
    ],
)
def test_a_hold_returns_to_exactly_where_it_came_from(name: str, codes: str) -> None:
    chart = orderfsm.load(name)
    for code in codes.split():
        held = orderfsm.step(chart, code, "hold").after
        assert held.code == "held"
        assert orderfsm.step(chart, held, "resume").after == code


@pytest.mark.parametrize("profile", PROFILES)
def test_stat_never_delivers_what_was_not_accepted(profile: str) -> None:
    table = orderfsm.compile(orderfsm.load("stat/order", profile=profile))
    assert [step for step in table.edges() if step.after == "completed" and "received" in str(step.before)] == []


@pytest.mark.parametrize("code", ["received", "reserved", "accepted"])
def test_the_customer_of_stapi_cancels_before_the_schedule(code: str) -> None:
    chart = orderfsm.load("stapi/order")
    assert orderfsm.step(chart, code, "user_cancel", actor="customer").after == "user_cancelled"
    held = orderfsm.step(chart, code, "hold").after
    assert orderfsm.step(chart, held, "user_cancel", actor="customer").after == "user_cancelled"
    told = orderfsm.step(chart, code, "withdraw", actor="customer", reason="customer_cancelled")
    assert told.after == "cancelled"


@pytest.mark.parametrize("code", ["scheduled", "tasked", "processing"])
@pytest.mark.parametrize("event", ["user_cancel", "withdraw"])
def test_the_customer_of_stapi_does_not_cancel_from_the_schedule_on(code: str, event: str) -> None:
    chart = orderfsm.load("stapi/order")
    held = orderfsm.step(chart, code, "hold").after
    for here in (code, held):
        with pytest.raises(NotEnabled):
            orderfsm.step(chart, here, event, actor="customer", reason="customer_cancelled")


# --- adobe: the window of a return


def returned(after: timedelta) -> Step:
    """The step of a return so long after the order was placed; the order was complete an hour after that."""
    past = [
        {"after": "open", "occurred_at": PLACED},
        {"after": "complete", "occurred_at": PLACED + timedelta(hours=1)},
    ]
    chart = orderfsm.load("adobe/order", profile="strict")
    facts = {"history": past}
    return orderfsm.step(
        chart, "complete", "return_lines", actor="partner", payload=RETURN, facts=facts, now=PLACED + after
    )


@pytest.mark.parametrize("after", [timedelta(hours=2), timedelta(days=13, hours=23), timedelta(days=14, seconds=-1)])
def test_a_return_within_fourteen_days_keeps_the_order_complete(after: timedelta) -> None:
    step = returned(after)
    assert step.after == step.before == "complete"
    assert not step.entered


@pytest.mark.parametrize("after", [timedelta(days=14), timedelta(days=14, hours=1), timedelta(days=15)])
def test_a_return_is_too_late_after_fourteen_days(after: timedelta) -> None:
    with pytest.raises(GuardRefused) as caught:
        returned(after)
    assert "14" in str(caught.value)


@pytest.mark.parametrize("missing", ["extLineItemNumber", "offerId", "quantity"])
def test_a_returned_line_is_named_in_full(missing: str) -> None:
    chart = orderfsm.load("adobe/order")
    line = {key: value for key, value in LINE.items() if key != missing}
    found = orderfsm.blockers(
        chart,
        "complete",
        "return_lines",
        payload=RETURN | {"lineItems": [line]},
        facts={"history": [{"after": "open", "occurred_at": PLACED}]},
        now=PLACED,
    )
    assert [blocker.parameters["field"] for blocker in found] == [f"payload.lineItems[0].{missing}"]


def test_only_the_last_returned_line_cancels_the_order() -> None:
    chart = orderfsm.load("adobe/order")
    some = {"items": [{"code": "1008"}, {"code": "1000"}]}
    every = {"items": [{"code": "1008"}, {"code": "1008"}]}
    with pytest.raises(GuardRefused):
        orderfsm.step(chart, "complete", "close_returned", facts=some)
    assert orderfsm.step(chart, "complete", "close_returned", facts=every).after.code == "1008"


def test_a_line_is_returned_once() -> None:
    with pytest.raises(NotEnabled):
        orderfsm.step(orderfsm.load("adobe/item"), "returned", "return")


@pytest.mark.parametrize("code", ["1008", "1004", "1020", "1022", "1024", "1026"])
def test_nothing_leads_out_of_an_end_of_adobe_but_1000_is_none(code: str) -> None:
    chart = orderfsm.load("adobe/order")
    assert at(chart, code).final
    assert not at(chart, "1000").final


# --- dream_junction: the date of shipping


def test_the_date_of_shipping_comes_with_shipping_and_with_nothing_else() -> None:
    chart = orderfsm.load("dream_junction/order")
    bringing = [event.name for event in chart.events if "shipped_at" in {field.name for field in event.payload}]
    leading = {arrow.event for arrow in chart.transitions if "shipped" in arrow.targets}
    assert bringing == ["ship"]
    assert leading == {"ship"}


def test_an_order_is_not_shipped_without_a_date() -> None:
    chart = orderfsm.load("dream_junction/order")
    with pytest.raises(PayloadInvalid):
        orderfsm.step(chart, "packaged", "ship", payload={"shipments": []})
    with pytest.raises(NotEnabled):
        orderfsm.step(chart, "open", "ship", payload={"shipped_at": "2014-07-01T12:21:24.691-07:00", "shipments": []})


# --- record_stack_overflow: whose order it is

MINE: Mapping[str, Any] = {"order": {"created_by": "c1", "merchant_id": "m1"}}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_customer_who_created_an_order_cancels_it(profile: str) -> None:
    chart = orderfsm.load("record_stack_overflow/order", profile=profile)
    step = orderfsm.step(chart, "in_progress", "cancel", actor=Actor("customer", "c1"), facts=MINE)
    assert step.after.code == "Cancelled"
    with pytest.raises(GuardRefused):
        orderfsm.step(chart, "in_progress", "cancel", actor=Actor("customer", "c2"), facts=MINE)


@pytest.mark.parametrize("merchant", ["m1", "m2", "c1"])
def test_no_merchant_cancels(merchant: str) -> None:
    chart = orderfsm.load("record_stack_overflow/order")
    with pytest.raises(NotPermitted):
        orderfsm.step(chart, "in_progress", "cancel", actor=Actor("merchant", merchant), facts=MINE)


@pytest.mark.parametrize(("event", "after"), [("update", "in_progress"), ("complete", "completed")])
def test_only_the_merchant_of_an_order_updates_or_completes_it(event: str, after: str) -> None:
    chart = orderfsm.load("record_stack_overflow/order")
    assert orderfsm.step(chart, "in_progress", event, actor=Actor("merchant", "m1"), facts=MINE).after == after
    with pytest.raises(GuardRefused):
        orderfsm.step(chart, "in_progress", event, actor=Actor("merchant", "m2"), facts=MINE)
    with pytest.raises(NotPermitted):
        orderfsm.step(chart, "in_progress", event, actor=Actor("customer", "c1"), facts=MINE)


def test_no_merchant_places_an_order() -> None:
    with pytest.raises(NotPermitted):
        orderfsm.start(orderfsm.load("record_stack_overflow/order"), actor="merchant")


# --- roll-up, once more and from scratch


def seen(items: tuple[Configuration, ...]) -> list[dict[str, Any]]:
    return [{"code": i.code, "state": i.leaves[0], "category": i.category, "final": i.final} for i in items]


def targets(chart: Chart, order: Configuration, items: tuple[Configuration, ...]) -> list[str]:
    """The targets of the rules that hold; of the last resort when none does."""
    assert chart.rollup is not None
    rules, facts = chart.rollup.rules, {"items": seen(items)}
    found = [rule.to for rule in rules if rule.when and rule.when.evaluate(facts, active=order.states)]
    return found or [rule.to for rule in rules if rule.when is None]


def follow(chart: Chart, order: Configuration, items: tuple[Configuration, ...]) -> Configuration:
    """Where an order goes by the listed events; fails when no way leads there."""
    assert chart.rollup is not None
    if order.states & set(chart.rollup.keep):
        return order
    (target,) = targets(chart, order, items)
    table = orderfsm.compile(chart)
    layer, known = [order], {order}
    while layer:
        for here in layer:
            if target in here.states:
                return here
        layer = [
            step.after
            for here in layer
            for step in steps_from(table, here)
            if step.event in chart.rollup.events and step.after not in known
        ]
        known.update(layer)
    raise AssertionError(f"{chart.name} ({chart.profile}) does not lead from {order} to {target} for {items}")


@pytest.mark.parametrize("name", ORDERS)
def test_every_mix_of_up_to_three_items_has_exactly_one_target(name: str) -> None:
    chart = orderfsm.load(name)
    assert chart.rollup is not None
    items = sorted(orderfsm.compile(orderfsm.load(chart.rollup.items)).configurations.values())
    orders = orderfsm.compile(chart).configurations.values()
    following = [order for order in orders if not order.states & set(chart.rollup.keep)]
    for size in (1, 2, 3):
        for mix in combinations_with_replacement(items, size):
            for order in following:
                assert len(targets(chart, order, mix)) == 1, (order, mix)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ORDERS)
def test_an_order_that_follows_its_items_always_finds_a_legal_way(name: str, profile: str) -> None:
    chart = orderfsm.load(name, profile=profile)
    assert chart.rollup is not None
    orders = orderfsm.compile(chart)
    items = orderfsm.compile(orderfsm.load(chart.rollup.items, profile=profile))
    (opening,) = items.starts["open"].steps
    begun: tuple[Configuration, ...] = (opening.after,) * 2
    waiting = [(orderfsm.start(chart).after, begun)]
    known = set(waiting)
    while waiting:
        order, mix = waiting.pop()
        found = [(step.after, mix) for step in steps_from(orders, order)]
        for place, item in enumerate(mix):
            for step in steps_from(items, item):
                moved = tuple(sorted((*mix[:place], step.after, *mix[place + 1 :])))
                found.append((follow(chart, order, moved), moved))
        waiting += set(found) - known
        known.update(found)
    assert {order for order, _ in known} == reached(chart)


def reached(chart: Chart) -> set[str]:
    """Every configuration that an order can come to once it was opened."""
    table = orderfsm.compile(chart)
    found = [str(orderfsm.start(chart).after)]
    for here in found:
        found += [str(step.after) for step in steps_from(table, here) if step.after not in found]
    return set(found)
