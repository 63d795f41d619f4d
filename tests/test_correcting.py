"""Corrections are entries too: by roles that may, for a reason, pointing at what they correct, and visible for ever."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

import orderfsm
from kept import KINDS, PRESS, READY_MADE, Kept, lifecycle, statements
from kept_items import PIECES, itemized, shop
from orderfsm import (
    Actor,
    Ambiguous,
    ClaimRefused,
    Conflict,
    Entry,
    GuardRefused,
    KeyReused,
    Link,
    NotEnabled,
    NotOpened,
    NotPermitted,
    Reason,
    ReasonNeeded,
    StoredStateUnknown,
    effective,
    replay,
)
from orderfsm.chart import Chart, State
from orderfsm.lifecycle import Claims, Corrections, Lifecycle, Restated
from orderfsm.sqlmodel import Order, OrderOutbox, async_engine

BOSS = Actor("boss", "b-1")
MAY = Corrections(override=("boss",), void=("boss", "clerk"), supersede=("boss",))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with itemized(request.param, postgres_url, tmp_path_factory.mktemp("correcting")) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def correcting(kind: Kept = READY_MADE, **more: Any) -> Lifecycle:
    return lifecycle(kind, **{"corrections": MAY, **more})


def printing(session: Session, orders: Lifecycle, kind: Kept = READY_MADE) -> Any:
    order = kind.new()
    orders.open(session, order)
    orders.send(session, order, "accept", actor="printer")
    orders.send(session, order, "print", payload={"sheets": 1}, links=[Link("proof", "/a")])
    return order


def last(orders: Lifecycle, session: Session, order: Any) -> Entry:
    return orders.history(session, order)[-1]


# --- who may, and why


@pytest.mark.parametrize("kind", ["override", "void", "supersede"])
def test_nobody_corrects_unless_roles_are_declared(session: Session, kind: str) -> None:
    orders = lifecycle(READY_MADE)
    order = printing(session, orders)
    for actor in (None, "boss", "printer"):
        with pytest.raises(NotPermitted, match=f"{kind} is for nobody .declare roles: .*Corrections.{kind}="):
            correct(orders, session, order, kind, actor=actor, reason="a mistake")
    assert order.revision == 3


def correct(orders: Lifecycle, session: Session, order: Any, kind: str, **more: Any) -> Entry:
    wanted: dict[str, tuple[Any, ...]] = {
        "override": ("shipped",),
        "void": (),
        "supersede": (3, Restated(payload={"sheets": 2})),
    }
    entry: Entry = getattr(orders, kind)(session, order, *wanted[kind], **more)
    return entry


@pytest.mark.parametrize("kind", ["override", "void", "supersede"])
def test_a_correction_needs_a_declared_role_and_a_reason(session: Session, kind: str) -> None:
    orders = correcting()
    order = printing(session, orders)
    with pytest.raises(NotPermitted, match=f"{kind} is for boss.*, not for printer"):
        correct(orders, session, order, kind, actor="printer", reason="a mistake")
    for reason in (None, Reason(), Reason(text="  "), Reason("", "")):
        with pytest.raises(ReasonNeeded, match=f"{kind} needs a reason"):
            correct(orders, session, order, kind, actor=BOSS, reason=reason)
    entry = correct(orders, session, order, kind, actor=BOSS, reason="a mistake")
    assert (entry.event, entry.origin, entry.actor, entry.reason) == (kind, "correction", BOSS, Reason("a mistake"))
    assert order.revision == 4


# --- override


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_override_leads_anywhere_and_is_visible_for_ever(session: Session, kind: Kept) -> None:
    orders = correcting(kind)
    order = printing(session, orders, kind)
    orders.override(session, order, "canceled", actor=BOSS, reason="fraud", corrects=2)
    session.commit()
    assert (order.configuration, order.category, order.revision) == ("canceled", "cancelled", 4)
    orders.override(session, order, "IN_PRINT", actor=BOSS, reason="no fraud after all")
    session.commit()
    entries = orders.history(session, order)
    assert [(entry.event, entry.before, entry.after, entry.corrects) for entry in entries[3:]] == [
        ("override", entries[2].after, "canceled", 2),
        ("override", "canceled", "printing", None),
    ]
    assert replay(PRESS, entries).configuration == "printing"
    assert orders.send(session, order, "lose").after == "lost"


def test_an_override_names_one_configuration(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    more: dict[str, Any] = {"actor": BOSS, "reason": "a mistake"}
    with pytest.raises(Ambiguous, match="FAILED may be any of lost, burnt in test/press; override the order in one"):
        orders.override(session, order, "FAILED", **more)
    with pytest.raises(NotEnabled, match="test/press has no code or state 'nowhere'"):
        orders.override(session, order, "nowhere", **more)
    with pytest.raises(NotEnabled, match="the order is in printing already"):
        orders.override(session, order, "printing", **more)
    with pytest.raises(NotEnabled, match="there is no entry 4 to correct"):
        orders.override(session, order, "lost", corrects=4, **more)
    with pytest.raises(NotOpened):
        orders.override(session, Order(), "lost", **more)
    assert orders.override(session, order, "cancelled", **more).code == "canceled"


def test_an_override_leads_out_of_a_state_that_the_chart_lacks(session: Session) -> None:
    old = Chart("test/press", (State("boxed"),), (), initial=("boxed",))
    order = Order()
    Lifecycle(old, READY_MADE.store).open(session, order)
    orders = correcting()
    with pytest.raises(StoredStateUnknown):
        orders.send(session, order, "accept", actor="printer")
    assert orders.override(session, order, "received", actor=BOSS, reason="migrated").before == "boxed"
    with pytest.raises(StoredStateUnknown, match="boxed"):
        orders.void(session, order, actor=BOSS, reason="not migrated")


# --- void


def test_voiding_unwinds_the_history_to_its_first_entry(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    more: dict[str, Any] = {"actor": BOSS, "reason": "a mistake"}
    assert orders.void(session, order, **more).after == "accepted"
    assert orders.void(session, order, **more).after == "received"
    with pytest.raises(NotEnabled, match="there is nothing to void: the first entry stays"):
        orders.void(session, order, **more)
    orders.send(session, order, "reject")
    assert orders.void(session, order, **more).after == "received"
    session.commit()
    entries = orders.history(session, order)
    assert [entry.corrects for entry in entries] == [None, None, None, 3, 2, None, 6]
    assert [found.voided_by for found in effective(entries)] == [None, 5, 4, None, None, 7, None]
    assert replay(PRESS, entries).configuration == order.configuration == "received"


def test_what_a_history_state_remembers_comes_back_with_a_void(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    orders.send(session, order, "hold", reason="paper")
    orders.send(session, order, "resume")
    orders.void(session, order, actor=BOSS, reason="too early")
    assert order.configuration == "held;was=printing"
    assert orders.send(session, order, "resume").after == "printing"


def test_guards_do_not_see_what_was_voided(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    orders.void(session, order, actor=BOSS, reason="never printed")
    orders.send(session, order, "hold", reason="paper")
    with pytest.raises(GuardRefused, match="printing"):
        orders.send(session, order, "drop")


def test_the_same_void_twice_voids_once(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    more: dict[str, Any] = {"actor": BOSS, "reason": "a mistake", "key": "v-1"}
    first = orders.void(session, order, **more)
    assert orders.void(session, order, **more) == first
    assert order.configuration == "accepted"
    with pytest.raises(KeyReused):
        orders.void(session, order, **more | {"reason": "another"})


def test_a_correction_of_what_has_moved_on_is_a_conflict(engine: Engine) -> None:
    orders = correcting()
    with Session(engine, expire_on_commit=False) as session:
        order = printing(session, orders)
        session.commit()
        with Session(engine) as other:
            orders.send(other, other.get_one(Order, order.id), "note")
            other.commit()
        for kind in ("override", "void", "supersede"):
            with pytest.raises(Conflict):
                correct(orders, session, order, kind, actor=BOSS, reason="a mistake", expected_revision=3)
        order_id = order.id
        session.rollback()
    with Session(engine, expire_on_commit=False) as session:
        order = session.get_one(Order, order_id)
        session.commit()
        with Session(engine) as other:
            orders.send(other, other.get_one(Order, order_id), "note")
            other.commit()
        with pytest.raises(Conflict, match="before void was written"):
            orders.void(session, order, actor=BOSS, reason="a mistake")
        assert order.revision == 5


# --- supersede


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_superseding_restates_what_an_entry_told_and_the_order_stays(session: Session, kind: Kept) -> None:
    orders = correcting(kind)
    order = printing(session, orders, kind)
    happened = datetime(2026, 1, 1, tzinfo=UTC)
    restated = Restated("paper", [Link("proof", "/b")], {"sheets": 2, "at": happened}, happened)
    orders.supersede(session, order, 3, restated, actor=BOSS, reason="typed wrongly")
    session.commit()
    assert (order.configuration, order.revision) == ("printing", 4)
    entries = orders.history(session, order)
    assert (entries[3].corrects, entries[3].before, entries[3].after) == (3, "printing", "printing")
    assert entries[2].payload == {"sheets": 1}
    found = effective(entries)[2]
    assert (found.entry.reason, found.entry.links) == (Reason("paper"), (Link("proof", "/b"),))
    assert found.entry.payload == {"sheets": 2, "at": "2026-01-01T00:00:00+00:00"}
    assert found.entry.occurred_at == happened
    assert replay(PRESS, entries)


def test_only_what_counts_is_restated(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    more: dict[str, Any] = {"actor": BOSS, "reason": "a mistake"}
    orders.void(session, order, **more)
    for sequence in (0, 3, 4, 9):
        with pytest.raises(NotEnabled, match=f"entry {sequence} cannot be restated; those that count are 1, 2"):
            orders.supersede(session, order, sequence, Restated("r"), **more)
    with pytest.raises(ValueError, match="nothing is restated"):
        orders.supersede(session, order, 2, Restated(), **more)
    with pytest.raises(ValueError, match="NUL"):
        orders.supersede(session, order, 2, Restated(Reason("a\0")), **more)
    with pytest.raises(ValueError, match="no time zone"):
        orders.supersede(session, order, 2, Restated(occurred_at=datetime(2026, 1, 1)), **more)


# --- what follows a correction


def test_a_correction_emits_nothing(session: Session) -> None:
    chart = orderfsm.load("cablelabs/order", profile="full")
    orders = Lifecycle(chart, READY_MADE.store, corrections=MAY)
    order = Order()
    orders.open(session, order, actor="buyer")
    orders.send(session, order, "start", actor="seller")
    rows = select(OrderOutbox.action).where(OrderOutbox.order_id == order.id)
    assert session.exec(rows).all() == ["STATUS_UPDATE"]
    orders.void(session, order, actor=BOSS, reason="a mistake")
    orders.override(session, order, "IN_PROGRESS", actor=BOSS, reason="a mistake")
    assert session.exec(rows).all() == ["STATUS_UPDATE"]


def test_holds_end_when_a_correction_leads_out_of_the_held_state(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    orders.hold(session, order, "paper", reason="none left")
    entry = orders.void(session, order, actor=BOSS, reason="there is some")
    (hold,) = orders.holds(session, order)
    assert (hold.released_sequence, hold.released_by, hold.release_reason) == (5, BOSS, Reason("there is some"))
    assert entry.after == "printing"


def test_an_order_follows_a_corrected_item_and_stays_where_it_was_corrected_to(session: Session) -> None:
    here = shop()
    items = Lifecycle(here.items.chart, PIECES.store, parent=here.items.parent, corrections=MAY)
    orders = here.orders
    orders.corrections = MAY
    order, (item,) = here.new(session, 1)
    more: dict[str, Any] = {"actor": BOSS, "reason": "a mistake"}
    items.override(session, item, "making", **more)
    assert order.configuration == "working"
    orders.override(session, order, "cancelled", **more)
    orders.override(session, order, "new", **more)
    assert (order.configuration, order.revision) == ("new", 4)
    assert [entry.event for entry in orders.roll_up(session, order)] == ["start"]


def test_corrections_have_twins(tmp_path: Any) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    orders = correcting()

    async def live() -> list[str]:
        engine = async_engine(f"sqlite+aiosqlite:///{tmp_path}/async.db")
        async with engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        async with AsyncSession(engine, expire_on_commit=False) as session:
            order = await session.run_sync(printing, orders)
            more: dict[str, Any] = {"actor": BOSS, "reason": "a mistake"}
            await orders.avoid(session, order, **more)
            await orders.asupersede(session, order, 2, Restated("r"), **more)
            await orders.aoverride(session, order, "lost", **more)
            found = await orders.ahistory(session, order)
            await session.commit()
        await engine.dispose()
        return [entry.event for entry in found]

    assert asyncio.run(live())[3:] == ["void", "supersede", "override"]


# --- late facts


def test_any_time_may_be_claimed_by_default(session: Session) -> None:
    orders = correcting()
    order = printing(session, orders)
    for happened in (datetime(1999, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)):
        assert orders.send(session, order, "note", occurred_at=happened).occurred_at == happened


@pytest.mark.parametrize("late", ["refuse", timedelta(hours=1)], ids=str)
def test_a_late_fact_is_refused_or_accepted_by_so_much(session: Session, late: Any) -> None:
    orders = correcting(claims=Claims(late=late))
    order = printing(session, orders)
    happened = last(orders, session, order).occurred_at
    assert happened is not None
    most = timedelta() if late == "refuse" else late
    with pytest.raises(ClaimRefused, match=r"note is claimed for .* before the last entry") as refused:
        orders.send(session, order, "note", occurred_at=happened - most - timedelta(seconds=1))
    (blocker,) = refused.value.blockers
    assert (blocker.code, blocker.parameters["seconds"]) == ("occurred-late", most.total_seconds() + 1)
    assert order.revision == 3
    orders.send(session, order, "note", occurred_at=happened - most)
    orders.send(session, order, "note", occurred_at=datetime(2999, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("ahead", ["refuse", timedelta(minutes=5)], ids=str)
def test_a_fact_that_lies_ahead_is_refused_or_accepted_by_so_much(session: Session, ahead: Any) -> None:
    orders = correcting(claims=Claims(ahead=ahead))
    order, most = Order(), timedelta() if ahead == "refuse" else ahead
    now = orders.clock() + timedelta(seconds=1)
    with pytest.raises(ClaimRefused, match=r"open is claimed for .* after the clock"):
        orders.open(session, order, occurred_at=now + most + timedelta(seconds=1))
    now = orders.clock() + timedelta(seconds=1)
    orders.open(session, order, occurred_at=now + most)
    far = Restated(occurred_at=datetime(2999, 1, 1, tzinfo=UTC))
    with pytest.raises(ClaimRefused, match="supersede is claimed for"):
        orders.supersede(session, order, 1, far, actor=BOSS, reason="a mistake")


def test_a_claim_that_was_accepted_comes_back_with_its_key(session: Session) -> None:
    orders = correcting(claims=Claims(late="refuse"))
    order = printing(session, orders)
    happened = last(orders, session, order).occurred_at
    first = orders.send(session, order, "note", occurred_at=happened, key="n-1")
    orders.send(session, order, "note")
    assert orders.send(session, order, "note", occurred_at=happened, key="n-1") == first


def test_what_nobody_claims_is_not_looked_up(engine: Engine) -> None:
    orders = correcting(claims=Claims(late="refuse", ahead="refuse"))
    with Session(engine) as session:
        order = printing(session, orders)
        session.commit()
        orders.send(session, order, "note")  # the first of all also asks for the chart
        with statements(engine) as sent:
            orders.send(session, order, "note")
    assert len(sent) == {"sqlite": 2, "postgresql": 1}[engine.dialect.name]
