"""The kit's strategies: what they draw is legal, illegal, true, false or corrupt, just as they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import orderfsm
from orderfsm import Actor, Chart, Reason
from orderfsm.chart import Event, Field, Guard, Kind, State, Transition
from orderfsm.expression import parse
from orderfsm.payload import blockers as payload_blockers
from orderfsm.testing import (
    Attempt,
    Corruption,
    History,
    Interleaving,
    Send,
    Unsolved,
    Walk,
    charts,
    drafts,
    guard_outcomes,
    histories,
    illegal_events,
    interleavings,
    payloads,
    sends_after,
    shortest,
    transitions,
    walks,
)

T = TypeVar("T")
SHIPPED = ("adobe/order", "cablelabs/order", "record_stack_overflow/order", "stat/order")


def smallest(strategy: st.SearchStrategy[T], condition: Callable[[T], bool]) -> T:
    """The smallest example that is found, the same one at every run."""
    return find(
        strategy, condition, settings=settings(max_examples=2000, database=None, deadline=None), random=Random(0)
    )


few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))

LOAN = orderfsm.read(
    """
chart: library/loan
version: "1"
initial: reserved
actors: {reader: Whoever borrows., desk: The people at the desk.}
links: {receipt: What was paid.}
reasons: {open: false, codes: {lost: It is lost., torn: It is torn.}}
guards: {open_today: The library is open.}
states:
  reserved: {after: {P7D: lapse}}
  lent: {}
  overdue: {}
  returned: {final: true}
  dropped: {final: true}
events:
  lend: {from: reserved, to: lent, by: desk, when: order.fees == 0, guard: open_today}
  remind: {from: lent, to: overdue, by: desk, when: days_since("lent") >= 14}
  renew: {from: [lent, overdue], to: lent, when: "payload.weeks in [1, 2] and actor.id == order.reader",
          payload: {weeks: integer, note?: {type: string, max_length: 5}}}
  return: {from: [lent, overdue], to: returned, by: desk, links: receipt, when: not was("overdue") or order.fees > 2}
  lapse: {from: reserved, to: dropped}
  drop: {from: [reserved, lent], to: dropped, by: [reader, desk], reason: required}
"""
)


def judged(attempt: Attempt) -> tuple[str, str]:
    again = Attempt.judged(attempt.walk, attempt.send)
    return again.refused, again.blocker


# --- sends, walks and attempts


def test_a_walk_is_made_again_from_its_sends_and_from_its_repr() -> None:
    walk = shortest(LOAN, "overdue")
    assert walk is not None
    names = {"Walk": Walk, "Send": Send, "chart": LOAN, "datetime": __import__("datetime"), "Actor": Actor}
    assert eval(repr(walk), names) == walk == Walk.of(LOAN, walk.sends)
    assert [entry.event for entry in walk.entries] == ["open", "lend", "remind"]
    assert orderfsm.replay(LOAN, walk.entries).configuration == walk.configuration == "overdue"


def test_a_walk_that_the_chart_refuses_says_where() -> None:
    with pytest.raises(orderfsm.NotEnabled) as refused:
        Walk.of(LOAN, [Send("open"), Send("renew")])
    assert refused.value.index == 1
    with pytest.raises(TypeError, match=r"a walk is made of them: Send\('open'\)"):
        Walk.of(LOAN, ["open"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("send", "said"),
    [
        ({"links": ["receipt"]}, r"links is a list of Link, not \['receipt'\]"),
        ({"reason": 5}, "reason is a code"),
        ({"actor": 5}, "actor is a role"),
        ({"facts": [1]}, "facts is a mapping"),
        ({"guards": ["open_today"]}, "guards is a mapping"),
    ],
)
def test_what_is_no_part_of_a_send_is_told(send: dict[str, Any], said: str) -> None:
    wrong = Send("lend", **{"actor": "desk", "facts": {"order": {"fees": 0}}, "guards": {"open_today": True}, **send})
    with pytest.raises(TypeError, match=said):
        Walk.of(LOAN, [Send("open"), wrong])
    with pytest.raises(TypeError, match=said):
        Attempt.judged(Walk.of(LOAN, [Send("open")]), wrong)
    with pytest.raises(TypeError, match=r"'lend' is no send"):
        Attempt.judged(Walk.of(LOAN, [Send("open")]), "lend")  # type: ignore[arg-type]


def guarded(when: str, scenario: str = "") -> orderfsm.Chart:
    """A chart with one guard, and perhaps a scenario."""
    kept = "\n".join(f"  {line}" for line in scenario.splitlines())
    return orderfsm.read(f"""
