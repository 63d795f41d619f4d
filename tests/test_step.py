"""Deciding: step, start, blockers and enabled, and the laws between them."""

from __future__ import annotations

import contextlib
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kept_work
import orderfsm
from orderfsm import (
    Actor,
    Blocker,
    Chart,
    GuardFailed,
    GuardRefused,
    Link,
    LinkNeeded,
    MissingGuard,
    NotEnabled,
    NotPermitted,
    OrderFsmError,
    PayloadInvalid,
    Reason,
    ReasonNeeded,
    Refused,
    StoredStateUnknown,
    UnknownEvent,
    blockers,
    enabled,
    interpret,
    start,
    step,
)
from orderfsm.chart import START, Event, Field, Guard, Kind, ReasonRule, Reasons, State, Transition
from orderfsm.expression import parse
from random_charts import EVENTS, answers, calls, charts, configurations, events, rows

ORDER = Chart(
    "shop/order",
    (
        State("received"),
        State("accepted"),
        State("held"),
        State("completed", Kind.FINAL),
        State("rejected", Kind.FINAL, reason=ReasonRule("required")),
    ),
    (
        Transition("received", ("accept",), ("accepted",), by=("provider",)),
        Transition("received", ("reject",), ("rejected",), by=("provider", "broker")),
        Transition("accepted", ("hold",), ("held",), (Guard("credit_low"),)),
        Transition("held", ("resume",), ("accepted",)),
        Transition(
            "accepted",
            ("complete",),
            ("completed",),
            (Guard(expression=parse("size(payload.assets) > 0")),),
            links=("delivery",),
        ),
    ),
    version="3",
    initial=("received",),
    events=(Event("complete", payload=(Field("assets", "list"),)),),
    guards={"credit_low": "The customer's credit is used up."},
)


# --- step


def test_a_legal_event_returns_its_step() -> None:
    found = step(ORDER, "received", "accept")
    assert (found.before, found.event, found.after) == ("received", "accept", "accepted")
    assert (found.exited, found.entered) == (("received",), ("accepted",))
    assert found.transitions == (ORDER.transitions[0],)


def test_the_same_call_returns_the_very_same_step() -> None:
    assert step(ORDER, "received", "accept") is step(ORDER, "received", "accept")


def test_a_step_takes_a_configuration_or_its_text() -> None:
    assert step(ORDER, start(ORDER).after, "accept") is step(ORDER, "received", "accept")


def test_an_event_of_the_chart_that_leads_nowhere_here_is_not_enabled() -> None:
    with pytest.raises(NotEnabled) as raised:
        step(ORDER, "received", "complete")
    (blocker,) = raised.value.blockers
    assert blocker.code == "not-enabled"
    assert blocker.parameters["enabled"] == ["accept", "reject"]
    assert blocker.parameters["path"] == ["accept"]
    assert str(raised.value) == (
        "complete is not enabled in received of shop/order; enabled here: accept, reject; "
        "the shortest way there: accept, complete"
    )


def test_an_event_that_the_chart_lacks_is_unknown_and_a_near_one_is_proposed() -> None:
    with pytest.raises(
        UnknownEvent, match=r"has no event 'acept' \(did you mean accept\?\); enabled here: accept, reject"
    ):
        step(ORDER, "received", "acept")


def test_an_event_after_the_end_is_told_that_it_is_the_end() -> None:
    with pytest.raises(NotEnabled, match="completed is an end of shop/order: nothing leads out of it") as raised:
        step(ORDER, "completed", "accept")
    assert raised.value.blockers[0].code == "terminal"


def test_an_actor_who_may_not_ask_is_not_permitted() -> None:
    with pytest.raises(NotPermitted, match="reject is for provider or broker, not for customer"):
        step(ORDER, "received", "reject", actor=Actor("customer", "42"), reason="x")


def test_without_an_actor_nobody_asks_who_it_is() -> None:
    assert step(ORDER, "received", "accept", actor=None).after == "accepted"


def test_a_reason_that_the_target_asks_for_is_needed() -> None:
    with pytest.raises(ReasonNeeded, match="reject needs a reason: a code or a text"):
        step(ORDER, "received", "reject", actor="provider")
    assert step(ORDER, "received", "reject", reason=Reason(text="cloudy")).after == "rejected"


