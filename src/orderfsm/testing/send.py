"""What is sent: one event with everything that goes with it, walks of them, and attempts that may be refused.

The pure core is the judge: a Walk is made by `orderfsm.start` and `orderfsm.step`, so that there is no walk that the
chart does not allow. Both print as Python that makes them again, and as a scenario that the chart can keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from orderfsm import Actor, Entry, GuardFailed, MissingGuard, Reason, Refused, compile
from orderfsm.arguments import expect
from orderfsm.call import Call
from orderfsm.chart import START
from orderfsm.watch import unwatched

from .scenario import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from orderfsm import Chart, Configuration, Link, Step

__all__ = ["Attempt", "Send", "Walk"]


class _Shown:
    """Shown by Hypothesis as by everybody else; it would write out every field, the whole chart among them."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - the printer's protocol
        printer.text(repr(self))


@dataclass(frozen=True, slots=True, repr=False)
class Send(_Shown):
    """One event as somebody sends it.

    `facts` is what guards read beside payload, actor and now (`order`, `items`), `guards` what the application's guards
    answer, `now` the moment of the send. The history is not part of it: that is the walk's.
    """

    event: str
    actor: Actor | str | None = None
    reason: Reason | str | None = None
    links: tuple[Link, ...] = ()
    payload: Mapping[str, Any] | None = field(default=None, hash=False)
    facts: Mapping[str, Any] | None = field(default=None, hash=False)
    guards: Mapping[str, bool] = field(default_factory=dict, hash=False)
    now: datetime | None = None

    def __repr__(self) -> str:
        """Python that makes it again, without what is left out."""
        given = ((name, getattr(self, name)) for name in _TOLD)
        told = (f"{name}={value!r}" for name, value in given if value or (name == "payload" and value is not None))
        return f"Send({', '.join([repr(self.event), *told])})"

    def __str__(self) -> str:
        return self.event

    @property
    def asked(self) -> dict[str, Any]:
        """The keywords that go with the event in every call: actor, reason, links and payload."""
        return {"actor": self.actor, "reason": self.reason, "links": self.links, "payload": self.payload}

    @property
    def answers(self) -> dict[str, Callable[[Mapping[str, Any]], bool]]:
        """The application's guards as functions, each with its one answer."""
        return {name: _always(answer) for name, answer in self.guards.items()}

    def taken(self, chart: Chart, configuration: str | None, history: Sequence[Entry] = ()) -> Step:
        """The step that it is in a configuration (None: it begins the order). Raises what `orderfsm.step` raises."""
        try:
            return unwatched(self.call(chart, configuration, history))
        except (AttributeError, TypeError):
            expect({name: getattr(self, name) for name in ("event", *_TOLD)})
            raise

    def call(self, chart: Chart, configuration: str | None, history: Sequence[Entry] = ()) -> Call:
        """What it asks the core in a configuration (None: it begins the order)."""
        facts = {"history": history, **(self.facts or {})}
        table = compile(chart)
        return Call(table, configuration, self.event, **self.asked, facts=facts, guards=self.answers, now=self.now)


_TOLD = tuple(each.name for each in fields(Send)[1:])


def _always(answer: bool) -> Callable[[Mapping[str, Any]], bool]:  # noqa: FBT001 - what a guard answers
    return lambda facts: answer


