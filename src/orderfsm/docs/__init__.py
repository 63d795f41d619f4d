"""Pages that are made, not written: one per chart, the command line, the picture in the README.

`python -m orderfsm.docs` writes them into a checkout; the tests fail when one of them is stale.
"""

from __future__ import annotations

import re
from pathlib import Path

import orderfsm
from orderfsm import catalogue
from orderfsm.diagrams import render

from .charts import chart_page
from .commands import command_page
from .errors import error_page

__all__ = ["pages", "picture", "stale", "write"]

PICTURE = "stat/order"
OPENS, CLOSES = "<!-- picture: made by `make docs` -->", "<!-- /picture -->"


def pages(readme: str) -> dict[str, str]:
    """Path from the root of the checkout -> text, for every generated page and for the README."""
    made = {page_name(name): chart_page(orderfsm.load(name)) for name in catalogue.names()}
    index = _index(tuple(catalogue.names()))
    return made | {
        "docs/reference/charts/index.md": index,
        "docs/reference/cli.md": command_page(),
        "docs/reference/errors.md": error_page(),
        "README.md": picture(readme),
    }


def page_name(name: str) -> str:
    """Where the page of a chart is."""
    return f"docs/reference/charts/{name.replace('/', '-')}.md"


def _index(names: tuple[str, ...]) -> str:
    charts = [orderfsm.load(name) for name in names]
    lines = [f"- [{chart.name}]({Path(page_name(chart.name)).name}): {chart.title}" for chart in charts]
    return "\n".join(["# Charts", "", "The charts that come with the package, one page each.", "", *lines, ""])


def picture(readme: str) -> str:
    """The README with its picture drawn anew. Raises ValueError when the place of the picture is not marked."""
    drawn = f"{OPENS}\n```mermaid\n{render(orderfsm.load(PICTURE), 'mermaid', detail='plain')}```\n{CLOSES}"
    text, count = re.subn(rf"{re.escape(OPENS)}.*?{re.escape(CLOSES)}", lambda _: drawn, readme, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"README.md has {count} pictures; mark one with {OPENS} and {CLOSES}")
    return text


def stale(root: Path) -> tuple[str, ...]:
    """The generated pages of a checkout that are missing, that are not what would be written, or that no chart has."""
    made = pages((root / "README.md").read_text(encoding="utf-8"))
    wrong = [name for name, text in made.items() if not _same(root / name, text)]
    there = (path.relative_to(root).as_posix() for path in sorted((root / "docs/reference/charts").glob("*.md")))
    return (*wrong, *(name for name in there if name not in made))


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def write(root: Path) -> tuple[str, ...]:
    """Write every page that is stale into the checkout, delete those that no chart has, and name them."""
    made = pages((root / "README.md").read_text(encoding="utf-8"))
    changed = stale(root)
    for name in changed:
        path = root / name
        if name in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[name], encoding="utf-8")
        else:
            path.unlink()
    return changed
