"""From a YAML text to nodes, by the parser's events.

Scalars stay texts, keys stay unique, and nothing is resolved, merged or constructed. The events are walked without
recursion and counted on the way, so that a document that is too large, too deep or too branched is refused before
anything is built from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from orderfsm.chart import Position
from orderfsm.printable import FORBIDDEN, printable

from .nodes import ListNode, MappingNode, Report, ScalarNode, seen, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import Node

__all__ = ["compose"]

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 32
NODE_LIMIT = 15_000


def compose(text: str, *, filename: str = "<text>") -> Node:
    """The one document of a YAML 1.2 text as nodes.

    Raises DocumentError for YAML that does not parse, for duplicate keys, keys that are no text, anchors, aliases,
    tags, merge keys, control characters, a second document, and for more than 256 kB, 32 levels or 15,000 nodes.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    report = Report(filename)
    _measure(text, report)
    composer = _Composer(report)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            composer.take(event)
    except MarkedYAMLError as error:
        ends = "unexpected end of stream" in (error.problem or "")
        mark = (error.context_mark if ends else None) or error.problem_mark or error.context_mark
        _refuse(
            report,
            _position(mark) if mark else Position(1, 1),
            *_explained(error.problem or error.context or "", text, mark),
        )
    except (
        YAMLError,
        ValueError,
        ArithmeticError,
        LookupError,
        AssertionError,
    ) as error:  # what the parser lets slip on odd input
        _refuse(report, Position(1, 1), f"this is not YAML: {shown(str(error))}")
    if composer.root is None:
        return _refuse(report, Position(1, 1), "the document is empty", "begin with `chart: vocabulary/subject`")
    return composer.root


def _refuse(report: Report, where: Node | Position, message: str, remedy: str = "") -> NoReturn:
    """Report an error that makes everything after it meaningless."""
    report.add(where, message, remedy)
    report.close()
    raise AssertionError("a report with an error closes with it")


def _measure(text: str, report: Report) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > SIZE_LIMIT:
        _refuse(report, Position(1, 1), f"the document has {size} bytes, more than {SIZE_LIMIT}", "split the chart")
    found = FORBIDDEN.search(text)
    if found:
        before = text[: found.start()]
        place = Position(before.count("\n") + 1, found.start() - (before.rfind("\n") + 1) + 1)
        _refuse(report, place, f"the character U+{ord(found[0]):04X} is not allowed in a chart", "remove it")


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


_REMEDIES = {
    "mapping values are not allowed": "a text that holds `: ` needs quotes",
    "\\t": "indent with spaces",
    "block end": "check the indentation, and that texts with special characters are in quotes",
    "could not find expected ':'": "write `key: value`",
    "that cannot start any token": "put the text into quotes",
    "but got '['": "inside braces, a text that holds brackets or commas needs quotes",
    "unexpected end of stream": "close what is opened here",
    "unknown escape character": "write two backslashes for one, or take single quotes",
    "chomping or indentation": "end the line after | or >",
    "while scanning an alias": "aliases are not used in charts; `[*]` is written in quotes",
}


def _explained(problem: str, text: str, mark: Any) -> tuple[str, str]:
    """The parser's complaint as a message and a remedy."""
    if mark is not None and "[*]" in text[max(mark.index - 3, 0) : mark.index + 3]:
        return "`[*]` without quotes is an alias in YAML", 'write "[*]"'
    remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in problem), "")
    return f"this is not YAML: {problem}", remedy


