"""The proof of a roll-up: everything that an order and its items can do together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from math import comb
from typing import TYPE_CHECKING, TypeAlias

from orderfsm import expression as ex
from orderfsm.diagnosis import diagnose
from orderfsm.errors import GuardFailed
from orderfsm.graph import matches_state, steps_from
from orderfsm.table import compile

from .follow import about_items, facts_of, fitting, illegal, kept, open_steps, route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.cell import Configuration, Step
    from orderfsm.chart import Chart, Rollup, RollupRule
    from orderfsm.expression import Expression
    from orderfsm.finding import Finding
    from orderfsm.table import Table

    from .follow import Items

__all__ = ["prove"]


Mix: TypeAlias = tuple[str, ...]
"""Item configurations, sorted: with repetitions when rules count, else each once, standing for any number."""

Pair: TypeAlias = tuple[str, Mix]
"""An order's configuration and its items'."""

PAIRS = 8_000
"""How many pairs a proof may visit before it limits itself to mixes of `upto`."""


def prove(chart: Chart, item_chart: Chart, *, upto: int = 3) -> tuple[Finding, ...]:
    """What would go wrong in a roll-up, over everything that an order and its items can do together.

    Rules that ask only `all` and `any` see which configurations occur, not how often. For them every set of item
    configurations is visited as long as that is feasible (PAIRS), so that the proof holds for any number of items; else
    sets of up to `upto`. Rules that count are proved for up to `upto` items. The order follows when its items have
    begun and after every step of one; it takes its own events in between, and catches up when one of them leads out of
    the states that it is told to keep.

    Findings: rollup-gap, rollup-overlap and rollup-illegal, each with a shortest witness; rollup-unproved when a rule
    cannot be evaluated over the items alone. Order: as in this list.
    """
    if chart.rollup is None:
        return ()
    proof = _Proof(chart, chart.rollup, compile(chart), compile(item_chart), upto)
    try:
        return (*proof.misfits(), *proof.illegal())
    except GuardFailed as error:
        said = f"the roll-up cannot be proved over the items alone: {error}"
        return (diagnose(chart, "rollup-unproved", said, at=chart.rollup.position, path="rollup.rules"),)


@dataclass
class _Proof:
    """One walk over an order and its items. Answers about mixes are remembered."""

    chart: Chart
    rollup: Rollup
    table: Table
    items: Table
    upto: int
    known: dict[tuple[Mix, frozenset[str]], tuple[RollupRule, ...]] = field(default_factory=dict)
    followed: dict[Pair, str | None] = field(default_factory=dict)
    known_moves: dict[Mix, Mapping[Mix, str]] = field(default_factory=dict)

    # --- mixes

    @cached_property
    def counting(self) -> bool:
        """Whether some rule, or a guard about items, asks more of a mix than which configurations occur in it."""
        guards = (guard.expression for transition in self.chart.transitions for guard in transition.guards)
        asked = [rule.when for rule in self.rollup.rules if rule.when] + [e for e in guards if e and about_items(e)]
        return not all(_sees_sets(expression) for expression in asked)

    @cached_property
    def size(self) -> int:
        """The largest mix to visit."""
        if self.counting:
            return self.upto
        kinds, orders = len(self.items.configurations), len(self.table.configurations)
        sizes = (n for n in range(kinds, 0, -1) if orders * sum(comb(kinds, k) for k in range(1, n + 1)) <= PAIRS)
        return max(next(sizes, 0), min(self.upto, kinds))

    def mixes(self, kinds: Iterable[str]) -> Iterator[Mix]:
        """Every mix of these configurations, the smallest first."""
        choose = combinations_with_replacement if self.counting else combinations
        known = sorted(kinds)
        for size in range(1, self.size + 1):
            yield from choose(known, size)

    def moved(self, mix: Mix, one: str, other: str) -> Iterator[Mix]:
        """What becomes of a mix when an item goes from one configuration to another."""
        rest = list(mix)
        rest.remove(one)
        if self.counting:
            yield tuple(sorted([*rest, other]))
            return
        for left in (rest, mix):  # it was the only one there, or it was not
            new = {*left, other}
            if len(new) <= self.size:
                yield tuple(sorted(new))

    def seen(self, mix: Mix) -> Items:
        return [facts_of(self.items.configurations[text], None) for text in mix]

    def fitting(self, here: Configuration, mix: Mix) -> tuple[RollupRule, ...]:
        key = (mix, here.states & self.watched)
        if key not in self.known:
            self.known[key] = fitting(self.rollup, here, self.seen(mix))
        return self.known[key]

    @cached_property
    def watched(self) -> frozenset[str]:
        """The order's states that rules ask about."""
        return frozenset().union(*(rule.when.states for rule in self.rollup.rules if rule.when))

    # --- rules without a gap and without an overlap

    def misfits(self) -> Iterator[Finding]:
        gaps: list[Mix] = []
        overlaps: dict[tuple[str, ...], Mix] = {}
        for mix in self.mixes(self.items.configurations):
            for here in self.following():
                rules = self.fitting(here, mix)
                if not rules:
                    gaps.append(mix)
                elif len(rules) > 1:
                    overlaps.setdefault(tuple(rule.to for rule in rules), mix)
        if gaps:
            yield self.gap(list(dict.fromkeys(gaps)))
        yield from (self.overlap(goals, mix) for goals, mix in overlaps.items())

    def following(self) -> Iterator[Configuration]:
        """One of the order's configurations for each set of active states that rules ask about; those kept left out."""
        views: set[frozenset[str]] = set()
        for here in self.table.configurations.values():
            view = here.states & self.watched
            if view not in views and not kept(self.rollup, here):
                views.add(view)
                yield here

    def gap(self, mixes: list[Mix]) -> Finding:
        said = f"no roll-up rule covers items in {', '.join(mixes[0])}"
        if len(mixes) > 1:
            said += f" (other mixes without a rule: {len(mixes) - 1})"
        return diagnose(self.chart, "rollup-gap", said, at=self.rollup.position, path="rollup.rules", witness=mixes[0])

    def overlap(self, goals: tuple[str, ...], mix: Mix) -> Finding:
        said = f"for items in {', '.join(mix)} the roll-up rules name {' and '.join(goals)}"
        last = max((rule for rule in self.rollup.rules if rule.to in goals), key=self.rollup.rules.index)
        return diagnose(self.chart, "rollup-overlap", said, at=last.position, path="rollup.rules", witness=mix)

    # --- targets that can be reached

    def illegal(self) -> Iterator[Finding]:
        """A finding for each configuration of the order and each target that it would have to get to and cannot."""
        told: set[tuple[str, str]] = set()
        walk = _Walk(self.begins())
        for pair in walk:
            for here, mix, label in self.arrivals(*pair, first=walk.came[pair] is None):
                after = self.follow(here, mix)
                goal = "" if after else self.fitting(here, mix)[0].to
                if goal and (here, goal) not in told:
                    told.add((here, goal))
                    yield self.stuck(here, goal, (*walk.run(pair), label))
                walk.visit((after or here, mix), pair, label)
            for step in self.staying(*pair):
                walk.visit((step.after, pair[1]), pair, f"order: {step.event}")

    def arrivals(self, order: str, mix: Mix, *, first: bool) -> Iterator[tuple[Configuration, Mix, str]]:
        """What an item's step, or the order's own out of a state that is kept, leads to before the order follows.

        `first` says that the items have just begun, which counts as a step of theirs.
        """
        here = self.table.configurations[order]
        if first:
            yield here, mix, "items: begin"
        for moved, label in self.moves(mix).items():
            yield here, moved, label
        for step in self.own_steps(here, mix):
            if self.returns(step):
                yield step.after, mix, f"order: {step.event}"

    def staying(self, order: str, mix: Mix) -> Iterator[Step]:
        """The order's own steps after which it does not follow."""
        steps = self.own_steps(self.table.configurations[order], mix)
        return (step for step in steps if not self.returns(step))

    def returns(self, step: Step) -> bool:
        """Whether the order begins to follow its items with a step of its own."""
        return step.before is not None and kept(self.rollup, step.before) and not kept(self.rollup, step.after)

    def begins(self) -> Iterator[Pair]:
        first = {step.after for step in steps_from(self.items, None)}
        for step in steps_from(self.table, None):
            yield from ((step.after, mix) for mix in self.mixes(first))

    def moves(self, mix: Mix) -> Mapping[Mix, str]:
        """The mixes that one step of one item leads to, with that step in words."""
        if mix not in self.known_moves:
            self.known_moves[mix] = {
                moved: f"item: {step.before} --{step.event}--> {step.after}"
                for one in reversed(dict.fromkeys(mix))
                for step in steps_from(self.items, one)
                for moved in self.moved(mix, one, step.after)
            }
        return self.known_moves[mix]

    def follow(self, here: Configuration, mix: Mix) -> str | None:
        """Where the order goes when its items are so, None when it cannot; without exactly one target it stays."""
        key = (here, mix)
        if key not in self.followed:
            self.followed[key] = self.followed_by(here, mix)
        return self.followed[key]

    def followed_by(self, here: Configuration, mix: Mix) -> str | None:
        rules = self.fitting(here, mix)
        if kept(self.rollup, here) or len(rules) != 1 or matches_state(here, rules[0].to):
            return here
        steps = route(self.table, here, rules[0].to, self.seen(mix))
        return None if steps is None else steps[-1].after

    def own_steps(self, here: Configuration, mix: Mix) -> Iterator[Step]:
        """The steps that the order can take by itself; guards about the items are asked."""
        for event, cell in self.table.rows[here].items():
            if event not in self.rollup.events:
                yield from open_steps(cell.cases(), self.seen(mix))

    def stuck(self, here: Configuration, goal: str, witness: tuple[str, ...]) -> Finding:
        said = illegal(self.chart, here, goal)
        rule = next(rule for rule in self.rollup.rules if rule.to == goal)
        return diagnose(self.chart, "rollup-illegal", said, at=rule.position, path="rollup.rules", witness=witness)


