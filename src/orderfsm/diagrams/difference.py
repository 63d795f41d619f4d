"""The difference of two charts as one picture: the newer chart, with what only the older one had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orderfsm.chart import START, Kind

from .note import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orderfsm.chart import Chart, Rollup, State, Transition

__all__ = ["Difference", "difference"]

AROUND = (Kind.COMPOUND, Kind.PARALLEL)

OF_STATES: dict[str, Callable[[State], object]] = {
    "kind": lambda state: state.kind,
    "parent": lambda state: state.parent,
    "initial state": lambda state: state.initial,
    "code": lambda state: state.code,
    "category": lambda state: state.category,
    "timers": lambda state: [(timer.event, timer.delay) for timer in state.after],
    "effects": lambda state: (state.on_entry, state.on_exit, state.initial_effects),
    "reason": lambda state: state.reason,
    "links": lambda state: state.links,
    "clock": lambda state: state.clock,
}
OF_ARROWS: dict[str, Callable[[Transition], object]] = {
    "guard": lambda arrow: [guard.text for guard in arrow.guards],
    "actors": lambda arrow: frozenset(arrow.by),
    "reason": lambda arrow: arrow.reason,
    "links": lambda arrow: arrow.links,
    "effects": lambda arrow: arrow.effects,
    "kind": lambda arrow: arrow.internal,
    "basis": lambda arrow: arrow.basis,
    "happy path": lambda arrow: arrow.happy,
}
OF_CHARTS: dict[str, Callable[[Chart], object]] = {
    "initial state": lambda chart: chart.initial,
    "payloads": lambda chart: {event.name: event.payload for event in chart.events if event.payload},
    "reasons": lambda chart: chart.reasons,
    "aliases": lambda chart: chart.aliases,
    "rules": lambda chart: [rule.text for rule in chart.rules],
    "roll-up": lambda chart: chart.rollup and _rollup(chart.rollup),
}
"""What a difference tells of: its word, and what is compared. Titles, descriptions and sources are not."""


def _rollup(rollup: Rollup) -> object:
    rules = [(rule.when and rule.when.text, rule.to) for rule in rollup.rules]
    return rollup.items, rules, rollup.events, rollup.keep


@dataclass(frozen=True, slots=True)
class Difference:
    """What has changed from a chart to another; `render` draws it.

    `chart` is the newer one with the states and arrows that only the older one had; it is there to be drawn, and need
    not compile. `on_states`, `on_arrows` (by identity) and `aside` say what was added, removed or changed.
    """

    old: Chart
    new: Chart
    chart: Chart
    on_states: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    on_arrows: Mapping[int, tuple[Note, ...]] = field(default_factory=dict)
    aside: tuple[Note, ...] = ()

    @property
    def count(self) -> int:
        """How many states, arrows and parts of the chart were added, removed or changed; 0 for the same charts."""
        return sum(map(len, (*self.on_states.values(), *self.on_arrows.values(), self.aside)))


def difference(old: Chart, new: Chart) -> Difference:
    """What has changed from `old` to `new`, as a picture of both.

    States are the same by their name, arrows by their source, events and targets. Where a state stood in one that is no
    more, or holds nothing any more, it is drawn in the next one around it.
    """
    came, gone = _paired(old.transitions, new.transitions)
    title = f"{new.title or new.name}: from {_named(old, new)} to {_named(new, old)}"
    states, arrows = tuple(_states(old, new)), (*new.transitions, *gone)
    told = _Told()
    for state in states:
        told.of_state(state.name, _notes(old.by_name.get(state.name), new.by_name.get(state.name), OF_STATES))
    for before, after in came:
        told.of_arrow(after, _notes(before, after, OF_ARROWS))
    for arrow in gone:
        told.of_arrow(arrow, _notes(arrow, None, OF_ARROWS))
    aside = tuple(Note(f"{word} of the chart changed", "changed") for word in _differing(old, new, OF_CHARTS))
    union = replace(new, title=title, states=states, transitions=arrows, dropped=())
    return Difference(old, new, union, told.on_states, told.on_arrows, aside)


class _Told:
    def __init__(self) -> None:
        self.on_states: dict[str, tuple[Note, ...]] = {}
        self.on_arrows: dict[int, tuple[Note, ...]] = {}

    def of_state(self, name: str, notes: tuple[Note, ...]) -> None:
        if notes:
            self.on_states[name] = (*self.on_states.get(name, ()), *notes)

    def of_arrow(self, arrow: Transition, notes: tuple[Note, ...]) -> None:
        """What has become of an arrow; one without a target is written in its state, and so is this."""
        if arrow.targets or arrow.source == START:
            self.on_arrows |= {id(arrow): notes} if notes else {}
        else:
            self.of_state(arrow.source, tuple(Note(f"/ {arrow.event}: {note.text}", "changed") for note in notes))


def _notes(before: Any, after: Any, traits: Mapping[str, Callable[[Any], object]]) -> tuple[Note, ...]:
    if before is None:
        return (Note("added", "added"),)
    if after is None:
        return (Note("removed", "removed"),)
    words = ", ".join(_differing(before, after, traits))
    return (Note(f"changed: {words}", "changed"),) if words else ()


def _differing(before: Any, after: Any, traits: Mapping[str, Callable[[Any], object]]) -> Iterator[str]:
    return (word for word, seen in traits.items() if seen(before) != seen(after))


def _named(chart: Chart, other: Chart) -> str:
    """What tells a chart from another: its version, its profile, else its name."""
    if chart.name != other.name:
        return f"{chart.name} {chart.version}"
    return chart.version if chart.version != other.version else chart.profile


# --- arrows


def _paired(
    old: Sequence[Transition], new: Sequence[Transition]
) -> tuple[list[tuple[Transition | None, Transition]], list[Transition]]:
    """The newer arrows, each with what it was before (None: it is new), and copies of those that are no more.

    Among several with the same ends and events those that are equal belong together, then those in the same order.
    """
    rest: dict[object, list[Transition]] = defaultdict(list)
    for arrow in old:
        rest[_ends(arrow)].append(arrow)
    found: dict[int, Transition] = {}
    for alike in (_same, lambda one, other: True):
        for arrow in new:
            before = next(
                (other for other in rest[_ends(arrow)] if id(arrow) not in found and alike(arrow, other)), None
            )
            if before is not None:
                found[id(arrow)] = before
                rest[_ends(arrow)] = [other for other in rest[_ends(arrow)] if other is not before]
    kept = {id(arrow) for arrows in rest.values() for arrow in arrows}
    return [(found.get(id(arrow)), arrow) for arrow in new], [replace(arrow) for arrow in old if id(arrow) in kept]


def _ends(arrow: Transition) -> object:
    return arrow.source, frozenset(arrow.events), arrow.targets


def _same(one: Transition, other: Transition) -> bool:
    return not any(_differing(one, other, OF_ARROWS))


# --- states


def _states(old: Chart, new: Chart) -> Iterator[State]:
    """The states of both, those that are no more where they stood in the order of the older chart."""
    parents = {state.name: _around(state, old, new) for state in old.states if state.name not in new.by_name}
    behind: dict[str | None, list[State]] = defaultdict(list)
    last: str | None = None
    for state in old.states:
        if state.name in new.by_name:
            last = state.name
        else:
            behind[last].append(_gone(state, parents))
    yield from behind[None]
    for state in new.states:
        yield state
        yield from behind[state.name]


def _around(state: State, old: Chart, new: Chart) -> str | None:
    """The innermost state that stood around another one and can still do so."""
    outer = old.ancestors[state.name]
    return next((name for name in outer if name not in new.by_name or new.by_name[name].kind in AROUND), None)


def _gone(state: State, parents: Mapping[str, str | None]) -> State:
    """A state that is no more; one that held others is drawn around those that it took along, if there are any."""
    inside = tuple(name for name in state.initial if parents.get(name) == state.name)
    kind = Kind.ATOMIC if state.kind in AROUND and state.name not in parents.values() else state.kind
    initial = state.initial if kind.is_history else inside
    return replace(state, parent=parents[state.name], kind=kind, initial=initial)
