"""Mutation: the mutants of a chart, what tells them from it, and a suite of known weak spots."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

import orderfsm
from kept_waiting import wait_for
from orderfsm import Refused, compile
from orderfsm.chart import START
from orderfsm.cli.app import app
from orderfsm.expression import parse
from orderfsm.testing import Walk
from orderfsm.testing.mutation import KINDS, Mutant, NoBaseline, Outcome, Report, Verdict, draw, mutants, mutate
from orderfsm.testing.mutation.behaviour import behaviour, differing
from orderfsm.testing.mutation.changes import changes
from orderfsm.testing.mutation.forks import Attended, Forks
from orderfsm.testing.mutation.guards import loosened, tightened
from orderfsm.testing.mutation.pool import _alone, _started, _without, pool
from orderfsm.testing.mutation.process import Baseline, Job
from orderfsm.testing.mutation.run import _evenly, _verify_read
from orderfsm.testing.mutation.substitution import key, substituting
from orderfsm.testing.mutation.witness import witness

PARCEL = """
chart: shop/parcel
version: "1"
initial: packed
actors: {courier: Who carries it., sender: Who sends it.}
reasons: {open: false, codes: {lost: It was lost., late: It came late., torn: It is torn.}}
links: {proof: Somebody has signed.}
states:
  packed: {category: open}
  under_way: {category: open}
  delivered: {category: done, final: true}
  lost: {category: failed, final: true}
events:
  take: {from: packed, to: under_way, by: courier}
  deliver: {from: under_way, to: delivered, when: payload.age >= 18, payload: {age: integer}, links: proof}
  lose: {from: under_way, to: lost, reason: [lost, torn]}
"""
SERVICE = """
import orderfsm

PARCEL = orderfsm.load("parcel.yaml")


def life(*sends):
    here = orderfsm.start(PARCEL).after
    for event, asked in sends:
        here = orderfsm.step(PARCEL, here, event, **asked).after
    return here


TAKE = ("take", {"actor": "courier"})
SIGNED = [orderfsm.Link("proof", "/1")]
"""
TESTS = """
import os

import pytest
import orderfsm

from parcels import PARCEL, SIGNED, TAKE, life


def test_it_arrives(tmp_path):
    os.chdir(tmp_path)
    assert life(TAKE, ("deliver", {"payload": {"age": 40}, "links": SIGNED})) == "delivered"


@pytest.mark.parametrize("age", [3, 17])
def test_not_for_children(age):
    with pytest.raises(orderfsm.GuardRefused):
        life(TAKE, ("deliver", {"payload": {"age": age}, "links": SIGNED}))


class TestLost:
    def test_it_is_lost(self):
        assert life(TAKE, ("lose", {"reason": "lost"})) == "lost"

    def test_not_without_a_reason(self):
        with pytest.raises(orderfsm.ReasonNeeded):
            life(TAKE, ("lose", {}))


def test_nothing_is_taken_twice():
    assert not orderfsm.blockers(PARCEL, "packed", "take", actor="courier")
    assert [each.code for each in orderfsm.blockers(PARCEL, "under_way", "take", actor="courier")] == ["not-enabled"]
"""

MORE = "def test_something_else(): pass\n"

WEAK = [
    "delivered (parcel.yaml:11): delivered --take--> under_way added",
    "lost (parcel.yaml:12): lost --take--> under_way added",
    "packed (parcel.yaml:9): packed --deliver--> delivered added",
    "delivered (parcel.yaml:11): delivered --deliver--> delivered added",
    "lost (parcel.yaml:12): lost --deliver--> delivered added",
    "packed (parcel.yaml:9): packed --lose--> lost added",
    "delivered (parcel.yaml:11): delivered --lose--> lost added",
    "lost (parcel.yaml:12): lost --lose--> lost added",
    "under_way --deliver--> delivered (parcel.yaml:15): the guard `payload.age >= 18` tightened to `payload.age > 18`",
    "under_way --lose--> lost (parcel.yaml:16): the reason late is taken instead of torn",
    "packed --take--> under_way (parcel.yaml:14): anyone may ask",
    "packed --take--> under_way (parcel.yaml:14): sender may ask, too",
    "under_way --deliver--> delivered (parcel.yaml:15): the link proof is no longer needed",
]
"""What these tests do not ask: no end is tried, no 18th birthday, no other reason, no other actor, no missing link."""

ONLY_ASKED = "under_way (parcel.yaml:10): under_way --take--> under_way added"
"""What they ask by `blockers` alone, so that only a run of all tests shows it."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service with tests of its own, which run in parallel and measure coverage when its team runs them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # to be quick
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    write(tmp_path, parcel=PARCEL, parcels=SERVICE, test_parcels=TESTS)
    (tmp_path / "more").mkdir()
    write(tmp_path / "more", conftest="", test_more=MORE)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}{'.yaml' if text.lstrip().startswith('chart:') else '.py'}").write_text(text)


