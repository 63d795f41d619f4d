"""Overlays: each number stands where it belongs, nothing is lost, and nothing lies upon anything."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orderfsm
from orderfsm import catalogue, diagrams
from orderfsm.chart import START, Category, Chart, Kind, State, Timer, Transition
from orderfsm.coverage import Coverage
from orderfsm.diagrams import Difference, Dwell, Overlay, difference, palette, render
from orderfsm.diagrams.drawing import Drawing
from orderfsm.diagrams.glyphs import MARKS
from orderfsm.diagrams.labels import extent
from orderfsm.diagrams.note import TONES, Note
from orderfsm.diagrams.overlay import Marks, marks
from orderfsm.diagrams.svg import laid_out
from orderfsm.finding import Finding
from random_charts import charts
from test_diagrams import shop
from test_svg import (
    NASTY,
    SVG,
    area,
    assert_clear,
    assert_safe,
    classes,
    drawn,
    is_around,
    label,
    simple,
    states,
    upon,
    within,
)

HOURS = timedelta(hours=1)
SHOP = shop()
REFUSED = ("guard-refused", "reason-needed", "not-permitted")


def steps(chart: Chart) -> list[tuple[str, str, str]]:
    return [(str(step.before or START), step.event, str(step.after)) for step in orderfsm.compile(chart).edges()]


def everything(chart: Chart, seed: int = 1) -> Overlay:
    """An overlay of all kinds, with something unknown in each."""
    dice = random.Random(seed)
    every = steps(chart)
    texts = list(orderfsm.compile(chart).configurations)
    names = [state.name for state in chart.states if not state.kind.is_history]
    asked = {(before, event, dice.choice(REFUSED)): dice.randint(1, 5_000) for before, event, _ in every}
    findings = [Finding("dead-end", "error", "…", path=f"states.{dice.choice(chart.states).name}")]
    findings += [
        Finding("never-taken", "warning", "…", path=f"events.{a.event}") for a in chart.transitions if a.events
    ]
    return Overlay(
        current=dice.choice(texts),
        taken=tuple((before, after) for before, _, after in every[:5]),
        counts={text: dice.choice([0, 1, 20, 12_345]) for text in texts} | {"gone": 3, START: 2},
        dwell={name: Dwell(dice.random() * HOURS, 900 * HOURS, 3) for name in names} | {"gone": Dwell(HOURS, HOURS)},
        refusals=asked | {(texts[0], "dance", "unknown-event"): 4, ("gone", "go", "not-enabled"): 1},
        covered=[step for step in every if dice.random() < 0.5] + [("gone", "go", "gone")],
        findings=(*findings, Finding("rule-violated", "error", "…", path="rules[0]")),
    )


def texts_of(notes: Any) -> list[str]:
    return [note.text for note in notes]


def written(chart: Chart | Difference, **options: Any) -> set[str]:
    root = ET.fromstring(render(chart, "svg", **options))
    return {element.text or "" for element in root.iter(f"{SVG}text")}


# --- geometry


def assert_noted(found: Drawing) -> None:
    """Nothing lies upon anything; notes lie inside their states, those of small and looping states beside them."""
    assert_clear(found)
    beside = []
    for box in found.boxes:
        (width, height), tall = extent(box.notes), sum(word.height for word in box.words)
        if box.node and box.node.kind.is_history:
            beside += [(box.x + box.width, box.y, box.x + box.width + width, box.y + box.height)] if width else []
        elif box.node and not is_around(box):
            assert width <= box.width - 16, box.part
            assert tall + height + (9 if box.share is not None else 0) <= box.height - 10, box.part
        if box.loop is not None:
            wide, high = extent(box.loop)
            middle = box.y + box.height / 2
            assert high <= box.height, box.part
            beside.append((box.x + box.width, middle - high / 2, box.x + box.width + 20 + wide, middle + high / 2))
    leaves = [area(box) for box in found.boxes if not is_around(box)]
    labels = [label(line) for line in found.lines if line.words]
    for one in beside:
        assert within(one, (0.0, 0.0, found.width, found.height))
        assert not [other for other in (*leaves, *labels) if upon(one, other)]


def plan(chart: Chart | Difference, overlay: Overlay, detail: str) -> Drawing:
    if isinstance(chart, Difference):
        chart, overlay = chart.chart, replace(overlay, difference=chart)
    return laid_out(chart, detail, marks(chart, overlay))[1]


@pytest.mark.parametrize("detail", ["full", "plain"])
@pytest.mark.parametrize("name", catalogue.names())
def test_nothing_lies_upon_anything_with_notes_everywhere(name: str, detail: str) -> None:
    chart = orderfsm.load(name, profile="full")
    assert_noted(plan(chart, everything(chart), detail))


@settings(max_examples=25)
@given(charts(), st.integers(0, 9), st.sampled_from(["full", "plain"]))
def test_nothing_lies_upon_anything_with_notes_in_any_chart(chart: Chart, seed: int, detail: str) -> None:
    overlay = everything(chart, seed)
    assert_noted(plan(chart, overlay, detail))
    assert_safe_legend(ET.fromstring(render(chart, "svg", overlay=overlay, detail=detail)))


def assert_safe_legend(root: ET.Element) -> None:
    """Every tone that is shown is explained, and the other way round; what belongs nowhere is told."""
    shown = {kind for element in classes(root, "mark") for kind in element.get("class", "").split()[1:]}
    explained = {
        kind
        for element in classes(root, "key-mark")
        for sign in element.iter(f"{SVG}g")
        for kind in sign.get("class", "").split()
        if kind.startswith("mark-")
    }
    assert shown == explained


@pytest.mark.parametrize("name", catalogue.names())
def test_all_that_is_noted_is_written_or_drawn(name: str) -> None:
    chart = orderfsm.load(name, profile="full")
    overlay = everything(chart)
    marked = marks(chart, overlay)
    root = drawn(chart, overlay=overlay)
    said = " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    told = root.findtext(f"{SVG}desc") or ""
    notes = [*marked.aside, *(note for found in marked.on_states.values() for note in found)]
    for note in (*notes, *(note for found in marked.on_arrows.values() for note in found)):
        assert note.text in told
        if note.text not in ("tested", "not tested"):
            assert all(word in said for word in note.text.split())
    assert classes(root, "mark-covered") or classes(root, "mark-missed")


# --- how many, how long


def test_counts_are_added_up_over_the_configurations_of_a_state() -> None:
    chart = orderfsm.load("stat/order", profile="full")
    found = marks(chart, Overlay(counts={"received": 3, "reserved": 1, "scheduled": 8, "tasked": 0}))
    assert {name: texts_of(notes) for name, notes in found.on_states.items()} == {
        "pre_acceptance": ["4 orders"],
        "received": ["3 orders"],
        "reserved": ["1 order"],
        "fulfilment": ["8 orders"],
        "scheduled": ["8 orders"],
    }
    assert [note.share for name in ("received", "scheduled") for note in found.of_state(name)] == [3 / 8, 1]


def test_an_order_with_regions_counts_in_each_of_them() -> None:
    found = marks(shop(), Overlay(counts={"unpaid+packed": 2, "unpaid+unpacked": 3}))
    assert texts_of(found.of_state("unpaid")) == ["5 orders"]
    assert texts_of(found.of_state("packed")) == ["2 orders"]
    assert texts_of(found.of_state("work")) == ["5 orders"]


def test_memory_makes_no_other_state() -> None:
    chart = orderfsm.load("stapi/order", profile="full")
    held = [text for text in orderfsm.compile(chart).configurations if text.startswith("held_committed")]
    assert len(held) > 1
    found = marks(chart, Overlay(counts=dict.fromkeys(held, 2)))
    assert texts_of(found.of_state("held_committed")) == [f"{2 * len(held)} orders"]


def test_configurations_of_another_version_are_told_aside_with_the_most_frequent() -> None:
    counts = {"a": 1, "parked": 7, "gone": 2, "lost": 3, "odd": 1, "none": 0, START: 5}
    found = marks(simple(), Overlay(counts=counts))
    assert texts_of(found.aside) == [
        "5 orders not opened yet",
        "13 orders elsewhere: parked (7), lost (3), gone (2) and 1 more",
    ]
    said = written(simple(), overlay=Overlay(counts=counts))
    assert "5 orders not opened yet" in said
    assert "13 orders elsewhere: parked (7), lost (3)," in said


def test_bars_show_the_share_of_the_fullest_state() -> None:
    root = drawn(simple(), overlay=Overlay(counts={"a": 5, "b": 10}))
    lengths = [
        [float(re.findall(r"h([\d.]+)", element.get("d", ""))[0]) for element in classes(root, kind)]
        for kind in ("bar", "track")
    ]
    assert [bar / track for bar, track in zip(*lengths, strict=True)] == pytest.approx([0.5, 1.0], abs=0.01)


def test_times_stand_in_their_states_in_words_for_people() -> None:
    dwell = {"a": Dwell(timedelta(minutes=90), timedelta(days=9), 4), "gone": Dwell(HOURS, HOURS, 6)}
    found = marks(simple(), Overlay(dwell=dwell))
    assert texts_of(found.of_state("a")) == ["p50 90 min, p95 9 d"]
    assert texts_of(found.aside) == ["6 stays elsewhere: gone (6)"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.08, "80 ms"),
        (1.5, "1.5 s"),
        (59, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "120 min"),
        (9_000, "2.5 h"),
        (129_600, "36 h"),
        (216_000, "2.5 d"),
        (86_400 * 1_234, "1,234 d"),
    ],
)
def test_durations_have_two_digits_or_so(seconds: float, said: str) -> None:
    length = timedelta(seconds=seconds)
    found = marks(simple(), Overlay(dwell={"a": Dwell(length, length)}))
    assert texts_of(found.of_state("a")) == [f"p50 {said}, p95 {said}"]


def test_a_median_of_a_configuration_that_is_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="give those of unpaid, packed"):
        marks(shop(), Overlay(dwell={"unpaid+packed": Dwell(HOURS, HOURS)}))


# --- refusals


def on_arrows(chart: Chart, found: Marks) -> dict[str, list[str]]:
    return {str(arrow): texts_of(notes) for arrow in chart.transitions if (notes := found.of_arrows((arrow,)))}


def test_refusals_stand_beside_the_arrow_that_was_asked_for() -> None:
    refusals = {("received", "accept", "guard-refused"): 3, ("received", "accept", "not-permitted"): 9}
    found = marks(SHOP, Overlay(refusals=refusals))
    assert on_arrows(SHOP, found) == {
        "received --accept--> unpaid + unpacked": ["9 refused: not-permitted", "3 refused: guard-refused"]
    }


def test_what_no_arrow_answers_stands_in_the_state_or_around_the_regions() -> None:
    refusals = {("received", "pay", "not-enabled"): 1, ("unpaid+packed", "pack", "not-enabled"): 2}
    found = marks(SHOP, Overlay(refusals=refusals))
    assert {name: texts_of(notes) for name, notes in found.on_states.items()} == {
        "received": ["1 refused: pay (not-enabled)"],
        "work": ["2 refused: pack (not-enabled)"],
    }


def test_only_the_most_frequent_refusals_are_told_and_the_rest_is_a_number() -> None:
    refusals = {("a", f"event_{n}", "unknown-event"): n for n in range(1, 8)}
    found = marks(simple(), Overlay(refusals=refusals))
    assert texts_of(found.of_state("a")) == [
        *(f"{n} refused: event_{n} (unknown-event)" for n in (7, 6, 5)),
        "10 more refused",
    ]


def test_refusals_before_the_start_and_of_other_versions_are_told_aside() -> None:
    refusals = {(START, "jump", "unknown-event"): 2, (START, "open", "not-permitted"): 1, ("gone", "go", "x"): 4}
    chart = simple()
    found = marks(chart, Overlay(refusals=refusals))
    assert texts_of(found.aside) == ["2 refused before the start", "4 refusals elsewhere: gone (4)"]
    assert on_arrows(chart, found) == {"[*] --open--> a": ["1 refused: not-permitted"]}


# --- tests


def test_states_and_arrows_are_tested_or_not() -> None:
    chart = simple()
    found = marks(chart, Overlay(covered=[(START, "open", "a"), ("a", "go", "b"), ("x", "go", "y")]))
    assert {name: texts_of(notes) for name, notes in found.on_states.items()} == {
        "a": ["tested"],
        "b": ["tested"],
        "c": ["not tested"],
    }
    assert list(on_arrows(chart, found).values()) == [["tested"], ["tested"], ["not tested"]]
    assert texts_of(found.aside) == ["1 step elsewhere: x go y (1)"]


def test_what_tests_have_passed_and_missed_differs_in_sign_and_line() -> None:
    root = drawn(simple(), overlay=Overlay(covered=[(START, "open", "a"), ("a", "go", "b")]))
    assert states(root, "missed") - {None} == {"c"}
    missed = [e for e in classes(root, "missed") if e.get("data-from") is not None]
    assert [(e.get("data-from"), e.get("data-to")) for e in missed] == [("b", "c")]
    sheet = root.findtext(f"{SVG}style") or ""
    assert re.search(r"g\.missed>path[^{]*\{stroke-dasharray", sheet)


def test_a_whole_table_covers_all_that_a_chart_can_do() -> None:
    chart = orderfsm.load("adobe/order", profile="full")
    coverage = Coverage.begin(chart)
    for step in orderfsm.compile(chart).edges():
        coverage.add(step)
    found = marks(chart, Overlay(covered=coverage.of(chart.name)))
    assert {note.text for notes in (*found.on_states.values(), *found.on_arrows.values()) for note in notes} == {
        "tested",
        *(f"/ {arrow.event}: tested" for arrow in chart.transitions if not arrow.targets),
    }


def test_an_arrow_without_a_target_is_told_of_in_its_state() -> None:
    chart = Chart("x/y", (State("a"),), (Transition("a", ("amend",)),), initial=("a",))
    found = marks(chart, Overlay(covered=[], refusals={("a", "amend", "not-permitted"): 2}))
    assert texts_of(found.of_state("a")) == ["not tested", "/ amend: not tested", "/ amend: 2 refused: not-permitted"]
    assert "/ amend: not tested" in written(chart, overlay=Overlay(covered=[]))


@pytest.mark.parametrize("listed", ["error", "error.*", "*"])
def test_an_event_that_is_not_listed_counts_for_the_arrow_that_answers_it(listed: str) -> None:
    chart = Chart("x/y", (State("a"), State("b")), (Transition("a", (listed,), ("b",)),), initial=("a",))
    overlay = Overlay(covered=[("a", "error.net", "b")], refusals={("a", "error.net", "not-permitted"): 1})
    found = marks(chart, overlay)
    assert list(on_arrows(chart, found).values()) == [["tested", "1 refused: not-permitted"]]
    assert found.aside == ()


# --- findings

FLAWED = """
chart: x/flawed
version: "1"
initial: a
states:
  a: {after: {P1D: tick}}
  b: {}
  lost: {}
  end: {final: true}
