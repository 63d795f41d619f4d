"""Nodes that hold or read values: literals, facts, variables, and what lies inside them."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import CodeType, CoroutineType, FrameType, GeneratorType, ModuleType, TracebackType
from typing import Any

from orderfsm.errors import GuardFailed

from .node import Node, Quantity
from .scope import Scope
from .shown import closest, named, show, why

_OPAQUE = (ModuleType, FrameType, CodeType, TracebackType, GeneratorType, CoroutineType)


class Constant(Node):
    """A literal, or something worked out from literals when the expression was parsed."""

    constant: object

    @property
    def gives(self) -> bool | None:
        return isinstance(self.constant, bool)

    def value(self, scope: Scope) -> object:
        return self.constant

    def decide(self, active: Container[str]) -> bool | None:
        return self.constant if isinstance(self.constant, bool) else None


class Fact(Node):
    """A fact by its root and the attributes that follow: `payload.sensor.name`."""

    root: str
    names: tuple[str, ...]
    told = True

    def value(self, scope: Scope) -> object:
        try:
            found: Any = scope.facts[self.root]
            for name in self.names:
                found = found[name] if found.__class__ is dict else _attribute(found, name, self.text)
            return found
        except KeyError as error:
            raise self._missing(scope) from error

    def _missing(self, scope: Scope) -> GuardFailed:
        """The error for the first name that is not there."""
        if self.root not in scope.facts:
            return GuardFailed(f"{self.text}: the facts have no {self.root}; supply it")
        found, path = scope.facts[self.root], self.root
        for name in self.names:
            if isinstance(found, Mapping) and name not in found:
                return _absent(self.text, path, name, found)
            found, path = _attribute(found, name, self.text), f"{path}.{name}"
        return GuardFailed(f"{self.text}: a key was missing")


class Variable(Node):
    """A generator's variable."""

    name: str
    slot: int
    told = True

    def value(self, scope: Scope) -> object:
        return scope.local[self.slot]


class Member(Node):
    """An attribute of anything but a fact's own path: `item.code`, `payload.assets[0].href`."""

    base: Node
    name: str
    told = True

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.base,)

    def value(self, scope: Scope) -> object:
        base = self.base.value(scope)
        try:
            return _attribute(base, self.name, self.text)
        except KeyError as error:
            raise _absent(self.text, self.base.text, self.name, base) from error


class Index(Node):
    """An element of a list or a key of a mapping: `payload.assets[0]`, `payload["x"]`."""

    base: Node
    key: Node
    told = True

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.base, self.key)

    def value(self, scope: Scope) -> object:
        base, key = self.base.value(scope), self.key.value(scope)
        if isinstance(base, Sequence) and (isinstance(key, bool) or not isinstance(key, int)):
            raise GuardFailed(f"{self.text}: {self.base.text} is a list, and {show(key)} is not a place in it")
        if not isinstance(base, (Mapping, Sequence)):
            raise GuardFailed(f"{self.text}: {self.base.text} is {show(base)}, which has neither places nor keys")
        try:
            return self._found(base, key)
        except (KeyError, IndexError) as error:
            raise GuardFailed(f"{self.text}: {self.base.text} is {show(base)} and has no {show(key)}") from error
        except Exception as error:
            raise GuardFailed(f"{self.text}: {why(error)}") from error

    @staticmethod
    def _found(base: Any, key: Any) -> object:
        if isinstance(base, Mapping) and key not in base:
            raise KeyError(key)
        return base[key]


class Display(Quantity):
    """A list or tuple written out, with at least one part that is not a literal."""

    elements: tuple[Node, ...]
    build: Callable[[Iterable[object]], object]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.elements

    def value(self, scope: Scope) -> object:
        return self.build([element.value(scope) for element in self.elements])


def _attribute(value: object, name: str, text: str) -> object:
    """The mapping's key, or the object's public attribute. Raises KeyError for a missing key."""
    if isinstance(value, Mapping):
        if name not in value:
            raise KeyError(name)
        return value[name]
    try:
        found = getattr(value, name)
    except AttributeError as error:
        raise GuardFailed(f"{text}: {show(value)} has no {name}") from error
    except Exception as error:
        raise GuardFailed(f"{text}: reading {name} raised {type(error).__name__}") from error
    if callable(found) or isinstance(found, _OPAQUE):
        raise GuardFailed(f"{text}: {name} is {named(found)}, which is not a fact; guards call nothing")
    return found


def _absent(text: str, path: str, name: str, found: object) -> GuardFailed:
    keys = [key for key in found if isinstance(key, str)] if isinstance(found, Mapping) and len(found) <= 100 else []
    hint = closest(name, keys)
    return GuardFailed(f"{text}: {path} has no {name}" + (f"; {hint}" if hint else ""))
