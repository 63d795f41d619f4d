"""`orderfsm draw`: formats, where the drawing goes, and files that are written whole."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orderfsm
from orderfsm import diagrams
from orderfsm.cli.app import app
from orderfsm.cli.drawing import SUFFIXES
from orderfsm.cli.files import write
from orderfsm.cli.options import Detail, Drawing, Theme
from orderfsm.diagrams.svg import THEMES

STAT = orderfsm.load("stat/order")


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, output and error output of `orderfsm draw`."""
    result = CliRunner().invoke(app, ["draw", *words], prog_name="orderfsm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


# --- what may be asked


def test_every_format_detail_and_theme_may_be_asked_for() -> None:
    assert set(diagrams.FORMATS) | {"png"} <= set(Drawing)
    assert set(diagrams.DETAILS) <= set(Detail)
    assert set(THEMES) == set(Theme)
    assert set(SUFFIXES.values()) == set(Drawing)


def test_plain_is_short_for_the_detail() -> None:
    assert run("stat/order", "--plain") == run("stat/order", "--detail", "plain")
    assert run("stat/order", "--plain")[1] == diagrams.render(STAT, "mermaid", detail="plain")
    code, _, errors = run("stat/order", "--plain", "--detail", "full")
    assert (code, errors) == (2, "orderfsm: --plain is --detail plain, and --detail says full; give one of them\n")


def test_a_theme_settles_the_colours() -> None:
    assert run("stat/order", "--format", "svg", "--theme", "dark")[1] == diagrams.render(STAT, "svg", theme="dark")


# --- where it goes


@pytest.mark.parametrize("suffix", [suffix for suffix, format in SUFFIXES.items() if format in diagrams.FORMATS])
def test_the_name_of_the_output_says_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"order{suffix.upper()}"
    assert run("stat/order", "--output", str(path)) == (0, f"{path}\n", "")
    assert diagrams.render(STAT, SUFFIXES[suffix]) in path.read_text(encoding="utf-8")


def test_a_format_that_is_named_goes_before_the_name_of_the_output(tmp_path: Path) -> None:
    path = tmp_path / "order.txt"
    assert run("stat/order", "-o", str(path), "--format", "svg")[0] == 0
    assert path.read_text(encoding="utf-8").startswith("<svg")


def test_an_output_whose_name_says_no_format_is_refused(tmp_path: Path) -> None:
    code, output, errors = run("stat/order", "--output", str(tmp_path / "order.jpg"))
    assert (code, output) == (2, "")
    assert "no format goes with .jpg; name one with --format" in errors
    assert list(tmp_path.iterdir()) == []


def test_an_output_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    code, _, errors = run("stat/order", "--output", str(tmp_path / "none" / "order.svg"))
    assert code == 2
    assert f"there is no folder {tmp_path / 'none'}; make it first" in errors


def test_a_dash_is_the_output_of_the_command() -> None:
    assert run("stat/order", "--output", "-") == run("stat/order")


def test_json_has_the_text_or_the_file(tmp_path: Path) -> None:
    printed = json.loads(run("stat/order", "--json")[1])
    assert printed["text"] == diagrams.render(STAT)
    path = str(tmp_path / "order.svg")
    written = json.loads(run("stat/order", "--output", path, "--json")[1])
    assert written == {"chart": "stat/order", "profile": "full", "format": "svg", "output": path}


# --- files


def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_usual(tmp_path: Path) -> None:
    old, new, usual = tmp_path / "old", tmp_path / "new", tmp_path / "usual"
    old.write_text("x")
    old.chmod(0o640)
    usual.write_text("x")
    for path in (old, new):
        write(path, b"y")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert new.stat().st_mode == usual.stat().st_mode
    assert old.read_bytes() == new.read_bytes() == b"y"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").write_text("x")
    (tmp_path / "link").symlink_to("far")
    write(tmp_path / "link", b"y")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far").read_bytes() == b"y"


def test_a_write_that_fails_leaves_the_former_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "order.svg"
    path.write_text("former")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["order.svg"]
    assert path.read_text() == "former"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in the file system")
def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, b"y")
    assert os.read(reader, 10) == b"y"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
