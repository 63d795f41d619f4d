"""Small changes of a chart, in document order: what somebody may have got wrong, or will."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from orderfsm.chart import START, Guard, Kind, ReasonRule

from .guards import loosened, tightened

if TYPE_CHECKING:
    from orderfsm.chart import Chart, Effect, State, Transition

__all__ = ["KINDS", "Change", "changes"]


@dataclass(frozen=True, slots=True)
class Change:
    """A chart that was changed in one place.

    `at` is that place: an arrow's place in `Chart.transitions` or the name of a state, both of the chart as it was.
    """

    kind: str
    at: int | str
    sentence: str
    chart: Chart


Made = Iterator[tuple[int | str, str, "Chart"]]
"""The place, what became of it in words, and the chart."""


def changes(chart: Chart, kind: str) -> Iterator[Change]:
    """The changes of one kind. Their charts need not compile."""
    for at, what, changed in KINDS[kind](chart):
        yield Change(kind, at, f"{_named(chart, at)}: {what}", changed)


def _named(chart: Chart, at: int | str) -> str:
    part = chart.by_name[at] if isinstance(at, str) else chart.transitions[at]
    shown = at if isinstance(at, str) else str(part)
    return f"{shown} ({chart.filename}:{part.position.line})" if part.position.line else shown


def _arrows(chart: Chart, place: int, *new: Transition) -> Chart:
    """The chart with other arrows instead of one."""
    return replace(chart, transitions=(*chart.transitions[:place], *new, *chart.transitions[place + 1 :]))


def _part(chart: Chart, at: int | str, new: Transition | State) -> Chart:
    """The chart with another arrow or state instead of one."""
    if isinstance(at, int):
        return _arrows(chart, at, new)  # type: ignore[arg-type]
    return replace(chart, states=tuple(new if state.name == at else state for state in chart.states))  # type: ignore[misc]


def _parts(chart: Chart) -> Iterator[tuple[int | str, Transition | State]]:
    """All that can ask for a reason or a link: the arrows, then the states."""
    yield from enumerate(chart.transitions)
    yield from ((state.name, state) for state in chart.states)


# --- arrows


def _drop(chart: Chart) -> Made:
    for place, _ in enumerate(chart.transitions):
        yield place, "dropped", _arrows(chart, place)


def _retarget(chart: Chart) -> Made:
    """To where another arrow out of the same state leads; to nowhere else, so that the state stays."""
    for place, arrow in enumerate(chart.transitions):
        if len(arrow.targets) == 1 and not arrow.internal:
            for target in _others(chart, arrow):
                changed = replace(arrow, targets=(target,))
                yield place, f"leads to {target}", _arrows(chart, place, changed)


def _others(chart: Chart, arrow: Transition) -> tuple[str, ...]:
    """At most two other targets of an arrow, the likeliest first."""
    target = chart.by_name[arrow.targets[0]]
    beside = [name for each in chart.leading(arrow.source) for name in each.targets]
    behind = target.initial[:1] if target.kind.is_history else ()
    stays = () if arrow.source == START else (arrow.source,)
    near = [state.name for state in chart.states if state.parent == target.parent and not state.kind.is_history]
    likely = [name for name in (*behind, *beside) if name not in (arrow.source, *arrow.targets)][:1]
    return tuple(dict.fromkeys(name for name in (*likely, *stays, *near) if name not in arrow.targets))[:2]


def _add(chart: Chart) -> Made:
    """A second source for an arrow: a state that refuses its event. An end of the chart is one no longer."""
    for event in dict.fromkeys(event for arrow in chart.transitions for event in arrow.events):
        arrow = next(arrow for arrow in chart.transitions if event in arrow.events)
        if _is_inner(chart, event) or arrow.source == START:
            continue
        known = {other.source for other in chart.transitions if event in other.events}
        for state in chart.states:
            if state.kind in (Kind.ATOMIC, Kind.FINAL) and not known & {state.name, *chart.ancestors[state.name]}:
                added = replace(arrow, source=state.name, events=(event,))
                wider = replace(chart, transitions=(*chart.transitions, added))
                yield state.name, f"{added} added", _part(wider, state.name, _going_on(state))


def _going_on(state: State) -> State:
    """The state, which is not the end of the chart: nothing leads out of that."""
    return replace(state, kind=Kind.ATOMIC) if state.kind is Kind.FINAL and state.parent is None else state


def _is_inner(chart: Chart, event: str) -> bool:
    """Whether nobody can send the event."""
    declared = chart.event_by_name.get(event)
    return event.startswith("done.state.") or (declared is not None and declared.internal)


# --- guards


def _loosen(chart: Chart) -> Made:
    for place, which, guard in _guards(chart):
        yield place, f"without the guard `{guard.text}`", _guarded(chart, place, which)
        for looser in loosened(guard.expression) if guard.expression else ():
            told = f"the guard `{guard.text}` loosened to `{looser}`"
            yield place, told, _guarded(chart, place, which, Guard(expression=looser))


def _tighten(chart: Chart) -> Made:
    for place, which, guard in _guards(chart):
        for tighter in tightened(guard.expression) if guard.expression else ():
            told = f"the guard `{guard.text}` tightened to `{tighter}`"
            yield place, told, _guarded(chart, place, which, Guard(expression=tighter))


def _guards(chart: Chart) -> Iterator[tuple[int, int, Guard]]:
    for place, arrow in enumerate(chart.transitions):
        yield from ((place, which, guard) for which, guard in enumerate(arrow.guards))


def _guarded(chart: Chart, place: int, which: int, *new: Guard) -> Chart:
    arrow = chart.transitions[place]
    guards = (*arrow.guards[:which], *new, *arrow.guards[which + 1 :])
    return _arrows(chart, place, replace(arrow, guards=guards))


# --- what is asked of the caller


def _reason(chart: Chart) -> Made:
    for at, part in _parts(chart):
        if part.reason.mode != "optional":
            told = "the reason is no longer required" if part.reason.mode == "required" else "a reason may be given"
            yield at, told, _part(chart, at, replace(part, reason=replace(part.reason, mode="optional")))


def _codes(chart: Chart) -> Made:
    """One code for another one that is declared; then the codes of two rules for each other."""
    ruled = [(at, part) for at, part in _parts(chart) if part.reason.codes]
    for at, part in ruled:
        for code in part.reason.codes:
            for what, codes in _other_codes(chart, part.reason.codes, code):
                yield at, what, _part(chart, at, replace(part, reason=_coded(part.reason, codes)))
    for (at, one), (there, other) in pairwise(ruled):
        if set(one.reason.codes) != set(other.reason.codes):
            first = _part(chart, at, replace(one, reason=_coded(one.reason, other.reason.codes)))
            swapped = _part(first, there, replace(other, reason=_coded(other.reason, one.reason.codes)))
            yield at, f"its reasons swapped with those of {there if isinstance(there, str) else other}", swapped


def _other_codes(chart: Chart, codes: tuple[str, ...], code: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    free = next((other for other in chart.reasons.codes if other not in codes), None)
    if free is not None:
        told = f"the reason {free} is taken instead of {code}"
        yield told, tuple(free if other == code else other for other in codes)
    elif len(codes) > 1:
        yield f"the reason {code} is no longer taken", tuple(other for other in codes if other != code)


def _coded(rule: ReasonRule, codes: tuple[str, ...]) -> ReasonRule:
    return replace(rule, codes=codes)


def _by(chart: Chart) -> Made:
    for place, arrow in enumerate(chart.transitions):
        if not arrow.by:
            continue
        yield place, "anyone may ask", _arrows(chart, place, replace(arrow, by=()))
        for role in arrow.by if len(arrow.by) > 1 else ():
            fewer = tuple(other for other in arrow.by if other != role)
            yield place, f"{role} may no longer ask", _arrows(chart, place, replace(arrow, by=fewer))
        stranger = next((role for role in chart.actors if role not in arrow.by), None)
        if stranger is not None:
            more = replace(arrow, by=(*arrow.by, stranger))
            yield place, f"{stranger} may ask, too", _arrows(chart, place, more)


def _links(chart: Chart) -> Made:
    for at, part in _parts(chart):
        for rel in part.links:
            fewer = tuple(other for other in part.links if other != rel)
            yield at, f"the link {rel} is no longer needed", _part(chart, at, replace(part, links=fewer))


# --- what comes of it


def _timers(chart: Chart) -> Made:
    """A timer less, then one that takes twice as long."""
    from orderfsm.diagrams.picture import iso  # when it is needed: few charts have timers

    for state in chart.states:
        for place, timer in enumerate(state.after):
            before, behind = state.after[:place], state.after[place + 1 :]
            told = f"{timer.event} after {iso(timer.delay)}"
            yield state.name, f"{told} dropped", _part(chart, state.name, replace(state, after=(*before, *behind)))
            later = replace(timer, delay=2 * timer.delay)
            slower = replace(state, after=(*before, later, *behind))
            yield state.name, f"{told} comes after {iso(later.delay)}", _part(chart, state.name, slower)


def _effects(chart: Chart) -> Made:
    """An effect less: what is emitted, raised or sent on an arrow, or with a state."""
    for at, part in _parts(chart):
        for where in ("effects", "initial_effects", "on_entry", "on_exit"):
            effects: tuple[Effect, ...] = getattr(part, where, ())
            for place, effect in enumerate(effects):
                fewer: dict[str, Any] = {where: (*effects[:place], *effects[place + 1 :])}
                yield at, f"{effect.kind} {effect.name} dropped", _part(chart, at, replace(part, **fewer))


KINDS: dict[str, Callable[[Chart], Made]] = {
    "drop": _drop,
    "retarget": _retarget,
    "add": _add,
    "loosen": _loosen,
    "tighten": _tighten,
    "reason": _reason,
    "codes": _codes,
    "by": _by,
    "links": _links,
    "timers": _timers,
    "effects": _effects,
}
"""Kind -> what makes the changes of that kind, in document order."""
