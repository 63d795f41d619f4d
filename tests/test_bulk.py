"""One event for many orders: verdicts, histories and what follows them are those of one send after the other."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

import asyncio
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, LargeBinary, create_engine, event, func, inspect, select, text, tuple_
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, Session, SQLModel
from sqlmodel import select as choose

import orderfsm
from kept import KINDS, PRESS, READY_MADE, UUIDS, Kept, create_tables, lifecycle, statements, unguarded
from kept_items import ITEMIZED, ORDER, Itemized, itemized, shop
from kept_timers import LEASE, REGIONS
from orderfsm import Actor, Blocker, Chart, Link, enforcement
from orderfsm.chart import Guard, State, Transition
from orderfsm.errors import KeyReused, NotEnabled, NotOpened, OrderFsmError, Refused, StoredStateUnknown, UnknownEvent
from orderfsm.lifecycle import Claims, Lifecycle, lost_race
from orderfsm.sqlmodel import HistoryEntry, Order, OrderHistory, SqlStore, Stateful, async_engine
from random_charts import EVENTS, NAMED, calls, charts
from test_emission import SHOP
from test_races import LAMP

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NOWHERE = {"not-enabled", "terminal", "unknown-event"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with itemized(request.param, postgres_url, tmp_path_factory.mktemp("bulk")) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine, expire_on_commit=False) as made:
        yield made


def still(kind: Kept, chart: Chart = PRESS, **more: Any) -> Lifecycle:
    """A lifecycle whose clock stands still, so that what two of them write can be compared."""
    return lifecycle(kind, chart, **{"clock": lambda: NOW, **more})


def opened(session: Session, orders: Lifecycle, kind: Kept, *events: str, actor: str | None = None) -> Any:
    """A new order that these events were sent to."""
    order = kind.new()
    orders.open(session, order)
    for name in events:
        orders.send(session, order, name, actor=actor)
    return order


def key_of(order: Any) -> Any:
    parts = inspect(order).identity
    return parts[0] if len(parts) == 1 else tuple(parts)


def stored(session: Session, kind: Kept, order: Any) -> dict[str, Any]:
    """All that the database holds of an order, its key apart."""
    return all_stored(session, kind, [order])[0]


def all_stored(session: Session, kind: Kept, orders: Sequence[Any]) -> list[dict[str, Any]]:
    """The same of several orders."""
    found: list[dict[str, Any]] = [{} for _ in orders]
    store = kind.store
    for name, model in {
        "order": kind.order,
        "history": kind.history,
        "outbox": store.outbox,
        "timers": store.timers,
        "holds": store.holds,
    }.items():
        table: Any = inspect(model).local_table
        columns = ["id", "number", "tenant"] if name == "order" else list(getattr(model, "__order_key__", ()))
        keys = [column for column in table.primary_key if name == "order" or column.name in columns]
        own = {*(column.name for column in keys), "note", "stamps", "ticket", "reference", "data"}
        shown = [column for column in table.columns if column.name not in own]
        wanted = [tuple(inspect(order).identity) for order in orders]
        query = select(*keys, *shown).where(tuple_(*keys).in_(wanted)).order_by(*table.primary_key)
        rows: dict[Any, list[Any]] = {key: [] for key in wanted}
        for row in session.connection().execute(query):
            rows[tuple(row[: len(keys)])].append(tuple(row[len(keys) :]))
        for place, key in enumerate(wanted):
            found[place][name] = rows[key]
    return found


def one_by_one(session: Session, orders: Lifecycle, key: Any, name: str, batch: str, call: dict[str, Any]) -> Any:
    """The verdict on one order by the way of everybody."""
    order = session.get(orders.store.order, key)
    if order is None:
        return "unknown"
    configuration, revision = order.configuration, order.revision
    try:
        entry = orders.send(session, order, name, key=batch, **call)
    except Refused as error:
        if error.blockers[0].code in NOWHERE:
            targets = {str(step.after) for step in orders.table.edges() if step.before and step.event == name}
            return "already-there" if configuration in targets else "illegal"
        return "refused", error.code, [blocker.code for blocker in told(error)]
    except NotOpened:
        return "not-opened"
    except OrderFsmError as error:
        return "failed", error.code
    return "applied" if entry.sequence > revision else "duplicate"


def told(error: Refused) -> tuple[Blocker, ...]:
    try:
        return error.blockers
    except OrderFsmError:
        return ()


def shown(verdict: Any) -> Any:
    if verdict.outcome == "refused":
        return verdict.outcome, verdict.error.code, [blocker.code for blocker in told(verdict.error)]
    return (verdict.outcome, verdict.error.code) if verdict.outcome == "failed" else verdict.outcome


# --- equal to one after the other


def compared(
    session: Session,
    orders: Lifecycle,
    kind: Kept,
    lives: list[list[str]],
    name: str,
    call: Any,
    size: int,
    actor: str = "staff",
) -> None:
    """Two orders of each life: one of them is sent to alone, the other with the rest."""
    pairs = [tuple(lived(session, orders, kind, life, actor) for _ in range(2)) for life in lives]
    keys = [key_of(single) for single, _ in pairs]
    for _ in range(2):  # the second time everything that was applied is a duplicate
        expected = [one_by_one(session, orders, key, name, "batch", call) for key in keys]
        sent = orders.send_many(session, [key_of(many) for _, many in pairs], name, batch="batch", chunk=size, **call)
        found = {verdict.order: verdict for verdict in sent}
        assert [shown(found[key_of(many)]) for _, many in pairs] == expected
        alone, together = (all_stored(session, kind, half) for half in zip(*pairs, strict=True))
        assert alone == together
        for single, many in pairs:
            assert (many.configuration, many.revision) == (single.configuration, single.revision)
            assert found[key_of(many)].configuration == many.configuration


def lived(session: Session, orders: Lifecycle, kind: Kept, life: list[str], actor: str = "staff") -> Any:
    order = kind.new()
    session.add(order)
    session.flush()
    for place, name in enumerate(life):
        try:
            if name.startswith("held by "):
                orders.hold(session, order, name, reason="paper")
                continue
            (orders.send if place else orders.open)(session, order, *([name] if place else []), actor=actor)
        except OrderFsmError:
            break
    return order


lives = st.lists(st.lists(st.sampled_from(EVENTS), max_size=4), min_size=1, max_size=5)


@pytest.mark.parametrize("kind", [READY_MADE, KINDS[1], KINDS[3]], ids=lambda kind: kind.name)
@settings(
    max_examples=settings().max_examples // 5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_of_any_chart_many_are_sent_to_as_one_after_the_other(engine: Engine, kind: Kept, data: st.DataObject) -> None:
    chart = data.draw(charts())
    call = data.draw(calls())
    facts = data.draw(st.sampled_from((None, lambda session, order: call["facts"] or {})))
    odd = data.draw(st.booleans())
    guards = {name: (lambda facts: getattr(facts["order"], "revision", 0) % 2 == odd) for name in NAMED}
    orders = still(kind, chart, guards=guards, facts=facts)
    asked = {name: call[name] for name in ("actor", "reason", "links", "payload")}
    with Session(engine) as session:
        size = data.draw(st.sampled_from((1, 2, 100)))
        compared(session, orders, kind, data.draw(lives), data.draw(st.sampled_from(EVENTS)), asked, size)


@pytest.mark.parametrize("name", orderfsm.catalogue.names())
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_of_every_shipped_chart_too(engine: Engine, name: str, data: st.DataObject) -> None:
    chart = orderfsm.load(name)
    orders = still(READY_MADE, chart, guards=dict.fromkeys(chart.guards, lambda facts: True))
    names = sorted(orders.table.alphabet)
    walks = [walked(chart, data.draw(st.lists(st.integers(0, 9), max_size=6))) for _ in range(4)]
    call = {"actor": data.draw(st.sampled_from([None, *chart.actors])), "reason": "x", "payload": {"count": 1}}
    with Session(engine) as session:
        compared(session, orders, READY_MADE, walks, data.draw(st.sampled_from(names)), call, 3)


def walked(chart: Chart, choices: list[int]) -> list[str]:
    """Events that lead somewhere, as far as guards let them."""
    here, events = str(orderfsm.compile(chart).starts["open"].steps[0].after), ["open"]
    for choice in choices:
        cells = [(name, step) for name, cell in orderfsm.compile(chart).rows[here].items() for step in cell.steps]
        if not cells:
            break
        name, step = cells[choice % len(cells)]
        events.append(name)
        here = str(step.after)
    return events


@pytest.mark.parametrize("chart", [LEASE, REGIONS], ids=lambda chart: chart.name)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(
    max_examples=settings().max_examples // 8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_timers_begin_end_and_stop_alike(engine: Engine, kind: Kept, chart: Chart, data: st.DataObject) -> None:
    orders = still(kind, chart)
    walks = [walked(chart, data.draw(st.lists(st.integers(0, 9), max_size=5))) for _ in range(4)]
    name = data.draw(st.sampled_from(sorted(orders.table.alphabet)))
    with Session(engine) as session:
        compared(session, orders, kind, walks, name, {}, 100)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_emitted_goes_into_the_outbox(session: Session, kind: Kept) -> None:
    orders = still(kind, SHOP)
    walks = [["open"], ["open"], ["open", "pay"]]
    compared(session, orders, kind, walks, "pay", {}, 100)
    many = [opened(session, orders, kind) for _ in range(3)]
    orders.send_many(session, [key_of(order) for order in many], "pay")
    assert [len(stored(session, kind, order)["outbox"]) for order in many] == [2, 2, 2]


@pytest.mark.parametrize("name", ["drop", "resume", "note", "hold"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_holds_end_bar_and_stay_alike(session: Session, kind: Kept, name: str) -> None:
    orders = still(kind)
    begun = ["open", "accept", "print"]
    walks = [
        [*begun, "held by us", "held by them"],
        [*begun, "held by us"],
        [*begun, "hold"],
        [*begun[:2], "held by us"],
        begun,
    ]
    call = {"reason": "x"} if name == "hold" else {}
    compared(session, orders, kind, walks, name, call, 3, actor="printer")
    held = lived(session, orders, kind, walks[0], "printer")
    assert len(stored(session, kind, held)["holds"]) == 2


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.name)
def test_tables_of_a_service_that_the_database_guards_are_written_alike(session: Session, kind: Kept) -> None:
    enforcement.install(session.connection(), kind.order, kind.history)
    orders = still(kind)
    walks = [["open"], ["open"], ["open", "accept"], ["open", "reject"]]
    compared(session, orders, kind, walks, "accept", {"actor": "printer"}, 3, actor="printer")
    assert not enforcement.enforced(session.connection(), kind.order, kind.history)
    session.rollback()


# --- which orders


def test_a_select_a_condition_and_keys_say_which_orders_are_meant(session: Session) -> None:
    orders = still(READY_MADE)
    made = [opened(session, orders, READY_MADE) for _ in range(4)]
    keys = [order.id for order in made]
    for order in made[:2]:
        order.reference = "north"
    by_history = choose(Order).join(OrderHistory).where(OrderHistory.order_id.in_(keys[:3]))  # type: ignore[attr-defined]
    ways = {
        "a select": (choose(Order).where(Order.id.in_(keys), Order.reference == "north"), 2),  # type: ignore[union-attr]
        "a condition": ((Order.reference == "north") & (Order.id.in_(keys)), 2),  # type: ignore[union-attr]
        "a join": (by_history, 3),
        "keys": (keys, 4),
        "an iterator": (iter(keys), 4),
        "a set": (set(keys), 4),
    }
    for name, (way, number) in ways.items():
        for chunk in (3, 100) if name != "an iterator" else (3,):
            sent = orders.send_many(session, way, "note", chunk=chunk)
            assert [verdict.order for verdict in sent] == keys[:number], name


def test_what_says_no_orders_is_told(session: Session) -> None:
    orders = still(READY_MADE)
    wrong: dict[Any, Any] = {
        "P-17": TypeError,
        17: TypeError,
        choose(Order).limit(3): ValueError,
        choose(OrderHistory): TypeError,
    }
    for which, error in wrong.items():
        with pytest.raises(error):
            orders.send_many(session, which, "accept")
    with pytest.raises(TypeError, match="nor a key of one"):
        orders.send_many(session, [(1, 2)], "accept")
    for which in ([Order()], iter([Order()])):
        with pytest.raises(TypeError, match=r"is an order; give its key: order\.id"):
            orders.send_many(session, which, "accept")
    with pytest.raises(ValueError, match="at least one order"):
        orders.send_many(session, [1], "accept", chunk=0)


def test_no_orders_are_no_verdicts(session: Session) -> None:
    sent = still(READY_MADE).send_many(session, [], "accept")
    assert (len(sent), dict(sent.counts)) == (0, {})
    assert len(still(READY_MADE).send_many(session, Order.id < 0, "accept")) == 0  # type: ignore[operator]


def test_keys_of_no_order_and_orders_that_were_not_opened_are_told(session: Session) -> None:
    orders = still(READY_MADE)
    fresh = Order()
    session.add(fresh)
    session.flush()
    found = {verdict.order: verdict for verdict in orders.send_many(session, [fresh.id, 10**9], "accept")}
    assert found[10**9].outcome == "unknown"
    assert found[fresh.id].outcome == "not-opened"
    assert isinstance(found[fresh.id].error, NotOpened)


def test_orders_that_were_not_flushed_yet_are_found(session: Session) -> None:
    orders = still(READY_MADE)
    order = opened(session, orders, READY_MADE)
    order.reference = "not flushed yet"
    assert orders.send_many(session, Order.reference == "not flushed yet", "reject").counts == {"applied": 1}
    assert order.reference == "not flushed yet"


def test_an_event_that_the_chart_does_not_have_is_refused_at_once(session: Session) -> None:
    with pytest.raises(UnknownEvent, match="did you mean accept"):
        still(READY_MADE).send_many(session, [], "acept")


# --- verdicts


def test_each_order_gets_a_verdict_and_those_that_refuse_disturb_nobody(session: Session) -> None:
    orders = still(READY_MADE)
    ready, there, done = (opened(session, orders, READY_MADE) for _ in range(3))
    orders.send(session, there, "accept", actor="printer")
    orders.send(session, done, "reject")
    sent = orders.send_many(session, [done.id, there.id, ready.id], "accept", actor="printer")
    assert [verdict.order for verdict in sent] == [ready.id, there.id, done.id]
    assert [verdict.outcome for verdict in sent] == ["applied", "already-there", "illegal"]
    assert sent.counts == {"applied": 1, "already-there": 1, "illegal": 1}
    assert sent.counts["refused"] == 0
    applied, staying, ended = sent.verdicts
    assert (applied.configuration, applied.sequence, applied.error) == ("accepted", 2, None)
    assert isinstance(staying.error, NotEnabled)
    assert [blocker.code for blocker in ended.error.blockers] == ["terminal"]  # type: ignore[union-attr]
    assert orders.history(session, ready)[-1].key == sent.batch


def test_who_may_not_is_refused_with_blockers(session: Session) -> None:
    orders = still(READY_MADE)
    order = opened(session, orders, READY_MADE)
    (verdict,) = orders.send_many(session, [order.id], "accept", actor="customer")
    assert verdict.outcome == "refused"
    assert [blocker.code for blocker in verdict.error.blockers] == ["not-permitted"]  # type: ignore[union-attr]
    assert order.revision == 1


def test_a_stored_state_that_the_chart_lacks_is_a_failure_of_that_order_alone(engine: Engine) -> None:
    orders = still(READY_MADE)
    with Session(engine) as session:
        strange, sound = (opened(session, orders, READY_MADE) for _ in range(2))
        with unguarded(session.connection(), READY_MADE):
            session.execute(text("UPDATE orders SET configuration = 'glued' WHERE id = :id"), {"id": strange.id})
        sent = orders.send_many(session, [strange.id, sound.id], "accept", actor="printer")
        assert [verdict.outcome for verdict in sent] == ["failed", "applied"]
        assert isinstance(sent.verdicts[0].error, StoredStateUnknown)
        session.rollback()


def test_everything_that_a_request_brings_is_recorded(session: Session) -> None:
    orders = still(READY_MADE)
    orders_ = [opened(session, orders, READY_MADE, "accept", actor="printer") for _ in range(2)]
    sent = orders.send_many(
        *(session, [order.id for order in orders_], "hold"),
        actor=Actor("printer", "7", "Gutenberg"),
        reason="paper",
        links=(Link("note", "/17"),),
        payload={"until": NOW},
        batch="b-1",
        occurred_at=NOW - timedelta(days=1),
        caused_by="strike/3",
        origin="import",
    )
    assert sent.batch == "b-1"
    for order in orders_:
        entry = orders.history(session, order)[-1]
        assert (entry.actor, entry.links) == (Actor("printer", "7", "Gutenberg"), (Link("note", "/17"),))
        assert entry.reason is not None
        assert entry.reason.code == "paper"
        assert (entry.payload, entry.caused_by, entry.origin) == ({"until": NOW.isoformat()}, "strike/3", "import")
        assert (entry.occurred_at, entry.recorded_at) == (NOW - timedelta(days=1), NOW)
        assert entry.sequence == order.revision == 3


# --- a batch, once


def test_an_order_takes_a_batch_once_and_a_new_one_again(session: Session) -> None:
    orders = still(READY_MADE)
    order = opened(session, orders, READY_MADE, "accept", actor="printer")
    first = orders.send_many(session, [order.id], "note")
    again = orders.send_many(session, [order.id], "note", batch=first.batch)
    assert [(verdict.outcome, verdict.sequence) for verdict in (*first, *again)] == [("applied", 3), ("duplicate", 3)]
    assert orders.send_many(session, [order.id], "note").counts == {"applied": 1}
    assert order.revision == 4


def test_an_id_of_another_request_is_told(session: Session) -> None:
    orders = still(READY_MADE)
    order = opened(session, orders, READY_MADE, "accept", actor="printer")
    orders.send_many(session, [order.id], "note", batch="b")
    (verdict,) = orders.send_many(session, [order.id], "print", batch="b")
    assert verdict.outcome == "failed"
    assert isinstance(verdict.error, KeyReused)
    assert order.revision == 3


def test_a_single_send_with_the_id_counts_as_well(session: Session) -> None:
    orders = still(READY_MADE)
    order = opened(session, orders, READY_MADE, "accept", actor="printer")
    orders.send(session, order, "note", key="b")
    assert orders.send_many(session, [order.id], "note", batch="b").counts == {"duplicate": 1}


# --- objects in memory


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_objects_in_memory_are_brought_up_to_date(session: Session, kind: Kept) -> None:
    orders = still(kind)
    made = [opened(session, orders, kind) for _ in range(3)]
    setattr(made[0], "reference" if kind is READY_MADE else "note", "mine")
    stamps = [getattr(order, "stamps", -1) for order in made]
    orders.send_many(session, [key_of(order) for order in made], "accept", actor="printer")
    for order, stamp in zip(made, stamps, strict=True):
        assert (order.configuration, order.code, order.revision) == ("accepted", "accepted", 2)
        assert not session.is_modified(order)
        assert stamp == -1 or order.stamps > stamp
        orders.send(session, order, "print")
    session.rollback()


def test_objects_that_others_have_moved_are_read_anew(engine: Engine) -> None:
    orders = still(READY_MADE)
    with Session(engine, expire_on_commit=False) as session:
        order = opened(session, orders, READY_MADE)
        session.commit()
        with Session(engine) as other:
            orders.send(other, other.get_one(Order, order.id), "reject")
            other.commit()
        assert order.configuration == "received"
        (verdict,) = orders.send_many(session, [order.id], "accept", actor="printer")
        assert (verdict.outcome, verdict.configuration, order.configuration) == ("illegal", "canceled", "canceled")


def test_what_is_rolled_back_to_a_savepoint_is_forgotten(session: Session) -> None:
    orders = still(READY_MADE)
    order = opened(session, orders, READY_MADE)
    savepoint = session.begin_nested()
    orders.send_many(session, [order.id], "accept", actor="printer")
    savepoint.rollback()
    assert (order.configuration, order.revision) == ("received", 1)


# --- what is decided once, each, and one by one


def test_the_number_of_statements_does_not_depend_on_the_number_of_orders(engine: Engine) -> None:
    orders = still(READY_MADE)
    counts = []
    for number in (1, 10, 200):
        with Session(engine) as session:
            keys = [opened(session, orders, READY_MADE).id for _ in range(number)]
            session.commit()
        with Session(engine) as session, statements(engine) as sent:
            assert orders.send_many(session, keys, "accept", actor="printer").counts == {"applied": number}
            counts.append(len(sent))
            session.commit()
    assert counts[1] == counts[2] < 8  # the first of all also asks for charts and triggers


def test_guards_that_read_the_call_are_asked_once(session: Session) -> None:
    orders = still(READY_MADE)
    made = [opened(session, orders, READY_MADE, "accept", "print", actor="printer") for _ in range(3)]
    light = orders.send_many(session, [order.id for order in made], "ship", payload={"weight": 0})
    assert light.counts == {"refused": 3}
    assert len({id(verdict.error) for verdict in light}) == 1
    heavy = orders.send_many(
        session, [order.id for order in made], "ship", payload={"weight": 2}, links=(Link("tracking", "/1"),)
    )
    assert heavy.counts == {"applied": 3}


def test_named_guards_are_asked_for_each_order(session: Session) -> None:
    asked = []

    def refundable(facts: Any) -> bool:
        asked.append(facts["order"].id)
        return bool(facts["order"].id % 2)

    orders = still(READY_MADE, guards={"refundable": refundable})
    keys = [opened(session, orders, READY_MADE, "accept", actor="printer").id for _ in range(4)]
    sent = orders.send_many(session, keys, "cancel", actor="customer")
    assert set(asked) == set(keys)
    assert {verdict.order for verdict in sent if verdict.outcome == "applied"} == {key for key in keys if key % 2}


def test_facts_see_what_became_of_the_orders_before(session: Session) -> None:
    """A guard that lets two through lets two through."""

    def facts(session: Session, order: Any) -> dict[str, Any]:
        query = select(func.count()).select_from(Order).where(Order.configuration == "on", Order.reference == "room")
        return {"taken": session.execute(query).scalar_one()}

    chart = Chart(
        "test/room",
        (State("off"), State("on")),
        (Transition("off", ("enter",), ("on",), (Guard("room"),)),),
        initial=("off",),
        guards={"room": "At most two are in."},
    )
    orders = still(READY_MADE, chart, guards={"room": lambda facts: facts["taken"] < 2}, facts=facts)
    made = [opened(session, orders, READY_MADE) for _ in range(4)]
    for order in made:
        order.reference = "room"
    assert orders.send_many(session, [order.id for order in made], "enter").counts == {"applied": 2, "refused": 2}


def test_what_a_guard_raises_that_is_no_error_of_ours_is_passed_on(session: Session) -> None:
    def refundable(facts: Any) -> bool:
        raise ZeroDivisionError

    orders = still(READY_MADE, guards={"refundable": refundable})
    order = opened(session, orders, READY_MADE, "accept", actor="printer")
    with pytest.raises(ZeroDivisionError):
        orders.send_many(session, [order.id], "cancel", actor="customer")


def test_claimed_times_are_judged_for_each_order(session: Session) -> None:
    orders = still(READY_MADE, claims=Claims(late="refuse"))
    early, late = (opened(session, orders, READY_MADE) for _ in range(2))
    orders.send(session, late, "accept", actor="printer", occurred_at=NOW)
    orders.send(session, early, "accept", actor="printer", occurred_at=NOW)
    third = opened(session, orders, READY_MADE)
    assert orders.send_many(session, [early.id], "note", occurred_at=NOW - timedelta(hours=1)).counts == {"refused": 1}
    assert orders.send_many(session, [early.id, third.id], "reject", occurred_at=NOW).counts == {
        "illegal": 1,
        "applied": 1,
    }


# --- holds and items


def test_orders_with_holds_are_left_and_the_others_go_on(session: Session) -> None:
    orders = still(READY_MADE)
    held, free = (opened(session, orders, READY_MADE, "accept", actor="printer") for _ in range(2))
    orders.hold(session, held, "payment", actor="printer", reason="late")
    orders.send(session, free, "hold", reason="paper")
    sent = orders.send_many(session, [held.id, free.id], "resume")
    assert [verdict.outcome for verdict in sent] == ["refused", "applied"]
    assert [blocker.code for blocker in sent.verdicts[0].error.blockers] == ["held"]  # type: ignore[union-attr]
    assert (held.configuration, free.configuration) == ("held;was=accepted", "accepted")


@pytest.mark.parametrize("kind", ITEMIZED, ids=lambda kind: kind.orders.name)
def test_orders_follow_many_items_once_per_chunk(session: Session, kind: Itemized) -> None:
    made = shop(kind)
    pairs = [made.new(session, 3) for _ in range(2)]
    keys = [key_of(piece) for _, pieces in pairs for piece in pieces]
    assert made.items.send_many(session, keys, "begin").counts == {"applied": 6}
    for order, pieces in pairs:
        entry = made.orders.history(session, order)[-1]
        assert (order.configuration, entry.event, entry.sequence) == ("working", "start", 2)
        assert len(str(entry.caused_by).split()) == len(pieces)
    assert made.items.send_many(session, keys[:5], "finish").counts == {"applied": 5}
    assert [order.configuration for order, _ in pairs] == ["done", "working"]


def test_items_whose_order_refuses_are_left_and_the_others_are_not(session: Session) -> None:
    kind = ITEMIZED[0]
    guarded = [
        Transition(arrow.source, arrow.events, arrow.targets, (Guard("paid"),), by=arrow.by)
        if "finish" in arrow.events
        else arrow
        for arrow in ORDER.transitions
    ]
    chart = replace(ORDER, transitions=tuple(guarded), guards={"paid": "It is paid."})
    unpaid: set[Any] = set()
    made = shop(kind, chart, guards={"paid": lambda facts: facts["order"].id not in unpaid})
    pairs = [made.new(session, 2) for _ in range(2)]
    pieces = [piece for _, pieces in pairs for piece in pieces]
    made.items.send_many(session, [key_of(piece) for piece in pieces], "begin")
    unpaid.add(pairs[0][0].id)
    sent = made.items.send_many(session, [key_of(piece) for piece in pieces], "finish")
    assert [verdict.outcome for verdict in sent] == ["applied", "refused", "applied", "applied"]
    assert [order.configuration for order, _ in pairs] == ["working", "done"]
    assert [piece.configuration for piece in pieces] == ["made", "making", "made", "made"]


# --- keys of a kind that SQLite's JSON does not hold


class Token(Stateful, table=True):
    __tablename__ = "test_token"

    name: bytes = Field(primary_key=True, sa_type=LargeBinary)


class TokenHistory(HistoryEntry, table=True):
    __tablename__ = "test_token_history"

    order_id: bytes = Field(foreign_key="test_token.name", sa_type=LargeBinary)


def test_keys_of_bytes_work_too(engine: Engine) -> None:
    SQLModel.metadata.create_all(engine, tables=[Token.__table__, TokenHistory.__table__])  # type: ignore[attr-defined]
    orders = Lifecycle(PRESS, SqlStore(Token, TokenHistory), guards={"refundable": lambda facts: True})
    with Session(engine) as session:
        made = [Token(name=uuid.uuid4().bytes) for _ in range(3)]
        for token in made:
            orders.open(session, token)
        sent = orders.send_many(session, [token.name for token in made[:2]], "accept", actor="printer")
        assert sent.counts == {"applied": 2}
        everything = orders.send_many(session, choose(Token), "accept", actor="printer", batch=sent.batch)
        assert everything.counts == {"applied": 1, "duplicate": 2}


# --- chunk by chunk


def prepared(engine: Engine, orders: Lifecycle, number: int, kind: Kept = READY_MADE) -> list[Any]:
    with Session(engine) as session:
        made = [opened(session, orders, kind) for _ in range(number)]
        session.commit()
        return [key_of(order) for order in made]


def test_chunks_are_committed_before_their_verdicts_are_given_and_go_on_where_they_broke_off(engine: Engine) -> None:
    orders = still(READY_MADE)
    keys = prepared(engine, orders, 7)
    chunks = orders.send_in_chunks(engine, keys, "accept", actor="printer", chunk=3)
    first = next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    with Session(engine) as session:
        assert [session.get_one(Order, key).revision for key in keys] == [2, 2, 2, 1, 1, 1, 1]
    rest = list(
        orders.send_in_chunks(lambda: Session(engine), keys, "accept", actor="printer", batch=first.batch, chunk=3)
    )
    assert [dict(sent.counts) for sent in rest] == [{"duplicate": 3}, {"applied": 3}, {"applied": 1}]
    with Session(engine) as session:
        assert {session.get_one(Order, key).revision for key in keys} == {2}


def test_a_chunk_that_lost_a_race_is_tried_again(engine: Engine) -> None:
    orders = still(READY_MADE)
    keys = prepared(engine, orders, 4)
    tries = []

    class Unlucky(Session):
        def commit(self) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise OperationalError("COMMIT", None, Deadlock())
            super().commit()

    sent = list(orders.send_in_chunks(lambda: Unlucky(engine), keys, "accept", actor="printer"))
    assert [dict(each.counts) for each in sent] == [{"applied": 4}]
    assert len(tries) == 2


class Deadlock(Exception):
    sqlstate = "40P01"


def test_a_select_is_sent_to_page_by_page(engine: Engine) -> None:
    for kind in KINDS:
        orders = still(kind)
        keys = prepared(engine, orders, 5, kind)
        sent = list(orders.send_in_chunks(engine, choose(kind.order), "note", chunk=2))
        assert [verdict.order for each in sent for verdict in each if verdict.order in keys] == sorted(keys)
        assert all(len(each) <= 2 for each in sent)


def test_a_last_chunk_without_orders_is_not_told(engine: Engine) -> None:
    orders = still(READY_MADE)
    keys = prepared(engine, orders, 4)
    asked = Order.id.in_(keys)  # type: ignore[union-attr]
    assert [len(sent) for sent in orders.send_in_chunks(engine, asked, "reject", chunk=2)] == [2, 2]
    assert list(orders.send_in_chunks(engine, [], "reject")) == []


KILLED = """
import sys
from sqlmodel import Session
import test_bulk as bulk
from orderfsm.sqlmodel import engine

