"""Questions about the graph: shortest ways, and what every or some way has passed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm import Chart, StoredStateUnknown, path
from orderfsm.chart import START, Kind, State, Transition
from orderfsm.graph import matches_state, passed, steps_from, way
from random_charts import charts, configurations

ORDER = Chart(
    "shop/order",
    (
        State("open", Kind.COMPOUND, initial=("new",)),
        State("new", parent="open", code="NEW"),
        State("packed", parent="open"),
        State("sent"),
        State("done", Kind.FINAL),
    ),
    (
        Transition(START, ("import",), ("sent",)),
        Transition("new", ("pack",), ("packed",)),
        Transition("packed", ("send",), ("sent",)),
        Transition("sent", ("finish",), ("done",)),
        Transition("new", ("rush",), ("sent",)),
        Transition("open", ("cancel",), ("done",)),
    ),
    initial=("open",),
)


def events(steps: tuple[orderfsm.Step, ...] | None) -> list[str] | None:
    return None if steps is None else [step.event for step in steps]


def test_the_shortest_way_is_found() -> None:
    assert events(path(ORDER, "new", "sent")) == ["rush"]
    assert events(path(ORDER, "new", "done")) == ["cancel"]


def test_among_equally_short_ways_the_first_in_document_order_is_taken() -> None:
    chart = Chart(
        "t/o",
        (State("a"), State("b"), State("c"), State("d")),
        (
            Transition("a", ("right",), ("c",)),
            Transition("a", ("left",), ("b",)),
            Transition("b", ("on",), ("d",)),
            Transition("c", ("go",), ("d",)),
        ),
        initial=("a",),
    )
    assert events(path(chart, "a", "d")) == ["right", "go"]


def test_being_there_takes_no_step() -> None:
    assert path(ORDER, "new", "new") == ()
    assert path(ORDER, "packed", "open") == ()


def test_a_state_is_named_by_code_configuration_or_ancestor() -> None:
    assert path(ORDER, "new", "NEW") == ()
    configuration = orderfsm.start(ORDER).after
    assert [matches_state(configuration, name) for name in ("new", "NEW", "open", "sent")] == [True, True, True, False]


def test_where_no_way_leads_there_is_none() -> None:
    assert path(ORDER, "sent", "new") is None
    assert path(ORDER, "new", "nowhere") is None


def test_a_way_from_a_configuration_that_the_chart_lacks_is_refused() -> None:
    with pytest.raises(StoredStateUnknown, match="has no configuration 'open'"):
        path(ORDER, "open", "done")


def test_a_way_from_the_very_start_counts_the_first_step() -> None:
    table = orderfsm.compile(ORDER)
    assert events(way(table, None, lambda found: found == "sent")) == ["import"]
    assert events(way(table, None, lambda found: found == "packed")) == ["open", "pack"]


def test_what_every_way_and_some_way_has_passed() -> None:
    found = passed(orderfsm.compile(ORDER))
    assert found["sent"].always == {"sent"}
    assert found["sent"].sometimes == {"open", "new", "packed", "sent"}
    assert found["packed"].always == {"open", "new", "packed"}


# --- against the plainest way to know


@given(st.data())
def test_a_shortest_way_is_legal_and_none_is_shorter(data: st.DataObject) -> None:
    chart = data.draw(charts())
    table = orderfsm.compile(chart)
    origin, goal = data.draw(configurations(chart)), data.draw(configurations(chart))
    found = path(chart, origin, goal)
    layer, distance, seen = {origin}, 0, {origin}
    while layer and not any(matches_state(table.configurations[here], goal) for here in layer):
        layer = {step.after for here in layer for step in steps_from(table, here)} - seen
        seen |= layer
        distance += 1
    assert (found is None) == (not layer)
    if found:
        assert len(found) == distance
        assert found[0].before == origin
        assert matches_state(found[-1].after, goal)
        assert all(later.before == earlier.after for earlier, later in pairwise(found))
        assert all(step in set(steps_from(table, step.before)) for step in found)


@given(charts())
def test_what_was_always_passed_is_on_every_short_walk_and_what_was_sometimes_passed_on_one(chart: Chart) -> None:
    table = orderfsm.compile(chart)
    answer = passed(table)
    walks = [(None, frozenset[str]())]
    met: dict[str, set[str]] = {name: set() for name in table.configurations}
    for _ in range(2 * len(table.configurations) + 2):  # as long as a way to anywhere and from there to anywhere
        walks = list(
            {(s.after, been | s.after.states | {*s.entered}) for at, been in walks for s in steps_from(table, at)}
        )
        if len(walks) > 500:
            break
        for at, been in walks:
            assert answer[at].always <= been <= answer[at].sometimes
            met[at] |= been
    else:
        assert {at: frozenset(been) for at, been in met.items()} == {at: answer[at].sometimes for at in met}
