"""Enforcement on PostgreSQL: triggers per statement, so that many entries are judged in one query.

They ask for no lock on the edges, as foreign keys would with every entry. What they look at cannot go away: histories,
charts and edges are only added to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.pairing import AFTERWARDS

from .edges import CHARTS, EDGES
from .predicates import Predicates
from .sqlite import AWRY, BEGINS, KEPT, LEAVES, STANDS, STAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names

__all__ = ["HISTORY", "ORDERS", "create", "drop", "drop_functions", "drop_keep"]

HISTORY = ("enter", "keep", "clear")
ORDERS = ("begin", "stand", "stay", "leave")
"""The triggers, by the table that they are on."""

KEEP = f"{CHARTS}_keep"
"""The function of the tables of charts and edges."""

PLANS = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
"""A plan that was made for one entry has to do for many, and the other way round: always by the keys.

Whether something is there is asked by `(SELECT 1 … LIMIT 1) IS NULL`, a query of its own for each row. EXISTS becomes a
join, for which PostgreSQL reads a whole index once it believes that a table is empty: as after an autovacuum that came
by while the first thousand orders were not committed yet.
"""

ENTER = """
DECLARE plain boolean; behind boolean; bad record;
BEGIN
  SELECT bool_and(({starts} AND {arrow}) IS TRUE),
      bool_or((SELECT o.revision FROM {orders} o WHERE {same_n}) < n.sequence)
    INTO plain, behind FROM entered n;
  IF NOT plain THEN
    SELECT n.sequence, n."before", n.event, n."after", CASE WHEN NOT {starts} THEN '{awry}'
        {wrong} END AS said
      INTO bad FROM entered n WHERE ({starts}
      AND {legal}) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'orderfsm: %', bad.said USING ERRCODE = 'integrity_constraint_violation',
        DETAIL = format('entry %s: %s --%s--> %s', bad.sequence, bad."before", bad.event, bad."after");
    END IF;
  END IF;
  IF behind THEN
    UPDATE {orders} o SET {moved} FROM entered n WHERE {same_n} AND o.revision < n.sequence
      AND (SELECT 1 FROM {history} m WHERE {beside_m} AND m.sequence = n.sequence + 1 LIMIT 1) IS NULL;
  END IF;
  RETURN NULL;
END"""
"""Entries are judged, then orders move that have not been moved by the statement itself, each to its last entry.

Most are plain steps of their chart: a query of few parts finds that out. All that may be legal is asked for the others.
"""

STANDING = """(SELECT 1 FROM {history} h WHERE {same_h} AND {entry}
      AND (SELECT 1 FROM {history} l WHERE {beside_l} AND l.sequence = h.sequence + 1 LIMIT 1) IS NULL LIMIT 1)"""
STAND = """
BEGIN
  IF NOT EXISTS (SELECT 1 FROM moved m WHERE {standing} IS NULL) THEN
    RETURN NULL;
  END IF;
  IF EXISTS (SELECT 1 FROM (SELECT {columns} FROM moved EXCEPT SELECT {columns} FROM stood) m WHERE NOT ({blank})
      AND {standing} IS NULL) THEN
    RAISE EXCEPTION 'orderfsm: {said}' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END"""
"""Orders that have changed state or key are where their history ends, or have neither.

Most have moved with their entry: that is asked first, for it is asked with every step.
"""

REFUSE = """
BEGIN
  RAISE EXCEPTION 'orderfsm: %', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END"""

PIN = """ BEGIN
  EXECUTE format('ALTER FUNCTION %s() SET search_path = %s', {function},
    (SELECT string_agg(quote_ident(s), ', ') || ', pg_temp' FROM unnest(current_schemas(false)) s));
