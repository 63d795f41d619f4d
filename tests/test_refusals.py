"""Refusals, counted as they are raised."""

from __future__ import annotations

import json

import pytest

import orderfsm
from orderfsm import NotEnabled, Refused
from orderfsm.errors import LogError
from orderfsm.refusals import Refusals
from test_diagrams import shop


def refused(configuration: str, event: str, **more: object) -> Refused:
    with pytest.raises(Refused) as caught:
        orderfsm.step(shop(), configuration, event, **more)  # type: ignore[arg-type]
    return caught.value


def test_refusals_are_counted_by_chart_configuration_event_and_code() -> None:
    found = Refusals()
    for _ in range(3):
        found.add(refused("received", "pay"))
    found.add(refused("received", "dance"))
    assert found.of(shop().name) == {
        ("received", "pay", "not-enabled"): 3,
        ("received", "dance", "unknown-event"): 1,
    }
    assert found.of("another/order") == {}


def test_a_refused_beginning_is_counted_before_the_start() -> None:
    with pytest.raises(NotEnabled) as caught:
        orderfsm.start(shop(), "pay")
    found = Refusals()
    found.add(caught.value)
    assert found.of(shop().name) == {("[*]", "pay", "not-enabled"): 1}


def test_lines_are_read_as_they_were_written_and_put_together() -> None:
    one, other = Refusals(), Refusals()
    one.add(refused("received", "pay"))
    other.add(refused("received", "pay"))
    other.add(refused("received", "ünwise"))
    one.update(other)
    lines = list(one.lines())
    assert json.loads(lines[0]) == {
        "chart": shop().name,
        "configuration": "received",
        "event": "pay",
        "code": "not-enabled",
        "count": 2,
    }
    assert Refusals.read(lines) == one


def test_a_log_line_is_one_refusal() -> None:
    line = '{"chart": "x/y", "configuration": "a", "event": "go", "code": "guard-refused", "level": "INFO"}'
    assert Refusals.read([line, "", line]).of("x/y") == {("a", "go", "guard-refused"): 2}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is no JSON"),
        ("[" * 100_000, "line 2 is no JSON"),
        ("[]", "line 2 has no text under chart, configuration, event, code"),
        ('{"chart": "x", "configuration": 1, "event": "e", "code": "c"}', "line 2 has no text under configuration"),
        ('{"chart": "x", "configuration": "a", "event": "e", "code": "c", "count": -1}', "has the count -1"),
    ],
)
def test_a_line_that_is_no_refusal_is_an_error_with_its_number(line: str, said: str) -> None:
    with pytest.raises(LogError, match=said):
        Refusals.read(["", line])
