"""Random lives with events, holds and corrections: what is stored is what the core and a set of names say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine
from sqlmodel import Session

import orderfsm
from kept import READY_MADE, Clock, database
from orderfsm import NotEnabled, Refused, effective, replay
from orderfsm.lifecycle import Corrections, Lifecycle, Restated
from orderfsm.sqlmodel import Order
from test_holds import FREE

NAMES = st.sampled_from(["credit", "customs", "stock"])
EVENTS = st.sampled_from(["accept", "print", "note", "hold", "resume", "ship", "lose", "cancel", "withdraw"])
MORE: dict[str, Any] = {"actor": "boss", "reason": "a mistake"}
TABLE = orderfsm.compile(FREE)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("model")) as made:
        yield made


def held(configuration: str) -> bool:
    return "held" in TABLE.configurations[configuration].states


class Life(RuleBasedStateMachine):
    """One order. `stack` has the configurations that count with their sequences, `holds` the names that hold."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        roles = ("boss",)
        guards = {"refundable": lambda facts: True}
        corrections = Corrections(roles, roles, roles)
        self.orders = Lifecycle(FREE, READY_MADE.store, guards=guards, clock=Clock(), corrections=corrections)
        self.session = Session(self.engine)

    @initialize()
    def open(self) -> None:
        self.order = Order()
        self.orders.open(self.session, self.order)
        self.stack, self.revision, self.holds = [("received", 1)], 1, set[str]()

    @property
    def here(self) -> str:
        return self.stack[-1][0]

    def moved(self, after: str, *, counts: bool = True) -> None:
        """The model after an entry: holds end where the order is held no longer."""
        if held(self.here) and not held(after):
            self.holds.clear()
        self.revision += 1
        if counts:
            self.stack.append((after, self.revision))

    def asked(self, event: str) -> str | None:
        """Where the core says that an event leads; None when it refuses."""
        actor = {"accept": "printer", "cancel": "customer"}.get(event)
        try:
            return str(orderfsm.step(FREE, self.here, event, actor=actor, guards=self.orders.guards).after)
        except Refused:
            return None

    @rule(event=EVENTS)
    def send(self, event: str) -> None:
        after = self.asked(event)
        if event == "resume" and self.holds:
            after = None
        actor = {"accept": "printer", "cancel": "customer"}.get(event)
        try:
            self.orders.send(self.session, self.order, event, actor=actor)
        except Refused:
            assert after is None
        else:
            assert after is not None
            self.moved(after)

    @rule(name=NAMES)
    def hold(self, name: str) -> None:
        after = self.here if held(self.here) else self.asked("hold")
        try:
            placed = self.orders.hold(self.session, self.order, name)
        except NotEnabled:
            assert name in self.holds or after is None
            return
        assert name not in self.holds
        assert after is not None
        if placed.placed_sequence is not None:
            assert not held(self.here)
            self.moved(after)
        self.holds.add(name)

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        try:
            released = self.orders.release(self.session, self.order, name)
        except NotEnabled:
            assert name not in self.holds
            return
        self.holds.remove(name)
        assert (released.released_sequence is None) == bool(self.holds)
        if not self.holds:
            after = self.asked("resume")
            assert after is not None
            self.moved(after)

    @rule()
    def void(self) -> None:
        try:
            entry = self.orders.void(self.session, self.order, **MORE)
        except NotEnabled:
            assert len(self.stack) == 1
            return
        assert entry.corrects == self.stack[-1][1]
        self.moved(self.stack[-2][0], counts=False)
        self.stack.pop()

    @rule(to=st.sampled_from(sorted(TABLE.configurations)))
    def override(self, to: str) -> None:
        if to != self.here:
            self.orders.override(self.session, self.order, to, **MORE)
            self.moved(to)

    @rule(place=st.integers(0, 20))
    def supersede(self, place: int) -> None:
        _, sequence = self.stack[place % len(self.stack)]
        self.orders.supersede(self.session, self.order, sequence, Restated(payload={"place": place}), **MORE)
        self.moved(self.here, counts=False)

    @precondition(lambda self: self.holds)
    @rule()
    def commit(self) -> None:
        self.session.commit()

    @invariant()
    def agreed(self) -> None:
        if not hasattr(self, "order"):
            return
        assert (self.order.configuration, self.order.revision) == (self.here, self.revision)
        active = {hold.name for hold in self.orders.holds(self.session, self.order) if hold.active}
        assert active == self.holds
        assert held(self.here) or not active

    def teardown(self) -> None:
        if hasattr(self, "order"):
            self.session.flush()
            self.session.expire_all()
            assert (self.order.configuration, self.order.revision) == (self.here, self.revision)
            entries = self.orders.history(self.session, self.order)
            assert replay(FREE, entries).configuration == self.here
            counting = [(each.entry.after, each.entry.sequence) for each in effective(entries) if each.counts]
            assert counting == self.stack
        self.session.close()


def test_lives_with_holds_and_corrections_are_what_the_model_says(engine: Engine) -> None:
    life = type("Life", (Life,), {"engine": engine})
    run_state_machine_as_test(life, settings=settings(max_examples=40, stateful_step_count=25))
