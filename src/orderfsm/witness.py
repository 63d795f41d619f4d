"""Witnesses: facts under which expressions have the wanted answers, e.g. two guards that are true together.

`witness()` gathers the constants that the expressions compare with, tries them and their neighbours for every fact that
is read, and lets the real evaluator judge. What it finds is a witness; finding none proves nothing. It does not
know which states can be active together: pass `active` when that is settled.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Literal, TypeAlias

from . import expression as ex
from .errors import GuardFailed
from .expression import Expression, Node, Origin, Scope, Visit

__all__ = ["Witness", "witness"]

NOW = datetime(2024, 1, 1, tzinfo=UTC)
"""What `now` is unless an expression compares it with a timestamp."""

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_SIZE_LIMIT = 200
_CANDIDATE_LIMIT = 32
_STRUCTURE = object()
"""The candidate that stands for a mapping or list made of the paths below."""

Goal: TypeAlias = tuple[Node, bool]


@dataclass(frozen=True, slots=True)
class Witness:
    """Facts, active states and a past that together give expressions their wanted answers.

    `was` says for each state asked about whether the order was ever in it, `days_since` how many days ago it was
    entered.
    """

    facts: dict[str, object]
    was: dict[str, bool]
    days_since: dict[str, float]
    active: frozenset[str]

    def evaluate(self, expression: Expression) -> bool:
        """The expression's answer under this witness. Raises GuardFailed."""
        return expression.evaluate(self.facts, active=self.active, visits=self.visits)

    def visits(self) -> tuple[Visit, ...]:
        """A past that fits: the order's stays, oldest first, the current one last."""
        now = self.facts.get("now")
        entered = _entries(self.days_since, now if isinstance(now, datetime) else NOW)
        stays: list[Visit] = []
        for moment in sorted(set(entered.values())):
            names = {state for state, at in entered.items() if at == moment or (at < moment and state in self.active)}
            stays.append((moment, frozenset(names)))
        if not stays or stays[-1][1] != self.active:
            stays.append((now if isinstance(now, datetime) else NOW, self.active))
        return tuple(stays)


def _entries(days: dict[str, float], now: datetime) -> dict[str, datetime]:
    return {state: now - timedelta(days=ago) for state, ago in days.items()}


def witness(
    wanted: Sequence[tuple[Expression, bool]], *, active: Collection[str] | None = None, limit: int = 20_000
) -> Witness | None:
    """Facts under which every expression has its wanted answer, or None when none was found in `limit` tries.

    Every witness is checked with `Expression.evaluate`. None is no proof that there is none. With `active` the active
    states are fixed; without, in_state() may be answered either way.
    """
    goals = [goal for expression, answer in wanted for goal in _goals(expression.root, answer)]
    survey = _Survey(goals, None if active is None else frozenset(active))
    found = _Search(survey, goals, limit).run()
    if found is not None and all(found.evaluate(expression) is answer for expression, answer in wanted):
        return found
    return None


def _goals(node: Node, wanted: bool) -> Iterator[Goal]:  # noqa: FBT001 - a wanted answer, not a switch
    """The wanted answer taken apart: `a and b` true is a true and b true; `a or b` false is a false and b false."""
    if isinstance(node, ex.Not):
        yield from _goals(node.term, not wanted)
    elif isinstance(node, ex.And if wanted else ex.Or):
        for term in node.parts:
            yield from _goals(term, wanted)
    else:
        yield node, wanted


# --- what there is to choose ------------------------------------------------------


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
        return bool(self.fields) or self.element is not None

    def below(self, step: ex.Step) -> Shape:
        if isinstance(step, str):
            return self.fields.setdefault(step, Shape())
        self.element = self.element or Shape()
        return self.element


def _places(origin: Origin) -> Iterator[Origin]:
    """The origin with `any element` spelt out: the first element, and 1 for all the others."""
    choices = [(step,) if isinstance(step, str) or step == 0 else (0, 1) for step in origin]
    yield from product(*choices)


