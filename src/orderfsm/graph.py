"""Questions about the finite graph of a table: shortest ways, and what every or some way has passed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from .errors import StoredStateUnknown
from .table import compile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .cell import Configuration, Step
    from .chart import Chart
    from .table import Table

__all__ = ["Passed", "matches_state", "passed", "path", "steps_from", "unknown_configuration", "way"]


class Passed(NamedTuple):
    """States that every way to a configuration has been in, and states that some way has been in (both inclusive)."""

    always: frozenset[str]
    sometimes: frozenset[str]


def steps_from(table: Table, configuration: str | None) -> Iterator[Step]:
    """Every step that leads out of a configuration (None: the first steps), guards taken as satisfiable."""
    row = table.starts if configuration is None else table.rows[configuration]
    for cell in row.values():
        yield from cell.steps


def way(table: Table, origin: str | None, arrived: Callable[[Configuration], bool]) -> tuple[Step, ...] | None:
    """The shortest run of steps from `origin` (None: the very start) to a wanted configuration; () when there."""
    if origin is not None and arrived(table.configurations[origin]):
        return ()
    came: dict[str | None, Step | None] = {origin: None}
    waiting: deque[str | None] = deque([origin])
    while waiting:
        here = waiting.popleft()
        for step in steps_from(table, here):
            if step.after in came:
                continue
            came[step.after] = step
            if arrived(step.after):
                return _retrace(came, step, origin)
            waiting.append(step.after)
    return None


def _retrace(came: dict[str | None, Step | None], last: Step, origin: str | None) -> tuple[Step, ...]:
    steps = [last]
    while steps[-1].before != origin:
        previous = came[steps[-1].before]
        if previous is None:
            break
        steps.append(previous)
    return tuple(reversed(steps))


def matches_state(configuration: Configuration, name: str) -> bool:
    """Whether a name means this configuration: its text, one of its states, or one of its public codes."""
    return name == configuration or name in configuration.states or name in configuration.codes


def path(chart: Chart, configuration: str, to: str) -> tuple[Step, ...] | None:
    """The shortest legal steps from a configuration to a state, code or configuration; None when there are none.

    Guards count as satisfiable; among equally short ones the first in document order is taken. Raises
    StoredStateUnknown when the chart has no configuration of that text.
    """
    table = compile(chart)
    for name, value in (("configuration", configuration), ("to", to)):
        if not isinstance(value, str):
            raise TypeError(f"{name} is a text, not {type(value).__name__}")
    if configuration not in table.configurations:
        raise unknown_configuration(table, configuration)
    return way(table, configuration, lambda found: matches_state(found, to))


def unknown_configuration(table: Table, configuration: str) -> StoredStateUnknown:
    """The error for a text that names no configuration of this chart version."""
    chart = table.chart
    like = [text for text, found in table.configurations.items() if configuration in (*found.leaves, *found.codes)]
    hint = f"did you mean {' or '.join(like[:3])}?" if like else "was it stored by another version of the chart?"
    return StoredStateUnknown(
        f"{chart.name} {chart.version} ({chart.profile}) has no configuration {configuration!r}; {hint}"
    )


def passed(table: Table) -> dict[str, Passed]:
    """For each configuration what its past must and may have been in; the answer is kept with the table."""
    if "passed" not in table.memo:
        table.memo["passed"] = _passed(table)
    answer: dict[str, Passed] = table.memo["passed"]
    return answer


def _passed(table: Table) -> dict[str, Passed]:
    known: dict[str, Passed] = {}
    waiting: deque[Step] = deque(step for step in steps_from(table, None))
    while waiting:
        step = waiting.popleft()
        origin = Passed(frozenset(), frozenset()) if step.before is None else known[step.before]
        here = frozenset(step.entered) | step.after.states
        new = Passed(origin.always | here, origin.sometimes | here)
        old = known.get(step.after)
        merged = new if old is None else Passed(old.always & new.always, old.sometimes | new.sometimes)
        if merged != old:
            known[step.after] = merged
            waiting.extend(steps_from(table, step.after))
    return known
