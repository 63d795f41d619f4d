"""SCXML is read with its meaning, what is left out is named with its place, and what is written is read back alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfsm.catalogue import load, names
from orderfsm.cell import Cell, Configuration, Step
from orderfsm.chart import START, Category, Chart, Effect, Event, Guard, Kind, State, Timer, Transition
from orderfsm.errors import ChartError, DocumentError, UnsupportedFeature
from orderfsm.expression import parse
from orderfsm.interchange import scxml
from orderfsm.table import Table, compile

HERE = Path(__file__).parent / "scxml"
CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpora" / "scxml"

# --- walking a table, with a clock that is only counted


class Life:
    """One order on its way through a table: look-ups in rows, and timers in milliseconds."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.now = timedelta(0)
        self.due: list[tuple[timedelta, int, Timer]] = []
        self.at: Configuration
        self.take(table.starts["open"])

    def take(self, cell: Cell | None) -> None:
        if cell is None:
            return
        step = cell.free
        assert step is not None, "a chart without facts asks nothing of the call"
        self.at = step.after
        self.due = [entry for entry in self.due if entry[2].state is None or entry[2] not in step.disarmed]
        self.due += [(self.now + timer.delay, place, timer) for place, timer in enumerate(step.armed, len(self.due))]

    def send(self, event: str) -> None:
        self.take(self.table.rows[self.at].get(self.table.stand_in(event) or ""))

    def wait(self, milliseconds: float) -> None:
        until = self.now + timedelta(milliseconds=milliseconds)
        while self.due and min(self.due)[0] <= until:
            entry = min(self.due, key=lambda one: one[:2])
            self.due.remove(entry)
            self.now = entry[0]
            self.send(entry[2].event)
        self.now = until

    @property
    def leaves(self) -> list[str]:
        return sorted(self.at.leaves)


def loaded(path: Path) -> Chart:
    return scxml.loads(path.read_text(encoding="utf-8"), filename=path.name)


# --- our own pairs


@pytest.mark.parametrize("path", sorted(HERE.glob("*.scxml")), ids=lambda path: path.stem)
def test_our_own_pairs_walk_as_written(path: Path) -> None:
    table = compile(loaded(path))
    walks = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert walks
    for walk in walks:
        life = Life(table)
        assert life.leaves == sorted(walk["initial"])
        for place, move in enumerate(walk["events"]):
            life.wait(move.get("wait", 0))
            if "event" in move:
                life.send(move["event"])
            assert life.leaves == sorted(move["leaves"]), (place, move)


# --- third-party pairs and walks


ABSENT = pytest.param(None, marks=pytest.mark.skip("third-party corpora: expected in ../shared/corpora"), id="absent")
ABSENT_WALKS = pytest.param(None, None, marks=ABSENT.marks, id="absent")


def documents(folder: str, *, every: int = 1) -> list[Any]:
    """The documents of a folder of the corpora; one that is skipped when they are absent."""
    found = sorted((CORPUS / folder).rglob("*.scxml"))[::every]
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in found] or [ABSENT]


def walks(name: str) -> list[Any]:
    """The documents of a file of walks, each with its walks; one that is skipped when the file is absent."""
    path = CORPUS / name
    found = json.loads(path.read_text(encoding="utf-8"))["docs"] if path.exists() else []
    return [pytest.param(path.parent / one["doc"], one["walks"], id=one["doc"]) for one in found] or [ABSENT_WALKS]


@pytest.mark.parametrize("path", documents("scion"))
def test_scion_pairs_pass_through_the_table(path: Path) -> None:
    pair = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    life = Life(compile(loaded(path)))
    assert life.leaves == sorted(pair["initialConfiguration"])
    for place, move in enumerate(pair["events"]):
        life.wait(move.get("after", 0))
        life.send(move["event"]["name"])
        assert life.leaves == sorted(move["nextConfiguration"]), place


