"""The disk is full, or may not be written to: a clear error, nothing broken, and on it goes once there is room."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from faults.checker import Verdict, check
from faults.mounts import fill, memory, read_only
from faults.server import Server, owner, server
from faults.tier import by_tier, soak_only
from faults.workload import Client, Library, Plan, database, prepare
from orderfsm.errors import UnsafeSettings
from orderfsm.sqlmodel import Order

MANY = by_tier(300, 5_000)


def client(folder: Path, url: str, orders: tuple[int, ...]) -> Client:
    plan = Plan(url, str(folder), orders, patience=0)
    made = Client("0", plan, Library(plan), lambda: False)
    made.pause = 0
    return made


def begun(url: str, count: int) -> tuple[int, ...]:
    """The keys of new orders; no connection is left open."""
    engine = database(url)
    try:
        return prepare(engine, count)
    finally:
        engine.dispose()


def checked(url: str, folder: Path) -> Verdict:
    engine = database(url)
    try:
        return check(engine, [folder / "client-0.log"])
    finally:
        engine.dispose()


def until(client: Client, said: str, most: int, name: str = "until") -> str:
    """Call until an answer has these words; returns it."""
    for number in range(most):
        client.call(f"{name}-{number}")
        if said in client.log.last.get("because", ""):
            return str(client.log.last["because"])
    raise AssertionError(f"nobody said {said!r} in {most} calls")


def some(client: Client, name: str, count: int) -> None:
    for number in range(count):
        client.call(f"{name}-{number}")


def sound(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_sqlite_with_a_quota_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """What a full disk looks like to SQLite, on every machine: `max_page_count` gives the same error."""
    url = f"sqlite:///{tmp_path}/orders.db"
    orders = begun(url, 4)
    here = client(tmp_path, url, orders)
    engine = here.sender.engine  # type: ignore[attr-defined]
    some(here, "before", 20)
    _quota(engine, 1)
    assert "database or disk is full" in until(here, "full", 1_000)
    with Session(engine) as session:  # the same engine and connection: reading goes on
        assert session.get_one(Order, orders[0]).revision > 0
    _quota(engine, 1_000_000)
    some(here, "after", MANY)
    verdict = check(engine, [tmp_path / "client-0.log"])
    assert verdict.faults == {}, verdict
    assert verdict.in_doubt == 0  # a full disk leaves nothing in doubt
    assert verdict.acknowledged > MANY / 2
    sound(engine)
    engine.dispose()


def _quota(engine: Engine, pages: int) -> None:
    """SQLite takes the file's present size where the quota is below it."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


@soak_only
def test_sqlite_on_a_full_disk_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with memory(tmp_path / "disk", "8m") as disk:
        url = f"sqlite:///{disk}/orders.db"
        orders = begun(url, 4)
        here = client(tmp_path, url, orders)
        engine = here.sender.engine  # type: ignore[attr-defined]
        for round_ in range(20):
            some(here, f"before-{round_}", 20)
            with fill(disk, leave=round_ * 4_096):
                until(here, "full", 1_000, f"full-{round_}")
            some(here, f"after-{round_}", 20)
        verdict = check(engine, [tmp_path / "client-0.log"])
        assert verdict.faults == {}, verdict
        assert verdict.acknowledged > 400
        sound(engine)
        engine.dispose()


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server whose tables lie on a disk of 96 MB, and whose log of changes lies elsewhere."""
    with server(start=False) as elsewhere, memory(elsewhere.sockets / "disk", "96m") as disk:
        user = owner()
        data, log = disk / "data", elsewhere.sockets / "wal"
        for folder in (data, log):
            folder.mkdir(mode=0o700)
            if user is not None:
                shutil.chown(folder, user)
        made = Server(data, elsewhere.sockets)
        made.initialise("-X", str(log))
        made.start()
        yield made, disk
        made.stop()


@soak_only
def test_postgresql_on_a_full_disk_says_so_and_goes_on_without_a_restart(
    small_server: tuple[Server, Path], tmp_path: Path
) -> None:
    made, disk = small_server
    orders = begun(made.url, 4)
    here = client(tmp_path, made.url, orders)
    engine = here.sender.engine  # type: ignore[attr-defined]
    some(here, "before", 50)
    with fill(disk):
        assert "DiskFull" in until(here, "DiskFull", 50_000)
    some(here, "after", 2_000)
    verdict = check(engine, [tmp_path / "client-0.log"])
    assert verdict.faults == {}, verdict
    assert verdict.acknowledged > 1_000
    engine.dispose()


def test_a_file_that_may_not_be_written_is_refused_when_connecting_or_writing(tmp_path: Path) -> None:
    url = f"sqlite:///file:{tmp_path}/orders.db?mode=ro&uri=true"
    orders = begun(f"sqlite:///{tmp_path}/orders.db", 2)
    here = client(tmp_path, url, orders)
    assert "readonly database" in until(here, "readonly", 100)
    here.sender.engine.dispose()  # type: ignore[attr-defined]
    verdict = checked(f"sqlite:///{tmp_path}/orders.db", tmp_path)
    assert (verdict.faults, verdict.acknowledged) == ({}, 0), verdict


@soak_only
def test_a_file_system_that_becomes_read_only_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with memory(tmp_path / "disk", "16m") as disk:
        url = f"sqlite:///{disk}/orders.db"
        orders = begun(url, 4)
        here = client(tmp_path, url, orders)
        some(here, "before", 200)
        here.sender.engine.dispose()  # type: ignore[attr-defined]
        refused = pytest.raises((DBAPIError, UnsafeSettings), match=r"readonly|unable to open|journal_mode")
        with read_only(disk), refused:
            begun(url, 1)
        some(here, "after", 200)
        engine = here.sender.engine  # type: ignore[attr-defined]
        verdict = check(engine, [tmp_path / "client-0.log"])
        assert verdict.faults == {}, verdict
        assert verdict.acknowledged > 200
        sound(engine)
        engine.dispose()
