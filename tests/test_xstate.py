"""Machines of XState: what is read means the same in XState itself, and what is written does, too."""

import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.xstate_machines import EVENTS, GUARDS, delays, machine

import orderfsm
from orderfsm.chart import Chart, Kind
from orderfsm.errors import ChartError, DocumentError, UnsupportedFeature
from orderfsm.interchange import xstate

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "benchmarks/peers/node/node_modules/xstate/dist/xstate.esm.js"
WALK = ROOT / "tests/xstate/walk.mjs"
RECORDED = ROOT / "tests/xstate/recorded.json"
"""What XState 5.33.3 did with some random machines; `python -m tests.test_xstate` writes it."""

needs_xstate = pytest.mark.skipif(
    not LIBRARY.exists() or shutil.which("node") is None, reason="needs Node, and xstate as `make bench` installs it"
)

ORDER = {
    "id": "shop/order",
    "version": "2",
    "initial": "pending",
    "context": {"total": 20},
    "states": {
        "pending": {
            "initial": "received",
            "on": {"cancel": "cancelled", "hold": "held"},
            "states": {
                "received": {
                    "entry": "greet",
                    "after": {"86400000": "#shop/order.cancelled"},
                    "on": {"pay": {"target": "paid", "guard": "covered", "actions": ["book", {"type": "thank"}]}},
                },
                "paid": {"tags": ["money"], "on": {"pay": {}, "amend": {"target": "paid", "reenter": True}}},
                "was": {"type": "history", "target": "received"},
            },
        },
        "held": {"on": {"resume": "pending.was", "pay": None}},
        "cancelled": {"type": "final"},
    },
}


def load(config: dict[str, Any]) -> Chart:
    return xstate.loads(json.dumps(config), filename="order.json")


def walked(chart: Chart, events: list[str], guards: dict[str, bool]) -> list[tuple[list[str], list[str]]]:
    """For each step the active leaves and the actions; a refused event changes nothing."""
    answers = {name: (lambda facts, answer=answer: answer) for name, answer in guards.items()}
    step = orderfsm.start(chart, guards=answers, facts={})
    steps = [(sorted(step.after.leaves), list(step.actions))]
    for event in events:
        name = f"{event.removeprefix('xstate.after.50.')}_after_50" if event.startswith("xstate.") else event
        try:
            step = orderfsm.step(chart, step.after, name, guards=answers, facts={})
            steps.append((sorted(step.after.leaves), list(step.actions)))
        except orderfsm.Refused:
            steps.append((sorted(step.after.leaves), []))
    return steps


