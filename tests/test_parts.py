"""What a lifecycle and a store are made of: what does not fit is told where they are made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from kept import PRESS, READY_MADE, UUIDS, lifecycle
from orderfsm.errors import NotPermitted
from orderfsm.lifecycle import Lifecycle
from orderfsm.lifecycle.claims import Claims
from orderfsm.lifecycle.correcting import Corrections
from orderfsm.lifecycle.holding import Holding
from orderfsm.sqlmodel import SqlStore, Stateful, create_all, engine


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        *((name, 5) for name in ("guards", "facts", "clock", "parent", "holding", "corrections", "claims")),
        ("guards", ["refundable"]),
        ("guards", {"refundable": True}),
        ("facts", {"paid": True}),
        ("corrections", {"override": ["boss"]}),
        ("claims", "refuse"),
        ("former", 5),
        ("former", "test/press"),
        ("former", PRESS),
    ],
)
def test_a_part_of_another_type_is_told_by_name(name: str, odd: object) -> None:
    said = "the guard refundable is True; give a function" if odd == {"refundable": True} else f"{name} is .*; give "
    with pytest.raises(TypeError, match=said):
        lifecycle(READY_MADE, **{name: odd})


def test_a_lifecycle_takes_a_chart_and_a_store() -> None:
    odd: Any
    for odd in (READY_MADE.order, None, 5):
        with pytest.raises(TypeError, match=r"store is .*; give a SqlStore"):
            Lifecycle(PRESS, odd, guards={"refundable": lambda facts: True})
    odd = "stat/order"
    with pytest.raises(TypeError, match="chart is a Chart"):
        Lifecycle(odd, READY_MADE.store)


@pytest.mark.parametrize("roles", ["boss", "", [5], [""]], ids=repr)
@pytest.mark.parametrize("kind", ["override", "void", "supersede"])
def test_the_roles_that_may_correct_are_a_list(kind: str, roles: Any) -> None:
    """A text would let in whoever has a part of it for a role, and whoever has none."""
    with pytest.raises(TypeError, match=rf"{kind} is .*; give a list of roles: Corrections\({kind}="):
        Corrections(**{kind: roles})


@pytest.mark.parametrize("actor", [None, "bos", ""])
def test_nobody_corrects_by_a_part_of_a_role(tmp_path: Any, actor: str | None) -> None:
    made = engine(f"sqlite:///{tmp_path}/orders.db", durability="relaxed")
    create_all(made)
    orders = lifecycle(READY_MADE, corrections=Corrections(override=("boss",)))
    with Session(made) as session:
        order = READY_MADE.new()
        orders.open(session, order)
        with pytest.raises(NotPermitted):
            orders.override(session, order, "printing", actor=actor, reason="why")
    made.dispose()


def test_policies_are_among_those_that_there_are() -> None:
    odd: Any
    for odd in ("never", 5, None):
        with pytest.raises(ValueError, match=r"late is .*; give 'accept', 'refuse' or a timedelta"):
            Claims(late=odd)
        with pytest.raises(ValueError, match="ahead is"):
            Claims(ahead=odd)
        with pytest.raises(ValueError, match=r"release is .*; give 'anyone' or 'holder'"):
            Holding(release=odd)
    assert Claims(late=timedelta(days=1), ahead="refuse").late == timedelta(days=1)


def test_a_store_takes_classes_with_tables_of_their_kinds() -> None:
    odd: Any
    for odd in (5, None, READY_MADE.history, Stateful):
        with pytest.raises(TypeError, match="give a class on Stateful with table=True"):
            SqlStore(odd, READY_MADE.history)
    with pytest.raises(TypeError, match="give a class on HistoryEntry with table=True"):
        SqlStore(READY_MADE.order, READY_MADE.order)
    companions: dict[str, Any] = dict(UUIDS.companions)
    with pytest.raises(TypeError, match="give a class on TimerRow with table=True"):
        SqlStore(UUIDS.order, UUIDS.history, timers=companions["holds"])
    with pytest.raises(TypeError, match="give a class on HoldRow with table=True"):
        SqlStore(UUIDS.order, UUIDS.history, holds=companions["outbox"])
    with pytest.raises(TypeError, match="give a class on OutboxRow with table=True"):
        SqlStore(UUIDS.order, UUIDS.history, outbox=companions["timers"])
