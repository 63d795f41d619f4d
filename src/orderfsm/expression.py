"""Guard expressions: a small subset of Python's syntax, parsed once, evaluated against facts, able to explain itself.

`parse(text)` gives an `Expression`. The text is read with the standard library's `ast` and turned into nodes of our
own, and those nodes are walked; nothing is ever handed to Python to execute. Refused when parsed: calls of anything but
the functions listed here, names that begin with `_`, `**`, shifts, slices, comprehensions, f-strings, lambdas.

An error inside a guard is an error, never false: a missing key, a wrong type, a division by zero or a used-up budget
raises `GuardFailed`. The operands of `and`, `or`, `not` and the whole expression must be true or false themselves;
nothing is converted to a bool.

The language is described in docs/reference/expressions.md.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import CodeType, CoroutineType, FrameType, GeneratorType, ModuleType, TracebackType
from typing import Any, ClassVar, NoReturn, TypeAlias, dataclass_transform

from .errors import ExpressionError, GuardFailed

__all__ = ["Explanation", "Expression", "parse", "parse_duration", "parse_timestamp"]

ROOTS = ("order", "payload", "actor", "now", "items", "history")
FUNCTIONS = ("size", "all", "any", "count", "was", "in_state", "days_since", "duration", "timestamp")

TEXT_LIMIT = 2_000
NODE_LIMIT = 500
DEPTH_LIMIT = 50
STRING_LIMIT = 500
INTEGER_LIMIT = 2**63
GENERATOR_LIMIT = 2
BUDGET = 10_000
_EXPLAINING = 4
"""How many times the budget an explanation may spend: it looks at deciding elements again."""

Visit: TypeAlias = tuple[datetime | None, frozenset[str]]
"""One stay in a configuration: when it was entered, and every state active in it, ancestors included."""

Step: TypeAlias = str | int | None
"""One part of a fact's path: a name, a literal place in a list, or None for any element."""

Origin: TypeAlias = tuple[Step, ...]

# --- durations and timestamps ---------------------------------------------------

_NUMBER = r"([0-9]{1,12}(?:[.,][0-9]{1,9})?)"
_DURATION = re.compile(
    rf"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.ASCII
)
_CALENDAR = re.compile(r"P[0-9.,WD]*[0-9][YM]", re.ASCII)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,12})?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """The ISO 8601 duration as a timedelta: weeks, days, hours, minutes and seconds, e.g. `P14D`, `PT1H30M`.

    Only the last number may have a fraction. Raises ValueError for anything else, and for years and months, which have
    no fixed length.
    """
    found = _DURATION.fullmatch(text)
    numbers = [number.replace(",", ".") for number in found.groups() if number] if found else []
    if found is None or not numbers:
        if _CALENDAR.match(text):
            raise ValueError(f"{_quoted(text)} uses years or months, which have no fixed length; write weeks or days")
        raise ValueError(f"{_quoted(text)} is not an ISO 8601 duration; write for example P14D or PT1H30M")
    if any("." in number for number in numbers[:-1]):
        raise ValueError(f"{_quoted(text)} has a fraction before its last number; only the last may have one")
    weeks, days, hours, minutes, seconds = (float((number or "0").replace(",", ".")) for number in found.groups())
    try:
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"{_quoted(text)} is longer than a duration can be") from None


def parse_timestamp(text: str) -> datetime:
    """The RFC 3339 timestamp as an aware datetime, e.g. `2019-05-02T22:49:54Z`; its offset is kept.

    Raises ValueError for any other spelling, for a date that does not exist, and for a timestamp without an offset.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError(f"{_quoted(text)} is not a timestamp; write for example 2019-05-02T22:49:54Z")
    if found["offset"] is None:
        raise ValueError(f"{_quoted(text)} has no offset from UTC; add Z or, for example, +02:00")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"{_quoted(text)} is not a timestamp: {error}") from None


def _timestamp_of(value: object) -> datetime:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no offset from UTC; supply an aware datetime")
        return value
    if not isinstance(value, str):
        raise ValueError(f"timestamp() takes a string or a datetime, not {_named(value)}")
    return parse_timestamp(value)


def _duration_of(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"duration() takes a string or a timedelta, not {_named(value)}")
    return parse_duration(value)


# --- how values are shown -------------------------------------------------------

_SHOWN_LENGTH = 80


def _quoted(text: str) -> str:
    """The text in quotes, control characters escaped, cut after 80 characters."""
    shown = repr(text[:_SHOWN_LENGTH])
    return shown if len(text) <= _SHOWN_LENGTH else f"{shown}… ({len(text)} characters)"


def _named(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def show(value: object) -> str:
    """The value in a few words that are safe in a log: outside text quoted and cut, objects by their type only."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int) and not -(2**200) < value < 2**200:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float, Decimal)):
        return str(value)[:_SHOWN_LENGTH]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return _show_collection(value) if isinstance(value, Collection) else _named(value)


