"""Documents become charts; everything else becomes an error that says where, what was seen and what to type."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kept_work import calls
from orderfsm.catalogue import FOLDER
from orderfsm.chart import (
    START,
    Basis,
    Category,
    Effect,
    Event,
    Field,
    Guard,
    Kind,
    Position,
    ReasonRule,
    Rule,
    Send,
    Timer,
)
from orderfsm.document import read
from orderfsm.errors import DocumentError
from orderfsm.expression import parse

SHOP = """\
# a comment
chart: shop/order
version: "1"
title: Orders of a small shop
initial: received
codes: {aliases: {sent: "1008"}}
actors:
  customer: Whoever ordered.
  staff: People in the shop.
actions: {thank: A letter of thanks.}
guards: {paid: The money is there.}
links: {tracking: Where the parcel is.}
reasons:
  open: false
  codes:
    sold_out: The article cannot be delivered any more.
states:
  pending:
    initial: received
    states:
      received: {category: open, after: {P30D: expire}}
      held: {category: suspended, clock: stops, entry: {emit: thank}}
  was_pending: {history: shallow, of: pending, default: received}
  shipped: {category: done, final: true, code: "1008", reason: optional, links: tracking}
  cancelled: {category: cancelled, final: true}
events:
  ship: {from: received, to: shipped, by: staff, links: [tracking], when: size(payload.parcels) > 0, guard: paid,
         happy: true, payload: {parcels: {type: list, items: string}, 'note?': string}}
  hold: {from: received, to: held, by: staff}
  release: {from: held, to: was_pending, by: staff}
  cancel: {from: [received, held], to: cancelled, by: [customer, staff], reason: required, emit: thank}
  expire: {from: pending, to: cancelled, basis: inferred, source: nobody waits for ever}
rules:
  - never shipped after cancelled
scenarios:
  - {title: a good life, codes: [received, held, received, sent]}
  - {title: no way back, codes: [received, cancelled, received], refused: not-enabled}
"""


def chart_with(rest: str, *, states: str = "{a: {}, b: {final: true}}") -> str:
    """A small document: two states, and the rest."""
    return f'chart: x/y\nversion: "1"\ninitial: a\nstates: {states}\n{textwrap.dedent(rest)}'


def refusal(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(text, filename="x.yaml")
    return caught.value


# --- what is read ---------------------------------------------------------------


def test_states_come_in_document_order_with_their_kinds_and_parents():
    states = {state.name: (state.kind, state.parent) for state in read(SHOP).states}
    assert list(states.items()) == [
        ("pending", (Kind.COMPOUND, None)),
        ("received", (Kind.ATOMIC, "pending")),
        ("held", (Kind.ATOMIC, "pending")),
        ("was_pending", (Kind.SHALLOW, "pending")),
        ("shipped", (Kind.FINAL, None)),
        ("cancelled", (Kind.FINAL, None)),
    ]


def test_a_state_carries_everything_that_its_line_says():
    chart = read(SHOP)
    received, held, shipped = chart.by_name["received"], chart.by_name["held"], chart.by_name["shipped"]
    assert received.after == (Timer("expire", timedelta(days=30), "received"),)
    assert (received.category, received.position) == (Category.OPEN, Position(21, 7))
    assert (held.clock, held.on_entry) == ("stops", (Effect("emit", "thank"),))
    assert (shipped.code, shipped.links, shipped.reason) == ("1008", ("tracking",), ReasonRule("optional"))
    assert chart.by_name["pending"].initial == ("received",)
    assert chart.by_name["was_pending"].initial == ("received",)


def test_an_arrow_carries_everything_that_its_line_says():
    ship = read(SHOP).transitions[0]
    assert (ship.source, ship.events, ship.targets) == ("received", ("ship",), ("shipped",))
    assert ship.guards == (Guard(expression=parse("size(payload.parcels) > 0")), Guard("paid"))
    assert (ship.by, ship.links, ship.happy, ship.basis) == (("staff",), ("tracking",), True, Basis.STATED)
    expire = read(SHOP).transitions[-1]
    assert (expire.basis, expire.cite) == (Basis.INFERRED, "nobody waits for ever")


def test_one_arrow_for_each_source_in_the_order_they_are_written():
    cancels = [t for t in read(SHOP).transitions if t.events == ("cancel",)]
    assert [t.source for t in cancels] == ["received", "held"]
    assert {t.position for t in cancels} == {Position(31, 3)}
    assert {t.effects for t in cancels} == {(Effect("emit", "thank"),)}
    assert {t.reason for t in cancels} == {ReasonRule("required")}


def test_a_payload_becomes_fields():
    ship = read(SHOP).event_by_name["ship"]
    assert ship == Event(
        "ship",
        payload=(Field("parcels", "list", items=Field("")), Field("note", required=False)),
        position=Position(27, 3),
    )


def test_a_field_may_say_more():
    chart = read(
        chart_with("""\
        events:
          go:
            from: a
            to: b
            payload:
              size: {type: integer, minimum: 1, maximum: 9, enum: [1, 2], description: how big}
              name: {type: string, max_length: 9, enum: [1, no], optional: true}
              inner: {type: object, fields: {when: date, 'ok?': boolean}}
        """)
    )
    size, name, inner = chart.events[0].payload
    assert size == Field("size", "integer", enum=(1, 2), minimum=1, maximum=9, description="how big")
    assert name == Field("name", required=False, enum=("1", "no"), max_length=9)
    assert inner == Field("inner", "object", fields=(Field("when", "date"), Field("ok", "boolean", required=False)))


def test_the_head_is_read():
    chart = read(SHOP)
    assert (chart.name, chart.version, chart.title, chart.initial) == (
        "shop/order",
        "1",
        "Orders of a small shop",
        ("received",),
    )
    assert chart.aliases == {"sent": "1008"}
    assert chart.actors == {"customer": "Whoever ordered.", "staff": "People in the shop."}
    assert chart.reasons.codes == {"sold_out": "The article cannot be delivered any more."}
    assert not chart.reasons.open
    assert chart.rules == (Rule("never shipped after cancelled", Position(34, 5)),)


@pytest.mark.parametrize(
    "word", ["1000", "0755", "1:30", "1_0", "2019-01-01", "no", "true", "1e3", "0x1F", ".inf", "<<x"]
)
def test_codes_reasons_and_keys_stay_the_texts_that_were_written(word: str):
    chart = read(chart_with(f"codes: {{aliases: {{{word}x: {word}}}}}\n", states=f"{{a: {{}}, b: {{code: {word}}}}}"))
    assert chart.codes == ("a", word)
    assert chart.aliases == {f"{word}x": word}


def test_words_that_yaml_1_1_takes_for_truth_values_are_names():
    chart = read(
        chart_with("events: {on: {from: a, to: off}, no: {from: off, to: a}}\n", states="{a: {}, off: {}, yes: {}}")
    )
    assert [event.name for event in chart.events] == ["on", "no"]
    assert chart.transitions[0].targets == ("off",)


def test_a_state_may_have_nothing_to_say():
    assert [s.name for s in read(chart_with("", states="\n  a:\n  b: ~\n")).states] == ["a", "b"]


def test_code_null_means_no_word():
    chart = read(chart_with("", states="{a: {code: null}, b: {}}"))
    assert chart.by_name["a"].code == ""
    assert chart.codes == ("b",)


def test_a_history_state_becomes_a_child_of_the_state_it_names():
    chart = read(SHOP)
    assert chart.by_name["was_pending"].parent == "pending"
    assert chart.children["pending"] == (chart.by_name["received"], chart.by_name["held"])


def test_several_targets_in_different_regions():
    chart = read(
        chart_with(
            "events: {go: {from: a, to: [c, e], raise: ok, guard: []}, ok: {from: c, to: b, internal_event: true}}\n",
            states="""
  a: {}
  p:
    parallel: true
    states:
      q: {initial: c, states: {c: {}}}
      r: {initial: d, states: {d: {}, e: {}}}
  b: {final: true}
