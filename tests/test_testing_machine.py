"""The state machine of a chart, `follow` and the driver of a lifecycle: the right agrees, the wrong is found."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import SkipTest

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from sqlalchemy import Engine
from sqlalchemy.orm import Session

import orderfsm
from orderfsm import Actor, Chart, Link, Reason
from orderfsm.coverage import Collector, Measured
from orderfsm.lifecycle import Lifecycle
from orderfsm.pytest_plugin import Clock
from orderfsm.pytest_plugin import Orders as InState
from orderfsm.sqlmodel import Order, OrderHistory, OrderTimer, SqlStore, create_all, engine
from orderfsm.testing import (
    Attempt,
    Declined,
    Disagreement,
    Driver,
    LifecycleDriver,
    NeverSent,
    Orders,
    Send,
    Shown,
    Unsent,
    Walk,
    follow,
    guard_outcomes,
    pairs,
    refusals,
    scenarios,
    state_machine_for,
    transitions,
)
from orderfsm.testing.agreeing import differences
from orderfsm.watch import watching
from planted import BUGS, KIOSK, KIOSK_YAML, KioskDriver

FINDING = settings(
    max_examples=5_000,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
"""As many examples as it takes, the same at every run; nothing is shrunk."""
SHRINKING = settings(FINDING, phases=[Phase.generate, Phase.shrink])
FEW = settings(FINDING, max_examples=8)
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def run(machine: type[Orders], how: settings) -> None:
    run_state_machine_as_test(machine, settings=how)


def found(bug: str, how: settings = FINDING) -> Disagreement:
    with pytest.raises(Disagreement) as disagreement:
        run(state_machine_for(KIOSK, KioskDriver(bug), orders=2 if bug == "all orders" else 1), how)
    return disagreement.value


# --- planted mistakes


def test_a_service_that_does_what_its_chart_says_is_not_accused() -> None:
    machine = state_machine_for(KIOSK, KioskDriver())
    run(machine, settings(FINDING, max_examples=40))
    assert not machine.passed_over
    for tried in (*transitions(KIOSK), *pairs(KIOSK), *guard_outcomes(KIOSK), *refusals(KIOSK)):
        follow(KioskDriver(), tried)


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug != "crash"])
def test_every_planted_mistake_is_found(bug: str) -> None:
    assert found(bug).tried


def test_what_a_system_raises_that_is_no_refusal_is_its_own_fault() -> None:
    with pytest.raises(KeyError) as fault:
        run(state_machine_for(KIOSK, KioskDriver("crash")), FINDING)
    assert any("as a scenario:\n- title:" in note for note in fault.value.__notes__)


@pytest.fixture(scope="module")
def disagreement() -> Disagreement:
    return found("boundary", SHRINKING)


def test_the_smallest_scenario_is_told(disagreement: Disagreement) -> None:
    assert disagreement.said == ("the chart takes accept in received to accepted, the system refuses it: five, please")
    assert isinstance(disagreement.tried, Attempt)
    assert [send.event for send in (*disagreement.tried.walk.sends, disagreement.tried.send)] == ["open", "accept"]
    assert disagreement.tried.send.payload == {"paid": 5}
    told = str(disagreement)
    assert "follow(driver, Attempt.judged(Walk.of(chart, [Send('open'" in told
    assert "send:\n        - {event: accept, actor: kitchen, payload: {paid: 5}}\n      then: accepted" in told


def test_what_is_told_can_be_run_again_and_kept_in_the_chart(disagreement: Disagreement) -> None:
    code = str(disagreement).partition("    follow(driver, ")[2].partition(")\n\n")[0]
    again = eval(
        code, {"Attempt": Attempt, "Walk": Walk, "Send": Send, "chart": KIOSK, "datetime": __import__("datetime")}
    )
    with pytest.raises(Disagreement, match="the system refuses it: five, please"):
        follow(KioskDriver("boundary"), again)
    follow(KioskDriver(), again)
    assert again.scenario() == disagreement.tried.scenario()
    kept = orderfsm.read(f"{KIOSK_YAML}scenarios:\n{again.scenario()}")
    assert [example.verify() for example in scenarios(kept)] == [None]


def test_a_rule_that_is_broken_is_named() -> None:
    walk = Walk.of(KIOSK, [Send("open"), Send("cancel", actor="guest")])
    attempt = Attempt.judged(walk, Send("accept", actor="kitchen", payload={"paid": 5}))
    with pytest.raises(Disagreement) as disagreement:
        follow(KioskDriver("terminal"), attempt)
    assert disagreement.value.said == (
        "the chart refuses accept in cancelled with not-enabled (terminal), the system takes it and shows accepted; "
        "that breaks the rule 'never accepted after cancelled'"
    )


def test_a_rule_may_be_broken_by_what_is_shown_alone() -> None:
    class Forgetful(KioskDriver):
        def look(self, order: int) -> Shown:
            shown = super().look(order)
            return shown._replace(configuration="served") if shown.configuration == "refused" else shown

    walk = Walk.of(KIOSK, [Send("open"), Send("refuse", actor="kitchen", reason="sold_out")])
    with pytest.raises(Disagreement) as disagreement:
        follow(Forgetful(), walk)
    assert disagreement.value.said == (
        "after refuse: the rule 'never served unless was accepted' is broken; "
        "the chart has the order in refused, the system shows served"
    )


SHARED = orderfsm.read("""
chart: tests/shared_code
version: "1"
initial: new
states: {new: {code: open}, read: {code: open}, done: {final: true, code: closed}, gone: {final: true, code: closed}}
events:
  read: {from: new, to: read}
  finish: {from: read, to: done}
  drop: {from: read, to: gone}
