"""Following the items: which rule fits them, and the steps that bring their order there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from orderfsm.cell import Configuration
from orderfsm.chart import Kind
from orderfsm.errors import UnsoundChart
from orderfsm.graph import matches_state
from orderfsm.step import unknown_configuration
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orderfsm.cell import Case, Step
    from orderfsm.chart import Category, Chart, Rollup, RollupRule
    from orderfsm.expression import Expression
    from orderfsm.table import Table

__all__ = ["about_items", "facts_of", "fitting", "illegal", "kept", "open_steps", "rollup", "route", "target"]

Items: TypeAlias = "list[dict[str, Any]]"
"""What the rules see of the items: code, state, category and final of each."""


def rollup(
    chart: Chart,
    configuration: str,
    items: Sequence[Configuration | str],
    *,
    item_chart: Chart | None = None,
) -> tuple[Step, ...]:
    """The shortest steps that bring an order to where its items say it belongs; () when it is there or does not follow.

    `items` are the configurations of all items of the order; plain texts are looked up in `item_chart` (configuration,
    state or code), and without it only their code and state are known. An order without items, and one in a state that
    the roll-up is told to `keep`, does not follow.

    Raises UnsoundChart when no rule or more than one target fits, or when the listed events do not lead there;
    GuardFailed when a rule cannot be evaluated; StoredStateUnknown for a configuration that its chart does not have.
    """
    if chart.rollup is None:
        raise UnsoundChart(f"{chart.name} has no roll-up; add `rollup`, or do not ask for one")
    table = compile(chart)
    here = table.configurations.get(configuration)
    if here is None:
        raise unknown_configuration(table, configuration)
    if not items or kept(chart.rollup, here):
        return ()
    seen = [facts_of(item, item_chart) for item in items]
    goal = _target(chart, here, seen).to
    steps = route(table, here, goal, seen)
    if steps is None:
        raise UnsoundChart(illegal(chart, here, goal))
    return steps


def target(
    chart: Chart, configuration: str, items: Sequence[Configuration | str], *, item_chart: Chart | None = None
) -> RollupRule:
    """The roll-up rule that fits the items of an order in this configuration; raises what `rollup` raises."""
    here = compile(chart).configurations.get(configuration)
    if here is None:
        raise unknown_configuration(compile(chart), configuration)
    return _target(chart, here, [facts_of(item, item_chart) for item in items])


def kept(rollup: Rollup, here: Configuration) -> bool:
    """Whether the order does not follow its items here."""
    return any(matches_state(here, name) for name in rollup.keep)


def facts_of(item: Configuration | str, item_chart: Chart | None) -> dict[str, Any]:
    """What the rules see of one item."""
    if item_chart is not None and not isinstance(item, Configuration):
        known = compile(item_chart).configurations.get(item)
        return _facts_of_state(item_chart, item) if known is None else facts_of(known, None)
    if not isinstance(item, Configuration):
        return {"code": item, "state": item}
    return _told(item.code, "+".join(item.leaves), item.category, final=item.final)


def _facts_of_state(item_chart: Chart, word: str) -> dict[str, Any]:
    """What the rules see of an item in the first state that a name or code (or alias) means, reached or not."""
    code = item_chart.aliases.get(word, word)
    for state in item_chart.states:
        if state.kind in (Kind.ATOMIC, Kind.FINAL) and code in (state.name, item_chart.code_of(state.name)):
            category, final = item_chart.category_of(state.name), state.kind is Kind.FINAL
            return _told(item_chart.code_of(state.name), state.name, category, final=final)
    raise unknown_configuration(compile(item_chart), word)


def _told(code: str | None, state: str, category: Category | None, *, final: bool) -> dict[str, Any]:
    return {"code": code, "state": state, "category": None if category is None else category.value, "final": final}


def fitting(rollup: Rollup, here: Configuration, items: Items) -> tuple[RollupRule, ...]:
    """The rules that hold, one per target; the `otherwise` only when no other does."""
    facts = {"items": items}
    holding = [rule for rule in rollup.rules if rule.when and rule.when.evaluate(facts, active=here.states)]
    if not holding:
        holding = [rule for rule in rollup.rules if rule.when is None]
    return tuple({rule.to: rule for rule in reversed(holding)}.values())[::-1]


def _target(chart: Chart, here: Configuration, items: Items) -> RollupRule:
    assert chart.rollup is not None  # noqa: S101 - asked of charts that have one
    rules = fitting(chart.rollup, here, items)
    if len(rules) == 1:
        return rules[0]
    mix = ", ".join(str(item["state"]) for item in items)
    if not rules:
        raise UnsoundChart(f"{chart.name}: no roll-up rule covers items in {mix}; add a rule, or `otherwise`")
    goals = " and ".join(rule.to for rule in rules)
    raise UnsoundChart(f"{chart.name}: for items in {mix} the roll-up rules name {goals}; make them exclude each other")


def illegal(chart: Chart, here: Configuration, goal: str) -> str:
    """What is wrong when the order cannot get to its target."""
    assert chart.rollup is not None  # noqa: S101 - asked of charts that have one
    events = ", ".join(chart.rollup.events)
    return f"{chart.name}: the roll-up wants {goal}, and no steps by {events} lead there from {here}"


def route(table: Table, origin: Configuration, goal: str, items: Items) -> tuple[Step, ...] | None:
    """The shortest steps by the roll-up's events; guards about the items are asked, others count as satisfiable."""
    assert table.chart.rollup is not None  # noqa: S101 - asked of charts that have one
    came: dict[str, tuple[Step, ...]] = {origin: ()}
    waiting: deque[Configuration] = deque([origin])
    while waiting:
        here = waiting.popleft()
        if matches_state(here, goal):
            return came[here]
        for event, cell in table.rows[here].items():
            for step in open_steps(cell.cases(), items) if event in table.chart.rollup.events else ():
                if step.after not in came:
                    came[step.after] = (*came[here], step)
                    waiting.append(step.after)
    return None


def open_steps(cases: Iterable[Case], items: Items) -> Iterator[Step]:
    """The steps of the cases whose guards about the items answer as the case says."""
    facts = {"items": items}
    for case in cases:
        asked = (
            (expression, choice.active, answer)
            for choice, answer in case.answers
            if (expression := choice.guard.expression) is not None and about_items(expression)
        )
        if case.step and all(
            expression.evaluate(facts, active=active) is answer for expression, active, answer in asked
        ):
            yield case.step


def about_items(expression: Expression) -> bool:
    """Whether a guard reads the items, and nothing else that a proof would have to know."""
    return expression.roots == {"items"} and not expression.asks_history
