"""Messages as lines of a file or a stream: whole lines, forced to the disk, all or nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat

from kept import database
from orderfsm.outbox import relay
from orderfsm.outbox.lines import Lines
from test_cloudevents import MESSAGE
from test_outbox import LIFE, emit, shop


def test_each_message_is_a_line_and_each_line_an_event(tmp_path: Path) -> None:
    file, orders = tmp_path / "events.ndjson", shop()
    with database("sqlite", "", tmp_path) as engine:
        emit(engine, orders, *LIFE, count=2)
        assert relay(engine, orders, Lines(file)).delivered == 6
        emit(engine, orders, *LIFE)
        assert relay(engine, orders, Lines(file)).delivered == 3
    lines = file.read_bytes().splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    assert [JSONFormat().read(None, line).get_id() for line in lines] == [
        f"{order}:{place}" for order in (1, 2, 3) for place in ("2:1", "2:2", "4:1")
    ]


def test_nothing_is_written_before_flush(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "f")
    lines(MESSAGE)
    lines(MESSAGE)
    assert not (tmp_path / "f").exists()
    lines.flush()
    lines.flush()
    assert len((tmp_path / "f").read_text().splitlines()) == 2


def test_half_a_line_at_the_end_is_removed_first(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for left, stays in ((b'{"a":1}\n{"b":', b'{"a":1}\n'), (b"x" * 200_000, b""), (b"a\n" + b"x" * 200_000, b"a\n")):
        file.write_bytes(left)
        lines = Lines(file)
        lines(MESSAGE)
        lines.flush()
        written = file.read_bytes()
        assert written.startswith(stays)
        assert json.loads(written[len(stays) :])["id"] == MESSAGE.id


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "f")
    for _ in range(2):
        lines(MESSAGE)
        lines.flush()
        (tmp_path / "f").rename(tmp_path / f"old-{len(list(tmp_path.iterdir()))}")
    assert [len(path.read_text().splitlines()) for path in tmp_path.iterdir()] == [1, 1]


def test_when_there_is_no_space_nothing_of_a_batch_stays(tmp_path: Path) -> None:
    file = tmp_path / "f"
    program = (
        "import resource, signal, sys; from orderfsm.outbox.lines import Lines; from test_cloudevents import MESSAGE\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"lines = Lines({str(file)!r})\n"
        "lines(MESSAGE); lines.flush()\n"
        f"import os; size = os.path.getsize({str(file)!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))\n"
        "lines(MESSAGE)\n"
        "try: lines.flush()\n"
        "except OSError as error: print(type(error).__name__)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "lines(MESSAGE); lines.flush()\n"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "OSError\n"
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [MESSAGE.id] * 2


def test_several_relays_may_write_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "f"

    def write() -> None:
        lines = Lines(file)
        for _ in range(50):
            lines(MESSAGE)
            lines(MESSAGE)
            lines.flush()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [MESSAGE.id] * 400


@pytest.mark.parametrize("stream", [io.StringIO(), io.BytesIO()], ids=["text", "binary"])
def test_streams_of_either_kind_get_the_same_lines(stream: io.StringIO | io.BytesIO) -> None:
    lines = Lines(stream)
    lines(MESSAGE)
    lines.flush()
    assert json.loads(stream.getvalue())["id"] == MESSAGE.id
