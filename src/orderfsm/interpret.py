"""The macrostep of SCXML over a chart: what one event does to a set of active states.

This is a transcription of the algorithm in W3C SCXML, Appendix D, with the names of its procedures kept in comments.
It is literal on purpose: the compiler in `table` runs it once per (configuration, event, answers) and nobody else runs
it at all.

Guards are put to an oracle. Whoever calls decides the answers; `Unanswered` stops the run at the first guard that has
none, so that the caller can try both.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .chart import START, Chart, Kind, State, Timer, Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

    from .chart import Effect, Guard

    Oracle = Callable[[Guard, frozenset[str]], bool]

__all__ = ["Endless", "Memory", "Run", "Unanswered", "begin", "listeners", "matches", "proceed"]

Memory = dict[str, tuple[str, ...]]
"""What history states remember: history state -> the states to enter again."""

MICROSTEPS = 1_000


class Unanswered(Exception):
    """A guard was asked that the oracle has no answer for."""

    def __init__(self, guard: Guard, active: frozenset[str]) -> None:
        self.guard = guard
        self.active = active
        super().__init__(guard.text)


class Endless(Exception):
    """The macrostep does not come to rest: eventless transitions or raised events go round for ever."""

    def __init__(self, transitions: Sequence[Transition]) -> None:
        self.transitions = tuple(transitions)
        super().__init__("the macrostep never comes to rest")


@dataclass(slots=True)
class Run:
    """The outcome of one macrostep, in the order in which things happened."""

    active: set[str]
    memory: Memory
    transitions: list[Transition] = field(default_factory=list)
    exited: list[str] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    armed: list[Timer] = field(default_factory=list)
    disarmed: list[Timer] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    ended: bool = False


def begin(chart: Chart, transition: Transition | None, oracle: Oracle) -> Run:
    """Enter the chart: by its initial states, or by one of its start transitions, and settle."""
    run = Run(set(), {}, transitions=[transition] if transition else [])
    macrostep = _Macrostep(chart, run, oracle)
    start = transition or Transition(START, targets=chart.initial, effects=chart.initial_effects)
    macrostep.execute(start.effects)
    macrostep.enter([start])
    macrostep.settle()
    return macrostep.run


def proceed(
    chart: Chart, leaves: Iterable[str], memory: Mapping[str, tuple[str, ...]], event: str, oracle: Oracle
) -> Run | None:
    """What `event` does in the configuration of these leaves and memory; None when it enables nothing."""
    active = {name for leaf in leaves for name in (leaf, *chart.ancestors[leaf])}
    macrostep = _Macrostep(chart, Run(active, dict(memory)), oracle)
    enabled = macrostep.select(event)
    if not enabled:
        return None
    macrostep.microstep(enabled)
    macrostep.settle()
    return macrostep.run


def listeners(chart: Chart, event: str) -> frozenset[str]:
    """The states with a transition for `event`: where none of them is active, it enables nothing."""
    return frozenset(_Index.of(chart).asked(event))


def matches(descriptors: tuple[str, ...], event: str) -> bool:
    """Whether an event matches one of the descriptors: equal, a dotted prefix, or `*` (SCXML 3.12.1)."""
    return any(d == "*" or event == d or event.startswith(d + ".") for d in map(_bare, descriptors))


def _matched_by(event: str | None) -> Iterator[str | None]:
    """The descriptors that match an event; None is an eventless transition's."""
    yield event
    if event is not None:
        yield "*"
        yield from (event[:dot] for dot, sign in enumerate(event) if sign == ".")


def _bare(descriptor: str) -> str:
    return descriptor[:-2] if descriptor.endswith(".*") else descriptor


