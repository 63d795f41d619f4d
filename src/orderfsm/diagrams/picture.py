"""The graph that every format draws: nodes, regions, edges, starts and history pseudo-states, in document order."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orderfsm.chart import START, Basis, Kind
from orderfsm.step import unknown_configuration
from orderfsm.table import OPEN, compile

from .codes import coded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from orderfsm.chart import Category, Chart, ReasonRule, State, Transition

    from .note import Note

__all__ = ["Edge", "Node", "Picture", "gathered", "iso", "leaves", "outside", "picture"]

LONGEST = 60
"""How many characters of a guard are shown on an arrow."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state as it is drawn. `answers` are the arrows without a target: events that do not leave it."""

    name: str
    kind: Kind
    label: str
    parent: str | None = None
    category: Category | None = None
    answers: tuple[Edge, ...] = ()
    active: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def internal(self) -> tuple[str, ...]:
        """The events that it answers without being left, each once."""
        return tuple(dict.fromkeys(edge.label for edge in self.answers if edge.label))


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from a node (START: from nothing) to one node, or to several in different regions.

    `label` is the event with its timer and guards. `basis` is None where several arrows are drawn as one;
    `transitions` are the arrows that it stands for. `needs` says what has to come along: a reason, links.
    """

    source: str
    targets: tuple[str, ...]
    label: str = ""
    basis: Basis | None = None
    happy: bool = False
    transitions: tuple[Transition, ...] = ()
    needs: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def asked(self) -> tuple[object, ...]:
        """Who may send the event, what goes with it, and what is noted beside it."""
        return (*((each.by, each.reason.mode, each.links) for each in self.transitions[:1]), self.notes)

    @property
    def sure(self) -> bool:
        """Whether the source or its documents say so."""
        return self.basis in (None, Basis.STATED, Basis.DOCUMENTED)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart as nodes and edges, both in document order. `initial` pairs a node with where it begins."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    initial: tuple[tuple[str | None, tuple[str, ...]], ...]

    def inside(self, parent: str | None) -> tuple[Node, ...]:
        """The nodes directly inside a node (None: the outermost), history states included."""
        return tuple(node for node in self.nodes if node.parent == parent)


def picture(chart: Chart, *, configuration: str | None = None, detail: str = "full") -> Picture:
    """The picture of a chart, with the states of a configuration marked active.

    `detail` is `full`; `plain`, events only; or `codes`: the plain picture of the chart's public codes. Raises
    StoredStateUnknown when the chart has no such configuration.
    """
    if detail == "codes":
        seen = coded(chart)
        return picture(seen.chart, configuration=seen.configuration(configuration), detail="plain")
    active = _active(chart, configuration)
    nodes = tuple(_node(chart, state, active, detail) for state in chart.states)
    edges = [_edge(chart, t, detail) for t in chart.transitions if t.targets]
    if detail == "plain":
        edges = _gathered(nodes, edges, _plainly)
    return Picture(chart.title or chart.name, nodes, tuple(edges), tuple(_initial(chart, detail)))


def _initial(chart: Chart, detail: str) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    """Where the chart begins, unless an arrow of its own says so, and where its compound and history states begin."""
    if not any(OPEN in transition.events for transition in chart.leading(START)):
        yield None, chart.initial
    for state in chart.states:
        if state.initial and not (state.kind.is_history and detail == "plain"):
            yield state.name, state.initial


def _active(chart: Chart, configuration: str | None) -> frozenset[str]:
    if configuration is None:
        return frozenset()
    table = compile(chart)
    if configuration not in table.configurations:
        raise unknown_configuration(table, configuration)
    return table.configurations[configuration].states


def _node(chart: Chart, state: State, active: frozenset[str], detail: str) -> Node:
    answers = tuple(_edge(chart, t, detail) for t in chart.leading(state.name) if not t.targets)
    category = chart.category_of(state.name)
    return Node(state.name, state.kind, _words(chart, state), state.parent, category, answers, state.name in active)


def _words(chart: Chart, state: State) -> str:
    """What is written on a state: its public word, and its own name where that differs in more than spelling."""
    if state.kind.is_history:
        return "H*" if state.kind is Kind.DEEP else "H"
    code = chart.code_of(state.name) if state.kind in (Kind.ATOMIC, Kind.FINAL) else None
    if code is None:
        return state.name
    return code if _folded(code) == _folded(state.name) else f"{code} ({state.name})"


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _edge(chart: Chart, transition: Transition, detail: str) -> Edge:
    label = _label(chart, transition, detail)
    if detail == "plain":
        return Edge(transition.source, transition.targets, label, None, transition.happy, (transition,))
    needs = tuple(_needs(chart, transition))
    return Edge(transition.source, transition.targets, label, transition.basis, transition.happy, (transition,), needs)


def _needs(chart: Chart, transition: Transition) -> Iterator[str]:
    """What the arrow and the states that it names ask for."""
    parts: tuple[Transition | State, ...] = (transition, *(chart.by_name[name] for name in transition.targets))
    yield from dict.fromkeys(said for part in parts if (said := _reason(part.reason)))
    yield from dict.fromkeys(f"link {rel}" for part in parts for rel in part.links)


def _reason(rule: ReasonRule) -> str:
    codes = f": {' or '.join(rule.codes)}" if rule.codes else ""
    if rule.mode == "required":
        return f"reason{codes}"
    return "no reason" if rule.mode == "forbidden" else f"perhaps a reason{codes}" if codes else ""


def gathered(found: Picture) -> Picture:
    """The picture with one arrow where all children of a compound state have the same, who may ask included."""
    return replace(found, edges=tuple(_gathered(found.nodes, list(found.edges), _in_full)))


def _plainly(edge: Edge) -> tuple[object, ...]:
    return edge.label, edge.targets


def _in_full(edge: Edge) -> tuple[object, ...]:
    return edge.label, edge.targets, edge.basis, edge.asked, edge.needs


def _gathered(nodes: tuple[Node, ...], edges: list[Edge], key: Callable[[Edge], tuple[object, ...]]) -> list[Edge]:
    """The edges, where all leaves of a compound state have the same one to the outside: one, from the compound state.

    Inner states go first, so that arrows are gathered as far out as they can be.
    """
    for node in sorted(nodes, key=lambda node: -len(outside(nodes, node.name))):
        if node.kind is not Kind.COMPOUND:
            continue
        inside = tuple(leaf.name for leaf in nodes if leaf.parent == node.name and not leaf.kind.is_history)
        outward = (edge for edge in edges if edge.source in inside and edge.targets[0] not in inside)
        same = Counter(found for _, found in dict.fromkeys((edge.source, key(edge)) for edge in outward))
        shared = {found for found, count in same.items() if count == len(inside) > 1}
        moved = [replace(e, source=node.name) if e.source in inside and key(e) in shared else e for e in edges]
        edges = _joined(moved, key)
    return edges


def _joined(edges: list[Edge], key: Callable[[Edge], tuple[object, ...]]) -> list[Edge]:
    """The edges, the same ones from the same state as one, where the first of them stood."""
    kept: dict[tuple[object, ...], Edge] = {}
    for edge in edges:
        known = kept.get((edge.source, key(edge)))
        if known is not None:
            edge = replace(known, transitions=known.transitions + edge.transitions, happy=known.happy or edge.happy)
        kept[edge.source, key(edge)] = edge
    return list(kept.values())


def _label(chart: Chart, transition: Transition, detail: str) -> str:
    event = transition.event
    if detail == "plain":
        return event
    delays = dict.fromkeys(iso(delay) for delay in _delays(chart, transition))
    guards = " and ".join(guard.text for guard in transition.guards)
    parts = [event, f"after {' or '.join(delays)}" if delays else "", f"[{_short(guards)}]" if guards else ""]
    return " ".join(part for part in parts if part)


def _delays(chart: Chart, transition: Transition) -> Iterator[timedelta]:
    """After how long in the transition's source, or in a state inside it, its event becomes due."""
    for state in chart.states:
        if transition.source in (state.name, *chart.ancestors[state.name]):
            yield from (timer.delay for timer in state.after if timer.event in transition.events)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def iso(delay: timedelta) -> str:
    """A duration in ISO 8601: days, hours, minutes and seconds, e.g. `P14D`, `PT1H30M`."""
    days, seconds = delay.days, delay.seconds
    hours, minutes, rest = seconds // 3_600, seconds % 3_600 // 60, seconds % 60
    fraction = f".{delay.microseconds:06}".rstrip("0") if delay.microseconds else ""
    time = "".join(f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M")) if amount)
    time += f"{rest}{fraction}S" if rest or fraction or not (days or time) else ""
    return f"P{f'{days}D' if days else ''}{f'T{time}' if time else ''}"


def leaves(nodes: tuple[Node, ...], name: str) -> tuple[str, ...]:
    """The atomic and final nodes below a node, in document order; the node itself when it is one."""
    below = [node for node in nodes if node.parent == name and not node.kind.is_history]
    return tuple(leaf for node in below for leaf in leaves(nodes, node.name)) or (name,)


def outside(nodes: tuple[Node, ...], name: str) -> tuple[str, ...]:
    """The nodes around a node, the innermost first."""
    parents = {node.name: node.parent for node in nodes}
    found: list[str] = []
    here = parents.get(name)
    while here is not None:
        found.append(here)
        here = parents[here]
    return tuple(found)
