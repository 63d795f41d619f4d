"""From Python's syntax tree to nodes; what is not in the language is refused with its place and a remedy."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from orderfsm.errors import ExpressionError

from .comparisons import comparison
from .facts import Constant, Display, Fact, Index, Member, Variable
from .logic import And, Conditional, Not, Or
from .node import Node
from .quantifier import Quantifier, cost
from .quantities import INTEGER_LIMIT, Arithmetic, Converted, Negative, Size, is_amount
from .scope import GENERATOR_LIMIT
from .shown import closest, quoted
from .states import DaysSince, InState, Was
from .syntax import LEFT_OUT, syntax
from .times import duration_of, timestamp_of

ROOTS = ("order", "payload", "actor", "now", "items", "history")
FUNCTIONS = ("size", "all", "any", "count", "was", "in_state", "days_since", "duration", "timestamp")
NODE_LIMIT = 500
DEPTH_LIMIT = 50
STRING_LIMIT = 500

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


def build(text: str) -> Node:
    """The node of the text, able to be true or false. Raises ExpressionError."""
    tree = syntax(text)
    return _Builder(text).condition(tree)


class _Builder:
    """Turns Python's syntax tree into nodes.

    `count` is the number of nodes so far, `depth` the nesting here; `names` are the generator variables here, the
    outermost first.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode()
        self.count = 0
        self.depth = 0
        self.names: list[str] = []

    def error(self, tree: ast.expr, message: str, remedy: str = "") -> ExpressionError:
        """The error, with the place of the subtree."""
        offset = len(self.data[: tree.col_offset].decode())
        return ExpressionError(message, text=self.text, offset=offset, remedy=remedy)

    def source(self, tree: ast.expr) -> str:
        """The text of the subtree."""
        return self.data[tree.col_offset : tree.end_col_offset].decode()

    def condition(self, tree: ast.expr) -> Node:
        """The node, which must be able to be true or false."""
        node = self.build(tree)
        if node.gives is False:
            raise self.error(tree, f"{node.text} is neither true nor false", "write a comparison")
        return node

    def build(self, tree: ast.expr) -> Node:
        """The node of one subtree, dispatched on its type."""
        self.count += 1
        if self.count > NODE_LIMIT:
            raise self.error(tree, f"the expression has more than {NODE_LIMIT} parts", "split it, or name a guard")
        if self.depth >= DEPTH_LIMIT:
            raise self.error(tree, f"the expression is nested deeper than {DEPTH_LIMIT}", "split it, or name a guard")
        builder = _BUILDERS.get(type(tree))
        if builder is None:
            what, remedy = LEFT_OUT.get(type(tree), (f"a {type(tree).__name__}", ""))
            raise self.error(tree, f"{what} is not part of the language", remedy)
        self.depth += 1
        node = builder(self, tree)
        self.depth -= 1
        return node

    def constant(self, tree: ast.Constant) -> Node:
        value = tree.value
        if value is not None and not isinstance(value, (bool, int, float, str)):
            raise self.error(tree, f"a literal of type {type(value).__name__} is not part of the language")
        if isinstance(value, int) and abs(value) >= INTEGER_LIMIT:
            raise self.error(tree, "the integer is too large", "stay below 2 to the power of 63")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(tree, "the number is too large")
        if isinstance(value, str) and len(value) > STRING_LIMIT:
            raise self.error(tree, f"the string is longer than {STRING_LIMIT} characters")
        return Constant(self.source(tree), value)

    def display(self, tree: ast.List | ast.Tuple) -> Node:
        elements = tuple(self.build(element) for element in tree.elts)
        make: Callable[[Iterable[object]], object] = list if isinstance(tree, ast.List) else tuple
        constants = [element.constant for element in elements if isinstance(element, Constant)]
        if len(constants) == len(elements):
            return Constant(self.source(tree), make(constants))
        return Display(self.source(tree), elements, make)

    def name(self, tree: ast.Name) -> Node:
        if tree.id in self.names:
            return Variable(self.source(tree), tree.id, self.names.index(tree.id))
        if tree.id in ROOTS:
            return Fact(self.source(tree), tree.id, ())
        if tree.id in FUNCTIONS:
            raise self.error(tree, f"{tree.id} is a function", f"write {tree.id}(…)")
        if tree.id in ("true", "false", "null", "none"):
            raise self.error(tree, f"unknown name {tree.id}", "write True, False or None")
        known = (*self.names, *ROOTS)
        hint = closest(tree.id, known) or f"a guard reads {', '.join(known)}"
        raise self.error(tree, f"unknown name {tree.id}", f'{hint}; a word is a string: "{tree.id}"')

    def attribute(self, tree: ast.Attribute) -> Node:
        if tree.attr.startswith("_"):
            raise self.error(tree, f"the name {tree.attr} begins with an underscore", "such names are private")
        base = self.build(tree.value)
        if isinstance(base, Fact):
            return Fact(self.source(tree), base.root, (*base.names, tree.attr))
        if isinstance(base, (Constant, Display)):
            raise self.error(tree, f"{base.text} has no attributes")
        return Member(self.source(tree), base, tree.attr)

    def index(self, tree: ast.Subscript) -> Node:
        base = self.build(tree.value)
        key = self.build(tree.slice)
        if isinstance(key, Display) or (isinstance(key, Constant) and not isinstance(key.constant, (str, int))):
            raise self.error(tree.slice, f"{key.text} is neither a place nor a key", "write a number or a string")
        return Index(self.source(tree), base, key)

    def compare(self, tree: ast.Compare) -> Node:
        symbols = tuple(_COMPARISONS[type(op)] for op in tree.ops)
        operands = tuple(self.build(operand) for operand in (tree.left, *tree.comparators))
        for symbol, operand, place in zip(symbols, operands[1:], tree.comparators, strict=True):
            if symbol.startswith("is") and not (isinstance(operand, Constant) and operand.constant is None):
                raise self.error(place, "`is` compares with None only", "write == or !=")
        return comparison(self.source(tree), operands, symbols)

    def joined(self, tree: ast.BoolOp) -> Node:
        terms = tuple(self.condition(term) for term in tree.values)
        return (And if isinstance(tree.op, ast.And) else Or)(self.source(tree), terms)

    def unary(self, tree: ast.UnaryOp) -> Node:
        if isinstance(tree.op, ast.Not):
            return Not(self.source(tree), self.condition(tree.operand))
        if not isinstance(tree.op, ast.USub):
            raise self.error(tree, "only `not` and `-` may stand before a value")
        operand = self.amount(tree.operand)
        if isinstance(operand, Constant) and isinstance(operand.constant, (int, float, timedelta)):
            return Constant(self.source(tree), -operand.constant)
        return Negative(self.source(tree), operand)

    def arithmetic(self, tree: ast.BinOp) -> Node:
        if type(tree.op) not in _OPERATORS:
            what = type(tree.op).__name__
            raise self.error(tree, f"the operator {what} is not part of the language", "use + - * / // %")
        symbol, apply = _OPERATORS[type(tree.op)]
        left, right = self.amount(tree.left), self.amount(tree.right)
        return Arithmetic(self.source(tree), left, symbol, right, apply)

    def amount(self, tree: ast.expr) -> Node:
        """The node, which must be able to be a number, a time or a duration."""
        node = self.build(tree)
        wrong = isinstance(node, Constant) and not is_amount(node.constant)
        if wrong or node.gives or isinstance(node, Display):
            raise self.error(tree, f"arithmetic with {node.text}", "arithmetic takes numbers, times and durations only")
        return node

    def conditional(self, tree: ast.IfExp) -> Node:
        test = self.condition(tree.test)
        chosen, other = self.build(tree.body), self.build(tree.orelse)
        return Conditional(self.source(tree), test, chosen, other)

    def call(self, tree: ast.Call) -> Node:
        if not isinstance(tree.func, ast.Name):
            raise self.error(tree, "only functions of the language may be called", f"they are {', '.join(FUNCTIONS)}")
        function = tree.func.id
        if function not in FUNCTIONS:
            hint = closest(function, FUNCTIONS) or f"the functions are {', '.join(FUNCTIONS)}"
            raise self.error(tree, f"unknown function {quoted(function)[1:-1]}()", hint)
        if len(tree.args) != 1 or tree.keywords:
            raise self.error(tree, f"{function}() takes exactly one value")
        if function in ("all", "any", "count"):
            return self.quantifier(tree, function)
        if function in ("was", "in_state", "days_since"):
            return self.state(tree, function)
        if function == "size":
            return Size(self.source(tree), self.build(tree.args[0]))
        return self.converted(tree, function)

    def state(self, tree: ast.Call, function: str) -> Node:
        argument = tree.args[0]
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str) or not argument.value:
            raise self.error(argument, f"{function}() takes the name of a state", f'write {function}("…")')
        if len(argument.value) > STRING_LIMIT:
            raise self.error(argument, f"the string is longer than {STRING_LIMIT} characters")
        kind = {"was": Was, "in_state": InState, "days_since": DaysSince}[function]
        return kind(self.source(tree), argument.value)

    def converted(self, tree: ast.Call, function: str) -> Node:
        convert: Callable[[object], object] = duration_of if function == "duration" else timestamp_of
        operand = self.build(tree.args[0])
        if not isinstance(operand, Constant):
            return Converted(self.source(tree), operand, convert)
        try:
            return Constant(self.source(tree), convert(operand.constant))
        except ValueError as error:
            raise self.error(tree.args[0], str(error)) from error

    def quantifier(self, tree: ast.Call, function: str) -> Node:
        generator = tree.args[0]
        if not isinstance(generator, ast.GeneratorExp):
            raise self.error(tree, f"{function}() takes a generator", f"write {function}(… for x in …)")
        if len(generator.generators) != 1 or generator.generators[0].is_async:
            remedy = "nest another all(), any() or count() inside"
            raise self.error(tree, f"{function}() takes exactly one `for`", remedy)
        loop = generator.generators[0]
        name, slot = self.variable(loop.target), len(self.names)
        source = self.build(loop.iter)
        self.names.append(name)
        conditions = tuple(self.condition(test) for test in loop.ifs)
        element = self.condition(generator.elt)
        self.names.pop()
        each = 1 + sum(cost(part) for part in (*conditions, element))
        return Quantifier(self.source(tree), function, name, slot, source, conditions, element, each)

    def variable(self, target: ast.expr) -> str:
        """The generator's variable, which must be a new, plain name."""
        if not isinstance(target, ast.Name):
            raise self.error(target, "a generator has one variable", "write: for x in …")
        if target.id.startswith("_"):
            raise self.error(target, f"the name {target.id} begins with an underscore", "take another name")
        if target.id in (*self.names, *ROOTS, *FUNCTIONS):
            raise self.error(target, f"the name {target.id} is taken", "take another name")
        if len(self.names) >= GENERATOR_LIMIT:
            raise self.error(target, f"generators are nested deeper than {GENERATOR_LIMIT}", "name a guard")
        return target.id


_BUILDERS: dict[type[ast.expr], Callable[[_Builder, Any], Node]] = {
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
