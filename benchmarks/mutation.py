"""Chart mutation: mutants per second of a small project, one at a time and several, all tests and the affected ones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orderfsm
from benchmarks.measure import Figure, timed
from orderfsm.testing import Send, transitions
from orderfsm.testing.mutation import Mutant, mutants
from orderfsm.testing.mutation.pool import _alone, pool
from orderfsm.testing.mutation.process import Answer, Baseline, Job
from orderfsm.testing.mutation.run import _baseline, _evenly, _Trial
from orderfsm.testing.mutation.substitution import key

CHART = "stat/order"
OTHERS, EACH = 60, 0.02
"""Tests of the project that ask nothing of the chart, and the seconds that each of them takes."""

MANY, ROUNDS = 20, 2
ARGUMENTS = ("-p", "orderfsm_pytest")

SERVICE = f"""
import orderfsm
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

orders = Lifecycle(orderfsm.load({CHART!r}), SqlStore(Order, OrderHistory))
"""
HEAD = """
import time

import pytest
from orderfsm import Actor, Link, Reason
from orderfsm.sqlmodel import Order
from service import orders


@pytest.mark.parametrize("number", range({others}))
def test_something_else(number):
    time.sleep({each})


def life(session, opened, *sends):
    order = Order()
    orders.open(session, order, **opened)
    for event, asked in sends:
        orders.send(session, order, event, **asked)
    return order.configuration
"""
TEST = """

def test_arrow_{place}(orderfsm_session):
    assert life(orderfsm_session, {opened}, {sends}) == {after!r}
"""


def figures() -> Iterator[Figure]:
    """The one figure; it runs in a folder of its own."""
    here, several = Path.cwd(), os.cpu_count() or 1
    found = Figure(
        "Chart mutation: mutants per second",
        "/s",
        f"{MANY} mutants of {CHART}, evenly chosen, before the tests of a service: one test of a Lifecycle on SQLite "
        f"in memory for each arrow, written out, and {OTHERS} tests of other things that take {EACH:g} s each. The run "
        "without a mutant is not counted.",
    )
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        os.chdir(folder)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        try:
            _measure(found, several)
        finally:
            os.chdir(here)
    yield found


def _write(folder: Path) -> None:
    tests = [HEAD.format(others=OTHERS, each=EACH)]
    for place, walk in enumerate(transitions(orderfsm.load(CHART))):
        opened, *rest = walk.sends
        sends = ", ".join(f"({send.event!r}, {_asked(send)})" for send in rest)
        tests.append(TEST.format(place=place, opened=_asked(opened), sends=sends, after=str(walk.configuration)))
    (folder / "service.py").write_text(SERVICE)
    (folder / "test_service.py").write_text("".join(tests))


def _asked(send: Send) -> str:
    return repr({name: value for name, value in send.asked.items() if value})


@dataclass(frozen=True)
class Way:
    """A way of trying mutants: how many at once, and which tests each of them meets."""

    name: str
    jobs: int
    faced: str


def _measure(found: Figure, several: int) -> None:
    chart = orderfsm.load(CHART)
    chosen = _evenly(list(mutants(chart)), MANY)
    ways = [
        Way("all tests, one mutant at a time", 1, "every"),
        Way("affected tests first, one at a time", 1, "all"),
        Way(f"affected tests first, {several} at once", several, "all"),
        Way(f"affected tests alone, {several} at once", several, "affected"),
    ]
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        baseline = _baseline([chart], ARGUMENTS, folder)
        for _ in range(ROUNDS):
            for way in ways:
                with pool(baseline, frozenset({key(chart)}), way.jobs, folder) as ask:
                    spent = timed(lambda way=way, ask=ask: _try(way, baseline, chosen, ask))
                found.rounds.setdefault(way.name, []).append(MANY / spent)
            spent = timed(lambda: [_alone(_every(mutant), folder) for mutant in chosen[:4]])
            found.rounds.setdefault("all tests, a new process for each mutant", []).append(4 / spent)
    tests = baseline.tests.values()
    found.notes.append(f"{len(tests)} tests take {sum(test.seconds for test in tests):.1f} s without a mutant.")


def _try(way: Way, baseline: Baseline, chosen: Sequence[Mutant], ask: Callable[[Job], Answer]) -> None:
    trial = _Trial(baseline, ARGUMENTS, way.faced, 5.0, tempfile.gettempdir())
    with ThreadPoolExecutor(way.jobs) as threads:
        if way.faced == "every":
            list(threads.map(lambda mutant: ask(_every(mutant)), chosen))
        else:
            list(threads.map(lambda mutant: trial.verdict(mutant, ask), chosen))


def _every(mutant: Mutant) -> Job:
    return Job({key(mutant.original): mutant.chart}, ARGUMENTS, None, frozenset(), (), 300.0, tempfile.gettempdir())
