"""What makes an entry legal, as conditions in SQL that SQLite and PostgreSQL share.

`{row}` is the entry that is judged, `e` an edge. Every condition is true or false, never NULL, for entries whose
columns are filled as their table asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .names import Names

__all__ = ["Predicates", "predicates"]

GIVEN = "(coalesce({row}.reason_code, '') <> '' OR coalesce({row}.reason_text, '') <> '')"
REASON = f"""CASE e.reason WHEN 'forbidden' THEN NOT {GIVEN} WHEN 'required' THEN {GIVEN}
      WHEN 'listed' THEN {{row}}.reason_code IS NOT NULL ELSE true END
    AND ({{row}}.reason_code IS NULL OR e.reasons = '' OR {{listed}})"""
"""The same as `Call.reason_blockers` asks for."""

CHART = "e.chart_hash = {row}.chart_hash AND e.chart_profile = {row}.chart_profile"
LANDS = """e."after" = {row}."after" AND e.code = coalesce({row}.code, '')
    AND e.category = coalesce({row}.category, '') AND coalesce({row}.code, '-') <> ''
    AND coalesce({row}.category, '-') <> ''"""
EDGE = f"""SELECT 1 FROM {{edges}} e WHERE {CHART} AND e."before" = {{row}}."before" AND e.event = {{row}}.event
    AND {LANDS}"""

STANDS_FOR = "substr({row}.event, 1, length({it}.event) + 1) = {it}.event || '.'"
DOTTED = f"""SELECT 1 FROM {{edges}} e WHERE {CHART} AND e."before" = {{row}}."before" AND e."before" <> '[*]'
    AND {LANDS} AND (e.event = '*' OR {STANDS_FOR.replace("{it}", "e")})
    AND NOT EXISTS (SELECT 1 FROM {{edges}} f WHERE f.chart_hash = e.chart_hash AND f.chart_profile = e.chart_profile
      AND f."before" NOT IN ('[*]', '*') AND f.event <> '*'
      AND (f.event = {{row}}.event OR {STANDS_FOR.replace("{it}", "f")})
      AND (e.event = '*' OR length(f.event) > length(e.event)))"""
"""An event that the chart does not list behaves like its longest dotted prefix, else like `*`; not in a first step."""

CORRECTION = f"""SELECT 1 FROM {{edges}} e WHERE {CHART} AND e."before" = '*' AND e.event = {{row}}.event AND {LANDS}"""
FITS = """CASE WHEN {row}.sequence = 1 OR {row}.event = 'override' AND {row}."before" = {row}."after" THEN false
    WHEN {row}.corrects IS NULL THEN {row}.event = 'override' ELSE EXISTS (SELECT 1 FROM {history} c
      WHERE {beside_c} AND c.sequence = {row}.corrects AND c.sequence < {row}.sequence
      AND CASE {row}.event WHEN 'void' THEN c."before" = {row}."after"
        WHEN 'supersede' THEN {row}."before" = {row}."after" ELSE true END) END"""
"""Nothing corrects what has not begun. Override leads elsewhere and may name an entry; void and supersede name one."""

STARTS = """CASE WHEN {row}.sequence = 1 THEN {row}."before" = '[*]' ELSE coalesce((SELECT p."after" FROM {history} p
    WHERE {beside_p} AND p.sequence = {row}.sequence - 1) = {row}."before", false) END"""
"""No EXISTS: PostgreSQL would read the whole history into a hash table, for one entry."""

LISTED = {
    "sqlite": "{row}.reason_code IN (SELECT j.value FROM json_each(e.reasons) AS j)",
    "postgresql": "jsonb_exists(e.reasons::jsonb, {row}.reason_code)",
}

UNKNOWN = "the database does not know the chart of the entry; register it (orderfsm.enforcement.register)"
CORRECTED = "a correction has a reason, and names an earlier entry that it fits"
REASONED = "the step needs another reason, or none"
NO_STEP = "no step of the chart leads so from before to after"


class Predicates:
    """The conditions for one row, with the names of the tables filled in.

    `arrow` asks for a step of the chart, `dotted` for one by an event that another stands for, `corrected` for a
    correction: each with the reason that it asks for. Whether something is there at all is asked by `known` (the
    chart), `edge` and `correction`. `starts` holds for entries that begin where the one before them ended.
    """

    def __init__(self, names: Names, row: str, tables: dict[str, str]) -> None:
        beside = {f"beside_{other}": names.beside(other, row) for other in "cp"}
        filling = tables | beside | {"row": row}
        filling["listed"] = LISTED[names.dialect.name].format(**filling)
        edge, dotted, correction, reason = (part.format(**filling) for part in (EDGE, DOTTED, CORRECTION, REASON))
        arrows = f"{row}.corrects IS NULL"
        self.arrow = f"{arrows} AND EXISTS ({edge} AND {reason})"
        self.dotted = f"{arrows} AND EXISTS ({dotted} AND {reason})"
        self.corrected = f"EXISTS ({correction} AND {reason}) AND {FITS.format(**filling)}"
        self.edge, self.correction = f"EXISTS ({edge})", f"EXISTS ({correction})"
        known = "SELECT 1 FROM {charts} k WHERE k.hash = {row}.chart_hash AND k.profile = {row}.chart_profile"
        self.known = f"EXISTS ({known.format(**filling)})"
        self.starts = STARTS.format(**filling)
        self.legal = f"({self.arrow}\n   OR {self.dotted}\n   OR {self.corrected})"

    def wrong(self) -> tuple[tuple[str, str], ...]:
        """Conditions for an entry that is not legal, each with what to say; the first that holds is the reason."""
        return (
            (f"NOT {self.known}", UNKNOWN),
            (self.correction, CORRECTED),
            (self.edge, REASONED),
            ("true", NO_STEP),
        )


def predicates(names: Names, row: str) -> Predicates:
    """The conditions for a row, for statements that run where the tables are named in full."""
    return Predicates(names, row, names.all)
