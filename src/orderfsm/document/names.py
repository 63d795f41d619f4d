"""The names that a document declares, and what may be said with them: look-ups that report what leads nowhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from orderfsm.chart import FREE, Effect, Position, ReasonRule
from orderfsm.errors import ExpressionError
from orderfsm.expression import parse, parse_duration, parse_timestamp

from .nodes import MappingNode, ScalarNode, remedy_for, scalars_of, shown, text_of

if TYPE_CHECKING:
    from orderfsm.expression import Expression

    from .nodes import Node, Report

__all__ = ["Names"]

_SECTIONS = {
    "state": "states",
    "event": "events",
    "actor": "actors",
    "action": "actions",
    "guard": "guards",
    "reason code": "reasons.codes",
    "link relation": "links",
}


@dataclass(slots=True)
class Names:
    """What is declared, by kind; a kind that is absent is not declared at all, and every name of it is fine.

    `text` is the whole document, so that an error inside an expression is shown where it stands.
    """

    report: Report
    text: str
    known: Mapping[str, Collection[str]] = field(default_factory=dict)

    # --- names

    def one(self, kind: str, node: Node | None) -> str:
        """The name that stands here, reported when nothing is called so."""
        name = text_of(node)
        if isinstance(node, ScalarNode) and not self.has(kind, name):
            remedy = remedy_for(name, self.known[kind]) or f"declare it under `{_SECTIONS[kind]}`"
            self.report.add(node, f"no {kind} is called {shown(name)}", remedy)
        return name

    def all(self, kind: str, node: Node | None) -> tuple[str, ...]:
        """The names of a list, or of a single text; each known, each once."""
        names: list[str] = []
        for scalar in scalars_of(node):
            if scalar.text in names:
                self.report.add(scalar, f"{shown(scalar.text)} is named twice", "keep one of them")
            names.append(self.one(kind, scalar))
        return tuple(names)

    def has(self, kind: str, name: str) -> bool:
        """Whether something of this kind is called so."""
        known = self.known.get(kind)
        if known is None or name in known:
            return True
        # An event that is listened to by a dotted prefix of its name: SCXML 3.12.1.
        return kind == "event" and any(name.startswith(listened + ".") for listened in known)

    # --- what arrows and states have in common

    def reason(self, node: Node | None) -> ReasonRule:
        """The reason rule that stands here; a list of codes requires one of them."""
        if node is None:
            return FREE
        if isinstance(node, MappingNode):
            return ReasonRule(text_of(node.get("mode")), self.all("reason code", node.get("codes")))
        if isinstance(node, ScalarNode):
            return ReasonRule(node.text)
        return ReasonRule("required", self.all("reason code", node))

    def links(self, node: Node | None) -> tuple[str, ...]:
        """The link relations that stand here."""
        return self.all("link relation", node)

    def effects(self, fields: Mapping[str, Node]) -> tuple[Effect, ...]:
        """The effects under `raise` and `emit`; what is raised comes first."""
        raised = (Effect("raise", name) for name in self.all("event", fields.get("raise")))
        emitted = (Effect("emit", name) for name in self.all("action", fields.get("emit")))
        return (*raised, *emitted)

    # --- expressions and times

    def expression(self, node: Node | None) -> Expression | None:
        """The expression that stands here, with every state that it names known."""
        if not isinstance(node, ScalarNode):
            return None
        try:
            expression = parse(node.text)
        except ExpressionError as error:
            self.report.add(node, error.message, error.remedy, position=self.inside(node, error.offset))
            return None
        for state in sorted(expression.states):
            if not self.has("state", state):
                place = self.inside(node, max(expression.text.find(state), 0))
                self.report.add(
                    node, f"no state is called {shown(state)}", remedy_for(state, self.known["state"]), position=place
                )
        return expression

    def inside(self, node: ScalarNode, offset: int) -> Position:
        """Where the character at `offset` of an expression stands in the document, however the scalar is written."""
        at = node.index - 1
        for sign in node.text.strip()[: offset + 1]:
            if not sign.isspace():
                at = self.text.find(sign, at + 1)
                if at < 0:
                    return node.position
        return Position(self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at))

    def duration(self, node: ScalarNode) -> timedelta:
        """The duration that stands here."""
        try:
            return parse_duration(node.text)
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            self.report.add(node, message, remedy)
            return timedelta()

    def moment(self, node: Node | None) -> str | None:
        """The timestamp that stands here, as it is written."""
        if not isinstance(node, ScalarNode):
            return None
        try:
            parse_timestamp(node.text)
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            self.report.add(node, message, remedy)
        return node.text
