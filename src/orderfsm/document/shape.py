"""Shapes: what may stand at a place of a document.

One declaration serves both readers. `check` compares a node with the shape and reports what differs; `schema` says the
same as JSON Schema 2020-12, for editors; `content` gives the plain data, in which spelling and layout no longer show.
That the first two agree is proved by a test. Here are the shapes that stand for any kind of node; `scalars` and
`collections` have the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .nodes import ListNode, ScalarNode, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import Node, Report

__all__ = ["Anything", "ByKind", "Optional", "Ref", "Shape", "kind_of"]


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


def kind_of(node: Node) -> str:
    """scalar, listing, mapping; or nothing, for null."""
    if isinstance(node, ScalarNode):
        return "nothing" if node.is_nothing else "scalar"
    return "listing" if isinstance(node, ListNode) else "mapping"


# --- whatever there is --------------------------------------------------------

_JSON_TYPES = {"scalar": ("string", "number", "boolean"), "listing": ("array",), "mapping": ("object",)}


@dataclass(frozen=True, slots=True)
class Anything(Shape):
    """Free data: whatever the `kinds` of nodes allow, with scalars as YAML 1.2 reads them."""

    noun: str
    kinds: tuple[str, ...]

    def check(self, node: Node, report: Report) -> None:
        kind = kind_of(node)
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


@dataclass(frozen=True, slots=True)
class Optional(Shape):
    """The shape, or null."""

    shape: Shape

    @property
    def noun(self) -> str:  # type: ignore[override]
        return f"{self.shape.noun} or null"

    def check(self, node: Node, report: Report) -> None:
        if kind_of(node) != "nothing":
            self.shape.check(node, report)

    def content(self, node: Node) -> Any:
        return None if kind_of(node) == "nothing" else self.shape.content(node)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "null"}, self.shape.schema()]}


# --- another shape ------------------------------------------------------------


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
    shape: Callable[[], Shape] = field(repr=False)

    @property
    def noun(self) -> str:  # type: ignore[override]
        return self.shape().noun

    def check(self, node: Node, report: Report) -> None:
        self.shape().check(node, report)

    def content(self, node: Node) -> Any:
        return self.shape().content(node)

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.name}"}
