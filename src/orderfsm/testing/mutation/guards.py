"""Guards changed a little: what is true of more calls is looser, what is true of fewer is tighter."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from orderfsm.errors import ExpressionError
from orderfsm.expression import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderfsm.expression import Expression

    Changed = tuple[bool, ast.expr]

__all__ = ["loosened", "tightened"]

BOUNDARIES: dict[type[ast.cmpop], tuple[bool, ast.cmpop]] = {
    ast.Gt: (True, ast.GtE()),
    ast.Lt: (True, ast.LtE()),
    ast.GtE: (False, ast.Gt()),
    ast.LtE: (False, ast.Lt()),
}
"""A comparison -> whether the one beside it is true more often, and that one."""


def loosened(guard: Expression) -> Iterator[Expression]:
    """The guard with one boundary moved or one term left out, so that it holds more often."""
    yield from _variants(guard, looser=True)


def tightened(guard: Expression) -> Iterator[Expression]:
    """The guard with one boundary moved or one alternative left out, so that it holds less often; its negation."""
    yield from _variants(guard, looser=False)
    yield parse(f"not ({guard.text})")


def _variants(guard: Expression, *, looser: bool) -> Iterator[Expression]:
    for more, tree in _changed(ast.parse(guard.text, mode="eval").body, upwards=True):
        if more is looser:
            try:
                yield parse(ast.unparse(tree))
            except ExpressionError:  # e.g. too long, once Python has written it
                continue


def _changed(node: ast.expr, *, upwards: bool) -> Iterator[Changed]:
    """The tree changed in one place, and whether the whole guard then holds more often.

    `upwards` says whether it does when this node does.
    """
    if isinstance(node, ast.BoolOp):
        yield from _joined(node, upwards=upwards)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from ((more, ast.UnaryOp(node.op, new)) for more, new in _changed(node.operand, upwards=not upwards))
    elif isinstance(node, ast.Compare):
        yield from ((more is upwards, new) for more, new in _compared(node))
    elif isinstance(node, ast.IfExp):
        yield from ((m, ast.IfExp(node.test, new, node.orelse)) for m, new in _changed(node.body, upwards=upwards))
        yield from ((m, ast.IfExp(node.test, node.body, new)) for m, new in _changed(node.orelse, upwards=upwards))
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.GeneratorExp):
        yield from _quantified(node, node.args[0], upwards=upwards)


def _joined(node: ast.BoolOp, *, upwards: bool) -> Iterator[Changed]:
    for place, part in enumerate(node.values):
        rest = _with(node.values, place)
        yield isinstance(node.op, ast.And) is upwards, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        for more, new in _changed(part, upwards=upwards):
            yield more, ast.BoolOp(node.op, _with(node.values, place, new))


def _compared(node: ast.Compare) -> Iterator[Changed]:
    for place, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
        if type(operator) in BOUNDARIES:
            more, beside = BOUNDARIES[type(operator)]
            yield more, ast.Compare(node.left, [*node.ops[:place], beside, *node.ops[place + 1 :]], node.comparators)
        if isinstance(operator, ast.In | ast.NotIn) and isinstance(right, ast.List) and len(right.elts) > 1:
            for which in range(len(right.elts)):
                fewer = ast.List(_with(right.elts, which), ast.Load())
                changed = ast.Compare(node.left, node.ops, _with(node.comparators, place, fewer))
                yield isinstance(operator, ast.NotIn), changed


def _quantified(call: ast.Call, generator: ast.GeneratorExp, *, upwards: bool) -> Iterator[Changed]:
    """What all() and any() ask of each element; count() is a number, of which a comparison makes what it likes."""
    if isinstance(call.func, ast.Name) and call.func.id in ("all", "any"):
        for more, new in _changed(generator.elt, upwards=upwards):
            yield more, ast.Call(call.func, [ast.GeneratorExp(new, generator.generators)], [])


def _with(parts: Sequence[ast.expr], place: int, *new: ast.expr) -> list[ast.expr]:
    return [*parts[:place], *new, *parts[place + 1 :]]
