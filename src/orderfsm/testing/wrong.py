"""What is wrong in a send that must be refused: actors, reasons and payloads that a step does not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orderfsm import Reason

from .solving import fits

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.cell import Node
    from orderfsm.chart import Field, ReasonRule

    from .moves import Move

__all__ = ["broken_payloads", "reads", "wrong_reasons", "wrong_roles"]

_STRANGE: tuple[Any, ...] = ("", -1, 10**9, "x" * 300, True, [], {}, 0.5, None)


def wrong_roles(chart: Chart, move: Move) -> tuple[str, ...]:
    """Roles that no step of the move's cell allows, so that they are refused before any guard is asked."""
    steps = move.cell.steps
    roles = (*chart.actors, "somebody_else")
    return tuple(role for role in roles if all(any(role not in by for by in step.demand.by) for step in steps))


def wrong_reasons(chart: Chart, rule: ReasonRule, kind: str) -> tuple[Reason | str | None, ...]:
    """Reasons that the rule refuses with that blocker; () when it never does."""
    listed = rule.codes or tuple(chart.reasons.codes)
    closed = bool(rule.codes) or not chart.reasons.open
    if kind == "reason-forbidden":
        return (*listed[:2], Reason(text="because")) if rule.mode == "forbidden" else ()
    if kind == "reason-missing":
        text = (Reason(text="because"),) if rule.codes else ()
        return (None, *text) if rule.mode == "required" else ()
    return ("unheard_of",) if closed and rule.mode != "forbidden" and "unheard_of" not in listed else ()


def reads(move: Move) -> frozenset[str]:
    """The fields of the payload that guards of the move's cell read; `payload` itself when one reads it as a whole."""
    return frozenset(_reads(move.cell.node))


def _reads(node: Node) -> Iterator[str]:
    from orderfsm.cell import Choice

    if isinstance(node, Choice):
        expression = node.guard.expression
        for path in expression.reads if expression is not None else ():
            root, _, below = path.partition(".")
            if root == "payload":
                yield below.partition(".")[0].removesuffix("[]") or "payload"
        yield from _reads(node.yes)
        yield from _reads(node.no)


def broken_payloads(
    fields: tuple[Field, ...], payload: Mapping[str, Any], kind: str, read: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """The payload with one field missing or not fitting, of those that are not read by guards."""
    for field in fields if "payload" not in read else ():
        if field.name in read:
            continue
        if kind == "payload-missing" and field.required:
            yield {name: value for name, value in payload.items() if name != field.name}
        if kind == "payload-invalid":
            yield from ({**payload, field.name: value} for value in _STRANGE if not fits(field, value))
