"""Enforcement on SQLite: triggers, which work in every connection; foreign keys only do where they are switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.pairing import AFTERWARDS

from .edges import CHARTS, EDGES
from .predicates import Predicates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names

__all__ = ["HISTORY", "ORDERS", "OVERTAKEN", "create", "drop"]

HISTORY = ("enter", "move", "keep", "remove")
ORDERS = ("begin", "stand", "stay", "leave")
"""The triggers, by the table that they are on."""

AWRY = "the entry does not start where the history of its order ends"
UNMOVED = "a constraint of the orders is against the move of the order"
USED = "the key was used before"
STANDS = "an order is where its history ends; insert an entry, and the order moves by itself"
STAYS = "an order with a history keeps its key"
LEAVES = "an order with a history is not deleted"
BEGINS = "an order begins without a state, and only once; insert its first entry"
KEPT = "a history is only added to; correct it by another entry"
OVERTAKEN = frozenset({f"orderfsm: {AWRY}", f"orderfsm: {USED}"})
"""What SQLite says when somebody else moved first, or sent the same before."""


def create(names: Names) -> Iterator[str]:
    """The statements that make SQLite refuse what the charts do not allow; repeated, they renew it."""
    yield from _tables(names)
    yield from _history(names)
    yield from _orders(names)


def drop(names: Names) -> Iterator[str]:
    """The statements that take it back; the tables of charts and edges stay, for other histories may use them."""
    for what in (*HISTORY, *ORDERS):
        yield _gone(names, names.own(what))


def _gone(names: Names, trigger: str) -> str:
    return f"DROP TRIGGER IF EXISTS {names.table(trigger)}"


def _trigger(names: Names, trigger: str, when: str, table: str, *body: str, condition: str = "") -> Iterator[str]:
    told = f" WHEN {condition}" if condition else ""
    done = " ".join(f"{part};" for part in body)
    yield _gone(names, trigger)
    yield (f"CREATE TRIGGER {names.table(trigger)} {when} ON {names.quote(table)} FOR EACH ROW{told} BEGIN {done} END")


def _raise(said: str) -> str:
    return f"RAISE(ABORT, 'orderfsm: {said}')"


def _refusal(said: str) -> str:
    return f"SELECT {_raise(said)}"


# --- charts and edges


def _tables(names: Names) -> Iterator[str]:
    """The tables of charts and edges, which are only added to."""
    for table in names.own_tables():
        yield names.creation(table)
        refusal = _refusal(f"{table.name} is only added to: histories refer to it")
        yield from _trigger(names, f"{table.name}_update", "BEFORE UPDATE", table.name, refusal)
        yield from _trigger(names, f"{table.name}_delete", "BEFORE DELETE", table.name, refusal)
        same = " AND ".join(f't."{column.name}" = NEW."{column.name}"' for column in table.primary_key)
        there = f"EXISTS (SELECT 1 FROM {table.name} AS t WHERE {same})"
        ignored = "SELECT RAISE(IGNORE)"
        yield from _trigger(names, f"{table.name}_replace", "BEFORE INSERT", table.name, ignored, condition=there)


# --- histories


def _history(names: Names) -> Iterator[str]:
    entering, table = _judged(names), names.history
    yield from _trigger(names, names.own("enter"), "BEFORE INSERT", table, entering, *_unique(names))
    moved = ", ".join(f"{names.quote(name)} = NEW.{names.quote(entry)}" for name, entry in AFTERWARDS.items())
    mine = " AND ".join(f"{names.quote(name)} = NEW.{names.quote(local)}" for name, local in names.keys.items())
    move = f"UPDATE {names.quote(names.orders)} SET {moved} WHERE {mine}"
    # with INSERT OR IGNORE, SQLite would leave out a move that another constraint is against
    left = f"{_refusal(UNMOVED)} WHERE changes() = 0"
    yield from _trigger(names, names.own("move"), "AFTER INSERT", table, move, left)
    kept = _refusal(KEPT)
    yield from _trigger(names, names.own("keep"), "BEFORE UPDATE", table, kept)
    yield from _trigger(names, names.own("remove"), "BEFORE DELETE", table, kept)


def _judged(names: Names) -> str:
    """A query that raises when the entry is not legal; for one that is, it looks at the order and at one edge."""
    orders = names.quote(names.orders)
    tables = {"edges": EDGES, "charts": CHARTS, "orders": orders, "history": names.quote(names.history)}
    asked = Predicates(names, "NEW", tables)
    stands = (
        f"SELECT 1 FROM {orders} AS o WHERE {names.same('o', 'NEW')} AND o.revision = NEW.sequence - 1 "
        f"AND coalesce(o.configuration, '[*]') = NEW.\"before\""
    )
    cases = [f"WHEN NOT EXISTS ({stands}) THEN {_raise(AWRY)}"]
    cases += [f"WHEN {legal} THEN NULL" for legal in (asked.arrow, asked.dotted, asked.corrected)]
    cases += [f"WHEN {wrong} THEN {_raise(said)}" for wrong, said in asked.wrong()]
    return f"SELECT CASE {' '.join(cases)} END"


def _unique(names: Names) -> Iterator[str]:
    """Queries that raise where INSERT OR REPLACE would delete the entry that is in its way, past the triggers."""
    history = names.quote(names.history)
    for columns in ((*names.keys.values(), "key"), *names.unique):
        said = USED if columns[-1] == "key" else f"another entry has the same {', '.join(columns)}"
        same = " AND ".join(f"k.{names.quote(name)} = NEW.{names.quote(name)}" for name in columns)
        given = " AND ".join(f"NEW.{names.quote(name)} IS NOT NULL" for name in columns)
        quoted = said.replace("'", "''")
        yield f"{_refusal(quoted)} WHERE {given} AND EXISTS (SELECT 1 FROM {history} AS k WHERE {same})"


# --- orders


def _orders(names: Names) -> Iterator[str]:
    """Refusals for what would part an order from its history; an upsert that meets an order is none of it."""
    history = names.quote(names.history)
    old, new = (f"EXISTS (SELECT 1 FROM {history} AS h WHERE {names.same(row, 'h')})" for row in ("OLD", "NEW"))
    state = " OR ".join(f"NEW.{name} IS NOT NULL" for name in AFTERWARDS if name != "revision")
    begun = f"NEW.revision IS NOT 0 OR {state} OR {new}"
    key = " OR ".join(f"NEW.{names.quote(name)} IS NOT OLD.{names.quote(name)}" for name in names.keys)
    for what, when, condition, said in (
        ("begin", "AFTER INSERT", begun, BEGINS),
        ("stand", f"BEFORE UPDATE OF {', '.join(AFTERWARDS)}", _astray(names), STANDS),
        ("stay", "BEFORE UPDATE", f"({key}) AND ({old} OR {new})", STAYS),
        ("leave", "BEFORE DELETE", old, LEAVES),
    ):
        yield from _trigger(names, names.own(what), when, names.orders, _refusal(said), condition=condition)


def _astray(names: Names) -> str:
    """That an order is moved elsewhere than by one entry."""
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in AFTERWARDS)
    entry = " AND ".join(f"h.{names.quote(written)} IS NEW.{name}" for name, written in AFTERWARDS.items())
    written = f"SELECT 1 FROM {names.quote(names.history)} AS h WHERE {names.same('NEW', 'h')} AND {entry}"
    return f"({changed}) AND NOT (NEW.revision = OLD.revision + 1 AND EXISTS ({written}))"