def test_a_named_guard_that_refuses_tells_its_description() -> None:
    with pytest.raises(GuardRefused, match=r"hold: credit_low does not hold: The customer's credit is used up\."):
        step(ORDER, "accepted", "hold", guards={"credit_low": lambda facts: False})


def test_a_named_guard_may_refuse_with_a_blocker_of_its_own() -> None:
    own = Blocker("credit", "12 EUR left", {"left": 12})
    with pytest.raises(GuardRefused) as raised:
        step(ORDER, "accepted", "hold", guards={"credit_low": lambda facts: own})
    assert raised.value.blockers == (own,)


def test_a_named_guard_that_nobody_supplied_is_missing() -> None:
    with pytest.raises(MissingGuard, match="shop/order asks the guard credit_low"):
        step(ORDER, "accepted", "hold")


@pytest.mark.parametrize("answer", [None, 1, 0, "", "yes", []])
def test_a_guard_that_answers_neither_true_nor_false_has_failed(answer: Any) -> None:
    with pytest.raises(GuardFailed, match="answer True, False or a Blocker"):
        step(ORDER, "accepted", "hold", guards={"credit_low": lambda facts: answer})


def test_a_guard_without_its_facts_fails_and_is_not_false() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b", Kind.FINAL)),
        (Transition("a", ("go",), ("b",), guards=(Guard(expression=parse("order.total < 5")),)),),
        initial=("a",),
    )
    with pytest.raises(GuardFailed, match="order"):
        step(chart, "a", "go")


def test_a_guard_over_a_payload_that_did_not_come_along_says_what_the_event_takes() -> None:
    with pytest.raises(PayloadInvalid, match=r"payload\.assets is missing; give a list"):
        step(ORDER, "accepted", "complete")


def test_an_expression_that_refuses_tells_its_operands() -> None:
    with pytest.raises(GuardRefused) as raised:
        step(ORDER, "accepted", "complete", payload={"assets": []})
    (blocker,) = raised.value.blockers
    assert blocker.parameters["failed"] == ["size(payload.assets) > 0"]
    assert list(blocker.parameters["operands"].values()) == [0]


def test_a_missing_link_is_needed() -> None:
    with pytest.raises(LinkNeeded, match="complete needs a link with rel 'delivery'"):
        step(ORDER, "accepted", "complete", payload={"assets": [1]})


def test_every_unmet_demand_is_a_blocker_and_the_first_names_the_error() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b", Kind.FINAL)),
        (Transition("a", ("go",), ("b",), by=("staff",), reason=ReasonRule("required"), links=("x", "y")),),
        initial=("a",),
        events=(Event("go", payload=(Field("n", "integer"), Field("m", "string"))),),
    )
    with pytest.raises(NotPermitted) as raised:
        step(chart, "a", "go", actor="customer", payload={"n": "1"})
    assert [blocker.code for blocker in raised.value.blockers] == [
        "not-permitted",
        "reason-missing",
        "link-missing",
        "link-missing",
        "payload-invalid",
        "payload-missing",
    ]
    with pytest.raises(PayloadInvalid):
        step(chart, "a", "go", actor="staff", reason="r", links=(Link("x", "/"), Link("y", "/")))


def test_every_guard_that_refused_on_the_way_is_a_blocker() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b"), State("c")),
        (Transition("a", ("go",), ("b",), (Guard("one"),)), Transition("a", ("go",), ("c",), (Guard("two"),))),
        initial=("a",),
    )
    said = {"one": lambda facts: False, "two": lambda facts: False}
    assert [b.parameters["guard"] for b in blockers(chart, "a", "go", guards=said)] == ["one", "two"]
    assert step(chart, "a", "go", guards={**said, "two": lambda facts: True}).after == "c"


def test_the_clock_is_an_argument() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b", Kind.FINAL)),
        (Transition("a", ("go",), ("b",), (Guard(expression=parse("now > timestamp('2024-05-01T00:00:00Z')")),)),),
        initial=("a",),
    )
    assert step(chart, "a", "go", now=datetime(2024, 5, 2, tzinfo=UTC)).after == "b"
    with pytest.raises(GuardRefused):
        step(chart, "a", "go", now=datetime(2024, 4, 2, tzinfo=UTC))


