"""The node that goes through the elements of a list: all, any and count."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from orderfsm.errors import GuardFailed

from .node import Cause, Node
from .scope import Scope
from .shown import show


class Quantifier(Node):
    """`all`, `any` or `count` over the elements of a list; `cost` is what one element takes from the budget."""

    function: str
    name: str
    slot: int
    source: Node
    conditions: tuple[Node, ...]
    element: Node
    cost: int
    told = True

    @property
    def gives(self) -> bool | None:
        return self.function != "count"

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.source, *self.conditions, self.element)

    def value(self, scope: Scope) -> object:
        answers = (self.element.truth(scope) for _ in self.places(scope))
        if self.function == "count":
            return sum(answers)
        return all(answers) if self.function == "all" else any(answers)

    def places(self, scope: Scope) -> Iterator[int]:
        """The places of the elements that pass the conditions, the variable bound to each in turn."""
        source = self.source.value(scope)
        if isinstance(source, (str, bytes)) or not isinstance(source, Collection):
            raise GuardFailed(f"{self.text}: {self.source.text} is {show(source)}, which is not a list")
        for place, element in enumerate(source):
            scope.charge(self.cost, self.text)
            scope.bind(self.slot, element)
            if not self.conditions or all(condition.truth(scope) for condition in self.conditions):
                yield place

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        decisive = self.function == "any"
        seen = 0
        for place in self.places(scope):
            seen += 1
            if self.element.truth(scope) is decisive:
                answer, causes = self.element.because(scope)
                return answer, [self._placed(cause, f"{self.source.text}[{place}]") for cause in causes]
        note = f"{'none' if decisive else 'all'} of the {seen} elements looked at" if seen else "no element to look at"
        return not decisive, [Cause(self.text, not decisive, {f"size({self.source.text})": seen}, note)]

    def _placed(self, cause: Cause, element: str) -> Cause:
        """The cause with its operands named by the element's place instead of the variable."""
        own = re.compile(rf"(?<![\w.\"'\]]){re.escape(self.name)}(?![\w\"'])")
        operands = {own.sub(lambda _: element, path): value for path, value in cause.operands.items()}
        note = cause.note or ", ".join(f"{path} is {show(value)}" for path, value in operands.items())
        return Cause(cause.text, cause.answer, operands, note)


def cost(node: Node) -> int:
    """The nodes visited to evaluate the node, at most; a generator inside pays for its own elements."""
    parts = (node.source,) if isinstance(node, Quantifier) else node.parts
    return 1 + sum(cost(part) for part in parts)