def parcel(*kinds: str) -> list[Mutant]:
    return list(mutants(orderfsm.read(PARCEL, filename="parcel.yaml"), kinds=kinds or tuple(KINDS)))


# --- mutants


def test_the_mutants_of_a_chart_in_document_order() -> None:
    assert [str(mutant) for mutant in parcel("drop", "retarget", "reason", "links")] == [
        "packed --take--> under_way (parcel.yaml:14): dropped",
        "under_way --deliver--> delivered (parcel.yaml:15): dropped",
        "under_way --lose--> lost (parcel.yaml:16): dropped",
        "packed --take--> under_way (parcel.yaml:14): leads to packed",
        "packed --take--> under_way (parcel.yaml:14): leads to delivered",
        "under_way --deliver--> delivered (parcel.yaml:15): leads to lost",
        "under_way --deliver--> delivered (parcel.yaml:15): leads to under_way",
        "under_way --lose--> lost (parcel.yaml:16): leads to delivered",
        "under_way --lose--> lost (parcel.yaml:16): leads to under_way",
        "under_way --lose--> lost (parcel.yaml:16): the reason is no longer required",
        "under_way --deliver--> delivered (parcel.yaml:15): the link proof is no longer needed",
    ]


def test_an_arrow_is_added_wherever_its_event_is_refused_and_an_end_then_goes_on() -> None:
    added = parcel("add")
    assert [str(mutant).partition(": ")[2] for mutant in added[:3]] == [
        "under_way --take--> under_way added",
        "delivered --take--> under_way added",
        "lost --take--> under_way added",
    ]
    assert len(added) == 9, "four states, three events, of which three arrows are there"
    assert orderfsm.step(added[1].chart, "delivered", "take", actor="courier").after == "under_way"


def test_a_mutant_has_the_name_and_the_hash_of_its_chart_and_says_where_it_differs() -> None:
    chart = orderfsm.read(PARCEL)
    for mutant in mutants(chart):
        assert key(mutant.chart) == key(chart)
        assert mutant.cells
    assert parcel("reason")[0].cells == {("under_way", "lose")}
    assert ("under_way", "deliver") in parcel("drop")[0].cells, "what can no longer be reached differs, too"
    opened = next(mutants(orderfsm.load("adobe/item"), kinds=["retarget"]))
    assert (START, "open") in opened.cells


def test_what_behaves_alike_is_left_out() -> None:
    """A guard that is never asked, a role list that is given twice, an arrow that another one goes before."""
    text = PARCEL.replace("  lose: {", "  never: {from: lost, to: packed, when: payload.x > 1}\n  lose: {")
    told = [str(mutant) for mutant in mutants(orderfsm.read(text))]
    assert not [each for each in told if each.startswith("lost --never-->")]
    assert len(set(told)) == len(told)


def test_mutants_compile_and_a_kind_that_is_none_is_refused() -> None:
    assert all(compile(mutant.chart).rows for mutant in mutants(orderfsm.load("adobe/item")))
    with pytest.raises(ValueError, match="no kind 'burn' of mutants; choose from drop, retarget"):
        mutants(orderfsm.read(PARCEL), kinds=["burn"])


def test_the_reasons_of_two_arrows_are_swapped() -> None:
    text = PARCEL.replace("  lose: {", "  return: {from: under_way, to: packed, reason: [late, torn]}\n  lose: {")
    told = [str(mutant).partition(": ")[2] for mutant in mutants(orderfsm.read(text), kinds=["codes"])]
    assert "its reasons swapped with those of under_way --lose--> lost" in told
    assert "the reason lost is taken instead of late" in told


