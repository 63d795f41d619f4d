"""Enforcement on PostgreSQL: triggers per statement, so that many entries are judged in one query.

They ask for no lock on the edges, as foreign keys would with every entry. What they look at cannot go away: histories,
charts and edges are only added to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm.pairing import AFTERWARDS

from .edges import CHARTS, EDGES
from .sqlite import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names

__all__ = ["create", "drop"]

SETTINGS = (
    """SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"""
)
"""A plan that was made for one entry has to do for many, and the other way round: always by the keys."""

GIVEN = "(coalesce(n.reason_code, '') <> '' OR coalesce(n.reason_text, '') <> '')"
REASON = f"""CASE e.reason WHEN 'forbidden' THEN NOT {GIVEN} WHEN 'required' THEN {GIVEN}
      WHEN 'listed' THEN n.reason_code IS NOT NULL ELSE true END
    AND CASE WHEN n.reason_code IS NULL OR e.reasons = '' THEN true
      ELSE jsonb_exists(e.reasons::jsonb, n.reason_code) END"""
CHART = "e.chart_hash = n.chart_hash AND e.chart_profile = n.chart_profile"
LANDS = """e."after" = n."after" AND e.code IS NOT DISTINCT FROM n.code
    AND e.category IS NOT DISTINCT FROM n.category"""
EDGE = f"""SELECT 1 FROM {{edges}} e WHERE {CHART} AND e."before" = n."before" AND e.event = n.event AND {LANDS}"""
DOTTED = f"""SELECT 1 FROM {{edges}} e WHERE {CHART} AND e."before" = n."before" AND {LANDS}
    AND (e.event = '*' OR starts_with(n.event, e.event || '.'))
    AND NOT EXISTS (SELECT 1 FROM {{edges}} f WHERE f.chart_hash = e.chart_hash AND f.chart_profile = e.chart_profile
      AND f.event <> '*' AND (f.event = n.event OR starts_with(n.event, f.event || '.'))
      AND (e.event = '*' OR length(f.event) > length(e.event)))"""
CORRECTION = f"""SELECT 1 FROM {{edges}} e WHERE {CHART} AND e."before" = '*' AND e.event = n.event AND {LANDS}"""
FITS = """CASE WHEN n.corrects IS NULL THEN n.event = 'override' ELSE EXISTS (
      SELECT 1 FROM {history} c WHERE {beside_c} AND c.sequence = n.corrects AND c.sequence < n.sequence
      AND CASE n.event WHEN 'void' THEN c."before" = n."after" WHEN 'supersede' THEN n."before" = n."after"
        ELSE true END) END"""
STARTS = """CASE WHEN n.sequence = 1 THEN n."before" = '[*]' ELSE EXISTS (SELECT 1 FROM {history} p
      WHERE {beside_p} AND p.sequence = n.sequence - 1 AND p."after" = n."before") END"""
LEGAL = f"""(n.corrects IS NULL AND EXISTS ({EDGE} AND {REASON})
      OR n.corrects IS NULL AND EXISTS ({DOTTED} AND {REASON})
      OR EXISTS ({CORRECTION} AND {REASON}) AND {FITS})"""

ENTER = f"""
DECLARE bad record;
BEGIN
  SELECT n.sequence, n."before", n.event, n."after", CASE
      WHEN NOT {STARTS} THEN 'the entry does not start where the history of its order ends'
      WHEN NOT EXISTS (SELECT 1 FROM {{charts}} k WHERE k.hash = n.chart_hash AND k.profile = n.chart_profile)
        THEN '{UNKNOWN}'
      WHEN EXISTS ({CORRECTION}) THEN 'a correction has a reason, and names an earlier entry that it fits'
      WHEN EXISTS ({EDGE}) THEN 'the step needs another reason, or none'
      ELSE 'no step of the chart leads so from before to after' END AS said
    INTO bad FROM entered n WHERE NOT ({STARTS} AND {LEGAL}) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'orderfsm: %', bad.said USING ERRCODE = 'integrity_constraint_violation',
      DETAIL = format('entry %s: %s --%s--> %s', bad.sequence, bad."before", bad.event, bad."after");
  END IF;
  UPDATE {{orders}} o SET {{moved}} FROM entered n WHERE {{same_n}} AND o.revision < n.sequence
    AND NOT EXISTS (SELECT 1 FROM entered m WHERE {{beside_m}} AND m.sequence > n.sequence);
  RETURN NULL;
