"""Writing the same step of many orders at once: their entries, and what follows an entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sqlalchemy.exc import IntegrityError

from orderfsm.sqlmodel.given import Unfit
from orderfsm.sqlmodel.store import values_of

from .binding import Decision
from .following import RollUp
from .savepoint import savepoint
from .written import Written

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from orderfsm.cell import Step
    from orderfsm.history import Entry
    from orderfsm.sqlmodel.many import ManyStatements

    from .binding import Binding
    from .request import Request

    Standing = tuple[Any, str | None, int]
    Steps = dict[Step, list[Standing]]

__all__ = ["Together"]


@runtime_checkable
class Gathering(Protocol):
    """A follower that can write for many orders at once."""

    def recorded_many(self, session: Session, written: Written) -> None:
        """Entries were written."""


@runtime_checkable
class Selective(Protocol):
    """A follower that has nothing to write for most orders, and knows for which it has."""

    def bound(self, session: Session, keys: Sequence[Any]) -> set[Any]:
        """Those of these orders that have to be written one by one."""
        ...


class _Stuck(Exception):
    """Orders whose own order does not follow them."""

    def __init__(self, keys: set[Any]) -> None:
        self.keys = keys


class Together:
    """Writes for the orders of one chunk, which are locked and were found at the revisions that are told here."""

    def __init__(self, orders: Binding, session: Session, statements: ManyStatements, request: Request) -> None:
        self._orders, self._session, self._statements, self._request = orders, session, statements, request
        self._connection = session.connection(orders.store.bind)

    def write(self, steps: Steps) -> tuple[list[Written], list[Standing]]:
        """What was written, and the orders that are left, to be sent to one by one."""
        steps, left = self._separated(steps)
        rollups = [follower for follower in self._orders._followers if isinstance(follower, RollUp)]
        while rollups:
            try:
                with savepoint(self._session, self._orders.store.bind):
                    return self._rolled_up(steps, left, rollups)
            except _Stuck as error:
                left += [row for rows in steps.values() for row in rows if row[0] in error.keys]
                steps = _without(steps, error.keys)
        written, others = self._write(steps)
        return written, left + others

    def _rolled_up(
        self, steps: Steps, left: list[Standing], rollups: list[RollUp]
    ) -> tuple[list[Written], list[Standing]]:
        written, others = self._write(steps)
        stuck = {key for rollup in rollups for key in rollup.recorded_many(self._session, written)}
        if stuck:
            raise _Stuck(stuck)
        return written, left + others

    def _separated(self, steps: Steps) -> tuple[Steps, list[Standing]]:
        """The orders for which everything that follows can be written at once, and the others."""
        together: Steps = {}
        left: list[Standing] = []
        for step, rows in steps.items():
            bound = self._bound(step, [row[0] for row in rows])
            left += [row for row in rows if bound is None or row[0] in bound]
            if bound is not None and len(bound) < len(rows):
                together[step] = [row for row in rows if row[0] not in bound] if bound else rows
        return together, left

    def _bound(self, step: Step, keys: Sequence[Any]) -> set[Any] | None:
        """The orders that have to go one by one, because of what follows an entry of this step; None for all."""
        bound: set[Any] = set()
        for follower in self._concerned(step):
            if isinstance(follower, Selective):
                try:
                    bound |= follower.bound(self._session, keys)
                except Unfit:
                    return None
            elif not isinstance(follower, Gathering):
                return None
        return bound

    def _concerned(self, step: Step) -> list[Any]:
        """Those who follow an entry of this step, the roll-up apart, which comes last."""
        decided = Decision(str(step.before), 0, step.after, step)
        followers = zip(self._orders._followers, self._orders._concerns, strict=True)
        return [each for each, concerns in followers if not isinstance(each, RollUp) and concerns(decided)]

    def _write(self, steps: Mapping[Step, Sequence[Standing]]) -> tuple[list[Written], list[Standing]]:
        done: list[Written] = []
        left: list[Standing] = []
        for step, rows in steps.items():
            entry = self._orders._entry(None, self._request, Decision(str(step.before), 0, step.after, step))
            through, others = self._record(entry, rows)
            left += others
            if through:
                keys, sequences = [row[0] for row in through], [row[2] + 1 for row in through]
                done.append(Written(keys, sequences, entry, step))
        for written in done:
            self._follow(written)
        return done, left

    def _record(self, entry: Entry, rows: Sequence[Standing]) -> tuple[Sequence[Standing], Sequence[Standing]]:
        """Append the entries; the orders that got theirs, and those that did not."""
        values = values_of((), entry, self._request.fingerprint)[:-1]
        keys, _, revisions = zip(*rows, strict=True)
        try:
            count = self._statements.record(self._connection, keys, revisions, values)
        except Unfit:
            return (), rows
        except IntegrityError as error:
            raise self._orders.registrar.refused(self._connection, error) from error
        if count == len(rows):
            return rows, ()
        there = self._statements.keyed(self._connection, keys, str(self._request.key))
        return [row for row in rows if row[0] in there], [row for row in rows if row[0] not in there]

    def _follow(self, written: Written) -> None:
        for follower in self._concerned(written.step):
            if isinstance(follower, Gathering):
                follower.recorded_many(self._session, written)


def _without(steps: Steps, keys: Iterable[Any]) -> Steps:
    kept = {step: [row for row in rows if row[0] not in keys] for step, rows in steps.items()}
    return {step: rows for step, rows in kept.items() if rows}
