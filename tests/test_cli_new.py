"""`orderfsm new`: what is written is sound, explains the format, and nothing is written over."""

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

import orderfsm
from orderfsm import schema
from orderfsm.chart import Kind
from orderfsm.cli.app import app
from orderfsm.diagrams import render
from test_schema import as_json

WAYS: dict[str, tuple[str, ...]] = {"order": (), "minimal": ("--minimal",), "items": ("--items",)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, output and error output of a command."""
    result = CliRunner().invoke(app, list(words), prog_name="orderfsm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("way", WAYS)
def test_a_new_chart_has_no_findings(folder: Path, way: str) -> None:
    assert run("new", "acme/ticket", *WAYS[way])[0] == 0
    files = sorted(path.name for path in folder.glob("*.yaml"))
    assert files == (["item.yaml", "ticket.yaml"] if way == "items" else ["ticket.yaml"])
    assert run("check", *files) == (0, f"charts: {len(files)}, findings: 0\n", "")
    assert orderfsm.load("ticket.yaml").name == "acme/ticket"
    assert render(orderfsm.load("ticket.yaml"), "svg")


@pytest.mark.parametrize("way", WAYS)
def test_a_new_chart_has_examples_of_what_is_legal_and_of_what_is_not(way: str) -> None:
    run("new", "acme/ticket", *WAYS[way])
    for path in Path().glob("*.yaml"):
        assert {bool(scenario.refused) for scenario in orderfsm.load(path).scenarios} == {True, False}


def test_the_roll_up_leads_to_the_items(folder: Path) -> None:
    run("new", "acme/ticket", "--items")
    order, item = orderfsm.load("ticket.yaml"), orderfsm.load("item.yaml")
    assert order.rollup is not None
    assert order.rollup.items == item.name == "acme/item"


def test_a_new_chart_teaches_what_a_chart_may_say() -> None:
    run("new", "acme/ticket")
    text, chart = Path("ticket.yaml").read_text(encoding="utf-8"), orderfsm.load("ticket.yaml")
    assert {state.kind for state in chart.states} == {Kind.ATOMIC, Kind.COMPOUND, Kind.FINAL, Kind.SHALLOW}
    top = set(schema.chart_schema()["properties"])
    assert top - set(as_json(text)) <= {
        "description",
        "source",
        "spelling",
        "codes",
        "always",
        "guards",
        "rollup",
        "quirks",
    }
    assert text.count("#") > 20
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("way", WAYS)
def test_editors_find_the_schema(folder: Path, way: str) -> None:
    run("new", "acme/ticket", *WAYS[way])
    validator = jsonschema.Draft202012Validator(json.loads((folder / "chart.schema.json").read_text(encoding="utf-8")))
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# yaml-language-server: $schema=chart.schema.json\n")
        assert list(validator.iter_errors(as_json(text))) == []


def test_nothing_is_written_over(folder: Path) -> None:
    (folder / "item.yaml").write_text("mine")
    code, output, errors = run("new", "acme/ticket", "--items")
    assert (code, output) == (2, "")
    assert errors == "orderfsm: item.yaml would be written over; choose another name or --folder\n"
    assert [path.name for path in folder.iterdir()] == ["item.yaml"]
    (folder / "chart.schema.json").write_text("{}")
    assert run("new", "acme/ticket") == (0, "ticket.yaml\nlook at it: orderfsm check ticket.yaml\n", "")
    assert (folder / "chart.schema.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ticket",), "ticket is no name of a chart; write vocabulary/subject, such as shop/order"),
        (("../ticket",), "../ticket is no name of a chart"),
        (("a/b/c",), "a/b/c is no name of a chart"),
        (("acme/../x",), "acme/../x is no name of a chart"),
        (("acme/x\n",), r"acme/x\n is no name of a chart"),
        (("stat/order",), "the catalogue has stat/order, and a name means that one"),
        (("acme/item", "--items"), "acme/item is what the chart of the items will be called"),
        (("acme/ticket", "--items", "--minimal"), "--items and --minimal are two beginnings"),
        (("acme/ticket", "--folder", "none"), "there is no folder none; make it first"),
    ],
)
def test_misuse_is_told_and_nothing_written(folder: Path, words: tuple[str, ...], message: str) -> None:
    code, output, errors = run("new", *words)
    assert (code, output) == (2, "")
    assert message in errors
    assert list(folder.iterdir()) == []


def test_a_folder_and_json(folder: Path) -> None:
    (folder / "charts").mkdir()
    code, output, _ = run("new", "acme/ticket", "--folder", "charts", "--json")
    written = [str(Path("charts") / name) for name in ("ticket.yaml", "chart.schema.json")]
    assert (code, json.loads(output)) == (0, {"chart": "acme/ticket", "written": written})


def test_the_schema_is_written_to_a_file(folder: Path) -> None:
    assert run("schema", "--output", "chart.schema.json") == (0, "chart.schema.json\n", "")
    assert (folder / "chart.schema.json").read_text(encoding="utf-8") == schema.dumps() == run("schema")[1]
