"""Which configurations a chart can come to, and how soon it is told that there are too many."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

from orderfsm.chart import Chart, Kind, State, Transition
from orderfsm.table import compile

TOO_MANY = """
import resource, time
import orderfsm
from test_exploration import regions
chart = regions(12)
began = time.process_time()
try:
    orderfsm.compile(chart)
except orderfsm.UnsoundChart as error:
    print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024, error, sep="|")
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


def test_a_chart_with_half_a_million_configurations_is_refused_within_two_seconds_and_100_megabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOO_MANY],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
        timeout=60,
    )
    seconds, megabytes, said = done.stdout.split("|")
    assert said.startswith("t/t has more than 20000 configurations: the regions of all (r0 x r1 x ")
    assert float(seconds) < 2
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
