"""Sends written as a scenario, in the YAML of a chart's `scenarios:`.

What a scenario cannot tell (an actor's id, a reason's text, another first step than the first) is told in a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from orderfsm import Actor, Reason
from orderfsm.chart import OPEN
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm import Chart, Step

    from .send import Send

__all__ = ["FACTS", "given", "lines", "opened", "said"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def lines(
    chart: Chart, title: str, sends: Sequence[Send], steps: Sequence[Step], *, then: str = "", refused: str = ""
) -> Iterator[str]:
    """The lines of one item; `then` is where it ends, `refused` the error that the last send meets."""
    yield f"- title: {_quoted(title)}"
    if chart.profile == "strict":
        yield "  profile: strict"
    begun = opened(sends, steps)
    told = sends[1:] if begun else sends
    yield from _opening(chart, sends, steps)
    now = sends[0].now if begun else None
    if told:
        yield "  send:"
        for send in told:
            yield f"    - {_flow(said(send, now))}{_untold(chart, send)}"
            now = send.now or now
    elif steps:
        yield f"  codes: {_flow([steps[0].after.code])}"
    if refused or then:
        yield f"  refused: {refused}" if refused else f"  then: {_flow(then)}"


def opened(sends: Sequence[Send], steps: Sequence[Step]) -> bool:
    """Whether the first send is told by the scenario itself, which begins with an order that is open."""
    return bool(sends) and bool(steps) and sends[0].event == OPEN


def given(chart: Chart, sends: Sequence[Send], steps: Sequence[Step]) -> str | None:
    """Where the order is said to be, for the send behind the opening would be taken for one; else None."""
    if not opened(sends, steps) or len(sends) == 1:
        return None
    first = compile(chart).starts[OPEN].steps[0]
    return first.after if steps[0] is first and sends[1].event in _beginning(chart) else None


def _beginning(chart: Chart) -> set[str]:
    """The events that a scenario takes for an opening."""
    table = compile(chart)
    return table.starts.keys() - table.rows[table.starts[OPEN].steps[0].after].keys()


def _opening(chart: Chart, sends: Sequence[Send], steps: Sequence[Step]) -> Iterator[str]:
    if sends and not steps:
        yield "  # sent to begin an order; a scenario begins with an order that is open"
    if not (sends and steps):
        return
    first, state = compile(chart).starts[OPEN].steps[0], given(chart, sends, steps)
    if sends[0].event != OPEN:
        if sends[0].event not in _beginning(chart):
            yield f"  # begins with {sends[0].event}; a scenario sends that in {first.after}"
        return
    if steps[0] is not first:
        yield f"  # begins in {steps[0].after}; a scenario begins in {first.after}"
    elif state is not None:
        yield f"  given: {_flow(state)}"
    if sends[0].now is not None and len(sends) > 1:
        yield f"  at: {_flow(_moment(sends[0].now))}"


def said(send: Send, before: datetime | None = None) -> dict[str, Any]:
    """What a scenario tells of one send; its moment where it is another one than before."""
    actor, reason = send.actor, send.reason
    told: dict[str, Any] = {
        "event": send.event,
        "actor": (actor.role if isinstance(actor, Actor) else actor) or None,  # without a role, as without an actor
        "reason": reason.code or reason.text if isinstance(reason, Reason) else reason,
        "links": [link.rel for link in send.links],
        "payload": send.payload,
        **{name: value for name, value in (send.facts or {}).items() if _is_told(name, value)},
        "now": _moment(send.now) if send.now != before and send.now is not None else None,
        "guards": dict(send.guards),
    }
    return {name: value for name, value in told.items() if value or (value is not None and name in _EMPTY)}


FACTS: dict[str, Any] = {"order": Mapping, "items": list}
"""The facts that a scenario has a field for, and what they have to be."""

_EMPTY = ("payload", *FACTS)
"""What is told of a send even when there is nothing in it."""


def _is_told(name: str, value: Any) -> bool:
    """Whether a scenario has a field for the fact."""
    return isinstance(value, FACTS.get(name, ()))


def _untold(chart: Chart, send: Send) -> str:
    """A comment with what a scenario cannot tell of a send."""
    facts = {**(send.facts or {}), **({} if send.payload is None else {"payload": send.payload})}
    told = [
        f"the {'payload is' if name == 'payload' else f'facts have {name} ='} {value!r}"
        for name, value in facts.items()
        if not _is_kept(value) or not (name == "payload" or _is_told(name, value))
    ]
    if isinstance(send.actor, Actor) and (send.actor.id or send.actor.label):
        told.append(f"the actor is {send.actor!r}")
    if isinstance(send.reason, Reason) and send.reason.text and (send.reason.code or not chart.reasons.open):
        told.append(f"the reason is {send.reason!r}")  # what is told as its code is none, or not all of it
    return f"  # {'; '.join(told)}" if told else ""


def _is_kept(value: Any) -> bool:
    """Whether YAML gives a value back as it is: no moment, no duration, no number that is none."""
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_kept(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_kept, value))
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _flow(value: Any) -> str:
    """A value in YAML's flow style; texts are quoted unless they are plain names."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, date):
        value = _moment(value) if isinstance(value, datetime) else value.isoformat()
    return _quoted(value) if isinstance(value, str) else json.dumps(value, default=str)


def _quoted(text: str) -> str:
    """A text in double quotes. YAML knows the escapes of JSON, but not its pairs of surrogates."""
    return json.dumps(text, ensure_ascii=False).translate(_Unprintable())


class _Unprintable(dict[int, str]):
    """What stands for a character that is not printed: its escape in YAML."""

    def __missing__(self, code: int) -> str | int:
        return code if chr(code).isprintable() else f"\\U{code:08x}"