rules: [never final unless was read, never done after gone]
""")


class Coded(Driver):
    """It shows the code alone, which several states share."""

    def open(self, send: Send, *, key: str | None = None) -> None:
        self.send(None, send)

    def send(self, order: None, send: Send, *, key: str | None = None) -> None:
        self.code = {"open": "open", "read": "open"}.get(send.event, "closed")

    def look(self, order: None) -> Shown:
        return Shown(self.code)


def test_a_system_that_shows_codes_which_states_share_breaks_no_rule_by_that() -> None:
    for walk in transitions(SHARED):
        follow(Coded(), walk)


@pytest.mark.parametrize(
    ("bug", "suite"),
    [("no check", refusals), ("wrong target", transitions), ("boundary", guard_outcomes)],
)
def test_a_suite_that_is_followed_finds_it_too(bug: str, suite: Any) -> None:
    wrong = []
    for tried in suite(KIOSK):
        try:
            follow(KioskDriver(bug), tried)
        except Disagreement as disagreement:
            wrong.append(disagreement)
    assert wrong


def test_invariants_of_ones_own_see_the_orders() -> None:
    class Served(state_machine_for(KIOSK, KioskDriver())):  # type: ignore[misc]
        @invariant()
        def nobody_is_ever_served(self) -> None:
            assert all(life.walk.configuration != "served" for life in self.lives)

    assert Phase.explain not in Served.TestCase.settings.phases
    with pytest.raises(AssertionError, match="served"):
        run(Served, FINDING)


# --- what is shown


class Told(Driver):
    """Takes everything, shows what it is told to show, and has one order, which has no name."""

    def __init__(self, *shown: Shown) -> None:
        self.shown = shown

    def open(self, send: Send, *, key: str | None = None) -> None:
        pass

    def send(self, order: None, send: Send, *, key: str | None = None) -> None:
        pass

    def look(self, order: None) -> Shown:
        return self.shown[0]


class Stubborn(Told):
    """Opens orders, and refuses everything."""

    def open(self, send: Send, *, key: str | None = None) -> None:
        if send.event != "open":
            raise Declined

    def send(self, order: None, send: Send, *, key: str | None = None) -> None:
        raise Declined


OPENED = Walk.of(KIOSK, [Send("open", actor="guest", reason="no_time", links=(Link("receipt", "/1"),))])


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (Shown("held"), "the chart has the order in received, the system shows held"),
        (Shown(None), "the chart has the order in received, the system has no such order"),
        (Shown("received", []), "the order has taken 1 events, its history has 0 entries"),
        (
            Shown("received", ["received", "held"]),
            "the order has taken 1 events, its history has 2 entries, the last one held",
        ),
        (Shown("received", ["held"]), "entry 1 of the history has the state held, the chart received"),
        (Shown("received", None, 2), "the order has taken 1 events, the system shows the revision 2"),
        (
            Shown("received", [{"event": "begin", "after": "received"}]),
            "entry 1 of the history has the event begin, the chart open",
        ),
        (
            Shown("received", [{"actor": "kitchen", "reason": {"code": "sold_out"}}]),
            (
                "entry 1 of the history has the actor kitchen, the chart guest; "
                "entry 1 of the history has the reason sold_out, the chart no_time"
            ),
        ),
        (
            Shown("received", [{"after": "received", "actor": None, "reason": None, "links": []}]),
            ("entry 1 of the history has no actor, the chart guest; entry 1 of the history lacks the link receipt"),
        ),
        (
            Shown("received", [("open", "received")]),
            "entry 1 of the history tells none of after, event, actor and reason: ('open', 'received')",
        ),
        (Shown("received", [{"after": 1}]), "entry 1 of the history has the state 1, the chart received"),
    ],
)
def test_what_differs_is_told(shown: Shown, said: str) -> None:
    with pytest.raises(Disagreement) as disagreement:
        follow(Told(shown), OPENED)
    assert disagreement.value.said == f"after open: {said}"


@pytest.mark.parametrize(
    "shown",
    [
        Shown("received"),
        Shown("received", ["received"], 1),
        Shown("received", [{"code": "received"}]),
        Shown("received", [{"after": "received", "actor": {"role": "guest"}, "reason": "no_time"}]),
        Shown("received", OPENED.entries),
        Shown("received", (entry for entry in OPENED.entries)),  # type: ignore[arg-type]
        Shown("received", [{"after": "received", "links": [{"rel": "self"}, {"rel": "receipt"}]}]),
    ],
)
def test_what_is_not_shown_is_not_compared(shown: Shown) -> None:
    follow(Told(shown), OPENED)


def test_a_state_before_is_compared_where_it_is_told() -> None:
    walk = Walk.of(KIOSK, [Send("open"), Send("cancel", actor="guest")])
    told = [{"before": "", "after": "received"}, {"before": "held", "after": "cancelled", "actor": "guest"}]
    said = list(differences(KIOSK, walk, Shown("cancelled", told)))
    assert said == ["entry 2 of the history has the state held before, the chart received"]
    told[1]["before"] = "received"
    assert not list(differences(KIOSK, walk, Shown("cancelled", told)))


def test_a_reason_that_is_asked_for_may_not_be_lost() -> None:
    walk = OPENED.then(Send("refuse", actor="kitchen", reason="sold_out"))
    entries = [{"after": "received", "reason": None}, {"after": "refused", "reason": None}]
    said = "entry 2 of the history has no reason, the chart sold_out"
    assert list(differences(KIOSK, walk, Shown("refused", entries))) == [said]
    assert list(differences(KIOSK, walk, Shown("refused", ["received", "refused"]))) == []
    [lost] = differences(KIOSK, OPENED, Shown("received", [replace(OPENED.entries[0], reason=None)]))
    assert lost == "entry 1 of the history has no reason, the chart no_time"


def test_the_text_of_a_reason_is_compared_where_it_has_no_code() -> None:
    chart = orderfsm.read(KIOSK_YAML.replace("reasons: {open: false, codes:", "reasons: {open: true, codes:"))
    walk = Walk.of(chart, [Send("open", reason=Reason(text="hungry"))])
    follow(Told(Shown("received", [{"after": "received", "reason": {"code": "other", "text": "hungry"}}])), walk)
    with pytest.raises(Disagreement, match="has the reason sleepy, the chart hungry"):
        follow(Told(Shown("received", [{"after": "received", "reason": {"text": "sleepy"}}])), walk)


@pytest.mark.parametrize("shown", ["received", ("received", None), Shown(1008), Shown("received", "received"), None])
def test_what_look_returns_has_to_be_something_that_can_be_compared(shown: Any) -> None:
    with pytest.raises(TypeError, match=r"^Told.look returned .*; (return a Shown|the history is a list)") as fault:
        follow(Told(shown), OPENED)
    assert "this came of Send('open'" in fault.value.__notes__[0]


def test_an_opening_that_should_have_been_refused_is_told_without_a_scenario() -> None:
    with pytest.raises(Disagreement) as disagreement:
        follow(Told(Shown("received")), Attempt.judged(Walk(KIOSK), Send("open", reason="hunger")))
    assert str(disagreement.value).endswith("\n\nNo scenario tells it: each begins with an order that is open.\n")


def test_a_scenario_that_cannot_tell_all_says_so() -> None:
    walk = Walk.of(KIOSK, [Send("open"), Send("cancel", actor=Actor("guest", "g1"))])
    with pytest.raises(Disagreement) as disagreement:
        follow(Told(Shown("received")), walk)
    assert "As a scenario of tests/kiosk, as far as one can tell it:" in str(disagreement.value)


def test_a_public_code_will_do_and_so_will_an_alias_of_it() -> None:
    chart = orderfsm.read(
        """
