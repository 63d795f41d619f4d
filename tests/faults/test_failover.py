"""The primary is killed and its standby takes its place: what a synchronous standby has confirmed is still there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from faults.checker import Verdict, check
from faults.fleet import Fleet, fleet
from faults.replicas import Replicas, replicas
from faults.tier import by_tier, report, soak_only
from faults.workload import Plan, database, prepare

PROMOTIONS = by_tier(1, 10)
ACKNOWLEDGED = by_tier(150, 5_000, 100_000)
HELD = 200
"""How many commits of a primary that are acknowledged, or cancelled, its standby never gets."""


@contextmanager
def load(pair: Replicas, folder: Path, senders: tuple[str, ...], *, reads: float = 0.1) -> Iterator[Fleet]:
    """Clients at work, as many of each kind; those of the first are the fleet's own."""
    engine = database(pair.url)
    plan = Plan(pair.url, str(folder), prepare(engine, 12), sender=senders[0], reads=reads)
    engine.dispose()
    each = by_tier(4, 8) // len(senders)
    with fleet(plan, each) as clients:
        for sender in senders[1:]:
            for number in range(each):
                clients.employ(f"{sender}-{number}", replace(plan, sender=sender))
        yield clients


def verdict(pair: Replicas, clients: Fleet) -> Verdict:
    engine = database(pair.url)
    try:
        return check(engine, clients.logs)
    finally:
        engine.dispose()


def test_a_promoted_synchronous_standby_has_everything_that_was_acknowledged(tmp_path: Path) -> None:
    with replicas(synchronous="standby") as pair:
        with load(pair, tmp_path, ("Library", "Writing")) as clients:
            clients.fire(pair.succeed, PROMOTIONS, ACKNOWLEDGED)
        found, promotions = verdict(pair, clients), pair.promotions
    report("failover", len(clients.logs), promotions, found)
    assert found.faults == {}, found
    assert found.acknowledged >= ACKNOWLEDGED
    assert promotions == PROMOTIONS


@soak_only
@pytest.mark.parametrize("sender", ["Library", "Writing"])
def test_a_cancelled_wait_for_the_standby_is_no_acknowledgement(sender: str, tmp_path: Path) -> None:
    found = cancelled(tmp_path, sender)
    assert found.faults == {}, found


@soak_only
def test_who_does_not_read_the_warning_of_a_cancelled_wait_loses(tmp_path: Path) -> None:
    judged_lost(cancelled(tmp_path, "Plain"))


@soak_only
def test_asynchronous_replication_loses_what_the_standby_has_not_got(tmp_path: Path) -> None:
    with replicas(synchronous="") as pair:
        with load(pair, tmp_path, ("Library", "Writing")) as clients:
            clients.until(HELD)
            pair.hold()
            clients.until(clients.acknowledged + HELD)
            pair.fail_over()
            clients.until(clients.acknowledged + HELD)
        found = verdict(pair, clients)
    report("failover, asynchronous", len(clients.logs), 1, found)
    judged_lost(found)


def judged_lost(found: Verdict) -> None:
    """The control: something acknowledged is gone, and what is left is consistent."""
    assert found.lost > 0, found
    assert set(found.faults) <= {"lost", "not_linearizable"}, found


def cancelled(folder: Path, sender: str) -> Verdict:
    """What is found when waits for a standby that gets nothing were cancelled, before it takes over."""
    with replicas(synchronous="standby") as pair:
        with load(pair, folder, (sender,), reads=0) as clients:
            clients.until(HELD)
            pair.hold()
            count, end = 0, time.monotonic() + 240
            while count < HELD // 10 and time.monotonic() < end:
                count += pair.cancel()
            pair.succeed()
            clients.until(clients.acknowledged + HELD)
        found = verdict(pair, clients)
    report(f"failover after cancelled waits, {sender}", len(clients.logs), count, found)
    return found
