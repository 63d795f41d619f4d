"""The one truth: `compile(chart)` explores a chart into a finite table, (configuration, event) -> cell.

Starting from the initial configuration, every event is tried in every configuration that is found, and where a guard is
asked both answers are followed. A cell is therefore a small decision tree whose leaves are Steps built beforehand.

Memory of history states that no future step can read is forgotten (a liveness analysis over the finished graph), so
that a configuration's text carries exactly what still matters: `received`, `held;was=accepted`, `paid+packed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .cell import Cell, Choice, Configuration, Demand, Node, Step, configuration, demand
from .chart import OPEN, Chart, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .exploration import Exploration, Found, Raw, Tree

__all__ = ["OPEN", "Table", "compile"]

LIMIT = 20_000
"""How many configurations a chart may have, memory included, before it is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A compiled chart: `rows[configuration][event]` and `starts[event]` are cells; `rows` takes the canonical text.

    `endless` holds, per configuration, the events whose steps never come to rest; they are not in the row.
    """

    chart: Chart
    configurations: Mapping[str, Configuration]
    rows: Mapping[str, Mapping[str, Cell]]
    starts: Mapping[str, Cell]
    alphabet: frozenset[str]
    endless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    memo: dict[str, Any] = field(default_factory=dict, repr=False)

    def edges(self) -> Iterator[Step]:
        """Every step that some call can take, first steps included; guards count as satisfiable."""
        for cell in self.starts.values():
            yield from cell.steps
        for row in self.rows.values():
            for cell in row.values():
                yield from cell.steps

    def stand_in(self, event: str) -> str | None:
        """The event of the alphabet that an unlisted event behaves like: its longest dotted prefix, else `*`."""
        prefix = event
        while prefix:
            if prefix in self.alphabet:
                return prefix
            prefix = prefix.rpartition(".")[0]
        return "*" if "*" in self.alphabet else None


def compile(chart: Chart, *, limit: int = LIMIT) -> Table:
    """The table of a chart, compiled once and kept with it.

    Raises ChartError for a chart whose parts do not fit together, and UnsoundChart when a step never comes to rest,
    when two states that exclude each other would be active, or when there are more than `limit` configurations; each
    says which states are to blame.
    """
    if not isinstance(chart, Chart):
        raise TypeError(f'chart is a Chart, e.g. orderfsm.load("stat/order"), not {type(chart).__name__}')
    if chart._table is None:
        from .exploration import Exploration  # when it is needed: whoever only looks up never imports the interpreter

        object.__setattr__(chart, "_table", _Builder(Exploration(chart, limit)).table())
    table: Table = chart._table
    return table


class _Builder:
    """From what was found to the table: forget dead memory, name the configurations, build the steps."""

    def __init__(self, found: Exploration) -> None:
        self.chart = found.chart
        self.found = found
        self.alive = _alive_memory(found.rows)
        self.names = {raw: _text(raw, self.alive[raw]) for raw in found.rows}
        self.configurations: dict[str, Configuration] = {}
        self.demands: dict[tuple[Any, ...], Demand] = {}

    def table(self) -> Table:
        found = self.found
        firsts: dict[str, Raw] = {}
        for raw in found.rows:
            firsts.setdefault(self.names[raw], raw)
        self.configurations = {text: self.configuration(text, raw) for text, raw in firsts.items()}
        return Table(
            self.chart,
            self.configurations,
            rows={text: self.row(text, raw) for text, raw in firsts.items()},
            starts={event: self.cell(tree, None, event) for event, tree in found.starts.items()},
            alphabet=frozenset(found.alphabet),
            endless={text: tuple(found.endless[raw]) for text, raw in firsts.items() if raw in found.endless},
        )

    def configuration(self, text: str, raw: Raw) -> Configuration:
        leaves, memory = raw
        idle = not self.found.rows[raw] and raw not in self.found.endless
        final = idle and all(self.chart.by_name[leaf].kind is Kind.FINAL for leaf in leaves)
        kept = tuple((name, states) for name, states in memory if name in self.alive[raw])
        return configuration(self.chart, text, leaves, kept, final=final)

    def row(self, text: str, raw: Raw) -> dict[str, Cell]:
        before = self.configurations[text]
        return {event: self.cell(tree, before, event) for event, tree in self.found.rows[raw].items()}

    def cell(self, tree: Tree, before: Configuration | None, event: str) -> Cell:
        return Cell(self.node(tree, before, event), closed_reasons=not self.chart.reasons.open)

    def node(self, tree: Tree, before: Configuration | None, event: str) -> Node:
        if tree is None:
            return None
        from .exploration import Found

        if isinstance(tree, Found):
            return self.step(tree, before, event)
        return Choice(tree.guard, tree.active, self.node(tree.yes, before, event), self.node(tree.no, before, event))

    def step(self, found: Found, before: Configuration | None, event: str) -> Step:
        return Step(
            before=before,
            event=event,
            after=self.configurations[self.names[found.raw]],
            transitions=found.transitions,
            exited=found.exited,
            entered=found.entered,
            actions=found.actions,
            armed=found.armed,
            disarmed=found.disarmed,
            demand=self.demand(found, event),
        )

    def demand(self, found: Found, event: str) -> Demand:
        """What a step asks for; steps that take the same transitions into the same states share one Demand."""
        alike = tuple(map(id, found.transitions)), found.entered, event
        if alike not in self.demands:
            declared = self.chart.event_by_name.get(event)
            payload = declared.payload if declared else ()
            self.demands[alike] = demand(self.chart, found.transitions, found.entered, payload)
        return self.demands[alike]


def _alive_memory(rows: Mapping[Raw, Mapping[str, Tree]]) -> dict[Raw, frozenset[str]]:
    """For each configuration the history states whose memory some later step reads before it is written again."""
    from .exploration import found_in

    alive: dict[Raw, frozenset[str]] = dict.fromkeys(rows, frozenset())
    before: dict[Raw, list[Raw]] = {raw: [] for raw in rows}
    flows: dict[Raw, list[Found]] = {}
    for raw, row in rows.items():
        flows[raw] = [found for tree in row.values() for found in found_in(tree)]
        for found in flows[raw]:
            before[found.raw].append(raw)
    waiting = set(rows)
    while waiting:
        raw = waiting.pop()
        wanted = frozenset(name for run in flows[raw] for name in run.read | (alive[run.raw] - run.written))
        if wanted != alive[raw]:
            alive[raw] = wanted
            waiting.update(before[raw])
    return alive


def _text(raw: Raw, alive: frozenset[str]) -> str:
    leaves, memory = raw
    kept = "".join(f";{name}={'+'.join(states)}" for name, states in memory if name in alive)
    return "+".join(leaves) + kept