@dataclass(frozen=True, slots=True, repr=False)
class Walk(_Shown):
    """The sends of a legal life, from its opening on, with the steps they are and the entries they leave.

    Made with `Walk.of`, and lengthened with `then`. `title` is what pytest calls it.
    """

    chart: Chart
    sends: tuple[Send, ...] = ()
    steps: tuple[Step, ...] = field(default=(), compare=False)
    entries: tuple[Entry, ...] = field(default=(), compare=False)
    title: str = field(default="", compare=False)

    @classmethod
    def of(cls, chart: Chart, sends: Iterable[Send], *, title: str = "") -> Walk:
        """The walk of these sends; the first one begins the order. Raises what `orderfsm.step` raises.

        A Refused has the place of the send in `index`.
        """
        walk = cls(chart, title=title)
        for place, send in enumerate(sends):
            try:
                walk = walk.then(send)
            except Refused as refused:
                refused.index = place
                raise
        return walk

    def then(self, send: Send) -> Walk:
        """The walk with one more send. Raises what `orderfsm.step` raises."""
        _expect_send(send)
        return self.after(send, send.taken(self.chart, self.configuration, self.entries))

    def after(self, send: Send, step: Step) -> Walk:
        """The walk with one more send, whose step is known already."""
        entry = Entry(
            step.before, step.event, step.after, sequence=len(self.sends) + 1, code=step.after.code,
            category=step.after.category, occurred_at=send.now, recorded_at=send.now, actor=_who(send.actor),
            reason=_why(send.reason), links=send.links, payload=send.payload,
        )  # fmt: skip
        return Walk(self.chart, (*self.sends, send), (*self.steps, step), (*self.entries, entry), self.title)

    @property
    def configuration(self) -> Configuration | None:
        """Where it ends; None before it begins."""
        return self.steps[-1].after if self.steps else None

    @property
    def now(self) -> datetime | None:
        """The moment of its last send that has one."""
        return next((send.now for send in reversed(self.sends) if send.now), None)

    def scenario(self, title: str = "") -> str:
        """The walk as an item of a chart's `scenarios:` (YAML)."""
        return _scenario(self, title or str(self), then=str(self.configuration))

    def __str__(self) -> str:
        return self.title or "-".join(map(str, self.sends)) or "nothing"

    def __repr__(self) -> str:
        return f"Walk.of(chart, [{', '.join(map(repr, self.sends))}])"

    def __len__(self) -> int:
        return len(self.sends)


@dataclass(frozen=True, slots=True, repr=False)
class Attempt(_Shown):
    """One more send at the end of a walk, and what has to become of it: a `step`, or a refusal.

    `refused` is the code of the error (`reason-needed`), `blocker` that of its first blocker (`reason-missing`); both
    are empty where a step is expected.
    """

    walk: Walk
    send: Send
    step: Step | None = field(default=None, compare=False)
    refused: str = ""
    blocker: str = ""
    title: str = field(default="", compare=False)

    @classmethod
    def judged(cls, walk: Walk, send: Send, *, title: str = "") -> Attempt:
        """The attempt with what the chart makes of it.

        A guard that could not be evaluated, or that nobody answers, is told by that error's code, as in
        `orderfsm.blockers`.
        """
        _expect_send(send)
        try:
            step = send.taken(walk.chart, walk.configuration, walk.entries)
        except Refused as refused:
            return cls(walk, send, None, refused.code, refused.blockers[0].code, title)
        except (GuardFailed, MissingGuard) as error:
            return cls(walk, send, None, error.code, error.code, title)
        return cls(walk, send, step, title=title)

    @property
    def whole(self) -> Walk:
        """The walk with the send at its end. Raises the Refused that was expected."""
        return self.walk.then(self.send)

    def scenario(self, title: str = "") -> str:
        """The walk and the attempt as an item of a chart's `scenarios:` (YAML)."""
        if self.step is not None:
            return self.walk.after(self.send, self.step).scenario(title or str(self))
        return _scenario(self.walk, title or str(self), self.send, refused=self.refused)

    def __str__(self) -> str:
        return self.title or f"{self.walk.configuration or START}-{self.send}-{self.blocker or 'taken'}"

    def __repr__(self) -> str:
        return f"Attempt.judged({self.walk!r}, {self.send!r})"


def _scenario(walk: Walk, title: str, last: Send | None = None, *, then: str = "", refused: str = "") -> str:
    sends = [*walk.sends, *([last] if last is not None else [])]
    return "\n".join(lines(walk.chart, title, sends, walk.steps, then=then, refused=refused)) + "\n"


def _expect_send(send: object) -> None:
    """Raise TypeError for what is no send."""
    if not isinstance(send, Send):
        raise TypeError(f"{send!r} is no send; a walk is made of them: Send({str(send)!r})")


def _who(actor: Actor | str | None) -> Actor | None:
    return Actor(actor) if isinstance(actor, str) else actor


def _why(reason: Reason | str | None) -> Reason | None:
    return Reason(reason) if isinstance(reason, str) else reason