chart: tests/coded
version: "1"
initial: a
codes: {aliases: {Fresh: NEW}}
states: {a: {code: NEW, category: open}, b: {code: OLD, category: done, final: true}}
events: {age: {from: a, to: b}}
"""
    )
    walk = Walk.of(chart, [Send("open")])
    for name in ("NEW", "Fresh", "a"):
        follow(Told(Shown(name, [name])), walk)
    with pytest.raises(Disagreement, match="shows OLD"):
        follow(Told(Shown("OLD")), walk)


def test_the_code_of_a_refusal_is_compared_where_one_is_told() -> None:
    class Refusing(Told):
        def send(self, order: None, send: Send, *, key: str | None = None) -> None:
            raise Declined(self.code)

    attempt = Attempt.judged(OPENED, Send("serve", actor="kitchen"))
    driver = Refusing(Shown("received"))
    for driver.code in ("", "not-enabled"):
        follow(driver, attempt)
    driver.code = "not-permitted"
    with pytest.raises(Disagreement, match="refuses serve in received with not-enabled, the system with not-permitted"):
        follow(driver, attempt)


def test_a_system_that_knows_no_roles_is_not_asked_for_them() -> None:
    class Open(KioskDriver):
        roles = False

        def send(self, order: int, send: Send, *, key: str | None = None) -> None:
            assert send.actor is None
            role = "guest" if send.event == "cancel" else "kitchen"
            super().send(order, replace(send, actor=role), key=key)

    run(state_machine_for(KIOSK, Open()), settings(FINDING, max_examples=20))
    for walk in transitions(KIOSK):
        follow(Open(), walk)


def test_words_of_its_own_are_not_compared_where_a_system_has_reasons_of_its_own() -> None:
    class SoldOut(Told):
        def send(self, order: None, send: Send, *, key: str | None = None) -> None:
            raise Declined("sold-out")

    attempt = Attempt.judged(OPENED, Send("serve", actor="kitchen"))
    follow(SoldOut(Shown("received")), attempt, own_refusals="serve")
    with pytest.raises(Disagreement, match="with not-enabled, the system with sold-out"):
        follow(SoldOut(Shown("received")), attempt, own_refusals="cook")


def test_a_system_may_have_reasons_of_its_own_to_refuse() -> None:
    class Picky(KioskDriver):
        def send(self, order: int, send: Send, *, key: str | None = None) -> None:
            if send.event == "hold":
                raise Declined(detail="we hold nothing")
            super().send(order, send, key=key)

    with pytest.raises(Disagreement, match="the chart takes hold in"):
        run(state_machine_for(KIOSK, Picky()), FINDING)
    for walk in transitions(KIOSK):
        if any(send.event == "hold" for send in walk.sends):
            with pytest.raises(Unsent, match="the system refuses hold for reasons of its own"):
                follow(Picky(), walk, own_refusals="*")
        else:
            follow(Picky(), walk, own_refusals="*")
    (said,) = as_a_test(state_machine_for(KIOSK, Picky(), own_refusals=["hold"]))
    assert said == (
        "Picky never got 1 of the events of tests/kiosk carried out: hold (the system refuses hold for reasons of its "
        "own). They stay untested: let the driver send what is taken, or filter this warning"
    )


def test_an_event_that_is_refused_now_and_then_is_not_told() -> None:
    class Moody(KioskDriver):
        """It holds every other order, and says again what it has said when a request comes again."""

        def begin(self) -> None:
            super().begin()
            self.asked = 0
            self.held: set[str | None] = set()

        def send(self, order: int, send: Send, *, key: str | None = None) -> None:
            if send.event == "hold" and key not in self.held:
                self.asked += 1
                if self.asked % 2:
                    raise Declined(detail="not now")
            super().send(order, send, key=key)
            self.held |= {key} if send.event == "hold" else set()

    machine = state_machine_for(KIOSK, Moody(), own_refusals=["hold"])
    assert as_a_test(machine) == []
    assert machine.passed_over["the system refuses hold for reasons of its own"] > 0


def test_a_system_that_opens_no_order_is_not_green_in_silence() -> None:
    class Closed(KioskDriver):
        def open(self, send: Send, *, key: str | None = None) -> int:
            raise Declined(detail="we are closed")

    (said,) = as_a_test(state_machine_for(KIOSK, Closed(), own_refusals=["*"]))
    assert "the system refuses open for reasons of its own" in said


# --- what cannot be sent


class Timeless(KioskDriver):
    """Cannot set the clock, and says that timers are swept."""

    clock = False


class Blind(KioskDriver):
    """Cannot set the clock, and has no way to refuse."""

    clock = timers = keys = False

    def send(self, order: int, send: Send, *, key: str | None = None) -> None:
        if send.event == "refuse":
            raise Unsent("only the cook can refuse, in the kitchen")
        super().send(order, send, key=key)


def test_what_a_driver_cannot_send_is_passed_over_and_counted() -> None:
    machine = state_machine_for(KIOSK, Blind())
    run(machine, settings(FINDING, max_examples=25))
    assert set(machine.passed_over) == {
        "only the cook can refuse, in the kitchen",
        "what timers make due: the driver has no timers",
    }
    assert machine.passed_over.total() > 1
    skipped = [walk for walk in transitions(KIOSK) if any(send.event == "refuse" for send in walk.sends)]
    assert skipped
    for walk in skipped:
        with pytest.raises(Unsent, match="in the kitchen"):
            follow(Blind(), walk)


def as_a_test(machine: type[Orders]) -> list[str]:
    """What a test class of the machine warns of."""
    case = type("TestOrders", (machine.TestCase,), {"settings": settings(machine.TestCase.settings, max_examples=25)})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = unittest.TestResult()
        case("runTest").run(result)
    assert result.wasSuccessful(), result.errors + result.failures
    assert all(each.category is NeverSent for each in caught)
    return [str(each.message) for each in caught]


class Speechless(KioskDriver):
    """It has no field for reasons."""

    def worded(self, order: Any, send: Send) -> Send:
        return replace(super().worded(order, send), reason=None)


def test_what_is_lost_in_the_words_of_a_driver_is_not_taken_for_tested() -> None:
    refuse = next(walk for walk in transitions(KIOSK) if walk.sends[-1].event == "refuse")
    with pytest.raises(Unsent, match=r"takes refuse, and refuses it \(reason-needed\) as the driver words it"):
        follow(Speechless(), refuse)
    machine = state_machine_for(KIOSK, Speechless())
    run(machine, settings(FINDING, max_examples=20))
    assert list(machine.tally.never_sent) == ["refuse"]


def test_events_that_were_never_sent_are_told_when_the_test_ends() -> None:
    (said,) = as_a_test(state_machine_for(KIOSK, Blind()))
    assert said == (
        "Blind never got 1 of the events of tests/kiosk carried out: refuse (only the cook can refuse, in the "
        "kitchen). They stay untested: let the driver send what is taken, or filter this warning"
    )


def test_events_that_only_timers_send_are_not_told_where_they_are_swept() -> None:
    class Swept(KioskDriver):
        """What timers make due cannot be sent by anybody else."""

        def send(self, order: int, send: Send, *, key: str | None = None) -> None:
            if send.event == "lapse":
                raise Unsent("the clock alone lets orders lapse")
            super().send(order, send, key=key)

    machine = state_machine_for(KIOSK, Swept())
    assert as_a_test(machine) == []
    assert machine.passed_over["the clock alone lets orders lapse"]


def test_a_driver_that_sends_everything_is_not_warned_of() -> None:
    assert as_a_test(state_machine_for(KIOSK, KioskDriver())) == []


def test_guards_that_nothing_is_arranged_for_are_passed_over_with_what_to_do() -> None:
    chart = orderfsm.read(
        """
