"""Coverage: which steps of a chart were taken."""

from __future__ import annotations

import pytest

import orderfsm
from orderfsm import Entry
from orderfsm.chart import START
from orderfsm.coverage import Coverage
from orderfsm.errors import LogError
from test_diagrams import shop


def test_steps_and_entries_are_taken_in() -> None:
    found = Coverage.begin(shop())
    first = orderfsm.start(shop())
    found.add(first)
    found.add(Entry("received", "accept", "unpaid+unpacked", 2))
    assert found.of(shop().name) == {(START, first.event, "received"), ("received", "accept", "unpaid+unpacked")}


def test_what_was_missed_is_the_rest_of_the_table() -> None:
    chart = orderfsm.load("stat/order")
    found = Coverage.begin(chart)
    every = list(orderfsm.compile(chart).edges())
    for step in every[1:]:
        found.add(step)
    (missed,) = found.missed(chart)
    assert missed == (START, every[0].event, str(every[0].after))


def test_the_text_is_read_back_and_is_the_same_whatever_came_first() -> None:
    one, other = Coverage("x/y", "beef"), Coverage("x/y", "beef")
    steps = [Entry("a", "go", "b"), Entry(None, "open", "a"), Entry("b", "gö", "a")]
    for step in steps:
        one.add(step)
    for step in reversed(steps):
        other.add(step)
    assert one.dumps() == other.dumps()
    assert Coverage.loads(one.dumps()) == one


def test_runs_are_put_together() -> None:
    one, other = Coverage("x/y"), Coverage("x/y")
    one.add(Entry("a", "go", "b"))
    other.add(Entry("b", "go", "a"))
    one.update(other)
    assert one.steps == {("a", "go", "b"), ("b", "go", "a")}


def test_the_coverage_of_another_chart_is_refused() -> None:
    with pytest.raises(ValueError, match="this is the coverage of x/y, not of z/z"):
        Coverage("z/z").update(Coverage("x/y"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", 'write {"chart"'),
        ('{"chart": "x"}', r"steps\[0\] is null"),
        ('{"chart": "x", "steps": [["a", "b"]]}', r'steps\[0\] is \["a", "b"\]; write \[before, event, after\]'),
    ],
)
def test_what_is_no_coverage_is_an_error(text: str, said: str) -> None:
    with pytest.raises(LogError, match=said):
        Coverage.loads(text)