def theirs(jobs: list[dict[str, Any]], folder: Path) -> list[list[list[tuple[list[str], list[str]]]]]:
    (folder / "jobs.json").write_text(json.dumps(jobs), "utf-8")
    command = ["node", str(WALK), LIBRARY.as_uri(), "jobs.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return [[[(sorted(leaves), actions) for leaves, actions in walk] for walk in walks] for walks in told]


def drawn(seed: int, number: int) -> list[tuple[dict[str, Any], Chart]]:
    """So many machines that orderfsm takes; a step that never rests would not rest in XState either."""
    random, found = Random(seed), []
    while len(found) < number:
        config = machine(random)
        try:
            chart = load(config)
            if not orderfsm.compile(chart, limit=60).endless:
                found.append((config, chart))
        except ChartError:
            continue
    return found


def job(random: Random, config: dict[str, Any]) -> dict[str, Any]:
    events = [*EVENTS, *delays(config)]
    walks = [[random.choice(events) for _ in range(10)] for _ in range(6)]
    return {"config": config, "guards": {name: random.random() < 0.5 for name in GUARDS}, "walks": walks}


def recorded() -> dict[str, Any]:
    return json.loads(RECORDED.read_text("utf-8"))


def test_machines_do_what_xstate_did() -> None:
    told = recorded()
    for job, steps in zip(told["jobs"], told["steps"], strict=True):
        ours = [walked(load(job["config"]), walk, job["guards"]) for walk in job["walks"]]
        assert ours == [[(leaves, actions) for leaves, actions in walk] for walk in steps]
    charts = [load(job["config"]) for job in told["jobs"]]
    assert {state.kind for chart in charts for state in chart.states} == set(Kind)


@needs_xstate
def test_xstate_still_does_what_it_did(tmp_path: Path) -> None:
    told = recorded()
    assert json.loads(json.dumps(theirs(told["jobs"], tmp_path))) == told["steps"]


@needs_xstate
def test_random_machines_do_the_same_in_xstate(tmp_path: Path) -> None:
    pairs = drawn(1, 25)
    jobs = [job(Random(place), config) for place, (config, _) in enumerate(pairs)]
    ours = [
        [walked(chart, walk, j["guards"]) for walk in j["walks"]] for j, (_, chart) in zip(jobs, pairs, strict=True)
    ]
    assert ours == theirs(jobs, tmp_path)


@needs_xstate
def test_what_is_written_does_the_same_in_xstate(tmp_path: Path) -> None:
    written = []
    for _, chart in drawn(2, 25):
        try:
            written.append((json.loads(xstate.dumps(chart)), chart))
        except UnsupportedFeature:
            continue
    assert len(written) > 12
    jobs = [job(Random(place), config) for place, (config, _) in enumerate(written)]
    ours = [
        [walked(chart, walk, j["guards"]) for walk in j["walks"]] for j, (_, chart) in zip(jobs, written, strict=True)
    ]
    assert ours == theirs(jobs, tmp_path)


@pytest.mark.parametrize(
    "name", ["stat/order", "stapi/order", "adobe/order", "adobe/item", "dream_junction/order", "cablelabs/item"]
)
def test_a_chart_of_the_catalogue_comes_back_with_the_same_edges(name: str) -> None:
    chart = orderfsm.load(name)
    again = xstate.loads(xstate.dumps(chart))
    assert edges(again) == edges(chart)
    assert [(state.name, state.code, state.category) for state in again.states] == [
        (state.name, state.code, state.category) for state in chart.states
    ]


def edges(chart: Chart) -> set[tuple[str, str, str]]:
    return {(str(s.before), s.event, str(s.after)) for s in orderfsm.compile(chart).edges() if s.before is not None}


# --- reading


def test_a_machine_is_read() -> None:
    chart = load(ORDER)
    assert (chart.name, chart.version, chart.initial) == ("shop/order", "2", ("pending",))
    assert chart.guards.keys() == {"covered"}
    assert edges(chart) == {
        ("received", "pay", "paid"),
        ("received", "cancel", "cancelled"),
        ("received", "hold", "held;was=received"),
        ("received", "received_after_86400000", "cancelled"),
        ("paid", "pay", "paid"),
        ("paid", "amend", "paid"),
        ("paid", "cancel", "cancelled"),
        ("paid", "hold", "held;was=paid"),
        ("held;was=received", "resume", "received"),
        ("held;was=received", "pay", "held;was=received"),
        ("held;was=paid", "resume", "paid"),
        ("held;was=paid", "pay", "held;was=paid"),
    }
    assert orderfsm.start(chart).actions == ("greet",)
    paid = orderfsm.step(chart, "received", "pay", guards={"covered": lambda facts: True}, facts={})
    assert paid.actions == ("book", "thank")


def test_what_is_passed_over_may_hold_anything() -> None:
    states = {"a": {"meta": {"note": "\0"}, "on": {"go": "b"}}, "b": {}}
    assert edges(load({"initial": "a", "context": {"told": "\0"}, "states": states})) == {("a", "go", "b")}


def test_states_of_one_key_are_told_apart_by_their_paths() -> None:
    inside = {"initial": "open", "states": {"open": {"on": {"go": "shut"}}, "shut": {}}}
    config = {"initial": "left", "states": {"left": {**inside, "on": {"over": "right.shut"}}, "right": inside}}
    assert edges(load(config)) >= {("left.open", "over", "right.shut"), ("left.open", "go", "left.shut")}


def test_guards_of_ours_come_back() -> None:
    text = """
chart: shop/order
version: "1"
initial: cart
guards: {credit_ok: The credit limit is not exceeded.}
states: {cart: {}, placed: {final: true}}
events: {place: {from: cart, to: placed, when: order.total > 0, guard: credit_ok}}
"""
    chart = orderfsm.read(text)
    (arrow,) = (arrow for arrow in xstate.loads(xstate.dumps(chart)).transitions)
    assert sorted(guard.text for guard in arrow.guards) == ["credit_ok", "order.total > 0"]


def changed(**states: Any) -> dict[str, Any]:
    return {"initial": "a", "states": {"a": {}, "b": {}, **states}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (changed(a={"on": {"go": "c"}}), "states.a: no state for the target 'c' (write #id, .inside or the key of"),
        (changed(a={"onn": {}}), "states.a: the key 'onn' (did you mean on?)"),
        (
            changed(a={"on": {"go": {"target": "b", "cond": "x"}}}),
            "the key 'cond' in a transition (XState 5 says guard)",
        ),
        (changed(a={"type": "atom"}), "the type 'atom' (one of atomic, compound"),
        (changed(a={"states": {"c": {}}}), "states.a: initial is None (name one of c)"),
        (changed(a={"type": "parallel"}), "parallel without states inside"),
        ({"initial": "a", "states": {"a": []}}, "states.a: not a state node"),
        ({"initial": "a", "states": {"a b": {}, "a": {}}}, "the key 'a b' (leave out white space"),
        (changed(a={"id": "x"}, b={"id": "x"}), "states.b: a second state with the id x"),
        (changed(a={"meta": {"orderfsm": {"category": "sideways"}}}), "the category 'sideways'"),
        (
            changed(a={"meta": {"orderfsm": {"kode": "A"}}}),
            "states.a: the key 'kode' in meta.orderfsm (one of category, code",
        ),
        (
            changed(a={"meta": {"orderfsm": {"code": "A\0"}}}),
            r"states.a: the code 'A\x00' in meta.orderfsm (write a plain text",
        ),
        (changed(a={"meta": {"orderfsm": {"code": "A\nB"}}}), r"states.a: the code 'A\nB' in meta.orderfsm"),
        (changed(a={"meta": {"orderfsm": {"code": " "}}}), "states.a: the code ' ' in meta.orderfsm"),
        (
            changed(a={"on": {"go": {"target": "b", "actions": ["tell\0"]}}}),
            r"states.a: on holds a control character: tell\x00",
        ),
        (changed() | {"version": "1\0"}, r"the machine: version holds a control character: 1\x00 (remove it)"),
        (
            changed(a={"initial": "x", "states": {"x": {}, "h": {"history": "deeep"}}}),
            "states.a.states.h: the history 'deeep' (shallow or deep)",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(config: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load(config)
    assert str(refused.value).startswith("order.json: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (changed(a={"invoke": {"src": "fetch"}}), "invoke (emit an action, and let its outcome be an event)"),
        (changed(a={"on": {"go": {"target": "b", "guard": {"type": "g", "params": {"n": 1}}}}}), "the guard"),
        (changed(a={"on": {"go": {"target": "b", "guard": ""}}}), "the guard ''"),
        (changed(a={"after": {"soon": "b"}}), "the delay 'soon' (write milliseconds)"),
        (changed(a={"on": {"order.*": "b"}}), "the event 'order.*'"),
        (changed(a={"on": {"pay": "b", "pay.late": "b"}}), "the events pay and pay.late"),
        (changed(a={"type": "parallel", "states": {"x": {}, "y": {"type": "final"}}}), "a region that is final itself"),
        (changed(a={"type": "parallel", "states": {"x": {}}, "on": {"go": ".x"}}), "say reenter: true"),
        (changed(c={"type": "history"}), "a history state of the machine itself"),
        ({"type": "parallel", "states": {"a": {}, "b": {}}}, "a machine that is parallel"),
        (
            changed(a={"type": "parallel", "states": {"x": {"on": {"go": {}}}, "y": {}}, "on": {"go": "b"}}),
            "go, answered both inside and around, without a target",
        ),
    ],
)
def test_what_is_left_out_is_named_with_its_remedy(config: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        load(config)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "{", '{"initial": "a", "initial": "a"}', '{"initial": NaN}', "[" * 5000, '{"a": ' + "9" * 5000],
)
def test_what_is_no_machine_is_a_document_error(text: str) -> None:
    with pytest.raises(DocumentError):
        xstate.loads(text)


words = st.sampled_from(["a", "b", "#a", ".b", "a.b", "*", "", "final", "parallel", "history", "deep", "50"])
KEYS = (
    "initial states on after always onDone entry exit type id target guard actions reenter meta orderfsm history params"
)
keys = st.sampled_from([*KEYS.split(), "a", "b", "c", "50"])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 99), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=4), st.dictionaries(keys, values, max_size=4))
def test_whatever_is_given_is_read_or_refused(inside: dict[str, Any], around: dict[str, Any]) -> None:
    config = {**around, "initial": "a", "states": {"a": inside, "b": {"on": {"go": "a"}}}}
    with suppress(ChartError):
        assert orderfsm.compile(load(config)).configurations


# --- writing


@pytest.mark.parametrize("name", ["cablelabs/order"])
def test_what_json_cannot_say_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedFeature, match="leave the start arrows out"):
        xstate.dumps(orderfsm.load(name))


def record() -> None:
    """Write anew what XState does."""
    jobs = [job(Random(place), config) for place, (config, _) in enumerate(drawn(3, 25))]
    for each in jobs:
        each["walks"] = each["walks"][:3]
    with TemporaryDirectory() as folder:
        steps = theirs(jobs, Path(folder))
    RECORDED.write_text(json.dumps({"jobs": jobs, "steps": steps}) + "\n", "utf-8")


if __name__ == "__main__":
    record()
