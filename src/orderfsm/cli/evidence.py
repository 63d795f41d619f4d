"""What is known beside a chart that is drawn: of one order, of all in a database, in files of refusals and coverage."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orderfsm
from orderfsm.coverage import Coverage
from orderfsm.diagrams import Overlay
from orderfsm.errors import LogError
from orderfsm.refusals import Refusals

from .answer import Misused
from .database import engine_of, told
from .records import entries_of, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

    from orderfsm.chart import Chart
    from orderfsm.history import Entry
    from orderfsm.sqlmodel import SqlStore

__all__ = ["Evidence"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The options of `draw` that say what is known, as they were given."""

    database: str | None = None
    lifecycle: str | None = None
    order: str | None = None
    counts: bool = False
    dwell: bool = False
    refusals: str | None = None
    coverage: tuple[str, ...] = ()
    findings: bool = False
    against: str | None = None

    def overlay(self, chart: Chart, current: str | None) -> Overlay:
        """All that is asked for, and the configuration that is to be marked."""
        found = replace(
            self._stored(chart),
            refusals=None if self.refusals is None else _refusals(Path(self.refusals), chart),
            covered=_covered(self.coverage, chart) if self.coverage else None,
            findings=orderfsm.check(chart) if self.findings else None,
        )
        if current is not None and self.order is not None:
            raise Misused("--at says where an order is, and --order finds it; give one of them")
        return found if current is None else replace(found, current=current)

    def _stored(self, chart: Chart) -> Overlay:
        """What the tables say."""
        if self.order is None and not self.counts and not self.dwell:
            if self.database is not None or self.lifecycle is not None:
                raise Misused("--database and --lifecycle say where, not what: add --order ID, --counts or --dwell")
            return Overlay()
        if self.database is None:
            raise Misused("--order, --counts and --dwell ask a database: write --database sqlite:///orders.db")
        with self._session(self.database) as session:
            return self._overlay(chart, session)

    @contextmanager
    def _session(self, database: str) -> Iterator[Session]:
        from sqlmodel import Session

        engine = engine_of(database)
        with told(engine), Session(engine) as session:
            yield session

    def _overlay(self, chart: Chart, session: Session) -> Overlay:
        from orderfsm.census import Census

        store, where = self._tables(chart)
        census = Census(chart, store)
        one = Overlay() if self.order is None else _way(self._own(entries_of(session, store, self.order), chart))
        return replace(
            one,
            counts=census.counts(session, *where) if self.counts else None,
            dwell=census.dwell(session, *where) if self.dwell else None,
        )

    def _own(self, entries: Sequence[Entry], chart: Chart) -> Sequence[Entry]:
        """The entries, unless they are of an order of another chart."""
        if entries[-1].chart != chart.name:
            raise Misused(f"order {self.order} lives by {entries[-1].chart}, not by {chart.name}; draw that one")
        return entries

    def _tables(self, chart: Chart) -> tuple[SqlStore, tuple[Any, ...]]:
        """A lifecycle's tables; or the ready-made ones, and of these the orders of the chart."""
        store = store_of(self.lifecycle)
        return store, (store.order.chart == chart.name,) if self.lifecycle is None else ()


def _way(entries: Sequence[Entry]) -> Overlay:
    """Where an order is, and how it came there."""
    return Overlay(entries[-1].after, tuple((entry.before or "", entry.after) for entry in entries))


def _refusals(path: Path, chart: Chart) -> dict[tuple[str, str, str], int]:
    try:
        with path.open(encoding="utf-8") as lines:
            return Refusals.read(lines).of(chart.name)
    except (LogError, ValueError) as error:
        raise Misused(f"--refusals: {path}: {error}") from None


def _covered(paths: tuple[str, ...], chart: Chart) -> set[tuple[str, str, str]]:
    """The steps of all files together."""
    found: set[tuple[str, str, str]] = set()
    for path in paths:
        try:
            found |= Coverage.loads(Path(path).read_text(encoding="utf-8")).of(chart.name)
        except (LogError, ValueError) as error:
            raise Misused(f"--coverage: {path}: {error}") from None
    return found
