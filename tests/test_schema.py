"""The JSON Schema and the reader refuse the same documents, wherever a schema can say why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

import orderfsm
from orderfsm.catalogue import FOLDER, names
from orderfsm.document import structure
from orderfsm.errors import DocumentError
from orderfsm.schema import chart_schema, dumps

VALIDATOR = jsonschema.Draft202012Validator(chart_schema())
CHARTS = {name: (FOLDER / f"{name}.yaml").read_text(encoding="utf-8") for name in names()}


class Constructor(SafeConstructor):
    """Constructs what JSON can hold: YAML 1.2 has no dates, and the keys of JSON are texts."""


Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def as_json(text: str) -> Any:
    """The document as a validator in an editor sees it."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    return with_text_keys(yaml.load(text))


def with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key_text(key): with_text_keys(item) for key, item in value.items()}
    return [with_text_keys(item) for item in value] if isinstance(value, list) else value


def key_text(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def reader_refuses(text: str) -> str | None:
    """The structural errors of the reader, if there are any."""
    try:
        structure(text)
    except DocumentError as error:
        return str(error)
    return None


def schema_refuses(text: str) -> str | None:
    """The first error of the schema, if there is any."""
    return next((f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(as_json(text))), None)


# --- the schema itself ------------------------------------------------------------


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(chart_schema())


def test_the_shipped_schema_is_what_the_declarations_say():
    shipped = (Path(__file__).parent.parent / "statecharts" / "chart.schema.json").read_text(encoding="utf-8")
    assert shipped == dumps(), "statecharts/chart.schema.json is stale: run `make docs`"


@pytest.mark.parametrize("folder", [FOLDER, Path(__file__).parent.parent / "statecharts"], ids=["package", "checkout"])
@pytest.mark.parametrize("name", names())
def test_every_chart_leads_editors_to_the_schema(folder: Path, name: str):
    path = folder / f"{name}.yaml"
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found, f"{path} begins with {first!r}"
    assert json.loads((path.parent / found[1]).read_text(encoding="utf-8")) == chart_schema()


def test_the_line_for_editors_is_no_part_of_the_chart():
    text = CHARTS["stat/order"]
    assert orderfsm.read(text.partition("\n")[2]).hash == orderfsm.read(text).hash


def keys_without_description(schema: Any, path: str = "") -> list[str]:
    if isinstance(schema, list):
        return [found for item in schema for found in keys_without_description(item, path)]
    if not isinstance(schema, dict):
        return []
    named = schema.get("properties", {}).items()
    missing = [f"{path}.{name}" for name, value in named if not value.get("description")]
    below = (keys_without_description(value, f"{path}.{name}") for name, value in schema.items())
    return [*missing, *(found for names in below for found in names)]


def test_every_key_has_a_description():
    assert keys_without_description(chart_schema()) == []


def test_every_key_stands_in_the_reference():
    page = (Path(__file__).parent.parent / "docs" / "reference" / "chart-format.md").read_text(encoding="utf-8")
    assert named_keys(chart_schema()) - set(re.findall(r"[a-z_]+", page)) == set()


def named_keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {key for item in schema for key in named_keys(item)}
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})) | {key for value in schema.values() for key in named_keys(value)}


# --- agreement --------------------------------------------------------------------


@pytest.mark.parametrize("name", CHARTS)
def test_shipped_charts_are_fine_for_both(name: str):
    assert reader_refuses(CHARTS[name]) is None
    assert schema_refuses(CHARTS[name]) is None


