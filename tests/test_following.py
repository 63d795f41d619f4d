"""An order follows its items, in the same transaction, by entries of its own; what it cannot follow is not written."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Field, Session, SQLModel

from kept import KINDS, Kept, lifecycle, statements
from kept_items import (
    ITEM,
    ITEMIZED,
    ORDER,
    PIECES,
    ROLLUP,
    Itemized,
    Piece,
    PieceHistory,
    Seat,
    SeatHistory,
    itemized,
    rule,
    shop,
)
from orderfsm import (
    Chart,
    ChartError,
    Conflict,
    GuardRefused,
    NotOpened,
    NotPermitted,
    StoredStateUnknown,
    UnsoundChart,
)
from orderfsm.chart import Guard, State, Transition
from orderfsm.lifecycle import Lifecycle, Parent
from orderfsm.sqlmodel import HistoryEntry, Order, OrderHistory, SqlStore, Stateful, async_engine


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with itemized(request.param, postgres_url, tmp_path_factory.mktemp("following")) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def rows(session: Session, model: Any) -> int:
    return session.connection().execute(text(f"SELECT count(*) FROM {model.__tablename__}")).scalar_one()  # type: ignore[no-any-return]


def past(entries: Any) -> list[str]:
    return [entry.event for entry in entries]


# --- following


@pytest.mark.parametrize("kind", ITEMIZED, ids=lambda kind: kind.orders.name)
def test_the_order_takes_the_steps_that_its_items_call_for(session: Session, kind: Itemized) -> None:
    here = shop(kind)
    order, (one, two) = here.new(session)
    assert order.configuration == "new"
    here.items.send(session, one, "begin")
    assert order.configuration.startswith("working")
    for item, happening in ((two, "begin"), (one, "finish")):
        here.items.send(session, item, happening)
        assert order.configuration.startswith("working")
    last = here.items.send(session, two, "finish")
    assert (order.configuration, order.revision) == ("done", 3)
    session.commit()
    session.expire_all()
    begun, finished = here.orders.history(session, order)[1:]
    assert (begun.event, finished.event) == ("start", "finish")
    assert finished.origin == "rollup" == begun.origin
    assert finished.actor is not None
    assert finished.actor.role == "system"
    assert finished.caused_by is not None
    table, _, rest = finished.caused_by.partition("/")
    assert table == kind.history.__tablename__
    assert rest.endswith(f"#{last.sequence}")
    assert (order.configuration, order.revision) == ("done", 3)


def test_the_cause_is_the_history_the_key_and_the_sequence_without_a_blank_in_it(session: Session) -> None:
    here = shop(ITEMIZED[2])
    order, (item,) = here.new(session, 1)
    here.items.send(session, item, "begin")
    number = item.name.removeprefix("W 50%/").removesuffix("#")
    assert here.orders.history(session, order)[-1].caused_by == f"test_wrap_history/W%2050%25%2F{number}%23#2"
    here = shop(ITEMIZED[3])
    order, (item,) = here.new(session, 1)
    here.items.send(session, item, "begin")
    key = f"north,{item.number},{item.place}"
    assert here.orders.history(session, order)[-1].caused_by == f"test_part_history/{key}#2"


def test_an_order_that_is_already_where_its_items_are_gets_no_entry(session: Session) -> None:
    here = shop()
    order, (one, two) = here.new(session)
    here.items.send(session, one, "begin")
    revision = order.revision
    here.items.send(session, two, "begin")
    here.items.send(session, one, "note")
    assert order.revision == revision


def test_one_entry_of_an_item_may_take_the_order_several_steps(session: Session) -> None:
    swift = replace(ITEM, transitions=(*ITEM.transitions, Transition("waiting", ("skip",), ("made",))))
    here = shop(item_chart=swift)
    order, (item,) = here.new(session, 1)
    here.items.send(session, item, "skip")
    entries = here.orders.history(session, order)
    assert past(entries) == ["open", "start", "finish"]
    assert len({entry.caused_by for entry in entries[1:]}) == 1


def test_an_order_is_followed_up_when_it_is_not_in_memory(engine: Engine) -> None:
    here = shop()
    with Session(engine) as session:
        order, (item,) = here.new(session, 1)
        session.commit()
        order_id, item_id = order.id, item.id
    with Session(engine) as session:
        here.items.send(session, session.get_one(Piece, item_id), "begin")
        session.commit()
        assert session.get_one(Order, order_id).configuration == "working"


def test_an_order_that_somebody_else_moved_meanwhile_is_read_anew(engine: Engine) -> None:
    here = shop()
    with Session(engine) as session:
        order, (one, two) = here.new(session)
        session.commit()
        ids = order.id, one.id, two.id
    with Session(engine, expire_on_commit=False) as session:
        order, two = session.get_one(Order, ids[0]), session.get_one(Piece, ids[2])
        session.commit()
        with Session(engine) as other:
            here.items.send(other, other.get_one(Piece, ids[1]), "begin")
            other.commit()
        assert order.configuration == "new"
        here.items.send(session, two, "begin")
        session.commit()
        assert (order.configuration, order.revision) == ("working", 2)


def test_what_the_service_changed_in_the_order_and_did_not_flush_is_kept(session: Session) -> None:
    here = shop()
    order, (item,) = here.new(session, 1)
    order.reference = "A-17"
    here.items.send(session, item, "begin")
    session.commit()
    assert (order.reference, order.configuration) == ("A-17", "working")


def test_touching_leaves_the_stamps_of_an_order_alone(session: Session) -> None:
    here = shop(ITEMIZED[1])
    order, (one, two) = here.new(session)
    here.items.send(session, one, "begin")
    stamps = order.stamps
    here.items.send(session, two, "begin")
    session.commit()
    assert order.stamps == stamps


def test_an_item_that_belongs_to_no_order_goes_its_own_way(session: Session) -> None:
    here = shop()
    item = Piece()
    here.items.open(session, item)
    assert here.items.send(session, item, "begin").after == "making"


def test_several_items_may_change_in_one_transaction(session: Session) -> None:
    here = shop()
    order, items = here.new(session, 5)
    for happening in ("begin", "finish"):
        for item in items:
            here.items.send(session, item, happening)
    session.commit()
    assert past(here.orders.history(session, order)) == ["open", "start", "finish"]


def test_the_same_request_twice_is_followed_once(session: Session) -> None:
    here = shop()
    order, (item,) = here.new(session, 1)
    first = here.items.send(session, item, "begin", key="r-1")
    assert here.items.send(session, item, "begin", key="r-1") == first
    assert past(here.orders.history(session, order)) == ["open", "start"]


def test_the_orders_row_is_touched_before_the_items_are_read(engine: Engine) -> None:
    here = shop()
    with Session(engine) as session:
        _order, (one, two) = here.new(session)
        here.items.send(session, one, "begin")
        with statements(engine) as sent:
            here.items.send(session, two, "begin")
    touch = next(i for i, said in enumerate(sent) if said.startswith("UPDATE orders"))
    look = next(i for i, said in enumerate(sent) if said.startswith("SELECT test_piece.id"))
    assert touch < look


def test_an_async_session_rolls_up_as_well(tmp_path: Any) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    here = shop()

    async def live() -> tuple[str, str]:
        engine = async_engine(f"sqlite+aiosqlite:///{tmp_path}/async.db")
        async with engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        async with AsyncSession(engine, expire_on_commit=False) as session:
            order = Order()
            await here.orders.aopen(session, order)
            item = Piece(order_id=order.id)
            await here.items.aopen(session, item)
            await here.items.asend(session, item, "begin")
            begun = order.configuration
            assert await here.orders.aroll_up(session, order) == ()
            await session.commit()
        await engine.dispose()
        return str(begun), str(item.configuration)

    assert asyncio.run(live()) == ("working", "making")


# --- what an order does not follow, and when it begins to


def test_an_order_does_not_follow_before_it_and_each_of_its_items_is_opened(session: Session) -> None:
    here = shop()
    order = Order()
    session.add(order)
    session.flush()
    one, two = Piece(order_id=order.id), Piece(order_id=order.id)
    session.add_all([one, two])
    here.items.open(session, one)
    here.items.send(session, one, "begin")
    assert (order.configuration, order.revision) == (None, 0)
    here.orders.open(session, order)
    assert order.configuration == "new"
    here.items.open(session, two)
    assert order.configuration == "working"


@pytest.mark.parametrize("how", ["open", "adopt"])
def test_an_order_that_is_opened_after_its_items_goes_where_they_are(session: Session, how: str) -> None:
    here = shop()
    order = Order()
    session.add(order)
    session.flush()
    item = Piece(order_id=order.id)
    here.items.open(session, item)
    here.items.send(session, item, "begin")
    begin = {"open": here.orders.open, "adopt": lambda *of: here.orders.adopt(*of, "new")}[how]
    begin(session, order)
    assert past(here.orders.history(session, order)) == [how, "start"]
    assert here.orders.history(session, order)[-1].caused_by == f"order_history/{order.id}#1"


def test_an_order_that_is_kept_apart_catches_up_when_it_returns(session: Session) -> None:
    here = shop()
    order, (item,) = here.new(session, 1)
    here.orders.send(session, order, "hold")
    here.items.send(session, item, "begin")
    here.items.send(session, item, "finish")
    assert order.configuration.startswith("held")
    here.orders.send(session, order, "release")
    assert past(here.orders.history(session, order)) == ["open", "hold", "release", "start", "finish"]
    session.commit()
    assert order.configuration == "done"


def test_the_orders_own_step_is_undone_when_it_cannot_catch_up(session: Session) -> None:
    lame = replace(ORDER, rollup=replace(ROLLUP, events=("start",)))
    here = shop(chart=lame)
    order, (item,) = here.new(session, 1)
    here.items.send(session, item, "begin")
    here.orders.send(session, order, "hold")
    here.items.send(session, item, "finish")
    with pytest.raises(UnsoundChart, match="the roll-up wants done, and no steps by start lead there from working"):
        here.orders.send(session, order, "release")
    session.commit()
    assert order.configuration.startswith("held")


def test_the_guards_of_an_order_see_its_items(session: Session) -> None:
    here = shop()
    order, (one, _two) = here.new(session)
    here.items.send(session, one, "begin")
    with pytest.raises(GuardRefused, match="any"):
        here.orders.send(session, order, "count")
    here.items.send(session, one, "finish")
    assert here.orders.send(session, order, "count").event == "count"
    session.add(Piece(order_id=order.id))
    session.flush()
    with pytest.raises(GuardRefused, match="3"):
        here.orders.send(session, order, "count")


def test_an_application_may_tell_the_guards_of_the_items_itself(session: Session) -> None:
    here = shop()
    here.orders.facts = lambda session, order: {"items": [{"final": True}, {"final": True}]}
    order, (one, _) = here.new(session)
    here.items.send(session, one, "begin")
    assert here.orders.send(session, order, "count").event == "count"


# --- refused: nothing is written


def refused(session: Session, here: Any, item: Any, happening: str, error: type[Exception], match: str) -> None:
    """Sending raises, the item and its order stay where they are, in memory and in the database."""
    session.commit()
    before = rows(session, PieceHistory), rows(session, OrderHistory)
    stood = item.configuration, item.revision
    with pytest.raises(error, match=match):
        here.items.send(session, item, happening)
    assert (item.configuration, item.revision) == stood
    session.commit()
    assert (item.configuration, item.revision) == stood
    assert (rows(session, PieceHistory), rows(session, OrderHistory)) == before


def test_a_roll_up_that_a_guard_refuses_undoes_the_items_entry(session: Session) -> None:
    paid = replace(
        ORDER,
        transitions=(
            Transition("new", ("start",), ("working",), (Guard("paid"),)),
            *ORDER.transitions[1:],
        ),
        guards={"paid": "The order is paid."},
    )
    here = shop(chart=paid, guards={"paid": lambda facts: facts["order"].reference == "paid"})
    order, (item,) = here.new(session, 1)
    refused(session, here, item, "begin", GuardRefused, "The order is paid")
    order.reference = "paid"
    here.items.send(session, item, "begin")
    assert order.configuration == "working"


def test_a_roll_up_whose_actor_may_not_undoes_the_items_entry(session: Session) -> None:
    here = shop(actor="clerk")
    _, (item,) = here.new(session, 1)
    here.items.send(session, item, "begin")
    refused(session, here, item, "finish", NotPermitted, "finish is for system, not for clerk")


def test_rules_that_do_not_fit_undo_the_items_entry(session: Session) -> None:
    gappy = replace(ORDER, rollup=replace(ROLLUP, rules=ROLLUP.rules[:3]))
    here = shop(chart=gappy)
    _, (item,) = here.new(session, 1)
    refused(session, here, item, "begin", UnsoundChart, "no roll-up rule covers items in making")


def test_opening_an_item_that_its_order_cannot_follow_leaves_no_row(session: Session) -> None:
    gappy = replace(ORDER, rollup=replace(ROLLUP, rules=(rule("new", "size(items) == 1"),)))
    here = shop(chart=gappy)
    order, _ = here.new(session, 1)
    session.commit()
    before = rows(session, Piece)
    with pytest.raises(UnsoundChart):
        here.items.open(session, Piece(order_id=order.id))
    session.commit()
    assert rows(session, Piece) == before


def test_an_item_whose_order_is_gone_is_told_so(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL's foreign key keeps the order")
    here = shop(ITEMIZED[2])
    with Session(engine) as session:
        order, (item,) = here.new(session, 1)
        session.commit()
        session.connection().execute(text("PRAGMA defer_foreign_keys = ON"))
        session.connection().execute(text(f"DELETE FROM test_parcel WHERE number = '{order.number}'"))
        with pytest.raises(Conflict, match=f"Parcel {order.number} is gone"):
            here.items.send(session, item, "begin")
        session.rollback()


def test_guards_that_lead_elsewhere_are_followed_and_never_in_circles(session: Session) -> None:
    detour = Chart(
        "shop/order",
        (State("new"), State("unpaid"), State("done")),
        (
            Transition("new", ("finish",), ("done",), (Guard("paid"),)),
            Transition("new", ("finish",), ("unpaid",)),
            Transition("unpaid", ("finish",), ("done",), (Guard("settled"),)),
            Transition("unpaid", ("finish",), ("new",)),
        ),
        initial=("new",),
        rollup=replace(
            ROLLUP,
            events=("finish",),
            keep=("done",),
            rules=(rule("done", "all(i.final for i in items)"), rule("new")),
        ),
    )
    settled = False
    guards = {"paid": lambda facts: False, "settled": lambda facts: settled}
    here = shop(chart=detour, guards=guards)
    order, (item,) = here.new(session, 1)
    here.items.send(session, item, "begin")
    refused(session, here, item, "finish", UnsoundChart, "lead the roll-up back to new")
    settled = True
    here.items.send(session, item, "finish")
    assert [entry.after for entry in here.orders.history(session, order)] == ["new", "unpaid", "done"]


def test_a_savepoint_on_an_engine_of_the_services_own_does_not_commit(tmp_path: Any) -> None:
    """Python's sqlite3 does not begin before a SAVEPOINT, and releasing one that nothing encloses would commit."""
    plain = create_engine(f"sqlite:///{tmp_path}/plain.db")
    SQLModel.metadata.create_all(plain)
    here = shop()
    with Session(plain) as session:
        _, (item,) = here.new(session, 1)
        session.commit()
        item_id = item.id
        here.items.send(session, item, "begin")
        session.rollback()
    with Session(plain) as session:
        assert session.get_one(Piece, item_id).configuration == "waiting"
    plain.dispose()


