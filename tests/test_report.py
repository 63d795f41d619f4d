"""Findings as text, JSON and SARIF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import orderfsm
from orderfsm import Finding, check, report
from orderfsm.diagnosis import DIAGNOSES

WIDE = Finding(
    "dead-end", "error", "nothing leads out of pit", path="states.pit", line=7, column=3, witness=("open", "leap"),
    fix="draw a way out", filename="charts/my shop.yaml",
)  # fmt: skip
BARE = Finding("history-gap", "error", "entry 2 starts from a")
FOUND = (WIDE, BARE, Finding("dead-end", "error", "another one", filename="/srv/ü.yaml", line=9))

MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
REGION = {
    "type": "object",
    "required": ["startLine"],
    "properties": {"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}},
    "additionalProperties": False,
}
ARTIFACT = {
    "type": "object",
    "required": ["uri"],
    "properties": {"uri": {"type": "string", "pattern": r"^[!#-;=?-Z_a-z~%@\[\]]+$"}},
}
LOCATION = {
    "type": "object",
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {"artifactLocation": ARTIFACT, "region": REGION},
            "additionalProperties": False,
        },
        "logicalLocations": {"type": "array", "items": {"type": "object", "required": ["fullyQualifiedName"]}},
        "message": MESSAGE,
    },
    "additionalProperties": False,
}
FLOWS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["threadFlows"],
        "properties": {
            "threadFlows": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["locations"],
                    "properties": {
                        "locations": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "object", "required": ["location"], "properties": {"location": LOCATION}},
                        }
                    },
                },
            }
        },
    },
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "defaultConfiguration"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
        "shortDescription": MESSAGE,
        "help": MESSAGE,
        "defaultConfiguration": {"type": "object", "required": ["level"], "properties": {"level": LEVEL}},
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": MESSAGE,
        "locations": {"type": "array", "items": LOCATION},
        "codeFlows": FLOWS,
        "properties": {"type": "object"},
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "pattern": "sarif-schema-2.1.0.json$"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "semanticVersion": {"pattern": r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""The part of the SARIF 2.1.0 schema that we use, with nothing else allowed."""


def run(*findings: Finding) -> dict[str, Any]:
    log = json.loads(report.sarif(findings))
    Draft202012Validator(SARIF).validate(log)
    (only,) = log["runs"]
    return dict(only)


def test_text_has_a_line_per_finding() -> None:
    assert report.text(FOUND).splitlines() == [str(finding) for finding in FOUND]
    assert report.text(()) == ""


def test_json_has_every_field() -> None:
    first, second, _ = json.loads(report.json(FOUND))
    assert first == {
        "code": "dead-end",
        "severity": "error",
        "message": "nothing leads out of pit",
        "path": "states.pit",
        "line": 7,
        "column": 3,
        "witness": ["open", "leap"],
        "fix": "draw a way out",
        "filename": "charts/my shop.yaml",
    }
    assert second["witness"] == []
    assert json.loads(report.json(())) == []


def test_sarif_has_a_result_per_finding_and_a_rule_per_code() -> None:
    found = run(*FOUND)
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["dead-end", "history-gap"]
    assert [rules[result["ruleIndex"]]["id"] for result in found["results"]] == [f.code for f in FOUND]
    assert [result["level"] for result in found["results"]] == ["error"] * 3
    assert rules[0]["shortDescription"]["text"] == DIAGNOSES["dead-end"].title


def test_sarif_places_a_finding_in_its_file() -> None:
    first, second, third = (result["locations"][0] for result in run(*FOUND)["results"])
    assert first["physicalLocation"] == {
        "artifactLocation": {"uri": "charts/my%20shop.yaml"},
        "region": {"startLine": 7, "startColumn": 3},
    }
    assert first["logicalLocations"] == [{"fullyQualifiedName": "states.pit"}]
    assert second == {}
    assert third["physicalLocation"]["artifactLocation"]["uri"] == Path("/srv/ü.yaml").as_uri()
    assert third["physicalLocation"]["region"] == {"startLine": 9}


@pytest.mark.parametrize(
    ("filename", "uri"),
    [
        ("../a#b?.yaml", "../a%23b%3F.yaml"),
        ("./100%.yaml", "100%25.yaml"),
        ("c:d.yaml", "c%3Ad.yaml"),
        ("\udcff.yaml", "%FF.yaml"),
        ("/srv/my shop.yaml", "file:///srv/my%20shop.yaml"),
    ],
)
def test_sarif_writes_any_file_name_as_a_uri(filename: str, uri: str) -> None:
    place = run(Finding("dead-end", "error", "said", filename=filename))["results"][0]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_sarif_shows_a_witness_as_a_code_flow() -> None:
    result = run(WIDE)["results"][0]
    flow = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [place["location"]["message"]["text"] for place in flow] == ["open", "leap"]
    assert result["properties"]["witness"] == ["open", "leap"]
    assert "codeFlows" not in run(BARE)["results"][0]


def test_sarif_says_the_remedy() -> None:
    assert run(WIDE)["results"][0]["message"]["text"] == "nothing leads out of pit; draw a way out"


def test_sarif_knows_a_finding_of_a_code_of_the_application() -> None:
    rules = run(Finding("house-rule", "note", "said"))["tool"]["driver"]["rules"]
    assert rules == [
        {
            "id": "house-rule",
            "name": "HouseRule",
            "shortDescription": {"text": "house-rule"},
            "defaultConfiguration": {"level": "warning"},
        }
    ]


def test_no_findings_are_a_run_without_results() -> None:
    assert run()["results"] == []


def test_the_findings_of_a_broken_chart_are_reported_in_every_form() -> None:
    head = 'chart: shop/order\nversion: "1"\ninitial: new\n'
    text = head + "states:\n  new: {}\n  end: {final: true}\nevents: {go: {from: new, to: new}}\n"
    found = check(orderfsm.read(text, filename="shop.yaml"))
    assert len(found) == 2
    assert len(report.text(found).splitlines()) == len(json.loads(report.json(found))) == len(run(*found)["results"])


words = st.text(max_size=20)


@given(
    st.lists(
        st.builds(
            Finding,
            st.sampled_from(sorted(DIAGNOSES)),
            st.sampled_from(["error", "warning", "note"]),
            words.filter(bool),
            path=words,
            line=st.integers(0, 99),
            column=st.integers(0, 99),
            witness=st.lists(words.filter(bool), max_size=3).map(tuple),
            fix=words,
            filename=st.sampled_from(["", "<value>", "a b.yaml", "x/y.yaml"]),
        ),
        max_size=4,
    )
)
def test_any_findings_make_a_sarif_log(findings: list[Finding]) -> None:
    assert len(run(*findings)["results"]) == len(findings)
