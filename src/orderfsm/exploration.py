"""Which configurations a chart can come to: every event is tried in every configuration that is found.

Where a guard is asked, both answers are followed, so that the outcome of an event is a decision tree.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from .chart import NOWHERE, OPEN, START, Chart, Guard, Kind, Transition
from .diagnosis import diagnose
from .errors import UnsoundChart
from .interpret import Endless, Unanswered, begin, listeners, proceed
from .structure import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .chart import Effect, Timer
    from .interpret import Oracle, Run

__all__ = ["Exploration", "Fork", "Found", "Raw", "Tree", "explore", "found_in"]


Memory = tuple[tuple[str, tuple[str, ...]], ...]

Raw = tuple[tuple[str, ...], Memory]
"""Leaves and memory as found, before dead memory is forgotten."""


class Found(NamedTuple):
    """What a run did, and the raw configuration that it leads to; the rest of the run is not kept."""

    raw: Raw
    transitions: tuple[Transition, ...]
    exited: tuple[str, ...]
    entered: tuple[str, ...]
    actions: tuple[str, ...]
    armed: tuple[Timer, ...]
    disarmed: tuple[Timer, ...]
    read: frozenset[str]
    written: frozenset[str]


class Fork(NamedTuple):
    """A guard without an answer, and what is found for either."""

    guard: Guard
    active: frozenset[str]
    yes: Tree
    no: Tree


Tree: TypeAlias = Found | Fork | None


MANY = 1_000
"""With more configurations than these waiting, the newest are explored first: they lead to new ones soonest, so that a
chart that has too many is refused early."""


CASES = 1_024
"""How many outcomes one event may have in one configuration; n guards that are asked together have up to 2 ** n."""

GUARDS = 400
"""How many guards may be asked, one after the other, on the way to one outcome."""

RUNS = 250_000
"""How many times the interpreter may run for one chart: once per outcome, and once more for every guard on the way."""


class Exploration:
    """The raw configurations of a chart, breadth first, with what each event does in them.

    `starts[event]` and `rows[raw][event]` are trees; `endless[raw]` holds the events whose steps never come to rest.
    Raises what `compile` raises.
    """

    def __init__(self, chart: Chart, limit: int) -> None:
        verify(chart)
        self.chart = chart
        self._limit = limit
        self.alphabet = alphabet(chart)
        self._heard = _heard(chart, self.alphabet)
        self._leaves = {state.name for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)}
        self._families = _families(chart)
        self._rewritten = _rewritten(chart)
        self.starts: dict[str, Tree] = {}
        self.rows: dict[Raw, dict[str, Tree]] = {}
        self.endless: dict[Raw, list[str]] = {}
        self._waiting: deque[Raw] = deque()
        self._runs = 0
        self._explore_starts()
        while self._waiting:
            waiting = self._waiting
            self._explore_row(waiting.popleft() if len(waiting) < MANY else waiting.pop())
        self.rows = {raw: self.rows[raw] for raw in self._breadth_first()}

    def _explore_starts(self) -> None:
        openings: dict[str, list[Transition]] = {OPEN: []}
        for transition in self.chart.leading(START):
            for event in transition.events or (OPEN,):
                openings.setdefault(event, []).append(transition)
        for event, ways in openings.items():
            try:
                self.starts[event] = self._explore(partial(_begin, self.chart, ways), event, "the start")
            except Endless as endless:
                raise self._never_rests(endless) from None

    def _explore_row(self, raw: Raw) -> None:
        leaves, memory = raw
        if any(self.chart.by_name[leaf].kind is Kind.FINAL and not self.chart.ancestors[leaf] for leaf in leaves):
            return
        remembered = dict(memory)
        active = {name for leaf in leaves for name in (leaf, *self.chart.ancestors[leaf])}
        for place in sorted({place for name in active for place in self._heard.get(name, ())}):
            event = self.alphabet[place]
            try:
                tree = self._explore(partial(proceed, self.chart, leaves, remembered, event), event, "+".join(leaves))
            except Endless as endless:
                if self.chart.endless == "refused":
                    raise self._never_rests(endless) from None
                self.endless.setdefault(raw, []).append(event)
                continue
            if tree is not None:
                self.rows[raw][event] = tree

    def _explore(self, run: Callable[[Oracle], Run | None], event: str, here: str) -> Tree:
        """Run with both answers to every guard; every configuration that comes out is put on the list."""

        def counted(oracle: Oracle) -> Found | None:
            self._runs += 1
            if self._runs > RUNS:
                raise self._too_large()
            return self._found(run(oracle))

        try:
            tree = explore(counted)
        except _Branched as branched:
            raise self._too_branched(event, here, branched.guards) from None
        for leaf in found_in(tree):
            self._add(leaf.raw)
        return tree

    def _found(self, run: Run | None) -> Found | None:
        if run is None:
            return None
        self._refuse_excluding(run)
        leaves = tuple(sorted(run.active & self._leaves, key=self.chart.order.__getitem__))
        memory = (pair for pair in run.memory.items() if self._rewritten.get(pair[0]) not in run.active)
        return Found(
            (leaves, tuple(sorted(memory))),
            transitions=tuple(run.transitions),
            exited=tuple(run.exited),
            entered=tuple(run.entered),
            actions=tuple(run.actions),
            armed=tuple(run.armed),
            disarmed=tuple(run.disarmed),
            read=frozenset(run.read),
            written=frozenset(run.written),
        )

    def _add(self, raw: Raw) -> None:
        if raw in self.rows:
            return
        self.rows[raw] = {}
        self._waiting.append(raw)
        if len(self.rows) > self._limit:
            raise self._too_large()

    def _breadth_first(self) -> Iterator[Raw]:
        """The configurations, those nearest to the start first."""
        found = {leaf.raw: None for tree in self.starts.values() for leaf in found_in(tree)}
        waiting = deque(found)
        while waiting:
            raw = waiting.popleft()
            yield raw
            after = dict.fromkeys(leaf.raw for tree in self.rows[raw].values() for leaf in found_in(tree))
            fresh = [raw for raw in after if raw not in found]
            found |= dict.fromkeys(fresh)
            waiting += fresh

    # --- what is refused

    def _refuse_excluding(self, run: Run) -> None:
        """Raise UnsoundChart when two children of a compound state, or of the chart, are active."""
        for family in self._families:
            if len(family & run.active) > 1:
                active = sorted(family & run.active, key=self.chart.order.__getitem__)
                taken = ", ".join(_arrow(transition) for transition in run.transitions) or "the start"
                raise self._unsound(
                    "not-compilable",
                    f"{self.chart.name}: {' and '.join(active)} would be active together, by {taken}; "
                    "name one of them, or put them into a parallel state",
                    run.transitions,
                )

    def _unsound(self, code: str, message: str, taken: Sequence[Transition] = (), path: str = "states") -> UnsoundChart:
        """The error, with a finding that stands at the first transition taken, else at the states."""
        at = taken[0].position if taken else self.chart.positions.get("states", NOWHERE)
        found = diagnose(self.chart, code, message, at=at, path=path, witness=map(str, taken))
        return UnsoundChart(message, (found,))

    def _never_rests(self, endless: Endless) -> UnsoundChart:
        arrows = ", ".join(_arrow(transition) for transition in endless.transitions)
        said = f"{self.chart.name}: a step never comes to rest; these transitions go round: {arrows}; break the circle"
        return self._unsound("eventless-cycle", said, endless.transitions, path="always")

    def _too_branched(self, event: str, here: str, guards: tuple[str, ...]) -> UnsoundChart:
        named = ", ".join(guard[:60] for guard in guards[:4])
        return self._unsound(
            "not-compilable",
            f"{self.chart.name}: {event} in {here} asks too many guards ({named}, ...): more than {GUARDS} of them, or "
            f"more than {CASES} outcomes; ask fewer at once, or give the event several names",
        )

    def _too_large(self) -> UnsoundChart:
        regions = ", ".join(
            f"{state.name} ({' x '.join(child.name for child in self.chart.children[state.name])})"
            for state in self.chart.states
            if state.kind is Kind.PARALLEL
        )
        size, blame = f"{self._limit} configurations", "history states remember too much"
        if self._runs > RUNS:
            size, blame = f"{RUNS} outcomes of events", "too many events have arrows from too many states"
        if regions:
            blame = f"the regions of {regions} multiply"
        said = f"{self.chart.name} has more than {size}: {blame}; split the chart or drop a region"
        return self._unsound("too-many-configurations", said)


def _arrow(transition: Transition) -> str:
    event = f" on {transition.event}" if transition.events else ""
    return f"{transition.source} -> {' '.join(transition.targets) or transition.source}{event}"


def _begin(chart: Chart, ways: list[Transition], oracle: Oracle) -> Run | None:
    """By the first start transition whose guards hold; by the chart's initial states when there are none."""
    if not ways:
        return begin(chart, None, oracle)
    for way in ways:
        if all(oracle(guard, frozenset()) for guard in way.guards):
            return begin(chart, way, oracle)
    return None


