"""PostgreSQL is stopped at once, and its processes are killed, under load: what was acknowledged is still there."""

from __future__ import annotations

from pathlib import Path

from faults.checker import check
from faults.fleet import fleet
from faults.server import server
from faults.tier import by_tier, report
from faults.workload import Plan, database, prepare

CRASHES = by_tier(2, 50, 100)
KILLED_BACKENDS = by_tier(2, 20, 50)
ACKNOWLEDGED = by_tier(200, 50_000, 200_000)


def test_a_server_that_crashes_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with server() as made:
        engine = database(made.url)
        plan = Plan(made.url, str(tmp_path), prepare(engine, 12))
        engine.dispose()
        with fleet(plan, by_tier(4, 8)) as clients:
            clients.fire(made.crash, CRASHES, ACKNOWLEDGED)
            clients.fire(made.kill_backend, KILLED_BACKENDS, ACKNOWLEDGED)
        verdict = check(engine, clients.logs)
        engine.dispose()
        recoveries = made.log().count("database system was not properly shut down")
    report("server crashes", clients.clients, CRASHES + KILLED_BACKENDS, verdict)
    assert verdict.faults == {}, verdict
    assert verdict.acknowledged >= 2 * ACKNOWLEDGED
    assert recoveries >= CRASHES + KILLED_BACKENDS
