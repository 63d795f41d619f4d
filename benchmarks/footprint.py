"""What it costs to have orderfsm about: memory of a live order, loading charts, importing, the command line."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orderfsm
from benchmarks.measure import Figure
from benchmarks.stepping import FLAT, WALK
from orderfsm.machine import Machine

ROUNDS = 7
CHARTS = (
    *("adobe/item", "adobe/order", "cablelabs/item", "cablelabs/order", "dream_junction/item", "dream_junction/order"),
    *("record_stack_overflow/order", "stapi/order", "stat/order"),
)


def figures() -> Iterator[Figure]:
    """Memory, loading, importing."""
    yield memory()
    yield loading_again()
    yield first_loading()
    yield importing()
    yield help_page()


# --- memory


def memory() -> Figure:
    """Bytes that one live order takes, beyond the object itself."""
    figure = Figure(
        "Memory of a live order",
        "bytes",
        "What an object takes, after four events, beyond the same object that is bound to nothing.",
    )
    ways = {"orderfsm, transitions face": bound, "orderfsm, configuration in a list": listed, **_peers()}
    for _ in range(5):
        for name, make in ways.items():
            figure.rounds.setdefault(name, []).append(make())
    figure.at_most("orderfsm, transitions face", 200, "orderfsm, transitions face")
    figure.at_most("orderfsm, configuration in a list", 200, "orderfsm, configuration in a list")
    return figure


class Plain:
    """An object of an application's, bound to nothing."""


class Bound:
    """The same, bound by orderfsm.machine."""


def weigh(make: Callable[[], object], number: int = 500) -> float:
    """Bytes per object that stay after making so many."""
    make()
    tracemalloc.start()
    kept = [make() for _ in range(number)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == number
    return size / number


def bound() -> float:
    Machine(FLAT, Bound)

    def live() -> object:
        return _walk(Bound())

    return weigh(live) - weigh(Plain)


def listed() -> float:
    return weigh(lambda: orderfsm.step(FLAT, orderfsm.step(FLAT, "received", "accept").after, "hold").after)


def _walk(order: Any) -> object:
    for event in WALK:
        getattr(order, event)()
    return order


def _peers() -> dict[str, Callable[[], float]]:
    """One machine per object, as the peers are used by default; those that are installed."""

    def transitions() -> float:
        from transitions import Machine as Theirs

        from benchmarks.stepping import ARROWS, STATES

        def live() -> object:
            order = Plain()
            arrows = [list(arrow) for arrow in ARROWS]
            Theirs(model=order, states=list(STATES), transitions=arrows, initial="received", auto_transitions=False)
            return _walk(order)

        return weigh(live, 100) - weigh(Plain)

    def statemachine() -> float:
        from benchmarks.peers.statemachine import Order

        return weigh(lambda: _walk(Order()), 100) - weigh(Plain)

    found: dict[str, Callable[[], float]] = {"transitions, a Machine per order": transitions}
    try:
        statemachine()
    except ImportError:
        return found
    return found | {"python-statemachine": statemachine}


# --- new processes, with bytecode that an earlier one has written, as after any installation

BYTECODE = tempfile.mkdtemp(prefix="orderfsm-bytecode-")
atexit.register(shutil.rmtree, BYTECODE, ignore_errors=True)


def fresh(*command: str) -> str:
    """What a new process prints."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    surroundings["PYTHONPYCACHEPREFIX"] = BYTECODE
    return subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings).stdout


# --- loading


def loading_again() -> Figure:
    """Milliseconds to load and compile a shipped chart that was loaded before."""
    figure = Figure("Loading a compiled chart again", "ms", "load(name) and its table, the chart being in the cache.")
    for name in CHARTS:
        orderfsm.compile(orderfsm.load(name))
    for _ in range(ROUNDS * 5):
        for name in CHARTS:
            begin = time.perf_counter()
            orderfsm.compile(orderfsm.load(name))
            figure.rounds.setdefault(name, []).append((time.perf_counter() - begin) * 1e3)
    slowest = max(figure.rounds, key=figure.median)
    figure.at_most(slowest, 1, f"the slowest of them, {slowest}")
    return figure


def first_loading() -> Figure:
    """Milliseconds to read, check and compile a chart in a new process."""
    script = (
        "import sys, time, orderfsm; b = time.perf_counter(); c = orderfsm.load(sys.argv[1]); m = time.perf_counter();"
        "orderfsm.compile(c); e = time.perf_counter(); print((m - b) * 1e3, (e - m) * 1e3)"
    )
    figure = Figure(
        "Loading a chart for the first time",
        "ms",
        "In a new process: the YAML reader is imported, the file read and checked.",
    )
    fresh(sys.executable, "-c", script, "stat/order")
    for _ in range(5):
        for name in ("dream_junction/item", "stat/order", "stapi/order"):
            read, compiled = map(float, fresh(sys.executable, "-c", script, name).split())
            figure.rounds.setdefault(f"{name}, reading", []).append(read)
            figure.rounds.setdefault(f"{name}, compiling", []).append(compiled)
    return figure


# --- importing


def importing() -> Figure:
    """Milliseconds that `import orderfsm` takes in a new process."""
    script = (
        "import sys, time, json; had = set(sys.modules); b = time.perf_counter(); import orderfsm;"
        "e = time.perf_counter(); new = sorted(set(sys.modules) - had);"
        "foreign = sorted({n.partition('.')[0] for n in new} - sys.stdlib_module_names - {'orderfsm'});"
        "print(json.dumps([(e - b) * 1e3, len(new), sum(n.startswith('orderfsm') for n in new), foreign]))"
    )
    figure = Figure("import orderfsm", "ms", "In a new process, without the start of Python itself.")
    for _ in range(ROUNDS + 1):
        spent, new, own, foreign = json.loads(fresh(sys.executable, "-c", script))
        figure.rounds.setdefault("import orderfsm", []).append(spent)
    figure.rounds["import orderfsm"].pop(0)  # it wrote the bytecode
    figure.at_most("import orderfsm", 60, "import orderfsm")
    figure.notes.append(
        f"It loads {new} modules, {own} of them its own; third-party packages: {', '.join(foreign) or 'none'}."
    )
    return figure


def help_page() -> Figure:
    """Seconds that `orderfsm --help` takes."""
    figure = Figure("orderfsm --help", "s", "The whole process, from the shell's point of view.")
    command = [str(Path(sys.executable).with_name("orderfsm")), "--help"]
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        fresh(*command)
        figure.rounds.setdefault("orderfsm --help", []).append(time.perf_counter() - begin)
    figure.rounds["orderfsm --help"].pop(0)
    figure.at_most("orderfsm --help", 0.4, "orderfsm --help")
    return figure