orders, keys = bulk.still(bulk.READY_MADE), eval(sys.argv[2])
chunks = orders.send_in_chunks(engine(sys.argv[1]), keys, "accept", actor="printer", batch="night", chunk=10)
for sent in chunks:
    print(len(sent), flush=True)
"""


def test_a_batch_whose_process_is_killed_goes_on_with_the_same_id(engine: Engine) -> None:
    orders = still(READY_MADE)
    keys = prepared(engine, orders, 400)
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, url, repr(keys)]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = sum(int(process.stdout.readline()) for _ in range(5))
        process.kill()
    rest = list(orders.send_in_chunks(engine, keys, "accept", actor="printer", batch="night", chunk=30))
    counts = sum((Counter(sent.counts) for sent in rest), Counter[str]())
    assert counts["applied"] + counts["duplicate"] == len(keys)
    assert counts["duplicate"] >= told == 50
    with Session(engine) as session:
        for key in keys:
            order = session.get_one(Order, key)
            assert [entry.event for entry in orders.history(session, order)] == ["open", "accept"]
            assert (order.configuration, order.revision) == ("accepted", 2)


def test_whoever_uses_asyncio_has_the_same(engine: Engine) -> None:
    orders = still(READY_MADE)
    keys = prepared(engine, orders, 5)

    async def run() -> list[Any]:
        url = engine.url.set(drivername="sqlite+aiosqlite" if engine.dialect.name == "sqlite" else "postgresql+psycopg")
        at = async_engine(url, durability="relaxed")
        async with AsyncSession(at) as session:
            sent = [await orders.asend_many(session, keys[:1], "accept", actor="printer")]
            await session.commit()
        sent += [each async for each in orders.asend_in_chunks(at, keys, "accept", actor="printer", chunk=3)]
        await at.dispose()
        return sent

    found = [dict(sent.counts) for sent in asyncio.run(run())]
    assert found == [{"applied": 1}, {"already-there": 1, "applied": 2}, {"applied": 2}]


# --- with others at work


def test_overlapping_batches_and_single_sends_lose_nothing(engine: Engine) -> None:
    orders = lifecycle(UUIDS, LAMP)
    keys = prepared(engine, orders, 40, UUIDS)
    rounds, barrier = 6, threading.Barrier(4, timeout=60)

    def batches(begin: int, end: int) -> int:
        barrier.wait()
        sent = [
            each for _ in range(rounds) for each in orders.send_in_chunks(engine, keys[begin:end], "toggle", chunk=15)
        ]
        return sum(each.counts["applied"] for each in sent)

    def singles() -> int:
        barrier.wait()
        count = 0
        for key in keys * 2:
            with Session(engine) as session:
                while True:
                    try:
                        orders.send(session, session.get_one(UUIDS.order, key), "toggle")
                        session.commit()
                        count += 1
                        break
                    except Exception as error:
                        session.rollback()
                        if not lost_race(error):
                            raise
        return count

    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(batches, 0, 30),
            pool.submit(batches, 10, 40),
            pool.submit(batches, 0, 40),
            pool.submit(singles),
        ]
        applied = sum(run.result() for run in runs)
    assert applied == rounds * (30 + 30 + 40) + 80
    with Session(engine) as session:
        entries = 0
        for key in keys:
            order = session.get_one(UUIDS.order, key)
            history = orders.history(session, order)
            assert orderfsm.replay(LAMP, history).configuration == order.configuration
            assert [entry.sequence for entry in history] == list(range(1, order.revision + 1))
            entries += len(history) - 1
    assert entries == applied


def test_batches_in_one_transaction_wait_for_each_other_and_never_in_a_circle(engine: Engine) -> None:
    """Two transactions of several chunks each, over the same orders, given in opposite directions."""
    orders = lifecycle(READY_MADE, LAMP)
    keys = prepared(engine, orders, 60)
    barrier = threading.Barrier(2, timeout=60)

    def run(given: list[int]) -> None:
        for _ in range(8):
            barrier.wait()
            with Session(engine) as session:
                assert orders.send_many(session, given, "toggle", chunk=7).counts == {"applied": 60}
                session.commit()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(run, keys), pool.submit(run, keys[::-1])]:
            done.result()
    with Session(engine) as session:
        assert {session.get_one(Order, key).revision for key in keys} == {17}


def test_nobody_moves_an_order_between_its_reading_and_its_writing_whatever_begins_transactions(tmp_path: Any) -> None:
    """An engine of the service's own, whose driver begins no transaction for a SELECT."""
    at = create_engine(f"sqlite:///{tmp_path}/orders.db", connect_args={"timeout": 0.1})
    create_tables(at)
    orders = still(READY_MADE)
    (key,) = prepared(at, orders, 1)
    verdicts = []

    def intrude(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO order_history") and not verdicts:
            verdicts.append(None)
            with create_engine(at.url, connect_args={"timeout": 0.1}).connect() as other:
                with pytest.raises(OperationalError, match="locked"):
                    other.execute(text("UPDATE orders SET reference = 'x'"))
                verdicts.append("locked")

    event.listen(at, "before_cursor_execute", intrude)
    with Session(at) as session:
        assert orders.send_many(session, [key], "accept", actor="printer").counts == {"applied": 1}
        session.commit()
    at.dispose()
    assert verdicts == [None, "locked"]
