"""The rules of a chart's state machine: what is sent to some orders of a system, each beside its walk of the chart."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import event as seen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from orderfsm import compile

from .agreeing import Disagreement
from .asked import lost, new_keys, refused, untold
from .driver import Unsent
from .driving import Life, noting
from .exploring import plainest
from .illegal import KINDS, illegal_events, legal
from .moves import moves, sends
from .send import Send, Walk
from .solving import NOW
from .unsolved import Unsolved
from .walks import sends_after, walks

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from orderfsm import Chart

    from .driver import Driver
    from .tally import Tally

__all__ = ["Orders", "sending"]

_WRONG = tuple(kind for kind in KINDS if kind != "not-enabled")
_SECOND = timedelta(seconds=1)
_PAUSES = (_SECOND, timedelta(hours=1), timedelta(days=1), timedelta(days=30))
_DATA = st.data()

_LEAD = 6
"""How many events an order is led through when it is opened, at most."""

_WRONG_OPENINGS = 2
"""How often it is tried in one example to open an order wrongly."""


def _settings() -> settings:
    """The settings in force, with neither time limits, which are not for databases and networks, nor explanations.

    Those trace every line, which makes shrinking several times slower, and tell lines of the library.
    """
    phases = [phase for phase in settings().phases if phase is not Phase.explain]
    return settings(deadline=None, suppress_health_check=list(HealthCheck), phases=phases)


def _openings(chart: Chart) -> Iterator[Send]:
    """The plainest sends that open an order, in each way and each role that may."""
    for move, send in legal(Walk(chart)):
        yield from (replace(send, actor=role) for role in (send.actor, *move.roles[1:]))


def sending(event: str) -> Callable[..., None]:
    """The rule for one event, where some order may be sent it."""
    told = "anything" if event == "*" else event

    def send(self: Orders, data: st.DataObject) -> None:
        self.send_one_of(data, self.open_to(event), told)

    send.__name__ = f"event_{re.sub('[^0-9A-Za-z]', '_', told)}"
    send.__doc__ = f"Send {told} where the chart has an arrow for it."
    return precondition(lambda self: bool(self.open_to(event)))(rule(data=_DATA)(send))


class Orders(RuleBasedStateMachine):
    """Some orders of the system under test, each beside its walk through the chart: `life.order` and `life.walk`.

    What `state_machine_for` makes is a subclass. A subclass of that may have rules and invariants of its own, which
    find the orders in `lives`.
    """

    chart: Chart
    driver: Driver
    most: int
    own: tuple[str, ...]
    passed_over: Counter[str]
    """What could not be sent, by why: what was not tested."""
    tally: Tally

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.TestCase.settings = _settings()
        cls.TestCase.tearDown = lambda _: cls.tally.warn()  # type: ignore[method-assign,assignment]

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[Life] = []
        self.now: datetime = NOW
        self.keys = new_keys()
        self.wrongly_opened = 0
        self.driver.begin()

    def teardown(self) -> None:
        """The driver is told that the life has ended."""
        self.driver.end()

    # --- which order

    def open_to(self, event: str) -> list[Life]:
        """The orders that the chart has an arrow of this event for."""
        rows = compile(self.chart).rows
        return [life for life in self.lives if life.walk.configuration and event in rows[life.walk.configuration]]

    def one_of(self, data: st.DataObject, lives: list[Life]) -> Life:
        """One of these orders."""
        if len(lives) == 1:
            return lives[0]
        return lives[data.draw(st.integers(0, len(lives) - 1), "which order")]

    # --- sending

    def attempt(self, life: Life, send: Send) -> Unsent | None:
        """Send it to the system and to the chart, at the time that it is; every order is looked at afterwards.

        Why not, when the driver cannot send it, or not as it was meant, or the chart cannot say what becomes of it.
        """
        if self.driver.clock:
            self.now = max(self.now, send.now or self.now)
            self.driver.at(self.now)
        key = next(self.keys) if self.driver.keys else None
        before = len(life.walk)
        try:
            meant = replace(send, now=self.now if self.driver.clock else None)
            tried = life.attempt(meant, key)
            if tried is None:
                raise untold(send)
        except Unsent as why:
            self.pass_over(why, send)
            return why
        except Disagreement as wrong:
            wrong.beside = "another order" if any(other is not life for other in self.lives) else ""
            raise
        if len(life.walk) > before:
            self.tally.carried_out(send.event)
        elif tried.step is not None:
            self.pass_over(refused(send.event), send)
        self.look_at_the_others(life, f"after {send} was sent to another order: ")
        if (why_not := lost(tried, meant)) is not None:
            self.pass_over(why_not, send)
        return why_not

    def pass_over(self, why: Unsent, send: Send | None = None) -> None:
        """Count what is not carried out."""
        self.tally.pass_over(why, send.event if send else "")
        seen("not carried out", str(why))

    def look_at_the_others(self, life: Life, said: str) -> None:
        """What is sent to one order changes no other."""
        for other in self.lives:
            if other is not life:
                other.agree(other.walk, said=said, beside="another order")

    def send_one_of(self, data: st.DataObject, lives: list[Life], event: str) -> None:
        """Send an event to one of these orders, with what the chart asks for; a guard may refuse it."""
        life = self.one_of(data, lives)
        send = data.draw(sends_after(life.walk, event=event), "send")
        if send is not None:
            self.attempt(life, send)
        elif not self.driver.clock:
            self.pass_over(untold(Send(event)), Send(event))

    @precondition(lambda self: self.has_room())
    @rule(data=_DATA)
    def open(self, data: st.DataObject) -> None:
        """Open an order, and lead it some way through the chart."""
        life = Life(self.chart, self.driver, self.own)
        walk = data.draw(walks(self.chart, longest=_LEAD), "walk")
        for send, step in zip(walk.sends, walk.steps, strict=True):
            if step.after.final and len(walk) > 1:
                return  # orders end by a rule of their own: the others say more
            before = len(life.walk)
            why = self.attempt(life, send)
            if why is not None and not self.lives:
                self.open_somehow(why)
                return
            if before == 0 and life.walk.sends:
                self.forget()
                self.lives.append(life)
            if len(life.walk) == before:
                return

    def open_somehow(self, why: Unsent) -> None:
        """Open an order in any way that can be sent. Raises Unsent when there is none: there is nothing to test."""
        told = False
        for send in _openings(self.chart):
            life = Life(self.chart, self.driver, self.own)
            told = self.attempt(life, send) is None or told
            if life.walk.sends:
                self.lives.append(life)
                return
        if not told:
            raise Unsent(f"no order can be opened: {why}") from why

    def has_room(self) -> bool:
        """Whether another order may be opened: those that have ended do not count."""
        return sum(not life.ended for life in self.lives) < self.most

    def forget(self) -> None:
        """Of the orders that have ended keep the last ones, to see that they stay where they are."""
        ended = [life for life in self.lives if life.ended]
        self.lives = [life for life in self.lives if life not in ended[: -self.most]]

    @precondition(lambda self: self.has_room() and self.wrongly_opened < _WRONG_OPENINGS)
    @rule(data=_DATA)
    def open_wrongly(self, data: st.DataObject) -> None:
        """Open an order with something wrong about it."""
        self.wrongly_opened += 1
        self.send_something_wrong(data, Life(self.chart, self.driver, self.own))

    @precondition(lambda self: self.lives)
    @rule(data=_DATA)
    def send_out_of_place(self, data: st.DataObject) -> None:
        """Send an event that the chart has no arrow for, in the state in which an order is."""
        life = self.one_of(data, self.lives)
        table = compile(self.chart)
        assert life.walk.configuration is not None  # noqa: S101
        row = table.rows[life.walk.configuration]
        events = [event for event in sorted(table.alphabet) if event != "*" and event not in row and "*" not in row]
        if events:
            self.attempt(life, plainest(self.chart, data.draw(st.sampled_from(events), "event")))

    @precondition(lambda self: self.lives)
    @rule(data=_DATA)
    def send_wrongly(self, data: st.DataObject) -> None:
        """Send an event with something wrong about it: who, why, links, payload, what guards ask for, its name."""
        unfinished = [life for life in self.lives if not life.ended]
        self.send_something_wrong(data, self.one_of(data, unfinished or self.lives))

    def send_something_wrong(self, data: st.DataObject, life: Life) -> None:
        """Send what the chart refuses there; nothing when there is no such thing."""
        try:
            attempt = data.draw(illegal_events(self.chart, life.walk, kinds=_WRONG), "attempt")
        except Unsolved:
            return
        self.attempt(life, attempt.send)

    @precondition(lambda self: self.lives)
    @rule(data=_DATA)
    def send_again(self, data: st.DataObject) -> None:
        """Send once more what was sent last, as somebody who clicks twice: another request, with another key."""
        life = self.one_of(data, self.lives)
        if len(life.walk) > 1:
            self.attempt(life, replace(life.walk.sends[-1], now=None))

    # --- redeliveries

    @precondition(lambda self: any(life.keyed for life in self.lives))
    @rule(data=_DATA)
    def redeliver(self, data: st.DataObject) -> None:
        """Deliver a request again, under its key: it is carried out once."""
        life = self.one_of(data, [life for life in self.lives if life.keyed])
        sent = data.draw(st.sampled_from(life.keyed), "request")
        try:
            life.again(sent)
        except Unsent as why:
            self.pass_over(why)
        self.look_at_the_others(life, f"after {sent.send} was delivered again to another order: ")

    @precondition(lambda self: any(len(life.keyed) > 1 for life in self.lives))
    @rule(data=_DATA)
    def reuse_a_key(self, data: st.DataObject) -> None:
        """Send another request under a key that was used: it is refused."""
        life = self.one_of(data, [life for life in self.lives if len(life.keyed) > 1])
        used = [sent for sent in life.keyed if not sent.opens]
        sent = data.draw(st.sampled_from(used), "request")
        others = self._others(life, sent.send)
        if others:
            try:
                life.reuse(sent, data.draw(st.sampled_from(others), "other request"))
            except Unsent as why:
                self.pass_over(why)

    def _others(self, life: Life, send: Send) -> list[Send]:
        """What else may be sent to the order; where nothing may, other events."""
        others = [replace(other, now=None) for _, other in legal(life.walk) if other.event != send.event]
        if others:
            return others
        events = sorted(event for event in compile(self.chart).alphabet if event not in ("*", send.event))
        return [Send(event, actor=send.actor) for event in events]

    # --- time

    @precondition(lambda self: self.driver.clock)
    @rule(data=_DATA)
    def let_time_pass(self, data: st.DataObject) -> None:
        """Let time pass; what timers have made due is sent, and nothing right before the first of them is due."""
        due = sorted(moment for life in self.lives for moment in life.moments() if moment > self.now)
        moments = {self.now + pause for pause in _PAUSES}
        moments |= {moment + beside for moment in due for beside in (-_SECOND, timedelta(), _SECOND)}
        until = data.draw(st.sampled_from(sorted(moment for moment in moments if moment >= self.now)), "moment")
        first = [moment - _SECOND for moment in due[:1] if self.now < moment - _SECOND and moment <= until]
        for moment in (*first, until):
            self.now = moment
            self.driver.at(moment)
            if self.driver.timers:
                self.sweep(data)

    def sweep(self, data: st.DataObject) -> None:
        """Let the system send what is due, when the chart can say what becomes of it."""
        facts = {id(life): self._facts(data, life) for life in self.lives}
        rung = [life.ring(facts[id(life)], self.now) for life in self.lives]
        if any(each is None for each in rung):
            self.pass_over(Unsent("a sweep: no facts were found for what guards ask of a timer that is due"))
            return
        said = f"the sweep at {self.now.isoformat()}"
        try:
            with noting([life.walk for life in self.lives], said):
                self._swept(facts)
        except Unsent as why:
            self.pass_over(why)
            return
        self._take_over([life for life in rung if life is not None])
        for life in self.lives:
            life.agree(life.walk, said=f"after {said}: ", beside="a sweep")

    def _take_over(self, rung: list[Life]) -> None:
        for before, after in zip(self.lives, rung, strict=True):
            for send in after.walk.sends[len(before.walk) :]:
                self.tally.carried_out(send.event)
        self.lives = rung

    def _swept(self, facts: Mapping[int, Send | None]) -> None:
        for life in self.lives:
            given = facts[id(life)]
            if given is not None:
                self.driver.arrange(life.order, given)
        self.driver.sweep()

    def _facts(self, data: st.DataObject, life: Life) -> Send | None:
        """What guards may read when the order's next timer rings; None when none is due, or they read nothing."""
        timer = life.due(self.now)
        if timer is None:
            return None
        table = compile(self.chart)
        wanted = [move for move in moves(table, life.walk.configuration) if move.event == timer.event]
        found = [send for move in wanted if (send := next(sends(life.walk, move, self.now), None)) is not None]
        given = [send for send in found if send.facts or send.guards]
        return data.draw(st.sampled_from(given), "what guards read") if given else None
