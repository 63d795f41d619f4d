"""Charts as values: document order, ancestry, codes, profiles."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from hypothesis import given

import orderfsm
from orderfsm import Basis, Category, Chart, ChartError
from orderfsm.chart import START, Guard, Kind, Reasons, State, Transition
from orderfsm.expression import parse
from random_charts import charts

CHART = Chart(
    "t/o",
    (
        State("pending", Kind.COMPOUND, initial=("new",), category=Category.OPEN, code="PENDING"),
        State("new", parent="pending"),
        State("held", parent="pending", code="HELD", category=Category.SUSPENDED),
        State("was", Kind.SHALLOW, "pending", ("new",)),
        State("silent", code=""),
        State("work", Kind.PARALLEL),
        State("left", parent="work"),
        State("right", parent="work"),
        State("done", Kind.FINAL, category=Category.DONE),
    ),
    (
        Transition(START, ("import",), ("held",)),
        Transition("pending", ("go",), ("work",)),
        Transition("new", ("hold",), ("held",), basis=Basis.DOCUMENTED),
        Transition("work", ("end",), ("done",), basis=Basis.LATER),
        Transition("held", ("end",), ("done",), basis=Basis.INFERRED),
    ),
    initial=("pending",),
    aliases={"Pending": "PENDING"},
)


def test_document_order_is_the_order_of_the_states() -> None:
    assert list(CHART.order) == [state.name for state in CHART.states]
    assert CHART.order["new"] < CHART.order["done"]


def test_children_leave_history_states_out() -> None:
    assert [state.name for state in CHART.children["pending"]] == ["new", "held"]
    assert [state.name for state in CHART.children[None]] == ["pending", "silent", "work", "done"]


def test_ancestors_come_innermost_first() -> None:
    assert CHART.ancestors["was"] == ("pending",)
    assert CHART.ancestors["done"] == ()


def test_within_is_proper_and_the_chart_contains_everything() -> None:
    assert CHART.within("new", "pending")
    assert not CHART.within("pending", "pending")
    assert CHART.within("pending", None)


def test_leading_transitions_are_the_states_own() -> None:
    assert [t.event for t in CHART.leading("new")] == ["hold"]
    assert [t.event for t in CHART.leading(START)] == ["import"]
    assert CHART.leading("done") == ()


@pytest.mark.parametrize(
    ("state", "code"),
    [("new", "PENDING"), ("held", "HELD"), ("silent", None), ("work", None), ("left", "left"), ("done", "done")],
)
def test_a_code_is_the_states_own_else_an_ancestors_else_its_name(state: str, code: str | None) -> None:
    assert CHART.code_of(state) == code


def test_the_codes_of_a_chart_are_each_told_once_in_document_order() -> None:
    assert CHART.codes == ("PENDING", "HELD", "left", "right", "done")


def test_a_category_is_the_states_own_else_an_ancestors() -> None:
    assert CHART.category_of("new") is Category.OPEN
    assert CHART.category_of("held") is Category.SUSPENDED
    assert CHART.category_of("left") is None


def test_the_strict_profile_keeps_stated_and_documented_arrows() -> None:
    strict = CHART.restricted("strict")
    assert [t.event for t in strict.transitions] == ["import", "go", "hold"]
    assert [t.basis for t in strict.dropped] == [Basis.LATER, Basis.INFERRED]
    assert (strict.profile, strict.aliases) == ("strict", {})
    assert CHART.restricted("full") is CHART


def test_a_restricted_chart_has_a_table_of_its_own() -> None:
    full = orderfsm.compile(CHART)
    strict = orderfsm.compile(CHART.restricted("strict"))
    assert "end" in full.rows["left+right"]
    assert "end" not in strict.rows["left+right"]


@pytest.mark.parametrize("profile", ["lenient", "", "FULL"])
def test_another_profile_is_refused(profile: str) -> None:
    with pytest.raises(ValueError, match="profile is 'strict' or 'full'"):
        CHART.restricted(profile)


def test_a_strict_chart_does_not_become_full_again() -> None:
    with pytest.raises(ValueError, match="restrict a full chart"):
        CHART.restricted("strict").restricted("full")


def test_charts_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHART.name = "x/y"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHART.states[0].name = "x"  # type: ignore[misc]


def test_a_guard_shows_its_name_or_its_expression() -> None:
    assert Guard("credit_ok").text == "credit_ok"
    assert Guard(expression=parse("order.paid")).text == "order.paid"


def test_a_transition_shows_its_events_as_one_text() -> None:
    assert Transition("a", ("go", "run")).event == "go run"
    assert Transition("a").event == ""


def test_history_kinds_are_known() -> None:
    assert [kind for kind in Kind if kind.is_history] == [Kind.SHALLOW, Kind.DEEP]


def test_equal_charts_have_equal_hashes_and_a_compiled_one_is_still_equal() -> None:
    one = dataclasses.replace(CHART)
    orderfsm.compile(one)
    other = dataclasses.replace(CHART)
    assert one == other
    assert hash(one) == hash(other)


@given(charts())
def test_a_compiled_chart_is_pickled_and_decides_as_before(chart: Chart) -> None:
    revived = pickle.loads(pickle.dumps(chart))
    assert revived == chart
    table, again = orderfsm.compile(chart), orderfsm.compile(revived)
    assert {name: list(row) for name, row in table.rows.items()} == {
        name: list(row) for name, row in again.rows.items()
    }


# --- what a chart built by hand may get wrong


def chart(states: tuple[State, ...], *arrows: Transition, initial: tuple[str, ...] = ("a",)) -> Chart:
    return Chart("t/o", states, arrows, initial=initial, reasons=Reasons())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (chart((State("a"), State("a"))), "two states are called a"),
        (chart((State("a"),), initial=()), "has no initial state"),
        (chart((State("a"),), initial=("z",)), "initial names z, which is not a state"),
        (chart((State("a"),), Transition("z", ("go",), ("a",))), "a transition on 'go' names z"),
        (chart((State("a"),), Transition("a", ("go",), ("z",))), "the transition from a on 'go' names z"),
        (chart((State("a", parent="z"),)), "the parent of a names z"),
        (chart((State("a", Kind.COMPOUND), State("b", parent="a"))), "a is compound and has no initial state"),
        (
            chart((State("a", Kind.COMPOUND, initial=("c",)), State("b", parent="a"), State("c"))),
            "the initial state of a must lie inside",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_that_leads_nowhere_is_named_with_its_place(broken: Chart, said: str) -> None:
    with pytest.raises(ChartError, match=said):
        orderfsm.compile(broken)