class _Composer:
    """Takes the parser's events one by one and builds nodes; what is open lies on a stack."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.root: Node | None = None
        self.open: list[MappingNode | ListNode] = []
        self.keys: list[ScalarNode | None] = []
        self.count = 0
        self.steps: dict[str, Callable[[Any], None]] = {
            "DocumentStartEvent": self.document,
            "AliasEvent": self.alias,
            "ScalarEvent": self.scalar,
            "MappingStartEvent": self.mapping,
            "SequenceStartEvent": self.listing,
            "MappingEndEvent": self.end,
            "SequenceEndEvent": self.end,
        }

    def take(self, event: Any) -> None:
        step = self.steps.get(type(event).__name__)
        if step is not None:
            step(event)

    def document(self, event: Any) -> None:
        where = _position(event.start_mark)
        if self.root is not None:
            _refuse(self.report, where, "a second document begins here", "one file holds one chart")
        if event.tags or event.version not in (None, (1, 2)):
            _refuse(self.report, where, "directives are not used in charts", "remove the lines that begin with %")

    def alias(self, event: Any) -> None:
        where = _position(event.start_mark)
        _refuse(
            self.report,
            where,
            f"the alias {shown('*' + event.anchor)} is not allowed in a chart",
            "write it out",
        )

    def scalar(self, event: Any) -> None:
        self.refuse_decoration(event)
        where = _position(event.start_mark)
        plain = not event.style
        parent = self.open[-1] if self.open else None
        node = ScalarNode(where, parent, self.label(), event.value, plain, event.start_mark.index)
        if FORBIDDEN.search(event.value):
            _refuse(self.report, node, f"{shown(event.value)} holds a control character", "remove the escape")
        if isinstance(parent, MappingNode) and self.keys[-1] is None:
            self.key(parent, node)
        else:
            self.put(node)

    def key(self, mapping: MappingNode, node: ScalarNode) -> None:
        node.label = printable(node.text[:64])
        if node.plain and node.text == "<<":
            _refuse(self.report, node, "merge keys are not used in charts", "write the keys out")
        if node.text in mapping.entries:
            first = mapping.entries[node.text][0].position
            message = f"the key {shown(node.text)} stands on line {node.position.line} and on line {first.line}"
            _refuse(self.report, node, message, "keep one of them")
        self.keys[-1] = node

    def mapping(self, event: Any) -> None:
        self.begin(MappingNode(_position(event.start_mark), None, self.label()), event)

    def listing(self, event: Any) -> None:
        self.begin(ListNode(_position(event.start_mark), None, self.label()), event)

    def begin(self, node: MappingNode | ListNode, event: Any) -> None:
        self.refuse_decoration(event)
        if self.open and isinstance(self.open[-1], MappingNode) and self.keys[-1] is None:
            _refuse(
                self.report,
                node,
                f"{seen(node)} stands where a key belongs",
                "a key is a text; check for braces that need quotes",
            )
        node.parent = self.open[-1] if self.open else None
        self.put(node)
        self.open.append(node)
        self.keys.append(None)
        if len(self.open) > DEPTH_LIMIT:
            _refuse(self.report, node.position, f"the document is more than {DEPTH_LIMIT} levels deep", "flatten it")

    def put(self, node: Node) -> None:
        """Hang the node into what is open."""
        self.count += 1
        if self.count > NODE_LIMIT:
            _refuse(self.report, node.position, f"the document has more than {NODE_LIMIT} nodes", "split the chart")
        around = self.open[-1] if self.open else None
        if isinstance(around, MappingNode):
            key = self.keys[-1]
            assert key is not None  # noqa: S101  a value follows its key
            around.entries[key.text] = (key, node)
            self.keys[-1] = None
        elif isinstance(around, ListNode):
            around.items.append(node)
        else:
            self.root = node

    def end(self, _event: Any) -> None:
        self.open.pop()
        self.keys.pop()

    def label(self) -> str:
        """What the next node is called where it stands."""
        if not self.open:
            return ""
        around = self.open[-1]
        if isinstance(around, ListNode):
            return f"[{len(around.items)}]"
        key = self.keys[-1]
        return key.label if key is not None else ""

    def refuse_decoration(self, event: Any) -> None:
        where = _position(event.start_mark)
        if event.anchor is not None:
            _refuse(
                self.report,
                where,
                f"the anchor {shown('&' + event.anchor)} is not allowed in a chart",
                "write it out where it is needed",
            )
        if event.tag is not None:
            _refuse(
                self.report,
                where,
                f"the tag {shown(str(event.tag))} is not allowed in a chart",
                "remove it; types are known",
            )
