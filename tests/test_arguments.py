"""Arguments of another type than a call takes: a TypeError that says what to give, whatever the call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import pytest

import orderfsm
from orderfsm import Chart, Link, Reason
from orderfsm.chart import Event, Field, Guard, Kind, State, Transition
from orderfsm.expression import parse

ORDER = Chart(
    "shop/order",
    (State("new"), State("held"), State("done", Kind.FINAL)),
    (
        Transition("new", ("hold",), ("held",), by=("staff",), guards=(Guard("credit"),)),
        Transition(
            "new", ("finish",), ("done",), guards=(Guard(expression=parse("size(payload.parts) > 0")),), links=("bill",)
        ),
        Transition("held", ("resume",), ("new",)),
    ),
    initial=("new",),
    events=(Event("finish", payload=(Field("parts", "list"),)),),
    guards={"credit": "There is credit."},
)
GIVEN: dict[str, Any] = {
    "actor": "staff",
    "reason": "why",
    "links": (Link("bill", "/bills/1"),),
    "payload": {"parts": [1]},
    "facts": {"order": {}},
    "guards": {"credit": lambda facts: True},
    "now": datetime(2024, 1, 1, tzinfo=UTC),
}
ODD = [5, 1.5, True, b"x", "text", [], [1], (), {"a": 1}, {1}, object(), lambda: 5, date(2024, 1, 1), None]
CALLS: dict[str, Callable[..., object]] = {
    "hold": lambda **given: orderfsm.step(ORDER, "new", "hold", **given),
    "finish": lambda **given: orderfsm.step(ORDER, "new", "finish", **given),
    "start": lambda **given: orderfsm.start(ORDER, **given),
    "blockers": lambda **given: orderfsm.blockers(ORDER, "new", "finish", **given),
    "enabled": lambda **given: orderfsm.enabled(ORDER, "new", **given),
}


@pytest.mark.parametrize(("call", "name"), [*product(CALLS, GIVEN)])
def test_whatever_is_given_the_answer_is_a_step_an_error_of_ours_or_a_sentence_that_names_the_argument(
    call: str, name: str
) -> None:
    for odd in ODD:
        said = told(CALLS[call], **{**GIVEN, name: odd})
        assert not said or said.startswith((f"{name} is a", "the function of facts answers a mapping, not")), repr(odd)


def told(call: Callable[..., object], **given: object) -> str:
    """The sentence of a TypeError; empty when there is a step or an error of ours."""
    try:
        call(**given)
    except orderfsm.OrderFsmError as error:
        return str(error)[:0]
    except TypeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "odd", "said"),
    [
        ("actor", 5, "actor is a role (a text), an Actor or None, not 5"),
        ("reason", 7, "reason is a code (a text), a Reason of texts or None, not 7"),
        ("links", "invoice", "links is a list of Link, not 'invoice'"),
        ("links", [("bill", "/1")], "links is a list of Link, not [('bill', '/1')]"),
        ("links", None, "links is a list of Link, not None"),
    ],
)
def test_the_sentence_says_what_to_give(name: str, odd: object, said: str) -> None:
    with pytest.raises(TypeError) as told:
        orderfsm.step(ORDER, "new", "hold" if name == "actor" else "finish", **{**GIVEN, name: odd})
    assert str(told.value) == said


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd != "text"], ids=lambda odd: type(odd).__name__)
def test_charts_configurations_events_and_codes_are_told_as_well(odd: Any) -> None:
    for call, name in (
        (lambda: orderfsm.step(odd, "new", "hold"), "chart"),
        (lambda: orderfsm.start(odd), "chart"),
        (lambda: orderfsm.check(odd), "chart"),
        (lambda: orderfsm.trace(odd, ["new"]), "chart"),
        (lambda: orderfsm.step(ORDER, odd, "hold"), "configuration"),
        (lambda: orderfsm.blockers(ORDER, odd, "hold"), "configuration"),
        (lambda: orderfsm.enabled(ORDER, odd), "configuration"),
        (lambda: orderfsm.path(ORDER, odd, "done"), "configuration"),
        (lambda: orderfsm.path(ORDER, "new", odd), "to"),
        (lambda: orderfsm.step(ORDER, "new", odd), "event"),
        (lambda: orderfsm.blockers(ORDER, "new", odd), "event"),
        (lambda: orderfsm.start(ORDER, odd), "event"),
        (lambda: orderfsm.trace(ORDER, [odd]), "codes"),
        (lambda: orderfsm.replay(ORDER, [odd]), "entry 1"),
        (lambda: orderfsm.replay(ORDER, [{"event": odd, "after": "new"}]), "entry 1"),
        (lambda: orderfsm.read(odd), "text"),
        (lambda: orderfsm.load(odd), "name_or_path"),
    ):
        with pytest.raises(TypeError, match=f"^{name} (is|has) "):
            call()


@pytest.mark.parametrize("codes", [None, 5, "new"])
def test_codes_that_are_no_list_are_told(codes: Any) -> None:
    with pytest.raises(TypeError, match="codes is a list of"):
        orderfsm.trace(ORDER, codes)


def test_codes_may_come_one_by_one() -> None:
    assert [step.after for step in orderfsm.trace(ORDER, (code for code in ("new", "held")))] == ["new", "held"]


def test_an_error_of_the_applications_own_guard_is_left_as_it_is() -> None:
    def careless(facts: Any) -> bool:
        return bool(facts["order"].total)

    with pytest.raises(AttributeError, match="'dict' object has no attribute 'total'"):
        orderfsm.step(ORDER, "new", "hold", actor="staff", facts={"order": {}}, guards={"credit": careless})


def test_an_unknown_event_of_any_length_is_told_at_once() -> None:
    with pytest.raises(orderfsm.UnknownEvent, match="has no event"):
        orderfsm.step(ORDER, "new", "finish" * 100_000)


def test_a_reason_whose_parts_are_no_texts_is_told_when_something_fails_over_it() -> None:
    with pytest.raises(TypeError, match="reason is a code"):
        orderfsm.step(ORDER, "new", "finish", **{**GIVEN, "reason": Reason(5), "links": None})  # type: ignore[arg-type]
