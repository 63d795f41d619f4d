"""Checks: each finding is told where it should be, with a witness that can be followed, and not where it should not."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orderfsm
from kept_work import calls
from mutants import drawn
from orderfsm import Category, Chart, Finding, UnsoundChart, check, checks
from orderfsm.chart import (
    FREE,
    START,
    Effect,
    Event,
    Guard,
    Kind,
    Position,
    ReasonRule,
    Reasons,
    Rollup,
    RollupRule,
    Rule,
    Scenario,
    Send,
    State,
    Timer,
    Transition,
)
from orderfsm.checks import law
from orderfsm.checks.spelling import Unreadable, fits
from orderfsm.diagnosis import DIAGNOSES
from orderfsm.expression import parse
from random_charts import charts

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "findings.md"


def arrow(text: str, when: str = "", **more: Any) -> Transition:
    """`a go b` or `a go` (stays); `a - b` has no event."""
    source, event, *targets = text.split()
    guards = (Guard(expression=parse(when)),) if when else ()
    return Transition(source, () if event == "-" else (event,), tuple(targets), **{"guards": guards, **more})


def chart(*arrows: Transition | str, finals: str = "end", states: tuple[State, ...] = (), **more: Any) -> Chart:
    """A flat chart of these arrows that begins in the source of the first; `states` say more about some of them."""
    drawn = tuple(arrow(each) if isinstance(each, str) else each for each in arrows)
    said = {state.name: state for state in states}
    ends = finals.split()
    names = dict.fromkeys(name for t in drawn for name in (t.source, *t.targets) if name != START)
    flat = [State(name, Kind.FINAL if name in ends else Kind.ATOMIC) for name in names if name not in said]
    given = {"initial": (next(iter(names)),), **more}
    return Chart("test/order", (*states, *flat), drawn, **given)


def told(found: Chart, code: str, **more: Any) -> list[Finding]:
    return [finding for finding in check(found, **more) if finding.code == code]


def only(found: Chart, code: str, **more: Any) -> Finding:
    """The one finding of this code; all others are of other codes."""
    (finding,) = told(found, code, **more)
    assert finding.severity in ("error", "warning", "note")
    assert finding.fix
    return finding


def codes(found: Chart, **more: Any) -> set[str]:
    return {finding.code for finding in check(found, **more)}


LINE = chart("new go busy", "busy finish end")
"""A sound chart of three states."""


def test_a_sound_chart_has_no_findings() -> None:
    assert check(LINE) == ()
    assert orderfsm.check is checks.check


# --- names ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "code", "name"),
    [
        (replace(LINE, initial=("nwe",)), "unknown-state", "nwe"),
        (chart(arrow("new go busy", 'was("bsy")'), "busy finish end"), "unknown-state", "bsy"),
        (replace(LINE, states=(*LINE.states, State("x", parent="nowhere"))), "unknown-state", "nowhere"),
        (chart("new done.state.bsy end"), "unknown-state", "bsy"),
        (replace(LINE, rules=(Rule("never bsy"),)), "unknown-state", "bsy"),
        (
            replace(LINE, rollup=Rollup("i", (RollupRule(None, "bsy"),), ("go",))),
            "unknown-state",
            "bsy",
        ),
        (
            replace(LINE, events=(Event("go"), Event("finish")), rollup=Rollup("i", (), ("og",))),
            "unknown-event",
            "og",
        ),
        (
            chart(arrow("new go end", effects=(Effect("raise", "og"),)), events=(Event("go"),)),
            "unknown-event",
            "og",
        ),
        (chart(arrow("new go end", guards=(Guard("hapy"),)), guards={"happy": ""}), "unknown-guard", "hapy"),
        (chart(arrow("new go end", by=("clerc",)), actors={"clerk": ""}), "unknown-actor", "clerc"),
        (
            chart(arrow("new go end", reason=ReasonRule("required", ("lat",))), reasons=Reasons({"late": ""})),
            "unknown-reason",
            "lat",
        ),
        (chart(arrow("new go end", links=("tracing",)), links={"tracking": ""}), "unknown-link", "tracing"),
        (
            chart(arrow("new go end", effects=(Effect("emit", "mial"),)), actions={"mail": ""}),
            "unknown-action",
            "mial",
        ),
        (replace(LINE, aliases={"Busy": "buzy"}), "unknown-code", "buzy"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_told(broken: Chart, code: str, name: str) -> None:
    finding = only(broken, code)
    assert name in finding.message
    assert name in finding.witness


def test_the_name_that_is_meant_is_suggested() -> None:
    assert only(replace(LINE, aliases={"Busy": "buzy"}), "unknown-code").fix == "did you mean busy?"


def test_a_kind_of_which_nothing_is_declared_is_not_looked_at() -> None:
    free = chart(arrow("new go end", by=("clerk",), links=("label",), guards=(Guard("happy"),)))
    assert check(free) == ()


def test_events_that_are_matched_by_prefix_or_at_all_are_no_names() -> None:
    any_event = chart(arrow("new * busy"), arrow("busy order.* end"), events=(Event("order"),))
    assert codes(any_event) == set()


@pytest.mark.parametrize("twice", ["state", "event"])
def test_a_name_that_is_given_twice_is_told(twice: str) -> None:
    doubled = replace(LINE, states=(*LINE.states, LINE.states[0]))
    events = replace(LINE, events=(Event("go"), Event("finish"), Event("go")))
    assert only(doubled if twice == "state" else events, "duplicate-name").witness


# --- structure --------------------------------------------------------------------


@pytest.mark.parametrize(
    "states",
    [
        (State("box", Kind.COMPOUND), State("a", parent="box")),
        (State("box", Kind.COMPOUND, initial=("end",)), State("a", parent="box")),
        (State("box", Kind.COMPOUND, "box", initial=("box",)),),
        (State("box", Kind.PARALLEL),),
        (State("box"), State("a", parent="box")),
        (State("was", Kind.SHALLOW, initial=("new",)),),
        (State("box", Kind.COMPOUND, initial=("a",)), State("a", parent="box"), State("was", Kind.DEEP, "box")),
    ],
)
def test_a_tree_that_does_not_hold_together_is_told(states: tuple[State, ...]) -> None:
    assert "broken-structure" in codes(replace(LINE, states=(*LINE.states, *states)))


def test_a_chart_without_an_initial_state_is_told() -> None:
    assert only(replace(LINE, initial=()), "broken-structure").path == "initial"
    assert "broken-structure" in codes(Chart("test/order", ()))


def test_targets_that_exclude_each_other_are_told() -> None:
    assert only(chart("new go busy end", "busy finish end"), "clashing-targets").witness == ("busy", "end")


REGIONS = (
    State("both", Kind.PARALLEL),
    State("left", Kind.COMPOUND, "both", initial=("l1",)),
    State("l1", parent="left"),
    State("l2", parent="left"),
    State("right", Kind.COMPOUND, "both", initial=("r1",)),
    State("r1", parent="right"),
    State("r2", parent="right"),
)


def test_targets_in_different_regions_are_fine() -> None:
    split = chart("new go l2 r2", "both finish end", "new other both", "l2 back l1", "r2 back r1", states=REGIONS)
    assert "clashing-targets" not in codes(replace(split, initial=("new",)))


# --- compiling --------------------------------------------------------------------


def test_a_step_that_never_rests_is_told_with_the_arrows_that_go_round() -> None:
    finding = only(chart("new go busy", "busy - new", "new - busy", "busy finish end"), "eventless-cycle")
    assert set(finding.witness) == {"busy --> new", "new --> busy"}


def test_a_step_that_never_rests_is_told_where_the_chart_is_compiled_without_it() -> None:
    restless = chart("new go busy", "busy - idle", "idle - busy", "new finish end", endless="left out")
    assert only(restless, "eventless-cycle").witness == ("open", "go")


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (chart("new go busy", "busy - new", "new - busy", "busy finish end"), "eventless-cycle"),
        (chart(arrow("new go busy"), replace(arrow("new fly busy"), targets=("busy", "end"))), "not-compilable"),
    ],
    ids=["endless", "clashing"],
)
def test_a_chart_that_does_not_compile_is_refused_with_the_finding_that_the_checks_tell(
    broken: Chart, code: str
) -> None:
    with pytest.raises(UnsoundChart) as told:
        orderfsm.compile(broken)
    (finding,) = told.value.findings
    assert (finding.code, finding.message) == (code, str(told.value))


def test_a_chart_with_too_many_configurations_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LIMIT", 2)
    assert only(chart("new go busy", "busy finish end"), "too-many-configurations").path == "states"


def test_a_chart_that_the_compiler_refuses_for_another_reason_is_told() -> None:
    assert only(chart("new go busy", "busy finish end", "[*] leap"), "not-compilable").message


# --- reach ------------------------------------------------------------------------


def test_every_unreachable_state_is_told_and_of_nested_ones_the_outermost() -> None:
    box = (State("box", Kind.COMPOUND, initial=("inner",)), State("inner", parent="box"))
    lost = chart("new go end", "other back box", "box leave end", states=box, initial=("new",))
    assert [finding.path for finding in told(lost, "unreachable-state")] == ["states.box", "states.other"]
    assert "arrows lead there only from other" in told(lost, "unreachable-state")[0].message
    assert told(lost, "unreachable-state")[0].witness == ("other --back--> box",)


def test_a_state_in_passing_is_reached() -> None:
    assert check(chart("new go busy", "busy - idle", "idle finish end")) == ()


def test_a_history_state_that_nothing_returns_to_is_told() -> None:
    box = (State("box", Kind.COMPOUND, initial=("in1",)), State("in1", parent="box"))
    memory = State("was_box", Kind.SHALLOW, "box", initial=("in1",))
    unread = chart("box leave end", states=(*box, memory), initial=("box",))
    assert only(unread, "unreachable-state").path == "states.was_box"
    read = chart("box leave out", "out back was_box", "out finish end", states=(*box, memory), initial=("box",))
    assert check(read) == ()


def test_a_state_without_a_way_out_is_told_with_the_shortest_way_to_it() -> None:
    finding = only(chart("new go busy", "busy go pit", "new leap pit", "new finish end"), "dead-end")
    assert finding.witness == ("open", "leap")
    assert finding.path == "states.pit"


def test_an_arrow_back_to_itself_is_no_way_out() -> None:
    assert only(chart("new go pit", "pit poke pit", "new finish end"), "dead-end").path == "states.pit"


def test_a_region_without_a_way_to_an_end_is_told_once_at_its_entry() -> None:
    ring = chart("new go left", "left turn right", "right turn left", "new finish end")
    finding = only(ring, "livelock")
    assert finding.path == "states.left"
    assert finding.witness == ("open", "go", "turn")


def test_a_chart_without_an_end_goes_round_for_ever() -> None:
    assert "livelock" in codes(chart("on toggle off", "off toggle on"))


def test_a_region_that_can_be_left_for_an_end_is_fine() -> None:
    assert check(chart("new go left", "left turn right", "right turn left", "right finish end")) == ()


def test_all_regions_at_their_ends_are_an_end() -> None:
    both = tuple(replace(state, kind=Kind.FINAL) if state.name in ("l2", "r2") else state for state in REGIONS)
    assert check(chart("l1 a l2", "r1 b r2", states=both, initial=("both",))) == ()


@pytest.mark.parametrize("more", [{"after": (Timer("go", timedelta(days=1), "end"),)}, {}])
def test_what_leads_out_of_a_final_state_is_told(more: dict[str, Any]) -> None:
    end = State("end", Kind.FINAL, **more)
    arrows = ["new go end"] if more else ["new go end", "end reopen new"]
    assert "exit-from-final" in codes(chart(*arrows, states=(end,), initial=("new",)))


# --- arrows -----------------------------------------------------------------------


def test_the_second_of_two_open_arrows_is_shadowed() -> None:
    finding = only(chart("new go busy", "new go end", "busy finish end"), "shadowed-transition")
    assert "new --go--> end is never taken: new --go--> busy is taken instead" in finding.message
    assert finding.witness == ("open", "go")


def test_an_arrow_that_every_child_forestalls_is_shadowed() -> None:
    box = (State("box", Kind.COMPOUND, initial=("inner",)), State("inner", parent="box"))
    covered = chart("inner go end", "box go other", "other finish end", states=box, initial=("box",))
    assert "box --go--> other" in only(covered, "shadowed-transition").message


def test_an_arrow_whose_state_rests_only_in_passing_is_shadowed() -> None:
    assert only(chart("new go busy", "busy - end", "busy stop other", finals="end other"), "shadowed-transition")


def test_an_open_arrow_after_guarded_ones_is_their_otherwise() -> None:
    fine = chart(arrow("new go busy", "payload.n > 1"), "new go end", "busy finish end")
    assert check(fine) == ()


def test_an_arrow_whose_event_nobody_raises_is_never_taken() -> None:
    ghost = (Event("go"), Event("ghost", internal=True))
    finding = only(chart("new ghost busy", "new go end", "busy go end", events=ghost), "never-taken")
    assert finding.witness == ("new", "ghost")
    raised = chart(arrow("new go busy", effects=(Effect("raise", "ghost"),)), "busy ghost end", events=ghost)
    assert check(raised) == ()


def test_guards_that_can_hold_at_once_are_told_with_facts() -> None:
    wide = chart(
        arrow("new go busy", "payload.n > 10"), arrow("new go end", "payload.n > 5"), "busy finish end", "new stop end"
    )
    finding = only(wide, "overlapping-guards")
    assert finding.severity == "warning"
    facts = dict(re.findall(r"(\w+) = (.+)", "\n".join(finding.witness)))
    n = eval(facts["payload"])["n"]  # the witness shows a dict
    assert n > 10


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("payload.n > 5", "payload.n <= 5"),
        ('order.kind == "a"', 'order.kind == "b"'),
        ("order.paid and payload.n > 1", "not order.paid"),
        ('was("busy")', 'not was("busy") and payload.n > 3'),
        ('in_state("new")', 'in_state("busy")'),
    ],
)
def test_guards_that_exclude_each_other_are_fine(one: str, other: str) -> None:
    split = chart(arrow("new go busy", one), arrow("new go end", other), "busy back new", "busy finish end")
    assert "overlapping-guards" not in codes(split)


def test_what_the_chart_makes_certain_of_the_past_keeps_guards_apart() -> None:
    apart = (arrow("new go busy", 'was("old") and payload.n > 3'), arrow("new go end", "payload.n > 3"))
    never = chart(*apart, "busy finish end", "new stop end", "old go new", initial=("new",))
    assert "overlapping-guards" not in codes(never)
    perhaps = chart(*apart, "busy finish end", "new stop end", "old go new", "new age old", initial=("new",))
    assert "overlapping-guards" in codes(perhaps)


def test_guards_that_overlap_in_front_of_the_same_target_are_a_note() -> None:
    same = chart(
        arrow("new go end", "payload.n > 1", by=("a",)), arrow("new go end", "payload.n > 2", by=("b",)), "new x end"
    )
    assert only(same, "overlapping-guards").severity == "note"
    alike = chart(arrow("new go end", "payload.n > 1"), arrow("new go end", "payload.n > 2"), "new x end")
    assert "overlapping-guards" not in codes(alike)


def test_two_guards_of_the_application_can_always_hold_at_once() -> None:
    named = chart(
        arrow("new go busy", guards=(Guard("rich"),)), arrow("new go end", guards=(Guard("poor"),)),
        "busy finish end", "new x end",
    )  # fmt: skip
    assert only(named, "overlapping-guards").witness == ("open", "rich holds", "poor holds")


@pytest.mark.parametrize(
    ("when", "severity"),
    [
        ('in_state("busy")', "warning"),
        ('not in_state("new") and payload.n > 1', "warning"),
        ('in_state("new") or payload.n > 1', "note"),
        ('not was("end")', "note"),
        ('was("new") and True', "note"),
        ('True if in_state("new") else payload.n > 1', "note"),
    ],
)
def test_a_guard_that_always_gives_the_same_answer_is_told(when: str, severity: str) -> None:
    constant = chart(arrow("new go busy", when), "new stop end", "busy finish end")
    assert only(constant, "constant-guard").severity == severity


def test_a_plain_was_that_always_holds_states_a_rule() -> None:
    assert check(chart("new go busy", arrow("busy finish end", 'was("new")'))) == ()


def test_a_guard_that_tells_the_sources_of_one_arrow_apart_is_not_constant() -> None:
    at = Position(7, 3)
    apart = [arrow(f"{name} finish end", 'in_state("new")', position=at) for name in ("new", "busy")]
    assert "constant-guard" not in codes(chart(*apart, "new go busy", "busy stop end", initial=("new",)))


# --- timers -----------------------------------------------------------------------


def timed(*events: str, days: int = 7, name: str = "new") -> State:
    return State(name, after=tuple(Timer(event, timedelta(days=days), name) for event in events))


def test_a_timer_that_no_arrow_answers_is_told() -> None:
    deaf = chart("new go busy", "busy late end", states=(timed("late"),), initial=("new",))
    finding = only(deaf, "timer-unanswered")
    assert (finding.severity, finding.witness) == ("error", ("open", "late"))


def test_a_timer_that_is_not_answered_everywhere_is_a_warning() -> None:
    box = State("box", Kind.COMPOUND, initial=("a",), after=(Timer("late", timedelta(days=1), "box"),))
    inside = (State("a", parent="box"), State("b", parent="box"))
    partly = chart("a go b", "a late end", "b finish end", states=(box, *inside), initial=("box",))
    assert only(partly, "timer-unanswered").severity == "warning"
    stopped = replace(partly, states=(box, inside[0], replace(inside[1], clock="stops"), *partly.states[3:]))
    assert "timer-unanswered" not in codes(stopped)


def test_a_timer_whose_event_an_actor_may_send_races_him() -> None:
    late = arrow("new late end", by=("clerk",))
    shared = chart("new go end", late, states=(timed("late"),), initial=("new",))
    assert only(shared, "timer-race").witness == ("open", "late")
    on_time = arrow("new late end", 'days_since("new") >= 7', by=("clerk",))
    by_the_sweep = arrow("new late end", by=("system",))
    for fine in (on_time, arrow("new late end"), by_the_sweep):
        assert "timer-race" not in codes(chart("new go end", fine, states=(timed("late"),), initial=("new",)))


def test_an_actor_beside_the_sweep_is_named_alone() -> None:
    both = arrow("new late end", by=("clerk", "system"))
    shared = chart("new go end", both, states=(timed("late"),), initial=("new",))
    assert "before it is due, by clerk:" in only(shared, "timer-race").message


def test_a_timers_event_that_anyone_may_send_is_noted_where_the_chart_says_who_may_do_what() -> None:
    def judged(late: str | Transition, *more: str | Transition, **said: Any) -> Chart:
        return chart("new go end", late, *more, states=(timed("late"),), initial=("new",), **said)

    named = {"clerk": "Who packs.", "system": "The sweep."}
    for said in (judged("new late end", arrow("new stop end", by=("clerk",))), judged("new late end", actors=named)):
        finding = only(said, "timer-by-hand")
        assert (finding.severity, finding.witness) == ("note", ("open", "late"))
    guards = ('days_since("new") >= 7', 'actor.role == "system"')
    asked = [arrow("new late end", by=("system",)), *(arrow("new late end", guard) for guard in guards)]
    assert "timer-by-hand" not in codes(judged("new late end"))
    assert all("timer-by-hand" not in codes(judged(late, actors=named)) for late in asked)


def test_two_timers_that_are_due_together_race() -> None:
    states = (timed("late", "drop"),)
    apart = chart("new late busy", "new drop end", "busy finish end", states=states, initial=("new",))
    assert "become due at the same moment" in only(apart, "timer-race").message
    together = chart("new late end", "new drop end", states=states, initial=("new",))
    assert "timer-race" not in codes(together)


# --- reasons ----------------------------------------------------------------------

SPOILT = State("spoilt", Kind.FINAL, category=Category.FAILED)
WHY = Reasons({"late": "Too late."})


@pytest.mark.parametrize("more", [{}, {"reason": FREE}])
def test_a_failure_that_needs_no_reason_is_told(more: dict[str, Any]) -> None:
    silent = chart(arrow("new spoil spoilt", **more), "new go end", states=(SPOILT,), initial=("new",), reasons=WHY)
    assert only(silent, "negative-without-reason").witness == ("open", "spoil")


@pytest.mark.parametrize("rule", [ReasonRule("required"), ReasonRule("optional"), ReasonRule("forbidden")])
def test_any_reason_rule_that_was_written_down_will_do(rule: ReasonRule) -> None:
    ruled = chart(arrow("new spoil spoilt", reason=rule), "new go end", states=(SPOILT,), initial=("new",))
    assert check(replace(ruled, reasons=WHY)) == ()
    entering = chart("new spoil spoilt", "new go end", states=(replace(SPOILT, reason=rule),), initial=("new",))
    assert check(replace(entering, reasons=WHY)) == ()


def test_a_chart_that_was_copied_or_pickled_has_the_same_findings() -> None:
    silent = chart("new spoil spoilt", "new go end", states=(SPOILT,), initial=("new",), reasons=WHY)
    ruled = chart(arrow("new spoil spoilt", reason=ReasonRule()), "new go end", states=(SPOILT,), initial=("new",))
    for one in (silent, replace(ruled, reasons=WHY)):
        assert check(copy.deepcopy(one)) == check(pickle.loads(pickle.dumps(one))) == check(one)


def test_what_comes_by_itself_needs_no_reason() -> None:
    late = chart("new late spoilt", "new go end", states=(timed("late"), SPOILT), reasons=WHY, initial=("new",))
    assert check(late) == ()


def test_a_chart_without_reason_codes_asks_for_none() -> None:
    assert check(chart("new spoil spoilt", "new go end", states=(SPOILT,), initial=("new",))) == ()


# --- declared and never used ------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("event", {"events": (Event("go"), Event("spare"))}),
        ("guard", {"guards": {"spare": ""}}),
        ("actor", {"actors": {"spare": ""}}),
        ("action", {"actions": {"spare": ""}}),
        ("link", {"links": {"label": "", "spare": ""}}),
        ("reason", {"reasons": Reasons({"late": "", "spare": ""})}),
        ("alias", {"aliases": {"end": "end", "spare": "end"}}),
    ],
)
def test_what_is_declared_and_never_used_is_told(kind: str, more: dict[str, Any]) -> None:
    go = arrow("new go end", links=("label",), reason=ReasonRule("required", ("late",)))
    finding = only(chart(go, **more), f"unused-{kind}")
    assert ("end" if kind == "alias" else "spare") in finding.message


def test_an_actor_that_a_guard_asks_about_is_used() -> None:
    asked = chart(arrow("new go end", 'actor.role in ["clerk", "boss"]'), "new x end", actors={"clerk": "", "boss": ""})
    assert check(asked) == ()


def test_reason_codes_and_links_that_may_come_along_are_used() -> None:
    free = {"reasons": Reasons({"late": "", "spare": ""}), "links": {"spare": ""}}
    assert check(chart("new go end", **free)) == ()
    listed = arrow("new go end", reason=ReasonRule("required", ("late",)))
    assert check(chart(listed, arrow("new stop end", reason=ReasonRule("optional")), **free)) == ()


def test_an_alias_for_a_code_that_no_life_shows_is_told() -> None:
    lost = chart("new go end", "lost go end", aliases={"Lost": "lost"})
    assert only(lost, "unused-alias").witness == ("Lost", "lost")


# --- words ------------------------------------------------------------------------


def test_a_code_that_breaks_the_spelling_is_told_where_it_stands() -> None:
    states = (State("new", code="NEW", position=Position(4, 3)), State("end", Kind.FINAL, code="the end"))
    spelt = chart("new go end", states=states, spelling="[A-Z]+(_[A-Z]+)*")
    assert only(spelt, "misspelt-code").witness == ("the end",)
    assert check(replace(spelt, spelling="[A-Za-z ]+")) == ()


@pytest.mark.parametrize("pattern", ["(", "(?=a)a", r"(a)\1", "a*?", "x" * 300, "(?i)a", "a$b"])
def test_a_spelling_that_cannot_be_read_is_told(pattern: str) -> None:
    assert only(replace(LINE, spelling=pattern), "spelling-unreadable").path == "spelling"


@pytest.mark.parametrize("pattern", ["(a+)+b", "((((a*)*)*)*)*b", "(a|a)*b", "(a?){99}b", "((a{0,99}){0,99}){0,99}b"])
def test_a_spelling_cannot_run_away(pattern: str) -> None:
    assert not fits(pattern, "a" * 90)
    assert calls(lambda: fits(pattern, "a" * 90)) < 500_000


pieces = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\d", r"\w", r"\.", "_"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join).map("({})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
    ),
    max_leaves=5,
)


@given(pieces, st.text(alphabet="ab_.1\n", max_size=5))
def test_a_spelling_means_what_it_means_to_python(pattern: str, text: str) -> None:
    try:
        answer = fits(pattern, text)
    except Unreadable:
        assert len(pattern) > 200
        return
    assert answer == bool(re.fullmatch(pattern, text))
    assert fits(f"^{pattern}$", text) == bool(re.fullmatch(f"^{pattern}$", text))


def test_an_alias_that_is_a_code_hides_it() -> None:
    assert only(replace(LINE, aliases={"busy": "new"}), "alias-hides-code").witness == ("busy", "new")


# --- rules ------------------------------------------------------------------------

LIFE = chart("new go busy", "busy wait idle", "idle go busy", "busy finish end", "new drop gone", finals="end gone")


def ruled(text: str) -> Chart:
    return replace(LIFE, rules=(Rule(text, Position(9, 5)),))


@pytest.mark.parametrize(
    ("rule", "witness"),
    [
        ("never busy", ("open", "go")),
        ("never busy | idle", ("open", "go")),
        ("never end unless was idle", ("open", "go", "finish")),
        ("never busy after idle", ("open", "go", "wait", "go")),
        ("at most once busy", ("open", "go", "wait", "go")),
        ("at most once new | busy", ("open", "go")),
        ("eventually end", ("open", "drop")),
        ("eventually idle", ("open", "drop")),
        ("never final", ("open", "drop")),
        ("  never\n busy ", ("open", "go")),
    ],
)
def test_a_broken_rule_is_told_with_the_shortest_life(rule: str, witness: tuple[str, ...]) -> None:
    finding = only(ruled(rule), "rule-violated")
    assert finding.witness == witness
    assert (finding.line, finding.column, finding.path) == (9, 5, "rules[0]")


@pytest.mark.parametrize(
    "rule",
    [
        "never end unless was busy",
        "never end unless was busy | idle",
        "never gone after busy",
        "never new after new",
        "at most once end | gone",
        "eventually final",
        "eventually end | gone",
        "eventually new",
        "eventually busy | gone",
    ],
)
def test_a_rule_that_holds_is_proved(rule: str) -> None:
    assert check(ruled(rule)) == ()


@pytest.mark.parametrize("rule", ["always busy", "never", "never busy until end", "eventually a | ", "busy never end"])
def test_a_rule_in_none_of_the_forms_is_told(rule: str) -> None:
    assert only(ruled(rule), "rule-unreadable").path == "rules[0]"


def test_a_rule_may_name_codes() -> None:
    states = (State("busy", code="IN WORK"),)
    named = chart("new go busy", "busy finish end", states=states, initial=("new",), rules=(Rule("never IN WORK"),))
    assert only(named, "rule-violated").witness == ("open", "go")


def test_states_count_in_the_order_in_which_one_step_enters_them() -> None:
    box = (State("box", Kind.COMPOUND, initial=("inner",)), State("inner", parent="box"))
    both = chart("new go box", "box finish end", states=box, initial=("new",))
    assert check(replace(both, rules=(Rule("never inner unless was box"),))) == ()
    assert "rule-violated" in codes(replace(both, rules=(Rule("never box unless was inner"),)))


names = st.sampled_from([state.name for state in LIFE.states])


@given(st.sampled_from(["never {}", "never {} unless was {}", "never {} after {}", "at most once {}"]), names, names)
def test_a_rule_is_broken_exactly_when_some_short_life_breaks_it(form: str, a: str, b: str) -> None:
    read = law(form.format(a, b))
    assert read is not None
    assert bool(checks.counterexample(orderfsm.compile(LIFE), read)) == any(
        breaks(form, a, b, life) for life in lives()
    )


def lives(length: int = 7) -> Iterator[list[str]]:
    """Every way through LIFE of up to so many states."""
    waiting = [["new"]]
    while waiting:
        life = waiting.pop()
        yield life
        if len(life) < length:
            waiting += [[*life, t.targets[0]] for t in LIFE.leading(life[-1])]


def breaks(form: str, a: str, b: str, life: list[str]) -> bool:
    places = [n for n, name in enumerate(life) if name == a]
    if "unless" in form:
        return any(b not in life[: n + 1] for n in places)
    if "after" in form:
        return any(b in life[:n] for n in places)
    return len(places) > (1 if "once" in form else 0)


# --- scenarios --------------------------------------------------------------------


def played(**scenario: Any) -> list[Finding]:
    stage = chart(
        arrow("new go busy", "payload.n > 1", by=("clerk",)),
        arrow("busy finish end", 'days_since("busy") < 3', links=("label",)),
        arrow("busy drop gone", guards=(Guard("sure"),), reason=ReasonRule("required")),
        "new leave gone",
        finals="end gone",
        guards={"sure": ""},
    )
    return told(replace(stage, scenarios=(Scenario("a life", **scenario),)), "scenario-failed")


GO = Send("go", actor="clerk", payload={"n": 2}, now="2024-05-01T00:00:00Z")


@pytest.mark.parametrize(
    "scenario",
    [
        {"codes": ("new", "busy", "end")},
        {"codes": ("new", "busy", "end"), "then": "end"},
        {"codes": ("new", "end"), "refused": "not-enabled"},
        {"codes": ("busy",), "refused": "not-initial"},
        {"send": (GO,), "then": "busy"},
        {"send": (GO, Send("finish", links=("label",), now="2024-05-03T00:00:00Z")), "then": "end"},
        {"send": (GO, Send("finish", links=("label",), now="2024-05-04T00:00:00Z")), "refused": "guard-refused"},
        {"send": (GO, Send("finish", now="2024-05-02T00:00:00Z")), "refused": "link-needed"},
        {"send": (Send("go", actor="boss", payload={"n": 2}),), "refused": "not-permitted"},
        {"send": (Send("og"),), "refused": "unknown-event"},
        {"given": "busy", "send": (Send("drop", reason="late", guards={"sure": True}),), "then": "gone"},
        {"given": "busy", "send": (Send("drop", reason="late", guards={"sure": False}),), "refused": "guard-refused"},
        {"given": "busy", "send": (Send("drop", guards={"sure": True}),), "refused": "reason-missing"},
        {"given": "busy", "at": "2024-05-01T00:00:00Z", "send": (Send("finish", links=("label",)),), "then": "end"},
        {"codes": ("new", "nonsense", "end"), "profile": "strict"},
    ],
)
def test_a_scenario_that_goes_as_told_is_fine(scenario: dict[str, Any]) -> None:
    assert played(**scenario) == []


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({"codes": ("new", "end")}, "no event of test/order leads from new to end"),
        ({"codes": ("new", "busy"), "then": "end"}, "end was expected at the end, and it comes to busy"),
        ({"codes": ("new", "busy"), "refused": "not-enabled"}, "not-enabled was expected, and it comes to busy"),
        ({"codes": ("new", "end", "busy"), "refused": "not-enabled"}, "refused at step 2 of 3 already"),
        ({"send": (GO,), "then": "end"}, "it comes to busy"),
        ({"send": (Send("go"),), "then": "busy"}, "payload"),
        ({"send": (Send("finish"), GO), "refused": "not-enabled"}, "refused at step 1 of 2 already"),
        ({"given": "busy", "send": (Send("drop", reason="x"),)}, "asks the guard sure"),
        ({"given": "nowhere", "send": (GO,)}, "no life of test/order comes to nowhere"),
        ({"send": (Send("go", actor="boss", payload={"n": 2}),), "refused": "link-needed"}, "not-permitted"),
    ],
)
def test_a_scenario_that_goes_otherwise_is_told(scenario: dict[str, Any], said: str) -> None:
    (finding,) = played(**scenario)
    assert said in finding.message
    assert finding.path == "scenarios[0]"


def test_a_scenario_may_begin_with_an_event_that_begins_an_order() -> None:
    starts = chart(arrow("[*] import busy", "payload.n > 1"), "new go busy", "busy finish end", initial=("new",))
    scenario = Scenario("imported", send=(Send("import", payload={"n": 2}), Send("finish")), then="end")
    assert check(replace(starts, scenarios=(scenario,))) == ()
    refused = Scenario("not imported", send=(Send("import", payload={"n": 1}),), refused="guard-refused")
    assert check(replace(starts, scenarios=(refused,))) == ()


# --- profiles, order, robustness --------------------------------------------------


def test_a_strict_profile_is_not_blamed_for_the_arrows_that_it_leaves_out() -> None:
    whole = chart(
        arrow("new go busy", basis=orderfsm.Basis.INFERRED), "busy finish end",
        rules=(Rule("eventually end"),), guards={"spare": ""},
        scenarios=(Scenario("too early", codes=("new", "busy", "new"), refused="not-enabled"),),
    )  # fmt: skip
    assert codes(whole) == {"unused-guard"}
    assert check(whole.restricted("strict")) == ()


def test_rules_and_scenarios_are_run_under_the_strict_profile() -> None:
    whole = chart(
        arrow("new go busy", basis=orderfsm.Basis.INFERRED), "new leap end", "busy finish end",
        rules=(Rule("never end"),),
        scenarios=(Scenario("on", codes=("new", "busy")), Scenario("off", codes=("new", "busy"), profile="full")),
    )  # fmt: skip
    assert codes(whole.restricted("strict")) == {"rule-violated", "scenario-failed"}
    assert len(check(whole.restricted("strict"))) == 2


def test_findings_come_by_line_and_then_by_code() -> None:
    rules = tuple(
        Rule(text, Position(line, 3)) for line, text in [(30, "never busy"), (4, "never end"), (4, "nonsense")]
    )
    found = check(replace(LIFE, rules=rules, filename="shop.yaml"))
    assert [(finding.line, finding.code) for finding in found] == [
        (4, "rule-unreadable"),
        (4, "rule-violated"),
        (30, "rule-violated"),
    ]
    assert {finding.filename for finding in found} == {"shop.yaml"}
    assert str(found[2]).startswith("shop.yaml:30:3: error[rule-violated] ")


def test_positions_come_from_the_document() -> None:
    text = (
        'chart: shop/order\nversion: "1"\ninitial: new\nguards: {spare: Never asked.}\n'
        "states:\n  new: {}\n  lost: {}\n  end: {final: true}\n"
        "events:\n  go: {from: new, to: end}\n  back:\n    from: end\n    to: new\n"
    )
    found = {finding.code: (finding.line, finding.column) for finding in check(orderfsm.read(text))}
    assert found["unused-guard"] == (4, 10)
    assert found["unreachable-state"] == (7, 3)
    assert found["exit-from-final"] == (11, 3)


@given(charts())
def test_a_check_never_raises_and_its_witnesses_can_be_followed(found: Chart) -> None:
    table = orderfsm.compile(found)
    for finding in check(found):
        assert finding.code in DIAGNOSES
        if finding.code in ("dead-end", "livelock", "rule-violated", "negative-without-reason", "shadowed-transition"):
            here: set[str | None] = {None}
            for event in finding.witness:
                rows = [table.starts if at is None else table.rows[at] for at in here]
                here = {step.after for row in rows if event in row for step in row[event].steps}
            assert here, finding


@given(charts())
def test_no_end_can_be_reached_from_some_configuration_exactly_when_that_is_told(found: Chart) -> None:
    table = orderfsm.compile(found)
    ends = {text for text, here in table.configurations.items() if here.final}
    hopeful, before = set(ends), None
    while before != hopeful:
        before = set(hopeful)
        hopeful |= {s.before for s in table.edges() if s.before is not None and s.after in hopeful}
    assert bool({"dead-end", "livelock"} & codes(found)) == (hopeful != set(table.configurations))


@settings(max_examples=40)
@given(st.integers(1_000, 100_000))
def test_sound_charts_have_no_findings(seed: int) -> None:
    assert check(drawn(seed)) == ()


def test_a_chart_of_twenty_states_takes_a_hundredth_of_a_seconds_work() -> None:
    for seed in range(5):
        found = drawn(seed, size=20)
        assert calls(partial(check, found)) < 100_000


# --- fields of the payload


@pytest.mark.parametrize(
    ("event", "read"),
    [
        ("{from: new, to: end, when: payload.pice > 1, payload: {price: number}}", ["pice"]),
        ("{from: new, to: end, when: payload.tax > 1 or payload.vat > 1, payload: {price: number}}", ["tax", "vat"]),
        ("{from: new, to: end, when: 'payload.items[0].code == 1', payload: {lines: list}}", ["items"]),
        ("{from: new, to: end, when: payload.price > 1, payload: {'price?': number}}", []),
        ("{from: new, to: end, when: payload.price.net > 1, payload: {price: object}}", []),
        ("{from: new, to: end, when: payload.price > 1 and order.pice > 1}", []),
    ],
)  # fmt: skip
def test_what_a_guard_reads_of_the_payload_is_listed(event: str, read: list[str]) -> None:
    states = "states: {new: {}, end: {final: true}}"
    found = check(orderfsm.read(f'chart: s/o\nversion: "1"\ninitial: new\n{states}\nevents: {{go: {event}}}\n'))
    assert [finding.witness for finding in found if finding.code == "unlisted-field"] == [(name,) for name in read]


# --- the page ---------------------------------------------------------------------


def test_the_page_tells_of_every_finding_and_of_no_other() -> None:
    told = re.findall(
        r"^### `([a-z-]+)`\n\n\*\*(error|warning|note)\*\*", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert told == [(diagnosis.code, diagnosis.severity) for diagnosis in DIAGNOSES.values()]


def test_every_finding_in_the_code_has_a_diagnosis() -> None:
    source = ROOT / "src" / "orderfsm"
    said = set()
    for path in (
        *(p for folder in ("checks", "rollup", "audit") for p in source.glob(f"{folder}/*.py")),
        source / "history.py",
    ):
        text = path.read_text(encoding="utf-8")
        said |= set(re.findall(r'(?:finding\(|Finding\(|diagnose\(\s*(?:self\.)?chart,)\s*"([a-z-]+)"', text))
        said |= {f"unknown-{kind}" for kind in re.findall(r'Use\("(\w+)"', text)}
    said |= {f"unused-{kind}" for kind in ("guard", "actor", "action", "link")}
    said |= {"too-many-configurations", "not-compilable"}
    assert said == set(DIAGNOSES)


UNSHOWN = {"too-many-configurations", "not-compilable", "unused-event"}
"""Findings whose section has no example: too large a chart, a fault of another kind, what no document can say."""


def sections() -> Iterator[tuple[str, str, str]]:
    """Code, example and output of each section of the page."""
    for section in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        code = section.partition("`\n")[0].strip("`")
        blocks = dict(re.findall(r"```(yaml|text)\n(.*?)```", section.partition("\n## ")[0], re.DOTALL))
        yield code, blocks.get("yaml", ""), blocks.get("text", "").strip()


def test_the_page_shows_every_finding_but_a_few() -> None:
    bare = {code for code, example, _ in sections() if not example}
    assert bare == UNSHOWN | {code for code in DIAGNOSES if code.startswith("history-")}


@pytest.mark.parametrize(("code", "example", "output"), [each for each in sections() if each[1]])
def test_an_example_of_the_page_has_the_finding_that_is_shown(code: str, example: str, output: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    head = page.partition("```yaml\n")[2].partition("```")[0]
    if not output:  # the reader refuses it
        with pytest.raises(orderfsm.DocumentError):
            orderfsm.read(head + example)
        return
    item = orderfsm.read(page.partition("## Roll-up")[2].partition("```yaml\n")[2].partition("```")[0])
    found = check(orderfsm.read(head + example, filename="shop.yaml"), items=item)
    assert output == next(str(finding) for finding in found if finding.code == code)
