"""The mark of a file that is one drawing: its recipe in a comment, which is the last line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .regions import region

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["mark_in", "signed", "verify_comment"]

COMMENTS = {
    "d2": ("# ", ""),
    "dot": ("// ", ""),
    "mermaid": ("%% ", ""),
    "plantuml": ("' ", ""),
    "svg": ("<!-- ", " -->"),
    "text": ("# ", ""),
}
"""Format -> what opens and closes a comment in it. A table is a page with one region."""

SAYS = " drawn by orderfsm: "


def signed(drawing: str, recipe: Recipe) -> str:
    """A drawing as a file of its own: with the mark."""
    if recipe.format not in COMMENTS:
        return region(drawing, recipe)
    before, behind = COMMENTS[recipe.format]
    text = drawing.rstrip("\n")
    return f"{text}\n{before.rstrip()}{SAYS}{recipe}{behind}\n"


def mark_in(text: str) -> str | None:
    """The recipe in the last line of a file that is one drawing; it may be no good."""
    last = text.rstrip().rpartition("\n")[2]
    sign, found, recipe = last.partition(SAYS)
    known = {before.strip(): behind for before, behind in COMMENTS.values()}
    return recipe.removesuffix(known[sign]).strip() if found and sign in known else None


def verify_comment(text: str, recipe: Recipe) -> None:
    """Raises ValueError when the last line is no comment of the recipe's format: then the rest is somebody's text."""
    sign = text.rstrip().rpartition("\n")[2].partition(SAYS)[0]
    before, behind = COMMENTS.get(recipe.format, ("", ""))
    if sign != before.strip():
        remedy = f"write {before}…{behind} around it" if before else "draw it into a page, or with --output"
        raise ValueError(f"{sign} opens no comment of {recipe.format}, so that this file is no drawing; {remedy}")
