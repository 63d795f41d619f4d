"""The examples run, and the README shows one of them."""

import re
import subprocess
import sys
from pathlib import Path

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


def test_the_page_about_many_orders_shows_what_the_importer_prints() -> None:
    page = (ROOT / "docs" / "how-to" / "bulk.md").read_text(encoding="utf-8")
    ran = subprocess.run([sys.executable, "examples/importer.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"```text\n{ran.stdout}```" in page
