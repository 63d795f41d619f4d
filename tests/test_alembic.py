"""The recipe for Alembic, as the how-to page has it: autogenerate, upgrade, take in, check, downgrade."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "alembic.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Callable[[], str]) -> str:
    return f"sqlite:///{tmp_path}/service.db" if request.param == "sqlite" else postgres_database()


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """The folder of a service with the files of the page; its models are those from before."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (tmp_path / "migrations" / name).write_text(FILES[name], encoding="utf-8")
    (tmp_path / "take_in.py").write_text(FILES["take_in.py"], encoding="utf-8")
    (tmp_path / "models.py").write_text(FILES["before.py"], encoding="utf-8")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = migrations\nprepend_sys_path = .\npath_separator = os\n", encoding="utf-8"
    )
    return tmp_path


def run(service: Path, url: str, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=service,
        env={**os.environ, "DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def migrate(service: Path, url: str, message: str) -> None:
    """Write a revision and upgrade to it, in one process: most of the time of one is Python's imports."""
    revision = ["revision", "--autogenerate", "-m", message]
    run(service, url, "-c", f"from alembic.config import main; main({revision!r}); main(['upgrade', 'head'])")


def test_a_table_full_of_orders_gets_a_state_and_a_history(service: Path, url: str) -> None:
    migrate(service, url, "bookings")
    engine = create_engine(url)
    key = "5eed5eed5eed5eed5eed5eed5eed5eed"
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO booking (id, status) VALUES (:key, 'accepted')"), {"key": key})

    (service / "models.py").write_text(FILES["models.py"], encoding="utf-8")
    migrate(service, url, "bookings have a history")
    assert "No new upgrade operations detected" in run(service, url, "-m", "alembic", "check")
    for _ in range(2):
        run(service, url, "take_in.py")

    with engine.begin() as connection:
        state = connection.execute(text("SELECT configuration, code, revision FROM booking")).all()
        entries = connection.execute(text("SELECT sequence, event, before, after, origin FROM bookinghistory")).all()
    assert state == [("accepted", "accepted", 1)]
    assert entries == [(1, "adopt", "[*]", "accepted", "import")]
    found = inspect(engine)
    assert found.get_pk_constraint("bookinghistory")["constrained_columns"] == ["order_id", "sequence"]
    assert found.get_foreign_keys("bookinghistory")[0]["referred_table"] == "booking"
    assert sorted(set(found.get_table_names()) - {"alembic_version"}) == ["booking", "bookinghistory"]

    run(service, url, "-m", "alembic", "downgrade", "-1")
    after = inspect(engine)
    assert [column["name"] for column in after.get_columns("booking")] == ["id", "status"]
    assert "bookinghistory" not in after.get_table_names()
    engine.dispose()


def test_the_ready_made_tables_are_migrated_like_any_other(service: Path, url: str) -> None:
    (service / "models.py").write_text("from orderfsm.sqlmodel import Order, OrderHistory  # noqa: F401\n")
    migrate(service, url, "orders")
    run(service, url, "-m", "alembic", "check")
    engine = create_engine(url)
    assert {"orders", "order_history"} <= set(inspect(engine).get_table_names())
    engine.dispose()
