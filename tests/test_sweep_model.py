"""Hypothesis drives orders, a clock and sweeps over real databases; the model counts the time that each timer has run.

A timer is sent exactly when the time during which its state was active and the clock ran has come to its delay. So it
is sent once, never early, and time spent in stopped states never counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlmodel import Session

import orderfsm
from kept import KINDS, READY_MADE, Kept, database, lifecycle
from kept_timers import REGIONS, Still, clear, lease, timers
from orderfsm import Chart, Refused

CHARTS = ((lease("1"), lease("2", times=1.5)), (REGIONS, REGIONS))
"""Each with its next version."""

PLACES = st.integers(0, 1)


@dataclass
class Counted:
    """A timer of the model: how long it has run, of how much."""

    state: str
    event: str
    sequence: int
    delay: timedelta
    run: timedelta = timedelta()
    spent: bool = False

    @property
    def name(self) -> tuple[str, str, int]:
        return self.state, self.event, self.sequence

    @property
    def left(self) -> timedelta:
        return self.delay - self.run


@dataclass
class Life:
    """What the model knows of one order."""

    key: Any
    here: str = ""
    sequence: int = 0
    counted: list[Counted] = field(default_factory=list)


class Timed(RuleBasedStateMachine):
    """Two orders, a clock that goes forwards and backwards, sweeps, and a new version of the chart."""

    def __init__(self, engine: Engine, kind: Kept) -> None:
        super().__init__()
        self.engine, self.kind = engine, kind

    @initialize(charts=st.sampled_from(CHARTS), chosen=st.lists(st.integers(0, 20), max_size=4))
    def begin(self, charts: tuple[Chart, Chart], chosen: list[int]) -> None:
        clear(self.engine, self.kind)
        self.clock = Still()
        self.chart, self.next = charts
        self.orders = lifecycle(self.kind, self.chart, clock=self.clock)
        self.lives: list[Life] = []
        with Session(self.engine) as session:
            for _ in range(2):
                order = self.kind.new()
                self.orders.open(session, order)
                self.lives.append(Life(self.orders.store.key(order)))
            session.commit()
        for place, life in enumerate(self.lives):
            self.take(life, orderfsm.start(self.chart))
            self.send(place, [0, *chosen])

    # --- the model

    def stopping(self, here: str) -> set[str]:
        states = orderfsm.compile(self.chart).configurations[here].states
        return {name for name in states if self.chart.by_name[name].clock == "stops"}

    def runs(self, life: Life, counted: Counted) -> bool:
        stopping = self.stopping(life.here)
        inside = any(counted.state == s or self.chart.within(counted.state, s) for s in stopping if counted.state)
        return not counted.spent and (not stopping or inside)

    def take(self, life: Life, step: orderfsm.Step) -> None:
        """Entered and left states begin and end their timers; a step into a stopped state puts them aside."""
        own = {c.state for c in life.counted if life.here and self.stopping(life.here) and self.runs(life, c)}
        life.sequence += 1
        life.here = str(step.after)
        stopping = self.stopping(life.here)
        detour = bool(stopping & set(step.entered))
        kept = []
        for counted in life.counted:
            gone = counted.state in step.exited
            if not counted.state or (counted.state in step.after.states and not gone):
                kept.append(counted)
            elif counted.state in step.after.states or not stopping:
                continue
            elif not gone or (detour and counted.state not in own):
                kept.append(counted)
        life.counted = [] if step.after.final else kept
        known = {counted.state for counted in kept if counted.state}
        for timer in () if step.after.final else step.armed:
            if (timer.state or "") not in known:
                life.counted.append(Counted(timer.state or "", timer.event, life.sequence, timer.delay))
        for counted in life.counted:
            if stopping and not self.runs(life, counted):
                counted.run = min(counted.run, counted.delay)  # what is overdue now is due when the clock goes on

    def due(self) -> tuple[datetime, Life, Counted] | None:
        """The timer that has been due for longest."""
        found = [
            (self.clock.time + counted.left, place, counted.sequence, counted.state, counted.event, life, counted)
            for place, life in enumerate(self.lives)
            for counted in life.counted
            if self.runs(life, counted) and counted.left <= timedelta()
        ]
        if not found:
            return None
        at, _, _, _, _, life, counted = min(found, key=lambda each: each[:5])
        return at, life, counted

    def swept(self) -> Iterator[tuple[Any, str, str, int, str]]:
        """What a sweep says, and what it does to the model."""
        while (found := self.due()) is not None:
            _, life, counted = found
            counted.spent = True
            outcome = "sent"
            try:
                self.take(life, orderfsm.step(self.chart, life.here, counted.event))
            except Refused:
                outcome = "refused"
            if not counted.state and outcome == "sent":
                life.counted = [each for each in life.counted if each is not counted]
            yield life.key, counted.state, counted.event, counted.sequence, outcome

    # --- rules

    @rule(hours=st.integers(1, 24 * 4))
    def time_goes_by(self, hours: int) -> None:
        self.jump(timedelta(hours=hours))

    @rule(hours=st.integers(1, 48))
    def the_clock_is_set_back(self, hours: int) -> None:
        self.jump(-timedelta(hours=hours))

    def jump(self, by: timedelta) -> None:
        self.clock.time += by
        for life in self.lives:
            for counted in life.counted:
                if self.runs(life, counted):
                    counted.run += by

    @rule(place=PLACES, chosen=st.lists(st.integers(0, 20), min_size=1, max_size=5))
    def send(self, place: int, chosen: list[int]) -> None:
        """Some events one after the other; those that end the order only when nothing else is possible."""
        life = self.lives[place]
        with Session(self.engine) as session:
            order = session.get_one(self.kind.order, life.key)
            for number in chosen:
                row = orderfsm.compile(self.chart).rows[life.here]
                events = [event for event in row if not row[event].steps[0].after.final] or list(row)
                if events:
                    event = events[number % len(events)]
                    self.orders.send(session, order, event)
                    self.take(life, orderfsm.step(self.chart, life.here, event))
            session.commit()

    @rule(place=PLACES)
    def stop_and_go_on(self, place: int) -> None:
        """Another session does and undoes what would change the timers: nothing happens."""
        life = self.lives[place]
        events = list(orderfsm.compile(self.chart).rows[life.here])
        with Session(self.engine) as session:
            order = session.get_one(self.kind.order, life.key)
            for event in events[:1]:
                self.orders.send(session, order, event)
            self.orders.sweep(session)
            session.rollback()

    @rule(days=st.integers(4, 40))
    def much_time_goes_by(self, days: int) -> None:
        self.jump(timedelta(days=days))

    @rule(microseconds=st.integers(-1, 0))
    def the_next_is_just_or_not_quite_due(self, microseconds: int) -> None:
        left = [c.left for life in self.lives for c in life.counted if self.runs(life, c) and c.left > timedelta()]
        if left:
            self.jump(min(left) + timedelta(microseconds=microseconds))
            self.sweep()

    @rule()
    def sweep(self) -> None:
        said = self.orders.sweep(self.engine)
        expected = list(self.swept())
        assert sorted(map(_told, said), key=str) == sorted(expected, key=str)
        for life in self.lives:
            assert [t for t in map(_told, said) if t[0] == life.key] == [t for t in expected if t[0] == life.key]

    @rule()
    def deploy_the_next_version(self) -> None:
        self.chart = self.next
        self.orders = lifecycle(self.kind, self.chart, clock=self.clock)

    # --- what must hold at every moment

    @invariant()
    def what_is_left_is_the_delay_without_the_time_that_counted(self) -> None:
        for life in self.lives:
            rows = {(row.state, row.event, row.sequence): row for row in timers(self.engine, self.orders, life.key)}
            assert set(rows) == {counted.name for counted in life.counted}
            for counted in life.counted:
                self.compare(life, counted, rows[counted.name])

    def compare(self, life: Life, counted: Counted, row: Any) -> None:
        assert (row.spent_at is not None) is counted.spent
        if counted.spent:
            return
        if self.runs(life, counted):
            assert row.due_at == self.clock.time + counted.left
        else:
            assert (row.due_at, row.remaining) == (None, counted.left // timedelta(microseconds=1))

    @invariant()
    def no_key_was_used_twice(self) -> None:
        with Session(self.engine) as session:
            for life in self.lives:
                entries = self.orders.history(session, session.get_one(self.kind.order, life.key))
                keys = [entry.key for entry in entries if entry.origin == "timer"]
                assert None not in keys
                assert len(keys) == len(set(keys))
                assert (entries[-1].after, len(entries)) == (life.here, life.sequence)


def _told(swept: Any) -> tuple[Any, str, str, int, str]:
    return swept.order, swept.state, swept.event, swept.sequence, swept.outcome


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("timed")) as made:
        yield made


def test_each_timer_is_sent_once_after_its_delay_of_time_that_counts(engine: Engine) -> None:
    kind = READY_MADE if engine.dialect.name == "sqlite" else KINDS[3]
    share = 4 if engine.dialect.name == "sqlite" else 10
    chosen = settings(
        max_examples=max(10, settings().max_examples // share),
        stateful_step_count=40,
        suppress_health_check=[*HealthCheck],
    )
    run_state_machine_as_test(lambda: Timed(engine, kind), settings=chosen)
