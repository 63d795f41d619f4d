"""SVG drawings: well-formed, safe, the same every time, complete, and with nothing lying upon anything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import orderfsm
from orderfsm import StoredStateUnknown, catalogue, diagrams
from orderfsm.chart import START, Category, Chart, Guard, Kind, State, Transition
from orderfsm.cli.app import app
from orderfsm.diagrams import Overlay
from orderfsm.diagrams.drawing import Drawing, DrawnBox, DrawnLine, drawing
from orderfsm.diagrams.picture import gathered, picture
from random_charts import charts
from test_diagrams import PAYLOADS, shop

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "g", "rect", "circle", "path", "text"}
ATTRIBUTES = {
    *("aria-labelledby", "class", "cx", "cy", "d", "data-from", "data-state", "data-to", "height", "id", "r", "role"),
    *("rx", "transform", "viewBox", "width", "x", "y"),
}
NASTY = [
    *PAYLOADS,
    "]]>",
    "&amp;<!--",
    "\x00\x08\ufffe\ud800",
    "</style><style>*{display:none}",
    "' onload='x",
    "a" * 300,
]


def plan(chart: Chart, detail: str = "full") -> Drawing:
    return drawing(gathered(picture(chart, detail=detail)), detail)


def drawn(chart: Chart, **options: Any) -> ET.Element:
    return ET.fromstring(diagrams.render(chart, "svg", **options))


def classes(root: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in root.iter() if kind in element.get("class", "").split()]


def states(root: ET.Element, kind: str) -> set[str | None]:
    return {element.get("data-state") for element in classes(root, kind)}


# --- geometry

Area = tuple[float, float, float, float]


def area(box: DrawnBox) -> Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def upon(one: Area, other: Area, slack: float = 0.2) -> bool:
    """Whether two areas have more than a border in common."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    return wide > slack and min(one[3], other[3]) - max(one[1], other[1]) > slack


def within(inner: Area, outer: Area) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def is_around(box: DrawnBox) -> bool:
    return box.node is not None and box.node.kind in (Kind.COMPOUND, Kind.PARALLEL)


def label(line: DrawnLine) -> Area:
    (x, y), (width, height) = line.label, line.size
    return x, y, x + width, y + height


def pieces(line: DrawnLine) -> Iterator[Area]:
    for (x1, y1), (x2, y2) in pairwise(line.points):
        yield min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def together(one: DrawnLine, other: DrawnLine) -> bool:
    """Whether two lines run upon each other for a while."""
    return any(
        beside < 2 and shared > 2
        for first in pieces(one)
        for second in pieces(other)
        for beside, shared in (
            (abs(first[0] - second[0]) + first[2] - first[0], min(first[3], second[3]) - max(first[1], second[1])),
            (abs(first[1] - second[1]) + first[3] - first[1], min(first[2], second[2]) - max(first[0], second[0])),
        )
    )


def assert_clear(found: Drawing) -> None:
    """Nothing lies upon anything, children lie inside their parents, and arrows end at what they lead to."""
    leaves = [box for box in found.boxes if not is_around(box)]
    labels = [line for line in found.lines if line.words]
    page = (0.0, 0.0, found.width, found.height)
    for one, other in combinations(leaves, 2):
        assert not upon(area(one), area(other)), (one.part, other.part)
    for line in labels:
        assert within(label(line), page), line.words
        assert not [box.part for box in leaves if upon(area(box), label(line))], line.words
    for first, second in combinations(labels, 2):
        assert not upon(label(first), label(second)), (first.words, second.words)
    for one, other in combinations(found.lines, 2):
        if one.line.source != other.line.source and one.line.target != other.line.target:
            assert not together(one, other), (one.line, other.line)
    assert_nested(found, page)
    for line in found.lines:
        assert_led(found, line)


def assert_nested(found: Drawing, page: Area) -> None:
    by_name = {box.node.name: box for box in found.boxes if box.node}
    for box in found.boxes:
        assert within(area(box), page)
        if box.node and box.node.parent:
            assert within(area(box), area(by_name[box.node.parent])), box.part
    around = [box for box in found.boxes if is_around(box)]
    for one, other in combinations(around, 2):
        apart = not upon(area(one), area(other))
        assert apart or within(area(one), area(other)) or within(area(other), area(one)), (one.part, other.part)


