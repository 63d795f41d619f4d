"""The ground of a lifecycle: how one command is decided, recorded and followed, in the caller's transaction."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from orderfsm import watch
from orderfsm.call import Call
from orderfsm.chart import START
from orderfsm.enforcement import Registrar, hash_of
from orderfsm.errors import ChartError, Conflict, KeyReused, MissingGuard, NotOpened, OrderFsmError
from orderfsm.history import ADOPTED, Entry
from orderfsm.step import start, step, unknown_configuration
from orderfsm.table import compile

from . import sighting
from .emission import Emission, emits
from .following import Items, RollUp
from .holdbook import HoldBook, HoldsEnd
from .holding import HoldStates, hold_states
from .parent import Source
from .request import NOBODY, Known, Request
from .savepoint import savepoint
from .timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from orderfsm.call import Answer
    from orderfsm.cell import Configuration, Step
    from orderfsm.chart import Chart
    from orderfsm.history import Actor
    from orderfsm.sqlmodel.bases import Stateful
    from orderfsm.sqlmodel.store import SqlStore
    from orderfsm.table import Table

    from .claims import Claims
    from .holding import Holding
    from .parent import Parent

    Facts = Callable[[Any, Any], Mapping[str, Any]]  # of a Session, of whatever class the service has, and an order

__all__ = ["Binding", "Decision", "Follower", "standing"]


class Decision(NamedTuple):
    """Where the order was, its revision, where it goes; the step that leads there (None when no arrow does)."""

    before: str
    revision: int
    after: Configuration
    step: Step | None = None
    corrects: int | None = None


class Follower(Protocol):
    """What is written in the same transaction as an entry, right after it.

    One that has nothing to write after most entries says so by a method `concerns(decided)`, which may err on the side
    of True: then entries of many orders can be written at once.
    """

    def recorded(self, session: Session, order: Stateful, entry: Entry, step: Step | None) -> None:
        """An entry was written; `step` is None for one that no arrow of the chart led to (adopted, corrected)."""


@runtime_checkable
class Objector(Follower, Protocol):
    """A follower that may refuse what it would have to write; then the entry is undone as well.

    Objectors come after the other followers, and one that cannot refuse has nothing to write.
    """

    def may_refuse(self, session: Session, order: Stateful, decided: Decision) -> bool:
        """Whether it might after this decision: only then a savepoint is worth its time."""
        ...


class Binding:
    """A chart, a store and what guards need, put together; what every command of a lifecycle has in common."""

    def __init__(
        self,
        chart: Chart,
        store: SqlStore,
        guards: Mapping[str, Answer] | None,
        facts: Facts | None,
        clock: Callable[[], datetime],
        parent: Parent | None = None,
        holding: Holding | None = None,
        claims: Claims | None = None,
        former: Sequence[Chart] = (),
    ) -> None:
        self.chart = chart
        self.store = store
        self.parent = parent
        self.items: Items | None = None
        self.guards: Mapping[str, Answer] = dict(guards or {})
        self.facts = facts
        self.clock = clock
        self.claims = claims
        self.table: Table = compile(chart)
        self.former: tuple[Table, ...] = tuple(map(compile, former))
        self.chart_hash = hash_of(self.table)
        self.registrar = Registrar(self.table, store.pairing)
        _verify_guards(chart, self.guards)
        self.held = hold_states(self.table, holding)
        self.book = HoldBook(store) if store.holds is not None else None
        self.timing = None if store.timers is None else Timing(self.table, store, clock)
        self._followers: tuple[Follower, ...] = ()
        self._objectors: tuple[Objector, ...] = ()
        self._obedient: tuple[Follower, ...] = ()
        self._follow(*self._following())

    def _following(self) -> Iterator[Follower]:
        """What follows an entry of this chart in this store, in the order in which it is written."""
        if self.timing is not None and self.timing.known:
            yield self.timing
        if self.store.outbox is not None and emits(self.table):
            yield Emission(self.store)
        if self.book is not None and isinstance(self.held, HoldStates):
            yield HoldsEnd(self.chart.name, self.held, self.book)
        if self.parent is not None:
            source = Source(self, self.parent)
            self.parent.orders._join(source, self.parent.actor)
            yield RollUp(self, self.parent, source)

    def _follow(self, *followers: Follower) -> None:
        self._followers += followers
        self._objectors = tuple(follower for follower in self._followers if isinstance(follower, Objector))
        self._obedient = tuple(follower for follower in self._followers if not isinstance(follower, Objector))
        self._concerns = tuple(getattr(follower, "concerns", _always) for follower in self._followers)

    def _followed(self, decided: Decision) -> bool:
        """Whether anything may have to be written after an entry, beside it."""
        return any(concerns(decided) for concerns in self._concerns)

    def _join(self, source: Source, actor: Actor | str | None) -> None:
        """Let the orders follow the items of a table from now on."""
        items = self.items or Items(self)
        items.join(source, actor)
        if self.items is None:
            self.items = items
            self._follow(items)

    # --- deciding: where the order was, its revision, where it goes

    def _next(self, session: Session, order: Stateful, request: Request) -> Decision:
        configuration, revision = self._standing(session, order, request.expected_revision)
        return self._decided(configuration, revision, request, functools.partial(self._known, session, order))

    def _decided(self, configuration: str, revision: int, request: Request, facts: Any) -> Decision:
        """Where an event leads; `facts` are a mapping, or a function that gives one when a guard asks."""
        taken = step(
            self.chart,
            configuration,
            request.event,
            actor=request.actor or NOBODY,
            reason=request.reason,
            links=request.links,
            payload=request.payload,
            facts=facts,
            guards=self.guards,
            now=request.recorded_at,
        )
        return Decision(configuration, revision, taken.after, taken)

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
        return Decision(START, 0, taken.after, taken)

    def _taken_in(self, session: Session, order: Stateful, request: Request) -> Decision:
        self._refuse_second_life(session, order)
        found = sighting.adopted(self.table, request.event)
        request.event = ADOPTED
        return Decision(START, 0, found)

    def _seen(self, session: Session, order: Stateful, request: Request) -> Decision:
        configuration, revision = self._standing(session, order, request.expected_revision)
        if configuration not in self.table.rows:
            raise unknown_configuration(self.table, configuration)
        call = replace(self._call(session, order, configuration, request), actor=request.actor or NOBODY)
        leading = sighting.leading(self.table, configuration, request.event, lambda event: replace(call, event=event))
        request.event = leading.event
        watch.tell(call, leading)
        return Decision(configuration, revision, leading.after, leading)

    def _shown(self, session: Session, order: Stateful, request: Request) -> Entry | None:
        """The last entry (or the one of the request's key) when the order already shows what was seen."""
        configuration, revision = self.store.position(session, order)
        while sighting.shows(self.table, configuration, request.event):
            prior = self._prior(session, order, request)
            if prior is not None:
                return prior
            last = self.store.last(session, order)
            if last is None or request.key == last.key is not None or last.sequence == revision:
                self.store.confirm(session)
                return last
            configuration, revision = self.store.reload(session, order)
        return None

    def _standing(self, session: Session, order: Stateful, expected: int | None) -> tuple[str, int]:
        """Configuration and revision of an order that was opened, the expected revision if there is one."""
        configuration, revision = self.store.position(session, order)
        if expected is not None and revision != expected:
            configuration, revision = self.store.reload(session, order)
        return standing(self.store.name, order, configuration, revision, expected)

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
            decided = decision(session, order, request)
            if request.claimed and self.claims is not None:
                self._verify_claim(session, order, request, decided)
        except OrderFsmError:
            prior = self._prior(session, order, request)
            if prior is None:
                raise
            return prior
        if self._objectors:
            objecting = [follower for follower in self._objectors if follower.may_refuse(session, order, decided)]
            if objecting:
                with savepoint(session, self.store.bind):
                    return self._write(session, order, request, decided, objecting)
        return self._write(session, order, request, decided)

    def _verify_claim(self, session: Session, order: Stateful, request: Request, decided: Decision) -> None:
        """Raise ClaimRefused when the time that the caller claims is not accepted."""
        if self.claims is not None and request.occurred_at is not None and request.recorded_at is not None:
            last = self.store.last(session, order) if decided.revision else None
            before = None if last is None else last.occurred_at
            place = (self.chart.name, decided.before, request.event)
            self.claims.verify(*place, request.occurred_at, before, request.recorded_at)

    def _write(
        self,
        session: Session,
        order: Stateful,
        request: Request,
        decided: Decision,
        objecting: Sequence[Follower] = (),
    ) -> Entry:
        """Record what was decided, and what follows it; objectors that could not refuse have nothing to write."""
        if not decided.revision:
            self.store.admit(session, order)
        entry = self._entry(self.store.key(order), request, decided)
        if not self.store.record(session, order, entry, request.fingerprint, self.registrar):
            return self._overtaken(session, order, request, decided.revision)
        for follower in (*self._obedient, *objecting):
            follower.recorded(session, order, entry, decided.step)
        return entry

    def _entry(self, key: Any, request: Request, decided: Decision) -> Entry:
        chart, after = self.chart, decided.after
        return Entry(
            before=decided.before,
            event=request.event,
            after=str(after),
            sequence=decided.revision + 1,
            code=after.code,
            occurred_at=request.occurred_at,
            recorded_at=request.recorded_at,
            actor=request.actor,
            reason=request.reason,
            links=request.links,
            payload=request.plain,
            order=key,
            category=after.category and after.category.value,
            origin=request.origin,
            key=request.key,
            caused_by=request.caused_by,
            corrects=decided.corrects,
            chart=chart.name,
            chart_version=chart.version,
            chart_profile=chart.profile,
            chart_hash=self.chart_hash,
        )

    def _prior(self, session: Session, order: Stateful, request: Request) -> Entry | None:
        """The entry that the same request wrote before; COMMIT answers for it once more.

        Raises KeyReused when another request used its key.
        """
        found = None if request.key is None else self.store.keyed(session, order, request.key)
        if found is None:
            return None
        entry, fingerprint = found
        if fingerprint == request.fingerprint:
            self.store.confirm(session)
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
        if not isinstance(given, Mapping):
            raise TypeError(f"the function of facts answers {given!r}; let it answer a mapping of names to values")
        read: dict[str, Callable[[], Sequence[Any]]] = {"history": functools.partial(self._lived, session, order)}
        if self.items is not None:
            read["items"] = functools.partial(self.items.facts, session, order)
        return Known(given, order, read)

    def _lived(self, session: Session, order: Stateful) -> list[Entry]:
        """An order's entries as guards read them: configurations that the chart lacks are those of a former one."""
        return [self._recalled(entry) for entry in self.store.entries(session, order)]

    def _recalled(self, entry: Entry) -> Entry:
        if entry.after in self.table.configurations:
            return entry
        same = (table for table in self.former if table.chart.name == entry.chart)
        tables = sorted(same, key=lambda table: table.chart.version != entry.chart_version)
        known = (table.configurations[entry.after] for table in tables if entry.after in table.configurations)
        return replace(entry, after=next(known, entry.after))


def _always(_: Decision) -> bool:
    return True


def standing(
    name: Callable[[Any], str], order: Any, configuration: str | None, revision: int, expected: int | None
) -> tuple[str, int]:
    """The same configuration and revision. Raises NotOpened before there is one, Conflict when another is expected."""
    if configuration is None or revision == 0:
        raise NotOpened(f"{name(order)} has no history yet; open it, or adopt it if it has lived elsewhere")
    if expected is not None and revision != expected:
        if not isinstance(expected, int):
            raise TypeError(f"expected_revision is {expected!r}; give a whole number, as order.revision is")
        here = f"{name(order)} is at revision {revision} ({configuration})"
        raise Conflict(f"{here}, not at {expected}; read it again", configuration=configuration, revision=revision)
    return configuration, revision


def _verify_guards(chart: Chart, guards: Mapping[str, Answer]) -> None:
    """Raise MissingGuard for a named guard without a function, ChartError for a function without a name."""
    asked = {guard.name for transition in chart.transitions for guard in transition.guards if guard.name is not None}
    for name in sorted(asked - guards.keys()):
        said = chart.guards.get(name, "no description")
        raise MissingGuard(f"{chart.name} asks the guard {name} ({said}); supply it: guards={{{name!r}: function}}")
    for name in sorted(guards.keys() - asked - chart.guards.keys()):
        known = ", ".join(sorted(asked)) or "none"
        raise ChartError(f"{chart.name} has no guard {name}; it asks {known}; leave it out")