@pytest.mark.parametrize("path", documents("w3c"))
def test_w3c_cases_reach_pass(path: Path) -> None:
    life = Life(compile(loaded(path)))
    life.wait(60_000)
    assert life.at == "pass"


@pytest.mark.parametrize(("path", "known"), [*walks("walks_on_pairs.json"), *walks("random/walks.json")])
def test_long_walks_pass_through_the_table(path: Path, known: list[dict[str, Any]]) -> None:
    table = compile(loaded(path))
    assert known
    for walk in known:
        life = Life(table)
        assert life.leaves == sorted(walk["initial"])
        for place, (event, expected) in enumerate(zip(walk["events"], walk["configurations"], strict=True)):
            life.send(event)
            assert life.leaves == sorted(expected), (walk["events"][: place + 1], life.at)


def test_the_corpora_are_as_large_as_they_were(corpora: Path) -> None:
    assert len(documents("scion")) >= 45
    assert len(documents("w3c")) >= 12
    assert sum(len(one.values[1]) for one in walks("walks_on_pairs.json")) >= 528
    assert sum(len(one.values[1]) for one in walks("random/walks.json")) >= 1800


# --- what is read


def document(body: str, attributes: str = "") -> str:
    return f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" {attributes}>\n{body}\n</scxml>'


def test_a_chart_knows_where_everything_stood() -> None:
    chart = scxml.loads(document('<state id="a">\n  <transition event="e" target="a"/></state>', 'name="n"'))
    assert (chart.name, chart.filename, len(chart.hash)) == ("n", "<text>", 64)
    assert (chart.states[0].position.line, chart.states[0].position.column) == (2, 1)
    assert (chart.transitions[0].position.line, chart.transitions[0].position.column) == (3, 3)


def test_a_chart_without_a_name_is_called_after_its_file() -> None:
    assert scxml.loads(document('<state id="a"/>'), filename="orders/parcel.scxml").name == "parcel"


def test_transitions_stand_in_document_order_even_across_states() -> None:
    body = '<state id="a"><state id="b"><transition event="1"/></state><transition event="2"/></state>'
    chart = scxml.loads(document(f'{body}<state id="c"><transition event="3"/></state>'))
    assert [transition.event for transition in chart.transitions] == ["1", "2", "3"]


def test_invented_names_stay_clear_of_given_ones() -> None:
    chart = scxml.loads(document('<state><final/></state><state id="state.1"/><parallel><state/></parallel>'))
    assert [state.name for state in chart.states] == ["state.2", "final.3", "state.1", "parallel.4", "state.5"]
    assert chart.initial == ("state.2",)


def test_states_get_their_kinds() -> None:
    body = (
        '<parallel id="p"><history id="d" type="deep"><transition target="c"/></history><state id="c"><final id="f"/>'
        '</state></parallel><parallel id="alone"/>'
    )
    kinds = {state.name: state.kind for state in scxml.loads(document(body)).states}
    assert kinds == {
        "p": Kind.PARALLEL,
        "d": Kind.DEEP,
        "c": Kind.COMPOUND,
        "f": Kind.FINAL,
        "alone": Kind.ATOMIC,
    }


def test_a_send_that_its_own_state_cancels_is_a_timer_of_the_state() -> None:
    body = (
        '<state id="a"><onentry><raise event="r"/><send event="t" delay="1.5m" id="x"/></onentry>'
        '<onexit><send event="u"/><cancel sendid="x"/></onexit></state>'
    )
    state = scxml.loads(document(body)).states[0]
    assert state.after == (Timer("t", timedelta(seconds=90), "a"),)
    assert (state.on_entry, state.on_exit) == ((Effect("raise", "r"),), (Effect("send", "u"),))


@pytest.mark.parametrize(
    ("delay", "read"),
    [("10ms", 0.01), ("1s", 1), (".5s", 0.5), ("2m", 120), ("1h", 3600), ("1.5d", 129_600), ("0s", None)],
)
def test_delays_are_read_in_every_unit(delay: str, read: float | None) -> None:
    chart = scxml.loads(document(f'<state id="a"><onentry><send event="t" delay="{delay}"/></onentry></state>'))
    assert chart.states[0].on_entry[0].delay == (None if read is None else timedelta(seconds=read))