def test_facts_are_not_fetched_when_no_guard_asks() -> None:
    def unasked() -> dict[str, Any]:
        raise AssertionError("nobody asked")

    assert step(ORDER, "received", "accept", facts=unasked).after == "accepted"


def test_facts_are_fetched_once_however_many_guards_ask() -> None:
    asked: list[int] = []
    chart = Chart(
        "t/o",
        (State("a"), State("b")),
        tuple(
            Transition("a", (event,), ("b",), (Guard(expression=parse(f"order.n > {least}")),))
            for event in ("go", "run")
            for least in (5, 4, 3)
        ),
        initial=("a",),
    )

    def facts() -> dict[str, Any]:
        asked.append(1)
        return {"order": {"n": 1}}

    assert len(blockers(chart, "a", "go", facts=facts)) == 3
    assert len(asked) == 1
    assert enabled(chart, "a", facts=facts) == ()
    assert len(asked) == 2


# --- configurations that the chart lacks


def test_a_stored_state_that_the_chart_lacks_is_the_operators() -> None:
    with pytest.raises(
        StoredStateUnknown, match=r"shop/order 3 \(full\) has no configuration 'shipped'; was it stored by"
    ):
        step(ORDER, "shipped", "accept")
    with pytest.raises(StoredStateUnknown):
        enabled(ORDER, "shipped")
    assert [blocker.code for blocker in blockers(ORDER, "shipped", "accept")] == ["stored-state-unknown"]


def test_a_code_or_a_leaf_for_a_configuration_is_answered_with_the_configurations_it_may_mean() -> None:
    chart = Chart(
        "t/o",
        (
            State("open", Kind.COMPOUND, initial=("new",)),
            State("new", parent="open", code="NEW"),
            State("old", parent="open"),
            State("was", Kind.SHALLOW, "open", ("new",)),
            State("held"),
        ),
        (
            Transition("new", ("age",), ("old",)),
            Transition("open", ("hold",), ("held",)),
            Transition("held", ("resume",), ("was",)),
        ),
        initial=("open",),
    )
    assert step(chart, "new", "hold").after == "held;was=new"
    with pytest.raises(StoredStateUnknown, match=r"did you mean held;was=new or held;was=old\?"):
        step(chart, "held", "resume")
    with pytest.raises(StoredStateUnknown, match=r"did you mean new\?"):
        step(chart, "NEW", "age")


# --- events by prefix


DOTTED = Chart(
    "t/o",
    (State("a"), State("b"), State("c"), State("d")),
    (
        Transition("a", ("pay",), ("b",)),
        Transition("a", ("pay.late",), ("c",)),
        Transition("b", ("*",), ("d",)),
    ),
    initial=("a",),
)


@pytest.mark.parametrize(
    ("event", "after"),
    [("pay", "b"), ("pay.card", "b"), ("pay.card.visa", "b"), ("pay.late", "b"), ("pay.late.x", "b")],
)
def test_a_descriptor_matches_the_events_it_is_a_dotted_prefix_of(event: str, after: str) -> None:
    assert step(DOTTED, "a", event).after == after


def test_a_prefix_ends_at_a_dot() -> None:
    with pytest.raises(NotEnabled):
        step(DOTTED, "a", "payment")


def test_a_star_matches_any_event() -> None:
    assert step(DOTTED, "b", "whatever").after == "d"
    assert step(DOTTED, "b", "pay.late").after == "d"


# --- start


STARTS = Chart(
    "t/o",
    (State("new"), State("vip"), State("end", Kind.FINAL)),
    (
        Transition(START, ("import",), ("vip",), (Guard(expression=parse("payload.vip")),), by=("staff",)),
        Transition("new", ("end",), ("end",)),
    ),
    initial=("new",),
)


def test_an_order_begins_in_the_initial_states() -> None:
    first = start(STARTS)
    assert (first.before, first.event, first.after) == (None, "open", "new")
    assert repr(first) == "<Step [*] --open--> new>"


def test_an_order_may_begin_by_a_start_arrow() -> None:
    assert start(STARTS, "import", actor="staff", payload={"vip": True}).after == "vip"
    with pytest.raises(GuardRefused):
        start(STARTS, "import", payload={"vip": False})
    with pytest.raises(NotPermitted):
        start(STARTS, "import", actor="customer", payload={"vip": True})


