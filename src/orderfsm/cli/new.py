"""New charts: files to begin with, which explain the format."""

from __future__ import annotations

import re
from pathlib import Path

from orderfsm import catalogue, schema
from orderfsm.document.grammar.texts import CHART_NAME
from orderfsm.printable import printable

from .answer import Answer, Misused

__all__ = ["new"]

TEMPLATES = Path(__file__).parent / "templates"
SCHEMA = "chart.schema.json"
ITEM = "item"


def new(name: str, folder: str, template: str) -> Answer:
    """Write a chart of that name, and beside it what it needs: the chart of its items, the schema for editors.

    `template` is order, minimal or items. Nothing is written over. Raises Misused for what is no name, for a name that
    the catalogue has, and for files that are there.
    """
    files = _files(name, template)
    home = Path(folder)
    if not home.is_dir():
        raise Misused(f"there is no folder {folder}; make it first")
    there = [str(home / file) for file in files if (home / file).exists()]
    if there:
        raise Misused(f"{' and '.join(there)} would be written over; choose another name or --folder")
    if not (home / SCHEMA).exists():
        files[SCHEMA] = schema.dumps()
    for file, text in files.items():
        with (home / file).open("x", encoding="utf-8", newline="\n") as new_file:
            new_file.write(text)
    written = [str(home / file) for file in files]
    return Answer({"chart": name, "written": written}, [*written, f"look at it: orderfsm check {written[0]}"])


def _files(name: str, template: str) -> dict[str, str]:
    """File -> text, the chart first."""
    vocabulary, subject = _parts(name)
    if template != "items":
        return {f"{subject}.yaml": _filled(template, vocabulary, subject)}
    if subject == ITEM:
        raise Misused(
            f"{name} is what the chart of the items will be called; name the order's, such as {vocabulary}/order"
        )
    return {
        f"{subject}.yaml": _filled("order_of_items", vocabulary, subject),
        f"{ITEM}.yaml": _filled("item", vocabulary, subject),
    }


def _parts(name: str) -> tuple[str, str]:
    if not re.search(CHART_NAME.pattern, name):
        raise Misused(f"{printable(name)} is no name of a chart; write vocabulary/subject, such as shop/order")
    if name in catalogue.names():
        raise Misused(f"the catalogue has {name}, and a name means that one; choose another")
    vocabulary, _, subject = name.partition("/")
    return vocabulary, subject


def _filled(template: str, vocabulary: str, subject: str) -> str:
    text = (TEMPLATES / f"{template}.yaml").read_text(encoding="utf-8")
    return text.replace("shop/order", f"{vocabulary}/{subject}").replace("shop/item", f"{vocabulary}/{ITEM}")
