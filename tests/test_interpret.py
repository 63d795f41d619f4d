"""The macrostep does what Appendix D of SCXML says: what is chosen, left, entered, raised and remembered, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orderfsm.chart import START, Chart, Effect, Guard, Kind, State, Timer, Transition
from orderfsm.interpret import Endless, Run, Unanswered, begin, matches, proceed


def always(guard: Guard, active: frozenset[str]) -> bool:
    return True


def never(guard: Guard, active: frozenset[str]) -> bool:
    return False


def unknown(guard: Guard, active: frozenset[str]) -> bool:
    raise Unanswered(guard, active)


def chart(*parts: State | Transition, initial: tuple[str, ...] | None = None) -> Chart:
    """A chart of these states and transitions; it begins in the first state."""
    states = tuple(part for part in parts if isinstance(part, State))
    transitions = tuple(part for part in parts if isinstance(part, Transition))
    return Chart("t/order", states, transitions, initial=initial or (states[0].name,))


def compound(name: str, initial: str, parent: str | None = None, **rest: object) -> State:
    return State(name, Kind.COMPOUND, parent, (initial,), **rest)  # type: ignore[arg-type]


def arrow(source: str, event: str, *targets: str, **rest: object) -> Transition:
    return Transition(source, tuple(event.split()), targets, **rest)  # type: ignore[arg-type]


def told(name: str, parent: str | None = None, kind: Kind = Kind.ATOMIC, initial: tuple[str, ...] = ()) -> State:
    """A state that emits +name when it is entered and -name when it is left."""
    return State(name, kind, parent, initial, (), (Effect("emit", f"+{name}"),), (Effect("emit", f"-{name}"),))


def send(chart: Chart, leaves: str, event: str, **memory: tuple[str, ...]) -> Run:
    run = proceed(chart, leaves.split(), memory, event, always)
    assert run is not None
    return run


def leaves(chart: Chart, run: Run) -> list[str]:
    return [s.name for s in chart.states if s.name in run.active and s.kind in (Kind.ATOMIC, Kind.FINAL)]


# --- matching


@pytest.mark.parametrize(
    ("descriptors", "event", "answer"),
    [
        ("ship", "ship", True),
        ("ship", "ship.partial", True),
        ("ship", "ship.partial.late", True),
        ("ship", "shipped", False),
        ("ship.partial", "ship", False),
        ("ship.*", "ship", True),
        ("ship.*", "ship.partial", True),
        ("ship.*", "shipped", False),
        ("*", "anything.at.all", True),
        ("pay ship", "ship.partial", True),
        ("", "ship", False),
    ],
)
def test_an_event_matches_equal_names_prefixes_and_the_star(descriptors: str, event: str, answer: bool) -> None:
    assert matches(tuple(descriptors.split()), event) is answer


# --- beginning


def test_a_life_begins_in_the_initial_states_outer_ones_first() -> None:
    found = chart(told("a", kind=Kind.COMPOUND, initial=("c",)), told("b", "a"), told("c", "a"))
    run = begin(found, None, always)
    assert (run.active, run.entered, run.actions) == ({"a", "c"}, ["a", "c"], ["+a", "+c"])
    assert run.transitions == []


def test_a_start_transition_is_taken_with_its_effects() -> None:
    start = arrow(START, "import", "b", effects=(Effect("emit", "imported"),))
    found = chart(told("a"), told("b"), start)
    run = begin(found, start, always)
    assert (leaves(found, run), run.actions, run.transitions) == (["b"], ["imported", "+b"], [start])


def test_effects_on_the_way_to_the_initial_state_come_before_it() -> None:
    found = replace(chart(told("a")), initial_effects=(Effect("emit", "first"),))
    assert begin(found, None, always).actions == ["first", "+a"]


def test_several_initial_states_enter_their_regions() -> None:
    found = chart(
        State("p", Kind.PARALLEL),
        compound("r", "r1", "p"),
        State("r1", parent="r"),
        State("r2", parent="r"),
        compound("s", "s1", "p"),
        State("s1", parent="s"),
        State("s2", parent="s"),
        initial=("s2", "r2"),
    )
    assert leaves(found, begin(found, None, always)) == ["r2", "s2"]


def test_beginning_settles() -> None:
    found = chart(State("a"), State("b"), Transition("a", (), ("b",)))
    assert leaves(found, begin(found, None, always)) == ["b"]


# --- choosing


def test_nothing_enabled_is_none() -> None:
    found = chart(State("a"), arrow("a", "go", "a"))
    assert proceed(found, ["a"], {}, "stop", always) is None


def test_the_innermost_transition_wins() -> None:
    found = chart(
        compound("a", "b"), State("b", parent="a"), State("x"), State("y"), arrow("a", "go", "x"), arrow("b", "go", "y")
    )
    assert leaves(found, send(found, "b", "go")) == ["y"]


def test_the_first_of_one_state_wins_and_the_next_when_its_guard_says_no() -> None:
    found = chart(
        State("a"), State("x"), State("y"), arrow("a", "go", "x", guards=(Guard("g"),)), arrow("a", "go", "y")
    )
    assert leaves(found, send(found, "a", "go")) == ["x"]
    refused = proceed(found, ["a"], {}, "go", never)
    assert refused is not None
    assert leaves(found, refused) == ["y"]


def test_a_guard_is_asked_with_the_active_states() -> None:
    found = chart(compound("a", "b"), State("b", parent="a"), arrow("b", "go", "b", guards=(Guard("g"),)))
    with pytest.raises(Unanswered) as caught:
        proceed(found, ["b"], {}, "go", unknown)
    assert (caught.value.guard, caught.value.active) == (Guard("g"), frozenset({"a", "b"}))


def test_no_guard_is_asked_of_a_transition_that_was_not_asked_for() -> None:
    found = chart(State("a"), arrow("a", "stop", "a", guards=(Guard("g"),)))
    assert proceed(found, ["a"], {}, "go", unknown) is None


PAIR = (
    State("p", Kind.PARALLEL),
    compound("r", "r1", "p"),
    told("r1", "r"),
    told("r2", "r"),
    compound("s", "s1", "p"),
    told("s1", "s"),
    told("s2", "s"),
    told("out"),
)


def test_regions_move_together_left_backwards_and_entered_forwards() -> None:
    found = chart(*PAIR, arrow("r1", "go", "r2"), arrow("s1", "go", "s2"))
    assert send(found, "r1 s1", "go").actions == ["-s1", "-r1", "+r2", "+s2"]


def test_of_two_that_leave_a_common_state_the_earlier_wins() -> None:
    found = chart(*PAIR, arrow("r1", "go", "out"), arrow("s1", "go", "s2"))
    assert leaves(found, send(found, "r1 s1", "go")) == ["out"]
    found = chart(*PAIR, arrow("r1", "go", "r2"), arrow("s1", "go", "out"))
    assert leaves(found, send(found, "r1 s1", "go")) == ["r2", "s1"]


def test_of_two_that_leave_a_common_state_the_inner_wins() -> None:
    found = chart(*PAIR, arrow("p", "go", "out"), arrow("s1", "go", "s2"))
    assert leaves(found, send(found, "r1 s1", "go")) == ["r1", "s2"]


def test_a_transition_shared_by_two_leaves_is_taken_once() -> None:
    found = chart(*PAIR, arrow("p", "go", "out", effects=(Effect("emit", "once"),)))
    assert send(found, "r1 s1", "go").actions.count("once") == 1


# --- leaving and entering


def test_a_transition_to_its_own_source_leaves_and_enters_it() -> None:
    found = chart(told("a"), arrow("a", "go", "a"))
    assert send(found, "a", "go").actions == ["-a", "+a"]


def test_an_external_transition_into_its_own_inside_leaves_the_source_and_an_internal_one_does_not() -> None:
    states = (told("a", kind=Kind.COMPOUND, initial=("b",)), told("b", "a"), told("c", "a"))
    found = chart(*states, arrow("a", "out", "c"), arrow("a", "in", "c", internal=True))
    assert send(found, "b", "out").actions == ["-b", "-a", "+a", "+c"]
    assert send(found, "b", "in").actions == ["-b", "+c"]


def test_an_internal_transition_to_the_source_itself_is_external() -> None:
    found = chart(told("a", kind=Kind.COMPOUND, initial=("b",)), told("b", "a"), arrow("a", "go", "a", internal=True))
    assert send(found, "b", "go").actions == ["-b", "-a", "+a", "+b"]


def test_a_parallel_state_is_never_a_domain() -> None:
    found = chart(*PAIR, arrow("p", "go", "s2", internal=True), arrow("r1", "over", "s2"))
    assert send(found, "r1 s1", "go").exited == ["s1", "s", "r1", "r", "p"]
    assert send(found, "r1 s1", "over").entered == ["p", "r", "r1", "s", "s2"]


def test_a_transition_without_targets_leaves_nothing() -> None:
    found = chart(told("a"), arrow("a", "go", effects=(Effect("emit", "seen"),)))
    run = send(found, "a", "go")
    assert (run.actions, run.exited, run.entered) == (["seen"], [], [])


def test_effects_of_a_transition_stand_between_leaving_and_entering() -> None:
    found = chart(told("a"), told("b"), arrow("a", "go", "b", effects=(Effect("emit", "way"),)))
    assert send(found, "a", "go").actions == ["-a", "way", "+b"]


def test_the_initial_transition_is_executed_between_a_state_and_its_inside() -> None:
    outer = replace(told("a", kind=Kind.COMPOUND, initial=("b",)), initial_effects=(Effect("emit", "in"),))
    found = chart(State("x"), outer, told("b", "a"), told("c", "a"), arrow("x", "go", "a"), arrow("x", "aim", "c"))
    assert send(found, "x", "go").actions == ["+a", "in", "+b"]
    assert send(found, "x", "aim").actions == ["+a", "+c"]


# --- memory


def test_shallow_memory_keeps_children_and_deep_memory_leaves() -> None:
    found = chart(
        compound("a", "b"),
        State("near", Kind.SHALLOW, "a", ("b",)),
        State("far", Kind.DEEP, "a", ("b",)),
        compound("b", "b1", "a"),
        State("b1", parent="b"),
        State("b2", parent="b"),
        State("out"),
        arrow("a", "leave", "out"),
        arrow("out", "near", "near"),
        arrow("out", "far", "far"),
    )
    memory = send(found, "b2", "leave").memory
    assert memory == {"near": ("b",), "far": ("b2",)}
    assert leaves(found, send(found, "out", "near", **memory)) == ["b1"]
    assert leaves(found, send(found, "out", "far", **memory)) == ["b2"]


def test_a_history_default_is_executed_only_when_nothing_is_remembered() -> None:
    found = chart(
        told("a", kind=Kind.COMPOUND, initial=("b",)),
        State("was", Kind.SHALLOW, "a", ("c",), (Effect("emit", "default"),)),
        told("b", "a"),
        told("c", "a"),
        State("out"),
        arrow("out", "back", "was"),
    )
    assert send(found, "out", "back").actions == ["+a", "default", "+c"]
    assert send(found, "out", "back", was=("b",)).actions == ["+a", "+b"]


def test_a_read_of_memory_is_told_unless_it_was_written_on_the_way() -> None:
    found = chart(
        compound("a", "b"),
        State("was", Kind.SHALLOW, "a", ("b",)),
        State("b", parent="a"),
        State("c", parent="a"),
        State("out"),
        arrow("out", "back", "was"),
        arrow("a", "again", "was"),
    )
    assert (send(found, "out", "back", was=("c",)).read, send(found, "out", "back").read) == ({"was"}, {"was"})
    run = send(found, "c", "again")
    assert (run.read, run.written, leaves(found, run)) == (set(), {"was"}, ["c"])


def test_a_state_that_was_not_left_is_not_entered_again() -> None:
    """The history state is that of p, but all that it remembers lies inside r, and so does the source."""
    found = chart(
        told("p", kind=Kind.PARALLEL),
        State("was", Kind.DEEP, "p", ("d",)),
        told("r", "p", Kind.COMPOUND, ("c",)),
        told("c", "r"),
        told("d", "r"),
        arrow("c", "back", "was"),
    )
    run = send(found, "c", "back", was=("d",))
    assert (run.exited, run.entered, run.actions) == (["c"], ["d"], ["-c", "+d"])


# --- settling


def test_eventless_transitions_come_before_raised_events_and_those_before_sent_ones() -> None:
    found = chart(
        State("a"),
        told("b"),
        told("c"),
        told("d"),
        told("e"),
        arrow("a", "go", "b", effects=(Effect("send", "sent"), Effect("raise", "raised"))),
        Transition("b", (), ("c",)),
        arrow("c", "sent", "a"),
        arrow("c", "raised", "d"),
        arrow("d", "sent", "e"),
    )
    assert send(found, "a", "go").actions == ["+b", "-b", "+c", "-c", "+d", "-d", "+e"]


def test_raised_events_that_match_nothing_are_dropped() -> None:
    found = chart(State("a"), State("b"), arrow("a", "go", "b", effects=(Effect("raise", "x"), Effect("raise", "y"))))
    assert leaves(found, send(found, "a", "go")) == ["b"]


def test_a_delayed_send_is_a_timer_of_nobody() -> None:
    late = Effect("send", "late", timedelta(seconds=3))
    found = chart(State("a", on_exit=(late,)), State("b"), arrow("a", "go", "b"))
    assert send(found, "a", "go").armed == [Timer("late", timedelta(seconds=3))]


def test_timers_start_on_entering_and_stop_on_leaving() -> None:
    mine, other = Timer("expire", timedelta(days=1), "a"), Timer("remind", timedelta(days=2), "b")
    found = chart(State("a", after=(mine,)), State("b", after=(other,)), arrow("a", "go", "b"), arrow("a", "self", "a"))
    run = send(found, "a", "go")
    assert (run.disarmed, run.armed) == ([mine], [other])
    run = send(found, "a", "self")
    assert (run.disarmed, run.armed) == ([mine], [mine])


def test_a_timer_of_a_state_that_was_only_passed_through_is_not_started() -> None:
    timer = Timer("expire", timedelta(days=1), "b")
    found = chart(
        State("a"), State("b", after=(timer,)), State("c"), arrow("a", "go", "b"), Transition("b", (), ("c",))
    )
    assert send(found, "a", "go").armed == []


def test_an_endless_macrostep_names_the_transitions_that_go_round() -> None:
    there, back = Transition("b", (), ("c",)), Transition("c", (), ("b",))
    found = chart(State("a"), State("b"), State("c"), arrow("a", "go", "b"), there, back)
    with pytest.raises(Endless) as caught:
        send(found, "a", "go")
    assert set(caught.value.transitions) == {there, back}


# --- ends


def test_a_final_state_raises_done_and_the_last_region_that_of_the_parallel_state() -> None:
    found = chart(
        State("p", Kind.PARALLEL),
        compound("r", "r1", "p"),
        State("r1", parent="r"),
        State("r2", Kind.FINAL, "r"),
        compound("s", "s1", "p"),
        State("s1", parent="s"),
        State("s2", Kind.FINAL, "s"),
        State("closed"),
        arrow("r1", "pay", "r2"),
        arrow("s1", "ship", "s2"),
        arrow("p", "done.state.r", effects=(Effect("emit", "paid"),)),
        arrow("p", "done.state.p", "closed"),
    )
    first = send(found, "r1 s1", "pay")
    assert (leaves(found, first), first.actions) == (["r2", "s1"], ["paid"])
    assert leaves(found, send(found, "r2 s1", "ship")) == ["closed"]


def test_an_outermost_final_state_ends_everything() -> None:
    end = State("end", Kind.FINAL, on_entry=(Effect("raise", "more"),))
    found = chart(State("a"), end, arrow("a", "go", "end"), arrow("end", "more", "a"))
    run = send(found, "a", "go")
    assert (run.ended, leaves(found, run)) == (True, ["end"])
