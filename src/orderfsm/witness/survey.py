"""The survey: what the goals read, and which values are worth trying for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise, product
from typing import Literal, TypeAlias

from orderfsm.expression import (
    And,
    Arithmetic,
    Chain,
    Compare,
    Conditional,
    Constant,
    Converted,
    DaysSince,
    Display,
    Env,
    Fact,
    InState,
    Node,
    Not,
    Or,
    Origin,
    Quantifier,
    Size,
    Step,
    Was,
    element_origins,
    origins,
    paths,
    walk,
)
from orderfsm.expression.times import timestamp_of

from .candidates import NOW, midpoints, moments, neighbours, numbers_in, sizes_in, spans, spelt, unlike

_DAY = timedelta(days=1)
_CANDIDATE_LIMIT = 32
STRUCTURE = object()
"""The candidate that stands for a mapping or list made of the paths below."""

Goal: TypeAlias = tuple[Node, bool]
"""A node and the answer wanted of it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something to choose: a value, a list's size, whether a key is there or a state active, a state's past."""

    kind: Literal["value", "size", "key", "active", "past"]
    origin: Origin


@dataclass(slots=True)
class Shape:
    """What lies below a path: named fields, or elements."""

    fields: dict[str, Shape] = field(default_factory=dict)
    element: Shape | None = None

    @property
    def structured(self) -> bool:
        """Whether anything lies below."""
        return bool(self.fields) or self.element is not None

    def below(self, step: Step) -> Shape:
        """The shape one step down, made when it is new."""
        if isinstance(step, str):
            return self.fields.setdefault(step, Shape())
        self.element = self.element or Shape()
        return self.element


def places_of(origin: Origin) -> Iterator[Origin]:
    """The origin with `any element` spelt out: the first element, and 1 for all the others."""
    choices = [(step,) if isinstance(step, str) or step == 0 else (0, 1) for step in origin]
    yield from product(*choices)


class Survey:
    """What the goals read, and which values are worth trying for it."""

    def __init__(self, goals: Sequence[Goal], active: frozenset[str] | None) -> None:
        self.active = active
        self.roots: dict[str, Shape] = {}
        self.candidates: dict[Unknown, list[object]] = {}
        self.linked: list[tuple[Unknown, Unknown]] = []
        self.durations = [item for node, _ in goals for item in _durations(node)]
        for node, _ in goals:
            self.look(node, {})
            self.hint(node, {}, (True, False))
        self._share()
        self._defaults()

    def finish(self) -> None:
        """Add midpoints, and keep of each list of candidates no more than the first ones."""
        for values in self.candidates.values():
            values.extend(midpoints(values))
            del values[_CANDIDATE_LIMIT:]

    def add(self, unknown: Unknown, values: Iterable[object]) -> None:
        """Add candidates, each once; 1, 1.0 and True are three different ones."""
        known = self.candidates.setdefault(unknown, [])
        seen = {(type(value), repr(value)) for value in known}
        for value in values:
            if (type(value), repr(value)) not in seen:
                seen.add((type(value), repr(value)))
                known.append(value)

    def shape(self, origin: Origin) -> Shape:
        """What lies below the path."""
        shape = self.roots.setdefault(str(origin[0]), Shape())
        for step in origin[1:]:
            shape = shape.below(step)
        return shape

    def unknowns(self, node: Node, env: Env) -> list[Unknown]:
        """The values that the node stands for, when it is a path."""
        return [Unknown("value", place) for origin in origins(node, env, set()) for place in places_of(origin)]

    def look(self, node: Node, env: Env) -> None:
        """Note the node's shape and constants, and those of every node below."""
        for origin in origins(node, env, set()):
            self.shape(origin)
        if isinstance(node, Quantifier):
            return self._quantifier(node, env)
        self._states(node)
        self._pairs(node, env)
        if isinstance(node, Size):
            self.size(node.operand, env, ())
        if isinstance(node, Arithmetic):
            self._amounts(node, env)
        if isinstance(node, Converted):
            self.hint(node, env, moments(NOW) if node.convert is timestamp_of else spans())
        conditional = isinstance(node, Conditional)
        for place, part in enumerate(node.parts):
            if isinstance(node, (And, Or, Not)) or (conditional and place == 0):
                self.hint(part, env, (True, False))
            self.look(part, env)
        return None

    def hint(self, node: Node, env: Env, values: Iterable[object]) -> None:
        """The node is worth trying with these values."""
        values = list(values)
        if isinstance(node, Conditional):
            for part in node.parts[1:]:
                self.hint(part, env, values)
        elif isinstance(node, Size):
            self.size(node.operand, env, values)
        elif isinstance(node, Quantifier):
            self.size(node.source, env, values)
        elif isinstance(node, DaysSince):
            self.add(Unknown("past", (node.state,)), [float(v) for v in numbers_in(values) if 0 <= v < 100_000])
        elif isinstance(node, Converted):
            self.hint(node.operand, env, [spelt(value) for value in values])
        else:
            for unknown in self.unknowns(node, env):
                self.add(unknown, values)

    def size(self, node: Node, env: Env, values: Iterable[object]) -> None:
        """The node's size is worth trying with these values; a fact that is measured is taken for a list."""
        sizes = sizes_in(values)
        for unknown in self.unknowns(node, env):
            self.add(Unknown("size", unknown.origin), sizes)
            shape = self.shape(unknown.origin)
            if not shape.fields:
                shape.below(None)
            self.add(unknown, (STRUCTURE,))

    def asked(self, node: Node) -> list[Unknown]:
        """The unknowns that the node's value may depend on, in the survey's order."""
        places = {place for origin in paths(node) for place in places_of(origin)}
        prefixes = {place[:length] for place in places for length in range(1, len(place) + 1)}
        states = {below.state for below in walk(node) if isinstance(below, (InState, Was, DaysSince))}
        return [unknown for unknown in self.candidates if _concerns(unknown, prefixes, states)]

    def _quantifier(self, node: Quantifier, env: Env) -> None:
        self.size(node.source, env, ())
        self.look(node.source, env)
        inner = {**env, node.name: element_origins(node.source, env, set())}
        for part in node.parts[1:]:
            self.hint(part, inner, (True, False))
            self.look(part, inner)

    def _states(self, node: Node) -> None:
        if isinstance(node, InState) and self.active is None:
            self.add(Unknown("active", (node.state,)), (False, True))
        elif isinstance(node, (Was, DaysSince)):
            self.add(Unknown("past", (node.state,)), (1.0, None))

    def _pairs(self, node: Node, env: Env) -> None:
        """Both sides of every comparison learn from each other."""
        if isinstance(node, Compare):
            self._pair(node.left, node.symbol, node.right, env)
        elif isinstance(node, Chain):
            for (left, right), symbol in zip(pairwise(node.operands), node.symbols, strict=True):
                self._pair(left, symbol, right, env)

    def _pair(self, left: Node, symbol: str, right: Node, env: Env) -> None:
        if symbol in ("in", "not in"):
            return self._member(left, right, env)
        for node, other in ((left, right), (right, left)):
            if isinstance(other, Constant):
                self.hint(node, env, neighbours(other.constant))
                if other.constant is None:
                    self._perhaps(node, env)
        self._link(left, right, env)
        return None

    def _perhaps(self, node: Node, env: Env) -> None:
        """The node may be None or may be what its paths say."""
        for unknown in self.unknowns(node, env):
            structured = self.shape(unknown.origin).structured
            self.add(unknown, (None, STRUCTURE) if structured else (None, "x", 1))

    def _member(self, item: Node, group: Node, env: Env) -> None:
        if isinstance(group, Constant) and isinstance(group.constant, (list, tuple)):
            self.hint(item, env, (*group.constant, unlike(group.constant)))
        elif isinstance(group, Display):
            for element in group.elements:
                self._pair(item, "==", element, env)
        for unknown in self.unknowns(group, env):
            self._holder(item, unknown, env)

    def _holder(self, item: Node, group: Unknown, env: Env) -> None:
        """A fact that is asked for what it holds: a mapping when it is a root or has fields, else a list."""
        shape = self.shape(group.origin)
        constant = item.constant if isinstance(item, Constant) else None
        mapping = bool(shape.fields) or (len(group.origin) == 1 and group.origin[0] not in ("items", "history"))
        if mapping and isinstance(constant, str):
            shape.below(constant)
            self.add(Unknown("key", (*group.origin, constant)), (True, False))
            return
        shape.below(None)
        self.add(Unknown("size", group.origin), ())
        for place in places_of((*group.origin, None)):
            if isinstance(item, Constant):
                self.add(Unknown("value", place), neighbours(item.constant))
            self.linked += [(one, Unknown("value", place)) for one in self.unknowns(item, env)]

    def _link(self, left: Node, right: Node, env: Env) -> None:
        for one in self.unknowns(left, env):
            self.linked += [(one, other) for other in self.unknowns(right, env)]

    def _amounts(self, node: Arithmetic, env: Env) -> None:
        """Facts in sums are tried as times when a time or duration is near, and as numbers otherwise."""
        spans = [near for span in self.durations for near in moments(span) if isinstance(near, timedelta)]
        values: tuple[object, ...] = (1, 0, 2, 10)
        if spans or any(isinstance(below, Fact) and below.root == "now" for below in walk(node)):
            times = (*(NOW - span for span in spans), NOW, NOW - _DAY, *(NOW + span for span in spans))
            values = (*times, *spans, _DAY)
        for part in node.parts:
            self.hint(part, env, values)

    def _share(self) -> None:
        """Facts that are compared with each other share their candidates."""
        self.add(Unknown("value", ("now",)), (NOW,))
        for _ in range(2):
            for one, other in self.linked:
                for source, target in ((one, other), (other, one)):
                    for value in list(self.candidates.get(source, ())):
                        self.add(target, moments(value) if isinstance(value, (datetime, timedelta)) else (value,))

    def _defaults(self) -> None:
        """Every path gets at least one candidate."""
        for root, shape in self.roots.items():
            self._default(shape, (root,))
        if "now" not in self.roots:
            self.candidates.pop(Unknown("value", ("now",)), None)

    def _default(self, shape: Shape, origin: Origin) -> None:
        value = Unknown("value", origin)
        if shape.structured and (None in self.candidates.get(value, ()) or value not in self.candidates):
            self.add(value, (STRUCTURE,))
        if shape.element is not None:
            self.add(Unknown("size", origin), (1, 0, 2))
            if any(isinstance(candidate, str) for candidate in self.candidates[value]):
                self.add(value, ["x" * size for size in sizes_in(self.candidates[Unknown("size", origin)])])
            for place in (0, 1):
                self._default(shape.element, (*origin, place))
        for name, below in shape.fields.items():
            self._default(below, (*origin, name))
        if not shape.structured:
            self.add(value, () if self.candidates.get(value) else (1, 0, 2, "x"))


def _durations(node: Node) -> list[timedelta]:
    constants = [below.constant for below in walk(node) if isinstance(below, Constant)]
    return [constant for constant in constants if isinstance(constant, timedelta)]


def _concerns(unknown: Unknown, prefixes: Collection[Origin], states: Collection[str]) -> bool:
    """Whether the unknown decides what is found on the way to a path, or something about a state."""
    if unknown.kind in ("active", "past"):
        return unknown.origin[0] in states
    if unknown.origin in prefixes:
        return True
    above, last = unknown.origin[:-1], unknown.origin[-1]
    return above in prefixes and (unknown.kind == "key" or (unknown.kind == "value" and last in (0, 1)))
