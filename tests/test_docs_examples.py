"""The examples of the documentation do what the pages say.

A page's blocks run from top to bottom, in one folder and one namespace: `python` is executed, and a block `output`
right after it is what it prints; `console` runs the commands after `$` and is what they print. `<!-- file: NAME -->`
before a block saves it, `<!-- not run: REASON -->` leaves it alone. In expected output, `...` stands for anything, and
a last line `...` for all the rest.
"""

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from orderfsm.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"(?:^<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Block:
    """A fenced block: its kind, its text, the comment right before it, and the line that its text begins in."""

    kind: str
    text: str
    note: str
    line: int


def blocks(text: str) -> list[Block]:
    return [
        Block(found["kind"], found["text"], found["note"] or "", text.count("\n", 0, found.start("text")) + 1)
        for found in BLOCK.finditer(text)
    ]


def follow(page: Path) -> None:
    """Run the blocks of a page in the working directory, and compare what they print."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    try:
        run(page, namespace)
    finally:
        for value in namespace.values():
            if isinstance(value, Engine):
                value.dispose()


def run(page: Path, namespace: dict[str, Any]) -> None:
    printed: str | None = None
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.note.startswith("not run: "):
            continue
        if block.note.startswith("file: "):
            Path(block.note.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            printed = executed(page, block, namespace)
        elif block.kind == "output":
            assert alike(printed or "", block.text), f"{page}:{block.line}: printed was\n{printed}"
        elif block.kind == "console":
            converse(page, block)


def executed(page: Path, block: Block, namespace: dict[str, Any]) -> str:
    """What a block prints; its line numbers are those of the page."""
    output = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    with contextlib.redirect_stdout(output):
        exec(code, namespace)
    return output.getvalue()


def converse(page: Path, block: Block) -> None:
    """Run the `orderfsm` commands of a block, and compare what each prints."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        words = shlex.split(command)
        assert words[0] == "orderfsm", f"{page}:{block.line}: only orderfsm is run"
        result = CliRunner().invoke(app, words[1:])
        assert alike(result.output, expected), f"{page}:{block.line}: {command} printed\n{result.output}"


def alike(printed: str, expected: str) -> bool:
    """Whether the output is the expected one, where `...` stands for anything."""
    pattern = re.escape(expected.rstrip("\n"))
    pattern = re.sub(r"\n\\\.\\\.\\\.$", r"\n(?s:.*)", pattern).replace(r"\.\.\.", "[^\n]*")
    return re.fullmatch(pattern, printed.rstrip("\n")) is not None


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.kind in ("python", "console") for block in blocks(page.read_text("utf-8")))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    follow(page)


# --- the runner itself


def page_of(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)\n```\n\n```output\n2\n```\n",
        "```python\nassert 1 == 2\n```\n",
        "```console\n$ orderfsm --version\norderfsm 0.0\n```\n",
        "```console\n$ ls\n```\n",
    ],
)
def test_a_page_that_is_wrong_is_seen(tmp_path: Path, text: str) -> None:
    with pytest.raises(AssertionError):
        follow(page_of(tmp_path, text))


def test_blocks_share_a_namespace_and_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "<!-- file: a.txt -->\n```text\nhello\n```\n\n```python\nimport pathlib\n"
        "x = pathlib.Path('a.txt').read_text()\n```\n\nThen\n\n"
        "```python\nprint(x, end='')\n```\n\n```output\nhello\n```\n\n"
        "<!-- not run: it fails -->\n```python\n1 / 0\n```\n"
    )
    follow(page_of(tmp_path, text))


def test_dots_stand_for_anything() -> None:
    assert alike("a 12:30 b\nc\nd\n", "a ... b\n...\n")
    assert not alike("a 12:30 b\nc\n", "a ... d\n...\n")
    assert not alike("a\nb\n", "a\n")
