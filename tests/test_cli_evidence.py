"""`orderfsm draw` with what is known: from a database, from files, from another chart."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Date, Integer, Numeric
from sqlalchemy.types import TypeEngine
from sqlmodel import AutoString, Session

import orderfsm
from kept import KINDS, Clock, create_tables
from orderfsm.cli.records import _key as read_key
from orderfsm.coverage import Coverage
from orderfsm.diagrams import Overlay, difference, render
from orderfsm.lifecycle import Lifecycle
from orderfsm.refusals import Refusals
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all
from orderfsm.sqlmodel import engine as safe_engine
from test_cli_drawing import run

STAT = orderfsm.load("stat/order")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Callable[[], str]) -> Iterator[str]:
    """The URL of a database with three orders of stat/order, one of adobe/order, one that was never opened."""
    url = f"sqlite:///{tmp_path}/orders.db" if request.param == "sqlite" else postgres_database()
    made = safe_engine(url)
    create_all(made)
    clock = Clock()
    orders = Lifecycle(STAT, SqlStore(Order, OrderHistory), clock=clock)
    others = Lifecycle(orderfsm.load("adobe/order"), SqlStore(Order, OrderHistory), clock=clock)
    with Session(made) as session:
        several = [Order(reference=f"S-{number}") for number in range(3)]
        for order in several:
            orders.open(session, order, actor="customer")
        for order in several[:2]:
            clock.forward(hours=3)
            orders.send(session, order, "accept", actor="provider")
        others.open(session, Order(reference="A-1"), actor="partner")
        session.add(Order(reference="new"))
        session.commit()
    yield url
    made.dispose()


def test_the_way_of_one_order_is_drawn(database: str) -> None:
    taken = (("[*]", "received"), ("received", "accepted"))
    for wanted in ("1", "S-0"):
        code, drawn, _ = run("stat/order", "--format", "svg", "--order", wanted, "--database", database)
        assert (code, drawn) == (0, render(STAT, "svg", overlay=Overlay("accepted", taken)))


def test_orders_of_the_chart_are_counted_and_timed(database: str) -> None:
    code, drawn, _ = run("stat/order", "--format", "svg", "--counts", "--dwell", "--database", database)
    said = re.findall(r"<text[^>]*>([^<]*)<", drawn)
    assert code == 0
    assert [text for text in said if re.match(r"\d+ order", text)] == ["1 order", "2 orders", "1 order", "2 orders"]
    assert [text for text in said if text.startswith("p50")] == ["p50 3 h, p95 6 h"] * 2
    assert "elsewhere" not in drawn


def test_orders_in_tables_of_ones_own_are_drawn_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, kind = f"sqlite:///{tmp_path}/own.db", KINDS[1]
    made = safe_engine(url)
    create_tables(made)
    (tmp_path / "booking_life.py").write_text(
        "import kept, orderfsm\n"
        "from orderfsm.lifecycle import Lifecycle\n"
        "orders = Lifecycle(orderfsm.load('stat/order'), kept.KINDS[1].store, clock=kept.Clock())\n"
    )
    monkeypatch.chdir(tmp_path)
    with Session(made) as session:
        order = kind.new()
        Lifecycle(STAT, kind.store, clock=Clock()).open(session, order, actor="customer")
        session.commit()
        key = str(order.id)
    made.dispose()
    own = ("--database", url, "--lifecycle", "booking_life:orders")
    try:
        code, drawn, errors = run("stat/order", "--format", "svg", "--order", key, "--counts", *own)
        assert (code, errors) == (0, "")
        overlay = Overlay("received", (("[*]", "received"),), counts={"received": 1})
        assert drawn == render(STAT, "svg", overlay=overlay)
        code, _, errors = run("stat/order", "--order", "nobody", *own)
        assert (code, errors) == (2, "orderfsm: there is no Booking with the key nobody\n")
    finally:
        sys.modules.pop("booking_life", None)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_order_of_another_chart_is_not_drawn(database: str) -> None:
    code, _, errors = run("stat/order", "--order", "A-1", "--database", database)
    assert (code, errors) == (2, "orderfsm: order A-1 lives by adobe/order, not by stat/order; draw that one\n")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_bytes_that_are_no_text_name_no_order(database: str) -> None:
    code, _, errors = run("stat/order", "--order", "\udcff", "--database", database)
    assert (code, "there is no order with the id or reference \\udcff" in errors) == (2, True)


@pytest.mark.parametrize(
    ("column", "text", "key"),
    [
        (AutoString(), "V-1", "V-1"),
        (AutoString(), "\udcff", None),
        (Integer(), "7", 7),
        (Integer(), "9" * 30, None),
        (Integer(), "x", None),
        (Numeric(), "1.50", Decimal("1.5")),
        (Numeric(), "x", None),
        (Date(), "2026-03-01", date(2026, 3, 1)),
        (Date(), "x", None),
    ],
)
def test_a_key_is_read_as_its_column_has_it(column: TypeEngine[Any], text: str, key: object) -> None:
    assert read_key(column.python_type, text) == key


def test_files_of_refusals_and_coverage_are_drawn(tmp_path: Path) -> None:
    refusals, coverage = Refusals(), Coverage.begin(STAT)
    refusals.counts["stat/order", "received", "accept", "not-permitted"] += 4
    refusals.counts["adobe/order", "received", "accept", "not-permitted"] += 5
    steps = list(orderfsm.compile(STAT).edges())
    (tmp_path / "refused.jsonl").write_text("\n".join(refusals.lines()))
    words = ["--refusals", str(tmp_path / "refused.jsonl")]
    for number, step in enumerate(steps[:2]):
        one = Coverage.begin(STAT)
        one.add(step)
        coverage.add(step)
        (tmp_path / f"{number}.json").write_text(one.dumps())
        words += ["--coverage", str(tmp_path / f"{number}.json")]
    code, drawn, _ = run("stat/order", "--format", "svg", *words)
    overlay = Overlay(refusals=refusals.of("stat/order"), covered=coverage.steps)
    assert (code, drawn) == (0, render(STAT, "svg", overlay=overlay))
    assert "4 refused: not-permitted" in drawn


def test_findings_are_drawn(tmp_path: Path) -> None:
    file = tmp_path / "flawed.yaml"
    file.write_text('chart: x/y\nversion: "1"\ninitial: a\nstates: {a: {}, b: {}}\nevents: {go: {from: a, to: b}}\n')
    code, drawn, _ = run(str(file), "--format", "svg", "--findings")
    assert code == 0
    assert "error: dead-end" in drawn


def test_what_has_changed_since_another_chart_is_drawn(tmp_path: Path) -> None:
    code, drawn, _ = run("stapi/order", "--format", "svg", "--against", "stat/order")
    seen = difference(orderfsm.load("stat/order"), orderfsm.load("stapi/order"))
    assert (code, drawn) == (0, render(seen, "svg"))
    code, _, _ = run("stapi/order", "--against", "stat/order", "--output", str(tmp_path / "changes.svg"))
    assert code == 0
    assert (tmp_path / "changes.svg").read_text() == drawn


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_drawing_of_today_is_not_kept_to_be_drawn_again(database: str, tmp_path: Path) -> None:
    file = tmp_path / "now.svg"
    code, _, _ = run("stat/order", "--counts", "--database", database, "--output", str(file))
    assert code == 0
    assert file.read_text() == run("stat/order", "--format", "svg", "--counts", "--database", database)[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--counts"], "--order, --counts and --dwell ask a database"),
        (["--database", "sqlite:///x.db"], "add --order ID, --counts or --dwell"),
        (["--counts", "--database", "sqlite:///nowhere.db"], "there is no file nowhere.db"),
        (["--refusals", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--against", "no/chart"], "no/chart"),
    ],
)
def test_what_cannot_be_asked_is_told(words: list[str], said: str) -> None:
    code, _, errors = run("stat/order", *words)
    assert code == 2
    assert said in errors


def test_files_of_something_else_are_told_with_their_name(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[]")
    for option, said in (("--refusals", "line 1 has no text"), ("--coverage", "no coverage: write")):
        code, _, errors = run("stat/order", option, str(tmp_path / "x"))
        assert (code, f"{option}: {tmp_path}/x: {said}" in errors) == (2, True)
    (tmp_path / "x").write_text(Coverage("adobe/order").dumps())
    code, _, errors = run("stat/order", "--coverage", str(tmp_path / "x"))
    assert (code, "this is the coverage of adobe/order, not of stat/order" in errors) == (2, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_order_is_not_in_two_places(database: str) -> None:
    code, _, errors = run("stat/order", "--at", "accepted", "--order", "1", "--database", database)
    assert (code, "give one of them" in errors) == (2, True)
    code, _, errors = run("stat/order", "--order", "new", "--database", database)
    assert (code, errors) == (2, "orderfsm: order new was never opened: it has no history\n")