chart: library/guarded
version: "1"
initial: open
states: {{open: {{}}, closed: {{final: true}}}}
events:
  close: {{from: open, to: closed, when: {json.dumps(when)}}}
{f"scenarios:{chr(10)}{kept}" if kept else ""}
""")


@pytest.mark.parametrize("when", ['"x" not in payload', '"x" not in order', "size(payload) == 0", "size(items) == 0"])
def test_what_has_nothing_in_it_is_something_all_the_same(when: str) -> None:
    chart = guarded(when)
    [walk] = transitions(chart)
    names = {"Walk": Walk, "Send": Send, "chart": chart, "datetime": __import__("datetime")}
    assert eval(repr(walk), names) == walk
    assert not orderfsm.check(guarded(when, walk.scenario()))


@pytest.mark.parametrize("when", ["size(payload) == 0", "size(payload) > 0", "payload != None", '"x" in payload'])
def test_a_payload_that_a_guard_asks_about_as_a_whole_is_a_mapping(when: str) -> None:
    [walk] = transitions(guarded(when))
    assert isinstance(walk.sends[-1].payload, dict)
    assert isinstance(find(payloads(guarded(when), "close", satisfy=when), lambda payload: True), dict)


def test_the_text_of_a_reason_is_told_in_a_comment_where_it_cannot_stand_for_a_code() -> None:
    for text, reason in (("{codes: {x: X.}}", Reason("x", "late")), ("{open: false}", Reason(text="late"))):
        chart = orderfsm.read(f"""
chart: library/reasons
version: "1"
initial: a
reasons: {text}
states: {{a: {{}}, b: {{final: true}}}}
events: {{go: {{from: a, to: b, reason: required}}}}
""")
        walk = Walk.of(chart, [Send("open"), Send("go", reason=reason)])
        assert f"}}  # the reason is {reason!r}\n" in walk.scenario()


def test_an_event_that_begins_orders_is_sent_to_an_open_one_in_a_scenario() -> None:
    chart = """
chart: library/taken_over
version: "1"
initial: new
states: {new: {}, known: {final: true}}
events:
  take_over: {from: "[*]", to: known}
  know: {from: ["[*]", new], to: known}
"""
    tried = Attempt.judged(Walk.of(orderfsm.read(chart), [Send("open")]), Send("take_over"))
    kept = "\n".join(f"  {line}" for line in tried.scenario().splitlines())
    assert not orderfsm.check(orderfsm.read(f"{chart}scenarios:\n{kept}\n"))
    begun = Walk.of(orderfsm.read(chart), [Send("know")])
    assert "# begins with know; a scenario sends that in new" in begun.scenario()


def test_a_fact_that_yaml_cannot_keep_is_told_in_a_comment() -> None:
    [walk] = transitions(guarded('order.window > duration("P1D")'))
    assert "}  # the facts have order = {'window': datetime.timedelta(days=1, seconds=1)}\n" in walk.scenario()


SCENE = """
chart: library/scene
version: "1"
initial: reserved
actors: {reader: R., desk: D.}
guards: {open_today: The library is open.}
states: {reserved: {}, lent: {}, overdue: {}, returned: {final: true}}
events:
  lend: {from: reserved, to: lent, by: desk, when: order.title == "no", guard: open_today, links: receipt}
  remind: {from: lent, to: overdue, when: days_since("lent") >= 14}
  renew: {from: [lent, overdue], to: lent, when: "payload.weeks in [1, 2]", payload: {weeks: integer, note: string}}
  return: {from: [lent, overdue], to: returned, reason: required}
