"""Arrows against each other: those that an earlier or inner one forestalls, and guards that hold together or always."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from orderfsm import expression as ex
from orderfsm.chart import START, Kind
from orderfsm.expression import parse
from orderfsm.graph import passed
from orderfsm.interpret import matches
from orderfsm.witness import witness

from .study import arrow_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.chart import Guard, Transition
    from orderfsm.expression import Expression, Node
    from orderfsm.finding import Finding
    from orderfsm.graph import Passed
    from orderfsm.witness import Witness

    from .study import Study

__all__ = ["constant_guards", "never_taken", "overlapping", "shadowed"]

TRIES = 2_000
"""How many candidates are tried for a witness of two guards in one configuration."""

NOTHING_PASSED: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


# --- arrows that no step takes


def shadowed(study: Study) -> Iterator[Finding]:
    """Arrows that are never taken although their event is answered wherever their source is active."""
    for transition in _idle(study):
        cover = _cover(study, transition)
        if cover is not None:
            run, rival = cover
            said = f"{transition} is never taken: {rival} is taken instead"
            path, at = arrow_path(transition), transition.position
            yield study.finding("shadowed-transition", said, at=at, path=path, witness=run)


def never_taken(study: Study) -> Iterator[Finding]:
    """Arrows whose event never comes while their source is active: nobody can send it and nothing raises it."""
    for transition in _idle(study):
        if _cover(study, transition) is None:
            said = f"{transition} is never taken: its event never comes while {transition.source} is active"
            path, at = arrow_path(transition), transition.position
            yield study.finding("never-taken", said, at=at, path=path, witness=[transition.source, *transition.events])


def _idle(study: Study) -> Iterator[Transition]:
    """Transitions that no step takes, though their source is reached and no guard of theirs is always false."""
    for transition in study.chart.transitions:
        if id(transition) in study.taken or _is_end(study, transition.source):
            continue
        reached = transition.source == START or transition.source in study.reached
        if reached and not any(settled(study, transition, guard) is False for guard in transition.guards):
            yield transition


def _is_end(study: Study, source: str) -> bool:
    """Whether a source is final: then that is what is wrong with the arrow."""
    return source != START and study.chart.by_name[source].kind is Kind.FINAL


def _cover(study: Study, idle: Transition) -> tuple[tuple[str, ...], Transition] | None:
    """The shortest run on which another arrow is taken where this one could have been, and that arrow."""
    for step in study.edges:
        here = {START} if step.before is None else step.before.states | frozenset(step.entered)
        if idle.source not in here:
            continue
        for taken in step.transitions:
            if taken.source in here and _same_occasion(study, idle, taken):
                return study.run_through(step), taken
    return None


def _same_occasion(study: Study, idle: Transition, taken: Transition) -> bool:
    """Whether `taken` is tried before `idle` for some event that both answer."""
    if not _inner_or_same(study, taken.source, idle.source):
        return False
    if not taken.events:
        return True
    return any(matches(taken.events, event) or matches((event,), taken.events[0]) for event in idle.events)


def _inner_or_same(study: Study, inner: str, outer: str) -> bool:
    return inner == outer or (START not in (inner, outer) and study.chart.within(inner, outer))


# --- guards that hold together


def overlapping(study: Study) -> Iterator[Finding]:
    """Pairs of guarded arrows of one state and event whose guards can hold at once, with facts that show it.

    An arrow without a guard after guarded ones is their `otherwise` and no finding; nor are arrows that do the same.
    """
    for name in (START, *study.chart.by_name):
        for one, other in combinations(study.chart.leading(name), 2):
            if not (one.guards and other.guards and _meet(one, other)) or _alike(one, other):
                continue
            if id(other) not in study.taken:
                continue
            shown = _both(study, one, other)
            if shown is not None:
                yield _overlap(study, one, other, shown)


def _meet(one: Transition, other: Transition) -> bool:
    if not (one.events and other.events):
        return not (one.events or other.events)
    return any(matches(one.events, e) for e in other.events) or any(matches(other.events, e) for e in one.events)


def _alike(one: Transition, other: Transition) -> bool:
    return (one.targets, one.effects, one.by, one.reason, one.links) == (
        other.targets,
        other.effects,
        other.by,
        other.reason,
        other.links,
    )


def _overlap(study: Study, one: Transition, other: Transition, shown: tuple[str, ...]) -> Finding:
    same = one.targets == other.targets and one.effects == other.effects
    said = (
        f"{_guarded(one)} and {_guarded(other)} can both hold in {one.source} on {one.event or 'no event'}; "
        f"the first in the document is taken: {one}"
    )
    path, severity = arrow_path(other), "note" if same else ""
    return study.finding("overlapping-guards", said, at=other.position, path=path, witness=shown, severity=severity)


def _guarded(transition: Transition) -> str:
    return "`" + " and ".join(guard.text for guard in transition.guards) + "`"


def _both(study: Study, one: Transition, other: Transition) -> tuple[str, ...] | None:
    """Facts, as texts, under which all guards of both hold in some configuration; None when none were found."""
    guards = (*one.guards, *other.guards)
    expressions = [guard.expression for guard in guards if guard.expression is not None]
    named = tuple(f"{guard.text} holds" for guard in guards if guard.expression is None)
    if _contradict(expressions):
        return None
    for run, active, past in _circumstances(study, one.source, expressions):
        found = _found(expressions, active, past)
        if found is not None:
            return (*run, *dict.fromkeys(named), *_told(found, expressions))
    return None


def _contradict(expressions: list[Expression]) -> bool:
    """Whether one guard demands a term and another one its opposite, word for word."""
    demanded = {(node.text, answer) for expression in expressions for node, answer in _demands(expression.root, True)}
    return any((text, not answer) in demanded for text, answer in demanded)


def _demands(node: Node, wanted: bool) -> Iterator[tuple[Node, bool]]:  # noqa: FBT001 - a wanted answer
    yield node, wanted
    if isinstance(node, ex.Not):
        yield from _demands(node.term, not wanted)
    elif isinstance(node, ex.And if wanted else ex.Or):
        for term in node.parts:
            yield from _demands(term, wanted)


Circumstance = tuple[tuple[str, ...], frozenset[str] | None, tuple[frozenset[str], frozenset[str]]]


def _circumstances(study: Study, source: str, expressions: list[Expression]) -> Iterator[Circumstance]:
    """The run to, the active states in and the past of each configuration with this source, alike ones once."""
    watched: frozenset[str] = frozenset().union(*(expression.states for expression in expressions))
    if source == START:
        yield (), frozenset(), NOTHING_PASSED
        return
    seen: set[tuple[frozenset[str], ...]] = set()
    for text in study.came:
        active, past = study.table.configurations[text].states, passed(study.table)[text]
        view = (active & watched, past.always & watched, past.sometimes & watched)
        if source in active and view not in seen:
            seen.add(view)
            yield study.run(text), active, past
    if not seen:
        yield (), None, NOTHING_PASSED


def _found(
    expressions: list[Expression], active: frozenset[str] | None, past: tuple[frozenset[str], frozenset[str]]
) -> Witness | None:
    """Facts under which all expressions hold, the past being what the chart makes certain."""
    always, sometimes = past
    asked = {node.state for each in expressions for node in ex.walk(each.root) if isinstance(node, ex.Was)}
    certain = [] if active is None else [(parse(f'was("{s}")'), s in always) for s in asked - (sometimes - always)]
    return witness([(each, True) for each in expressions] + certain, active=active, limit=TRIES)


def _told(found: Witness, expressions: list[Expression]) -> Iterator[str]:
    """The facts that the expressions read, and what of the past they ask about."""
    roots = {root for each in expressions for root in each.roots}
    nodes = [node for each in expressions for node in ex.walk(each.root)]
    yield from (f"{name} = {value!r}" for name, value in found.facts.items() if name in roots)
    for state in dict.fromkeys(node.state for node in nodes if isinstance(node, ex.Was)):
        yield f"was({state}) is {str(found.was.get(state, state in found.active)).lower()}"
    for state in dict.fromkeys(node.state for node in nodes if isinstance(node, ex.DaysSince)):
        yield f"days_since({state}) = {found.days_since.get(state, 0):g}"


# --- guards that need not be asked


def constant_guards(study: Study) -> Iterator[Finding]:
    """Guards whose answer follows from the states wherever they are asked: from what is active and what must have been.

    An arrow that is drawn from several states is one arrow: its guard is constant when it is so in all of them. A plain
    `was(…)` that always holds is none of these: it states a rule, and that it always holds is the rule's proof.
    """
    asked: dict[tuple[object, ...], list[tuple[Transition, Guard]]] = {}
    for transition in study.chart.transitions:
        written = (transition.position, transition.events) if transition.position.line else (id(transition),)
        for guard in transition.guards:
            asked.setdefault((*written, guard.text), []).append((transition, guard))
    for pairs in asked.values():
        answers = {settled(study, *pair) for pair in pairs}
        if len(answers) == 1 and (answer := answers.pop()) is not None and not (answer and _states_a_rule(pairs[0][1])):
            yield _constant(study, pairs[0][1], [transition for transition, _ in pairs], answer)


def _states_a_rule(guard: Guard) -> bool:
    return guard.expression is not None and isinstance(guard.expression.root, ex.Was)


def _constant(study: Study, guard: Guard, asking: list[Transition], answer: bool) -> Finding:  # noqa: FBT001
    shown = " and ".join(str(transition) for transition in asking)
    said = f"`{guard.text}` is always {str(answer).lower()} where it is asked: {shown}"
    path, at = arrow_path(asking[0]), asking[0].position
    sources = [transition.source for transition in asking]
    severity = "note" if answer else ""
    return study.finding("constant-guard", said, at=at, path=path, witness=sources, severity=severity)


def settled(study: Study, transition: Transition, guard: Guard) -> bool | None:
    """The one answer that a guard can give wherever its transition's source is active; None when there are two."""
    if guard.expression is None or transition.source not in (START, *study.reached):
        return None
    root = guard.expression.root
    if transition.source == START:
        return settle(root, frozenset(), NOTHING_PASSED)
    known = passed(study.table)
    places = [text for text in study.came if transition.source in study.table.configurations[text].states]
    if not places or not transition.events:
        return settle(root, frozenset(), None)
    answers = {settle(root, study.table.configurations[text].states, known[text]) for text in places}
    return answers.pop() if len(answers) == 1 else None


def settle(
    node: Node, active: frozenset[str], past: Passed | tuple[frozenset[str], frozenset[str]] | None
) -> bool | None:
    """The answer that follows from the active states and the certain past, by Kleene's logic; None when facts decide.

    With no past nothing about states is certain, and only constants are.
    """
    if isinstance(node, ex.Not):
        answer = settle(node.term, active, past)
        return None if answer is None else not answer
    if isinstance(node, (ex.And, ex.Or)):
        decisive = isinstance(node, ex.Or)
        answers = [settle(term, active, past) for term in node.parts]
        return decisive if decisive in answers else None if None in answers else not decisive
    if isinstance(node, (ex.Was, ex.InState)):
        return _certain(node, active, past)
    if isinstance(node, ex.Conditional):
        test = settle(node.test, active, past)
        return None if test is None else settle(node.chosen if test else node.other, active, past)
    return node.decide(active)


def _certain(
    node: ex.Was | ex.InState, active: frozenset[str], past: tuple[frozenset[str], frozenset[str]] | None
) -> bool | None:
    if past is None:
        return None
    if isinstance(node, ex.InState):
        return node.state in active
    always, sometimes = past
    return None if node.state in sometimes - always else node.state in always