def test_an_order_cannot_begin_with_an_event_that_begins_nothing() -> None:
    with pytest.raises(NotEnabled, match="end is not enabled in the start of t/o; enabled here: open, import"):
        start(STARTS, "end")
    with pytest.raises(UnknownEvent, match=r"did you mean import\?"):
        start(STARTS, "inport")


def test_an_order_that_has_begun_cannot_be_opened_again() -> None:
    with pytest.raises(NotEnabled, match="open is not enabled in new of t/o"):
        step(STARTS, "new", "open")


# --- enabled


def test_enabled_events_come_in_document_order() -> None:
    assert enabled(ORDER, "received") == ("accept", "reject")
    assert enabled(ORDER, "completed") == ()


def test_what_is_left_out_counts_as_satisfiable_and_what_is_given_is_checked() -> None:
    assert enabled(ORDER, "accepted") == ("complete", "hold")
    assert enabled(ORDER, "accepted", payload={"assets": []}) == ("hold",)
    assert enabled(ORDER, "accepted", payload={"assets": [1]}, links=()) == ("hold",)
    assert enabled(ORDER, "accepted", guards={"credit_low": lambda facts: False}) == ("complete",)
    assert enabled(ORDER, "received", actor="broker") == ("reject",)


def test_a_closed_vocabulary_of_reasons_is_checked_when_a_reason_is_given() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b")),
        (Transition("a", ("go",), ("b",)),),
        initial=("a",),
        reasons=Reasons({"r": ""}, open=False),
    )
    assert enabled(chart, "a", reason="r") == ("go",)
    assert enabled(chart, "a", reason="s") == ()


# --- laws


def outcome(chart: Chart, configuration: str, event: str, **call: Any) -> orderfsm.Step | OrderFsmError:
    try:
        return step(chart, configuration, event, **call)
    except OrderFsmError as error:
        return error


@given(st.data())
def test_blockers_are_empty_exactly_when_step_returns(data: st.DataObject) -> None:
    chart = data.draw(charts())
    configuration, event = data.draw(st.one_of(rows(chart), st.tuples(configurations(chart), events)))
    call = data.draw(calls())
    found = outcome(chart, configuration, event, **call)
    why_not = blockers(chart, configuration, event, **call)
    assert (why_not == ()) == isinstance(found, orderfsm.Step)
    if isinstance(found, Refused):
        assert found.blockers == why_not
        assert str(found)


@given(st.data())
def test_a_step_starts_here_and_ends_in_a_configuration_of_the_chart(data: st.DataObject) -> None:
    chart = data.draw(charts())
    configuration, event = data.draw(rows(chart))
    found = outcome(chart, configuration, event, **data.draw(calls()))
    if isinstance(found, orderfsm.Step):
        assert found.before == configuration
        assert found.after in orderfsm.compile(chart).configurations
        assert set(found.after.leaves) <= found.after.states
        assert (found.before.states - set(found.exited)) | set(found.entered) >= found.after.states


@given(st.data())
def test_an_event_that_goes_through_is_enabled(data: st.DataObject) -> None:
    chart = data.draw(charts())
    configuration, event = data.draw(rows(chart))
    call = data.draw(calls())
    if isinstance(outcome(chart, configuration, event, **call), orderfsm.Step):
        with contextlib.suppress(GuardFailed):  # of another event
            assert event in enabled(chart, configuration, **call)


@given(st.data())
def test_an_event_that_is_not_enabled_whatever_comes_along_never_goes_through(data: st.DataObject) -> None:
    chart = data.draw(charts())
    configuration = data.draw(configurations(chart))
    open_to_all = enabled(chart, configuration)
    for event in EVENTS:
        if event not in open_to_all:
            assert not isinstance(outcome(chart, configuration, event, **data.draw(calls())), orderfsm.Step)


@given(st.data())
def test_telling_more_never_enables_more(data: st.DataObject) -> None:
    chart = data.draw(charts())
    configuration = data.draw(configurations(chart))
    call = data.draw(calls())
    with contextlib.suppress(GuardFailed):
        assert set(enabled(chart, configuration, **call)) <= set(enabled(chart, configuration))