class _Walk:
    """A walk over pairs, the nearest first; remembers how each was come to."""

    def __init__(self, begins: Iterable[Pair]) -> None:
        self.came: dict[Pair, tuple[Pair, str] | None] = dict.fromkeys(begins)
        self.waiting = deque(self.came)

    def __iter__(self) -> Iterator[Pair]:
        while self.waiting:
            yield self.waiting.popleft()

    def visit(self, pair: Pair, origin: Pair, label: str) -> None:
        if pair not in self.came:
            self.came[pair] = (origin, label)
            self.waiting.append(pair)

    def run(self, pair: Pair) -> tuple[str, ...]:
        """The first pair and the moves from there, in words."""
        labels: list[str] = []
        while (last := self.came[pair]) is not None:
            pair, label = last
            labels.append(label)
        return (f"order: {pair[0]}, items: {', '.join(pair[1])}", *reversed(labels))


def _sees_sets(expression: Expression) -> bool:
    """Whether items are only ever asked about by `all` and `any`, and their number only compared with 0."""
    nodes = list(ex.walk(expression.root))
    asked = [node.source for node in nodes if isinstance(node, ex.Quantifier) and node.function != "count"]
    asked += [side for node in nodes if isinstance(node, ex.Compare) for side in _beside_zero(node)]
    return sum(map(_is_items, nodes)) == sum(map(_is_items, asked))


def _beside_zero(compare: ex.Compare) -> Iterator[ex.Node]:
    """The list whose size a comparison asks to be 0, or not to be."""
    left, right = compare.left, compare.right
    if isinstance(right, ex.Constant) and right.constant == 0 and isinstance(left, ex.Size):
        yield left.operand


def _is_items(node: ex.Node) -> bool:
    return isinstance(node, ex.Fact) and node.root == "items"