def test_an_event_sent_to_the_internal_queue_is_raised() -> None:
    chart = scxml.loads(document('<state id="a"><onentry><send event="t" target="#_internal"/></onentry></state>'))
    assert chart.states[0].on_entry == (Effect("raise", "t"),)


@pytest.mark.parametrize(
    ("cond", "read"),
    [
        ("In('a')", 'in_state("a")'),
        (' In ( "a" ) ', 'in_state("a")'),
        ("!In('a')", 'not in_state("a")'),
        ("In('a') || In('b') &amp;&amp; !(In('c'))", 'in_state("a") or in_state("b") and not ( in_state("c") )'),
        ("In('a') or not In('b') and true", 'in_state("a") or not in_state("b") and True'),
    ],
)
def test_conditions_become_expressions(cond: str, read: str) -> None:
    body = f'<state id="a"><transition cond="{cond.replace(chr(34), "&quot;")}" target="b"/></state>'
    chart = scxml.loads(document(f'{body}<state id="b"/><state id="c"/>'))
    assert chart.transitions[0].guards == (Guard(expression=parse(read)),)


def test_logs_and_annotations_of_other_tools_are_passed_over() -> None:
    body = (
        '<t:meta xmlns:t="urn:tool"><t:deep/></t:meta><state id="a" t:x="1" xmlns:t="urn:tool">'
        '<onentry><log label="l" expr="1 + 1"/></onentry><t:layout x="3"/></state><datamodel/>'
    )
    chart = scxml.loads(document(body))
    assert [(state.name, state.on_entry) for state in chart.states] == [("a", ())]


# --- what is refused


