"""`orderfsm sweep`: one sweep, a sweep that goes on, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from typer.testing import CliRunner

from kept_sweeper import hang
from orderfsm.cli.answer import Misused
from orderfsm.cli.app import app
from orderfsm.cli.sweeping import span
from orderfsm.sqlmodel import Order, create_all
from orderfsm.sqlmodel import engine as safe_engine

BELLS = """
chart: test/bell
version: "1"
title: A bell
initial: set
states:
  set:
    after: {PT0.001S: ring}
  rung: {final: true}
events:
  ring: {from: set, to: rung}
"""
GUARDED = BELLS.replace("to: rung}", "to: rung, guard: awake}\nguards:\n  awake: Somebody is up.")


@pytest.fixture
def chart(tmp_path: Path) -> str:
    path = tmp_path / "bell.yaml"
    path.write_text(BELLS)
    return str(path)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bells.db"


@pytest.fixture
def made(url: str) -> Iterator[Engine]:
    made = safe_engine(url, durability="relaxed")
    create_all(made)
    yield made
    made.dispose()


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["sweep", *words], prog_name="orderfsm")
    return result.exit_code, result.stdout, result.stderr


def opened(made: Engine, chart: str, count: int) -> None:
    import orderfsm
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel import OrderHistory, SqlStore

    orders = Lifecycle(orderfsm.load(chart), SqlStore(Order, OrderHistory))
    with Session(made) as session:
        for _ in range(count):
            orders.open(session, Order())
        session.commit()


def test_one_sweep_sends_what_is_due_and_says_so(made: Engine, url: str, chart: str) -> None:
    opened(made, chart, 3)
    code, said, _ = run("--database", url, "--chart", chart, "--batch", "2", "--json")
    found = json.loads(said)
    assert (code, found["sent"], len(found["swept"])) == (0, 2, 2)
    assert found["swept"][0] | {"due_at": None} == {
        "order": 1,
        "state": "set",
        "event": "ring",
        "sequence": 1,
        "due_at": None,
        "outcome": "sent",
        "entry": 2,
        "after": "rung",
        "error": None,
    }
    code, said, _ = run("--database", url, "--chart", chart)
    assert (code, said.splitlines()[-1]) == (0, "1 sent, 0 refused, 0 dropped, 0 failed")
    assert "set: ring" in said


def test_what_was_not_sent_exits_with_1(made: Engine, url: str, tmp_path: Path, chart: str) -> None:
    opened(made, chart, 1)
    other = tmp_path / "other.yaml"
    other.write_text(BELLS.replace("to: rung}", "to: rung, by: watchman}\nactors: {watchman: Who is awake.}"))
    code, said, _ = run("--database", url, "--chart", str(other))
    assert code == 1
    assert "0 sent, 1 refused, 0 dropped, 0 failed" in said


def test_a_lifecycle_of_the_services_own_is_named(
    made: Engine, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang(made, 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "belfry_of_tests.py").write_text(
        "from kept_sweeper import bells\nclass here:\n    orders = bells(None)\n"
    )
    code, said, _ = run("--database", url, "--lifecycle", "belfry_of_tests:here.orders", "--json")
    assert (code, json.loads(said)["sent"]) == (0, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say either --chart NAME, for the ready-made tables, or --lifecycle MODULE:ATTRIBUTE"),
        (("--chart", "stat/order", "--lifecycle", "a:b"), "say either --chart NAME"),
        (("--chart", "stat/odrer"), "no chart"),
        (("--lifecycle", "nowhere"), "nowhere is not MODULE:ATTRIBUTE"),
        (("--lifecycle", "nowhere.at.all:b"), "No module named 'nowhere'"),
        (("--lifecycle", "json:nothing"), "has no attribute 'nothing'"),
        (("--lifecycle", "json:dumps"), "json:dumps is no Lifecycle but function"),
        (("--chart", "stat/order", "--watch", "--every", "soon"), "--every: soon is not a time of up to a day"),
    ],
)
def test_wrong_usage_exits_with_2(made: Engine, url: str, words: tuple[str, ...], said: str) -> None:
    code, out, error = run("--database", url, *words)
    assert (code, out) == (2, "")
    assert said in error


def test_a_database_without_the_tables_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    code, _, error = run("--database", f"sqlite:///{tmp_path}/empty.db", "--chart", "stat/order")
    assert code == 2
    assert "no such table: order_timers; does it have the tables?" in error


def test_a_chart_that_asks_functions_needs_the_services_lifecycle(made: Engine, url: str, tmp_path: Path) -> None:
    path = tmp_path / "guarded.yaml"
    path.write_text(GUARDED)
    code, _, error = run("--database", url, "--chart", str(path))
    assert code == 2
    assert "name the service's own lifecycle: --lifecycle MODULE:ATTRIBUTE" in error


def test_times_are_written_with_a_unit() -> None:
    assert [span(text) for text in ("500ms", "1s", "1.5m", "2h")] == [
        timedelta(milliseconds=500),
        timedelta(seconds=1),
        timedelta(seconds=90),
        timedelta(hours=2),
    ]
    for text in ("0s", "1", "25h", "-1s", "PT1S"):
        with pytest.raises(Misused):
            span(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_goes_on_until_it_is_told_to_stop(made: Engine, url: str, chart: str, number: int) -> None:
    opened(made, chart, 2)
    words = ["sweep", "--database", url, "--chart", chart, "--watch", "--every", "20ms", "--json"]
    program = "from orderfsm.cli import main; main()"
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as watch:
        assert watch.stdout is not None
        told = [json.loads(watch.stdout.readline()) for _ in range(2)]
        opened(made, chart, 1)
        told.append(json.loads(watch.stdout.readline()))
        watch.send_signal(number)
        rest, _ = watch.communicate(timeout=60)
    assert [each["order"] for each in told] == [1, 2, 3]
    assert {each["outcome"] for each in told} == {"sent"}
    assert json.loads(rest) == {"sent": 3, "refused": 0, "dropped": 0, "failed": 0}
    assert watch.returncode == 0
