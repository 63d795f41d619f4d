"""`pytest --chart-coverage`: what is collected, told, written, drawn and asked for."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

import orderfsm
from orderfsm import Refused, start, step
from orderfsm.coverage import KINDS, Collector, Coverage, Goals, Measured
from orderfsm.errors import LogError
from orderfsm.interchange import scxml
from orderfsm.pytest_plugin.report import percentage
from orderfsm.testing import scenarios
from orderfsm.watch import watching
from running import Run, run_pytest

CHART = """
chart: shop/parcel
version: "1"
initial: packed
actors: {courier: Who carries it.}
reasons: {open: false, codes: {lost: It was lost., late: Too late., torn: It is torn.}}
states:
  packed: {category: open}
  under_way: {category: open}
  there: {category: done}
  lost: {category: failed, final: true}
events:
  take: {from: packed, to: under_way, by: courier}
  hand_over: {from: under_way, to: there, when: payload.weight < 5, payload: {weight: integer}}
  lose: {from: under_way, to: lost, reason: [lost, torn]}
  complain: {from: there, to: there}
scenarios:
  - {title: it arrives, codes: [packed, under_way, there]}
"""
ROUND = """
chart: shop/round
version: "1"
initial: a
states: {a: {}, b: {}, c: {}}
events: {go: {from: a, to: b}}
always: [{from: b, to: c}, {from: c, to: b}]
"""
SERVICE = """
import orderfsm

CHART = orderfsm.load("parcel.yaml")
"""
TESTS = """
import orderfsm
import pytest

from service import CHART


def under_way():
    return orderfsm.step(CHART, orderfsm.start(CHART).after, "take", actor="courier").after


def test_it_arrives():
    assert orderfsm.step(CHART, under_way(), "hand_over", payload={"weight": 3}).after == "there"


def test_it_gets_lost():
    assert orderfsm.step(CHART, under_way(), "lose", reason="lost").after == "lost"


def test_nobody_takes_it_twice():
    with pytest.raises(orderfsm.NotEnabled):
        orderfsm.step(CHART, under_way(), "take")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A service with tests of its own, of a parcel."""
    for name, text in {"parcel.yaml": CHART, "service.py": SERVICE, "test_parcel.py": TESTS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def row(run: Run, name: str) -> list[str]:
    """The shares in the row of a chart."""
    (line,) = (line for line in run.lines if line.startswith(name) and "%" in line)
    return re.split(r"\s{2,}", line)[1:]


# --- in one process


def collected(*sends: tuple[str, str, dict[str, object]]) -> Measured:
    chart = orderfsm.read(CHART)
    collector = Collector()
    with watching(collector):
        for here, event, asked in sends:
            with suppress(Refused):
                start(chart) if here == "[*]" else step(chart, here, event, **asked)  # type: ignore[arg-type]
    ((found, coverage),) = collector.found()
    return Measured.of(found, coverage)


def test_the_goals_are_those_of_the_table() -> None:
    goals = Goals.of(orderfsm.read(CHART)).by_kind
    assert tuple(goals) == KINDS
    assert goals["states"] == (("packed",), ("under_way",), ("there",), ("lost",))
    assert [goal[1] for goal in goals["transitions"]] == [
        "packed --take--> under_way", "under_way --hand_over--> there",
        "under_way --lose--> lost", "there --complain--> there",
    ]  # fmt: skip
    assert len(goals["pairs"]) == 4  # take and two ways on, complaints after the end and after each other
    assert goals["guards"] == tuple(("hand_over", "payload.weight < 5", said) for said in ("held", "refused"))
    assert goals["reasons"] == (("", "late"), ("lose", "lost"), ("lose", "torn"))
    assert set(goals["refusals"]) == {
        *((event, "not-enabled") for event in ("take", "hand_over", "lose", "complain")),
        ("take", "not-permitted"), ("hand_over", "guard-refused"), ("hand_over", "payload-invalid"),
        ("lose", "reason-needed"),
    }  # fmt: skip


def test_everything_that_was_met_is_told_apart() -> None:
    found = collected(
        ("[*]", "open", {}),
        ("packed", "take", {"actor": "courier"}),
        ("under_way", "hand_over", {"payload": {"weight": 9}}),
        ("under_way", "lose", {"reason": "torn"}),
    )
    assert found.met("states") == (("packed",), ("under_way",), ("lost",))
    assert [goal[1] for goal in found.met("transitions")] == ["packed --take--> under_way", "under_way --lose--> lost"]
    assert [(goal[1], goal[3]) for goal in found.met("pairs")] == [
        ("packed --take--> under_way", "under_way --lose--> lost")
    ]
    assert found.met("guards") == (("hand_over", "payload.weight < 5", "refused"),)
    assert found.met("reasons") == (("lose", "torn"),)
    assert found.met("refusals") == (("hand_over", "guard-refused"),)
    assert found.percent("guards") == 50.0
    assert found.percent() == pytest.approx(100 * (3 + 2 + 1 + 1 + 1) / (4 + 4 + 2 + 3 + 8))


def test_a_pair_is_taken_in_one_test() -> None:
    chart, collector = orderfsm.read(CHART), Collector()
    with watching(collector):
        step(chart, "packed", "take")
        collector.begin()
        step(chart, "under_way", "lose", reason="lost")
    ((found, coverage),) = collector.found()
    assert Measured.of(found, coverage).met("pairs") == ()


def test_an_order_was_in_the_state_that_it_went_on_from() -> None:
    assert collected(("packed", "take", {})).met("states") == (("packed",), ("under_way",))


def test_a_scenario_of_codes_takes_the_arrows_between_them() -> None:
    chart, collector = orderfsm.read(CHART), Collector()
    with watching(collector):
        scenarios(chart)[0].verify()
    ((found, coverage),) = collector.found()
    measured = Measured.of(found, coverage)
    assert [goal[1] for goal in measured.met("transitions")] == [
        "packed --take--> under_way",
        "under_way --hand_over--> there",
    ]
    assert len(measured.met("states")) == 3
    assert len(measured.met("pairs")) == 1
    assert measured.met("guards") == ()


def test_an_event_that_is_not_listed_counts_as_the_one_that_it_behaves_like() -> None:
    chart, collector = scxml.loads(SCXML), Collector()
    with watching(collector):
        for event in ("anything", "error.of.mine"):
            with pytest.raises(orderfsm.NotEnabled):
                step(chart, "b", event)
    ((found, coverage),) = collector.found()
    refused = Measured.of(found, coverage).met("refusals")
    assert refused == (("*", "not-enabled"), ("error", "not-enabled"))


SCXML = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="a">
<state id="a"><transition event="*" target="b"/></state>
<state id="b"><transition event="go" target="c"/></state>
<state id="c"><transition event="error" target="end"/></state>
<final id="end"/></scxml>"""


