"""Enforcement on SQLite: triggers, which work in every connection; foreign keys only do where they are switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.pairing import AFTERWARDS

from .edges import CHARTS, EDGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names

__all__ = ["OVERTAKEN", "UNKNOWN", "create", "drop"]

STATE = tuple(AFTERWARDS)
WHATS = ("enter", "move", "keep", "remove", "begin", "stand", "stay", "leave")
"""The triggers: the first four on the history, the others on the orders."""
UNKNOWN = "the database does not know the chart of the entry; register it (orderfsm.enforcement.register)"

AWRY = "the entry does not start where the history of its order ends"
USED = "the key was used before"
OVERTAKEN = frozenset({f"orderfsm: {AWRY}", f"orderfsm: {USED}"})
"""What SQLite says when somebody else moved first, or sent the same before."""

GIVEN = "(coalesce(NEW.reason_code, '') <> '' OR coalesce(NEW.reason_text, '') <> '')"
REASON = f"""CASE e.reason WHEN 'forbidden' THEN NOT {GIVEN} WHEN 'required' THEN {GIVEN}
    WHEN 'listed' THEN NEW.reason_code IS NOT NULL ELSE 1 END
  AND (NEW.reason_code IS NULL OR e.reasons = ''
    OR NEW.reason_code IN (SELECT j.value FROM json_each(e.reasons) AS j))"""
CHART = "e.chart_hash = NEW.chart_hash AND e.chart_profile = NEW.chart_profile"
LANDS = """e."after" = NEW."after" AND e.code IS NEW.code AND e.category IS NEW.category"""
EDGE = f"""SELECT 1 FROM {{edges}} AS e WHERE {CHART} AND e."before" = NEW."before" AND e.event = NEW.event
  AND {LANDS}"""
DOTTED = f"""SELECT 1 FROM {{edges}} AS e WHERE {CHART} AND e."before" = NEW."before" AND {LANDS}
  AND (e.event = '*' OR substr(NEW.event, 1, length(e.event) + 1) = e.event || '.')
  AND NOT EXISTS (SELECT 1 FROM {{edges}} AS f WHERE f.chart_hash = e.chart_hash AND f.chart_profile = e.chart_profile
    AND f.event <> '*' AND (f.event = NEW.event OR substr(NEW.event, 1, length(f.event) + 1) = f.event || '.')
    AND (e.event = '*' OR length(f.event) > length(e.event)))"""
CORRECTION = f"""SELECT 1 FROM {{edges}} AS e WHERE {CHART} AND e."before" = '*' AND e.event = NEW.event AND {LANDS}"""
FITS = """CASE WHEN NEW.corrects IS NULL THEN NEW.event = 'override' ELSE EXISTS (
    SELECT 1 FROM {history} AS c WHERE {beside} AND c.sequence = NEW.corrects AND c.sequence < NEW.sequence
    AND CASE NEW.event WHEN 'void' THEN c."before" = NEW."after" WHEN 'supersede' THEN NEW."before" = NEW."after"
      ELSE 1 END) END"""


def create(names: Names) -> Iterator[str]:
    """The statements that make SQLite refuse what the charts do not allow; safe to repeat."""
    yield from _tables(names)
    yield from _history(names)
    yield from _orders(names)


def drop(names: Names) -> Iterator[str]:
    """The statements that take it back; the tables of charts and edges stay, for other histories may use them."""
    for what in WHATS:
        yield f"DROP TRIGGER IF EXISTS {names.table(names.own(what))}"


def _trigger(names: Names, what: str, when: str, table: str, *body: str, condition: str = "") -> str:
    made = f"CREATE TRIGGER IF NOT EXISTS {names.table(names.own(what))} {when} ON {names.quote(table)}"
    told = f" WHEN {condition}" if condition else ""
    return f"{made} FOR EACH ROW{told} BEGIN {' '.join(f'{part};' for part in body)} END"


def _refusal(said: str) -> str:
    return f"SELECT RAISE(ABORT, 'orderfsm: {said}')"


def _tables(names: Names) -> Iterator[str]:
    """The tables of charts and edges, which are only added to."""
    text = "TEXT NOT NULL"
    charts = f"hash {text}, profile {text}, digest {text}, name {text}, version {text}"
    charts += ", PRIMARY KEY (hash, profile, digest)"
    yield f"CREATE TABLE IF NOT EXISTS {names.table(CHARTS)} ({charts}) WITHOUT ROWID"
    key = ("chart_hash", "chart_profile", '"before"', "event", '"after"', "reason", "reasons")
    columns = ", ".join(f"{name} {text}" for name in key)
    yield (
        f"CREATE TABLE IF NOT EXISTS {names.table(EDGES)} ({columns}, code TEXT, category TEXT, "
        f"PRIMARY KEY ({', '.join(key)})) WITHOUT ROWID"
    )
    for table, of in ((CHARTS, ("hash", "profile", "digest")), (EDGES, key)):
        for when in ("UPDATE", "DELETE"):
            said = f"{table} is only added to: histories refer to it"
            yield (
                f"CREATE TRIGGER IF NOT EXISTS {names.table(f'{table}_{when.lower()}')} BEFORE {when} "
                f"ON {names.quote(table)} BEGIN {_refusal(said)}; END"
            )
        same = " AND ".join(f"t.{name} = NEW.{name}" for name in of)
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {names.table(f'{table}_replace')} BEFORE INSERT ON {names.quote(table)} "
            f"WHEN EXISTS (SELECT 1 FROM {names.quote(table)} AS t WHERE {same}) BEGIN SELECT RAISE(IGNORE); END"
        )


def _history(names: Names) -> Iterator[str]:
    all_ = {"edges": EDGES, "charts": CHARTS, "history": names.history, "orders": names.orders}
    filled = {name: names.quote(table) for name, table in all_.items()} | {"beside": names.beside("c", "NEW")}
    stands = (
        f"SELECT 1 FROM {filled['orders']} AS o WHERE {names.same('o', 'NEW')} AND o.revision = NEW.sequence - 1 "
        f"AND coalesce(o.configuration, '[*]') = NEW.\"before\""
    )
    edge, dotted, correction = (part.format(**filled) for part in (EDGE, DOTTED, CORRECTION))
    known = f"SELECT 1 FROM {filled['charts']} AS e WHERE e.hash = NEW.chart_hash AND e.profile = NEW.chart_profile"
    refused = [
        (f"NOT EXISTS ({stands})", AWRY),
        (f"NEW.corrects IS NULL AND EXISTS ({edge} AND {REASON})", ""),
        (f"NEW.corrects IS NULL AND EXISTS ({dotted} AND {REASON})", ""),
        (f"EXISTS ({correction} AND {REASON}) AND {FITS.format(**filled)}", ""),
        (f"NOT EXISTS ({known})", UNKNOWN),
        (f"EXISTS ({correction})", "a correction has a reason, and names an earlier entry that it fits"),
        (f"EXISTS ({edge})", "the step needs another reason, or none"),
    ]
    cases = " ".join(f"WHEN {test} THEN {_raise(said)}" for test, said in refused)
    judged = f"SELECT CASE {cases} ELSE {_raise('no step of the chart leads so from before to after')} END"
    used = f'SELECT 1 FROM {filled["history"]} AS k WHERE {names.beside("k", "NEW")} AND k."key" = NEW."key"'
    key = f"SELECT RAISE(ABORT, 'orderfsm: {USED}') WHERE NEW.\"key\" IS NOT NULL AND EXISTS ({used})"
    yield _trigger(names, "enter", "BEFORE INSERT", names.history, judged, key)
    moved = ", ".join(f"{names.quote(name)} = NEW.{names.quote(entry)}" for name, entry in AFTERWARDS.items())
    move = f"UPDATE {filled['orders']} SET {moved} WHERE {_mine(names)}"
    yield _trigger(names, "move", "AFTER INSERT", names.history, move)
    kept = _refusal("a history is only added to; correct it by another entry")
    yield _trigger(names, "keep", "BEFORE UPDATE", names.history, kept)
    yield _trigger(names, "remove", "BEFORE DELETE", names.history, kept)


def _mine(names: Names) -> str:
    return " AND ".join(f"{names.quote(column)} = NEW.{names.quote(local)}" for column, local in names.keys.items())


def _raise(said: str) -> str:
    return f"RAISE(ABORT, 'orderfsm: {said}')" if said else "NULL"


def _orders(names: Names) -> Iterator[str]:
    history = names.quote(names.history)
    past = {row: f"EXISTS (SELECT 1 FROM {history} AS h WHERE {names.same(row, 'h')})" for row in ("NEW", "OLD")}
    state = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in STATE)
    entry = " AND ".join(f"h.{names.quote(written)} IS NEW.{name}" for name, written in AFTERWARDS.items())
    follows = (
        f"NEW.revision = OLD.revision + 1 AND EXISTS (SELECT 1 FROM {history} AS h "
        f"WHERE {names.same('NEW', 'h')} AND {entry})"
    )
    key = " OR ".join(f"NEW.{names.quote(name)} IS NOT OLD.{names.quote(name)}" for name in names.keys)
    yield _trigger(
        *(names, "begin", "BEFORE INSERT", names.orders),
        _refusal("an order begins without a state, and only once; insert the first entry of its history"),
        condition=f"NEW.revision <> 0 OR NEW.configuration IS NOT NULL OR {past['NEW']}",
    )
    yield _trigger(
        *(names, "stand", f"BEFORE UPDATE OF {', '.join(STATE)}", names.orders),
        _refusal("an order is where its history ends; insert an entry, and the order moves by itself"),
        condition=f"({state}) AND NOT ({follows})",
    )
    yield _trigger(
        *(names, "stay", "BEFORE UPDATE", names.orders),
        _refusal("an order with a history keeps its key"),
        condition=f"({key}) AND {past['OLD']}",
    )
    yield _trigger(
        *(names, "leave", "BEFORE DELETE", names.orders),
        _refusal("an order with a history is not deleted"),
        condition=past["OLD"],
    )
