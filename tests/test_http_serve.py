"""`orderfsm serve` and `orderfsm token`, typed as a user types them."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kept_http import service

COMMAND = Path(sys.executable).with_name("orderfsm")


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def test_the_demo_is_served_to_those_whose_tokens_were_printed(tmp_path: Path) -> None:
    with service(tmp_path) as (url, tokens):
        assert set(tokens) == {
            "demo-customer",
            "demo-provider",
            "demo-merchant",
            "demo-partner",
            "demo-adobe",
            "demo-buyer",
            "demo-seller",
        }
        headers = {"Authorization": f"Bearer {tokens['demo-provider']}"}
        assert len(httpx.get(f"{url}/stat/orders", headers=headers, timeout=60).json()["features"]) == 5
        assert httpx.get(f"{url}/stat/orders", timeout=60).status_code == 401
        added = json.loads(typed(tmp_path, "token", "add", "late", "--role", "stat/provider", "--json").stdout)
        late = {"Authorization": f"Bearer {added['token']}"}
        assert httpx.get(f"{url}/stat/orders", headers=late, timeout=60).status_code == 200
        assert typed(tmp_path, "token", "remove", "late").stdout == "1 token of late ended\n"
        assert httpx.get(f"{url}/stat/orders", headers=late, timeout=60).status_code == 401
        port = url.rpartition(":")[2]
        second = typed(tmp_path, "serve", "--port", port)
        assert second.returncode == 2
        assert f"nothing can listen at 127.0.0.1:{port}" in second.stderr
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {line["message"] for line in lines} >= {"GET /stat/orders 200", "GET /stat/orders 401"}


def test_a_second_start_adds_nothing(tmp_path: Path) -> None:
    with service(tmp_path):
        pass
    tokens = (tmp_path / "orderfsm.tokens").read_text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        again = typed(tmp_path, "serve", "--demo", "--json", "--port", str(taken.getsockname()[1]))
    assert json.loads(again.stdout.splitlines()[0]) == {"tokens": {}}
    assert (tmp_path / "orderfsm.tokens").read_text() == tokens


def test_tokens_are_listed_without_their_secrets(tmp_path: Path) -> None:
    assert typed(tmp_path, "token", "list").stdout == "nobody has a token; make one with `orderfsm token add`\n"
    added = typed(tmp_path, "token", "add", "acme", "--role", "adobe/partner", "--role", "mine/clerk")
    assert "no chart of the catalogue knows mine/clerk; serve yours: orderfsm serve --chart FILE" in added.stderr
    listed = typed(tmp_path, "token", "list", "--json")
    (grant,) = json.loads(listed.stdout)
    assert (grant["id"], grant["roles"]) == ("acme", ["adobe/partner", "mine/clerk"])
    assert added.stdout.strip() not in listed.stdout
    assert typed(tmp_path, "token", "remove", "nobody").returncode == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--database", "mysql://x/y"], "is neither sqlite nor postgresql"),
        (["serve", "--database", "sqlite:////nowhere/at/all.db"], "unable to open database file"),
        (["serve", "--database", "postgresql+psycopg://u:s3cret@127.0.0.1:1/x"], "refused"),
        (["serve", "--chart", "missing.yaml"], "missing.yaml"),
        (["serve", "--chart", "broken.yaml"], "broken.yaml"),
        (["serve", "--tokens", "broken.yaml"], "broken.yaml:1: no token"),
        (["serve", "--buyers", "broken.yaml"], "is not JSON such as"),
        (["serve", "--buyers", "missing.json"], "missing.json"),
        (["serve", "--port", "70000"], "65535"),
        (["token", "add", "a b", "--role", "stat/customer"], "names nobody"),
        (["token", "add", "acme", "--role", "customer"], "is no role"),
        (["token", "list", "--tokens", "broken.yaml"], "no token"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "broken.yaml").write_text("chart: [")
    done = typed(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr
