"""A YAML text as nodes that know where they stand.

`compose` reads one YAML 1.2 document and says what was written: scalars stay texts, keys stay unique, and nothing is
resolved, merged or constructed. It walks the parser's events without recursion and counts as it goes, so that a
document that is too large, too deep or too branched is refused before anything is built from it.

`Report` gathers the errors of one document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from .chart import Position
from .errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = [
    "ListNode",
    "MappingNode",
    "Node",
    "Report",
    "ScalarNode",
    "compose",
    "fields_of",
    "is_true",
    "remedy_for",
    "scalars_of",
    "seen",
    "shown",
    "text_of",
    "texts_of",
]

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 32
NODE_LIMIT = 15_000
ERROR_LIMIT = 20

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,3})?")


# --- nodes --------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Placed:
    """Something that was written somewhere; `label` is its key or its place in the collection around it."""

    position: Position
    parent: MappingNode | ListNode | None = field(repr=False)
    label: str

    @property
    def path(self) -> str:
        """The keys and places that lead here from the top: `events.accept[1].to`."""
        above = self.parent.path if self.parent is not None else ""
        return above + self.label if self.label.startswith("[") or not above else f"{above}.{self.label}"


@dataclass(slots=True, eq=False)
class ScalarNode(_Placed):
    """A text. `plain` says that it was written without quotes, `index` where in the document it begins."""

    text: str
    plain: bool = True
    index: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether YAML takes it for null."""
        return self.plain and self.text in _NOTHING

    @property
    def value(self) -> bool | int | float | str | None:
        """What YAML 1.2 takes it for, with numbers as JSON writes them; whatever looks otherwise stays text."""
        if not self.plain or self.text in _TRUTH:
            return _TRUTH[self.text] if self.plain else self.text
        if self.text in _NOTHING:
            return None
        if _WHOLE.fullmatch(self.text):
            return int(self.text)
        number = float(self.text) if _NUMBER.fullmatch(self.text) else None
        return number if number is not None and isfinite(number) else self.text


@dataclass(slots=True, eq=False)
class ListNode(_Placed):
    """Nodes in order."""

    items: list[Node] = field(default_factory=list, repr=False)


@dataclass(slots=True, eq=False)
class MappingNode(_Placed):
    """Nodes by their keys, in order. A key is a node as well: it has a position of its own."""

    entries: dict[str, tuple[ScalarNode, Node]] = field(default_factory=dict, repr=False)

    def get(self, key: str) -> Node | None:
        """The node under this key, if there is one."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]

    def __iter__(self) -> Iterator[tuple[ScalarNode, Node]]:
        return iter(self.entries.values())


Node: TypeAlias = ScalarNode | ListNode | MappingNode


def text_of(node: Node | None) -> str:
    """The text of a scalar; empty when there is none."""
    return node.text if isinstance(node, ScalarNode) and not node.is_nothing else ""


def texts_of(node: Node | None) -> tuple[str, ...]:
    """The texts of a list, or of a scalar as a list of one."""
    return tuple(scalar.text for scalar in scalars_of(node))


def scalars_of(node: Node | None) -> tuple[ScalarNode, ...]:
    """The scalars of a list, or a scalar as a list of one."""
    items = node.items if isinstance(node, ListNode) else [node]
    return tuple(item for item in items if isinstance(item, ScalarNode))


def is_true(node: Node | None) -> bool:
    """Whether this is the truth value true."""
    return isinstance(node, ScalarNode) and node.value is True


def fields_of(node: Node | None) -> dict[str, Node]:
    """The nodes of a mapping by their keys; empty when there is none."""
    return {key.text: value for key, value in node} if isinstance(node, MappingNode) else {}


# --- errors -------------------------------------------------------------------


def remedy_for(word: str, known: Collection[str]) -> str:
    """What to type instead of an unknown word: the closest known ones, else all of them when they are few."""
    close = get_close_matches(word[:100], known, n=1, cutoff=0.6) if len(known) <= 1_000 else []
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= 24 else ""


def shown(text: str) -> str:
    """A text as messages quote it: on one line, and not too long."""
    printable = text[:60].encode("unicode_escape").decode("ascii") if _FORBIDDEN.search(text) else text[:60]
    return f"`{' '.join(printable.split())}{'…' if len(text) > 60 else ''}`"


def seen(node: Node) -> str:
    """What stands here, in the words of an error message."""
    if isinstance(node, ScalarNode):
        return "nothing" if node.is_nothing else shown(node.text) if node.text.strip() else "an empty text"
    return "a list" if isinstance(node, ListNode) else "a mapping"


class Report:
    """The errors of one document, gathered until `close` raises the first of them by its place in the file."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.errors: list[DocumentError] = []

    def add(self, where: Node | Position, message: str, remedy: str = "", *, position: Position | None = None) -> None:
        """Take down one error; raises at once when there are too many to be of use.

        `position` is a more precise one than that of the node.
        """
        path = "" if isinstance(where, Position) else where.path
        position = position or (where if isinstance(where, Position) else where.position)
        line, column = position.line, position.column
        error = DocumentError(message, filename=self.filename, line=line, column=column, path=path, remedy=remedy)
        if str(error) not in map(str, self.errors):  # what arrows share is looked at once for each
            self.errors.append(error)
        if len(self.errors) >= ERROR_LIMIT:
            self.close()

    def close(self) -> None:
        """Raise the first error, with the others attached; return if there is none."""
        if self.errors:
            first, *others = sorted(self.errors, key=lambda error: (error.line, error.column))
            first.others = tuple(others)
            raise first


# --- from text to nodes -------------------------------------------------------


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
        mark = error.problem_mark or error.context_mark
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
    found = _FORBIDDEN.search(text)
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
        if _FORBIDDEN.search(event.value):
            _refuse(self.report, node, f"{shown(event.value)} holds a control character", "remove the escape")
        if isinstance(parent, MappingNode) and self.keys[-1] is None:
            self.key(parent, node)
        else:
            self.put(node)

    def key(self, mapping: MappingNode, node: ScalarNode) -> None:
        node.label = node.text[:64]
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