def _show_collection(value: Collection[object]) -> str:
    if isinstance(value, (list, tuple)) and len(value) <= 5 and all(_scalar(item) for item in value):
        return "[" + ", ".join(show(item) for item in value) + "]"
    return f"a {type(value).__name__} of {len(value)}"


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, Decimal, date, timedelta))


def _why(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, OverflowError):
        return "the result is too large"
    if isinstance(error, (TypeError, ValueError)):
        return str(error)[:200]
    return type(error).__name__


def _closest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


# --- one evaluation -------------------------------------------------------------


class Scope:
    """What one evaluation knows: facts, active states, the order's visits, generator variables and the budget spent."""

    __slots__ = ("_past", "_remembered", "active", "facts", "left", "local", "visits")

    local: list[object]
    _past: Sequence[Visit] | None
    _remembered: dict[str, bool] | None

    def __init__(
        self,
        facts: Mapping[str, object],
        active: Container[str],
        visits: Callable[[], Sequence[Visit]] | None,
        budget: int = BUDGET,
    ) -> None:
        self.facts = facts
        self.active = active
        self.visits = visits
        self.left = budget
        self._past = None
        self._remembered = None

    def charge(self, cost: int, text: str) -> None:
        """Spend part of the budget; raises GuardFailed when it is used up."""
        self.left -= cost
        if self.left < 0:
            raise GuardFailed(f"{text}: more than {BUDGET} steps were needed; give the guard fewer elements to look at")

    def past(self, text: str) -> Sequence[Visit]:
        """The order's visits, oldest first, asked for once per evaluation."""
        if self._past is None:
            if self.visits is None:
                raise GuardFailed(f"{text}: history was not supplied, so what the order was before is not known")
            self._past = self.visits()
        return self._past

    def been(self, state: str, text: str) -> bool:
        """Whether some visit, the current one included, contains the state."""
        if self._remembered is None:
            self._remembered = {}
        if state not in self._remembered:
            self._remembered[state] = any(state in names for _, names in self.past(text))
        return self._remembered[state]

    def bind(self, slot: int, value: object) -> None:
        """Give a generator's variable its value."""
        if not hasattr(self, "local"):
            self.local = [None] * GENERATOR_LIMIT
        self.local[slot] = value


@dataclass(frozen=True, slots=True)
class Cause:
    """One sub-expression that made the whole true or false, with the operand values that it read."""

    text: str
    answer: bool
    operands: dict[str, object]
    note: str = ""

    def sentence(self) -> str:
        """The cause in words, e.g. `payload.cloud_cover <= 20 is false: payload.cloud_cover is 79`."""
        values = [f"{path} is {show(value)}" for path, value in self.operands.items() if path != self.text]
        because = self.note or ", ".join(values)
        return f"{self.text} is {str(self.answer).lower()}" + (f": {because}" if because else "")


# --- nodes ----------------------------------------------------------------------


@dataclass_transform(frozen_default=True, eq_default=False)
class _Value:
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


class Node(_Value):
    """A part of an expression; `text` is its source."""

    text: str

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
        return answer, [Cause(self.text, answer, operands)]


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

    def value(self, scope: Scope) -> object:
        return scope.local[self.slot]


class Member(Node):
    """An attribute of anything but a fact's own path: `item.code`, `payload.assets[0].href`."""

    base: Node
    name: str

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
            raise GuardFailed(f"{self.text}: {_why(error)}") from error

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


class Compare(Condition):
    """One comparison by == != < <= > >=. `sure` is the answer that needs no second look."""

    left: Node
    symbol: str
    right: Node
    test: Callable[[Any, Any], object]
    sure: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, scope: Scope) -> bool:
        left = self.left.value(scope)
        right = self.right.value(scope)
        try:
            answer = self.test(left, right)
        except Exception as error:
            raise GuardFailed(f"{self.text}: {_why(error)}") from error
        if answer is self.sure:
            return self.sure
        return _examined(answer, left, right, self.text)

    truth = value