chart: tests/asking
version: "1"
initial: a
guards: {weather: It does not rain.}
states: {a: {category: open}, b: {category: done, final: true}}
events: {go: {from: a, to: b, guard: weather, when: order.paid}}
"""
    )
    with pytest.raises(Unsent, match=r"guards of go ask for order, weather; write arrange\(self, order, send\)"):
        follow(Told(Shown("a")), transitions(chart)[0])


def test_a_system_in_which_no_order_can_be_opened_is_not_tested() -> None:
    class Closed(KioskDriver):
        def open(self, send: Send, *, key: str | None = None) -> int:
            raise Unsent("orders are opened by telephone")

    with pytest.raises(SkipTest, match="no order can be opened: orders are opened by telephone"):
        run(state_machine_for(KIOSK, Closed()), FEW)


def test_an_order_is_opened_by_whoever_can_when_others_cannot() -> None:
    class AtTheCounter(KioskDriver):
        def open(self, send: Send, *, key: str | None = None) -> int:
            if send.actor != "guest":
                raise Unsent("only guests order")
            return super().open(send, key=key)

    chart = orderfsm.read(
        KIOSK_YAML.replace("events:", 'events:\n  open: {from: "[*]", to: received, by: [kitchen, guest]}')
    )
    machine = state_machine_for(chart, AtTheCounter())
    run(machine, settings(FEW, stateful_step_count=5))
    assert machine.passed_over["only guests order"]


def test_a_sweep_whose_facts_cannot_be_arranged_is_passed_over() -> None:
    class Unarranged(KioskDriver):
        arrange = Driver.arrange

    chart = orderfsm.read(KIOSK_YAML.replace("by: [kitchen, system]}", "by: [kitchen, system], when: not order.vip}"))
    machine = state_machine_for(chart, Unarranged(), orders=1)
    run(machine, settings(FEW, max_examples=40, stateful_step_count=15))
    assert any(why.startswith("guards of lapse ask for order") for why in machine.passed_over)


def test_keys_are_never_used_again_by_later_lives() -> None:
    """A system keeps what it was sent, and examples begin anew."""
    keys: list[str | None] = []

    class Keeping(KioskDriver):
        def open(self, send: Send, *, key: str | None = None) -> int:
            keys.append(key)
            return super().open(send, key=key)

    for _ in range(2):
        follow(Keeping(), OPENED)
    assert len(set(keys)) == 2
    assert None not in keys


def test_what_follow_alone_does_not_show_is_not_said_to_be_shown() -> None:
    for bug, besides in (("no timer", "a sweep"), ("all orders", "another order")):
        told = str(found(bug))
        assert "To try it again" not in told
        assert f"What was sent to the order; besides there was {besides}, which is not in it:" in told


@pytest.mark.parametrize("where", ["look", "sweep", "again"])
def test_a_fault_has_the_life_that_led_there_wherever_it_happens(where: str) -> None:
    seen: set[str | None] = set()

    class Broken(KioskDriver):
        def look(self, order: int) -> Shown:
            return self.fault() if where == "look" else super().look(order)

        def sweep(self) -> None:
            super().sweep()
            if where == "sweep" and self.kiosk.meals:
                self.fault()

        def send(self, order: int, send: Send, *, key: str | None = None) -> None:
            if where == "again" and key in seen:
                self.fault()
            super().send(order, send, key=key)
            seen.add(key)

        def fault(self) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as fault:
        run(state_machine_for(KIOSK, Broken()), FINDING)
    assert any("as a scenario:\n- title:" in note for note in fault.value.__notes__)


def test_events_are_sent_whatever_they_are_called() -> None:
    """As rules of the machine are, or alike but for a dot."""
    chart = orderfsm.read(
        """
