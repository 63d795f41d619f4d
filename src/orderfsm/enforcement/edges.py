"""The edges of a compiled chart as rows: every step that some call can take, and what no arrow gives.

An edge belongs to a chart's hash and profile. Its `before` is `[*]` for a first step, `*` (anywhere) for what a
correction may do, and empty (nowhere) for an event that is known and leads nowhere; `reason` and `reasons` say which
reasons its entries may have.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table

from orderfsm.chart import START
from orderfsm.corrections import ADOPTED, OVERRIDE, SUPERSEDE, VOID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm.cell import Configuration, Demand
    from orderfsm.chart import Chart
    from orderfsm.table import Table as Compiled

__all__ = ["ANYWHERE", "CHARTS", "EDGES", "Edge", "digest", "edges", "hash_of", "tables"]

CHARTS = "orderfsm_charts"
"""The table of the chart versions that a database knows."""

EDGES = "orderfsm_edges"
"""The table of their edges: what may follow what, by which event."""
ANYWHERE, NOWHERE = "*", ""


class Edge(NamedTuple):
    """One edge. `reason` is optional, required, listed (a code of the list) or forbidden; `reasons` is a JSON list.

    `code` and `category` are empty where the configuration has none.
    """

    before: str
    event: str
    after: str
    code: str = ""
    category: str = ""
    reason: str = "optional"
    reasons: str = ""


def edges(table: Compiled) -> frozenset[Edge]:
    """All edges of a chart; made once."""
    found = table.memo.get("edges")
    if found is None:
        found = table.memo["edges"] = frozenset((*_steps(table), *_without_arrows(table), *_idle(table)))
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


def _idle(table: Compiled) -> Iterator[Edge]:
    """Events that no step has, where a shorter one or `*` would stand for them: they lead nowhere all the same."""
    busy = {step.event for step in table.edges() if step.before is not None}
    for event in table.alphabet - busy:
        if "*" in busy or any(event.startswith(f"{other}.") for other in busy):
            yield Edge(NOWHERE, event, NOWHERE)


def _edge(before: str, event: str, after: Configuration, reason: str = "optional", reasons: str = "") -> Edge:
    category = "" if after.category is None else after.category.value
    return Edge(before, event, str(after), after.code or "", category, reason, reasons)


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
    keys = ("hash", "profile", "digest")
    charts = _table(metadata, schema, CHARTS, (*keys, "name", "version"), keys)
    edge = ("chart_hash", "chart_profile", *Edge._fields)
    edges = _table(metadata, schema, EDGES, edge, edge)
    edges.add_is_dependent_on(charts)
    return charts, edges


def _table(metadata: MetaData, schema: str | None, name: str, names: Sequence[str], key: Sequence[str]) -> Table:
    found = metadata.tables.get(f"{schema}.{name}" if schema else name)
    if found is not None:
        return found
    columns = [Column(column, String, nullable=False) for column in names]
    return Table(name, metadata, *columns, PrimaryKeyConstraint(*key), schema=schema, sqlite_with_rowid=False)
