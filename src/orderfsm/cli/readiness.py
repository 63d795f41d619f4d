"""Answers about a database: is it ready for what it will be trusted with?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answer import Answer
from .charts import open_chart
from .database import told, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderfsm.finding import Finding
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel import SqlStore

__all__ = ["ready"]


def ready(database: str, charts: Sequence[str], profile: str) -> Answer:
    """What keeps the ready-made tables of a database from being trusted with the charts; 1 when anything does."""
    from orderfsm.readiness import check
    from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

    store = SqlStore(Order, OrderHistory)
    bound: list[Lifecycle | SqlStore] = [_bound(name, profile, store) for name in charts]
    engine = writing(database)
    with told(engine):
        found = check(engine, *(bound or [store]))
    data = {"ready": not found, "findings": [_data(finding) for finding in found]}
    return Answer(data, [str(finding) for finding in found] or ["ready"], int(bool(found)))


def _bound(name: str, profile: str, store: SqlStore) -> Lifecycle:
    """The chart over the ready-made tables. No guard will be asked, so that each is answered by anything."""
    from orderfsm.lifecycle import Lifecycle

    chart = open_chart(name, profile)
    guards = {guard.name for transition in chart.transitions for guard in transition.guards if guard.name is not None}
    return Lifecycle(chart, store, guards=dict.fromkeys(guards, _any))


def _any(_: Any) -> bool:
    return True


def _data(finding: Finding) -> dict[str, Any]:
    names = ("code", "severity", "path", "message", "fix")
    return {name: getattr(finding, name) for name in names}
