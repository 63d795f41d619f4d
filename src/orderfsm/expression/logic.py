"""Nodes that combine answers: and, or, not, and the conditional."""

# ruff: noqa: D102 - what the methods of a node do is told by Node

from __future__ import annotations

from collections.abc import Container

from .node import Cause, Condition, Node
from .scope import Scope


class Joined(Condition):
    """Terms joined by `and` or `or`; `decisive` is the answer of one term that settles the whole."""

    terms: tuple[Node, ...]
    decisive = False

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.terms

    def value(self, scope: Scope) -> bool:
        decisive = self.decisive
        for term in self.terms:
            if term.truth(scope) is decisive:
                return decisive
        return not decisive

    def decide(self, active: Container[str]) -> bool | None:
        answers = [term.decide(active) for term in self.terms]
        if self.decisive in answers:
            return self.decisive
        return None if None in answers else not self.decisive

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        gathered: list[Cause] = []
        for term in self.terms:
            answer, causes = term.because(scope)
            if answer is self.decisive:
                return answer, causes
            gathered += causes
        return not self.decisive, gathered


class And(Joined):
    """Terms joined by `and`."""


class Or(Joined):
    """Terms joined by `or`."""

    decisive = True


class Not(Condition):
    """The opposite of a term."""

    term: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.term,)

    def value(self, scope: Scope) -> bool:
        return not self.term.truth(scope)

    def decide(self, active: Container[str]) -> bool | None:
        answer = self.term.decide(active)
        return None if answer is None else not answer

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        answer, causes = self.term.because(scope)
        if len(causes) == 1 and causes[0].text == self.term.text:
            causes = [Cause(self.text, not answer, causes[0].operands, causes[0].note or causes[0].sentence())]
        return not answer, causes


class Conditional(Node):
    """One of two values: `a if c else b`."""

    test: Node
    chosen: Node
    other: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.test, self.chosen, self.other)

    @property
    def gives(self) -> bool | None:
        both = (self.chosen.gives, self.other.gives)
        return False if False in both else None if None in both else True

    def value(self, scope: Scope) -> object:
        return self.chosen.value(scope) if self.test.truth(scope) else self.other.value(scope)

    def decide(self, active: Container[str]) -> bool | None:
        test = self.test.decide(active)
        chosen, other = self.chosen.decide(active), self.other.decide(active)
        if test is None:
            return chosen if chosen is other else None
        return chosen if test else other

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        test, causes = self.test.because(scope)
        answer, branch = (self.chosen if test else self.other).because(scope)
        return answer, [*branch, *causes]
