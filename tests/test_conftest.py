"""What is drawn in a run of the tests is the same in the next one."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn() -> list[tuple[int, str]]:
    """What a property test is given."""
    found = []

    @settings(max_examples=200, database=None, derandomize=True)
    @given(st.integers(), st.text())
    def draw(number: int, text: str) -> None:
        found.append((number, text))

    draw()
    return found


@pytest.mark.skipif("ORDERFSM_SOAK" in os.environ, reason="make soak draws from whatever is loaded")
def test_examples_do_not_depend_on_the_modules_that_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn()
    (tmp_path / "never_loaded_before.py").write_text("FOUND = 7_294_118_550_263, 'a word of its own'\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("never_loaded_before")
    assert drawn() == before