def _neighbours(constant: object) -> tuple[object, ...]:
    """The constant and the values just beside it."""
    if isinstance(constant, bool):
        return (constant, not constant)
    if isinstance(constant, (int, float)):
        return (constant, constant + 1, constant - 1)
    if isinstance(constant, str):
        return (constant, constant + "x", "")
    if isinstance(constant, (datetime, timedelta)):
        return _moments(constant)
    if isinstance(constant, (list, tuple)):
        return (*(near for item in constant for near in _neighbours(item)), constant)
    return (constant,)


def _moments(constant: datetime | timedelta) -> tuple[object, ...]:
    try:
        return (constant, constant + _SECOND, constant - _SECOND)
    except OverflowError:
        return (constant,)


def _unlike(constants: Iterable[object]) -> object:
    """A value of the same kind that is none of the constants."""
    strings = [constant for constant in constants if isinstance(constant, str)]
    return max(strings) + "x" if strings else 1_000_003


# --- the survey -------------------------------------------------------------------

Env: TypeAlias = dict[str, tuple[Origin, ...]]


class _Survey:
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
        for node, _ in goals:
            _solve(self, node)
        for values in self.candidates.values():
            values.extend(_between(values))
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
        shape = self.roots.setdefault(str(origin[0]), Shape())
        for step in origin[1:]:
            shape = shape.below(step)
        return shape

    def unknowns(self, node: Node, env: Env) -> list[Unknown]:
        """The values that the node stands for, when it is a path."""
        return [Unknown("value", place) for origin in ex.origins(node, env, set()) for place in _places(origin)]

    def look(self, node: Node, env: Env) -> None:
        """Note the node's shape and constants, and those of every node below."""
        for origin in ex.origins(node, env, set()):
            self.shape(origin)
        if isinstance(node, ex.Quantifier):
            return self._quantifier(node, env)
        self._states(node)
        self._pairs(node, env)
        if isinstance(node, ex.Size):
            self.size(node.operand, env, ())
        if isinstance(node, ex.Arithmetic):
            self._amounts(node, env)
        conditional = isinstance(node, ex.Conditional)
        for place, part in enumerate(node.parts):
            if isinstance(node, (ex.And, ex.Or, ex.Not)) or (conditional and place == 0):
                self.hint(part, env, (True, False))
            self.look(part, env)
        return None

    def hint(self, node: Node, env: Env, values: Iterable[object]) -> None:
        """The node is worth trying with these values."""
        values = list(values)
        if isinstance(node, ex.Conditional):
            for part in node.parts[1:]:
                self.hint(part, env, values)
        elif isinstance(node, ex.Size):
            self.size(node.operand, env, values)
        elif isinstance(node, ex.Quantifier):
            self.size(node.source, env, values)
        elif isinstance(node, ex.DaysSince):
            self.add(Unknown("past", (node.state,)), [float(v) for v in _numbers(values) if 0 <= v < 100_000])
        elif isinstance(node, ex.Converted):
            self.hint(node.operand, env, [_spelt(value) for value in values])
        else:
            for unknown in self.unknowns(node, env):
                self.add(unknown, values)

    def size(self, node: Node, env: Env, values: Iterable[object]) -> None:
        """The node's size is worth trying with these values; a fact that is measured is taken for a list."""
        sizes = _sizes(values)
        for unknown in self.unknowns(node, env):
            self.add(Unknown("size", unknown.origin), sizes)
            shape = self.shape(unknown.origin)
            if not shape.fields:
                shape.below(None)
            self.add(unknown, (_STRUCTURE,))

    def _quantifier(self, node: ex.Quantifier, env: Env) -> None:
        self.size(node.source, env, ())
        self.look(node.source, env)
        inner = {**env, node.name: ex.element_origins(node.source, env, set())}
        for part in node.parts[1:]:
            self.hint(part, inner, (True, False))
            self.look(part, inner)

    def _states(self, node: Node) -> None:
        if isinstance(node, ex.InState) and self.active is None:
            self.add(Unknown("active", (node.state,)), (False, True))
        elif isinstance(node, (ex.Was, ex.DaysSince)):
            self.add(Unknown("past", (node.state,)), (1.0, None))

    def _pairs(self, node: Node, env: Env) -> None:
        """Both sides of every comparison learn from each other."""
        if isinstance(node, ex.Compare):
            self._pair(node.left, node.symbol, node.right, env)
        elif isinstance(node, ex.Chain):
            for (left, right), symbol in zip(pairwise(node.operands), node.symbols, strict=True):
                self._pair(left, symbol, right, env)

    def _pair(self, left: Node, symbol: str, right: Node, env: Env) -> None:
        if symbol in ("in", "not in"):
            return self._member(left, right, env)
        for node, other in ((left, right), (right, left)):
            if isinstance(other, ex.Constant):
                self.hint(node, env, _neighbours(other.constant))
                if other.constant is None:
                    self._perhaps(node, env)
        self._link(left, right, env)
        return None

    def _perhaps(self, node: Node, env: Env) -> None:
        """The node may be None or may be what its paths say."""
        for unknown in self.unknowns(node, env):
            structured = self.shape(unknown.origin).structured
            self.add(unknown, (None, _STRUCTURE) if structured else (None, "x", 1))

    def _member(self, item: Node, group: Node, env: Env) -> None:
        if isinstance(group, ex.Constant) and isinstance(group.constant, (list, tuple)):
            self.hint(item, env, (*group.constant, _unlike(group.constant)))
        elif isinstance(group, ex.Display):
            for element in group.elements:
                self._pair(item, "==", element, env)
        for unknown in self.unknowns(group, env):
            self._holder(item, unknown, env)

    def _holder(self, item: Node, group: Unknown, env: Env) -> None:
        """A fact that is asked for what it holds: a mapping when it is a root or has fields, else a list."""
        shape = self.shape(group.origin)
        constant = item.constant if isinstance(item, ex.Constant) else None
        mapping = bool(shape.fields) or (len(group.origin) == 1 and group.origin[0] not in ("items", "history"))
        if mapping and isinstance(constant, str):
            shape.below(constant)
            self.add(Unknown("key", (*group.origin, constant)), (True, False))
            return
        shape.below(None)
        self.add(Unknown("size", group.origin), ())
        for place in _places((*group.origin, None)):
            if isinstance(item, ex.Constant):
                self.add(Unknown("value", place), _neighbours(item.constant))
            self.linked += [(one, Unknown("value", place)) for one in self.unknowns(item, env)]

    def _link(self, left: Node, right: Node, env: Env) -> None:
        for one in self.unknowns(left, env):
            self.linked += [(one, other) for other in self.unknowns(right, env)]

    def _amounts(self, node: ex.Arithmetic, env: Env) -> None:
        """Facts in sums are tried as times when a time or duration is near, and as numbers otherwise."""
        for part in node.parts:
            timed = self.durations or any(isinstance(below, ex.Fact) and below.root == "now" for below in ex.walk(node))
            spans = [near for span in self.durations for near in _moments(span) if isinstance(near, timedelta)]
            if timed:
                self.hint(
                    part, env, (*(NOW - span for span in spans), NOW, NOW - _DAY, *(NOW + span for span in spans))
                )
                self.hint(part, env, (*spans, _DAY))
            else:
                self.hint(part, env, (1, 0, 2, 10))

    def _share(self) -> None:
        """Facts that are compared with each other share their candidates."""
        self.add(Unknown("value", ("now",)), (NOW,))
        for _ in range(2):
            for one, other in self.linked:
                for source, target in ((one, other), (other, one)):
                    for value in list(self.candidates.get(source, ())):
                        self.add(target, _moments(value) if isinstance(value, (datetime, timedelta)) else (value,))

    def _defaults(self) -> None:
        """Every path gets at least one candidate."""
        for root, shape in self.roots.items():
            self._default(shape, (root,))
        if "now" not in self.roots:
            self.candidates.pop(Unknown("value", ("now",)), None)

    def _default(self, shape: Shape, origin: Origin) -> None:
        value = Unknown("value", origin)
        if shape.structured and (None in self.candidates.get(value, ()) or value not in self.candidates):
            self.add(value, (_STRUCTURE,))
        if shape.element is not None:
            self.add(Unknown("size", origin), (1, 0, 2))
            if any(isinstance(candidate, str) for candidate in self.candidates[value]):
                self.add(value, ["x" * size for size in _sizes(self.candidates[Unknown("size", origin)])])
            for place in (0, 1):
                self._default(shape.element, (*origin, place))
        for name, below in shape.fields.items():
            self._default(below, (*origin, name))
        if not shape.structured:
            self.add(value, () if self.candidates.get(value) else (1, 0, 2, "x"))