def at(error: DocumentError) -> tuple[int, int]:
    return error.line, error.column


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ('<state id="a"/>\n <state id="a"/>', (3, 2), "a second state called a (the first one is at 2:1)"),
        ('<state id="apple"><transition target="aple"/></state>', (2, 19), "did you mean apple?"),
        ('<state id="a"><transition cond="In(\'z\')" target="a"/></state>', (2, 15), "no state is called z"),
        ('<state id="a b"/>', (2, 1), "the id 'a b'"),
        ('<state id="a+b"/>', (2, 1), "leave out white space and the signs"),
        ('<state id="a" initial="b"><state id="c"/></state><state id="b"/>', (2, 1), "b does not lie inside a"),
        ('<state id="a" initial="c"/><state id="c"/>', (2, 1), "atomic states have no initial state"),
        ('<state id="a"><state id="b"/><initial/></state>', (2, 30), "0 transitions"),
        (
            '<state id="a" initial="b"><state id="b"/><initial><transition target="b"/></initial></state>',
            (2, 1),
            "more than one initial",
        ),
        ('<state id="a"><history id="h"/><state id="b"/></state>', (2, 15), "0 transitions"),
        (
            '<state id="a"><history id="h"><transition target="h"/></history><state id="b"/></state>',
            (2, 15),
            "default is",
        ),
        (
            '<state id="a"><history type="flat"><transition target="b"/></history><state id="b"/></state>',
            (2, 15),
            "flat",
        ),
        ('<state id="a"><history><transition/></history><state id="b"/></state>', (2, 24), "no target"),
        (
            '<state id="a"><initial><transition target="b" event="e"/></initial><state id="b"/></state>',
            (2, 24),
            "has an event or a cond",
        ),
        ('<state id="a"><transition/></state>', (2, 15), "neither event nor cond nor target"),
        ('<state id="a"><transition event="e" target=""/></state>', (2, 15), "target is empty"),
        ('<state id="a"><transition event="e" type="inward"/></state>', (2, 15), "write internal or external"),
        ('<state id="a"><transition event="e" traget="a"/></state>', (2, 15), "did you mean target?"),
        ('<state id="a"><transition event="e" target="a b"/></state><state id="b"/>', (2, 15), "active together"),
        ('<state id="a"><transition event="e" cond="In(\'a\'"/></state>', (2, 15), "active states"),
        ('<state id="a"><transition event="e" cond="In(\'a\') &amp;&amp;"/></state>', (2, 15), "not an expression"),
        ('<state id="a"><onentry><raise/></onentry></state>', (2, 24), "name one event"),
        ('<state id="a"><onentry><send event="e" delay="soon"/></onentry></state>', (2, 24), "for example 1.5s"),
        ('<state id="a"><onentry><send event="e" delay="s"/></onentry></state>', (2, 24), "for example 1.5s"),
        ('<state id="a"><onentry><send event="e" delay="999999999999d"/></onentry></state>', (2, 24), "too long"),
        (
            '<state id="a"><onentry><send event="e" delay="1s" target="#_internal"/></onentry></state>',
            (2, 24),
            "delayed",
        ),
        ('<final id="a"><state id="b"/></final>', (2, 15), "allowed here: onentry, onexit"),
        ('<stat id="a"/>', (2, 1), "may not stand in <scxml>"),
        ('<state id="a" xmlns=""/>', (2, 1), "an element of no namespace"),
        ('<state id="a" xmlns="urn:x"/>', (2, 1), "an element of urn:x"),
        ('<o:start xmlns:o="urn:orderfsm" event="e"/><state id="a"/>', (2, 1), "no target"),
        ('<start event="e" target="a"/><state id="a"/>', (2, 1), "may not stand in <scxml>"),
        ("<onentry/>", (2, 1), "allowed here: final, initial, parallel, state"),
        ("", (1, 1), "no state"),
        ('<state id="a">', (3, 3), "mismatched tag"),
        ("&who;", (2, 1), "undefined entity"),
    ],
)
def test_a_wrong_document_is_refused_with_line_and_column(body: str, place: tuple[int, int], said: str) -> None:
    with pytest.raises((DocumentError, UnsupportedFeature)) as caught:
        scxml.loads(document(body), filename="x.scxml")
    assert str(caught.value).startswith(f"x.scxml:{place[0]}:{place[1]}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text", ["<scxml/>", '<scxml xmlns="urn:x"/>', '<svg xmlns="http://www.w3.org/2005/07/scxml"/>']
)
def test_a_document_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="the outermost element is") as caught:
        scxml.loads(text)
    assert at(caught.value) == (1, 1)


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ('<datamodel>\n<data id="x"/></datamodel><state id="a"/>', "2:1", "<datamodel>: charts hold no data"),
        ('<script>x = 1</script><state id="a"/>', "2:1", "<script>"),
        ('<state id="a">\n<invoke/></state>', "3:1", "<invoke>: charts call nothing"),
        ('<state id="a"><onentry><assign/></onentry></state>', "2:24", "<assign>"),
        ('<state id="a"><onexit><if cond="x"/></onexit></state>', "2:23", "<if>: executable content does not branch"),
        ('<final id="a"><donedata/></final>', "2:15", "<donedata>"),
        ('<state id="a"><onentry><send event="e"><param/></send></onentry></state>', "2:40", "<param>"),
        ('<state id="a"><onentry><send eventexpr="e"/></onentry></state>', "2:24", "eventexpr is an expression"),
        ('<state id="a"><onentry><send event="e" target="#_parent"/></onentry></state>', "2:24", "the chart itself"),
        ('<state id="a"><onentry><send event="e" type="http"/></onentry></state>', "2:24", "emit an action"),
        ('<state id="a"><onentry><send event="e" delayexpr="d + 1"/></onentry></state>', "2:24", "d + 1"),
        ('<state id="a"><onentry><cancel sendid="x"/></onentry></state>', "2:24", "only a state's own timers"),
        ('<state id="a"><onentry><t:x xmlns:t="urn:t"/></onentry></state>', "2:24", "another namespace"),
        ('<state id="a"><transition cond="x &gt; 1" target="a"/></state>', "2:15", "only active states"),
        ('<state id="a"><transition cond="In(x)" target="a"/></state>', "2:15", "only active states"),
    ],
)
def test_what_is_left_out_is_named_with_its_place(body: str, place: str, said: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        scxml.loads(document(body), filename="x.scxml")
    assert str(caught.value).startswith(f"x.scxml:{place}: ")
    assert said in str(caught.value)


def test_a_document_type_declaration_is_refused_before_any_entity_is_seen() -> None:
    bomb = '<!DOCTYPE scxml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n' + document('<state id="&b;"/>')
    with pytest.raises(DocumentError, match="document type declaration") as caught:
        scxml.loads(bomb)
    assert caught.value.line == 1


def test_size_and_depth_are_bounded() -> None:
    with pytest.raises(DocumentError, match="bytes are too many"):
        scxml.loads(document("<!--" + "é" * 500_000 + "-->"))
    with pytest.raises(DocumentError, match="nested more than 100 deep"):
        scxml.loads(document("<state>" * 50_000))


def test_a_transition_leads_to_a_hundred_states_at_most() -> None:
    names = " ".join(f"s{number}" for number in range(101))
    with pytest.raises(DocumentError, match="target names 101 states"):
        scxml.loads(document(f'<state id="a"><transition event="e" target="{names}"/></state>'))


PIECES = re.findall(r"<[^>]*>|\s+|[^<>\s]+", "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.scxml")))


