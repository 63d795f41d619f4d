"""Watching: who is told of steps and refusals, and that answers are the same for all that."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlmodel import Session

import orderfsm
from orderfsm import Refused, Step, blockers, enabled, start, step
from orderfsm.call import Call
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine
from orderfsm.testing import shortest
from orderfsm.watch import Noting, unwatched, watching

CHART = orderfsm.read(
    """
chart: watch/order
version: "1"
initial: asked
states:
  asked: {category: open}
  done: {category: done, final: true}
events:
  agree: {from: asked, to: done, when: payload.sum > 3}
  wait: {from: asked, to: asked}
"""
)


@dataclass
class Notes:
    """Everything that was told."""

    steps: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: list[Mapping[str, bool]] = field(default_factory=list)

    def taken(self, call: Noting, found: Step) -> None:
        self.steps.append(repr(found))
        self.answers.append({choice.guard.text: said for choice, said in call.answers.items()})

    def refused(self, call: Noting, error: Refused) -> None:
        self.errors.append(f"{error.event}: {error.code}")
        self.answers.append({choice.guard.text: said for choice, said in call.answers.items()})


def test_steps_refusals_and_the_answers_of_guards_are_told() -> None:
    notes = Notes()
    with watching(notes):
        here = start(CHART).after
        step(CHART, here, "agree", payload={"sum": 4})
        for event in ("agree", "nonesuch"):
            with pytest.raises(Refused):
                step(CHART, here, event, payload={"sum": 3})
    assert notes.steps == ["<Step [*] --open--> asked>", "<Step asked --agree--> done>"]
    assert notes.errors == ["agree: guard-refused", "nonesuch: unknown-event"]
    assert notes.answers == [{}, {"payload.sum > 3": True}, {"payload.sum > 3": False}, {}]


def test_what_is_answered_is_the_same_as_unwatched() -> None:
    plain = start(CHART), step(CHART, "asked", "wait"), step(CHART, "asked", "agree", payload={"sum": 4})
    with watching(Notes()):
        assert (start(CHART), step(CHART, "asked", "wait"), step(CHART, "asked", "agree", payload={"sum": 4})) == plain


@pytest.mark.parametrize(
    "call",
    [
        lambda: step("no chart", "asked", "wait"),  # type: ignore[arg-type]
        lambda: step(CHART, None, "wait"),  # type: ignore[arg-type]
        lambda: step(CHART, "asked", 3),  # type: ignore[arg-type]
        lambda: start(CHART, ["open"]),  # type: ignore[arg-type]
        lambda: step(CHART, "asked", "agree", payload=7),  # type: ignore[arg-type]
        lambda: step(CHART, "nowhere", "agree"),
        lambda: step(CHART, "asked", "agree"),
    ],
)
def test_errors_are_the_same_as_unwatched(call: Any) -> None:
    with pytest.raises(Exception) as plain:
        call()
    with watching(Notes()), pytest.raises(plain.type) as seen:
        call()
    assert str(seen.value) == str(plain.value)


def test_questions_are_not_told_of() -> None:
    notes = Notes()
    with watching(notes):
        enabled(CHART, "asked")
        blockers(CHART, "asked", "agree", payload={"sum": 1})
        orderfsm.trace(CHART, ["asked", "done"])
    assert notes == Notes()


def test_watching_ends_and_may_be_nested() -> None:
    outer, inner = Notes(), Notes()
    with watching(outer):
        start(CHART)
        with watching(inner):
            start(CHART)
        start(CHART)
    start(CHART)
    assert (len(outer.steps), len(inner.steps)) == (2, 1)


def test_what_is_worked_out_unwatched_is_not_told_of() -> None:
    notes = Notes()
    with watching(notes):
        table = orderfsm.compile(CHART)
        assert unwatched(Call(table, None, "open")) is start(CHART)
        assert unwatched(Call(table, "asked", "agree", payload={"sum": 4})).after == "done"
        shortest(CHART, "done")
    assert len(notes.steps) == 1


def test_threads_are_watched() -> None:
    notes = Notes()
    with watching(notes):
        thread = threading.Thread(target=start, args=(CHART,))
        thread.start()
        thread.join()
    assert len(notes.steps) == 1


def test_what_lifecycles_do_is_told_reports_included() -> None:
    notes = Notes()
    database = engine("sqlite://")
    create_all(database)
    orders = Lifecycle(CHART, SqlStore(Order, OrderHistory))
    with Session(database) as session, watching(notes):
        order = Order()
        orders.open(session, order)
        orders.allowed(session, order)
        orders.explain(session, order, "agree")
        orders.send(session, order, "wait")
        orders.report(session, order, "done", payload={"sum": 9})
    database.dispose()
    assert [text.split()[2] for text in notes.steps] == ["--open-->", "--wait-->", "--agree-->"]
