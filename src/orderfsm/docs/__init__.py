"""Pages that are made, not written: charts, the command line, errors, the Python API; pictures; the schema.

`python -m orderfsm.docs` writes them into a checkout; the tests fail when one of them is stale.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orderfsm
from orderfsm import catalogue, schema
from orderfsm.diagrams import Dwell, Overlay, render

from .charts import chart_page, picture_name
from .commands import command_page
from .errors import error_page
from .navigation import CONFIGURATION, configured
from .python import python_pages

__all__ = ["pages", "pictures", "stale", "write"]

PICTURE, SHOWN = "cablelabs/order", "docs/pictures/readme.svg"
"""The chart whose picture the README shows, and where that is."""

COUNTED = "adobe/order"
EVIDENCE = Overlay(
    counts={"open": 41, "complete": 1_208, "failed": 17, "failed_customer_inactive": 3, "cancelled": 96},
    dwell={
        "open": Dwell(timedelta(minutes=12), timedelta(hours=30), 1_324),
        "complete": Dwell(timedelta(days=4), timedelta(days=11), 96),
    },
    refusals={("open", "fulfil", "not-permitted"): 5, ("complete", "return_lines", "guard-refused"): 22},
)
"""What the picture in "Draw what is known" shows: made up."""


def pages() -> dict[str, str]:
    """Path from the root of the checkout -> text, for everything that is generated."""
    made = {page_name(name): chart_page(orderfsm.load(name)) for name in catalogue.names()}
    index = _index(tuple(catalogue.names()))
    return made | {
        "docs/reference/charts/index.md": index,
        "docs/reference/cli.md": command_page(),
        "docs/reference/errors.md": error_page(),
        "statecharts/chart.schema.json": schema.dumps(),
        **python_pages(),
        **pictures(),
    }


def page_name(name: str) -> str:
    """Where the page of a chart is."""
    return f"docs/reference/charts/{name.replace('/', '-')}.md"


def _index(names: tuple[str, ...]) -> str:
    charts = [orderfsm.load(name) for name in names]
    lines = [f"- [{chart.name}]({Path(page_name(chart.name)).name}): {chart.title}" for chart in charts]
    return "\n".join(["# Charts", "", "The charts that come with the package, one page each.", "", *lines, ""])


def pictures() -> dict[str, str]:
    """Path from the root of the checkout -> drawing, for every chart, for the README and a guide."""
    charts = [orderfsm.load(name) for name in catalogue.names()]
    made = {f"docs/pictures/{picture_name(chart.name)}": render(chart, "svg") for chart in charts}
    known = render(orderfsm.load(COUNTED), "svg", overlay=EVIDENCE)
    return made | {SHOWN: render(orderfsm.load(PICTURE), "svg", detail="plain"), "docs/pictures/evidence.svg": known}


def _made(root: Path) -> dict[str, str]:
    """Everything that is generated, the navigation of the site last: it is read off the indexes."""
    made = pages()

    def read(page: str) -> str:
        name = f"docs/{page}"
        return made[name] if name in made else (root / name).read_text(encoding="utf-8")

    return {**made, CONFIGURATION: configured((root / CONFIGURATION).read_text(encoding="utf-8"), read)}


def stale(root: Path) -> tuple[str, ...]:
    """The generated pages of a checkout that are missing, that are not what would be written, or that no chart has."""
    made = _made(root)
    wrong = [name for name, text in made.items() if not _same(root / name, text)]
    folders = ("docs/reference/charts/*.md", "docs/reference/python/*.md", "docs/pictures/*.svg")
    there = (path.relative_to(root).as_posix() for folder in folders for path in sorted(root.glob(folder)))
    return (*wrong, *(name for name in there if name not in made))


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def write(root: Path) -> tuple[str, ...]:
    """Write every page that is stale into the checkout, delete those that no chart has, and name them."""
    made = _made(root)
    changed = stale(root)
    for name in changed:
        path = root / name
        if name in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[name], encoding="utf-8")
        else:
            path.unlink()
    return changed
