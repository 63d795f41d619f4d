"""What `make site` has built, looked at: `python -m tests.built_site` names what is missing in it, and fails."""

import html
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
DOCS, SITE = ROOT / "docs", ROOT / "site"
INSIDE = ("article", "pre", "code", "script", "style", "svg")
"""Elements of which it counts whether one is open."""


class Page(HTMLParser):
    """A page of the site: its ids, where its links lead, what it loads from elsewhere, its tags, and its prose."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.tags: dict[str, int] = {}
        self.prose: list[str] = []
        self._open = dict.fromkeys(INSIDE, 0)
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        self.targets += [value for name in ("href", "src") if (value := given.get(name))]
        loads = "href" if tag == "link" and given.get("rel") == "stylesheet" else "src"
        self.loaded += [value for value in [given.get(loads)] if value and urlsplit(value).netloc]
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag in self._open:
            self._open[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self._open[tag] -= 1

    def handle_data(self, data: str) -> None:
        if [name for name, count in self._open.items() if count] == ["article"]:
            self.prose.append(data)


def place(source: Path) -> Path:
    """Where the page of a Markdown file is."""
    inside = source.relative_to(DOCS).with_suffix("")
    return SITE / (inside.parent if inside.name in ("index", "README") else inside) / "index.html"


def wanted(source: Path) -> Iterator[str]:
    """The ids that have to be on the page of a Markdown file: error codes, names of the API."""
    text = source.read_text(encoding="utf-8")
    yield from re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    if source == DOCS / "reference" / "errors.md":
        yield from re.findall(r"^### (\S+)$", text, re.MULTILINE)


def wrong(source: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    """What a page lacks: ids, whole tables and blocks, targets of links; and Markdown that was left as it is."""
    text = source.read_text(encoding="utf-8")
    yield from (f"no id {name}" for name in wanted(source) if name not in page.ids)
    tables = len(re.findall(r"^\|[ :|-]*--[ :|-]*\|$", text, re.MULTILINE))
    blocks = len(re.findall(r"^```(?!orderfsm)\w", text, re.MULTILINE))
    if page.tags.get("table", 0) < tables or page.tags.get("pre", 0) < blocks:
        yield f"{tables} tables and {blocks} blocks became {page.tags.get('table', 0)} and {page.tags.get('pre', 0)}"
    for left in re.findall(r"^:::.*|^\|.*\||\*\*\w+\*\*|\]\(\S+\)|^[-*] .*", "".join(page.prose), re.MULTILINE):
        yield f"Markdown is left: {left}"
    for code in re.findall(r"<code>[^<]*\\\|[^<]*</code>", page.path.read_text(encoding="utf-8")):
        yield f"a bar keeps its backslash: {code}"
    yield from (f"{target} is fetched from another host" for target in page.loaded)
    for target in page.targets:
        yield from missing(target, page, pages)


def missing(target: str, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    """A link or picture within the site that leads nowhere."""
    parts = urlsplit(html.unescape(target))
    if parts.scheme or parts.netloc:
        return
    there = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    there = there / "index.html" if there.is_dir() else there
    if not there.exists():
        yield f"{target} leads nowhere"
    elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].ids:
        yield f"{target}: there is no such id"


def main() -> int:
    """Print what is wrong with the site and return how much it is."""
    sources = sorted(DOCS.glob("**/*.md"))
    pages = {place(source): Page(place(source)) for source in sources if place(source).exists()}
    found = [f"{source}: the site has no such page" for source in sources if place(source) not in pages]
    for source in sources:
        if place(source) in pages:
            found += [f"{source.relative_to(ROOT)}: {said}" for said in wrong(source, pages[place(source)], pages)]
    print("\n".join(found) or f"{len(pages)} pages are as they should be")
    return len(found)


if __name__ == "__main__":
    sys.exit(bool(main()))
