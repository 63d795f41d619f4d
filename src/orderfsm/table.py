"""The one truth: `compile(chart)` explores a chart into a finite table, (configuration, event) -> cell.

Starting from the initial configuration, every event is tried in every configuration that is found, and where a guard is
asked both answers are followed. A cell is therefore a small decision tree whose leaves are Steps built beforehand.

Memory of history states that no future step can read is forgotten (a liveness analysis over the finished graph), so that
a configuration's text carries exactly what still matters: `received`, `held;was=accepted`, `paid+packed`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .cell import Cell, Choice, Configuration, Demand, Node, Step, configuration
from .chart import START, Chart, Kind, ReasonRule, Transition
from .errors import ChartError, UnsoundChart
from .interpret import Endless, Run, Unanswered, begin, proceed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .chart import Effect, Field, Guard, State
    from .interpret import Oracle

__all__ = ["OPEN", "Table", "compile"]

OPEN = "open"
"""The event that begins an order by the chart's initial states."""

LIMIT = 20_000
"""How many configurations a chart may have, memory included, before it is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A compiled chart: `rows[configuration][event]` and `starts[event]` are cells; `rows` takes the canonical text."""

    chart: Chart
    configurations: Mapping[str, Configuration]
    rows: Mapping[str, Mapping[str, Cell]]
    starts: Mapping[str, Cell]
    alphabet: frozenset[str]
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

    Raises ChartError for names that lead nowhere and UnsoundChart when a macrostep never ends or when there are more than
    `limit` configurations; both say which states are to blame.
    """
    if chart._table is None:
        object.__setattr__(chart, "_table", _Compiler(chart, limit).table())
    table: Table = chart._table
    return table


Raw = tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]
"""Leaves and memory as found, before dead memory is forgotten."""

RunNode = Run | tuple["Guard", frozenset[str], "RunNode", "RunNode"] | None


class _Compiler:
    def __init__(self, chart: Chart, limit: int) -> None:
        verify(chart)
        self.chart = chart
        self.limit = limit
        self.alphabet = alphabet(chart)
        self.starts: dict[str, RunNode] = {}
        self.found: dict[Raw, dict[str, RunNode]] = {}
        self.waiting: deque[Raw] = deque()

    def table(self) -> Table:
        self.explore_starts()
        while self.waiting:
            self.explore_row(self.waiting.popleft())
        return _Builder(self).table()

    def explore_starts(self) -> None:
        openings: dict[str, Transition | None] = {OPEN: None}
        for transition in self.chart.leading(START):
            openings |= dict.fromkeys(transition.events, transition)
        for event, transition in openings.items():
            self.starts[event] = self.follow(lambda oracle, t=transition: _guarded_start(self.chart, t, oracle))  # type: ignore[misc]

    def explore_row(self, raw: Raw) -> None:
        leaves, memory = raw
        row = self.found[raw]
        if any(self.chart.by_name[leaf].kind is Kind.FINAL and not self.chart.ancestors[leaf] for leaf in leaves):
            return
        for event in self.alphabet:
            node = self.follow(lambda oracle, e=event: proceed(self.chart, leaves, dict(memory), e, oracle))  # type: ignore[misc]
            if node is not None:
                row[event] = node

    def follow(self, run: Callable[[Oracle], Run | None]) -> RunNode:
        """Run with both answers to every guard; every configuration that comes out is put on the list."""
        try:
            node = explore(run)
        except Endless as endless:
            raise UnsoundChart(self.endless(endless)) from None
        for leaf in _runs(node):
            self.add(_raw(self.chart, leaf))
        return node

    def add(self, raw: Raw) -> None:
        if raw in self.found:
            return
        self.found[raw] = {}
        self.waiting.append(raw)
        if len(self.found) > self.limit:
            raise UnsoundChart(self.too_large())

    def endless(self, endless: Endless) -> str:
        arrows = ", ".join(f"{t.source} -> {' '.join(t.targets) or t.source}" for t in endless.transitions)
        return f"{self.chart.name}: a step never comes to rest; these transitions go round: {arrows}; guard one of them"

    def too_large(self) -> str:
        regions = ", ".join(
            f"{state.name} ({' x '.join(child.name for child in self.chart.children[state.name])})"
            for state in self.chart.states
            if state.kind is Kind.PARALLEL
        )
        blame = f"the regions of {regions} multiply" if regions else "history states remember too much"
        return f"{self.chart.name} has more than {self.limit} configurations: {blame}; split the chart or drop a region"


def explore(run: Callable[[Oracle], Run | None]) -> RunNode:
    """The decision tree of a run: the first unanswered guard is answered both ways, true first."""

    def build(answers: dict[tuple[str, frozenset[str]], bool]) -> RunNode:
        try:
            return run(lambda guard, active: _answer(guard, active, answers))
        except Unanswered as asked:
            key = _question(asked.guard, asked.active)
            yes = build({**answers, key: True})
            no = build({**answers, key: False})
            return asked.guard, asked.active, yes, no

    return build({})


def _answer(guard: Guard, active: frozenset[str], answers: Mapping[tuple[str, frozenset[str]], bool]) -> bool:
    known = None if guard.expression is None else guard.expression.decide(active)
    if known is None:
        known = answers.get(_question(guard, active))
    if known is None:
        raise Unanswered(guard, active)
    return known


def _question(guard: Guard, active: frozenset[str]) -> tuple[str, frozenset[str]]:
    """A guard is asked once per macrostep, unless states that it looks at changed in between."""
    watched = frozenset() if guard.expression is None else active & guard.expression.states
    return guard.text, watched


def _runs(node: RunNode) -> Iterator[Run]:
    if isinstance(node, Run):
        yield node
    elif node is not None:
        yield from _runs(node[2])
        yield from _runs(node[3])


def _guarded_start(chart: Chart, transition: Transition | None, oracle: Oracle) -> Run | None:
    if transition is not None and not all(oracle(guard, frozenset()) for guard in transition.guards):
        return None
    return begin(chart, transition, oracle)


def _raw(chart: Chart, run: Run) -> Raw:
    leaves = tuple(name for name in chart.order if name in run.active and not _has_children(chart.by_name[name]))
    return leaves, tuple(sorted(run.memory.items()))


def _has_children(state: State) -> bool:
    return state.kind in (Kind.COMPOUND, Kind.PARALLEL)


def alphabet(chart: Chart) -> tuple[str, ...]:
    """Every event that can be sent, in document order; `*` stands for any other when a transition matches any."""
    names: dict[str, None] = dict.fromkeys(event.name for event in chart.events)
    for transition in chart.transitions:
        if transition.source != START:
            names |= dict.fromkeys(event.removesuffix(".*") for event in transition.events)
    names |= dict.fromkeys(timer.event for state in chart.states for timer in state.after)
    names |= dict.fromkeys(effect.name for effect in _effects(chart) if effect.kind in ("raise", "send"))
    internal = {event.name for event in chart.events if event.internal}
    return tuple(name for name in names if not name.startswith("done.state.") and name not in internal)


def _effects(chart: Chart) -> Iterator[Effect]:
    for state in chart.states:
        yield from (*state.on_entry, *state.on_exit, *state.initial_effects)
    for transition in chart.transitions:
        yield from transition.effects


class _Builder:
    """From explored runs to the table: forget dead memory, name the configurations, build the steps."""

    def __init__(self, compiler: _Compiler) -> None:
        self.chart = compiler.chart
        self.compiler = compiler
        self.alive = _alive_memory(self.chart, compiler.found)
        self.names = {raw: _text(raw, self.alive[raw]) for raw in compiler.found}
        self.configurations: dict[str, Configuration] = {}

    def table(self) -> Table:
        for raw in self.compiler.found:
            self.configure(raw)
        rows: dict[str, dict[str, Cell]] = {}
        for raw, row in self.compiler.found.items():
            name = self.names[raw]
            if name not in rows:
                rows[name] = {event: self.cell(node, self.configurations[name], event) for event, node in row.items()}
        starts = {event: self.cell(node, None, event) for event, node in self.compiler.starts.items()}
        return Table(self.chart, self.configurations, rows, starts, frozenset(self.compiler.alphabet))

    def configure(self, raw: Raw) -> None:
        text = self.names[raw]
        if text not in self.configurations:
            final = not self.compiler.found[raw] and all(self.chart.by_name[n].kind is Kind.FINAL for n in raw[0])
            memory = tuple((name, kept) for name, kept in raw[1] if name in self.alive[raw])
            self.configurations[text] = configuration(self.chart, text, raw[0], memory, final=final)

    def cell(self, node: RunNode, before: Configuration | None, event: str) -> Cell:
        return Cell(self.node(node, before, event), closed_reasons=not self.chart.reasons.open)

    def node(self, node: RunNode, before: Configuration | None, event: str) -> Node:
        if node is None:
            return None
        if isinstance(node, Run):
            return self.step(node, before, event)
        guard, active, yes, no = node
        return Choice(guard, active, self.node(yes, before, event), self.node(no, before, event))

    def step(self, run: Run, before: Configuration | None, event: str) -> Step:
        after = self.configurations[self.names[_raw(self.chart, run)]]
        taken = tuple(run.transitions)
        declared = self.chart.event_by_name.get(event)
        return Step(
            before=before,
            event=event,
            after=after,
            transitions=taken,
            exited=tuple(run.exited),
            entered=tuple(run.entered),
            actions=tuple(run.actions),
            armed=tuple(run.armed),
            disarmed=tuple(run.disarmed),
            demand=_demand(self.chart, taken, run.entered, declared.payload if declared else ()),
        )


def _demand(chart: Chart, taken: tuple[Transition, ...], entered: list[str], payload: tuple[Field, ...]) -> Demand:
    states = [chart.by_name[name] for name in entered]
    rules = [t.reason for t in taken] + [s.reason for s in states]
    links = [rel for t in taken for rel in t.links] + [rel for s in states for rel in s.links]
    return Demand(
        by=tuple(t.by for t in taken if t.by),
        reason=_strictest(chart, rules),
        links=tuple(dict.fromkeys(links)),
        payload=payload,
    )


def _strictest(chart: Chart, rules: list[ReasonRule]) -> ReasonRule:
    modes = {rule.mode for rule in rules}
    mode = next((m for m in ("required", "forbidden") if m in modes), "optional")
    lists = [rule.codes for rule in rules if rule.codes]
    allowed = tuple(code for code in lists[0] if all(code in other for other in lists)) if lists else ()
    if modes >= {"required", "forbidden"} or (lists and not allowed):
        told = " and ".join(dict.fromkeys(", ".join(rule.codes) or rule.mode for rule in rules if rule != ReasonRule()))
        raise ChartError(f"{chart.name}: one step has reason rules that no reason fits: {told}; let them overlap")
    return ReasonRule(mode, allowed)


def _alive_memory(chart: Chart, found: Mapping[Raw, Mapping[str, RunNode]]) -> dict[Raw, frozenset[str]]:
    """For each configuration the history states whose memory some later step reads before it is written again."""
    flows = {
        raw: [(run.read, run.written, _raw(chart, run)) for node in row.values() for run in _runs(node)]
        for raw, row in found.items()
    }
    alive: dict[Raw, frozenset[str]] = dict.fromkeys(found, frozenset())
    changed = True
    while changed:
        changed = False
        for raw, outs in flows.items():
            wanted = frozenset(name for read, written, after in outs for name in read | (alive[after] - written))
            if wanted != alive[raw]:
                alive[raw], changed = wanted, True
    return alive


def _text(raw: Raw, alive: frozenset[str]) -> str:
    leaves, memory = raw
    kept = "".join(f";{name}={'+'.join(states)}" for name, states in memory if name in alive)
    return "+".join(leaves) + kept


# --- what a chart built by hand may get wrong


def verify(chart: Chart) -> None:
    """Raise ChartError when a name leads nowhere; documents are checked earlier, with line and column."""
    if len(chart.by_name) != len(chart.states):
        twice = next(s.name for n, s in enumerate(chart.states) if chart.order[s.name] != n)
        raise ChartError(f"{chart.name}: two states are called {twice}; names are unique in a chart")
    if not chart.initial:
        raise ChartError(f"{chart.name} has no initial state; name one")
    _known(chart, chart.initial, "the chart's initial")
    for state in chart.states:
        _verify_state(chart, state)
    for transition in chart.transitions:
        _known(
            chart, () if transition.source == START else (transition.source,), f"a transition on {transition.event!r}"
        )
        _known(chart, transition.targets, f"the transition from {transition.source} on {transition.event!r}")


def _verify_state(chart: Chart, state: State) -> None:
    _known(chart, () if state.parent is None else (state.parent,), f"the parent of {state.name}")
    _known(chart, state.initial, f"the initial of {state.name}")
    if state.kind in (Kind.COMPOUND, Kind.SHALLOW, Kind.DEEP) and not state.initial:
        raise ChartError(f"{chart.name}: {state.name} is {state.kind} and has no initial state; name one")
    if state.kind is Kind.COMPOUND and not all(chart.within(name, state.name) for name in state.initial):
        raise ChartError(f"{chart.name}: the initial state of {state.name} must lie inside it")


def _known(chart: Chart, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if name not in chart.by_name:
            raise ChartError(f"{chart.name}: {where} names {name}, which is not a state of the chart")
