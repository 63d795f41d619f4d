"""The tree of a machine's state nodes, read from JSON, with the path of everything that is wrong or left out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from orderfsm.errors import DocumentError, UnsupportedFeature
from orderfsm.printable import FORBIDDEN, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Node", "clashing", "parse", "prefixed"]

CHARACTERS = 256_000
DEPTH = 100
KEYS = {"after", "always", "entry", "exit", "history", "id", "initial", "on", "onDone", "states", "target", "type"}
PASSED_OVER = {"context", "description", "meta", "output", "tags", "types", "version"}
TYPES = ("atomic", "compound", "parallel", "final", "history")


@dataclass(eq=False, slots=True)
class Node:
    """A state node: its keys from the machine down, what is said of it, the nodes around it and inside.

    `name` is the state's in the chart: the key where no other node has it, else the whole path.
    """

    path: tuple[str, ...]
    said: Mapping[str, Any]
    filename: str
    parent: Node | None = None
    children: dict[str, Node] = field(default_factory=dict)
    name: str = ""

    @property
    def type(self) -> str:
        """`type`, or what follows from the rest."""
        if "type" in self.said:
            return str(self.said["type"])
        if "history" in self.said:
            return "history"
        return "compound" if self.children else "atomic"

    def inside(self) -> Iterator[Node]:
        """Every node inside this one, in document order."""
        for child in self.children.values():
            yield child
            yield from child.inside()

    def above(self) -> Iterator[Node]:
        """The nodes around this one, the innermost first, the machine last."""
        if self.parent is not None:
            yield self.parent
            yield from self.parent.above()

    def below(self, keys: list[str]) -> Node | None:
        """The node that these keys lead to from here."""
        node: Node | None = self
        for key in keys:
            node = node.children.get(key) if node else None
        return node

    def wrong(self, message: str, remedy: str = "") -> DocumentError:
        """The error that says what is wrong here."""
        return DocumentError(message, filename=self.filename, path=self.place, remedy=remedy)

    def left_out(self, what: str, remedy: str) -> UnsupportedFeature:
        """The error that says what this engine leaves out on purpose."""
        return UnsupportedFeature(f"{self.filename}: {self.place}: {what} ({remedy})")

    @property
    def place(self) -> str:
        """The path in the document, e.g. `states.pending.states.received`."""
        return ".".join(f"states.{key}" for key in self.path) or "the machine"


def parse(text: str, filename: str) -> Node:
    """The machine. Raises DocumentError for what is no JSON or no machine, UnsupportedFeature for what is left out."""
    if len(text) > CHARACTERS:
        raise DocumentError(
            f"{len(text):,} characters are too many", filename=filename, remedy=f"at most {CHARACTERS:,}"
        )
    try:
        said = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        remedy = "give what JSON.stringify(machine.config) prints"
        raise DocumentError(
            f"no JSON: {error.msg}", filename=filename, line=error.lineno, column=error.colno, remedy=remedy
        ) from None
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"no JSON that can be read: {error}", filename=filename) from None
    root = _node((), said, filename, None)
    _name(root)
    return root


def clashing(
    inner: Iterable[tuple[tuple[str, ...], bool]], outer: Iterable[tuple[tuple[str, ...], bool]]
) -> Iterator[str]:
    """The events of arrows inside and around a parallel state, of which one has no target: then both are taken here.

    Each arrow is its events and whether it has targets. Where both have targets, the inner one wins here and there.
    """
    bare: set[str] = set()
    every: set[str] = set()
    for events, targeted in outer:
        every.update(events)
        bare.update(() if targeted else events)
    for events, targeted in inner:
        against = bare if targeted else every
        yield from (e for e in events if e in against or "*" in against or (e == "*" and against))


def prefixed(events: set[str]) -> Iterator[tuple[str, str]]:
    """Events that are dotted prefixes of others, with the other; sorted."""
    for event in sorted(events):
        shorter = event.rpartition(".")[0]
        while shorter:
            if shorter in events:
                yield shorter, event
            shorter = shorter.rpartition(".")[0]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _node(path: tuple[str, ...], said: Any, filename: str, parent: Node | None) -> Node:
    node = Node(path, said if isinstance(said, dict) else {}, filename, parent)
    if not isinstance(said, dict):
        raise node.wrong("not a state node", "write an object")
    if len(path) > DEPTH:
        raise node.wrong(f"nested more than {DEPTH} deep", "flatten the machine")
    _verify_keys(node)
    _verify_texts(node)
    states = said.get("states", {})
    if not isinstance(states, dict):
        raise node.wrong("states is not an object", "write a key for each state")
    for key, inside in states.items():
        node.children[key] = _node((*path, key), inside, filename, node)
    _verify_type(node)
    return node


def _verify_keys(node: Node) -> None:
    if "invoke" in node.said:
        raise node.left_out("invoke", "emit an action, and let its outcome be an event")
    for key in node.said.keys() - KEYS - PASSED_OVER:
        near = get_close_matches(key, KEYS, 1)
        raise node.wrong(f"the key {key!r}", f"did you mean {near[0]}?" if near else "no state node of XState 5 has it")


def _verify_texts(node: Node) -> None:
    """What is stored or shown has no control characters; what is passed over may have any."""
    read = sorted(KEYS - {"states"} | {"description", "version"})
    waiting = [(key, node.said[key]) for key in read if key in node.said]
    while waiting:
        place, said = waiting.pop()
        if isinstance(said, str) and FORBIDDEN.search(said):
            raise node.wrong(f"{place} holds a control character: {printable(said[:60])}", "remove it")
        if isinstance(said, list):
            waiting += [(place, one) for one in said]
        if isinstance(said, dict):
            waiting += [(place, one) for pair in said.items() for one in pair]


def _verify_type(node: Node) -> None:
    if node.type not in TYPES:
        raise node.wrong(f"the type {node.type!r}", f"one of {', '.join(TYPES)}")
    if node.type in ("compound", "parallel") and not any(child.type != "history" for child in node.children.values()):
        raise node.wrong(f"{node.type} without states inside", "make it atomic")
    if node.type == "parallel" and any(child.type == "final" for child in node.children.values()):
        raise node.left_out("a region that is final itself", "put a compound state around")
    if node.type in ("atomic", "final", "history") and node.children:
        raise node.wrong(f"{node.type} with states inside", "make it compound")


def _name(root: Node) -> None:
    nodes = list(root.inside())
    keys = Counter(node.path[-1] for node in nodes)
    for node in nodes:
        node.name = node.path[-1] if keys[node.path[-1]] == 1 else ".".join(node.path)
    names = Counter(node.name for node in nodes)
    for node in nodes:
        if names[node.name] > 1:
            raise node.wrong(f"a second state called {node.name}", "rename one of them")
        if not node.name.isprintable() or set(node.name) & set(" +;=*#\\"):
            raise node.wrong(f"the key {node.path[-1]!r}", "leave out white space and the signs + ; = * # \\")
