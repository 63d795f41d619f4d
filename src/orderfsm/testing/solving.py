"""Facts under which guards answer as wanted, in the shape that a payload's schema asks for, several where there are.

The search is that of `orderfsm.witness`: constants, what lies just beside them, and the real evaluator as the judge.
Beyond it, what is known already is pinned (the moment, the past, facts that are given), candidates are kept to
the schema, and the candidates are turned round to find other solutions than the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from orderfsm import payload as schema
from orderfsm.chart import Field
from orderfsm.expression import Arithmetic, Compare, Expression, Fact, parse_timestamp, walk
from orderfsm.witness import NOW, goals_of
from orderfsm.witness.candidates import moments, neighbours, spelt
from orderfsm.witness.equations import solve
from orderfsm.witness.search import Search
from orderfsm.witness.survey import STRUCTURE, Survey, Unknown

if TYPE_CHECKING:
    from orderfsm.witness.survey import Goal

__all__ = ["NOW", "Question", "completed", "fits", "solutions", "times_asked"]

TURNS = 8
"""How often the candidates are turned round to look for another solution."""
TRIES = 4_000

Wanted = tuple[tuple[Expression, bool], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Answers that are wanted of expressions, and what is known beforehand.

    `past` pairs states with the days since they were entered, None for never; what is not named there was never
    entered. `given` pairs roots with their values: compared by identity, so that equal questions share their answer.
    """

    wanted: Wanted
    active: frozenset[str] = frozenset()
    fields: tuple[Field, ...] = ()
    roles: tuple[str, ...] = ()
    past: tuple[tuple[str, float | None], ...] = ()
    now: datetime | None = None
    given: tuple[tuple[str, Given], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A fact that is given and not to be found."""

    value: Any


@lru_cache(maxsize=4096)
def solutions(question: Question) -> tuple[Mapping[str, Any], ...]:
    """Facts by their roots, the plainest first, each once; () when none were found, which proves nothing."""
    found: dict[str, Mapping[str, Any]] = {}
    goals = [goal for expression, answer in question.wanted for goal in goals_of(expression.root, answer)]
    survey = _surveyed(question, goals)
    for turn in range(TURNS):
        witness = Search(survey, goals, TRIES).run()
        if witness is None:
            break
        facts = {root: value for root, value in witness.facts.items() if root in survey.roots}
        found.setdefault(repr(sorted(facts.items())), facts)
        _turn(survey, turn)
    return tuple(found.values())


def _surveyed(question: Question, goals: list[Goal]) -> Survey:
    survey = Survey(goals, question.active)
    _compare(survey, question)
    _reckon(survey, goals)
    _pin(survey, question)
    for node, _ in goals:
        solve(survey, node)
    _fit(survey, question)
    _share(survey, question)
    survey.finish()
    _fit(survey, question)
    _pin(survey, question)
    return survey


def _compare(survey: Survey, question: Question) -> None:
    """What is compared with a fact that is given is tried with its value, and what lies just beside it."""
    given = dict(question.given)
    for one, other in survey.linked:
        for mine, theirs in ((one, other), (other, one)):
            if theirs.origin[0] in given and mine.origin[0] not in given:
                survey.add(mine, neighbours(_below(given[str(theirs.origin[0])].value, theirs.origin[1:])))


def _reckon(survey: Survey, goals: Iterable[Goal]) -> None:
    """A fact that is compared with a moment counted from another one is tried as a moment."""
    comparisons = (below for node, _ in goals for below in walk(node) if isinstance(below, Compare))
    for compare in comparisons:
        for one, other in ((compare.left, compare.right), (compare.right, compare.left)):
            dated = any(isinstance(below, Fact) and below.root == "now" for below in walk(other))
            if isinstance(other, Arithmetic) and dated and not isinstance(one, Arithmetic):
                for unknown in survey.unknowns(one, {}):
                    survey.add(unknown, moments(NOW))


def _below(value: Any, steps: Iterable[Any]) -> Any:
    """What lies below a value; None where nothing does."""
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            value = getattr(value, step, None) if isinstance(step, str) else None
    return value


def _turn(survey: Survey, turn: int) -> None:
    """Begin the next search elsewhere: every list of candidates is turned by another number of places."""
    for place, values in enumerate(survey.candidates.values()):
        by = (1 + place * turn) % len(values) if values else 0
        values[:] = [*values[by:], *values[:by]]


def _pin(survey: Survey, question: Question) -> None:
    """Leave one candidate where there is nothing to choose: the past, the moment, what was given."""
    past = dict(question.past)
    for unknown, values in survey.candidates.items():
        if unknown.kind == "past":
            days = past.get(str(unknown.origin[0]))
            values[:] = [None if days is None else float(days)]
    now = Unknown("value", ("now",))
    if question.now is not None and now in survey.candidates:
        survey.candidates[now][:] = [question.now]
        _follow(survey, question.now)
    for root, given in question.given:
        if root in survey.roots:
            survey.candidates[Unknown("value", (root,))] = [given.value]


def _follow(survey: Survey, now: datetime) -> None:
    """Facts that are moments are tried around the moment that it is, and around those that the guards count from it."""
    times = [*moments(now), *_apart(now, [*survey.durations, timedelta(days=1)])]
    for unknown in [each for each in survey.candidates if each.kind == "value" and each.origin != ("now",)]:
        values = survey.candidates[unknown]
        if any(isinstance(value, datetime) for value in values):
            survey.add(unknown, times)
        elif any(map(_is_moment, values)):
            survey.add(unknown, [spelt(value) for value in times])


def _apart(now: datetime, spans: Iterable[timedelta]) -> Iterator[object]:
    """Moments that lie so long before or after."""
    for span in spans:
        with suppress(OverflowError):
            yield from (*moments(now + span), *moments(now - span))


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and parse_timestamp(value) is not None
    except ValueError:
        return False


# --- schemas


def _fit(survey: Survey, question: Question) -> None:
    """Keep candidates of the payload to its schema, and those of the actor to texts and to the roles that may ask."""
    for unknown, values in list(survey.candidates.items()):
        if unknown == Unknown("value", ("payload",)):
            values[:] = _whole(survey, values)
        if unknown.kind != "value" or len(unknown.origin) == 1:
            continue
        if unknown.origin[0] == "payload":
            field = field_at(question.fields, unknown.origin[1:])
            if field is not None and field.type == "string":
                _spell(survey, unknown)
            _fit_field(values, field)
        elif unknown.origin == ("actor", "role") and question.roles:
            values[:] = question.roles
        elif unknown.origin[0] == "actor":
            values[:] = [*dict.fromkeys([value for value in values if isinstance(value, str)] or ["x"])]


def _whole(survey: Survey, values: list[object]) -> list[object]:
    """A payload is a mapping: of its fields, where guards read some; else one without any is tried, and another."""
    below = survey.roots["payload"].fields if "payload" in survey.roots else {}
    kept = [value for value in values if isinstance(value, Mapping) or (below and value is STRUCTURE)]
    return kept or [{}, {"x": 1}]


def _spell(survey: Survey, unknown: Unknown) -> None:
    """A text that is measured is no list: let it be as long as lists would be tried."""
    sizes = survey.candidates.get(Unknown("size", unknown.origin), [])
    survey.add(unknown, ["x" * size for size in sizes if isinstance(size, int)])
    survey.candidates[unknown][:] = [value for value in survey.candidates[unknown] if value is not STRUCTURE]
    depth = len(unknown.origin)
    inside = [each for each in survey.candidates if each.origin[:depth] == unknown.origin]
    for other in [each for each in inside if each.kind == "size" or len(each.origin) > depth]:
        del survey.candidates[other]


def _share(survey: Survey, question: Question) -> None:
    """What is compared with a field of the payload is tried first with the values that the schema leaves it."""
    for one, other in survey.linked:
        for mine, theirs in ((one, other), (other, one)):
            if mine.origin[0] == "payload" and field_at(question.fields, mine.origin[1:]) is not None:
                before = survey.candidates.pop(theirs, [])
                survey.add(theirs, [value for value in survey.candidates.get(mine, ()) if value is not STRUCTURE])
                survey.add(theirs, before)


def _fit_field(values: list[object], field: Field | None) -> None:
    if field is not None:
        right = [value for value in values if value is STRUCTURE or fits(field, value)]
        more = [value for value in samples(field) if not any(_same(value, known) for known in right)]
        values[:] = [*right, *more] or [STRUCTURE]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def field_at(fields: tuple[Field, ...], steps: Iterable[Any]) -> Field | None:
    """The field of a schema that a path leads to; None when the schema says nothing of it."""
    field: Field | None = Field("payload", "object", fields=fields)
    for step in steps:
        if field is None:
            return None
        below = field.fields if isinstance(step, str) else ()
        field = next((each for each in below if each.name == step), None) if isinstance(step, str) else field.items
    return field


def fits(field: Field, value: object) -> bool:
    """Whether a value is one that the field allows."""
    one = replace(field, name="value", required=True)
    return next(schema.blockers((one,), {"value": value}), None) is None


def samples(field: Field) -> tuple[Any, ...]:
    """Values of a field, the plainest first; none of an object or a list, which are put together."""
    if field.type in ("object", "list"):
        return ()
    least, most = field.minimum, field.maximum
    bounds = [int(value) if value == int(value) else value for value in (least, most) if value is not None]
    plain = [*field.enum, *bounds, *_PLAIN[field.type]]
    return tuple(value for value in plain if fits(field, value)) or (plain[0],)


_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "string": ("x", "y", ""),
    "integer": (1, 0, 2),
    "number": (1, 0, 0.5),
    "boolean": (True, False),
    "date": ("2024-01-01", "2024-01-02", "2023-12-31"),
    "datetime": ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2023-12-31T00:00:00Z"),
    "duration": ("PT1H", "PT2H", "PT0S"),
}


def completed(fields: tuple[Field, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, with the plainest values for the fields that the schema asks for and that are not there."""
    plain = {field.name: _plainest(field) for field in fields if field.required}
    return plain | dict(_inside(fields, given))


def _inside(fields: tuple[Field, ...], given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    by_name = {field.name: field for field in fields}
    for name, value in given.items():
        yield name, _completed(by_name[name], value) if name in by_name else value


def _completed(field: Field, value: Any) -> Any:
    if field.type == "object" and isinstance(value, Mapping):
        return completed(field.fields, value)
    if field.type == "list" and isinstance(value, list) and field.items is not None:
        return [_completed(field.items, each) for each in value]
    return value


def _plainest(field: Field) -> Any:
    if field.type == "object":
        return completed(field.fields, {})
    return [] if field.type == "list" else samples(field)[0]


def by_chance(field: Field, chance: Random) -> Any:
    """Some value of a field."""
    if field.type == "object":
        return {each.name: by_chance(each, chance) for each in field.fields}
    if field.type == "list":
        places = range(chance.randint(0, 3))
        return [by_chance(field.items, chance) if field.items is not None else place for place in places]
    return chance.choice((*samples(field), *(value for value in _chances(field, chance) if fits(field, value))))


def _chances(field: Field, chance: Random) -> tuple[Any, ...]:
    least, most = field.minimum, field.maximum
    low = least if least is not None else -100 if most is None else most - 100
    number = chance.uniform(low, most if most is not None else low + 200)
    return number, round(number), chance.choice("abcxyz") * chance.randint(1, 9), f"P{round(abs(number))}D"


# --- time


def times_asked(wanted: Wanted) -> Iterator[tuple[str, float] | datetime]:
    """When answers may change, and some times beside: moments, or a state and how many days after it was entered."""
    goals = [goal for expression, answer in wanted for goal in goals_of(expression.root, answer)]
    survey = Survey(goals, frozenset())
    for node, _ in goals:
        solve(survey, node)
    for unknown, values in survey.candidates.items():
        if unknown.kind == "past":
            yield from ((str(unknown.origin[0]), value) for value in values if isinstance(value, float))
        elif unknown == Unknown("value", ("now",)):
            yield from (value for value in values if isinstance(value, datetime) and value.tzinfo is not None)
