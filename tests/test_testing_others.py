"""What the testing kit finds in services that others wrote: each disagreement by its smallest scenario.

The services are in tests/others, re-created with their mistakes. Where a test says which pairs of a configuration and
an event disagree, those are all there are: what is not named is done as the chart says.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import orderfsm
from orderfsm.testing import (
    Attempt,
    Disagreement,
    Driver,
    Send,
    Walk,
    follow,
    pairs,
    refusals,
    shortest,
    shortest_paths,
    state_machine_for,
    transitions,
)
from others import coffee, shop_stream, stapi_memory

SERVICES = {
    "stapi": (stapi_memory.CHART, stapi_memory.Statuses),
    "coffee": (coffee.CHART, coffee.Cups),
    "shop_stream": (shop_stream.CHART, shop_stream.Shop),
}
Pairs = set[tuple[str, str]]


def not_enabled(chart: orderfsm.Chart) -> list[Attempt]:
    """Every event in every configuration that no arrow leaves with it; a second opening is not among them."""
    return [attempt for attempt in refusals(chart) if attempt.send.event != "open"]


def at(chart: orderfsm.Chart, configuration: str, event: str) -> Attempt:
    walk = shortest(chart, configuration)
    assert walk is not None
    return Attempt.judged(walk, Send(event))


def found(driver: type[Driver], tried: Walk | Attempt) -> str:
    """What the kit says of it; nothing where system and chart agree."""
    try:
        follow(driver(), tried)
    except Disagreement as disagreement:
        return disagreement.said
    return ""


def taken(chart: orderfsm.Chart, driver: type[Driver]) -> Pairs:
    """The pairs that the chart refuses and the system does not."""
    return {(str(a.walk.configuration), a.send.event) for a in not_enabled(chart) if found(driver, a)}


def searched(chart: orderfsm.Chart, driver: type[Driver], *, examples: int, steps: int) -> Disagreement | None:
    """What the state machine finds, shrunk; the same each time."""
    quick = settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=examples,
        stateful_step_count=steps,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(state_machine_for(chart, driver()), settings=quick)
    except Disagreement as disagreement:
        return disagreement
    return None


@pytest.mark.parametrize("name", SERVICES)
def test_the_charts_have_no_findings(name: str) -> None:
    assert [str(finding) for finding in orderfsm.check(SERVICES[name][0])] == []


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("suite", [transitions, pairs], ids=lambda suite: suite.__name__)
def test_what_the_charts_allow_the_services_do(name: str, suite: Callable[[orderfsm.Chart], tuple[Walk, ...]]) -> None:
    chart, driver = SERVICES[name]
    assert {str(walk): said for walk in suite(chart) if (said := found(driver, walk))} == {}


@pytest.mark.parametrize("name", ["stapi", "coffee"])
def test_the_state_machine_finds_one_of_them_and_shrinks_it(name: str) -> None:
    chart, driver = SERVICES[name]
    disagreement = searched(chart, driver, examples=200, steps=6)
    assert disagreement is not None
    tried = disagreement.tried
    assert isinstance(tried, Attempt)
    assert tried.refused
    shortest_there = shortest(chart, str(tried.walk.configuration))
    assert shortest_there is not None
    assert len(tried.walk) == len(shortest_there), "nothing stands in it that is not needed"
    assert found(driver, tried) == disagreement.said, "it can be followed again"


# --- stapi-fastapi


def test_stapi_the_order_does_not_move_with_its_statuses() -> None:
    said = {walk.configuration.code: found(stapi_memory.Orders, walk) for walk in shortest_paths(stapi_memory.CHART)}
    assert said.pop("received") == ""
    assert said["accepted"] == "after accept: the chart has the order in accepted, the system shows received"
    assert len(said) == 12
    assert all(each.endswith("the system shows received") for each in said.values())


def test_stapi_every_status_may_follow_every_other() -> None:
    refused = not_enabled(stapi_memory.CHART)
    assert len(refused) == len(taken(stapi_memory.CHART, stapi_memory.Statuses)) == 208


@pytest.mark.parametrize(
    ("configuration", "event", "broken"),
    [
        ("received", "complete", ["never completed unless was accepted"]),
        ("scheduled", "user_cancel", ["never user_cancelled after committed"]),
        ("accepted", "reject", ["never rejected after accepted"]),
        (
            "rejected",
            "complete",
            [
                "never completed unless was accepted",
                "at most once rejected | completed | cancelled | user_cancelled | failed | expired",
            ],
        ),
    ],
)
def test_stapi_rules_of_the_chart_are_broken(configuration: str, event: str, broken: list[str]) -> None:
    attempt = at(stapi_memory.CHART, configuration, event)
    said = found(stapi_memory.Statuses, attempt)
    assert said.startswith(f"the chart refuses {event} in {configuration} with not-enabled")
    assert [
        rule for rule in (each.text for each in stapi_memory.CHART.rules) if f"breaks the rule {rule!r}" in said
    ] == broken


def test_stapi_a_cancellation_told_as_cancelled_needs_no_reason() -> None:
    attempt = at(stapi_memory.CHART, "received", "withdraw")
    assert found(stapi_memory.Statuses, attempt) == (
        "the chart refuses withdraw in received with reason-needed (reason-missing), "
        "the system takes it and shows cancelled"
    )


def test_stapi_a_word_that_is_no_status_is_refused() -> None:
    assert found(stapi_memory.Statuses, at(stapi_memory.CHART, "received", "explode")) == ""


# --- CoffeeMesh


def test_coffee_the_status_is_not_looked_at_before_paying_nor_rightly_before_cancelling() -> None:
    assert taken(coffee.CHART, coffee.Cups) == {
        *((status, "pay") for status in ("progress", "dispatched", "delivered", "cancelled")),
        *((status, "cancel") for status in ("dispatched", "delivered", "cancelled")),
    }


def test_coffee_a_cancelled_order_is_paid_and_goes_to_the_kitchen() -> None:
    driver = coffee.Cups()
    with pytest.raises(Disagreement, match="refuses pay in cancelled with not-enabled"):
        follow(driver, at(coffee.CHART, "cancelled", "pay"))
    assert (driver.coffee.payments, driver.coffee.scheduled, driver.coffee.unscheduled) == ([1], [1], [])


def test_coffee_who_pays_twice_is_charged_twice_and_gets_two_coffees() -> None:
    driver = coffee.Cups()
    with pytest.raises(Disagreement, match="refuses pay in progress with not-enabled, the system takes it"):
        follow(driver, at(coffee.CHART, "progress", "pay"))
    assert (driver.coffee.payments, driver.coffee.scheduled) == ([1, 1], [1, 1])


def test_coffee_no_order_is_ever_in_the_status_that_cannot_be_cancelled() -> None:
    assert "delivery" not in {state.code for state in orderfsm.compile(coffee.CHART).configurations.values()}
    assert found(coffee.Cups, at(coffee.CHART, "delivered", "cancel")) == (
        "the chart refuses cancel in delivered with not-enabled (terminal), the system takes it and shows cancelled; "
        "that breaks the rule 'never cancelled after dispatched'"
    )


# --- ShopStream

BY_WANTED_STATUS = {("Created", "payment_failed"), ("Payment_Pending", "confirm"), ("Payment_Pending", "add_item")}
"""The table is asked whether Confirmed may follow, whichever command wants it."""
BY_ITS_OWN_LIST = {("Paid", "ship")}
"""Shipping has a list of its own, which the table and the documents contradict."""


def test_shop_stream_a_table_of_statuses_does_not_know_commands() -> None:
    assert taken(shop_stream.CHART, shop_stream.Shop) == BY_WANTED_STATUS | BY_ITS_OWN_LIST


@pytest.mark.parametrize(
    ("configuration", "event", "said"),
    [
        ("Created", "payment_failed", "takes it and shows Confirmed"),
        ("Payment_Pending", "confirm", "takes it and shows Confirmed"),
        ("Payment_Pending", "add_item", "takes it and shows Payment_Pending"),
        ("Paid", "ship", "takes it and shows Shipped; that breaks the rule 'never Shipped unless was Processing'"),
    ],
)
def test_shop_stream_by_the_shortest_way(configuration: str, event: str, said: str) -> None:
    assert found(shop_stream.Shop, at(shop_stream.CHART, configuration, event)) == (
        f"the chart refuses {event} in {configuration} with not-enabled, the system {said}"
    )


def test_shop_stream_mended_agrees_in_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shop_stream.BY_LIST, "ship", ({"Processing", "Partially_Shipped"}, "Shipped"))
    monkeypatch.setitem(shop_stream.BY_LIST, "confirm", ({"Created"}, "Confirmed"))
    monkeypatch.setitem(shop_stream.BY_LIST, "payment_failed", ({"Payment_Pending"}, "Confirmed"))
    for event in ("confirm", "payment_failed"):
        monkeypatch.delitem(shop_stream.BY_TABLE, event)
    assert taken(shop_stream.CHART, shop_stream.Shop) == {("Payment_Pending", "add_item")}
    monkeypatch.setattr(shop_stream, "AS_CONFIRMED", frozenset())
    monkeypatch.setitem(shop_stream.BY_LIST, "add_item", ({"Created"}, None))
    assert taken(shop_stream.CHART, shop_stream.Shop) == set()
    assert searched(shop_stream.CHART, shop_stream.Shop, examples=25, steps=15) is None