def test_a_share_is_rounded_down_so_that_a_hundred_is_all() -> None:
    assert [percentage(value) for value in (99.97, 100.0, 57.3, 0.0)] == ["99.9 %", "100.0 %", "57.3 %", "0.0 %"]


def test_every_goal_of_every_shipped_chart_can_be_told(subtests: pytest.Subtests) -> None:
    from orderfsm.pytest_plugin.report import lines

    for name in orderfsm.catalogue.names():
        with subtests.test(name):
            chart = orderfsm.load(name)
            measured = Measured.of(chart, Coverage.begin(chart))
            goals = sum(len(measured.goals.by_kind[kind]) for kind in KINDS)
            assert len(list(lines([measured], everything=True))) == goals + 3
            assert measured.percent() == 0.0


def test_coverage_is_read_back_with_all_that_was_met() -> None:
    found = collected(("[*]", "open", {}), ("packed", "take", {}), ("packed", "take", {"actor": "nobody"})).coverage
    assert Coverage.loads(found.dumps()) == found


def test_another_profile_adds_its_steps_alone() -> None:
    one, other = Coverage("x/y", "beef", profile="full"), Coverage("x/y", "beef", profile="strict")
    other.steps.add(("a", "go", "b"))
    other.met["states"] = {("b",)}
    one.update(other)
    assert (one.steps, one.met) == ({("a", "go", "b")}, {})


def test_the_coverage_of_another_version_is_not_measured() -> None:
    chart = orderfsm.read(CHART)
    with pytest.raises(ValueError, match="another"):
        Measured.of(chart, Coverage(chart.name, "beef", profile="full"))


@pytest.mark.parametrize("met", ['["a"]', '{"states": "a"}', '{"states": ["a"]}', '{"states": [[1]]}'])
def test_what_is_no_coverage_is_an_error(met: str) -> None:
    with pytest.raises(LogError, match="no coverage: met"):
        Coverage.loads(f'{{"chart": "x", "steps": [], "met": {met}}}')


# --- with pytest


def test_what_the_tests_exercise_is_told(project: Path) -> None:
    run = run_pytest(project, "--chart-coverage")
    assert run.code == 0
    assert row(run, "shop/parcel 1") == ["4/4", "3/4", "2/4", "1/2", "1/3", "1/8", "47.6 %"]
    missed = run.text.partition("not covered of shop/parcel 1:")[2]
    assert "not taken: there --complain--> there (parcel.yaml:16)" in missed
    assert "hand_over: the guard `payload.weight < 5` has never refused" in missed
    assert "lose: the reason torn was never given" in missed
    assert "lose: never refused with reason-needed" in missed


def test_workers_are_put_together(project: Path) -> None:
    run = run_pytest(project, "--chart-coverage", "-n", "2", plugins=("xdist",))
    assert run.code == 0
    assert row(run, "shop/parcel 1") == ["4/4", "3/4", "2/4", "1/2", "1/3", "1/8", "47.6 %"]


