"""Where an encoding lacks the signs of an outline, there are stand-ins, and no traceback."""

import io
import os
import subprocess
import sys

import pytest

from orderfsm.cli.stand_ins import SIGNS, stand_in

BARE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def written(text: str, encoding: str) -> bytes:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    stand_in(stream)
    stream.write(text)
    stream.flush()
    return raw.getvalue()


def test_signs_that_an_encoding_lacks_have_stand_ins_of_the_same_width() -> None:
    assert written("●━━▶ accepted ◀ now é", "ascii") == b"*==> accepted < now ?"
    assert all(len(plain) == 1 and plain.isascii() for plain in SIGNS.values())


def test_what_an_encoding_has_stays() -> None:
    assert written("● é", "utf-8") == "● é".encode()
    assert written("● é", "latin-1") == b"* \xe9"


def test_a_stream_that_knows_what_to_do_is_left_alone() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    stand_in(stream)
    assert stream.errors == "replace"
    stand_in(None)


@pytest.mark.parametrize("environment", [BARE, {"PYTHONIOENCODING": "ascii"}], ids=["locale", "encoding"])
def test_an_outline_is_shown_in_ascii(environment: dict[str, str]) -> None:
    script = "from orderfsm.cli import main; main()"
    command = [sys.executable, "-c", script, "draw", "stat/order", "--format", "text", "--at", "accepted"]
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | environment)
    lines = done.stdout.decode("ascii").splitlines()
    assert "| o accepted < now" in lines
    assert any(line.startswith("*==> received  open") for line in lines)