chart: tests/names
version: "1"
initial: a
states: {a: {category: open}, b: {category: done, final: true}}
events: {again: {from: a, to: a}, a.b: {from: a, to: a}, a_b: {from: a, to: a}, wrongly: {from: a, to: b}}
"""
    )
    sent: set[str] = set()

    class Noting(Driver):
        def open(self, send: Send, *, key: str | None = None) -> list[str]:
            if send.event != "open":
                raise Declined
            return ["a"]

        def send(self, order: list[str], send: Send, *, key: str | None = None) -> None:
            sent.add(send.event)
            if send.event not in orderfsm.compile(chart).rows[order[0]]:
                raise Declined
            order[0] = "b" if send.event == "wrongly" else "a"

        def look(self, order: list[str]) -> Shown:
            return Shown(order[0])

    run(state_machine_for(chart, Noting()), FEW)
    assert sent >= {"again", "a.b", "a_b", "wrongly", "explode"}


def test_a_guard_about_time_needs_a_clock() -> None:
    chart = orderfsm.read(
        """
chart: tests/patient
version: "1"
initial: a
states: {a: {category: open}, b: {category: done, final: true}}
events: {go: {from: a, to: b, when: days_since("a") >= 3}}
"""
    )
    with pytest.raises(Unsent, match="go asks for what only the chart is told: the time"):
        follow(Told(Shown("a")), transitions(chart)[0])
    machine = state_machine_for(chart, Stubborn(Shown("a")))
    run(machine, settings(FEW, stateful_step_count=15))
    assert machine.passed_over["go asks for what only the chart is told: the time, or facts that were not given"]


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda: state_machine_for(KIOSK, KioskDriver), TypeError, "give an instance of a subclass"),
        (lambda: state_machine_for(KIOSK, KioskDriver(), own_refusals="eat"), ValueError, "names eat, no event of"),
        (lambda: state_machine_for(KIOSK, KioskDriver(), orders=0), ValueError, "at least 1"),
        (lambda: follow(Driver(), OPENED), NotImplementedError, "write open"),
        (lambda: follow(OPENED, KioskDriver()), TypeError, "give an instance of a subclass"),
        (lambda: follow(KioskDriver(), KIOSK), TypeError, "give a Walk or an Attempt"),
        (lambda: follow(KioskDriver(), OPENED, own_refusals=["eat"]), ValueError, "names eat, no event of"),
        (lambda: state_machine_for(KIOSK, Timeless()), ValueError, "Timeless has timers and no clock"),
        (lambda: LifecycleDriver(lifecycle(KIOSK), engine("sqlite://")).session, RuntimeError, "call begin"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_told(ask: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ask()


# --- a lifecycle


@pytest.fixture(scope="module")
def database() -> Iterator[Engine]:
    made = engine("sqlite://")
    create_all(made)
    yield made
    made.dispose()


def lifecycle(chart: Chart, **more: Any) -> Lifecycle:
    return Lifecycle(chart, SqlStore(Order, OrderHistory, timers=OrderTimer), clock=Clock(), **more)


LEND = orderfsm.read(
    """
