"""A lifecycle: a chart bound to a service's tables. Open an order, send it events, ask what is allowed, read its past.

Everything happens in the caller's session and transaction: we flush, the caller commits. A refusal, a conflict or any
other error of ours has written nothing, and the session can be used on. Every method has an `a…` twin for an
AsyncSession.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from . import outlook, sighting
from .call import Call
from .chart import START
from .errors import ChartError, Conflict, KeyReused, MissingGuard, NotOpened, OrderFsmError
from .history import ADOPTED, Entry
from .outlook import Allowed, Explanation
from .request import NOBODY, Known, Request
from .step import start, step, unknown_configuration
from .table import OPEN, compile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

    from .bases import Stateful
    from .call import Answer
    from .cell import Configuration
    from .chart import Chart
    from .history import Actor, Link, Reason
    from .store import SqlStore
    from .table import Table

    Facts = Callable[[Session, Any], Mapping[str, Any]]
    Decision = tuple[str, int, Configuration]
    """Where the order was, its revision, and where it goes."""

__all__ = ["Allowed", "Explanation", "Lifecycle", "lost_race"]

P = ParamSpec("P")
R = TypeVar("R")


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def _twin(
    method: Callable[Concatenate[Lifecycle, Session, P], R],
) -> Callable[Concatenate[Lifecycle, AsyncSession, P], Coroutine[Any, Any, R]]:
    """The same method for an AsyncSession."""

    async def twin(self: Lifecycle, session: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await session.run_sync(functools.partial(method, self), *args, **kwargs)

    twin.__name__ = twin.__qualname__ = f"a{method.__name__}"
    twin.__doc__ = f"`{method.__name__}` in an AsyncSession."
    return twin


class Lifecycle:
    """A chart bound to the tables of a store, with the functions for its named guards and the application's facts.

    `facts(session, order)` gives what guards read beside `order`, `payload`, `actor`, `now` and `history`; it is called
    when a guard asks, and is the only place that may query. `clock` gives aware datetimes. Raises MissingGuard when the
    chart names a guard that is not in `guards`, ChartError for one that the chart does not name and for a chart that
    does not compile.
    """

    def __init__(
        self,
        chart: Chart,
        store: SqlStore,
        *,
        guards: Mapping[str, Answer] | None = None,
        facts: Facts | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.chart = chart
        self.store = store
        self.guards: Mapping[str, Answer] = dict(guards or {})
        self.facts = facts
        self.clock = clock
        self.table: Table = compile(chart)
        _verify_guards(chart, self.guards)

    # --- commands

    def open(
        self,
        session: Session,
        order: Stateful,
        event: str = OPEN,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Begin the life of an order and return its first entry; a new order is added to the session and flushed.

        Raises NotOpened when the order was opened before, Refused, Conflict, KeyReused.
        """
        request = Request(event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by)
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._beginning)

    def send(
        self,
        session: Session,
        order: Stateful,
        event: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "send",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Send an event to an order and return the entry that was written.

        `key`, unique per order, makes it safe to send again: the same request returns its first entry and writes
        nothing, also when the event would no longer be legal. `expected_revision` is the revision that the caller has
        seen.

        Raises Refused and its kinds, Conflict when somebody moved first (the order is read anew, so that the call may
        be repeated), KeyReused, NotOpened, StoredStateUnknown, GuardFailed.
        """
        request = Request(
            event, event, actor, origin, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._next)

    def report(
        self,
        session: Session,
        order: Stateful,
        seen: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "report",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Tell of a state that was seen outside (a code, an alias of one, a state, a configuration); return the entry.

        The event is looked up: among those that may be sent as asked, all that lead to what was seen must lead to the
        same configuration; of several that do, the first in document order is recorded. What the order already shows is
        a redelivery: the last entry is returned and nothing is written.

        Raises Ambiguous when what was seen could be several configurations, the refusal of the events that lead there
        when all are refused, NotEnabled when none does, and what `send` raises.
        """
        seen = self.chart.aliases.get(seen, seen)
        asked = f"report {seen}"
        request = Request(
            asked, seen, actor, origin, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        request.settle(self.clock())
        return self._shown(session, order, request) or self._carry_out(session, order, request, self._seen)

    def adopt(
        self,
        session: Session,
        order: Stateful,
        state: str,
        *,
        actor: Actor | str | None = None,
        origin: str = "adopt",
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Take in an order that already exists, in the state (configuration, code, alias or state name) that it has.

        Its first entry has the event `adopt`; what was before is unknown to its history. Raises Ambiguous when several
        configurations fit, NotEnabled when none does, NotOpened when the order already has a history.
        """
        state = self.chart.aliases.get(state, state)
        asked = f"adopt {state}"
        request = Request(asked, state, actor, origin, reason, links, payload, key, occurred_at, caused_by)
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._taken_in)

    # --- questions

    def allowed(
        self,
        session: Session,
        order: Stateful,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
    ) -> tuple[Allowed, ...]:
        """The events that may be sent now, in document order, with what each needs; before opening, those that open.

        What is left out is needed, what is given is checked: with an actor, the events of others are not in the answer.
        """
        call = self._asking(session, order, Request("", "", actor, "", reason, links, payload))
        return tuple(outlook.allowed(self.table, call))

    def explain(
        self,
        session: Session,
        order: Stateful,
        event: str | None = None,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
    ) -> tuple[Explanation, ...]:
        """Why an event (or each event of the chart) may not be sent as asked, and the shortest way to it."""
        request = Request("", "", NOBODY if actor is None else actor, "", reason, links, payload)
        return tuple(outlook.explanations(self.table, self._asking(session, order, request), event))

    def history(self, session: Session, order: Stateful) -> list[Entry]:
        """The order's entries by sequence; empty before it is opened."""
        return self.store.entries(session, order)

    aopen = _twin(open)
    asend = _twin(send)
    areport = _twin(report)
    aadopt = _twin(adopt)
    aallowed = _twin(allowed)
    aexplain = _twin(explain)
    ahistory = _twin(history)

    # --- deciding: where the order was, its revision, where it goes

    def _next(self, session: Session, order: Stateful, request: Request) -> Decision:
        configuration, revision = self._standing(session, order, request.expected_revision)
        taken = step(
            self.chart,
            configuration,
            request.event,
            actor=request.actor or NOBODY,
            reason=request.reason,
            links=request.links,
            payload=request.payload,
            facts=functools.partial(self._known, session, order),
            guards=self.guards,
            now=request.recorded_at,
        )
        return configuration, revision, taken.after

    def _beginning(self, session: Session, order: Stateful, request: Request) -> Decision:
        self._refuse_second_life(session, order)
        taken = start(
            self.chart,
            request.event,
            actor=request.actor or NOBODY,
            reason=request.reason,
            links=request.links,
            payload=request.payload,
            facts=functools.partial(self._known, session, order),
            guards=self.guards,
            now=request.recorded_at,
        )
        return START, 0, taken.after

    def _taken_in(self, session: Session, order: Stateful, request: Request) -> Decision:
        self._refuse_second_life(session, order)
        found = sighting.adopted(self.table, request.event)
        request.event = ADOPTED
        return START, 0, found

    def _seen(self, session: Session, order: Stateful, request: Request) -> Decision:
        configuration, revision = self._standing(session, order, request.expected_revision)
        if configuration not in self.table.rows:
            raise unknown_configuration(self.table, configuration)
        call = replace(self._call(session, order, configuration, request), actor=request.actor or NOBODY)
        leading = sighting.leading(self.table, configuration, request.event, lambda event: replace(call, event=event))
        request.event = leading.event
        return configuration, revision, leading.after

    def _shown(self, session: Session, order: Stateful, request: Request) -> Entry | None:
        """The last entry (or the one of the request's key) when the order already shows what was seen."""
        configuration, revision = self.store.position(session, order)
        while sighting.shows(self.table, configuration, request.event):
            last = self._prior(session, order, request) or self.store.last(session, order)
            if last is None or request.key == last.key is not None or last.sequence == revision:
                return last
            configuration, revision = self.store.reload(session, order)
        return None

    def _standing(self, session: Session, order: Stateful, expected: int | None) -> tuple[str, int]:
        """Configuration and revision of an order that was opened, the expected revision if there is one."""
        configuration, revision = self.store.position(session, order)
        if expected is not None and revision != expected:
            configuration, revision = self.store.reload(session, order)
        if configuration is None or revision == 0:
            name = self.store.name(order)
            raise NotOpened(f"{name} has no history yet; open it, or adopt it if it has lived elsewhere")
        if expected is not None and revision != expected:
            here = f"{self.store.name(order)} is at revision {revision} ({configuration})"
            raise Conflict(f"{here}, not at {expected}; read it again", configuration=configuration, revision=revision)
        return configuration, revision

    def _refuse_second_life(self, session: Session, order: Stateful) -> None:
        configuration, revision = self.store.position(session, order)
        if revision:
            raise NotOpened(f"{self.store.name(order)} was opened before and is {configuration}; send it an event")

    # --- recording

    def _carry_out(
        self,
        session: Session,
        order: Stateful,
        request: Request,
        decision: Callable[[Session, Stateful, Request], Decision],
    ) -> Entry:
        """Decide, then record; a key that was used before answers with its entry, whatever the decision says."""
        try:
            before, revision, after = decision(session, order, request)
        except OrderFsmError:
            prior = self._prior(session, order, request)
            if prior is None:
                raise
            return prior
        if not revision:
            self.store.admit(session, order)
        entry = self._entry(order, request, before, revision + 1, after)
        if self.store.record(session, order, entry, request.fingerprint):
            return entry
        return self._overtaken(session, order, request, revision)

    def _entry(self, order: Stateful, request: Request, before: str, sequence: int, after: Configuration) -> Entry:
        chart = self.chart
        return Entry(
            before=before,
            event=request.event,
            after=str(after),
            sequence=sequence,
            code=after.code,
            occurred_at=request.occurred_at,
            recorded_at=request.recorded_at,
            actor=request.actor,
            reason=request.reason,
            links=request.links,
            payload=request.plain,
            order=self.store.key(order),
            category=after.category and after.category.value,
            origin=request.origin,
            key=request.key,
            caused_by=request.caused_by,
            chart=chart.name,
            chart_version=chart.version,
            chart_profile=chart.profile,
            chart_hash=chart.hash,
        )

    def _prior(self, session: Session, order: Stateful, request: Request) -> Entry | None:
        """The entry that the same request wrote before. Raises KeyReused when another request used its key."""
        found = None if request.key is None else self.store.keyed(session, order, request.key)
        if found is None:
            return None
        entry, fingerprint = found
        if fingerprint == request.fingerprint:
            return entry
        raise KeyReused(
            f"the key {request.key!r} of {self.store.name(order)} was used for {entry.event} (entry {entry.sequence}), "
            f"with another request; a new request needs a new key",
            configuration=entry.after,
            revision=entry.sequence,
        )

    def _overtaken(self, session: Session, order: Stateful, request: Request, revision: int) -> Entry:
        """The first entry when somebody else sent the same request; else raise Conflict, with the order read anew."""
        configuration, current = self.store.reload(session, order)
        prior = self._prior(session, order, request)
        if prior is not None:
            return prior
        raise Conflict(
            f"{self.store.name(order)} has moved on from revision {revision} to {current} ({configuration}) "
            f"before {request.event} was written; it was read anew: decide again",
            configuration=configuration,
            revision=current,
        )

    # --- asking

    def _asking(self, session: Session, order: Stateful, request: Request) -> Call:
        """The call of no event yet, in the order's configuration (None before it is opened)."""
        request.settle(self.clock())
        configuration, revision = self.store.position(session, order)
        if revision and configuration not in self.table.rows:
            raise unknown_configuration(self.table, str(configuration))
        return self._call(session, order, configuration if revision else None, request)

    def _call(self, session: Session, order: Stateful, configuration: str | None, request: Request) -> Call:
        return Call(
            self.table,
            configuration,
            request.event,
            request.actor,
            request.reason,
            request.links,
            request.payload,
            functools.partial(self._known, session, order),
            self.guards,
            request.recorded_at,
        )

    def _known(self, session: Session, order: Stateful) -> Known:
        given = {} if self.facts is None else self.facts(session, order)
        return Known(given, order, functools.partial(self.store.entries, session, order))


def _verify_guards(chart: Chart, guards: Mapping[str, Answer]) -> None:
    """Raise MissingGuard for a named guard without a function, ChartError for a function without a name."""
    asked = {guard.name for transition in chart.transitions for guard in transition.guards if guard.name is not None}
    for name in sorted(asked - guards.keys()):
        said = chart.guards.get(name, "no description")
        raise MissingGuard(f"{chart.name} asks the guard {name} ({said}); supply it: guards={{{name!r}: function}}")
    for name in sorted(guards.keys() - asked - chart.guards.keys()):
        known = ", ".join(sorted(asked)) or "none"
        raise ChartError(f"{chart.name} has no guard {name}; it asks {known}; leave it out")


def lost_race(error: BaseException) -> bool:
    """Whether an error says that somebody moved first, so that the whole transaction may be tried again.

    That is a Conflict (not KeyReused), PostgreSQL's serialization failure and deadlock, and SQLite's "database is
    locked".
    """
    if isinstance(error, Conflict):
        return not isinstance(error, KeyReused)
    driver = getattr(error, "orig", None)
    if getattr(driver, "sqlstate", None) in ("40001", "40P01"):
        return True
    return getattr(driver, "sqlite_errorname", "").startswith("SQLITE_BUSY")
