"""Writers are killed with kill -9, at whatever they are doing: nothing that was acknowledged is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from faults.broken import LosesAnswers
from faults.checker import Verdict, check
from faults.fleet import fleet
from faults.tier import by_tier, report
from faults.workload import Plan, database, prepare

CLIENTS = by_tier(4, 8)
KILLS = by_tier(15, 100, 2_000)
ACKNOWLEDGED = by_tier(400, 20_000, 1_000_000)
ROUNDS = 50
"""How often the checker looks at a broken engine's work before it is said to find nothing; once is mostly enough."""


def under_fire(plan: Plan, *, clients: int = CLIENTS, kills: int = KILLS, acknowledged: int = ACKNOWLEDGED) -> Verdict:
    """What is found after a fleet was under fire."""
    engine = database(plan.url, plan.journal)
    orders = prepare(engine, len(plan.orders))
    plan = Plan(**plan.as_dict() | {"orders": orders})
    with fleet(plan, clients) as made:
        made.under_fire(kills, acknowledged)
    verdict = check(engine, made.logs)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    engine.dispose()
    report(f"{plan.sender} on {engine.dialect.name} {plan.journal}", clients, made.kills, verdict)
    return verdict


def plan(folder: Path, url: str, **more: object) -> Plan:
    return Plan(url, str(folder), tuple(range(12)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "journal", "sender"),
    [("sqlite", "WAL", "Library"), ("sqlite", "DELETE", "Plain"), ("postgresql", "", "Library")],
    ids=["sqlite-wal", "sqlite-rollback-journal", "postgresql"],
)
def test_killed_writers_lose_nothing_that_was_acknowledged(
    kind: str, journal: str, sender: str, tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    url = postgres_database() if kind == "postgresql" else f"sqlite:///{tmp_path}/orders.db"
    verdict = under_fire(plan(tmp_path, url, journal=journal, sender=sender))
    assert verdict.faults == {}, verdict
    assert verdict.acknowledged >= ACKNOWLEDGED
    assert verdict.refused > 0
    assert verdict.reads > 0


def test_lost_answers_are_resolved_by_the_key(tmp_path: Path) -> None:
    sender, kills, acknowledged = LosesAnswers.__name__, 3, by_tier(400, 5_000, 250_000)
    verdict = under_fire(
        plan(tmp_path, f"sqlite:///{tmp_path}/orders.db", sender=sender), kills=kills, acknowledged=acknowledged
    )
    assert verdict.faults == {}, verdict
    # Each of the clients and of their successors has lost every so manieth of its answers, all but the last few of
    # them; and each of those that are stopped at the end may leave one that it does not repeat.
    assert verdict.repeated >= acknowledged // LosesAnswers.every - (CLIENTS + kills) - CLIENTS


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("NoCompare", "unchained"),
        ("LockWithoutCheck", "unchained"),
        ("HistoryOutside", "gaps"),
        ("LosesAnswersNewKey", "duplicated"),
    ],
)
def test_the_fault_of_a_broken_engine_is_found(sender: str, expected: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/orders.db"
    engine = database(url)
    broken = Plan(url, str(tmp_path), prepare(engine, 1, guarded=False), sender=sender)
    engine.dispose()
    looking = create_engine(url)  # which takes no lock: somebody may have been halted who holds it
    with fleet(broken, 4) as made:
        for _ in range(ROUNDS):
            made.under_fire(3, 100)
            with made.halted():
                verdict = check(looking, made.logs)
            if expected in verdict.faults:
                break
    looking.dispose()
    assert expected in verdict.faults, verdict