END"""

STAND = """
BEGIN
  IF EXISTS (SELECT 1 FROM moved m JOIN stood s ON {keyed} WHERE ({changed}) AND NOT (m.revision > s.revision
      AND EXISTS (SELECT 1 FROM {history} h WHERE {same_h} AND {entry}))) THEN
    RAISE EXCEPTION 'orderfsm: an order is where its history ends; insert an entry, and the order moves by itself'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END"""

REFUSE = """
BEGIN
  RAISE EXCEPTION 'orderfsm: %', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END"""

TRIGGERS = ("enter", "keep")
ORDER_TRIGGERS = ("begin", "stand", "stay")
WHATS = (*TRIGGERS, *ORDER_TRIGGERS)


def create(names: Names) -> Iterator[str]:
    """The statements that make PostgreSQL refuse what the charts do not allow; safe to repeat."""
    yield from _tables(names)
    yield _function(names, "enter", _filled(names, ENTER))
    yield _function(names, "stand", _stand(names))
    yield from _history(names)
    yield from _orders(names)


def drop(names: Names) -> Iterator[str]:
    """The statements that take it back; the tables of charts and edges stay, for other histories may use them."""
    all_ = names.all
    for what in TRIGGERS:
        yield f"DROP TRIGGER IF EXISTS {names.quote(names.own(what))} ON {all_['history']}"
    for what in ORDER_TRIGGERS:
        yield f"DROP TRIGGER IF EXISTS {names.quote(names.own(what))} ON {all_['orders']}"
    yield from drop_functions(names)


def drop_functions(names: Names) -> Iterator[str]:
    """The statements that drop the functions, once the tables with the triggers are gone."""
    for what in ("enter", "stand"):
        yield f"DROP FUNCTION IF EXISTS {names.table(names.own(what))}()"


def _function(names: Names, what: str, body: str, *, settings: str = SETTINGS) -> str:
    name = names.table(names.own(what) if what != "refuse" else "orderfsm_refuse")
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {settings} AS $orderfsm${body}$orderfsm$"
    )


def _trigger(names: Names, what: str, when: str, table: str, rest: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {names.quote(names.own(what))} {when} ON {table} {rest}"


def _refusing(names: Names, said: str) -> str:
    return f"EXECUTE FUNCTION {names.table('orderfsm_refuse')}('{said}')"


def _filled(names: Names, text: str) -> str:
    moved = ", ".join(f"{names.quote(name)} = n.{names.quote(entry)}" for name, entry in AFTERWARDS.items())
    beside = {f"beside_{row}": names.beside(row, "n") for row in "cpm"}
    return text.format(**names.all, **beside, moved=moved, same_n=names.same("o", "n"))


def _stand(names: Names) -> str:
    keyed = " AND ".join(f"m.{names.quote(name)} = s.{names.quote(name)}" for name in names.keys)
    changed = " OR ".join(f"m.{name} IS DISTINCT FROM s.{name}" for name in AFTERWARDS)
    entry = " AND ".join(
        f"h.{names.quote(written)} IS NOT DISTINCT FROM m.{name}"
        for name, written in AFTERWARDS.items()
        if name != "revision"
    )
    entry = f"h.sequence = m.revision AND {entry}"
    return STAND.format(**names.all, keyed=keyed, changed=changed, entry=entry, same_h=names.same("m", "h"))


def _tables(names: Names) -> Iterator[str]:
    """The tables of charts and edges, which are only added to."""
    text = "text NOT NULL"
    charts, edges = names.all["charts"], names.all["edges"]
    columns = f"hash {text}, profile {text}, digest {text}, name {text}, version {text}"
    yield f"CREATE TABLE IF NOT EXISTS {charts} ({columns}, PRIMARY KEY (hash, profile, digest))"
    key = ("chart_hash", "chart_profile", '"before"', "event", '"after"', "reason", "reasons")
    columns = ", ".join(f"{name} {text}" for name in key)
    yield (f"CREATE TABLE IF NOT EXISTS {edges} ({columns}, code text, category text, PRIMARY KEY ({', '.join(key)}))")
    yield _function(names, "refuse", REFUSE, settings="")
    for name, table in ((CHARTS, charts), (EDGES, edges)):
        refusing = _refusing(names, f"{name} is only added to: histories refer to it")
        yield (
            f"CREATE OR REPLACE TRIGGER {name}_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT {refusing}"
        )


def _history(names: Names) -> Iterator[str]:
    history = names.all["history"]
    entering = (
        f"REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION {names.table(names.own('enter'))}()"
    )
    yield _trigger(names, "enter", "AFTER INSERT", history, entering)
    refusing = _refusing(names, "a history is only added to; correct it by another entry")
    yield _trigger(names, "keep", "BEFORE UPDATE OR DELETE OR TRUNCATE", history, f"FOR EACH STATEMENT {refusing}")


def _orders(names: Names) -> Iterator[str]:
    orders = names.all["orders"]
    begun = _refusing(names, "an order begins without a state; insert the first entry of its history")
    without = "NEW.revision <> 0 OR NEW.configuration IS NOT NULL"
    yield _trigger(names, "begin", "BEFORE INSERT", orders, f"FOR EACH ROW WHEN ({without}) {begun}")
    standing = f"FOR EACH STATEMENT EXECUTE FUNCTION {names.table(names.own('stand'))}()"
    both = "REFERENCING OLD TABLE AS stood NEW TABLE AS moved"
    yield _trigger(names, "stand", "AFTER UPDATE", orders, f"{both} {standing}")
    changed = " OR ".join(f"NEW.{names.quote(name)} IS DISTINCT FROM OLD.{names.quote(name)}" for name in names.keys)
    stays = _refusing(names, "an order with a history keeps its key")
    columns = ", ".join(names.quote(name) for name in names.keys)
    kept = f"FOR EACH ROW WHEN (OLD.revision > 0 AND ({changed})) {stays}"
    yield _trigger(names, "stay", f"BEFORE UPDATE OF {columns}", orders, kept)
