"""The other processes of a service: relays and sweepers, to be killed like clients; and a relay that is broken."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from faults.workload import CHART, Plan, database
from orderfsm.lifecycle import Lifecycle
from orderfsm.outbox import Message, Policy, Relay
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

__all__ = ["CursorRelay", "Deliveries", "Relaying", "Sweeping", "Worker"]

LEASE = timedelta(seconds=2)


class Worker:
    """A process that does one thing over and over until it is stopped."""

    def __init__(self, slot: str, plan: Plan, stopped: Callable[[], bool]) -> None:
        self.slot, self.plan, self.stopped = slot, plan, stopped
        self.engine = database(plan.url, plan.journal, plan.durability)
        self.orders = Lifecycle(CHART, SqlStore(Order, OrderHistory))

    def run(self) -> None:
        while not self.stopped():
            try:
                busy = self.once()
            except DBAPIError:  # the server is down
                busy = False
            if not busy:
                time.sleep(0.01)

    def once(self) -> bool:
        """Do what there is to do; whether there was anything."""
        raise NotImplementedError


class Deliveries:
    """A receiver that notes what it gets in a file, with one `write` each."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, message: Message) -> None:
        self.note(message.order, message.entry.sequence, message.position)

    def note(self, *place: Any) -> None:
        os.write(self._file, (json.dumps([time.monotonic_ns(), *place]) + "\n").encode())


class Relaying(Worker):
    """The library's relay."""

    def __init__(self, slot: str, plan: Plan, stopped: Callable[[], bool]) -> None:
        super().__init__(slot, plan, stopped)
        receiver = Deliveries(Path(plan.folder) / f"delivered-{slot}.log")
        self.relay = Relay(self.engine, self.orders, receiver, policy=Policy(lease=LEASE, first=timedelta(0)))

    def once(self) -> bool:
        done = self.relay.once()
        return bool(done.deliveries) or not done.complete


class Sweeping(Worker):
    """The library's sweep."""

    def once(self) -> bool:
        return bool(self.orders.sweep(self.engine))


class CursorRelay(Worker):
    """A relay that remembers how far it has come, by time: what commits late with an early time is never seen."""

    def __init__(self, slot: str, plan: Plan, stopped: Callable[[], bool]) -> None:
        super().__init__(slot, plan, stopped)
        self.receiver = Deliveries(Path(plan.folder) / f"delivered-{slot}.log")
        self.seen = ""

    def once(self) -> bool:
        query = (
            "SELECT CAST(h.recorded_at AS text), o.order_id, o.sequence, o.position FROM order_outbox o "
            "JOIN order_history h ON h.order_id = o.order_id AND h.sequence = o.sequence "
            "WHERE CAST(h.recorded_at AS text) > :seen ORDER BY h.recorded_at"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(text(query), {"seen": self.seen}).all()
        for self.seen, *place in rows:
            self.receiver.note(*place)
        return bool(rows)