# --- by hand


def test_by_hand_an_order_is_brought_to_where_its_items_are(session: Session) -> None:
    here = shop()
    order, (one, two) = here.new(session)
    alone = Lifecycle(ITEM, PIECES.store, clock=here.items.clock)
    for item in (one, two):
        for happening in ("begin", "finish"):
            alone.send(session, item, happening)
    assert order.configuration == "new"
    entries = here.orders.roll_up(session, order)
    assert past(entries) == ["start", "finish"]
    assert entries[0].caused_by == f"test_piece_history/{one.id}#3 test_piece_history/{two.id}#3"
    assert here.orders.roll_up(session, order) == ()
    session.commit()
    assert order.configuration == "done"


def test_by_hand_somebody_may_act_and_name_the_cause(session: Session) -> None:
    here = shop()
    order, (item,) = here.new(session, 1)
    Lifecycle(ITEM, PIECES.store, clock=here.items.clock).send(session, item, "begin")
    (entry,) = here.orders.roll_up(session, order, actor="clerk", caused_by="import 17")
    assert (entry.actor and entry.actor.role, entry.caused_by) == ("clerk", "import 17")


def test_by_hand_what_cannot_be_is_said(session: Session) -> None:
    with pytest.raises(ChartError, match="no items belong to the orders of test/press"):
        lifecycle(KINDS[0]).roll_up(session, Order())
    here = shop()
    order = Order()
    with pytest.raises(NotOpened, match="open it"):
        here.orders.roll_up(session, order)


