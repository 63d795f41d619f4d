"""One order of the system under test beside the walk that the chart makes of the same sends."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from orderfsm import Actor, Conflict, Refused
from orderfsm.timers import Pending, advance, by_step
from orderfsm.watch import listening, retell

from .agreeing import Disagreement, Laws, differences
from .driver import Declined, Shown
from .send import Attempt, Send, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orderfsm import Chart, Step

    from .driver import Driver

__all__ = ["Life", "Sent", "noting"]

UNTOLD = ("guard-failed", "missing-guard")
"""What the chart itself cannot decide: facts are missing, so that nothing is known of what the system should do."""

_NO = (Refused, Declined)


@contextmanager
def noting(tried: Iterable[Walk | Attempt], told: str) -> Iterator[None]:
    """What the system raises that is no refusal gets a note of what it came of, with the lives that led there."""
    try:
        yield
    except (SkipTest, Disagreement):
        raise
    except Exception as error:
        scenarios = "".join(each.scenario() for each in tried)
        error.add_note(f"this came of {told}; as a scenario:\n{scenarios}")
        raise


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was carried out under a key; `opens` says that it has opened the order."""

    send: Send
    key: str
    opens: bool


class Life:
    """An order in the system and in the chart. What is sent is sent to both, and both must come to the same.

    `own` are events that the system may refuse for reasons of its own. `keyed` is what was carried out under a key.
    """

    def __init__(self, chart: Chart, driver: Driver, own: tuple[str, ...] = ()) -> None:
        self.walk = Walk(chart)
        self.order: Any = None
        self.keyed: list[Sent] = []
        self._opened = False
        self._driver = driver
        self._own = own
        self._laws = Laws(chart)
        self._timers: list[Pending] = []
        self._fresh: list[Step] = []
        """The steps that were taken since the last look."""

    # --- sending

    def attempt(self, send: Send, key: str | None = None) -> Attempt | None:
        """Send it, and compare; None when the chart cannot say what becomes of it, and nothing was sent.

        Raises Disagreement, Unsent, and what the system raises that is no refusal.
        """
        send = self._driver.worded(self.order, send)
        attempt = Attempt.judged(self.walk, send)
        if attempt.refused in UNTOLD:
            return None
        with noting([attempt], f"{send!r} in {self._here}"):
            self._driver.arrange(self.order, send)
            with listening(self.walk.chart) as ear:
                refusal = self._refusal(attempt, key)
            if refusal is None and attempt.step is not None:
                self._take(attempt)
                self.keyed += [Sent(send, key, opens=len(self.walk) == 1)] if key is not None else []
            self.agree(attempt)
        if not ear.heard and (refusal is None) is (attempt.step is not None):  # coverage counts it, say
            walk = attempt.walk
            retell(attempt.send.call(walk.chart, walk.configuration, walk.entries))
        return attempt

    def _refusal(self, attempt: Attempt, key: str | None) -> Exception | None:
        """What the system answers; None when it takes what was sent. Raises Disagreement where the chart differs."""
        try:
            self._sent(attempt.send, key)
        except _NO as refusal:
            self._compare(attempt, refusal)
            return refusal
        if attempt.step is None:
            blocker = f" ({attempt.blocker})" if attempt.blocker != attempt.refused else ""
            said = f"the chart refuses {attempt.send} in {self._here} with {attempt.refused}{blocker}"
            raise Disagreement(f"{said}, the system takes it{self._aftermath(attempt)}", attempt)
        return None

    def _sent(self, send: Send, key: str | None) -> None:
        if self.walk.sends:
            self._driver.send(self.order, send, key=key)
        else:
            self.order = self._driver.open(send, key=key)
            self._opened = True

    def _compare(self, attempt: Attempt, refusal: Exception) -> None:
        """Raise Disagreement for a refusal that is not the chart's."""
        told = f"{attempt.send} in {self._here}"
        if {attempt.send.event, "*"} & set(self._own):
            return
        if attempt.step is not None:
            said = f"the chart takes {told} to {attempt.step.after}"
            raise Disagreement(f"{said}, the system refuses it: {refusal}", attempt)
        code = getattr(refusal, "code", "")
        if code not in ("", attempt.refused):
            raise Disagreement(
                f"the chart refuses {told} with {attempt.refused}, the system with {code}: {refusal}", attempt
            )

    def _aftermath(self, attempt: Attempt) -> str:
        """What the system shows after what it should not have taken, and which rules that breaks."""
        if not self._opened:
            return ""
        seen = self._look().configuration
        broken = self._laws.broken(seen)
        return f" and shows {seen}" + "".join(f"; that breaks the rule {text!r}" for text in broken)

    def again(self, sent: Sent) -> None:
        """Deliver a request again under its key: it has to succeed, and to change nothing."""
        told = f"{sent.send} was sent again under its key {sent.key!r}"
        with noting([self.walk], f"{sent.send!r}, sent again under its key"):
            try:
                if sent.opens:
                    self._opened_again(sent, told)
                else:
                    self._driver.send(self.order, sent.send, key=sent.key)
            except _NO as refusal:
                said = f"{told}, and is refused: {refusal}"
                raise Disagreement(said, self.walk, beside="a redelivery") from refusal
            self.agree(self.walk, said=f"{told}; ", beside="a redelivery")

    def _opened_again(self, sent: Sent, told: str) -> None:
        order = self._driver.open(sent.send, key=sent.key)
        if order != self.order:
            said = f"{told}, and opens another order: {order!r} beside {self.order!r}"
            raise Disagreement(said, self.walk, beside="a redelivery")

    def reuse(self, sent: Sent, send: Send) -> None:
        """Send something else under a key that was used: it has to be refused."""
        send, beside = self._driver.worded(self.order, send), "a request under a used key"
        with noting([self.walk], f"{send!r}, sent under the key of {sent.send}"):
            self._driver.arrange(self.order, send)
            with suppress(*_NO, Conflict):
                self._driver.send(self.order, send, key=sent.key)
                said = f"{send} was sent under the key {sent.key!r} of {sent.send}, and is not refused"
                raise Disagreement(said, self.walk, beside=beside)
            self.agree(self.walk, said=f"{send} was sent under a key that {sent.send} has used; ", beside=beside)

    def _take(self, attempt: Attempt) -> None:
        assert attempt.step is not None  # noqa: S101
        self.walk = self.walk.after(attempt.send, attempt.step)
        self._fresh.append(attempt.step)
        now = attempt.send.now
        if now is not None:
            change = by_step(self.walk.chart, attempt.step)
            self._timers = advance(change, self._timers, sequence=len(self.walk), earliest=now, latest=now)

    # --- looking

    @property
    def ended(self) -> bool:
        """Whether the order is where the chart has no way on."""
        return self.walk.configuration is not None and self.walk.configuration.final

    @property
    def _here(self) -> str:
        return str(self.walk.configuration or "the beginning")

    def _look(self) -> Shown:
        """What is shown of the order. Raises TypeError when that is nothing that could be compared."""
        shown: Any = self._driver.look(self.order)
        if not isinstance(shown, Shown) or not isinstance(shown.configuration, str | None):
            asked = "return a Shown, whose first is the state as a text, or None where there is no such order"
            raise TypeError(f"{type(self._driver).__name__}.look returned {shown!r}; {asked}")
        if isinstance(shown.entries, str) or not isinstance(shown.entries, Iterable | None):
            asked = "the history is a list of entries or of codes, or None where none is kept"
            raise TypeError(f"{type(self._driver).__name__}.look returned {shown!r}; {asked}")
        return shown if shown.entries is None else shown._replace(entries=list(shown.entries))

    def agree(self, tried: Walk | Attempt, *, said: str = "", beside: str = "") -> None:
        """Raise Disagreement when what is shown of the order is not what the chart says, or breaks one of its rules.

        `said` is what has happened, where that is not what was tried; `beside` what it takes besides.
        """
        if not self._opened:
            return
        shown = self._look()
        broken = self._laws.broken(shown.configuration, self._fresh)
        self._fresh.clear()
        found = [f"the rule {text!r} is broken" for text in broken]
        found += differences(self.walk.chart, self.walk, shown)
        if found:
            before = said or (f"after {tried.send}: " if isinstance(tried, Attempt) else "")
            raise Disagreement(before + "; ".join(found), tried, beside=beside)

    # --- timers

    def due(self, now: datetime) -> Pending | None:
        """The timer that has been due for longest."""
        found = [timer for timer in self._timers if timer.due_at is not None and timer.due_at <= now]
        waiting = (timer for timer in found if not timer.spent)
        return min(waiting, key=lambda t: (t.due_at, t.sequence, t.state, t.event, t.ordinal), default=None)

    def moments(self) -> Iterator[datetime]:
        """When timers that have not been sent are due."""
        yield from (timer.due_at for timer in self._timers if timer.due_at is not None and not timer.spent)

    def ring(self, facts: Send | None, now: datetime) -> Life | None:
        """What a sweep makes of the order, as a life of its own; None where the chart cannot say."""
        swept, rung = self._copy(), 0
        while (timer := swept.due(now)) is not None:
            rung += 1
            attempt = Attempt.judged(swept.walk, self._event(timer, facts, now))
            if attempt.refused in UNTOLD or rung > _RINGS:
                return None
            swept._spend(timer)
            if attempt.step is not None:
                swept._take(attempt)
                if not timer.state:
                    swept._timers = [each for each in swept._timers if each.key != timer.key]
        return swept

    def _event(self, timer: Pending, facts: Send | None, now: datetime) -> Send:
        sweeper = self._driver.sweeper
        actor = Actor(sweeper) if isinstance(sweeper, str) else sweeper
        sent = facts or Send(timer.event)
        return Send(timer.event, actor=actor, facts=sent.facts, guards=sent.guards, now=now)

    def _spend(self, timer: Pending) -> None:
        self._timers = [replace(each, spent=True) if each is timer else each for each in self._timers]

    def _copy(self) -> Life:
        other = Life(self.walk.chart, self._driver, self._own)
        other.walk, other.order, other.keyed, other._opened = self.walk, self.order, self.keyed, self._opened
        other._laws, other._timers, other._fresh = self._laws, list(self._timers), list(self._fresh)
        return other


_RINGS = 50
"""How many timers one sweep of one order may ring before it counts as endless."""
