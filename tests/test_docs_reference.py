"""The reference is complete: modules, names, keys, codes, commands, charts and words have their places."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import orderfsm
from orderfsm import catalogue, errors
from orderfsm.cli.app import every_command
from orderfsm.docs.python import FOLDER, NAMED, PAGES, names
from orderfsm.schema import chart_schema

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
INSIDE = {
    "orderfsm.__main__",
    "orderfsm._version",
    "orderfsm.arguments",
    "orderfsm.call",
    "orderfsm.cell",
    "orderfsm.cli",
    "orderfsm.demo",
    "orderfsm.diagnosis",
    "orderfsm.docs",
    "orderfsm.document",
    "orderfsm.exploration",
    "orderfsm.extras",
    "orderfsm.finding",
    "orderfsm.graph",
    "orderfsm.interpret",
    "orderfsm.link",
    "orderfsm.pairing",
    "orderfsm.payload",
    "orderfsm.printable",
    "orderfsm.step",
    "orderfsm.structure",
    "orderfsm.table",
    "orderfsm.trace",
    "orderfsm.witness",
}
"""Modules that are no one's business, or whose names are those of `orderfsm` itself."""

MODULES = [module for page, within in PAGES.items() for module in (page, *within)]


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


# --- Python


def test_every_module_has_a_page_or_is_said_to_be_inside() -> None:
    found = {f"orderfsm.{each.name}" for each in pkgutil.iter_modules(orderfsm.__path__)}
    assert found - set(PAGES) - INSIDE == set(), "name them in PAGES of orderfsm.docs.python, or in INSIDE here"
    assert INSIDE & set(PAGES) == set()
    assert found >= INSIDE


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_described_once(module: str) -> None:
    offered = set(NAMED.get(module, importlib.import_module(module).__all__))
    assert {name.text for name in names(module)} == offered
    home = next(each for each, within in PAGES.items() if module == each or module in within)
    for name in names(module):
        assert name.said, f"{module}.{name.text} has no docstring"
        assert "|" not in name.said, (
            f"a bar in the first sentence of {module}.{name.text} would end a cell of its table"
        )
        assert f"`{name.text}`" in (ROOT / FOLDER / f"{home}.md").read_text(encoding="utf-8")
    pages = [each.read_text(encoding="utf-8") for each in (ROOT / FOLDER).glob("*.md")]
    entries = [found for text in pages for found in re.findall("^::: .*$", text, re.MULTILINE)]
    assert len(entries) == len(set(entries))
    for name in names(module):
        assert any(found.endswith(f".{name.text}") for found in entries)


def test_every_name_at_the_top_has_an_entry_here_or_among_the_errors() -> None:
    entries = {each for name in ("orderfsm", "orderfsm.errors") for each in page(f"python/{name}.md").splitlines()}
    for name in orderfsm.__all__:
        assert entries & {f"::: orderfsm.{name}", f"::: orderfsm.{name}.{name}", f"::: orderfsm.errors.{name}"}, name


def test_a_function_is_not_taken_for_the_module_of_its_name() -> None:
    assert {"::: orderfsm.step.step", "::: orderfsm.trace.trace"} <= set(page("python/orderfsm.md").splitlines())


def test_every_error_has_an_entry() -> None:
    lines = set(page("python/orderfsm.errors.md").splitlines())
    assert {f"::: orderfsm.errors.{name}" for name in errors.__all__} <= lines


def test_every_format_of_interchange_is_told_of() -> None:
    formats = importlib.import_module("orderfsm.interchange").__all__
    assert PAGES["orderfsm.interchange"] == tuple(f"orderfsm.interchange.{name}" for name in formats)


def test_what_pages_import_is_public() -> None:
    public = {module: {name.text for name in names(module)} for module in MODULES}
    imports = re.compile(r"^ *from (orderfsm[\w.]*) import \(?([\w, \n]+?)\)?$", re.MULTILINE)
    pages = [each for each in (ROOT / "docs").glob("**/*.md") if each.parent != ROOT / FOLDER]
    found = [(each, *line) for each in pages for line in imports.findall(each.read_text(encoding="utf-8"))]
    assert len(found) > 100
    for each, module, text in found:
        for name in re.findall(r"\w+", text):
            assert name in public.get(module, ()) or f"{module}.{name}" in public, f"{each}: {module}.{name}"


# --- errors, commands, charts


def test_every_error_code_has_its_section() -> None:
    sections = set(re.findall(r"^### (\S+)$", page("errors.md"), re.MULTILINE))
    assert {getattr(errors, name).code for name in errors.__all__ if name != "Blocker"} <= sections


def test_every_command_has_its_section() -> None:
    sections = set(re.findall(r"^## (.+)$", page("cli.md"), re.MULTILINE))
    assert {name for name, _ in every_command()} <= sections


def test_every_chart_has_its_page() -> None:
    index = page("charts/index.md")
    for name in catalogue.names():
        file = f"{name.replace('/', '-')}.md"
        assert f"`{name}`" in page(f"charts/{file}")
        assert f"({file})" in index


def test_every_api_has_its_page() -> None:
    http = Path(importlib.import_module("orderfsm.http").__path__[0])
    apis = {each.parent.name for each in http.glob("*/__init__.py")} - {"pages"}
    assert {each.stem for each in (REFERENCE / "http").glob("*.md")} == apis


# --- the chart file


def keys(table: str) -> set[str]:
    """The keys in the first column of the tables of a section."""
    rows = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page("chart-format.md"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def named(schema: Any) -> set[str]:
    """The keys of the schema's mappings, at whatever depth."""
    if isinstance(schema, list):
        return {key for each in schema for key in named(each)}
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})) | {key for each in schema.values() for key in named(each)}


SCHEMA = chart_schema()
ARROWS = {"events": SCHEMA["properties"]["events"], "always": SCHEMA["properties"]["always"]}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Top level", set(SCHEMA["properties"])),
        ("States", named(SCHEMA["$defs"]["states"]) - {"mode", "codes"}),  # of a reason rule: those of arrows
        ("Events and arrows", named([ARROWS, *(SCHEMA["$defs"][name] for name in ("arrow", "payload", "field"))])),
        ("Scenarios", named(SCHEMA["properties"]["scenarios"])),
        ("Roll-up", named(SCHEMA["properties"]["rollup"])),
    ],
)
def test_the_tables_of_the_chart_file_have_the_keys_of_the_schema(title: str, expected: set[str]) -> None:
    assert keys(section(title)) == expected


# --- words

WORDS = """
vocabulary, chart, state, code, category, configuration, event, transition, profile, guard, facts, action, step,
refused, blocker, reason, link, history entry, lifecycle, roll-up, crosswalk, outbox, relay, timer, sweep, open,
send, report, adopt, basis, cell, case, demand, finding, witness, sequence, revision, origin, idempotency key, in
doubt, writer, correction, effective history, hold, dead letter, stay, trace, replay, rule, scenario, subject,
alias, enforcement, edge, seal, claim, dialect, principal, conformance
"""


def test_every_word_of_the_house_is_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "explanation" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\*\*(.*?)\*\*\n:", glossary, re.MULTILINE)
    explained = {word for found in terms for word in found.split(", ")}
    assert {" ".join(word.split()) for word in WORDS.split(",")} - explained == set()
    for kind in ("atomic", "compound", "parallel", "final", "history", "shallow", "deep"):
        assert f"*{kind}*" in glossary