links: {receipt: What was paid.}
reasons: {codes: {lost: It is lost.}}
"""


def failures(item: str) -> list[str]:
    indented = "".join(f"  {line}\n" for line in item.splitlines())
    found = orderfsm.check(orderfsm.read(f"{SCENE}scenarios:\n{indented}"))
    return [finding.code for finding in found if finding.code == "scenario-failed"]


@few
@given(st.data())
def test_what_was_walked_and_attempted_can_be_kept_as_a_scenario(data: st.DataObject) -> None:
    chart = orderfsm.read(SCENE)
    walk = data.draw(walks(chart))
    attempt = data.draw(illegal_events(chart, walk, kinds=["not-enabled", "unknown-event", "guard-refused"]))
    for item in (walk.scenario(), attempt.scenario("one that is 'refused': \"why\"?")):
        assert failures(item) == []
    other = next(state for state in ("returned", "reserved") if state != walk.configuration)
    assert failures(walk.scenario().replace(f"then: {walk.configuration}", f"then: {other}")) == ["scenario-failed"]


# --- walks


@pytest.mark.parametrize("name", SHIPPED)
@few
@given(data=st.data())
def test_every_walk_is_accepted_by_the_chart(name: str, data: st.DataObject) -> None:
    chart = orderfsm.load(name)
    walk = data.draw(walks(chart))
    assert Walk.of(chart, walk.sends).steps == walk.steps
    assert orderfsm.replay(chart, walk.entries).configuration == walk.configuration
    moments = [send.now for send in walk.sends if send.now is not None]
    assert moments == sorted(moments)
    assert len(moments) == len(walk)


@few
@given(charts().flatmap(walks))
def test_random_charts_are_walked_as_well(walk: Walk) -> None:
    assert Walk.of(walk.chart, walk.sends).steps == walk.steps


@pytest.mark.parametrize("state", ["lent", "overdue", "returned", "dropped"])
def test_walks_find_what_guards_ask_for(state: str) -> None:
    found = smallest(walks(LOAN), lambda walk: walk.configuration == state)
    assert len(found) <= {"lent": 2, "overdue": 3, "returned": 4, "dropped": 2}[state]


def test_a_renewal_brings_the_payload_and_the_actor_that_its_guard_reads() -> None:
    found = smallest(walks(LOAN), lambda walk: str(walk.sends[-1]) == "renew")
    asked = found.sends[-1]
    assert asked.payload is not None
    assert asked.payload["weeks"] in (1, 2)
    assert isinstance(asked.actor, Actor)
    assert asked.facts == {"order": {"reader": asked.actor.id}}


def test_a_timer_comes_when_it_is_due_and_days_pass_before_what_needs_them() -> None:
    lapsed = smallest(walks(LOAN), lambda walk: str(walk.sends[-1]) == "lapse")
    opened, lapse = (send.now for send in lapsed.sends)
    assert opened is not None
    assert lapse is not None
    assert (lapse - opened).days >= 7
    reminded = shortest(LOAN, "overdue")
    assert reminded is not None
    lent, late = (send.now for send in reminded.sends[1:])
    assert lent is not None
    assert late is not None
    assert (late - lent).days >= 14


def test_a_timer_is_due_later_when_the_clock_has_stood_still() -> None:
    text = """
chart: a/b
version: "1"
initial: x
states:
  run: {initial: x, after: {P10D: expire}, states: {x: {}, held: {clock: stops}}}
  end: {final: true}
events:
  hold: {from: x, to: held}
  back: {from: held, to: x, when: days_since("held") >= 5}
  expire: {from: x, to: end}
"""
    walk = smallest(walks(orderfsm.read(text)), lambda walk: [*map(str, walk.sends[-2:])] == ["back", "expire"])
    assert walk.now is not None
    assert walk.now >= datetime(2024, 1, 16, tzinfo=UTC)


@few
@given(walks(LOAN, longest=4).flatmap(lambda walk: st.tuples(st.just(walk), sends_after(walk))))
def test_what_may_be_sent_after_a_walk_lengthens_it(drawn: tuple[Walk, Send | None]) -> None:
    walk, send = drawn
    if send is None:
        assert walk.configuration is not None
        assert walk.configuration.final
    else:
        assert walk.then(send).sends == (*walk.sends, send)


def test_an_order_may_begin_by_a_start_arrow_unless_nothing_opens_it() -> None:
    never = Guard(expression=parse("order.x > 1 and order.x < 1"))
    arrows = (Transition("[*]", ("begin",), ("s",), (never,)), Transition("[*]", ("take",), ("s",)))
    chart = Chart("a/b", (State("s"),), arrows, initial=("s",))
    found = {walk.sends[0].event for walk in (smallest(walks(chart), lambda walk: walk.sends[0].event != "open"),)}
    assert found == {"take"}


FORKED = orderfsm.read(
    """
