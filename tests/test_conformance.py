"""Event logs are read as streams, and their histories are held against a chart."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm import Entry
from orderfsm.chart import Chart, Kind, State, Transition
from orderfsm.conformance import Broken, History, conform, read_log
from orderfsm.errors import LogError

ROOT = Path(__file__).parent.parent

SHOP = Chart(
    "shop/order",
    (
        State("open"),
        State("held_early", code="held"),
        State("paid"),
        State("held_late", code="held"),
        State("shipped", Kind.FINAL),
    ),
    (
        Transition("open", ("hold",), ("held_early",)),
        Transition("held_early", ("release",), ("open",)),
        Transition("open", ("pay",), ("paid",)),
        Transition("paid", ("note",), ("paid",)),
        Transition("paid", ("hold",), ("held_late",)),
        Transition("held_late", ("release",), ("paid",)),
        Transition("paid", ("ship",), ("shipped",)),
    ),
    initial=("open",),
    aliases={"sent": "shipped"},
)

XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/">
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <string key="concept:name" value="the log"/>
  <trace>
    <string key="concept:name" value="o-1"/>
    <event>
      <string key="concept:name" value="open"/><string key="lifecycle:transition" value="new &amp; fresh"/>
      <list key="more"><string key="concept:name" value="not this one"/></list>
    </event>
    <event><string key="concept:name" value="paid"/><string key="lifecycle:transition" value="card"/></event>
  </trace>
  <trace><string key="concept:name" value="o-2"/></trace>
</log>
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


# --- reading


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz", "LOG.XES"])
def test_xes_gives_the_codes_of_every_trace(tmp_path: Path, name: str) -> None:
    assert list(read_log(written(tmp_path, name, XES))) == [History("o-1", ("open", "paid")), History("o-2", ())]


def test_a_code_may_have_several_parts(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, "log.xes", XES), status=("concept:name", "lifecycle:transition"))
    assert next(log).codes == ("open/new & fresh", "paid/card")


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE log SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE log [<!ENTITY % far SYSTEM "http://127.0.0.1:9/x.dtd"> %far;]>',
    ],
)
def test_document_types_and_entities_are_refused(tmp_path: Path, doctype: str) -> None:
    text = XES.replace("<log xmlns", f"{doctype}\n<log xmlns")
    with pytest.raises(LogError, match=r"log\.xes: line 2: a document type"):
        list(read_log(written(tmp_path, "log.xes", text)))


def test_xes_is_read_as_a_stream(tmp_path: Path) -> None:
    trace = XES[XES.index("  <trace>") : XES.index("  <trace><string")]
    whole = XES.replace("</log>", trace * 2_000 + "</log>")
    log = read_log(written(tmp_path, "log.xes", whole.removesuffix("</log>\n")))
    assert next(log).name == "o-1"
    with pytest.raises(LogError, match="is the file whole"):
        list(log)


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="nested more than 64 deep"):
        list(read_log(written(tmp_path, "log.xes", "<log>" + "<list>" * 100)))


def test_an_event_without_the_attribute_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"no 'status'; it has concept:name, lifecycle:transition"):
        list(read_log(written(tmp_path, "log.xes", XES), status=("status",)))


def test_csv_rows_may_be_interleaved(tmp_path: Path) -> None:
    text = "\ufefforder,status\na,open\nb,open\na,paid\nb,held\n"
    log = read_log(written(tmp_path, "log.csv.gz", text), status=("status",), case="order")
    assert list(log) == [History("a", ("open", "paid")), History("b", ("open", "held"))]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", "order,status\na,open\n")
    with pytest.raises(LogError, match="line 2: no column 'case:concept:name'; the columns are order, status"):
        list(read_log(path))


@pytest.mark.parametrize(("name", "text"), [("log.txt", "x"), ("log.xes.gz", "not gzip"), ("log.xes", "<log><trace>")])
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LogError, match=name):
        list(read_log(path))


# --- judging


def of(*lives: str) -> list[History]:
    return [History(str(place), tuple(life.split())) for place, life in enumerate(lives)]


def test_legal_and_illegal_histories_are_counted() -> None:
    found = conform(SHOP, of("open paid shipped", "open shipped", "open paid sent", "paid", ""))
    assert (found.histories, found.legal, found.codes, found.variants) == (5, 3, 9, 5)
    assert found.broken == {Broken("open", "shipped"): 1, Broken(None, "paid"): 1}
    assert found.example[Broken("open", "shipped")] == "1"
    assert found.share == 0.6


def test_states_that_share_a_code_are_told_apart_by_what_came_before() -> None:
    assert conform(SHOP, of("open held open paid held paid shipped")).legal == 1
    assert conform(SHOP, of("open held paid")).broken == {Broken("held", "paid"): 1}


def test_after_a_broken_pair_the_rest_is_still_judged() -> None:
    found = conform(SHOP, of("open shipped open shipped"))
    assert found.broken == {Broken("open", "shipped"): 2, Broken("shipped", "open"): 1}


def test_repeats_are_folded_or_steps() -> None:
    lives = of("open open paid paid")
    assert conform(SHOP, lives).legal == 1
    assert conform(SHOP, lives).repeats == 2
    assert conform(SHOP, lives, repeats="step").broken == {Broken("open", "open"): 1}
    with pytest.raises(ValueError, match="'fold' or 'step'"):
        conform(SHOP, lives, repeats="both")


def test_codes_that_the_chart_lacks_are_named() -> None:
    found = conform(SHOP, of("open lost paid"))
    assert found.unknown == {"lost": 1}
    assert found.broken == {Broken("open", "lost"): 1, Broken("lost", "paid"): 1}


def test_the_figures_are_ranked_and_cut() -> None:
    found = conform(SHOP, of("open shipped", "open shipped", "shipped", "paid"))
    pairs = found.as_dict(most=2)["most_frequent"]
    assert [(pair["before"], pair["code"], pair["count"]) for pair in pairs] == [
        ("open", "shipped", 2),
        (None, "paid", 1),
    ]
    assert conform(SHOP, []).as_dict()["share"] == 1.0


@given(st.lists(st.sampled_from(["open", "held", "paid", "shipped", "sent", "lost"]), max_size=8))
def test_conform_and_trace_agree(codes: list[str]) -> None:
    found = conform(SHOP, [History("x", tuple(codes))], repeats="step")
    try:
        orderfsm.trace(SHOP, codes)
    except orderfsm.Refused as refused:
        place = refused.index
        assert place is not None
        assert Broken(codes[place - 1] if place else None, codes[place]) in found.broken
    else:
        assert not found.broken


# --- a real log


def test_a_real_log_is_held_against_the_example_chart(corpora: Path) -> None:
    log = corpora / "logs" / "07_bpic2013_incidents.xes.gz"
    chart = orderfsm.load(ROOT / "examples" / "charts" / "incident.yaml")
    found = conform(chart, read_log(log, status=("concept:name", "lifecycle:transition")))
    assert (found.histories, found.codes, found.repeats) == (7_554, 65_533, 8_648)
    assert 0 < found.legal < found.histories
    assert found.broken[Broken("Completed/Closed", "Accepted/In Progress")] == 111


def test_textbook_logs_are_read(corpora: Path) -> None:
    names = ("running-example.xes", "running-example.csv", "10_orders.xes.gz")
    assert [len(list(read_log(corpora / "logs" / name))) for name in names] == [6, 6, 17]


def test_every_arrow_of_the_example_chart_is_inferred() -> None:
    chart = orderfsm.load(ROOT / "examples" / "charts" / "incident.yaml")
    assert {str(transition.basis) for transition in chart.transitions} == {"inferred"}


def test_what_was_voided_is_not_held_against_an_order() -> None:
    told = ((None, "open", "open"), ("open", "send", "sent"), ("sent", "void", "open"), ("open", "send", "sent"))
    entries = [
        Entry(before, event, after, place, after, corrects=2 if event == "void" else None)
        for place, (before, event, after) in enumerate(told, 1)
    ]
    assert History.of("7", entries) == History("7", ("open", "sent"))