class Chain(Condition):
    """A membership, an `is None`, or comparisons chained as Python chains them: `0 < payload.count <= 10`."""

    operands: tuple[Node, ...]
    symbols: tuple[str, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.operands

    def value(self, scope: Scope) -> bool:
        left = self.operands[0].value(scope)
        for symbol, operand in zip(self.symbols, self.operands[1:], strict=True):
            right = operand.value(scope)
            if not _holds(symbol, left, right, scope, self.text):
                return False
            left = right
        return True


class And(Condition):
    """Terms joined by `and`."""

    terms: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.terms

    def value(self, scope: Scope) -> bool:
        for term in self.terms:  # noqa: SIM110 - a generator would cost more than the terms
            if not term.truth(scope):
                return False
        return True

    def decide(self, active: Container[str]) -> bool | None:
        answers = [term.decide(active) for term in self.terms]
        return False if False in answers else None if None in answers else True

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        return _joined(self.terms, scope, decisive=False)


class Or(Condition):
    """Terms joined by `or`."""

    terms: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.terms

    def value(self, scope: Scope) -> bool:
        for term in self.terms:  # noqa: SIM110 - a generator would cost more than the terms
            if term.truth(scope):
                return True
        return False

    def decide(self, active: Container[str]) -> bool | None:
        answers = [term.decide(active) for term in self.terms]
        return True if True in answers else None if None in answers else False

    def because(self, scope: Scope) -> tuple[bool, list[Cause]]:
        return _joined(self.terms, scope, decisive=True)


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


class Arithmetic(Quantity):
    """One of + - * / // % on numbers, dates, times and durations."""

    left: Node
    symbol: str
    right: Node
    apply: Callable[[Any, Any], object]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, scope: Scope) -> object:
        left, right = self.left.value(scope), self.right.value(scope)
        if left.__class__ not in _PLAIN or right.__class__ not in _PLAIN:
            _amount(left, self.left.text, self.text)
            _amount(right, self.right.text, self.text)
        try:
            answer = self.apply(left, right)
        except Exception as error:
            raise GuardFailed(f"{self.text}: {_why(error)}") from error
        return _bounded(answer, self.text)


class Negative(Quantity):
    """A number or duration with its sign turned."""

    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)

    def value(self, scope: Scope) -> object:
        amount: Any = self.operand.value(scope)
        _amount(amount, self.operand.text, self.text)
        try:
            return _bounded(-amount, self.text)
        except TypeError as error:
            raise GuardFailed(f"{self.text}: {_why(error)}") from error


class Size(Quantity):
    """The number of elements, keys or characters: `size(payload.assets)`."""

    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)

    def value(self, scope: Scope) -> object:
        found = self.operand.value(scope)
        if not isinstance(found, Collection):
            raise GuardFailed(f"{self.text}: {self.operand.text} is {show(found)}, which has no size")
        return len(found)


class Converted(Quantity):
    """A fact read as a duration or a timestamp."""

    operand: Node
    convert: Callable[[object], object]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)

    def value(self, scope: Scope) -> object:
        try:
            return self.convert(self.operand.value(scope))
        except ValueError as error:
            raise GuardFailed(f"{self.text}: {_why(error)}") from error


class InState(Condition):
    """Whether a state is active: `in_state("held")`."""

    state: str

    def value(self, scope: Scope) -> bool:
        return self.state in scope.active

    def decide(self, active: Container[str]) -> bool | None:
        return self.state in active


class Was(Condition):
    """Whether the order is or ever was in a state: `was("accepted")`."""

    state: str

    def value(self, scope: Scope) -> bool:
        return scope.been(self.state, self.text)


class DaysSince(Quantity):
    """Days, with fraction, since a state was last entered: `days_since("completed")`."""

    state: str

    def value(self, scope: Scope) -> object:
        entered = _entered(scope.past(self.text), self.state, self.text)
        now = scope.facts.get("now")
        if not isinstance(now, datetime) or now.utcoffset() is None:
            raise GuardFailed(f"{self.text}: the facts have no aware datetime as now; supply it")
        if entered.utcoffset() is None:
            raise GuardFailed(f"{self.text}: {self.state} was entered at {entered.isoformat()}, which has no offset")
        return (now - entered) / timedelta(days=1)


class Quantifier(Node):
    """`all`, `any` or `count` over the elements of a list; `cost` is what one element takes from the budget."""

    function: str
    name: str
    slot: int
    source: Node
    conditions: tuple[Node, ...]
    element: Node
    cost: int

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


# --- what the nodes do ------------------------------------------------------------

_OPAQUE = (ModuleType, FrameType, CodeType, TracebackType, GeneratorType, CoroutineType)
_PLAIN = frozenset({int, float, Decimal, datetime, date, timedelta})
_AMOUNTS = (int, float, Decimal, date, timedelta)