# --- how items refer to their order, and versions of charts


def test_of_several_foreign_keys_one_has_to_be_named() -> None:
    with pytest.raises(ChartError, match="Seat refers to Booking by booking_id and by moved_from; say which is meant"):
        shop(replace(ITEMIZED[1], columns=""))
    with pytest.raises(ChartError, match="Seat has no foreign key in note to the key of Booking"):
        shop(replace(ITEMIZED[1], columns="note"))


def test_the_columns_that_were_named_are_the_ones_that_count(session: Session) -> None:
    here = shop(ITEMIZED[1])
    order, (item,) = here.new(session, 1)
    other, _ = here.new(session, 1)
    item.moved_from = other.id
    here.items.send(session, item, "begin")
    assert (order.configuration, other.configuration) == ("working", "new")


def test_items_without_a_foreign_key_and_orders_without_a_roll_up_are_refused() -> None:
    orders = Lifecycle(ORDER, SqlStore(Order, OrderHistory))
    with pytest.raises(ChartError, match="Seat has no foreign key to the key of Order"):
        Lifecycle(ITEM, SqlStore(Seat, SeatHistory), parent=Parent(orders))
    with pytest.raises(ChartError, match="shop/order follows items of shop/item, not of test/other"):
        Lifecycle(replace(ITEM, name="test/other"), PIECES.store, parent=Parent(orders))
    plain = Lifecycle(replace(ORDER, rollup=None), SqlStore(Order, OrderHistory))
    with pytest.raises(ChartError, match="shop/order has no roll-up"):
        Lifecycle(ITEM, PIECES.store, parent=Parent(plain))


