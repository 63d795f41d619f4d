"""What the source must not contain, found by reading it: evaluated texts, unpickled bytes, SQL made of parts."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "orderfsm"

EVALUATING = {"eval", "exec", "__import__", "compile"}
"""Builtins; a module that has a `compile` of its own, or imports one, does not mean the builtin."""

UNSAFE_MODULES = {"dill", "jsonpickle", "marshal", "pickle", "shelve", "subprocess", "yaml"}
UNSAFE_CALLS = {"os.system", "os.popen", "os.execv", "importlib.import_module"}
SQL_CALLS = {"DDL", "exec_driver_sql", "execute", "executemany", "executescript", "literal_column", "text"}

KNOWN = {
    ("__init__.py", "importlib.import_module"): "a module of our own, from a list of our own",
    ("docs/python.py", "importlib.import_module"): "a module of our own, from a list of our own",
    ("pytest_plugin/coverage.py", "import pickle"): "between pytest-xdist's own processes",
    ("testing/explorer/locks.py", "SQL of parts"): "PRAGMA takes no parameter; it is a number of our own",
    ("testing/mutation/__main__.py", "import pickle"): "of the process that has started this one",
    ("testing/mutation/forks.py", "import pickle"): "between processes of our own",
    ("testing/mutation/forks.py", "importlib.import_module"): "what the tests have imported without us",
    ("testing/mutation/pool.py", "import pickle"): "of processes that this one has started",
    ("testing/mutation/pool.py", "import subprocess"): "a module of our own; no shell",
    ("cli/watching.py", "importlib.import_module"): "the module is named by whoever types the command",
    ("enforcement/__init__.py", "SQL of parts"): "DDL of our own; the names come from tables and are quoted",
    ("enforcement/alembic.py", "SQL of parts"): "DDL of our own, with what % means there doubled",
    ("enforcement/presence.py", "SQL of parts"): "the name of a schema of SQLite's, quoted",
    ("enforcement/verification.py", "SQL of parts"): "a query of our own with a number for its LIMIT",
    ("sqlmodel/engine.py", "SQL of parts"): "BEGIN and a word of the engine's own options",
}
"""What is there all the same, and why that is safe."""


def findings(path: Path) -> Iterator[str]:
    """What a module contains of it, each with a word for its kind."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {name for node in ast.walk(tree) for name in _defined(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"import {name}" for name in names if name.partition(".")[0] in UNSAFE_MODULES)
        if isinstance(node, ast.Call):
            yield from _called(node, own)


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield node.name
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)


def _called(node: ast.Call, own: set[str]) -> Iterator[str]:
    name = ast.unparse(node.func)
    if name in EVALUATING - own:
        yield name
    if name in UNSAFE_CALLS or (name == "import_module" and "import_module" in own):
        yield name if "." in name else f"importlib.{name}"
    if name.rpartition(".")[2] in SQL_CALLS and node.args and _of_parts(node.args[0]):
        yield "SQL of parts"


def _of_parts(argument: ast.expr) -> bool:
    """Whether a text is put together: an f-string, +, %, or a method that fills in."""
    if isinstance(argument, ast.JoinedStr):
        return any(isinstance(value, ast.FormattedValue) for value in argument.values)
    if isinstance(argument, ast.BinOp):
        return True
    method = argument.func.attr if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute) else ""
    return method in ("format", "join", "replace")


def test_the_source_has_none_of_it_but_what_is_known() -> None:
    found = {
        (path.relative_to(SOURCE).as_posix(), kind) for path in sorted(SOURCE.rglob("*.py")) for kind in findings(path)
    }
    assert found <= set(KNOWN), "put a parameter in its place, or say here why it is safe"


def test_everything_that_is_planted_is_found(tmp_path: Path) -> None:
    culprit = tmp_path / "culprit.py"
    culprit.write_text(
        """
import os, pickle
from yaml import load
from importlib import import_module

def run(session, name, chart):
    eval(name), exec(name), compile(name, "x", "eval"), __import__(name)
    os.system(name)
    import_module(name)
    session.execute(text(f"SELECT * FROM orders WHERE id = {name}"))
    session.execute("SELECT " + name)
    connection.exec_driver_sql("SELECT {}".format(name))
    session.execute(text("SELECT :name"), {"name": name})
"""
    )
    assert Counter(findings(culprit)) == {
        **dict.fromkeys(("import pickle", "import yaml", "eval", "exec", "compile", "__import__", "os.system"), 1),
        "importlib.import_module": 1,
        "SQL of parts": 3,
    }
