"""How a drawing is made, in one line of text, and the drawing that it makes."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from orderfsm.catalogue import SUFFIXES, load
from orderfsm.diagrams import DETAILS, FORMATS, SCALES, render
from orderfsm.diagrams.svg import THEMES
from orderfsm.printable import printable

if TYPE_CHECKING:
    from orderfsm.chart import Chart

__all__ = ["Recipe", "chart_of", "draw", "named"]

LONGEST = 1_000
"""How many characters a recipe may have."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a drawing is made: `CHART FORMAT key=value …`, where what is usual is left out.

    `chart` is a name of the catalogue, or the path of a YAML file from the folder of the file that holds the drawing;
    `at` a configuration. In the text, signs that could end a comment or a word are percent-encoded.
    """

    chart: str
    format: str = "mermaid"
    detail: str = "full"
    theme: str = "auto"
    at: str = ""
    profile: str = "full"
    scale: str = "2"

    def __str__(self) -> str:
        options = (f for f in fields(self)[2:] if getattr(self, f.name) != f.default)
        words = (f"{f.name}={_encoded(getattr(self, f.name))}" for f in options)
        return " ".join([_encoded(self.chart), self.format, *words])

    @classmethod
    def of(cls, text: str, *, format: str = "mermaid") -> Recipe:
        """The recipe that a text says. Raises ValueError for what is none."""
        if len(text) > LONGEST:
            raise ValueError(f"what is to be drawn is said in {len(text)} characters; {LONGEST} are the most")
        chart, *words = text.split() or [""]
        if words and "=" not in words[0]:
            format = words.pop(0)
        made = cls(unquote(chart), format, **_options(words))
        made._verify()
        return made

    def _verify(self) -> None:
        if not self.chart:
            raise ValueError("no chart is named; write for example stat/order mermaid")
        if "\0" in self.chart:
            raise ValueError(f"no file is called '{printable(self.chart)}'; take %00 out")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"there is no {name} '{printable(getattr(self, name))}'; choose one of {', '.join(known)}"
                )


CHOICES = {
    "format": (*FORMATS, "png"),
    "detail": DETAILS,
    "theme": THEMES,
    "profile": ("strict", "full"),
    "scale": tuple(map(str, SCALES)),
}


def _encoded(text: str) -> str:
    return quote(text, safe="/+:,@~").replace("--", "-%2D")


def _options(words: list[str]) -> dict[str, str]:
    known = [f.name for f in fields(Recipe)[2:]]
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if name not in known or not sign:
            raise ValueError(f"'{printable(word)}' says nothing; write {'=, '.join(known)}=")
        if name in found:
            raise ValueError(f"{name} is given twice; leave one out")
        found[name] = unquote(value)
    return found


def draw(recipe: Recipe, folder: Path, root: Path) -> str:
    """What the recipe makes of a chart, as text. Raises what `load` and `render` do."""
    chart = chart_of(recipe, folder, root)
    return render(chart, recipe.format, configuration=recipe.at or None, detail=recipe.detail, theme=recipe.theme)


def chart_of(recipe: Recipe, folder: Path, root: Path) -> Chart:
    """The chart of a recipe in a file of a folder.

    Raises ValueError for a path that is absolute or that leads out of the root, UnknownChart, DocumentError.
    """
    if not recipe.chart.endswith(SUFFIXES):
        return load(recipe.chart, profile=recipe.profile)
    base = Path(os.path.realpath(root))
    path = Path(os.path.realpath(folder / recipe.chart))
    if Path(recipe.chart).is_absolute() or not path.is_relative_to(base):
        raise ValueError(
            f"{printable(recipe.chart)} lies outside of {base}; name a chart inside, by a path from this "
            "file, or run the command from a folder that holds both"
        )
    return load(path, profile=recipe.profile)


def named(chart: str, file: Path) -> str:
    """What a recipe in a file calls a chart that the command line calls so: its name, or its path from the file."""
    if not chart.endswith(SUFFIXES):
        return chart
    return Path(os.path.relpath(os.path.realpath(chart), os.path.realpath(file.parent))).as_posix()
