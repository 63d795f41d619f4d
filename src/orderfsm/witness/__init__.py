"""Witnesses: facts under which expressions have the wanted answers, e.g. two guards that are true together.

`witness()` gathers the constants that the expressions compare with, tries them and their neighbours for every fact that
is read, and lets the real evaluator judge. What it finds is a witness; finding none proves nothing. It does not
know which states can be active together: pass `active` when that is settled.

From goals to witness: a `survey` of what they read, `candidates` for each of those unknowns, `equations` for those in
arithmetic, and a `search` for the `choice` that satisfies every goal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from orderfsm.expression import And, Expression, Node, Not, Or

from .candidates import NOW
from .choice import Witness
from .equations import solve
from .search import Search
from .survey import Goal, Survey

__all__ = ["NOW", "Witness", "goals_of", "witness"]


def witness(
    wanted: Sequence[tuple[Expression, bool]], *, active: Collection[str] | None = None, limit: int = 20_000
) -> Witness | None:
    """Facts under which every expression has its wanted answer, or None when none was found in `limit` tries.

    Every witness is checked with `Expression.evaluate`. None is no proof that there is none. With `active` the active
    states are fixed; without, in_state() may be answered either way.
    """
    goals = [goal for expression, answer in wanted for goal in goals_of(expression.root, answer)]
    survey = Survey(goals, None if active is None else frozenset(active))
    for node, _ in goals:
        solve(survey, node)
    survey.finish()
    found = Search(survey, goals, limit).run()
    if found is not None and all(found.evaluate(expression) is answer for expression, answer in wanted):
        return found
    return None


def goals_of(node: Node, wanted: bool) -> Iterator[Goal]:  # noqa: FBT001 - a wanted answer, not a switch
    """The wanted answer taken apart: `a and b` true is a true and b true; `a or b` false is a false and b false."""
    if isinstance(node, Not):
        yield from goals_of(node.term, not wanted)
    elif isinstance(node, And if wanted else Or):
        for term in node.parts:
            yield from goals_of(term, wanted)
    else:
        yield node, wanted