class _Branched(Exception):
    """A decision tree that has too many ends, or one of them too far away."""

    def __init__(self, answers: Iterable[tuple[str, frozenset[str]]]) -> None:
        self.guards = tuple(dict.fromkeys(text for text, _ in answers))
        super().__init__("too many guards")


def explore(run: Callable[[Oracle], Found | None]) -> Tree:
    """The decision tree of a run: the first unanswered guard is answered both ways, true first."""
    forks = count(1)

    def build(answers: dict[tuple[str, frozenset[str]], bool]) -> Tree:
        try:
            return run(lambda guard, active: _answer(guard, active, answers))
        except Unanswered as asked:
            if len(answers) >= GUARDS or next(forks) >= CASES:
                raise _Branched(answers) from None
            key = _question(asked.guard, asked.active)
            return Fork(asked.guard, asked.active, build({**answers, key: True}), build({**answers, key: False}))

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


def found_in(tree: Tree) -> Iterator[Found]:
    """What is found at the ends of a tree, in the order in which the answers are tried."""
    if isinstance(tree, Found):
        yield tree
    elif tree is not None:
        yield from found_in(tree.yes)
        yield from found_in(tree.no)


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


def _heard(chart: Chart, events: Iterable[str]) -> dict[str, list[int]]:
    """State -> the places of the events that it has transitions for; no other event can enable one."""
    heard: dict[str, list[int]] = {}
    for place, event in enumerate(events):
        for name in listeners(chart, event):
            heard.setdefault(name, []).append(place)
    return heard


