"""Witnesses: what is found satisfies, what is known to be satisfiable is found, contradictions have none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kept_work import calls
from orderfsm.errors import GuardFailed
from orderfsm.expression import Expression, parse
from orderfsm.witness import NOW, Witness, witness


def search(*wanted: str, active: frozenset[str] | None = None, limit: int = 20_000) -> Witness | None:
    """The witness of the expressions; one that begins with `! ` is wanted false."""
    goals = [(parse(text.removeprefix("! ")), not text.startswith("! ")) for text in wanted]
    found = witness(goals, active=active, limit=limit)
    if found is not None:
        assert [found.evaluate(expression) for expression, _ in goals] == [answer for _, answer in goals]
    return found


SATISFIABLE = [
    ("payload.a > 5", "payload.a < 7"),
    ("payload.a > 5 and payload.a < 6",),
    ("1 <= payload.x < 2", "payload.x != 1"),
    ("payload.kind == 'x'", "payload.kind in ['x', 'y']"),
    ("payload.kind not in ('x', 'y')", "payload.kind != ''"),
    ("! payload.kind == 'x'", "! payload.kind == 'y'"),
    ("payload.flag", "payload.other or not payload.flag"),
    ("payload.flag", "payload.flag if payload.a > 1 else not payload.flag"),
    ("payload.deep.er.value == 3",),
    ("payload['key'] == 3",),
    ("payload.a == payload.b", "payload.a != 3"),
    ("payload.price * 2 + 1 > 100", "payload.price * 3 < 151"),
    ("payload.a - payload.b > 10", "payload.b > 100"),
    ("order.total // 10 == 7", "order.total > 75"),
    ("payload.asset is None or payload.asset.href != ''", "! payload.asset is None"),
    ("payload.asset is None",),
    ("'href' in payload", "payload.href == 'u'"),
    ("! 'href' in payload",),
    ("'urgent' in payload.tags", "size(payload.tags) == 2"),
    ("payload.code in order.allowed", "size(order.allowed) > 1"),
    ("! payload.code in order.allowed",),
    ("size(payload.assets) > 0", "! all(a.ready for a in payload.assets)"),
    ("size(payload.assets) == 0", "all(a.ready for a in payload.assets)"),
    ("size(payload.name) > 3", "payload.name != 'abcd'"),
    ("any(i.code == 'a' for i in items)", "any(i.code == 'b' for i in items)"),
    ("count(i.code == 'a' for i in items) == 1", "size(items) == 3"),
    ("all(any(a.ok for a in i.assets) for i in items)", "size(items) == 2"),
    ("! all(i.n > 1 for i in items if i.kind == 'x')",),
    ("payload.assets[0].href == 'x'", "payload.assets[1].href == 'y'"),
    ("now > timestamp('2025-01-01T00:00:00Z')",),
    ("now - timestamp(payload.due) > duration('P14D')",),
    ("! now - timestamp(payload.due) > duration('P14D')",),
    ("payload.due < now", "payload.due + duration('P1D') >= now"),
    ("now > timestamp(order.due)",),
    ("! now > timestamp(order.due)",),
    ("timestamp(order.due) == now",),
    ("timestamp(payload.since) < now", "now < timestamp(payload.to)"),
    ("timestamp(order.a) < timestamp(order.b)", "! timestamp(order.b) > now"),
    ("duration(order.a) > duration(order.b)",),
    ("timestamp(order.a) + duration(order.b) < now",),
    ("! timestamp(order.a) + duration(order.b) < now",),
    ("all(timestamp(i.due) < now for i in items)", "size(items) == 2"),
    ("! all(timestamp(i.due) < now for i in items)",),
    ("duration(payload.period) >= duration('P3D')",),
    ("days_since('completed') <= 14", "! was('accepted')", "! in_state('held')"),
    ("days_since('completed') > 14", "was('accepted')"),
    ("in_state('held')", "was('held')"),
    ("actor == 'provider'",),
]


@pytest.mark.parametrize("wanted", SATISFIABLE, ids=" & ".join)
def test_what_can_be_satisfied_is_found(wanted: tuple[str, ...]) -> None:
    assert search(*wanted) is not None


CONTRADICTORY = [
    ("payload.a > 5", "payload.a < 5"),
    ("payload.a > 5", "! payload.a > 5"),
    ("payload.kind == 'x'", "payload.kind == 'y'"),
    ("now > timestamp(order.due)", "! now > timestamp(order.due)"),
    ("payload.flag", "not payload.flag"),
    ("all(i.code == 'a' for i in items)", "any(i.code == 'b' for i in items)"),
    ("size(items) > 1", "size(items) < 1"),
    ("days_since('a') > 14", "days_since('a') <= 14"),
    ("in_state('a')", "! was('a')"),
    ("False",),
    ("now < now",),
    ("'href' in payload", "! 'href' in payload"),
]


@pytest.mark.parametrize("wanted", CONTRADICTORY, ids=" & ".join)
def test_a_contradiction_has_no_witness(wanted: tuple[str, ...]) -> None:
    assert search(*wanted) is None


def test_a_witness_is_minimal_enough_to_be_read() -> None:
    found = search("size(payload.assets) > 0", "payload.cloud_cover <= 20")
    assert found is not None
    assert found.facts == {"payload": {"assets": [1], "cloud_cover": 20}, "now": NOW}


def test_a_witness_of_the_past_says_what_was_and_since_when() -> None:
    found = search("was('accepted')", "days_since('completed') > 14", "! was('rejected')")
    assert found is not None
    assert found.was == {"accepted": True, "completed": True, "rejected": False}
    assert found.days_since["completed"] > 14


def test_active_states_can_be_fixed() -> None:
    assert search("in_state('a')", active=frozenset({"b"})) is None
    found = search("in_state('a') or payload.x == 1", active=frozenset({"b"}))
    assert found is not None
    assert found.active == {"b"}
    assert found.facts["payload"] == {"x": 1}


def test_nothing_wanted_is_satisfied_by_anything() -> None:
    assert search() is not None


def test_the_search_stops_at_its_limit() -> None:
    hard = " and ".join(f"payload.f{n} * payload.g{n} == {n + 1000003}" for n in range(12))
    found: list[object] = []
    assert calls(lambda: found.append(search(f"({hard}) or False", limit=500))) < 1_000_000
    assert found == [None]


def test_a_witness_without_a_history_of_the_state_cannot_answer_days_since() -> None:
    found = search("! was('a')")
    assert found is not None
    with pytest.raises(GuardFailed):
        found.evaluate(parse("days_since('a') > 1"))


atoms = st.one_of(
    st.builds(
        "payload.{} {} {}".format, st.sampled_from("ab"), st.sampled_from(["<", "<=", "==", ">"]), st.integers(0, 4)
    ),
    st.sampled_from(["payload.flag", "in_state('held')", "was('held')", "days_since('held') > 2"]),
    st.builds("size(items) > {}".format, st.integers(0, 2)),
    st.builds("any(i.n == {} for i in items)".format, st.integers(0, 2)),
)
texts = st.recursive(
    atoms,
    lambda below: (
        st.builds("({} {} {})".format, below, st.sampled_from(["and", "or"]), below)
        | st.builds("(not {})".format, below)
    ),
    max_leaves=4,
)


@given(st.lists(st.tuples(st.builds(parse, texts), st.booleans()), min_size=1, max_size=3))
def test_every_witness_satisfies(wanted: list[tuple[Expression, bool]]) -> None:
    found = witness(wanted, limit=2_000)
    assert found is None or [found.evaluate(expression) for expression, _ in wanted] == [want for _, want in wanted]


@given(texts, st.integers(0, 5), st.integers(0, 5), st.booleans(), st.lists(st.integers(0, 2), max_size=2))
def test_whatever_plain_facts_satisfy_has_a_witness(text: str, a: int, b: int, flag: bool, items: list[int]) -> None:
    expression = parse(text)
    facts = {"payload": {"a": a, "b": b, "flag": flag}, "items": [{"n": n} for n in items], "now": NOW}
    visits = [(NOW.replace(year=2023), frozenset({"held"})), (NOW, frozenset({"open"}))]
    answer = expression.evaluate(facts, active={"open"}, visits=lambda: visits)
    assert witness([(expression, answer)]) is not None
