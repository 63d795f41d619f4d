"""Whoever changes what was sealed is found out, and the first entry that he touched is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from sqlmodel import Session
from typer.testing import CliRunner

from kept import KINDS, READY_MADE, Kept, database, lifecycle
from orderfsm import Link, Reason, audit
from orderfsm.audit import Audit
from orderfsm.cli import app
from orderfsm.errors import LedgerBroken
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import engine as engine_for

LIFE = ("accept", "print", "note", "hold", "resume", "lose")
ENTRIES = 1 + len(LIFE)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path_factory.mktemp("orders")) as made:
        yield made


@pytest.fixture
def seals(tmp_path: Path) -> Path:
    return tmp_path / "orders.seals"


def lived(session: Session, orders: Lifecycle, kind: Kept, life: tuple[str, ...] = LIFE) -> Any:
    """An order that has lived; committed."""
    order = kind.new()
    orders.open(session, order)
    for event in life:
        orders.send(session, order, event, actor="printer", reason=Reason("why", f"a 'word', \\ and {event}"))
    session.commit()
    return order


class Tables:
    """The tables of one kind, for whoever may switch every constraint off; each change is undone afterwards."""

    def __init__(self, connection: Connection, kind: Kept) -> None:
        self.connection, self.kind = connection, kind
        self.past, self.orders = kind.history.__tablename__, kind.order.__tablename__
        self.key = kind.history.__order_key__[-1]

    def run(self, statement: str) -> None:
        self.connection.exec_driver_sql(statement)

    def number(self) -> Any:
        """The key of the first order, as SQL writes it."""
        column = "number" if self.kind.name in ("text", "composite") else "id"
        return f"(SELECT min(CAST({column} AS TEXT)) FROM {self.orders})"

    def mine(self) -> str:
        return f"CAST({self.key} AS TEXT) = {self.number()}"


def unguarded(connection: Connection, kind: Kept) -> None:
    """Drop every trigger of the two tables: this is somebody who may."""
    names = (kind.order.__tablename__, kind.history.__tablename__)
    if connection.dialect.name == "sqlite":
        found = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN {names}"
        for (name,) in connection.exec_driver_sql(found).all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        return
    for name in names:
        connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER ALL")


def edit(t: Tables, n: int) -> None:
    t.run(f"UPDATE {t.past} SET reason_text = 'another' WHERE sequence = {n} AND {t.mine()}")


def delete(t: Tables, n: int) -> None:
    t.run(f"DELETE FROM {t.past} WHERE sequence = {n} AND {t.mine()}")


def swap(t: Tables, n: int) -> None:
    for was, now in ((n, 1_000), (n + 1, n), (1_000, n + 1)):
        t.run(f"UPDATE {t.past} SET sequence = {now} WHERE sequence = {was} AND {t.mine()}")


def truncate(t: Tables, n: int) -> None:
    t.run(f"DELETE FROM {t.past} WHERE sequence >= {n} AND {t.mine()}")


def rewrite(t: Tables, n: int) -> None:
    t.run(f"UPDATE {t.past} SET origin = 'another', actor_id = 'x' WHERE sequence >= {n} AND {t.mine()}")


def wipe(t: Tables, n: int) -> None:
    t.run(f"DELETE FROM {t.past}")


CHANGED, HOLE, SHORT, GONE = "history-changed", "history-hole", "history-shortened", "history-gone"
TAMPERS: dict[str, tuple[Callable[[Tables, int], None], str]] = {
    "edit": (edit, CHANGED),
    "delete": (delete, HOLE),
    "swap": (swap, CHANGED),
    "truncate": (truncate, SHORT),
    "rewrite": (rewrite, CHANGED),
    "wipe": (wipe, GONE),
}


def sealed(engine: Engine, kind: Kept, seals: Path) -> Audit:
    orders = lifecycle(kind)
    with Session(engine) as session:
        for _ in range(3):
            lived(session, orders, kind)
    with engine.connect() as connection:
        return audit.seal(connection, kind.order, kind.history, seals)


def tampered(engine: Engine, kind: Kept, seals: Path, tamper: Callable[[Tables, int], None], place: int) -> Audit:
    """What an audit finds while a change lasts."""
    with engine.connect() as connection:
        unguarded(connection, kind)
        tamper(Tables(connection, kind), place)
        found = audit.verify(connection, kind.order, kind.history, seals)
        connection.rollback()
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", TAMPERS)
def test_every_tampering_is_caught_at_every_place_and_the_first_bad_entry_is_named(
    engine: Engine, kind: Kept, seals: Path, name: str
) -> None:
    tamper, code = TAMPERS[name]
    sealed(engine, kind, seals)
    places = [n for n in range(1, ENTRIES + (name != "swap")) if (name, n) not in ends(name)]
    for place in places:
        found = tampered(engine, kind, seals, tamper, place)
        told = [finding for finding in found.findings if finding.code != "history-astray"]
        assert told
        if name == "wipe":
            assert {finding.code for finding in told} == {GONE}
            continue
        (finding,) = told
        assert finding.code == code
        assert finding.path.endswith(f".entries[{place}]")


def ends(name: str) -> set[tuple[str, int]]:
    """Places where one tampering is another: without its last entry a history is shortened, without all it is gone."""
    return {"delete": {("delete", ENTRIES)}, "truncate": {("truncate", 1)}}.get(name, set())


def test_a_history_without_its_last_entry_is_shortened(engine: Engine, seals: Path) -> None:
    sealed(engine, READY_MADE, seals)
    found = tampered(engine, READY_MADE, seals, delete, ENTRIES)
    assert {finding.code for finding in found.findings} == {SHORT, "history-astray"}


def test_nothing_is_found_where_nobody_touched_anything(engine: Engine, seals: Path) -> None:
    told = sealed(engine, READY_MADE, seals)
    with engine.connect() as connection:
        found = audit.verify(connection, READY_MADE.order, READY_MADE.history, seals, head=told.head)
    assert found == Audit(told.orders, told.entries, 0, told.head, ())
    assert told.entries >= 3 * ENTRIES


def test_a_chain_without_the_file_would_miss_what_was_written_anew(engine: Engine, seals: Path) -> None:
    """The control: seals that are made after the tampering agree with it."""
    sealed(engine, READY_MADE, seals)
    with engine.connect() as connection:
        unguarded(connection, READY_MADE)
        rewrite(Tables(connection, READY_MADE), 2)
        seals.unlink()
        audit.seal(connection, READY_MADE.order, READY_MADE.history, seals)
        assert audit.verify(connection, READY_MADE.order, READY_MADE.history, seals).findings == ()
        connection.rollback()


def test_new_entries_are_added_and_old_ones_stay_sealed(engine: Engine, seals: Path) -> None:
    sealed(engine, READY_MADE, seals)
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = lived(session, orders, READY_MADE, LIFE[:1])
        number = order.id
    with engine.connect() as connection:
        assert audit.verify(connection, READY_MADE.order, READY_MADE.history, seals).unsealed == 2
        assert audit.seal(connection, READY_MADE.order, READY_MADE.history, seals).unsealed == 0
    with Session(engine) as session:
        orders.send(session, session.get_one(READY_MADE.order, number), "print")
        session.commit()
    with engine.connect() as connection:
        told = audit.seal(connection, READY_MADE.order, READY_MADE.history, seals)
        assert audit.verify(connection, READY_MADE.order, READY_MADE.history, seals, head=told.head).unsealed == 0
    found = tampered(engine, READY_MADE, seals, edit, 2)
    assert [finding.code for finding in found.findings] == [CHANGED]


def test_nothing_is_sealed_over_a_finding(engine: Engine, seals: Path) -> None:
    sealed(engine, READY_MADE, seals)
    before = seals.read_bytes()
    with engine.connect() as connection:
        unguarded(connection, READY_MADE)
        edit(Tables(connection, READY_MADE), 2)
        assert audit.seal(connection, READY_MADE.order, READY_MADE.history, seals).findings
        connection.rollback()
    assert seals.read_bytes() == before


def test_an_order_that_was_moved_without_an_entry_is_astray(engine: Engine, seals: Path) -> None:
    sealed(engine, READY_MADE, seals)
    moves = ("configuration = 'shipped'", "revision = 3")
    for move in moves:
        with engine.connect() as connection:
            unguarded(connection, READY_MADE)
            tables = Tables(connection, READY_MADE)
            tables.run(f"UPDATE orders SET {move} WHERE CAST(id AS TEXT) = {tables.number()}")
            found = audit.verify(connection, READY_MADE.order, READY_MADE.history, seals)
            connection.rollback()
        assert [finding.code for finding in found.findings] == ["history-astray"]


# --- the file


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, bytes, str]]:
    """A SQLite with one sealed order, the file of seals and its head."""
    folder = tmp_path_factory.mktemp("small")
    with database("sqlite", "", folder) as made:
        with Session(made) as session:
            lived(session, lifecycle(READY_MADE), READY_MADE)
        with made.connect() as connection:
            told = audit.seal(connection, READY_MADE.order, READY_MADE.history, folder / "seals")
        yield made, (folder / "seals").read_bytes(), told.head


def verified(engine: Engine, file: Path, head: str | None = None) -> Audit:
    with engine.connect() as connection:
        return audit.verify(connection, READY_MADE.order, READY_MADE.history, file, head=head)


@settings(max_examples=150)
@given(data=st.data())
def test_no_byte_of_the_file_can_be_changed_by_one_who_does_not_know_the_head(
    small: tuple[Engine, bytes, str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine, content, head = small
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    file = tmp_path_factory.mktemp("changed") / "seals"
    file.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
    with pytest.raises(LedgerBroken):
        verified(engine, file, head)


def test_a_file_that_was_cut_off_is_noticed_by_its_head(small: tuple[Engine, bytes, str], tmp_path: Path) -> None:
    engine, content, head = small
    for place in range(len(content)):
        (tmp_path / "seals").write_bytes(content[:place])
        with pytest.raises(LedgerBroken):
            verified(engine, tmp_path / "seals", head)


def test_a_run_that_a_crash_cut_short_counts_for_nothing_and_is_replaced(
    small: tuple[Engine, bytes, str], tmp_path: Path
) -> None:
    engine, content, head = small
    file = tmp_path / "seals"
    file.write_bytes(content + b'{"seal":1,"at":"x","table":"order_history","columns":[]}\n{"order":["1"],"fr')
    assert verified(engine, file, head).findings == ()
    with engine.connect() as connection:
        audit.seal(connection, READY_MADE.order, READY_MADE.history, file)
    assert file.read_bytes().startswith(content)
    assert [*json.loads(file.read_bytes()[len(content) :].splitlines()[1])] == ["end"]
    assert verified(engine, file).findings == ()


def test_a_file_of_something_else_is_refused_with_its_line(small: tuple[Engine, bytes, str], tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("shopping\nlist\n")
    with pytest.raises(LedgerBroken, match=r"notes:1: this is no line of a file of seals"):
        verified(small[0], tmp_path / "notes")
    with pytest.raises(LedgerBroken, match="seal the histories first"):
        verified(small[0], tmp_path / "nothing")


def test_the_seals_of_another_history_are_refused(small: tuple[Engine, bytes, str], tmp_path: Path) -> None:
    (tmp_path / "seals").write_bytes(small[1])
    with small[0].connect() as connection, pytest.raises(LedgerBroken, match="has the seals of order_history"):
        audit.verify(connection, KINDS[2].order, KINDS[2].history, tmp_path / "seals")


# --- the command


def test_the_command_seals_verifies_and_exits_with_one_when_something_was_changed(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path}/orders.db", str(tmp_path / "orders.seals")
    with database("sqlite", "", tmp_path) as made, Session(made) as session:
        lived(session, lifecycle(READY_MADE), READY_MADE)
    run = CliRunner().invoke
    made = json.loads(run(app.app, ["seal", file, "--database", url, "--json"]).stdout)
    assert (made["orders"], made["entries"], made["findings"]) == (1, ENTRIES, [])
    fine = run(app.app, ["seal", file, "--database", url, "--verify", "--head", made["head"]])
    assert (fine.exit_code, made["head"] in fine.stdout) == (0, True)
    with engine_for(url).connect() as connection:
        unguarded(connection, READY_MADE)
        edit(Tables(connection, READY_MADE), 3)
        connection.commit()
    bad = run(app.app, ["seal", file, "--database", url, "--verify"])
    assert bad.exit_code == 1
    assert "error[history-changed] entry 3 of order 1 is not what was sealed" in bad.stdout
    assert run(app.app, ["seal", file, "--database", url, "--verify", "--head", "0" * 64]).exit_code == 2


def test_links_payloads_and_moments_are_part_of_the_seal(engine: Engine, seals: Path) -> None:
    orders = lifecycle(READY_MADE)
    with Session(engine) as session:
        order = lived(session, orders, READY_MADE, ("accept", "print"))
        tracking = Link("tracking", "/parcels/17")
        orders.send(session, order, "ship", links=[tracking], payload={"weight": 2})
        session.commit()
        number = order.id
    with engine.connect() as connection:
        audit.seal(connection, READY_MADE.order, READY_MADE.history, seals)
    changes = [
        "links = '[]'",
        "payload = NULL",
        "recorded_at = '2020-01-01 00:00:00+00'",
        "caused_by = ''",
        "key = 'k'",
    ]
    for change in changes:

        def tamper(t: Tables, n: int, change: str = change) -> None:
            t.run(f"UPDATE order_history SET {change} WHERE order_id = {number} AND sequence = {n}")

        found = tampered(engine, READY_MADE, seals, tamper, 4)
        assert [finding.path for finding in found.findings] == [f"orders[{number}].entries[4]"]