def of_orders(guard: str) -> str:
    return re.sub(r"\b([ab])\b", r"order.\1", guard)


@pytest.mark.parametrize(
    ("guard", "looser", "tighter"),
    [
        ("a > 1", ["a >= 1"], []),
        ("a >= 1", [], ["a > 1"]),
        ("not a > 1", [], ["not a >= 1"]),
        ("a and b", ["b", "a"], []),
        ("a or b", [], ["b", "a"]),
        ("not (a and b)", [], ["not b", "not a"]),
        ("1 <= a < 5", ["1 <= a <= 5"], ["1 < a < 5"]),
        ("a in [1, 2]", [], ["a in [2]", "a in [1]"]),
        ("a not in [1, 2]", ["a not in [2]", "a not in [1]"], []),
        ("all(i.n > 1 for i in items)", ["all((i.n >= 1 for i in items))"], []),
        ("count(i.n > 1 for i in items) > 2", ["count((i.n > 1 for i in items)) >= 2"], []),
        ("b if a > 1 else a <= 5", [], ["b if a > 1 else a < 5"]),
        ("a", [], []),
    ],
)
def test_guards_are_loosened_and_tightened(guard: str, looser: list[str], tighter: list[str]) -> None:
    expression = parse(of_orders(guard))
    assert [each.text for each in loosened(expression)] == [*map(of_orders, looser)]
    assert [each.text for each in tightened(expression)] == [*map(of_orders, (*tighter, f"not ({guard})"))]


@pytest.mark.parametrize("guard", ["a > 1 and not b >= 3", "a in [1, 2] or (b < 2 and a != 3)", "1 <= a < b <= 3"])
def test_a_looser_guard_holds_wherever_the_guard_does(guard: str) -> None:
    expression = parse(of_orders(guard))
    everything = [{"order": {"a": a, "b": b}} for a in range(5) for b in range(5)]
    for looser in loosened(expression):
        assert all(looser.evaluate(facts) for facts in everything if expression.evaluate(facts))
    for tighter in list(tightened(expression))[:-1]:
        assert all(expression.evaluate(facts) for facts in everything if tighter.evaluate(facts))


# --- witnesses


def judged(chart: orderfsm.Chart, mutant: Mutant) -> object:
    """What a chart makes of a mutant's witness."""
    witness = mutant.witness()
    assert witness is not None
    try:
        step = Walk.of(chart, (*witness.walk.sends, witness.send)).steps[-1]
    except Refused as refused:
        return refused.code
    return step.after, step.exited, step.entered


def test_a_witness_tells_each_mutant_from_its_chart() -> None:
    for chart in (orderfsm.read(PARCEL), orderfsm.load("adobe/item"), orderfsm.load("record_stack_overflow/order")):
        for mutant in mutants(chart):
            assert judged(chart, mutant) != judged(mutant.chart, mutant), mutant
            assert 'actor: ""' not in Verdict(mutant, Outcome.SURVIVED, witness=mutant.witness()).scenario()


def failed(chart: orderfsm.Chart) -> bool:
    """Whether one of the chart's scenarios does not go as told."""
    return "scenario-failed" in [finding.code for finding in orderfsm.check(chart)]


@pytest.mark.parametrize("name", ["dream_junction/item", "record_stack_overflow/order"])
def test_a_scenario_that_is_told_passes_for_the_chart_and_fails_for_the_mutant(name: str) -> None:
    text = (Path(orderfsm.__file__).parent / "statecharts" / f"{name}.yaml").read_text().partition("\nscenarios:")[0]
    for mutant in mutants(orderfsm.load(name)):
        verdict = Verdict(mutant, Outcome.SURVIVED, witness=mutant.witness())
        assert bool(verdict.scenario()) is not bool(verdict.unshown), mutant
        if verdict.scenario():
            told = orderfsm.read(f"{text}\nscenarios:\n{verdict.scenario()}")
            assert not failed(told), mutant
            assert failed(replace(mutant.chart, scenarios=told.scenarios)), mutant


