"""What may be done with an order now, with the fields of its form; and in sentences why the rest may not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from orderfsm.cell import Step
from orderfsm.chart import Chart, Field
from orderfsm.errors import Blocker
from orderfsm.history import Actor
from orderfsm.http.wording import worded_blocker
from orderfsm.lifecycle import Explanation, Lifecycle
from orderfsm.lifecycle.outlook import cells

from .draft import Draft
from .shown import line

__all__ = ["Denial", "Offer", "ReasonField", "denials", "offers"]


LOST = "Not possible any more: no way leads to it from here."


@dataclass(frozen=True, slots=True)
class ReasonField:
    """What is asked for as a reason: `codes` with what they mean; `closed` when no others are taken."""

    mode: str
    codes: tuple[tuple[str, str], ...]
    closed: bool
    coded: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An event that may be sent now: `leads` are the codes that it may lead to, `draft` what its form holds."""

    event: str
    title: str
    description: str
    leads: tuple[str, ...]
    reason: ReasonField
    links: tuple[str, ...]
    payload: tuple[Field, ...]
    draft: Draft


@dataclass(frozen=True, slots=True)
class Denial:
    """An event that may not be sent now, and why."""

    event: str
    title: str
    sentences: tuple[str, ...]


def offers(session: Session, orders: Lifecycle, order: Any, actor: Actor, draft: Draft | None) -> list[Offer]:
    """The events that this actor may send now; `draft` is what has been typed for one of them."""
    found = orders.allowed(session, order, actor=actor)
    return [_offer(orders, order, each.event, actor, draft) for each in found]


def _offer(orders: Lifecycle, order: Any, event: str, actor: Actor, draft: Draft | None) -> Offer:
    steps = cells(orders.table, order.configuration)[event].steps
    demand = _theirs(steps, actor).demand
    declared = orders.chart.event_by_name.get(event)
    mine = draft is not None and draft.event == event
    return Offer(
        event=event,
        title=title(orders.chart, event),
        description=line(declared.description) if declared else "",
        leads=tuple(dict.fromkeys(step.after.code or str(step.after) for step in steps)),
        reason=_reason(orders.chart, demand.reason.mode, demand.reason.codes),
        links=demand.links,
        payload=demand.payload,
        draft=draft if mine and draft else Draft.blank(event, actor.role, order.revision),
    )


def _theirs(steps: Sequence[Step], actor: Actor) -> Step:
    """The first step that this actor may ask for."""
    return next((step for step in steps if all(actor.role in roles for roles in step.demand.by)), steps[0])


def _reason(chart: Chart, mode: str, codes: tuple[str, ...]) -> ReasonField:
    meanings = chart.reasons.codes
    listed = codes or tuple(meanings)
    closed = bool(codes) or not chart.reasons.open
    return ReasonField(mode, tuple((code, line(meanings.get(code, ""))) for code in listed), closed, bool(codes))


def denials(
    session: Session, orders: Lifecycle, order: Any, actor: Actor, offered: Sequence[Offer]
) -> Iterator[Denial]:
    """Why not, for each event that is not offered."""
    names = {offer.event for offer in offered}
    for found in orders.explain(session, order, actor=actor):
        if found.event not in names:
            yield Denial(found.event, title(orders.chart, found.event), sentences(found))


def sentences(found: Explanation) -> tuple[str, ...]:
    """An explanation in sentences, each once."""
    said = [_sentence(blocker, found.way) for blocker in found.blockers]
    return tuple(dict.fromkeys(said)) or ("It cannot be asked for here.",)


def _sentence(blocker: Blocker, way: tuple[str, ...] | None) -> str:
    if blocker.code == "terminal":
        return "The order has come to its end; nothing follows."
    if blocker.code == "not-permitted":
        return f"Only for {' or '.join(blocker.parameters['allowed'])}."
    if blocker.code == "not-enabled":
        return f"Not from here. First: {', then '.join(way[:-1])}." if way and way[:-1] else LOST
    said = worded_blocker(blocker)
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('.') else '.'}"


def title(chart: Chart, event: str) -> str:
    """What an event is called: by its chart, else by its name."""
    declared = chart.event_by_name.get(event)
    return line(declared.title) if declared and declared.title else event.replace("_", " ")