LATER = replace(
    ITEM,
    states=(*ITEM.states, State("polishing")),
    transitions=(*ITEM.transitions, Transition("making", ("polish",), ("polishing",))),
    version="2",
    hash="1a7e" * 16,
)


def test_items_of_another_version_are_read_by_their_own_chart(session: Session) -> None:
    here = shop()
    order, (one, two) = here.new(session)
    later = Lifecycle(LATER, PIECES.store, clock=here.items.clock)
    for happening in ("begin", "polish"):
        later.send(session, two, happening)
    with pytest.raises(StoredStateUnknown, match=r"shop/item 1 .* has no configuration 'polishing'"):
        here.items.send(session, one, "begin")
    both = shop(charts=(LATER,))
    both.items.send(session, one, "begin")
    assert order.configuration == "working"


class Extra(Stateful, table=True):
    """Items of ready-made orders in a second table."""

    __tablename__ = "test_extra"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="orders.id", index=True)


class ExtraHistory(HistoryEntry, table=True):
    __tablename__ = "test_extra_history"

    order_id: int = Field(foreign_key="test_extra.id")


def test_an_order_may_have_items_in_several_tables(session: Session) -> None:
    SQLModel.metadata.create_all(session.connection(), tables=[Extra.__table__, ExtraHistory.__table__])  # type: ignore[attr-defined]
    here = shop()
    extras = Lifecycle(ITEM, SqlStore(Extra, ExtraHistory), clock=here.items.clock, parent=Parent(here.orders))
    order, (item,) = here.new(session, 1)
    extra = Extra(order_id=order.id)
    extras.open(session, extra)
    for happening in ("begin", "finish"):
        here.items.send(session, item, happening)
    assert order.configuration == "working"
    for happening in ("begin", "finish"):
        extras.send(session, extra, happening)
    assert order.configuration == "done"
    session.rollback()


PROJECT = replace(
    ORDER,
    name="shop/project",
    rollup=replace(
        ROLLUP,
        items="shop/order",
        rules=(
            rule("done", 'all(i.state == "done" for i in items)'),
            rule("new", 'all(i.state == "new" for i in items)'),
            rule("working"),
        ),
    ),
)


class Stage(Stateful, table=True):
    """An order that is itself an item, of a ready-made order."""

    __tablename__ = "test_stage"

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="orders.id", index=True)


class StageHistory(HistoryEntry, table=True):
    __tablename__ = "test_stage_history"

    order_id: int = Field(foreign_key="test_stage.id")


class Task(Stateful, table=True):
    __tablename__ = "test_task"

    id: int | None = Field(default=None, primary_key=True)
    stage_id: int = Field(foreign_key="test_stage.id", index=True)


class TaskHistory(HistoryEntry, table=True):
    __tablename__ = "test_task_history"

    order_id: int = Field(foreign_key="test_task.id")


def test_what_follows_may_be_followed_in_turn(session: Session) -> None:
    tables = [model.__table__ for model in (Stage, StageHistory, Task, TaskHistory)]  # type: ignore[attr-defined]
    SQLModel.metadata.create_all(session.connection(), tables=tables)
    projects = Lifecycle(PROJECT, SqlStore(Order, OrderHistory))
    stages = Lifecycle(ORDER, SqlStore(Stage, StageHistory), parent=Parent(projects))
    tasks = Lifecycle(ITEM, SqlStore(Task, TaskHistory), parent=Parent(stages))
    project = Order()
    projects.open(session, project)
    stage = Stage(project_id=project.id)  # type: ignore[arg-type]
    stages.open(session, stage)
    task = Task(stage_id=stage.id)  # type: ignore[arg-type]
    tasks.open(session, task)
    for happening in ("begin", "finish"):
        tasks.send(session, task, happening)
    assert (stage.configuration, project.configuration) == ("done", "done")
    assert projects.history(session, project)[-1].caused_by == f"test_stage_history/{stage.id}#3"
    session.rollback()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_order_without_items_pays_nothing_for_them(engine: Engine, kind: Kept) -> None:
    orders = lifecycle(kind)
    with Session(engine) as session:
        for order in (kind.new(), kind.new()):  # with the first, the chart becomes known to the database
            orders.open(session, order)
            session.commit()
            session.refresh(order)
            with statements(engine) as sent:
                orders.send(session, order, "accept", actor="printer")
            session.commit()
    assert len(sent) == {"sqlite": 2, "postgresql": 1}[engine.dialect.name]
    assert not any("SAVEPOINT" in said for said in sent)