def assert_led(found: Drawing, line: DrawnLine) -> None:
    """A line goes from the border of its source to that of its target, and through no box on its way."""
    boxes = {box.part: box for box in found.boxes}
    for part, (x, y) in ((line.line.source, line.points[0]), (line.line.target, line.points[-1])):
        left, top, right, bottom = area(boxes[part])
        assert left - 0.5 <= x <= right + 0.5, (line.line, part)
        assert min(abs(y - top), abs(y - bottom)) < 0.5, (line.line, part)
    for box in found.boxes:
        if not is_around(box):
            inner = (box.x + 1, box.y + 1, box.x + box.width - 1, box.y + box.height - 1)
            assert not [piece for piece in pieces(line) if upon(inner, piece, -0.1)], (line.line, box.part)
    x1, y1, x2, y2 = label(line)
    assert not line.words or not [p for p in pieces(line) if upon((x1 - 4, y1, x2, y2), p, -0.1)], line.words
    others = [other for other in found.lines if other.words and other is not line]
    for other in others:
        x1, y1, x2, y2 = label(other)
        assert not [p for p in pieces(line) if upon((x1 + 1, y1 + 1, x2 - 1, y2 - 1), p, -0.1)], (line, other.words)


@pytest.mark.parametrize("profile", ["full", "strict"])
@pytest.mark.parametrize("detail", diagrams.DETAILS)
@pytest.mark.parametrize("name", catalogue.names())
def test_nothing_lies_upon_anything_in_the_charts_of_the_catalogue(name: str, detail: str, profile: str) -> None:
    assert_clear(plan(orderfsm.load(name, profile=profile), detail))


def test_nothing_lies_upon_anything_in_a_chart_of_every_construct() -> None:
    assert_clear(plan(shop()))
    assert_clear(plan(shop(), "plain"))


@settings(max_examples=150)
@given(charts(), st.sampled_from(diagrams.DETAILS))
def test_nothing_lies_upon_anything_in_any_chart(chart: Chart, detail: str) -> None:
    assert_clear(plan(chart, detail))


def product_chart(path: Path) -> Chart:
    read = json.loads(path.read_text("utf-8"))
    leaving = {arrow["from"] for arrow in read["transitions"]}
    states = tuple(State(name, Kind.ATOMIC if name in leaving else Kind.FINAL) for name in read["states"])
    arrows = tuple(
        Transition(a["from"], (a["event"],), (a["to"],), guards=(Guard(str(a["guard"])),) if a.get("guard") else ())
        for a in read["transitions"]
    )
    return Chart(read["id"], states, arrows, initial=(read["states"][0],))


def test_nothing_lies_upon_anything_in_the_charts_of_real_products(corpora: Path) -> None:
    found = sorted((corpora / "products").glob("*.json"))
    assert found
    for path in found:
        assert_clear(plan(product_chart(path)))


def large(count: int) -> Chart:
    """A chart of so many states, every one of which leads on, ahead, back and to an end."""
    names = [f"state_{number}" for number in range(count)]
    states = (*(State(name, category=Category.OPEN) for name in names), State("end", Kind.FINAL))
    ahead = (Transition(names[n], (f"go_{n}",), (names[n + 1],), happy=True) for n in range(count - 1))
    jumps = (Transition(names[n], ("jump",), (names[n * 7 % count],)) for n in range(0, count, 3))
    ends = (Transition(names[n], ("stop",), ("end",)) for n in range(0, count, 2))
    return Chart("large/order", states, (*ahead, *jumps, *ends), initial=(names[0],))


def test_fifty_states_are_drawn_without_overlap() -> None:
    assert_clear(plan(large(50)))


# --- completeness


def told(chart: Chart) -> set[str]:
    """Every arrow that some line of the drawing says it stands for."""
    root = drawn(chart)
    titles = [element.findtext(f"{SVG}title") or "" for element in classes(root, "arrow")]
    return {arrow for title in titles for arrow in title.split("; ")} - {""}


def assert_complete(chart: Chart) -> None:
    root = drawn(chart)
    assert states(root, "state") == {state.name for state in chart.states}
    assert told(chart) == {" ".join(str(arrow).split()) for arrow in chart.transitions if arrow.targets}
    inside = "".join(root.itertext())
    for arrow in chart.transitions:
        if not arrow.targets and arrow.events and arrow.source != START:
            assert f"/ {arrow.event}"[:20] in inside


@pytest.mark.parametrize("name", catalogue.names())
def test_every_state_and_arrow_of_the_catalogue_is_drawn(name: str) -> None:
    assert_complete(orderfsm.load(name, profile="full"))


@settings(max_examples=60)
@given(charts())
def test_every_state_and_arrow_of_any_chart_is_drawn(chart: Chart) -> None:
    assert_complete(chart)


