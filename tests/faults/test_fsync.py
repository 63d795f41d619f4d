"""The disk says that it could not keep what was written: then nothing was acknowledged, and nothing else is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from faults.checker import Verdict, check
from faults.fleet import Fleet, fleet
from faults.server import Server, server
from faults.tier import by_tier, report, soak_only
from faults.tracing import failing_fsync
from faults.workload import Plan, database, prepare

CYCLES = by_tier(1, 5, 20)
ACKNOWLEDGED = by_tier(100, 500, 5_000)
"""In each cycle."""
CLIENTS = 4


@pytest.mark.parametrize("kind", ["client backend", pytest.param("checkpointer", marks=soak_only)])
def test_postgresql_panics_when_fsync_fails_and_recovers_everything_acknowledged(kind: str, tmp_path: Path) -> None:
    with server() as made:
        engine = database(made.url)
        plan = Plan(made.url, str(tmp_path), prepare(engine, 12))
        engine.dispose()
        with fleet(plan, CLIENTS) as clients:
            clients.fire(lambda: panicked(made, kind), CYCLES, CYCLES * ACKNOWLEDGED)
        verdict = check(engine, clients.logs)
        engine.dispose()
        panics = made.log().count("PANIC:  could not f")
    report(f"failing fsync, PostgreSQL {kind}", CLIENTS, panics, verdict)
    assert verdict.faults == {}, verdict
    assert verdict.acknowledged >= CYCLES * ACKNOWLEDGED
    assert panics >= CYCLES


def panicked(made: Server, kind: str) -> None:
    """Let fsync fail in all of a server's processes of one kind, until one of them has ended the server; recovered."""
    with failing_fsync(made.serving(kind), "1+"), made.dropping():
        if kind == "checkpointer":
            with pytest.raises(Exception, match=r"server closed|terminat|checkpoint"), made.connect() as connection:
                connection.execute("CHECKPOINT")


@pytest.mark.parametrize(
    ("journal", "sender"),
    [
        ("WAL", "Asking"),
        pytest.param("WAL", "Writing", marks=soak_only),
        pytest.param("DELETE", "Asking", marks=soak_only),
    ],
)
def test_a_commit_of_sqlite_whose_fsync_fails_is_not_acknowledged_and_nothing_is_lost(
    journal: str, sender: str, tmp_path: Path
) -> None:
    verdicts: list[Verdict] = []
    failed = 0
    with load(tmp_path, journal, sender, CLIENTS) as clients:
        for _ in range(CYCLES):
            with failing_fsync(clients.processes, "3+7") as count:  # somebody does a fourth of what is done
                clients.until(clients.acknowledged + ACKNOWLEDGED)
                failed += count()
            verdicts.append(reopened(clients, tmp_path, journal))
    report(f"failing fsync, SQLite {journal}, {sender}, {len(verdicts)} cycles", CLIENTS, failed, verdicts[-1])
    assert [verdict.faults for verdict in verdicts] == [{}] * CYCLES
    assert verdicts[-1].acknowledged >= CYCLES * ACKNOWLEDGED
    assert verdicts[-1].repeated > 0
    assert failed > 0


@pytest.mark.parametrize(
    ("sender", "faults", "in_doubt"), [("Asking", {}, 1), ("Certain", {"failed_but_present": 1}, 0)]
)
def test_a_commit_of_sqlite_whose_fsync_failed_may_be_there_after_all(
    sender: str, faults: dict[str, int], in_doubt: int, tmp_path: Path
) -> None:
    """Why it is a doubt, and no refusal: what is in the log counts when the file is opened again."""
    with load(tmp_path, "WAL", sender, 1) as clients:
        clients.until(10)
        with failing_fsync(clients.processes, "1+"):
            moments = (reopened(clients, tmp_path, "WAL") for _ in range(500))  # in some it is just being written anew
            assert any((found.faults, found.in_doubt_present) == (faults, in_doubt) for found in moments)


@contextmanager
def load(folder: Path, journal: str, sender: str, clients: int) -> Iterator[Fleet]:
    url = f"sqlite:///{folder}/orders.db"
    engine = database(url, journal)
    plan = Plan(url, str(folder), prepare(engine, 12), sender=sender, journal=journal, reads=0)
    engine.dispose()
    with fleet(plan, clients) as made:
        yield made


def reopened(clients: Fleet, folder: Path, journal: str) -> Verdict:
    """What is found in a copy of the files as they are at one moment, which has nothing of a process's memory."""
    moment = folder / "moment"
    moment.mkdir(exist_ok=True)
    with clients.halted():
        for name in ("orders.db", "orders.db-wal", "orders.db-journal"):
            (moment / name).unlink(missing_ok=True)
            if (folder / name).exists():
                shutil.copy(folder / name, moment)
        logs = [Path(shutil.copy(path, moment)) for path in clients.logs]
    engine = database(f"sqlite:///{moment}/orders.db", journal)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    verdict = check(engine, logs)
    engine.dispose()
    return verdict
