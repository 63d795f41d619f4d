"""Strategies for payloads: those that fit an event's schema, and those that make a guard of it true or false."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from orderfsm import GuardFailed, compile
from orderfsm.chart import Guard
from orderfsm.expression import Expression, parse

from .moves import fields_of
from .solving import Given, Question, Wanted, by_chance, completed, fits, solutions
from .unsolved import Unsolved

if TYPE_CHECKING:
    from orderfsm import Chart
    from orderfsm.chart import Field

__all__ = ["payloads", "schema_payloads"]

TRIES = 1_000


def payloads(
    chart: Chart,
    event: str,
    *,
    satisfy: str | Expression | Guard | None = None,
    violate: str | Expression | Guard | None = None,
    facts: Mapping[str, Any] | None = None,
) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads that fit the event's schema and make the guard `satisfy` true, the guard `violate` false.

    Half of them are what the guard compares with and what lies just beside it, the others are drawn at large. `facts`
    is what the guards read besides. Raises ValueError for an event that the chart lacks, and for a guard that reads
    facts which are not given; Unsolved when no payload is found.
    """
    table = compile(chart)
    if event not in table.alphabet and event not in table.starts and table.stand_in(event) is None:
        raise ValueError(f"{chart.name} has no event {event}; it has {', '.join(sorted(table.alphabet))}")
    fields = fields_of(table, event)
    wanted = tuple((_expression(each), answer) for each, answer in ((satisfy, True), (violate, False)) if each)
    given = dict(facts or {})
    for expression, _ in wanted:
        missing = sorted(expression.roots - {"payload"} - set(given))
        if missing or expression.asks_history:
            raise ValueError(
                f"the guard `{expression}` reads {', '.join(missing) or 'the history'} as well; " + _REMEDY
            )
    if not wanted:
        return schema_payloads(fields)
    pinned = tuple((root, Given(value)) for root, value in given.items())
    found = solutions(Question(wanted, fields=fields, given=pinned))
    bases = [completed(fields, each.get("payload") or {}) for each in found]
    right = [base for base in bases if _holds(wanted, base, given)] or [_happened_upon(fields, wanted, given)]
    return _answering(fields, wanted, given, sorted(right, key=lambda base: len(repr(base))))


_REMEDY = "give facts={...}, or ask for walks, which have a history"


def _expression(guard: str | Expression | Guard) -> Expression:
    if isinstance(guard, Guard):
        if guard.expression is None:
            raise ValueError(f"{guard.name} is the application's own guard; the chart knows its name alone")
        return guard.expression
    return parse(guard) if isinstance(guard, str) else guard


def _holds(wanted: Wanted, payload: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    try:
        return all(expression.evaluate({**facts, "payload": payload}) is answer for expression, answer in wanted)
    except GuardFailed:
        return False


@st.composite
def _answering(
    draw: st.DrawFn,
    fields: tuple[Field, ...],
    wanted: Wanted,
    facts: Mapping[str, Any],
    bases: list[dict[str, Any]],
) -> dict[str, Any]:
    base = draw(st.sampled_from(bases))
    drawn = draw(schema_payloads(fields, base))
    return drawn if _holds(wanted, drawn, facts) else base


def _happened_upon(fields: tuple[Field, ...], wanted: Wanted, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The first payload that answers as wanted, of some that fit the schema; always the same ones. Raises Unsolved."""
    chance = Random(0)  # noqa: S311 - nothing is kept secret by it
    for _ in range(TRIES):
        payload = {field.name: by_chance(field, chance) for field in fields if field.required or chance.random() < 0.5}
        if _holds(wanted, payload, facts):
            return payload
    guards = " and ".join(f"`{expression}` {str(answer).lower()}" for expression, answer in wanted)
    raise Unsolved(f"no payload was found that makes {guards}, in {TRIES} tries; write them by hand (st.sampled_from)")


# --- schemas


@st.composite
def schema_payloads(
    draw: st.DrawFn, fields: tuple[Field, ...], base: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Payloads that fit a schema. What `base` has is kept in half of them, field by field."""
    base = base or {}
    made: dict[str, Any] = {}
    for field in fields:
        if field.name in base and draw(st.booleans()) is False:
            made[field.name] = base[field.name]
        elif field.required or field.name in base or draw(st.booleans()):
            made[field.name] = draw(values(field))
    return made | {name: value for name, value in base.items() if name not in {field.name for field in fields}}


_TEXT = st.characters(exclude_categories=("Cs", "Cc"))


def values(field: Field) -> st.SearchStrategy[Any]:
    """Values of one field of a schema, as JSON spells them."""
    if field.enum:
        return st.sampled_from([value for value in field.enum if fits(field, value)] or list(field.enum))
    least, most = field.minimum, field.maximum
    match field.type:
        case "string":
            return st.text(_TEXT, max_size=20 if field.max_length is None else min(20, field.max_length))
        case "integer":
            return st.integers(None if least is None else -int(-least // 1), None if most is None else int(most // 1))
        case "number":
            return st.floats(least, most, allow_nan=False, allow_infinity=False)
        case "list":
            inside = values(field.items) if field.items is not None else st.integers(0, 9)
            return st.lists(inside, max_size=3 if field.max_length is None else min(3, field.max_length))
        case "object":
            return schema_payloads(field.fields)
        case _:
            return _PLAIN[field.type]


_MOMENTS = st.datetimes(timezones=st.just(UTC))
_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "date": st.dates().map(lambda day: day.isoformat()),
    "datetime": _MOMENTS.map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    "duration": st.integers(0, 366).map(lambda days: f"P{days}D"),
}
