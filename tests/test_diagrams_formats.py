"""What was drawn equals the chart: every text format is read back; and drawings that are kept as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orderfsm
from kept_diagrams import (
    Outlined,
    Read,
    Truth,
    assert_told,
    read_d2,
    read_dot,
    read_mermaid,
    read_plantuml,
    read_text,
    told,
)
from orderfsm import catalogue, diagrams
from orderfsm.chart import START, Basis, Category, Chart, Guard, Kind, ReasonRule, State, Transition
from orderfsm.diagrams import Dwell, Overlay
from orderfsm.diagrams.codes import coded
from orderfsm.diagrams.picture import gathered, picture
from random_charts import charts
from test_diagrams import shop
from test_svg import NASTY, product_chart

GOLDEN = Path(__file__).parent / "golden" / "diagrams"
READERS: dict[str, Callable[[str], Read]] = {
    "d2": read_d2,
    "dot": read_dot,
    "mermaid": read_mermaid,
    "plantuml": read_plantuml,
}


def truth(chart: Chart, detail: str) -> Truth:
    return Truth(picture(chart, detail=detail))


def begins(known: Truth) -> Callable[[str], str]:
    """What a start of a format belongs to."""
    names = {identifier: name for name, identifier in known.ids.items()}
    return lambda source: f"start {names.get(source.removeprefix('start').removeprefix('_'), '')}"


def assert_the_same(chart: Chart, format: str, detail: str) -> None:
    """A drawing has exactly the states of a chart, inside each other as they are, and exactly its arrows."""
    known = truth(chart, detail)
    read = READERS[format](diagrams.render(chart, format, detail=detail))
    assert read.parents == known.parents()
    assert read.words == known.words()
    assert_told(known, told(known, read, begins(known)))
    if format in ("mermaid", "plantuml"):
        finals = {known.ids[node.name] for node in known.picture.nodes if node.kind is Kind.FINAL}
        assert {identifier for _, identifier in read.ends} == finals


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("name", catalogue.names())
def test_every_chart_of_the_catalogue_is_read_back(name: str, format: str) -> None:
    for profile in ("full", "strict"):
        for detail in diagrams.DETAILS:
            assert_the_same(orderfsm.load(name, profile=profile), format, detail)


@pytest.mark.parametrize("format", READERS)
def test_a_chart_of_every_construct_is_read_back(format: str) -> None:
    for detail in diagrams.DETAILS:
        assert_the_same(shop(), format, detail)


@pytest.mark.parametrize("format", READERS)
def test_charts_of_real_products_are_read_back(corpora: Path, format: str) -> None:
    for path in sorted((corpora / "products").glob("*.json")):
        assert_the_same(product_chart(path), format, "full")


@settings(max_examples=50)
@given(charts(), st.sampled_from(tuple(READERS)), st.sampled_from(diagrams.DETAILS))
def test_any_chart_is_read_back(chart: Chart, format: str, detail: str) -> None:
    assert_the_same(chart, format, detail)


# --- text for terminals


def assert_outlined(chart: Chart, detail: str) -> None:
    known = Outlined(gathered(picture(chart, detail=detail)))
    read = read_text(diagrams.render(chart, "text", detail=detail), known)
    assert read.parents == known.parents()
    assert_told(known, told(known, read, begins(known)))


@pytest.mark.parametrize("name", catalogue.names())
def test_every_chart_of_the_catalogue_is_read_back_from_text(name: str) -> None:
    for detail in diagrams.DETAILS:
        assert_outlined(orderfsm.load(name), detail)


def test_a_chart_of_every_construct_is_read_back_from_text() -> None:
    for detail in diagrams.DETAILS:
        assert_outlined(shop(), detail)


@settings(max_examples=30)
@given(charts(), st.sampled_from(diagrams.DETAILS))
def test_any_chart_is_read_back_from_text(chart: Chart, detail: str) -> None:
    assert_outlined(chart, detail)


# --- names that are meant to break out


def hostile(payload: str) -> Chart:
    """A chart in which a text is whatever a chart may take from outside."""
    inside = (State("a", Kind.COMPOUND, initial=(payload,), title=payload), State(payload, parent="a", code=payload))
    states = (*inside, State("b", code=f"{payload} b", category=Category.DONE), State("c", Kind.FINAL))
    arrows = (
        Transition(payload, (payload,), ("b",), guards=(Guard(payload),), by=(payload,), links=(payload,)),
        Transition("b", (payload,), reason=ReasonRule("required", (payload,))),
        Transition("b", (payload,), ("c",), reason=ReasonRule("required", (payload,)), basis=Basis.INFERRED),
        Transition("a", (payload,), ("c",)),
    )
    return Chart("x/y", states, arrows, title=payload, initial=("a",))


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("payload", NASTY)
def test_no_text_breaks_out_of_a_format(payload: str, format: str) -> None:
    assert_the_same(hostile(payload), format, "full")
    assert_the_same(hostile(payload), format, "plain")


@settings(max_examples=60)
@given(st.text(min_size=1), st.sampled_from(tuple(READERS)))
def test_whatever_a_text_is_it_is_read_back(text: str, format: str) -> None:
    assert_the_same(hostile(f"x{text}"), format, "full")


@pytest.mark.parametrize("payload", NASTY)
def test_nothing_in_an_outline_acts_upon_a_terminal(payload: str) -> None:
    outline = diagrams.render(hostile(payload), "text")
    assert all(line.isprintable() for line in outline.splitlines())


def test_an_outline_has_eighty_columns_where_names_permit() -> None:
    for name in catalogue.names():
        for detail in diagrams.DETAILS:
            lines = diagrams.render(orderfsm.load(name), "text", detail=detail).splitlines()
            assert [line for line in lines if len(line) > 80] == []


# --- what is known beside the chart

KNOWN = Overlay(
    current="ready",
    taken=((START, "made"), ("made", "ready")),
    counts={"ready": 3, "nowhere": 1},
    refusals={("ready", "send", "guard-refused"): 2},
)
SEEN = {
    "d2": ["class: plain_passed", "class: open_active", "class: [arrow; taken]"],
    "dot": ['style="rounded,filled", penwidth="2"]', 'penwidth="3.6"]', 'penwidth="3.2"'],
    "mermaid": ["class s_made passed", "class s_ready active", "s_made --> s_ready: ▸ pack"],
    "plantuml": ["<<plain_passed>>", "<U+25B6> <b><U+25CB> ready</b>", "s_made -[#b3470b,bold]-> s_ready : pack"],
    "table": ["**`ready`**", "| taken |", "- `ready`: 3 orders"],
    "text": ["made • passed", "○ ready ◀ now » 3 orders", "══▶ ready  pack"],
}


def small() -> Chart:
    states = (State("made"), State("ready", category=Category.OPEN), State("sent", Kind.FINAL))
    arrows = (Transition("made", ("pack",), ("ready",)), Transition("ready", ("send",), ("sent",)))
    return Chart("x/y", states, arrows, initial=("made",))


@pytest.mark.parametrize("format", SEEN)
def test_every_format_shows_where_an_order_is_its_way_and_the_notes(format: str) -> None:
    bare = diagrams.render(small(), format)
    drawn = diagrams.render(small(), format, overlay=KNOWN)
    for mark in SEEN[format]:
        assert mark in drawn, mark
        assert mark not in bare
    for note in ("3 orders", "2 refused", "1 order elsewhere"):
        assert note in drawn.replace("#58;", ":"), note


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("detail", diagrams.DETAILS)
def test_differences_are_drawn_in_every_format(format: str, detail: str) -> None:
    strict, stapi = orderfsm.load("stat/order", profile="strict"), orderfsm.load("stapi/order")
    compared = diagrams.difference(stapi, strict)
    read = READERS[format](diagrams.render(compared, format, detail=detail))
    assert "added" in str(read.words) + str(read.arrows)
    assert "removed" in str(read.words)
    if detail == "full":
        assert len(read.parents) == len(compared.chart.states)


@pytest.mark.parametrize("format", READERS)
def test_the_dark_theme_has_other_colours_and_the_same_words(format: str) -> None:
    light, dark = (diagrams.render(shop(), format, theme=theme) for theme in ("auto", "dark"))
    assert light != dark
    assert READERS[format](light) == READERS[format](dark)


# --- the customer's view


def coded_steps(chart: Chart) -> set[tuple[str | None, str, str | None]]:
    steps = (step for step in orderfsm.compile(chart).edges() if step.before is not None)
    return {(s.before.code, s.event, s.after.code) for s in steps if s.before and s.before.code != s.after.code}


def drawn_steps(chart: Chart) -> set[tuple[str | None, str, str | None]]:
    seen = picture(chart, detail="codes")
    label = {node.name: None if node.name.startswith("no_code") else node.label for node in seen.nodes}
    moves = (edge for edge in seen.edges if edge.source != START)
    return {(label[edge.source], edge.label, label[edge.targets[0]]) for edge in moves}


@pytest.mark.parametrize("name", catalogue.names())
def test_codes_are_the_nodes_and_steps_between_codes_the_arrows(name: str) -> None:
    chart = orderfsm.load(name)
    nodes = picture(chart, detail="codes").nodes
    assert [node.label for node in nodes] == list(chart.codes)
    assert drawn_steps(chart) == coded_steps(chart)


@settings(max_examples=30)
@given(charts())
def test_the_codes_of_any_chart_have_exactly_the_steps_of_its_table(chart: Chart) -> None:
    assert drawn_steps(chart) == coded_steps(chart)
    for node in picture(chart, detail="codes").nodes:
        alike = [c for c in orderfsm.compile(chart).configurations.values() if c.code == node.label]
        assert (node.kind is Kind.FINAL) == all(c.final for c in alike)


def test_codes_with_spaces_and_states_without_a_code_are_nodes() -> None:
    states = (State("a", code="In progress"), State("b", code="In_progress"), State("c", code=""), State("d"))
    arrows = tuple(Transition(x, ("go",), (y,), guards=(Guard("ok"),) * (y == "b")) for x, y in ("ab", "ac", "cd"))
    nodes = picture(Chart("x/y", states, arrows, initial=("a",)), detail="codes").nodes
    assert [node.label for node in nodes] == ["In progress", "In_progress", "d", "no_code"]


def test_codes_say_nothing_of_actors_guards_reasons_and_names() -> None:
    for format in (*READERS, "svg", "text", "table"):
        drawn = diagrams.render(orderfsm.load("stapi/order"), format, detail="codes")
        for hidden in ("by provider", "inferred", "reason", "held_accepted", "pre_acceptance"):
            assert hidden not in drawn, (format, hidden)


@pytest.mark.parametrize("format", diagrams.FORMATS)
def test_the_code_of_a_configuration_is_marked_and_numbers_are_added_up(format: str) -> None:
    chart = orderfsm.load("stapi/order")
    held = [text for text in orderfsm.compile(chart).configurations if text.startswith("held_")]
    drawn = diagrams.render(chart, format, detail="codes", configuration=held[0])
    assert drawn == diagrams.render(chart, format, detail="codes", configuration=held[1])
    assert drawn != diagrams.render(chart, format, detail="codes")
    counted = diagrams.render(chart, format, detail="codes", overlay=Overlay(counts=dict.fromkeys(held, 2)))
    assert f"{2 * len(held)} orders" in counted
    with pytest.raises(orderfsm.StoredStateUnknown, match="stapi/order"):
        diagrams.render(chart, format, detail="codes", configuration="nowhere")


def test_what_is_known_is_told_in_codes() -> None:
    chart = orderfsm.load("stapi/order")
    first, second = [text for text in orderfsm.compile(chart).configurations if text.startswith("held_")][:2]
    stay = Dwell(timedelta(hours=1), timedelta(hours=2))
    told = coded(chart).overlay(
        Overlay(
            current=first,
            taken=(("accepted", first), (first, second), ("gone", "accepted")),
            dwell={"accepted": stay, "held": stay, "held_accepted": stay, "fulfilment": stay, "gone": stay},
            refusals={(first, "ship", "not-enabled"): 2, (second, "ship", "not-enabled"): 3},
            covered=[("accepted", "hold", first), (first, "hold", second)],
        )
    )
    assert (told.current, told.taken) == ("held", (("accepted", "held"), ("gone", "accepted")))
    assert told.dwell == {"accepted": stay, "held": stay, "gone": stay}
    assert told.refusals == {("held", "ship", "not-enabled"): 5}
    assert told.covered == [("accepted", "hold", "held")]


# --- kept as files

SUFFIXES = {"d2": "d2", "dot": "dot", "mermaid": "mmd", "plantuml": "puml", "table": "md", "text": "txt"}
KEPT = {
    "shop": lambda format: diagrams.render(shop(), format, configuration="unpaid+packed"),
    "cablelabs-order": lambda format: diagrams.render(orderfsm.load("cablelabs/order"), format),
    "stat-order-codes": lambda format: diagrams.render(orderfsm.load("stat/order"), format, detail="codes"),
}


@pytest.mark.parametrize("format", SUFFIXES)
@pytest.mark.parametrize("name", KEPT)
def test_drawings_are_those_that_are_kept(name: str, format: str) -> None:
    """When a change is meant: ORDERFSM_GOLDEN=write pytest tests/test_diagrams_formats.py, and read the difference."""
    path, drawn = GOLDEN / f"{name}.{SUFFIXES[format]}", KEPT[name](format)
    if os.environ.get("ORDERFSM_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    assert drawn == path.read_text(encoding="utf-8")
