"""Sound charts, and every way of breaking them that a check is meant to notice.

A mutation takes a sound chart and yields broken ones; `code` is the finding that each of them deserves. `python -m
tests.mutants` writes the tables of docs/explanation/checks.md anew: how many broken charts are found out, how many
sound ones are accused, and how many blind changes are noticed at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import orderfsm
from orderfsm import Category, Chart
from orderfsm.catalogue import names
from orderfsm.chart import (
    FREE,
    START,
    Effect,
    Event,
    Guard,
    Kind,
    ReasonRule,
    Rule,
    State,
    Timer,
    Transition,
)
from orderfsm.expression import parse
from orderfsm.graph import passed
from orderfsm.history import Entry
from orderfsm.table import Table

RANDOM = 20
"""How many random charts are broken."""

SOUND = 200
"""How many random charts are looked at for false alarms."""

PER_CHART = 2
"""How many broken charts each mutation may make of one sound chart."""

# --- sound charts of our own ------------------------------------------------------

OWN = (
    """
chart: own/parcel
version: "1"
initial: ready
actors: {shop: The shop., buyer: Whoever pays., system: The sweep.}
reasons: {open: false, codes: {late: Came too late., broken: Came broken.}}
links: {label: The parcel's label.}
actions: {print: Print the label., greet: Say thanks.}
states:
  ready:
    parallel: true
    states:
      paying:
        initial: unpaid
        states:
          unpaid: {category: waiting, after: {P14D: give_up}}
          paid: {final: true}
      packing:
        initial: unpacked
        states:
          unpacked: {category: open}
          packed: {final: true}
  sent: {category: open}
  delivered: {category: done, final: true}
  dropped: {category: cancelled, final: true}
events:
  pay: {from: unpaid, to: paid, by: buyer, when: payload.amount >= order.total, payload: {amount: number}}
  pack: {from: unpacked, to: packed, by: shop, emit: print}
  done.state.ready: {from: ready, to: sent}
  arrive: {from: sent, to: delivered, links: [label], emit: greet}
  complain: {from: sent, to: dropped, by: buyer, reason: [late, broken]}
  give_up: {from: unpaid, to: dropped, by: system}
rules:
  - never delivered unless was sent
  - never paid after sent
  - at most once sent
  - eventually final
scenarios:
  - title: packed and paid
    given: ready
    send: [pack, {event: pay, payload: {amount: 5}, order: {total: 5}}]
    then: sent
""",
    """
chart: own/review
version: "1"
initial: draft
spelling: "[A-Z][A-Z ]*"
codes: {aliases: {Waiting: ON HOLD}}
actors: {author: Who writes., editor: Who decides.}
guards: {well_known: The author has published before.}
states:
  open:
    initial: draft
    states:
      draft: {code: DRAFT, category: open}
      submitted: {code: SUBMITTED, category: waiting}
      checking:
        initial: spelling
        states:
          spelling: {code: CHECKED, category: open}
          facts: {code: CHECKED, category: open}
      was_open: {history: deep, default: draft}
  held: {code: ON HOLD, category: suspended}
  published: {code: OUT, category: done, final: true}
  refused: {code: NO, category: failed, final: true}
events:
  submit: {from: draft, to: submitted, by: author}
  take:
    - {from: submitted, to: facts, by: editor, guard: well_known}
    - {from: submitted, to: spelling, by: editor}
  agree:
    - {from: spelling, to: facts, by: editor}
    - {from: facts, to: published, by: editor, when: was("submitted") and payload.score > 3}
    - {from: facts, to: spelling, by: editor, when: payload.score <= 3}
  revise: {from: open, to: draft, by: author}
  refuse: {from: [submitted, checking], to: refused, by: editor}
  hold: {from: open, to: held, by: editor}
  resume: {from: held, to: was_open, by: editor}
rules:
  - never published unless was facts
  - never draft after refused
  - eventually published | refused
scenarios:
  - {title: back again, codes: [DRAFT, SUBMITTED, CHECKED, ON HOLD, CHECKED, OUT]}
  - {title: not twice, codes: [DRAFT, SUBMITTED, NO, DRAFT], refused: not-enabled}
""",
    """
chart: own/seat
version: "1"
initial: free
actors: {guest: Who sits., house: Who lets., system: The sweep.}
states:
  free: {category: open}
  asked: {category: waiting, after: {PT15M: lapse, PT1H: drop}}
  taken: {category: open}
  left: {category: done, final: true}
  gone: {category: cancelled, final: true}
events:
  ask: {from: free, to: asked, by: guest}
  let: {from: asked, to: taken, by: house}
  lapse: {from: asked, to: free, by: house, when: days_since("asked") >= 0.01}
  drop: {from: asked, to: gone, by: system}
  leave:
    - {from: taken, to: left, by: guest, when: order.bill == 0}
    - {from: taken, to: gone, by: guest, when: order.bill > 0 and order.guest != "regular"}
    - {from: taken, to: taken}
rules: [never left unless was taken, eventually final]
scenarios:
  - {title: sits and leaves, codes: [free, asked, taken, left]}
  - {title: stays, given: taken, send: [{event: leave, order: {bill: 3, guest: regular}}], then: taken}
""",
)


def shipped() -> tuple[Chart, ...]:
    """The charts of the catalogue, whole."""
    return tuple(orderfsm.load(name) for name in names())


@cache
def own() -> tuple[Chart, ...]:
    """Charts of every construct that the shipped ones do not use."""
    return tuple(orderfsm.read(text, filename=f"own-{place}.yaml") for place, text in enumerate(OWN))


@cache
def drawn(seed: int, size: int = 12) -> Chart:
    """A random sound chart: everything is reached, an end can be reached from everywhere, nothing is said twice."""
    dice = random.Random(seed)
    inner = [f"s{n}" for n in range(dice.randint(4, size))]
    ends = ("good", "bad")
    box = sorted(dice.sample(inner[1:], 2))
    states = [_drawn_state(dice, name, box) for name in inner if name not in box]
    states.append(State("box", Kind.COMPOUND, initial=(box[0],), category=Category.SUSPENDED))
    states += [_drawn_state(dice, name, box) for name in box]
    states += [State("was_box", Kind.SHALLOW, "box", initial=(box[0],))]
    states += [State("good", Kind.FINAL, category=Category.DONE), State("bad", Kind.FINAL, category=Category.FAILED)]
    arrows = [Transition(dice.choice(inner[:n]), (f"to_{n}",), (name,)) for n, name in enumerate(inner) if n]
    arrows += [Transition(name, (f"on_{n}",), (dice.choice([*inner[n + 1 :], *ends]),)) for n, name in enumerate(inner)]
    arrows += _split(dice, *dice.sample([*inner, *ends], 2))
    arrows += [Transition("s0", ("finish",), ("good",)), Transition("box", ("stop",), ("bad",))]
    arrows += [Transition("box", ("wait",), ("s0",)), Transition("s0", ("again",), ("was_box",))]
    events = tuple(Event(name) for name in dict.fromkeys(e for t in arrows for e in t.events))
    return Chart(f"drawn/{seed}", tuple(states), tuple(arrows), initial=("s0",), events=events)


def _drawn_state(dice: random.Random, name: str, box: list[str]) -> State:
    category = dice.choice((Category.OPEN, Category.WAITING))
    return State(name, parent="box" if name in box else None, category=category)


def _split(dice: random.Random, one: str, other: str) -> tuple[Transition, Transition]:
    """Two arrows for one event whose guards exclude each other."""
    bound = dice.randint(1, 9)
    return (
        Transition("s0", ("split",), (one,), (Guard(expression=parse(f"payload.n > {bound}")),)),
        Transition("s0", ("split",), (other,), (Guard(expression=parse(f"payload.n <= {bound}")),)),
    )


def charts() -> tuple[Chart, ...]:
    """The sound charts that are broken."""
    return (*shipped(), *own(), *(drawn(seed) for seed in range(RANDOM)))


@cache
def items(chart: Chart) -> Chart | None:
    """The chart of the items, for a chart with a roll-up."""
    return None if chart.rollup is None else orderfsm.load(chart.rollup.items)


# --- mutations ----------------------------------------------------------------------

Maker = Callable[[Chart], Iterator[Chart]]


@dataclass(frozen=True)
class Mutation:
    """A way of breaking a chart, and the finding that it deserves."""

    name: str
    code: str
    make: Maker

    def mutants(self, chart: Chart, limit: int = PER_CHART) -> Iterator[Chart]:
        """Broken charts; none when the chart has nothing to break in this way."""
        return islice(self.make(chart), limit)


MUTATIONS: list[Mutation] = []


def mutation(code: str) -> Callable[[Maker], Maker]:
    """Enter a mutation under its function's name."""

    def enter(make: Maker) -> Maker:
        MUTATIONS.append(Mutation(make.__name__.replace("roll_up", "roll-up").replace("_", " "), code, make))
        return make

    return enter


def table_of(chart: Chart) -> Table:
    return orderfsm.compile(chart)


def swap(things: tuple[Any, ...], old: Any, *new: Any) -> tuple[Any, ...]:
    """The things with one of them, found by identity, replaced."""
    return tuple(other for thing in things for other in (new if thing is old else (thing,)))


def with_arrow(chart: Chart, old: Transition, *new: Transition) -> Chart:
    return replace(chart, transitions=swap(chart.transitions, old, *new))


def with_state(chart: Chart, old: State, **changed: Any) -> Chart:
    return replace(chart, states=swap(chart.states, old, replace(old, **changed)))


def plus(chart: Chart, *arrows: Transition, states: tuple[State, ...] = ()) -> Chart:
    """The chart with more arrows, whose events are declared, and more states."""
    known = {event.name for event in chart.events}
    fresh = dict.fromkeys(e for t in arrows for e in t.events if known and e not in known)
    return replace(
        chart,
        transitions=(*chart.transitions, *arrows),
        states=(*chart.states, *states),
        events=(*chart.events, *map(Event, fresh)),
    )


def resting(chart: Chart) -> list[State]:
    """Atomic states in which a life can rest, alone: those inside regions are left out."""
    alone = {found.leaves[0] for found in table_of(chart).configurations.values() if len(found.leaves) == 1}
    return [state for state in chart.states if state.kind is Kind.ATOMIC and state.name in alone]


def finals(chart: Chart) -> list[State]:
    """Ends of the whole chart that a life reaches."""
    active = {name for found in table_of(chart).configurations.values() for name in found.leaves}
    return [s for s in chart.states if s.kind is Kind.FINAL and s.parent is None and s.name in active]


def sent(chart: Chart) -> list[Transition]:
    """Arrows between states, for an event."""
    return [t for t in chart.transitions if t.source != START and t.events and t.targets]


def guarded(text: str) -> tuple[Guard, ...]:
    return (Guard(expression=parse(text)),)


# names


@mutation("unknown-state")
def misspell_a_target(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        yield with_arrow(chart, arrow, replace(arrow, targets=(arrow.targets[0] + "x",)))


@mutation("unknown-state")
def misspell_a_source(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        yield with_arrow(chart, arrow, replace(arrow, source=arrow.source[:-1] + "é"))


@mutation("unknown-state")
def misspell_a_parent(chart: Chart) -> Iterator[Chart]:
    for state in chart.states:
        if state.parent:
            yield with_state(chart, state, parent=state.parent + "s")


@mutation("unknown-state")
def misspell_the_initial_state(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, initial=(chart.initial[0] + "s",))


@mutation("unknown-state")
def misspell_a_state_in_a_guard(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        yield with_arrow(chart, arrow, replace(arrow, guards=(*arrow.guards, *guarded('was("nonesuch")'))))


@mutation("unknown-state")
def misspell_a_state_in_a_rule(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, rules=(*chart.rules, Rule(f"never {resting(chart)[0].name}x")))


@mutation("unknown-state")
def misspell_a_target_of_the_roll_up(chart: Chart) -> Iterator[Chart]:
    if chart.rollup:
        first, *rest = chart.rollup.rules
        yield replace(chart, rollup=replace(chart.rollup, rules=(replace(first, to=first.to + "x"), *rest)))


@mutation("unknown-event")
def misspell_the_event_of_a_timer(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        yield with_state(chart, state, after=(Timer("nonesuch", timedelta(days=1), state.name),))


@mutation("unknown-event")
def misspell_a_raised_event(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        yield with_arrow(chart, arrow, replace(arrow, effects=(*arrow.effects, Effect("raise", "nonesuch"))))


@mutation("unknown-event")
def misspell_an_event_of_the_roll_up(chart: Chart) -> Iterator[Chart]:
    if chart.rollup:
        yield replace(chart, rollup=replace(chart.rollup, events=(*chart.rollup.events, "nonesuch")))


@mutation("unknown-guard")
def misspell_a_guard(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart) if chart.guards else ():
        yield with_arrow(chart, arrow, replace(arrow, guards=(Guard("nonesuch"),)))


@mutation("unlisted-field")
def misspell_a_field_of_the_payload(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        if any(event.payload for event in chart.events if event.name in arrow.events):
            yield with_arrow(chart, arrow, replace(arrow, guards=guarded("payload.nonesuch == 1")))


@mutation("unknown-actor")
def misspell_an_actor(chart: Chart) -> Iterator[Chart]:
    for arrow in chart.transitions:
        if arrow.by:
            yield with_arrow(chart, arrow, replace(arrow, by=(*arrow.by[:-1], arrow.by[-1] + "s")))


@mutation("unknown-reason")
def misspell_a_reason_code(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart) if chart.reasons.codes else ():
        yield with_arrow(chart, arrow, replace(arrow, reason=ReasonRule("required", ("nonesuch",))))


@mutation("unknown-link")
def misspell_a_link_relation(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart) if chart.links else ():
        yield with_arrow(chart, arrow, replace(arrow, links=("nonesuch",)))


@mutation("unknown-action")
def misspell_an_action(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart) if chart.actions else ():
        yield with_arrow(chart, arrow, replace(arrow, effects=(Effect("emit", "nonesuch"),)))


@mutation("unknown-code")
def misspell_the_code_of_an_alias(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, aliases={**chart.aliases, "Nonesuch": chart.codes[0] + "x"})


@mutation("duplicate-name")
def declare_a_state_twice(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        yield replace(chart, states=(*chart.states, state))


@mutation("duplicate-name")
def declare_an_event_twice(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, events=(*chart.events, *chart.events[:1]))


# structure


@mutation("broken-structure")
def leave_out_an_initial_state(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, initial=())
    for state in chart.states:
        if state.initial:
            yield with_state(chart, state, initial=())


@mutation("broken-structure")
def begin_outside(chart: Chart) -> Iterator[Chart]:
    for state in chart.states:
        if state.kind is Kind.COMPOUND:
            yield with_state(chart, state, initial=(finals(chart)[0].name,))


@mutation("clashing-targets")
def lead_to_two_states_at_once(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        other = next((s.name for s in finals(chart) if s.name not in arrow.targets), None)
        if other:
            yield with_arrow(chart, arrow, replace(arrow, targets=(*arrow.targets, other)))


@mutation("eventless-cycle")
def go_round_without_an_event(chart: Chart) -> Iterator[Chart]:
    for one, other in pairwise(resting(chart)):
        yield plus(chart, Transition(one.name, (), (other.name,)), Transition(other.name, (), (one.name,)))


# reach


@mutation("unreachable-state")
def cut_every_arrow_to_a_state(chart: Chart) -> Iterator[Chart]:
    first = {name for state in chart.states for name in state.initial} | set(chart.initial)
    for state in (*resting(chart), *finals(chart)):
        if state.name not in first:
            kept = tuple(t for t in chart.transitions if state.name not in t.targets)
            yield replace(chart, transitions=kept)


@mutation("unreachable-state")
def declare_an_island(chart: Chart) -> Iterator[Chart]:
    yield plus(chart, Transition("island", ("swim",), (finals(chart)[0].name,)), states=(State("island"),))


@mutation("dead-end")
def take_final_away(chart: Chart) -> Iterator[Chart]:
    for state in finals(chart) if len(finals(chart)) > 1 else ():
        yield with_state(chart, state, kind=Kind.ATOMIC)


@mutation("dead-end")
def lead_into_a_pit(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        yield plus(chart, Transition(state.name, ("fall",), ("pit",)), states=(State("pit"),))


@mutation("dead-end")
def cut_every_way_out(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        around = {state.name, *chart.ancestors[state.name]}
        yield replace(chart, transitions=tuple(t for t in chart.transitions if t.source not in around or not t.targets))


@mutation("livelock")
def lead_into_a_roundabout(chart: Chart) -> Iterator[Chart]:
    ring = (State("left_lane"), State("right_lane"))
    round_ = (Transition("left_lane", ("turn",), ("right_lane",)), Transition("right_lane", ("turn",), ("left_lane",)))
    for state in resting(chart):
        yield plus(chart, Transition(state.name, ("enter",), ("left_lane",)), *round_, states=ring)


@mutation("exit-from-final")
def lead_out_of_a_final_state(chart: Chart) -> Iterator[Chart]:
    for state in finals(chart):
        yield plus(chart, Transition(state.name, ("reopen",), chart.initial))


@mutation("exit-from-final")
def start_a_timer_in_a_final_state(chart: Chart) -> Iterator[Chart]:
    for state in finals(chart):
        yield with_state(chart, state, after=(Timer(sent(chart)[0].events[0], timedelta(days=1), state.name),))


# arrows


@mutation("shadowed-transition")
def draw_a_second_arrow_after_an_open_one(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        other = next((s.name for s in finals(chart) if s.name not in arrow.targets), None)
        if not arrow.guards and other:
            yield with_arrow(chart, arrow, arrow, replace(arrow, targets=(other,)))


@mutation("shadowed-transition")
def repeat_a_guard_with_another_target(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        other = next((s.name for s in finals(chart) if s.name not in arrow.targets), None)
        if arrow.guards and other:
            yield with_arrow(chart, arrow, arrow, replace(arrow, targets=(other,)))


@mutation("shadowed-transition")
def answer_in_every_child_what_the_parent_answers(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        children = [child.name for child in chart.children.get(arrow.source, ())]
        if children:
            inner = (replace(arrow, source=child, guards=()) for child in children)
            yield with_arrow(chart, arrow, *inner, arrow)


@mutation("never-taken")
def wait_for_an_event_that_nobody_raises(chart: Chart) -> Iterator[Chart]:
    ghost = Event("ghost", internal=True)
    for state in resting(chart):
        haunted = plus(chart, Transition(state.name, ("ghost",), (finals(chart)[0].name,)))
        yield replace(haunted, events=(*chart.events, ghost))


@mutation("overlapping-guards")
def split_an_arrow_by_guards_that_overlap(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        other = next((s.name for s in finals(chart) if s.name not in arrow.targets), None)
        if not arrow.guards and other:
            one = replace(arrow, guards=guarded("payload.n > 10"))
            yield with_arrow(chart, arrow, one, replace(arrow, guards=guarded("payload.n > 5"), targets=(other,)))


@mutation("overlapping-guards")
def widen_one_guard_of_two(chart: Chart) -> Iterator[Chart]:
    for one, other in pairwise(chart.transitions):
        rivals = one.source == other.source and one.events == other.events and one.targets != other.targets
        if rivals and all(t.guards and t.guards[0].expression for t in (one, other)):
            wider = f"({other.guards[0].text}) or size(order.notes) > 3"
            yield with_arrow(chart, other, replace(other, guards=guarded(wider)))


@mutation("overlapping-guards")
def add_an_arrow_with_another_guard(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        other = next((s.name for s in finals(chart) if s.name not in arrow.targets), None)
        if other and arrow.guards and all(guard.expression for guard in arrow.guards):
            also = replace(arrow, guards=guarded('order.colour in ["red", "green"]'), targets=(other,))
            yield with_arrow(chart, arrow, arrow, also)


@mutation("constant-guard")
def ask_for_a_state_that_is_never_active_here(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        if chart.by_name[arrow.source].kind is Kind.ATOMIC:
            never = guarded(f'in_state("{finals(chart)[0].name}")')
            yield with_arrow(chart, arrow, replace(arrow, guards=(*arrow.guards, *never)))


@mutation("constant-guard")
def ask_for_the_state_that_is_left(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        always = guarded(f'in_state("{arrow.source}") or payload.n > 3')
        yield with_arrow(chart, arrow, replace(arrow, guards=(*arrow.guards, *always)))


# timers


@mutation("timer-unanswered")
def start_a_timer_that_nothing_answers(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        table = table_of(chart)
        rows = [table.rows[text] for text, here in table.configurations.items() if state.name in here.leaves]
        for event in sent(chart):
            if not any(event.events[0] in row for row in rows):
                yield with_state(chart, state, after=(Timer(event.events[0], timedelta(days=30), state.name),))
                break


@mutation("timer-race")
def let_a_timer_send_what_an_actor_sends(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        state = chart.by_name[arrow.source]
        untimed = not any("now" in guard.text or "days_since" in guard.text for guard in arrow.guards)
        if arrow.by and untimed and state in resting(chart):
            yield with_state(chart, state, after=(Timer(arrow.events[0], timedelta(days=30), state.name),))


@mutation("timer-race")
def let_two_timers_become_due_together(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        apart = {t.targets: t for t in chart.leading(state.name) if t.targets and t.events and not t.by}
        timers = tuple(Timer(t.events[0], timedelta(days=7), state.name) for t in apart.values())
        if len(timers) > 1:
            yield with_state(chart, state, after=timers)


@mutation("timer-by-hand")
def let_anyone_send_what_a_timer_sends(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart):
        for arrow in chart.leading(state.name):
            if arrow.by and arrow.events and arrow.targets and not arrow.guards:
                timers = (Timer(arrow.events[0], timedelta(days=30), state.name),)
                yield with_arrow(with_state(chart, state, after=timers), arrow, replace(arrow, by=()))


# reasons


@mutation("negative-without-reason")
def drop_the_reason_rule_of_a_negative_end(chart: Chart) -> Iterator[Chart]:
    automatic = {timer.event for state in chart.states for timer in state.after}
    automatic |= set(chart.rollup.events if chart.rollup else ())
    for arrow in sent(chart) if chart.reasons.codes else ():
        ends = [chart.by_name[name] for name in arrow.targets]
        negative = any(chart.category_of(s.name) in (Category.FAILED, Category.CANCELLED) for s in ends)
        unruled = all(state.reason is FREE for state in ends)
        if negative and unruled and ends[0].kind is Kind.FINAL and arrow.events[0] not in automatic:
            yield with_arrow(chart, arrow, replace(arrow, reason=FREE))


# what is never used


@mutation("unused-event")
def declare_an_event_too_many(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, events=(*chart.events, Event("nonesuch")))


@mutation("unused-event")
def cut_every_arrow_of_an_event(chart: Chart) -> Iterator[Chart]:
    timed = {timer.event for state in chart.states for timer in state.after}
    for event in chart.events:
        if event.name not in timed:
            yield replace(chart, transitions=tuple(t for t in chart.transitions if event.name not in t.events))


@mutation("unused-guard")
def declare_a_guard_too_many(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, guards={**chart.guards, "nonesuch": ""})


@mutation("unused-actor")
def declare_an_actor_too_many(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, actors={**chart.actors, "nonesuch": ""})


@mutation("unused-action")
def declare_an_action_too_many(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, actions={**chart.actions, "nonesuch": ""})


@mutation("unused-link")
def declare_a_link_relation_too_many(chart: Chart) -> Iterator[Chart]:
    if any(t.links for t in chart.transitions):
        yield replace(chart, links={**chart.links, "nonesuch": ""})


@mutation("unused-reason")
def declare_a_reason_code_too_many(chart: Chart) -> Iterator[Chart]:
    rules = [t.reason for t in chart.transitions if t.reason is not FREE and t.reason.mode != "forbidden"]
    if rules and all(rule.codes for rule in rules):
        codes = {**chart.reasons.codes, "nonesuch": ""}
        yield replace(chart, reasons=replace(chart.reasons, codes=codes))


@mutation("unused-alias")
def let_a_code_stand_for_itself(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, aliases={**chart.aliases, chart.codes[0]: chart.codes[0]})


# words


@mutation("misspelt-code")
def break_the_spelling(chart: Chart) -> Iterator[Chart]:
    for state in resting(chart) if chart.spelling else ():
        yield with_state(chart, state, code="no; way")


@mutation("spelling-unreadable")
def spell_with_a_look_ahead(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, spelling="(?=[a-z]).*")


@mutation("alias-hides-code")
def make_an_alias_of_a_code(chart: Chart) -> Iterator[Chart]:
    yield replace(chart, aliases={**chart.aliases, chart.codes[0]: chart.codes[-1]})


# rules and scenarios


def ruled(chart: Chart, text: str) -> Chart:
    return replace(chart, rules=(*chart.rules, Rule(text)))


@mutation("rule-violated")
def forbid_what_happens(chart: Chart) -> Iterator[Chart]:
    for state in (*resting(chart), *finals(chart)):
        yield ruled(chart, f"never {state.name}")


@mutation("rule-violated")
def demand_a_past_that_is_not_certain(chart: Chart) -> Iterator[Chart]:
    known = passed(table_of(chart))
    for end in finals(chart):
        for state in resting(chart):
            if state.name not in known[end.name].always and state is not end:
                yield ruled(chart, f"never {end.name} unless was {state.name}")


@mutation("rule-violated")
def forbid_what_follows(chart: Chart) -> Iterator[Chart]:
    for step in table_of(chart).edges():
        if step.before is not None and step.entered and step.exited:
            yield ruled(chart, f"never {step.entered[-1]} after {step.exited[0]}")


@mutation("rule-violated")
def forbid_a_repetition(chart: Chart) -> Iterator[Chart]:
    for step in table_of(chart).edges():
        again = sorted(set(step.entered) & step.before.states) if step.before is not None else []
        if again:
            yield ruled(chart, f"at most once {again[0]}")


@mutation("rule-violated")
def demand_one_of_several_ends(chart: Chart) -> Iterator[Chart]:
    for end in finals(chart) if len(finals(chart)) > 1 else ():
        yield ruled(chart, f"eventually {end.name}")


@mutation("rule-violated")
def draw_an_arrow_against_a_rule(chart: Chart) -> Iterator[Chart]:
    for rule in chart.rules:
        a, after, b = rule.text.removeprefix("never ").partition(" after ")
        source, target = b.split(" | ")[0], a.split(" | ")[0]
        if after and source in chart.by_name and chart.by_name[source].kind is not Kind.FINAL:
            yield plus(chart, Transition(source, ("cheat",), (target,)))


@mutation("rule-unreadable")
def write_a_rule_in_another_form(chart: Chart) -> Iterator[Chart]:
    yield ruled(chart, f"always {resting(chart)[0].name}")
    yield ruled(chart, f"never {resting(chart)[0].name} until | after")


@mutation("scenario-failed")
def expect_another_end(chart: Chart) -> Iterator[Chart]:
    for scenario in chart.scenarios:
        if scenario.then and scenario.send and scenario.profile != "strict":
            other = next(s.name for s in finals(chart) if scenario.then not in (s.name, chart.code_of(s.name)))
            yield replace(chart, scenarios=swap(chart.scenarios, scenario, replace(scenario, then=other)))


@mutation("scenario-failed")
def expect_a_refusal_to_pass(chart: Chart) -> Iterator[Chart]:
    for scenario in chart.scenarios:
        if scenario.refused and scenario.profile != "strict":
            yield replace(chart, scenarios=swap(chart.scenarios, scenario, replace(scenario, refused=None)))


@mutation("scenario-failed")
def expect_what_passes_to_be_refused(chart: Chart) -> Iterator[Chart]:
    for scenario in chart.scenarios:
        if scenario.codes and not scenario.refused and scenario.profile != "strict":
            yield replace(chart, scenarios=swap(chart.scenarios, scenario, replace(scenario, refused="not-enabled")))


@mutation("scenario-failed")
def cut_the_arrows_of_a_scenario(chart: Chart) -> Iterator[Chart]:
    for scenario in chart.scenarios:
        if len(scenario.codes) > 1 and not scenario.refused and scenario.profile != "strict":
            last = chart.aliases.get(scenario.codes[-1], scenario.codes[-1])
            goals = {s.name for s in chart.states if last == chart.code_of(s.name)}
            yield replace(chart, transitions=tuple(t for t in chart.transitions if not goals & set(t.targets)))


# roll-up


@mutation("rollup-gap")
def drop_a_roll_up_rule(chart: Chart) -> Iterator[Chart]:
    for rule in chart.rollup.rules if chart.rollup else ():
        if not any(other.when is None for other in chart.rollup.rules if other is not rule):  # type: ignore[union-attr]
            yield replace(chart, rollup=replace(chart.rollup, rules=swap(chart.rollup.rules, rule)))  # type: ignore[type-var, union-attr]


@mutation("rollup-overlap")
def widen_a_roll_up_rule(chart: Chart) -> Iterator[Chart]:
    for rule in chart.rollup.rules if chart.rollup else ():
        if rule.when:
            wider = replace(rule, when=parse(f"({rule.when.text}) or any(i.final for i in items)"))
            yield replace(chart, rollup=replace(chart.rollup, rules=swap(chart.rollup.rules, rule, wider)))  # type: ignore[type-var, union-attr]


@mutation("rollup-illegal")
def take_an_event_from_the_roll_up(chart: Chart) -> Iterator[Chart]:
    """An event that alone leads to one of the targets, from where the order follows its items."""
    for event in chart.rollup.events if chart.rollup else ():
        kept = tuple(other for other in chart.rollup.events if other != event)  # type: ignore[union-attr]
        leading = {name for t in chart.transitions if event in t.events for name in t.targets}
        others = {n for t in chart.transitions if set(kept) & set(t.events) for n in t.targets}
        if leading & {rule.to for rule in chart.rollup.rules} - others:  # type: ignore[union-attr]
            yield replace(chart, rollup=replace(chart.rollup, events=kept))  # type: ignore[type-var]


@mutation("rollup-illegal")
def aim_where_the_roll_up_cannot_go(chart: Chart) -> Iterator[Chart]:
    if chart.rollup:
        limbo = State("limbo", Kind.FINAL)
        wider = plus(chart, Transition(resting(chart)[0].name, ("banish",), (limbo.name,)), states=(limbo,))
        for rule in chart.rollup.rules:
            aimed = swap(chart.rollup.rules, rule, replace(rule, to=limbo.name))
            yield replace(wider, rollup=replace(chart.rollup, rules=aimed))


# --- measuring ------------------------------------------------------------------------


def found(mutation: Mutation, chart: Chart, mutant: Chart) -> bool:
    """Whether the check tells the finding that the mutation deserves."""
    with_items = items(chart) if mutation.code.startswith("rollup") else None
    return any(finding.code == mutation.code for finding in orderfsm.check(mutant, items=with_items))


def accused(chart: Chart) -> dict[str, int]:
    """How many findings of each severity a sound chart gets."""
    severities = [finding.severity for finding in orderfsm.check(chart, items=items(chart))]
    return {severity: severities.count(severity) for severity in ("error", "warning", "note")}


def history_of(chart: Chart, events: tuple[str, ...]) -> tuple[Entry, ...] | None:
    """Some life with these events, by whatever guards; None when there is none."""
    table, lives = table_of(chart), [()]
    for event in events:
        lives = [
            (*life, Entry(step.before, step.event, step.after))
            for life in lives
            for cell in [(table.rows[life[-1].after] if life else table.starts).get(event)]
            for step in (cell.steps if cell else ())
        ]
    return lives[0] if lives else None


# --- blind changes: nobody says which finding they deserve, or whether they deserve any


def drop_an_arrow(chart: Chart) -> Iterator[Chart]:
    for arrow in chart.transitions:
        yield with_arrow(chart, arrow)


def turn_an_arrow_round(chart: Chart) -> Iterator[Chart]:
    for arrow in sent(chart):
        if not chart.by_name[arrow.targets[0]].kind.is_history and arrow.targets != (arrow.source,):
            yield with_arrow(chart, arrow, replace(arrow, source=arrow.targets[0], targets=(arrow.source,)))


def lead_an_arrow_elsewhere(chart: Chart) -> Iterator[Chart]:
    dice = random.Random(chart.name)
    for arrow in sent(chart):
        others = [s.name for s in (*resting(chart), *finals(chart)) if s.name not in arrow.targets]
        yield with_arrow(chart, arrow, replace(arrow, targets=(dice.choice(others),)))


def drop_the_guards_of_an_arrow(chart: Chart) -> Iterator[Chart]:
    for arrow in chart.transitions:
        if arrow.guards:
            yield with_arrow(chart, arrow, replace(arrow, guards=()))


def turn_a_guard_round(chart: Chart) -> Iterator[Chart]:
    for arrow in chart.transitions:
        if arrow.guards and arrow.guards[0].expression:
            yield with_arrow(chart, arrow, replace(arrow, guards=guarded(f"not ({arrow.guards[0].text})")))


def let_anyone_ask(chart: Chart) -> Iterator[Chart]:
    for arrow in chart.transitions:
        if arrow.by:
            yield with_arrow(chart, arrow, replace(arrow, by=()))


def swap_two_arrows(chart: Chart) -> Iterator[Chart]:
    for one, other in pairwise(sent(chart)):
        swapped = (replace(one, targets=other.targets), replace(other, targets=one.targets))
        if one.targets != other.targets:
            yield replace(chart, transitions=swap(swap(chart.transitions, one, swapped[0]), other, swapped[1]))


BLIND: tuple[Maker, ...] = (
    drop_an_arrow,
    turn_an_arrow_round,
    lead_an_arrow_elsewhere,
    swap_two_arrows,
    drop_the_guards_of_an_arrow,
    turn_a_guard_round,
    let_anyone_ask,
)


def noticed(chart: Chart) -> tuple[bool, bool]:
    """Whether the check has an error or a warning for a chart, and whether it has one without rules and scenarios."""
    bare = replace(chart, rules=(), scenarios=())
    told = [any(f.severity != "note" for f in orderfsm.check(each)) for each in (chart, bare)]
    return told[0], told[1]


# --- the page -------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "checks.md"
BEGIN, END = "<!-- measured: python -m tests.mutants -->", "<!-- end of what was measured -->"


def tables() -> str:
    """What was measured, in Markdown."""
    return f"{_detection()}\n\n{_alarms()}\n\n{_blind()}"


def _detection() -> str:
    lines = ["| finding | broken by | charts | broken charts | found |", "|---|---|--:|--:|--:|"]
    total = hits = 0
    for mutation in MUTATIONS:
        tried = [(chart, list(mutation.mutants(chart))) for chart in charts()]
        made = [(chart, mutant) for chart, mutants in tried for mutant in mutants]
        told = sum(found(mutation, chart, mutant) for chart, mutant in made)
        applicable = sum(bool(mutants) for _, mutants in tried)
        lines.append(f"| `{mutation.code}` | {mutation.name} | {applicable} | {len(made)} | {told} |")
        total, hits = total + len(made), hits + told
    return "\n".join([*lines, f"| all | {len(MUTATIONS)} mutations | {len(charts())} | {total} | {hits} |"])


def _alarms() -> str:
    groups = {"shipped": shipped(), "own": own(), "drawn at random": tuple(drawn(n) for n in range(SOUND))}
    lines = ["| sound charts | how many | errors | warnings | notes | falsely accused |", "|---|--:|--:|--:|--:|--:|"]
    for name, group in groups.items():
        told = [accused(chart) for chart in group]
        errors, warnings, notes = (sum(each[severity] for each in told) for severity in ("error", "warning", "note"))
        wrong = sum(bool(each["error"] or each["warning"]) for each in told)
        lines.append(f"| {name} | {len(group)} | {errors} | {warnings} | {notes} | {wrong} |")
    return "\n".join(lines)


def _blind() -> str:
    lines = ["| blind change | changed charts | noticed | without rules and scenarios |", "|---|--:|--:|--:|"]
    for change in BLIND:
        told = [noticed(changed) for chart in (*shipped(), *own()) for changed in change(chart)]
        whole, bare = sum(each[0] for each in told), sum(each[1] for each in told)
        name = change.__name__.replace("_", " ")
        lines.append(f"| {name} | {len(told)} | {_share(whole, len(told))} | {_share(bare, len(told))} |")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f} %)"


def renewed(text: str) -> str:
    """The page with its tables measured anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