def test_what_only_one_customer_may_do_or_who_may_begin_an_order_is_told_in_words() -> None:
    """A scenario knows roles and no ids, and begins with an order that is open."""
    record, stat = orderfsm.load("record_stack_overflow/order"), orderfsm.load("stat/order")
    found = [
        next(each for each in mutants(record, kinds=["retarget"]) if "--complete--> completed" in str(each)),
        next(each for each in mutants(stat, kinds=["by"]) if "provider may no longer ask" in str(each)),
    ]
    told = [Verdict(each, Outcome.SURVIVED, witness=each.witness()) for each in found]
    assert [each.scenario() for each in told] == ["", ""]
    assert [each.unshown for each in told] == [
        "complete by merchant in in_progress: the chart leads to completed, the mutant leads to cancelled",
        "open by provider in [*]: the chart leads to received, the mutant refuses it (not-permitted)",
    ]


def test_a_witness_is_as_short_as_can_be_and_prints_as_a_scenario() -> None:
    (tightened,) = (each for each in parcel("tighten") if "> 18" in str(each))
    witness = tightened.witness()
    assert witness is not None
    assert [str(send) for send in witness.whole.sends] == ["open", "take", "deliver"]
    assert "{event: deliver, links: [proof], payload: {age: 18}}" in witness.scenario()


def test_a_witness_shows_more_than_what_is_remembered() -> None:
    """What leads back to a history state changes what is remembered everywhere, which no scenario can tell."""
    chart = orderfsm.load("stapi/order")
    held = next(each for each in changes(chart, "add") if "rejected --hold--> held_before_acceptance" in each.sentence)
    cells = differing(compile(chart), behaviour(compile(chart)), behaviour(compile(held.chart)))
    found = witness(chart, held.chart, cells)
    assert found is not None
    assert (found.walk.configuration, found.send.event, found.refused) == ("rejected", "hold", "not-enabled")


def test_without_a_difference_that_anybody_can_see_there_is_no_witness() -> None:
    """The age is a whole number, so that it is 18 when it is more than 17."""
    text = PARCEL.replace("payload.age >= 18", "payload.age > 17 and payload.age >= 18")
    told = {str(each).rpartition("loosened to ")[2]: each.witness() for each in mutants(orderfsm.read(text))}
    assert told["`payload.age >= 18`"] is None
    assert told["`payload.age > 17`"] is None


RENTAL = """
chart: shop/rental
version: "1"
initial: asked
states:
  asked: {after: {P7D: lapse, PT12H: remind}}
  rented: {entry: {emit: send_key}}
  returned: {final: true}
  lapsed: {final: true}
actions: {send_key: The key is sent., ask_again: A letter is written.}
events:
  rent: {from: asked, to: rented}
  remind: {from: asked, emit: ask_again}
  return: {from: rented, to: returned}
  lapse: {from: asked, to: lapsed}
"""


def test_timers_and_effects_are_changed_and_told_where_no_scenario_shows_them() -> None:
    chart = orderfsm.read(RENTAL, filename="rental.yaml")
    found = [
        Verdict(each, Outcome.SURVIVED, witness=each.witness()) for each in mutants(chart, kinds=["timers", "effects"])
    ]
    opened = "open in [*]: the chart sets lapse after P7D, remind after PT12H, the mutant"
    assert {str(each.mutant): each.unshown for each in found} == {
        "asked (rental.yaml:6): lapse after P7D dropped": f"{opened} remind after PT12H",
        "asked (rental.yaml:6): lapse after P7D comes after P14D": f"{opened} lapse after P14D, remind after PT12H",
        "asked (rental.yaml:6): remind after PT12H dropped": f"{opened} lapse after P7D",
        "asked (rental.yaml:6): remind after PT12H comes after P1D": f"{opened} lapse after P7D, remind after P1D",
        "asked --remind--> stays (rental.yaml:13): emit ask_again dropped": (
            "remind in asked: the chart emits ask_again, the mutant nothing"
        ),
        "rented (rental.yaml:7): emit send_key dropped": "rent in asked: the chart emits send_key, the mutant nothing",
    }
    assert not any(each.scenario() for each in found)
    assert found[0].as_dict()["unshown"] == found[0].unshown
    assert "scenario" not in found[0].as_dict()


def test_a_survivor_that_no_scenario_shows_is_told_in_words(project: Path) -> None:
    write(project, rental=RENTAL, test_parcels=SILENT)
    output = CliRunner().invoke(app, ["mutate", "rental.yaml", "--kinds", "timers,effects"]).output
    assert "lapse after P7D dropped" not in output, "a test looks at what is set"
    assert "emit send_key dropped; 1 test asks for it and does not notice\n" in output
    assert "\n  rent in asked: the chart emits send_key, the mutant nothing; no scenario shows that\n" in output


