"""Charts are found by name or by path, and parsed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kept_work import calls
from orderfsm.catalogue import FOLDER, load, names
from orderfsm.chart import Position, Rule
from orderfsm.checks import check
from orderfsm.errors import DocumentError, UnknownChart
from orderfsm.table import compile

TINY = 'chart: x/y\nversion: "1"\ninitial: a\nstates: {a: {}}\n'


def test_the_five_vocabularies_and_one_successor_are_there():
    assert names() == (
        "adobe/item",
        "adobe/order",
        "cablelabs/item",
        "cablelabs/order",
        "dream_junction/item",
        "dream_junction/order",
        "record_stack_overflow/order",
        "stapi/order",
        "stat/order",
    )


@pytest.mark.parametrize("profile", ["full", "strict"])
@pytest.mark.parametrize("name", names())
def test_every_shipped_chart_is_read_under_its_own_name(name: str, profile: str):
    chart = load(name, profile=profile)
    assert (chart.name, chart.profile) == (name, profile)


@pytest.mark.parametrize("name", names())
def test_a_shipped_chart_is_called_by_its_place_in_the_catalogue_wherever_that_is_installed(name: str):
    chart = load(name)
    assert chart.filename == f"statecharts/{name}.yaml"
    assert load(FOLDER / f"{name}.yaml") is chart
    (finding,) = check(replace(chart, scenarios=(), rules=(Rule("never nowhere", Position(7, 3)),)))[:1]
    assert str(finding).startswith(f"statecharts/{name}.yaml:7:3: ")


def test_a_path_is_read(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(TINY, encoding="utf-8")
    assert load(file) is load(str(file))
    assert load(file).filename == str(file)


def test_a_name_goes_before_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "stat").mkdir()
    (tmp_path / "stat" / "order.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load("stat/order").name == "stat/order"
    assert load("stat/order.yaml").name == "x/y"


def test_the_same_text_is_parsed_and_compiled_once(tmp_path: Path):
    chart = load("stat/order")
    assert load("stat/order") is chart
    assert compile(load("stat/order")) is compile(chart)
    assert calls(lambda: load("stat/order")) < 1_000  # to read it takes a hundred times as many


def test_an_edit_is_seen(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(TINY, encoding="utf-8")
    before = load(file)
    file.write_text(TINY.replace('"1"', '"2"'), encoding="utf-8")
    assert (before.version, load(file).version) == ("1", "2")


def test_a_misspelt_name_is_answered_with_the_right_one():
    with pytest.raises(UnknownChart, match=r"'stat/ordr'; did you mean stat/order\? the catalogue has adobe/item"):
        load("stat/ordr")


@pytest.mark.parametrize("name", ["../statecharts/stat/order", "stat/../stat/order", "/stat/order", "stat//order", ""])
def test_no_name_leaves_the_folder(name: str):
    with pytest.raises(UnknownChart, match="no chart is called"):
        load(name)


@pytest.mark.parametrize("path", ["nowhere.yaml", "../nowhere.yml", "no\0where.yaml", f"{'n' * 300}.yaml"])
def test_a_missing_file_is_an_unknown_chart(path: str):
    with pytest.raises(UnknownChart, match="a path ends in"):
        load(path)


def test_a_folder_is_no_chart(tmp_path: Path):
    with pytest.raises(UnknownChart):
        load(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_bytes(TINY.encode() + b"title: \xff\n")
    with pytest.raises(DocumentError, match=r":5:8: the byte 0xff is not UTF-8 \(save the file as UTF-8\)"):
        load(file)


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"#" * 300_000)
    with pytest.raises(DocumentError, match="more than 262144 bytes"):
        load(file)


def test_an_error_names_the_file(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(TINY + "evnts: {}\n", encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load(file)
    assert str(caught.value) == f"{file}:5:1: evnts: a chart has no key `evnts` (did you mean events?)"


def test_the_folder_is_inside_the_package():
    assert FOLDER.parent.name == "orderfsm"
    assert (FOLDER / "chart.schema.json").is_file()
