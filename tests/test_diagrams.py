"""Diagrams say what the chart says, in a form that no name can break out of."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm import catalogue, diagrams
from orderfsm.chart import START, Basis, Category, Chart, Effect, Guard, Kind, ReasonRule, State, Timer, Transition
from orderfsm.diagrams.markdown import code, grid, plain, transitions
from orderfsm.diagrams.mermaid import escape
from orderfsm.diagrams.picture import iso, picture
from random_charts import charts

PAYLOADS = [
    '"]; click x href "javascript:alert(1)"',
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "%%{init: {}}%%",
    'a" as b\n[*] --> c',
    "}\n--\n{",
    "x: y; z",
    "```\n# out",
    "a|b\\|c",
    "\x1b[31mred\u202e",
    "`*_[x](y)_*`",
]


def shop(**changes: object) -> Chart:
    """An order with a hold, two regions, a timer, guards and a fork."""
    states = (
        State("pending", Kind.COMPOUND, initial=("received",)),
        State(
            "received",
            parent="pending",
            category=Category.OPEN,
            after=(Timer("expire", timedelta(days=30), "received"),),
        ),
        State("held", parent="pending", category=Category.SUSPENDED),
        State("was_pending", Kind.SHALLOW, parent="pending", initial=("received",)),
        State("work", Kind.PARALLEL),
        State("payment", Kind.COMPOUND, "work", ("unpaid",)),
        State("unpaid", parent="payment"),
        State("paid", Kind.FINAL, "payment"),
        State("parcel", Kind.COMPOUND, "work", ("unpacked",)),
        State("unpacked", parent="parcel"),
        State("packed", Kind.FINAL, "parcel"),
        State("shipped", Kind.FINAL, code="1000", category=Category.DONE),
        State("cancelled", Kind.FINAL, code="Cancelled", category=Category.CANCELLED),
    )
    transitions = (
        Transition("received", ("accept",), ("unpaid", "unpacked"), guards=(Guard("credit_ok"),), by=("staff",)),
        Transition("received", ("note",), ()),
        Transition("received", ("hold",), ("held",), basis=Basis.INFERRED),
        Transition("held", ("release",), ("was_pending",)),
        Transition("pending", ("cancel",), ("cancelled",), reason=ReasonRule("required", ("sold_out",)), cite="page 3"),
        Transition("pending", ("expire",), ("cancelled",)),
        Transition("pending", ("again",), ("received",)),
        Transition("unpaid", ("pay",), ("paid",)),
        Transition("unpacked", ("pack",), ("packed",)),
        Transition("work", ("done.state.work",), ("shipped",)),
        Transition(START, ("import",), ("work",)),
    )
    values = {"title": "A shop", "initial": ("pending",), **changes}
    return Chart("shop/order", states, transitions, **values)  # type: ignore[arg-type]


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


# --- the picture


def test_the_picture_has_every_state_and_every_arrow_with_a_target() -> None:
    drawn = picture(shop())
    assert [node.name for node in drawn.nodes] == [state.name for state in shop().states]
    assert [edge.source for edge in drawn.edges] == [t.source for t in shop().transitions if t.targets]
    assert [node.name for node in drawn.inside("work")] == ["payment", "parcel"]


def test_events_that_leave_nothing_stand_in_their_state() -> None:
    assert next(node for node in picture(shop()).nodes if node.name == "received").internal == ("note",)


def test_a_state_shows_its_code_and_its_name_where_they_differ_in_more_than_spelling() -> None:
    labels = {node.name: node.label for node in picture(shop()).nodes}
    assert (labels["shipped"], labels["cancelled"], labels["was_pending"]) == ("1000 (shipped)", "Cancelled", "H")


def test_a_timer_is_written_on_the_arrow_of_its_event() -> None:
    labels = [edge.label for edge in picture(shop()).edges]
    assert "expire after P30D" in labels


def test_an_arrow_that_begins_orders_by_open_replaces_the_default_one() -> None:
    opened = Chart("a/b", (State("x"),), (Transition(START, ("open",), ("x",)),), initial=("x",))
    assert picture(opened).initial == ()
    assert picture(shop()).initial[0] == (None, ("pending",))


def test_the_plain_picture_draws_an_arrow_that_all_children_have_once() -> None:
    states = (
        State("busy", Kind.COMPOUND, initial=("a",)),
        State("a", parent="busy"),
        State("b", parent="busy"),
        State("c"),
    )
    arrows = tuple(Transition(source, ("stop",), ("c",)) for source in ("a", "b"))
    chart = Chart("x/y", states, (*arrows, Transition("a", ("go",), ("b",))), initial=("busy",))
    plainly = [(edge.source, edge.label, edge.targets) for edge in picture(chart, detail="plain").edges]
    assert plainly == [("busy", "stop", ("c",)), ("a", "go", ("b",))]
    assert len(picture(chart).edges) == 3


@pytest.mark.parametrize(
    ("delay", "text"),
    [
        (timedelta(days=14), "P14D"),
        (timedelta(hours=1, minutes=30), "PT1H30M"),
        (timedelta(days=2, seconds=5), "P2DT5S"),
        (timedelta(0), "PT0S"),
        (timedelta(milliseconds=1500), "PT1.5S"),
    ],
)
def test_durations_are_written_in_iso_8601(delay: timedelta, text: str) -> None:
    assert iso(delay) == text


# --- Mermaid


def test_mermaid_draws_states_regions_forks_history_and_ends() -> None:
    drawn = lines(diagrams.render(shop(), "mermaid"))
    assert drawn[0] == "stateDiagram-v2"
    for expected in (
        'state "○ received<br/>/ note" as s_received',
        "state s_work {",
        "--",
        'state "H" as s_was_pending',
        "s_was_pending --> s_received",
        "[*] --> s_pending",
        "[*] --> s_work: import",
        "state fork_1 <<fork>>",
        "s_received --> fork_1: accept [credit_ok]<br/>by staff",
        "fork_1 --> s_unpaid",
        "fork_1 --> s_unpacked",
        "s_received --> s_held: hold (inferred)",
        "s_pending --> s_cancelled: cancel<br/>reason#58; sold_out<br/>expire after P30D",
        "s_shipped --> [*]",
        "s_paid --> [*]",
        "class s_shipped done",
    ):
        assert expected in drawn, expected
    assert drawn.count("--") == 1


def test_mermaid_draws_an_arrow_into_its_own_source_from_the_leaves() -> None:
    drawn = lines(diagrams.render(shop(), "mermaid"))
    assert "s_received --> s_received: again" in drawn
    assert "s_held --> s_received: again" in drawn
    assert "s_pending --> s_received: again" not in drawn


def test_arrows_between_regions_are_drawn_outside_of_them_and_their_own_inside() -> None:
    states = (State("p", Kind.PARALLEL), State("a", parent="p"), State("b", parent="p"))
    arrows = (Transition("a", ("go",), ("b",)), Transition("a", ("again",), ("a",)))
    drawn = diagrams.render(Chart("x/y", states, arrows, initial=("p",)), "mermaid").splitlines()
    inside = [line.strip() for line in drawn if line.startswith(" " * 8)]
    assert inside == ['state "a" as s_a', "s_a --> s_a: again", "--", 'state "b" as s_b']
    assert "    s_a --> s_b: go" in drawn


def test_plain_detail_leaves_out_guards_timers_and_basis() -> None:
    drawn = lines(diagrams.render(shop(), "mermaid", detail="plain"))
    assert "s_received --> fork_1: accept" in drawn
    assert "s_received --> s_held: hold" in drawn
    assert "s_pending --> s_cancelled: cancel<br/>expire" in drawn


def test_the_active_states_are_marked() -> None:
    drawn = lines(diagrams.render(shop(), "mermaid", configuration="unpaid+unpacked"))
    assert "class s_work,s_payment,s_unpaid,s_parcel,s_unpacked active" in drawn
    assert "classDef active" not in diagrams.render(shop(), "mermaid")


def test_names_that_differ_in_signs_only_keep_their_own_identifiers() -> None:
    states = tuple(State(name) for name in ("a.b", "a-b", "A_B", "end", "state"))
    drawn = lines(diagrams.render(Chart("x/y", states, initial=("a.b",)), "mermaid"))
    ids = [line.rpartition(" as ")[2] for line in drawn if " as " in line]
    assert ids == ["s_a_b", "s_a_b_2", "s_A_B_3", "s_end", "s_state"]


WORDS = r'([^"<>;\n{}%:]|#\d+;|<br/>)*'
STATEMENT = re.compile(
    r"stateDiagram-v2|direction LR|--|\}|state (s|fork)_\w+ (\{|<<fork>>)"
    rf'|state "{WORDS}" as s_\w+'
    rf"|(\[\*\]|\w+) --> (\[\*\]|\w+)(: {WORDS})?"
    r"|classDef \w+ [\w:#,-]+|class [\w,]+ \w+"
)


def assert_well_formed(text: str) -> None:
    """Every line is a statement of ours, and braces are balanced."""
    strange = [line for line in lines(text) if not STATEMENT.fullmatch(line)]
    assert strange == []
    assert sum(line.endswith("{") for line in lines(text)) == lines(text).count("}")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_name_code_title_event_or_guard_breaks_out_of_mermaid(payload: str) -> None:
    states = (State(payload, code=payload, title=payload), State("b", Kind.FINAL))
    arrow = Transition(payload, (payload,), ("b",), guards=(Guard(payload),))
    chart = Chart("x/y", states, (arrow,), initial=(payload,), title=payload)
    drawn = diagrams.render(chart, "mermaid")
    assert_well_formed(drawn)
    assert len(lines(drawn)) == 8 - 1


@given(st.text())
def test_escaped_text_has_nothing_that_mermaid_reads(text: str) -> None:
    assert re.fullmatch(r"([^\"<>;:%#{}\n\r`|&\\\x00-\x1f]|#\d+;)*", escape(text))


@given(charts())
def test_charts_of_every_construct_are_drawn(chart: Chart) -> None:
    for detail in ("full", "plain"):
        drawn = diagrams.render(chart, "mermaid", detail=detail)
        assert_well_formed(drawn)
        assert sum(line.startswith('state "') for line in lines(drawn)) == len(chart.states)
        assert drawn.count("\n") < 50 * (len(chart.states) + len(chart.transitions) + 2)
    rows = [line for line in diagrams.render(chart, "table").splitlines() if line.startswith("| `")]
    assert {cells(row)[0].strip("`") for row in rows} >= set(orderfsm.compile(chart).rows)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True))
def test_charts_with_any_names_are_well_formed_mermaid(names: list[str]) -> None:
    arrows = tuple(Transition(name, (name,), (names[0],)) for name in names)
    drawn = diagrams.render(Chart("x/y", tuple(map(State, names)), arrows, initial=(names[0],)), "mermaid")
    assert_well_formed(drawn)
    ids = [line.rpartition(" as ")[2] for line in lines(drawn) if line.startswith("state ")]
    assert len(set(ids)) == len(names)


@pytest.mark.parametrize("name", catalogue.names())
def test_every_shipped_chart_is_well_formed_mermaid(name: str) -> None:
    for profile in ("full", "strict"):
        for detail in diagrams.DETAILS:
            assert_well_formed(diagrams.render(orderfsm.load(name, profile=profile), "mermaid", detail=detail))


# --- Markdown


def cells(line: str) -> list[str]:
    """The cells of a row, split as Markdown does it: at bars that no backslash precedes."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_table_says_where_each_event_leads() -> None:
    rows = {row[0]: row for row in map(cells, diagrams.render(shop(), "table", detail="plain").splitlines())}
    head = rows[""]
    received, paid = rows["`received`"], rows["`paid+unpacked`"]
    assert received[head.index("`accept`")] == "`unpaid+unpacked`"
    assert received[head.index("`pack`")] == ""
    assert paid[head.index("`pack`")] == "`shipped`"