def _numbers(values: Iterable[object]) -> list[int | float]:
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return [number for number in numbers if math.isfinite(number)]


def _sizes(values: Iterable[object]) -> list[int]:
    return [number for number in _numbers(values) if isinstance(number, int) and 0 <= number <= _SIZE_LIMIT]


def _spelt(value: object) -> object:
    """The value as a payload would spell it."""
    if isinstance(value, timedelta):
        return f"PT{value // _SECOND}S" if value >= timedelta() else "PT0S"
    return value.isoformat() if isinstance(value, date) else value


def _durations(node: Node) -> list[timedelta]:
    constants = [below.constant for below in ex.walk(node) if isinstance(below, ex.Constant)]
    return [constant for constant in constants if isinstance(constant, timedelta)]


def _between(values: Sequence[object]) -> list[object]:
    """The midpoints of neighbouring numbers, where there is room."""
    numbers = sorted(set(_numbers(values)))
    return [(low + high) / 2 for low, high in pairwise(numbers) if high - low <= 1 and low < (low + high) / 2 < high]


# --- facts from choices -----------------------------------------------------------

Choice: TypeAlias = dict[Unknown, object]


def _built(survey: _Survey, choice: Choice) -> Witness:
    """The witness that a choice describes; what is not chosen yet is its first candidate."""
    facts = {root: _value(survey, shape, (root,), choice) for root, shape in survey.roots.items()}
    facts.setdefault("now", NOW)
    chosen = {u: _chosen(survey, u, choice) for u in survey.candidates if u.kind in ("active", "past")}
    active = survey.active
    if active is None:
        active = frozenset(str(u.origin[0]) for u, value in chosen.items() if u.kind == "active" and value)
    past = {str(u.origin[0]): value for u, value in chosen.items() if u.kind == "past"}
    days = {state: ago for state, ago in past.items() if isinstance(ago, float)}
    days |= {state: 1.0 for state in active if state not in days}
    return Witness(facts, {state: state in days for state in past}, days, active)