events:
  tick: {from: a, to: b}
  go: {from: [a, lost], to: end}
"""


def test_findings_of_a_check_stand_where_they_belong() -> None:
    chart = orderfsm.read(FLAWED, filename="flawed.yaml")
    findings = orderfsm.check(chart)
    found = marks(chart, Overlay(findings=findings))
    told = {note.text for notes in found.on_states.values() for note in notes}
    assert "warning: unreachable-state" in texts_of(found.of_state("lost"))
    assert "error: dead-end" in texts_of(found.of_state("b"))
    assert {f"{f.severity}: {f.code}" for f in findings if f.path.startswith("states.")} == told
    every = [*found.on_states.values(), *found.on_arrows.values(), found.aside]
    assert {f.code for f in findings} == {note.text.split()[1] for notes in every for note in notes}


def test_a_finding_of_an_event_stands_at_its_place_or_at_all_its_arrows() -> None:
    chart = orderfsm.read(FLAWED, filename="flawed.yaml")
    arrow = next(arrow for arrow in chart.transitions if arrow.source == "a" and arrow.events == ("go",))
    at = {"line": arrow.position.line, "column": arrow.position.column}
    for place, sources in ((at, {"a", "lost"}), ({}, {"a", "lost"}), ({"line": 999}, {"a", "lost"})):
        found = marks(chart, Overlay(findings=(Finding("x-y", "warning", "…", path="events.go", **place),)))
        assert {arrow.source for arrow in chart.transitions if found.of_arrows((arrow,))} <= sources
        assert found.on_arrows


def test_a_finding_of_the_whole_chart_is_told_aside() -> None:
    found = marks(simple(), Overlay(findings=(Finding("rule-violated", "error", "…", path="rules[2]"),)))
    assert found.aside == (Note("error: rule-violated (rules[2])", "error"),)


def test_a_state_with_a_dot_in_its_name_is_not_mistaken_for_another() -> None:
    chart = Chart("x/y", (State("a"), State("a.after")), initial=("a",))
    found = marks(chart, Overlay(findings=(Finding("x", "note", "…", path="states.a.after"),)))
    assert list(found.on_states) == ["a.after"]


# --- values


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"counts": {"a": -1}}, ValueError, r"counts\['a'\] is -1; give a whole number"),
        ({"counts": {"a": True}}, ValueError, r"counts\['a'\] is True; give a whole number"),
        ({"refusals": {("a", "b", "c"): False}}, ValueError, r"\('a', 'b', 'c'\)\] is False; give a whole number"),
        ({"counts": {1: 1}}, TypeError, "counts has the key 1; give a configuration"),
        ({"counts": [("a", 1)]}, TypeError, "give a mapping or None"),
        ({"refusals": {"a": 1}}, TypeError, r"give \(configuration, event, code\)"),
        ({"dwell": {"a": HOURS}}, TypeError, r"give the name of a state: Dwell\(p50, p95\)"),
        ({"covered": ["abc"]}, TypeError, r"covered has 'abc'; give \(before, event, after\)"),
        ({"findings": ["dead-end"]}, TypeError, "findings has 'dead-end'; give what check returns"),
        ({"current": ["a"]}, TypeError, r"current is \['a'\]; give a configuration"),
        ({"taken": [("a", "b", "c")]}, TypeError, r"taken has \('a', 'b', 'c'\); give \(before, after\)"),
    ],
)
def test_what_has_another_shape_is_refused(given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Overlay(**given)


def test_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="give 0 <= p50 <= p95"):
        Dwell(2 * HOURS, HOURS)
    with pytest.raises(ValueError, match="stays is 0"):
        Dwell(HOURS, HOURS, 0)
    with pytest.raises(TypeError, match="stays is True; give a whole number"):
        Dwell(HOURS, HOURS, True)


@pytest.mark.parametrize("payload", NASTY)
def test_nothing_that_was_stored_breaks_out(payload: str) -> None:
    chart = simple()
    overlay = Overlay(
        counts={payload: 1},
        dwell={payload: Dwell(HOURS, HOURS)},
        refusals={("a", payload, payload): 1, (payload, payload, payload): 1},
        covered=[(payload, payload, payload)],
        findings=(Finding(payload, payload, payload, path=payload), Finding(payload, payload, payload, "states.a")),
    )
    sheet = drawn(chart, overlay=replace(overlay, counts={"gone": 1})).findtext(f"{SVG}style")
    assert sheet is not None
    assert payload not in sheet
    assert_safe(drawn(chart, overlay=overlay), sheet)


def test_without_notes_a_drawing_is_as_it_was() -> None:
    chart = orderfsm.load("stat/order")
    before = render(chart, "svg")
    render(chart, "svg", overlay=everything(chart))
    assert render(chart, "svg") == before
    assert "mark" not in before


def test_the_same_overlay_gives_the_same_drawing_whatever_the_order_of_the_data() -> None:
    chart = orderfsm.load("stat/order")
    one = everything(chart)
    one = replace(one, covered=[*(one.covered or ()), *((f"gone_{n}", "go", "gone") for n in range(9))])
    assert one.covered
    other = replace(
        one,
        covered=frozenset(one.covered),
        counts=dict(reversed((one.counts or {}).items())),
        refusals=dict(reversed((one.refusals or {}).items())),
    )
    assert render(chart, "svg", overlay=one) == render(chart, "svg", overlay=other)
    alone = [Overlay(refusals=overlay.refusals) for overlay in (one, other)]
    assert render(chart, "svg", overlay=alone[0]) == render(chart, "svg", overlay=alone[1])


# --- colours and signs


def test_each_tone_has_a_sign_and_colours_of_its_own() -> None:
    assert TONES.keys() == MARKS.keys() == palette.TONES_LIGHT.keys() == palette.TONES_DARK.keys()
    assert len(set(MARKS.values())) == len(MARKS)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("page", "tones"), [(palette.LIGHT, palette.TONES_LIGHT), (palette.DARK, palette.TONES_DARK)], ids=["light", "dark"]
)
def test_signs_stand_out_from_every_ground(page: palette.Palette, tones: palette.Palette) -> None:
    for ground in ("page", "around", *palette.CATEGORIES):
        for name, (colour,) in [*tones.items(), ("ink", page["ink"])]:
            dark, light = sorted((luminance(colour), luminance(page[ground][0])))
            assert (light + 0.05) / (dark + 0.05) >= (7 if name == "ink" else 4), (ground, name)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_style_sheet_of_notes_reaches_nothing_but_the_drawing(theme: str) -> None:
    sheet = palette.style(theme, set(TONES)).replace("@media (prefers-color-scheme:dark){", "")
    selectors = [each for rule in re.findall(r"([^{}]+)\{", sheet) for each in rule.split(",")]
    assert [selector for selector in selectors if not selector.startswith((".orderfsm ", f".orderfsm-{theme} "))] == []


# --- differences


def changed() -> tuple[Chart, Chart]:
    old = Chart(
        "x/y",
        (
            State("a", category=Category.OPEN),
            State("box", Kind.COMPOUND, initial=("in",)),
            State("in", parent="box"),
            State("out", parent="box"),
            State("end", Kind.FINAL),
        ),
        (
            Transition("a", ("go",), ("box",)),
            Transition("a", ("skip",), ("end",), by=("clerk",)),
            Transition("in", ("next",), ("out",)),
            Transition("out", ("stop",), ("end",)),
            Transition("a", ("note",)),
        ),
        version="1",
        initial=("a",),
    )
    new = Chart(
        "x/y",
        (State("a", category=Category.WAITING, after=(Timer("skip", HOURS),)), State("in"), State("end", Kind.FINAL)),
        (
            Transition("a", ("go",), ("in",)),
            Transition("a", ("skip",), ("end",), by=("boss",)),
            Transition("a", ("tell",)),
        ),
        version="2",
        initial=("a",),
    )
    return old, new


def test_a_difference_is_a_picture_of_both_charts() -> None:
    old, new = changed()
    found = difference(old, new)
    assert [state.name for state in found.chart.states] == ["a", "in", "out", "end"] or "box" in found.chart.by_name
    assert {name: texts_of(notes) for name, notes in found.on_states.items()} == {
        "a": ["changed: category, timers", "/ tell: added", "/ note: removed"],
        "box": ["removed"],
        "in": ["changed: parent"],
        "out": ["removed"],
    }
    assert {str(a): texts_of(found.on_arrows[id(a)]) for a in found.chart.transitions if id(a) in found.on_arrows} == {
        "a --go--> in": ["added"],
        "a --skip--> end": ["changed: actors"],
        "a --go--> box": ["removed"],
        "in --next--> out": ["removed"],
        "out --stop--> end": ["removed"],
    }
    assert found.chart.title == "x/y: from 1 to 2"
    assert found.count == 11


def test_a_state_that_is_no_more_stands_around_what_it_took_along() -> None:
    found = difference(*changed()).chart.by_name
    assert (found["out"].parent, found["box"].kind, found["in"].parent) == ("box", Kind.COMPOUND, None)
    assert found["box"].initial == ()


def test_a_state_that_has_nothing_in_it_any_more_is_drawn_as_one() -> None:
    old, new = changed()
    old = replace(old, states=tuple(state for state in old.states if state.name != "out"))
    found = difference(replace(old, transitions=()), new).chart.by_name
    assert found["box"].kind is Kind.ATOMIC


def test_what_was_removed_and_added_differs_in_sign_line_and_letters() -> None:
    root = ET.fromstring(render(difference(*changed()), "svg"))
    assert states(root, "removed") - {None} == {"box", "out"}
    assert {(e.get("data-from"), e.get("data-to")) for e in classes(root, "added") if e.get("data-from")} == {
        ("a", "in")
    }
    assert {text.text for text in classes(root, "gone")} == {"box", "out", "go", "next", "stop"}
    assert {"added", "removed", "changed: actors"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_a_chart_does_not_differ_from_itself() -> None:
    for name in catalogue.names():
        found = difference(orderfsm.load(name), orderfsm.load(name))
        assert (found.count, found.chart.states) == (0, found.new.states)


def test_profiles_of_one_chart_differ_in_arrows_alone() -> None:
    strict, full = (orderfsm.load("stat/order", profile=profile) for profile in ("strict", "full"))
    found = difference(strict, full)
    kept = {str(arrow) for arrow in strict.transitions}
    assert {str(a) for a in full.transitions if found.on_arrows.get(id(a)) == (Note("added", "added"),)} == {
        str(arrow) for arrow in full.transitions
    } - kept
    assert found.chart.title.endswith("from strict to full")


def test_parts_of_a_chart_that_are_nowhere_in_it_are_told_aside() -> None:
    old = simple()
    found = difference(old, replace(old, initial=("b",), aliases={"x": "a"}, version="2"))
    assert texts_of(found.aside) == ["initial state of the chart changed", "aliases of the chart changed"]


@settings(max_examples=25)
@given(charts(), charts(), st.sampled_from(["full", "plain"]))
def test_any_two_charts_can_be_drawn_together(old: Chart, new: Chart, detail: str) -> None:
    found = difference(old, new)
    assert found.chart.by_name.keys() == old.by_name.keys() | new.by_name.keys()
    gone = {name for name, notes in found.on_states.items() if Note("removed", "removed") in notes}
    assert gone == old.by_name.keys() - new.by_name.keys()
    ends = lambda chart: sorted((a.source, tuple(sorted(a.events)), a.targets) for a in chart.transitions)  # noqa: E731
    kept = [a for a in found.chart.transitions if found.on_arrows.get(id(a)) != (Note("added", "added"),)]
    assert len(kept) >= len([a for a in old.transitions if a.targets])
    assert set(ends(old)) | set(ends(new)) == set(ends(found.chart))
    assert_noted(plan(found, Overlay(), detail))


def test_counts_of_today_stand_in_a_difference_too() -> None:
    old, new = changed()
    said = written(difference(old, new), overlay=Overlay(counts={"a": 4, "out": 2}))
    assert {"4 orders", "removed", "2 orders elsewhere: out (2)"} <= said


@pytest.mark.parametrize("format", diagrams.FORMATS)
def test_every_format_draws_a_difference(format: str) -> None:
    text = render(difference(*changed()), format)
    assert text.count("removed") >= 5
    assert "added" in text


def test_codes_of_two_charts_can_be_compared() -> None:
    root = ET.fromstring(
        render(difference(orderfsm.load("stat/order"), orderfsm.load("stapi/order")), "svg", detail="codes")
    )
    assert "canceled" in states(root, "removed")
    assert "user_cancelled" in states(root, "added")


@pytest.mark.parametrize("detail", diagrams.DETAILS)
@pytest.mark.parametrize("format", diagrams.FORMATS)
def test_every_format_and_detail_tells_all_that_belongs_nowhere(format: str, detail: str) -> None:
    chart = orderfsm.load("stat/order")
    text = render(chart, format, detail=detail, overlay=everything(chart))
    for said in ("2 orders not opened yet", "3 orders elsewhere", "1 stay elsewhere", "1 refusal elsewhere"):
        assert said in re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)
