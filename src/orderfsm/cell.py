"""What the compiler makes: configurations, steps, and the cells of the table that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .chart import START, Chart, ReasonRule
from .errors import ChartError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .chart import Category, Field, Guard, State, Timer, Transition

__all__ = ["Case", "Cell", "Choice", "Configuration", "Demand", "Node", "Step", "configuration", "demand"]


class Configuration(str):
    """The active leaves plus what history states remember. It *is* its canonical text, which is what gets stored.

    `leaves` are the active atomic and final states in document order, `states` adds their ancestors, `memory` pairs a
    history state with what it remembers. `code` is the public word (of the first leaf that has one), `codes` has one
    per leaf, `category` likewise. `final` is true when nothing can happen any more.
    """

    __slots__ = ("categories", "category", "code", "codes", "final", "leaves", "memory", "states")

    leaves: tuple[str, ...]
    states: frozenset[str]
    memory: tuple[tuple[str, tuple[str, ...]], ...]
    code: str | None
    codes: tuple[str, ...]
    category: Category | None
    categories: tuple[Category, ...]
    final: bool

    def __reduce__(self) -> tuple[Any, ...]:
        slots = {name: getattr(self, name) for name in self.__slots__}
        return _revive, (str(self), slots)


def _revive(text: str, slots: dict[str, Any]) -> Configuration:
    configuration = Configuration(text)
    for name, value in slots.items():
        setattr(configuration, name, value)
    return configuration


@dataclass(frozen=True, slots=True)
class Demand:
    """What a step asks of the call: actors (one set per transition), reason, link rels, payload fields."""

    by: tuple[tuple[str, ...], ...] = ()
    reason: ReasonRule = ReasonRule()  # noqa: RUF009 - a frozen value
    links: tuple[str, ...] = ()
    payload: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one event does: a value built by the compiler, which carries nothing of the call.

    `before` is None for a first step. `transitions` are in the order taken, `exited` and `entered` in the order in
    which states were left and entered, `actions` are the names to put into the outbox, `armed` and `disarmed` the
    timers (disarm first).
    """

    before: Configuration | None
    event: str
    after: Configuration
    transitions: tuple[Transition, ...] = ()
    exited: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    armed: tuple[Timer, ...] = ()
    disarmed: tuple[Timer, ...] = ()
    demand: Demand = Demand()

    def __repr__(self) -> str:
        return f"<Step {self.before or START} --{self.event}--> {self.after}>"


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A guard asked while the states in `active` were active, and what follows from either answer."""

    guard: Guard
    active: frozenset[str]
    yes: Node
    no: Node


Node = Step | Choice | None
"""A decision tree; None means that nothing is enabled."""


@dataclass(frozen=True, slots=True)
class Case:
    """One path through a cell: the answers that lead to a step (or to None, a refusal)."""

    answers: tuple[tuple[Choice, bool], ...]
    step: Step | None


class Cell:
    """All that an event can do in a configuration.

    `free` is the step itself when nothing is asked of the call; `steps` are the steps that some answers lead to, in the
    order in which they are tried.
    """

    __slots__ = ("free", "node", "steps")

    def __init__(self, node: Node, *, closed_reasons: bool = False) -> None:
        self.node = node
        asks_nothing = isinstance(node, Step) and node.demand == Demand() and not closed_reasons
        self.free: Step | None = node if asks_nothing else None  # type: ignore[assignment]
        self.steps: tuple[Step, ...] = tuple(case.step for case in self.cases() if case.step is not None)

    def cases(self) -> tuple[Case, ...]:
        """Every path through the tree, in the order in which it is tried."""
        return tuple(_cases(self.node, ()))


def _cases(node: Node, answers: tuple[tuple[Choice, bool], ...]) -> Iterator[Case]:
    if isinstance(node, Choice):
        yield from _cases(node.yes, (*answers, (node, True)))
        yield from _cases(node.no, (*answers, (node, False)))
    else:
        yield Case(answers, node)


def configuration(
    chart: Chart, text: str, leaves: tuple[str, ...], memory: tuple[tuple[str, tuple[str, ...]], ...], *, final: bool
) -> Configuration:
    """The configuration of these leaves and this memory, with codes and categories read off the chart."""
    made = Configuration(text)
    made.leaves, made.memory, made.final = leaves, memory, final
    made.states = frozenset(name for leaf in leaves for name in (leaf, *chart.ancestors[leaf]))
    made.codes = tuple(code for leaf in leaves if (code := chart.code_of(leaf)))
    made.code = made.codes[0] if made.codes else None
    made.categories = tuple(c for leaf in leaves if (c := chart.category_of(leaf)))
    made.category = made.categories[0] if made.categories else None
    return made


def demand(chart: Chart, taken: Sequence[Transition], entered: Sequence[str], payload: tuple[Field, ...]) -> Demand:
    """What the transitions taken and the states entered ask for together; of reason rules the strictest counts.

    Raises ChartError when no reason fits them all.
    """
    states = [chart.by_name[name] for name in entered]
    parts: list[Transition | State] = [*taken, *states]
    return Demand(
        by=tuple(transition.by for transition in taken if transition.by),
        reason=_strictest(chart, [part.reason for part in parts]),
        links=tuple(dict.fromkeys(rel for part in parts for rel in part.links)),
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
