"""What steps do to timers, as values: which begin, end, stand still, and go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from kept_timers import LEASE, REGIONS, days
from orderfsm import Chart
from orderfsm.chart import Kind, State, Timer, Transition
from orderfsm.timers import Pending, advance, by_states, by_step, running

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Life:
    """One order's timers along a chart, with the time passed by hand."""

    def __init__(self, chart: Chart) -> None:
        self.chart, self.now, self.sequence, self.held = chart, NOON, 0, list[Pending]()
        self.here = ""
        self.follow(orderfsm.start(chart))

    def follow(self, step: orderfsm.Step) -> None:
        self.sequence += 1
        change = by_step(self.chart, step)
        self.held = advance(change, self.held, sequence=self.sequence, earliest=self.now, latest=self.now)
        self.here = step.after

    def send(self, *events: str) -> Life:
        for event in events:
            self.follow(orderfsm.step(self.chart, self.here, event))
        return self

    def wait(self, count: float) -> Life:
        self.now += days(count)
        return self

    @property
    def left(self) -> dict[str, float]:
        """`state.event` -> the days that are left; those that stand still have a minus."""
        day = timedelta(days=1)
        return {
            f"{t.state}.{t.event}": (t.due_at - self.now) / day if t.due_at else -(t.remaining or timedelta()) / day
            for t in self.held
        }


def test_a_timer_begins_when_its_state_is_entered_and_ends_when_it_is_left() -> None:
    life = Life(LEASE)
    assert life.left == {"new.lapse": 2}
    life.wait(1).send("accept")
    assert life.left == {"work.expire": 30, "work.nudge": 7, "prep.escalate": 3}
    assert life.send("finish").left == {}


def test_an_inner_step_leaves_the_timers_of_the_outer_state_alone() -> None:
    life = Life(LEASE).send("accept").wait(2).send("escalate")
    assert life.left == {"work.expire": 28, "work.nudge": 5, "rush.escalate": 5, "rush.nudge": 2}


def test_a_transition_without_targets_begins_nothing_anew() -> None:
    life = Life(LEASE).send("accept").wait(2).send("nudge")
    assert life.left == {"work.expire": 28, "work.nudge": 5, "prep.escalate": 1}


def test_a_transition_to_its_own_source_begins_anew() -> None:
    life = Life(LEASE).send("accept", "escalate").wait(2).send("escalate")
    assert life.left == {"work.expire": 28, "work.nudge": 5, "rush.escalate": 5, "rush.nudge": 2}
    assert {t.sequence for t in life.held if t.state == "rush"} == {4}


def test_an_external_transition_into_the_own_inside_begins_anew_and_an_internal_one_does_not() -> None:
    assert Life(LEASE).send("accept").wait(2).send("redo").left["work.expire"] == 30
    tidy = Life(LEASE).send("accept").wait(2).send("tidy").left
    assert tidy == {"work.expire": 28, "work.nudge": 5, "prep.escalate": 3}


def test_inside_a_stop_the_clock_state_only_its_own_timers_run() -> None:
    life = Life(LEASE).send("accept").wait(1).send("freeze")
    assert life.left == {"work.expire": -29, "work.nudge": -6, "prep.escalate": -2, "frozen.thaw": 4}
    life.wait(3)
    assert life.left == {"work.expire": -29, "work.nudge": -6, "prep.escalate": -2, "frozen.thaw": 1}
    assert life.send("thaw").left == {"work.expire": 29, "work.nudge": 6, "prep.escalate": 2}


def test_a_detour_over_several_stop_the_clock_states_costs_no_time() -> None:
    life = Life(LEASE).send("accept").wait(1).send("hold").wait(50).send("inspect").wait(500).send("resume")
    assert life.left == {"work.expire": 29, "work.nudge": 6, "prep.escalate": 2}
    assert {t.sequence for t in life.held} == {2}


def test_of_a_detour_that_leads_elsewhere_the_timers_of_what_is_not_entered_again_end() -> None:
    life = Life(LEASE).send("accept", "escalate").wait(1).send("hold").wait(5)
    assert set(life.left) == {"held.give_up", "work.expire", "work.nudge", "rush.escalate", "rush.nudge"}
    assert life.send("restart").left == {"work.expire": 29, "work.nudge": 6, "prep.escalate": 3}
    assert Life(LEASE).send("accept", "hold", "give_up").left == {}


def test_a_spent_timer_does_not_begin_again_after_a_detour() -> None:
    life = Life(LEASE).send("accept").wait(7).send("nudge")
    life.held = [Pending(t.state, t.event, t.sequence, 1, t.due_at, None, t.event == "nudge") for t in life.held]
    life.send("hold").wait(9).send("resume")
    assert {t.event for t in life.held if not t.spent} == {"expire", "escalate"}
    assert [t.sequence for t in life.held if t.event == "nudge"] == [2]


def test_what_is_overdue_when_the_clock_stops_is_due_when_it_goes_on() -> None:
    life = Life(LEASE).send("accept").wait(10).send("hold")
    assert life.left["prep.escalate"] == 0
    assert life.wait(3).send("resume").left["prep.escalate"] == 0


def test_a_stop_in_one_region_stops_the_other_which_may_move_on_meanwhile() -> None:
    life = Life(REGIONS).wait(1).send("stop")
    assert life.left == {"live.end": -19, "a.next": -1, "on.lift": 9}
    life.wait(1).send("next")
    assert life.left == {"live.end": -19, "b.next": -3, "b.ping": -1, ".echo": -4, "on.lift": 8}
    life.wait(1).send("lift")
    assert life.left == {"live.end": 19, "b.next": 3, "b.ping": 1, ".echo": 4}