def _chosen(survey: _Survey, unknown: Unknown, choice: Choice) -> object:
    return choice[unknown] if unknown in choice else survey.candidates[unknown][0]


def _value(survey: _Survey, shape: Shape, origin: Origin, choice: Choice) -> object:
    unknown = Unknown("value", origin)
    value = _chosen(survey, unknown, choice) if unknown in survey.candidates else _STRUCTURE
    if value is not _STRUCTURE:
        return value
    if shape.fields or shape.element is None:
        return _mapping(survey, shape, origin, choice)
    size = _chosen(survey, Unknown("size", origin), choice)
    places = range(size if isinstance(size, int) else 0)
    return [_value(survey, shape.element, (*origin, min(place, 1)), choice) for place in places]


def _mapping(survey: _Survey, shape: Shape, origin: Origin, choice: Choice) -> dict[str, object]:
    keys = {name: Unknown("key", (*origin, name)) for name in shape.fields}
    there = [name for name, key in keys.items() if key not in survey.candidates or _chosen(survey, key, choice)]
    return {name: _value(survey, shape.fields[name], (*origin, name), choice) for name in there}


def _satisfies(found: Witness, goal: Goal) -> bool:
    node, wanted = goal
    try:
        return node.truth(Scope(found.facts, found.active, found.visits)) is wanted
    except GuardFailed:
        return False


def _solve(survey: _Survey, node: Node) -> None:
    """Where arithmetic is compared, add for each number the value at which both sides are equal (if it is linear)."""
    for below in ex.walk(node):
        if not isinstance(below, ex.Compare) or not any(isinstance(part, ex.Arithmetic) for part in ex.walk(below)):
            continue
        asked = [unknown for unknown in _asked(survey, below) if _numbers(survey.candidates[unknown])]
        for unknown in asked:
            for given in _givens(survey, asked):
                survey.add(unknown, _root(survey, below, unknown, given))