chart: tests/lend
version: "1"
initial: asked
actors: {reader: Who reads., desk: Who lends., system: The clock.}
guards: {trusted: The reader is known.}
reasons: {open: false, codes: {torn: It is torn., lost: It is lost.}}
links: {slip: The paper slip.}
states:
  asked: {category: waiting, after: {PT2H: forget}}
  lent:
    parallel: true
    category: open
    states:
      term:
        initial: running
        states:
          running: {after: {P14D: remind}}
          late: {final: true}
      copies:
        initial: none
        states: {none: {}, copied: {final: true}}
  paused: {category: suspended, clock: stops}
  back: {category: done, final: true}
  gone: {category: failed, final: true, reason: [lost, torn]}
  forgotten: {category: cancelled, final: true}
events:
  lend:
    - {from: asked, to: lent, by: desk, guard: trusted}
    - {from: asked, to: lent, by: desk, when: order.data.deposit >= 10, links: [slip]}
  forget: {from: asked, to: forgotten, by: system}
  remind: {from: running, to: late, by: system}
  copy: {from: none, to: copied, by: reader, when: "payload.pages in [1, 2]", payload: {pages: integer}}
  pause: {from: lent, to: paused, by: desk}
  resume: {from: paused, to: lent, by: desk}
  bring: {from: lent, to: back, by: reader}
  lose: {from: [lent, paused], to: gone, by: desk}
