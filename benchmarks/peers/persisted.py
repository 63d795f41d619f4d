"""xstate-statemachine with its own SQLite store and log, which share a file; a save, then a record, in one lock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from xstate_statemachine import SyncInterpreter, create_machine
from xstate_statemachine.persistence.helpers import save_interpreter
from xstate_statemachine.persistence.log import SQLiteLog, TransitionRecord
from xstate_statemachine.persistence.sqlite_store import SQLiteStore

from benchmarks.stepping import ARROWS, STATES


def orders(file: str, synchronous: str) -> tuple[Callable[[str], None], Callable[[int], None]]:
    """What sends an event and stores the machine, and what verifies so many."""
    store = SQLiteStore(file)
    log = SQLiteLog(store)
    store._conn().execute(f"PRAGMA synchronous = {synchronous}")
    states: dict[str, Any] = {name: {"on": {}} for name in STATES}
    for name, source, target in ARROWS:
        states[source]["on"][name] = target
    order: Any = SyncInterpreter(create_machine({"id": "order", "initial": "received", "states": states})).start()
    version = save_interpreter(store, "order", order, expected_version=0)

    def send(name: str) -> None:
        nonlocal version
        before = sorted(order.current_state_ids)
        order.send(name)
        with store._tx(store._conn(), immediate=True):
            version = save_interpreter(store, "order", order, expected_version=version)
            log.append(_record(version, before, name, sorted(order.current_state_ids)))

    def check(total: int) -> None:
        assert len(log.read("order", limit=total + 2)) == total
        found = store.load("order")
        assert found is not None
        assert found.version == version == total + 1

    return send, check


def _record(version: int, before: list[str], name: str, after: list[str]) -> TransitionRecord:
    return TransitionRecord("order", version - 1, time.time(), name, {}, tuple(before), tuple(after), (), actor="staff")
