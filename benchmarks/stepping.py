# ruff: noqa: SIM105 - contextlib.suppress would cost more than what is measured
"""Deciding in memory: one legal event, one refused event, one in a hierarchy; ours and the peers'."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orderfsm
from benchmarks.measure import Contestant, Figure, Target, race, timed
from orderfsm.chart import Chart, Kind, State, Transition
from orderfsm.machine import Machine

STATES = ("received", "accepted", "held", "completed", "rejected")
ARROWS = (
    ("accept", "received", "accepted"),
    ("hold", "accepted", "held"),
    ("resume", "held", "accepted"),
    ("withdraw", "accepted", "received"),
    ("complete", "accepted", "completed"),
    ("reject", "received", "rejected"),
)
WALK = ("accept", "hold", "resume", "withdraw")
"""A round trip: after these four events an order is where it was."""

FLAT = Chart(
    "bench/flat",
    tuple(State(name, Kind.FINAL if name in ("completed", "rejected") else Kind.ATOMIC) for name in STATES),
    tuple(Transition(source, (event,), (target,)) for event, source, target in ARROWS),
    initial=("received",),
)
NESTED = Chart(
    "bench/nested",
    (
        State("open", Kind.COMPOUND, initial=("pending",)),
        State("pending", Kind.COMPOUND, "open", ("received",)),
        State("received", parent="pending"),
        State("reserved", parent="pending"),
        State("accepted", parent="open"),
        State("held"),
    ),
    (
        Transition("received", ("reserve",), ("reserved",)),
        Transition("pending", ("accept",), ("accepted",)),
        Transition("open", ("hold",), ("held",)),
        Transition("held", ("resume",), ("pending",)),
    ),
    initial=("open",),
)
NESTED_WALK = ("reserve", "accept", "hold", "resume")


def figures() -> Iterator[Figure]:
    """The three races."""
    racers = [Contestant("orderfsm", walking(FLAT, WALK)), Contestant("orderfsm, transitions face", face(FLAT, WALK))]
    yield _noted(
        race(
            "A legal event, flat chart",
            "Four events round a chart of five states, in memory; ours returns the full Step each time.",
            [*racers, *_available(PEERS)],
            targets=(
                Target("orderfsm", "transitions, shared", 10),
                Target("orderfsm", "python-statemachine", 100),
                Target("orderfsm", "*", 5),
            ),
        )
    )
    yield race(
        "A refused event",
        "An event that is not enabled, the error caught; blockers are not read.",
        [Contestant("orderfsm", refused), *_available(REFUSING)],
        targets=(Target("orderfsm", "transitions, shared", 3),),
    )
    yield race(
        "A legal event, hierarchical chart",
        "Four events through three levels of states.",
        [Contestant("orderfsm", walking(NESTED, NESTED_WALK)), *_available(HIERARCHICAL)],
        targets=(Target("orderfsm", "transitions, hierarchical, shared", 10),),
    )


def _noted(figure: Figure) -> Figure:
    figure.notes.append("xstate runs in Node; the clock is its own, in the same turns as the others.")
    if not any(name.startswith("xstate 5") for name in figure.rounds):
        figure.notes.append("xstate 5 was not measured: node, or its package, is not here.")
    return figure


def _available(peers: dict[str, Callable[[], Any]]) -> Iterator[Contestant]:
    """The peers that are installed."""
    for name, make in peers.items():
        with contextlib.suppress(ImportError, FileNotFoundError):
            yield Contestant(name, make())


def _rounds(walk: Callable[[], object], number: int) -> float:
    """Time so many events as whole round trips, and a proportional rest."""
    trips = max(1, number // 4)

    def work() -> None:
        for _ in range(trips):
            walk()

    return timed(work) * number / (trips * 4)


# --- ours


def walking(chart: Chart, events: tuple[str, ...]) -> Callable[[int], float]:
    """The pure function, called from a loop as an application would."""
    step = orderfsm.step
    start = str(orderfsm.start(chart).after)

    def run(number: int) -> float:
        configuration: str = start

        def walk() -> None:
            nonlocal configuration
            for event in events:
                taken = step(chart, configuration, event)
                configuration = taken.after

        spent = _rounds(walk, number)
        assert configuration == start
        return spent

    return run


def face(chart: Chart, events: tuple[str, ...]) -> Callable[[int], float]:
    """An object bound by orderfsm.machine."""
    order = type("Order", (), {})()
    Machine(chart, order)
    return methods(order, events)


def methods(order: Any, events: tuple[str, ...]) -> Callable[[int], float]:
    """An object with a method for each event."""

    def walk() -> None:
        for event in events:
            getattr(order, event)()

    return lambda number: _rounds(walk, number)


def refused(number: int) -> float:
    step, error = orderfsm.step, orderfsm.NotEnabled

    def work() -> None:
        for _ in range(number):
            try:
                step(FLAT, "held", "accept")
            except error:
                pass

    return timed(work)


# --- the peers


def shared_transitions() -> Callable[[int], float]:
    """One Machine for all orders: the fastest way to use the package."""
    events, order = _transitions()

    def walk() -> None:
        for event in WALK:
            events[event].trigger(order)

    def run(number: int) -> float:
        spent = _rounds(walk, number)
        assert order.state == "received"
        return spent

    return run


def _transitions() -> tuple[Any, Any]:
    from transitions import Machine as Theirs

    machine = Theirs(
        model=None,
        states=list(STATES),
        transitions=[list(arrow) for arrow in ARROWS],
        initial="received",
        auto_transitions=False,
    )
    return machine.events, SimpleNamespace(state="received")


def shared_hierarchical() -> Callable[[int], float]:
    from transitions.extensions import HierarchicalMachine

    order = SimpleNamespace()
    HierarchicalMachine(
        model=order,
        states=[
            {
                "name": "open",
                "initial": "pending",
                "children": [
                    {"name": "pending", "initial": "received", "children": ["received", "reserved"]},
                    "accepted",
                ],
            },
            "held",
        ],
        transitions=[
            ["reserve", "open_pending_received", "open_pending_reserved"],
            ["accept", "open_pending", "open_accepted"],
            ["hold", "open", "held"],
            ["resume", "held", "open_pending"],
        ],
        initial="open",
        auto_transitions=False,
    )
    run = methods(order, NESTED_WALK)

    def checked(number: int) -> float:
        spent = run(number)
        assert order.state == "open_pending_received"
        return spent

    return checked


def refusing_transitions() -> Callable[[int], float]:
    from transitions import MachineError

    events, order = _transitions()
    order.state = "held"

    def run(number: int) -> float:
        def work() -> None:
            for _ in range(number):
                try:
                    events["accept"].trigger(order)
                except MachineError:
                    pass

        return timed(work)

    return run


def django_fsm_2() -> Callable[[int], float]:
    from benchmarks.peers import django_site

    order = django_site.memory().InMemory()
    run = methods(order, WALK)

    def checked(number: int) -> float:
        spent = run(number)
        assert order.state == "received"
        return spent

    return checked


def refusing_django() -> Callable[[int], float]:
    from benchmarks.peers import django_site

    order = django_site.memory().InMemory(state="held")
    from django_fsm import TransitionNotAllowed

    def run(number: int) -> float:
        def work() -> None:
            for _ in range(number):
                try:
                    order.accept()
                except TransitionNotAllowed:
                    pass

        return timed(work)

    return run


def python_statemachine() -> Callable[[int], float]:
    from benchmarks.peers.statemachine import Order

    order = Order()
    run = methods(order, WALK)

    def checked(number: int) -> float:
        spent = run(number)
        assert order.received in order.configuration
        return spent

    return checked


def xstate_statemachine() -> Callable[[int], float]:
    from xstate_statemachine import SyncInterpreter, create_machine

    states: dict[str, Any] = {name: {"on": {}} for name in STATES}
    for event, source, target in ARROWS:
        states[source]["on"][event] = target
    order = SyncInterpreter(create_machine({"id": "order", "initial": "received", "states": states})).start()

    def walk() -> None:
        for event in WALK:
            order.send(event)

    def run(number: int) -> float:
        spent = _rounds(walk, number)
        assert order.current_state_ids == {"order.received"}
        return spent

    return run


def sismic() -> Callable[[int], float]:
    from sismic.interpreter import Interpreter
    from sismic.io import import_from_yaml

    told = [
        {"name": name, "transitions": [{"event": e, "target": t} for e, s, t in ARROWS if s == name]} for name in STATES
    ]
    chart = {"statechart": {"name": "order", "root state": {"name": "root", "initial": "received", "states": told}}}
    order = Interpreter(import_from_yaml(json.dumps(chart)))
    order.execute()

    def walk() -> None:
        for event in WALK:
            order.queue(event).execute_once()

    def run(number: int) -> float:
        spent = _rounds(walk, number)
        assert order.configuration == ["root", "received"]
        return spent

    return run


class Node:
    """A Node process that runs so many events when it is told to, and says how long it took."""

    FOLDER = Path(__file__).parent / "peers" / "node"

    def __init__(self, way: str) -> None:
        node = shutil.which("node")
        if node is None or not _xstate_is_here(self.FOLDER):
            raise FileNotFoundError("node or xstate")
        self.process = subprocess.Popen(
            [node, str(self.FOLDER / "xstate.mjs"), way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, number: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{max(4, number // 4 * 4)}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) * number / max(4, number // 4 * 4)


def _xstate_is_here(folder: Path) -> bool:
    """Whether the package is installed, after trying to install it beside the script."""
    npm = shutil.which("npm")
    if not (folder / "node_modules" / "xstate").exists() and npm and not os.environ.get("ORDERFSM_NO_NPM"):
        command = [npm, "install", "--silent", "--no-package-lock", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=120)
    return (folder / "node_modules" / "xstate").exists()


PEERS: dict[str, Callable[[], Any]] = {
    "django-fsm-2": django_fsm_2,
    "xstate 5, actor (Node)": lambda: Node("actor"),
    "xstate 5, pure function (Node)": lambda: Node("pure"),
    "transitions, shared": shared_transitions,
    "xstate-statemachine": xstate_statemachine,
    "sismic": sismic,
    "python-statemachine": python_statemachine,
}
REFUSING: dict[str, Callable[[], Any]] = {"django-fsm-2": refusing_django, "transitions, shared": refusing_transitions}
HIERARCHICAL: dict[str, Callable[[], Any]] = {"transitions, hierarchical, shared": shared_hierarchical}
