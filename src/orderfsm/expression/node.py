"""What every part of an expression has in common, and the causes that it names."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from typing import ClassVar, NoReturn, dataclass_transform

from orderfsm.errors import GuardFailed

from .scope import Scope
from .shown import show


@dataclass_transform(frozen_default=True, eq_default=False)
class Value:
    """A frozen value whose fields are its annotations, in order: like a dataclass, with a cheaper import."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = (*cls._fields, *cls.__annotations__)

    def __init__(self, *values: object) -> None:
        for name, value in zip(self._fields, values, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is a value; {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is a value; {name} cannot be deleted")


class Cause(Value):
    """One sub-expression that made the whole true or false, with the operand values that it read.

    `note` says why in words of its own; when it is empty, the operand values do.
    """

    text: str
    answer: bool
    operands: dict[str, object]
    note: str

    def sentence(self) -> str:
        """The cause in words, e.g. `payload.cloud_cover <= 20 is false: payload.cloud_cover is 79`."""
        values = [f"{path} is {show(value)}" for path, value in self.operands.items() if path != self.text]
        because = self.note or ", ".join(values)
        return f"{self.text} is {str(self.answer).lower()}" + (f": {because}" if because else "")


class Node(Value):
    """A part of an expression; `text` is its source.

    `told` says whether an explanation tells the node's value; if not, it tells those of its parts.
    """

    text: str
    told = False

    @property
    def gives(self) -> bool | None:
        """True when the value is always a bool, False when it never is, None when that depends on facts."""
        return None

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below, in source order."""
        return ()

    def value(self, scope: Scope) -> object:
        """The node's value; raises GuardFailed."""
        raise NotImplementedError

    def truth(self, scope: Scope) -> bool:
        """The node's value, which must be a bool."""
        answer = self.value(scope)
        if isinstance(answer, bool):
            return answer
        raise GuardFailed(f"{self.text} is {show(answer)}, which is neither true nor false; write a comparison")

    def decide(self, active: Container[str]) -> bool | None:
        """The answer that follows from the active states alone, or None."""
        return None

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        """The answer and the innermost causes of it."""
        answer = self.truth(scope)
        operands: dict[str, object] = {}
        _gather(self, scope, operands)
        return answer, [Cause(self.text, answer, operands, "")]


class Condition(Node):
    """A node whose value is always a bool."""

    @property
    def gives(self) -> bool | None:
        return True

    def value(self, scope: Scope) -> bool:
        raise NotImplementedError

    def truth(self, scope: Scope) -> bool:
        return self.value(scope)


class Quantity(Node):
    """A node whose value is never a bool."""

    @property
    def gives(self) -> bool | None:
        return False


def _gather(node: Node, scope: Scope, operands: dict[str, object]) -> None:
    """Add the values that the node read to `operands`, by source text; what cannot be read is left out."""
    if not node.told:
        for part in node.parts:
            _gather(part, scope, operands)
        return
    with suppress(GuardFailed):
        operands[node.text] = node.value(scope)
