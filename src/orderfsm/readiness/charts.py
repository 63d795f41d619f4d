"""Whether a chart and what is stored go together: effects with nowhere to go, orders in unknown configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from orderfsm.lifecycle.emission import emits
from orderfsm.lifecycle.timing import known_timers

from .remark import remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from orderfsm.finding import Finding
    from orderfsm.lifecycle import Lifecycle

__all__ = ["LOOK", "chart_findings"]

LOOK = 100_000
"""How many orders are looked at, those with the highest keys: a service has to start in time."""


def chart_findings(connection: Connection, orders: Lifecycle, *, readable: bool) -> Iterator[Finding]:
    """What is missing for the chart; the rows are looked at where the tables are `readable`."""
    chart, store = orders.chart, orders.store
    if store.outbox is None and emits(orders.table):
        said = f"{chart.name} emits actions, and the store has no outbox: they go nowhere"
        fix = "give the store one: SqlStore(…, outbox=…), a class on OutboxRow"
        yield remark("no-outbox", chart.name, said, fix, severity="warning")
    timers = known_timers(orders.table)
    if store.timers is None and timers:
        said = f"{chart.name} has timers ({_listed(timers)}), and the store has no table for them: none will fire"
        fix = "give the store one: SqlStore(…, timers=…), a class on TimerRow"
        yield remark("no-timers", chart.name, said, fix, severity="warning")
    if readable:
        yield from _stranded(connection, orders)


def _listed(timers: frozenset[tuple[str, str]]) -> str:
    return ", ".join(sorted({event for _, event in timers}))


def _stranded(connection: Connection, orders: Lifecycle) -> Iterator[Finding]:
    """Orders that stand where the chart has no configuration: every call to them would raise StoredStateUnknown."""
    table = orders.store.order.__table__  # type: ignore[attr-defined]
    newest = (
        select(table.c.configuration, table.c.revision).order_by(*(c.desc() for c in table.primary_key)).limit(LOOK)
    )
    looked = newest.subquery()
    standing = select(looked.c.configuration).where(looked.c.revision > 0).distinct()
    unknown = sorted(str(found) for found in connection.execute(standing).scalars() if found not in orders.table.rows)
    if unknown:
        shown = ", ".join(unknown[:10]) + (f" and {len(unknown) - 10} more" if len(unknown) > 10 else "")
        chart = f"{orders.chart.name} {orders.chart.version}"
        said = f"{table.name}: orders stand in configurations that {chart} lacks: {shown}"
        fix = "load the chart version that has them, or move the orders by an override"
        yield remark("unknown-configuration", table.name, said, fix)
