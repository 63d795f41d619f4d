"""What a table does, cell by cell, as values that can be compared: two charts that do the same are the same here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfsm.cell import Choice
from orderfsm.chart import START

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orderfsm import Step, Table
    from orderfsm.cell import Node

__all__ = ["Cells", "behaviour", "differing", "doing"]

Cells = frozenset[tuple[str, str]]
"""(configuration, event); the configuration of a first step is START."""


def behaviour(table: Table) -> dict[tuple[str, str], Any]:
    """What every cell does."""
    starts = {(START, event): _shape(cell.node) for event, cell in table.starts.items()}
    return starts | {
        (text, event): _shape(cell.node) for text, row in table.rows.items() for event, cell in row.items()
    }


def _shape(node: Node) -> Any:
    if isinstance(node, Choice):
        return node.guard.name or "", node.guard.text, _shape(node.yes), _shape(node.no)
    return None if node is None else doing(node)


def doing(step: Step) -> tuple[Any, ...]:
    """All that a step does and asks for; by which arrows it does so is left out."""
    return step.after, step.exited, step.entered, step.actions, step.armed, step.disarmed, step.demand


def differing(table: Table, mine: Mapping[tuple[str, str], Any], other: Mapping[tuple[str, str], Any]) -> Cells:
    """The cells that differ from those of the table; of its configurations that the other one lacks all are named."""
    known = {configuration for configuration, _ in other}
    every = {cell for cell in (*mine, *other) if mine.get(cell) != other.get(cell)}
    return frozenset(every | set(_lost(table, known)))


def _lost(table: Table, known: set[str]) -> Iterator[tuple[str, str]]:
    events = {event for row in table.rows.values() for event in row}
    for text, row in table.rows.items():
        if row and text not in known:
            yield from ((text, event) for event in events)
