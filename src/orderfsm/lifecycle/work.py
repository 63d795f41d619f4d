"""An event for the orders of one chunk: where they stand, what is decided for each, the verdicts.

The verdicts and the histories are those of sending to one order after the other. It is decided once per configuration
where guards read the call alone, and order by order where they read what the order is and was. Orders are sent to one
by one when guards read the application's facts, which may tell of other orders.
"""

from __future__ import annotations

import contextlib
import functools
from collections import defaultdict
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm.attributes import instance_state

from orderfsm.errors import Conflict, GuardFailed, KeyReused, NotOpened, OrderFsmError, Refused
from orderfsm.sqlmodel.given import Unfit

from .binding import standing
from .request import utc
from .together import Together
from .verdict import Verdict, outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from orderfsm.cell import Step
    from orderfsm.sqlmodel.many import ManyStatements

    from .binding import Binding, Decision
    from .request import Request
    from .written import Written

    Standing = tuple[Any, str | None, int]
    Steps = dict[Step, list[Standing]]

__all__ = ["Work"]

TRIES = 4
"""How often an order is tried that somebody else moves in the meantime."""

LOADED = 500
"""How many orders are loaded by one query."""


class Work:
    """A chunk in a session's transaction: orders that were read, and are locked.

    `asking` are the configurations in which a guard reads more than the call, `targets` those that the event leads to;
    `fresh` says that no entry has the request's key yet.
    """

    def __init__(
        self,
        orders: Binding,
        session: Session,
        statements: ManyStatements,
        request: Request,
        asking: frozenset[str],
        targets: frozenset[str],
        *,
        fresh: bool,
    ) -> None:
        self._orders, self._store, self._session = orders, orders.store, session
        self._statements, self._asking, self._targets, self._fresh = statements, asking, targets, fresh
        self._connection = session.connection(self._store.bind)
        self._request = _stamped(request, orders)
        self._told: dict[Any, Verdict] = {}

    def verdicts(self, rows: Sequence[Standing]) -> list[Verdict]:
        """Send to these orders."""
        held = self._held(rows)
        try:
            unused = self._unused(rows)
        except Unfit:
            return [self.alone(row[0]) for row in rows]
        steps, alone = self._decided(unused)
        if steps and self._connection.engine not in self._orders.registrar.sure:
            self._orders.registrar(self._connection)
        if steps:
            written, left = Together(self._orders, self._session, self._statements, self._request).write(steps)
            alone += left
            for each in written:
                self._applied(each, held)
        for row in sorted(alone, key=rows.index) if len(alone) > 1 else alone:
            self._told[row[0]] = self.alone(row[0])
        return [self._told[row[0]] for row in rows]

    # --- what was sent before

    def _unused(self, rows: Sequence[Standing]) -> Sequence[Standing]:
        """The orders that this batch has not reached before; the others are told so. Raises Unfit."""
        if self._fresh or not rows:
            return rows
        used = self._statements.keyed(self._connection, [row[0] for row in rows], str(self._request.key))
        for row in rows:
            if row[0] in used:
                self._repeated(row, *used[row[0]])
        return [row for row in rows if row[0] not in used]

    def _repeated(self, row: Standing, sequence: int, fingerprint: str | None) -> None:
        key = row[0]
        if fingerprint == self._request.fingerprint:
            self._told[row[0]] = Verdict(key, "duplicate", row[1], sequence)
            return
        said = f"{self._name(key)} has entry {sequence} of a batch {self._request.key!r} that was another request"
        where = {"configuration": str(row[1]), "revision": row[2]}
        self._tell(row, KeyReused(f"{said}; a new request needs a new id", **where))  # type: ignore[arg-type]

    # --- deciding

    def _decided(self, rows: Sequence[Standing]) -> tuple[Steps, list[Standing]]:
        """The orders by the step that they take, and those that are to be sent to one by one."""
        steps: Steps = {}
        alone: list[Standing] = []
        for configuration, group in _grouped(rows).items():
            if configuration is None:
                self._not_opened(group)
            elif configuration not in self._asking:
                self._decided_once(configuration, group, steps)
            elif self._orders.facts is None:
                self._decided_each(configuration, group, steps)
            else:
                alone += group
        return steps, alone

    def _not_opened(self, rows: Sequence[Standing]) -> None:
        for row in rows:
            try:
                standing(self._name, row[0], row[1], row[2], None)
            except NotOpened as error:
                self._tell(row, _plain(error))

    def _decided_once(self, configuration: str, rows: list[Standing], steps: Steps) -> None:
        """One answer for all orders of a configuration."""
        try:
            decided = self._orders._decided(configuration, 0, self._request, None)
        except OrderFsmError as error:
            plain = _plain(error)
            for row in rows:
                self._tell(row, plain)
        else:
            steps.setdefault(_step(decided), []).extend(rows)

    def _decided_each(self, configuration: str, rows: list[Standing], steps: Steps) -> None:
        """An answer for each order, of which guards read what it is and was."""
        loaded = self._loaded(rows)
        for row in rows:
            order = loaded[row[0]]
            facts = functools.partial(self._orders._known, self._session, order)
            try:
                decided = self._orders._decided(configuration, row[2], self._request, facts)
                if self._request.claimed:
                    self._orders._verify_claim(self._session, order, self._request, decided)
            except OrderFsmError as error:
                self._tell(row, _plain(error))
            else:
                steps.setdefault(_step(decided), []).append(row)

    def _loaded(self, rows: Sequence[Standing]) -> dict[Any, Any]:
        """The orders as objects, as they stand."""
        keys = [column for _, column, _ in self._store.pairing.keys]
        found: dict[Any, Any] = {}
        for begin in range(0, len(rows), LOADED):
            some = [row[0] for row in rows[begin : begin + LOADED]]
            mine = tuple_(*keys).in_(some) if len(keys) > 1 else keys[0].in_(some)
            query = select(self._store.order).where(mine).execution_options(populate_existing=True)
            found |= {self._store.key(order): order for order in self._session.scalars(query)}
        return found

    # --- one by one

    def alone(self, key: Any) -> Verdict:
        """Send to one order, again when somebody else was quicker."""
        error: Any = None
        for _ in range(TRIES):
            order = self._session.get(self._store.order, key)
            if order is None:
                return Verdict(key, "unknown")
            try:
                return self._sent(key, order)
            except Conflict as lost:
                error = _plain(lost)
        return Verdict(key, "conflict", error and error.configuration, None, error)

    def _sent(self, key: Any, order: Any) -> Verdict:
        configuration, revision = self._store.reload(self._session, order)
        try:
            entry = self._orders._carry_out(self._session, order, replace(self._request), self._orders._next)
        except OrderFsmError as error:
            outcome = outcome_of(error, configuration, self._targets)
            if outcome == "conflict":
                raise
            return Verdict(key, outcome, configuration, None, _plain(error))
        if entry.sequence <= revision:
            return Verdict(key, "duplicate", configuration, entry.sequence)
        return Verdict(key, "applied", entry.after, entry.sequence)

    # --- telling

    def _name(self, key: Any) -> str:
        return f"{self._store.order.__name__} {key}"

    def _tell(self, row: Standing, error: OrderFsmError) -> None:
        outcome = outcome_of(error, row[1], self._targets)
        self._told[row[0]] = Verdict(row[0], outcome, row[1], None, error)

    def _applied(self, written: Written, held: Mapping[Any, Any]) -> None:
        """Tell so, and bring the objects in memory up to date."""
        keys, sequences = written.keys, written.sequences
        told = zip(keys, repeat("applied"), repeat(str(written.entry.after)), sequences, repeat(None))
        self._told.update(zip(keys, map(Verdict._make, told), strict=True))
        for key, sequence in zip(keys, sequences, strict=True) if held else ():
            if key in held:
                order, entry = held[key], replace(written.entry, sequence=sequence)
                self._store._remember(self._session, order, instance_state(order), entry)

    def _held(self, rows: Sequence[Standing]) -> dict[Any, Any]:
        """The orders of these that the session has in memory; those that have moved since are read anew."""
        objects = self._session.identity_map.values() if len(self._session.identity_map) else ()
        found = {self._store.key(each): each for each in objects if isinstance(each, self._store.order)}
        if not found:
            return found
        held = {row[0]: found[row[0]] for row in rows if row[0] in found}
        for row in rows:
            if row[0] in held:
                state = held[row[0]].__dict__
                if (state.get("configuration"), state.get("revision")) != (row[1], row[2]):
                    self._store.reload(self._session, held[row[0]])
        return held


def _stamped(request: Request, orders: Binding) -> Request:
    """The request as of now, under lock, so that a history's `recorded_at` does not go backwards."""
    now = utc("the clock", orders.clock())
    return replace(request, recorded_at=now, occurred_at=request.occurred_at if request.claimed else now)


def _grouped(rows: Sequence[Standing]) -> dict[str | None, list[Standing]]:
    """The orders by configuration; those that were not opened have none."""
    found: dict[str | None, list[Standing]] = defaultdict(list)
    for row in rows:
        found[row[1]].append(row)
    return found


def _step(decided: Decision) -> Step:
    assert decided.step is not None  # noqa: S101 - events lead by arrows
    return decided.step


def _plain(error: Any) -> Any:
    """An error to be kept: its blockers are worked out, and it holds on to nothing."""
    if isinstance(error, Refused):
        with contextlib.suppress(GuardFailed):
            _ = error.blockers
    error.__context__ = None
    return error.with_traceback(None)
