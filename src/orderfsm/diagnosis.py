"""Every kind of finding: its stable code, how severe it is, what it says and what to do about it.

docs/reference/findings.md has a section for each; a test proves that it has no more and no fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .chart import Chart, Position

__all__ = ["DIAGNOSES", "Diagnosis", "diagnose"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A kind of finding. `severity` is error, warning or note; `fix` is the remedy unless a finding has its own."""

    code: str
    severity: str
    title: str
    fix: str


_ALL = (
    # --- names
    Diagnosis("unknown-state", "error", "A name is not a state of the chart", "correct the name, or declare the state"),
    Diagnosis(
        "unknown-event", "error", "A name is not an event of the chart", "correct the name, or declare the event"
    ),
    Diagnosis("unknown-guard", "error", "A guard is not declared", "correct the name, or declare it under `guards`"),
    Diagnosis("unknown-actor", "error", "An actor is not declared", "correct the name, or declare it under `actors`"),
    Diagnosis("unknown-reason", "error", "A reason code is not declared", "correct it, or declare it under `reasons`"),
    Diagnosis("unknown-link", "error", "A link relation is not declared", "correct it, or declare it under `links`"),
    Diagnosis(
        "unknown-action", "error", "An action is not declared", "correct the name, or declare it under `actions`"
    ),
    Diagnosis(
        "unknown-code", "error", "A word is not a code of the vocabulary", "correct the word, or give it to a state"
    ),
    Diagnosis(
        "unlisted-field",
        "warning",
        "A guard reads a field that the event does not list",
        "correct it, or list it under `payload` (with a question mark where it may be left out)",
    ),
    Diagnosis("duplicate-name", "error", "Two things of one kind have the same name", "rename one of them"),
    Diagnosis("broken-structure", "error", "The tree of states does not hold together", "mend the state"),
    Diagnosis("clashing-targets", "error", "Targets that cannot be active together", "name one target per region"),
    # --- compiling
    Diagnosis(
        "eventless-cycle", "error", "A step never comes to rest", "guard one of the arrows with something that changes"
    ),
    Diagnosis(
        "too-many-configurations", "error", "The chart is too large to compile", "split the chart or drop a region"
    ),
    Diagnosis("not-compilable", "error", "The chart cannot be compiled", "mend what the message names"),
    # --- reach
    Diagnosis("unreachable-state", "warning", "No life comes to this state", "draw an arrow to it, or remove it"),
    Diagnosis(
        "dead-end", "error", "Nothing leads out of a state that is not final", "draw a way out, or make it final"
    ),
    Diagnosis("livelock", "error", "From here no end can be reached", "draw a way to a final state"),
    Diagnosis("exit-from-final", "error", "Something leads out of a final state", "remove it, or take `final` away"),
    # --- arrows
    Diagnosis(
        "shadowed-transition", "error", "An arrow that another one always forestalls", "reorder, guard or remove"
    ),
    Diagnosis("never-taken", "warning", "An arrow whose event never comes", "raise the event, or remove the arrow"),
    Diagnosis(
        "overlapping-guards", "warning", "Two guards that can hold at once", "make the guards exclude each other"
    ),
    Diagnosis(
        "constant-guard", "warning", "A guard that always gives the same answer", "remove the guard, or the arrow"
    ),
    # --- timers
    Diagnosis(
        "timer-unanswered", "error", "A timer's event finds no arrow", "draw an arrow for it from the timer's state"
    ),
    Diagnosis("timer-race", "warning", "A timer that races something else", "give the timer an event of its own"),
    Diagnosis("timer-by-hand", "note", "What a timer sends, anyone may send", "leave it to the timer: `by: system`"),
    # --- reasons
    Diagnosis(
        "negative-without-reason", "warning", "A failure or cancellation that needs no reason", "add a reason rule"
    ),
    # --- declared and never used
    Diagnosis("unused-event", "warning", "An event that no arrow answers", "draw an arrow for it, or remove it"),
    Diagnosis("unused-guard", "warning", "A guard that no arrow asks", "ask it, or remove it"),
    Diagnosis("unused-reason", "warning", "A reason code that no rule names", "name it in a rule, or remove it"),
    Diagnosis(
        "unused-actor", "warning", "An actor who may ask for nothing in particular", "name it in `by`, or remove it"
    ),
    Diagnosis("unused-action", "warning", "An action that nothing emits", "emit it, or remove it"),
    Diagnosis("unused-link", "warning", "A link relation that nothing requires", "require it, or remove it"),
    Diagnosis("unused-alias", "warning", "An alias that changes nothing", "remove it"),
    # --- the vocabulary's words
    Diagnosis(
        "misspelt-code", "error", "A code that breaks the vocabulary's spelling", "correct the code, or the spelling"
    ),
    Diagnosis("spelling-unreadable", "error", "A spelling that cannot be read", "write a plain regular expression"),
    Diagnosis("alias-hides-code", "error", "An alias that hides a code of the vocabulary", "remove the alias"),
    # --- rules and scenarios
    Diagnosis("rule-violated", "error", "A life that breaks a rule", "mend the arrows, or the rule"),
    Diagnosis("rule-unreadable", "error", "A rule in none of the five forms", "write one of the five forms"),
    Diagnosis("scenario-failed", "error", "A scenario does not go as told", "mend the arrows, or the scenario"),
    # --- roll-up
    Diagnosis(
        "rollup-gap", "error", "A mix of items that no roll-up rule covers", "add a rule, or `otherwise` as the last"
    ),
    Diagnosis("rollup-overlap", "error", "A mix of items with two targets", "make the rules exclude each other"),
    Diagnosis(
        "rollup-illegal",
        "error",
        "A roll-up that no step allows",
        "list the event, draw the arrow, or `keep` the state",
    ),
    Diagnosis("rollup-unproved", "note", "A roll-up that could not be proved", "let the rules read items alone"),
    # --- histories
    Diagnosis(
        "history-gap", "error", "An entry that does not start where the last one ended", "find the missing entry"
    ),
    Diagnosis(
        "history-unknown-state", "error", "An entry that ends in an unknown configuration", "migrate the history"
    ),
    Diagnosis("history-illegal", "error", "An entry that is no step of the chart", "find out how it was written"),
    Diagnosis("history-changed", "error", "An entry that is not what was sealed", "restore it from a backup"),
    Diagnosis("history-hole", "error", "An entry that is missing between others", "restore it from a backup"),
    Diagnosis("history-shortened", "error", "Sealed entries that are missing at the end", "restore a backup"),
    Diagnosis("history-gone", "error", "An order whose sealed history is gone", "restore it from a backup"),
    Diagnosis("history-astray", "error", "An order that is not where its history ends", "find out who moved it"),
)

DIAGNOSES: Mapping[str, Diagnosis] = {diagnosis.code: diagnosis for diagnosis in _ALL}
"""Code -> diagnosis, in the order of the page."""


def diagnose(
    chart: Chart,
    code: str,
    message: str,
    *,
    at: Position,
    path: str = "",
    witness: Iterable[str] = (),
    fix: str = "",
    severity: str = "",
) -> Finding:
    """A finding about a chart; severity and fix are those of its diagnosis unless they are given."""
    diagnosis = DIAGNOSES[code]
    return Finding(
        code,
        severity or diagnosis.severity,
        message,
        path=path,
        line=at.line,
        column=at.column,
        witness=tuple(witness),
        fix=fix or diagnosis.fix,
        filename=chart.filename,
    )
