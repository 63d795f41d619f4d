"""Payload schemas: what a call must bring along."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfsm.chart import Field
from orderfsm.payload import blockers, json_schema

TYPES = ("string", "integer", "number", "boolean", "date", "datetime", "duration", "list", "object")


def messages(field: Field, value: Any) -> list[str]:
    return [blocker.message for blocker in blockers((field,), {field.name: value})]


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("string", ""),
        ("integer", -3),
        ("number", 3),
        ("number", 2.5),
        ("number", 10**400),
        ("boolean", False),
        ("date", "2024-02-29"),
        ("date", date(2024, 2, 29)),
        ("datetime", "2024-02-29T10:00:00Z"),
        ("datetime", datetime(2024, 2, 29, tzinfo=UTC)),
        ("duration", "PT48H"),
        ("list", []),
        ("list", (1, "x")),
        ("object", {}),
    ],
)
def test_a_value_of_its_type_fits(type: str, value: Any) -> None:
    assert messages(Field("f", type), value) == []


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("string", 1),
        ("string", None),
        ("integer", True),
        ("integer", 1.0),
        ("number", True),
        ("number", "1"),
        ("number", float("nan")),
        ("number", float("inf")),
        ("boolean", 0),
        ("date", "2023-02-29"),
        ("date", "20240229"),
        ("date", "2024-W09-4"),
        ("date", datetime(2024, 2, 29, tzinfo=UTC)),
        ("datetime", "2024-02-29"),
        ("datetime", datetime(2024, 2, 29)),
        ("duration", "48h"),
        ("list", "abc"),
        ("object", [("a", 1)]),
    ],
)
def test_a_value_of_another_type_is_refused(type: str, value: Any) -> None:
    (said,) = messages(Field("f", type), value)
    article = "an" if type in ("integer", "object") else "a"
    assert said.startswith(f"payload.f must be {article} {type}, not ")


def test_a_missing_field_is_asked_for_and_an_optional_one_is_not() -> None:
    (blocker,) = blockers((Field("f", "integer"), Field("g", required=False)), {})
    assert (blocker.code, blocker.message) == ("payload-missing", "payload.f is missing; give an integer")
    assert blocker.parameters == {"field": "payload.f", "type": "integer"}


def test_no_payload_is_an_empty_one() -> None:
    assert [b.code for b in blockers((Field("f"),), None)] == ["payload-missing"]
    assert list(blockers((), None)) == []


def test_fields_that_are_not_listed_are_allowed() -> None:
    assert list(blockers((Field("f"),), {"f": "x", "more": object()})) == []


@pytest.mark.parametrize("payload", [[], "text", 3, [("f", "x")]])
def test_a_payload_that_is_no_mapping_is_refused(payload: Any) -> None:
    assert [b.message for b in blockers((Field("f"),), payload)] == [
        f"payload must be a mapping, not {type(payload).__name__}"
    ]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (Field("f", enum=("a", "b")), "c", "payload.f must be one of a, b"),
        (Field("f", "integer", minimum=3), 2, "payload.f must be at least 3"),
        (Field("f", "number", maximum=1.5), 1.6, "payload.f must be at most 1.5"),
        (Field("f", max_length=2), "abc", "payload.f must be at most 2 long"),
        (Field("f", "list", max_length=1), [1, 2], "payload.f must be at most 1 long"),
    ],
)
def test_a_value_outside_its_limits_is_refused(field: Field, value: Any, said: str) -> None:
    assert messages(field, value) == [said]


def test_limits_themselves_are_inside() -> None:
    assert messages(Field("f", "integer", minimum=3, maximum=3), 3) == []
    assert messages(Field("f", max_length=3), "abc") == []


def test_objects_and_lists_are_checked_inside_with_their_path() -> None:
    parcel = Field("parcel", "object", fields=(Field("weight", "number"), Field("label")))
    field = Field("parcels", "list", items=parcel)
    found = [
        b.parameters["field"] for b in blockers((field,), {"parcels": [{"weight": 1, "label": "x"}, {"weight": "1"}]})
    ]
    assert found == ["payload.parcels[1].weight", "payload.parcels[1].label"]


# --- the same said as JSON Schema

simple = st.builds(
    Field, st.sampled_from(("f", "g")), st.sampled_from(("string", "integer", "number", "boolean")), st.booleans()
)
fields = st.recursive(
    simple,
    lambda inside: st.one_of(
        st.builds(lambda name, items: Field(name, "list", items=items), st.sampled_from(("f", "g")), inside),
        st.builds(
            lambda name, within: Field(name, "object", fields=tuple(within)),
            st.sampled_from(("f", "g")),
            st.lists(inside, max_size=2, unique_by=lambda field: field.name),
        ),
    ),
    max_leaves=4,
)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(0, 1).filter(lambda n: n % 1), st.text(max_size=2)
    ),
    lambda inside: st.one_of(st.lists(inside, max_size=2), st.dictionaries(st.sampled_from(("f", "g")), inside)),
    max_leaves=6,
)


@given(
    st.lists(fields, max_size=2, unique_by=lambda field: field.name),
    st.dictionaries(st.sampled_from(("f", "g")), values),
)
def test_the_check_agrees_with_the_json_schema(wanted: list[Field], payload: dict[str, Any]) -> None:
    schema = json_schema(tuple(wanted))
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema).is_valid(payload)
    assert (list(blockers(tuple(wanted), payload)) == []) == valid


@pytest.mark.parametrize("type", TYPES)
def test_every_type_has_a_json_schema(type: str) -> None:
    schema = json_schema((Field("f", type, description="d", enum=("x",)),))
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(schema)))
    assert schema["properties"]["f"]["description"] == "d"
    assert schema["required"] == ["f"]


def test_limits_are_told_in_the_json_schema() -> None:
    schema = json_schema((Field("f", "list", False, max_length=2, items=Field("i", "integer", minimum=1, maximum=9)),))
    assert schema == {
        "type": "object",
        "properties": {
            "f": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 9}, "maxItems": 2},
        },
    }
