"""The navigation of the site, read off the indexes that readers without a site use: one list to keep, not two."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CONFIGURATION", "configured"]

CONFIGURATION = "zensical.toml"
SECTIONS = {
    "orderfsm": "index.md",
    "Tutorials": "tutorials/index.md",
    "How-to": "how-to/index.md",
    "Reference": "reference/index.md",
    "Explanation": "explanation/index.md",
    "Decisions": "adr/README.md",
}
"""Title of a section -> its index; below the first one there is nothing, for all the others lead on from it."""

INDEXES = ("index.md", "README.md")
HEADING_OR_LINK = re.compile(r"^## +(?P<heading>.+)$|\[(?P<title>[^\]]*)\]\((?P<target>[^()\s#:]+\.md)\)", re.MULTILINE)

Entry = str | tuple[str, list["Entry"]]
"""A page, or the title of a group and what is in it."""


def configured(text: str, read: Callable[[str], str]) -> str:
    """The configuration of the site with the navigation of the indexes; `read` gives a page by its path in docs."""
    entries: list[Entry] = []
    for title, index in SECTIONS.items():
        entries.append((title, [index, *(_below(index, read) if posixpath.dirname(index) else ())]))
    lines = "\n".join(_written(entries, "  "))
    return re.sub(r"^nav = \[\n.*?^\]\n", lambda _: f"nav = [\n{lines}\n]\n", text, flags=re.DOTALL | re.MULTILINE)


def _below(index: str, read: Callable[[str], str]) -> list[Entry]:
    """What an index links to in its own folder, in its order and grouped by its headings; other indexes are groups."""
    folder = posixpath.dirname(index)
    entries: list[Entry] = []
    group, seen = entries, {index}
    for found in HEADING_OR_LINK.finditer(read(index)):
        page = posixpath.normpath(posixpath.join(folder, found["target"] or ""))
        if found["heading"]:
            group = []
            entries.append((found["heading"], group))
        elif page not in seen and page.startswith(f"{folder}/"):
            seen.add(page)
            inside = posixpath.basename(page) in INDEXES
            group.append((_plain(found["title"]), [page, *_below(page, read)]) if inside else page)
    return [entry for entry in entries if entry[1]]


def _plain(title: str) -> str:
    return title.replace("`", "")


def _written(entries: list[Entry], indent: str) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield f'{indent}"{entry}",'
        elif len(entry[1]) == 1 and isinstance(entry[1][0], str) and indent == "  ":
            yield f'{indent}{{ "{entry[0]}" = "{entry[1][0]}" }},'
        else:
            yield f'{indent}{{ "{entry[0]}" = ['
            yield from _written(entry[1], f"{indent}  ")
            yield f"{indent}] }},"