_TESTS: dict[str, Callable[[Any, Any], object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


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
        raise GuardFailed(f"{text}: {name} is {_named(found)}, which is not a fact; guards call nothing")
    return found


def _absent(text: str, path: str, name: str, found: object) -> GuardFailed:
    keys = [key for key in found if isinstance(key, str)] if isinstance(found, Mapping) and len(found) <= 100 else []
    hint = _closest(name, keys)
    return GuardFailed(f"{text}: {path} has no {name}" + (f"; {hint}" if hint else ""))


def _examined(answer: object, left: object, right: object, text: str) -> bool:
    """The answer of a comparison, unless it only looks like one: no bool, not-a-number, naive against aware."""
    if not isinstance(answer, bool):
        raise GuardFailed(f"{text}: the comparison gave {_named(answer)}, which is neither true nor false")
    if isinstance(left, date) and isinstance(right, date):
        _same_clock(left, right, text)
    for operand in (left, right):
        if isinstance(operand, (float, Decimal)) and _not_a_number(operand):
            raise GuardFailed(f"{text}: compares with something that is not a number (NaN)")
    return answer


def _not_a_number(value: float | Decimal) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else math.isnan(value)


def _same_clock(left: date, right: date, text: str) -> None:
    if not (isinstance(left, datetime) and isinstance(right, datetime)):
        if isinstance(left, datetime) or isinstance(right, datetime):
            raise GuardFailed(f"{text}: compares a date with a datetime")
        return
    if (left.utcoffset() is None) is not (right.utcoffset() is None):
        raise GuardFailed(f"{text}: compares a datetime that has an offset from UTC with one that has none")


def _holds(symbol: str, left: object, right: object, scope: Scope, text: str) -> bool:
    """One link of a chain."""
    if symbol in ("is None", "is not None"):
        return (left is None) is (symbol == "is None")
    if symbol in ("in", "not in"):
        return _contains(left, right, scope, text) is (symbol == "in")
    try:
        answer = _TESTS[symbol](left, right)
    except Exception as error:
        raise GuardFailed(f"{text}: {_why(error)}") from error
    return _examined(answer, left, right, text)


def _contains(item: object, group: object, scope: Scope, text: str) -> bool:
    if not isinstance(group, Collection):
        raise GuardFailed(f"{text}: {show(group)} holds nothing that could be looked for")
    if isinstance(group, (str, Sequence)):
        scope.charge(len(group) // (64 if isinstance(group, str) else 8), text)
    try:
        answer = item in group
    except Exception as error:
        raise GuardFailed(f"{text}: {_why(error)}") from error
    if not answer:
        others = group if isinstance(item, date) and isinstance(group, (list, tuple)) else (None,)
        for other in others:
            _examined(False, item, other, text)
    return answer


def _amount(value: object, operand: str, text: str) -> None:
    if isinstance(value, bool) or not isinstance(value, _AMOUNTS):
        raise GuardFailed(f"{text}: {operand} is {show(value)}; arithmetic takes numbers, times and durations only")


def _bounded(answer: object, text: str) -> object:
    if isinstance(answer, int) and not -INTEGER_LIMIT < answer < INTEGER_LIMIT:
        raise GuardFailed(f"{text}: the result is too large")
    finite = (
        answer.is_finite() if isinstance(answer, Decimal) else not isinstance(answer, float) or math.isfinite(answer)
    )
    if not finite:
        raise GuardFailed(f"{text}: the result is not a finite number")
    return answer


def _entered(visits: Sequence[Visit], state: str, text: str) -> datetime:
    """When the most recent contiguous stay in the state began."""
    last = len(visits) - 1
    while last >= 0 and state not in visits[last][1]:
        last -= 1
    if last < 0:
        raise GuardFailed(f"{text}: the order was never in {state}; ask was({state!r}) first")
    while last > 0 and state in visits[last - 1][1]:
        last -= 1
    entered = visits[last][0]
    if entered is None:
        raise GuardFailed(f"{text}: when {state} was entered is not recorded")
    return entered


def _joined(terms: tuple[Node, ...], scope: Scope, *, decisive: bool) -> tuple[bool, list[Cause]]:
    """The answer and causes of terms joined by `and` (decisive is False) or `or` (True), as far as Python looks."""
    gathered: list[Cause] = []
    for term in terms:
        answer, causes = term.because(scope)
        if answer is decisive:
            return answer, causes
        gathered += causes
    return not decisive, gathered


def _gather(node: Node, scope: Scope, operands: dict[str, object]) -> None:
    """Add the values that the node read to `operands`, by source text; what cannot be read is left out."""
    if isinstance(node, (Fact, Variable, Member, Index, Size, Converted, DaysSince, Quantifier)):
        try:
            operands[node.text] = node.value(scope)
        except GuardFailed:
            return
    else:
        for part in node.parts:
            _gather(part, scope, operands)


# --- what an expression reads -----------------------------------------------------


def origins(node: Node, env: Mapping[str, tuple[Origin, ...]], reads: set[Origin]) -> tuple[Origin, ...]:
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


def element_origins(source: Node, env: Mapping[str, tuple[Origin, ...]], reads: set[Origin]) -> tuple[Origin, ...]:
    """The fact paths of the elements that a generator goes through."""
    if isinstance(source, Display):
        return tuple(origin for element in source.elements for origin in origins(element, env, reads))
    found = origins(source, env, reads)
    reads.update(found)
    return tuple((*origin, None) for origin in found)


def _index_origins(node: Index, env: Mapping[str, tuple[Origin, ...]], reads: set[Origin]) -> tuple[Origin, ...]:
    step: Step = None
    if isinstance(node.key, Constant) and isinstance(node.key.constant, (str, int)):
        step = node.key.constant
    _read(node.key, env, reads)
    return tuple((*origin, step) for origin in origins(node.base, env, reads))


def _read(node: Node, env: Mapping[str, tuple[Origin, ...]], reads: set[Origin]) -> None:
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


def _terms(node: Node) -> Iterator[Node]:
    """The boolean terms: what is left when and, or, not and conditionals are taken apart."""
    if isinstance(node, (And, Or, Not, Conditional)):
        for part in node.parts:
            yield from _terms(part)
    else:
        yield node


# --- expressions ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an expression is true or false: a sentence, the sub-expressions responsible and the values they read."""

    value: bool
    text: str
    failed: tuple[str, ...]
    operands: dict[str, object]


class Expression(_Value):
    """A guard expression. Equal to another one with the same text.

    `reads` holds the fact paths that it reads (`payload.assets`, `items[].code`), `roots` their first names, `states`
    the states that in_state(), was() and days_since() name; `asks_history` says whether it uses was() or days_since().
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
        return tuple(dict.fromkeys(_expression(node.text, node) for node in _terms(self.root)))

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
        answer, causes = self.root.because(Scope(facts, active, visits, BUDGET * _EXPLAINING))
        operands = {path: value for cause in causes for path, value in cause.operands.items()}
        sentences = dict.fromkeys(cause.sentence() for cause in causes)
        return Explanation(answer, "; ".join(sentences), tuple(dict.fromkeys(c.text for c in causes)), operands)


def parse(text: str) -> Expression:
    """The expression that the text spells. Line breaks count as spaces. Raises ExpressionError."""
    flat = re.sub(r"[\r\n\t\f\v]", " ", text).strip()
    builder = _Builder(flat)
    return _expression(flat, builder.condition(_tree(flat), 0, {}))


def _expression(text: str, root: Node) -> Expression:
    found: set[Origin] = set()
    _read(root, {}, found)
    nodes = list(walk(root))
    states = frozenset(node.state for node in nodes if isinstance(node, (InState, Was, DaysSince)))
    history = any(isinstance(node, (Was, DaysSince)) for node in nodes)
    dated = frozenset(node.state for node in nodes if isinstance(node, DaysSince))
    reads = frozenset(dotted(origin) for origin in found)
    return Expression(text, root, reads, frozenset(str(origin[0]) for origin in found), states, history, dated)


def _tree(text: str) -> ast.expr:
    """Python's own syntax tree of the text."""
    if not text:
        raise ExpressionError("the expression is empty", remedy="leave `when` out if there is no condition")
    if len(text) > TEXT_LIMIT:
        raise ExpressionError(
            f"the expression has {len(text)} characters, more than {TEXT_LIMIT}", remedy="split it, or name a guard"
        )
    strange = next((place for place, character in enumerate(text) if not character.isprintable()), None)
    if strange is not None:
        raise ExpressionError("a control character", text=_printable(text), offset=strange, remedy="delete it")
    if "\\" in text:
        raise ExpressionError(
            "a backslash",
            text=text,
            offset=text.index("\\"),
            remedy="strings have no escapes here; use the other quotes",
        )
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        offset = max((error.offset or 1) - 1, 0)
        raise ExpressionError(f"not an expression: {error.msg}", text=text, offset=offset) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"not an expression: {type(error).__name__}", text=text) from None
    rest = text.encode()[tree.end_col_offset :].decode()
    if rest.strip(" )"):
        raise ExpressionError("a comment", text=text, offset=len(text) - len(rest), remedy="put it into the document")
    return tree


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is None",
    ast.IsNot: "is not None",
}
_OPERATORS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], object]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
}
_REFUSED: dict[type[ast.expr], tuple[str, str]] = {
    ast.Dict: ("a dictionary", "compare the keys one by one"),
    ast.Set: ("a set", "write a list: [...]"),
    ast.ListComp: ("a list comprehension", "a generator may stand inside all(), any() or count()"),
    ast.SetComp: ("a set comprehension", "a generator may stand inside all(), any() or count()"),
    ast.DictComp: ("a dictionary comprehension", "a generator may stand inside all(), any() or count()"),
    ast.GeneratorExp: ("a generator", "a generator may stand only directly inside all(), any() or count()"),
    ast.Lambda: ("a lambda", "name a guard and supply it in Python"),
    ast.JoinedStr: ("an f-string", "write a plain string"),
    ast.NamedExpr: ("an assignment", "write == to compare"),
    ast.Starred: ("a starred value", "write the elements out"),
    ast.Slice: ("a slice", "take one element by its place"),
    ast.Await: ("an await", "name a guard and supply it in Python"),
    ast.Yield: ("a yield", "name a guard and supply it in Python"),
    ast.YieldFrom: ("a yield", "name a guard and supply it in Python"),
}