def test_a_delayed_send_is_nobodys_and_ends_with_the_order() -> None:
    life = Life(REGIONS).send("next", "next")
    assert ".echo" in life.left
    assert life.send("end").left == {}


def test_equal_timers_of_one_entry_are_numbered_and_have_keys_of_their_own() -> None:
    after = (Timer("ring", days(1), "s"), Timer("ring", days(2), "s"))
    chart = Chart("test/two", (State("s", after=after),), (Transition("s", ("ring",)),), initial=("s",))
    keys = [timer.key for timer in Life(chart).held]
    assert keys == ["timer:s:ring:1", "timer:s:ring:1:2"]


def test_names_that_are_too_long_for_a_key_are_digested() -> None:
    long = Pending("s" * 300, "ring", 1).key
    assert len(long) <= 255
    assert long != Pending("s" * 300, "ring", 2).key
    assert Pending("", "echo", 3).key == "timer::echo:3"


def test_a_state_inside_a_stop_the_clock_state_has_timers_that_run() -> None:
    chart = Chart(
        "test/inside",
        (
            State("held", Kind.COMPOUND, initial=("short",), clock="stops"),
            State("short", parent="held", after=(Timer("longer", days(1), "short"),)),
            State("long", parent="held"),
        ),
        (Transition("short", ("longer",), ("long",)),),
        initial=("held",),
    )
    assert Life(chart).left == {"short.longer": 1}
    here = orderfsm.compile(chart).configurations["short"]
    assert running(chart, here) == {"held", "short"}
    assert running(LEASE, orderfsm.compile(LEASE).configurations["new"]) is None


def test_an_entry_without_a_step_keeps_the_timers_of_what_stays_active() -> None:
    known = orderfsm.compile(LEASE).configurations
    life = Life(LEASE).send("accept").wait(1)
    change = by_states(LEASE, known["prep"], known["rush"])
    held = advance(change, life.held, sequence=3, earliest=life.now, latest=life.now)
    assert {(t.state, t.event, t.sequence) for t in held} == {
        ("work", "expire", 2),
        ("work", "nudge", 2),
        ("rush", "escalate", 3),
        ("rush", "nudge", 3),
    }


def test_of_an_order_that_comes_from_nowhere_everything_begins() -> None:
    known = orderfsm.compile(LEASE).configurations
    change = by_states(LEASE, None, known["frozen;was=rush"])
    held = advance(change, [Pending("old", "x", 1, due_at=NOON)], sequence=2, earliest=NOON, latest=NOON)
    assert {(t.state, t.event, t.due_at is None) for t in held} == {
        ("work", "expire", True),
        ("work", "nudge", True),
        ("frozen", "thaw", False),
    }


def test_a_correction_into_the_end_ends_all_timers() -> None:
    known = orderfsm.compile(LEASE).configurations
    life = Life(LEASE).send("accept", "hold")
    change = by_states(LEASE, known[life.here], known["gone"])
    assert advance(change, life.held, sequence=9, earliest=NOON, latest=NOON) == []


def test_where_two_clocks_disagree_nothing_is_early() -> None:
    early, late = NOON, NOON + timedelta(hours=1)
    change = by_step(LEASE, orderfsm.start(LEASE))
    (timer,) = advance(change, [], sequence=1, earliest=early, latest=late)
    assert timer.due_at == late + days(2)


def test_a_delay_beyond_the_calendar_is_cut_to_a_thousand_years() -> None:
    chart = Chart(
        "test/long", (State("s", after=(Timer("x", timedelta.max, "s"),)),), (Transition("s", ("x",)),), initial=("s",)
    )
    (timer,) = Life(chart).held
    assert timer.due_at is not None
    assert timer.due_at.year == 3025


# --- time spent in stopped states never counts

EVENTS = ("nudge", "escalate", "tidy", "redo", "escalate")
pauses = st.lists(st.floats(0, 100), min_size=0, max_size=2)
moves = st.lists(st.tuples(st.floats(0.01, 3), pauses, st.sampled_from(EVENTS)), max_size=8)


def comes_back(here: str) -> bool:
    """Whether being frozen and thawed leads back: what `was` remembers is where work was left, not where it froze."""
    frozen = orderfsm.step(LEASE, here, "freeze").after
    return orderfsm.step(LEASE, frozen, "thaw").after.leaves == orderfsm.compile(LEASE).configurations[here].leaves


def lived(plan: list[tuple[float, list[float], str]], *, with_pauses: bool) -> Life:
    """A life along the plan; due timers are not sent."""
    life = Life(LEASE).send("accept")
    for wait, detours, event in plan:
        life.wait(wait)
        for detour in detours if with_pauses else ():
            away, back = ("freeze", "thaw") if detour > 50 and comes_back(life.here) else ("hold", "resume")
            life.send(away).wait(detour).send(back)
        if event in orderfsm.compile(LEASE).rows[life.here]:
            life.send(event)
    return life


@given(moves)
def test_time_spent_in_stopped_states_never_counts(plan: list[tuple[float, list[float], str]]) -> None:
    straight, paused = lived(plan, with_pauses=False), lived(plan, with_pauses=True)
    assert straight.here.leaves == paused.here.leaves  # type: ignore[attr-defined]
    assert straight.left.keys() == paused.left.keys()
    for name, left in straight.left.items():
        if left >= 0:
            assert paused.left[name] == pytest.approx(left, abs=1e-6)
        else:  # one that is overdue when the clock stops is due when it goes on
            assert left - 1e-6 <= paused.left[name] <= 1e-6
