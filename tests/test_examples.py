"""The examples run, and the README shows one of them."""

import re
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_embedding_example_prints_what_the_readme_says() -> None:
    ran = subprocess.run([sys.executable, "examples/embed.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    (said,) = re.findall(r"```output\n(.*?)```", README, re.DOTALL)
    assert ran.stdout == said


def test_the_readme_shows_the_example_as_it_is() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    _, _, code = (ROOT / "examples" / "embed.py").read_text(encoding="utf-8").partition('"""\n\n')
    assert shown == code


def test_the_page_about_items_shows_the_example_as_it_is_and_what_it_prints() -> None:
    page = (ROOT / "docs" / "how-to" / "items.md").read_text(encoding="utf-8")
    _, _, code = (ROOT / "examples" / "items.py").read_text(encoding="utf-8").partition('"""\n\n')
    assert f"```python\n{code}```" in page
    ran = subprocess.run([sys.executable, "examples/items.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"```output\n{ran.stdout}```" in page


def test_the_page_about_many_orders_shows_what_the_example_prints() -> None:
    page = (ROOT / "docs" / "how-to" / "bulk.md").read_text(encoding="utf-8")
    ran = subprocess.run([sys.executable, "examples/nightly.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"```text\n{ran.stdout}```" in page


def test_the_page_about_http_shows_the_service_as_it_is() -> None:
    page = (ROOT / "docs" / "how-to" / "http.md").read_text(encoding="utf-8")
    _, _, code = (ROOT / "examples" / "service.py").read_text(encoding="utf-8").partition('"""\n\n')
    assert f"```python\n{code}```" in page


def test_the_service_serves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "uvicorn", "service:app", "--app-dir", str(ROOT / "examples"), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            url = next(found[1] for line in server.stderr if (found := re.search(r"running on (http://\S+)", line)))
            customer, provider = ({"Authorization": f"Bearer {who}-token"} for who in ("forest", "sat"))
            with httpx.Client(base_url=url, timeout=60) as client:
                opened = client.post("/api/surveys", json={"payload": {"area": "Harz"}}, headers=customer)
                survey = opened.headers["location"]
                sent = client.post(f"{survey}/events", json={"event": "accept"}, headers=provider)
                assert (opened.status_code, sent.status_code) == (201, 201)
                assert client.get(survey, headers=customer).json()["code"] == "accepted"
                assert client.get(survey).status_code == 401
        finally:
            server.terminate()
