"""Guard expressions: a small subset of Python's syntax, parsed once, evaluated against facts, able to explain itself.

`parse(text)` gives an `Expression`. The text is read with the standard library's `ast` and turned into nodes of our
own, and those nodes are walked; nothing is ever handed to Python to execute. Refused when parsed: calls of anything but
the functions of the language, names that begin with `_`, `**`, shifts, slices, comprehensions, f-strings, lambdas.

An error inside a guard is an error, never false: a missing key, a wrong type, a division by zero or a used-up budget
raises `GuardFailed`. The operands of `and`, `or`, `not` and the whole expression must be true or false themselves;
nothing is converted to a bool.

From text to answer: `syntax` (Python's tree), `builder` (our nodes), then the nodes (`node`, `facts`, `comparisons`,
`logic`, `quantities`, `states`, `quantifier`), evaluated in a `scope`; `reads` says what they look at. `times` reads
durations and timestamps, `shown` puts values into words. The nodes are public for those who take guards apart: the
checks, the witnesses.

The language is described in docs/reference/expressions.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from .builder import build
from .comparisons import Chain, Compare
from .facts import Constant, Display, Fact, Index, Member, Variable
from .logic import And, Conditional, Not, Or
from .node import Node, Value
from .quantifier import Quantifier
from .quantities import Arithmetic, Converted, Negative, Size
from .reads import Env, Origin, Step, dotted, element_origins, origins, paths, terms, walk
from .scope import EXPLAINING_BUDGET, Scope, Visit
from .states import DaysSince, InState, Was
from .times import parse_duration, parse_timestamp

__all__ = [
    "And",
    "Arithmetic",
    "Chain",
    "Compare",
    "Conditional",
    "Constant",
    "Converted",
    "DaysSince",
    "Display",
    "Env",
    "Explanation",
    "Expression",
    "Fact",
    "InState",
    "Index",
    "Member",
    "Negative",
    "Node",
    "Not",
    "Or",
    "Origin",
    "Quantifier",
    "Scope",
    "Size",
    "Step",
    "Variable",
    "Visit",
    "Was",
    "dotted",
    "element_origins",
    "origins",
    "parse",
    "parse_duration",
    "parse_timestamp",
    "paths",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an expression is true or false: a sentence, the sub-expressions responsible and the values they read."""

    value: bool
    text: str
    failed: tuple[str, ...]
    operands: dict[str, object]


class Expression(Value):
    """A guard expression. Equal to another one with the same text.

    `reads` holds the fact paths that it reads (`payload.assets`, `items[].code`), `roots` their first names, `states`
    the states that in_state(), was() and days_since() name; `asks_history` says whether it uses was() or days_since();
    `dated` holds the states of days_since().
    """

    text: str
    root: Node
    reads: frozenset[str]
    roots: frozenset[str]
    states: frozenset[str]
    asks_history: bool
    dated: frozenset[str]

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"parse({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Callable[[str], Expression], tuple[str]]:
        return parse, (self.text,)

    @property
    def atoms(self) -> tuple[Expression, ...]:
        """The boolean terms, in source order, each once."""
        return tuple(dict.fromkeys(_expression(node.text, node) for node in terms(self.root)))

    def evaluate(
        self,
        facts: Mapping[str, object],
        *,
        active: Container[str] = frozenset(),
        visits: Callable[[], Sequence[Visit]] | None = None,
    ) -> bool:
        """Whether the facts satisfy the expression.

        `active` holds the active states, ancestors included. `visits` gives the order's stays, oldest first, the
        current one last; it is asked at most once, and only when was() or days_since() is reached; what it raises is
        passed on. Raises GuardFailed.
        """
        return self.root.truth(Scope(facts, active, visits))

    def decide(self, active: Container[str]) -> bool | None:
        """The answer that follows from the active states alone, or None when it depends on facts (Kleene's logic).

        A decided answer says what every evaluation without an error gives.
        """
        return self.root.decide(active)

    def explain(
        self,
        facts: Mapping[str, object],
        *,
        active: Container[str] = frozenset(),
        visits: Callable[[], Sequence[Visit]] | None = None,
    ) -> Explanation:
        """Why the expression is true or false: the innermost terms responsible, as far as Python would look at them.

        Raises GuardFailed as `evaluate` does.
        """
        answer, causes = self.root.because(Scope(facts, active, visits, EXPLAINING_BUDGET))
        operands = {path: value for cause in causes for path, value in cause.operands.items()}
        sentences = dict.fromkeys(cause.sentence() for cause in causes)
        return Explanation(answer, "; ".join(sentences), tuple(dict.fromkeys(c.text for c in causes)), operands)


def parse(text: str) -> Expression:
    """The expression that the text spells. Line breaks count as spaces. Raises ExpressionError."""
    flat = re.sub(r"[\r\n\t\f\v]", " ", text).strip()
    return _expression(flat, build(flat))


def _expression(text: str, root: Node) -> Expression:
    found = paths(root)
    nodes = list(walk(root))
    return Expression(
        text,
        root,
        frozenset(dotted(origin) for origin in found),
        frozenset(str(origin[0]) for origin in found),
        frozenset(node.state for node in nodes if isinstance(node, (InState, Was, DaysSince))),
        any(isinstance(node, (Was, DaysSince)) for node in nodes),
        frozenset(node.state for node in nodes if isinstance(node, DaysSince)),
    )
