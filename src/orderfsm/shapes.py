"""Shapes: what may stand at a place of a document.

One declaration serves both readers. `check` compares a node with the shape and reports what differs; `schema` says the
same as JSON Schema 2020-12, for editors; `content` gives the plain data, in which spelling and layout no longer show.
That the first two agree is proved by a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from .nodes import ListNode, MappingNode, ScalarNode, remedy_for, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .nodes import Node, Report

__all__ = [
    "Anything",
    "ByKind",
    "Choice",
    "Either",
    "Entries",
    "Flag",
    "Key",
    "Keys",
    "Number",
    "Optional",
    "Ref",
    "Series",
    "Shape",
    "Text",
    "Texts",
]

ONE_LINE = r"^(?=[^\r\n]*\S)[^\r\n]+(?!\n)$"
ANY_LINES = r"\S"


class Shape:
    """What may stand at a place. `noun` says it in error messages: "a text", "true or false"."""

    noun: str

    def check(self, node: Node, report: Report) -> None:
        """Report every difference between the node and the shape."""
        raise NotImplementedError

    def content(self, node: Node) -> Any:
        """The plain data of a node that has this shape."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The shape as JSON Schema."""
        raise NotImplementedError

    def differs(self, node: Node, report: Report, remedy: str = "") -> None:
        report.add(node, f"{seen(node)} stands where {self.noun} belongs", remedy)


