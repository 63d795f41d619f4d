"""The testing kit: examples per second, the time to find and to shrink planted mistakes, and careless services."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine, create_engine

from benchmarks.measure import Contestant, Figure, race, timed
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine
from orderfsm.testing import (
    Attempt,
    Disagreement,
    Driver,
    LifecycleDriver,
    Walk,
    follow,
    guard_outcomes,
    pairs,
    refusals,
    state_machine_for,
    walks,
)
from orderfsm.testing.explorer import explore, judge

sys.path.append(str(Path(__file__).parent.parent / "tests"))

import careless_services as careless
from planted import BUGS, KIOSK, KioskDriver

STEPS = 20
"""Rules in one example of a state machine."""

SEEDS = 5
MOST = 500
GENERATE, SHRINK = [Phase.generate], [Phase.generate, Phase.shrink]
EVERYWHERE = settings(database=None, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck))


def figures() -> Iterator[Figure]:
    """Examples per second; planted mistakes; what the explorer finds."""
    yield _examples()
    yield from _planted()
    yield _careless()


# --- examples per second


def _examples() -> Figure:
    """Walks alone, walks lived in two systems, and state machines on them."""
    with _kept() as kept:
        return race(
            "The testing kit: examples per second",
            "Random examples by Hypothesis from the chart of a kiosk: seven states, history, a guard, roles, reasons "
            f"and a timer. A walk is a legal life; an example of the state machine has up to {STEPS} rules, legal and "
            "illegal, for two orders. The plain service keeps its orders in memory; the lifecycle is on SQLite in "
            "memory, enforced by triggers, with a session for each example, rolled back.",
            [
                Contestant("walks, drawn alone", _walking(lambda walk: None)),
                Contestant("walks, followed in a plain service", _walking(lambda walk: follow(KioskDriver(), walk))),
                Contestant("walks, followed in a Lifecycle", _walking(lambda walk: follow(kept, walk))),
                Contestant("the state machine, a plain service", _machine(KioskDriver())),
                Contestant("the state machine, a Lifecycle", _machine(kept)),
            ],
            seconds=2,
            rounds=7,
        )


def _walking(live: Callable[[Walk], None]) -> Callable[[int], float]:
    def run(number: int) -> float:
        tried = 0

        @settings(EVERYWHERE, max_examples=number, phases=GENERATE, derandomize=True)
        @given(walks(KIOSK))
        def lived(walk: Walk) -> None:
            nonlocal tried
            tried += 1
            live(walk)

        spent = timed(lived)
        return spent * number / tried  # where there are no more examples than that

    return run


def _machine(driver: Driver) -> Callable[[int], float]:
    machine = state_machine_for(KIOSK, driver)
    tried = 0

    class Counted(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            nonlocal tried
            tried += 1
            super().__init__()

    def run(number: int) -> float:
        nonlocal tried
        tried = 0
        quick = settings(EVERYWHERE, max_examples=number, stateful_step_count=STEPS, phases=GENERATE, derandomize=True)
        spent = timed(lambda: run_state_machine_as_test(Counted, settings=quick))
        return spent * number / tried

    return run


@contextlib.contextmanager
def _kept() -> Iterator[LifecycleDriver]:
    """The kiosk's chart on ready-made tables in an SQLite in memory."""
    at = engine("sqlite://")
    create_all(at)
    yield LifecycleDriver(Lifecycle(KIOSK, SqlStore(Order, OrderHistory)), at)
    at.dispose()


# --- planted mistakes


