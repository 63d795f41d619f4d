"""Hypothesis drives real databases, with the pure core as its model; it commits and rolls back at random.

At every moment: the state columns are the fold of the history, sequences have no gaps, every entry is legal, and all of
it is what the core alone would have made of the same requests.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine, select
from sqlmodel import Session

import orderfsm
from kept import KINDS, PRESS, Kept, database, lifecycle
from orderfsm import Actor, Link, Refused
from orderfsm.errors import Ambiguous, Conflict, KeyReused, NotOpened, OrderFsmError
from orderfsm.graph import matches_state
from orderfsm.lifecycle import Lifecycle

EVENTS = (*dict.fromkeys(event for transition in PRESS.transitions for event in transition.events), "glue")
SEEN = ("received", "accepted", "IN_PRINT", "ON_HOLD", "working", "shipped", "cancelled", "FAILED", "lost", "glued")
PLACES = st.integers(0, 2)

requests = st.fixed_dictionaries(
    {},
    optional={
        "actor": st.sampled_from(["printer", "customer"]),
        "reason": st.sampled_from(["paper", "ink"]),
        "payload": st.fixed_dictionaries({"weight": st.integers(-1, 3)}),
        "links": st.just((Link("tracking", "/17"),)),
    },
)
keys = st.one_of(st.none(), st.none(), st.sampled_from(["k", "l"]))


@dataclass
class Life:
    """What the model knows of one order."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, tuple[Any, int]] = field(default_factory=dict)
    seen: int = 0
    """How many of the entries the object in memory knows of."""
    expired: bool = False
    """Whether the object has forgotten everything and will read anew when it is next asked."""

    def wake(self) -> None:
        if self.expired:
            self.seen, self.expired = len(self.entries), False


