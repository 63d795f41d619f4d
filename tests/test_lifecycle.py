"""The lifecycle on SQLite and PostgreSQL, on ready-made tables and on the service's own, with keys of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Session

import orderfsm
from kept import KINDS, PRESS, READY_MADE, UUIDS, Clock, Kept, database, lifecycle, statements, unguarded, when
from orderfsm import Actor, Blocker, Entry, Link, Reason
from orderfsm.chart import Chart, Kind, State, Transition
from orderfsm.errors import (
    Ambiguous,
    ChartError,
    Conflict,
    DirectAssignment,
    GuardFailed,
    GuardRefused,
    KeyReused,
    LinkNeeded,
    MissingGuard,
    NotEnabled,
    NotOpened,
    NotPermitted,
    OrderFsmError,
    PayloadInvalid,
    ReasonNeeded,
    StoredStateUnknown,
    UnknownEvent,
)
from orderfsm.lifecycle import Corrections, Lifecycle, lost_race
from orderfsm.sqlmodel import async_engine

TRACKING = Link("tracking", "https://carrier.example/17", title="Parcel 17")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("orders")) as made:
        yield made


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kept:
    return request.param


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as made:
        yield made


@pytest.fixture
def orders(kind: Kept) -> Lifecycle:
    return lifecycle(kind)


@pytest.fixture
def order(session: Session, kind: Kept, orders: Lifecycle) -> Any:
    """An order that has just been accepted and committed."""
    made = kind.new()
    orders.open(session, made)
    orders.send(session, made, "accept", actor="printer")
    session.commit()
    return made


def stored(session: Session, orders: Lifecycle, order: Any) -> tuple[Any, ...]:
    """The state columns as the database has them, and how many entries there are."""
    model, past = orders.store.order, orders.store.history
    mine = [column == getattr(order, column.name) for column in inspect(model).primary_key]
    state = session.connection().execute(
        select(*(model.__table__.c[n] for n in ("configuration", "code", "category", "revision"))).where(*mine)
    )
    keys = zip(past.__order_key__, inspect(model).primary_key, strict=True)
    count = select(func.count()).select_from(past.__table__)
    for local, column in keys:
        count = count.where(past.__table__.c[local] == getattr(order, column.name))
    return (*state.one(), session.connection().execute(count).scalar_one())


# --- opening


def test_opening_writes_the_row_and_a_first_entry_that_starts_from_nowhere(
    session: Session, kind: Kept, orders: Lifecycle
) -> None:
    order = kind.new()
    entry = orders.open(session, order, actor="customer")
    assert (entry.before, entry.event, entry.after, entry.sequence) == ("[*]", "open", "received", 1)
    assert (order.configuration, order.code, order.category, order.revision) == ("received", "received", "open", 1)
    assert (order.chart, order.chart_version) == ("test/press", "7")
    assert stored(session, orders, order) == ("received", "received", "open", 1, 1)


def test_an_order_that_is_already_stored_can_be_opened(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    session.add(order)
    session.commit()
    orders.open(session, order)
    assert stored(session, orders, order) == ("received", "received", "open", 1, 1)


def test_an_order_may_begin_by_a_start_arrow_of_the_chart(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    assert orders.open(session, order, "rush", actor="printer").after == "printing"
    assert order.code == "IN_PRINT"


def test_a_refused_opening_leaves_the_order_out_of_the_session(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    with pytest.raises(NotPermitted):
        orders.open(session, order, "rush")
    with pytest.raises(UnknownEvent):
        orders.open(session, order, "begin")
    assert order not in session
    assert orders.open(session, order).sequence == 1


def test_an_order_cannot_be_opened_or_adopted_twice(session: Session, order: Any, orders: Lifecycle) -> None:
    for again in (orders.open, lambda *args: orders.adopt(*args, "held;was=accepted")):
        with pytest.raises(NotOpened, match="was opened before and is accepted; send it an event"):
            again(session, order)
    assert stored(session, orders, order)[3:] == (2, 2)


def test_an_order_without_a_history_takes_no_event(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    for _ in range(2):
        with pytest.raises(NotOpened, match="open it, or adopt it"):
            orders.send(session, order, "accept")
        with pytest.raises(NotOpened):
            orders.report(session, order, "accepted")
        with pytest.raises(NotOpened):
            orders.send(session, order, "accept", expected_revision=1)
        assert orders.history(session, order) == []
        session.add(order)
        session.flush()


def test_an_opening_that_was_rolled_back_can_be_repeated(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    orders.open(session, order)
    session.rollback()
    assert order not in session
    assert orders.open(session, order).sequence == 1
    session.commit()
    assert stored(session, orders, order) == ("received", "received", "open", 1, 1)


def test_a_state_left_over_from_a_rollback_is_not_written_with_a_new_row(
    session: Session, kind: Kept, orders: Lifecycle
) -> None:
    order = kind.new()
    orders.open(session, order)
    session.rollback()
    session.add(order)
    session.commit()
    assert stored(session, orders, order) == (None, None, None, 0, 0)


# --- sending


def test_an_entry_says_who_when_why_and_under_which_chart(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    orders.open(session, order, "rush", actor="printer")
    said = datetime(2025, 12, 31, 23, 0, tzinfo=timezone(timedelta(hours=-5)))
    entry = orders.send(
        session,
        order,
        "ship",
        actor=Actor("printer", "p-1", "Printer One"),
        origin="webhook",
        reason=Reason("ready", "Dry and packed ✓"),
        links=[TRACKING, Link("label", "/labels/17")],
        payload={"weight": 1.5, "price": Decimal("9.90"), "at": datetime(2026, 1, 2, tzinfo=UTC)},
        key="request-1",
        occurred_at=said,
        caused_by="item/4:2",
    )
    session.commit()
    assert entry == Entry(
        before="printing",
        event="ship",
        after="shipped",
        sequence=2,
        code="shipped",
        category="done",
        occurred_at=datetime(2026, 1, 1, 4, 0, tzinfo=UTC),
        recorded_at=datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC),
        actor=Actor("printer", "p-1", "Printer One"),
        reason=Reason("ready", "Dry and packed ✓"),
        links=(TRACKING, Link("label", "/labels/17")),
        payload={"weight": 1.5, "price": "9.90", "at": "2026-01-02T00:00:00+00:00"},
        order=orders.store.key(order),
        origin="webhook",
        key="request-1",
        caused_by="item/4:2",
        chart="test/press",
        chart_version="7",
        chart_profile="full",
        chart_hash="5eed" * 16,
    )
    with Session(session.get_bind()) as other:
        again = other.get(orders.store.order, inspect(order).identity)
        assert orders.history(other, again)[1:] == [entry]


def test_sending_keeps_the_object_up_to_date_and_clean(session: Session, order: Any, orders: Lifecycle) -> None:
    order.revision  # noqa: B018 - loads the object
    orders.send(session, order, "print")
    assert (order.configuration, order.code, order.category, order.revision) == ("printing", "IN_PRINT", "open", 3)
    assert not session.dirty
    assert stored(session, orders, order) == ("printing", "IN_PRINT", "open", 3, 3)


def test_the_caller_commits_and_may_as_well_roll_back(session: Session, order: Any, orders: Lifecycle) -> None:
    orders.send(session, order, "print")
    session.rollback()
    assert stored(session, orders, order) == ("accepted", "accepted", "open", 2, 2)
    assert order.code == "accepted"
    orders.send(session, order, "print")
    session.commit()
    assert stored(session, orders, order)[3:] == (3, 3)


def test_rolling_back_to_a_savepoint_takes_the_object_back_too(session: Session, order: Any, orders: Lifecycle) -> None:
    orders.send(session, order, "note")
    savepoint = session.begin_nested()
    orders.send(session, order, "print")
    savepoint.rollback()
    assert (order.code, order.revision) == ("accepted", 3)
    with session.begin_nested():
        orders.send(session, order, "print")
    session.commit()
    assert stored(session, orders, order)[3:] == (4, 4)


def test_what_the_service_changes_beside_the_state_is_flushed_as_ever(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    name = "reference" if hasattr(order, "reference") else "note"
    setattr(order, name, "urgent")
    orders.send(session, order, "print")
    session.commit()
    assert (getattr(order, name), order.code) == ("urgent", "IN_PRINT")


def test_history_states_of_the_chart_bring_an_order_back_to_where_it_was(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    orders.send(session, order, "print")
    orders.send(session, order, "hold", reason="paper")
    assert order.configuration == "held;was=printing"
    assert orders.send(session, order, "resume").after == "printing"


def test_every_history_is_one_that_the_chart_allows(session: Session, order: Any, orders: Lifecycle) -> None:
    for event in ("note", "print"):
        orders.send(session, order, event)
    entries = orders.history(session, order)
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4]
    assert orderfsm.replay(PRESS, entries).configuration == order.configuration


# --- refusals: nothing is written, and the session goes on


REFUSALS = {
    "an event that the chart lacks": (UnknownEvent, "unknown-event", ("pritn", {}), "did you mean print"),
    "no arrow": (NotEnabled, "not-enabled", ("ship", {}), "the shortest way there: print, ship"),
    "another actor": (NotPermitted, "not-permitted", ("cancel", {"actor": "printer"}), "for customer, not for printer"),
    "no actor at all": (NotPermitted, "not-permitted", ("cancel", {}), "not for an unnamed actor"),
    "no reason": (ReasonNeeded, "reason-needed", ("hold", {}), "needs a reason"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS.keys())
def test_after_a_refusal_nothing_is_written_and_the_session_goes_on(
    session: Session, order: Any, orders: Lifecycle, case: tuple[Any, ...]
) -> None:
    error, code, (event, more), said = case
    with pytest.raises(error, match=said) as refused:
        orders.send(session, order, event, **more)
    assert refused.value.code == code
    assert stored(session, orders, order) == ("accepted", "accepted", "open", 2, 2)
    orders.send(session, order, "print")
    session.commit()
    assert stored(session, orders, order)[3:] == (3, 3)


@pytest.mark.parametrize(
    ("error", "more"),
    [
        (GuardRefused, {"payload": {"weight": 0}, "links": [TRACKING]}),
        (LinkNeeded, {"payload": {"weight": 1}}),
        (PayloadInvalid, {"payload": {"weight": "much"}, "links": [TRACKING]}),
        (PayloadInvalid, {"links": [TRACKING]}),
    ],
)
def test_guards_links_and_payloads_are_asked_for(
    session: Session, order: Any, orders: Lifecycle, error: type[OrderFsmError], more: dict[str, Any]
) -> None:
    orders.send(session, order, "print")
    with pytest.raises(error):
        orders.send(session, order, "ship", **more)
    assert stored(session, orders, order)[3:] == (3, 3)
    assert orders.send(session, order, "ship", payload={"weight": 2}, links=[TRACKING]).code == "shipped"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reason": Reason("x", "a\0b")}, "reason.text holds a NUL"),
        ({"reason": "\0"}, "reason.code holds a NUL"),
        ({"actor": Actor("printer", "\ud800")}, "actor.id holds half of a surrogate pair"),
        ({"key": ""}, "1 to 255 characters, not 0"),
        ({"key": "k" * 256}, "not 256"),
        ({"origin": "a\0"}, "origin holds a NUL"),
        ({"caused_by": "a\0"}, "caused_by holds a NUL"),
        ({"occurred_at": datetime(2026, 1, 1)}, "occurred_at: .* has no time zone"),
        ({"payload": {"weight": float("nan")}}, "not JSON compliant"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_written(
    session: Session, order: Any, orders: Lifecycle, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        orders.send(session, order, "note", **more)
    assert stored(session, orders, order)[3:] == (2, 2)
    orders.send(session, order, "note")


@pytest.mark.parametrize(
    "more", [{"payload": {"x": object()}}, {"reason": Reason(7)}, {"key": b"k"}, {"actor": Actor("p", 0)}]
)
def test_a_value_of_the_wrong_type_is_refused_before_anything_is_written(
    session: Session, order: Any, orders: Lifecycle, more: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        orders.send(session, order, "note", **more)
    assert stored(session, orders, order)[3:] == (2, 2)


def test_any_text_that_is_text_comes_back_as_it_was(session: Session, order: Any, orders: Lifecycle) -> None:
    odd = Reason("\u202e'; --", 'ünï 💡 %s %(x)s :y ? \\ "')
    payload = {"\0": ["\0", "\ud800", 10**30, -0.5, None, True, {"": []}]}
    orders.send(session, order, "note", reason=odd, payload=payload, key="%s:?'", actor=Actor("", ""))
    session.commit()
    entry = orders.history(session, order)[-1]
    assert (entry.reason, entry.payload, entry.key, entry.actor) == (odd, payload, "%s:?'", Actor("", ""))


# --- idempotency keys


def test_the_same_request_with_the_same_key_returns_the_first_entry(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    def ask(label: str = "") -> Entry:
        return orders.send(
            session, order, "note", key="k", actor=Actor("printer", "1", label), payload={"b": 1, "a": [2]}, reason="r"
        )

    first = ask()
    assert ask() == first
    session.commit()
    assert ask("Another label") == first
    assert stored(session, orders, order)[3:] == (3, 3)


def test_it_returns_it_even_when_the_event_would_no_longer_be_legal(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    first = orders.send(session, order, "print", key="k", expected_revision=2)
    orders.send(session, order, "lose")
    assert orders.send(session, order, "print", key="k", expected_revision=2) == first
    assert stored(session, orders, order)[3:] == (4, 4)


@pytest.mark.parametrize(
    "other",
    [
        {"event": "print"},
        {"actor": "printer"},
        {"actor": Actor("", "1")},
        {"reason": "r"},
        {"reason": Reason(None, "t")},
        {"links": [TRACKING]},
        {"payload": {}},
        {"event": "accept"},
    ],
)
def test_another_request_with_the_same_key_is_an_error(
    session: Session, order: Any, orders: Lifecycle, other: dict[str, Any]
) -> None:
    orders.send(session, order, "note", key="k")
    with pytest.raises(KeyReused, match=r"the key 'k' .* was used for note \(entry 3\)") as reused:
        orders.send(session, order, **{"event": "note", "key": "k", **other})
    assert (reused.value.revision, reused.value.configuration) == (3, "accepted")
    assert stored(session, orders, order)[3:] == (3, 3)


def test_keys_are_unique_per_order_only(session: Session, kind: Kept, orders: Lifecycle) -> None:
    for order in (kind.new(), kind.new()):
        orders.open(session, order, key="k")
        assert orders.send(session, order, "withdraw", key="l").sequence == 2


def test_an_opening_has_its_key_too(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    first = orders.open(session, order, key="k")
    orders.send(session, order, "withdraw")
    assert orders.open(session, order, key="k") == first
    with pytest.raises(KeyReused):
        orders.open(session, order, "rush", key="k")


def test_a_key_answers_although_the_object_in_memory_is_stale(
    engine: Engine, session: Session, order: Any, orders: Lifecycle
) -> None:
    order.revision  # noqa: B018 - loads the object
    identity = inspect(order).identity
    session.commit()
    with Session(engine, expire_on_commit=False) as stale:
        old = stale.get(orders.store.order, identity)
        stale.commit()
        first = orders.send(session, order, "print", key="k")
        session.commit()
        assert orders.send(stale, old, "print", key="k") == first
        assert old.revision == 3


# --- somebody else


@pytest.fixture
def stale(engine: Engine, session: Session, order: Any, orders: Lifecycle) -> Iterator[tuple[Session, Any]]:
    """Another session, whose object is one revision behind."""
    identity = inspect(order).identity
    session.commit()
    with Session(engine, expire_on_commit=False) as other:
        old = other.get(orders.store.order, identity)
        other.commit()
        orders.send(session, order, "print")
        session.commit()
        yield other, old


def test_whoever_moves_second_gets_a_conflict_that_says_where_the_order_is(
    stale: tuple[Session, Any], orders: Lifecycle
) -> None:
    other, old = stale
    with pytest.raises(Conflict, match=r"has moved on from revision 2 to 3 \(printing\)") as conflict:
        orders.send(other, old, "note")
    assert (conflict.value.configuration, conflict.value.revision) == ("printing", 3)
    assert stored(other, orders, old)[3:] == (3, 3)


def test_after_a_conflict_the_order_is_read_anew_so_that_the_call_can_be_repeated(
    stale: tuple[Session, Any], orders: Lifecycle
) -> None:
    other, old = stale
    name = "reference" if hasattr(old, "reference") else "note"
    setattr(old, name, "mine")
    with pytest.raises(Conflict):
        orders.send(other, old, "note")
    assert (old.code, old.revision, getattr(old, name)) == ("IN_PRINT", 3, "mine")
    assert orders.send(other, old, "note").sequence == 4
    other.commit()
    assert getattr(old, name) == "mine"


def test_the_revision_that_the_caller_has_seen_must_be_the_current_one(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    for seen in (1, 3):
        with pytest.raises(Conflict, match=rf"is at revision 2 \(accepted\), not at {seen}") as conflict:
            orders.send(session, order, "note", expected_revision=seen)
        assert conflict.value.revision == 2
    assert orders.send(session, order, "note", expected_revision=2).sequence == 3


def test_an_expected_revision_is_compared_with_the_database_not_with_a_stale_object(
    stale: tuple[Session, Any], orders: Lifecycle
) -> None:
    other, old = stale
    assert orders.send(other, old, "note", expected_revision=3).sequence == 4


def test_an_order_whose_row_is_gone_is_a_conflict(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    session.add(order)
    session.commit()
    order.revision  # noqa: B018 - loads the object
    session.connection().execute(orders.store.order.__table__.delete().where(*_mine(orders, order)))
    with pytest.raises(Conflict, match="is gone"):
        orders.open(session, order)


def _mine(orders: Lifecycle, order: Any) -> list[Any]:
    return [column == getattr(order, column.name) for column in inspect(orders.store.order).primary_key]


def test_an_order_of_another_session_is_refused(
    engine: Engine, session: Session, order: Any, orders: Lifecycle
) -> None:
    with Session(engine) as other, pytest.raises(ValueError, match="does not belong to this session"):
        orders.send(other, order, "note")


def test_a_detached_order_is_refused(session: Session, order: Any, orders: Lifecycle) -> None:
    session.expunge(order)
    with pytest.raises(ValueError, match="get it from the session, or merge it"):
        orders.send(session, order, "note")


@pytest.mark.parametrize("column", ["configuration", "code", "category", "revision", "chart", "chart_version"])
def test_the_state_cannot_be_assigned(session: Session, order: Any, orders: Lifecycle, column: str) -> None:
    value = 9 if column == "revision" else "shipped"
    with pytest.raises(DirectAssignment, match="send an event"):
        setattr(order, column, value)
    with pytest.raises(DirectAssignment, match="send an event"):
        delattr(order, column)
    setattr(order, column, getattr(order, column))
    session.commit()
    assert stored(session, orders, order) == ("accepted", "accepted", "open", 2, 2)


# --- what is stored and what the chart knows


def test_a_stored_configuration_that_the_chart_lacks_is_the_operators(
    session: Session, order: Any, kind: Kept, orders: Lifecycle
) -> None:
    moved = update(orders.store.order.__table__).where(*_mine(orders, order)).values(configuration="gluing")
    with unguarded(session.connection(), kind):
        session.connection().execute(moved)
    session.expire(order)
    asking: list[Callable[[], object]] = [
        lambda: orders.send(session, order, "note"),
        lambda: orders.report(session, order, "IN_PRINT"),
        lambda: orders.allowed(session, order),
        lambda: orders.explain(session, order),
    ]
    for ask in asking:
        with pytest.raises(StoredStateUnknown, match="has no configuration 'gluing'"):
            ask()


def test_another_version_of_the_chart_goes_on_where_the_first_one_was(
    session: Session, order: Any, kind: Kept, orders: Lifecycle
) -> None:
    newer = lifecycle(kind, replace(PRESS, version="8", hash="beef" * 16), guards={"refundable": lambda facts: True})
    entry = newer.send(session, order, "print")
    assert (entry.chart, entry.chart_version, entry.chart_hash) == ("test/press", "8", "beef" * 16)
    assert order.chart_version == "8"
    assert [past.chart_version for past in orders.history(session, order)] == ["7", "7", "8"]


NEWER = Chart(
    "test/press",
    (
        State("received"),
        State("working", Kind.COMPOUND, initial=("inked",)),
        State("inked", parent="working"),
        State("held"),
        State("canceled", Kind.FINAL),
    ),
    (
        Transition("received", ("ink",), ("working",)),
        Transition("received", ("hold",), ("held",)),
        Transition("working", ("hold",), ("held",)),
        Transition("held", ("drop",), ("canceled",), when("was('working')")),
        Transition("held", ("wash",), ("canceled",), when("was('inked')")),
        Transition("held", ("give_up",), (), when("days_since('working') >= 1")),
    ),
    version="8",
    initial=("received",),
)


def test_guards_read_a_past_in_states_that_are_no_more_by_the_former_chart(
    session: Session, kind: Kept, orders: Lifecycle
) -> None:
    order = kind.new()
    orders.open(session, order, "rush", actor="printer")
    orders.send(session, order, "hold", reason="paper")
    clock, boss = Clock(), Corrections(override=["boss"])
    lost = lifecycle(kind, NEWER, clock=clock, corrections=boss)
    lost.override(session, order, "held", actor="boss", reason="version 8")
    other = replace(PRESS, name="test/loom", hash="")
    for helpless in (lost, lifecycle(kind, NEWER, clock=clock, former=[other])):
        with pytest.raises(GuardFailed, match=r"the history names 'printing'.*give the former chart that has it"):
            helpless.send(session, order, "drop")
    newer = lifecycle(kind, NEWER, clock=clock, former=[other, PRESS])
    with pytest.raises(GuardRefused):
        newer.send(session, order, "wash")
    clock.forward(days=2)
    assert newer.send(session, order, "give_up").after == "held"
    assert newer.send(session, order, "drop").after == "canceled"


# --- guards and facts


def test_a_lifecycle_wants_every_named_guard_and_no_other(kind: Kept) -> None:
    with pytest.raises(MissingGuard, match=r"asks the guard refundable \(The customer has not been invoiced.\)"):
        Lifecycle(PRESS, kind.store)
    with pytest.raises(ChartError, match="has no guard rich; it asks refundable"):
        Lifecycle(PRESS, kind.store, guards={"refundable": lambda facts: True, "rich": lambda facts: True})


def test_a_chart_that_does_not_compile_is_refused_at_once(kind: Kept) -> None:
    with pytest.raises(ChartError):
        Lifecycle(replace(PRESS, initial=("nowhere",), hash=""), kind.store, guards={"refundable": lambda facts: True})


def test_a_named_guard_is_asked_with_the_facts_of_the_service(session: Session, order: Any, kind: Kept) -> None:
    seen: list[Any] = []

    def refundable(facts: Any) -> bool | Blocker:
        seen.append((facts["order"], facts["actor"], facts["invoiced"], facts["history"][-1].event, len(facts)))
        return Blocker("invoiced", "The invoice is out.") if facts["invoiced"] else True

    orders = lifecycle(kind, guards={"refundable": refundable}, facts=lambda session, order: {"invoiced": True})
    with pytest.raises(GuardRefused, match="The invoice is out"):
        orders.send(session, order, "cancel", actor="customer")
    assert seen[0] == (order, Actor("customer"), True, "accept", 5)


def test_facts_are_fetched_when_a_guard_asks_and_not_before(session: Session, order: Any, kind: Kept) -> None:
    asked: list[Any] = []

    def facts(session: Session, order: Any) -> dict[str, Any]:
        asked.append(order)
        return {"items": []}

    orders = lifecycle(kind, facts=facts)
    orders.send(session, order, "note")
    assert asked == []
    assert orders.send(session, order, "audit").after == "accepted"
    assert asked == [order]


def test_a_fact_that_is_missing_fails_and_never_reads_as_no(session: Session, order: Any, orders: Lifecycle) -> None:
    with pytest.raises(GuardFailed, match="items"):
        orders.send(session, order, "audit")
    assert stored(session, orders, order)[3:] == (2, 2)


def test_the_clock_is_what_guards_over_time_read(session: Session, order: Any, kind: Kept) -> None:
    clock = Clock()
    orders = lifecycle(kind, clock=clock)
    with pytest.raises(GuardRefused):
        orders.send(session, order, "expire")
    clock.forward(days=14)
    assert orders.send(session, order, "expire").recorded_at == clock.time


def test_a_naive_clock_is_refused(session: Session, order: Any, kind: Kept) -> None:
    orders = lifecycle(kind, clock=lambda: datetime(2026, 1, 1))
    with pytest.raises(ValueError, match=r"the clock: .* has no time zone"):
        orders.send(session, order, "note")


def test_the_history_is_read_only_when_an_expression_asks(
    engine: Engine, session: Session, order: Any, orders: Lifecycle
) -> None:
    order.revision  # noqa: B018 - loads the object
    with statements(engine) as sent:
        orders.send(session, order, "hold", reason="paper")
    read = f"FROM {orders.store.history.__tablename__}"  # the first send of all also asks for charts and triggers
    assert not any(statement.startswith("SELECT") and read in statement for statement in sent)
    with statements(engine) as sent, pytest.raises(GuardRefused):
        orders.send(session, order, "drop")
    assert [statement for statement in sent if "history" in statement]
    orders.send(session, order, "resume")
    orders.send(session, order, "print")
    orders.send(session, order, "hold", reason="paper")
    assert orders.send(session, order, "drop").code == "FAILED"


# --- report


def test_a_state_seen_outside_is_recorded_by_the_event_that_leads_there(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    entry = orders.report(session, order, "IN_PRINT", payload={"seen": 1})
    assert (entry.event, entry.after, entry.origin, entry.sequence) == ("print", "printing", "report", 3)
    assert orders.report(session, order, "ON_HOLD", reason="paper").after == "held;was=printing"
    assert orders.report(session, order, "printing").event == "resume"


def test_seeing_the_same_state_again_changes_nothing(session: Session, order: Any, orders: Lifecycle) -> None:
    first = orders.report(session, order, "IN_PRINT", key="k")
    for again in ("IN_PRINT", "printing", "working"):
        assert orders.report(session, order, again) == first
    assert orders.report(session, order, "IN_PRINT", key="k") == first
    assert orders.report(session, order, "IN_PRINT", key="l") == first
    with pytest.raises(KeyReused):
        orders.report(session, order, "printing", key="k")
    assert stored(session, orders, order)[3:] == (3, 3)


def test_a_report_delivered_late_answers_by_its_key(session: Session, order: Any, orders: Lifecycle) -> None:
    first = orders.report(session, order, "IN_PRINT", key="k")
    orders.send(session, order, "lose")
    assert orders.report(session, order, "IN_PRINT", key="k") == first
    with pytest.raises(NotEnabled, match="no event of test/press leads from lost to IN_PRINT"):
        orders.report(session, order, "IN_PRINT", key="l")


def test_a_report_to_a_stale_object_looks_at_the_database_first(stale: tuple[Session, Any], orders: Lifecycle) -> None:
    other, old = stale
    with pytest.raises(NotEnabled, match="from printing to accepted; enabled here: ship, note, hold"):
        orders.report(other, old, "accepted")
    assert old.code == "IN_PRINT"
    assert orders.report(other, old, "IN_PRINT").sequence == 3


def test_several_events_to_the_same_configuration_are_one_way(session: Session, kind: Kept, orders: Lifecycle) -> None:
    order = kind.new()
    orders.open(session, order)
    assert orders.report(session, order, "cancelled").event == "withdraw"
    assert order.code == "canceled"


def test_several_configurations_are_ambiguous(session: Session, order: Any, orders: Lifecycle) -> None:
    orders.send(session, order, "print")
    with pytest.raises(Ambiguous, match=r"may be reached from printing .* by lose \(to lost\), burn \(to burnt\)"):
        orders.report(session, order, "FAILED")
    assert orders.report(session, order, "burnt").event == "burn"


def test_a_report_is_refused_as_the_event_would_be(session: Session, order: Any, orders: Lifecycle) -> None:
    with pytest.raises(ReasonNeeded, match="hold needs a reason"):
        orders.report(session, order, "held")
    with pytest.raises(NotPermitted, match="cancel is for customer, not for an unnamed actor"):
        orders.report(session, order, "canceled")
    with pytest.raises(NotPermitted, match="cancel is for customer") as refused:
        orders.report(session, order, "canceled", actor="printer")
    assert [blocker.code for blocker in refused.value.blockers] == ["not-permitted", "guard-refused"]
    with pytest.raises(NotEnabled, match="the shortest way there: print, ship"):
        orders.report(session, order, "shipped")
    with pytest.raises(NotEnabled, match="no code or state 'glued'; its codes are received"):
        orders.report(session, order, "glued")
    assert stored(session, orders, order)[3:] == (2, 2)


# --- adopt


@pytest.mark.parametrize(
    ("state", "configuration"),
    [
        ("printing", "printing"),
        ("IN_PRINT", "printing"),
        ("cancelled", "canceled"),
        ("held;was=accepted", "held;was=accepted"),
    ],
)
def test_an_order_that_already_exists_is_taken_in_where_it_is(
    session: Session, kind: Kept, orders: Lifecycle, state: str, configuration: str
) -> None:
    order = kind.new()
    session.add(order)
    session.commit()
    entry = orders.adopt(session, order, state, actor="printer", reason="migration")
    assert (entry.before, entry.event, entry.after, entry.origin) == ("[*]", "adopt", configuration, "adopt")
    assert orderfsm.replay(PRESS, orders.history(session, order)).configuration == configuration
    assert stored(session, orders, order)[3:] == (1, 1)


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("ON_HOLD", Ambiguous, "may be any of held;was=printing, held;was=accepted"),
        ("FAILED", Ambiguous, "may be any of lost, burnt"),
        ("glued", NotEnabled, "no code or state 'glued'"),
    ],
)
def test_an_order_is_not_taken_in_where_it_cannot_be(
    session: Session, kind: Kept, orders: Lifecycle, state: str, error: type[OrderFsmError], said: str
) -> None:
    order = kind.new()
    with pytest.raises(error, match=said):
        orders.adopt(session, order, state)
    assert order not in session


def test_an_adopted_order_has_been_where_every_way_leads_through(session: Session, kind: Kept) -> None:
    late = tuple(t for t in PRESS.transitions if t.source != "[*]")
    late += tuple(
        Transition("printing", (event,), (), when(expression))
        for event, expression in (
            ("age", "was('received')"),
            ("tire", "days_since('received') > 1"),
            ("rest", "was('held')"),
        )
    )
    chart = replace(PRESS, transitions=late)
    orders = lifecycle(kind, chart, guards={"refundable": lambda facts: True})
    order = kind.new()
    orders.adopt(session, order, "printing")
    assert orders.send(session, order, "age").sequence == 2
    with pytest.raises(GuardRefused):
        orders.send(session, order, "rest")
    with pytest.raises(GuardFailed, match="when received was entered is not recorded"):
        orders.send(session, order, "tire")


# --- asking


def test_allowed_says_what_may_be_sent_and_what_it_still_needs(session: Session, order: Any, orders: Lifecycle) -> None:
    answers = {found.event: [need.code for need in found.needs] for found in orders.allowed(session, order)}
    assert answers == {
        "print": [],
        "note": [],
        "hold": ["reason-missing"],
        "cancel": ["actor-missing"],
        "audit": ["guard-open"],
    }
    printer = {found.event for found in orders.allowed(session, order, actor="printer", reason="paper")}
    assert printer == {"print", "note", "hold", "audit"}
    orders.send(session, order, "print")
    ship = orders.allowed(session, order)[0]
    assert (ship.event, [need.code for need in ship.needs]) == (
        "ship",
        ["guard-open", "link-missing", "payload-missing"],
    )
    assert orders.allowed(session, order, payload={"weight": 0})[0].event == "note"


def test_before_it_is_opened_an_order_may_be_opened(session: Session, kind: Kept, orders: Lifecycle) -> None:
    found = orders.allowed(session, kind.new())
    assert [(one.event, [need.code for need in one.needs]) for one in found] == [
        ("open", []),
        ("rush", ["actor-missing"]),
    ]


def test_an_event_that_is_allowed_without_needs_can_be_sent(session: Session, order: Any, orders: Lifecycle) -> None:
    free = [found.event for found in orders.allowed(session, order) if not found.needs]
    for event in free:
        with session.begin_nested() as savepoint:
            orders.send(session, order, event)
            savepoint.rollback()
    assert free == ["print", "note"]


def test_explain_gives_the_blockers_and_the_shortest_way(session: Session, order: Any, orders: Lifecycle) -> None:
    found = {one.event: one for one in orders.explain(session, order)}
    assert found["note"].blockers == ()
    assert found["ship"].way == ("print", "ship")
    assert found["ship"].blockers[0].code == "not-enabled"
    assert found["cancel"].way == ("cancel",)
    assert [blocker.code for blocker in found["cancel"].blockers] == ["not-permitted"]
    assert found["audit"].blockers[0].code == "guard-failed"
    assert found["accept"].way is None
    (unknown,) = orders.explain(session, order, "fly")
    assert (unknown.blockers[0].code, unknown.way) == ("unknown-event", None)


def test_explain_tells_of_an_event_what_becomes_of_the_one_that_it_behaves_like(
    session: Session, order: Any, orders: Lifecycle
) -> None:
    (longer,) = orders.explain(session, order, "note.twice")
    assert (longer.event, longer.blockers, longer.way) == ("note.twice", (), ("note.twice",))
    assert orders.send(session, order, "note.twice").event == "note.twice"
    (later,) = orders.explain(session, order, "ship.now")
    assert (later.blockers[0].code, later.way) == ("not-enabled", ("print", "ship.now"))


# --- both kinds of session


def test_every_method_has_a_twin_for_async_sessions(engine: Engine, kind: Kept, orders: Lifecycle) -> None:
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}[engine.dialect.name]

    async def life() -> list[str]:
        made = async_engine(engine.url.set(drivername=driver), durability="relaxed")
        async with AsyncSession(made) as session:
            order, other = kind.new(), kind.new()
            await orders.aopen(session, order, actor="customer")
            await orders.asend(session, order, "accept", actor="printer")
            await orders.areport(session, order, "IN_PRINT")
            await orders.aadopt(session, other, "printing")
            with pytest.raises(NotEnabled):
                await orders.asend(session, order, "accept", actor="printer")
            await session.commit()
            await session.refresh(order)
            allowed = await orders.aallowed(session, order)
            explained = await orders.aexplain(session, order, "ship")
            entries = await orders.ahistory(session, order)
        await made.dispose()
        return [*(entry.event for entry in entries), allowed[0].event, explained[0].event]

    assert asyncio.run(life()) == ["open", "accept", "print", "ship", "ship"]


def test_the_twins_are_called_after_their_methods() -> None:
    names = ["open", "send", "report", "adopt", "allowed", "explain", "history"]
    assert [getattr(Lifecycle, f"a{name}").__name__ for name in names] == [f"a{name}" for name in names]


# --- the service's own columns, schemas and constraints


def test_columns_of_the_service_are_filled_by_their_defaults(session: Session) -> None:
    orders, order = lifecycle(UUIDS), UUIDS.new()
    orders.open(session, order)
    first = order.stamps
    orders.send(session, order, "accept", actor="printer")
    assert order.stamps > first > 0
    rows = session.connection().execute(
        select(UUIDS.history.region, UUIDS.history.ticket).where(UUIDS.history.order_id == order.id)
    )
    regions, tickets = zip(*rows, strict=True)
    assert regions == ("north", "north")
    assert len({uuid.UUID(str(ticket)) for ticket in tickets}) == 2


def test_a_session_may_translate_schemas(engine: Engine, kind: Kept, orders: Lifecycle) -> None:
    schema = "main" if engine.dialect.name == "sqlite" else "public"
    with Session(engine.execution_options(schema_translate_map={None: schema})) as session, statements(engine) as sent:
        order = kind.new()
        orders.open(session, order)
        orders.send(session, order, "accept", actor="printer", key="k")
        orders.send(session, order, "accept", actor="printer", key="k")
        session.commit()
        assert stored(session, orders, order)[3:] == (2, 2)
    assert all(f"{schema}." in statement for statement in sent if "_history" in statement)


def test_what_the_database_refuses_leaves_nothing_half_written(
    session: Session, order: Any, kind: Kept, orders: Lifecycle
) -> None:
    past = orders.store.history.__table__
    columns = ", ".join(f'"{column.name}"' for column in past.c)
    values = ", ".join("3" if c.name == "sequence" else f'"{c.name}"' for c in past.c)
    keys = [past.c[name] for name in orders.store.history.__order_key__]
    identity = inspect(order).identity
    where = [key == value for key, value in zip(keys, identity, strict=True)]
    where.append(past.c.sequence == 2)
    copied = select(text(values)).select_from(past).where(*where)
    compiled = copied.compile(dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True})
    with unguarded(session.connection(), kind):
        session.connection().exec_driver_sql(f"INSERT INTO {past.name} ({columns}) {compiled}".replace("%", "%%"))
    session.commit()
    with pytest.raises(IntegrityError):
        orders.send(session, order, "print")
    if session.get_bind().dialect.name == "postgresql":
        session.rollback()
    assert stored(session, orders, order)[:4] == ("accepted", "accepted", "open", 2)


@pytest.mark.parametrize("watched", [False, True])
def test_errors_of_the_database_are_those_of_sqlalchemy_watched_or_not(
    engine: Engine, session: Session, order: Any, orders: Lifecycle, watched: bool
) -> None:
    order.revision  # noqa: B018 - loads the object
    name = orders.store.history.__tablename__
    session.connection().exec_driver_sql(f"ALTER TABLE {name} RENAME TO {name}_away")
    with statements(engine) if watched else contextlib.nullcontext(), pytest.raises(DBAPIError) as failed:
        orders.send(session, order, "print")
    session.rollback()
    assert "history" in str(failed.value.statement)
    assert isinstance(failed.value, (OperationalError, ProgrammingError))
    assert failed.value.orig is failed.value.__cause__


# --- races lost


def test_lost_race_knows_who_should_try_again() -> None:
    driver = type("SerializationFailure", (Exception,), {"sqlstate": "40001"})()
    busy = type("Busy", (Exception,), {"sqlite_errorname": "SQLITE_BUSY_SNAPSHOT"})()
    other = type("Other", (Exception,), {"sqlstate": "23505"})()
    assert lost_race(Conflict("moved"))
    assert lost_race(OperationalError("UPDATE", {}, driver))
    assert lost_race(OperationalError("UPDATE", {}, busy))
    assert not lost_race(OperationalError("UPDATE", {}, other))
    assert not lost_race(KeyReused("used"))
    assert not lost_race(ValueError())


def test_the_state_of_an_unlisted_chart_is_no_obstacle_to_a_bare_chart(session: Session) -> None:
    chart = orderfsm.Chart(
        "test/bare", (State("on"), State("off")), (Transition("on", ("toggle",), ("off",)),), initial=("on",)
    )
    orders, order = lifecycle(READY_MADE, chart), READY_MADE.new()
    orders.open(session, order)
    assert orders.send(session, order, "toggle").category is None
