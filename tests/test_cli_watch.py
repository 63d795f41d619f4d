"""`orderfsm check --watch`: checks again when a file changes, and ends on Ctrl-C with the last code."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderfsm.cli.app import app

GOOD = 'chart: shop/order\nversion: "1"\ninitial: open\nstates: {open: {}, sent: {final: true}}\n'
GOOD += "events: {send: {from: open, to: sent}}\n"
DEAD = GOOD.replace(", sent: {final: true}", ", sent: {}")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")


class Watch:
    """A watching process; what it says is in two files."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.said, self.remarked = folder / "output.txt", folder / "errors.txt"
        with self.said.open("w") as said, self.remarked.open("w") as remarked:
            command = [sys.executable, "-c", "from orderfsm.cli import main; main()", "check", "--watch", *words]
            self.process = subprocess.Popen(command, stdout=said, stderr=remarked, cwd=folder)

    def until(self, fits: Callable[[str], bool]) -> str:
        """What it has said on both outputs, as soon as that fits."""
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            text = self.said.read_text() + self.remarked.read_text()
            if fits(text):
                return text
            time.sleep(0.02)
        raise AssertionError(f"{self.process.poll()}: {self.said.read_text()} {self.remarked.read_text()}")

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


def save(chart: Path, text: str) -> None:
    """As editors save: in one go, or else a look may fall between two changes."""
    chart.with_suffix(".new").write_text(text)
    chart.with_suffix(".new").rename(chart)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watch]]:
    started: list[Watch] = []

    def start(*words: str) -> Watch:
        started.append(Watch(tmp_path, *words))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def test_each_change_is_checked_and_ctrl_c_exits_with_the_last_code(
    tmp_path: Path, watch: Callable[..., Watch]
) -> None:
    chart = tmp_path / "order.yaml"
    chart.write_text(GOOD)
    watching = watch("order.yaml")
    watching.until(lambda text: text.count("charts: 1") == 1)
    save(chart, DEAD)
    watching.until(lambda text: "error[dead-end]" in text and text.count("charts: 1") >= 2)
    chart.write_text("chart: [")
    watching.until(lambda text: "orderfsm: order.yaml:1:" in text)
    chart.unlink()
    watching.until(lambda text: "no chart at order.yaml" in text)
    save(chart, DEAD)
    said = watching.until(lambda text: text.count("error[dead-end]") >= 2)
    assert said.count("--- ") >= 4
    assert watching.stop() == 1


def test_what_stays_is_checked_once_and_sigterm_ends_it_too(tmp_path: Path, watch: Callable[..., Watch]) -> None:
    (tmp_path / "order.yaml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("a")
    watching = watch("order.yaml", "--json")
    watching.until(lambda text: text == "[]\n")
    (tmp_path / "notes.txt").write_text("b")
    time.sleep(0.6)
    assert watching.until(lambda _: True) == "[]\n"
    assert watching.stop(signal.SIGTERM) == 0


def test_a_folder_that_goes_is_told_and_watched_for(tmp_path: Path, watch: Callable[..., Watch]) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "order.yaml").write_text(GOOD)
    watching = watch("charts/order.yaml")
    watching.until(lambda text: text.count("charts: 1") == 1)
    (tmp_path / "charts").rename(tmp_path / "elsewhere")
    gone = "; there is no folder charts any more\n"
    watching.until(lambda text: gone in text and "no chart at charts/order.yaml" in text)
    (tmp_path / "elsewhere").rename(tmp_path / "charts")
    watching.until(lambda text: text.count("charts: 1") >= 2)
    assert watching.stop() == 0


def test_the_end_of_the_folder_that_it_runs_in_ends_the_watch(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "order.yaml").write_text(GOOD)
    command = [sys.executable, "-c", "from orderfsm.cli import main; main()", "check", "--watch", "order.yaml"]
    with subprocess.Popen(
        command, cwd=tmp_path / "shop", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "charts: 1, findings: 0\n"
        shutil.rmtree(tmp_path / "shop")
        _, errors = watching.communicate(timeout=60)
    assert watching.returncode == 2
    assert errors.endswith("is gone; go into it again when it is back, and begin anew\n")


def test_names_of_the_catalogue_cannot_be_watched() -> None:
    for words in ((), ("stat/order",)):
        result = CliRunner().invoke(app, ["check", "--watch", *words], prog_name="orderfsm")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "orderfsm: --watch needs a YAML file to watch; name one\n"
