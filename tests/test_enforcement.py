"""The database refuses what the chart does not allow: everything is tried by raw SQL, past our Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import orderfsm
from orderfsm import Chart, Reason, enforcement
from orderfsm.call import Call
from orderfsm.cell import Demand
from orderfsm.chart import Reasons, ReasonRule, State, Transition
from orderfsm.interchange import scxml
from orderfsm.table import compile
from raw_sql import Raw, database, fields, insert, known, live, lives, raw, reason_for

CHARTS = [(name, profile) for name in orderfsm.catalogue.names() for profile in ("strict", "full")]
DOTTED = """<scxml xmlns="http://www.w3.org/2005/07/scxml" initial="idle">
  <state id="idle">
    <transition event="job.start" target="busy"/><transition event="error" target="failed"/>
  </state>
  <state id="busy">
    <transition event="error.disk" target="idle"/><transition event="error" target="failed"/>
    <transition event="error.net.timeout" cond="false" target="failed"/><transition event="*" target="odd"/>
  </state>
  <state id="odd"><transition event="job" target="idle"/></state>
  <final id="failed"/>
</scxml>"""
ANYTHING = [None, "INSERT INTO orders"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, postgres_database: Callable[[], str]) -> str:
    return database(request.param, tmp_path, postgres_database)


# --- every triple


def legal(chart: Chart) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """(before, event, after) -> the reasons that are tried for it, for every step that the compiled table has."""
    table = compile(chart)
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for before, row in (("[*]", table.starts), *table.rows.items()):
        for event, cell in row.items():
            for step in cell.steps:
                found.setdefault((str(before), event, str(step.after)), []).append(reason_for(step))
    return found


def triples(chart: Chart, more: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """Every configuration, and the beginning, with every event and every target, and some that the chart lacks."""
    table = compile(chart)
    events = [*table.alphabet, *table.starts, "no_such_event", "", *more]
    targets = [*table.configurations, "no such configuration", "[*]", "*", ""]
    for before in ("[*]", *lives(chart)):
        yield from ((str(before), event, str(after)) for event in dict.fromkeys(events) for after in targets)


def attempts(chart: Chart, more: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    """Every triple with the reasons of its steps, or with none and with one when it has no step."""
    steps = legal(chart)
    for triple in triples(chart, more):
        for reason in steps.get(triple, [{}, {"reason_text": "why"}]):
            yield triple, reason


def prepared(connection: Raw, chart: Chart) -> dict[str, tuple[int, int]]:
    """Configuration -> an order that is there, and its revision; `[*]` -> one that has not begun."""
    found = {"[*]": (1, 0)}
    connection.run("INSERT INTO orders (id, data) VALUES (1, '{}')")
    for number, (configuration, steps) in enumerate(lives(chart).items(), 2):
        live(connection, chart, steps, number)
        found[configuration] = number, len(steps)
    return found


def accepted(connection: Raw, chart: Chart, more: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, str, str], bool]]:
    """Each triple that is tried, and whether the database took it."""
    at, table = prepared(connection, chart), compile(chart)
    tried = []
    for (before, event, after), reason in attempts(chart, more):
        number, revision = at[before]
        values = fields(table, before, event, after, **{"reason_code": None, "reason_text": None} | reason)
        tried.append(((before, event, after), insert("order_history", {"order_id": number}, revision + 1, values)))
    triples_, statements = zip(*tried, strict=True)
    yield from zip(triples_, (on_sqlite if connection.sqlite else on_postgresql)(connection, statements), strict=True)


def on_sqlite(connection: Raw, statements: Any) -> list[bool]:
    return [not connection.said(*statement) for statement in statements]


def on_postgresql(connection: Raw, statements: Any) -> list[bool]:
    """The same in one round trip: each INSERT in a block of its own, which ends in an error either way."""
    columns = statements[0][0].partition("(")[2].partition(")")[0]
    places = ", ".join(f"t.v[{place}]" for place in range(1, columns.count(",") + 2))
    connection.run("CREATE TEMP TABLE tried (n serial, v text[]) ON COMMIT DROP")
    connection.run("CREATE TEMP TABLE verdicts (n int, taken boolean) ON COMMIT DROP")
    with connection.driver.cursor() as cursor, cursor.copy("COPY tried (v) FROM STDIN") as copy:
        for _, parameters in statements:
            copy.write_row([[None if value is None else str(value) for value in parameters]])
    typed = columns.split(", ")
    casts = {'"order_id"': "int", '"sequence"': "int", '"links"': "json"}
    casts |= {'"occurred_at"': "timestamptz", '"recorded_at"': "timestamptz"}
    chosen = [f"{place}::{casts.get(name, 'text')}" for place, name in zip(places.split(", "), typed, strict=True)]
    connection.run(f"""
        DO $do$ DECLARE t record; BEGIN
          FOR t IN SELECT * FROM tried ORDER BY n LOOP
            BEGIN
              INSERT INTO order_history ({columns}) SELECT {", ".join(chosen)};
              RAISE EXCEPTION USING ERRCODE = 'YES00';
            EXCEPTION
              WHEN SQLSTATE 'YES00' THEN INSERT INTO verdicts VALUES (t.n, true);
              WHEN integrity_constraint_violation THEN INSERT INTO verdicts VALUES (t.n, false);
            END;
          END LOOP; END $do$""")
    return [row[0] for row in connection.run("SELECT taken FROM verdicts ORDER BY n")]


@pytest.mark.parametrize(("name", "profile"), CHARTS)
def test_every_triple_is_accepted_exactly_when_the_chart_has_it(url: str, name: str, profile: str) -> None:
    chart = orderfsm.load(name, profile=profile)
    known(url, chart)
    with raw(url) as connection:
        found = list(accepted(connection, chart))
    steps = legal(chart)
    adopting = {("[*]", "adopt", str(after)) for after in compile(chart).configurations}
    assert {triple for triple, taken in found if taken} == steps.keys() | (adopting & {triple for triple, _ in found})
    assert [triple for triple, taken in found if triple in steps and not taken] == []
    assert len({triple for triple, _ in found}) == len(set(triples(chart)))


def test_without_enforcement_the_same_triples_are_accepted(url: str) -> None:
    chart = orderfsm.load("stat/order", profile="full")
    known(url, chart)
    with raw(url) as connection:
        prepared(connection, chart)
        connection.driver.commit()
    engine = create_engine(url)
    with engine.begin() as connection:
        from orderfsm.sqlmodel import Order, OrderHistory

        enforcement.remove(connection, Order, OrderHistory)
        connection.exec_driver_sql("DELETE FROM order_history")
        connection.exec_driver_sql("DELETE FROM orders")
    engine.dispose()
    with raw(url) as connection:
        if connection.sqlite:
            connection.driver.execute("BEGIN IMMEDIATE") if not connection.driver.in_transaction else None
        assert all(taken for _, taken in accepted(connection, chart))


def test_events_that_stand_for_others_are_enforced_as_the_core_takes_them(url: str) -> None:
    chart = scxml.loads(DOTTED)
    table = compile(chart)
    events = ("job.start.now", "job", "error.disk.full", "error.net", "error.net.timeout.long", "error.x", "job.x",
              "errors", "other", "override", "void", "adopt", "*", "open.now", "error.", "error..x")  # fmt: skip
    known(url, chart)
    expected = set()
    for before, event in {(before, event) for before, event, _ in triples(chart, events) if before != "[*]"}:
        found = table.rows[before].get(event if event in table.alphabet else table.stand_in(event) or "")
        expected |= {(before, event, str(step.after)) for step in (found.steps if found else ())}
    first = {("[*]", event, str(step.after)) for event, cell in table.starts.items() for step in cell.steps}
    first |= {("[*]", "adopt", after) for after in table.configurations}
    with raw(url) as connection:
        found = list(accepted(connection, chart, events))
    overridden = {(before, "override", after) for before in lives(chart) for after in lives(chart) if before != after}
    assert {triple for triple, taken in found if taken} == expected | first | overridden
    assert {("busy", "other", "odd"), ("busy", "error.disk.full", "idle")} <= expected


# --- reasons


RULES = [
    (ReasonRule(mode, codes), Reasons(codes=dict.fromkeys(listed, ""), open=open_))
    for mode in ("optional", "required", "forbidden")
    for codes in ((), ("late",))
    for listed in ((), ("late", "dear"))
    for open_ in (True, False)
    if set(codes) <= set(listed) or open_
]


@pytest.fixture(scope="module")
def reasoned() -> list[Chart]:
    made = []
    for number, (rule, reasons) in enumerate(RULES):
        states = (State("a"), State("b"))
        arrow = Transition("a", ("go",), ("b",), reason=rule)
        made.append(
            Chart(f"test/reasons{number}", states, (arrow,), initial=("a",), reasons=reasons, hash=f"r{number}")
        )
    return made


def test_reasons_are_taken_exactly_when_the_core_takes_them(url: str, reasoned: list[Chart]) -> None:
    known(url, *reasoned)
    differing, told = [], set()
    with raw(url) as connection:
        for number, (chart, (rule, _)) in enumerate(zip(reasoned, RULES, strict=True), 1):
            table = compile(chart)
            live(connection, chart, lives(chart)["a"], number)
            for code, text in itertools.product((None, "", "late", "dear", "odd", " "), (None, "", "so it is")):
                given = Reason(code, text) if (code, text) != (None, None) else None
                blockers = list(Call(table, "a", "go", reason=given).reason_blockers(Demand(reason=rule)))
                values = fields(table, "a", "go", "b", reason_code=code, reason_text=text)
                said = connection.said(*insert("order_history", {"order_id": number}, 2, values))
                told.add(said)
                if bool(said) != bool(blockers):
                    differing.append((chart.name, rule, code, text, said, blockers))
    assert differing == []
    assert told == {"", "orderfsm: the step needs another reason, or none"}
