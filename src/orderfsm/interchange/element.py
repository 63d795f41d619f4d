"""XML read safely: a tree of elements that know their line and column.

Nothing is resolved, fetched or expanded. A document type declaration is refused, so that there are no entities; size
and depth are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

from orderfsm.chart import Position
from orderfsm.errors import DocumentError, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["BYTES", "DEPTH", "Element", "parse"]

BYTES = 1_000_000
"""How long a document may be, in bytes of UTF-8."""

DEPTH = 100
"""How deep elements may be nested."""


@dataclass(slots=True)
class Element:
    """An element with its namespace and local name; text is left out.

    Attributes of a namespace are found under `<namespace> <name>`, with a space between.
    """

    namespace: str
    tag: str
    attributes: Mapping[str, str]
    filename: str
    position: Position
    children: list[Element] = field(default_factory=list)

    def words(self, attribute: str) -> tuple[str, ...]:
        """The attribute's value, split at white space; empty when it is absent."""
        return tuple(self.attributes.get(attribute, "").split())

    def all(self, *tags: str) -> list[Element]:
        """The child elements of these names, in document order."""
        return [child for child in self.children if child.tag in tags]

    def wrong(self, message: str, remedy: str = "") -> DocumentError:
        """The error that says what is wrong with this element, with its place."""
        line, column = self.position.line, self.position.column
        return DocumentError(
            message, filename=self.filename, line=line, column=column, path=f"<{self.tag}>", remedy=remedy
        )

    def left_out(self, what: str, remedy: str) -> UnsupportedFeature:
        """The error that says what this engine leaves out on purpose, with its place."""
        place = f"{self.filename}:{self.position.line}:{self.position.column}"
        return UnsupportedFeature(f"{place}: <{self.tag}>: {what} ({remedy})")

    def inside(self) -> Iterator[Element]:
        """Every element inside this one, in document order."""
        for child in self.children:
            yield child
            yield from child.inside()


def parse(text: str, filename: str) -> Element:
    """The root element of a document.

    Raises DocumentError with line and column for text that is not well-formed XML, has a document type declaration, or
    is too long or nested too deeply.
    """
    return _Parser(filename).parse(text)


class _Parser:
    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.open: list[Element] = []
        self.root: Element | None = None
        self.expat = expat.ParserCreate("utf-8", " ")
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.end
        self.expat.StartDoctypeDeclHandler = self.doctype

    def parse(self, text: str) -> Element:
        try:
            self.expat.Parse(self.encoded(text), True)
        except expat.ExpatError as error:
            position = Position(error.lineno, error.offset + 1)
            self.refuse(f"not well-formed XML: {expat.ErrorString(error.code)}", position, "mend the XML")
        assert self.root is not None  # noqa: S101 - expat refuses a document without elements
        return self.root

    def encoded(self, text: str) -> bytes:
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            line, column = text.count("\n", 0, error.start) + 1, error.start - text.rfind("\n", 0, error.start)
            self.refuse("a lone surrogate is not a character", Position(line, column), "remove it")
        if len(data) > BYTES:
            self.refuse(f"{len(data):,} bytes are too many", Position(1, 1), f"at most {BYTES:,} are read")
        return data

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        element = Element(namespace, tag, attributes, self.filename, self.position)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        if len(self.open) > DEPTH:
            self.refuse(f"<{tag}> is nested more than {DEPTH} deep", element.position, "flatten the document")

    def end(self, _name: str) -> None:
        self.open.pop()

    def doctype(self, *_declaration: object) -> None:
        self.refuse("a document type declaration", self.position, "remove <!DOCTYPE>: entities are never expanded")

    @property
    def position(self) -> Position:
        return Position(self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1)

    def refuse(self, message: str, position: Position, remedy: str) -> NoReturn:
        raise DocumentError(message, filename=self.filename, line=position.line, column=position.column, remedy=remedy)