@given(st.data())
def test_deciding_changes_nothing(data: st.DataObject) -> None:
    chart = data.draw(charts())
    configuration, event = data.draw(rows(chart))
    call = data.draw(calls())
    first, again = (outcome(chart, configuration, event, **call) for _ in range(2))
    assert first is again or (type(first) is type(again) and str(first) == str(again))


@given(st.data())
def test_the_step_is_what_the_macrostep_does(data: st.DataObject) -> None:
    chart = data.draw(charts(rules=False))
    table = orderfsm.compile(chart)
    configuration, event = data.draw(rows(chart))
    at = table.configurations[configuration]
    call = data.draw(calls()) | {"actor": "staff", "facts": {"order": {"paid": data.draw(st.booleans())}, "items": ()}}
    call |= {"payload": {"amount": data.draw(st.integers(4, 7))}}
    call |= {"guards": {name: (lambda facts, said=said: said) for name, said in data.draw(answers).items()}}

    def oracle(guard: Guard, active: frozenset[str]) -> bool:
        if guard.expression is not None:
            facts = {**call["facts"], "payload": call["payload"], "actor": Actor("staff")}
            return guard.expression.evaluate(facts, active=active)
        return call["guards"][guard.text](None)

    ended = any(chart.by_name[leaf].kind is Kind.FINAL and not chart.ancestors[leaf] for leaf in at.leaves)
    run = None if ended else interpret.proceed(chart, at.leaves, dict(at.memory), event, oracle)
    found = outcome(chart, configuration, event, **call)
    if run is None:
        assert isinstance(found, Refused)
    else:
        assert isinstance(found, orderfsm.Step)
        assert set(found.after.states) == run.active
        assert [found.exited, found.entered] == [tuple(run.exited), tuple(run.entered)]
        assert [found.transitions, found.actions] == [tuple(run.transitions), tuple(run.actions)]


# --- refusals are lazy, and travel


def test_blockers_are_worked_out_when_they_are_read_and_once() -> None:
    asked: list[str] = []

    def credit_low(facts: Any) -> bool:
        asked.append("credit")
        return False

    with pytest.raises(GuardRefused) as raised:
        step(ORDER, "accepted", "hold", guards={"credit_low": credit_low})
    assert asked == ["credit"]
    assert raised.value.blockers is raised.value.blockers
    assert asked == ["credit", "credit"]


def test_a_refusal_on_a_hot_path_searches_no_way() -> None:
    for _ in range(10):
        with pytest.raises(NotEnabled):
            step(ORDER, "received", "complete")

    def refused() -> NotEnabled | None:
        try:
            step(ORDER, "received", "complete")
        except NotEnabled as error:
            return error
        return None

    assert kept_work.calls(refused) < 20 < kept_work.calls(lambda: refused().blockers)  # type: ignore[union-attr]


def test_a_refusal_is_pickled_with_its_blockers() -> None:
    with pytest.raises(GuardRefused) as raised:
        step(ORDER, "accepted", "complete", payload={"assets": []})
    revived = pickle.loads(pickle.dumps(raised.value))
    assert type(revived) is GuardRefused
    assert revived.blockers == raised.value.blockers
    assert (revived.chart, revived.configuration, revived.event) == ("shop/order", "accepted", "complete")
    assert str(revived) == str(raised.value)


def test_a_step_and_its_configurations_are_pickled_with_all_they_know() -> None:
    found = step(ORDER, "received", "accept")
    revived = pickle.loads(pickle.dumps(found))
    assert (revived.before, revived.event, revived.after) == (found.before, found.event, found.after)
    assert revived.after.leaves == ("accepted",)
    assert revived.after.code == "accepted"
    assert (
        step(
            ORDER,
            revived.after,
            "resume" if revived.after == "held" else "complete",
            payload={"assets": [1]},
            links=(Link("delivery", "/d"),),
        ).after
        == "completed"
    )


@pytest.mark.parametrize(("configuration", "event"), [(None, "accept"), ("received", None), (7, "accept")])
def test_what_is_no_text_is_told_as_such(configuration: Any, event: Any) -> None:
    with pytest.raises(TypeError, match="is a text, not"):
        step(ORDER, configuration, event)