class _Index:
    """What every run asks about a chart, worked out once and kept with it."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.leaves = {state.name for state in chart.states if state.kind in (Kind.ATOMIC, Kind.FINAL)}
        self.histories: dict[str | None, list[State]] = {}
        for state in chart.states:
            if state.kind.is_history:
                self.histories.setdefault(state.parent, []).append(state)
        self.inside = _inside(chart)
        self.steady = {id(t) for t in chart.transitions if not any(chart.by_name[n].kind.is_history for n in t.targets)}
        self.domains: dict[int, str | None] = {}
        self._asked: dict[str | None, dict[str, list[Transition]]] = {}
        self._places: dict[str | None, list[int]] = {}
        for place, transition in enumerate(chart.transitions):
            for descriptor in map(_bare, transition.events) if transition.events else (None,):
                self._places.setdefault(descriptor, []).append(place)

    @classmethod
    def of(cls, chart: Chart) -> _Index:
        kept = vars(chart)
        if "_index" not in kept:
            kept["_index"] = cls(chart)
        index: _Index = kept["_index"]
        return index

    def asked(self, event: str | None) -> Mapping[str, Sequence[Transition]]:
        """Source -> its transitions for an event (None: its eventless ones), in document order."""
        if event not in self._asked:
            places = {place for descriptor in _matched_by(event) for place in self._places.get(descriptor, ())}
            found: dict[str, list[Transition]] = {}
            for place in sorted(places):
                transition = self.chart.transitions[place]
                found.setdefault(transition.source, []).append(transition)
            self._asked[event] = found
        return self._asked[event]


def _inside(chart: Chart) -> Mapping[str | None, frozenset[str]]:
    """Name -> the states properly inside it; None, the chart -> all states."""
    inside: dict[str | None, set[str]] = {name: set() for name in (None, *chart.by_name)}
    for name, ancestors in chart.ancestors.items():
        for around in (None, *ancestors):
            inside[around].add(name)
    return {name: frozenset(names) for name, names in inside.items()}


class _Macrostep:
    """One run of the interpreter; every method is a procedure of Appendix D."""

    def __init__(self, chart: Chart, run: Run, oracle: Oracle) -> None:
        self.chart = chart
        self.index = _Index.of(chart)
        self.run = run
        self.oracle = oracle
        self.internal: deque[str] = deque()
        self.external: deque[str] = deque()
        self.microsteps = 0
        self.domains: dict[int, str | None] = {}

    # --- mainEventLoop, from the first microstep on

    def settle(self) -> None:
        """Take eventless transitions, then raised events, then undelayed sends, until nothing moves."""
        while not self.run.ended:
            enabled = self.select(None)
            if not enabled:
                if not (self.internal or self.external):
                    return
                enabled = self.select(self.internal.popleft() if self.internal else self.external.popleft())
            if enabled:
                self.microstep(enabled)

    def microstep(self, enabled: list[Transition]) -> None:
        self.microsteps += 1
        self.run.transitions += enabled
        if self.microsteps > MICROSTEPS:
            raise Endless(_repeating(self.run.transitions))
        self.exit(enabled)
        for transition in enabled:
            self.execute(transition.effects)
        self.enter(enabled)
        self.domains.clear()

    # --- selectTransitions, removeConflictingTransitions

    def select(self, event: str | None) -> list[Transition]:
        """The optimally enabled, conflict-free transitions for an event (None: the eventless ones)."""
        asked = self.index.asked(event)
        asking = asked.keys() & self.run.active
        if not asking:
            return []
        enabled: dict[int, Transition] = {}
        for leaf in self.leaves(asking.union(*map(self.index.inside.__getitem__, asking))):
            transition = self.first_enabled(leaf, asked)
            if transition is not None:
                enabled[id(transition)] = transition
        return self.without_conflicts(list(enabled.values()))

    def first_enabled(self, leaf: str, asked: Mapping[str, Sequence[Transition]]) -> Transition | None:
        for name in (leaf, *self.chart.ancestors[leaf]):
            for transition in asked.get(name, ()):
                if self.holds(transition):
                    return transition
        return None

    def holds(self, transition: Transition) -> bool:
        if not transition.guards:
            return True
        active = frozenset(self.run.active)
        return all(self.oracle(guard, active) for guard in transition.guards)

    def without_conflicts(self, enabled: list[Transition]) -> list[Transition]:
        if len(enabled) < 2:
            return enabled
        kept: list[Transition] = []
        exits = {id(t): self.exit_set([t]) for t in enabled}
        for one in enabled:
            rivals = [other for other in kept if exits[id(one)] & exits[id(other)]]
            if all(self.chart.within(one.source, other.source) for other in rivals):
                kept = [other for other in kept if other not in rivals]
                kept.append(one)
        return kept

    # --- computeExitSet, getTransitionDomain, getEffectiveTargetStates, findLCCA

    def exit_set(self, transitions: list[Transition]) -> set[str]:
        out: set[str] = set()
        for transition in transitions:
            if transition.targets:
                out |= self.run.active & self.index.inside[self.domain(transition)]
        return out

    def domain(self, transition: Transition) -> str | None:
        """The state inside which a transition with targets happens, before anything is left; None is the chart."""
        known = self.index.domains if id(transition) in self.index.steady else self.domains
        if id(transition) not in known:
            known[id(transition)] = self.find_domain(transition)
        return known[id(transition)]

    def find_domain(self, transition: Transition) -> str | None:
        chart, source = self.chart, transition.source
        if source == START:
            return None
        compound = chart.by_name[source].kind is Kind.COMPOUND
        if transition.internal and compound and all(self.leads_into(t, source) for t in transition.targets):
            return source
        for ancestor in chart.ancestors[source]:
            compound = chart.by_name[ancestor].kind is Kind.COMPOUND
            if compound and all(self.leads_into(t, ancestor) for t in transition.targets):
                return ancestor
        return None

    def leads_into(self, target: str, ancestor: str) -> bool:
        """Whether all that a target stands for lies inside `ancestor`; memory is read only when that depends on it."""
        state = self.chart.by_name[target]
        if self.chart.within(target, ancestor):
            return True
        if not state.kind.is_history or not self.chart.within(ancestor, state.parent):
            return False
        return all(self.leads_into(name, ancestor) for name in self.recall(state))

    def effective_targets(self, targets: Iterable[str]) -> list[str]:
        out: dict[str, None] = {}
        for target in targets:
            state = self.chart.by_name[target]
            out.update(dict.fromkeys(self.effective_targets(self.recall(state)) if state.kind.is_history else [target]))
        return list(out)

    def recall(self, state: State) -> tuple[str, ...]:
        """What a history state stands for: what it remembers, else its default."""
        if state.name not in self.run.written:
            self.run.read.add(state.name)
        return self.run.memory.get(state.name) or state.initial

    # --- exitStates

    def exit(self, enabled: list[Transition]) -> None:
        leaving = sorted(self.exit_set(enabled), key=self.chart.order.__getitem__, reverse=True)
        for name in leaving:
            self.remember(name)
        for name in leaving:
            state = self.chart.by_name[name]
            self.execute(state.on_exit)
            self.run.active.discard(name)
            self.run.exited.append(name)
            self.run.disarmed += state.after
            self.run.armed = [timer for timer in self.run.armed if timer.state != name]

    def remember(self, name: str) -> None:
        for history in self.index.histories.get(name, ()):
            if history.kind is Kind.DEEP:
                kept = self.leaves(self.index.inside[name])
            else:
                kept = [child.name for child in self.chart.children[name] if child.name in self.run.active]
            self.run.memory[history.name] = tuple(kept)
            self.run.written.add(history.name)

    # --- enterStates, computeEntrySet, addDescendantStatesToEnter, addAncestorStatesToEnter

    def enter(self, enabled: list[Transition]) -> None:
        """Enter what is to be entered; unlike in Appendix D, never a state that is active already.

        There a history state that is targeted from beside what it remembers would enter its inner states twice.
        """
        entry = _Entry(self)
        for transition in enabled:
            if transition.targets:
                entry.add(transition)
        for name in sorted(entry.states - self.run.active, key=self.chart.order.__getitem__):
            self.enter_one(self.chart.by_name[name], entry)

    def enter_one(self, state: State, entry: _Entry) -> None:
        self.run.active.add(state.name)
        self.run.entered.append(state.name)
        self.execute(state.on_entry)
        if state.name in entry.defaults:
            self.execute(state.initial_effects)
        self.execute(entry.recalled.get(state.name, ()))
        self.run.armed += state.after
        if state.kind is Kind.FINAL:
            self.reach_end(state)

    def reach_end(self, state: State) -> None:
        """Raise the done events of a final state; an outermost one ends the chart."""
        if state.parent is None:
            self.run.ended = True
            return
        self.internal.append(f"done.state.{state.parent}")
        parallel = self.chart.by_name[state.parent].parent
        if parallel is None or self.chart.by_name[parallel].kind is not Kind.PARALLEL:
            return
        if all(self.in_final_state(child) for child in self.chart.children[parallel]):
            self.internal.append(f"done.state.{parallel}")

    def in_final_state(self, state: State) -> bool:
        children = self.chart.children.get(state.name, ())
        if state.kind is Kind.COMPOUND:
            return any(c.kind is Kind.FINAL and c.name in self.run.active for c in children)
        return state.kind is Kind.PARALLEL and all(self.in_final_state(child) for child in children)

    # --- executable content

    def execute(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if effect.kind == "raise":
                self.internal.append(effect.name)
            elif effect.kind == "emit":
                self.run.actions.append(effect.name)
            elif effect.delay:
                self.run.armed.append(Timer(effect.name, effect.delay))
            else:
                self.external.append(effect.name)

    def leaves(self, among: Set[str]) -> list[str]:
        """The active atomic and final states among these states, in document order."""
        return sorted(self.run.active & self.index.leaves & among, key=self.chart.order.__getitem__)


class _Entry:
    """The set of states to enter, with what was entered by default and what by a history's default."""

    def __init__(self, macrostep: _Macrostep) -> None:
        self.macrostep = macrostep
        self.chart = macrostep.chart
        self.states: set[str] = set()
        self.defaults: set[str] = set()
        self.recalled: dict[str, tuple[Effect, ...]] = {}

    def add(self, transition: Transition) -> None:
        for target in transition.targets:
            self.downwards(target)
        domain = self.macrostep.domain(transition)
        for target in self.macrostep.effective_targets(transition.targets):
            self.upwards(target, domain)

    def downwards(self, name: str) -> None:
        state = self.chart.by_name[name]
        if state.kind.is_history:
            self.from_memory(state)
            return
        self.states.add(name)
        if state.kind is Kind.COMPOUND:
            self.defaults.add(name)
            self.all_of(state.initial, name)
        elif state.kind is Kind.PARALLEL:
            self.missing_regions(name)

    def from_memory(self, history: State) -> None:
        remembered = self.macrostep.recall(history)
        if history.name not in self.macrostep.run.memory and history.parent is not None:
            self.recalled[history.parent] = history.initial_effects
        self.all_of(remembered, history.parent)

    def all_of(self, names: tuple[str, ...], ancestor: str | None) -> None:
        for name in names:
            self.downwards(name)
        for name in names:
            self.upwards(name, ancestor)

    def upwards(self, name: str, ancestor: str | None) -> None:
        """Add the ancestors of `name` up to, and without, `ancestor`, and the missing regions of parallel ones."""
        for above in self.chart.ancestors[name]:
            if above == ancestor:
                return
            self.states.add(above)
            if self.chart.by_name[above].kind is Kind.PARALLEL:
                self.missing_regions(above)

    def missing_regions(self, parallel: str) -> None:
        for region in self.chart.children.get(parallel, ()):
            inside = any(name == region.name or self.chart.within(name, region.name) for name in self.states)
            if not inside:
                self.downwards(region.name)


def _repeating(transitions: list[Transition]) -> list[Transition]:
    """The transitions that keep coming back, in order, each once."""
    return list({id(t): t for t in transitions[-MICROSTEPS // 2 :]}.values())
