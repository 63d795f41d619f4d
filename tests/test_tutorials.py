"""The tutorials as a newcomer follows them: blocks are pasted into Python, commands are typed into a shell."""

import codeop
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from kept_http import reserved
from test_docs_examples import Block, alike, blocks

ROOT = Path(__file__).parent.parent
LESSONS = sorted(set(ROOT.glob("docs/tutorials/*.md")) - {ROOT / "docs/tutorials/index.md"})


def pasted(text: str) -> list[str]:
    """The statements that an interactive Python finds in a block, with an empty line after it."""
    statements: list[str] = []
    typed: list[str] = []
    for line in [*text.splitlines(), ""]:
        typed.append(line)
        if codeop.compile_command("\n".join(typed), "<pasted>", "single") is not None:
            statements.append("\n".join(typed))
            typed = []
    assert typed == [], f"this is not finished: {typed}"
    return statements


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda page: page.name)
def test_the_python_of_a_lesson_can_be_pasted_block_by_block(lesson: Path) -> None:
    for block in blocks(lesson.read_text(encoding="utf-8")):
        if block.kind == "python" and not block.note.startswith("file: "):
            assert pasted(block.text), f"{lesson}:{block.line}"


@pytest.mark.parametrize("text", ["if True:\n    x = 1\n\n    y = 2\n", "for x in ():\n    pass\nprint()\n"])
def test_a_block_that_cannot_be_pasted_is_seen(text: str) -> None:
    with pytest.raises(SyntaxError):
        pasted(text)


SERVERS = {"orderfsm serve": "/healthz", "uvicorn api:app": "/openapi.json"}
"""What starts the server of a lesson -> what is asked for until it answers."""

PLUGIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p orderfsm_pytest"}
"""The plugin as it comes with an installed orderfsm, without all others that may be installed here."""


def script(found: list[Block], port: int) -> str:
    """The commands of a lesson, each part with a mark before what it prints; its server, if any, is waited for."""
    servers = [each for each in SERVERS if any(each in block.text for block in found)]
    parts = ["trap 'kill $(jobs -p)' EXIT"] if servers else []
    for block in found:
        parts.append(f"echo; echo '--- {block.line}'\n{block.text}")
        for server in servers:
            if server in block.text:
                parts.append(f"until curl -sf http://127.0.0.1:{port}{SERVERS[server]} > alive; do sleep 0.1; done")
    commands = "\n".join(parts).replace(":8000", f":{port}")
    for server in servers:
        commands = commands.replace(server, f"{server} --port {port}")
    return commands


@pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="it is typed into bash, and asks with curl"
)
@pytest.mark.parametrize(("lesson", "told"), [("service.md", 3), ("test-a-service.md", 1), ("vocabulary.md", 3)])
def test_what_is_typed_answers_as_the_lesson_says(lesson: str, told: int, tmp_path: Path) -> None:
    found = blocks((ROOT / "docs/tutorials" / lesson).read_text(encoding="utf-8"))
    for each in found:
        if each.note.startswith("file: "):
            (tmp_path / each.note.removeprefix("file: ")).write_text(each.text, encoding="utf-8")
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with reserved() as port:
        done = subprocess.run(
            ["bash", "-c", script([each for each in found if each.kind == "bash"], port)],
            cwd=tmp_path,
            env=os.environ | {"PATH": paths} | PLUGIN,
            capture_output=True,
            text=True,
            timeout=240,
        )
    printed = dict(re.findall(r"^--- (\d+)\n(.*?)(?=\n--- |\Z)", done.stdout, re.DOTALL | re.MULTILINE))
    answers = [(asked, told) for asked, told in pairwise(found) if asked.kind == "bash" and told.kind == "text"]
    assert len(answers) == told
    for asked, expected in answers:
        assert alike(printed[str(asked.line)].strip(), expected.text), (asked.line, printed, done.stderr)
