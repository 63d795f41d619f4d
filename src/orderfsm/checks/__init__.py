"""Checks: what is wrong with a chart, where, and how to see it happen.

Each module here looks at one side of a chart. Some need no more than the chart itself, the others walk its compiled
table, so that what they say holds for every life: guards count as satisfiable, everything else is as `step` decides it.
The codes are in `diagnosis`, and docs/reference/findings.md tells of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.arguments import expect
from orderfsm.errors import ChartError, UnsoundChart
from orderfsm.rollup import prove
from orderfsm.table import LIMIT, compile

from . import arrows, names, reach, reasons, rules, scenarios, structure, timers, unused, vocabulary
from .rules import counterexample, law
from .study import Draft, Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orderfsm.chart import Chart
    from orderfsm.finding import Finding

__all__ = ["check", "counterexample", "law"]

_TREE: tuple[Callable[[Draft], Iterator[Finding]], ...] = (names.undeclared, structure.duplicates)
"""Asked first; with an unknown state or a name twice, nothing else can be."""

_WORDS: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    names.unlisted,
    structure.clashes,
    reach.exits_from_final,
    rules.unreadable,
    vocabulary.misspelt,
    vocabulary.hidden,
)
"""Asked of a chart whose tree holds together."""

_LIVES: tuple[Callable[[Study], Iterator[Finding]], ...] = (
    arrows.shadowed,
    arrows.overlapping,
    reach.restless,
    timers.races,
    rules.broken,
    scenarios.failing,
)
"""Asked of the table."""

_WHOLE: tuple[Callable[[Study], Iterator[Finding]], ...] = (
    reach.unreachable,
    reach.trapped,
    arrows.never_taken,
    arrows.constant_guards,
    timers.unanswered,
    timers.by_hand,
    reasons.unexplained,
    unused.things,
    unused.reasons,
    unused.events,
    unused.aliases,
)
"""Asked of the table of a whole chart: where a profile left arrows out, they would only tell of that."""

_FATAL = frozenset({"unknown-state", "duplicate-name", "broken-structure", "clashing-targets"})


def check(chart: Chart, *, items: Chart | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with a chart, by line and then by code. Never raises for a chart, however broken.

    `items` is the chart of the order's items: with it, the roll-up is proved and its scenarios are run. Under the
    strict profile of a chart that has other arrows too, what depends on these is left to the full one: reach, ends,
    timers, constant guards, reasons for failures, what is never used, `eventually`, and the proof of the roll-up.
    """
    expect({"chart": chart})
    found = list(_draft_findings(Draft(chart)))
    if not any(finding.code in _FATAL and not finding.path.startswith("rules[") for finding in found):
        found += _compiled_findings(chart, items, LIMIT)
    return tuple(sorted(dict.fromkeys(found), key=_place))


def _place(finding: Finding) -> tuple[int, str, int, str, str]:
    return finding.line, finding.code, finding.column, finding.path, finding.message


def _draft_findings(draft: Draft) -> Iterator[Finding]:
    found = [finding for question in _TREE for finding in question(draft)]
    yield from found
    if any(finding.code in _FATAL for finding in found):
        return
    misplaced = list(structure.misplaced(draft))
    yield from misplaced
    if not misplaced:
        for question in _WORDS:
            yield from question(draft)


def _compiled_findings(chart: Chart, items: Chart | None, limit: int) -> Iterator[Finding]:
    try:
        table = compile(chart, limit=limit)
    except ChartError as error:
        yield from error.findings if isinstance(error, UnsoundChart) else (_refused(chart, error),)
        return
    study = Study(chart, table, items)
    for question in _LIVES if chart.dropped else (*_LIVES, *_WHOLE):
        yield from question(study)
    if items is not None and not (chart.dropped or items.dropped):
        yield from prove(chart, items)


def _refused(chart: Chart, error: ChartError) -> Finding:
    """The finding for a chart whose parts do not fit together."""
    draft = Draft(chart)
    return draft.finding("not-compilable", str(error), at=draft.place("states"), path="states")