@given(st.sampled_from(sorted(HERE.glob("*.scxml"))), st.data())
def test_a_garbled_document_is_read_or_refused_as_the_author_s_mistake(path: Path, data: st.DataObject) -> None:
    pieces = re.findall(r"<[^>]*>|[^<]+|<", path.read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(pieces) - 1))
        pieces[place] = data.draw(st.sampled_from(("", pieces[place] * 2, *PIECES)))
    with suppress(ChartError):
        compile(scxml.loads("".join(pieces)), limit=500)


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(DocumentError, match="surrogate") as caught:
        scxml.loads(document('<state id="\ud800"/>'))
    assert at(caught.value) == (2, 12)


def test_two_cancels_of_one_timer_are_left_out() -> None:
    once = '<onentry><send event="t" delay="1s" id="x"/></onentry><onexit><cancel sendid="x"/></onexit>'
    scxml.loads(document(f'<state id="a">{once}</state>'))
    with pytest.raises(UnsupportedFeature, match="only a state's own timers"):
        scxml.loads(document(f'<state id="a">{once}<transition event="e"><cancel sendid="x"/></transition></state>'))


# --- what is written


def behaviour(table: Table) -> object:
    """Everything of a table that is not a place in a file."""
    rows = {text: {event: _cell(cell) for event, cell in row.items()} for text, row in table.rows.items()}
    starts = {event: _cell(cell) for event, cell in table.starts.items()}
    shown = {text: (c.leaves, c.memory, c.code, c.category, c.final) for text, c in table.configurations.items()}
    return rows, starts, shown, table.alphabet, table.endless


def _cell(cell: Cell) -> list[object]:
    return [([(c.guard, c.active, a) for c, a in case.answers], _step(case.step)) for case in cell.cases()]


def _step(step: Step | None) -> object:
    if step is None:
        return None
    return step.before, step.after, step.exited, step.entered, step.actions, step.armed, step.disarmed


def charts() -> Iterator[Chart]:
    for path in sorted(HERE.glob("*.scxml")):
        yield loaded(path)
    yield from (ORDER, GUARDED, BEGUN)
    for name in names():
        yield replace(load(name), events=())


