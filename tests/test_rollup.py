"""Roll-up: an order goes where its items say, and the proof finds every mix in which it could not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from kept_work import calls
from orderfsm import Category, Chart, GuardFailed, StoredStateUnknown, UnsoundChart, check
from orderfsm.catalogue import names
from orderfsm.chart import Guard, Kind, Rollup, RollupRule, Scenario, State, Transition
from orderfsm.expression import parse
from orderfsm.rollup import prove, rollup, target
from orderfsm.rollup.proof import _Proof

ITEM = Chart(
    "shop/item",
    (
        State("waiting", category=Category.WAITING),
        State("making", code="IN WORK", category=Category.OPEN),
        State("made", Kind.FINAL, category=Category.DONE),
        State("spoilt", Kind.FINAL, category=Category.FAILED),
    ),
    (
        Transition("waiting", ("begin",), ("making",)),
        Transition("making", ("finish",), ("made",)),
        Transition("making", ("spoil",), ("spoilt",)),
    ),
    initial=("waiting",),
    aliases={"doing": "IN WORK"},
)


def rule(to: str, when: str = "") -> RollupRule:
    return RollupRule(parse(when) if when else None, to)


RULES = (
    rule("new", 'all(i.state == "waiting" for i in items)'),
    rule("done", 'all(i.category == "done" for i in items)'),
    rule("failed", 'all(i.final for i in items) and any(i.category == "failed" for i in items)'),
    rule("working"),
)

ORDER = Chart(
    "shop/order",
    (
        State("new"),
        State("working"),
        State("held"),
        State("done", Kind.FINAL),
        State("failed", Kind.FINAL),
        State("cancelled", Kind.FINAL),
    ),
    (
        Transition("new", ("start",), ("working",)),
        Transition("working", ("finish",), ("done",)),
        Transition("working", ("fail",), ("failed",)),
        Transition("working", ("hold",), ("held",)),
        Transition("held", ("release",), ("working",)),
        Transition("new", ("cancel",), ("cancelled",)),
        Transition("working", ("cancel",), ("cancelled",)),
    ),
    initial=("new",),
    rollup=Rollup("shop/item", RULES, ("start", "finish", "fail"), ("held", "done", "failed", "cancelled")),
)


def with_rollup(**changed: object) -> Chart:
    assert ORDER.rollup is not None
    return replace(ORDER, rollup=replace(ORDER.rollup, **changed))  # type: ignore[arg-type]


def events(order: str, *items: str) -> list[str]:
    return [step.event for step in rollup(ORDER, order, items, item_chart=ITEM)]


# --- one order --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "items", "expected"),
    [
        ("new", ["waiting", "waiting"], []),
        ("new", ["waiting", "making"], ["start"]),
        ("working", ["made", "making"], []),
        ("working", ["made", "made"], ["finish"]),
        ("new", ["made"], ["start", "finish"]),
        ("working", ["made", "spoilt"], ["fail"]),
        ("held", ["made", "made"], []),
        ("cancelled", ["waiting"], []),
        ("working", [], []),
        ("new", ["IN WORK"], ["start"]),
        ("new", ["doing"], ["start"]),
    ],
)
def test_the_order_takes_the_shortest_steps_to_its_target(order: str, items: list[str], expected: list[str]) -> None:
    assert events(order, *items) == expected


def test_the_steps_follow_each_other() -> None:
    first, second = rollup(ORDER, "new", ["made"], item_chart=ITEM)
    assert (first.before, first.after, second.before, second.after) == ("new", "working", "working", "done")


def test_items_may_be_configurations_and_then_need_no_chart() -> None:
    items = [orderfsm.compile(ITEM).configurations[name] for name in ("made", "spoilt")]
    assert [step.event for step in rollup(ORDER, "working", items)] == ["fail"]
    assert target(ORDER, "working", items).to == "failed"


def test_without_the_items_chart_a_text_has_no_category() -> None:
    assert [step.event for step in rollup(with_rollup(rules=(rule("working"),)), "new", ["made"])] == ["start"]
    with pytest.raises(GuardFailed, match="category"):
        rollup(ORDER, "working", ["made"])


def test_a_mix_that_no_rule_covers_is_refused() -> None:
    with pytest.raises(UnsoundChart, match="no roll-up rule covers items in making"):
        rollup(with_rollup(rules=RULES[:3]), "working", ["making"], item_chart=ITEM)


def test_a_mix_with_two_targets_is_refused() -> None:
    both = with_rollup(rules=(rule("failed", "all(i.final for i in items)"), *RULES[1:]))
    with pytest.raises(UnsoundChart, match="name failed and done"):
        rollup(both, "working", ["made"], item_chart=ITEM)


def test_two_rules_may_name_the_same_target() -> None:
    twice = with_rollup(rules=(rule("done", "all(i.final for i in items)"), RULES[1], RULES[3]))
    assert [step.event for step in rollup(twice, "working", ["made"], item_chart=ITEM)] == ["finish"]


def test_a_target_out_of_reach_is_refused() -> None:
    with pytest.raises(UnsoundChart, match="no steps by finish, fail lead there from new"):
        rollup(with_rollup(events=("finish", "fail")), "new", ["making"], item_chart=ITEM)


def test_guards_about_the_items_are_asked_on_the_way() -> None:
    def way(when: str) -> list[str]:
        guarded = tuple(
            replace(t, guards=(Guard(expression=parse(when)),)) if t.events == ("finish",) else t
            for t in ORDER.transitions
        )
        return [
            step.event for step in rollup(replace(ORDER, transitions=guarded), "working", ["made"], item_chart=ITEM)
        ]

    assert way("size(items) == 1") == ["finish"]
    assert way("order.paid") == ["finish"]
    with pytest.raises(UnsoundChart):
        way("size(items) > 1")


def test_an_unknown_configuration_is_refused() -> None:
    with pytest.raises(StoredStateUnknown):
        rollup(ORDER, "nowhere", ["made"], item_chart=ITEM)
    with pytest.raises(StoredStateUnknown):
        target(ORDER, "nowhere", ["made"], item_chart=ITEM)
    with pytest.raises(StoredStateUnknown):
        rollup(ORDER, "new", ["nowhere"], item_chart=ITEM)


def test_a_chart_without_a_roll_up_is_refused() -> None:
    with pytest.raises(UnsoundChart, match="has no roll-up"):
        rollup(ITEM, "waiting", ["made"])


def test_a_rule_may_ask_where_the_order_is() -> None:
    asking = with_rollup(rules=(rule("new", 'in_state("new")'), rule("working")))
    assert rollup(asking, "new", ["making"], item_chart=ITEM) == ()
    assert prove(asking, ITEM) == ()


# --- every order ------------------------------------------------------------------


def test_a_sound_roll_up_is_proved() -> None:
    assert prove(ORDER, ITEM) == ()
    assert check(ORDER, items=ITEM) == ()
    assert prove(ITEM, ITEM) == ()


def test_a_gap_is_told_with_the_smallest_mix() -> None:
    (finding,) = prove(with_rollup(rules=RULES[:3]), ITEM)
    assert (finding.code, finding.witness) == ("rollup-gap", ("making",))


def test_an_overlap_is_told_with_the_smallest_mix() -> None:
    wide = with_rollup(rules=(*RULES[:2], rule("failed", "all(i.final for i in items)"), RULES[3]))
    (finding,) = prove(wide, ITEM)
    assert (finding.code, finding.witness) == ("rollup-overlap", ("made",))
    assert "done and failed" in finding.message


def test_a_target_out_of_reach_is_told_with_the_shortest_way_to_it() -> None:
    findings = prove(with_rollup(keep=("done", "failed", "cancelled")), ITEM)
    stuck = next(finding for finding in findings if "from held" in finding.message)
    assert stuck.code == "rollup-illegal"
    assert stuck.witness[-2:] == ("order: hold", stuck.witness[-1])
    assert stuck.witness[0].startswith("order: new, items: waiting")


def test_a_rule_that_needs_more_than_items_is_not_proved() -> None:
    asking = with_rollup(rules=(rule("working", "order.rush"), rule("new", "not order.rush")))
    (finding,) = prove(asking, ITEM)
    assert (finding.code, finding.severity) == ("rollup-unproved", "note")


def test_rules_that_count_are_proved_up_to_so_many_items() -> None:
    counting = (rule("new", "size(items) < 3"), rule("working", "size(items) == 3"))
    assert prove(with_rollup(rules=counting), ITEM) == ()
    (finding,) = [f for f in prove(with_rollup(rules=counting), ITEM, upto=4) if f.code == "rollup-gap"]
    assert len(finding.witness) == 4


states = st.sampled_from(["waiting", "making", "made", "spoilt"])
atoms = st.tuples(
    st.sampled_from(["all", "any"]), st.sampled_from(["==", "!="]), states, st.sampled_from(["", "not "])
).map(lambda a: f'{a[3]}{a[0]}(i.state {a[1]} "{a[2]}" for i in items)')
rules = st.tuples(
    st.lists(atoms, min_size=1, max_size=2).map(" and ".join), st.sampled_from(["new", "working", "done"])
).map(lambda pair: rule(pair[1], pair[0]))


@given(st.lists(rules, min_size=1, max_size=4))
def test_what_is_proved_about_sets_holds_for_any_number_of_items(drawn: list[RollupRule]) -> None:
    """Five items of four states are every set and every repetition; the proof must agree with trying them all."""
    chart = with_rollup(rules=tuple(drawn))
    told = {finding.code for finding in prove(chart, ITEM)}
    wrong = set()
    for size in range(1, 6):
        for mix in combinations_with_replacement(["waiting", "making", "made", "spoilt"], size):
            try:
                target(chart, "new", mix, item_chart=ITEM)
            except UnsoundChart as error:
                wrong.add("rollup-gap" if "no roll-up rule" in str(error) else "rollup-overlap")
    assert {code for code in told if code != "rollup-illegal"} == wrong


@given(st.lists(rules, min_size=1, max_size=3), st.sampled_from([("start", "finish"), ("start",), ("finish",)]))
def test_a_proof_over_sets_finds_what_a_walk_over_three_items_finds(
    drawn: list[RollupRule], listed: tuple[str, ...]
) -> None:
    chart = with_rollup(rules=(*drawn, rule("working")), events=listed)
    by_sets = {finding.message for finding in prove(chart, ITEM) if finding.code == "rollup-illegal"}
    assert chart.rollup is not None
    walk = _Proof(chart, chart.rollup, orderfsm.compile(chart), orderfsm.compile(ITEM), 3)
    walk.__dict__["counting"] = True  # the cached answer: walk over three items one by one
    assert {finding.message for finding in walk.illegal()} <= by_sets


# --- shipped charts ---------------------------------------------------------------

SHIPPED = [name for name in names() if orderfsm.load(name).rollup]


def test_three_shipped_charts_have_a_roll_up() -> None:
    assert set(SHIPPED) >= {"adobe/order", "cablelabs/order", "dream_junction/order"}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_roll_up_of_a_shipped_chart_is_proved_for_any_number_of_items(name: str) -> None:
    order = orderfsm.load(name)
    assert order.rollup is not None
    item = orderfsm.load(order.rollup.items)
    proof = _Proof(order, order.rollup, orderfsm.compile(order), orderfsm.compile(item), 3)
    assert not proof.counting
    assert proof.size == len(orderfsm.compile(item).configurations)
    assert prove(order, item) == ()
    assert calls(lambda: prove(order, item)) < 4_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_scenarios_about_items_are_run_with_the_items_chart(name: str) -> None:
    order = orderfsm.load(name)
    assert order.rollup is not None
    item = orderfsm.load(order.rollup.items)
    asked = next(scenario for scenario in order.scenarios if scenario.items)
    wrong = next(rule.to for rule in order.rollup.rules if asked.then not in (rule.to, order.code_of(rule.to)))
    broken = replace(order, scenarios=(replace(asked, then=wrong),))
    assert [finding.code for finding in check(broken, items=item)] == ["scenario-failed"]
    assert check(broken) == ()


def test_a_given_order_follows_in_a_scenario() -> None:
    scenario = Scenario("follows", given="new", items=("made",), then="done")
    assert check(replace(ORDER, scenarios=(scenario,)), items=ITEM) == ()
    kept = replace(scenario, given="held", then="held")
    assert check(replace(ORDER, scenarios=(kept,)), items=ITEM) == ()


def test_an_order_has_to_catch_up_when_it_returns_from_where_it_does_not_follow() -> None:
    """Back from held, its items may all be made; only `finish` leads there."""
    assert prove(ORDER, ITEM) == ()
    lame = replace(ORDER, transitions=tuple(t for t in ORDER.transitions if t.source != "held"))
    returning = replace(lame, transitions=(*lame.transitions, Transition("held", ("release",), ("new",))))
    assert prove(returning, ITEM) == ()
    stuck = replace(
        returning,
        states=(*returning.states, State("parked")),
        transitions=(*lame.transitions, Transition("held", ("release",), ("parked",))),
    )
    (finding, *_) = prove(stuck, ITEM)
    assert finding.code == "rollup-illegal"
    assert "from parked" in finding.message
    assert finding.witness[-1] == "order: release"


def test_an_order_has_to_follow_the_items_that_begin() -> None:
    rules = (rule("done", 'all(i.state == "waiting" for i in items)'), rule("working"))
    early = with_rollup(rules=rules, events=("start",))
    (finding, *_) = prove(early, ITEM)
    assert (finding.code, finding.witness[-1]) == ("rollup-illegal", "items: begin")