rules: [never back unless was lent, eventually final]
"""
)


class Library:
    """A driver's arrangements for LEND, and what its guards read then."""

    def __init__(self) -> None:
        self.trusted = False

    def arrange(self, session: Session, order: Order, send: Send) -> None:
        self.trusted = send.guards.get("trusted", False)
        order.data = (send.facts or {}).get("order", {}).get("data", {"deposit": 0})

    def driver(self, database: Engine, **more: Any) -> LifecycleDriver:
        trusted = {"trusted": lambda facts: self.trusted}
        return LifecycleDriver(lifecycle(LEND, guards=trusted), database, arrange=self.arrange, **more)


def test_a_lifecycle_does_what_the_chart_says(database: Engine) -> None:
    driver = Library().driver(database)
    machine = state_machine_for(LEND, driver)
    run(machine, settings(FINDING, max_examples=12))
    assert not machine.passed_over
    assert driver.keys
    assert driver.clock
    assert driver.timers


def test_a_lifecycle_follows_every_suite(database: Engine) -> None:
    driver = Library().driver(database)
    for tried in (*transitions(LEND), *guard_outcomes(LEND), *refusals(LEND)):
        follow(driver, tried)


def test_a_lifecycle_leaves_nothing_behind(database: Engine) -> None:
    follow(Library().driver(database), transitions(LEND)[0])
    with Session(database) as session:
        assert session.query(Order).count() == session.query(OrderHistory).count() == 0


