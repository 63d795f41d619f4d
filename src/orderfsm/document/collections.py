"""Shapes of collections: lists, and mappings with names of the author's choice or with known keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .nodes import ListNode, MappingNode, ScalarNode, foreign, remedy_for, seen
from .shape import Shape, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .nodes import Node, Report
    from .scalars import Text

__all__ = ["Either", "Entries", "Key", "Keys", "Series", "Texts"]

# --- lists --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Series(Shape):
    """A list of at least `least` values of one shape."""

    shape: Shape
    least: int = 1

    @property
    def noun(self) -> str:  # type: ignore[override]
        return f"a list of {self.shape.noun.removeprefix('a ').removeprefix('an ')}s"

    def check(self, node: Node, report: Report) -> None:
        if not isinstance(node, ListNode):
            self.differs(node, report, "begin each entry with `- `, or write [a, b]")
            return
        if len(node.items) < self.least:
            report.add(node, "the list is empty", "leave the key out, or name one")
        for item in node.items:
            self.shape.check(item, report)

    def content(self, node: Node) -> list[Any]:
        assert isinstance(node, ListNode)  # noqa: S101  checked
        return [self.shape.content(item) for item in node.items]

    def schema(self) -> dict[str, Any]:
        least = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.shape.schema(), **least}


@dataclass(frozen=True, slots=True)
class Texts(Shape):
    """One text, or a list of them; a single one counts as a list of one."""

    text: Shape
    least: int = 1

    @property
    def noun(self) -> str:  # type: ignore[override]
        return f"{self.text.noun} or a list"

    def check(self, node: Node, report: Report) -> None:
        if isinstance(node, ListNode):
            Series(self.text, self.least).check(node, report)
        else:
            self.text.check(node, report)

    def content(self, node: Node) -> list[Any]:
        items = node.items if isinstance(node, ListNode) else [node]
        return [self.text.content(item) for item in items]

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.text.schema(), Series(self.text, self.least).schema()]}


# --- mappings -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entries(Shape):
    """A mapping from names of the author's choice to values of one shape."""

    key: Text
    value: Shape
    least: int = 0

    @property
    def noun(self) -> str:  # type: ignore[override]
        return f"a mapping of {self.key.noun.removeprefix('a ').removeprefix('an ')}s"

    def check(self, node: Node, report: Report) -> None:
        if not isinstance(node, MappingNode):
            self.differs(node, report, "write `name: value` lines, or {name: value}")
            return
        if len(node.entries) < self.least:
            report.add(node, "the mapping is empty", "name at least one")
        for key, value in node:
            if not re.search(self.key.pattern, key.text):
                report.add(key, f"{shown_key(key)} is not {self.key.noun}", self.key.advice(key.text))
            self.value.check(value, report)

    def content(self, node: Node) -> dict[str, Any]:
        assert isinstance(node, MappingNode)  # noqa: S101  checked
        return {key.text: self.value.content(value) for key, value in node}

    def schema(self) -> dict[str, Any]:
        least = {"minProperties": self.least} if self.least else {}
        names = {"propertyNames": {"pattern": self.key.pattern}}
        return {"type": "object", **names, "additionalProperties": self.value.schema(), **least}


def shown_key(key: ScalarNode) -> str:
    """A key as messages quote it; nothing is a text, when it is a key."""
    return seen(key) if not key.is_nothing else f"`{key.text}`"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping: the shape of its value, and what it is for."""

    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Keys(Shape):
    """A mapping with keys that are known beforehand. `empty` says that nothing at all may stand for no keys."""

    noun: str
    keys: Mapping[str, Key]
    empty: bool = False
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def check(self, node: Node, report: Report) -> None:
        if self.empty and kind_of(node) == "nothing":
            return
        if not isinstance(node, MappingNode):
            self.differs(
                node,
                report,
                f"its keys are {', '.join(self.keys)}" if len(self.keys) < 12 else "write `key: value` lines",
            )
            return
        for name, key in self.keys.items():
            if key.required and name not in node.entries:
                report.add(node, f"{self.noun} needs the key `{name}`", key.about)
        for written, value in node:
            known = self.keys.get(written.text)
            if known is None:
                remedy = self.elsewhere.get(written.text) or remedy_for(written.text, self.keys)
                remedy = "; ".join(filter(None, (foreign(written.text), remedy)))
                report.add(written, f"{self.noun} has no key {shown_key(written)}", remedy)
            else:
                known.shape.check(value, report)

    def content(self, node: Node) -> dict[str, Any]:
        entries = node.entries if isinstance(node, MappingNode) else {}
        return {name: self.keys[name].shape.content(entries[name][1]) for name in sorted(entries)}

    def schema(self) -> dict[str, Any]:
        required = [name for name, key in self.keys.items() if key.required]
        return {
            "type": ["object", "null"] if self.empty else "object",
            "properties": {name: {**key.shape.schema(), "description": key.about} for name, key in self.keys.items()},
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


@dataclass(frozen=True, slots=True)
class Either(Shape):
    """A mapping whose keys depend on whether it has one certain key."""

    key: str
    present: Keys
    absent: Keys

    @property
    def noun(self) -> str:  # type: ignore[override]
        return self.absent.noun

    def choose(self, node: Node) -> Keys:
        return self.present if isinstance(node, MappingNode) and self.key in node.entries else self.absent

    def check(self, node: Node, report: Report) -> None:
        self.choose(node).check(node, report)

    def content(self, node: Node) -> dict[str, Any]:
        return self.choose(node).content(node)

    def schema(self) -> dict[str, Any]:
        has = {"type": "object", "required": [self.key]}
        return {"if": has, "then": self.present.schema(), "else": self.absent.schema()}
