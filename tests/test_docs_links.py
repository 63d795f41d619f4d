"""Every link of the documentation leads somewhere, on disk; every page can be found, and is in the navigation."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderfsm.http.route import DOCS

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("**/*.md"))
OTHERS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "changelog.d/README.md")
SITE = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
LANDING = ROOT / "docs" / "index.md"
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]+(?:\([^()]*\))?)\)")
ABROAD = re.compile(r"[a-z]+:", re.IGNORECASE)


def prose(page: Path) -> str:
    """A page without what is no prose: blocks and comments leave their lines empty, code between backticks goes."""
    text = page.read_text(encoding="utf-8")
    for pattern in (r"^```.*?^```", r"<!--.*?-->"):
        text = re.sub(pattern, lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    return text


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Line and target of each link and picture that stays at home."""
    for number, line in enumerate(prose(page).splitlines(), 1):
        for found in LINK.finditer(re.sub(r"`[^`]*`", "code", line)):
            if not ABROAD.match(found["target"]):
                yield number, found["target"]


def anchors(page: Path) -> set[str]:
    """What links may point to within a page, as GitHub and the site name its headings."""
    return {slug(found) for found in re.findall(r"^#{1,6} +(.*?)\s*$", prose(page), re.MULTILINE)}


def slug(heading: str) -> str:
    """Lower case, punctuation gone, hyphens for blanks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def broken(page: Path) -> Iterator[str]:
    """What is wrong with the links of a page, with the line."""
    for number, target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            yield f"{page}:{number}: {target}: there is no such file"
        elif anchor and anchor not in anchors(there):
            yield f"{page}:{number}: {target}: there is no such heading"
        elif page in PAGES and not there.is_relative_to(ROOT / "docs"):
            yield f"{page}:{number}: {target}: it leaves docs, and the site has no such page; name the file instead"


def test_every_link_leads_somewhere() -> None:
    pages = [*PAGES, *(ROOT / name for name in OTHERS)]
    assert sum(1 for page in pages for _ in links(page)) > 300
    assert [wrong for page in pages for wrong in broken(page)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see [this](gone.md)", "no such file"),
        ("see [this](page.md#gone)", "no such heading"),
        ("see ![this `x`](gone.svg)", "no such file"),
        ("\n[a [b]](gone.md), [c](page.md)", "no such file"),
    ],
)
def test_a_broken_link_is_seen(tmp_path: Path, text: str, said: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n## One `two` three, four\n\n[fine](#one-two-three-four) `[x](gone.md)`\n\n{text}\n")
    (wrong,) = broken(page)
    assert said in wrong


def test_every_page_can_be_reached_from_the_landing_page() -> None:
    seen: set[Path] = set()
    waiting = [LANDING]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            paths = (target.partition("#")[0] for _, target in links(page))
            waiting += [(page.parent / path).resolve() for path in paths if path.endswith(".md")]
    lost = [page.relative_to(ROOT).as_posix() for page in PAGES if page not in seen]
    assert lost == [], "link them from the index of their section"


def navigation(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values():
                yield from [below] if isinstance(below, str) else navigation(below)


def test_every_page_is_in_the_navigation_once() -> None:
    named = list(navigation(SITE["nav"]))
    assert len(named) == len(set(named))
    there = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES}
    assert there - set(named) == set(), "name them in zensical.toml, under nav"
    assert set(named) - there == set(), "zensical.toml names pages that are gone"


def test_problem_documents_point_to_the_page_of_the_errors() -> None:
    assert f"{SITE['site_url']}reference/errors/" == DOCS
    assert "reference/errors.md" in navigation(SITE["nav"])
