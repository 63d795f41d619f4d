"""Following public codes: is there a legal life that shows them?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .arguments import expect
from .chart import START
from .errors import Blocker, NotEnabled
from .graph import steps_from, way
from .table import compile

if TYPE_CHECKING:
    from .cell import Step
    from .chart import Chart
    from .table import Table

__all__ = ["trace"]


def trace(chart: Chart, codes: Iterable[str]) -> tuple[Step, ...]:
    """One Step per code, from the start of an order on; among several lives the first in document order.

    The question is whether some legal life shows these codes: guards, actors and reasons count as satisfiable. The
    first code must be an initial one. Aliases are understood under the full profile. Raises NotEnabled with `index`,
    the place of the first code that no such life can show.
    """
    if isinstance(codes, str):
        raise TypeError(f"codes is a list of codes, not one text; give [{codes!r}]")
    table = compile(chart)
    layers: list[dict[str | None, Step]] = []
    shown = [chart.aliases.get(code, code) for code in _texts(codes)]
    for index, code in enumerate(shown):
        layer: dict[str | None, Step] = {}
        origins: tuple[str | None, ...] = tuple(layers[-1]) if layers else (None,)
        for origin in origins:
            for step in steps_from(table, origin):
                if step.after.code == code:
                    layer.setdefault(step.after, step)
        if not layer:
            raise _refused(table, shown, index, origins[0])
        layers.append(layer)
    return _retrace(layers)


def _texts(codes: Any) -> list[str]:
    given = list(codes) if isinstance(codes, Iterable) else codes
    expect({"codes": given})
    return list(given)


def _retrace(layers: list[dict[str | None, Step]]) -> tuple[Step, ...]:
    steps: list[Step] = []
    at = next(iter(layers[-1]), None) if layers else None
    for layer in reversed(layers):
        step = layer[at]
        steps.append(step)
        at = step.before
    return tuple(reversed(steps))


def _refused(table: Table, codes: list[str], index: int, here: str | None) -> NotEnabled:
    refused = NotEnabled(table.chart.name, here or START, codes[index], lambda: (_blocker(table, codes, index, here),))
    refused.index = index
    return refused


def _blocker(table: Table, codes: list[str], index: int, here: str | None) -> Blocker:
    chart, code = table.chart, codes[index]
    enabled = list(table.starts if here is None else table.rows[here])
    parameters = {"index": index, "code": code, "enabled": enabled}
    if code not in chart.codes:
        said = f"{chart.name} has no code {code!r}; it has {', '.join(chart.codes)}"
        return Blocker("unknown-code", said, parameters)
    if here is None:
        first = ", ".join(dict.fromkeys(str(step.after.code) for step in steps_from(table, None)))
        return Blocker("not-initial", f"no order of {chart.name} begins as {code}; it begins as {first}", parameters)
    here_too = ", ".join(enabled) or "nothing"
    said = f"no event of {chart.name} leads from {codes[index - 1]} to {code}; enabled here: {here_too}"
    steps = way(table, here, lambda found: found.code == code)
    if steps and len(steps) > 1:
        said += f"; the shortest way there: {', '.join(step.event for step in steps)}"
    return Blocker("not-enabled", said, parameters | {"path": [step.event for step in steps or ()]})
