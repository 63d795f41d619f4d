"""The hooks for pre-commit: they look where charts and drawings are, and do what they say."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from orderfsm.cli.app import app

ROOT = Path(__file__).parent.parent
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
}


def orderfsm(*words: str) -> tuple[int, str]:
    """Exit code of a command, and what it prints on both outputs."""
    result = CliRunner().invoke(app, list(words), prog_name="orderfsm")
    return result.exit_code, result.output


def run(hook: str, *files: str) -> tuple[int, str]:
    """Run the entry of a hook as pre-commit does, with the files that it is for."""
    said = HOOKS[hook]
    command, *words = [*shlex.split(said["entry"]), *said.get("args", [])]
    assert command == "orderfsm"
    passed = [file for file in files if re.search(said["files"], file)]
    return orderfsm(*words, *(passed if said.get("pass_filenames", True) else []))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a chart, a picture and a page, both of which have become stale."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "charts").mkdir()
    assert orderfsm("new", "acme/ticket", "--folder", "charts")[0] == 0
    for name in ("ticket.svg", "ticket.md"):
        assert orderfsm("draw", "charts/ticket.yaml", "-o", name)[0] == 0
    chart = tmp_path / "charts" / "ticket.yaml"
    chart.write_text(chart.read_text(encoding="utf-8").replace("packed", "boxed"), encoding="utf-8")
    return tmp_path


def test_the_chart_is_checked_and_the_drawings_are_drawn_anew(project: Path) -> None:
    assert run("orderfsm-check", "charts/ticket.yaml", "compose.yaml", "README.md") == (0, "charts: 1, findings: 0\n")
    assert run("orderfsm-draw", "charts/ticket.yaml") == (0, "ticket.md\nticket.svg\n")
    assert run("orderfsm-draw", "charts/ticket.yaml") == (0, "")
    assert "boxed" in (project / "ticket.md").read_text(encoding="utf-8")


def test_a_chart_that_is_wrong_stops_the_commit(project: Path) -> None:
    chart = project / "charts" / "ticket.yaml"
    chart.write_text(chart.read_text(encoding="utf-8") + "surprise: 1\n", encoding="utf-8")
    assert run("orderfsm-check", "charts/ticket.yaml")[0] == 2
    code, output = run("orderfsm-draw", "charts/ticket.yaml")
    assert code == 1
    assert "surprise" in output


@pytest.mark.parametrize(
    ("hook", "file", "expected"),
    [
        ("orderfsm-check", "charts/order.yaml", True),
        ("orderfsm-check", "src/shop/statecharts/order.yml", True),
        ("orderfsm-check", ".github/workflows/ci.yaml", False),
        ("orderfsm-check", "charts/chart.schema.json", False),
        ("orderfsm-draw", "charts/order.yaml", True),
        ("orderfsm-draw", "docs/order.svg", True),
        ("orderfsm-draw", "README.md", True),
        ("orderfsm-draw", "src/shop/orders.py", False),
    ],
)
def test_a_hook_is_run_for_the_files_that_concern_it(hook: str, file: str, expected: bool) -> None:
    assert bool(re.search(HOOKS[hook]["files"], file)) == expected


def test_the_extras_that_the_hooks_install_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for hook in HOOKS.values():
        (wanted,) = hook["additional_dependencies"]
        assert set(re.findall(r"\w+", wanted)) <= set(extras)
        assert hook["language"] == "python"


@pytest.mark.skipif("ORDERFSM_SOAK" not in os.environ, reason="pre-commit installs the package: a minute, a registry")
def test_pre_commit_itself_runs_what_was_committed_here(project: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    hooks = ", ".join(f"{{id: {hook}}}" for hook in HOOKS)
    config = f"repos:\n  - {{repo: {ROOT.as_uri()}, rev: {head.strip()}, hooks: [{hooks}]}}\n"
    (project / ".pre-commit-config.yaml").write_text(config)
    (project / ".gitignore").write_text(".cache\n")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "A chart")):
        subprocess.run(["git", *words], cwd=project, check=True)
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--verbose"]
    environment = os.environ | {"PRE_COMMIT_HOME": str(project / ".cache")}
    said = [
        subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [each.returncode for each in said] == [1, 0], said
    assert "- files were modified by this hook\n\nticket.md\nticket.svg\n" in said[0].stdout
    assert all("charts: 1, findings: 0" in each.stdout for each in said)
