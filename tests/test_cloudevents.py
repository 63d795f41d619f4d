"""Events as the CloudEvents SDK reads them, from JSON and from HTTP's headers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from orderfsm.history import Actor, Entry, Link, Reason
from orderfsm.outbox import Message
from orderfsm.outbox.cloudevents import STRUCTURED, Envelope, binary_headers

MOMENT = datetime(2026, 3, 1, 12, 30, 15, 42, tzinfo=UTC)
ENTRY = Entry(
    before="new",
    event="pay",
    after="paid",
    sequence=2,
    code="PAID",
    occurred_at=MOMENT,
    recorded_at=MOMENT,
    actor=Actor("customer", "7", "Zoë"),
    reason=Reason("card", 'over "the" 100 % desk'),
    links=(Link("receipt", "https://example.org/r/1"),),
    payload={"amount": "12.50", "lines": [1, 2]},
    order=17,
    chart="test/shop",
    chart_version="1",
)
MESSAGE = Message(17, 1, "book", ENTRY)


def read(event: dict[str, Any]) -> CloudEvent:
    """The event as the SDK reads and validates it."""
    text = json.dumps(event).encode()
    found = from_structured(HTTPMessage({"content-type": STRUCTURED}, text), JSONFormat(), CloudEvent)
    assert isinstance(found, CloudEvent)
    return found


def test_the_sdk_reads_the_event_with_all_its_attributes() -> None:
    found = read(Envelope(source="https://shop.example/orders", prefix="org.example.", schema="urn:schema:1")(MESSAGE))
    assert found.get_id() == "17:2:1"
    assert found.get_source() == "https://shop.example/orders"
    assert found.get_type() == "org.example.test.shop.book"
    assert found.get_subject() == "17"
    assert found.get_time() == MOMENT
    assert found.get_specversion() == "1.0"
    assert found.get_datacontenttype() == "application/json"
    assert found.get_dataschema() == "urn:schema:1"
    assert found.get_extension("sequence") == "000000000002.0001"
    assert found.get_data() == {
        "id": "17:2:1",
        "order": 17,
        "action": "book",
        "position": 1,
        "entry": ENTRY.as_dict(),
    }


def test_without_a_source_it_is_the_charts_name() -> None:
    found = read(Envelope()(MESSAGE))
    assert (found.get_source(), found.get_type(), found.get_dataschema()) == ("/test/shop", "test.shop.book", None)


def test_the_sdk_would_refuse_what_is_not_an_event() -> None:
    broken = Envelope()(MESSAGE)
    del broken["source"]
    with pytest.raises(Exception, match="source"):
        read(broken)


def test_sequences_sort_as_texts_in_the_order_of_the_messages() -> None:
    places = [(1, 1), (2, 1), (2, 2), (2, 10), (9, 1), (10, 1), (123_456, 3)]
    told = []
    for sequence, position in places:
        entry = Entry(None, "e", "s", sequence=sequence, occurred_at=MOMENT, order=1, chart="c")
        told.append(Envelope()(Message(1, position, "a", entry))["sequence"])
    assert told == sorted(told)
    assert len(set(told)) == len(told)


KEYS = st.one_of(st.integers(), st.uuids(), st.text(min_size=1), st.tuples(st.text(min_size=1), st.integers()))


@given(order=KEYS, action=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), source=st.text(min_size=1))
def test_in_binary_mode_the_sdk_reads_the_same_event(order: Any, action: str, source: str) -> None:
    event = Envelope(source=source)(Message(order, 1, action, ENTRY))
    headers = {"content-type": event["datacontenttype"], **binary_headers(event)}
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    found = from_binary(HTTPMessage(headers, json.dumps(event["data"]).encode()), JSONFormat(), CloudEvent)
    for name in ("id", "source", "type", "subject", "sequence"):
        assert found.get_attributes()[name] == event[name]
    assert found.get_data() == event["data"]


@given(order=KEYS)
def test_ids_hold_nothing_that_a_header_or_a_signature_would_take_for_something_else(order: Any) -> None:
    id = Message(order, 1, "book", ENTRY).id
    assert id.isascii()
    assert id.isprintable()
    assert not set(id) & set(" .\"'\\<>")
