"""Findings as text, JSON and SARIF 2.1.0."""

from __future__ import annotations

import json as _json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .diagnosis import DIAGNOSES, Diagnosis

if TYPE_CHECKING:
    from .finding import Finding

__all__ = ["json", "sarif", "text"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def text(findings: Iterable[Finding]) -> str:
    """One line per finding, `file:line:column: severity[code] message`, in the order given; empty for none."""
    return "\n".join(map(str, findings))


def json(findings: Iterable[Finding]) -> str:
    """A JSON array with one object per finding: its fields by name, `witness` as a list."""
    return _json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2)


def sarif(findings: Iterable[Finding]) -> str:
    """A SARIF 2.1.0 log with one run, as code hosts take it in.

    Severities become levels of the same name. A witness becomes a code flow, one location per event or state; a
    finding without a line has no region; one without a file has a logical location only.
    """
    found = list(findings)
    codes = list(dict.fromkeys(finding.code for finding in found))
    driver = {
        "name": "orderfsm",
        "version": __version__,
        "semanticVersion": _semantic(__version__),
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, codes.index(finding.code)) for finding in found],
    }
    return _json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _semantic(version: str) -> str:
    """The version as SemVer writes it: 0.1.0.dev0 is 0.1.0-dev0."""
    release, dev, number = version.partition(".dev")
    return f"{release}-dev{number}" if dev else release


def _rule(code: str) -> dict[str, Any]:
    diagnosis = DIAGNOSES.get(code, Diagnosis(code, "warning", code, ""))
    rule: dict[str, Any] = {
        "id": code,
        "name": "".join(part.capitalize() for part in code.split("-")),
        "shortDescription": {"text": diagnosis.title},
        "defaultConfiguration": {"level": diagnosis.severity},
    }
    return rule | ({"help": {"text": diagnosis.fix}} if diagnosis.fix else {})


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    said = f"{finding.message}; {finding.fix}" if finding.fix else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": said},
        "locations": [_location(finding)],
    }
    if finding.witness:
        result["codeFlows"] = [{"threadFlows": [{"locations": [_passed(finding, word) for word in finding.witness]}]}]
    return result | {"properties": {"path": finding.path, "witness": list(finding.witness), "fix": finding.fix}}


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if finding.filename and not finding.filename.startswith("<"):
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(finding.filename)}, **_region(finding)}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return location


def _region(finding: Finding) -> dict[str, Any]:
    if not finding.line:
        return {}
    column = {"startColumn": finding.column} if finding.column else {}
    return {"region": {"startLine": finding.line, **column}}


def _uri(filename: str) -> str:
    """A file name as a URI reference, everything unusual escaped; an absolute one as a file: URI."""
    from os import fsencode
    from pathlib import Path
    from urllib.parse import quote

    path = Path(filename)
    return path.as_uri() if path.is_absolute() else quote(fsencode(path.as_posix()))


def _passed(finding: Finding, word: str) -> dict[str, Any]:
    """A place of a code flow: what is told there is the witness's word, the place is the finding's."""
    return {"location": {**_location(finding), "message": {"text": word}}}