class _Builder:
    """Turns Python's syntax tree into nodes; `depth` is the nesting so far, `names` the generator variables there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode("utf-8", "surrogatepass")
        self.count = 0

    def error(self, tree: ast.expr, message: str, remedy: str = "") -> ExpressionError:
        offset = len(self.data[: tree.col_offset].decode())
        return ExpressionError(message, text=self.text, offset=offset, remedy=remedy)

    def refuse(self, tree: ast.expr, message: str, remedy: str = "") -> NoReturn:
        raise self.error(tree, message, remedy)

    def source(self, tree: ast.expr) -> str:
        return self.data[tree.col_offset : tree.end_col_offset].decode()

    def condition(self, tree: ast.expr, depth: int, names: dict[str, int]) -> Node:
        """The node, which must be able to be true or false."""
        node = self.build(tree, depth, names)
        if node.gives is False:
            self.refuse(tree, f"{node.text} is neither true nor false", "write a comparison")
        return node

    def build(self, tree: ast.expr, depth: int, names: dict[str, int]) -> Node:
        """The node of one subtree, dispatched on its type."""
        self.count += 1
        if self.count > NODE_LIMIT:
            self.refuse(tree, f"the expression has more than {NODE_LIMIT} parts", "split it, or name a guard")
        if depth >= DEPTH_LIMIT:
            self.refuse(tree, f"the expression is nested deeper than {DEPTH_LIMIT}", "split it, or name a guard")
        builder = _BUILDERS.get(type(tree))
        if builder is None:
            what, remedy = _REFUSED.get(type(tree), (f"a {type(tree).__name__}", ""))
            self.refuse(tree, f"{what} is not part of the language", remedy)
        return builder(self, tree, depth + 1, names)

    def constant(self, tree: ast.Constant, depth: int, names: dict[str, int]) -> Node:
        value = tree.value
        if value is not None and not isinstance(value, (bool, int, float, str)):
            self.refuse(tree, f"a literal of type {type(value).__name__} is not part of the language")
        if isinstance(value, int) and abs(value) >= INTEGER_LIMIT:
            self.refuse(tree, "the integer is too large", "stay below 2 to the power of 63")
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(tree, "the number is too large")
        if isinstance(value, str) and len(value) > STRING_LIMIT:
            self.refuse(tree, f"the string is longer than {STRING_LIMIT} characters")
        return Constant(self.source(tree), value)

    def display(self, tree: ast.List | ast.Tuple, depth: int, names: dict[str, int]) -> Node:
        elements = tuple(self.build(element, depth, names) for element in tree.elts)
        make: Callable[[Iterable[object]], object] = list if isinstance(tree, ast.List) else tuple
        if all(isinstance(element, Constant) for element in elements):
            return Constant(self.source(tree), make(e.constant for e in elements if isinstance(e, Constant)))
        return Display(self.source(tree), elements, make)

    def name(self, tree: ast.Name, depth: int, names: dict[str, int]) -> Node:
        if tree.id in names:
            return Variable(self.source(tree), tree.id, names[tree.id])
        if tree.id in ROOTS:
            return Fact(self.source(tree), tree.id, ())
        if tree.id in FUNCTIONS:
            self.refuse(tree, f"{tree.id} is a function", f"write {tree.id}(…)")
        if tree.id in ("true", "false", "null", "none"):
            self.refuse(tree, f"unknown name {tree.id}", "write True, False or None")
        known = (*names, *ROOTS)
        hint = _closest(tree.id, known) or f"a guard reads {', '.join(known)}"
        raise self.error(tree, f"unknown name {tree.id}", f'{hint}; a word is a string: "{tree.id}"')

    def attribute(self, tree: ast.Attribute, depth: int, names: dict[str, int]) -> Node:
        if tree.attr.startswith("_"):
            self.refuse(tree, f"the name {tree.attr} begins with an underscore", "such names are private")
        base = self.build(tree.value, depth, names)
        if isinstance(base, Fact):
            return Fact(self.source(tree), base.root, (*base.names, tree.attr))
        if isinstance(base, (Constant, Display)):
            self.refuse(tree, f"{base.text} has no attributes")
        return Member(self.source(tree), base, tree.attr)

    def index(self, tree: ast.Subscript, depth: int, names: dict[str, int]) -> Node:
        base = self.build(tree.value, depth, names)
        key = self.build(tree.slice, depth, names)
        if isinstance(key, Display) or (isinstance(key, Constant) and not isinstance(key.constant, (str, int))):
            self.refuse(tree.slice, f"{key.text} is neither a place nor a key", "write a number or a string")
        return Index(self.source(tree), base, key)

    def compare(self, tree: ast.Compare, depth: int, names: dict[str, int]) -> Node:
        symbols = tuple(_COMPARISONS[type(op)] for op in tree.ops)
        operands = [self.build(operand, depth, names) for operand in (tree.left, *tree.comparators)]
        for symbol, operand, place in zip(symbols, operands[1:], tree.comparators, strict=True):
            if symbol.startswith("is") and not (isinstance(operand, Constant) and operand.constant is None):
                self.refuse(place, "`is` compares with None only", "write == or !=")
        text, symbol = self.source(tree), symbols[0]
        if len(symbols) > 1 or symbol not in _TESTS:
            return Chain(text, tuple(operands), symbols)
        return Compare(text, operands[0], symbol, operands[1], _TESTS[symbol], symbol != "!=")

    def joined(self, tree: ast.BoolOp, depth: int, names: dict[str, int]) -> Node:
        terms = tuple(self.condition(term, depth, names) for term in tree.values)
        return (And if isinstance(tree.op, ast.And) else Or)(self.source(tree), terms)

    def unary(self, tree: ast.UnaryOp, depth: int, names: dict[str, int]) -> Node:
        if isinstance(tree.op, ast.Not):
            return Not(self.source(tree), self.condition(tree.operand, depth, names))
        if not isinstance(tree.op, ast.USub):
            self.refuse(tree, "only `not` and `-` may stand before a value")
        operand = self.amount(tree.operand, depth, names)
        if isinstance(operand, Constant) and isinstance(operand.constant, (int, float, timedelta)):
            return Constant(self.source(tree), -operand.constant)
        return Negative(self.source(tree), operand)

    def arithmetic(self, tree: ast.BinOp, depth: int, names: dict[str, int]) -> Node:
        if type(tree.op) not in _OPERATORS:
            self.refuse(tree, f"the operator {type(tree.op).__name__} is not part of the language", "use + - * / // %")
        symbol, apply = _OPERATORS[type(tree.op)]
        left, right = self.amount(tree.left, depth, names), self.amount(tree.right, depth, names)
        return Arithmetic(self.source(tree), left, symbol, right, apply)

    def amount(self, tree: ast.expr, depth: int, names: dict[str, int]) -> Node:
        """The node, which must be able to be a number, a time or a duration."""
        node = self.build(tree, depth, names)
        literal = isinstance(node, Constant) and (isinstance(node.constant, bool) or not _is_amount(node.constant))
        if literal or node.gives or isinstance(node, Display):
            self.refuse(tree, f"arithmetic with {node.text}", "arithmetic takes numbers, times and durations only")
        return node

    def conditional(self, tree: ast.IfExp, depth: int, names: dict[str, int]) -> Node:
        test = self.condition(tree.test, depth, names)
        chosen, other = self.build(tree.body, depth, names), self.build(tree.orelse, depth, names)
        return Conditional(self.source(tree), test, chosen, other)

    def call(self, tree: ast.Call, depth: int, names: dict[str, int]) -> Node:
        if not isinstance(tree.func, ast.Name):
            self.refuse(tree, "only functions of the language may be called", f"they are {', '.join(FUNCTIONS)}")
        function = tree.func.id
        if function not in FUNCTIONS:
            hint = _closest(function, FUNCTIONS) or f"the functions are {', '.join(FUNCTIONS)}"
            self.refuse(tree, f"unknown function {_quoted(function)[1:-1]}()", hint)
        if len(tree.args) != 1 or tree.keywords:
            self.refuse(tree, f"{function}() takes exactly one value")
        if function in ("all", "any", "count"):
            return self.quantifier(tree, function, depth, names)
        if function in ("was", "in_state", "days_since"):
            return self.state(tree, function)
        if function == "size":
            return Size(self.source(tree), self.build(tree.args[0], depth, names))
        return self.converted(tree, function, depth, names)

    def state(self, tree: ast.Call, function: str) -> Node:
        argument = tree.args[0]
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str) or not argument.value:
            self.refuse(argument, f"{function}() takes the name of a state", f'write {function}("…")')
        if len(argument.value) > STRING_LIMIT:
            self.refuse(argument, f"the string is longer than {STRING_LIMIT} characters")
        kind = {"was": Was, "in_state": InState, "days_since": DaysSince}[function]
        return kind(self.source(tree), argument.value)

    def converted(self, tree: ast.Call, function: str, depth: int, names: dict[str, int]) -> Node:
        convert: Callable[[object], object] = _duration_of if function == "duration" else _timestamp_of
        operand = self.build(tree.args[0], depth, names)
        if not isinstance(operand, Constant):
            return Converted(self.source(tree), operand, convert)
        try:
            return Constant(self.source(tree), convert(operand.constant))
        except ValueError as error:
            self.refuse(tree.args[0], str(error))

    def quantifier(self, tree: ast.Call, function: str, depth: int, names: dict[str, int]) -> Node:
        generator = tree.args[0]
        if not isinstance(generator, ast.GeneratorExp):
            self.refuse(tree, f"{function}() takes a generator", f"write {function}(… for x in …)")
        if len(generator.generators) != 1 or generator.generators[0].is_async:
            self.refuse(tree, f"{function}() takes exactly one `for`", "nest another all(), any() or count() inside")
        loop = generator.generators[0]
        name = self.variable(loop.target, names)
        source = self.build(loop.iter, depth, names)
        inner = {**names, name: len(names)}
        conditions = tuple(self.condition(test, depth, inner) for test in loop.ifs)
        element = self.condition(generator.elt, depth, inner)
        cost = 1 + sum(_cost(part) for part in (*conditions, element))
        return Quantifier(self.source(tree), function, name, len(names), source, conditions, element, cost)

    def variable(self, target: ast.expr, names: dict[str, int]) -> str:
        """The generator's variable, which must be a new, plain name."""
        if not isinstance(target, ast.Name):
            self.refuse(target, "a generator has one variable", "write: for x in …")
        if target.id.startswith("_"):
            self.refuse(target, f"the name {target.id} begins with an underscore", "take another name")
        if target.id in (*names, *ROOTS, *FUNCTIONS):
            self.refuse(target, f"the name {target.id} is taken", "take another name")
        if len(names) >= GENERATOR_LIMIT:
            self.refuse(target, f"generators are nested deeper than {GENERATOR_LIMIT}", "name a guard")
        return target.id


def _is_amount(value: object) -> bool:
    return isinstance(value, _AMOUNTS)


def _cost(node: Node) -> int:
    """The nodes visited for one element, at most; a generator inside pays for its own elements."""
    parts = (node.source,) if isinstance(node, Quantifier) else node.parts
    return 1 + sum(_cost(part) for part in parts)


_BUILDERS: dict[type[ast.expr], Callable[[_Builder, Any, int, dict[str, int]], Node]] = {
    ast.Constant: _Builder.constant,
    ast.List: _Builder.display,
    ast.Tuple: _Builder.display,
    ast.Name: _Builder.name,
    ast.Attribute: _Builder.attribute,
    ast.Subscript: _Builder.index,
    ast.Compare: _Builder.compare,
    ast.BoolOp: _Builder.joined,
    ast.UnaryOp: _Builder.unary,
    ast.BinOp: _Builder.arithmetic,
    ast.IfExp: _Builder.conditional,
    ast.Call: _Builder.call,
}
