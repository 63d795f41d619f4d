"""Holds are a set: an order is held while any remains, and goes on where it was when the last one is released."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel

import orderfsm
from kept import KINDS, PRESS, READY_MADE, Clock, Kept, database, lifecycle, statements
from orderfsm import (
    Actor,
    Chart,
    ChartError,
    GuardRefused,
    KeyReused,
    NotEnabled,
    NotOpened,
    NotPermitted,
    Reason,
    ReasonNeeded,
    replay,
)
from orderfsm.catalogue import names
from orderfsm.chart import Guard, ReasonRule, Transition
from orderfsm.lifecycle import Holding, Lifecycle
from orderfsm.sqlmodel import Order, OrderHold, SqlStore, async_engine
from test_following_races import again, together


def changed(chart: Chart, event: str, **more: Any) -> Chart:
    """The chart with some arrows changed: those of an event."""
    arrows = (replace(arrow, **more) if event in arrow.events else arrow for arrow in chart.transitions)
    return replace(chart, transitions=tuple(arrows))


FREE = replace(changed(PRESS, "hold", reason=ReasonRule()), hash="f4ee" * 16)
"""The chart whose holds need no reason."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("holds")) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def printing(session: Session, orders: Lifecycle, kind: Kept = READY_MADE) -> Any:
    """A new order that is being printed."""
    order = kind.new()
    orders.open(session, order)
    orders.send(session, order, "accept", actor="printer")
    orders.send(session, order, "print")
    return order


def free(kind: Kept = READY_MADE, **more: Any) -> Lifecycle:
    return lifecycle(kind, FREE, guards={"refundable": lambda facts: True}, **more)


def standing(order: Any) -> str:
    return str(order.configuration).partition(";")[0]


# --- the set


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_order_is_held_while_any_hold_remains_and_returns_to_where_it_was(session: Session, kind: Kept) -> None:
    orders = lifecycle(kind)
    order = printing(session, orders, kind)
    clerk, scanner = Actor("clerk", "c-1", "Ada"), Actor("scanner")
    first = orders.hold(session, order, "credit", actor=clerk, reason=Reason("limit", "over the limit"))
    assert (standing(order), first.placed_sequence, first.active) == ("held", 4, True)
    second = orders.hold(session, order, "export", actor=scanner, reason="embargo")
    assert (order.revision, second.placed_sequence) == (4, None)
    released = orders.release(session, order, "credit", actor=clerk, reason="paid")
    assert (standing(order), released.released_sequence, released.active) == ("held", None, False)
    last = orders.release(session, order, "export")
    assert (standing(order), last.released_sequence) == ("printing", 5)
    session.commit()
    session.expire_all()
    credit, export = orders.holds(session, order)
    assert (credit.name, credit.holder, credit.reason) == ("credit", clerk, Reason("limit", "over the limit"))
    assert (credit.released_by, credit.release_reason) == (clerk, Reason("paid"))
    assert credit.placed_at < credit.released_at  # type: ignore[operator]
    assert (export.name, export.holder, export.released_by) == ("export", scanner, None)
    entries = orders.history(session, order)
    assert [(entry.event, entry.origin) for entry in entries[3:]] == [("hold", "hold"), ("resume", "release")]
    assert replay(PRESS, entries).configuration == order.configuration