@settings(max_examples=60)
@given(charts())
def test_lines_lead_from_and_to_what_the_arrows_say(chart: Chart) -> None:
    for line in plan(chart).lines:
        for edge in line.line.edges:
            if line.line.target.kind == "state":
                assert line.line.target.name in edge.targets
            for arrow in edge.transitions:
                if line.line.source.kind == "state":
                    assert line.line.source.name in (arrow.source, *chart.ancestors[arrow.source])
                elif line.line.source.kind == "start":
                    assert arrow.source == START


def test_arrows_between_the_same_two_states_are_one_line_with_a_list() -> None:
    arrows = tuple(Transition("a", (event,), ("b",)) for event in ("go", "run", "fly"))
    (line,) = (
        line for line in plan(Chart("x/y", (State("a"), State("b")), arrows, initial=("a",))).lines if line.words
    )
    assert [word.text for word in line.words] == ["go", "run", "fly"]


def test_arrows_that_say_the_same_leave_a_state_together_and_are_told_once() -> None:
    inner = (State("in", Kind.COMPOUND, initial=("a",)), *(State(name, parent="in") for name in "abc"))
    arrows = tuple(Transition(source, ("stop",), ("z",)) for source in "ab")
    chart = Chart("x/y", (*inner, State("z")), arrows, initial=("in",))
    found = [line for line in plan(chart).lines if line.line.edges]
    assert len(found) == 2
    assert sorted(len(line.words) for line in found) == [0, 1]
    assert found[0].points[-2:] == found[1].points[-2:]
    assert (found[0].alone, found[1].alone) == (found[0].points, found[1].points[: len(found[1].alone)])
    assert found[1].alone[-1] in found[0].points
    assert len(classes(drawn(chart), "head")) == 3


def test_a_line_that_joins_another_is_drawn_to_its_end_when_it_was_taken() -> None:
    inner = (State("in", Kind.COMPOUND, initial=("a",)), *(State(name, parent="in") for name in "abc"))
    arrows = (*(Transition(source, ("stop",), ("z",)) for source in "ab"), Transition("a", ("go",), ("b",)))
    chart = Chart("x/y", (*inner, State("z")), arrows, initial=("in",))
    root = drawn(chart, overlay=Overlay("z", (("b", "z"),)))
    assert walked(root) == {("b", "z")}
    assert [len(classes(element, "head")) for element in classes(root, "taken")] == [1]


def test_an_arrow_that_all_children_have_is_drawn_once_from_their_parent() -> None:
    inner = (State("in", Kind.COMPOUND, initial=("a",)), *(State(name, parent="in") for name in "ab"))
    arrows = tuple(Transition(source, ("stop",), ("z",)) for source in "ab")
    chart = Chart("x/y", (*inner, State("z")), arrows, initial=("in",))
    assert [line.line.source.name for line in plan(chart).lines if line.line.edges] == ["in"]
    assert told(chart) == {"a --stop--> z", "b --stop--> z"}


def test_an_arrow_with_several_targets_forks() -> None:
    found = [
        line.line for line in plan(shop()).lines if "accept" in {edge.label.split()[0] for edge in line.line.edges}
    ]
    assert [(line.source.kind, line.target.kind) for line in found] == [("state", "fork"), *[("fork", "state")] * 2]


# --- what the eye sees


def test_arrows_that_are_inferred_are_drawn_apart() -> None:
    unsure = classes(drawn(shop()), "unsure")
    assert [(e.get("data-from"), e.get("data-to")) for e in unsure if e.tag == f"{SVG}g"] == [("received", "held")]


def test_categories_differ_in_shape_and_colour() -> None:
    every = tuple(State(str(category), category=category) for category in Category)
    root = drawn(Chart("x/y", every, initial=("open",)))
    signs = [[(part.tag, *sorted(part.attrib.items())) for part in sign] for sign in classes(root, "sign")[:6]]
    assert len({str(sign) for sign in signs}) == len(signs) == len(Category)
    sheet = root.findtext(f"{SVG}style") or ""
    fills = [re.findall(rf"\.{category} rect{{fill:(#\w+)", sheet)[0] for category in Category]
    assert len(set(fills)) == len(Category)


def explained(root: ET.Element) -> list[str]:
    return [" ".join(element.get("class", "").split()[1:]) for element in classes(root, "key")]


def test_the_legend_explains_what_occurs_and_nothing_else() -> None:
    assert explained(drawn(shop())) == ["open", "suspended", "done", "cancelled", "key-sure", "key-unsure"]
    assert explained(drawn(simple())) == []
    overlay = Overlay(current="b", taken=((START, "a"), ("a", "b")))
    assert explained(drawn(simple(), overlay=overlay)) == ["key-taken", "key-active"]
    assert explained(drawn(large(3))) == ["open", "key-happy"]


