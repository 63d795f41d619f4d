"""Which configurations a chart can come to, and how soon it is told that there are too many."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from kept_work import calls
from orderfsm import UnsoundChart, check, exploration
from orderfsm.chart import Chart, Event, Guard, Kind, State, Transition
from orderfsm.expression import parse
from orderfsm.table import compile

TOO_MANY = """
import re
from pathlib import Path
import orderfsm
from kept_work import calls
from test_exploration import regions

def compiled():
    try:
        orderfsm.compile(regions(12))
    except orderfsm.UnsoundChart as error:
        print(error, end="|")

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

before = most()
print(calls(compiled), most() - before, sep="|")
"""


def regions(count: int) -> Chart:
    """A parallel state with so many regions of three states, each of which goes round by events of its own."""
    states = [State("all", Kind.PARALLEL)]
    arrows = []
    for region in range(count):
        names = [f"r{region}{letter}" for letter in "abc"]
        states += [State(f"r{region}", Kind.COMPOUND, "all", (names[0],))]
        states += [State(name, parent=f"r{region}") for name in names]
        arrows += [Transition(a, (f"leave_{a}",), (b,)) for a, b in zip(names, [*names[1:], names[0]], strict=True)]
    return Chart("t/t", tuple(states), tuple(arrows), initial=("all",))


def test_a_chart_with_half_a_million_configurations_is_refused_with_a_seconds_work_in_100_megabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOO_MANY],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
        timeout=240,
    )
    said, work, megabytes = done.stdout.split("|")
    assert said.startswith("t/t has more than 20000 configurations: the regions of all (r0 x r1 x ")
    assert int(work) < 10_000_000
    assert float(megabytes) < 100


def test_a_chart_with_many_configurations_is_told_in_full_the_nearest_first() -> None:
    table = compile(regions(7))
    first, *_, last = table.configurations
    distance = {"a": 0, "b": 1, "c": 2}
    assert len(table.rows) == 3**7
    assert set(table.configurations) == {"+".join(way) for way in product(*(_leaves(n) for n in range(7)))}
    assert (first, last) == ("+".join(f"r{n}a" for n in range(7)), "+".join(f"r{n}c" for n in range(7)))
    steps = [sum(distance[leaf[-1]] for leaf in found.leaves) for found in table.configurations.values()]
    assert steps == sorted(steps)


def _leaves(region: int) -> list[str]:
    return [f"r{region}{letter}" for letter in "abc"]


def asked(count: int) -> Chart:
    """A parallel state whose regions all answer one event, each with a guard of its own."""
    states, arrows = [State("all", Kind.PARALLEL)], []
    for place in range(count):
        states += [State(f"r{place}", Kind.COMPOUND, "all", (f"a{place}",)), State(f"a{place}", parent=f"r{place}")]
        guard = Guard(expression=parse(f"order.x{place} == 1"))
        arrows.append(Transition(f"a{place}", ("go",), (f"a{place}",), guards=(guard,)))
    return Chart("t/t", tuple(states), tuple(arrows), initial=("all",))


def test_an_event_whose_guards_have_a_million_outcomes_is_refused_and_the_guards_are_named() -> None:
    assert len(compile(asked(10)).rows["+".join(f"a{place}" for place in range(10))]["go"].cases()) == 1_024
    with pytest.raises(UnsoundChart, match=r"go in a0\+.* asks too many guards \(order.x0 == 1, ") as told:
        compile(asked(20))
    assert [(finding.code, finding.path) for finding in told.value.findings] == [("not-compilable", "states")]


def test_an_event_that_asks_two_thousand_guards_one_after_the_other_is_refused() -> None:
    arrows = [
        Transition("a", ("go",), ("b",), guards=(Guard(expression=parse(f"order.x == {number}")),))
        for number in range(2_000)
    ]
    with pytest.raises(UnsoundChart, match="go in a asks too many guards"):
        compile(Chart("t/t", (State("a"), State("b")), tuple(arrows), initial=("a",)))
    assert len(compile(Chart("t/t", (State("a"), State("b")), tuple(arrows[:400]), initial=("a",))).rows) == 2


def test_a_chart_whose_events_have_too_many_outcomes_in_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploration, "RUNS", 100)
    with pytest.raises(UnsoundChart, match=r"more than 100 outcomes of events: the regions of all \(r0 x "):
        compile(asked(6))


def test_a_chart_of_thousands_of_states_is_compiled_and_checked_with_a_seconds_work() -> None:
    count = 3_000
    states = tuple(State(f"s{place}") for place in range(count))
    arrows = tuple(Transition(f"s{n}", (f"e{n}",), (f"s{(n + 1) % count}",)) for n in range(count))
    ring = Chart("t/t", states, arrows, initial=("s0",), events=tuple(Event(f"e{n}") for n in range(count)))
    assert calls(lambda: compile(ring)) + calls(lambda: check(ring)) < 3_000_000
    assert len(compile(ring).rows) == count
    assert [finding.code for finding in check(ring)] == ["livelock"]
