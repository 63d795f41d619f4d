"""What the command line is told wrongly: one sentence on the error output and the exit code 2, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderfsm.cli.app import app
from orderfsm.sqlmodel import create_all, engine

PASSWORD = "s3kret"
COMMANDS = [
    ["history", "1"],
    ["seal", "seals"],
    ["ready"],
    ["sweep", "--chart", "stat/order"],
    ["relay", "--to", "out"],
    ["outbox"],
]
URLS = {
    f"postgresql://u:{PASSWORD}@localhost:abc/x": "the port cannot be read",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x": "Connection refused",
    f"postgresql://u@127.0.0.1:1/x?password={PASSWORD}": "Connection refused",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?bogus=1": 'invalid connection option "bogus"',
    f"postgresql+asyncpg://u:{PASSWORD}@h/x": "postgresql+asyncpg is for asyncio; write postgresql://",
    f"mysql://u:{PASSWORD}@h/x": "mysql is neither sqlite nor postgresql",
    "sqlite+aiosqlite:///x.db": "sqlite+aiosqlite is for asyncio; write sqlite://",
    "sqlite://": "there is no file in the URL",
    "x": "Could not parse",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = engine(f"sqlite:///{tmp_path}/shop.db", durability="relaxed")
    create_all(made)
    made.dispose()
    return f"sqlite:///{tmp_path}/shop.db"


def misused(*words: str) -> str:
    """What is said on the error output, in one line."""
    result = CliRunner().invoke(app, list(words), prog_name="orderfsm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("database", URLS)
def test_a_database_that_is_not_to_be_had(command: list[str], database: str) -> None:
    said = misused(*command, "--database", database)
    assert URLS[database] in said
    assert PASSWORD not in said


def test_the_demo_says_the_same_of_a_url() -> None:
    assert "the port cannot be read" in misused("demo", "--database", f"postgresql://u:{PASSWORD}@h:abc/x")


@pytest.mark.parametrize("command", [["relay", "--to", "out"], ["outbox"], ["sweep"]], ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("broken", "x = (", "SyntaxError"),
        ("fails", "1 / 0", "ZeroDivisionError: division by zero"),
        ("leaves", "import sys\nsys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_of_the_service_that_cannot_be_imported(
    url: str, command: list[str], name: str, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"{name}.py").write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert said in misused(*command, "--database", url, "--lifecycle", f"{name}:orders")


@pytest.mark.parametrize("name", [":x", ".a:x", "json:", "json"])
def test_a_lifecycle_without_its_two_parts(url: str, name: str) -> None:
    assert "is not MODULE:ATTRIBUTE" in misused("outbox", "--database", url, "--lifecycle", name)


def test_a_file_of_secrets_that_is_no_text(url: str) -> None:
    Path("secrets").write_bytes(b"\xf3\xff\x00")
    words = ["--webhook", "https://example.org/", "--secret-file", "secrets"]
    assert "secrets is no text" in misused("relay", "--database", url, *words)


@pytest.mark.parametrize("most", ["-1", "99999999999999999999"])
def test_more_than_a_database_can_count(url: str, most: str) -> None:
    result = CliRunner().invoke(app, ["outbox", "--database", url, "--most", most])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--most" in result.stderr


def test_an_order_by_a_number_that_no_id_has(url: str) -> None:
    number = "9" * 20
    assert f"no order with the id or reference {number}" in misused("history", number, "--database", url)


def test_a_payload_that_is_nested_too_deeply_and_a_link_without_a_rel() -> None:
    asked = ("explain", "stat/order", "received", "accept")
    assert "--payload is not JSON: maximum recursion depth" in misused(*asked, "--payload", "[" * 100_000)
    assert "--link: link ''" in misused(*asked, "--link", "")


def ran(command: str) -> tuple[int, str]:
    """The exit code of a line of a shell that has `orderfsm` as $O, and its error output."""
    environment = {**os.environ, "O": f"{sys.executable} -c 'from orderfsm.cli import main; main()'"}
    found = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("$O", environment["O"])],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return found.returncode, found.stderr


def test_an_output_that_is_full_closed_or_no_longer_read(url: str) -> None:
    assert ran("$O charts > /dev/full") == (2, "orderfsm: [Errno 28] No space left on device\n")
    assert ran("$O charts --json > /dev/full") == (2, "orderfsm: [Errno 28] No space left on device\n")
    assert ran("$O charts >&-") == (0, "")
    assert ran("$O show stat/order | :")[1] == ""


def test_the_package_itself_can_be_run() -> None:
    found = subprocess.run([sys.executable, "-m", "orderfsm", "--version"], capture_output=True, text=True, check=False)
    assert (found.stdout.split()[0], found.stderr, found.returncode) == ("orderfsm", "", 0)
