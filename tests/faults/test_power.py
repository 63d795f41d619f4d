"""The power is cut: what had reached the disk is mounted anew, and holds everything that was acknowledged.

Everybody is stopped, and the disk's image is copied: what is still in the kernel's memory is not in the copy. The
journal of the file system is written when somebody asks for it, not every few seconds, so that the copy is of one
moment.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from faults.checker import Verdict, check
from faults.fleet import Fleet, fleet
from faults.mounts import disk, mounted, run
from faults.server import Server, owner, server
from faults.tier import by_tier, report, soak_only
from faults.workload import Plan, database, prepare

CUTS = by_tier(0, 20, 50)
CUTS_OF_A_SERVER = by_tier(0, 10, 25)
ACKNOWLEDGED = by_tier(0, 10_000, 100_000)
CLIENTS = 4


def copied(clients: Fleet, image: Path, folder: Path, *halted: Any) -> list[Path]:
    """Copy the disk and the logs as they are at one moment; the logs of that moment."""
    with ExitStack() as everybody:
        for each in (clients.halted(), *halted):
            everybody.enter_context(each)
        shutil.copyfile(image, folder / "cut.img")
        return [Path(shutil.copy(path, folder)) for path in clients.logs]


@pytest.mark.parametrize(("durability", "loses"), [("full", False), ("relaxed", True)])
@soak_only
def test_a_power_cut_takes_from_sqlite_nothing_acknowledged_unless_it_is_relaxed(
    durability: str, loses: bool, tmp_path: Path
) -> None:
    disk(tmp_path / "disk.img", 128)
    verdicts: list[Verdict] = []
    (tmp_path / "moment").mkdir()
    with mounted(tmp_path / "disk.img", tmp_path / "disk") as here:
        url = f"sqlite:///{here}/orders.db"
        engine = database(url)
        plan = Plan(url, str(tmp_path), prepare(engine, 12), durability=durability)
        engine.dispose()

        def cut() -> None:
            logs = copied(clients, tmp_path / "disk.img", tmp_path / "moment")
            with mounted(tmp_path / "moment" / "cut.img", tmp_path / "after") as after:
                found = database(f"sqlite:///{after}/orders.db")
                verdicts.append(check(found, logs))
                found.dispose()

        with fleet(plan, CLIENTS) as clients:
            clients.fire(cut, CUTS, ACKNOWLEDGED)
    judged(f"power cuts, SQLite {durability}", verdicts, loses=loses)


def judged(what: str, verdicts: list[Verdict], *, loses: bool) -> None:
    lost = [verdict.lost for verdict in verdicts]
    report(f"{what}: {len(verdicts)} cuts, lost {sum(lost)}", CLIENTS, len(verdicts), verdicts[-1])
    if loses:
        assert sum(lost) > 0, "the control: without the guarantee a power cut must be seen to lose something"
        kept = [{name for name in verdict.faults if name not in ("lost", "not_linearizable")} for verdict in verdicts]
        assert kept == [set()] * len(verdicts), "even then only the newest go, and what is left is consistent"
    else:
        assert [verdict.faults for verdict in verdicts] == [{}] * len(verdicts)


@contextmanager
def server_on(folder: Path, elsewhere: Server, name: str, **settings: str) -> Iterator[Server]:
    """A server whose data lie in a folder, and whose socket lies elsewhere."""
    sockets = elsewhere.sockets / name
    sockets.mkdir(exist_ok=True)
    user = owner()
    if user is not None:
        shutil.chown(sockets, user)
        shutil.chown(folder, user)
    made = Server(folder / "data", sockets, **settings)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize(("commit", "loses"), [("on", False), ("off", True)])
@soak_only
def test_a_power_cut_takes_from_postgresql_nothing_acknowledged_unless_commits_are_asynchronous(
    commit: str, loses: bool, tmp_path: Path
) -> None:
    disk(tmp_path / "disk.img", 256)
    verdicts: list[Verdict] = []
    (tmp_path / "moment").mkdir()
    settings = {"synchronous_commit": commit, "max_wal_size": "32MB", "wal_writer_delay": "10s"}
    with (
        server(start=False) as elsewhere,
        mounted(tmp_path / "disk.img", elsewhere.sockets / "disk") as here,
        server_on(here, elsewhere, "a", **settings) as running,
    ):
        running.initialise("--wal-segsize=1")
        run("sync", "--file-system", str(here))
        running.start()
        engine = database(running.url, durability="relaxed")
        plan = Plan(running.url, str(tmp_path), prepare(engine, 12), durability="relaxed")
        engine.dispose()
        with running.connect() as connection:
            connection.execute("CHECKPOINT")

        def cut() -> None:
            logs = copied(clients, tmp_path / "disk.img", tmp_path / "moment", running.halted())
            with (
                mounted(tmp_path / "moment" / "cut.img", elsewhere.sockets / "after") as after,
                server_on(after, elsewhere, "b", **settings) as recovered,
            ):
                (after / "data" / "postmaster.pid").unlink()
                recovered.start()
                found = database(recovered.url, durability="relaxed")
                verdicts.append(check(found, logs))
                found.dispose()

        with fleet(plan, CLIENTS) as clients:
            clients.fire(cut, CUTS_OF_A_SERVER, ACKNOWLEDGED)
    judged(f"power cuts, PostgreSQL synchronous_commit={commit}", verdicts, loses=loses)
