"""Where a script is played: real tables, real lifecycles, a clock that is set by the acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

import orderfsm
from orderfsm import sqlmodel
from orderfsm.errors import OrderFsmError, Refused
from orderfsm.graph import path
from orderfsm.history import replay
from orderfsm.lifecycle import Lifecycle
from orderfsm.rollup import rollup

from .statuses import moment, statuses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from orderfsm.chart import Chart
    from orderfsm.history import Entry
    from orderfsm.sqlmodel import Order

    from .script import Act, Life, Vocabulary

__all__ = ["Stage", "Unexpected"]


class Unexpected(OrderFsmError):
    """A life did not go as its script says: the engine, the chart or the script is wrong."""

    code = "unexpected"


@dataclass(slots=True)
class Clock:
    """A clock that stands still between the acts."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time

    def advance(self, later: timedelta) -> None:
        self.time += later


@dataclass(slots=True)
class Played:
    """An order on the stage, its items, and what has been told of it."""

    order: Order
    items: list[Order] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)


class Stage:
    """The tables and lifecycles of one vocabulary; every life is one transaction, with the clock at the beginning."""

    def __init__(self, engine: Engine, script: Vocabulary) -> None:
        self.engine = engine
        self.script = script
        self.clock = Clock(script.begin)
        self.chart: Chart = orderfsm.load(script.chart)
        self.item_chart = None if self.chart.rollup is None else orderfsm.load(self.chart.rollup.items)
        store = sqlmodel.SqlStore(sqlmodel.Order, sqlmodel.OrderHistory)
        self.orders = Lifecycle(self.chart, store, facts=self.facts, clock=self.clock)
        self.lines = None if self.item_chart is None else Lifecycle(self.item_chart, store, clock=self.clock)
        self.on = Played(sqlmodel.Order())

    def facts(self, _: object, order: Order) -> Mapping[str, Any]:
        """What guards read: the order's own data, and its items."""
        items = [{"code": item.code, "state": item.configuration, "category": item.category} for item in self.on.items]
        return {"order": order.data, "items": items}

    def play(self, life: Life) -> dict[str, Any]:
        """The account of a life, JSON throughout. Raises Unexpected when it goes otherwise than its script says."""
        self.clock.time = self.script.begin
        with Session(self.engine) as session:
            self.begin(session, life)
            for act in life.acts:
                self.clock.advance(act.later)
                self.act(session, life, act)
            session.commit()
            return self.account(session, life)

    def begin(self, session: Session, life: Life) -> None:
        """Open the order of a life and its items."""
        self.on = Played(sqlmodel.Order(reference=f"{self.script.chart}: {life.title}", data=dict(life.data)))
        self.orders.open(session, self.on.order, life.opening, actor=life.opened_by)
        for number in range(1, life.items + 1):
            item = sqlmodel.Order(reference=f"{self.script.chart}: {life.title}, item {number:02}")
            self.lifecycle(number).open(session, item, actor=self.script.item_actor)
            self.on.items.append(item)

    def lifecycle(self, item: int | None) -> Lifecycle:
        """The lifecycle of items, or of orders (None)."""
        if item is None:
            return self.orders
        if self.lines is None:
            raise Unexpected(f"{self.script.chart} has no roll-up, so that its orders have no items")
        return self.lines

    def act(self, session: Session, life: Life, act: Act) -> None:
        """Send the event of an act, and let the order follow its items; a refusal must be the expected one."""
        lifecycle = self.lifecycle(act.item)
        order = self.on.order if act.item is None else self.on.items[act.item - 1]
        before = order.revision
        try:
            entry = lifecycle.send(
                session, order, act.event, actor=act.actor, reason=act.reason, links=act.links, payload=act.payload
            )
        except Refused as refused:
            if refused.code != act.refused or order.revision != before:
                raise
            self.on.refusals.append(self.refusal(session, lifecycle, order, act, refused))
            return
        if act.refused:
            raise Unexpected(f"{life.title}: {act.event} went through, expected was the refusal {act.refused}")
        if act.item is not None:
            self.follow(session, entry)

    def follow(self, session: Session, entry: Entry) -> None:
        """Bring the order to where its items say it belongs."""
        configurations = [str(item.configuration) for item in self.on.items]
        steps = rollup(self.chart, str(self.on.order.configuration), configurations, item_chart=self.item_chart)
        for step in steps:
            caused_by = f"item {entry.order}, entry {entry.sequence}"
            self.orders.send(session, self.on.order, step.event, actor="system", origin="roll-up", caused_by=caused_by)

    def refusal(
        self, session: Session, lifecycle: Lifecycle, order: Order, act: Act, refused: Refused
    ) -> dict[str, Any]:
        """What a caller is told: the message, every blocker, the shortest way to the event and to the wanted state."""
        (explained,) = lifecycle.explain(
            session, order, act.event, actor=act.actor, reason=act.reason, links=act.links, payload=act.payload
        )
        told: dict[str, Any] = {
            "at": moment(self.clock()),
            "event": act.event,
            "actor": act.actor if isinstance(act.actor, str) else f"{act.actor.role} {act.actor.id}",
            "in": order.code,
            "refused": refused.code,
            "message": str(refused),
            "blockers": [{"code": b.code, "message": b.message, "parameters": b.parameters} for b in refused.blockers],
            "way": None if explained.way is None else list(explained.way),
        }
        if act.item is not None:
            told["item"] = f"{act.item:02}"
        if act.wanted is not None:
            steps = path(lifecycle.chart, str(order.configuration), act.wanted)
            told |= {"wanted": act.wanted, "way_there": None if steps is None else [step.event for step in steps]}
        return told

    def account(self, session: Session, life: Life) -> dict[str, Any]:
        """What there is to tell of a life once it is committed, read from the database."""
        entries = self.orders.history(session, self.on.order)
        codes = [entry.code for entry in entries]
        if tuple(codes) != life.codes:
            raise Unexpected(f"{life.title}: the codes were {codes}, expected were {list(life.codes)}")
        return {
            "title": life.title,
            "order": self.on.order.id,
            "codes": codes,
            "steps": [step(entry) for entry in entries],
            "items": self.item_accounts(session),
            "refusals": self.on.refusals,
            "legal": bool(replay(self.chart, entries)),
            "shown": life.shown,
            "status": statuses(entries),
        }

    def item_accounts(self, session: Session) -> list[dict[str, Any]]:
        """The codes that each item had."""
        histories = [self.lifecycle(number).history(session, item) for number, item in enumerate(self.on.items, 1)]
        return [
            {"item": f"{number:02}", "order": entries[0].order, "codes": [entry.code for entry in entries]}
            for number, entries in enumerate(histories, 1)
        ]


def step(entry: Entry) -> dict[str, Any]:
    """A history entry in one line."""
    actor = entry.actor
    return {
        "at": moment(entry.occurred_at),
        "event": entry.event,
        "actor": None if actor is None else " ".join(filter(None, (actor.role, actor.id))),
        "origin": entry.origin,
        "before": entry.before,
        "after": entry.after,
        "code": entry.code,
    }
