"""Writers are killed with kill -9, at whatever they are doing: nothing that was acknowledged is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from faults.checker import Verdict, check
from faults.fleet import fleet
from faults.tier import by_tier, report
from faults.workload import Plan, database, prepare

CLIENTS = by_tier(4, 8)
KILLS = by_tier(20, 100, 2_000)
ACKNOWLEDGED = by_tier(2_000, 20_000, 1_000_000)


def under_fire(
    plan: Plan, *, clients: int = CLIENTS, kills: int = KILLS, acknowledged: int = ACKNOWLEDGED, guarded: bool = True
) -> Verdict:
    """What is found after a fleet was under fire."""
    engine = database(plan.url, plan.journal)
    orders = prepare(engine, len(plan.orders), guarded=guarded)
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
    verdict = under_fire(
        plan(tmp_path, f"sqlite:///{tmp_path}/orders.db", sender="LosesAnswers"),
        kills=3,
        acknowledged=ACKNOWLEDGED // 4,
    )
    assert verdict.faults == {}, verdict
    assert verdict.repeated > 10


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
    broken = Plan(f"sqlite:///{tmp_path}/orders.db", str(tmp_path), (0,), sender=sender)
    verdict = under_fire(broken, clients=4, kills=15, acknowledged=500, guarded=False)
    assert verdict.faults.get(expected, 0) > 0, verdict