@pytest.mark.parametrize("name", ["stat/order", "stapi/order"])
def test_shipped_charts_agree_with_their_lifecycles(database: Engine, name: str) -> None:
    run(state_machine_for(orderfsm.load(name), LifecycleDriver(lifecycle(orderfsm.load(name)), database)), FEW)


def test_a_guard_that_answers_otherwise_than_the_chart_was_told_is_found(database: Engine) -> None:
    deaf = lifecycle(LEND, guards={"trusted": lambda facts: False})
    driver = LifecycleDriver(deaf, database, arrange=Library().arrange)
    trusted = next(attempt for attempt in guard_outcomes(LEND) if str(attempt) == "lend: trusted")
    with pytest.raises(Disagreement, match=r"takes lend in asked to .*, the system refuses it: lend: trusted does"):
        follow(driver, trusted)


def test_without_arrangements_facts_are_set_on_the_order(database: Engine) -> None:
    chart = orderfsm.read(
        """
chart: tests/total
version: "1"
initial: a
states: {a: {category: open}, b: {category: done, final: true}}
events: {go: {from: a, to: b, when: order.data.total > 3}, ask: {from: a, to: b, when: order.nonesuch}}
"""
    )
    driver = LifecycleDriver(lifecycle(chart), database)
    go, ask = transitions(chart)
    follow(driver, go)
    with pytest.raises(Unsent, match=r"guards of ask ask for order.nonesuch; say how .* LifecycleDriver\(…, arrange="):
        follow(driver, ask)


def test_what_an_order_works_out_by_itself_is_not_set_on_it(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "total", property(lambda order: 3), raising=False)
    chart = orderfsm.read("""
chart: tests/worked_out
version: "1"
initial: a
states: {a: {}, b: {final: true}}
events: {go: {from: a, to: b, when: order.total > 3}}
""")
    [go] = transitions(chart)
    with pytest.raises(Unsent, match=r"guards of go ask for order.total; say how"):
        follow(LifecycleDriver(lifecycle(chart), database), go)
    with Session(database) as session, pytest.raises(orderfsm.GuardRefused) as refused:
        InState(session, Clock())(lifecycle(chart), "b")
    assert "or an order that the guards accept" in refused.value.__notes__[0]


def test_a_timer_that_is_not_swept_is_found(database: Engine) -> None:
    library = Library()

    class Asleep(LifecycleDriver):
        def sweep(self) -> None:
            pass

    driver = Asleep(library.driver(database).lifecycle, database, arrange=library.arrange)
    with pytest.raises(Disagreement, match=r"after the sweep at .*: the chart has the order in"):
        run(state_machine_for(LEND, driver), FINDING)


def test_what_the_system_has_done_counts_as_covered() -> None:
    collector = Collector()
    with watching(collector):
        for tried in (*transitions(KIOSK), *refusals(KIOSK)):
            follow(KioskDriver(), tried)
    [(chart, coverage)] = collector.found()
    measured = Measured.of(chart, coverage)
    assert measured.percent("transitions") == measured.percent("states") == 100
    assert {goal for goal in measured.met("refusals") if goal[1] == "not-enabled"}


def test_a_step_that_a_lifecycle_has_told_of_is_not_taken_twice(database: Engine) -> None:
    chart = orderfsm.read("""
chart: tests/again
version: "1"
initial: lent
states: {lent: {}, back: {final: true}}
events: {renew: {from: lent, to: lent}, return: {from: lent, to: back}}
""")
    driver, collector = LifecycleDriver(Lifecycle(chart, SqlStore(Order, OrderHistory)), database), Collector()
    walk = Walk.of(chart, [Send("open"), Send("renew")])

    def pairs_met(walk: Walk) -> int:
        with watching(collector):
            follow(driver, walk)
        [(_, coverage)] = collector.found()
        return len(Measured.of(chart, coverage).met("pairs"))

    assert pairs_met(walk) == 0
    assert pairs_met(walk.then(Send("renew"))) == 1


def test_a_time_that_passes_is_told_to_the_system() -> None:
    moments: list[datetime] = []

    class Clocked(KioskDriver):
        def at(self, now: datetime) -> None:
            moments.append(now)
            super().at(now)

    walk = Walk.of(KIOSK, [Send("open", now=NOW), Send("lapse", actor="system", now=NOW + timedelta(minutes=30))])
    follow(Clocked(), walk)
    assert moments == [NOW, NOW + timedelta(minutes=30)]