TOP = 'chart: x/y\nversion: "1"\ninitial: a\n'
HEAD = f"{TOP}states: {{a: {{}}, b: {{final: true}}}}\n"
GOOD = [
    "",
    "title: 5\n",
    "title: true\n",
    "description: 2019-01-01\n",
    "events: {on: {from: a, to: no}}\n",
    "events: {go: {from: true, to: b}}\n",
    "events: {go: {from: '[*]', to: b, links: [1000, 12:30, 1_0, 0755]}}\n",
    "events: {go: [{from: a}, {from: [a, b], to: [a], title: t}]}\n",
    "events: {go: {from: a, by: [], emit: [], reason: [x, y]}}\n",
    "events: {go: {arrows: [{to: b}], from: a, title: t, payload: {}}}\n",
    "events: {go: {from: a, reason: {mode: optional, codes: [x]}}}\n",
    "events: {go: {from: a, payload: {'x?': {type: list, items: {type: object, fields: {y: date}}}}}}\n",
    "events: {go: {from: a, payload: {x: {type: integer, enum: [1, a, true]}}}}\n",
    "always: []\n",
    "actors: {a: , b: ~, c: x}\n",
    "links: {https://example.org/rel: x}\n",
    "codes: {aliases: {1: 2, null: 3}}\n",
    "rollup: {items: x/i, events: [go], keep: a, rules: [{to: a, otherwise: true}, {to: b, when: 'true'}]}\n",
    "scenarios: [{title: t, send: [go, {event: go, payload: {}, items: [], now: 2019-01-01T00:00:00Z}]}]\n",
    "quirks: [a, 'b\n\n c']\n",
]
BAD = [
    "evnts: {}\n",
    "title:\n",
    "title: ''\n",
    "title: ' '\n",
    "title: [a]\n",
    'title: "a\\nb"\n',
    'title: "a\\n"\n',
    "events: {go: }\n",
    "events: {go: b}\n",
    "events: {go: []}\n",
    "events: {go: {to: b}}\n",
    "events: {1go: {from: a}}\n",
    "events: {go: {from: 1}}\n",
    "events: {go: {from: []}}\n",
    "events: {go: {from: ~}}\n",
    "events: {go: {from: {}}}\n",
    "events: {go: {from: a, internal: yes}}\n",
    "events: {go: {from: a, internal: 'true'}}\n",
    "events: {go: {from: a, basis: guessed}}\n",
    "events: {go: {from: a, reason: needed}}\n",
    "events: {go: {from: a, reason: []}}\n",
    "events: {go: {from: a, reason: {mode: required}}}\n",
    "events: {go: {from: a, arrows: []}}\n",
    "events: {go: {arrows: [{title: t, payload: {}}]}}\n",
    "events: {go: [{from: a, description: x}]}\n",
    "events: {go: {from: a, payload: {'x??': string}}}\n",
    "events: {go: {from: a, payload: {x: text}}}\n",
    "events: {go: {from: a, payload: {x: {items: string}}}}\n",
    "events: {go: {from: a, payload: {x: {type: integer, minimum: '1'}}}}\n",
    "events: {go: {from: a, payload: {x: {type: string, enum: []}}}}\n",
    "events: {go: {from: a, payload: {x: {type: string, enum: [~]}}}}\n",
    "always: [{from: a, by: x}]\n",
    "always: {from: a}\n",
    "actors: [a]\n",
    "actors: {a: [b]}\n",
    "reasons: {open: maybe}\n",
    "rules: never a\n",
    "rollup: {items: x, events: [go], rules: [{to: a, otherwise: true}]}\n",
    "rollup: {items: x/i, events: [], rules: [{to: a, otherwise: true}]}\n",
    "rollup: {items: x/i, events: [go], rules: [{to: a}]}\n",
    "rollup: {items: x/i, events: [go], rules: [{to: a, when: 'true', otherwise: true}]}\n",
    "scenarios: [{codes: [a]}]\n",
    "scenarios: [{title: t, refused: no}]\n",
    "scenarios: [{title: t, send: [{actor: a}]}]\n",
    "scenarios: [{title: t, send: [{event: go, payload: []}]}]\n",
    "scenarios: [{title: t, send: [{event: go, guards: {g: 1}}]}]\n",
]
STATES_BAD = [
    "{}",
    "",
    "[a]",
    "{a: {categry: open}}",
    "{a: {category: opn}}",
    "{a: {final: 1}}",
    "{a: []}",
    "{a: {after: {}}}",
    "{a: {after: {14 days: go}}}",
    "{a: {of: a}}",
    "{a: {history: flat, default: a}}",
    "{a: {history: deep}}",
    "{a: {history: deep, default: a, code: x}}",
    "{a: {states: {b: {clock: ticks}}}}",
    f"{{{'a' * 65}: {{}}}}",
]


