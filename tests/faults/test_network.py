"""Connections are cut before and during COMMIT, answers are lost or late: every call ends, and the key resolves it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from faults.checker import check
from faults.fleet import fleet
from faults.log import calls
from faults.proxy import Fault, Proxy, Rule
from faults.tier import by_tier, report
from faults.workload import Plan, database, prepare

FAULTS = by_tier(30, 1_000)
KILLS = by_tier(5, 200)
ACKNOWLEDGED = by_tier(300, 30_000)


def weather(seed: int, share: float) -> Rule:
    """Faults at random; more of them where a COMMIT is sent, for there they hurt most."""
    drawn = random.Random(seed)
    kinds = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.CUT_AFTER, Fault.DELAY)

    def rule(piece: bytes) -> Fault:
        likely = share * 5 if b"COMMIT" in piece else share
        return drawn.choice(kinds) if drawn.random() < likely else Fault.PASS

    return rule


def test_cut_lines_lose_nothing_and_every_call_ends(tmp_path: Path, postgres_database: Callable[[], str]) -> None:
    url = postgres_database()
    engine = database(url)
    orders = prepare(engine, 12)
    with Proxy(url) as proxy:
        proxy.delay = 0.05
        proxy.rule = weather(1, 0.01)
        through = proxy.url.render_as_string(hide_password=False)
        with fleet(Plan(through, str(tmp_path), orders), by_tier(4, 8)) as made:
            made.under_fire(KILLS, ACKNOWLEDGED)
            end = time.monotonic() + 600
            while sum(proxy.counts.values()) - proxy.counts[Fault.PASS] < FAULTS and time.monotonic() < end:
                time.sleep(0.05)
        faults = sum(proxy.counts.values()) - proxy.counts[Fault.PASS]
    verdict = check(engine, made.logs)
    engine.dispose()
    doubts = sum(call.doubts for call in calls(made.logs).values())
    report(f"network, {faults} faults, {doubts} told InDoubt", made.clients, made.kills, verdict)
    assert verdict.faults == {}, verdict
    assert faults >= FAULTS
    assert verdict.acknowledged >= ACKNOWLEDGED