def test_the_list_has_one_row_per_transition_with_its_demands_and_basis() -> None:
    text = diagrams.render(shop(), "table")
    rows = [cells(line) for line in text.split("\n\n")[1].splitlines()]
    assert len(rows) == 2 + len(shop().transitions)
    assert "effects" not in rows[0]
    assert ["`received`", "`accept`", "`unpaid`, `unpacked`", "staff", "`credit_ok`", "", "stated", ""] in rows
    assert ["`pending`", "`cancel`", "`cancelled`", "anyone", "", "a reason: `sold_out`", "stated", "page 3"] in rows
    assert ["`received`", "`note`", "stays", "anyone", "", "", "stated", ""] in rows


def test_the_list_says_what_a_transition_emits_and_raises() -> None:
    effects = (Effect("emit", "tell_customer"), Effect("raise", "settled"))
    chart = Chart("x/y", (State("a"), State("b")), (Transition("a", ("go",), ("b",), effects=effects),), initial=("a",))
    head, _, row = map(cells, transitions(chart).splitlines())
    assert row[head.index("effects")] == "emit `tell_customer`, raise `settled`"


def test_the_active_configuration_is_bold() -> None:
    assert "| **`held`** |" in diagrams.render(shop(), "table", configuration="held")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_breaks_out_of_its_cell(payload: str) -> None:
    for escaped in (code(payload), plain(payload)):
        (line,) = grid(["x"], [[escaped]]).splitlines()[2:]
        assert len(cells(line)) == 1
        assert "\x1b" not in escaped
        assert "\u202e" not in escaped
    assert "<" not in plain(payload)


