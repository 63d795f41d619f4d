"""Sends to a SQLite that guards its histories: one INSERT, and never an order that stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from kept import READY_MADE, database, lifecycle
from orderfsm import enforcement
from orderfsm.errors import Conflict, RefusedByDatabase
from orderfsm.lifecycle import Lifecycle

TABLES = (READY_MADE.order, READY_MADE.history)


@pytest.fixture
def engine(tmp_path: Any) -> Iterator[Engine]:
    with database("sqlite", "", tmp_path) as made:
        yield made


@pytest.fixture
def orders() -> Lifecycle:
    return lifecycle(READY_MADE)


def begun(engine: Engine, orders: Lifecycle) -> int:
    """The id of an order that was accepted, in a database that the lifecycle knows to be guarded."""
    with Session(engine) as session:
        order = READY_MADE.new()
        orders.open(session, order)
        session.commit()
        orders.send(session, order, "accept", actor="printer")
        session.commit()
        number = order.id
    assert engine in orders.registrar.guarded
    return int(number)


def row(engine: Engine, number: int) -> tuple[Any, ...]:
    with engine.connect() as connection:
        entries = "SELECT count(*) FROM order_history h WHERE h.order_id = orders.id"
        found = text(f"SELECT configuration, code, category, revision, ({entries}) FROM orders WHERE id = {number}")
        return tuple(connection.execute(found).one())


def test_the_database_moves_the_order(engine: Engine, orders: Lifecycle) -> None:
    number = begun(engine, orders)
    with Session(engine) as session:
        entry = orders.send(session, session.get_one(READY_MADE.order, number), "print")
        session.commit()
    assert entry.after == "printing"
    assert row(engine, number) == ("printing", "IN_PRINT", "open", 3, 3)


def test_an_order_is_moved_as_well_when_the_triggers_have_gone_meanwhile(engine: Engine, orders: Lifecycle) -> None:
    number = begun(engine, orders)
    with engine.begin() as connection:
        enforcement.remove(connection, *TABLES)
    with Session(engine) as session:
        orders.send(session, session.get_one(READY_MADE.order, number), "print")
        session.commit()
    assert row(engine, number) == ("printing", "IN_PRINT", "open", 3, 3)


@pytest.mark.parametrize("guarded", [True, False])
def test_who_comes_second_is_told_and_writes_nothing(engine: Engine, orders: Lifecycle, guarded: bool) -> None:
    number = begun(engine, orders)
    if not guarded:
        with engine.begin() as connection:
            enforcement.remove(connection, *TABLES)
    with Session(engine) as stale, Session(engine) as session:
        late = stale.get_one(READY_MADE.order, number)
        assert late.revision == 2
        stale.commit()
        late.__dict__.update(configuration="accepted", revision=2)  # as it was read before the other one wrote
        orders.send(session, session.get_one(READY_MADE.order, number), "print")
        session.commit()
        with pytest.raises(Conflict, match="has moved on from revision 2 to 3"):
            orders.send(stale, late, "note")
        assert late.revision == 3
        stale.commit()
    assert row(engine, number) == ("printing", "IN_PRINT", "open", 3, 3)


def test_triggers_of_the_service_do_not_confuse_it(engine: Engine, orders: Lifecycle) -> None:
    number = begun(engine, orders)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE seen (n INTEGER)"))
        connection.execute(
            text("CREATE TRIGGER see AFTER INSERT ON order_history BEGIN INSERT INTO seen VALUES (NEW.sequence); END")
        )
    with Session(engine) as session:
        orders.send(session, session.get_one(READY_MADE.order, number), "print")
        session.commit()
    assert row(engine, number) == ("printing", "IN_PRINT", "open", 3, 3)


def test_a_key_that_another_session_used_answers_with_its_entry(engine: Engine, orders: Lifecycle) -> None:
    number = begun(engine, orders)
    with Session(engine) as stale, Session(engine) as session:
        late = stale.get_one(READY_MADE.order, number)
        stale.commit()
        late.__dict__.update(configuration="accepted", revision=2)
        first = orders.send(session, session.get_one(READY_MADE.order, number), "print", key="k")
        session.commit()
        assert orders.send(stale, late, "print", key="k") == first


def test_what_the_database_refuses_is_told_with_its_words(engine: Engine, orders: Lifecycle) -> None:
    number = begun(engine, orders)
    with engine.begin() as connection:  # as a database that somebody has set up for another edition of the chart
        names = ("orderfsm_edges_delete", "orderfsm_charts_delete")
        for name in names:
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text("DELETE FROM orderfsm_edges"))
        connection.execute(text("DELETE FROM orderfsm_charts"))
    with Session(engine) as session:
        order = session.get_one(READY_MADE.order, number)
        with pytest.raises(RefusedByDatabase, match="does not know the chart of the entry; register it"):
            orders.send(session, order, "print")
        session.commit()
    assert row(engine, number)[3:] == (2, 2)
