"""The file of tokens: what it holds, who finds what in it, and what happens when it changes."""

import json
import stat
from pathlib import Path

import pytest

from orderfsm.http.tokens import Tokens, digest_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def test_a_token_is_known_for_the_vocabularies_of_its_roles(path: Path) -> None:
    tokens = Tokens(path)
    secret = tokens.add("acme", ["adobe/partner", "stat/customer", "stat/provider"])
    found = tokens.authenticator("stat")(secret)
    assert found is not None
    assert (found.id, found.roles) == ("acme", {"customer", "provider"})
    assert tokens.authenticator("cablelabs")(secret) is None
    for other in ("", secret + "x", secret[:-1], secret.swapcase(), "\ud800", "\0", "x" * 100_000):
        assert tokens.authenticator("stat")(other) is None


def test_the_file_holds_digests_and_nobody_else_reads_it(path: Path) -> None:
    secret = Tokens(path).add("acme", ["adobe/partner"])
    assert secret not in path.read_text()
    line = json.loads(path.read_text())
    assert (line["id"], line["roles"], line["digest"]) == ("acme", ["adobe/partner"], digest_of(secret))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert 16 <= len(secret) <= 24


def test_a_running_service_knows_of_lines_that_come_and_go(path: Path) -> None:
    running, other = Tokens(path), Tokens(path)
    assert running.grants() == []
    secrets = [other.add(id, ["stat/customer"]) for id in ("one", "two", "one")]
    assert [grant.id for grant in running.grants()] == ["one", "two", "one"]
    assert other.remove("one") == 2
    assert [running.grant(secret) is not None for secret in secrets] == [False, True, False]
    assert other.remove("one") == 0
    path.unlink()
    assert running.grant(secrets[1]) is None


@pytest.mark.parametrize(
    ("id", "roles", "said"),
    [
        ("", ["stat/customer"], "names nobody"),
        ("a b", ["stat/customer"], "names nobody"),
        ("a\nb", ["stat/customer"], "names nobody"),
        ("x" * 65, ["stat/customer"], "names nobody"),
        ("acme", [], "without a role"),
        ("acme", ["customer"], "is no role"),
        ("acme", ["stat/"], "is no role"),
        ("acme", ["stat/customer", "stat/cust omer"], "is no role"),
    ],
)
def test_what_is_no_name_or_no_role_is_refused_and_nothing_is_written(
    path: Path, id: str, roles: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Tokens(path).add(id, roles)
    assert not path.exists()


@pytest.mark.parametrize(
    "line",
    ["x", "{}", "[]", "7", '{"id": "a", "roles": 7, "digest": "b"}', '{"id": "a", "roles": [], "digest": "xyz"}'],
)
def test_a_line_that_is_no_token_is_told_with_its_number(path: Path, line: str) -> None:
    Tokens(path).add("acme", ["adobe/partner"])
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(ValueError, match=r"tokens:3: no token"):
        Tokens(path)
