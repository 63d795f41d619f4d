"""What an expression reads: its nodes, its boolean terms, and the fact paths that its values come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from .facts import Constant, Display, Fact, Index, Member, Variable
from .logic import Conditional, Joined, Not
from .node import Node
from .quantifier import Quantifier
from .states import DaysSince

Step: TypeAlias = str | int | None
"""One part of a fact's path: a name, a literal place in a list, or None for any element."""

Origin: TypeAlias = tuple[Step, ...]
"""The path of a fact, its root first."""

Env: TypeAlias = Mapping[str, tuple[Origin, ...]]
"""The generator variables, each with the fact paths that its elements come from."""


def paths(node: Node) -> set[Origin]:
    """Every fact path that is read for the node's value."""
    reads: set[Origin] = set()
    _read(node, {}, reads)
    return reads


def origins(node: Node, env: Env, reads: set[Origin]) -> tuple[Origin, ...]:
    """The fact paths that the node's value is taken from; every path that is read on the way is added to `reads`."""
    match node:
        case Fact():
            return ((node.root, *node.names),)
        case Variable():
            return env[node.name]
        case Member():
            return tuple((*origin, node.name) for origin in origins(node.base, env, reads))
        case Index():
            return _index_origins(node, env, reads)
        case Conditional():
            _read(node.test, env, reads)
            return origins(node.chosen, env, reads) + origins(node.other, env, reads)
        case Quantifier():
            inner = {**env, node.name: element_origins(node.source, env, reads)}
            for part in node.parts[1:]:
                _read(part, inner, reads)
        case DaysSince():
            reads.add(("now",))
        case _:
            for part in node.parts:
                _read(part, env, reads)
    return ()


def element_origins(source: Node, env: Env, reads: set[Origin]) -> tuple[Origin, ...]:
    """The fact paths of the elements that a generator goes through."""
    if isinstance(source, Display):
        return tuple(origin for element in source.elements for origin in origins(element, env, reads))
    found = origins(source, env, reads)
    reads.update(found)
    return tuple((*origin, None) for origin in found)


def _index_origins(node: Index, env: Env, reads: set[Origin]) -> tuple[Origin, ...]:
    step: Step = None
    if isinstance(node.key, Constant) and isinstance(node.key.constant, (str, int)):
        step = node.key.constant
    _read(node.key, env, reads)
    return tuple((*origin, step) for origin in origins(node.base, env, reads))


def _read(node: Node, env: Env, reads: set[Origin]) -> None:
    reads.update(origins(node, env, reads))


def dotted(origin: Origin) -> str:
    """The path in words: `payload.assets[].href`."""
    named = [f".{step}" if isinstance(step, str) and step.isidentifier() else "[]" for step in origin[1:]]
    return f"{origin[0]}{''.join(named)}"


def walk(node: Node) -> Iterator[Node]:
    """The node and every node below it, in source order."""
    yield node
    for part in node.parts:
        yield from walk(part)


def terms(node: Node) -> Iterator[Node]:
    """The boolean terms: what is left when and, or, not and conditionals are taken apart."""
    if isinstance(node, (Joined, Not, Conditional)):
        for part in node.parts:
            yield from terms(part)
    else:
        yield node