@pytest.mark.parametrize("rest", GOOD)
def test_both_accept(rest: str):
    assert reader_refuses(HEAD + rest) is None
    assert schema_refuses(HEAD + rest) is None


@pytest.mark.parametrize("text", [HEAD + rest for rest in BAD] + [f"{TOP}states: {states}\n" for states in STATES_BAD])
def test_both_refuse(text: str):
    assert reader_refuses(text) is not None
    assert schema_refuses(text) is not None


@pytest.mark.parametrize("key", ["chart", "version", "initial", "states"])
def test_both_ask_for_what_is_required(key: str):
    text = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(key))
    assert f"needs the key `{key}`" in str(reader_refuses(text))
    assert f"'{key}' is a required property" in str(schema_refuses(text))


def test_a_version_that_yaml_takes_for_a_number_is_refused_by_both():
    text = HEAD.replace('"1"', "1.0")
    assert 'write "1.0" with the quotes' in str(reader_refuses(text))
    assert schema_refuses(text) is not None


# --- agreement on documents that nobody wrote --------------------------------------

WORDS = st.sampled_from(
    [
        "a",
        "received",
        "1000",
        "1.5",
        "true",
        "no",
        "~",
        "''",
        "open",
        "required",
        "string",
        "shallow",
        "P1D",
        "x/y",
        "a b",
        "{}",
        "[]",
        "[a]",
        "{a: b}",
        "{from: a}",
        "[{from: a}]",
        "{type: string}",
        "'true'",
        '"a\\nb"',
        "'[*]'",
        "2019-01-01",
    ]
)
KEYS = st.sampled_from([*sorted(named_keys(chart_schema())), "a", "x?", "1", "null", "true", "P1D", "surprise"])


class Mutant:
    """A shipped chart in which some values and keys were exchanged, written as YAML in flow style."""

    def __init__(self, data: st.DataObject, document: Any) -> None:
        self.data = data
        self.places = [place for place in places(document) if place]
        self.changed = {data.draw(st.sampled_from(self.places)) for _ in range(data.draw(st.integers(1, 3)))}
        self.text = self.write(document, ())

    def write(self, value: Any, place: tuple[Any, ...]) -> str:
        if place in self.changed and self.data.draw(st.booleans()):
            return self.data.draw(WORDS)
        if isinstance(value, dict):
            return (
                "{" + ", ".join(self.entry(key, item, (*place, key)) for key, item in self.entries(value, place)) + "}"
            )
        if isinstance(value, list):
            return "[" + ", ".join(self.write(item, (*place, at)) for at, item in enumerate(value)) + "]"
        return json.dumps(value, ensure_ascii=False)

    def entries(self, value: dict[str, Any], place: tuple[Any, ...]) -> list[tuple[str, Any]]:
        """The entries of a mapping; where something was changed, one may be left out."""
        changed = place in self.changed and self.data.draw(st.booleans())
        lost = self.data.draw(st.sampled_from(sorted(value))) if changed and value else None
        return [(key, item) for key, item in value.items() if key != lost]

    def entry(self, key: str, item: Any, place: tuple[Any, ...]) -> str:
        renamed = place in self.changed and self.data.draw(st.booleans())
        written = self.data.draw(KEYS) if renamed else key
        return f"{json.dumps(written, ensure_ascii=False)}: {self.write(item, place)}"


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in items for found in places(item, (*place, key)))]


DOCUMENTS = {name: as_json(text) for name, text in CHARTS.items()}
PARTS = {
    f"{name} {key}": {**{k: document[k] for k in ("chart", "version", "initial", "states")}, key: document[key]}
    for name, document in DOCUMENTS.items()
    for key in ("states", "events", "scenarios", "rollup", "reasons", "codes")
    if key in document
}


@given(st.data())
def test_both_agree_on_mutants_of_shipped_charts(data: st.DataObject):
    document = PARTS[data.draw(st.sampled_from(sorted(PARTS)))]
    text = Mutant(data, document).text
    duplicate = "stands on line" in str(reader_refuses(text))
    if not duplicate:
        assert (reader_refuses(text) is None) == (schema_refuses(text) is None), (
            f"the reader says {reader_refuses(text)}, the schema says {schema_refuses(text)}"
        )
