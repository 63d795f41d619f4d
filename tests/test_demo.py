"""The demo walks the lives that the sources tell of, on a real database, and says the same every time."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import orderfsm
from kept_work import calls
from orderfsm import demo
from orderfsm.cli.app import app
from orderfsm.demo.lives import VOCABULARIES
from orderfsm.demo.script import Act, Life, Vocabulary
from orderfsm.demo.stage import Stage
from orderfsm.demo.statuses import statuses
from orderfsm.history import Entry
from orderfsm.sqlmodel import create_all, engine

FIVE = [
    "cablelabs/order",
    "stat/order",
    "adobe/order",
    "dream_junction/order",
    "record_stack_overflow/order",
]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return demo.run(f"sqlite:///{tmp_path_factory.mktemp('demo')}/demo.db", Path("/nowhere"))


def lives(account: dict[str, Any], chart: str) -> list[dict[str, Any]]:
    (found,) = (each for each in account["vocabularies"] if each["chart"] == chart)
    return found["lives"]


def refusals(account: dict[str, Any], chart: str) -> set[tuple[str, str, str]]:
    return {(r["event"], r["in"], r["refused"]) for life in lives(account, chart) for r in life["refusals"]}


def test_the_five_vocabularies_are_played(account: dict[str, Any]) -> None:
    assert [each["chart"] for each in account["vocabularies"]] == FIVE


@pytest.mark.parametrize("chart", FIVE)
def test_every_life_is_legal_and_its_codes_are_the_vocabularys(account: dict[str, Any], chart: str) -> None:
    words = set(orderfsm.load(chart).codes)
    for life in lives(account, chart):
        assert life["legal"]
        assert set(life["codes"]) <= words
        orderfsm.trace(orderfsm.load(chart), life["codes"])


@pytest.mark.parametrize("chart", FIVE)
def test_every_vocabulary_refuses_at_least_two_events_and_says_why(account: dict[str, Any], chart: str) -> None:
    found = [refusal for life in lives(account, chart) for refusal in life["refusals"]]
    assert len(found) >= 2
    assert all(refusal["message"] and refusal["blockers"] for refusal in found)


@pytest.mark.parametrize("chart", FIVE)
def test_histories_have_the_shape_of_the_stat_document(account: dict[str, Any], chart: str) -> None:
    for life in lives(account, chart):
        status = life["status"]
        assert list(status) == ["current", "history"]
        assert status["current"] == status["history"][-1]
        assert [entry["status_code"] for entry in status["history"]] == life["codes"]
        for entry in status["history"]:
            assert list(entry) == ["timestamp", "status_code", "reason_code", "reason_text", "links"]
            assert entry["timestamp"].endswith("Z")


def test_stat_is_held_resumed_and_delivered_in_parts(account: dict[str, Any]) -> None:
    (life,) = (each for each in lives(account, "stat/order") if "held" in each["codes"])
    history = life["status"]["history"]
    assert life["codes"][1:4] == ["reserved", "held", "reserved"]
    assert [entry["reason_code"] for entry in history if entry["reason_code"]] == ["partial_delivery"]
    assert history[-1]["links"] == [{"rel": "delivery-manifest", "href": "https://example.org/manifests/1"}]


def test_items_take_their_order_with_them(account: dict[str, Any]) -> None:
    whole, partly = lives(account, "cablelabs/order")[:2]
    assert [item["codes"][-1] for item in whole["items"]] == ["COMPLETED", "COMPLETED"]
    assert [item["codes"][-1] for item in partly["items"]] == ["COMPLETED", "FAILED"]
    assert (whole["codes"][-1], partly["codes"][-1]) == ("COMPLETED", "PARTIAL")
    assert {step["origin"] for step in whole["steps"][1:]} == {"roll-up"}


def test_adobe_takes_lines_back_for_fourteen_days(account: dict[str, Any]) -> None:
    first, late = lives(account, "adobe/order")[:2]
    assert first["codes"] == ["1002", "1000", "1000", "1000", "1008"]
    (refused,) = late["refusals"]
    assert (refused["event"], refused["refused"]) == ("return_lines", "guard-refused")
    assert late["codes"] == ["1002", "1000"]
    assert "days_since" in refused["message"]


def test_what_is_in_production_is_not_canceled(account: dict[str, Any]) -> None:
    found = refusals(account, "dream_junction/order")
    assert ("cancel", "open", "not-enabled") in found
    assert ("cancel", "canceled", "not-enabled") in found
    assert ("update", "packaged", "not-enabled") in found


def test_customers_cancel_and_merchants_update_their_own_orders_only(account: dict[str, Any]) -> None:
    assert refusals(account, "record_stack_overflow/order") == {
        ("cancel", "In progress", "not-permitted"),
        ("cancel", "In progress", "guard-refused"),
        ("cancel", "Cancelled", "not-enabled"),
        ("cancel", "Completed", "not-enabled"),
        ("update", "In progress", "not-permitted"),
        ("update", "In progress", "guard-refused"),
    }


def test_a_refusal_names_the_shortest_way_to_what_was_wanted(account: dict[str, Any]) -> None:
    refusal = lives(account, "stat/order")[0]["refusals"][0]
    assert (refusal["event"], refusal["way"], refusal["way_there"]) == (
        "complete",
        ["accept", "complete"],
        ["accept", "complete"],
    )


def test_the_demo_says_the_same_every_time_and_in_time(account: dict[str, Any]) -> None:
    again: list[object] = []
    assert calls(lambda: again.append(demo.run(None, Path("/nowhere")))) < 20_000_000
    assert again == [account]


def test_without_a_log_the_demo_says_so(account: dict[str, Any]) -> None:
    assert account["log"]["read"] is False
    assert "name its folder with --logs" in account["log"]["because"]


def test_the_real_log_is_judged(corpora: Path) -> None:
    found = demo.log_account(corpora / "logs")
    assert (found["read"], found["histories"], found["basis"]) == (True, 7_554, ["inferred"])
    assert 0.9 < found["share"] < 1
    assert found["most_frequent"]


def test_the_orders_stay_in_the_database_that_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    order = demo.run(url, Path("/nowhere"))["vocabularies"][1]["lives"][0]
    result = CliRunner().invoke(app, ["history", str(order["order"]), "--database", url])
    assert (result.exit_code, json.loads(result.stdout)) == (0, order["status"])


def test_the_command_prints_text_or_one_document() -> None:
    text = CliRunner().invoke(app, ["demo", "--logs", "/nowhere"])
    assert text.exit_code == 0
    for expected in (*FIVE, '"status_code": "In progress"', '"status_code": "1008"', "refused (guard-refused)"):
        assert expected in text.stdout
    document = CliRunner().invoke(app, ["demo", "--logs", "/nowhere", "--json"])
    assert (document.exit_code, list(json.loads(document.stdout))) == (0, ["vocabularies", "log"])


# --- the stage


def play(tmp_path: Path, *acts: Act, codes: tuple[str, ...]) -> dict[str, Any]:
    made = engine(f"sqlite:///{tmp_path}/stage.db")
    create_all(made)
    script = Vocabulary("stat/order", VOCABULARIES[1].begin, "", ())
    try:
        return Stage(made, script).play(Life("a life", codes, acts, "customer"))
    finally:
        made.dispose()


def test_an_act_that_should_have_been_refused_is_loud(tmp_path: Path) -> None:
    with pytest.raises(demo.Unexpected, match="accept went through"):
        play(tmp_path, Act("accept", "provider", refused="not-enabled"), codes=("received",))


def test_a_refusal_of_another_kind_is_loud(tmp_path: Path) -> None:
    with pytest.raises(orderfsm.NotPermitted):
        play(tmp_path, Act("accept", "customer", refused="not-enabled"), codes=("received",))


def test_codes_that_differ_from_the_script_are_loud(tmp_path: Path) -> None:
    with pytest.raises(demo.Unexpected, match="expected were"):
        play(tmp_path, Act("accept", "provider"), codes=("received", "rejected"))


def test_items_need_a_roll_up(tmp_path: Path) -> None:
    with pytest.raises(demo.Unexpected, match="no roll-up"):
        play(tmp_path, Act("accept", "provider", item=1), codes=("received",))


def test_the_current_status_is_the_last_one_whatever_its_time() -> None:
    day = VOCABULARIES[1].begin
    entries = [
        Entry(None, "open", "received", code="received", occurred_at=day),
        Entry("received", "accept", "accepted", code="accepted", occurred_at=day.replace(year=2020)),
    ]
    assert statuses(entries)["current"]["status_code"] == "accepted"
    with pytest.raises(ValueError, match="open it first"):
        statuses([])