def test_a_worker_that_crashed_is_told(project: Path) -> None:
    (project / "test_crash.py").write_text("import os\ndef test_crash(): os._exit(3)\n")
    run = run_pytest(project, "--chart-coverage", "-n", "1", "test_crash.py", plugins=("xdist",))
    assert run.code == 1
    assert "workers that crashed: 1; what their tests took is missing here" in run.lines


def test_it_is_written_drawn_and_asked_for(project: Path) -> None:
    files = ("--chart-coverage-report=out/parcel.json", "--chart-coverage-report=out/parcel.svg")
    run = run_pytest(
        project, "--chart-coverage=parcel.yaml,stat/order", *files, "--chart-coverage-fail-under=states=30"
    )
    assert run.code == 1
    assert "3 passed" in run.text
    assert [line for line in run.lines if line.startswith("FAIL")] == [
        "FAIL stat/order 2024-04: 0.0 % of states covered, less than 30 %"
    ]
    coverage = Coverage.loads((project / "out" / "parcel-shop-parcel.json").read_text(encoding="utf-8"))
    assert ("under_way", "lose", "lost") in coverage.of("shop/parcel")
    drawing = (project / "out" / "parcel-shop-parcel.svg").read_text(encoding="utf-8")
    assert drawing.startswith("<svg")
    assert "missed" in drawing
    assert json.loads((project / "out" / "parcel-stat-order.json").read_text(encoding="utf-8"))["steps"] == []


def test_a_file_that_cannot_be_written_is_told_with_all_that_was_measured(project: Path) -> None:
    run = run_pytest(project, "--chart-coverage", "--chart-coverage-report=service.py/parcel.json")
    assert run.code == 1
    assert row(run, "shop/parcel 1")[0] == "4/4"
    assert "FAIL not written: service.py: File exists" in run.lines


def test_paths_may_stand_behind_the_option_when_it_is_told_to_take_none(project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\naddopts = --chart-coverage=\n")
    assert row(run_pytest(project, "test_parcel.py"), "shop/parcel 1")[0] == "4/4"


def test_profiles_are_told_apart(project: Path) -> None:
    (project / "test_parcel.py").write_text(
        "import orderfsm\n"
        "def test_both():\n"
        "    for profile in ('full', 'strict'):\n"
        "        orderfsm.start(orderfsm.load('adobe/order', profile=profile))\n"
    )
    run = run_pytest(project, "--chart-coverage")
    assert row(run, "adobe/order 2025-10  ")[0] == row(run, "adobe/order 2025-10 (strict)")[0] == "1/8"


def test_a_failing_test_is_a_failing_run_and_enough_is_enough(project: Path) -> None:
    assert run_pytest(project, "--chart-coverage", "--chart-coverage-fail-under=47.6,transitions=75").code == 0
    (project / "test_parcel.py").write_text("def test_it(): assert False\n")
    run = run_pytest(project, "--chart-coverage", "--chart-coverage-fail-under=10")
    assert run.code == 1
    assert "no chart was exercised" in run.text
    assert "FAIL no test has exercised a chart; name those that shall be: --chart-coverage=CHART" in run.lines


def test_what_is_only_collected_is_not_measured(project: Path) -> None:
    run = run_pytest(project, "--chart-coverage", "--chart-coverage-fail-under=100", "--collect-only")
    assert (run.code, "chart coverage" in run.text) == (0, False)


def test_what_happens_while_tests_are_collected_does_not_count(project: Path) -> None:
    (project / "test_parcel.py").write_text(
        "import orderfsm\nfrom service import CHART\nfrom orderfsm.testing import transitions\n"
        "orderfsm.start(CHART)\n"
        "def test_it(): assert len(transitions(CHART)) == 4\n"
    )
    assert row(run_pytest(project, "--chart-coverage=parcel.yaml"), "shop/parcel 1")[:2] == ["0/4", "0/4"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--chart-coverage=tests"], "paths to tests stand before the option"),
        (["--chart-coverage=round.yaml"], "a step never comes to rest"),
        (["--chart-coverage-fail-under=9"], "add --chart-coverage"),
        (["--chart-coverage-report=x.json"], "add --chart-coverage"),
        (["--chart-coverage", "--chart-coverage-report=x.png"], "has to end in .json or .svg"),
        (["--chart-coverage", "--chart-coverage-fail-under=arrows=9"], "the kinds are states, transitions"),
        (["--chart-coverage", "--chart-coverage-fail-under=much"], "write a percentage"),
    ],
)
def test_options_that_cannot_be_read_say_what_to_write(project: Path, options: list[str], said: str) -> None:
    (project / "round.yaml").write_text(ROUND, encoding="utf-8")
    run = run_pytest(project, *options)
    assert run.code == 4
    assert said in run.errors
