"""Executable content of SCXML read into effects and timers."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from orderfsm.chart import Effect, Timer

from .scxml_names import OWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .element import Element

__all__ = ["Content"]

_DELAY = re.compile(r"(\d{0,12}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_MICROSECONDS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_PROCESSORS = ("", "scxml", "http://www.w3.org/TR/scxml/", "http://www.w3.org/TR/scxml/#SCXMLEventProcessor", OWN)
_COMPUTED = ("eventexpr", "targetexpr", "typeexpr", "idlocation", "namelist", "sendidexpr")


class Content:
    """What is executed on entry, on exit and on the way.

    A delayed <send> of a state's <onentry> that only the <onexit> of the same state cancels is a timer of that state.
    """

    def __init__(self, root: Element) -> None:
        sent = Counter(e.attributes["id"] for e in root.inside() if e.tag == "send" and "id" in e.attributes)
        cancelled = Counter(e.attributes.get("sendid") for e in root.inside() if e.tag == "cancel")
        self.paired = {name for name, times in sent.items() if times == 1 == cancelled[name]}

    def effects(self, *blocks: Element, timers: frozenset[str] = frozenset()) -> tuple[Effect, ...]:
        """The effects of these blocks in document order, without those that belong to the timers of these send ids.

        A delayed <send> that the same block cancels later on never happens.
        """
        undone = (name for block in blocks for name in _undone(block) & self.paired)
        return tuple(_effects(blocks, timers.union(undone)))

    def timed(self, state: Element) -> frozenset[str]:
        """The ids of the sends that are the state's timers."""
        entry = [e for block in state.all("onentry") for e in block.all("send") if _delay(e)]
        left = {e.attributes.get("sendid") for block in state.all("onexit") for e in block.all("cancel")}
        return frozenset(e.attributes.get("id", "") for e in entry) & left & self.paired

    def after(self, state: Element, name: str, ids: frozenset[str]) -> tuple[Timer, ...]:
        """The state's timers, in document order."""
        sends = [e for block in state.all("onentry") for e in block.all("send") if e.attributes.get("id") in ids]
        return tuple(Timer(_event(e), delay, name) for e in sends if (delay := _delay(e)))


def _undone(block: Element) -> set[str]:
    sent: set[str] = set()
    undone: set[str] = set()
    for element in block.children:
        if element.tag == "send" and _delay(element):
            sent.add(element.attributes.get("id", ""))
        elif element.tag == "cancel":
            undone |= sent & {element.attributes.get("sendid", "")}
    return undone


def _effects(blocks: tuple[Element, ...], timers: frozenset[str]) -> Iterator[Effect]:
    for element in (element for block in blocks for element in block.children):
        if element.tag == "raise":
            yield Effect("raise", _event(element))
        elif element.tag == "send" and element.attributes.get("id") not in timers:
            yield _send(element)
        elif element.tag == "cancel" and element.attributes.get("sendid") not in timers:
            raise element.left_out(
                "only a state's own timers can be cancelled", "send with delay and id on entry, cancel on exit"
            )


def _send(element: Element) -> Effect:
    for attribute in _COMPUTED:
        if attribute in element.attributes:
            raise element.left_out(f"{attribute} is an expression", "write the value itself")
    target, delay = element.attributes.get("target", ""), _delay(element)
    if element.attributes.get("type", "") not in _PROCESSORS or target not in ("", "#_internal"):
        raise element.left_out("events are sent to the chart itself", "emit an action")
    if element.attributes.get("type") == OWN:
        return Effect("emit", _event(element))
    if target and delay:
        raise element.wrong("an internal event cannot be delayed", "drop the delay or the target")
    return Effect("raise", _event(element)) if target else Effect("send", _event(element), delay)


def _event(element: Element) -> str:
    event = element.attributes.get("event", "")
    if not event or event != "".join(event.split()) or "*" in event:
        raise element.wrong(f"event is {event!r}", "name one event")
    return event


def _delay(element: Element) -> timedelta | None:
    """The delay of a <send>; None when there is none or when it is zero."""
    text = element.attributes.get("delay")
    literal = element.attributes.get("delayexpr", "").strip()
    if text is not None and literal:
        raise element.wrong("both delay and delayexpr", "keep one of them")
    if literal:
        if len(literal) < 3 or literal[0] not in "'\"" or literal[-1] != literal[0]:
            raise element.left_out(f"delayexpr is the expression {literal}", "write delay")
        text = literal[1:-1]
    return _duration(element, text.strip()) if text is not None else None


def _duration(element: Element, text: str) -> timedelta | None:
    found = _DELAY.fullmatch(text)
    if found is None or not found[1]:
        raise element.wrong(f"the delay is {text!r}", "write a number and ms, s, m, h or d, for example 1.5s")
    try:
        return timedelta(microseconds=int(Decimal(found[1]) * _MICROSECONDS[found[2]])) or None
    except OverflowError:
        raise element.wrong(f"the delay {text} is too long", "write less than 999999999d") from None
