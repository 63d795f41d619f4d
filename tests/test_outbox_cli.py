"""`orderfsm relay` and `orderfsm outbox`: files, webhooks, watching, dead letters, and what is wrong usage."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from kept import READY_MADE, lifecycle
from orderfsm.cli.app import app
from orderfsm.outbox.signature import verify
from orderfsm.sqlmodel import create_all
from orderfsm.sqlmodel import engine as safe_engine
from test_emission import SHOP
from test_outbox import LIFE, emit
from test_webhook import Server, serving

SECRETS = ["whsec_" + base64.b64encode(bytes([n] * 24)).decode() for n in (1, 2)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def made(url: str) -> Iterator[Engine]:
    made = safe_engine(url, durability="relaxed")
    create_all(made)
    yield made
    made.dispose()


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), prog_name="orderfsm")
    return result.exit_code, result.stdout, result.stderr


def sold(made: Engine, count: int = 1) -> None:
    emit(made, lifecycle(READY_MADE, SHOP), *LIFE, count=count)


def ids(file: Path) -> list[str]:
    return [json.loads(line)["id"] for line in file.read_text().splitlines()]


def test_everything_that_waits_is_appended_to_a_file(made: Engine, url: str, tmp_path: Path) -> None:
    sold(made, 60)
    file = tmp_path / "events.ndjson"
    code, said, _ = run("relay", "--database", url, "--to", str(file), "--source", "urn:shop", "--json")
    found = json.loads(said)
    assert (code, found["delivered"], found["retried"], found["dead"], found["lost"]) == (0, 180, 0, 0, 0)
    assert found["messages"][0] == {
        "id": "1:2:1",
        "action": "book",
        "outcome": "delivered",
        "attempt": 1,
        "error": None,
        "due_at": None,
    }
    assert len(ids(file)) == len(set(ids(file))) == 180
    assert json.loads(file.read_text().splitlines()[0])["source"] == "urn:shop"
    code, said, _ = run("relay", "--database", url, "--to", str(file))
    assert (code, said) == (0, "0 delivered, 0 retried, 0 dead, 0 lost\n")


def test_only_the_orders_of_a_chart(made: Engine, url: str, tmp_path: Path) -> None:
    sold(made)
    file = tmp_path / "f"
    run("relay", "--database", url, "--chart", "stat/order", "--to", str(file))
    assert not file.exists()


def test_webhooks_are_signed_with_each_secret_of_the_file_and_failures_exit_with_1(
    made: Engine, url: str, tmp_path: Path
) -> None:
    sold(made)
    secrets = tmp_path / "secrets"
    secrets.write_text("\n".join(SECRETS) + "\n")
    with serving(Server()) as server:
        server.answers = [(204, {}), (410, {})]
        local = ["--allow", "http", "--allow", "private", "--secret-file", str(secrets)]
        code, said, error = run("relay", "--database", url, "--webhook", server.url, *local)
        (_, headers, body), _ = server.got
    assert [verify(headers, body, secret) for secret in SECRETS] == ["1:2:1"] * 2
    assert (code, said.splitlines()[-1], error) == (1, "1 delivered, 0 retried, 1 dead, 0 lost", "")
    assert "answered 410" in said
    assert "t0ken" not in said

    code, said, _ = run("outbox", "--database", url)
    assert code == 0
    assert [line.split()[:3] for line in said.splitlines()] == [
        ["dead:", "1"],
        ["message", "action", "attempts"],
        ["1:2:2", "thank", "1"],
        ["waiting:", "1"],
        ["message", "action"],
        ["1:4:1", "notify"],
    ]
    code, said, _ = run("outbox", "--database", url, "--revive", "1:2:2", "--json")
    found = json.loads(said)
    assert (code, found["revived"], found["dead"], len(found["waiting"])) == (0, 1, [], 2)
    assert run("relay", "--database", url, "--to", str(tmp_path / "f"))[0] == 0
    assert ids(tmp_path / "f") == ["1:2:2", "1:4:1"]


def test_a_dead_letter_that_is_dismissed_lets_its_order_go_on(made: Engine, url: str, tmp_path: Path) -> None:
    sold(made)
    blocked = tmp_path / "there-is-no-folder" / "f"
    code, said, _ = run("relay", "--database", url, "--to", str(blocked), "--attempts", "1")
    assert (code, said.splitlines()[-1]) == (1, "0 delivered, 0 retried, 1 dead, 0 lost")
    assert "FileNotFoundError" in said
    code, said, _ = run("outbox", "--database", url, "--dismiss", "1:2:1")
    assert said.startswith("0 revived, 1 dismissed\ndead: none\nwaiting: 2\n")
    run("relay", "--database", url, "--to", str(tmp_path / "f"))
    assert ids(tmp_path / "f") == ["1:2:2", "1:4:1"]


def test_with_dead_pass_an_order_goes_on_by_itself(made: Engine, url: str, tmp_path: Path) -> None:
    sold(made)
    blocked = ["--to", str(tmp_path / "nowhere" / "f"), "--attempts", "1", "--dead", "pass"]
    code, said, _ = run("relay", "--database", url, *blocked)
    assert (code, said.splitlines()[-1]) == (1, "0 delivered, 0 retried, 3 dead, 0 lost")


def test_a_lifecycle_of_the_services_own_is_named(
    made: Engine, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(made)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "shop_of_tests.py").write_text("from test_outbox import shop\norders = shop()\n")
    code, said, _ = run(
        "relay", "--database", url, "--lifecycle", "shop_of_tests:orders", "--to", str(tmp_path / "f"), "--json"
    )
    assert (code, json.loads(said)["delivered"]) == (0, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say either --to FILE or --webhook URL"),
        (("--to", "f", "--webhook", "https://example.org"), "say either --to FILE or --webhook URL"),
        (("--webhook", "https://example.org"), "--webhook needs --secret-file"),
        (("--webhook", "https://example.org", "--secret-file", "nowhere"), "No such file"),
        (("--webhook", "http://example.org", "--secret-file", "SECRETS"), "begins with https"),
        (("--webhook", "https://example.org", "--secret-file", "SHORT"), "secret 1 has 5 bytes"),
        (("--to", "f", "--lease", "long"), "--lease: long is not a time"),
        (("--to", "f", "--watch", "--every", "soon"), "--every: soon is not a time"),
        (("--to", "f", "--chart", "stat/odrer"), "no chart"),
        (("--to", "f", "--lifecycle", "nowhere"), "nowhere is not MODULE:ATTRIBUTE"),
    ],
)
def test_wrong_usage_exits_with_2(made: Engine, url: str, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "SECRETS").write_text(SECRETS[0])
    (tmp_path / "SHORT").write_text("whsec_c2hvcnQ=")
    words = tuple(str(tmp_path / word) if word in ("SECRETS", "SHORT") else word for word in words)
    code, out, error = run("relay", "--database", url, *words)
    assert (code, out) == (2, "")
    assert said in error
    assert "c2hvcnQ" not in error


def test_a_letter_that_is_not_dead_cannot_be_revived(made: Engine, url: str) -> None:
    sold(made)
    code, _, error = run("outbox", "--database", url, "--revive", "1:2:1")
    assert (code, error) == (2, "orderfsm: no dead letter has the id 1:2:1\n")


def test_a_database_without_the_tables_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    code, _, error = run("relay", "--database", f"sqlite:///{tmp_path}/empty.db", "--to", str(tmp_path / "f"))
    assert code == 2
    assert "no such table: order_outbox; does it have the tables?" in error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_goes_on_until_it_is_told_to_stop(made: Engine, url: str, tmp_path: Path, number: int) -> None:
    sold(made)
    words = ["relay", "--database", url, "--to", str(tmp_path / "f"), "--watch", "--every", "20ms", "--json"]
    command: Any = [sys.executable, "-c", "from orderfsm.cli import main; main()", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as watch:
        assert watch.stdout is not None
        told = [json.loads(watch.stdout.readline()) for _ in range(3)]
        sold(made)
        told += [json.loads(watch.stdout.readline()) for _ in range(3)]
        watch.send_signal(number)
        rest, _ = watch.communicate(timeout=60)
    assert [each["id"] for each in told] == ids(tmp_path / "f")
    assert json.loads(rest) == {"delivered": 6, "retried": 0, "dead": 0, "lost": 0}
    assert watch.returncode == 0