SILENT = """
import orderfsm

CHART = orderfsm.load("rental.yaml")


def test_a_reminder_and_an_end_are_set():
    assert [(each.event, each.delay.days) for each in orderfsm.start(CHART).armed] == [("lapse", 7), ("remind", 0)]


def test_it_is_rented():
    assert orderfsm.step(CHART, orderfsm.start(CHART).after, "rent").after == "rented"
"""


# --- substitution


def test_a_mutant_takes_the_place_of_its_chart_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, parcel=PARCEL, other=PARCEL.replace("It was lost.", "Gone."))
    mutant = parcel("drop")[0]
    with substituting({key(mutant.original): mutant.chart}) as seen:
        read, loaded = orderfsm.read(PARCEL), orderfsm.load("parcel.yaml")
        assert len(read.transitions) == len(loaded.transitions) == 2
        assert len(loaded.restricted("strict").transitions) == 2
        assert (loaded.filename, loaded.hash) == ("parcel.yaml", mutant.original.hash)
        assert orderfsm.load("parcel.yaml") is loaded, "one table for all who read it"
        assert len(orderfsm.load("other.yaml").transitions) == 3
    assert {name for name, _, _ in seen} == {"shop/parcel"}
    strict = next(mutants(orderfsm.read(PARCEL, profile="strict"), kinds=["drop"]))
    with substituting({key(strict.original): strict.chart}):
        assert len(orderfsm.load("parcel.yaml", profile="strict").transitions) == 2
        assert len(orderfsm.load("parcel.yaml").restricted("strict").transitions) == 2
        assert len(orderfsm.load("parcel.yaml").transitions) == 3
    assert len(orderfsm.read(PARCEL).transitions) == 3


# --- a known suite


def run(*arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["mutate", "parcel.yaml", *arguments, "--", "-p", "orderfsm_pytest"])
    return told.exit_code, told.output