END """
"""Tables are looked up where they are now, whoever inserts: not in a schema of his own, nor among temporary tables."""


def create(names: Names) -> Iterator[str]:
    """The statements that make PostgreSQL refuse what the charts do not allow; repeated, they renew it.

    Orders are locked before histories, as those do who write.
    """
    yield from _tables(names)
    yield from _function(names, names.own("enter"), _enter(names), PLANS)
    yield from _function(names, names.own("stand"), _stand(names), PLANS)
    yield from _function(names, names.own("refuse"), REFUSE)
    yield from _orders(names)
    yield from _history(names)


def drop(names: Names) -> Iterator[str]:
    """The statements that take it back; the tables of charts and edges stay, for other histories may use them."""
    for table, whats in (("orders", ORDERS), ("history", HISTORY)):
        for what in whats:
            yield f"DROP TRIGGER IF EXISTS {names.quote(names.own(what))} ON {names.all[table]}"
    yield from drop_functions(names)


def drop_functions(names: Names) -> Iterator[str]:
    """The statements that drop the functions, once the tables with the triggers are gone."""
    for what in ("enter", "stand", "refuse"):
        yield f"DROP FUNCTION IF EXISTS {names.table(names.own(what))}()"


def _function(names: Names, name: str, body: str, plans: str = "") -> Iterator[str]:
    made = names.table(name)
    quoted = _dollars("orderfsm", body)
    yield f"CREATE OR REPLACE FUNCTION {made}() RETURNS trigger LANGUAGE plpgsql {plans} AS {quoted}"
    literal = made.replace("'", "''")
    pin = PIN.format(function=f"'{literal}'")
    yield f"DO {_dollars('do', pin)}"


def _dollars(tag: str, text: str) -> str:
    """A text between dollars, whose tag is not in the text: a table may be called anything."""
    while f"${tag}" in text:
        tag += "_"
    return f"${tag}${text}${tag}$"


def _trigger(names: Names, what: str, when: str, table: str, rest: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {names.quote(names.own(what))} {when} ON {names.all[table]} {rest}"


def _run(names: Names, function: str, said: str = "") -> str:
    argument = f"'{said}'" if said else ""
    return f"EXECUTE FUNCTION {names.table(names.own(function))}({argument})"


# --- charts and edges


def _tables(names: Names) -> Iterator[str]:
    """The tables of charts and edges, which are only added to."""
    for made in names.own_tables():
        yield names.creation(made)
    yield from _function(names, KEEP, REFUSE)
    for table in (CHARTS, EDGES):
        said = f"{table} is only added to: histories refer to it"
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON {names.table(table)} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {names.table(KEEP)}('{said}')"
        )


def drop_keep(names: Names) -> str:
    """The statement that drops the function of the tables of charts and edges, once they are gone."""
    return f"DROP FUNCTION IF EXISTS {names.table(KEEP)}()"


# --- histories


def _enter(names: Names) -> str:
    asked = Predicates(names, "n", names.all)
    moved = ", ".join(f"{names.quote(name)} = n.{names.quote(entry)}" for name, entry in AFTERWARDS.items())
    wrong = "\n      ".join(f"WHEN {condition} THEN '{said}'" for condition, said in asked.wrong())
    filled = {
        "starts": asked.starts,
        "arrow": asked.arrow,
        "legal": asked.legal,
        "wrong": wrong,
        "awry": AWRY,
        "moved": moved,
    }
    return ENTER.format(**names.all, **filled, same_n=names.same("o", "n"), beside_m=names.beside("m", "n"))


def _history(names: Names) -> Iterator[str]:
    entering = f"REFERENCING NEW TABLE AS entered FOR EACH STATEMENT {_run(names, 'enter')}"
    yield _trigger(names, "enter", "AFTER INSERT", "history", entering)
    kept = _run(names, "refuse", KEPT)
    yield _trigger(names, "keep", "BEFORE UPDATE OR DELETE", "history", f"FOR EACH ROW {kept}")
    yield _trigger(names, "clear", "BEFORE TRUNCATE", "history", f"FOR EACH STATEMENT {kept}")


# --- orders


def _stand(names: Names) -> str:
    columns = ", ".join(names.quote(name) for name in (*names.keys, *AFTERWARDS))
    entry = ["h.sequence = m.revision"]
    entry += [
        f"h.{names.quote(written)} IS NOT DISTINCT FROM m.{name}"
        for name, written in AFTERWARDS.items()
        if name != "revision"
    ]
    without = " AND ".join(f"m.{name} IS NULL" for name in AFTERWARDS if name != "revision")
    same = names.same("m", "h")
    first = f"SELECT 1 FROM {names.all['history']} h WHERE {same} LIMIT 1"
    blank = f"m.revision = 0 AND {without} AND ({first}) IS NULL"
    standing = STANDING.format(**names.all, entry=" AND ".join(entry), same_h=same, beside_l=names.beside("l", "h"))
    return STAND.format(columns=columns, blank=blank, standing=standing, said=STANDS)


def _orders(names: Names) -> Iterator[str]:
    state = " OR ".join(f"NEW.{name} IS NOT NULL" for name in AFTERWARDS if name != "revision")
    changed = " OR ".join(f"NEW.{names.quote(name)} IS DISTINCT FROM OLD.{names.quote(name)}" for name in names.keys)
    both = "REFERENCING OLD TABLE AS stood NEW TABLE AS moved"
    yield _trigger(names, "stand", "AFTER UPDATE", "orders", f"{both} FOR EACH STATEMENT {_run(names, 'stand')}")
    for what, when, condition, said in (
        ("begin", "AFTER INSERT", f"NEW.revision <> 0 OR {state}", BEGINS),
        ("stay", "AFTER UPDATE", f"OLD.revision > 0 AND ({changed})", STAYS),
        ("leave", "BEFORE DELETE", "OLD.revision > 0", LEAVES),
    ):
        yield _trigger(names, what, when, "orders", f"FOR EACH ROW WHEN ({condition}) {_run(names, 'refuse', said)}")
