"""What a document says, as nodes that know where they stand; and `Report`, which gathers the errors of one document.

Scalars stay the texts that were written until somebody who knows better asks for more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from orderfsm.chart import Position
from orderfsm.errors import DocumentError
from orderfsm.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "ListNode",
    "MappingNode",
    "Node",
    "Report",
    "ScalarNode",
    "fields_of",
    "foreign",
    "is_true",
    "remedy_for",
    "scalars_of",
    "seen",
    "shown",
    "text_of",
    "texts_of",
]

ERROR_LIMIT = 20

_BLANK = " \t\r\n"
_BLANKS = re.compile(f"[{_BLANK}]+")
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


OTHERS = {
    "transitions": "events",
    "name": "chart",
    "start": "initial",
    "for": "by",
    "actor": "by",
    "source": "from",
    "src": "from",
    "dest": "to",
    "target": "to",
    "if": "when",
    "condition": "when",
    "cond": "when",
    "label": "title",
    "status": "code",
}
"""What other tools call it -> what it is called here, if that is known where the word stands."""


def remedy_for(word: str, known: Collection[str]) -> str:
    """What to type instead of an unknown word: the closest known ones, else all of them when they are few."""
    if OTHERS.get(word) in known:
        return f"did you mean {OTHERS[word]}?"
    close = get_close_matches(word[:100], known, n=1, cutoff=0.6) if len(known) <= 1_000 else []
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= 24 else ""


def shown(text: str) -> str:
    """A text as messages quote it: on one line, not too long, and with nothing in it that cannot be seen."""
    return f"`{printable(_BLANKS.sub(' ', text[:60].strip(_BLANK)))}{'…' if len(text) > 60 else ''}`"


def foreign(text: str) -> str:
    """The first sign of a text that is not ASCII, by its name; empty when there is none. Look-alikes are told so."""
    from unicodedata import name  # when it is needed: on failure alone

    sign = next((sign for sign in text if not sign.isascii()), "")
    return f"U+{ord(sign):04X} {name(sign, 'without a name')} is not an ASCII character" if sign else ""


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