def _givens(survey: _Survey, asked: Sequence[Unknown]) -> list[Choice]:
    """What the other numbers may be while one is worked out: their first candidates, one of them changed at a time."""
    givens: list[Choice] = [{}]
    for other in asked:
        givens.extend({other: value} for value in _numbers(survey.candidates[other])[:6])
    return givens


def _root(survey: _Survey, compare: ex.Compare, unknown: Unknown, given: Choice) -> list[object]:
    low = _difference(survey, compare, {**given, unknown: 1})
    high = _difference(survey, compare, {**given, unknown: 2})
    if low is None or high is None or low == high or not math.isfinite(root := 1 + low / (low - high)):
        return []
    whole = math.floor(root)
    near = [whole, whole + 1, whole - 1] if root == whole else [root, whole, whole + 1]
    if unknown.kind == "past":
        return [float(value) for value in near if value >= 0]
    return [*_sizes(near)] if unknown.kind == "size" else [*near]


def _difference(survey: _Survey, compare: ex.Compare, choice: Choice) -> float | None:
    found = _built(survey, choice)
    scope = Scope(found.facts, found.active, found.visits)
    try:
        left, right = compare.left.value(scope), compare.right.value(scope)
    except (GuardFailed, AttributeError):  # a generator's variable has no value outside its generator
        return None
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        return None
    return float(left) - float(right)


# --- the search -------------------------------------------------------------------


def _asked(survey: _Survey, node: Node) -> list[Unknown]:
    """The unknowns that the node's value may depend on, in the survey's order."""
    reads: set[Origin] = set()
    reads.update(ex.origins(node, {}, reads))
    places = {place for origin in reads for place in _places(origin)}
    prefixes = {place[:length] for place in places for length in range(1, len(place) + 1)}
    states = {below.state for below in ex.walk(node) if isinstance(below, (ex.InState, ex.Was, ex.DaysSince))}
    held = [u for u in survey.candidates if u.kind == "key" and u.origin[:-1] in prefixes]
    return [
        u
        for u in survey.candidates
        if (u.origin[0] in states if u.kind in ("active", "past") else u.origin in prefixes)
        or u in held
        or (u.kind == "value" and u.origin[:-1] in prefixes and u.origin[-1] in (0, 1))
    ]


class _Search:
    """A bounded depth-first search: choose unknown by unknown, and judge each goal as soon as it is settled."""

    def __init__(self, survey: _Survey, goals: Sequence[Goal], limit: int) -> None:
        self.survey = survey
        self.left = limit
        asked = sorted(((_asked(survey, goal[0]), goal) for goal in goals), key=lambda pair: len(pair[0]))
        self.order = list(dict.fromkeys(unknown for unknowns, _ in asked for unknown in unknowns))
        rank = {unknown: place for place, unknown in enumerate(self.order)}
        self.due: dict[int, list[Goal]] = {}
        for unknowns, goal in asked:
            self.due.setdefault(max((rank[unknown] for unknown in unknowns), default=-1), []).append(goal)

    def run(self) -> Witness | None:
        choice: Choice = {}
        return self._below(0, choice) if self._settled(-1, choice) else None

    def _below(self, depth: int, choice: Choice) -> Witness | None:
        if depth == len(self.order):
            return _built(self.survey, choice)
        unknown = self.order[depth]
        for value in self.survey.candidates[unknown]:
            choice[unknown] = value
            found = self._below(depth + 1, choice) if self._settled(depth, choice) else None
            if found is not None or self.left <= 0:
                return found
        del choice[unknown]
        return None

    def _settled(self, depth: int, choice: Choice) -> bool:
        """Whether every goal that this choice settles has its wanted answer."""
        goals = self.due.get(depth, ())
        if not goals:
            self.left -= 1
            return True
        self.left -= len(goals)
        built = _built(self.survey, choice)
        return all(_satisfies(built, goal) for goal in goals)
