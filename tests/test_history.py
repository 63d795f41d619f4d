"""What is recorded: actors, reasons, links, entries, and the replay of a history."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm import Actor, Chart, Entry, Link, Reason, Step, replay
from orderfsm.chart import START, Kind, State, Transition
from test_trace import lives

ORDER = Chart(
    "shop/order",
    (State("received"), State("accepted"), State("completed", Kind.FINAL)),
    (
        Transition("received", ("accept",), ("accepted",)),
        Transition("accepted", ("complete",), ("completed",)),
        Transition("accepted", ("note",)),
        Transition("accepted", ("pay",), ("accepted",)),
    ),
    version="7",
    initial=("received",),
)

LIFE = (
    Entry(None, "open", "received", 1),
    Entry("received", "accept", "accepted", 2),
    Entry("accepted", "complete", "completed", 3),
)


def codes(found: orderfsm.Replay) -> list[str]:
    return [finding.code for finding in found.findings]


# --- links


@pytest.mark.parametrize(
    "href",
    [
        "https://example.org/orders/7?x=1#top",
        "http://example.org:8080/",
        "HTTPS://EXAMPLE.ORG",
        "http://[2001:db8::1]/x",
        "https://bücher.example/ü",
        "/orders/7",
        "/orders/7?next=https://example.org/",
        "https://example.org/@someone",
        "https://example.org/?mail=a@b",
    ],
)
def test_a_url_or_a_path_is_kept_verbatim(href: str) -> None:
    assert Link("related", href).href == href


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "javascript://example.org/%0aalert(1)",
        "vbscript:x",
        "data:text/html;base64,PHNjcmlwdD4=",
        "file:///etc/passwd",
        "ftp://example.org/",
        "mailto:a@example.org",
        "blob:https://example.org/1",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://example.org@evil.example/",
        "https://@example.org/",
        "https://exam\tple.org/",
        "https://example.org/\nSet-Cookie: x",
        "https://example.org/\r\n",
        "https://example.org/a b",
        "https://example.org/\x7f",
        "https://example.org/\x85",
        "https://example.org/\u202egpj.exe",
        "https://example.org/\u2028",
        "https://example.org/\ud800",
        "https://example.org\\@evil.example/",
        "\\\\evil.example\\share",
        "/\\evil.example",
        "//evil.example/x",
        "///evil.example/x",
        "https:///path",
        "https:example.org",
        "https://",
        "http://[::1",
        "http://example.org:notaport/",
        "http://example.org:99999999/",
        "orders/7",
        "../orders",
        "?x=1",
        "#top",
        "",
        "/" + "x" * 2_048,
    ],
)
def test_anything_else_is_refused(href: str) -> None:
    with pytest.raises(ValueError, match="give a rel and an http or https URL or a path"):
        Link("related", href)


@pytest.mark.parametrize("href", ["http://169.254.169.254/", "http://0x7f.1/", "http://[::ffff:7f00:1]/"])
def test_an_address_inside_is_stored_as_it_came_for_nothing_is_ever_fetched(href: str) -> None:
    assert Link("related", href).href == href


@pytest.mark.parametrize("href", [None, 7, b"https://example.org/"])
def test_an_href_that_is_no_text_is_refused(href: Any) -> None:
    with pytest.raises(ValueError, match="href is empty"):
        Link("related", href)


@pytest.mark.parametrize("rel", ["", "a b", "a\r\nX: y", "\u202ea", None, 7])
def test_a_rel_is_a_word(rel: Any) -> None:
    with pytest.raises(ValueError, match="rel is empty or has spaces"):
        Link(rel, "/")


@pytest.mark.parametrize("attribute", ["type", "title"])
@pytest.mark.parametrize("text", ["a\r\nX: y", "\x00", "\x1b[31m", "\ud800", "\u2029"])
def test_type_and_title_are_free_of_control_characters(attribute: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{attribute} has control characters"):
        Link("related", "/", **{attribute: text})


def test_a_link_becomes_json_without_what_it_lacks() -> None:
    assert Link("delivery", "/x", type="image/tiff; application=geotiff").as_dict() == {
        "rel": "delivery",
        "href": "/x",
        "type": "image/tiff; application=geotiff",
    }
    assert Link("delivery", "/x", title="Ihre Bestellung, bitte öffnen").as_dict()["title"].startswith("Ihre")


# --- values


@pytest.mark.parametrize("value", [Actor("staff", "7", "Jo"), Reason("cloud", "too many"), Link("r", "/"), LIFE[1]])
def test_what_is_recorded_is_a_value(value: Any) -> None:
    revived = pickle.loads(pickle.dumps(value))
    assert revived == value
    assert hash(revived) == hash(value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "x")


# --- replay


def test_a_history_leads_to_its_last_configuration() -> None:
    found = replay(ORDER, LIFE)
    assert found
    assert found.configuration == "completed"
    assert found.configuration is not None
    assert found.configuration.final


def test_no_entries_lead_nowhere_and_are_not_wrong() -> None:
    assert replay(ORDER, []) == orderfsm.Replay(None, ())
    assert replay(ORDER, [])


def test_entries_may_be_mappings_and_any_objects_and_begin_at_the_start() -> None:
    mixed = [
        {"before": START, "event": "open", "after": "received"},
        SimpleNamespace(before="received", event="accept", after="accepted"),
        {"before": "accepted", "event": "complete", "after": "completed"},
    ]
    assert replay(ORDER, mixed).configuration == "completed"
    assert replay(ORDER, [{"event": "open", "after": "received"}]).configuration == "received"


def test_internal_and_self_transitions_replay() -> None:
    steps = [Entry("accepted", event, "accepted") for event in ("note", "pay", "note")]
    assert replay(ORDER, [*LIFE[:2], *steps, LIFE[2]]).configuration == "completed"


def test_time_says_nothing_about_order() -> None:
    later, sooner = datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    told = [dataclasses.replace(LIFE[0], occurred_at=later), dataclasses.replace(LIFE[1], occurred_at=sooner)]
    assert replay(ORDER, told).configuration == "accepted"


def test_a_step_that_the_chart_lacks_is_found() -> None:
    found = replay(ORDER, [LIFE[0], Entry("received", "complete", "completed")])
    assert found.configuration is None
    assert not found
    assert [str(finding) for finding in found.findings] == [
        "error[history-illegal] entry 2: no step of shop/order leads from received by complete to completed"
    ]
    assert found.findings[0].path == "entries[2]"


def test_an_entry_that_starts_elsewhere_is_a_gap() -> None:
    found = replay(ORDER, [LIFE[0], LIFE[2]])
    assert codes(found) == ["history-gap"]
    assert "entry 2 starts from accepted, the entry before it ended in received" in str(found.findings[0])


def test_a_history_without_its_beginning_is_a_gap() -> None:
    assert codes(replay(ORDER, LIFE[1:])) == ["history-gap"]


def test_a_configuration_that_the_chart_lacks_is_found_and_what_follows_is_judged_too() -> None:
    lost = [LIFE[0], Entry("received", "accept", "shipped"), Entry("shipped", "return", "received")]
    found = replay(ORDER, lost)
    assert codes(found) == ["history-unknown-state", "history-illegal"]
    assert "which shop/order 7 does not have" in str(found.findings[0])


def test_every_broken_entry_is_reported() -> None:
    broken = [LIFE[0], LIFE[2], Entry("completed", "accept", "accepted"), Entry("accepted", "complete", "completed")]
    assert codes(replay(ORDER, broken)) == ["history-gap", "history-illegal"]


def test_an_adoption_stands_for_itself_at_the_beginning_only() -> None:
    adopted = Entry(None, "adopt", "accepted")
    assert replay(ORDER, [adopted, LIFE[2]]).configuration == "completed"
    assert codes(replay(ORDER, [LIFE[0], Entry("received", "adopt", "accepted")])) == ["history-illegal"]
    assert codes(replay(ORDER, [Entry(None, "adopt", "shipped")])) == ["history-unknown-state"]


def test_an_override_stands_for_itself_anywhere() -> None:
    assert replay(ORDER, [*LIFE, Entry("completed", "override", "accepted"), LIFE[2]]).configuration == "completed"
    assert codes(replay(ORDER, [LIFE[0], Entry("received", "override", "shipped")])) == ["history-unknown-state"]


def entries(walk: list[Step]) -> list[Entry]:
    return [Entry(step.before, step.event, step.after, place) for place, step in enumerate(walk, 1)]


@given(lives())
def test_a_walk_replays_to_where_it_ended(life: tuple[Chart, list[Step]]) -> None:
    chart, walk = life
    found = replay(chart, entries(walk))
    assert found.findings == ()
    assert found.configuration == (walk[-1].after if walk else None)


@given(lives(), st.data())
def test_a_corrupt_walk_is_found_at_the_entry_that_was_corrupted(
    life: tuple[Chart, list[Step]], data: st.DataObject
) -> None:
    chart, walk = life
    told = entries(walk)
    if not told:
        return
    table = orderfsm.compile(chart)
    place = data.draw(st.integers(0, len(told) - 1))
    change = data.draw(
        st.sampled_from(
            [{"after": "nowhere"}, {"event": "unheard.of"}, {"before": "nowhere"}]
            + [{"after": text} for text in table.configurations]
            + [{"before": text} for text in table.configurations]
        )
    )
    entry = dataclasses.replace(told[place], **change)
    corrupt = [*told[:place], entry, *told[place + 1 :]]
    at = None if entry.before is None else entry.before
    row = table.starts if at is None else table.rows.get(at, {})
    cell = row.get(entry.event)
    joined = entry.before == (told[place - 1].after if place else None)
    legal = joined and cell is not None and entry.after in {step.after for step in cell.steps}
    found = replay(chart, corrupt)
    assert any(finding.path == f"entries[{place + 1}]" for finding in found.findings) == (not legal)
    assert all(finding.path in (f"entries[{place + 1}]", f"entries[{place + 2}]") for finding in found.findings)
    if place + 1 < len(told):
        moved = any(finding.path == f"entries[{place + 2}]" for finding in found.findings)
        assert moved == (entry.after != told[place].after)


@given(lives(), st.data())
def test_a_lost_entry_is_a_gap_unless_it_changed_nothing(life: tuple[Chart, list[Step]], data: st.DataObject) -> None:
    chart, walk = life
    told = entries(walk)
    if len(told) < 2:
        return
    place = data.draw(st.integers(0, len(told) - 2))
    found = replay(chart, told[:place] + told[place + 1 :])
    changed = told[place].before != told[place].after
    assert codes(found) == (["history-gap"] if changed else [])


def test_an_entry_is_shown_in_a_line() -> None:
    told = Entry(
        "received", "accept", "accepted", 2, code="accepted", actor=Actor("staff"), chart="t/t", chart_hash="0" * 64
    )
    assert repr(told) == (
        "Entry('received', 'accept', 'accepted', sequence=2, actor=Actor(role='staff', id='', label=''), chart='t/t')"
    )
    assert repr(Entry(None, "open", "received")) == "Entry(None, 'open', 'received')"
