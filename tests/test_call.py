"""One call of an event, judged: what guards are told, what counts as known, what a refusal says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from orderfsm import (
    Actor,
    Chart,
    ChartError,
    Entry,
    GuardFailed,
    GuardRefused,
    NotEnabled,
    NotPermitted,
    PayloadInvalid,
    Reason,
    ReasonNeeded,
    Step,
    UnknownEvent,
    blockers,
    compile,
    enabled,
    step,
)
from orderfsm.call import Call
from orderfsm.chart import Event, Field, Guard, Kind, ReasonRule, Reasons, State, Transition
from orderfsm.expression import parse

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def when(text: str, *, event: str = "go") -> Chart:
    """A chart whose event asks one guard, after a way that may or may not have passed `paid`."""
    return Chart(
        "t/o",
        (State("new"), State("paid"), State("packed"), State("end", Kind.FINAL)),
        (
            Transition("new", ("pay",), ("paid",)),
            Transition("new", ("pack",), ("packed",)),
            Transition("paid", ("pack",), ("packed",)),
            Transition("packed", (event,), ("end",), (Guard(expression=parse(text)),)),
            Transition("paid", (event,), ("end",), (Guard(expression=parse(text)),)),
        ),
        initial=("new",),
    )


def named() -> Chart:
    return Chart(
        "t/o",
        (State("a"), State("b")),
        (Transition("a", ("go",), ("b",), (Guard("look"),)),),
        initial=("a",),
        guards={"look": "Whatever it looks at."},
    )


def seen(**call: Any) -> Mapping[str, Any]:
    """The facts that a guard is given in such a call."""
    found: list[Mapping[str, Any]] = []

    def look(facts: Mapping[str, Any]) -> bool:
        found.append(facts)
        return True

    step(named(), "a", "go", guards={"look": look}, **call)
    return found[0]


# --- facts


def test_guards_are_told_the_applications_facts_and_what_came_along() -> None:
    facts = seen(facts={"order": 1, "extra": 2}, payload={"n": 3}, actor=Actor("staff"), now=DAY)
    assert dict(facts) == {"order": 1, "extra": 2, "payload": {"n": 3}, "actor": Actor("staff"), "now": DAY}
    assert len(facts) == 5


def test_what_came_along_goes_before_the_facts_and_what_did_not_leaves_them() -> None:
    facts = seen(facts={"payload": "old", "actor": "old"}, payload={"n": 3})
    assert facts["payload"] == {"n": 3}
    assert facts["actor"] == "old"
    assert len(facts) == 2


def test_a_role_is_an_actor_to_guards() -> None:
    assert seen(actor="staff")["actor"] == Actor("staff")


def test_a_fact_is_read_when_it_is_asked_for() -> None:
    class Lazy(Mapping[str, Any]):
        def __getitem__(self, name: str) -> Any:
            assert name == "order"
            return SimpleNamespace(n=2)

        def __contains__(self, name: object) -> bool:
            return name in ("order", "items")

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("nobody reads all facts")

        def __len__(self) -> int:
            return 2

    assert step(when("order.n > 1"), "packed", "go", facts=Lazy()).after == "end"


# --- the past


def entry(after: str, moment: Any = None) -> Entry:
    return Entry(None, "x", after, occurred_at=moment)


def test_was_is_read_from_the_history_among_the_facts() -> None:
    chart = when("was('paid')")
    assert step(chart, "packed", "go", facts={"history": [entry("new"), entry("paid"), entry("packed")]}).after == "end"
    with pytest.raises(GuardRefused):
        step(chart, "packed", "go", facts={"history": [entry("new"), entry("packed")]})


def test_was_needs_no_history_where_every_way_or_no_way_has_been_there() -> None:
    assert step(when("was('paid')"), "paid", "go").after == "end"
    assert step(when("was('new')"), "packed", "go").after == "end"
    with pytest.raises(GuardRefused):
        step(when("was('packed')"), "paid", "go")


def test_was_without_history_fails_where_the_chart_leaves_it_open() -> None:
    with pytest.raises(GuardFailed, match=r"was\('paid'\): the history was not supplied; give facts="):
        step(when("was('paid')"), "packed", "go")
    assert enabled(when("was('paid')"), "packed") == ("go",)


def test_days_since_counts_from_the_history() -> None:
    chart = when("days_since('packed') <= 14")
    history = [entry("new", DAY), entry("packed", DAY + timedelta(days=1))]
    assert step(chart, "packed", "go", facts={"history": history}, now=DAY + timedelta(days=15)).after == "end"
    with pytest.raises(GuardRefused):
        step(chart, "packed", "go", facts={"history": history}, now=DAY + timedelta(days=16))


def test_history_entries_may_be_mappings_with_moments_as_text() -> None:
    history = [{"after": "packed", "occurred_at": "2024-05-01T00:00:00Z"}]
    chart = when("days_since('packed') <= 14")
    assert step(chart, "packed", "go", facts={"history": history}, now=DAY + timedelta(days=14)).after == "end"


def test_a_history_of_another_chart_fails_the_guard() -> None:
    for after in ("shipped", "paid+shipped", ""):
        with pytest.raises(
            GuardFailed, match=f"the history names '{re.escape(after)}', which is no configuration of t/o"
        ):
            step(when("was('paid')"), "packed", "go", facts={"history": [entry(after)]})


def test_a_configuration_of_another_version_whose_states_are_all_known_is_read_by_their_names() -> None:
    for former in ("paid;was=shipped", "paid+new", "new+paid;gone=x+y"):
        assert step(when("was('paid')"), "packed", "go", facts={"history": [entry(former)]}).after == "end"
    with pytest.raises(GuardRefused):
        step(when("was('paid')"), "packed", "go", facts={"history": [entry("new;was=paid")]})


def test_a_configuration_of_a_former_chart_says_what_it_was_inside() -> None:
    former = Chart(
        "t/o",
        (State("paid", Kind.COMPOUND, initial=("billed",)), State("billed", parent="paid")),
        (),
        initial=("paid",),
    )
    billed = compile(former).configurations["billed"]
    assert step(when("was('paid')"), "packed", "go", facts={"history": [entry("new"), entry(billed)]}).after == "end"
    with pytest.raises(GuardRefused):
        step(when("was('packed')"), "paid", "go", facts={"history": [entry("new"), entry(billed)]})
    dated = [entry("new", DAY), entry(billed, DAY + timedelta(days=1)), entry("paid", DAY + timedelta(days=5))]
    chart = when("days_since('paid') >= 2")
    assert step(chart, "paid", "go", facts={"history": dated}, now=DAY + timedelta(days=3)).after == "end"


# --- what counts as known


def test_a_guard_is_answerable_when_everything_it_reads_came_along() -> None:
    table = compile(when("order.n > size(payload.list)"))
    guard = table.chart.transitions[3].guards[0]

    def call(**given: Any) -> Call:
        return Call(table, "packed", "go", **given)

    assert not call().answerable(guard)
    assert not call(facts={"order": {}}).answerable(guard)
    assert call(facts={"order": {}}, payload={}).answerable(guard)
    assert not call().answerable(Guard("look"))
    assert call(guards={"look": lambda facts: True}).answerable(Guard("look"))


def test_enabled_raises_when_a_guard_that_has_its_facts_cannot_be_evaluated() -> None:
    with pytest.raises(GuardFailed):
        enabled(when("order.n > 1"), "packed", facts={"order": {}})


def test_blockers_tell_of_a_guard_that_failed_instead_of_raising() -> None:
    (blocker,) = blockers(when("order.n > 1"), "packed", "go", facts={"order": {}})
    assert blocker.code == "guard-failed"
    (missing,) = blockers(named(), "a", "go")
    assert missing.code == "missing-guard"
    assert "look (Whatever it looks at.)" in missing.message


def test_a_failure_behind_a_refusal_is_told_as_well() -> None:
    answers = iter([False])

    def look(facts: Mapping[str, Any]) -> bool:
        return next(answers, None)  # type: ignore[return-value]

    (blocker,) = blockers(named(), "a", "go", guards={"look": look})
    assert blocker.code == "guard-failed"


# --- what a refusal says


def test_an_expression_tells_the_part_that_failed_and_its_operands() -> None:
    chart = when("order.n > 1 and order.paid")
    (blocker,) = blockers(chart, "packed", "go", facts={"order": {"n": 1, "paid": True}})
    assert blocker.parameters == {
        "guard": "order.n > 1 and order.paid",
        "failed": ["order.n > 1"],
        "operands": {"order.n": 1},
    }
    assert blocker.message.startswith("go: ")


def test_an_event_by_prefix_is_judged_like_the_event_it_stands_for() -> None:
    chart = when("order.paid")
    assert isinstance(step(chart, "packed", "go.now", facts={"order": {"paid": True}}), Step)
    with pytest.raises(GuardRefused):
        step(chart, "packed", "go.now", facts={"order": {"paid": False}})
    with pytest.raises(NotEnabled):
        step(chart, "new", "go.now")
    with pytest.raises(UnknownEvent):
        step(chart, "packed", "gone")


@pytest.mark.parametrize(
    ("rule", "reasons", "reason", "code"),
    [
        (ReasonRule(), Reasons(), None, None),
        (ReasonRule(), Reasons({"r": ""}), "anything", None),
        (ReasonRule(), Reasons({"r": ""}, open=False), "r", None),
        (ReasonRule(), Reasons({"r": ""}, open=False), "s", "reason-unknown"),
        (ReasonRule(), Reasons({"r": ""}, open=False), Reason(text="free"), None),
        (ReasonRule(), Reasons({}, open=False), "r", "reason-unknown"),
        (ReasonRule(), Reasons({}, open=False), Reason(text="free"), None),
        (ReasonRule("required"), Reasons(), None, "reason-missing"),
        (ReasonRule("required"), Reasons(), "", "reason-missing"),
        (ReasonRule("required"), Reasons(), Reason(), "reason-missing"),
        (ReasonRule("required"), Reasons(), Reason(text="free"), None),
        (ReasonRule("required", ("r",)), Reasons(), Reason(text="free"), "reason-missing"),
        (ReasonRule("required", ("r",)), Reasons(), "s", "reason-unknown"),
        (ReasonRule("required", ("r",)), Reasons({"s": ""}, open=False), "r", None),
        (ReasonRule("optional", ("r",)), Reasons(), None, None),
        (ReasonRule("optional", ("r",)), Reasons(), "s", "reason-unknown"),
        (ReasonRule("forbidden"), Reasons(), None, None),
        (ReasonRule("forbidden"), Reasons(), "r", "reason-forbidden"),
        (ReasonRule("forbidden"), Reasons(), Reason(text="free"), "reason-forbidden"),
    ],
)
def test_reasons_are_judged_by_rule_and_vocabulary(
    rule: ReasonRule, reasons: Reasons, reason: Reason | str | None, code: str | None
) -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b")),
        (Transition("a", ("go",), ("b",), reason=rule),),
        initial=("a",),
        reasons=reasons,
    )
    assert [blocker.code for blocker in blockers(chart, "a", "go", reason=reason)] == ([code] if code else [])
    if code:
        with pytest.raises(ReasonNeeded):
            step(chart, "a", "go", reason=reason)


def test_the_rules_of_arrow_and_target_hold_together() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b", reason=ReasonRule("required", ("x", "y")), links=("l",))),
        (Transition("a", ("go",), ("b",), reason=ReasonRule("optional", ("y", "z")), links=("k", "l")),),
        initial=("a",),
    )
    demand = compile(chart).rows["a"]["go"].steps[0].demand
    assert demand.reason == ReasonRule("required", ("y",))
    assert demand.links == ("k", "l")


@pytest.mark.parametrize(
    "rules",
    [
        (ReasonRule("required"), ReasonRule("forbidden")),
        (ReasonRule("required", ("x",)), ReasonRule("optional", ("y",))),
    ],
)
def test_rules_that_no_reason_fits_are_refused_by_the_compiler(rules: tuple[ReasonRule, ReasonRule]) -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b", reason=rules[1])),
        (Transition("a", ("go",), ("b",), reason=rules[0]),),
        initial=("a",),
    )
    with pytest.raises(ChartError, match="reason rules that no reason fits"):
        compile(chart)


def test_a_payload_that_does_not_fit_is_told_before_a_guard_fails_over_it() -> None:
    chart = Chart(
        "t/payload",
        (State("open"), State("paid", Kind.FINAL)),
        (Transition("open", ("pay",), ("paid",), guards=(Guard(expression=parse("payload.amount > 3")),)),),
        initial=("open",),
        events=(Event("pay", payload=(Field("amount", "integer"),)),),
    )
    for payload in ({}, {"amount": "four"}):
        with pytest.raises(PayloadInvalid) as refused:
            step(chart, "open", "pay", payload=payload)
        assert [blocker.parameters["field"] for blocker in refused.value.blockers] == ["payload.amount"]
        assert enabled(chart, "open", payload=payload) == ()
        assert blockers(chart, "open", "pay", payload=payload) == refused.value.blockers
    assert enabled(chart, "open") == ("pay",)
    assert step(chart, "open", "pay", payload={"amount": 4}).after == "paid"


def test_a_payload_that_does_not_fit_is_told_before_a_function_fails_over_it() -> None:
    chart = Chart(
        "t/payload",
        (State("open"), State("paid", kind=Kind.FINAL)),
        (Transition("open", ("pay",), ("paid",), guards=(Guard("enough"),)),),
        initial=("open",),
        events=(Event("pay", payload=(Field("amount", "integer"),)),),
        guards={"enough": "It is enough."},
    )
    guards = {"enough": lambda facts: facts["payload"]["amount"] > facts["order"]["price"]}
    for payload in (None, {}, {"amount": "four"}):
        with pytest.raises(PayloadInvalid, match=r"payload\.amount"):
            step(chart, "open", "pay", payload=payload, facts={"order": {"price": 3}}, guards=guards)
    with pytest.raises(KeyError, match="price"):
        step(chart, "open", "pay", payload={"amount": 4}, facts={"order": {}}, guards=guards)
    assert step(chart, "open", "pay", payload={"amount": 4}, facts={"order": {"price": 3}}, guards=guards)


def test_an_actor_that_no_arrow_allows_is_refused_before_any_guard_is_asked() -> None:
    owned = Guard(expression=parse("actor.id == order.owner"))
    chart = Chart(
        "t/owned",
        (State("open"), State("gone", Kind.FINAL)),
        (Transition("open", ("cancel",), ("gone",), guards=(owned,), by=("customer",)),),
        initial=("open",),
    )
    with pytest.raises(NotPermitted, match="cancel is for customer, not for merchant"):
        step(chart, "open", "cancel", actor="merchant")
    assert enabled(chart, "open", actor="merchant") == ()
    assert enabled(chart, "open", actor="customer") == ("cancel",)
    with pytest.raises(GuardRefused, match=r"actor\.id is 'c-2'"):
        step(chart, "open", "cancel", actor=Actor("customer", "c-2"), facts={"order": {"owner": "c-1"}})
