"""Strategies for events that must be refused, each with the code of the refusal that is expected.

Each is built from a legal send in which one thing is wrong, so that no other refusal comes first: an actor is refused
before any guard is asked, a reason, a link and a payload after all of them, in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from orderfsm import compile
from orderfsm.chart import OPEN, START

from .exploring import plainest, shortest
from .moves import Move, moves, sends
from .send import Attempt, Send, Walk
from .unsolved import Unsolved
from .wrong import broken_payloads, reads, wrong_reasons, wrong_roles

if TYPE_CHECKING:
    from orderfsm import Chart

__all__ = ["KINDS", "illegal_events", "legal"]

KINDS = (
    "not-permitted",
    "reason-missing",
    "reason-unknown",
    "reason-forbidden",
    "link-missing",
    "payload-missing",
    "payload-invalid",
    "guard-refused",
    "not-enabled",
    "unknown-event",
)
"""What may be wrong: the codes of the first blocker. `not-enabled` stands for `terminal` as well."""

_STRANGE = ("explode", "accept.twice", "Accept", "close_")


def illegal_events(chart: Chart, at: Walk | str, *, kinds: Sequence[str] = KINDS) -> st.SearchStrategy[Attempt]:
    """Attempts at the end of a walk (or in a configuration, come to by its shortest walk) that the chart must refuse.

    Each says the expected `refused` and `blocker`. `kinds` are the blockers wanted, those that cannot happen there are
    passed over. Raises Unsolved when there is no such walk, or, while drawing, when none of the kinds can happen, and
    ValueError for a kind that there is not, or for the walk of another chart.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or isinstance(kinds, str):
        raise ValueError(f"kinds={kinds!r}: give a list of {', '.join(KINDS)}")
    walk = shortest(chart, at) if isinstance(at, str) else at
    if walk is not None and walk.chart != chart:
        raise ValueError(f"this is a walk of {walk.chart.name}, not of this {chart.name}")
    if walk is None:
        known = ", ".join(islice(compile(chart).configurations, 12))
        raise Unsolved(
            f"no walk of {chart.name} was found that comes to {at}; give the walk itself, or a configuration: {known}"
        )
    return _attempts(walk, tuple(kinds))


@st.composite
def _attempts(draw: st.DrawFn, walk: Walk, kinds: tuple[str, ...]) -> Attempt:
    """The kind first, so that every kind comes about as often."""
    left = kinds
    while left:
        kind = draw(st.sampled_from(left))
        found = list(_KIND[kind](walk))
        if found:
            return draw(st.one_of(found))
        left = tuple(other for other in left if other != kind)
    raise Unsolved(f"nothing is {' or '.join(kinds)} in {walk.configuration or START} of {walk.chart.name}")


_Attempts = Iterator[st.SearchStrategy[Attempt]]


def _unknown(walk: Walk) -> _Attempts:
    table = compile(walk.chart)
    known = {*table.alphabet, *table.starts, *(event.name for event in walk.chart.events)}
    names = [name for name in _STRANGE if name not in known and table.stand_in(name) is None]
    if names:
        made = st.sampled_from(names).map(lambda name: Send(name, now=walk.now))
        yield made.map(lambda send: Attempt(walk, send, None, "unknown-event", "unknown-event"))


def _not_enabled(walk: Walk) -> _Attempts:
    """Events of the chart that no arrow leads out for, each with what makes it legal elsewhere."""
    table, here = compile(walk.chart), walk.configuration
    row = table.starts if here is None else table.rows[here]
    events = [event for event in (*table.alphabet, *table.starts) if event not in row and event not in ("*", OPEN)]
    closed = sorted(event for event in events if event in table.alphabet or table.stand_in(event) not in row)
    blocker = "terminal" if here is not None and not row else "not-enabled"
    if closed:
        made = st.sampled_from(closed).map(lambda event: replace(plainest(walk.chart, event), now=walk.now))
        yield made.map(lambda send: Attempt(walk, send, None, "not-enabled", blocker))


def legal(walk: Walk) -> Iterator[tuple[Move, Send]]:
    """Each move that can be made there, with the plainest send that makes it."""
    for move in moves(compile(walk.chart), walk.configuration):
        send = next(sends(walk, move), None) if move.step is not None else None
        if send is not None:
            yield move, send


def _strangers(walk: Walk) -> _Attempts:
    for move, send in legal(walk):
        roles = wrong_roles(walk.chart, move)
        if roles:
            yield _one_of(walk, "not-permitted", "not-permitted", [replace(send, actor=role) for role in roles])


def _reasons(kind: str) -> Callable[[Walk], _Attempts]:
    def attempts(walk: Walk) -> _Attempts:
        for move, send in legal(walk):
            reasons = wrong_reasons(walk.chart, move.rule, kind)
            if reasons:
                yield _one_of(walk, "reason-needed", kind, [replace(send, reason=reason) for reason in reasons])

    return attempts


def _links(walk: Walk) -> _Attempts:
    for move, send in legal(walk):
        less = [replace(send, links=tuple(link for link in send.links if link.rel != rel)) for rel in move.links]
        if less:
            yield _one_of(walk, "link-needed", "link-missing", less)


def _payloads(kind: str) -> Callable[[Walk], _Attempts]:
    """Fields that no guard reads are broken: what a guard makes of the others is its own affair."""

    def attempts(walk: Walk) -> _Attempts:
        for move, send in legal(walk):
            broken = list(broken_payloads(move.fields, send.payload or {}, kind, reads(move)))
            if broken:
                yield _one_of(walk, "payload-invalid", kind, [replace(send, payload=payload) for payload in broken])

    return attempts


def _guards(walk: Walk) -> _Attempts:
    for move in moves(compile(walk.chart), walk.configuration):
        found = list(sends(walk, move)) if move.step is None else []
        if found:
            yield _one_of(walk, "guard-refused", "guard-refused", found)


def _one_of(walk: Walk, refused: str, blocker: str, wrong: list[Send]) -> st.SearchStrategy[Attempt]:
    return st.sampled_from([Attempt(walk, send, None, refused, blocker) for send in wrong])


_KIND: dict[str, Callable[[Walk], _Attempts]] = {
    "unknown-event": _unknown,
    "not-enabled": _not_enabled,
    "not-permitted": _strangers,
    **{kind: _reasons(kind) for kind in ("reason-missing", "reason-unknown", "reason-forbidden")},
    "link-missing": _links,
    **{kind: _payloads(kind) for kind in ("payload-missing", "payload-invalid")},
    "guard-refused": _guards,
}