def _families(chart: Chart) -> tuple[frozenset[str], ...]:
    """The states of which no more than one may be active at a time: the outermost, and those of a compound state."""
    return tuple(
        frozenset(child.name for child in children)
        for parent, children in chart.children.items()
        if len(children) > 1 and (parent is None or chart.by_name[parent].kind is Kind.COMPOUND)
    )


def _effects(chart: Chart) -> Iterator[Effect]:
    yield from chart.initial_effects
    for state in chart.states:
        yield from (*state.on_entry, *state.on_exit, *state.initial_effects)
    for transition in chart.transitions:
        yield from transition.effects


def _rewritten(chart: Chart) -> dict[str, str]:
    """History state -> its parent, where no transition from within the parent leads back to the history state.

    While the parent is active, such a memory is written anew before anything can read it.
    """
    found = {state.name: state.parent for state in chart.states if state.kind.is_history and state.parent is not None}
    for transition in chart.transitions:
        for name in _histories(chart, transition.targets):
            parent = chart.by_name[name].parent
            if parent is not None and transition.source != START and parent in _upwards(chart, transition.source):
                found.pop(name, None)
    return found


def _upwards(chart: Chart, name: str) -> tuple[str, ...]:
    return name, *chart.ancestors[name]


def _histories(chart: Chart, targets: tuple[str, ...]) -> Iterator[str]:
    """The history states among the targets, and among the defaults of those."""
    for target in targets:
        if chart.by_name[target].kind.is_history:
            yield target
            yield from _histories(chart, chart.by_name[target].initial)