def test_a_known_suite_has_its_known_survivors(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what its team has in the ini file does not matter: workers, coverage, warnings as errors."""
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    options = "-n auto --chart-coverage --junitxml=report.xml"
    (project / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\nfilterwarnings = error\n")
    code, output = run("--json", "--output", "survived.svg", "--fail-under", "65")
    told = json.loads(output)
    verdicts = {each["mutant"]: each for each in told["verdicts"]}
    assert [each["mutant"] for each in told["verdicts"] if each["outcome"] == "survived"] == WEAK
    assert told["outcomes"] == {"killed": 14, "timed out": 0, "broken": 0, "survived": 13, "alike": 0}
    assert (code, told["tests"], told["score"]) == (1, 7, 51.8)
    taken = verdicts[ONLY_ASKED]
    assert taken["asked"] == 0, "what a test only asks without taking a step is found out by running all tests"
    assert taken["by"] == "test_parcels.py::test_nothing_is_taken_twice"
    drawing = (project / "survived.svg").read_text()
    assert ElementTree.fromstring(drawing).tag.endswith("svg")
    for note in ("survived: other actors (2)", "survived: guard tightened", "survived: deliver added"):
        assert re.sub(r"<[^>]*>| ", "", note) in re.sub(r"<[^>]*>| |\n", "", drawing)
    assert sorted(path.name for path in project.iterdir() if path.name != "__pycache__") == [
        "more", "parcel.yaml", "parcels.py", "pytest.ini", "survived.svg", "test_parcels.py",
    ]  # fmt: skip


def test_the_scenarios_that_are_printed_kill_the_survivors(project: Path) -> None:
    """Those of one chart; the other one, of the catalogue and under the strict profile, is hardly looked at."""
    witnesses = [each.witness() for each in mutants(orderfsm.load("parcel.yaml")) if str(each) in WEAK]
    scenarios = dict.fromkeys(each.scenario() for each in witnesses if each is not None)
    indented = "".join(f"  {line}\n" for scenario in scenarios for line in scenario.splitlines())
    (project / "parcel.yaml").write_text(f"{PARCEL}scenarios:\n{indented}")
    write(project, parcels=SERVICE + 'ITEM = orderfsm.load("record_stack_overflow/order", profile="strict")\n')
    write(project, test_item="import parcels, orderfsm\n\ndef test_it(): assert orderfsm.start(parcels.ITEM)\n")
    charts = [orderfsm.load("parcel.yaml"), orderfsm.load("record_stack_overflow/order", profile="strict")]
    heard: list[tuple[str, int]] = []
    report = mutate(
        charts,
        ["-p", "orderfsm_pytest", "--chart-scenarios"],
        kinds=["add", "tighten", "codes", "by", "links"],
        faced="affected",
        patience=60.0,
        told=lambda verdict, many: heard.append((verdict.outcome, many)),
    )
    parcels = [each for each in report.verdicts if each.mutant.original is charts[0]]
    assert [str(each.mutant) for each in parcels if each.outcome is not Outcome.KILLED] == [ONLY_ASKED]
    assert {each.by.partition("::")[0] for each in parcels if str(each.mutant) in WEAK} == {"parcel.yaml"}
    items = report.verdicts[len(parcels) :]
    assert {each.outcome for each in items} == {Outcome.SURVIVED}
    assert len(items) == len(list(mutants(charts[1], kinds=["add", "tighten", "codes", "by", "links"])))
    assert heard == [(each.outcome, len(report.verdicts)) for each in report.verdicts]
    assert "survived: other actors" in " ".join(draw(report, charts[1], format="text").split())


HARSH = """
import os

import orderfsm
import pytest

from parcels import PARCEL, TAKE, life

try:
    EVENTS = orderfsm.enabled(PARCEL, "under_way")
except orderfsm.StoredStateUnknown:
    EVENTS = ("deliver", "lose")
if len(EVENTS) == 1:
    raise ImportError("nothing to test")


def test_it_gets_somewhere():
    here = life(TAKE)
    if here == "delivered":
        os._exit(3)
    assert here == "under_way"
    here = life(TAKE, ("lose", {"reason": "lost"}))
    if here == "under_way":
        pytest.exit("it did not even get lost")
    assert here == "lost"
"""


def test_what_ends_otherwise_than_by_a_failed_test_is_told_apart(project: Path) -> None:
    write(project, test_parcels=HARSH)
    twice = [orderfsm.load("parcel.yaml"), orderfsm.read(PARCEL)]
    report = mutate(twice, kinds=["drop", "retarget"], jobs=2, patience=60.0)
    killed, broken, _, back, gone, *_, short = report.verdicts
    assert [each.outcome for each in report.verdicts] == [
        Outcome.KILLED, *[Outcome.BROKEN] * 2, Outcome.KILLED, Outcome.BROKEN,
        *[Outcome.SURVIVED] * 2, Outcome.KILLED, Outcome.BROKEN,
    ]  # fmt: skip
    assert broken.by == "test_parcels.py"
    assert "ImportError: nothing to test" in broken.told
    assert str(back.mutant).endswith("leads to packed")
    assert gone.by == "the process of the tests has ended"
    assert short.by == "pytest, which exits with 2"
    assert killed.by == "test_parcels.py::test_it_gets_somewhere"
    assert report.score == pytest.approx(100 * 7 / 9)


SLEEPY = """
import time

from parcels import TAKE, life


def test_it_gets_somewhere():
    while life(TAKE) == "packed":
        time.sleep(1)
"""


def test_what_does_not_end_is_told_apart_as_well(project: Path) -> None:
    write(project, test_parcels=SLEEPY)
    report = mutate(orderfsm.load("parcel.yaml"), kinds=["retarget"], sample=1, patience=0.5)
    (slow,) = report.verdicts
    assert str(slow.mutant).endswith("leads to packed")
    assert slow.outcome is Outcome.TIMED_OUT
    assert report.score == 100.0


def test_without_a_green_baseline_nothing_is_tried(project: Path) -> None:
    write(project, test_red="def test_red(): assert 1 == 2\n")
    code, output = run()
    assert code == 2
    assert "without a mutant the tests fail already: test_red.py::test_red; `pytest -p orderfsm_pytest` has" in output
    assert "assert 1 == 2" in output


def test_a_chart_that_the_tests_do_not_read_is_told() -> None:
    read = Baseline({}, frozenset(), (), frozenset({("stat/order", "1", "full")}), (), 0.0, 0)
    chart = orderfsm.read(PARCEL, filename="parcel.yaml")
    with pytest.raises(NoBaseline, match=r"the tests do not read shop/parcel as parcel\.yaml has it, but stat/order"):
        _verify_read(chart, read)
    other = replace(read, read=frozenset({(chart.name, "1", "full")}))
    with pytest.raises(NoBaseline, match=r"has it, with another content; name the file that they read"):
        _verify_read(chart, other)
    strict = replace(read, read=frozenset({(chart.name, chart.hash, "strict")}))
    with pytest.raises(NoBaseline, match="under the profile strict, not under full; say --profile strict"):
        _verify_read(chart, strict)
    _verify_read(chart.restricted("strict"), strict)
    with pytest.raises(NoBaseline, match="under the profile full, not under strict; say --profile full"):
        _verify_read(chart.restricted("strict"), replace(read, read=frozenset({key(chart)})))


SECOND = """
import pathlib

def test_once():
    pathlib.Path(__file__).with_name("left").touch(exist_ok=False)
"""


def test_tests_that_pass_only_once_are_told_before_a_mutant_is_tried(project: Path) -> None:
    """Each mutant would be noticed, and by none of its doing."""
    write(project, test_second=SECOND)
    code, output = run("--jobs", "1")
    assert code == 2
    assert "the tests pass once, but not again: test_second.py::test_once. Something is left over" in output
    assert "FileExistsError" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kinds", "burn"], "--kinds burn: there is no such kind; choose from drop, retarget"),
        (["--kinds", ", "], "--kinds names none; choose from drop, retarget"),
        (["--output", "x.png"], "--output x.png: its name has to end in .svg"),
        (["--sample", "0"], "--sample"),
    ],
)
def test_options_that_mean_nothing_are_told(project: Path, arguments: list[str], said: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert said in output


def test_a_chart_that_nobody_reads_has_no_mutants_to_try() -> None:
    chart = orderfsm.Chart("made/by_hand", ())
    with pytest.raises(ValueError, match="made/by_hand was not read from a document"):
        mutate(chart)
    with pytest.raises(ValueError, match="faced is all or affected, not 'some'"):
        mutate(orderfsm.read(PARCEL), faced="some")


def test_a_score_is_rounded_down() -> None:
    """What has survivors is not 100 %, and what is told as too little is told as less."""
    mutant = parcel("drop")[0]
    verdicts = [Verdict(mutant, Outcome.KILLED)] * 1999
    assert Report((), (*verdicts, Verdict(mutant, Outcome.SURVIVED)), 1, 0.0).told == 99.9
    assert Report((), (*verdicts, Verdict(mutant, Outcome.ALIKE)), 1, 0.0).as_dict()["score"] == 100.0


def test_a_sample_is_chosen_evenly() -> None:
    every = parcel()
    assert _evenly(every, 3) == [every[0], every[9], every[18]]
    assert _evenly(every, 100) == every


def test_a_team_may_do_without_the_cache_of_pytest(project: Path) -> None:
    options = "-p no:cacheprovider --strict-config"
    (project / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\nfilterwarnings = error\n")
    arguments = ["-p", "orderfsm_pytest"]
    report = mutate(orderfsm.load("parcel.yaml"), arguments, kinds=["drop"], sample=1, jobs=1, patience=60.0)
    assert [verdict.outcome for verdict in report.verdicts] == [Outcome.KILLED]


# --- processes


NOTHING = Baseline({}, frozenset(), (), frozenset(), ("pytest",), 0.0, 0)
FOR_EVER = """
import os, pathlib, subprocess, sys, time

def test_it():
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("pids.new").write_text(f"{os.getpid()} {other.pid}")
    os.rename("pids.new", "pids")
    time.sleep(600)
"""


def test_nothing_is_left_when_whoever_asked_is_gone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the test nor the process that it has started."""
    write(project, test_parcels=FOR_EVER)
    asked = Job({}, (), None, frozenset(), (), 600.0, str(project))
    told: list[object] = []

    def hear(ask: Callable[[Job], object]) -> None:
        with suppress(NoBaseline):
            told.append(ask(asked))

    with pool(NOTHING, frozenset(), 1, tmp_path_factory.mktemp("pool")) as ask:
        with pytest.raises(NoBaseline, match=r"a run could not begin: .*nowhere"):
            ask(replace(asked, folder=str(project / "nowhere")))
        thread = threading.Thread(target=hear, args=[ask])
        thread.start()
        wait_for(lambda: (project / "pids").exists(), seconds=60)
    thread.join(60)
    assert not thread.is_alive()
    assert not told
    pids = [int(pid) for pid in (project / "pids").read_text().split()]
    wait_for(lambda: not any(map(lives, pids)), seconds=60)


AT_THE_END = """
import atexit, pathlib

def test_it(tmp_path):
    here = pathlib.Path.cwd()
    (tmp_path / "data").touch()
    atexit.register(lambda: (here / "ended").write_text(str((tmp_path / "data").exists())))
"""


def test_what_tests_leave_to_the_end_of_the_process_is_done(project: Path) -> None:
    """Such as to stop a server, which needs its files for that; they are removed afterwards."""
    write(project, test_end=AT_THE_END)
    asked = Job({}, ("test_end.py",), None, frozenset(), (), 600.0, str(project / "more"))
    with pool(NOTHING, frozenset(), 1, project / "more") as ask:
        assert ask(asked).outcome == "passed"
    assert (project / "ended").read_text() == "True"
    assert not list((project / "more").glob("*/tmp"))


def test_the_run_without_a_mutant_ends_with_whoever_waits_for_it(project: Path) -> None:
    """Even where they are killed: all that is heard is that nobody keeps the line open any more."""
    write(project, test_parcels=FOR_EVER)
    request = Attended(Job({}, (), None, frozenset(), (), 600.0, str(project)))
    with _started(project / "result") as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(request))
        process.stdin.flush()
        wait_for(lambda: (project / "pids").exists(), seconds=60)
        process.stdin.close()
        process.wait(60)
    assert not (project / "result").exists()
    pids = [int(pid) for pid in (project / "pids").read_text().split()]
    wait_for(lambda: not any(map(lives, pids)), seconds=60)


