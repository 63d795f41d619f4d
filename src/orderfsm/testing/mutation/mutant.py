"""Mutants: charts that were changed in one place and behave otherwise than before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orderfsm import compile
from orderfsm.errors import ChartError

from .behaviour import behaviour, differing
from .changes import KINDS, Change, changes
from .witness import witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderfsm import Chart
    from orderfsm.testing.send import Attempt

    from .behaviour import Cells

__all__ = ["Mutant", "mutants"]


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """A chart that was changed in one place: `chart` has the name and the hash of the `original`, and other behaviour.

    `kind` is a key of KINDS, `sentence` says what was changed, `at` where: an arrow's place in `original.transitions`
    or the name of a state. `cells` are the (configuration, event) in which the two differ; START for first steps.
    """

    kind: str
    sentence: str
    at: int | str
    original: Chart
    chart: Chart
    cells: Cells

    def witness(self) -> Attempt | None:
        """The shortest attempt of the original of which the mutant makes something else; None when none was found.

        That none was found proves nothing; often the change makes no difference to any value that can be sent.
        """
        return witness(self.original, self.chart, self.cells)

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"<Mutant {self.kind}: {self.sentence}>"


def mutants(chart: Chart, *, kinds: Iterable[str] = tuple(KINDS)) -> Iterator[Mutant]:
    """The mutants of a chart, by kind and in document order.

    Left out are those that do not compile, those that behave as the chart does, and those that behave as one before.
    Raises ValueError for a kind that does not exist.
    """
    wanted = dict.fromkeys(kinds)
    for kind in wanted:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r} of mutants; choose from {', '.join(KINDS)}")
    return _mutants(chart, wanted)


def _mutants(chart: Chart, kinds: Iterable[str]) -> Iterator[Mutant]:
    before = behaviour(compile(chart))
    seen: set[Any] = set()
    for change in (change for kind in kinds for change in changes(chart, kind)):
        after = _behaviour(change)
        cells = differing(compile(chart), before, after) if after is not None else None
        if after is None or not cells:
            continue
        alike = frozenset((cell, after.get(cell)) for cell in cells)
        if alike not in seen:
            seen.add(alike)
            yield Mutant(change.kind, change.sentence, change.at, chart, change.chart, cells)


def _behaviour(change: Change) -> dict[tuple[str, str], Any] | None:
    """What the changed chart does; None when it does not compile."""
    try:
        return behaviour(compile(change.chart))
    except ChartError:
        return None