@pytest.mark.parametrize("name", catalogue.names())
def test_the_legend_stands_below_the_drawing_and_inside_the_page(name: str) -> None:
    chart = orderfsm.load(name, profile="full")
    found, root = plan(chart), drawn(chart)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for key in classes(root, "key"):
        for rect in key.iter(f"{SVG}rect"):
            assert found.height <= float(rect.get("y", 0)) <= height - 16
            assert float(rect.get("x", 0)) <= width - 60


def test_a_final_state_has_a_double_border_and_the_happy_path_is_the_spine() -> None:
    chart = orderfsm.load("stat/order", profile="full")
    root = drawn(chart)
    (final,) = (element for element in classes(root, "final") if element.get("data-state") == "completed")
    assert len(final.findall(f"{SVG}rect")) == 2
    happy = [arrow for arrow in chart.transitions if arrow.happy]
    assert len(classes(root, "happy")) == len(happy)


def test_actors_guards_timers_and_reasons_are_written_on_the_arrows() -> None:
    written = {text for element in drawn(shop()).iter(f"{SVG}text") if (text := element.text)}
    assert {"accept [credit_ok]", "staff", "expire after P30D", "reason"} <= written


def test_the_plain_drawing_has_events_only() -> None:
    written = {element.text for element in drawn(shop(), detail="plain").iter(f"{SVG}text")}
    assert {"accept", "expire"} <= written
    assert not {"staff", "reason", "accept [credit_ok]"} & written


# --- one order


def walked(root: ET.Element) -> set[tuple[str | None, str | None]]:
    return {(element.get("data-from"), element.get("data-to")) for element in classes(root, "taken")}


def simple() -> Chart:
    states = (State("a"), State("b"), State("c"))
    arrows = (Transition(START, ("open",), ("a",)), Transition("a", ("go",), ("b",)), Transition("b", ("go",), ("c",)))
    return Chart("x/y", states, arrows, initial=("a",))


def test_an_overlay_marks_where_an_order_is_and_the_way_that_it_has_taken() -> None:
    root = drawn(simple(), overlay=Overlay(current="b", taken=((START, "a"), ("a", "b"))))
    assert (states(root, "active"), states(root, "passed")) == ({"b"}, {"a"})
    assert walked(root) == {("", "a"), ("a", "b")}
    assert "The order is in b." in (root.findtext(f"{SVG}desc") or "")


def test_a_first_entry_marks_the_start_where_no_arrow_says_how_orders_begin() -> None:
    chart = replace(simple(), transitions=simple().transitions[1:])
    assert walked(drawn(chart, overlay=Overlay("a", (("", "a"),)))) == {("", "a")}
    assert walked(drawn(chart, overlay=Overlay("b", (("a", "b"),)))) == {("a", "b")}


def test_without_an_overlay_nothing_is_marked() -> None:
    root = drawn(simple())
    assert (states(root, "active"), states(root, "passed"), walked(root)) == (set(), set(), set())


def test_a_configuration_is_marked_with_all_states_around_it() -> None:
    root = drawn(shop(), configuration="unpaid+packed")
    assert states(root, "active") == {"unpaid", "packed", "payment", "parcel", "work"}


def test_entries_that_the_chart_does_not_explain_mark_the_states_that_it_knows() -> None:
    root = drawn(simple(), overlay=Overlay(current="c", taken=(("gone", "a"), ("a", "c"))))
    assert (states(root, "passed"), walked(root)) == ({"a"}, set())


def test_a_current_configuration_that_the_chart_lacks_is_refused() -> None:
    with pytest.raises(StoredStateUnknown):
        diagrams.render(simple(), "svg", overlay=Overlay(current="nowhere"))


def test_two_different_current_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        diagrams.render(simple(), "svg", configuration="a", overlay=Overlay(current="b"))


@settings(max_examples=40)
@given(charts(), st.data())
def test_every_step_that_an_arrow_makes_marks_an_arrow(chart: Chart, data: st.DataObject) -> None:
    step = data.draw(st.sampled_from(list(orderfsm.compile(chart).edges())))
    root = drawn(chart, overlay=Overlay(str(step.after), ((str(step.before or START), str(step.after)),)))
    assert step.after.states == states(root, "active")
    if any(arrow.targets for arrow in step.transitions) or step.before is None:
        assert walked(root)


# --- the format


