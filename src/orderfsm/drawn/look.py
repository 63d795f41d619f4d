"""What a file holds: its drawings, whether they are current, and what the file would be with all of them mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orderfsm.errors import OrderFsmError

from . import pictures
from .marks import mark_in, signed, verify_comment
from .misses import misses
from .recipe import Recipe, draw
from .regions import END, Region, body, regions

__all__ = ["Held", "Look", "look"]


REFUSALS = (OrderFsmError, ValueError, OSError)
"""What a recipe may come to: no chart, no recipe, a name that the system does not take."""


@dataclass(frozen=True, slots=True)
class Held:
    """A drawing in a file: its recipe as it is written there, its line from 1, and what is wrong with it.

    A line that was meant to begin or to end one on a page, and does not, is told like a drawing with a problem.
    `problem` is empty when the drawing is current, `stale` when it is not what would be drawn now, else a sentence
    that says why nothing can be drawn.
    """

    recipe: str
    line: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The drawings of a file, and a function that gives its content with those mended that can be."""

    drawings: tuple[Held, ...]
    mended: Callable[[], bytes]


def look(path: Path, *, root: Path | None = None) -> Look:
    """What a file holds now. Charts are read from below the root, which is the working directory unless it is given.

    A file that is no text holds nothing, unless it is a PNG that was drawn here. Raises OSError.
    """
    content = path.read_bytes()
    base = Path.cwd() if root is None else root
    if pictures.is_png(content):
        return _picture(content, path, base)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return Look((), lambda: content)
    mark = mark_in(text)
    return _page(text, path, base) if mark is None else _file(text, mark, path, base)


def _picture(content: bytes, path: Path, root: Path) -> Look:
    """A PNG is current when what it was made of is what it would be made of: that needs no renderer."""
    made = pictures.mark_in(content)
    if made is None:
        return Look((), lambda: content)
    try:
        recipe = Recipe.of(made.recipe)
        source = pictures.source(recipe, path.parent, root)
    except REFUSALS as error:
        return Look((Held(made.recipe, 1, str(error)),), lambda: content)
    if pictures.digest(source) == made.digest:
        return Look((Held(made.recipe, 1),), lambda: content)
    return Look((Held(made.recipe, 1, "stale"),), lambda: pictures.picture(recipe, source))


def _file(text: str, mark: str, path: Path, root: Path) -> Look:
    line = text.rstrip().count("\n") + 1
    try:
        recipe = Recipe.of(mark)
        verify_comment(text, recipe)
        made = _ended_as(text, signed(draw(recipe, path.parent, root), recipe))
    except REFUSALS as error:
        return Look((Held(mark, line, str(error)),), text.encode)
    return Look((Held(mark, line, "" if made == text else "stale"),), made.encode)


def _ended_as(text: str, made: str) -> str:
    """A text with the line ends of another one."""
    return made.replace("\n", "\r\n") if "\r\n" in text else made


def _page(text: str, path: Path, root: Path) -> Look:
    lines = text.split("\n")
    known = regions(lines)
    found = [Held(miss.said, miss.place + 1, miss.remedy) for miss in misses(lines, known)]
    for each in reversed(known):
        held, new = _region(lines, each, path, root)
        found.append(held)
        if each.end is not None:
            lines[each.begin + 1 : each.end] = new
    return Look(tuple(sorted(found, key=lambda held: held.line)), lambda: "\n".join(lines).encode())


def _region(lines: list[str], each: Region, path: Path, root: Path) -> tuple[Held, list[str]]:
    """What a region holds, and what it should hold."""
    line = each.begin + 1
    if each.end is None:
        return Held(each.recipe, line, f"nothing ends this region; write {END} into a line of its own"), []
    old = lines[line : each.end]
    try:
        recipe = Recipe.of(each.recipe)
        if recipe.format == "png":
            raise ValueError("a PNG cannot stand in a page; draw it into a file, and show that")
        made = body(draw(recipe, path.parent, root), recipe.format)
    except REFUSALS as error:
        return Held(each.recipe, line, str(error)), old
    new = [f"{row}\r" for row in made] if lines[each.begin].endswith("\r") else made
    return Held(each.recipe, line, "" if new == old else "stale"), new