ORDER = Chart(
    "stat/order",
    (
        State("live", Kind.COMPOUND, initial=("received",), initial_effects=(Effect("emit", "begun"),)),
        State("was", Kind.SHALLOW, "live", ("received",), (Effect("raise", "back"),)),
        State("received", parent="live", code="RECEIVED", category=Category.OPEN, on_exit=(Effect("send", "x"),)),
        State("offered", parent="live", after=(Timer("expire", timedelta(days=30, microseconds=5), "offered"),)),
        State("held", code="", on_entry=(Effect("send", "nag", timedelta(milliseconds=1500)),)),
        State("expired", Kind.FINAL, category=Category.FAILED),
    ),
    (
        Transition("received", ("offer",), ("offered",), effects=(Effect("emit", "notify"), Effect("raise", "r"))),
        Transition("offered", ("expire",), ("expired",)),
        Transition("live", ("hold", "pause.*"), ("held",)),
        Transition("live", ("r",), ("offered",), internal=True),
        Transition("held", ("resume",), ("was",), (Guard(expression=parse('not in_state("expired")')),)),
        Transition("held", ("nag",)),
    ),
    initial=("live",),
    events=(Event("r", internal=True),),
)
GUARDED = replace(
    ORDER,
    transitions=(
        *ORDER.transitions,
        Transition("held", ("drop",), ("expired",), (Guard("credit_ok"), Guard(expression=parse("size(items) > 0")))),
        Transition("held", ("drop",), ("received",), (Guard(expression=parse("items or order.paid and not order.x")),)),
    ),
)


BEGUN = replace(
    ORDER,
    name="begun",
    transitions=(
        Transition(START, ("import",), ("held",), (Guard("trusted"),), effects=(Effect("emit", "told"),)),
        Transition(START, ("import", "copy"), ("offered",)),
        *ORDER.transitions,
    ),
)


@pytest.mark.parametrize("chart", list(charts()), ids=lambda chart: chart.name)
def test_what_is_written_is_read_back_alike(chart: Chart) -> None:
    text = scxml.dumps(chart)
    again = scxml.loads(text)
    assert behaviour(compile(again)) == behaviour(compile(chart))
    assert scxml.dumps(again) == text


@pytest.mark.parametrize("path", [*documents("scion"), *documents("w3c"), *documents("random", every=10)])
def test_third_party_documents_are_written_and_read_back_alike(path: Path) -> None:
    chart = loaded(path)
    assert behaviour(compile(scxml.loads(scxml.dumps(chart)))) == behaviour(compile(chart))


@pytest.mark.parametrize(
    ("guards", "model"),
    [
        ((), "null"),
        ((Guard(expression=parse('in_state("b")')),), "null"),
        ((Guard(expression=parse('not in_state("b")')),), "ecmascript"),
        ((Guard(expression=parse('in_state("b")')), Guard(expression=parse('in_state("a")'))), "ecmascript"),
        ((Guard(expression=parse("order.paid")),), "x-orderfsm"),
        ((Guard("credit_ok"),), "x-orderfsm"),
    ],
)
def test_the_data_model_is_the_smallest_that_can_say_the_conditions(guards: tuple[Guard, ...], model: str) -> None:
    text = scxml.dumps(Chart("c", (State("a"), State("b")), (Transition("a", ("e",), ("b",), guards),), initial=("a",)))
    assert f'datamodel="{model}"' in text
    assert ("In('b')" in text) == (model != "x-orderfsm" and bool(guards))


A, B = State("a"), State("b", Kind.FINAL)


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (Chart("c", (A,), initial=("a",), initial_effects=(Effect("emit", "x"),)), "content on the way"),
        (Chart("c", (State("a b"),), initial=("a b",)), "names like 'a b'"),
        (Chart("c", (A,), (Transition("a", ("e f",)),), initial=("a",)), "names like 'e f'"),
        (Chart("c", (A, B), (Transition("b", ("e",), ("a",)),), initial=("a",)), "out of a final state like b"),
        (Chart("c", (A, State("h", Kind.DEEP, None, ("a",))), initial=("a",)), "outside of all states like h"),
    ],
)
def test_what_scxml_cannot_say_is_refused(chart: Chart, said: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        scxml.dumps(chart)
    assert said in str(caught.value)
