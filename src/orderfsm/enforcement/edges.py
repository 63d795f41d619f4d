"""The edges of a compiled chart as rows: every step that some call can take, and what no arrow gives.

An edge belongs to a chart's hash and profile. Its `before` is `[*]` for a first step, and `*` (anywhere) for what a
correction may do; `reason` and `reasons` say which reasons its entries may have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Column, MetaData, String, Table

from orderfsm.chart import START
from orderfsm.corrections import ADOPTED, OVERRIDE, SUPERSEDE, VOID

if TYPE_CHECKING:
    from orderfsm.cell import Configuration, Demand
    from orderfsm.chart import Chart
    from orderfsm.table import Table as Compiled

__all__ = ["ANYWHERE", "CHARTS", "EDGES", "Edge", "digest", "edges", "hash_of", "tables"]

CHARTS, EDGES = "orderfsm_charts", "orderfsm_edges"
ANYWHERE = "*"


class Edge(NamedTuple):
    """One edge. `reason` is optional, required, listed (a code of the list) or forbidden; `reasons` is a JSON list."""

    before: str
    event: str
    after: str
    code: str | None
    category: str | None
    reason: str = "optional"
    reasons: str = ""


def edges(table: Compiled) -> frozenset[Edge]:
    """All edges of a chart; made once."""
    found = table.memo.get("edges")
    if found is None:
        found = table.memo["edges"] = frozenset((*_steps(table), *_without_arrows(table)))
    return found


def _steps(table: Compiled) -> Iterator[Edge]:
    for step in table.edges():
        before = START if step.before is None else str(step.before)
        yield _edge(before, step.event, step.after, *_rule(table.chart, step.demand))


def _without_arrows(table: Compiled) -> Iterator[Edge]:
    """Taking an order in, and correcting it."""
    for found in table.configurations.values():
        yield _edge(START, ADOPTED, found)
        for event in (OVERRIDE, VOID, SUPERSEDE):
            yield _edge(ANYWHERE, event, found, "required")


def _edge(before: str, event: str, after: Configuration, reason: str = "optional", reasons: str = "") -> Edge:
    category = None if after.category is None else after.category.value
    return Edge(before, event, str(after), after.code, category, reason, reasons)


def _rule(chart: Chart, demand: Demand) -> tuple[str, str]:
    """What `Call.reason_blockers` asks for, as two columns."""
    rule = demand.reason
    closed = bool(rule.codes) or not chart.reasons.open
    mode = "listed" if rule.mode == "required" and rule.codes else rule.mode
    return mode, json.dumps(sorted(rule.codes or chart.reasons.codes)) if closed else ""


def digest(table: Compiled) -> str:
    """The SHA-256 of a chart's edges."""
    told = table.memo.get("digest")
    if told is None:
        text = json.dumps(sorted(edges(table), key=repr))
        told = table.memo["digest"] = hashlib.sha256(text.encode()).hexdigest()
    return told


def hash_of(table: Compiled) -> str:
    """The hash under which entries name their chart: the document's, or that of the edges of one made in code."""
    return table.chart.hash or digest(table)


def tables(metadata: MetaData, schema: str | None = None) -> tuple[Table, Table]:
    """The tables of charts and of edges in some metadata, defined when they are not there yet."""
    return _charts(metadata, schema), _edges(metadata, schema)


def _charts(metadata: MetaData, schema: str | None) -> Table:
    keys = [Column(name, String, primary_key=True) for name in ("hash", "profile", "digest")]
    rest = [Column(name, String, nullable=False) for name in ("name", "version")]
    return _table(metadata, schema, CHARTS, [*keys, *rest])


def _edges(metadata: MetaData, schema: str | None) -> Table:
    names = ("chart_hash", "chart_profile", "before", "event", "after", "reason", "reasons")
    keys = [Column(name, String, primary_key=True) for name in names]
    return _table(metadata, schema, EDGES, [*keys, Column("code", String), Column("category", String)])


def _table(metadata: MetaData, schema: str | None, name: str, columns: list[Column[Any]]) -> Table:
    found = metadata.tables.get(f"{schema}.{name}" if schema else name)
    return Table(name, metadata, *columns, schema=schema, sqlite_with_rowid=False) if found is None else found
