"""Answers about due timers: one sweep, or a sweep that goes on until it is told to stop."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from orderfsm.errors import MissingGuard
from orderfsm.printable import printable

from .answer import Answer, Grid, Misused
from .charts import open_chart
from .database import told, writing
from .watching import named, span, told_to_stop

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import Engine

    from orderfsm.lifecycle import Lifecycle, Swept

__all__ = ["Sweeping", "span", "sweep"]


@dataclass(frozen=True, slots=True)
class Sweeping:
    """What is swept: the orders of a `chart` in the ready-made tables, or those of a service's own `lifecycle`."""

    database: str
    chart: str | None
    profile: str
    lifecycle: str | None
    actor: str
    batch: int | None

    def orders(self) -> Lifecycle:
        """The lifecycle; raises Misused unless exactly one of the two says which."""
        if (self.chart is None) is (self.lifecycle is None):
            raise Misused("say either --chart NAME, for the ready-made tables, or --lifecycle MODULE:ATTRIBUTE")
        return named(self.lifecycle) if self.lifecycle is not None else _ready_made(self.chart or "", self.profile)


def _ready_made(chart: str, profile: str) -> Lifecycle:
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

    try:
        return Lifecycle(open_chart(chart, profile), SqlStore(Order, OrderHistory))
    except MissingGuard as missing:
        raise Misused(f"{missing}; name the service's own lifecycle: --lifecycle MODULE:ATTRIBUTE") from None


def sweep(asked: Sweeping, *, every: str | None, as_json: bool) -> Answer:
    """Send what is due and say of each timer what became of it; 1 when something was not sent.

    With `every`, on and on until a signal comes, with a line for each; then the answer is only how many there were.
    """
    orders, wait = asked.orders(), span(every) if every is not None else None
    engine = writing(asked.database)
    with told(engine):
        if wait is None:
            return _answer(orders.sweep(engine, actor=asked.actor, most=asked.batch))
        return _watch(asked, orders, engine, wait, as_json=as_json)


def _answer(swept: tuple[Swept, ...]) -> Answer:
    told = [each.as_dict() for each in swept]
    counts = Counter(each.outcome for each in swept)
    head = ("order", "timer", "due", "outcome", "now", "why")
    rows = [_row(each) for each in told]
    blocks = [Grid(head, rows)] if rows else []
    return Answer({"swept": told, **_counts(counts)}, [*blocks, _sum(counts)], int(counts.total() > counts["sent"]))


def _row(told: dict[str, Any]) -> list[str]:
    timer = f"{told['state'] or '-'}: {told['event']}"
    why = told["error"]["message"] if told["error"] else ""
    return [str(told["order"]), timer, str(told["due_at"] or ""), told["outcome"], told["after"] or "", why]


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {outcome: counts[outcome] for outcome in ("sent", "refused", "dropped", "failed")}


def _sum(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in _counts(counts).items())


# --- on and on


def _watch(asked: Sweeping, orders: Lifecycle, engine: Engine, every: timedelta, *, as_json: bool) -> Answer:
    """Sweep until SIGTERM or SIGINT; the timer at hand is finished."""
    counts: Counter[str] = Counter()
    stop = Event()
    with told_to_stop(stop.set):
        for each in orders.keep_sweeping(engine, every=every, stop=stop, actor=asked.actor, batch=asked.batch or 100):
            counts[each.outcome] += 1
            told = each.as_dict()
            line = (
                json.dumps(told, default=str) if as_json else "  ".join(printable(part) for part in _row(told) if part)
            )
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return Answer(_counts(counts), [_sum(counts)])