SECOND_TIME = f"""
import pathlib
import parcels
{FOR_EVER}
for_ever = test_it

def test_it():
    ran = pathlib.Path(__file__).with_name("ran")
    if ran.exists():
        for_ever()
    ran.touch()
"""


@pytest.mark.parametrize("without_a_mutant", [True, False], ids=["without a mutant", "with one"])
def test_a_build_server_that_ends_the_command_finds_nothing_left(
    without_a_mutant: bool, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write(project, test_parcels=SECOND_TIME)
    if without_a_mutant:
        (project / "ran").touch()
    folder = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "orderfsm", "mutate", "parcel.yaml", "--", "test_parcels.py"]
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)}) as process:
        wait_for(lambda: (project / "pids").exists(), seconds=60)
        process.terminate()
        assert process.wait(60) == 143
    assert list(folder.iterdir()) == []
    pids = [int(pid) for pid in (project / "pids").read_text().split()]
    wait_for(lambda: not any(map(lives, pids)), seconds=60)


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet has ended all the same."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


AT_RANDOM = """
from hypothesis import HealthCheck, given, settings, strategies

def test_a_processor_that_is_busy_is_no_failure():
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check

@given(strategies.integers())
def test_something_else(number):
    assert number == number
"""


def test_where_nothing_forks_each_mutant_has_a_process(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """And the examples of Hypothesis stay where they are."""
    write(project, test_first=AT_RANDOM)
    mutant = parcel("drop")[0]
    charts = {key(mutant.original): mutant.chart}
    asked = Job(charts, (), None, frozenset(), (), 30.0, str(tmp_path_factory.mktemp("jobs")))
    assert _alone(asked, project).by == "test_parcels.py::test_it_arrives"
    assert not (project / ".hypothesis").exists()


def test_an_installed_service_is_imported_by_each_child_afresh(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(project)
    charts = frozenset({key(orderfsm.load("parcel.yaml"))})
    assert Forks(("json", "no.such.module", "parcels", "os"), charts, ()).run() == "parcels"
    assert list(_without(("json", "shop", "shop.parcels", "shopping"), "shop.parcels")) == ["json", "shopping"]
    inside = ("orderfsm.http", "orderfsm.http.stat", "orderfsm.http.stat.app")
    assert list(_without(inside, "orderfsm.http.stat")) == ["orderfsm.http"]
    sys.modules.pop("parcels")
