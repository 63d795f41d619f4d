"""Relays and sweepers are killed along with the clients: every message arrives, in order; every timer fires once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from faults.checker import check
from faults.deliveries import delivered, passed_over
from faults.fleet import Fleet, fleet
from faults.tier import by_tier, report
from faults.workers import LEASE, Relaying, Sweeping
from faults.workload import PATIENCE, Plan, database, prepare

KILLS = by_tier(10, 250, 1_000)
ACKNOWLEDGED = by_tier(200, 20_000, 100_000)
CLIENTS = by_tier(2, 4)


def drained(plan: Plan, folder: Path) -> None:
    """What nobody has delivered or sent yet is, by a relay and a sweep that nobody kills."""
    time.sleep(LEASE.total_seconds() + PATIENCE.total_seconds())
    for kind in (Sweeping, Relaying):
        worker = kind("last", plan, lambda: True)
        while worker.once():
            pass
        worker.engine.dispose()


def employed(made: Fleet, plan: Plan, *workers: str) -> None:
    for number, kind in enumerate(workers):
        made.employ(f"{kind}-{number}", replace(plan, sender=kind))


def busy(engine: Engine) -> bool:
    """Whether there was enough to do: many messages to deliver, and a timer that a sweep has sent."""
    with engine.connect() as connection:
        emitted = connection.execute(text("SELECT count(*) FROM order_outbox")).scalar_one()
        fired = connection.execute(text("SELECT count(*) FROM order_history WHERE key LIKE 'timer:%'")).scalar_one()
    return emitted > ACKNOWLEDGED / 10 and fired > 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_relays_and_sweepers_miss_nothing_and_do_nothing_twice(
    kind: str, tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    url = postgres_database() if kind == "postgresql" else f"sqlite:///{tmp_path}/orders.db"
    engine = database(url)
    plan = Plan(url, str(tmp_path), prepare(engine, 20))
    with fleet(plan, CLIENTS) as made:
        employed(made, plan, "Relaying", "Relaying", "Sweeping", "Sweeping")
        made.under_fire(KILLS, ACKNOWLEDGED)
        made.waited(lambda: busy(engine))
    drained(plan, tmp_path)
    verdict, messages = check(engine, made.logs), delivered(engine, tmp_path.glob("delivered-*.log"))
    with engine.connect() as connection:
        held = connection.execute(text("SELECT count(*) FROM orders WHERE configuration = 'held'")).scalar()
    engine.dispose()
    report(f"relays and sweepers on {kind}, {messages}", CLIENTS + 4, made.kills, verdict)
    assert verdict.faults == {}, verdict
    assert messages.faults == {}, messages
    assert held == 0, "no timer was forgotten"


def test_a_relay_with_a_cursor_is_seen_to_miss_messages(tmp_path: Path, postgres_database: Callable[[], str]) -> None:
    url = postgres_database()
    engine = database(url)
    plan = Plan(url, str(tmp_path), prepare(engine, 20))
    with fleet(plan, 6) as made:
        employed(made, plan, "CursorRelay")
        made.waited(lambda: passed_over(engine, tmp_path.glob("delivered-*.log")))
    engine.dispose()
