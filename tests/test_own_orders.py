"""A service may have a table of its own called `orders`: the ready-made one stays away, whatever is imported."""

import subprocess
import sys
from pathlib import Path

SERVICE = """
from functools import partial

from fastapi import FastAPI
from sqlalchemy import true
from sqlmodel import Field, Session, SQLModel

import orderfsm
from orderfsm.http import generic
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import HistoryEntry, OutboxRow, SqlStore, Stateful, TimerRow, engine


class Order(Stateful, table=True):
    __tablename__ = "orders"

    id: int | None = Field(default=None, primary_key=True)


class OrderHistory(HistoryEntry, table=True):
    order_id: int = Field(foreign_key="orders.id")


class OrderOutbox(OutboxRow, table=True):
    order_id: int = Field(foreign_key="orders.id")


class OrderTimer(TimerRow, table=True):
    order_id: int = Field(foreign_key="orders.id")


database = engine("sqlite:///own.db")
orders = Lifecycle(
    orderfsm.load("stat/order"), SqlStore(Order, OrderHistory, outbox=OrderOutbox, timers=OrderTimer)
)
SQLModel.metadata.create_all(database)
router = generic.router(
    orders, sessions=partial(Session, database), principal=lambda: None, visible=lambda who: true(), opening=Order
)
FastAPI().include_router(router)
"""

ASKED = """
from typer.testing import CliRunner
from orderfsm.cli.app import app
from service import *

with Session(database) as session:
    orders.open(session, Order(), actor="customer")
    session.commit()
for words in ("history 1", "history 2", "draw stat/order --order 1", "draw stat/order --counts", "sweep", "outbox"):
    asked = [*words.split(), "--database", "sqlite:///own.db", "--lifecycle", "service:orders"]
    found = CliRunner().invoke(app, asked)
    print(words, found.exit_code, "received" in found.stdout, found.stderr.strip())
print("order_history" in SQLModel.metadata.tables)
"""


def test_the_router_and_the_command_line_leave_it_alone(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE)
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASKED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (found.stderr, found.stdout.splitlines()) == (
        "",
        [
            "history 1 0 True ",
            "history 2 2 False orderfsm: there is no Order with the key 2",
            "draw stat/order --order 1 0 True ",
            "draw stat/order --counts 0 True ",
            "sweep 0 False ",
            "outbox 0 False ",
            "False",
        ],
    )
