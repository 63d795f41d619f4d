"""The examples of the documentation do what the pages say.

A page's blocks run from top to bottom, in one folder and one namespace: `python` is executed, and a block `output`
right after it is what it prints; `console` runs the commands after `$` and is what they print; `yaml` is a chart
without errors, or lines of guard expressions; `json` is JSON; `orderfsm` is drawn. `<!-- file: NAME -->` saves it,
`<!-- not run: REASON -->` leaves it alone. In expected output, `...` stands for anything, and a last line `...` for
all the rest. A block of another kind, or one that nothing is done with, fails.
"""

import contextlib
import io
import json
import re
import shlex
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel
from typer.testing import CliRunner

import orderfsm
from orderfsm.cli.app import app, every_command
from orderfsm.expression import parse
from orderfsm.markdown import drawing

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<kind>\w+)(?: (?P<words>[^\n]*))?\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)
ELSEWHERE = {"docs/reference/findings.md": "tests/test_checks.py runs its charts and compares what is said of them"}
"""Page -> why its blocks are not looked at here."""


@dataclass
class Block:
    """A fenced block: its kind, the words after that, its text, the comment before it, the line its text begins in."""

    kind: str
    words: str
    text: str
    note: str
    line: int


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[Block]:
    return [
        Block(
            found["kind"],
            found["words"] or "",
            found["text"],
            found["note"] or "",
            text.count("\n", 0, found.start("text")) + 1,
        )
        for found in BLOCK.finditer(text)
    ]


def follow(page: Path) -> None:
    """Run the blocks of a page in the working directory, and compare what they print."""
    namespace: dict[str, Any] = {"__name__": f"page.{page.parent.name}.{page.stem}"}
    try:
        run(page, namespace)
    finally:
        forget(namespace)


def forget(namespace: dict[str, Any]) -> None:
    """Close the engines of a page, and take away its tables and modules: another page may have such names too."""
    for value in namespace.values():
        if isinstance(value, Engine):
            value.dispose()
    for mapper in list(SQLModel._sa_registry.mappers):
        if mapper.class_.__module__ == namespace["__name__"]:
            mapper.class_.metadata.remove(mapper.local_table)
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or ROOT).parent == Path.cwd():
            del sys.modules[name]


def run(page: Path, namespace: dict[str, Any]) -> None:
    printed: str | None = None
    for block in blocks(page.read_text(encoding="utf-8")):
        place = f"{page}:{block.line}"
        if block.note.startswith("not run: "):
            continue
        if block.note.startswith("file: "):
            Path(block.note.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.kind == "output":
            assert printed is not None, f"{place}: no python block stands before this output"
            assert alike(printed, block.text), f"{place}: printed was\n{printed}"
        elif block.kind == "yaml":
            read(place, block)
        elif block.kind == "json":
            json.loads(block.text)
        elif block.kind == "orderfsm":
            assert "<svg" in drawing(block.words, root=Path.cwd())
        elif block.kind == "console":
            converse(page, block)
        else:
            assert block.kind == "python", f"{place}: `{block.kind}` is not run; say why: <!-- not run: ... -->"
        printed = executed(page, block, namespace) if block.kind == "python" and not block.note else None


def executed(page: Path, block: Block, namespace: dict[str, Any]) -> str:
    """What a block prints; its line numbers are those of the page."""
    output = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    with contextlib.redirect_stdout(output):
        try:
            exec(code, namespace)
        except SkipTest as why:
            raise AssertionError(f"{page}: what a page shows is not skipped: {why}") from why
    return output.getvalue()


def read(place: str, block: Block) -> None:
    """A whole chart without errors, or a guard expression in each line."""
    lines = block.text.splitlines()
    if all(line.startswith("when: ") for line in lines):
        for line in lines:
            parse(line.removeprefix("when: "))
    else:
        assert "chart: " in block.text, f"{place}: a part of a chart is not run; say so: <!-- not run: a part -->"
        wrong = [each for each in orderfsm.check(orderfsm.read(block.text)) if each.severity == "error"]
        assert not wrong, f"{place}: {wrong}"


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
    [page for page in PAGES if name(page) not in ELSEWHERE and blocks(page.read_text("utf-8"))],
    ids=name,
)
def test_the_examples_of_a_page_do_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a page that runs pytest needs none, and takes a third
    follow(page)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_fence_is_that_of_a_block(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(FENCE.findall(text)) == 2 * len(blocks(text)), "a fence is indented, or names no kind, or is not closed"


# --- commands that stand indented


COMMANDS = dict(every_command())


def indented(*beginnings: str) -> list[tuple[str, str]]:
    """The indented lines of all pages that begin so, each with its place."""
    return [
        (f"{name(page)}:{number}", line.strip())
        for page in PAGES
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if line.startswith("    ") and line.strip().startswith(beginnings)
    ]


def unknown_words(line: str) -> set[str]:
    """What of a command line the command line does not know: the command, or its options."""
    words = re.split(r"\s[|>&#]|;|\s--\s", line)[0].split()[1:]
    if words[0].isupper() or words[0].startswith("-"):
        return set()
    found = next((each for count in (2, 1) if (each := COMMANDS.get(" ".join(words[:count])))), None)
    if found is None:
        return {words[0]}
    options = {option for each in found.params for option in (*each.opts, *each.secondary_opts)} | {"--help", "--json"}
    return {word.partition("=")[0] for word in words if word.startswith("-")} - options


def test_commands_that_pages_show_are_there_with_their_options() -> None:
    lines = indented("orderfsm ")
    assert len(lines) > 8
    assert {place: wrong for place, line in lines if (wrong := unknown_words(line))} == {}
    assert unknown_words("orderfsm drow stat/order") == {"drow"}
    assert unknown_words("orderfsm draw stat/order --fromat svg > a.svg") == {"--fromat"}


def test_targets_and_extras_that_pages_show_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {place for place, line in indented("make ") if line.split()[1] not in targets} == set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = " ".join(line for _, line in indented("pip "))
    shown = {each for found in re.findall(r"orderfsm\[([^]]*)\]", installed) for each in found.split(",")}
    assert shown - set(project["optional-dependencies"]) == set()
    assert "sqlmodel" in shown


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
        "```output\nof nothing\n```\n",
        "```bash\nls\n```\n",
        "```text\nhello\n```\n",
        "```yaml\nevents: {}\n```\n",
        '```yaml\nchart: a/b\nversion: "1"\ninitial: a\nstates: {a: {}, b: {}}\n```\n',
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
