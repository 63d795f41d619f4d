"""The commands: what they print, as text and as JSON, and the code they exit with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session
from typer.testing import CliRunner

import orderfsm
from orderfsm import catalogue, cli
from orderfsm.cli.answer import Grid, Misused
from orderfsm.cli.app import app, every_command
from orderfsm.cli.charts import resolve
from orderfsm.lifecycle import Corrections, Lifecycle, Restated
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine

ROOT = Path(__file__).parent.parent
FORBIDDEN = ("sqlmodel", "sqlalchemy", "rich", "ruamel", "fastapi", "hypothesis", "transitions")

SMALL = """\
chart: shop/order
version: "1"
title: A small shop
initial: open
actors: {staff: People in the shop.}
states:
  open: {category: open}
  sent: {category: done, final: true}
events:
  send: {from: open, to: sent, by: staff, links: [tracking], when: size(payload.parcels) > 0,
         payload: {parcels: {type: list, items: string}}}
links: {tracking: Where the parcel is.}
"""


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, output and error output of a command."""
    result = CliRunner().invoke(app, list(words), prog_name="orderfsm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def data(*words: str) -> tuple[int, Any]:
    """Exit code of a command, and the JSON document that it prints."""
    code, output, errors = run(*words, "--json")
    assert errors == ""
    return code, json.loads(output)


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "order.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


# --- charts, show, draw, schema


def test_charts_lists_the_catalogue() -> None:
    code, found = data("charts")
    assert (code, [chart["name"] for chart in found["charts"]]) == (0, list(catalogue.names()))
    assert all(len(chart["hash"]) == 12 and chart["states"] and chart["arrows"] for chart in found["charts"])
    code, output, _ = run("charts")
    assert code == 0
    assert all(name in output for name in catalogue.names())


def test_the_strict_profile_has_fewer_arrows() -> None:
    arrows = {
        profile: {chart["name"]: chart["arrows"] for chart in data("charts", "--profile", profile)[1]["charts"]}
        for profile in ("strict", "full")
    }
    assert arrows["strict"]["stat/order"] == 5 < arrows["full"]["stat/order"]


def test_show_tells_states_arrows_and_what_is_allowed() -> None:
    code, found = data("show", "stat/order")
    stated = [arrow for arrow in found["transitions"] if arrow["basis"] == "stated" and arrow["event"] == "accept"]
    assert code == 0
    assert stated[0]["source"].startswith("State machine intent")
    assert {state["code"] for state in found["states"]} >= {"received", "canceled"}
    assert found["allowed"]["completed"] == {}
    code, output, _ = run("show", "stat/order")
    assert code == 0
    assert "nothing: an end" in output


@pytest.mark.parametrize("name", catalogue.names())
def test_every_chart_is_shown_and_drawn(name: str) -> None:
    assert run("show", name)[0] == 0
    assert run("draw", name)[1].startswith("stateDiagram-v2\n")
    assert run("draw", name, "--format", "table")[1].startswith("|")


def test_draw_highlights_a_state_by_its_code() -> None:
    code, output, _ = run("draw", "adobe/order", "--at", "1000")
    assert code == 0
    assert "class s_complete active" in output


def test_schema_is_the_schema_of_chart_files() -> None:
    code, output, _ = run("schema")
    assert (code, json.loads(output)) == (0, data("schema")[1])
    assert json.loads(output)["$schema"].startswith("https://json-schema.org/")


# --- check


def test_the_catalogue_has_no_errors() -> None:
    code, findings = data("check")
    assert code == 0
    assert [finding for finding in findings if finding["severity"] == "error"] == []


def broken(folder: Path) -> str:
    path = folder / "broken.yaml"
    path.write_text(SMALL + "rules: [never sent]\n", encoding="utf-8")
    return str(path)


def test_an_error_is_told_with_its_place_and_exits_with_1(tmp_path: Path) -> None:
    code, output, _ = run("check", broken(tmp_path))
    assert code == 1
    assert f"{broken(tmp_path)}:13:" in output
    assert "error[" in output
    assert data("check", broken(tmp_path))[0] == 1


def test_sarif_has_one_result_per_finding(tmp_path: Path) -> None:
    code, output, _ = run("check", broken(tmp_path), "--format", "sarif")
    findings = data("check", broken(tmp_path))[1]
    log = json.loads(output)
    assert (code, log["version"]) == (1, "2.1.0")
    assert len(log["runs"][0]["results"]) == len(findings) > 0


def test_a_finding_is_placed_from_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my charts").mkdir()
    path = broken(tmp_path / "my charts")
    monkeypatch.chdir(tmp_path)
    assert run("check", path)[1].startswith(f"{Path('my charts/broken.yaml')}:13:")
    assert {finding["filename"] for finding in data("check", path)[1]} == {str(Path("my charts/broken.yaml"))}
    assert uris(path) == {"my%20charts/broken.yaml"}


def test_a_finding_outside_the_current_directory_keeps_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = broken(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("check", path)[1].startswith(f"{path}:13:")
    assert uris(path) == {Path(path).as_uri()}


def uris(path: str) -> set[str]:
    """The files that the findings of a chart are placed in, as SARIF has them."""
    results = json.loads(run("check", path, "--format", "sarif")[1])["runs"][0]["results"]
    return {place["physicalLocation"]["artifactLocation"]["uri"] for each in results for place in each["locations"]}


def test_the_items_of_a_roll_up_are_found_beside_the_chart(tmp_path: Path) -> None:
    rollup = "rollup: {items: shop/line, events: [send], rules: [{to: open, otherwise: true}]}\n"
    (tmp_path / "order.yaml").write_text(SMALL + rollup, encoding="utf-8")
    assert "was not proved, for there is no chart shop/line" in run("check", str(tmp_path / "order.yaml"))[1]
    (tmp_path / "line.yaml").write_text(SMALL.replace("shop/order", "shop/line"), encoding="utf-8")
    assert "was not proved" not in run("check", str(tmp_path / "order.yaml"))[1]


# --- trace


def test_trace_prints_a_legal_life() -> None:
    code, found = data("trace", "stat/order", "received", "accepted", "completed")
    assert (code, found["legal"]) == (0, True)
    assert [step["event"] for step in found["steps"]] == ["open", "accept", "complete"]
    assert "legal" in run("trace", "stat/order", "received", "accepted")[1]


def test_trace_tells_the_place_of_the_first_illegal_code() -> None:
    code, found = data("trace", "stat/order", "received", "completed", "accepted")
    assert (code, found["legal"], found["index"]) == (1, False, 1)
    assert found["refused"]["code"] == "not-enabled"
    code, output, _ = run("trace", "stat/order", "received", "completed")
    assert code == 1
    assert "1  completed  refused" in output
    assert "no event of stat/order leads from received to completed" in output


# --- explain


def test_explain_tells_what_is_enabled_and_what_it_takes(small: str) -> None:
    code, found = data("explain", small, "open")
    assert (code, found["enabled"]) == (0, ["send"])
    (case,) = found["events"]["send"]
    assert (case["after"], case["by"], case["links"]) == ("sent", [["staff"]], ["tracking"])
    assert (case["when"], case["payload"]) == (["size(payload.parcels) > 0"], {"parcels": "list"})
    _, output, _ = run("explain", small, "open")
    assert "link tracking, payload.parcels: list" in output


def test_explain_tells_why_an_event_is_refused(small: str) -> None:
    words = ("explain", small, "open", "send", "--actor", "staff", "--link", "tracking", "--payload")
    code, found = data(*words, '{"parcels": []}')
    assert (code, found["allowed"], found["refused"]["code"]) == (1, False, "guard-refused")
    code, found = data(*words, '{"parcels": ["p-1"]}')
    assert (code, found["allowed"], "refused" in found) == (0, True, False)


def test_explain_tells_the_shortest_way() -> None:
    code, found = data("explain", "stat/order", "received", "--to", "completed")
    assert (code, [step["event"] for step in found["way"]]) == (0, ["accept", "complete"])
    assert data("explain", "stat/order", "received", "--to", "received")[1]["way"] == []


def test_explain_tells_when_no_way_leads_there() -> None:
    code, output, _ = run("explain", "stat/order", "rejected", "--to", "accepted")
    assert code == 1
    assert "an end: nothing leads out of it" in output
    assert "no way leads from rejected to accepted" in output


def test_explain_asks_guards_with_the_given_facts() -> None:
    words = ("explain", "cablelabs/order", "PENDING", "expire_correction", "--actor", "system", "--facts")
    facts = '{"order": {"correctionOrderDueDate": "2016-10-05T08:00+01:00"}}'
    assert run(*words, facts, "--now", "2016-10-04T00:00:00Z")[0] == 1
    assert run(*words, facts, "--now", "2016-10-06T00:00:00Z")[0] == 0


def test_a_code_that_means_several_configurations_is_not_guessed() -> None:
    code, output, errors = run("explain", "stat/order", "held")
    assert (code, output) == (2, "")
    assert "say which: held_before_acceptance" in errors


def test_a_configuration_is_found_by_alias_code_or_state() -> None:
    chart = orderfsm.load("stat/order")
    assert [resolve(chart, word) for word in ("accepted", "cancelled", "completed")] == [
        "accepted",
        "canceled",
        "completed",
    ]
    with pytest.raises(Misused, match="no configuration 'nowhere'"):
        resolve(chart, "nowhere")


# --- conform


def test_conform_tells_how_many_histories_are_legal(small: str, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("order,status\na,open\na,sent\nb,open\nb,sent\nb,open\n", encoding="utf-8")
    words = ("conform", str(log), "--chart", small, "--status", "status", "--case", "order")
    code, found = data(*words)
    assert (code, found["histories"], found["legal"]) == (1, 2, 1)
    assert found["most_frequent"] == [{"before": "sent", "code": "open", "count": 1, "example": "b"}]
    log.write_text("order,status\na,open\na,sent\n", encoding="utf-8")
    code, output, _ = run(*words)
    assert code == 0
    assert "1 of 1 histories (100.0%) are legal by shop/order" in output


# --- history


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/orders.db"
    made = engine(url)
    create_all(made)
    orders = Lifecycle(orderfsm.load("stat/order"), SqlStore(Order, OrderHistory))
    with Session(made) as session:
        order = Order(reference="PO-1")
        orders.open(session, order, actor="customer")
        orders.send(session, order, "reject", actor="provider", reason=orderfsm.Reason("competition", "\x1b[31mlost"))
        session.add(Order(reference="PO-2"))
        session.commit()
    made.dispose()
    return url


@pytest.mark.parametrize("wanted", ["1", "PO-1"])
def test_history_prints_current_and_history(database: str, wanted: str) -> None:
    code, found = data("history", wanted, "--database", database)
    assert (code, [entry["status_code"] for entry in found["history"]]) == (0, ["received", "rejected"])
    assert found["current"] == found["history"][-1]
    assert set(found["current"]) == {"timestamp", "status_code", "reason_code", "reason_text", "links"}
    assert (found["current"]["reason_code"], found["current"]["reason_text"]) == ("competition", "\x1b[31mlost")


def test_history_marks_what_was_corrected(database: str) -> None:
    may = Corrections(void=("boss",), supersede=("boss",))
    orders = Lifecycle(orderfsm.load("stat/order"), SqlStore(Order, OrderHistory), corrections=may)
    made = engine(database)
    with Session(made) as session:
        order = session.get_one(Order, 1)
        orders.void(session, order, actor="boss", reason="wrong order")
        orders.supersede(session, order, 1, Restated(reason="by telephone"), actor="boss", reason="forgotten")
        session.commit()
    made.dispose()
    code, found = data("history", "1", "--database", database)
    marks = [
        {name: status[name] for name in ("corrects", "voided_by", "superseded_by") if name in status}
        for status in found["history"]
    ]
    assert (code, marks) == (0, [{"superseded_by": 4}, {"voided_by": 3}, {"corrects": 2}, {"corrects": 1}])
    assert (found["current"]["status_code"], found["current"]["reason_code"]) == ("received", "by telephone")


def test_history_lets_nothing_act_on_the_terminal(database: str) -> None:
    assert "\x1b" not in run("history", "1", "--database", database)[1]


@pytest.mark.parametrize(("wanted", "said"), [("7", "no order with the id or reference 7"), ("2", "never opened")])
def test_history_of_an_order_that_has_none(database: str, wanted: str, said: str) -> None:
    code, _, errors = run("history", wanted, "--database", database)
    assert code == 2
    assert said in errors


def test_history_makes_no_database(tmp_path: Path) -> None:
    code, _, errors = run("history", "1", "--database", f"sqlite:///{tmp_path}/none.db")
    assert code == 2
    assert "there is no file" in errors
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("url", ["nonsense", "nosuch://x"])
def test_a_url_that_leads_nowhere_is_wrong_usage(url: str) -> None:
    code, _, errors = run("history", "1", "--database", url)
    assert code == 2
    assert "write for example sqlite:///orders.db" in errors


def test_a_database_without_the_tables_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.db").touch()
    code, _, errors = run("history", "1", "--database", f"sqlite:///{tmp_path}/other.db")
    assert code == 2
    assert "does it have the tables? `orderfsm ready` tells" in errors


def test_a_password_is_not_told() -> None:
    code, _, errors = run("history", "1", "--database", "postgresql+psycopg://someone:secret@127.0.0.1:1/none")
    assert code == 2
    assert "someone:***@127.0.0.1" in errors
    assert "secret" not in errors


# --- wrong usage


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nope"),
        ("draw", "stat/nope"),
        ("trace", "missing.yaml", "x"),
        ("check", "nope"),
        ("explain", "stat/order", "nowhere"),
        ("explain", "stat/order", "received", "--to", "nowhere"),
        ("explain", "stat/order", "received", "accept", "--payload", "{"),
        ("explain", "stat/order", "received", "accept", "--facts", "[]"),
        ("explain", "stat/order", "received", "accept", "--now", "yesterday"),
        ("conform", "missing.xes", "--chart", "stat/order"),
        ("conform", "README.md", "--chart", "stat/order"),
        ("demo", "--database", "nonsense"),
        ("demo", "--database", "sqlite:////nowhere/at/all.db"),
        ("draw", "stat/order", "--format", "jpeg"),
        ("show",),
        ("nonsense",),
    ],
)
def test_wrong_usage_exits_with_2_and_a_message_on_the_error_output(words: tuple[str, ...]) -> None:
    code, output, errors = run(*words)
    assert (code, output) == (2, "")
    assert errors
    assert "Traceback" not in errors


def test_a_file_that_cannot_be_read_is_told_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(SMALL.replace("category: done", "categorie: done"), encoding="utf-8")
    code, _, errors = run("show", str(path))
    assert code == 2
    assert "bad.yaml:8:" in errors


def test_characters_that_act_on_a_terminal_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "order.yaml"
    path.write_text(SMALL.replace("A small shop", '"A \\e[31m \\u202e shop"'), encoding="utf-8")
    for words in (
        ("show", str(path)),
        ("explain", str(path), "\x1b[31m"),
        ("show", "\x1b]0;x\x07"),
        ("show", str(path), "--json"),
    ):
        _, output, errors = run(*words)
        assert not set(output + errors) & {"\x1b", "\x07", "\u202e"}


# --- the program


def python(code: str) -> subprocess.CompletedProcess[str]:
    """What a fresh interpreter says to that."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


def test_help_imports_neither_databases_nor_renderers() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from orderfsm.cli.app import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        f"print(sorted({{name.partition('.')[0] for name in sys.modules}} & set({FORBIDDEN})))"
    )
    assert python(code).stdout.strip() == "[]"


def test_the_core_imports_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import orderfsm; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names - {'orderfsm'}))"
    )
    assert python(code).stdout.strip() == "[]"


def test_a_missing_typer_is_told_with_the_remedy() -> None:
    code = "import sys; sys.modules['typer'] = None; from orderfsm.cli import main; main()"
    answer = python(code)
    assert answer.returncode == 2
    assert answer.stderr == 'orderfsm: the command line needs typer; type: pip install "orderfsm[cli]"\n'


def test_the_program_prints_its_version() -> None:
    code, output, _ = run("--version")
    assert (code, output) == (0, f"orderfsm {orderfsm.__version__}\n")


def test_the_program_is_installed() -> None:
    answer = python(
        "import sys; sys.argv = ['orderfsm', 'trace', 'stat/order', 'received']; from orderfsm.cli import main; main()"
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert callable(cli.main)


@pytest.mark.parametrize("name", sorted(dict(every_command())))
def test_every_command_takes_json_and_explains_itself(name: str) -> None:
    found = dict(every_command())[name]
    assert "--json" in {option for each in found.params for option in each.opts}
    assert found.help
    assert all(each.help for each in found.params if each.name != "help")


def test_columns_that_are_empty_are_left_out() -> None:
    assert Grid(("a", "b"), [("1", "")]).head == ("a", "b")
    _, output, _ = run("trace", "stat/order", "received")
    assert output.splitlines()[0].split() == ["code", "event", "configuration"]