def test_code_keeps_the_text_verbatim() -> None:
    assert (code("In progress"), code("a`b"), code("`"), code("")) == ("`In progress`", "``a`b``", "`` ` ``", "")


# --- the door


def test_an_unknown_format_is_refused_with_those_that_exist() -> None:
    with pytest.raises(
        ValueError, match="no diagram format 'png'; choose one of d2, dot, mermaid, plantuml, svg, table, text"
    ):
        diagrams.render(shop(), "png")


def test_an_unknown_detail_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of full, plain"):
        diagrams.render(shop(), "mermaid", detail="some")


@pytest.mark.parametrize("format", diagrams.FORMATS)
def test_an_unknown_theme_is_refused_by_every_format(format: str) -> None:
    with pytest.raises(ValueError, match="no theme 'pink'; choose one of auto, light, dark"):
        diagrams.render(shop(), format, theme="pink")


@pytest.mark.parametrize("format", diagrams.FORMATS)
def test_a_configuration_that_the_chart_lacks_is_refused(format: str) -> None:
    with pytest.raises(orderfsm.StoredStateUnknown, match="nowhere"):
        diagrams.render(shop(), format, configuration="nowhere")


@pytest.mark.parametrize("format", diagrams.FORMATS)
def test_the_same_chart_is_drawn_the_same(format: str) -> None:
    assert diagrams.render(shop(), format) == diagrams.render(shop(), format)