def _planted() -> Iterator[Figure]:
    """How long each mistake takes to be found by the state machine, and to be shrunk; and what the suites find."""
    found = Figure(
        "The testing kit: to find a planted mistake",
        "s",
        f"Seconds until the state machine has found a mistake in the kiosk, over {SEEDS} seeds; up to {MOST:,} "
        f"examples of {STEPS} rules each.",
    )
    shrunk = Figure(
        "The testing kit: to find and to shrink it",
        "s",
        "The same, until the shortest example is told, without Hypothesis's phase that explains it.",
    )
    missed: list[str] = []
    sends: dict[str, set[int]] = {}
    for bug in BUGS:
        for number in range(SEEDS):
            for figure, phases in ((found, GENERATE), (shrunk, SHRINK)):
                spent, error = _search(bug, number, phases)
                figure.rounds.setdefault(bug, []).append(spent)
                if error is None:
                    missed.append(f"{bug} (seed {number})")
                elif figure is shrunk:
                    sends.setdefault(bug, set()).add(_sends(error))
    found.notes.append(f"Not found: {', '.join(missed)}." if missed else "Each was found with each seed.")
    spent, told = _suites()
    found.notes.append(f"By the listed walks and attempts, without Hypothesis, in {spent:.2g} s for all: {told}.")
    lengths = (f"{bug} {'/'.join(map(str, sorted(numbers)))}" for bug, numbers in sends.items())
    shrunk.notes.append(f"Events in what was told, the opening among them: {', '.join(lengths)}.")
    yield found
    yield shrunk


def _sends(error: BaseException) -> int:
    """The number of events in the disagreement; 0 where it is an error of the service."""
    if not isinstance(error, Disagreement):
        return 0
    tried = error.tried
    return len(tried.walk) + 1 if isinstance(tried, Attempt) else len(tried)


def _search(bug: str, number: int, phases: list[Phase]) -> tuple[float, BaseException | None]:
    machine = seed(number)(state_machine_for(KIOSK, KioskDriver(bug)))
    quick = settings(
        EVERYWHERE, max_examples=MOST, stateful_step_count=STEPS, phases=phases, report_multiple_bugs=False
    )
    begin = time.perf_counter()
    try:
        run_state_machine_as_test(machine, settings=quick)
    except (Disagreement, KeyError) as error:
        return time.perf_counter() - begin, error
    return time.perf_counter() - begin, None


def _suites() -> tuple[float, str]:
    """The mistakes that the listed walks and attempts find, and the seconds that all of it takes."""
    begin = time.perf_counter()
    listed = [*pairs(KIOSK), *guard_outcomes(KIOSK), *refusals(KIOSK)]
    seen = [bug for bug in BUGS if any(_disagrees(bug, tried) for tried in listed)]
    return time.perf_counter() - begin, f"{len(seen)} of {len(BUGS)} ({', '.join(seen)})"


def _disagrees(bug: str, tried: Walk | Attempt) -> bool:
    try:
        follow(KioskDriver(bug), tried)
    except (Disagreement, KeyError):
        return True
    return False


# --- careless services

KINDS = (careless.Careful, careless.CheckThenAct, careless.StaleObject, careless.HistoryAfterCommit)


def _careless() -> Figure:
    """How long the explorer takes for each of the careless services of the tests, two clients with one event each."""
    figure = Figure(
        "The testing kit: exploring two clients",
        "s",
        "Seconds to try every order of the statements of two clients with up to two interruptions, or until something "
        "is found: a parcel is packed and cancelled at once. On an SQLite file as SQLAlchemy opens it, and on the "
        "library's engine.",
    )
    with tempfile.TemporaryDirectory(prefix="orderfsm-bench-") as folder:
        plain = create_engine(f"sqlite:///{folder}/plain.db")
        ways = {"": plain, ", BEGIN IMMEDIATE": engine(f"sqlite:///{folder}/secure.db")}
        for at in ways.values():
            careless.Base.metadata.create_all(at)
        for _ in range(SEEDS):
            for said, at in ways.items():
                for kind in KINDS:
                    _explored(figure, kind, at, said)
        for at in ways.values():
            at.dispose()
    return figure


def _explored(figure: Figure, kind: type[careless.Service], at: Engine, said: str) -> None:
    clients = [kind().client(event) for event in ("pack", "cancel")]
    check = judge(careless.PARCEL, careless.look)
    begin = time.perf_counter()
    explored = explore(at, careless.new, clients, check, answers=(careless.TooLate,))
    spent = time.perf_counter() - begin
    told = "found" if explored.found is not None else "nothing found"
    name = f"{kind.__name__}{said}: {told} in {explored.number} schedules"
    figure.rounds.setdefault(name, []).append(spent)
