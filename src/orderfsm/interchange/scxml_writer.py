"""A Chart written as SCXML: everything that decides which configuration follows which."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from orderfsm.chart import START, Kind
from orderfsm.errors import ExpressionError, UnsupportedFeature

from .condition import to_scxml
from .scxml_names import BEGIN, NAMESPACE, OURS, OWN, TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.chart import Chart, Effect, Guard, State, Transition

__all__ = ["dumps"]


def dumps(chart: Chart) -> str:
    """The chart as an SCXML document, which `loads` reads into a chart that behaves alike.

    Conditions on active states become `In('x')`; where a guard asks for more, the document declares the data model
    `x-orderfsm` and its conditions are our own. What only goes with a step (actors, reasons, links, payloads, titles)
    is left out. Raises UnsupportedFeature for transitions out of final states, for history states outside of all
    states, for content on the way to the chart's initial state, and for names with white space in them.
    """
    return _Writer(chart).text()


class _Writer:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.datamodel = _datamodel(chart)
        self.refuse_what_cannot_be_said()

    def refuse_what_cannot_be_said(self) -> None:
        for what, remedy in _unsayable(self.chart):
            raise UnsupportedFeature(f"{self.chart.name}: SCXML has no {what}; {remedy}")

    def text(self) -> str:
        chart = self.chart
        attributes = {"xmlns": NAMESPACE, "version": "1.0", "datamodel": self.datamodel}
        root = Element("scxml", {**attributes, "name": chart.name, "initial": " ".join(chart.initial)})
        root.attrib |= self.annotations()
        for transition in chart.leading(START):
            self.transition(root, transition)
        elements: dict[str | None, Element] = {None: root}
        for state in chart.states:
            elements[state.name] = self.state(elements[state.parent], state)
        indent(root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"

    def annotations(self) -> dict[str, str]:
        """What SCXML has no words for, and the namespace of these words; empty when there is nothing of the kind."""
        internal = " ".join(event.name for event in self.chart.events if event.internal)
        words = [word for state in self.chart.states for word in (state.code, state.category) if word is not None]
        if not (internal or words or self.chart.leading(START)):
            return {}
        return _said({"xmlns:orderfsm": OURS, "orderfsm:internal": internal})

    # --- states

    def state(self, parent: Element, state: State) -> Element:
        element = SubElement(parent, TAGS[state.kind], _attributes(state))
        if state.kind.is_history:
            _content(_default(element, state), state.initial_effects)
            return element
        if state.initial_effects:
            _content(_default(SubElement(element, "initial"), state), state.initial_effects)
        entry, left = Element("onentry"), Element("onexit")
        _content(entry, state.on_entry)
        _content(left, state.on_exit)
        for number, timer in enumerate(state.after, 1):
            name = f"{state.name}.after.{number}"
            SubElement(entry, "send", {"event": timer.event, "id": name, "delay": _seconds(timer.delay)})
            SubElement(left, "cancel", {"sendid": name})
        element.extend(block for block in (entry, left) if len(block))
        for transition in self.chart.leading(state.name):
            self.transition(element, transition)
        return element

    def transition(self, parent: Element, transition: Transition) -> None:
        attributes = {
            "event": " ".join(transition.events),
            "cond": _cond(transition.guards, self.datamodel),
            "target": " ".join(transition.targets),
            "type": "internal" if transition.internal and transition.targets else "",
        }
        tag = BEGIN if transition.source == START else "transition"
        _content(SubElement(parent, tag, _said(attributes)), transition.effects)


def _unsayable(chart: Chart) -> Iterator[tuple[str, str]]:
    """What SCXML cannot say, with a remedy."""
    if chart.initial_effects:
        yield "content on the way to the chart's initial state", "move it to the state's on_entry"
    for state in chart.states:
        if state.kind is Kind.FINAL and chart.leading(state.name):
            yield f"transitions out of a final state like {state.name}", "make it atomic"
        if state.kind.is_history and state.parent is None:
            yield f"history states outside of all states like {state.name}", "put a state around"
    events = (event for transition in chart.transitions for event in transition.events)
    for name in (*chart.by_name, *events):
        if not name.isprintable() or name.split() != [name]:
            yield f"names like {name!r}", "leave out white space"


def _attributes(state: State) -> dict[str, str]:
    initial = state.kind is Kind.COMPOUND and not state.initial_effects
    attributes = {
        "id": state.name,
        "type": state.kind.value if state.kind.is_history else "",
        "initial": " ".join(state.initial) if initial else "",
        "orderfsm:category": state.category or "",
    }
    return _said(attributes) | ({} if state.code is None else {"orderfsm:code": state.code})


def _said(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if value}


def _default(parent: Element, state: State) -> Element:
    return SubElement(parent, "transition", {"target": " ".join(state.initial)})


def _content(parent: Element, effects: Iterable[Effect]) -> None:
    for effect in effects:
        attributes = {"event": effect.name}
        if effect.kind == "emit":
            attributes["type"] = OWN
        if effect.delay:
            attributes["delay"] = _seconds(effect.delay)
        SubElement(parent, "raise" if effect.kind == "raise" else "send", attributes)


def _seconds(delay: timedelta) -> str:
    whole, rest = divmod(delay // timedelta(microseconds=1), 1_000_000)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".") + "s"


# --- conditions


def _datamodel(chart: Chart) -> str:
    """`null` when every condition is one In(), `ecmascript` when some combine them, else our own."""
    conditions = [_in_alone(transition.guards) for transition in chart.transitions if transition.guards]
    if None in conditions:
        return OWN
    return "ecmascript" if any(re.search("[!&|]", said or "") for said in conditions) else "null"


def _in_alone(guards: tuple[Guard, ...]) -> str | None:
    """The guards as a condition on active states; None when they ask for more."""
    if any(guard.expression is None for guard in guards):
        return None
    try:
        said = [to_scxml(guard.expression.text) for guard in guards if guard.expression is not None]
    except ExpressionError:
        return None
    return said[0] if len(said) == 1 else " && ".join(f"({one})" for one in said)


def _cond(guards: tuple[Guard, ...], datamodel: str) -> str:
    if not guards:
        return ""
    if datamodel != OWN:
        return _in_alone(guards) or ""
    said = [f"guard({guard.name!r})" if guard.expression is None else guard.expression.text for guard in guards]
    return said[0] if len(said) == 1 else " and ".join(one if one.startswith("guard(") else f"({one})" for one in said)
