"""The events of a document with their arrows and payloads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orderfsm.chart import START, Basis, Event, Field, Guard, Kind, Transition

from .nodes import ListNode, MappingNode, ScalarNode, fields_of, is_true, remedy_for, scalars_of, seen, shown, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.chart import Position

    from .hierarchy import Hierarchy
    from .names import Names
    from .nodes import Node

    Fields = dict[str, Node]

__all__ = ["Arrows"]

DONE = "done.state."
_EVENT_KEYS = ("title", "description", "payload", "internal_event")


@dataclass(slots=True)
class Arrows:
    """Reads events and arrows; `transitions` grows in document order, one for each state under `from`."""

    names: Names
    hierarchy: Hierarchy
    transitions: list[Transition] = field(default_factory=list)

    # --- events

    def event(self, key: ScalarNode, node: Node) -> Event:
        """The event under this key; its arrows are taken in."""
        for fields, position in self.arrows(key, node):
            self.arrow(fields, (key.text,), position)
        own = fields_of(node)
        self.check_done(key)
        return Event(
            key.text,
            internal=is_true(own.get("internal_event")) or key.text.startswith(DONE),
            title=text_of(own.get("title")),
            description=text_of(own.get("description")),
            payload=self.payload(own.get("payload")),
            position=key.position,
        )

    def arrows(self, key: ScalarNode, node: Node) -> Iterator[tuple[Fields, Position]]:
        """The arrows of an event, with the keys that they share filled in."""
        if isinstance(node, ListNode):
            yield from ((fields_of(arrow), arrow.position) for arrow in node.items)
            return
        shared = {name: value for name, value in fields_of(node).items() if name not in _EVENT_KEYS}
        arrows = shared.pop("arrows", None)
        if not isinstance(arrows, ListNode):
            yield shared, key.position
            return
        for arrow in arrows.items:
            fields = {**shared, **fields_of(arrow)}
            if "from" not in fields:
                self.names.report.add(arrow, "an arrow needs the key `from`", "give it to the arrow, or to the event")
            yield fields, arrow.position

    def check_done(self, key: ScalarNode) -> None:
        """Report a `done.state.NAME` whose NAME never reaches an end."""
        if not key.text.startswith(DONE):
            return
        name = key.text.removeprefix(DONE)
        seat = self.hierarchy.seats.get(name)
        if seat is None or seat.kind not in (Kind.COMPOUND, Kind.PARALLEL):
            message = f"{shown(name)} is no compound or parallel state, so it never raises {key.text}"
            self.names.report.add(key, message, remedy_for(name, self.hierarchy.enclosing()))

    # --- arrows

    def eventless(self, node: Node | None) -> None:
        """Take in the arrows under `always`."""
        for arrow in node.items if isinstance(node, ListNode) else ():
            self.arrow(fields_of(arrow), (), arrow.position)

    def arrow(self, fields: Fields, events: tuple[str, ...], position: Position) -> None:
        """Take in one arrow, once for each of its sources."""
        names = self.names
        guards = [Guard(expression=e) for e in (names.expression(fields.get("when")),) if e is not None]
        guards += [Guard(name=name) for name in names.all("guard", fields.get("guard"))]
        sources = self.sources(fields.get("from"))
        transition = Transition(
            START,
            events,
            targets=self.hierarchy.targets(names, fields.get("to")),
            guards=tuple(guards),
            internal=is_true(fields.get("internal")),
            effects=names.effects(fields),
            by=names.all("actor", fields.get("by")),
            reason=names.reason(fields.get("reason")),
            links=names.links(fields.get("links")),
            basis=Basis(text_of(fields.get("basis")) or Basis.STATED),
            cite=text_of(fields.get("source")),
            title=text_of(fields.get("title")),
            happy=is_true(fields.get("happy")),
            position=position,
        )
        self.transitions += [replace(transition, source=source) for source in sources]
        self.check_start(fields)

    def sources(self, node: Node | None) -> list[str]:
        """The states that an arrow leads out of."""
        sources: list[str] = []
        for scalar in scalars_of(node):
            if scalar.text in sources:
                self.names.report.add(scalar, f"{shown(scalar.text)} is named twice", "keep one of them")
            if scalar.text != START:
                self.source(scalar)
            sources.append(scalar.text)
        return sources

    def source(self, scalar: ScalarNode) -> None:
        """Report a source that is unknown or a history state."""
        seat = self.hierarchy.seats.get(self.names.one("state", scalar))
        if seat is not None and seat.kind.is_history:
            self.names.report.add(scalar, f"{scalar.text} is a memory, and nothing leads out of it", "name a state")

    def check_start(self, fields: Fields) -> None:
        """Report an arrow that begins an order nowhere."""
        for scalar in scalars_of(fields.get("from")):
            if scalar.text == START and "to" not in fields:
                self.names.report.add(scalar, "an arrow that begins an order needs a target", "add `to`")

    # --- payloads

    def payload(self, node: Node | None) -> tuple[Field, ...]:
        """The fields of a payload, or of an object inside one, in document order."""
        fields: dict[str, Field] = {}
        for key, value in node if isinstance(node, MappingNode) else ():
            name = key.text.removesuffix("?")
            if name in fields:
                self.names.report.add(key, f"the field {shown(name)} is named twice", "keep one of them")
            fields[name] = self.field(name, value, required=name == key.text)
        return tuple(fields.values())

    def field(self, name: str, node: Node, *, required: bool) -> Field:
        """One field: by its type alone, or by a mapping."""
        if isinstance(node, ScalarNode):
            return Field(name, node.text, required)
        keys = fields_of(node)
        type = text_of(keys.get("type"))
        self.check_field(type, keys)
        return Field(
            name,
            type,
            required=required and not is_true(keys.get("optional")),
            enum=tuple(self.constant(type, scalar) for scalar in scalars_of(keys.get("enum"))),
            minimum=_number(keys.get("minimum")),
            maximum=_number(keys.get("maximum")),
            max_length=self.length(keys.get("max_length")),
            items=self.field("", keys["items"], required=True) if "items" in keys else None,
            fields=self.payload(keys.get("fields")),
            description=text_of(keys.get("description")),
        )

    def check_field(self, type: str, keys: Fields) -> None:
        """Report keys that say nothing about a field of this type."""
        for key, types in _TYPES_OF.items():
            if key in keys and type not in types:
                remedy = f"`{key}` is for {' and '.join(types)}"
                self.names.report.add(keys[key], f"`{key}` says nothing about a field of type {type}", remedy)

    def constant(self, type: str, scalar: ScalarNode) -> Any:
        """One value of an enumeration, as the field's type has it."""
        if type not in _PYTHON:
            return scalar.text
        if not isinstance(scalar.value, _PYTHON[type]) or isinstance(scalar.value, bool) != (type == "boolean"):
            self.names.report.add(scalar, f"{seen(scalar)} is no {type}", "the values of `enum` have the field's type")
        return scalar.value

    def length(self, node: Node | None) -> int | None:
        """The length that stands here, if there is one."""
        number = _number(node)
        if node is not None and number is not None and (number < 0 or number != int(number)):
            self.names.report.add(node, f"{seen(node)} is no length", "write a whole number, 0 or more")
        return None if number is None else int(number)


_NUMBERS = ("integer", "number")
_WORDS = ("string", "date", "datetime", "duration")
_TYPES_OF = {
    "items": ("list",),
    "fields": ("object",),
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "max_length": ("string", "list"),
    "enum": (*_WORDS, *_NUMBERS, "boolean"),
}
_PYTHON: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}


def _number(node: Node | None) -> float | None:
    """The number that stands here, if there is one."""
    value = node.value if isinstance(node, ScalarNode) else None
    return value if isinstance(value, (int, float)) else None
