"""What a command brings along: a value of the wrong type is told in a sentence, and nothing has been written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlmodel import Session

from kept import KINDS, READY_MADE, UUIDS, create_tables, lifecycle
from orderfsm import Link
from orderfsm.errors import Conflict, OrderFsmError
from orderfsm.history import Actor
from orderfsm.lifecycle import Lifecycle
from orderfsm.lifecycle.correcting import Corrections, Restated
from orderfsm.sqlmodel import OrderHistory, async_engine, engine

CORRECTIONS = Corrections(override=["boss"], void=["boss"], supersede=["boss"])
BOSS: dict[str, Any] = {"actor": "boss", "reason": "why"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    made = engine(f"sqlite:///{tmp_path}/orders.db", durability="relaxed")
    create_tables(made)
    yield made
    made.dispose()


@pytest.fixture
def session(database: Engine) -> Iterator[Session]:
    with Session(database) as made:
        yield made


@pytest.fixture
def orders() -> Lifecycle:
    return lifecycle(READY_MADE, corrections=CORRECTIONS)


@pytest.fixture
def order(session: Session, orders: Lifecycle) -> Any:
    made = READY_MADE.new()
    orders.open(session, made)
    session.commit()
    return made


def written(session: Session) -> int:
    return session.connection().execute(select(func.count()).select_from(OrderHistory)).scalar_one()


@pytest.mark.parametrize(
    ("name", "odd", "said"),
    [
        ("actor", 5, "actor is a role"),
        ("actor", b"printer", "actor is a role"),
        ("actor", {"role": "printer"}, "actor is a role"),
        ("reason", object(), "reason is a code"),
        ("reason", ["late"], "reason is a code"),
        ("links", "x", "links is a list of Link"),
        ("links", 0, "links is a list of Link"),
        ("links", None, "links is a list of Link"),
        ("links", [{"rel": "a", "href": "/a"}], "links is a list of Link"),
        ("payload", [1], "payload is a mapping"),
        ("payload", "text", "payload is a mapping"),
        ("payload", 0, "payload is a mapping"),
        ("key", 5, "key is a text"),
        ("occurred_at", "2026-01-01T00:00:00Z", "occurred_at is a datetime"),
        ("occurred_at", date(2026, 1, 1), "occurred_at is a datetime"),
        ("expected_revision", "1", "expected_revision is '1'; give a whole number"),
        ("expected_revision", object(), "expected_revision is <object .*; give a whole number"),
    ],
)
def test_an_argument_of_the_wrong_type_is_told_by_name(
    session: Session, order: Any, orders: Lifecycle, name: str, odd: object, said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        orders.send(session, order, "note", **{name: odd})
    assert (written(session), order.revision) == (1, 1)
    orders.send(session, order, "accept", actor="printer")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda orders, *at: orders.report(*at, 5), "seen is 5"),
        (lambda orders, *at: orders.report(*at, ["received"]), "seen is"),
        (lambda orders, session, _: orders.adopt(session, READY_MADE.new(), [1]), "state is"),
        (lambda orders, *at: orders.explain(*at, 5), "event is 5"),
        (lambda orders, *at: orders.allowed(*at, actor=5), "actor is a role"),
        (lambda orders, *at: orders.status(*at, entries="x"), "entries is 'x'"),
        (lambda orders, *at: orders.override(*at, {}, **BOSS), "to is {}"),
        (lambda orders, *at: orders.override(*at, "printing", corrects="1", **BOSS), "corrects is '1'"),
        (lambda orders, *at: orders.supersede(*at, [1], Restated(reason="x"), **BOSS), r"sequence is \[1\]"),
        (lambda orders, *at: orders.supersede(*at, 1, {"reason": "x"}, **BOSS), "restated is"),
        (lambda orders, *at: orders.supersede(*at, 1, Restated(reason=5), **BOSS), "reason is a code"),
        (lambda orders, *at: orders.supersede(*at, 1, Restated(links=[1]), **BOSS), "links is a list of Link"),
        (lambda orders, *at: orders.supersede(*at, 1, Restated(payload=[1]), **BOSS), "payload is a mapping"),
        (lambda orders, *at: orders.supersede(*at, 1, Restated(occurred_at="x"), **BOSS), "occurred_at is a datetime"),
        (lambda orders, session, _: orders.sweep(session, actor=5), "actor is a role"),
        (lambda orders, session, _: orders.sweep(session, most="x"), "most is 'x'"),
        (lambda orders, *_: orders.sweep("sqlite://"), "sessions is 'sqlite://'; give an Engine"),
        (lambda orders, *_: asyncio.run(orders.asweep("sqlite://")), "sessions is 'sqlite://'; give an AsyncEngine"),
    ],
)
def test_so_do_the_other_commands_and_questions(
    session: Session, order: Any, orders: Lifecycle, asked: Callable[..., object], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        asked(orders, session, order)
    assert (written(session), order.revision) == (1, 1)


def test_a_moment_that_utc_does_not_have_is_told(session: Session, order: Any, orders: Lifecycle) -> None:
    end = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))
    with pytest.raises(ValueError, match=r"occurred_at: .* has no counterpart in UTC"):
        orders.send(session, order, "note", occurred_at=end)


def test_a_payload_that_holds_itself_is_told(session: Session, order: Any, orders: Lifecycle) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"in": deep}
    with pytest.raises(ValueError, match="nested too deeply"):
        orders.send(session, order, "note", payload=deep)


def test_a_clock_that_tells_no_time_is_told(session: Session, order: Any) -> None:
    odd = lifecycle(READY_MADE, clock=lambda: 5)
    with pytest.raises(TypeError, match="the clock answers 5"):
        odd.send(session, order, "accept", actor="printer")


def test_facts_that_are_no_mapping_are_told(session: Session, order: Any, orders: Lifecycle) -> None:
    orders.send(session, order, "accept", actor="printer")
    odd = lifecycle(READY_MADE, facts=lambda *_: 5, guards={"refundable": lambda facts: facts["paid"]})
    with pytest.raises(TypeError, match="the function of facts answers 5"):
        odd.send(session, order, "cancel", actor="customer")


@pytest.mark.parametrize("odd", [(), [], iter(())], ids=["tuple", "list", "iterator"])
def test_links_may_come_in_any_order_of_things(session: Session, order: Any, orders: Lifecycle, odd: Any) -> None:
    assert orders.send(session, order, "accept", actor=Actor("printer"), links=odd).links == ()
    one = Link("note", "/notes/1")
    assert orders.send(session, order, "note", links=iter([one])).links == (one,)


# --- the order


@pytest.mark.parametrize("odd", [5, None, "P-1", [1], READY_MADE.order], ids=str)
def test_what_is_no_order_is_told(session: Session, orders: Lifecycle, odd: Any) -> None:
    for asked in (orders.send, orders.open, orders.history):
        more = ("accept",) if asked == orders.send else ()
        with pytest.raises(TypeError, match=r"is no Order, as the orders of this lifecycle are"):
            asked(session, odd, *more)


def test_an_order_of_another_table_is_not_mistaken_for_the_one_with_its_key(session: Session, database: Engine) -> None:
    orders, others = lifecycle(READY_MADE), lifecycle(UUIDS)
    mine, other = READY_MADE.new(), UUIDS.new()
    orders.open(session, mine)
    others.open(session, other)
    session.commit()
    with pytest.raises(TypeError, match="Booking is no Order"):
        orders.send(session, other, "accept", actor="printer")
    with pytest.raises(TypeError, match="Booking is no Order"):
        orders.open(session, UUIDS.new())
    assert (mine.revision, other.revision, written(session)) == (1, 1, 1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_no_key_is_told_or_names_no_order(session: Session, kind: Any) -> None:
    orders = lifecycle(kind)
    for odd in (5.5, [1]):
        try:
            assert orders.status(session, odd) is None
        except TypeError as error:
            assert "nor a key of one" in str(error)  # noqa: PT017 - either will do
        except DBAPIError:  # the database's own words
            session.rollback()


def test_an_order_about_to_be_deleted_takes_no_event(session: Session, order: Any, orders: Lifecycle) -> None:
    session.delete(order)
    with pytest.raises(ValueError, match="is about to be deleted"):
        orders.send(session, order, "accept", actor="printer")
    session.rollback()
    new = READY_MADE.new()
    session.add(new)
    session.flush()
    session.delete(new)
    with pytest.raises(ValueError, match="is about to be deleted"):
        orders.open(session, new)


def test_an_order_that_was_deleted_is_a_conflict(session: Session, orders: Lifecycle) -> None:
    new = READY_MADE.new()
    session.add(new)
    session.flush()
    session.delete(new)
    session.flush()
    with pytest.raises(Conflict, match="is gone"):
        orders.open(session, new)
    session.commit()
    with pytest.raises(Conflict, match="is gone"):
        orders.open(session, new)


# --- the session


def test_a_session_of_another_kind_is_told_what_to_give(database: Engine, orders: Lifecycle) -> None:
    scoped = scoped_session(sessionmaker(database, class_=Session))
    with pytest.raises(TypeError, match="scoped_session is no Session; call it"):
        orders.open(scoped, READY_MADE.new())
    assert written(scoped()) == 0
    orders.open(scoped(), READY_MADE.new())
    scoped.remove()
    with database.connect() as connection, pytest.raises(TypeError, match="Connection is no Session; give a Session"):
        orders.open(connection, READY_MADE.new())
    with pytest.raises(TypeError, match="Session is no AsyncSession, as aopen takes; a Session goes to open"):
        asyncio.run(orders.aopen(Session(database), READY_MADE.new()))


def test_an_async_session_is_for_the_twins(database: Engine, orders: Lifecycle) -> None:
    made = async_engine(database.url.set(drivername="sqlite+aiosqlite"), durability="relaxed")
    with Session(database) as session:
        order = READY_MADE.new()
        orders.open(session, order)
        session.commit()
        key = order.id

    async def told() -> None:
        async with AsyncSession(made) as session:
            mine = await session.get(READY_MADE.order, key)
            for asked in (
                lambda: orders.open(session, READY_MADE.new()),
                lambda: orders.send(session, mine, "note"),
                lambda: orders.status(session, key),
            ):
                with pytest.raises(TypeError, match=r"AsyncSession is no Session; await .* asend"):
                    asked()
            await orders.asend(session, mine, "accept", actor="printer")
        await made.dispose()

    asyncio.run(told())


def test_nothing_odd_at_all_raises_what_names_no_argument(session: Session, order: Any, orders: Lifecycle) -> None:
    """The whole of it: an answer, an error of ours, or a TypeError or ValueError in a sentence."""
    names = ("actor", "reason", "links", "payload", "key", "occurred_at", "caused_by", "origin", "expected_revision")
    odd = [5, 0, True, 1.5, b"x", "", "\ud800", "a\0b", (), [1], {"a": 1}, {1}, object(), Actor, datetime.now(UTC)]
    for name in names:
        for given in odd:
            before = written(session)
            try:
                orders.send(session, order, "accept", **{"actor": "printer", name: given})
            except (OrderFsmError, TypeError, ValueError) as error:
                assert written(session) == before
                assert not str(error).startswith(("'", "unhashable", "object of")), (name, given, error)  # noqa: PT017
            session.rollback()