""",
        )
    )
    assert chart.by_name["p"].kind is Kind.PARALLEL
    assert chart.transitions[0].targets == ("c", "e")
    assert chart.transitions[0].effects == (Effect("raise", "ok"),)
    assert [event.internal for event in chart.events] == [False, True]


def test_an_order_may_begin_by_an_arrow():
    arrow = read(chart_with("events: {submit: {from: '[*]', to: b}}\n")).transitions[0]
    assert (arrow.source, arrow.targets) == (START, ("b",))


def test_arrows_share_the_keys_of_their_event():
    chart = read(
        chart_with("""\
        actors: {staff: , boss: }
        events:
          go:
            title: Go
            by: staff
            arrows:
              - {from: a, to: b}
              - {from: b, to: a, by: boss, title: Back}
        """)
    )
    first, second = chart.transitions
    assert (first.source, first.by, first.title) == ("a", ("staff",), "")
    assert (second.source, second.by, second.title) == ("b", ("boss",), "Back")
    assert (first.position, second.position) == (Position(11, 9), Position(12, 9))
    assert chart.events[0].title == "Go"


def test_transitions_stand_in_document_order_with_eventless_ones_among_them():
    before = read(chart_with("always: [{from: a, to: b}]\nevents: {go: {from: a, to: b}}\n"))
    after = read(chart_with("events: {go: {from: a, to: b}}\nalways: [{from: a, to: b}]\n"))
    assert [t.events for t in before.transitions] == [(), ("go",)]
    assert [t.events for t in after.transitions] == [("go",), ()]


def test_a_done_event_cannot_be_sent():
    chart = read(
        chart_with(
            "events: {done.state.p: {from: p, to: b}}\n",
            states="{a: {}, b: {}, p: {initial: c, states: {c: {final: true}}}}",
        )
    )
    assert chart.events[0].internal


def test_a_reason_rule_has_four_spellings():
    chart = read(
        chart_with("""\
        reasons: {codes: {x: , y: }}
        events:
          go:
            - {from: a, reason: optional}
            - {from: a, reason: forbidden}
            - {from: a, reason: [x, y]}
            - {from: a, reason: {mode: optional, codes: [x]}}
        """)
    )
    assert [t.reason for t in chart.transitions] == [
        ReasonRule("optional"),
        ReasonRule("forbidden"),
        ReasonRule("required", ("x", "y")),
        ReasonRule("optional", ("x",)),
    ]


def test_scenarios_carry_what_is_sent():
    chart = read(
        chart_with("""\
        guards: {free: }
        actors: {staff: }
        events: {go: {from: a, to: b, by: staff, guard: free}}
        scenarios:
          - title: t
            given: a
            at: 2024-01-01T00:00:00Z
            send:
              - go
              - {event: go, actor: staff, reason: why, links: [x], payload: {n: 1, t: "1", u: [true, 0755, ~]},
                 order: {total: 1.5}, items: [{code: c}], now: 2024-01-02T00:00:00Z, guards: {free: false}}
            refused: guard-refused
            profile: strict
            source: the page
        """)
    )
    (scenario,) = chart.scenarios
    assert (scenario.given, scenario.at, scenario.refused, scenario.profile, scenario.source, scenario.position) == (
        "a",
        "2024-01-01T00:00:00Z",
        "guard-refused",
        "strict",
        "the page",
        Position(9, 5),
    )
    assert scenario.send == (
        Send("go"),
        Send(
            "go",
            actor="staff",
            reason="why",
            links=("x",),
            payload={"n": 1, "t": "1", "u": [True, "0755", None]},
            facts={"order": {"total": 1.5}, "items": [{"code": "c"}]},
            now="2024-01-02T00:00:00Z",
            guards={"free": False},
        ),
    )


def test_an_event_may_be_unknown_where_that_is_what_is_refused():
    chart = read(chart_with("scenarios: [{title: t, send: [fly], refused: unknown-event}]\n"))
    assert chart.scenarios[0].send == (Send("fly"),)


def test_a_rollup_is_read():
    chart = read(
        chart_with("""\
        events: {go: {from: a, to: b}}
        rollup:
          items: x/item
          events: [go]
          keep: b
          rules:
            - {to: b, when: size(items) > 0, basis: stated, source: the page}
            - {to: a, otherwise: true}
        """)
    )
    rollup = chart.rollup
    assert rollup is not None
    assert (rollup.items, rollup.events, rollup.keep, rollup.position) == ("x/item", ("go",), ("b",), Position(6, 1))
    first, last = rollup.rules
    assert (first.when, first.to, first.basis, first.cite) == (parse("size(items) > 0"), "b", Basis.STATED, "the page")
    assert (last.when, last.to, last.basis) == (None, "a", Basis.INFERRED)


def test_named_things_have_positions():
    positions = read(SHOP).positions
    assert positions["guards.paid"] == Position(11, 10)
    assert positions["reasons.codes.sold_out"] == Position(16, 5)
    assert positions["actors.staff"] == Position(9, 3)
    assert positions["codes.aliases.sent"] == Position(6, 19)
    assert positions["title"] == Position(4, 1)


def test_the_strict_profile_leaves_inferred_arrows_and_aliases_out():
    chart = read(SHOP, profile="strict")
    assert (chart.profile, chart.aliases) == ("strict", {})
    assert [t.events for t in chart.dropped] == [("expire",)]


def test_a_profile_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="'strict' or 'full'"):
        read(SHOP, profile="lenient")


def test_a_byte_order_mark_and_windows_lines_change_nothing():
    chart = read("\ufeff" + SHOP.replace("\n", "\r\n"))
    assert chart.hash == read(SHOP).hash
    assert chart.states == read(SHOP).states


# --- the hash -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("this", "that"),
    [
        ("# a comment\n", "# another comment\n\n"),
        ("by: staff", "by: [staff]"),
        ("{from: received, to: held, by: staff}", "{by: staff, to: held, from: received}"),
        ("title: Orders of a small shop", "title: 'Orders of a small shop'"),
        ("{P30D: expire}", "{\n        P30D: expire}"),
    ],
)
def test_layout_and_comments_do_not_change_the_hash(this: str, that: str):
    assert this in SHOP
    assert read(SHOP.replace(this, that)).hash == read(SHOP).hash


@pytest.mark.parametrize(
    ("this", "that"),
    [
        ("title: Orders", "title: Order"),
        ("by: staff", "by: customer"),
        ("      received: {category: open, after: {P30D: expire}}\n", "      received: {category: open}\n"),
        ("after cancelled", "after held"),
        ("by: [customer, staff]", "by: [staff, customer]"),
    ],
)
def test_content_changes_the_hash(this: str, that: str):
    assert this in SHOP
    assert read(SHOP.replace(this, that)).hash != read(SHOP).hash


def test_the_order_of_states_and_events_is_content():
    one = read(chart_with("events: {go: {from: a, to: b}, stop: {from: a, to: b}}\n"))
    other = read(chart_with("events: {stop: {from: a, to: b}, go: {from: a, to: b}}\n"))
    assert one.hash != other.hash


def test_a_number_and_its_text_differ_in_free_data_alone():
    text = "title: 5\nscenarios: [{title: t, send: [{event: go, payload: {n: 5}}], refused: unknown-event}]\n"
    assert read(chart_with(text)).hash == read(chart_with(text.replace("title: 5", "title: '5'"))).hash
    assert read(chart_with(text)).hash != read(chart_with(text.replace("n: 5", "n: '5'"))).hash


# --- what is refused ----------------------------------------------------------------

BOMB = 'a: &a ["lol","lol","lol","lol","lol","lol","lol","lol","lol"]\n' + "\n".join(
    f"{name}: &{name} [{','.join([f'*{last}'] * 9)}]" for last, name in zip("abcdef", "bcdefg", strict=True)
)


MALFORMED = [
    ("", "1:1: the document is empty", "begin with `chart: vocabulary/subject`"),
    ("# nothing\n", "1:1: the document is empty", "begin with `chart: vocabulary/subject`"),
    ("~\n", "1:1: nothing stands where a chart belongs", ""),
    ("hello\n", "1:1: `hello` stands where a chart belongs", ""),
    ("- a\n", "1:1: a list stands where a chart belongs", ""),
    (BOMB, "1:4: the anchor `&a` is not allowed in a chart", "write it out where it is needed"),
    ("a: &a [*a]\n", "1:4: the anchor `&a` is not allowed in a chart", "write it out where it is needed"),
    (
        chart_with("title: &t Hello\n"),
        "5:8: the anchor `&t` is not allowed in a chart",
        "write it out where it is needed",
    ),
    (chart_with("<<: {a: 1}\n"), "5:1: <<: merge keys are not used in charts", "write the keys out"),
    (
        chart_with("title: !!python/object/apply:os.system ['true']\n"),
        "5:8: the tag `tag:yaml.org,2002:python/object/apply:os.system` is not allowed in a chart",
        "remove it; types are known",
    ),
    (
        chart_with("title: !!str 5\n"),
        "5:8: the tag `tag:yaml.org,2002:str` is not allowed in a chart",
        "remove it; types are known",
    ),
    (chart_with("---\nchart: a/b\n"), "5:1: a second document begins here", "one file holds one chart"),
    (
        "%YAML 1.1\n---\n" + chart_with(""),
        "2:1: directives are not used in charts",
        "remove the lines that begin with %",
    ),
    (
        "%TAG ! tag:x,2000:\n---\n" + chart_with(""),
        "2:1: directives are not used in charts",
        "remove the lines that begin with %",
    ),
    (
        chart_with("title: a\ntitle: b\n"),
        "6:1: title: the key `title` stands on line 6 and on line 5",
        "keep one of them",
    ),
    (
        chart_with("title: a\n'title': b\n"),
        "6:1: title: the key `title` stands on line 6 and on line 5",
        "keep one of them",
    ),
    (
        chart_with("", states="{a: {}, a: {}}"),
        "4:17: states.a: the key `a` stands on line 4 and on line 4",
        "keep one of them",
    ),
    (
        chart_with("", states="{a: {}, b: {initial: c, states: {c: {}, a: {}}}}"),
        "4:49: states.b.states.a: a state `a` already stands on line 4",
        "rename one; `code` may be equal",
    ),
    (chart_with("evnts: {}\n"), "5:1: evnts: a chart has no key `evnts`", "did you mean events?"),
    (chart_with("transitions: []\n"), "5:1: transitions: a chart has no key `transitions`", "did you mean events?"),
    (
        chart_with("events: {go: {from: a, dest: b}}\n"),
        "5:24: events.go.dest: an arrow has no key `dest`",
        "did you mean to?",
    ),
    (
        chart_with("zzz: {}\n"),
        "5:1: zzz: a chart has no key `zzz`",
        "known here: chart, version, title, description, source, spel",
    ),
    (
        chart_with("", states="{a: {categry: open}}"),
        "4:14: states.a.categry: a state has no key `categry`",
        "did you mean category?",
    ),
    (
        chart_with("events: {go: {from: a, too: b}}\n"),
        "5:24: events.go.too: an arrow has no key `too`",
        "did you mean to?",
    ),
    (chart_with('title: "a\\0b"\n'), "5:8: title: `a\\x00b` holds a control character", "remove the escape"),
    (chart_with("title: a\x1bb\n"), "5:9: the character U+001B is not allowed in a chart", "remove it"),
    (chart_with('title: "\\ud800"\n'), "5:8: title: `\\ud800` holds a control character", "remove the escape"),
    (chart_with("title: \ud800\n"), "5:8: the character U+D800 is not allowed in a chart", "remove it"),
    (chart_with("title: a\u202eb\n"), "5:9: the character U+202E is not allowed in a chart", "remove it"),
    (
        "chart: x/y\nstates:\n\ta: {}\n",
        "3:1: this is not YAML: found character '\\t' that cannot start any token",
        "indent with spaces",
    ),
    ("[" * 200000, "1:33: the document is more than 32 levels deep", "flatten it"),
    ("{a: " * 40, "1:129: the document is more than 32 levels deep", "flatten it"),
    ("\n".join(" " * i + "a:" for i in range(40)), "33:33: the document is more than 32 levels deep", "flatten it"),
    ("#" * 300000, "1:1: the document has 300000 bytes, more than 262144", "split the chart"),
    ("a: [" + "1," * 30000 + "]", "1:30001: the document has more than 15000 nodes", "split the chart"),
    (
        "chart: x/y\nversion: 2024-04\ninitial: a\nstates: {a: {}}\n",
        "2:10: version: the version 2024-04 has no quotes",
        'write version: "2024-04"',
    ),
    (
        "chart: x/y\nversion: 1.0\ninitial: a\nstates: {a: {}}\n",
        "2:10: version: `1.0` is not a text in YAML",
        'write "1.0" with the quotes',
    ),
    (
        "chart: x/y\ninitial: a\nstates: {a: {}}\n",
        "1:1: a chart needs the key `version`",
        "the version of the vocabulary that the chart describes, in q",
    ),
    (
        'chart: x/y\nversion: "1"\nstates: {a: {}}\n',
        "1:1: a chart needs the key `initial`",
        "where an order begins; several: one per region",
    ),
    ('chart: x/y\nversion: "1"\ninitial: a\n', "1:1: a chart needs the key `states`", "the states"),
    (chart_with("", states="{}"), "4:9: states: the mapping is empty", "name at least one"),
    (
        chart_with("", states=""),
        "5:1: states: nothing stands where a mapping of names belongs",
        "write `name: value` lines, or {name: value}",
    ),
    (
        chart_with("").replace("x/y", "xy"),
        "1:8: chart: `xy` is not a chart's name",
        "write vocabulary/subject, e.g. shop/order",
    ),
    (
        chart_with("", states="{a: {}, 1b: {}}"),
        "4:17: states.1b: `1b` is not a name",
        "a letter first, then letters, digits, `_`, `.` and `-`, 64 c",
    ),
    (
        chart_with("", states="{a: {}, b%s: {}}" % ("x" * 64)),
        "4:17: states.bxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: `bxxxxxxxxxxxxxxxxxxx",
        "a letter first, then letters, digits, `_`, `.` and `-`, 64 c",
    ),
    (
        chart_with("", states="{a: {}, '<script>': {}}"),
        "4:17: states.<script>: `<script>` is not a name",
        "a letter first, then letters, digits, `_`, `.` and `-`, 64 c",
    ),
    (chart_with("title: [a]\n"), "5:8: title: a list stands where a text on one line belongs", ""),
    (
        chart_with("title:\n"),
        "6:1: title: nothing stands where a text on one line belongs",
        "write one, or leave the key out",
    ),
    (
        chart_with("", states="{a: {final: 'true'}}"),
        "4:21: states.a.final: `true` stands where true or false belongs",
        "write it without quotes",
    ),
    (chart_with("", states="{a: {final: yes}}"), "4:21: states.a.final: `yes` stands where true or false belongs", ""),
    (
        chart_with("", states="{a: {category: opn}}"),
        "4:24: states.a.category: `opn` stands where open, waiting, suspended, done, failed or cancelled belo",
        "did you mean open?",
    ),
    (chart_with("").replace("initial: a", "initial: aa"), "3:10: initial: no state is called `aa`", "did you mean a?"),
    (
        chart_with("events: {go: {from: a, to: bb}}\n", states="{a: {}, bbb: {}}"),
        "5:28: events.go.to: no state is called `bb`",
        "did you mean bbb?",
    ),
    (
        chart_with("events: {go: {from: [a, c], to: b}}\n"),
        "5:25: events.go.from[1]: no state is called `c`",
        "known here: a, b",
    ),
    (
        chart_with("events: {go: {from: a, to: b, by: staf}}\nactors: {staff: x}\n"),
        "5:35: events.go.by: no actor is called `staf`",
        "did you mean staff?",
    ),
    (
        chart_with("events: {go: {from: a, to: b, by: staff}}\n"),
        "5:35: events.go.by: no actor is called `staff`",
        "declare it under `actors`",
    ),
    (
        chart_with("events: {go: {from: a, to: b, guard: [g]}}\nguards: {gg: x}\n"),
        "5:39: events.go.guard[0]: no guard is called `g`",
        "did you mean gg?",
    ),
    (
        chart_with("events: {go: {from: a, to: b, emit: g}}\n"),
        "5:37: events.go.emit: no action is called `g`",
        "declare it under `actions`",
    ),
    (
        chart_with("events: {go: {from: a, to: b, raise: g}}\n"),
        "5:38: events.go.raise: no event is called `g`",
        "did you mean go?",
    ),
    (
        chart_with("events: {go: {from: a, to: b, reason: [cloud]}}\nreasons: {codes: {cloudy: x}}\n"),
        "5:40: events.go.reason[0]: no reason code is called `cloud`",
        "did you mean cloudy?",
    ),
    (
        chart_with("events: {go: {from: a, to: b, links: trak}}\nlinks: {track: x}\n"),
        "5:38: events.go.links: no link relation is called `trak`",
        "did you mean track?",
    ),
    (
        chart_with("events: {go: {from: a, to: b}}\n", states="{a: {after: {P1D: goo}}, b: {}}"),
        "4:27: states.a.after.P1D: no event is called `goo`",
        "did you mean go?",
    ),
    (
        chart_with("events: {go: {from: a, to: b}}\n", states="{a: {after: {P1M: go}}, b: {}}"),
        "4:22: states.a.after.P1M: 'P1M' uses years or months, which have no fixed length",
        "write weeks or days",
    ),
    (
        chart_with("events: {go: {from: a, to: b}}\n", states="{a: {after: {14 days: go}}, b: {}}"),
        "4:22: states.a.after.14 days: `14 days` is not a duration",
        "write P14D, PT48H, P1DT12H",
    ),
    (
        chart_with("events: {go: {from: a, to: b, reason: requird}}\n"),
        "5:39: events.go.reason: `requird` stands where required, optional or forbidden belongs",
        "did you mean required?",
    ),
    (chart_with("events: {go: {from: [*], to: b}}\n"), "5:23: `[*]` without quotes is an alias in YAML", 'write "[*]"'),
    (
        chart_with("events: {go: {from: '[*]'}}\n"),
        "5:21: events.go.from: an arrow that begins an order needs a target",
        "add `to`",
    ),
    (
        chart_with("events: {go: {to: b}}\n"),
        "5:14: events.go: an arrow needs the key `from`",
        'the state or states it leads out of; "[*]" begins an order',
    ),
    (
        chart_with("events: {go: {arrows: [{to: b}]}}\n"),
        "5:24: events.go.arrows[0]: an arrow needs the key `from`",
        "give it to the arrow, or to the event",
    ),
    (chart_with("events: {go: }\n"), "5:13: events.go: nothing stands where an arrow or a list of arrows belongs", ""),
    (chart_with("events: {go: b}\n"), "5:14: events.go: `b` stands where an arrow or a list of arrows belongs", ""),
    (chart_with("events: {go: []}\n"), "5:14: events.go: the list is empty", "leave the key out, or name one"),
    (
        chart_with("events: {go: {from: a, to: b, when: 'payload.x >'}}\n"),
        "5:38: events.go.when: not an expression: invalid syntax",
        "compare with ==, !=, <, <=, >, >= or in, and combine with and, or, not",
    ),
    (
        chart_with(
            "events:\n  go:\n    from: a\n    to: b\n    when: >-\n      payload.x > 1\n      and __import__('os')\n"
        ),
        "11:11: events.go.when: unknown function __import__()",
        "the functions are size, all, any, count, was, in_state, days",
    ),
    (
        chart_with("events: {go: {from: a, to: b, when: was(aa)}}\n"),
        "5:41: events.go.when: was() takes the name of a state",
        'write was("…")',
    ),
    (
        chart_with("events: {go: {from: a, to: b, when: payload.b and was('bb')}}\n"),
        "5:56: events.go.when: no state is called `bb`",
        "did you mean b?",
    ),
    (
        chart_with("", states="{a: {states: {c: {}}}}"),
        "4:10: states.a: a has states inside and no `initial`",
        "say where it begins: inside it: c",
    ),
    (
        chart_with("", states="{a: {initial: b, states: {c: {}}}, b: {}}"),
        "4:23: states.a.initial: b does not lie inside a",
        "inside it: c",
    ),
    (
        chart_with("", states="{a: {initial: a}}"),
        "4:23: states.a.initial: a is atomic and has an `initial`",
        "only a state with `states` has one",
    ),
    (
        chart_with("", states="{a: {parallel: true}}"),
        "4:10: states.a: a is parallel and has no states inside",
        "add `states`, one per region",
    ),
    (
        chart_with("", states="{a: {parallel: true, initial: b, states: {b: {}, c: {}}}}"),
        "4:39: states.a.initial: a is parallel and has an `initial`",
        "all its regions begin at once; give each its own",
    ),
    (
        chart_with("", states="{a: {final: true, states: {b: {}}}}"),
        "4:35: states.a.states: a is final and has states inside",
        "remove `final`, or the states",
    ),
    (
        chart_with("events: {go: {from: a, to: [b, c]}}\n", states="{a: {}, b: {}, c: {}}"),
        "5:32: events.go.to[1]: b and c cannot be entered together",
        "several targets lie in different regions of a parallel state",
    ),
    (
        chart_with("events: {go: {from: a, to: [b, c]}}\n", states="{a: {}, b: {initial: c, states: {c: {}}}}"),
        "5:32: events.go.to[1]: b and c cannot be entered together",
        "several targets lie in different regions of a parallel state",
    ),
    (
        chart_with("events: {go: {from: [a, a], to: b}}\n"),
        "5:25: events.go.from[1]: `a` is named twice",
        "keep one of them",
    ),
    (
        chart_with("", states="{a: {}, h: {history: deep, default: a}}"),
        "4:17: states.h: a history state outside all states remembers nothing",
        "name its state with `of`",
    ),
    (
        chart_with("", states="{a: {}, h: {history: deep, of: a, default: a}}"),
        "4:40: states.h.of: a has no states inside that could be remembered",
        "name a state with children",
    ),
    (
        chart_with("", states="{a: {}, h: {history: deep, of: c, default: a}}"),
        "4:40: states.h.of: no state is called `c`",
        "known here: a, h",
    ),
    (
        chart_with("", states="{a: {}, p: {initial: c, states: {c: {}, h: {history: shallow, default: a}}}}"),
        "4:80: states.p.states.h.default: a does not lie inside p",
        "inside it: c",
    ),
    (
        chart_with("", states="{a: {}, p: {initial: c, states: {c: {}, h: {history: shallow}}}}"),
        "4:52: states.p.states.h: a history state needs the key `default`",
        "where it leads when there is nothing to remember",
    ),
    (
        chart_with("", states="{a: {}, p: {initial: c, states: {c: {}, h: {history: shallow, default: c, code: x}}}}"),
        "4:83: states.p.states.h.code: a history state has no key `code`",
        "a history state is only a memory",
    ),
    (
        chart_with("", states="{a: {of: a}}"),
        "4:14: states.a.of: a state has no key `of`",
        "only a history state has it: history: shallow",
    ),
    (
        chart_with(
            "events: {go: {from: h, to: a}}",
            states="{a: {}, p: {initial: c, states: {c: {}, h: {history: shallow, default: c}}}}",
        ),
        "5:21: events.go.from: h is a memory, and nothing leads out of it",
        "name a state",
    ),
    (
        chart_with("events: {done.state.a: {from: a, to: b}}"),
        "5:10: events.done.state.a: `a` is no compound or parallel state, so it never raises done.state.a",
        "",
    ),
    (
        chart_with("always: [{from: a, to: b, by: x}]\n"),
        "5:27: always[0].by: an eventless arrow has no key `by`",
        "nobody asks for an eventless arrow; give it to an event",
    ),
    (
        chart_with("codes: {aliases: {c: d}}\n"),
        "5:22: codes.aliases.c: `d` is no code of this chart",
        "known here: a, b",
    ),
    (
        chart_with("codes: {aliases: {a: b}}\n"),
        "5:19: codes.aliases.a: `a` is a code itself",
        "an alias is a word that the chart lacks",
    ),
    (
        chart_with("spelling: '[a-'\n"),
        "5:11: spelling: `[a-` is not a regular expression: unterminated character set at position 0",
        "",
    ),
    (
        chart_with("rollup: {items: x, events: [go], rules: [{to: a, when: 'true'}]}\n"),
        "5:17: rollup.items: `x` is not a chart's name",
        "write vocabulary/subject, e.g. shop/order",
    ),
    (
        chart_with("rollup: {items: x/i, events: [go], rules: [{to: a}]}\n"),
        "5:44: rollup.rules[0]: a rule needs the key `when`",
        "what the items look like; or `otherwise: true`",
    ),
    (
        chart_with(
            "rollup: {items: x/i, events: [go], keep: [c], rules: [{to: a, otherwise: true}, {to: e, when: was(a)}]}\n"
        ),
        "5:31: rollup.events[0]: no event is called `go`",
        "declare it under `events`",
    ),
    (
        chart_with("scenarios: [{title: t}]\n"),
        "5:13: scenarios[0]: a scenario asks nothing",
        "give it one of `codes`, `send` and `items`",
    ),
    (
        chart_with("scenarios: [{title: t, codes: [a, c]}]\n"),
        "5:35: scenarios[0].codes[1]: `c` is no code of this chart",
        "known here: a, b",
    ),
    (
        chart_with(
            "scenarios: [{title: t, given: c, at: yesterday, send: [{event: go, actor: me, guards: {g: true}}]}]\n"
        ),
        "5:31: scenarios[0].given: no state is called `c`",
        "known here: a, b",
    ),
    (
        chart_with("scenarios: [{title: t, codes: [a], refused: not-enabld}]\n"),
        "5:45: scenarios[0].refused: `not-enabld` stands where ambiguous, claim-refused, guard-refused, link-n",
        "did you mean not-enabled?",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: strin}}}\n"),
        "5:37: events.go.payload.x: `strin` stands where string, integer, number, boolean, date, datetime, du",
        "did you mean string?",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: {type: string, minimum: 1}}}}\n"),
        "5:61: events.go.payload.x.minimum: `minimum` says nothing about a field of type string",
        "`minimum` is for integer and number",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: {type: integer, enum: [a]}}}}\n"),
        "5:60: events.go.payload.x.enum[0]: `a` is no integer",
        "the values of `enum` have the field's type",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: {type: string, max_length: 1.5}}}}\n"),
        "5:64: events.go.payload.x.max_length: `1.5` is no length",
        "write a whole number, 0 or more",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: string, 'x?': string}}}\n"),
        "5:45: events.go.payload.x?: the field `x` is named twice",
        "keep one of them",
    ),
    (
        chart_with("? [a]\n: b\n"),
        "5:3: a list stands where a key belongs",
        "a key is a text; check for braces that need quotes",
    ),
    (
        chart_with("{a: b}: c\n"),
        "5:1: a mapping stands where a key belongs",
        "a key is a text; check for braces that need quotes",
    ),
    (
        chart_with("title: a: b\n"),
        "5:9: this is not YAML: mapping values are not allowed here",
        "a text that holds `: ` needs quotes",
    ),
    (
        chart_with("title: 'a\n"),
        "5:8: this is not YAML: found unexpected end of stream",
        "close what is opened here",
    ),
    (
        chart_with('title: "a\\q"\n'),
        "5:11: this is not YAML: found unknown escape character 'q'",
        "write two backslashes for one, or take single quotes",
    ),
    ("<scxml/>", "1:1: `<scxml/>` stands where a chart belongs", "write `key: value` lines"),
    (
        chart_with("", states="{a: {}, d\u043ene: {}}"),
        "4:17: states.d\u043ene: `d\u043ene` is not a name",
        "U+043E CYRILLIC SMALL LETTER O is not an ASCII character; a letter first",
    ),
    (
        chart_with("events:\n  go: {from: a, to: a\u200b}\n"),
        "6:21: events.go.to: `a\\u200b` is not a name",
        "U+200B ZERO WIDTH SPACE is not an ASCII character; a letter first",
    ),
    (
        chart_with("events:\n  go: {from: a, to:\u00a0a}\n"),
        "6:17: events.go.to:\\xa0a: an arrow has no key `to:\\xa0a`",
        "U+00A0 NO-BREAK SPACE is not an ASCII character; known here: ",
    ),
    (chart_with("title: [a\n"), "6:1: this is not YAML: expected ',' or ']', but got '<stream end>'", ""),
    (
        chart_with("events:\n  go: {from: a, when: payload.n in [1, 2]}\n"),
        "6:36: this is not YAML: expected ',' or '}', but got '['",
        "inside braces, a text that holds brackets or commas needs quotes",
    ),
    (
        chart_with("events:\n  go: {from: a}\n stop: {from: a}\n"),
        "7:2: this is not YAML: expected <block end>, but found '<block mapping start>'",
        "check the indentation, and that texts with special character",
    ),
    (
        chart_with("title: @x\n"),
        "5:8: this is not YAML: found character '@' that cannot start any token",
        "put the text into quotes",
    ),
    (
        chart_with("title: %x\n"),
        "5:8: this is not YAML: found character '%' that cannot start any token",
        "put the text into quotes",
    ),
    (
        chart_with("title: `x`\n"),
        "5:8: this is not YAML: found character '`' that cannot start any token",
        "put the text into quotes",
    ),
    (
        chart_with("events: {go: [{from: a, payload: {}}]}\n"),
        "5:25: events.go[0].payload: an arrow has no key `payload`",
        "it belongs to the event: write {arrows: [...], payload: ...}",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: {type: integer, minimum: %s}}}}\n" % ("9" * 5000)),
        "5:62: events.go.payload.x.minimum: `999999999999999999999999999999999999999999999999999999999999…` s",
        "",
    ),
    (
        chart_with("events: {go: {from: a, payload: {x: {type: number, maximum: 1e999}}}}\n"),
        "5:61: events.go.payload.x.maximum: `1e999` stands where a number belongs",
        "",
    ),
    (
        chart_with("", states="{a: {code: ''}}"),
        "4:20: states.a.code: an empty text stands where a text on one line belongs",
        "write one, or leave the key out",
    ),
    (
        chart_with("", states='{a: {code: "a\\nb"}}'),
        "4:20: states.a.code: `a b` is not a text on one line",
        "quote it, or fold it with `>-`",
    ),
]


@pytest.mark.parametrize(("text", "says", "remedy"), MALFORMED, ids=[says[:80] for _, says, _ in MALFORMED])
def test_a_malformed_document_is_refused_with_place_path_and_remedy(text: str, says: str, remedy: str):
    error = refusal(text)
    assert str(error).startswith(f"x.yaml:{says}")
    assert error.remedy.startswith(remedy)


def test_the_alias_bomb_has_271_bytes():
    assert len(BOMB) == 271


def test_a_second_state_of_a_name_is_told_with_both_lines():
    error = refusal(chart_with("", states="\n  a: {}\n  b:\n    initial: c\n    states:\n      c: {}\n      a: {}\n"))
    assert (error.line, error.message) == (10, "a state `a` already stands on line 5")


@pytest.mark.parametrize(
    ("when", "line", "column"),
    [
        ("payload.x > foo(1)", 5, 49),
        ("'payload.x > foo(1)'", 5, 50),
        ('"payload.x > foo(1)"', 5, 50),
        ("\"payload.x == 'it' and foo(1)\"", 5, 60),
        ("payload.x >\n    foo(1)", 6, 5),
        ("'payload.x >\n\n    foo(1)'", 7, 5),
    ],
)
def test_an_error_inside_an_expression_is_shown_where_it_stands(when: str, line: int, column: int):
    error = refusal(chart_with(f"events: {{go: {{from: a, to: b, when: {when}}}}}\n"))
    assert (error.line, error.column, error.path) == (line, column, "events.go.when")
    assert "unknown function foo()" in error.message


@pytest.mark.parametrize("style", ["|", ">", ">-", "|2-"])
def test_an_error_inside_a_block_is_shown_where_it_stands(style: str):
    error = refusal(chart_with(f"events:\n  go:\n    from: a\n    when: {style}\n      payload.x >\n      foo(1)\n"))
    assert (error.line, error.column) == (10, 7)


def test_every_error_of_a_document_is_told_in_the_order_of_the_file():
    error = refusal(
        chart_with("""\
        events:
          go: {from: a, to: c, by: me}
          stop: {from: d, when: payload.x >}
        """)
    )
    places = [(found.line, found.path) for found in (error, *error.others)]
    assert places == [(6, "events.go.to"), (6, "events.go.by"), (7, "events.stop.from"), (7, "events.stop.when")]


def test_what_arrows_share_is_reported_once():
    error = refusal(chart_with("events: {go: {when: payload.x >, arrows: [{from: a}, {from: b}]}}\n"))
    assert error.others == ()


def test_no_more_than_twenty_errors_are_told():
    error = refusal(chart_with("".join(f"k{number}: 1\n" for number in range(1_000))))
    assert len(error.others) == 19


# --- limits -------------------------------------------------------------------------

ATTACKS = {
    "brackets": "[" * 200_000,
    "braces": "{a: " * 60_000,
    "block lists": "- " * 100_000,
    "question marks": "? " * 100_000,
    "bomb": BOMB,
    "nodes": "a: [" + "1," * 100_000 + "]",
    "keys": chart_with("".join(f"key{number}: 1\n" for number in range(7_000))),
    "names": chart_with("events: {go: {from: [" + ",".join(f"n{number}" for number in range(14_000)) + "]}}"),
    "one line": chart_with('title: "' + "x" * 200_000 + '\\nx"'),
    "expression": chart_with("events: {go: {from: a, when: '" + "(" * 100_000 + "'}}"),
    "digits": chart_with("events: {go: {from: a, payload: {x: {type: integer, minimum: " + "9" * 5_000 + "}}}}"),
    "targets": chart_with("events: {go: {from: a, to: [" + ",".join(f"n{n}" for n in range(14_000)) + "]}}"),
    "tabs": "\t" * 200_000,
    "tag": "!" * 100_000,
    "key": "k" * 200_000 + ": 1",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_with_a_seconds_work(attack: str):
    """Ten million calls; what regular expressions do in one of them has thirty seconds, where it should take one."""
    begin = time.process_time()
    assert calls(lambda: refusal(ATTACKS[attack])) < 10_000_000
    assert time.process_time() - begin < 30


@pytest.mark.parametrize("attack", ["bomb", "brackets", "nodes"])
def test_an_attack_is_refused_in_little_memory(attack: str):
    tracemalloc.start()
    try:
        refusal(ATTACKS[attack])
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


def test_a_long_chart_is_read_with_a_tenth_of_a_seconds_work():
    text = (FOLDER / "cablelabs" / "order.yaml").read_text(encoding="utf-8")
    assert text.count("\n") > 300
    read(text)
    assert calls(lambda: read(text)) < 1_000_000


def test_the_package_is_imported_without_a_yaml_library():
    script = "import sys, orderfsm.catalogue; sys.exit(any(name.startswith('ruamel.yaml') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# --- whatever else may come ---------------------------------------------------------

MARKS = [*"\"'[]{}%|>é@`~", "[*]", "\\x", "\\U99999999", "!!x", "null", "true", "1e9", "<<", "9" * 30]
PIECES = st.sampled_from(
    [*MARKS, "&a ", "*a ", ": ", ", ", "? ", "- ", "# ", "\n---\n", "\n...\n", "\n", "\r", "\t", "\0", "\x85", "\ud800"]
)


def outcome(text: str) -> DocumentError | None:
    """What reading the text ends with: a chart, or the one error that may be."""
    try:
        read(text)
    except DocumentError as error:
        return error
    return None


@given(st.text())
def test_any_text_is_read_or_refused_with_a_place(text: str):
    error = outcome(text)
    assert error is not None
    assert error.line >= 1
    assert error.column >= 1


@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_anything_like_yaml_is_read_or_refused_with_a_place(text: str):
    error = outcome(text)
    assert error is not None
    assert error.line >= 1


@given(st.data())
def test_a_damaged_chart_is_read_or_refused_with_a_place(data: st.DataObject):
    text = SHOP
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = begin + data.draw(st.integers(0, 4))
        text = text[:begin] + data.draw(PIECES | st.just("")) + text[end:]
    error = outcome(text)
    assert error is None or 1 <= error.line <= text.count("\n") + text.count("\r") + 2
