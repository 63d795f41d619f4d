"""Outcomes of guards: calls between which one term alone changes what the guard answers (MC/DC).

A term is what is left when and, or, not and conditionals are taken apart; what all(), any() and count() ask of each
element is part of theirs. Terms are looked at as Python does: what is not evaluated may be anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from orderfsm import compile
from orderfsm.expression import And, Conditional, Expression, Node, Not, Or, parse

from .exploring import explored
from .moves import moves, sends
from .send import Attempt
from .suite import Suite, Unreached

if TYPE_CHECKING:
    from orderfsm import Chart

    from .exploring import Explored
    from .moves import Move

__all__ = ["guard_outcomes"]

MOST = 512
"""How many ways through one guard are looked at."""

Answers = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One way through a guard: the terms that were asked, their answers, and what the guard answers."""

    terms: Answers
    answer: bool

    def proves(self, other: Way, term: str) -> bool:
        """Whether between these two the term alone makes the difference."""
        mine, theirs = dict(self.terms), dict(other.terms)
        if self.answer is other.answer or term not in mine or mine[term] is theirs.get(term, mine[term]):
            return False
        return all(theirs.get(text, answer) is answer for text, answer in self.terms if text != term)

    def told(self) -> str:
        """The answers in words."""
        return ", ".join(text if answer else f"not ({text})" for text, answer in self.terms)


def guard_outcomes(chart: Chart) -> Suite[Attempt]:
    """For every term of every guard two attempts between which it alone decides.

    The application's guards are terms of their own: they answer yes once, and no once. A guard is told by its event and
    its text, wherever it is asked.
    """
    here = explored(chart)
    attempts: dict[str, Attempt] = {}
    missing: list[Unreached] = []
    for event, guard in _guards(here, chart):
        ways = _ways(guard)
        made = {way: attempt for way in ways if (attempt := _attempt(here, event, guard, way)) is not None}
        chosen: list[Way] = []
        for term in dict.fromkeys(text for way in ways for text, _ in way.terms):
            pair = _pair(made, chosen, term)
            chosen += pair
            if not pair:
                why = f"no two calls were found between which it alone changes the answer of `{_text(guard)}`"
                why += _CLOSED if term.startswith("in_state(") else ""
                missing.append(Unreached(f"{event}: `{term}` decides", why))
        for way in dict.fromkeys(chosen):
            _add(attempts, made[way])
    return Suite("attempt", attempts.values(), missing)


def _add(attempts: dict[str, Attempt], attempt: Attempt) -> None:
    """Add it under its title, with a number behind it where another guard has come to another one of the same title."""
    title, number = str(attempt), 1
    while attempts.setdefault(title, attempt) != attempt:
        number += 1
        title = f"{attempt} ({number})"
    attempts[title] = replace(attempt, title=title)


_CLOSED = "; where the states alone refuse, no guard is asked, for the event is not enabled there"


def _guards(here: Explored, chart: Chart) -> Iterable[tuple[str, Expression | str]]:
    """Every guard with the event it is asked for, by where it is asked first; the application's by their names."""
    found: dict[tuple[str, Expression | str], None] = {}
    for move in _everything(chart):
        guards: list[Expression | str] = [guard for guard, _ in move.wanted]
        guards += [name for name, _ in move.named]
        found |= dict.fromkeys((move.event, guard) for guard in guards)
    return found


def _everything(chart: Chart) -> Iterator[Move]:
    table = compile(chart)
    for configuration in (None, *table.rows):
        yield from moves(table, configuration)


def _text(guard: Expression | str) -> str:
    return guard if isinstance(guard, str) else guard.text


def _ways(guard: Expression | str) -> list[Way]:
    if isinstance(guard, str):
        return [Way(((guard, answer),), answer) for answer in (True, False)]
    found: list[Way] = []
    for terms, answer in _through(guard.root):
        told = dict(terms)
        if all(told[text] is each for text, each in terms):
            found.append(Way(tuple(told.items()), answer))
        if len(found) == MOST:
            break
    return list(dict.fromkeys(found))


def _through(node: Node) -> Iterator[tuple[Answers, bool]]:
    """Every way through a node, as Python would go."""
    if isinstance(node, Not):
        yield from ((terms, not answer) for terms, answer in _through(node.term))
    elif isinstance(node, And | Or):
        yield from _joined(node.parts, decisive=isinstance(node, Or))
    elif isinstance(node, Conditional):
        for terms, answer in _through(node.test):
            for more, then in _through(node.chosen if answer else node.other):
                yield (*terms, *more), then
    else:
        yield from ((((node.text, answer),), answer) for answer in (True, False))


def _joined(parts: tuple[Node, ...], *, decisive: bool) -> Iterator[tuple[Answers, bool]]:
    first, rest = parts[0], parts[1:]
    for terms, answer in _through(first):
        if answer is decisive or not rest:
            yield terms, answer
        else:
            yield from (((*terms, *more), then) for more, then in _joined(rest, decisive=decisive))


def _pair(made: dict[Way, Attempt], chosen: list[Way], term: str) -> list[Way]:
    """Two ways between which the term decides; those that are chosen already come first."""
    order = [*dict.fromkeys([way for way in chosen if way in made]), *(way for way in made if way not in chosen)]
    for one, other in product(order, order):
        if one.answer and one.proves(other, term):
            return [one, other]
    return []


def _answers(move: Move, guard: Expression | str, *, answer: bool) -> bool:
    """Whether a guard is asked on the way and answers so, or was not asked because the states alone answer yes."""
    asked = (*move.wanted, *move.named)
    if not answer or any(guard == each for each, _ in asked):
        return (guard, answer) in asked
    taken = move.step.transitions if move.step is not None else ()
    return any(guard == each.expression for arrow in taken for each in arrow.guards)


def _attempt(here: Explored, event: str, guard: Expression | str, way: Way) -> Attempt | None:
    """An attempt in which the guard is asked and answers that way; None when none was found."""
    more = () if isinstance(guard, str) else tuple((parse(text), answer) for text, answer in way.terms)
    for walk in here.walks.values():
        for move in moves(compile(walk.chart), walk.configuration):
            if move.event != event or not _answers(move, guard, answer=way.answer):
                continue
            send = next(sends(walk, move, more=more), None)
            if send is not None:
                return Attempt.judged(walk, send, title=f"{event}: {way.told()}")
    return None