class Lives(RuleBasedStateMachine):
    """Up to three orders in one session; another session moves them when this one has no transaction."""

    def __init__(self, engine: Engine, kind: Kept) -> None:
        super().__init__()
        self.engine, self.kind = engine, kind
        self.orders: Lifecycle = lifecycle(kind, facts=lambda session, order: {"items": []})

    @initialize()
    def begin(self) -> None:
        self.session = Session(self.engine, expire_on_commit=False)
        self.objects = [self.kind.new() for _ in range(3)]
        self.lives = [Life() for _ in range(3)]
        self.committed = copy.deepcopy(self.lives)
        self.savepoints: list[tuple[Any, list[Life]]] = []

    # --- what the core alone says

    def facts(self, place: int) -> dict[str, Any]:
        return {"history": self.lives[place].entries, "order": {"revision": self.lives[place].seen}, "items": []}

    def asked(self, place: int, more: dict[str, Any]) -> dict[str, Any]:
        guards = {"refundable": lambda facts: True}
        return {
            **more,
            "actor": more.get("actor", Actor("")),
            "facts": self.facts(place),
            "guards": guards,
            "now": self.orders.clock.time,  # type: ignore[attr-defined]
        }

    def here(self, place: int) -> str:
        life = self.lives[place]
        if life.seen == 0:
            raise NotOpened
        return str(life.entries[life.seen - 1]["after"])

    def leading(self, place: int, seen: str, more: dict[str, Any]) -> Any:
        """By brute force: the step of the only configuration that some event leads to and that is what was seen."""
        here, name = self.here(place), PRESS.aliases.get(seen, seen)
        steps, refused = [], []
        for event in orderfsm.compile(PRESS).rows[here]:
            try:
                steps.append(orderfsm.step(PRESS, here, event, **self.asked(place, more)))
            except Refused as error:
                refused.append(error)
        steps = [step for step in steps if matches_state(step.after, name)]
        if len({step.after for step in steps}) > 1:
            raise Ambiguous("", here, seen)
        if not steps:
            raise Refused("", here, seen)
        return steps[0]

    # --- the same in the model and in the database

    def both(self, place: int, asked: Any, key: str | None, model: Any, real: Any) -> None:
        """Run both, and compare: the same entry, or the same kind of error."""
        self.lives[place].wake()
        expected = self.expected(place, asked, key, model)
        try:
            found: Any = real()
        except OrderFsmError as error:
            found = error
        if isinstance(expected, OrderFsmError):
            assert isinstance(found, type(expected)), (expected, found)
            if isinstance(expected, Conflict) and not isinstance(expected, KeyReused):
                self.lives[place].seen = len(self.lives[place].entries)
        else:
            assert (found.before, found.event, found.after, found.sequence) == expected
            self.note(place, found, key, asked)

    def expected(self, place: int, asked: Any, key: str | None, model: Any) -> Any:
        life = self.lives[place]
        used = life.keys.get(key or "")
        try:
            step = model()
        except OrderFsmError as error:
            if used is None:
                return error
        if used is not None:
            return self.triple(place, used[1]) if used[0] == asked else KeyReused("")
        if life.seen < len(life.entries):
            return Conflict("")
        return step.before or "[*]", step.event, step.after, life.seen + 1

    def triple(self, place: int, sequence: int) -> tuple[Any, ...]:
        entry = self.lives[place].entries[sequence - 1]
        return entry["before"], entry["event"], entry["after"], sequence

    def note(self, place: int, entry: Any, key: str | None, asked: Any) -> None:
        life = self.lives[place]
        if entry.sequence > len(life.entries):
            life.entries.append(
                {"before": entry.before, "event": entry.event, "after": entry.after, "occurred_at": entry.occurred_at}
            )
            life.seen = len(life.entries)
            if key is not None:
                life.keys[key] = (asked, life.seen)

    # --- rules

    @rule(place=PLACES, event=st.sampled_from(["open", "open", "rush"]), more=requests, key=keys)
    def open(self, place: int, event: str, more: dict[str, Any], key: str | None) -> None:
        def model() -> Any:
            if self.lives[place].seen:
                raise NotOpened
            return orderfsm.start(PRESS, event, **self.asked(place, more))

        self.both(
            place,
            (event, more),
            key,
            model,
            lambda: self.orders.open(self.session, self.objects[place], event, key=key, **more),
        )

    @rule(place=PLACES, event=st.sampled_from(EVENTS), more=requests, key=keys)
    def send(self, place: int, event: str, more: dict[str, Any], key: str | None) -> None:
        self.both(
            place,
            (event, more),
            key,
            lambda: orderfsm.step(PRESS, self.here(place), event, **self.asked(place, more)),
            lambda: self.orders.send(self.session, self.objects[place], event, key=key, **more),
        )

    @rule(place=PLACES, chosen=st.integers(0, 5))
    def send_something_legal(self, place: int, chosen: int) -> None:
        life = self.lives[place]
        life.wake()
        if not life.seen:
            self.open(place, "open", {}, None)
            return
        more = {"actor": "printer", "reason": "paper", "payload": {"weight": 1}, "links": (Link("tracking", "/17"),)}
        legal = [
            event
            for event in EVENTS
            if not orderfsm.blockers(PRESS, self.here(place), event, **self.asked(place, more))
        ]
        if legal:
            self.send(place, legal[chosen % len(legal)], more, None)

    @rule(place=PLACES, seen=st.sampled_from(SEEN), more=requests)
    def report(self, place: int, seen: str, more: dict[str, Any]) -> None:
        life = self.lives[place]
        life.wake()
        name = PRESS.aliases.get(seen, seen)
        known = orderfsm.compile(PRESS).configurations
        if life.seen and matches_state(known[self.here(place)], name):
            if life.seen < len(life.entries):
                return  # a stale object: which of several rules applies is told by a test of its own
            entry = self.orders.report(self.session, self.objects[place], seen, **more)
            assert (entry.before, entry.event, entry.after, entry.sequence) == self.triple(place, life.seen)
            return
        self.both(
            place,
            (f"report {seen}", more),
            None,
            lambda: self.leading(place, seen, more),
            lambda: self.orders.report(self.session, self.objects[place], seen, **more),
        )

    @precondition(lambda self: any(not life.entries for life in self.lives))
    @rule(state=st.sampled_from(sorted(orderfsm.compile(PRESS).configurations)))
    def adopt(self, state: str) -> None:
        place = next(place for place, life in enumerate(self.lives) if not life.entries)
        entry = self.orders.adopt(self.session, self.objects[place], state)
        assert (entry.before, entry.event, entry.after, entry.sequence) == ("[*]", "adopt", state, 1)
        self.note(place, entry, None, None)

    # --- transactions

    @rule()
    def commit(self) -> None:
        self.session.commit()
        self.savepoints.clear()
        self.committed = copy.deepcopy(self.lives)

    @rule()
    def roll_back(self) -> None:
        began = self.session.in_transaction()
        self.session.rollback()
        self.savepoints.clear()
        if began:
            self.lives = copy.deepcopy(self.committed)
            for place, life in enumerate(self.lives):
                life.expired = True
                self.renew(place)

    @rule()
    def set_a_savepoint(self) -> None:
        self.savepoints.append((self.session.begin_nested(), copy.deepcopy(self.lives)))

    @precondition(lambda self: self.savepoints)
    @rule()
    def roll_back_to_the_savepoint(self) -> None:
        savepoint, before = self.savepoints.pop()
        savepoint.rollback()
        for place, life in enumerate(self.lives):
            if len(life.entries) != len(before[place].entries):
                self.lives[place] = before[place]
                self.lives[place].expired = True
                self.renew(place)

    def renew(self, place: int) -> None:
        """An order whose row has been rolled back is made anew: SQLAlchemy may have forgotten its key."""
        if not self.lives[place].entries:
            self.objects[place], self.lives[place] = self.kind.new(), Life()

    @precondition(lambda self: self.savepoints)
    @rule()
    def release_the_savepoint(self) -> None:
        self.savepoints.pop()[0].commit()

    @precondition(lambda self: not self.session.in_transaction() and any(life.entries for life in self.committed))
    @rule(chosen=PLACES)
    def somebody_else_moves(self, chosen: int) -> None:
        """Another session adds a note, or whatever is legal, and commits; the object here is stale then."""
        places = [place for place, life in enumerate(self.committed) if life.entries]
        place = places[chosen % len(places)]
        life = self.lives[place]
        with Session(self.engine) as session:
            order = session.get_one(self.kind.order, self.identity(place))
            here = life.entries[-1]["after"]
            for event in ("note", "accept", "resume"):
                if event in orderfsm.compile(PRESS).rows[here]:
                    entry = self.orders.send(session, order, event, actor="printer")
                    session.commit()
                    seen = life.seen
                    self.note(place, entry, None, None)
                    life.seen = seen
                    self.committed = copy.deepcopy(self.lives)
                    return

    @rule(place=PLACES)
    def look_again(self, place: int) -> None:
        if self.objects[place] in self.session and self.lives[place].entries:
            self.session.refresh(self.objects[place])
            self.lives[place].expired = True
            self.lives[place].wake()

    def identity(self, place: int) -> Any:
        key = self.orders.store.key(self.objects[place])
        assert key is not None
        return key

    # --- what must hold at every moment

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        if self.session.in_transaction():
            self.compare(self.session.connection())
        else:
            with self.engine.connect() as connection:
                self.compare(connection)

    def compare(self, connection: Connection) -> None:
        for place, life in enumerate(self.lives):
            if life.entries:
                self.compare_one(connection, self.identity(place), life)

    def compare_one(self, connection: Connection, key: Any, life: Life) -> None:
        orders, past = self.kind.order.__table__, self.kind.history.__table__
        values = key if isinstance(key, tuple) else (key,)
        mine = [column == value for column, value in zip(orders.primary_key, values, strict=True)]
        ours = [past.c[name] == value for name, value in zip(self.kind.history.__order_key__, values, strict=True)]
        state = connection.execute(select(orders.c.configuration, orders.c.code, orders.c.revision).where(*mine)).one()
        entries = connection.execute(select(past).where(*ours).order_by(past.c.sequence)).all()
        replayed = orderfsm.replay(PRESS, entries)
        assert replayed.findings == ()
        assert replayed.configuration is not None
        assert (state.configuration, state.code) == (replayed.configuration, replayed.configuration.code)
        assert [entry.sequence for entry in entries] == list(range(1, state.revision + 1))
        assert [(e.before, e.event, e.after) for e in entries] == [
            (e["before"], e["event"], e["after"]) for e in life.entries
        ]

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            with self.engine.connect() as connection:
                for place, life in enumerate(self.committed):
                    if life.entries:
                        self.compare_one(connection, self.identity(place), life)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("lives")) as made:
        yield made


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", [KINDS[1], KINDS[3]], ids=lambda kind: kind.name)
def test_the_database_and_the_core_live_the_same_lives(engine: Engine, kind: Kept) -> None:
    examples = max(30, settings().max_examples // 10)  # each is a life of some fifty steps in a database
    chosen = settings(max_examples=examples, suppress_health_check=[*HealthCheck])
    run_state_machine_as_test(lambda: Lives(engine, kind), settings=chosen)