chart: shop/forked
version: "1"
initial: asked
guards: {credit_ok: Somebody asked the bank.}
states: {asked: {}, small: {final: true}, large: {final: true}}
events:
  buy:
    payload: {pieces: integer}
    arrows:
      - {from: asked, to: small, when: payload.pieces < 5}
      - {from: asked, to: large, guard: credit_ok}
"""
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(walks(FORKED))
def test_no_payload_is_drawn_that_leads_to_a_guard_without_an_answer(walk: Walk) -> None:
    assert walk.configuration != "large" or walk.sends[-1].guards == {"credit_ok": True}
    assert Walk.of(FORKED, walk.sends) == walk


def test_moments_that_a_guard_names_are_found() -> None:
    chart = orderfsm.read(
        """
chart: shop/opening
version: "1"
initial: told
states: {told: {}, sold: {final: true}}
events: {sell: {from: told, to: sold, when: now > timestamp("2024-01-05T00:00:00Z")}}
"""
    )
    assert [str(walk.configuration) for walk in transitions(chart)] == ["sold"]
    assert [attempt.refused for attempt in guard_outcomes(chart)] == ["", "guard-refused"]


# --- what is illegal


@pytest.mark.parametrize("name", SHIPPED)
@few
@given(data=st.data())
def test_every_illegal_event_is_refused_as_it_says(name: str, data: st.DataObject) -> None:
    chart = orderfsm.load(name)
    attempt = data.draw(illegal_events(chart, data.draw(walks(chart))))
    assert judged(attempt) == (attempt.refused, attempt.blocker)


@few
@given(charts(), st.data())
def test_it_is_so_in_random_charts(chart: Chart, data: st.DataObject) -> None:
    attempt = data.draw(illegal_events(chart, data.draw(walks(chart))))
    assert judged(attempt) == (attempt.refused, attempt.blocker)


@pytest.mark.parametrize(
    ("state", "kind", "refused"),
    [
        ("reserved", "not-permitted", "not-permitted"),
        ("reserved", "reason-missing", "reason-needed"),
        ("reserved", "reason-unknown", "reason-needed"),
        ("reserved", "not-enabled", "not-enabled"),
        ("reserved", "guard-refused", "guard-refused"),
        ("lent", "unknown-event", "unknown-event"),
        ("lent", "link-missing", "link-needed"),
        ("lent", "payload-invalid", "payload-invalid"),
        ("returned", "not-enabled", "not-enabled"),
    ],
)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_each_kind_can_be_asked_for(state: str, kind: str, refused: str, data: st.DataObject) -> None:
    attempt = data.draw(illegal_events(LOAN, state, kinds=[kind]))
    assert attempt.refused == refused
    assert judged(attempt) == (refused, "terminal" if state == "returned" else kind)


def test_a_kind_that_there_is_not_and_the_walk_of_another_chart_are_said() -> None:
    wrong: list[Any] = [["terminal"], [], "not-enabled"]
    for kinds in wrong:
        with pytest.raises(ValueError, match=r"give a list of not-permitted, .*, not-enabled, unknown-event"):
            illegal_events(LOAN, "reserved", kinds=kinds)
    with pytest.raises(Unsolved, match="comes to pending; give the walk itself, or a configuration: received, "):
        illegal_events(orderfsm.load("stat/order"), "pending")  # a compound state is no configuration
    with pytest.raises(ValueError, match="this is a walk of library/loan, not of this stat/order"):
        illegal_events(orderfsm.load("stat/order"), Walk(LOAN))


def test_what_cannot_be_wrong_there_is_said() -> None:
    with pytest.raises(Unsolved, match="nothing is link-missing in reserved of library/loan"):
        smallest(illegal_events(LOAN, "reserved", kinds=["link-missing"]), lambda attempt: True)
    with pytest.raises(Unsolved, match="no walk of library/loan was found that comes to mislaid"):
        illegal_events(LOAN, "mislaid")


# --- payloads

FIELDS = (
    Field("weeks", "integer", minimum=1, maximum=9),
    Field("note", "string", required=False, max_length=4),
    Field("kind", "string", enum=("book", "map")),
    Field("lines", "list", items=Field("line", "object", fields=(Field("code", "string"), Field("n", "number")))),
    Field("day", "date", required=False),
    Field("at", "datetime", required=False),
    Field("after", "duration", required=False),
)
GOODS = Chart(
    "shop/goods",
    (State("a"), State("b", Kind.FINAL)),
    (Transition("a", ("book",), ("b",)),),
    initial=("a",),
    events=(Event("book", payload=FIELDS),),
)
GUARDS = [
    "payload.weeks > 5",
    "payload.weeks == 7 or payload.kind == 'map'",
    "payload.kind in ['map', 'globe']",
    "size(payload.lines) >= 2",
    "all(l.n > 3 for l in payload.lines) and size(payload.lines) > 0",
    "any(l.code == 'x' and l.n <= 2 for l in payload.lines)",
    "not (payload.weeks < 3 or payload.weeks > 4)",
    "'note' in payload and payload.note == 'so'",
    "payload.weeks * 2 + 1 == 9",
    "timestamp(payload.at) >= timestamp('2024-06-01T00:00:00Z')",
    "duration(payload.after) < duration('P2D')",
    "count(l.code == 'y' for l in payload.lines) == 1",
]


@pytest.mark.parametrize("text", GUARDS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_payloads_satisfy_and_violate_a_guard_and_fit_the_schema(text: str, data: st.DataObject) -> None:
    guard = parse(text)
    for payload, answer in (
        (data.draw(payloads(GOODS, "book", satisfy=text)), True),
        (data.draw(payloads(GOODS, "book", violate=guard)), False),
    ):
        assert guard.evaluate({"payload": payload}) is answer
        assert list(payload_blockers(FIELDS, payload)) == []


@few
@given(payloads(GOODS, "book"))
def test_payloads_fit_the_schema_alone(payload: dict[str, Any]) -> None:
    assert list(payload_blockers(FIELDS, payload)) == []


@pytest.mark.parametrize(("wanted", "weeks"), [("satisfy", 6), ("satisfy", 7), ("violate", 5), ("violate", 4)])
def test_the_values_beside_a_constant_are_among_the_payloads(wanted: str, weeks: int) -> None:
    found = payloads(GOODS, "book", **{wanted: "payload.weeks > 5"})  # type: ignore[arg-type]
    assert smallest(found, lambda payload: payload["weeks"] == weeks)["weeks"] == weeks


def test_what_else_a_guard_reads_is_given() -> None:
    guard = "payload.weeks > order.most"
    assert smallest(payloads(GOODS, "book", satisfy=guard, facts={"order": {"most": 7}}), lambda p: True)["weeks"] == 8
    with pytest.raises(ValueError, match=r"reads order as well; give facts"):
        payloads(GOODS, "book", satisfy=guard)
    with pytest.raises(ValueError, match="the application's own guard"):
        payloads(GOODS, "book", satisfy=Guard("credit_ok"))


def test_payloads_of_an_event_that_the_chart_lacks_are_none() -> None:
    with pytest.raises(ValueError, match=r"library/loan has no event lendd; it has .*lend"):
        payloads(LOAN, "lendd")


def test_a_guard_that_nothing_satisfies_says_so() -> None:
    with pytest.raises(Unsolved, match=r"no payload was found that makes `payload.weeks > 9` true, in 1000 tries"):
        payloads(GOODS, "book", satisfy="payload.weeks > 9")


# --- histories


@pytest.mark.parametrize("corruption", Corruption)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_replay_finds_every_corruption_where_it_is(corruption: Corruption, data: st.DataObject) -> None:
    for chart in (LOAN, orderfsm.load("stat/order")):
        history = data.draw(histories(chart, corrupt=corruption))
        found = [(finding.code, finding.path) for finding in orderfsm.replay(chart, history.entries).findings]
        assert found[:1] == ([(history.finding, history.path)] if history.finding else [])


@few
@given(charts(), st.data())
def test_it_does_so_in_random_charts_and_finds_nothing_wrong_with_walks(chart: Chart, data: st.DataObject) -> None:
    assert orderfsm.replay(chart, data.draw(histories(chart)).entries)
    kinds = [Corruption.UNKNOWN_STATE, Corruption.FOREIGN_EVENT, Corruption.REPEATED, Corruption.CHANGED_BEFORE]
    history = data.draw(histories(chart, corrupt=kinds))
    assert orderfsm.replay(chart, history.entries).findings[0].code == history.finding


@settings(max_examples=8, deadline=None)
@given(histories(LOAN, corrupt=Corruption.KEY_TWICE), histories(LOAN, corrupt=Corruption.BACKWARDS))
def test_a_key_that_comes_twice_and_a_clock_that_runs_backwards_are_what_they_say(
    twice: History, back: History
) -> None:
    assert len({entry.key for entry in twice.entries}) == len(twice.entries) - 1
    moments = [entry.recorded_at for entry in back.entries if entry.recorded_at is not None]
    assert moments != sorted(moments)


def test_to_draw_does_not_wait_for_all_that_walks_come_to() -> None:
    """That takes seconds for a large chart, of which Hypothesis would complain."""
    chart = replace(LOAN, version="another")

    @settings(max_examples=1, database=None)
    @given(st.tuples(*(histories(chart, corrupt=corruption) for corruption in Corruption)))
    def drawn(each: tuple[History, ...]) -> None:
        assert tuple(history.corruption for history in each) == tuple(Corruption)

    drawn()
    asked = illegal_events(chart, Walk.of(chart, [Send("open")]), kinds=["not-enabled"])
    renewed = smallest(asked, lambda attempt: str(attempt.send) == "renew").send
    assert renewed.payload in ({"weeks": 1}, {"weeks": 2})
    assert "testing.explored" not in orderfsm.compile(chart).memo


def test_a_corruption_is_known_by_its_text_and_another_one_is_refused() -> None:
    text: Any = "lost-first"
    assert smallest(histories(LOAN, corrupt=text), lambda history: True).corruption is Corruption.LOST_FIRST
    wrong: list[Any] = ["lost-last", ["lost-last"]]
    for corrupt in wrong:
        with pytest.raises(ValueError, match="'lost-last' is not a valid Corruption"):
            smallest(histories(LOAN, corrupt=corrupt), lambda history: True)


def test_a_history_that_cannot_be_corrupted_that_way_says_so() -> None:
    short = Chart("a/b", (State("s", Kind.FINAL),), initial=("s",))
    with pytest.raises(Unsolved, match="no history of a/b can be corrupted by lost"):
        smallest(histories(short, corrupt=Corruption.LOST), lambda history: True)


# --- interleavings


@few
@given(st.data())
def test_clients_with_orders_of_their_own_do_not_meet(data: st.DataObject) -> None:
    drawn: Interleaving = data.draw(interleavings(LOAN, clients=3, orders="several"))
    assert all(attempt.step is not None for attempt in drawn.attempts)
    for order, walk in drawn.orders.items():
        assert walk.sends == tuple(turn.send for turn in drawn.turns if turn.order == order)


@few
@given(interleavings(LOAN, clients=3))
def test_on_one_order_it_goes_as_if_one_after_the_other(drawn: Interleaving) -> None:
    walk = Walk(LOAN)
    for turn, attempt in zip(drawn.turns, drawn.attempts, strict=True):
        assert (attempt.walk, attempt.send) == (walk, turn.send)
        walk = walk if attempt.refused else walk.then(turn.send)
    assert drawn.orders == {0: walk}


def test_nobody_on_no_order_is_no_interleaving() -> None:
    many: Any = "many"
    for strategy in (interleavings(LOAN, clients=0), interleavings(LOAN, orders=many)):
        with pytest.raises(ValueError, match='give at least one client, and orders "one" or "several"'):
            smallest(strategy, lambda drawn: True)


def test_a_client_that_came_too_late_is_found_in_three_turns() -> None:
    def shows_it(drawn: Interleaving) -> bool:
        return len(drawn.turns) <= 3 and any(attempt.blocker == "terminal" for attempt in drawn.attempts)

    late = smallest(interleavings(LOAN), shows_it)
    assert [turn.client for turn in late.turns if turn.client] == [1]
    assert len(late.turns) == 3


# --- charts


def test_sound_charts_have_no_errors_but_regions_history_and_hierarchy() -> None:
    seen: set[Kind] = set()

    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(charts())
    def look(chart: Chart) -> None:
        seen.update(state.kind for state in chart.states)
        assert [finding for finding in orderfsm.check(chart) if finding.severity == "error"] == []

    look()
    assert seen == set(Kind)


@few
@given(drafts(shape="flat", demands="none"))
def test_flat_charts_without_demands_are_that(chart: Chart) -> None:
    assert {state.kind for state in chart.states} <= {Kind.ATOMIC, Kind.FINAL}
    assert all(not (arrow.by or arrow.links or arrow.effects) for arrow in chart.transitions)
