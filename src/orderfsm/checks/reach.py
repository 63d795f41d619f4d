"""Where lives can go: states that none comes to, ends that are none, and regions without a way to any end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.chart import START, Kind

from .study import arrow_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orderfsm.cell import Configuration
    from orderfsm.chart import Chart, State, Transition
    from orderfsm.finding import Finding

    from .study import Draft, Study

__all__ = ["exits_from_final", "restless", "trapped", "unreachable"]

SHOWN = 8
"""How many configurations of a region are named."""


def unreachable(study: Study) -> Iterator[Finding]:
    """States that no life comes to; of nested ones the outermost. The witness is the arrows that would lead there."""
    chart, leading = study.chart, _leading_into(study.chart)
    for state in chart.states:
        inside_another = state.parent is not None and state.parent not in study.reached
        if inside_another or not _lost(study, state):
            continue
        inward = leading.get(state.name, [])
        said = f"no life of {chart.name} comes to {state.name}: {_why(study, inward)}"
        path, witness = f"states.{state.name}", [str(t) for t in inward]
        yield study.finding("unreachable-state", said, at=state.position, path=path, witness=witness)


def _leading_into(chart: Chart) -> Mapping[str, list[Transition]]:
    """State -> the transitions with a target in it, itself included, in document order."""
    leading: dict[str, list[Transition]] = {}
    for transition in chart.transitions:
        names = [name for target in transition.targets for name in (target, *chart.ancestors[target])]
        for name in dict.fromkeys(names):
            leading.setdefault(name, []).append(transition)
    return leading


def _lost(study: Study, state: State) -> bool:
    if not state.kind.is_history:
        return state.name not in study.reached
    read = {name for transition in study.chart.transitions for name in transition.targets}
    return state.name not in read.union(*(other.initial for other in study.chart.states), study.chart.initial)


def _why(study: Study, inward: list[Transition]) -> str:
    if not inward:
        return "no arrow leads there"
    lost = [t.source for t in inward if t.source != START and t.source not in study.reached]
    if len(lost) == len(inward):
        return f"arrows lead there only from {', '.join(dict.fromkeys(lost))}, which no life comes to either"
    return "the arrows that lead there are never taken"


def trapped(study: Study) -> Iterator[Finding]:
    """Dead ends and livelocks: configurations from which no final one can be reached, each region told once."""
    ways = _ways(study)
    finals = {text for text in study.came if study.table.configurations[text].final}
    lost = set(study.came) - _leading_to(finals, ways)
    told: set[tuple[str, ...]] = set()
    while lost:
        entry = next(text for text in study.came if text in lost)
        region = _bottom(entry, ways)
        lost -= _leading_to(region, ways)
        first = study.table.configurations[next(text for text in study.came if text in region)]
        if first.leaves not in told:
            told.add(first.leaves)
            yield _end(study, first) if len(region) == 1 else _loop(study, first, region, ways)


def _ways(study: Study) -> Mapping[str, set[str]]:
    """Configuration -> the other configurations that one step leads to."""
    ways: dict[str, set[str]] = {text: set() for text in study.came}
    for step in study.edges:
        if step.before is not None and step.before != step.after:
            ways[step.before].add(step.after)
    return ways


def _leading_to(goals: set[str], ways: Mapping[str, set[str]]) -> set[str]:
    """The configurations from which a goal can be reached, the goals included."""
    back: dict[str, set[str]] = {}
    for here, nexts in ways.items():
        for there in nexts:
            back.setdefault(there, set()).add(here)
    return _closure(goals, back)


def _closure(origins: set[str], ways: Mapping[str, set[str]]) -> set[str]:
    found, waiting = set(origins), list(origins)
    while waiting:
        new = ways.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _bottom(entry: str, ways: Mapping[str, set[str]]) -> set[str]:
    """A region that can be reached from `entry` and never be left: all of it can be reached from all of it."""
    while True:
        ahead = _closure({entry}, ways)
        within = {here: ways[here] for here in ahead}
        stray = ahead - _leading_to({entry}, within)
        if not stray:
            return ahead
        entry = min(stray)


def _end(study: Study, end: Configuration) -> Finding:
    said = f"nothing leads out of {end}, and it is not final"
    state = study.chart.by_name[end.leaves[0]]
    return study.finding("dead-end", said, at=state.position, path=f"states.{state.name}", witness=study.run(end))


def _loop(study: Study, entry: Configuration, region: set[str], ways: Mapping[str, set[str]]) -> Finding:
    members = [text for text in study.came if text in region]
    shown = ", ".join(members[:SHOWN]) + (f" and {len(members) - SHOWN} more" if len(members) > SHOWN else "")
    said = f"from {entry} no end can be reached any more: orders go round in {shown}"
    state = study.chart.by_name[entry.leaves[0]]
    witness = _round(study, entry, ways)
    return study.finding("livelock", said, at=state.position, path=f"states.{state.name}", witness=witness)


def _round(study: Study, entry: str, ways: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The events of the shortest way to `entry`, and of one more step from there that stays in the region."""
    onward = next((step.event for step in study.edges if step.before == entry and step.after in ways[entry]), None)
    return (*study.run(entry), *([onward] if onward else []))


def restless(study: Study) -> Iterator[Finding]:
    """Events whose steps never come to rest, in charts compiled without such steps; each told where it is nearest."""
    told: set[str] = set()
    for text in study.came:
        for event in study.table.endless.get(text, ()):
            if event not in told:
                told.add(event)
                said = f"{event} never comes to rest in {text}, and is left out there"
                witness = (*study.run(text), event)
                yield study.finding("eventless-cycle", said, path=f"events.{event}", witness=witness)


def exits_from_final(draft: Draft) -> Iterator[Finding]:
    """Arrows and timers of final states."""
    finals = {state.name: state for state in draft.chart.states if state.kind is Kind.FINAL}
    for transition in draft.chart.transitions:
        if transition.source in finals:
            said = f"{transition.source} is final, and {transition} leads out of it"
            path, at = arrow_path(transition), transition.position
            yield draft.finding(
                "exit-from-final", said, at=at, path=path, witness=[transition.source, *transition.targets]
            )
    for state in finals.values():
        for timer in state.after:
            said = f"{state.name} is final, and a timer sends {timer.event} from it"
            path = f"states.{state.name}"
            yield draft.finding(
                "exit-from-final", said, at=state.position, path=path, witness=[state.name, timer.event]
            )
