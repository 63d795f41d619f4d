"""A Python-Markdown extension: a code block that opens with `orderfsm stat/order detail=plain` becomes the drawing.

MkDocs and Zensical load it by the name `orderfsm`. The words are those of a recipe, the drawing is SVG in the page. The
path of a YAML file starts at the root, the working directory unless the option `root` says otherwise, and stays below
it. Text in the block becomes the caption.
"""

from __future__ import annotations

import re
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

from .drawn import Recipe, draw
from .errors import OrderFsmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown import Markdown

__all__ = ["Charts", "drawing"]

FENCE = re.compile(r"(?P<indent> *)(?P<sign>`{3,}(?=[^`]*$)|~{3,})(?P<rest>.*)")
FORMATS = ("svg", "table")
BEFORE_FENCES = 28
"""Fenced code blocks are taken out of a page at 25, line ends are evened out at 30."""


class Charts(Extension):
    """The extension; `root` is the folder that paths of charts start at."""

    def __init__(self, **options: Any) -> None:
        self.config = {"root": [".", "The folder that paths of charts start at."]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name is Python-Markdown's
        """Take the fences out of each page before others see them."""
        md.preprocessors.register(_Fences(md, _folder(self.getConfig("root"))), "orderfsm", BEFORE_FENCES)


def drawing(words: str, *, root: str | PathLike[str], caption: str = "") -> str:
    """What stands on a page for a fence: a figure with the SVG, or the tables in Markdown.

    Raises ValueError and OrderFsmError for what cannot be drawn, TypeError for a root that is no path.
    """
    base = _folder(root)
    recipe = Recipe.of(words, format="svg")
    if recipe.format not in FORMATS:
        raise ValueError(
            f"a page shows {' or '.join(FORMATS)}, not {recipe.format}; for Mermaid, keep a region current"
        )
    made = draw(recipe, base, base)
    if recipe.format == "table":
        return made
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="orderfsm-chart">\n{made}{below}</figure>'


def _folder(root: object) -> Path:
    if not isinstance(root, str | PathLike):
        raise TypeError(f"the option root is {root!r}; give the path of the folder that paths of charts start at")
    return Path(root)


class _Fences(Preprocessor):
    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self.root = root

    def run(self, lines: list[str]) -> list[str]:
        return list(self._replaced(lines))

    def _replaced(self, lines: list[str]) -> Iterator[str]:
        place = 0
        while place < len(lines):
            found = FENCE.fullmatch(lines[place])
            end = _end(lines, place, found["sign"]) if found else None
            if found is None or end is None:
                end = place
                yield lines[place]
            elif found["rest"].split()[:1] == ["orderfsm"]:
                yield from self._drawn(found, lines[place + 1 : end], place)
            else:
                yield from lines[place : end + 1]
            place = end + 1

    def _drawn(self, found: re.Match[str], inside: list[str], place: int) -> Iterator[str]:
        words = found["rest"].split(maxsplit=1)[1:]
        try:
            made = drawing("".join(words), root=self.root, caption=" ".join(inside).strip())
        except (OrderFsmError, ValueError) as error:
            raise ValueError(f"line {place + 1} of the page: {found['rest'].strip()}: {error}") from error
        shown = self.md.htmlStash.store(made) if made.startswith("<figure") else made
        yield from ("", *(f"{found['indent']}{line}" for line in shown.split("\n")), "")


def _end(lines: list[str], begin: int, sign: str) -> int | None:
    """The line that closes a fence."""
    closes = re.compile(rf" *{sign[0]}{{{len(sign)},}} *")
    return next((place for place in range(begin + 1, len(lines)) if closes.fullmatch(lines[place])), None)
