"""The look at the built site sees what is wrong with it."""

from pathlib import Path

import pytest
from tests import built_site as site

MARKDOWN = "# Page\n\n| a | b |\n|---|---|\n| `x` | y |\n\n```python\n1\n```\n\n::: orderfsm.step.step\n"
HTML = (
    '<html><head><script src="../a.js"></script></head><body><p>**around**</p><article>'
    '<h1 id="page">Page</h1><table><tr><td><code>x</code></td><td>y</td></tr></table><pre><code>| 1 |</code></pre>'
    '<h2 id="orderfsm.step.step">step</h2><a href="#page">up</a><a href="https://example.org/x">far</a></article></body>'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(site, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(site, "SITE", tmp_path / "site")
    (tmp_path / "docs").mkdir()
    (tmp_path / "site" / "page").mkdir(parents=True)
    (tmp_path / "site" / "a.js").touch()
    (tmp_path / "docs" / "page.md").write_text(MARKDOWN, encoding="utf-8")
    return tmp_path


def said(folder: Path, built: str) -> list[str]:
    source = folder / "docs" / "page.md"
    site.place(source).write_text(built, encoding="utf-8")
    page = site.Page(site.place(source))
    return list(site.wrong(source, page, {page.path: page}))


def test_a_page_as_it_should_be_is_fine(folder: Path) -> None:
    assert said(folder, HTML) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('id="orderfsm.step.step"', "", "no id orderfsm.step.step"),
        ("<table>", "", "1 tables and 1 blocks became 0 and 1"),
        ("<pre>", "", "1 tables and 1 blocks became 1 and 0"),
        ("<td>y</td>", "<td>**y**</td>", "Markdown is left: **y**"),
        ("<h1", "\n::: left\n<h1", "Markdown is left: ::: left"),
        ("<code>x</code>", r"<code>x\|y</code>", r"a bar keeps its backslash: <code>x\|y</code>"),
        ("../a.js", "../b.js", "../b.js leads nowhere"),
        ("../a.js", "https://example.org/a.js", "https://example.org/a.js is fetched from another host"),
        ("#page", "#gone", "#gone: there is no such id"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, before: str, after: str, expected: str) -> None:
    assert said(folder, HTML.replace(before, after)) == [expected]


def test_an_index_is_the_page_of_its_folder() -> None:
    assert site.place(site.DOCS / "adr" / "README.md") == site.SITE / "adr" / "index.html"
    assert site.place(site.DOCS / "index.md") == site.SITE / "index.html"
    assert site.place(site.DOCS / "reference" / "python" / "orderfsm.step.md").parent.name == "orderfsm.step"