# --- scalars ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """A text, whatever YAML would take it for: `1000`, `no` and `12:30` are texts here. Null is none.

    `types` are the JSON types that such a text may have when somebody else reads the document.
    """

    noun: str = "a text"
    pattern: str = ANY_LINES
    remedy: str = ""
    types: tuple[str, ...] = ("string", "number", "boolean")

    def check(self, node: Node, report: Report) -> None:
        if not isinstance(node, ScalarNode):
            self.differs(node, report)
        elif not node.text.strip() or node.is_nothing:
            self.differs(node, report, "write one, or leave the key out")
        elif self.types == ("string",) and not isinstance(node.value, str):
            report.add(node, f"{seen(node)} is not a text in YAML", f'write "{node.text}" with the quotes')
        elif not re.search(self.pattern, node.text):
            report.add(node, f"{seen(node)} is not {self.noun}", self.remedy)

    def content(self, node: Node) -> str:
        assert isinstance(node, ScalarNode)  # noqa: S101  checked
        return node.text

    def schema(self) -> dict[str, Any]:
        return {"type": list(self.types) if len(self.types) > 1 else self.types[0], "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Choice(Shape):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def noun(self) -> str:  # type: ignore[override]
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}" if len(self.words) > 1 else self.words[0]

    def check(self, node: Node, report: Report) -> None:
        if not isinstance(node, ScalarNode) or node.text not in self.words:
            near = remedy_for(node.text, self.words) if isinstance(node, ScalarNode) else ""
            self.differs(node, report, near if near.startswith("did") else "")

    def content(self, node: Node) -> str:
        assert isinstance(node, ScalarNode)  # noqa: S101  checked
        return node.text

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class _Typed(Shape):
    """A scalar that YAML itself reads as one of some types; quoted ones are texts."""

    types: ClassVar[tuple[type, ...]] = ()
    json: ClassVar[str] = ""

    def check(self, node: Node, report: Report) -> None:
        value = node.value if isinstance(node, ScalarNode) else None
        if type(value) not in self.types:
            quoted = isinstance(node, ScalarNode) and not node.plain
            self.differs(node, report, "write it without quotes" if quoted else "")

    def content(self, node: Node) -> Any:
        assert isinstance(node, ScalarNode)  # noqa: S101  checked
        return node.value

    def schema(self) -> dict[str, Any]:
        return {"type": self.json}


@dataclass(frozen=True, slots=True)
class Flag(_Typed):
    """True or false."""

    noun = "true or false"
    types = (bool,)
    json = "boolean"


@dataclass(frozen=True, slots=True)
class Number(_Typed):
    """A number."""

    noun = "a number"
    types = (int, float)
    json = "number"


@dataclass(frozen=True, slots=True)
class Anything(Shape):
    """Free data: whatever the `kinds` of nodes allow, with scalars as YAML 1.2 reads them."""

    noun: str
    kinds: tuple[str, ...]

    def check(self, node: Node, report: Report) -> None:
        kind = _kind(node)
        if kind not in self.kinds:
            self.differs(node, report)

    def content(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            return node.value
        if isinstance(node, ListNode):
            return [self.content(item) for item in node.items]
        return {key.text: self.content(value) for key, value in node}

    def schema(self) -> dict[str, Any]:
        return {"type": [json for kind in self.kinds for json in _JSON_TYPES[kind]]}


_JSON_TYPES = {"scalar": ("string", "number", "boolean"), "listing": ("array",), "mapping": ("object",)}


def _kind(node: Node) -> str:
    """scalar, listing, mapping; or nothing, for null."""
    if isinstance(node, ScalarNode):
        return "nothing" if node.is_nothing else "scalar"
    return "listing" if isinstance(node, ListNode) else "mapping"


@dataclass(frozen=True, slots=True)
class Optional(Shape):
    """The shape, or null."""

    shape: Shape

    @property
    def noun(self) -> str:  # type: ignore[override]
        return f"{self.shape.noun} or null"

    def check(self, node: Node, report: Report) -> None:
        if _kind(node) != "nothing":
            self.shape.check(node, report)

    def content(self, node: Node) -> Any:
        return None if _kind(node) == "nothing" else self.shape.content(node)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "null"}, self.shape.schema()]}


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
                report.add(key, f"{shown_key(key)} is not {self.key.noun}", self.key.remedy)
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
        if self.empty and _kind(node) == "nothing":
            return
        if not isinstance(node, MappingNode):
            self.differs(node, report, f"its keys are {', '.join(self.keys)}" if len(self.keys) < 12 else "")
            return
        for name, key in self.keys.items():
            if key.required and name not in node.entries:
                report.add(node, f"{self.noun} needs the key `{name}`", key.about)
        for written, value in node:
            known = self.keys.get(written.text)
            if known is None:
                remedy = self.elsewhere.get(written.text) or remedy_for(written.text, self.keys)
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


# --- one or the other ---------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class ByKind(Shape):
    """A value whose shape depends on whether a text, a list or a mapping stands there."""

    noun: str
    scalar: Shape | None = None
    listing: Shape | None = None
    mapping: Shape | None = None

    def choose(self, node: Node) -> Shape | None:
        if isinstance(node, ScalarNode):
            return self.scalar
        return self.listing if isinstance(node, ListNode) else self.mapping

    def check(self, node: Node, report: Report) -> None:
        shape = self.choose(node)
        if shape is None:
            self.differs(node, report)
        else:
            shape.check(node, report)

    def content(self, node: Node) -> Any:
        shape = self.choose(node)
        return None if shape is None else shape.content(node)

    def schema(self) -> dict[str, Any]:
        shapes = [shape for shape in (self.scalar, self.listing, self.mapping) if shape is not None]
        return {"anyOf": [shape.schema() for shape in shapes]}


@dataclass(frozen=True, slots=True)
class Ref(Shape):
    """A shape by its name, so that shapes may contain themselves; `$defs` holds it in the schema."""

    name: str
    shapes: Callable[[], Mapping[str, Shape]] = field(repr=False)

    @property
    def noun(self) -> str:  # type: ignore[override]
        return self.shapes()[self.name].noun

    def check(self, node: Node, report: Report) -> None:
        self.shapes()[self.name].check(node, report)

    def content(self, node: Node) -> Any:
        return self.shapes()[self.name].content(node)

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.name}"}