@pytest.mark.parametrize("payload", NASTY)
def test_no_name_or_text_breaks_out(payload: str) -> None:
    inside = (State(payload, code=payload, title=payload, description=payload), State("b"))
    arrows = (
        Transition(payload, (payload,), ("b",), guards=(Guard(payload),), by=(payload,)),
        Transition("b", (payload,)),
        Transition("b", (payload,), ("b",)),
    )
    chart = Chart("x/y", inside, arrows, title=payload, initial=(payload,))
    harmless = drawn(simple()).findtext(f"{SVG}style")
    assert_safe(drawn(chart), harmless)
    assert_safe(drawn(chart, detail="plain"), harmless)


def assert_safe(root: ET.Element, style: str | None) -> None:
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ELEMENTS
    assert {name for element in root.iter() for name in element.attrib} <= ATTRIBUTES
    assert [element.text for element in root.iter(f"{SVG}style")] == [style]
    for element in root.iter():
        assert re.fullmatch(r"[a-z -]*", element.get("class", ""))
        assert re.fullmatch(r"(orderfsm-[0-9a-f]{12}-(title|desc))?", element.get("id", ""))
        assert all(character.isprintable() or character == "\n" for character in element.text or "")


def test_nothing_is_loaded_from_anywhere() -> None:
    text = diagrams.render(shop(), "svg").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|url\(|@import|href|<script|foreignObject|<!|&(?!amp;|lt;|gt;|quot;|#x27;)", text)


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_style_sheet_reaches_nothing_but_the_drawing(theme: str) -> None:
    sheet = (drawn(simple(), theme=theme).findtext(f"{SVG}style") or "").replace(
        "@media (prefers-color-scheme:dark){", ""
    )
    selectors = [each for rule in re.findall(r"([^{}]+)\{", sheet) for each in rule.split(",")]
    assert len(selectors) > 20
    assert [selector for selector in selectors if not selector.startswith((".orderfsm ", f".orderfsm-{theme} "))] == []


def test_a_reader_of_screens_is_told_what_is_drawn() -> None:
    root = drawn(shop())
    named = {element.get("id"): element.text or "" for element in root if element.get("id")}
    title, description = (named[name] for name in (root.get("aria-labelledby") or "").split())
    assert (root.get("role"), title) == ("img", "A shop")
    assert "received --accept--> unpaid + unpacked" in description
    assert {"received", "cancel", "pay"} <= {text.text for text in root.iter(f"{SVG}text")}


@pytest.mark.parametrize(("theme", "dark"), [("auto", True), ("light", False)])
def test_colours_follow_the_screen_unless_a_theme_is_named(theme: str, dark: bool) -> None:
    assert ("prefers-color-scheme:dark" in diagrams.render(simple(), "svg", theme=theme)) is dark


def test_the_dark_theme_needs_no_dark_screen() -> None:
    dark = diagrams.render(simple(), "svg", theme="dark")
    assert "prefers-color-scheme" not in dark
    assert ".page{fill:#12171d}" in dark


def test_drawings_on_one_page_have_colours_and_identifiers_of_their_own() -> None:
    made = [diagrams.render(simple(), "svg", theme=theme) for theme in ("auto", "light", "dark")]
    assert [drawn(simple(), theme=theme).get("class") for theme in ("auto", "light", "dark")] == [
        "orderfsm", "orderfsm-light", "orderfsm-dark"
    ]  # fmt: skip
    assert [".orderfsm-dark .page" in text for text in made] == [False, False, True]
    made += [diagrams.render(simple(), "svg", detail=detail) for detail in ("plain", "codes")]
    assert len({re.search(' id="([^"]*)"', text)[1] for text in made}) == len(made)  # type: ignore[index]


def test_an_unknown_theme_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="choose one of auto, light, dark"):
        diagrams.render(simple(), "svg", theme="pink")


SCRIPT = """
import hashlib, orderfsm
from orderfsm import catalogue, diagrams
text = "".join(diagrams.render(orderfsm.load(name, profile="full"), "svg") for name in catalogue.names())
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_two_processes_draw_the_same() -> None:
    found = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_what_was_drawn_before_changes_nothing() -> None:
    chart, overlay = orderfsm.load("stat/order"), Overlay("accepted", (("[*]", "received"), ("received", "accepted")))
    fresh = orderfsm.load("stat/order")
    first = diagrams.render(chart, "svg", overlay=overlay)
    assert diagrams.render(chart, "svg") == diagrams.render(replace(fresh), "svg")
    assert diagrams.render(chart, "svg", detail="plain") != diagrams.render(chart, "svg")
    assert diagrams.render(chart, "svg", overlay=overlay) == first


def test_the_command_line_draws_svg() -> None:
    done = CliRunner().invoke(app, ["draw", "stat/order", "--format", "svg", "--at", "accepted"])
    assert done.exit_code == 0
    assert states(ET.fromstring(done.stdout), "active") == {"accepted", "fulfilment"}
