"""Shapes of scalars: texts, words to choose from, truth values, numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .nodes import ScalarNode, foreign, remedy_for, seen
from .shape import Shape

if TYPE_CHECKING:
    from .nodes import Node, Report

__all__ = ["ONE_LINE", "Choice", "Flag", "Number", "Text"]

ONE_LINE = r"^(?=[^\r\n]*\S)[^\r\n]+(?!\n)$"
_FOREIGN = re.compile(r"[^\x00-\x7f]")
ANY_LINES = r"\S"


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
            report.add(node, f"{seen(node)} is not {self.noun}", self.advice(node.text))

    def advice(self, text: str) -> str:
        """The remedy; where the text would do but for characters that look like others, the first of these is named."""
        alike = not text.isascii() and re.search(self.pattern, _FOREIGN.sub("x", text))
        return f"{foreign(text)}; {self.remedy}" if alike else self.remedy

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
