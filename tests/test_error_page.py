"""The page of the error codes: every problem document points to a section that is there."""

import re
from pathlib import Path

import pytest

from orderfsm import errors
from orderfsm.docs.errors import BLOCKERS, error_page
from orderfsm.http.codes import HTTP_CODES
from orderfsm.http.failure import RAISED, STATUS, Failure, Rejected
from orderfsm.http.route import DOCS, problem

SOURCE = Path(__file__).parent.parent / "src" / "orderfsm"
SECTIONS = re.findall(r"^### (\S+)$", error_page(), re.MULTILINE)
OURS = {getattr(errors, name).code for name in errors.__all__ if name != "Blocker"}
PROBLEMS = [*SOURCE.glob("http/*.py"), *SOURCE.glob("http/generic/*.py")]
"""The modules whose failures are told as problem documents, unless a dialect says them in words of its own."""


def texts(paths: list[Path]) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_every_code_has_one_section() -> None:
    assert len(SECTIONS) == len(set(SECTIONS))
    assert set(SECTIONS) == OURS | set(HTTP_CODES)


def test_a_problem_points_to_the_section_of_its_code() -> None:
    for code in SECTIONS:
        assert f'"type":"{DOCS}#{code}"'.encode() in problem(Failure(409, code, "")).body


def test_every_code_that_is_raised_over_http_is_known_with_its_status() -> None:
    raised = set(re.findall(r'Rejected\(\s*(\d+), "([a-z-]+)"', texts(PROBLEMS)))
    assert len(raised) > 12
    known = {code: status for code, (status, _) in HTTP_CODES.items()}
    statuses = {getattr(errors, name).code: getattr(errors, name) for name in errors.__all__ if name != "Blocker"}
    for error_code, error in statuses.items():
        known.setdefault(error_code, next(status for kind, status in STATUS.items() if issubclass(error, kind)))
    known["unknown-event"] = 404  # the explanation of an event that is not there; 422 when it is sent
    assert {(int(status), code) for status, code in raised} <= {(status, code) for code, status in known.items()}


def test_every_code_of_a_failure_is_known() -> None:
    text = (SOURCE / "http" / "failure.py").read_text(encoding="utf-8")
    named = set(re.findall(r'Failure\(\s*\d+, "([a-z-]+)"', text)) | set(RAISED.values()) | {"request-refused"}
    assert len(named) > 5
    assert named <= set(SECTIONS)


def test_every_blocker_is_in_the_table() -> None:
    text = texts(sorted(SOURCE.rglob("*.py")))
    named = set(re.findall(r'\bBlocker\(\s*"([a-z-]+)"', text))
    named |= set(re.findall(r'self\._(?:unfit|refused)\([^"]*"([a-z-]+)"', text))
    named |= {"occurred-late", "occurred-ahead", "guard-failed", "missing-guard", "stored-state-unknown"}
    assert named == set(BLOCKERS)


@pytest.mark.parametrize("code", sorted(HTTP_CODES))
def test_a_code_of_http_is_none_of_the_librarys(code: str) -> None:
    assert code not in OURS
    assert Rejected(HTTP_CODES[code][0], code, "").failure.code == code