def test_a_name_may_be_held_again_after_its_release(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    for _ in range(2):
        orders.hold(session, order, "credit")
        orders.release(session, order, "credit")
    assert [(hold.name, hold.number, hold.active) for hold in orders.holds(session, order)] == [
        ("credit", 1, False),
        ("credit", 2, False),
    ]
    assert standing(order) == "printing"


def test_a_name_is_held_once_and_released_once(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    with pytest.raises(NotEnabled, match="the order has no hold credit; nothing holds it"):
        orders.release(session, order, "credit")
    orders.hold(session, order, "credit")
    with pytest.raises(NotEnabled, match="the order is held by credit already") as refused:
        orders.hold(session, order, "credit")
    assert refused.value.blockers[0].code == "hold-exists"
    with pytest.raises(NotEnabled, match="the order has no hold export; its holds: credit"):
        orders.release(session, order, "export")
    assert len(orders.holds(session, order)) == 1


def test_holds_of_an_order_that_was_never_held_are_none(session: Session) -> None:
    orders = free()
    assert orders.holds(session, Order()) == ()
    with pytest.raises(NotOpened):
        orders.hold(session, Order(), "credit")


def test_an_order_that_a_bare_event_holds_goes_on_with_its_last_hold(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    orders.send(session, order, "hold")
    assert orders.hold(session, order, "credit").placed_sequence is None
    orders.release(session, order, "credit")
    assert standing(order) == "printing"


def test_what_cannot_be_held_here_is_refused_and_leaves_no_hold(session: Session) -> None:
    orders = free()
    order = Order()
    orders.open(session, order)
    with pytest.raises(NotEnabled, match="hold is not enabled in received"):
        orders.hold(session, order, "credit")
    assert orders.holds(session, order) == ()


@pytest.mark.parametrize("name", ["", "x" * 256, "a\0b"])
def test_a_name_has_a_length_and_no_nul(session: Session, name: str) -> None:
    with pytest.raises(ValueError, match=r"name"):
        free().hold(session, Order(), name)


# --- who may, and why


def test_a_further_hold_asks_for_what_the_first_one_had_to(session: Session) -> None:
    orders = lifecycle(READY_MADE)
    order = printing(session, orders)
    orders.hold(session, order, "credit", reason="limit")
    with pytest.raises(ReasonNeeded, match="hold needs a reason"):
        orders.hold(session, order, "export")
    assert len(orders.holds(session, order)) == 1


def test_every_release_asks_for_what_going_on_does(session: Session) -> None:
    chart = replace(
        changed(FREE, "resume", by=("clerk",), guards=(Guard("checked"),)),
        guards={**FREE.guards, "checked": "Somebody has looked."},
    )
    checked = True
    guards = {"refundable": lambda facts: True, "checked": lambda facts: checked}
    orders = lifecycle(READY_MADE, chart, guards=guards)
    order = printing(session, orders)
    orders.hold(session, order, "credit")
    orders.hold(session, order, "export")
    for name in ("credit", "export"):
        with pytest.raises(NotPermitted, match="resume is for clerk"):
            orders.release(session, order, name, actor="customer")
    orders.release(session, order, "credit", actor="clerk")
    checked = False
    with pytest.raises(GuardRefused, match="Somebody has looked"):
        orders.release(session, order, "export", actor="clerk")
    session.commit()
    assert standing(order) == "held"
    assert [hold.active for hold in orders.holds(session, order)] == [False, True]


def test_where_it_is_declared_only_the_holder_releases(session: Session) -> None:
    orders = free(holding=Holding(release="holder"))
    order = printing(session, orders)
    ada, ben = Actor("clerk", "c-1", "Ada"), Actor("clerk", "c-2")
    orders.hold(session, order, "credit", actor=ada)
    for other in (ben, None, Actor("customer", "c-1")):
        with pytest.raises(NotPermitted, match="credit is held by clerk Ada, and only who holds it releases it"):
            orders.release(session, order, "credit", actor=other)
    assert not orders.release(session, order, "credit", actor=replace(ada, label="Ada L.")).active


# --- sent twice


def test_the_same_request_twice_places_and_releases_once(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    placed = [orders.hold(session, order, "credit", actor="clerk", key="h-1") for _ in range(2)]
    other = [orders.hold(session, order, "export", key="h-2") for _ in range(2)]
    assert placed[0] == placed[1]
    assert other[0] == other[1]
    released = [
        orders.release(session, order, name, key=f"r-{name}") for name in ("credit", "credit", "export", "export")
    ]
    assert released[0] == released[1]
    assert released[2] == released[3]
    assert len(orders.holds(session, order)) == 2
    assert len(orders.history(session, order)) == 5
    again = orders.hold(session, order, "credit", actor="clerk", key="h-1")
    assert (again.active, standing(order)) == (False, "printing")


def test_a_key_that_was_used_for_something_else_is_refused(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    orders.send(session, order, "note", key="k-0")
    orders.hold(session, order, "credit", key="k-1")
    orders.hold(session, order, "export", key="k-2")
    for attempt in (
        lambda: orders.hold(session, order, "sample", key="k-0"),
        lambda: orders.hold(session, order, "sample", key="k-1"),
        lambda: orders.hold(session, order, "export", actor="clerk", key="k-2"),
        lambda: orders.release(session, order, "credit", key="k-1"),
    ):
        with pytest.raises(KeyReused):
            attempt()


# --- other ways out


def test_holds_end_with_an_event_that_leads_elsewhere(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    orders.hold(session, order, "credit")
    orders.hold(session, order, "export")
    entry = orders.send(session, order, "drop", actor=Actor("clerk", "c-1"), reason="given up")
    session.commit()
    for hold in orders.holds(session, order):
        assert (hold.released_sequence, hold.released_by) == (entry.sequence, Actor("clerk", "c-1"))
        assert (hold.release_reason, hold.released_at) == (Reason("given up"), entry.recorded_at)


def test_going_on_is_refused_while_holds_remain_and_nothing_is_written(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    orders.hold(session, order, "credit")
    orders.hold(session, order, "export")
    with pytest.raises(NotEnabled, match="resume has to wait: the order is held by credit, export; release them"):
        orders.send(session, order, "resume")
    session.commit()
    assert (standing(order), order.revision) == ("held", 4)
    assert all(hold.active for hold in orders.holds(session, order))
    orders.release(session, order, "credit")
    orders.release(session, order, "export")
    assert standing(order) == "printing"


def test_what_holds_bar_is_not_allowed_and_is_explained(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    orders.send(session, order, "hold")
    assert "resume" in [found.event for found in orders.allowed(session, order)]
    orders.hold(session, order, "credit")
    assert "resume" not in [found.event for found in orders.allowed(session, order)]
    (explained,) = orders.explain(session, order, "resume")
    assert [(blocker.code, blocker.parameters) for blocker in explained.blockers] == [("held", {"holds": ["credit"]})]
    assert orders.explain(session, order, "hold")[0].blockers[0].code == "not-enabled"


def test_what_stays_held_keeps_its_holds(session: Session) -> None:
    chart = replace(FREE, transitions=(*FREE.transitions, Transition("held", ("ask",))))
    orders = lifecycle(READY_MADE, chart, guards={"refundable": lambda facts: True})
    order = printing(session, orders)
    orders.hold(session, order, "credit")
    orders.send(session, order, "ask")
    assert orders.holds(session, order)[0].active


# --- charts and tables


@pytest.mark.parametrize("name", [name for name in names() if "hold" in orderfsm.load(name).event_by_name])
def test_every_shipped_chart_with_a_hold_can_be_held(name: str) -> None:
    chart = orderfsm.load(name, profile="full")
    resume = "resume" if "resume" in chart.event_by_name else "release"
    orders = Lifecycle(chart, READY_MADE.store, holding=Holding(resume=resume))
    assert not isinstance(orders.held, ChartError)
    held = {text for text in orders.table.configurations if text in orders.held}
    assert held
    assert {orders.table.configurations[text].category for text in held} == {orderfsm.Category.SUSPENDED}


def test_a_hold_of_the_other_side_is_a_hold_of_its_own(session: Session) -> None:
    """cablelabs: what the seller blocks is HELD as well, but not by the buyer."""
    chart = orderfsm.load("cablelabs/order", profile="full")
    orders = Lifecycle(chart, READY_MADE.store, clock=Clock(), holding=Holding(resume="release"))
    assert [text for text in orders.table.configurations if text in orders.held] == ["held_by_buyer"]  # type: ignore[operator]
    order = Order()
    orders.open(session, order, actor="buyer")
    orders.send(session, order, "start", actor="seller")
    orders.hold(session, order, "budget", actor="buyer")
    orders.release(session, order, "budget", actor="buyer")
    orders.send(session, order, "block", actor="seller")
    with pytest.raises(NotEnabled, match="hold is not enabled in held_by_seller"):
        orders.hold(session, order, "budget", actor="buyer")
    session.rollback()


def test_events_that_do_not_fit_are_said_at_construction_when_they_are_declared() -> None:
    with pytest.raises(ChartError, match="orders of test/press cannot be held: it has no event 'freeze'"):
        lifecycle(READY_MADE, holding=Holding(hold="freeze"))
    constant = changed(PRESS, "resume", targets=("accepted",))
    with pytest.raises(ChartError, match="and resume leads to accepted, not back; let it lead to a history"):
        lifecycle(READY_MADE, constant, guards={"refundable": lambda facts: True}, holding=Holding())


def test_events_that_do_not_fit_are_said_at_first_use_when_nothing_is_declared(session: Session) -> None:
    orders = Lifecycle(orderfsm.load("adobe/order"), READY_MADE.store)
    with pytest.raises(ChartError, match="orders of adobe/order cannot be held: it has no event 'hold'"):
        orders.hold(session, Order(), "credit")


def test_a_store_without_a_table_of_holds_says_so(session: Session) -> None:
    kind = KINDS[1]
    orders = Lifecycle(
        FREE, SqlStore(kind.order, kind.history), guards={"refundable": lambda facts: True}, clock=Clock()
    )
    with pytest.raises(ChartError, match="Booking has no table of holds; make one on HoldRow"):
        orders.holds(session, kind.new())
    order = printing(session, orders, kind)
    orders.send(session, order, "hold")
    assert orders.send(session, order, "resume").after.startswith("printing")


def test_the_table_holds_a_name_once(session: Session) -> None:
    orders = free()
    order = printing(session, orders)
    orders.hold(session, order, "credit")
    orders.hold(session, order, "export")
    with pytest.raises(IntegrityError):
        session.connection().execute(update(OrderHold.__table__).where(OrderHold.order_id == order.id).values(name="x"))  # type: ignore[attr-defined]
    session.rollback()


def test_sending_pays_nothing_for_holds_before_a_held_state_is_left(engine: Engine) -> None:
    orders = free()
    with Session(engine) as session:
        order = printing(session, orders)
        session.commit()
        orders.send(session, order, "note")  # the first of all also asks for the chart
        with statements(engine) as sent:
            orders.send(session, order, "note")
            orders.send(session, order, "hold")
        assert len(sent) == {"sqlite": 4, "postgresql": 2}[engine.dialect.name]


def test_an_async_session_holds_as_well(tmp_path: Any) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    orders = free()

    async def live() -> list[bool]:
        engine = async_engine(f"sqlite+aiosqlite:///{tmp_path}/async.db")
        async with engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)
        async with AsyncSession(engine, expire_on_commit=False) as session:
            order = await session.run_sync(printing, orders)
            await orders.ahold(session, order, "credit")
            await orders.arelease(session, order, "credit")
            holds = await orders.aholds(session, order)
            await session.commit()
        await engine.dispose()
        return [hold.active for hold in holds]

    assert asyncio.run(live()) == [False]


# --- races

ROUNDS = 40


@pytest.fixture(scope="module", params=["sqlite", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def racing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    kind = "sqlite" if request.param == "sqlite" else "postgresql"
    with database(kind, postgres_url, tmp_path_factory.mktemp("holds-races")) as made:
        yield made if kind == "sqlite" else made.execution_options(isolation_level=request.param)


def held_by(engine: Engine, orders: Lifecycle, *holds: str) -> int:
    with Session(engine) as session:
        order = printing(session, orders)
        for name in holds:
            orders.hold(session, order, name)
        session.commit()
        return order.id  # type: ignore[no-any-return]


def wrong(engine: Engine, orders: Lifecycle, key: int) -> bool:
    """Whether an order is held without a hold, or free with one."""
    with Session(engine) as session:
        order = session.get_one(Order, key)
        return (standing(order) == "held") != any(hold.active for hold in orders.holds(session, order))


def attempted(engine: Engine, key: int, barrier: threading.Barrier, act: Callable[[Session, Any], Any]) -> None:
    """Read the order, wait for the other, act, commit; again when it was lost to the other."""
    met = False

    def attempt() -> None:
        nonlocal met
        with Session(engine, expire_on_commit=False) as session:
            order = session.get_one(Order, key)
            if engine.dialect.name == "sqlite":
                session.commit()  # a transaction would hold the write lock
            if not met:
                met = True
                barrier.wait()
            act(session, order)
            session.commit()

    again(attempt)


def pair(engine: Engine, key: int, one: Callable[[Session, Any], Any], two: Callable[[Session, Any], Any]) -> None:
    barrier = threading.Barrier(2, timeout=60)
    together(lambda: attempted(engine, key, barrier, one), lambda: attempted(engine, key, barrier, two))


def test_two_who_release_the_last_two_holds_set_the_order_free(racing: Engine) -> None:
    orders = free()
    for _ in range(ROUNDS):
        key = held_by(racing, orders, "credit", "export")
        pair(racing, key, *(lambda s, o, n=n: orders.release(s, o, n) for n in ("credit", "export")))  # type: ignore[misc]
        assert not wrong(racing, orders, key)
        with Session(racing) as session:
            assert standing(session.get_one(Order, key)) == "printing"


def test_a_hold_beside_the_last_release_leaves_the_order_held(racing: Engine) -> None:
    orders = free()
    for _ in range(ROUNDS):
        key = held_by(racing, orders, "credit")
        pair(racing, key, lambda s, o: orders.release(s, o, "credit"), lambda s, o: orders.hold(s, o, "export"))
        assert not wrong(racing, orders, key)
        with Session(racing) as session:
            assert standing(session.get_one(Order, key)) == "held"


def test_a_hold_beside_the_event_that_goes_on_is_never_lost(racing: Engine) -> None:
    """Whoever sends `resume` directly is refused when the other was first, and held again when it was not."""
    orders = free()

    def resume(session: Session, order: Any) -> None:
        try:
            orders.send(session, order, "resume")
        except NotEnabled:
            session.rollback()

    for _ in range(ROUNDS):
        key = held_by(racing, orders)
        with Session(racing) as session:
            orders.send(session, session.get_one(Order, key), "hold")
            session.commit()
        pair(racing, key, resume, lambda s, o: orders.hold(s, o, "export"))
        assert not wrong(racing, orders, key)


def test_looking_before_touching_leaves_orders_wrongly_held(racing: Engine) -> None:
    """The control: each release sees the other hold remain. Only PostgreSQL's SERIALIZABLE notices by itself."""
    orders = free()

    def careless(name: str, barrier: threading.Barrier, key: int) -> None:
        met = False

        def attempt() -> None:
            nonlocal met
            with Session(racing, expire_on_commit=False) as session:
                order = session.get_one(Order, key)
                active = orders.book.active(session, order)  # type: ignore[union-attr]
                if racing.dialect.name == "sqlite":
                    session.commit()
                if not met:
                    met = True
                    barrier.wait()
                mine = (OrderHold.order_id == key, OrderHold.name == name)
                ended = update(OrderHold.__table__).where(*mine).values(released_at=orders.clock())  # type: ignore[attr-defined]
                session.connection().execute(ended)
                if len(active) == 1:
                    orders.send(session, order, "resume")
                session.commit()

        again(attempt)

    left = 0
    for _ in range(10):
        key = held_by(racing, orders, "credit", "export")
        barrier = threading.Barrier(2, timeout=60)
        together(*(lambda n=n, b=barrier, k=key: careless(n, b, k) for n in ("credit", "export")))  # type: ignore[misc]
        left += wrong(racing, orders, key)
    serializable = racing.get_execution_options().get("isolation_level") == "SERIALIZABLE"
    assert left == (0 if serializable else 10)
