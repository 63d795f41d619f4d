"""What counts of a history: later entries void, restate or override earlier ones, and nothing is ever taken away."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm import Chart, Entry, GuardRefused, Link, Reason, effective, replay
from orderfsm.chart import Guard, State, Transition
from orderfsm.corrections import Past, in_force
from orderfsm.expression import parse

CHART = Chart(
    "test/press",
    (State("new"), State("printing"), State("printed"), State("dried"), State("packed")),
    (
        Transition("new", ("print",), ("printing",)),
        Transition("printing", ("finish",), ("printed",)),
        Transition("printed", ("dry",), ("dried",)),
        Transition("dried", ("reprint",), ("new",)),
        Transition("new", ("pack",), ("packed",), (Guard(expression=parse("was('dried')")),)),
        Transition("new", ("wait",), ("packed",), (Guard(expression=parse("days_since('new') >= 2")),)),
        Transition("printing", ("void",), ("new",)),
    ),
    initial=("new",),
)


def entries(*told: Any) -> list[Entry]:
    """Entries in sequence, each as (event, after) or (event, after, corrects); each begins where the last one ended."""
    found: list[Entry] = []
    for event, after, *corrects in told:
        origin = "correction" if corrects else "send"
        before = found[-1].after if found else None
        at = datetime(2026, 1, 1 + len(found), tzinfo=UTC)
        entry = Entry(before, event, after, len(found) + 1, occurred_at=at, origin=origin)
        found.append(replace(entry, corrects=corrects[0] if corrects else None))
    return found


LIFE = entries(("open", "new"), ("print", "printing"), ("finish", "printed"))


def then(*told: Any) -> list[Entry]:
    return entries(*((entry.event, entry.after) for entry in LIFE), *told)


def messages(history: list[Any]) -> list[str]:
    return [finding.message for finding in replay(CHART, history).findings]


# --- replay


@pytest.mark.parametrize(
    "history",
    [
        then(("void", "printing", 3)),
        then(("void", "printing", 3), ("void", "new", 2)),
        then(("void", "printing", 3), ("finish", "printed"), ("void", "printing", 5), ("void", "new", 2)),
        then(("override", "dried", 3), ("void", "printed", 4)),
        then(("override", "dried"), ("reprint", "new")),
        then(("supersede", "printed", 2), ("dry", "dried")),
        then(("supersede", "printed", 2), ("supersede", "printed", 2), ("void", "printing", 3)),
        entries(("open", "new"), ("print", "printing"), ("void", "new"), ("print", "printing")),
    ],
    ids=lambda history: " ".join(entry.event for entry in history),
)
def test_legal_corrections_are_replayed(history: list[Entry]) -> None:
    found = replay(CHART, history)
    assert (found.findings, found.configuration) == ((), history[-1].after)
    assert replay(CHART, [entry.as_dict() | {"before": entry.before} for entry in history])


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (then(("void", "new", 3)), "it voids entry 3, and does not lead back to printing"),
        (then(("void", "printing", 2)), "it voids entry 2, and the last one that counts is entry 3"),
        (then(("void", "printing", 3), ("void", "printing", 3)), "the last one that counts is entry 2"),
        (entries(("open", "new"), ("void", "new", 1)), "it voids entry 1, and the first entry stays"),
        (then(("supersede", "printing", 3)), "it restates, and does not stay"),
        (then(("supersede", "printed", 4)), "it restates entry 4, which does not count"),
        (then(("void", "printing", 3), ("supersede", "printing", 3)), "it restates entry 3, which does not count"),
        (then(("override", "dried", 4)), "it corrects entry 4, which is not before it"),
        (then(("dry", "dried", 9)), "it corrects entry 9, which is not before it"),
        (then(("void", "printing")), "no step of test/press leads from printed by void to printing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_illegal_corrections_are_told(history: list[Entry], said: str) -> None:
    (message,) = messages(history)
    assert said in message
    assert replay(CHART, history).configuration is None


def test_a_chart_may_have_an_event_of_that_name() -> None:
    """dream_junction/order has `void`: without an entry that it corrects, it is an arrow like any other."""
    history = entries(("open", "new"), ("print", "printing"), ("void", "new"))
    assert replay(CHART, history).configuration == "new"
    assert [found.counts for found in effective(history)] == [True, True, True]


# --- what counts


def test_a_history_as_it_counts_has_every_entry_with_what_became_of_it() -> None:
    history = then(("void", "printing", 3), ("finish", "printed"), ("supersede", "printed", 2))
    found = effective(history)
    assert [each.recorded for each in found] == history
    assert [each.counts for each in found] == [True, True, False, False, True, False]
    assert [each.voided_by for each in found] == [None, None, 4, None, None, None]
    assert [each.superseded_by for each in found] == [None, 6, None, None, None, None]


def test_facts_are_restated_the_later_ones_over_the_earlier() -> None:
    history = then(("supersede", "printed", 2), ("supersede", "printed", 2))
    history[1] = replace(history[1], reason=Reason("wrong"), payload={"sheets": 1}, links=(Link("proof", "/a"),))
    history[3] = replace(history[3], payload={"reason": {"code": "right", "text": None}, "payload": {"sheets": 2}})
    told = {"payload": None, "links": [{"rel": "proof", "href": "/b"}], "occurred_at": "2026-01-01T12:00:00+00:00"}
    history[4] = replace(history[4], payload=told)
    found = effective(history)[1]
    assert found.recorded == history[1]
    assert (found.entry.reason, found.entry.payload) == (Reason("right"), None)
    assert (found.entry.links, found.entry.occurred_at) == (
        (Link("proof", "/b"),),
        datetime(2026, 1, 1, 12, tzinfo=UTC),
    )
    assert (found.entry.after, found.entry.sequence) == ("printing", 2)
    assert found.superseded_by == 5


def test_a_reason_may_be_restated_to_be_none() -> None:
    history = then(("supersede", "printed", 2))
    history[1] = replace(history[1], reason=Reason("wrong"))
    history[3] = replace(history[3], payload={"reason": None})
    assert effective(history)[1].entry.reason is None


EVENTS = st.lists(st.sampled_from(["print", "finish", "dry", "reprint", "void", "override", "supersede"]), max_size=25)


@given(EVENTS)
def test_what_counts_leads_to_where_the_whole_history_does(events: list[str]) -> None:
    history, stack = [Entry(None, "open", "new", 1)], [("new", 1)]
    for event in events:
        here, sequence = stack[-1][0], len(history) + 1
        corrects, after = None, {"print": "printing", "finish": "printed", "dry": "dried", "reprint": "new"}.get(event)
        if event == "void" and len(stack) > 1:
            corrects = stack.pop()[1]
            after = stack[-1][0]
        elif event == "supersede":
            corrects, after = stack[0][1], here
        elif event == "override":
            after = "packed"
            stack.append((after, sequence))
        elif after is not None and (event in orderfsm.enabled(CHART, here)):
            stack.append((after, sequence))
        else:
            continue
        history.append(Entry(here, event, str(after), sequence, corrects=corrects))
    assert replay(CHART, history).configuration == stack[-1][0]
    counting = [found.entry for found in effective(history) if found.counts]
    assert [entry.sequence for entry in counting] == [sequence for _, sequence in stack]
    assert [entry for entry, _ in in_force(history)] == counting
    assert [one.after for one in counting[:-1]] == [other.before for other in counting[1:]]
    assert replay(CHART, counting).configuration == stack[-1][0]


def test_of_a_past_without_sequences_the_places_count() -> None:
    past = Past(
        [{"before": None, "event": "open", "after": "new"}, {"before": "new", "event": "print", "after": "printing"}]
    )
    assert past.voidable() == 2
    assert past.read({"before": "printing", "event": "void", "after": "new", "corrects": 2}) is None
    assert past.voidable() is None


# --- guards about the past


def ask(history: list[Any], event: str = "pack", now: datetime | None = None) -> str:
    return str(orderfsm.step(CHART, "new", event, facts={"history": history}, now=now).after)


def test_what_was_voided_was_never() -> None:
    printed = then(("dry", "dried"), ("reprint", "new"))
    assert ask(printed) == "packed"
    voided = then(("dry", "dried"), ("void", "printed", 4), ("void", "printing", 3), ("void", "new", 2))
    with pytest.raises(GuardRefused):
        ask(voided)
    with pytest.raises(GuardRefused):
        ask([entry.as_dict() for entry in voided])


def test_time_counts_from_the_entry_that_counts_and_as_it_was_restated() -> None:
    history = entries(("open", "new"), ("print", "printing"), ("void", "new", 2))
    assert ask(history, "wait", datetime(2026, 1, 3, tzinfo=UTC)) == "packed"
    later = {"occurred_at": "2026-01-02T00:00:00+00:00"}
    restated = [*history, replace(history[2], event="supersede", sequence=4, before="new", corrects=1, payload=later)]
    with pytest.raises(GuardRefused):
        ask(restated, "wait", datetime(2026, 1, 3, tzinfo=UTC))
    assert ask(restated, "wait", datetime(2026, 1, 4, tzinfo=UTC)) == "packed"
