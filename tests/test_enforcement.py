"""The database refuses what the chart does not allow: everything is tried by raw SQL, past our Python."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine

import orderfsm
from orderfsm import Chart, Reason, enforcement
from orderfsm.call import Call
from orderfsm.cell import Demand
from orderfsm.chart import ReasonRule, Reasons, State, Transition
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


# --- corrections, adoption


PRESS = orderfsm.load("stat/order", profile="full")
HELD = "held_after_acceptance;was_fulfilment=accepted"
WHY = {"reason_text": "a mistake"}
ADDED = "a history is only added to"
AWRY = "does not start where the history of its order ends"


@pytest.fixture
def order(url: str) -> Iterator[tuple[Raw, Callable[..., str]]]:
    """An order that was received and accepted, by raw SQL, and a function that tries its next entry."""
    known(url, PRESS)
    table = compile(PRESS)
    with raw(url) as connection:
        live(connection, PRESS, lives(PRESS)["accepted"], 1)
        live(connection, PRESS, [], 2)

        def tried(before: str, event: str, after: str, sequence: int = 3, number: int = 1, **more: Any) -> str:
            values = fields(table, before, event, after, **more)
            return connection.said(*insert("order_history", {"order_id": number}, sequence, values))

        yield connection, tried


def test_corrections_need_a_reason_and_an_entry_that_they_fit(order: tuple[Raw, Callable[..., str]]) -> None:
    _, tried = order
    there = ("accepted", "override", "completed")
    assert tried(*there, **WHY) == tried(*there, reason_code="x") == tried(*there, corrects=2, **WHY) == ""
    assert "a correction has a reason" in tried(*there)
    assert "a correction has a reason" in tried(*there, corrects=3, **WHY)
    assert "a correction has a reason" in tried(*there, corrects=0, **WHY)
    assert "a correction" in tried("accepted", "override", "accepted", **WHY)
    assert "no step" in tried("accepted", "override", "no such configuration", **WHY)
    assert tried("accepted", "void", "received", corrects=2, **WHY) == ""
    assert "a correction" in tried("accepted", "void", "received", corrects=1, **WHY)
    assert "a correction" in tried("accepted", "void", "completed", corrects=2, **WHY)
    assert "a correction" in tried("accepted", "void", "received", corrects=2)
    assert "a correction" in tried("accepted", "void", "received", **WHY)
    assert tried("accepted", "supersede", "accepted", corrects=1, **WHY) == ""
    assert "a correction" in tried("accepted", "supersede", "received", corrects=1, **WHY)
    assert "a correction" in tried("accepted", "supersede", "accepted", corrects=9, **WHY)
    assert "a correction" in tried("accepted", "supersede", "accepted", **WHY)
    assert "needs another reason" in tried("accepted", "complete", "completed", corrects=1, **WHY)
    for event in ("override", "void", "supersede"):
        assert tried("[*]", event, "received", 1, 2, **WHY)


def test_an_order_is_taken_in_once_and_anywhere(order: tuple[Raw, Callable[..., str]]) -> None:
    _, tried = order
    assert [tried("[*]", "adopt", str(found), 1, 2) for found in compile(PRESS).configurations] == [""] * 15
    assert AWRY in tried("[*]", "adopt", "completed")
    assert tried("[*]", "adopt", "completed", 1)
    assert "no step" in tried("accepted", "adopt", "completed")
    assert "no step" in tried("[*]", "adopt", "nowhere", 1, 2)


def test_an_entry_starts_where_its_order_is(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, tried = order
    assert tried("accepted", "complete", "completed") == ""
    for sequence in (-1, 0, 4, 99):
        assert AWRY in tried("accepted", "complete", "completed", sequence)
    for sequence in (1, 2):
        assert tried("accepted", "complete", "completed", sequence)
    assert AWRY in tried("received", "accept", "accepted")
    assert AWRY in tried("accepted", "complete", "completed", 1, 2)
    assert tried("[*]", "open", "received", 1, 404)
    assert connection.run("SELECT configuration, revision FROM orders ORDER BY id") == [("accepted", 2), (None, 0)]


@pytest.mark.parametrize(
    ("column", "values"),
    {
        "before": (None, "", "Accepted", "accepted ", "accepted\u200b"),
        "event": (None, "", "Complete", "complete "),
        "after": (None, "", "Completed"),
        "code": (None, "", "Completed", "accepted"),
        "category": (None, "", "open"),
        "chart_hash": (None, "", "0" * 64),
        "chart_profile": (None, "", "strict", "Full"),
        "sequence": (None,),
        "order_id": (None,),
        "corrects": (1, 2, 3, -1),
    }.items(),
)
def test_a_column_that_is_empty_or_slightly_different_is_refused(
    order: tuple[Raw, Callable[..., str]], column: str, values: tuple[Any, ...]
) -> None:
    connection, _ = order
    row = {"order_id": 1, "sequence": 3} | fields(compile(PRESS), "accepted", "complete", "completed")
    assert connection.said(*insert("order_history", {}, **_split(row))) == ""
    for value in values:
        assert connection.said(*insert("order_history", {}, **_split(row | {column: value}))) != "", (column, value)


def _split(row: dict[str, Any]) -> dict[str, Any]:
    return {"sequence": row["sequence"], "values": {k: v for k, v in row.items() if k != "sequence"}}


def test_a_database_that_does_not_know_the_chart_says_so(order: tuple[Raw, Callable[..., str]]) -> None:
    _, tried = order
    assert "does not know the chart of the entry; register it" in tried(
        "accepted", "complete", "completed", chart_hash="another"
    )


# --- several entries at once


def test_several_entries_of_one_statement_are_judged_one_after_the_other(
    order: tuple[Raw, Callable[..., str]],
) -> None:
    connection, _ = order
    table = compile(PRESS)
    steps = [("accepted", "hold", HELD), (HELD, "resume", "accepted")] * 10
    assert all(step in legal(PRESS) for step in steps)
    rows = [
        insert("order_history", {"order_id": 1}, place, fields(table, *step) | {"reason_text": "why"})
        for place, step in enumerate(steps, 3)
    ]
    head = rows[0][0].partition("VALUES")[0]
    places = rows[0][0].partition("VALUES")[2]

    def together(chosen: list[Any]) -> tuple[str, list[Any]]:
        return f"{head} VALUES {', '.join([places] * len(chosen))}", [value for _, row in chosen for value in row]

    assert connection.said(*together(rows)) == ""
    for wrong in ([rows[0], rows[0]], [rows[0], rows[2]], rows[1:]):
        assert connection.said(*together(wrong))
    connection.run(*together(rows))
    assert connection.run("SELECT revision FROM orders WHERE id = 1") == [(2 + len(rows),)]


# --- what stays


def _moved(connection: Raw) -> list[tuple[Any, ...]]:
    orders = connection.run("SELECT id, configuration, code, category, revision FROM orders ORDER BY id")
    return orders + connection.run('SELECT order_id, sequence, event, "after", code FROM order_history ORDER BY 1, 2')


def test_histories_are_only_added_to(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, _ = order
    before = _moved(connection)
    statements = [
        "UPDATE order_history SET \"after\" = 'completed' WHERE order_id = 1 AND sequence = 2",
        "UPDATE order_history SET actor_id = 'me'",
        "UPDATE order_history SET order_id = 2",
        "UPDATE order_history SET sequence = sequence + 1 WHERE sequence = 2",
        "UPDATE order_history SET payload = NULL WHERE sequence = 1",
        "DELETE FROM order_history",
        "DELETE FROM order_history WHERE sequence = 2",
    ]
    statements += [] if connection.sqlite else ["TRUNCATE order_history", "TRUNCATE orders CASCADE"]
    for statement in statements:
        assert ADDED in connection.said(statement), statement
    assert connection.said("UPDATE order_history SET actor_id = 'me' WHERE sequence = 99") == ""
    assert _moved(connection) == before


def test_entries_are_not_replaced(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, _ = order
    before = _moved(connection)
    connection.run("SAVEPOINT kept")
    table = compile(PRESS)
    steps = [
        (2, ("received", "accept", "accepted")),
        (2, ("received", "reject", "rejected")),
        (1, ("[*]", "open", "received")),
    ]
    for sequence, step in steps:
        rows = insert("order_history", {"order_id": 1}, sequence, fields(table, *step, **WHY))
        upsert = f"{rows[0]} ON CONFLICT (order_id, sequence) DO UPDATE SET \"after\" = 'rejected'"
        nothing = f"{rows[0]} ON CONFLICT DO NOTHING"
        assert connection.said(upsert, rows[1])
        connection.said(nothing, rows[1])
        if connection.sqlite:
            for verb in ("REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL"):
                changed = rows[0].replace("INSERT", verb, 1)
                connection.said(changed, rows[1])
                with contextlib.suppress(sqlite3.IntegrityError):
                    connection.run(changed, rows[1])
                assert _moved(connection) == before
            for verb in ("REPLACE", "IGNORE", "FAIL"):
                with contextlib.suppress(sqlite3.IntegrityError):
                    connection.run(f"UPDATE OR {verb} order_history SET sequence = 1 WHERE sequence = 2")
                assert _moved(connection) == before
    assert _moved(connection) == before


def test_a_key_is_used_once_and_its_entry_is_not_replaced(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, _ = order
    rows = [
        insert("order_history", {"order_id": 1}, place, fields(compile(PRESS), *step, key="k", **WHY), verb)
        for verb in (["INSERT", "REPLACE"] if connection.sqlite else ["INSERT"])
        for place, step in (
            (3, ("accepted", "override", HELD)),
            (4, (HELD, "override", "completed")),
        )
    ]
    connection.run(*rows[0])
    for row in rows[1::2]:
        assert connection.said(*row)
    assert len(connection.run("SELECT 1 FROM order_history WHERE order_id = 1")) == 3


def test_orders_move_with_their_history_only(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, _ = order
    before = _moved(connection)
    statements = [
        f"UPDATE orders SET {change} WHERE id = {number}"
        for number in (1, 2)
        for change in (
            "configuration = 'completed'",
            "configuration = NULL",
            "code = 'completed'",
            "category = 'failed'",
            "chart = 'another'",
            "chart_version = '0'",
            "revision = revision + 1",
            "revision = 1",
            "revision = -1",
            "configuration = 'completed', code = 'completed', category = 'done', revision = revision + 1",
            "configuration = 'received', code = 'received', revision = 1",
            "id = 77, configuration = 'completed', revision = 5",
        )
        if (number, change) not in ((2, "configuration = NULL"),)
    ]
    statements += ["UPDATE orders SET id = 77 WHERE id = 1", "DELETE FROM orders WHERE id = 1", "DELETE FROM orders"]
    statements += [
        f"INSERT INTO orders (id, data, {column}) VALUES (3, '{{}}', {value})"
        for column, value in (
            ("configuration", "'accepted'"),
            ("revision", "1"),
            ("code", "'accepted'"),
            ("category", "'open'"),
            ("chart", "'x'"),
        )
    ]
    if connection.sqlite:
        statements += [
            "REPLACE INTO orders (id, data, revision) VALUES (1, '{}', 0)",
            "INSERT OR REPLACE INTO orders (id, data, revision) VALUES (1, '{}', 0)",
            "UPDATE OR REPLACE orders SET id = 1 WHERE id = 2",
            "UPDATE OR REPLACE orders SET rowid = 1 WHERE id = 2",
            "UPDATE orders SET rowid = 77 WHERE id = 1",
        ]
    else:
        statements += ["MERGE INTO orders o USING (SELECT 1 AS id) s ON o.id = s.id WHEN MATCHED THEN DELETE"]
        statements += ["UPDATE orders SET id = 3 - id, configuration = 'completed'"]
    for statement in statements:
        assert connection.said(statement), statement
    upsert = "INSERT INTO orders (id, data) VALUES (1, '{}') ON CONFLICT (id) DO UPDATE SET configuration = 'completed'"
    assert "an order is where its history ends" in connection.said(upsert)
    assert _moved(connection) == before


def test_an_entry_does_not_stay_without_the_move_of_its_order(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, _ = order
    table = compile(PRESS)
    connection.run(*insert("order_history", {"order_id": 2}, 1, fields(table, "[*]", "adopt", "completed")))
    connection.run("CREATE UNIQUE INDEX one_of_a_kind ON orders (code)")
    before = _moved(connection)
    entry, values = insert("order_history", {"order_id": 1}, 3, fields(table, "accepted", "complete", "completed"))
    ignoring = ["INSERT OR IGNORE", "INSERT OR FAIL"] if connection.sqlite else []
    statements = [entry, f"{entry} ON CONFLICT DO NOTHING", *(entry.replace("INSERT", verb, 1) for verb in ignoring)]
    for statement in statements:
        assert connection.said(statement, values), statement
    with contextlib.suppress(sqlite3.IntegrityError):
        if connection.sqlite:
            connection.run(statements[2], values)
    assert _moved(connection) == before


def test_where_foreign_keys_are_on_an_order_with_a_history_is_not_replaced(tmp_path: Path) -> None:
    url = database("sqlite", tmp_path, None)
    known(url, PRESS)
    with raw(url) as connection:
        connection.run("COMMIT")
        connection.run("CREATE UNIQUE INDEX one_reference ON orders (reference)")
        connection.run("PRAGMA foreign_keys = ON")
        connection.run("BEGIN IMMEDIATE")
        live(connection, PRESS, [], 2)
        live(connection, PRESS, lives(PRESS)["accepted"], 1)
        connection.run("UPDATE orders SET reference = 'A' WHERE id = 1")
        for statement in (
            "REPLACE INTO orders (id, data, reference) VALUES (3, '{}', 'A')",
            "UPDATE OR REPLACE orders SET reference = 'A' WHERE id = 2",
        ):
            assert connection.said(statement) == "FOREIGN KEY constraint failed"
        connection.run("COMMIT")


def test_what_is_the_services_own_may_be_changed(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, _ = order
    for statement in (
        "UPDATE orders SET reference = 'R-1'",
        "UPDATE orders SET configuration = configuration, revision = revision",
        "UPDATE orders SET id = 77 WHERE id = 2",
        "DELETE FROM orders WHERE id = 2",
        "INSERT INTO orders (id, data) VALUES (1, '{}') ON CONFLICT (id) DO UPDATE SET reference = 'R-2'",
        "INSERT INTO orders (id, data) VALUES (1, '{}') ON CONFLICT DO NOTHING",
    ):
        assert connection.said(statement) == "", statement


def test_charts_and_edges_are_only_added_to(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, tried = order
    for table in ("orderfsm_charts", "orderfsm_edges"):
        count = connection.run(f"SELECT count(*) FROM {table}")
        column = "profile" if table.endswith("charts") else "chart_profile"
        statements = [f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"]
        statements += [] if connection.sqlite else [f"TRUNCATE {table}"]
        for statement in statements:
            assert "is only added to" in connection.said(statement)
        again = f"INTO {table} SELECT * FROM {table}"
        if connection.sqlite:
            connection.run(f"INSERT OR REPLACE {again}")
        else:
            connection.run(f"INSERT {again} ON CONFLICT DO NOTHING")
        assert connection.run(f"SELECT count(*) FROM {table}") == count
    assert tried("accepted", "complete", "completed") == ""


def test_a_savepoint_that_is_rolled_back_leaves_order_and_history_in_step(
    order: tuple[Raw, Callable[..., str]],
) -> None:
    connection, tried = order
    step = insert("order_history", {"order_id": 1}, 3, fields(compile(PRESS), "accepted", "complete", "completed"))
    connection.run("SAVEPOINT before")
    connection.run(*step)
    assert connection.run("SELECT configuration, revision FROM orders WHERE id = 1") == [("completed", 3)]
    connection.run("ROLLBACK TO SAVEPOINT before")
    assert connection.run("SELECT configuration, revision FROM orders WHERE id = 1") == [("accepted", 2)]
    assert tried("accepted", "complete", "completed") == ""


# --- tables of the same names elsewhere


def test_temporary_tables_do_not_stand_in_for_charts_edges_or_histories(order: tuple[Raw, Callable[..., str]]) -> None:
    connection, tried = order
    step = ("accepted", "complete", "received")
    assert tried(*step)
    for table in ("orderfsm_charts", "orderfsm_edges", "orders"):
        schema = "main" if connection.sqlite else "public"
        connection.run(f"CREATE TEMP TABLE {table} AS SELECT * FROM {schema}.{table}")
    connection.run("UPDATE orderfsm_edges SET \"after\" = 'received', code = 'received', category = 'open'")
    values = fields(compile(PRESS), *step)
    into = "main.order_history" if connection.sqlite else "public.order_history"
    assert "no step" in connection.said(*insert(into, {"order_id": 1}, 3, values))


def test_on_postgresql_copy_and_functions_of_others_are_enforced_too(
    tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    url = database("postgresql", tmp_path, postgres_database)
    known(url, PRESS)
    with raw(url) as connection:
        live(connection, PRESS, lives(PRESS)["accepted"], 1)
        row = {"order_id": 1, "sequence": 3} | fields(compile(PRESS), "accepted", "complete", "received")
        columns = ", ".join(f'"{name}"' for name in row)
        with (
            pytest.raises(psycopg.IntegrityError, match="no step of the chart"),
            connection.driver.cursor() as cursor,
            cursor.copy(f"COPY order_history ({columns}) FROM STDIN") as copy,
        ):
            copy.write_row(list(row.values()))


def test_a_large_update_of_the_services_own_columns_takes_no_time(
    tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    url = database("postgresql", tmp_path, postgres_database)
    with raw(url) as connection:
        connection.run("INSERT INTO orders (id, data) SELECT n, '{}' FROM generate_series(1, 20000) n")
        connection.run("SET LOCAL statement_timeout = '20s'")
        connection.run("UPDATE orders SET reference = 'R-' || id")
        assert connection.run("SELECT count(*) FROM orders WHERE reference IS NOT NULL") == [(20000,)]


def test_an_entry_is_judged_by_keys_however_long_histories_are(
    tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    url = database("postgresql", tmp_path, postgres_database)
    known(url, PRESS)
    table = compile(PRESS)
    with raw(url) as connection:
        live(connection, PRESS, lives(PRESS)["accepted"], 1)
        steps = [("accepted", "hold", HELD), (HELD, "resume", "accepted")] * 300
        for place, step in enumerate(steps, 3):
            values = fields(table, *step, reason_text="why")
            connection.run(*insert("order_history", {"order_id": 1}, place, values))
        connection.driver.commit()
        read = "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE relname IN ('orders', 'order_history')"
        connection.run(
            *insert("order_history", {"order_id": 1}, 603, fields(table, "accepted", "complete", "completed"))
        )
        assert sorted(connection.run(read)) == [("order_history", 0), ("orders", 0)]


def test_a_vacuum_that_comes_by_before_anything_is_committed_does_not_have_histories_read_whole(
    tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    """It finds nothing alive, and PostgreSQL takes the tables to be empty from then on."""
    url = database("postgresql", tmp_path, postgres_database)
    known(url, PRESS)
    values = fields(compile(PRESS), "[*]", "open", "received")
    with raw(url) as connection, raw(url) as other:
        other.driver.autocommit = True
        for number in range(1, 251):
            connection.run("INSERT INTO orders (id, data) VALUES (?, '{}')", [number])
            connection.run(*insert("order_history", {"order_id": number}, 1, values))
            if number in (100, 150):
                other.run("VACUUM ANALYZE orders")
                other.run("VACUUM ANALYZE order_history")
        assert other.run("SELECT reltuples FROM pg_class WHERE relname = 'order_history'") == [(0,)]
        read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'order_history'"
        ((entries,),) = connection.run(read)
        assert entries <= 250 * 2


def test_a_large_import_is_judged_and_moved_in_no_time(tmp_path: Path, postgres_database: Callable[[], str]) -> None:
    url = database("postgresql", tmp_path, postgres_database)
    known(url, PRESS)
    with raw(url) as connection:
        connection.run("INSERT INTO orders (id, data) SELECT n, '{}' FROM generate_series(1, 5000) n")
        values = fields(compile(PRESS), "[*]", "open", "received")
        columns = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(
            f"{'?'}{'::timestamptz' if n.endswith('_at') else '::json' if n == 'links' else ''}" for n in values
        )
        connection.run("SET LOCAL statement_timeout = '20s'")
        connection.run(
            f'INSERT INTO order_history (order_id, "sequence", {columns}) SELECT n, 1, {places} '
            "FROM generate_series(1, 5000) n",
            list(values.values()),
        )
        assert connection.run("SELECT count(*) FROM orders WHERE revision = 1 AND code = 'received'") == [(5000,)]


# --- several at once


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_whoever_inserts_at_the_same_time_never_forks_a_history(
    tmp_path: Path, postgres_database: Callable[[], str], level: str
) -> None:
    url = database("postgresql", tmp_path, postgres_database)
    known(url, PRESS)
    with raw(url) as connection:
        for number in range(1, 6):
            live(connection, PRESS, lives(PRESS)["accepted"], number)
        connection.driver.commit()
    ways = [
        ("accepted", "complete", "completed"),
        ("accepted", "override", "failed"),
        ("accepted", "override", HELD),
    ]
    won: list[tuple[int, str]] = []

    def race(way: tuple[str, str, str]) -> None:
        with raw(url) as connection:
            for number in range(1, 6):
                barrier.wait(60)
                try:
                    connection.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
                    connection.run("SELECT revision FROM orders")
                    values = fields(compile(PRESS), *way, **WHY)
                    connection.run(*insert("order_history", {"order_id": number}, 3, values))
                    connection.driver.commit()
                    won.append((number, way[2]))
                except (psycopg.IntegrityError, psycopg.OperationalError):
                    connection.driver.rollback()

    barrier = threading.Barrier(len(ways))
    threads = [threading.Thread(target=race, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with raw(url) as connection:
        ends = connection.run("SELECT id, configuration FROM orders ORDER BY id")
        assert sorted(won) == ends
        assert connection.run('SELECT order_id, "after" FROM order_history WHERE "sequence" = 3 ORDER BY 1') == ends
        assert connection.run("SELECT count(*) FROM order_history") == [(15,)]
