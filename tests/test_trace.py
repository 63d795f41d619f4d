"""Tracing: is there a legal life that shows these codes?"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm import Chart, NotEnabled, Step, trace
from orderfsm.chart import START, Guard, Kind, ReasonRule, State, Transition
from orderfsm.graph import steps_from
from random_charts import charts

ORDER = Chart(
    "shop/order",
    (
        State("received"),
        State("accepted"),
        State("held"),
        State("completed", Kind.FINAL),
        State("canceled", Kind.FINAL),
    ),
    (
        Transition("received", ("accept",), ("accepted",), by=("provider",)),
        Transition("accepted", ("hold",), ("held",), (Guard("credit_low"),)),
        Transition("held", ("resume",), ("accepted",)),
        Transition("accepted", ("complete",), ("completed",), reason=ReasonRule("required"), links=("delivery",)),
        Transition("received", ("cancel",), ("canceled",)),
        Transition("accepted", ("cancel",), ("canceled",)),
    ),
    initial=("received",),
    aliases={"cancelled": "canceled"},
)


def test_there_is_one_step_for_each_code() -> None:
    steps = trace(ORDER, ["received", "accepted", "held", "accepted", "completed"])
    assert [step.event for step in steps] == ["open", "accept", "hold", "resume", "complete"]


def test_guards_actors_reasons_and_links_count_as_satisfiable() -> None:
    assert len(trace(ORDER, ["received", "accepted", "held"])) == 3


def test_no_codes_are_no_steps() -> None:
    assert trace(ORDER, []) == ()


def test_the_first_code_must_be_an_initial_one() -> None:
    with pytest.raises(NotEnabled, match="no order of shop/order begins as accepted; it begins as received") as raised:
        trace(ORDER, ["accepted", "completed"])
    assert raised.value.index == 0
    assert raised.value.blockers[0].code == "not-initial"


def test_a_refused_code_is_named_with_its_index_and_the_way_there() -> None:
    with pytest.raises(NotEnabled) as raised:
        trace(ORDER, ["received", "completed", "held"])
    assert raised.value.index == 1
    assert str(raised.value) == (
        "1: no event of shop/order leads from received to completed; enabled here: accept, cancel; "
        "the shortest way there: accept, complete"
    )
    assert raised.value.blockers[0].parameters["path"] == ["accept", "complete"]


def test_nothing_follows_an_end() -> None:
    with pytest.raises(
        NotEnabled, match="2: no event of shop/order leads from canceled to received; enabled here: nothing"
    ):
        trace(ORDER, ["received", "canceled", "received"])


def test_a_word_that_is_no_code_is_told_the_codes() -> None:
    with pytest.raises(NotEnabled, match="shop/order has no code 'shipped'; it has received, accepted") as raised:
        trace(ORDER, ["received", "shipped"])
    assert raised.value.blockers[0].code == "unknown-code"


def test_aliases_are_understood_under_the_full_profile_only() -> None:
    assert trace(ORDER, ["received", "cancelled"])[-1].after == "canceled"
    with pytest.raises(NotEnabled, match="has no code 'cancelled'"):
        trace(ORDER.restricted("strict"), ["received", "cancelled"])


def test_codes_are_verbatim() -> None:
    with pytest.raises(NotEnabled):
        trace(ORDER, ["Received"])


def test_a_state_that_does_not_change_is_a_code_again_only_if_an_event_keeps_it() -> None:
    with pytest.raises(NotEnabled):
        trace(ORDER, ["received", "received"])


def test_states_that_share_a_code_are_told_apart_by_what_follows() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b1", code="B"), State("b2", code="B"), State("c", Kind.FINAL)),
        (
            Transition("a", ("left",), ("b1",)),
            Transition("a", ("right",), ("b2",)),
            Transition("b2", ("end",), ("c",)),
        ),
        initial=("a",),
    )
    assert [step.event for step in trace(chart, ["a", "B"])] == ["open", "left"]
    assert [step.event for step in trace(chart, ["a", "B", "c"])] == ["open", "right", "end"]


def test_a_life_may_begin_by_a_start_arrow() -> None:
    chart = Chart("t/o", (State("a"), State("b")), (Transition(START, ("import",), ("b",)),), initial=("a",))
    assert [step.event for step in trace(chart, ["b"])] == ["import"]


# --- laws


@st.composite
def lives(draw: st.DrawFn) -> tuple[Chart, list[Step]]:
    """A chart and a walk through its table, any answer to every guard allowed."""
    chart = draw(charts())
    table = orderfsm.compile(chart)
    walk: list[Step] = []
    here: str | None = None
    for _ in range(draw(st.integers(0, 6))):
        ways = list(steps_from(table, here))
        if not ways:
            break
        walk.append(draw(st.sampled_from(ways)))
        here = walk[-1].after
    return chart, walk


def shown(steps: list[Step] | tuple[Step, ...]) -> list[str | None]:
    return [step.after.code for step in steps]


@given(lives())
def test_the_codes_of_a_legal_life_always_trace(life: tuple[Chart, list[Step]]) -> None:
    chart, walk = life
    found = trace(chart, [code for code in shown(walk) if code is not None])
    assert shown(found) == shown(walk)
    for earlier, later in itertools.pairwise(found):
        assert later.before == earlier.after


@given(lives(), st.lists(st.sampled_from([f"s{n}" for n in range(8)]), max_size=5))
def test_a_refused_index_is_where_the_longest_legal_beginning_ends(
    life: tuple[Chart, list[Step]], more: list[str]
) -> None:
    chart, walk = life
    codes = [code for code in shown(walk) if code is not None] + more
    refused = refusal(chart, codes)
    if refused is None:
        assert shown(trace(chart, codes)) == codes
        return
    assert refused.index is not None
    assert len(walk) <= refused.index < len(codes)
    assert len(trace(chart, codes[: refused.index])) == refused.index
    assert str(refused).startswith(f"{refused.index}: ")
    assert refusal(chart, codes[: refused.index + 1]) is not None


def refusal(chart: Chart, codes: list[str]) -> NotEnabled | None:
    try:
        trace(chart, codes)
    except NotEnabled as refused:
        return refused
    return None


def test_one_text_is_not_a_list_of_codes() -> None:
    with pytest.raises(TypeError, match="codes is a list of codes, not one text"):
        trace(ORDER, "received")
